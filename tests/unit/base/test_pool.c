#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/pool.h"
#include "tests/support/nj_test.h"

#define TASKS 1000

typedef struct {
    atomic_uint runs[TASKS];
    atomic_uint of_thread[8];
} counts;

static void count(void *context, size_t task, size_t thread)
{
    counts *c = context;
    atomic_fetch_add(&c->runs[task], 1);
    atomic_fetch_add(&c->of_thread[thread], 1);
}

static void every_task_runs_once_on_any_number_of_threads(void **state)
{
    (void)state;
    nj_error err = {0};
    static const size_t threads[] = {1, 2, 8};
    counts *c = malloc(sizeof *c);
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        nj_pool *pool = NULL;
        assert_ok(nj_pool_new(threads[t], &pool, &err), &err);
        assert_int_equal(nj_pool_threads(pool), threads[t]);
        for (size_t tasks = 0; tasks <= TASKS; tasks = tasks * 3 + 1) {
            memset(c, 0, sizeof *c);
            nj_pool_run(pool, tasks, count, c);
            unsigned sum = 0;
            for (size_t i = 0; i < TASKS; i++) {
                assert_int_equal(c->runs[i], i < tasks ? 1 : 0);
            }
            for (size_t i = 0; i < threads[t]; i++) {
                sum += c->of_thread[i];
            }
            assert_int_equal(sum, tasks);
        }
        nj_pool_free(&pool);
        assert_null(pool);
    }
    free(c);
}

static void a_number_of_threads_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_pool *pool = NULL;
    assert_int_equal(nj_pool_new(0, &pool, &err), NJ_INPUT);
    assert_int_equal(nj_pool_new(NJ_POOL_THREADS_MAX + 1, &pool, &err), NJ_INPUT);
    assert_null(pool);
    nj_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_on_any_number_of_threads),
        cmocka_unit_test(a_number_of_threads_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
