// test_engine_memory.c - what the engine holds is what it planned, and decoding allocates nothing.
//
// This program brings its own malloc, so calls from inside the C library (qsort's) count too. Where a sanitizer has its own
// allocator the counting tests skip.
#include "tests/unit/engine/policy_world.h"

#include <malloc.h>

#include "tests/support/sandbox.h"
#include "worker/engine/engine_internal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#if !defined(COUNTS_ALLOCATIONS)
#if defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 1
#else
#define COUNTS_ALLOCATIONS 0
#endif
#endif

// What the engine's small objects may take beside the planned blocks: the engine itself, the tensor table, the popular list.
#define SMALL_OBJECTS_BYTES_MAX 65536

static size_t allocation_count;
static size_t
    held_bytes; // wraps below zero when more is freed than was taken; differences are what counts

#if COUNTS_ALLOCATIONS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static void *note(void *block)
{
    allocation_count++;
    held_bytes += malloc_usable_size(block);
    return block;
}

void *malloc(size_t size)
{
    return note(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return note(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    held_bytes -= malloc_usable_size(block);
    return note(__libc_realloc(block, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return note(__libc_memalign(alignment, size));
}

void *memalign(size_t alignment, size_t size)
{
    return note(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = note(__libc_memalign(alignment, size));
    return *out != NULL ? 0 : -1;
}

void free(void *block)
{
    held_bytes -= malloc_usable_size(block);
    __libc_free(block);
}
#endif

#define ROUNDS 20
#define ITEMS 500

// Long histories (qsort of the C library takes memory for more than 1 kB), widened users and cold ones.
static void add_heavy_users(world_users *users)
{
    users->count = 0;
    for (uint32_t u = 0; u < 20; u++) {
        if (u % 5 == 4) {
            world_add_nearly_all(users, u, ITEMS, u);
        } else {
            world_add_random(users, u, ITEMS, u % 7 == 3 ? 0 : 40 + 20 * u);
        }
    }
}

static nj_status ignore_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)index;
    (void)err;
    uint32_t *flags = context;
    *flags |= list->flags;
    return NJ_OK;
}

static void decoding_allocates_nothing_however_often(void **state)
{
    (void)state;
    if (!COUNTS_ALLOCATIONS) {
        skip_loudly(
            "allocations cannot be counted here: another C library, or a sanitizer's allocator");
    }
    nj_synthetic_shape shape = world_shape(4, 8, ITEMS);
    nj_synthetic world;
    static world_users users;
    nj_error err = {0};
    world_make(&world, &shape);
    add_heavy_users(&users);
    nj_settings settings = world_settings(6, 6, &users);
    settings.reserve = 5;
    settings.history = 50;
    for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
        if (strcmp(nj_kernels_at(k)->numeric_class, "exact") != 0) {
            continue; // OpenBLAS keeps buffers of its own
        }
        uint32_t flags = 0;
        nj_engine *engine = world_open(&world, &settings, 7, nj_kernels_at(k));
        size_t count = allocation_count;
        size_t held = held_bytes;
        for (size_t round = 0; round < ROUNDS; round++) {
            assert_ok(
                nj_engine_decode(engine, users.requests, users.count, ignore_list, &flags, &err),
                &err);
        }
        assert_int_equal(allocation_count - count, 0);
        assert_int_equal(held_bytes - held, 0);
        assert_int_equal(flags, NJ_ROW_COLD | NJ_ROW_WIDENED | NJ_ROW_TRUNCATED | NJ_ROW_SHORT);
        nj_engine_close(&engine);
    }
    nj_synthetic_free(&world);
}

static void an_open_engine_holds_what_it_planned_and_gives_it_all_back(void **state)
{
    (void)state;
    if (!COUNTS_ALLOCATIONS) {
        skip_loudly(
            "allocations cannot be counted here: another C library, or a sanitizer's allocator");
    }
    nj_synthetic_shape shape = world_shape(4, 8, ITEMS);
    nj_synthetic world;
    static world_users users;
    world_make(&world, &shape);
    add_heavy_users(&users);
    nj_settings settings = world_settings(20, 20, &users);
    settings.reserve = 5;
    for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
        size_t before = held_bytes;
        nj_engine *engine = world_open(&world, &settings, 64, nj_kernels_at(k));
        const nj_engine_plan *plan = nj_engine_plan_of(engine);
        size_t planned = plan->model_bytes + plan->scratch_bytes;
        size_t held = held_bytes - before;
        assert_true(planned > 16 * SMALL_OBJECTS_BYTES_MAX);
        assert_in_range(held, planned, planned + SMALL_OBJECTS_BYTES_MAX);
        nj_engine_close(&engine);
        assert_int_equal(held_bytes - before, 0);
    }
    nj_synthetic_free(&world);
}

// Short sequences, so that the decoder's scratch is larger than the encoder's, which lies in the same bytes: then the plan is
// exact. Where the encoder's is larger, the plan adds the beams to it although they come later.
static void the_planned_scratch_is_what_the_largest_batch_takes(void **state)
{
    (void)state;
    static const uint32_t BATCHES[] = {1, 2, 5, 16};
    static const uint32_t BEAMS[] = {1, 7, 40};
    nj_synthetic_shape shape = world_shape(3, 8, ITEMS);
    nj_synthetic world;
    static world_users users;
    nj_error err = {0};
    uint32_t flags = 0;
    world_make(&world, &shape);
    users.count = 0;
    for (uint32_t u = 0; u < 16; u++) {
        world_add_random(&users, u, ITEMS, 30);
    }
    for (size_t i = 0; i < 12; i++) {
        nj_settings settings = world_settings(BEAMS[i / 4], 1, &users);
        settings.keep_history = true;
        settings.exclusions_max = 0;
        settings.history = 1;
        nj_engine_options options = world_options(BATCHES[i % 4], world_kernels("auto"));
        options.savings = NJ_SAVINGS_ALL;
        nj_engine *engine = world_open_with(&world, &settings, &options);
        assert_ok(nj_engine_decode(engine, users.requests, 16, ignore_list, &flags, &err), &err);
        assert_int_equal(engine->scratch_arena.peak, engine->scratch_arena.capacity);
        assert_int_equal(engine->batch_arena.peak, engine->batch_arena.capacity);
        assert_int_equal(engine->same.arena.peak, engine->same.arena.capacity);
        assert_int_equal(engine->scratch_arena.capacity + engine->batch_arena.capacity +
                             engine->same.arena.capacity,
                         nj_engine_plan_of(engine)->scratch_bytes);
        nj_engine_close(&engine);
    }
    nj_synthetic_free(&world);
}

static void the_widest_search_of_one_user_fits_the_plan(void **state)
{
    (void)state;
    nj_synthetic_shape shape = world_shape(4, 8, ITEMS);
    nj_synthetic world;
    static world_users users;
    nj_error err = {0};
    uint32_t flags = 0;
    world_make(&world, &shape);
    users.count = 0;
    world_add_nearly_all(&users, 1, ITEMS, 2);
    nj_settings settings = world_settings(3, 3, &users);
    settings.history = 1;
    nj_engine *engine = world_open(&world, &settings, 1, world_kernels("auto"));
    const nj_engine_plan *plan = nj_engine_plan_of(engine);
    assert_true(plan->W_wide >= 384 && plan->W_wide % 3 == 0);
    assert_ok(nj_engine_decode(engine, users.requests, 1, ignore_list, &flags, &err), &err);
    assert_int_equal(flags, NJ_ROW_WIDENED | NJ_ROW_SHORT | NJ_ROW_TRUNCATED);
    // One user's result needs no place in the arena.
    assert_in_range(engine->scratch_arena.peak,
                    engine->scratch_arena.capacity - nj_arena_cost(sizeof(nj_beam_result)),
                    engine->scratch_arena.capacity);
    nj_engine_close(&engine);
    nj_synthetic_free(&world);
}

// ---- with a policy ----

static void add_policy_users(world_users *users)
{
    users->count = 0;
    for (uint32_t u = 0; u < 20; u++) {
        if (u % 5 == 4) {
            world_add_nearly_all(users, u, POLICY_ITEMS, u);
        } else {
            world_add_random(users, u, POLICY_ITEMS, u % 7 == 3 ? 0 : 5 + u);
        }
    }
}

static void a_policy_is_in_the_plan_and_decoding_under_it_allocates_nothing(void **state)
{
    (void)state;
    if (!COUNTS_ALLOCATIONS) {
        skip_loudly(
            "allocations cannot be counted here: another C library, or a sanitizer's allocator");
    }
    static policy_world w;
    static world_users users;
    nj_error err = {0};
    policy_world_make(&w);
    add_policy_users(&users);
    nj_settings settings = world_settings(12, 9, &users);
    settings.why = true;
    settings.reserve = 7;
    for (size_t p = 0; p < POLICY_ALL_COUNT; p++) {
        uint32_t flags = 0;
        policy_world_set(&w, POLICY_ALL[p]);
        const size_t before = held_bytes;
        nj_engine *engine = world_open(&w.world, &settings, 7, world_kernels("auto"));
        const size_t planned =
            nj_engine_plan_of(engine)->model_bytes + nj_engine_plan_of(engine)->scratch_bytes;
        assert_in_range(held_bytes - before, planned, planned + SMALL_OBJECTS_BYTES_MAX);
        const size_t count = allocation_count;
        const size_t held = held_bytes;
        for (size_t round = 0; round < 3; round++) {
            assert_ok(
                nj_engine_decode(engine, users.requests, users.count, ignore_list, &flags, &err),
                &err);
        }
        assert_int_equal(allocation_count - count, 0);
        assert_int_equal(held_bytes - held, 0);
        assert_true((flags & NJ_ROW_COLD_ITEMS) != 0 && (flags & NJ_ROW_PINNED) != 0);
        nj_engine_close(&engine);
        assert_int_equal(held_bytes - before, 0);
    }
    policy_world_free(&w);
}

// Stages that follow one another share scratch, and not every user needs all of it.
#define POLICY_PEAK_LEAST 4 / 5

static void the_planned_scratch_is_near_what_the_largest_batch_takes_under_a_policy(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    nj_error err = {0};
    uint32_t flags = 0;
    policy_world_make(&w);
    users.count = 0;
    for (uint32_t u = 0; u < 16; u++) {
        world_add_random(&users, u, POLICY_ITEMS, 12);
    }
    nj_settings settings = world_settings(12, 9, &users);
    settings.exclusions_max = 12;
    settings.why = true;
    settings.reserve = 7;
    for (size_t p = 0; p < POLICY_ALL_COUNT; p++) {
        policy_world_set(&w, POLICY_ALL[p]);
        nj_engine *engine = world_open(&w.world, &settings, 16, world_kernels("auto"));
        assert_ok(nj_engine_decode(engine, users.requests, 16, ignore_list, &flags, &err), &err);
        const size_t capacity = engine->batch_arena.capacity;
        assert_in_range(engine->batch_arena.peak, capacity * POLICY_PEAK_LEAST, capacity);
        nj_engine_close(&engine);
    }
    policy_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_allocates_nothing_however_often),
        cmocka_unit_test(an_open_engine_holds_what_it_planned_and_gives_it_all_back),
        cmocka_unit_test(the_planned_scratch_is_what_the_largest_batch_takes),
        cmocka_unit_test(the_widest_search_of_one_user_fits_the_plan),
        cmocka_unit_test(a_policy_is_in_the_plan_and_decoding_under_it_allocates_nothing),
        cmocka_unit_test(the_planned_scratch_is_near_what_the_largest_batch_takes_under_a_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
