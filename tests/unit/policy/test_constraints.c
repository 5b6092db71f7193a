// test_constraints.c - what a list may take, against counts of the whole list.
#include "tests/unit/policy/shop.h"
#include "worker/policy/constraints.h"

enum { TOP = 15, ROUNDS = 60, OFFERS = 400 };

typedef struct {
    uint32_t rows[TOP];
    uint32_t count;
} plain_list;

static bool stays_legal(const shop *s, const plain_list *list, uint32_t row)
{
    if (list->count == TOP) {
        return false;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->rows[i] == row) {
            return false;
        }
    }
    plain_list more = *list;
    more.rows[more.count++] = row;
    return shop_keeps_caps(s, more.rows, more.count);
}

static void draw_caps(shop *s, uint64_t *state)
{
    s->policy.cap_count = 1 + shop_draw(state, 4);
    for (uint32_t c = 0; c < s->policy.cap_count; c++) {
        nj_policy_cap *cap = &s->policy.caps[c];
        const bool prefix = shop_draw(state, 2) == 0;
        *cap = (nj_policy_cap){
            .attribute = prefix ? NJ_POLICY_NONE : SHOP_COLUMN_CATEGORY,
            .value = shop_draw(state, 2) == 0 ? NJ_POLICY_NONE : shop_draw(state, SHOP_CATEGORIES),
            .levels = 1 + shop_draw(state, SHOP_LEVELS),
            .most = shop_draw(state, 4)};
        cap->most += prefix && cap->levels > 1;
    }
}

static nj_constraint_rules rules_of(const shop *s)
{
    return (nj_constraint_rules){&s->policy, &s->attributes, &s->catalogue.sids, TOP, 0};
}

static void a_list_takes_what_keeps_every_cap_and_nothing_else(void **state)
{
    (void)state;
    nj_error err = {0};
    uint64_t random = 3;
    shop *s = shop_open(11, TOP);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        draw_caps(s, &random);
        const nj_constraint_rules rules = rules_of(s);
        nj_arena arena;
        nj_constraints constraints;
        plain_list plain = {0};
        assert_ok(nj_arena_init(&arena, nj_constraints_bytes(&rules), &err), &err);
        nj_constraints_begin(&rules, &arena, &constraints);
        for (uint32_t i = 0; i < OFFERS; i++) {
            const uint32_t row = shop_draw(&random, SHOP_ROWS);
            const bool legal = stays_legal(s, &plain, row);
            assert_int_equal(nj_constraints_allow(&constraints, row), legal);
            if (legal && shop_draw(&random, 2) == 0) {
                nj_constraints_take(&constraints, row);
                plain.rows[plain.count++] = row;
            }
        }
        assert_int_equal(nj_constraints_open_places(&constraints), TOP - plain.count);
        nj_arena_fini(&arena);
    }
    shop_close(&s);
}

static void a_reserved_row_counts_at_once_and_is_taken_once(void **state)
{
    (void)state;
    nj_error err = {0};
    shop *s = shop_open(12, TOP);
    s->policy.cap_count = 1;
    s->policy.caps[0] =
        (nj_policy_cap){.attribute = SHOP_COLUMN_CATEGORY, .value = NJ_POLICY_NONE, .most = 1};
    s->categories[7] = s->categories[8] = 2;
    const nj_constraint_rules rules = rules_of(s);
    nj_arena arena;
    nj_constraints constraints;
    assert_ok(nj_arena_init(&arena, nj_constraints_bytes(&rules), &err), &err);
    nj_constraints_begin(&rules, &arena, &constraints);

    assert_true(nj_constraints_reserve(&constraints, 7));
    assert_false(nj_constraints_reserve(&constraints, 7));
    assert_false(nj_constraints_allow(&constraints, 8));
    assert_false(nj_constraints_reserve(&constraints, 8));
    assert_int_equal(nj_constraints_open_places(&constraints), TOP - 1);
    assert_true(nj_constraints_allow(&constraints, 7));
    nj_constraints_take(&constraints, 7);
    assert_false(nj_constraints_allow(&constraints, 7));
    assert_int_equal(nj_constraints_open_places(&constraints), TOP - 1);

    nj_constraints_clear(&constraints);
    assert_true(nj_constraints_allow(&constraints, 8));
    nj_arena_fini(&arena);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_takes_what_keeps_every_cap_and_nothing_else),
        cmocka_unit_test(a_reserved_row_counts_at_once_and_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
