#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "worker/train/samples.h"

#define L 2
static const uint16_t CODES[] = {0, 0, 0, 1, 1, 0, 1, 1, 2, 0, 2, 1}; // items 0 .. 5
static const uint32_t BASES[] = {10, 20};
static const nj_token_table TABLE = {CODES, BASES, L};

// One user a row, items by number; -1 ends it.
static const int HISTORIES[][7] = {
    {0, 1, 2, 3, 4, 5, -1}, {3, 2, -1}, {5, 4, 3, -1}, {1, 0, 2, 4, -1}};
#define USERS (sizeof HISTORIES / sizeof HISTORIES[0])

typedef struct {
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    nj_user_table users;
} bench;

static void open_bench(bench *b)
{
    static const char *const NAMES[] = {"a", "b", "c", "d", "e", "f"};
    nj_error err = {0};
    nj_user_table_init(&b->users);
    nj_idlist_builder_init(&b->ids);
    nj_idmap_init(&b->map);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(nj_idlist_builder_add(&b->ids, (nj_slice){NAMES[i], 1}), NJ_OK);
    }
    nj_buffer_init(&b->block, 1 << 20);
    assert_int_equal(nj_idlist_builder_write(&b->ids, &b->block), NJ_OK);
    assert_ok(nj_idlist_open(b->block.bytes, b->block.size, "items", &b->items, &err), &err);
    assert_ok(nj_idmap_build(&b->map, &b->items, "items", &err), &err);
    for (size_t u = 0; u < USERS; u++) {
        nj_slice items[7];
        nj_history history = {.user = {NAMES[u], 1}, .items = items};
        for (; HISTORIES[u][history.item_count] >= 0; history.item_count++) {
            items[history.item_count] = (nj_slice){NAMES[HISTORIES[u][history.item_count]], 1};
        }
        assert_ok(nj_user_table_add(&b->users, &b->items, &b->map, NULL, &history, &err), &err);
    }
}

static void close_bench(bench *b)
{
    nj_user_table_fini(&b->users);
    nj_idmap_fini(&b->map);
    nj_idlist_builder_fini(&b->ids);
    nj_buffer_fini(&b->block);
}

static void every_prefix_is_a_sample_and_held_out_items_are_in_none(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b = {0};
    nj_template template = {.after = {1}, .after_count = 1};
    nj_train_samples samples = {0};
    uint32_t tokens[100], offset[10], labels[20];
    open_bench(&b);
    assert_ok(nj_train_samples_init(&b.users, &template, &TABLE, 2, 2, &samples, &err), &err);
    // Of six items four may be learned from: three samples; of two and three items none; of four one.
    assert_int_equal(samples.count, 4);
    assert_int_equal(nj_train_samples_tokens_max(&samples), 5);
    nj_train_batch batch =
        nj_train_samples_fill(&samples, (const uint32_t[]){2, 3, 0}, 3, tokens, offset, labels);
    assert_int_equal(batch.B, 3);
    // User 0: items 1, 2 of the three before item 3; user 3: item 1 before item 0; user 0: item 0 before item 1.
    static const uint32_t TOKENS[] = {10, 21, 11, 20, 1, 10, 21, 1, 10, 20, 1};
    static const uint32_t OFFSETS[] = {0, 5, 8, 11};
    static const uint32_t LABELS[] = {11, 21, 10, 20, 10, 21};
    assert_memory_equal(offset, OFFSETS, sizeof OFFSETS);
    assert_memory_equal(tokens, TOKENS, sizeof TOKENS);
    assert_memory_equal(labels, LABELS, sizeof LABELS);
    nj_train_samples_fini(&samples);
    close_bench(&b);
}

static void histories_that_are_too_short_are_refused_with_the_rule(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b = {0};
    nj_template template = {0};
    nj_train_samples samples = {0};
    open_bench(&b);
    assert_int_equal(nj_train_samples_init(&b.users, &template, &TABLE, 2, 5, &samples, &err),
                     NJ_INPUT);
    assert_non_null(strstr(err.text, "none of 4 users has the 7 known items"));
    close_bench(&b);
}

static void an_order_is_a_permutation_that_seed_and_epoch_decide(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static uint32_t order[COUNT], again[COUNT], other[COUNT];
    static bool seen[COUNT];
    size_t at_home = 0;
    nj_train_samples_order(COUNT, 7, 3, order);
    nj_train_samples_order(COUNT, 7, 3, again);
    nj_train_samples_order(COUNT, 7, 4, other);
    assert_memory_equal(order, again, sizeof order);
    assert_memory_not_equal(order, other, sizeof order);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = true;
        at_home += order[i] == i;
    }
    assert_true(at_home < 10); // one is expected
    nj_train_samples_order(1, 7, 3, order);
    assert_int_equal(order[0], 0);
}

// Of three, each of the six orders comes about as often.
static void every_order_is_as_likely(void **state)
{
    (void)state;
    enum { DRAWS = 6000 };
    uint32_t order[3];
    size_t counts[9] = {0};
    for (uint64_t epoch = 0; epoch < DRAWS; epoch++) {
        nj_train_samples_order(3, 1, epoch, order);
        counts[order[0] * 3 + order[1]]++;
    }
    for (size_t i = 0; i < 9; i++) {
        assert_true(i % 4 == 0 ? counts[i] == 0 : counts[i] > 850 && counts[i] < 1150);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_is_a_sample_and_held_out_items_are_in_none),
        cmocka_unit_test(histories_that_are_too_short_are_refused_with_the_rule),
        cmocka_unit_test(an_order_is_a_permutation_that_seed_and_epoch_decide),
        cmocka_unit_test(every_order_is_as_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
