#include "common/sid/parts.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#include "common/base/cpus.h"

typedef struct {
    void (*body)(void *context, uint32_t part);
    void *context;
    uint32_t part;
    pthread_t thread;
    bool started;
} task;

uint32_t nj_parts_default(void)
{
    nj_cpu_list cpus;
    nj_error err;
    if (nj_cpus_allowed(&cpus, &err) != NJ_OK || cpus.count == 0) {
        return 1;
    }
    return cpus.count < NJ_PARTS_MAX ? cpus.count : NJ_PARTS_MAX;
}

nj_part nj_part_of(uint32_t count, uint32_t part_count, uint32_t part)
{
    return (nj_part){(uint32_t)((uint64_t)count * part / part_count),
                     (uint32_t)((uint64_t)count * (part + 1) / part_count)};
}

static void *run_task(void *argument)
{
    task *t = argument;
    t->body(t->context, t->part);
    return NULL;
}

void nj_parts_run(uint32_t part_count, void (*body)(void *context, uint32_t part), void *context)
{
    assert(part_count >= 1 && part_count <= NJ_PARTS_MAX);
    task tasks[NJ_PARTS_MAX];
    for (uint32_t p = 1; p < part_count; p++) {
        tasks[p] = (task){.body = body, .context = context, .part = p};
        tasks[p].started = pthread_create(&tasks[p].thread, NULL, run_task, &tasks[p]) == 0;
    }
    body(context, 0);
    for (uint32_t p = 1; p < part_count; p++) {
        if (tasks[p].started) {
            pthread_join(tasks[p].thread, NULL);
        } else {
            body(context, p);
        }
    }
}
