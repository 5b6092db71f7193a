// test_compute.c - what the compute thread says of a shard that cannot be computed.
#include "worker/daemon/compute.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

#include "tests/unit/engine/world.h"

#define WAIT_MS 20000
#define ITEMS 150

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define FAILS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAILS_ALLOCATIONS 0
#endif
#endif
#if !defined(FAILS_ALLOCATIONS)
#define FAILS_ALLOCATIONS 1
#endif

static const nj_engine_options *four_users(size_t bytes_max)
{
    static nj_engine_options options;
    options = nj_engine_options_default(NULL);
    options.batch_users = 4;
    options.bytes_max = bytes_max;
    return &options;
}

static atomic_bool memory_is_out;

#if FAILS_ALLOCATIONS
void *__libc_realloc(void *block, size_t size);

// Buffers grow by realloc.
void *realloc(void *block, size_t size)
{
    if (atomic_load(&memory_is_out)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(block, size);
}
#endif

static world_users users;

static void add_users(void)
{
    users.count = 0;
    for (uint32_t u = 0; u < 6; u++) {
        world_add_random(&users, u, ITEMS, 2 + u);
    }
}

static nj_compute_report await_report(nj_compute *compute)
{
    nj_compute_report report;
    struct pollfd wait = {.fd = nj_compute_fd(compute), .events = POLLIN};
    while (!nj_compute_take_report(compute, &report)) {
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    }
    return report;
}

static nj_compute_report set_up(nj_compute *compute, const nj_synthetic *world)
{
    nj_error err = {0};
    const nj_settings settings = world_settings(5, 5, &users);
    assert_ok(nj_compute_set_up(compute, 1, &world->sections, &settings, nj_kernels_at(0), &err),
              &err);
    return await_report(compute);
}

static nj_compute_report decode(nj_compute *compute, size_t first, size_t count)
{
    nj_error err = {0};
    nj_buffer bytes;
    nj_buffer_init(&bytes, NJ_SHARD_BYTES_MAX);
    assert_int_equal(nj_users_pack(users.requests + first, count, &bytes), NJ_OK);
    assert_ok(nj_compute_shard_take(compute, 2, 0, &bytes, &err), &err);
    assert_int_equal(bytes.size, 0);
    return await_report(compute);
}

// ---- tests ----

static void a_shard_comes_back_with_its_ticket_rows_and_digest(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_synthetic world;
    nj_compute *compute = NULL;
    const nj_synthetic_shape shape = world_shape(3, 6, ITEMS);
    add_users();
    world_make(&world, &shape);
    assert_ok(nj_compute_start(four_users(SIZE_MAX), &compute, &err), &err);
    nj_compute_report ready = set_up(compute, &world);
    assert_int_equal(ready.status, NJ_OK);
    assert_true(ready.planned_bytes > world.weights.size);

    nj_compute_report report = decode(compute, 0, users.count);

    assert_int_equal(report.status, NJ_OK);
    assert_int_equal(report.ticket, 2);
    assert_int_equal(report.row_count, users.count);
    const nj_digest digest = nj_digest_of(report.rows.bytes, report.rows.size);
    assert_true(nj_digest_equal(&report.digest, &digest));
    assert_int_equal(nj_compute_take_progress(compute), users.count);
    assert_int_equal(nj_compute_ticket(compute), 0);
    nj_buffer_fini(&report.rows);
    assert_true(nj_compute_stop(&compute, WAIT_MS));
    assert_null(compute);
    nj_synthetic_free(&world);
}

static void a_model_that_gives_nan_names_the_user(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_synthetic world;
    nj_compute *compute = NULL;
    size_t count;
    const nj_synthetic_shape shape = world_shape(3, 6, ITEMS);
    add_users();
    world_make(&world, &shape);
    float *norm = world_tensor(&world, "decoder.final_layer_norm.weight", &count);
    for (size_t i = 0; i < count; i++) {
        norm[i] = 1e38f;
    }
    assert_ok(nj_compute_start(four_users(SIZE_MAX), &compute, &err), &err);
    assert_int_equal(set_up(compute, &world).status, NJ_OK);

    for (size_t u = 0; u < users.count; u++) {
        nj_compute_report report = decode(compute, u, 1);
        char says[64];
        snprintf(says, sizeof says, "user \"u%zu\": the model gives NaN or infinity", u);
        assert_int_equal(report.status, NJ_FAILED);
        assert_string_equal(report.text, says);
        assert_null(report.rows.bytes);
    }

    assert_true(nj_compute_stop(&compute, WAIT_MS));
    nj_synthetic_free(&world);
}

static void a_plan_over_the_limit_is_refused_with_both_numbers(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_synthetic world;
    nj_compute *compute = NULL;
    const nj_synthetic_shape shape = world_shape(3, 6, ITEMS);
    add_users();
    world_make(&world, &shape);
    assert_ok(nj_compute_start(four_users(SIZE_MAX), &compute, &err), &err);
    const uint64_t planned = set_up(compute, &world).planned_bytes;
    assert_true(nj_compute_stop(&compute, WAIT_MS));

    for (uint64_t spare = 0; spare < 2; spare++) {
        const uint64_t limit = planned - 1 + spare;
        char needs[64];
        char allowed[64];
        snprintf(needs, sizeof needs, "the plan needs %zu bytes", (size_t)planned);
        snprintf(allowed, sizeof allowed, "at most %zu are allowed", (size_t)limit);
        assert_ok(nj_compute_start(four_users(limit), &compute, &err), &err);
        nj_compute_report report = set_up(compute, &world);
        assert_int_equal(report.status, spare == 0 ? NJ_CONFIG : NJ_OK);
        assert_true(spare == 1 || strstr(report.text, needs) != NULL);
        assert_true(spare == 1 || strstr(report.text, allowed) != NULL);
        assert_true(nj_compute_stop(&compute, WAIT_MS));
    }
    nj_synthetic_free(&world);
}

static void memory_that_is_out_fails_the_shard_and_not_the_worker(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_synthetic world;
    nj_compute *compute = NULL;
    const nj_synthetic_shape shape = world_shape(3, 6, ITEMS);
    if (!FAILS_ALLOCATIONS) {
        skip();
    }
    add_users();
    world_make(&world, &shape);
    nj_buffer bytes;
    nj_buffer_init(&bytes, NJ_SHARD_BYTES_MAX);
    assert_int_equal(nj_users_pack(users.requests, users.count, &bytes), NJ_OK);
    assert_ok(nj_compute_start(four_users(SIZE_MAX), &compute, &err), &err);
    assert_int_equal(set_up(compute, &world).status, NJ_OK);

    atomic_store(&memory_is_out, true);
    nj_status taken = nj_compute_shard_take(compute, 2, 0, &bytes, &err);
    nj_compute_report report = await_report(compute);
    atomic_store(&memory_is_out, false);

    assert_ok(taken, &err);
    assert_int_equal(report.status, NJ_NO_MEMORY);
    assert_non_null(strstr(report.text, "no memory"));
    nj_compute_report again = decode(compute, 0, users.count);
    assert_int_equal(again.status, NJ_OK);
    nj_buffer_fini(&again.rows);
    assert_true(nj_compute_stop(&compute, WAIT_MS));
    nj_synthetic_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_comes_back_with_its_ticket_rows_and_digest),
        cmocka_unit_test(a_model_that_gives_nan_names_the_user),
        cmocka_unit_test(a_plan_over_the_limit_is_refused_with_both_numbers),
        cmocka_unit_test(memory_that_is_out_fails_the_shard_and_not_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
