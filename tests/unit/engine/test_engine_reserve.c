// test_engine_reserve.c - what stands behind a list: the list is the same with it, and it goes on as a longer list would; no item that the
// user must not get, none twice, and caps hold for the two together.
#include "tests/unit/engine/policy_world.h"

#include "common/base/bits.h"
#include "common/codec/row_scan.h"
#include "worker/engine/engine_internal.h"

#define TOP 9
#define RESERVE 12
#define BRAND_MOST 4  // of POLICY_STAGES
#define PREFIX_MOST 5 // of one code
#define DENIED_BRAND 4

// ---- users and settings ----

// Histories of all lengths, of nearly everything, with items that are excluded, and users without any.
static void add_users(world_users *users)
{
    static uint32_t excluded[WORLD_USERS_MAX][3];
    users->count = 0;
    for (uint32_t u = 0; u < 30; u++) {
        if (u % 10 == 4) {
            world_add_nearly_all(users, u, POLICY_ITEMS, u + 3);
        } else {
            world_add_random(users, u % 11, POLICY_ITEMS, u % 7 == 3 ? 0 : u % 11 + 1);
        }
        for (uint32_t i = 0; i < 3 && u % 3 == 0; i++) {
            excluded[u][i] = (uint32_t)(world_mix(u * 10 + i) % POLICY_ITEMS);
            users->requests[u].exclude = excluded[u];
            users->requests[u].exclude_count = i + 1;
        }
    }
}

static nj_settings settings_of(const world_users *users, uint32_t beam, uint32_t top,
                               uint32_t reserve)
{
    nj_settings settings = world_settings(beam, top, users);
    settings.exclusions_max += 3;
    settings.history = 20;
    settings.reserve = reserve;
    return settings;
}

// No policy, and each of those that have every stage.
#define POLICIES (1 + POLICY_ALL_COUNT)

static void set_policy(policy_world *w, size_t p)
{
    policy_world_set(w, p == 0 ? NULL : POLICY_ALL[p - 1]);
}

// ---- the list ----

static void a_list_is_the_same_with_a_reserve_and_without(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists bare, lists;
    static const uint32_t BEAMS[] = {TOP, 12, 24, 150};
    uint32_t items = 0;
    policy_world_make(&w);
    add_users(&users);
    for (size_t p = 0; p < POLICIES; p++) {
        set_policy(&w, p);
        for (size_t b = 0; b < sizeof BEAMS / sizeof BEAMS[0]; b++) {
            const nj_settings without = settings_of(&users, BEAMS[b], TOP, 0);
            const nj_settings with = settings_of(&users, BEAMS[b], TOP, RESERVE);
            policy_world_decode(&w, &without, 5, NJ_SAVINGS_ALL, "auto", &users, &bare);
            policy_world_decode(&w, &with, 7, NJ_SAVINGS_ALL, "auto", &users, &lists);
            for (size_t u = 0; u < users.count; u++) {
                assert_same_list(&lists.lists[u], &bare.lists[u]);
                assert_int_equal(bare.lists[u].reserve_count, 0);
                items += lists.lists[u].reserve_count;
            }
        }
    }
    assert_in_range(items, users.count * POLICIES * 3 * RESERVE / 2, UINT32_MAX);
    policy_world_free(&w);
}

// ---- the reserve ----

static void a_reserve_is_the_same_whoever_else_is_decoded_and_whatever_is_saved(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists expected, lists;
    policy_world_make(&w);
    add_users(&users);
    const nj_settings settings = settings_of(&users, 24, TOP, RESERVE);
    for (size_t p = 0; p < POLICIES; p++) {
        set_policy(&w, p);
        policy_world_decode(&w, &settings, 1, 0, "auto", &users, &expected);
        policy_world_decode(&w, &settings, 16, NJ_SAVINGS_ALL, "auto", &users, &lists);
        for (size_t u = 0; u < users.count; u++) {
            assert_same_list(&lists.lists[u], &expected.lists[u]);
            assert_same_reserve(&lists.lists[u], &expected.lists[u]);
        }
    }
    policy_world_free(&w);
}

// Where list and reserve are full and the search was not widened, that of the longer list is not widened either, and the two are that
// list. So they are of a user without a history, who is not searched for.
static void list_and_reserve_are_the_longer_list(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists longer, lists;
    static const uint32_t BEAMS[] = {20, 31, 150};
    uint32_t compared = 0;
    policy_world_make(&w);
    add_users(&users);
    for (size_t b = 0; b < sizeof BEAMS / sizeof BEAMS[0]; b++) {
        const nj_settings split = settings_of(&users, BEAMS[b], 10, 10);
        const nj_settings whole = settings_of(&users, BEAMS[b], 20, 0);
        policy_world_decode(&w, &split, 7, NJ_SAVINGS_ALL, "auto", &users, &lists);
        policy_world_decode(&w, &whole, 7, NJ_SAVINGS_ALL, "auto", &users, &longer);
        for (size_t u = 0; u < users.count; u++) {
            const world_list *list = &lists.lists[u];
            if (list->count + list->reserve_count < 20 || (list->flags & NJ_ROW_WIDENED) != 0) {
                continue;
            }
            const world_list *all = &longer.lists[u];
            assert_int_equal(all->flags, list->flags);
            assert_int_equal(all->count, 20);
            assert_memory_equal(all->items, list->items, 10 * sizeof(uint32_t));
            assert_memory_equal(all->scores, list->scores, 10 * sizeof(float));
            assert_memory_equal(all->items + 10, list->reserve, 10 * sizeof(uint32_t));
            compared++;
        }
    }
    assert_in_range(compared, 2 * users.count, 3 * users.count);
    policy_world_free(&w);
}

// ---- rules ----

static bool must_not_get(const nj_request *request, uint32_t row)
{
    for (uint32_t i = 0; i < request->exclude_count; i++) {
        if (request->exclude[i] == row) {
            return true;
        }
    }
    return world_had(request, row);
}

// Items of list and reserve alike that begin with the same code as the row, or are of its brand.
static uint32_t count_alike(const policy_world *w, const uint32_t *rows, uint32_t count,
                            uint32_t row, bool by_brand)
{
    const nj_sids *sids = &w->catalogue.sids;
    uint32_t alike = 0;
    for (uint32_t i = 0; i < count; i++) {
        alike += by_brand ? w->brand_of[rows[i]] == w->brand_of[row]
                          : sids->codes[(size_t)rows[i] * sids->level_count] ==
                                sids->codes[(size_t)row * sids->level_count];
    }
    return alike;
}

static void check_rules(const policy_world *w, const nj_request *request, const world_list *list,
                        bool has_policy)
{
    uint32_t rows[TOP + RESERVE];
    uint64_t seen[(POLICY_ITEMS + 63) / 64] = {0};
    const uint32_t count = list->count + list->reserve_count;
    assert_in_range(count, 0, TOP + RESERVE);
    memcpy(rows, list->items, list->count * sizeof *rows);
    memcpy(rows + list->count, list->reserve, list->reserve_count * sizeof *rows);
    for (uint32_t i = 0; i < count; i++) {
        assert_false(nj_bits_has(seen, rows[i]));
        nj_bits_add(seen, rows[i]);
        assert_false(must_not_get(request, rows[i]));
        if (has_policy) {
            assert_int_not_equal(w->brand_of[rows[i]], DENIED_BRAND);
            assert_in_range(count_alike(w, rows, count, rows[i], false), 1, PREFIX_MOST);
            assert_true(w->brand_of[rows[i]] == NJ_ATTRIBUTE_NONE ||
                        count_alike(w, rows, count, rows[i], true) <= BRAND_MOST);
        }
    }
}

static void no_item_breaks_a_rule_and_caps_hold_for_list_and_reserve(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists lists;
    policy_world_make(&w);
    add_users(&users);
    for (size_t p = 0; p < POLICIES; p++) {
        set_policy(&w, p);
        for (uint32_t beam = TOP; beam <= 150; beam += 48) {
            const nj_settings settings = settings_of(&users, beam, TOP, RESERVE);
            uint32_t items = 0;
            policy_world_decode(&w, &settings, 7, NJ_SAVINGS_ALL, "auto", &users, &lists);
            for (size_t u = 0; u < users.count; u++) {
                check_rules(&w, &users.requests[u], &lists.lists[u], p > 0);
                items += lists.lists[u].reserve_count;
            }
            assert_in_range(items, beam > TOP ? users.count * 2 : 1, users.count * RESERVE);
        }
    }
    policy_world_free(&w);
}

static void the_reserve_of_candidates_has_no_others(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    static world_lists lists;
    uint32_t candidates[14];
    policy_world_make(&w);
    add_users(&users);
    for (uint32_t i = 0; i < 14; i++) {
        candidates[i] = i * 10 + 3;
    }
    for (size_t u = 0; u < users.count; u++) {
        users.requests[u].candidates = candidates;
        users.requests[u].candidate_count = 14;
    }
    nj_settings settings = settings_of(&users, 24, TOP, RESERVE);
    settings.candidates_max = 14;
    for (size_t p = 0; p < POLICIES; p++) {
        uint32_t items = 0;
        set_policy(&w, p);
        policy_world_decode(&w, &settings, 7, NJ_SAVINGS_ALL, "auto", &users, &lists);
        for (size_t u = 0; u < users.count; u++) {
            const world_list *list = &lists.lists[u];
            check_rules(&w, &users.requests[u], list, p > 0);
            for (uint32_t i = 0; i < list->reserve_count; i++) {
                assert_int_equal(list->reserve[i] % 10, 3);
            }
            items += list->reserve_count;
        }
        assert_in_range(items, p == 0 ? 30 : 0, users.count * 5);
    }
    policy_world_free(&w);
}

// ---- rows ----

typedef struct {
    const nj_engine *engine;
    nj_buffer row;
    uint32_t with, without;
} packer;

static nj_status pack_and_read(void *context, size_t index, const nj_list *list, nj_error *err)
{
    packer *p = context;
    nj_row_scan scan;
    (void)index;
    (void)err;
    nj_buffer_clear(&p->row);
    assert_int_equal(nj_engine_pack_row(p->engine, list, &p->row), NJ_OK);
    assert_true(nj_row_scan_open(nj_buffer_slice(&p->row), &scan));
    assert_int_equal(scan.reserve_count, list->reserve_count);
    assert_int_equal(scan.reserve != NULL, list->reserve_count > 0);
    const uint8_t *at = scan.reserve;
    for (uint32_t i = 0; i < list->reserve_count; i++) {
        nj_row_item item;
        uint64_t number;
        at = nj_row_item_read(at, &item);
        assert_true(item.is_number);
        assert_true(nj_id_is_number(nj_engine_item_id(p->engine, list->reserve[i]), &number));
        assert_int_equal(item.number, number);
    }
    p->with += list->reserve_count > 0;
    p->without += list->reserve_count == 0;
    return NJ_OK;
}

static void a_row_has_it_where_there_is_one(void **state)
{
    (void)state;
    static policy_world w;
    static world_users users;
    nj_error err = {0};
    packer p = {0};
    policy_world_make(&w);
    add_users(&users);
    nj_buffer_init(&p.row, NJ_ROW_BYTES_MAX);
    const nj_settings settings = settings_of(&users, 24, TOP, RESERVE);
    nj_engine *engine = world_open(&w.world, &settings, 7, world_kernels("auto"));
    p.engine = engine;
    assert_ok(nj_engine_decode(engine, users.requests, users.count, pack_and_read, &p, &err), &err);
    assert_in_range(p.with, users.count / 2, users.count - 1);
    assert_in_range(p.without, 1, 5);
    nj_engine_close(&engine);
    nj_buffer_fini(&p.row);
    policy_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_the_same_with_a_reserve_and_without),
        cmocka_unit_test(a_reserve_is_the_same_whoever_else_is_decoded_and_whatever_is_saved),
        cmocka_unit_test(list_and_reserve_are_the_longer_list),
        cmocka_unit_test(no_item_breaks_a_rule_and_caps_hold_for_list_and_reserve),
        cmocka_unit_test(the_reserve_of_candidates_has_no_others),
        cmocka_unit_test(a_row_has_it_where_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
