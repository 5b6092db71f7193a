// test_transport.c - the least total cost, against every assignment of small problems and against a slower method on larger ones.
#include "common/catalogue/transport.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define ROWS_MAX 6
#define COLUMNS_MAX 5
#define PROBLEMS 400

typedef struct {
    double costs[ROWS_MAX * COLUMNS_MAX];
    uint32_t room[COLUMNS_MAX];
    size_t rows, columns;
} problem;

// Costs are small whole numbers, so that many are equal and sums are exact.
static problem make_problem(simrandom *random)
{
    problem p = {.rows = simrandom_between(random, 1, ROWS_MAX)};
    size_t room = 0;
    while (room < p.rows) {
        p.columns = simrandom_between(random, 1, COLUMNS_MAX);
        room = 0;
        for (size_t j = 0; j < p.columns; j++) {
            p.room[j] = (uint32_t)simrandom_below(random, 4);
            room += p.room[j];
        }
    }
    for (size_t i = 0; i < p.rows * p.columns; i++) {
        p.costs[i] = (double)simrandom_below(random, 10);
    }
    return p;
}

static double total_of(const problem *p, const uint32_t *column_of)
{
    uint32_t used[COLUMNS_MAX] = {0};
    double total = 0;
    for (size_t i = 0; i < p->rows; i++) {
        total += p->costs[i * p->columns + column_of[i]];
        if (++used[column_of[i]] > p->room[column_of[i]]) {
            return INFINITY;
        }
    }
    return total;
}

// Counts through all columns of all rows.
static double find_least(const problem *p)
{
    uint32_t column_of[ROWS_MAX] = {0};
    double least = INFINITY;
    for (size_t i = 0; i < p->rows;) {
        least = fmin(least, total_of(p, column_of));
        for (i = 0; i < p->rows && ++column_of[i] == p->columns; i++) {
            column_of[i] = 0;
        }
    }
    return least;
}

static void the_total_is_the_least_of_all_assignments(void **state)
{
    (void)state;
    nj_error err = {0};
    simrandom random = {1};
    for (size_t i = 0; i < PROBLEMS; i++) {
        problem p = make_problem(&random);
        uint32_t column_of[ROWS_MAX];
        assert_ok(nj_transport_solve(p.costs, p.rows, p.columns, p.room, column_of, &err), &err);
        assert_true(total_of(&p, column_of) == find_least(&p));
    }
}

// With costs (i - 2j)^2 and room 1, sorted rows in sorted columns are best: the i-th row has column i.
static void a_large_matching_has_the_known_answer(void **state)
{
    (void)state;
    enum { N = 300 };
    nj_error err = {0};
    double *costs = malloc(N * N * sizeof *costs);
    uint32_t room[N], column_of[N];
    for (size_t i = 0; i < N; i++) {
        room[i] = 1;
        for (size_t j = 0; j < N; j++) {
            const double difference = (double)i - 2.0 * (double)j;
            costs[i * N + j] = difference * difference;
        }
    }
    assert_ok(nj_transport_solve(costs, N, N, room, column_of, &err), &err);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(column_of[i], i);
    }
    free(costs);
}

static void too_little_room_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    uint32_t column_of[3];
    assert_refused(nj_transport_solve((double[6]){0}, 3, 2, (uint32_t[]){1, 1}, column_of, &err),
                   NJ_INPUT, &err, "3 rows to assign, the columns have room for 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_total_is_the_least_of_all_assignments),
        cmocka_unit_test(a_large_matching_has_the_known_answer),
        cmocka_unit_test(too_little_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
