#include "tests/sim/nights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/nj_test.h"

static sim_world world; // large

uint64_t nights_number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static const char *mode_word(sim_mode mode)
{
    return mode == SIM_SAFETY ? "safety" : "liveness";
}

static const char *program_path(void)
{
    static char path[512];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    return path;
}

static void add_counts(sim_counts *sum, const sim_counts *counts)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)counts;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++) {
        to[i] += from[i];
    }
}

void nights_run_seed(uint64_t seed, sim_mode mode, bool talk, sim_counts *sum, uint64_t *trace)
{
    sim_setup setup = sim_draw_setup(seed, mode);
    setup.talk = talk;
    if (!sim_run(&world, &setup)) {
        print_error("%s\nto see it again:\n    NIGHTJAR_SIM_SEED=%" PRIu64
                    " NIGHTJAR_SIM_MODE=%s %s\n",
                    world.report, seed, mode_word(mode), program_path());
        sim_close(&world);
        fail_msg("%s", "an invariant broke");
    }
    add_counts(sum, &world.counts);
    *trace = world.trace;
    if (talk) {
        print_message("trace %016" PRIx64 "\n", world.trace);
    }
    sim_close(&world);
}

void nights_run(uint64_t first, uint64_t count, sim_mode mode)
{
    sim_counts sum = {0};
    uint64_t trace = 0;
    uint64_t traces = 0;
    clock_t begin = clock();
    for (uint64_t seed = first; seed < first + count; seed++) {
        nights_run_seed(seed, mode, false, &sum, &trace);
        traces ^= trace;
    }
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    print_message("nights %" PRIu64 " mode %s seeds %" PRIu64 "..%" PRIu64 " trace %016" PRIx64
                  ": %.0f nights/s; leases %" PRIu64 " failures %" PRIu64 " losses %" PRIu64
                  " splits %" PRIu64 " speculations %" PRIu64 " benches %" PRIu64
                  " quarantined %" PRIu64 " alarms %" PRIu64 " coordinators restarted %" PRIu64
                  " workers started %" PRIu64 " messages %" PRIu64 " damaged %" PRIu64 "\n",
                  count, mode_word(mode), first, first + count - 1, traces,
                  (double)count / (seconds > 0 ? seconds : 1), sum.leases, sum.failures, sum.losses,
                  sum.splits, sum.speculations, sum.benches, sum.quarantined, sum.alarms,
                  sum.restarts, sum.births, sum.messages, sum.damaged);
}
