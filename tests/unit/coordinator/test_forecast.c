// test_forecast.c - the arithmetic of `nightjar plan`: what more users, workers and bytes do to a night, and how many workers a
// deadline takes.
#include "coordinator/forecast.h"

#include <math.h>

#include "tests/support/nj_test.h"

// Sums of terms that are exact in decimal and not in binary.
#define CLOSE 1e-9
#define assert_close(a, b) assert_true(fabs((a) - (b)) <= CLOSE)

// A million users, 4 ms a search alone and 5 ms beside 9 others.
static nj_forecast make_night(void)
{
    return (nj_forecast){.users = 1000000,
                         .searches = 1000000,
                         .shards = 15881,
                         .shard_users_least = 16,
                         .audit_users = 32,
                         .search_s_alone = 0.004,
                         .search_s_together = 0.005,
                         .search_core_s = 0.0045,
                         .workers_together = 10,
                         .start_s = 2,
                         .engine_s = 0.1,
                         .row_bytes = 250,
                         .resident_bytes = 300000000,
                         .own_bytes = 200000000,
                         .worker_bytes = 90000000,
                         .workers = 10,
                         .nodes = 1,
                         .node_cpus = 16,
                         .local = true,
                         .price = NAN};
}

static void a_night_is_the_sum_of_its_phases(void **state)
{
    (void)state;
    const nj_forecast night = make_night();

    const nj_night_numbers n = nj_forecast_make(&night);

    assert_close(n.total_s, n.start_s + n.decode_s + n.audit_s + n.pack_s);
    assert_close(n.start_s, 2);
    assert_true(n.decode_s > 500 && n.decode_s < 502); // a million searches of 5 ms on 10 cores
    assert_close(n.users_per_second, 1000000 / n.decode_s);
    assert_true(n.worker_core_s > 4500 && n.worker_core_s < 4510);
    assert_true(n.store_bytes >= 250e6 && n.store_bytes < 250.1e6);
    assert_true(n.staging_bytes > n.store_bytes);
    assert_true(n.coordinator_bytes > n.coordinator_own_bytes);
    assert_true(isnan(n.cost_total));
}

static void workers_that_run_beside_each_other_are_between_what_was_measured(void **state)
{
    (void)state;
    nj_forecast night = make_night();

    night.workers = 1;
    const double alone_s = nj_forecast_make(&night).decode_s;
    night.workers = 5; // 4 of the 9 steps from 4 ms to 5 ms
    const double five_s = nj_forecast_make(&night).decode_s;
    night.workers = 16; // none is measured beyond ten
    const double sixteen_s = nj_forecast_make(&night).decode_s;

    assert_true(fabs(alone_s - 4004.2) < 0.1);
    assert_true(fabs(five_s / (1000000 * (0.004 + 0.001 * 4 / 9) / 5) - 1) < 0.002);
    assert_true(sixteen_s > 5000.0 / 16 && sixteen_s < 5000.0 / 16 + 3);
}

static void users_who_are_copied_or_share_a_list_cost_next_to_nothing(void **state)
{
    (void)state;
    nj_forecast night = make_night();
    const double all_s = nj_forecast_make(&night).decode_s;

    night.searches = 100000;
    const double shared_s = nj_forecast_make(&night).decode_s;
    night.searches = 0;
    night.shards = 0;
    night.copied = night.users;
    const nj_night_numbers copied = nj_forecast_make(&night);

    assert_true(shared_s > all_s / 10 && shared_s < all_s / 9);
    assert_close(copied.decode_s, 0);
    assert_close(copied.audit_s, 0);
    assert_close(copied.store_bytes, nj_forecast_make(&night).store_bytes);
    assert_true(copied.store_bytes > 250e6); // their rows are written all the same
}

static void the_coordinator_bounds_what_any_number_of_workers_can_do(void **state)
{
    (void)state;
    nj_forecast night = make_night();
    night.local = false;
    night.nodes = 1000;

    const nj_night_numbers n = nj_forecast_make(&night);

    assert_true(n.decode_s > 18); // 18 us of the coordinator's core a user
    assert_true(n.decode_s < 19);
}

static void a_deadline_takes_the_least_number_of_workers(void **state)
{
    (void)state;
    nj_forecast night = make_night();
    const double wanted_s = 300;

    assert_true(nj_forecast_workers(&night, wanted_s, 16));

    const uint32_t all = night.workers * night.nodes;
    assert_true(nj_forecast_make(&night).total_s <= wanted_s);
    assert_int_equal(night.nodes, 2); // 17 cores, which one node of 16 does not have
    assert_int_equal(all, 18);
    night.workers = 8;
    assert_true(nj_forecast_make(&night).total_s > wanted_s);
}

static void one_worker_less_misses_the_deadline(void **state)
{
    (void)state;
    for (double wanted_s = 50; wanted_s < 4000; wanted_s *= 1.3) {
        nj_forecast night = make_night();
        night.local = false;

        assert_true(nj_forecast_workers(&night, wanted_s, 1)); // a node for each

        assert_int_equal(night.workers, 1);
        assert_true(nj_forecast_make(&night).total_s <= wanted_s);
        night.nodes--;
        assert_true(nj_forecast_make(&night).total_s > wanted_s);
    }
}

static void a_deadline_that_no_number_of_workers_meets_is_told(void **state)
{
    (void)state;
    nj_forecast night = make_night();
    const nj_forecast before = night;

    assert_false(nj_forecast_workers(&night, 10, 16));

    assert_int_equal(night.workers, before.workers);
    assert_int_equal(night.nodes, before.nodes);
}

static void the_price_is_of_all_cores_while_they_are_held(void **state)
{
    (void)state;
    nj_forecast night = make_night();
    night.price = 0.05;

    const nj_night_numbers n = nj_forecast_make(&night);

    const double held_s = 10 * (n.decode_s + n.audit_s) + n.start_s + n.pack_s;
    assert_close(n.cost_total, 0.05 * held_s / 3600);
    assert_close(n.cost_million_users, n.cost_total);
}

// A page has 4096 - 16 bytes; a node of a 9-byte key and a 200-byte value takes 8 + 209, made even, and 2: 220.
static void pages_are_filled_as_lmdb_fills_them(void **state)
{
    (void)state;
    nj_forecast_pages pages = {0};
    for (int i = 0; i < 18 * 100; i++) { // 18 nodes of 220 bytes are a page
        nj_forecast_pages_add(&pages, 9, 200);
    }
    assert_int_equal(pages.leaves, 100);

    nj_forecast_pages large = {0};
    for (int i = 0; i < 1000; i++) {
        nj_forecast_pages_add(&large, 9, 5000); // two pages of its own
    }
    assert_int_equal(large.overflow_pages, 2000);
    assert_true(nj_forecast_pages_row(&large) > 8192);
    assert_close(nj_forecast_pages_row(&(nj_forecast_pages){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_night_is_the_sum_of_its_phases),
        cmocka_unit_test(workers_that_run_beside_each_other_are_between_what_was_measured),
        cmocka_unit_test(users_who_are_copied_or_share_a_list_cost_next_to_nothing),
        cmocka_unit_test(the_coordinator_bounds_what_any_number_of_workers_can_do),
        cmocka_unit_test(a_deadline_takes_the_least_number_of_workers),
        cmocka_unit_test(one_worker_less_misses_the_deadline),
        cmocka_unit_test(a_deadline_that_no_number_of_workers_meets_is_told),
        cmocka_unit_test(the_price_is_of_all_cores_while_they_are_held),
        cmocka_unit_test(pages_are_filled_as_lmdb_fills_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
