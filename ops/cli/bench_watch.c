#include "ops/cli/bench_watch.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/math/peak.h"

#define STAT_LINE_BYTES 8192 // the line "intr" is longer, and comes after those of the processors
#define TICKS_MIN 10         // fewer say nothing

// ---- what the kernel counts ----

static void add_ticks(nj_bench_ticks *sum, const nj_bench_ticks *now, const nj_bench_ticks *then)
{
    sum->busy += now->busy - then->busy;
    sum->steal += now->steal - then->steal;
    sum->all += now->all - then->all;
}

static bool is_listed(const nj_cpu_list *list, unsigned cpu)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->cpus[i] == cpu) {
            return true;
        }
    }
    return false;
}

// Of the processor and of the others of its core; all zero where the kernel does not say.
static void read_ticks(int cpu, nj_bench_ticks *here, nj_bench_ticks *sibling)
{
    static const nj_bench_ticks NOTHING = {0};
    char line[STAT_LINE_BYTES];
    nj_cpu_list siblings;
    *here = NOTHING;
    *sibling = NOTHING;
    FILE *file = cpu >= 0 ? fopen("/proc/stat", "re") : NULL;
    if (file == NULL) {
        return;
    }
    nj_cpu_siblings(NJ_CPUS_SYSTEM, (uint32_t)cpu, &siblings);
    while (fgets(line, sizeof line, file) != NULL && strncmp(line, "cpu", 3) == 0) {
        unsigned number = 0;
        uint64_t user, nice, system, idle, wait, irq, soft, steal;
        if (sscanf(line,
                   "cpu%u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                   " %" SCNu64 " %" SCNu64,
                   &number, &user, &nice, &system, &idle, &wait, &irq, &soft, &steal) != 9 ||
            !is_listed(&siblings, number)) {
            continue;
        }
        const uint64_t busy = user + nice + system + irq + soft + steal;
        const nj_bench_ticks ticks = {busy, steal, busy + idle + wait};
        add_ticks(number == (unsigned)cpu ? here : sibling, &ticks, &NOTHING);
    }
    fclose(file);
}

// ---- rounds ----

static double best_probe; // of this process: a neighbour who stays from row to row shows against it

static void probe(nj_bench_watch *watch)
{
    double peak = nj_kernels_peak_gflops(watch->probe_seconds);
    bool is_first = watch->probes_least == 0.0;
    best_probe = peak > best_probe ? peak : best_probe;
    watch->peak_gflops = peak;
    watch->probes_least = is_first || peak < watch->probes_least ? peak : watch->probes_least;
    watch->probes_most = best_probe;
}

void nj_bench_watch_begin(nj_bench_watch *watch, bool computes, double probe_seconds)
{
    *watch = (nj_bench_watch){.computes = computes, .probe_seconds = probe_seconds};
    if (best_probe == 0.0) {
        nj_kernels_peak_gflops(
            NJ_BENCH_PROBE_SECONDS); // wide instructions change the clock at first
    }
    probe(watch);
}

void nj_bench_round_begin(nj_bench_watch *watch)
{
    watch->cpu = sched_getcpu();
    read_ticks(watch->cpu, &watch->begun_here, &watch->begun_sibling);
    watch->begun_core_ns = nj_clock_process_ns();
    watch->begun_ns = nj_clock_mono_ns();
}

void nj_bench_round_end(nj_bench_watch *watch, nj_bench_round *out)
{
    nj_bench_ticks here;
    nj_bench_ticks sibling;
    const double before = watch->peak_gflops;
    out->seconds = (double)(nj_clock_mono_ns() - watch->begun_ns) / 1e9;
    out->core_seconds = (double)(nj_clock_process_ns() - watch->begun_core_ns) / 1e9;
    read_ticks(watch->cpu, &here, &sibling);
    if (sched_getcpu() == watch->cpu) { // else the other processor's load may have been our own
        add_ticks(&watch->here, &here, &watch->begun_here);
        add_ticks(&watch->sibling, &sibling, &watch->begun_sibling);
    }
    watch->seconds += out->seconds;
    watch->core_seconds += out->core_seconds;
    probe(watch);
    out->peak_gflops = (before + watch->peak_gflops) / 2;
}

// ---- the verdict ----

static double differ(const nj_bench_watch *watch)
{
    return 1.0 - watch->probes_least / watch->probes_most;
}

// -1: the kernel does not say.
static double share_of(uint64_t part, uint64_t all)
{
    return all < TICKS_MIN ? -1.0 : (double)part / (double)all;
}

static double find_waited(const nj_bench_watch *watch)
{
    double waited = watch->seconds > 0.0 ? 1.0 - watch->core_seconds / watch->seconds : 0.0;
    return !watch->computes ? -1.0 : waited > 0.0 ? waited : 0.0;
}

static double find_sibling_busy(const nj_bench_watch *watch)
{
    return watch->computes ? share_of(watch->sibling.busy, watch->sibling.all) : -1.0;
}

bool nj_bench_watch_judge(const nj_bench_watch *watch, char why[NJ_BENCH_WHY_BYTES])
{
    const struct {
        double share, most;
        const char *text;
    } SIGNS[] = {
        {differ(watch), NJ_BENCH_PROBES_DIFFER_MAX, "the FMA probes of the run differ by"},
        {find_sibling_busy(watch), NJ_BENCH_SIBLING_BUSY_MAX,
         "the core's other hyperthread was busy for"},
        {find_waited(watch), NJ_BENCH_WAITED_MAX, "others had this core for"},
        {share_of(watch->here.steal, watch->here.all), NJ_BENCH_STEAL_MAX,
         "the host took this core for"},
    };
    size_t used = 0;
    why[0] = '\0';
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++) {
        if (SIGNS[i].share > SIGNS[i].most) {
            used += (size_t)snprintf(why + used, NJ_BENCH_WHY_BYTES - used, "%s%s %.0f %%",
                                     used > 0 ? ", " : "", SIGNS[i].text, 100 * SIGNS[i].share);
        }
    }
    return used > 0;
}

static json_t *share_json(double share)
{
    return share < 0.0 ? json_null() : json_real(share);
}

void nj_bench_watch_tell(const nj_bench_watch *watch, json_t *row)
{
    char why[NJ_BENCH_WHY_BYTES];
    bool is_noisy = nj_bench_watch_judge(watch, why);
    json_object_set_new(row, "noisy", json_boolean(is_noisy));
    json_object_set_new(row, "why", is_noisy ? json_string(why) : json_null());
    json_object_set_new(row, "probes_least", json_real(watch->probes_least));
    json_object_set_new(row, "probes_most", json_real(watch->probes_most));
    json_object_set_new(row, "waited", share_json(find_waited(watch)));
    json_object_set_new(row, "sibling_busy", share_json(find_sibling_busy(watch)));
    json_object_set_new(row, "steal", share_json(share_of(watch->here.steal, watch->here.all)));
}

// ---- numbers ----

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double nj_bench_median(double *numbers, size_t count)
{
    qsort(numbers, count, sizeof numbers[0], compare_doubles);
    return numbers[count / 2];
}

double nj_bench_spread(double *numbers, size_t count)
{
    double median = nj_bench_median(numbers, count);
    double width = numbers[count - 1 - count / 4] - numbers[count / 4];
    return median > 0.0 ? width / median : 0.0;
}
