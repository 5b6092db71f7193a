// read_histories.c - how fast histories are read: `read_histories FILE FORMAT` prints users, items, CPU
// seconds, which a busy machine distorts less than those of a clock, and items a second; best of RUNS. What is measured is the reading alone: nothing is resolved or kept.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "common/input/histories.h"

#define RUNS 3

typedef struct {
    uint64_t users;
    uint64_t items;
} counts;

static nj_status count(void *context, const nj_history *history, nj_error *err)
{
    counts *c = context;
    (void)err;
    c->users++;
    c->items += history->item_count;
    return NJ_OK;
}

static double read_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    nj_error err;
    nj_histories_source source = {.path = argc > 2 ? argv[1] : ""};
    if (argc != 3 || nj_histories_format_named(argv[2], &source.format, &err) != NJ_OK) {
        fprintf(stderr, "usage: %s FILE sequence|jsonl|csv|inter|parquet\n", argv[0]);
        return EXIT_FAILURE;
    }
    double best_s = 1e9;
    counts c = {0};
    for (int run = 0; run < RUNS; run++) {
        const double begin_s = read_cpu_s();
        c = (counts){0};
        if (nj_histories_read(&source, count, &c, &err) != NJ_OK) {
            fprintf(stderr, "%s\n", err.text);
            return EXIT_FAILURE;
        }
        const double took_s = read_cpu_s() - begin_s;
        best_s = took_s < best_s ? took_s : best_s;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s %s: %" PRIu64 " users, %" PRIu64 " items, %.3f CPU s, %.2f M items/s, peak %ld MB\n",
           argv[1], argv[2], c.users, c.items, best_s, (double)c.items * 1e-6 / best_s,
           usage.ru_maxrss / 1024);
    return EXIT_SUCCESS;
}
