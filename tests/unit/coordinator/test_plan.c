// test_plan.c - the shards of a night: in the store's key order, contiguous, complete, and fixed by the inputs alone.
#include "coordinator/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/id.h"
#include "common/codec/shard.h"
#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

#define TEXT_BYTES_MAX ((size_t)1 << 28)
#define ITEMS 40

// The catalogue's items are "i0".."i39".
typedef struct {
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    nj_user_table users;
    nj_digest bundle;
} world;

static void open_world(world *w)
{
    nj_error err = {0};
    *w = (world){.bundle = {{1, 2, 3}}};
    nj_idlist_builder_init(&w->ids);
    nj_buffer_init(&w->block, 1 << 20);
    nj_idmap_init(&w->map);
    for (int i = 0; i < ITEMS; i++) {
        char id[16];
        snprintf(id, sizeof id, "i%d", i);
        assert_int_equal(nj_idlist_builder_add(&w->ids, nj_slice_from(id)), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&w->ids, &w->block), NJ_OK);
    assert_ok(nj_idlist_open(w->block.bytes, w->block.size, "items", &w->items, &err), &err);
    assert_ok(nj_idmap_build(&w->map, &w->items, "items", &err), &err);
}

static void close_world(world *w)
{
    nj_user_table_fini(&w->users);
    nj_idmap_fini(&w->map);
    nj_buffer_fini(&w->block);
    nj_idlist_builder_fini(&w->ids);
}

// Reads these users in place of those that were read before. The format is jsonl, so that ids may have blanks.
static void read_users(world *w, const char *text, size_t size, nj_histories_format format)
{
    nj_error err = {0};
    nj_user_table_fini(&w->users);
    assert_ok(nj_user_table_read(
                  &(nj_histories_source){.path = memfile_write(text, size), .format = format},
                  &w->items, &w->map, NULL, &w->users, &err),
              &err);
}

static void read_lines(world *w, const char *text)
{
    read_users(w, text, strlen(text), NJ_HISTORIES_SEQUENCE);
}

static nj_plan make_plan(const world *w, uint32_t shard_users)
{
    nj_error err = {0};
    nj_plan plan;
    nj_settings settings = nj_settings_default();
    assert_ok(
        nj_plan_make(&w->users, &settings, &w->bundle, NULL, shard_users, shard_users, &plan, &err),
        &err);
    return plan;
}

static nj_digest digest_with(const world *w, const nj_settings *settings, uint32_t shard_users)
{
    nj_error err = {0};
    nj_plan plan;
    nj_settings copy = *settings;
    assert_ok(
        nj_plan_make(&w->users, &copy, &w->bundle, NULL, shard_users, shard_users, &plan, &err),
        &err);
    nj_digest digest = plan.digest;
    nj_plan_fini(&plan);
    return digest;
}

static nj_digest digest_of(world *w, const char *text, uint32_t shard_users)
{
    const nj_settings settings = nj_settings_default();
    read_lines(w, text);
    return digest_with(w, &settings, shard_users);
}

static bool same_digest(nj_digest a, nj_digest b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

// ---- copying ----

// Copies who has an "x" in his id, at the age of his id's length.
static nj_status choose_marked(void *context, const nj_user_table *users, const uint32_t *order,
                               size_t count, uint16_t *out_ages, nj_error *err)
{
    (void)err;
    size_t *calls = context;
    (*calls)++;
    for (size_t i = 0; i < count; i++) {
        nj_slice id = nj_user_table_at(users, order[i]).user;
        assert_int_equal(out_ages[i], 0);
        out_ages[i] = memchr(id.bytes, 'x', id.size) != NULL ? (uint16_t)id.size : 0;
        assert_true(i == 0 || nj_id_compare(nj_user_table_at(users, order[i - 1]).user, id) < 0);
    }
    return NJ_OK;
}

static nj_plan make_copying_plan(const world *w, uint32_t shard_users, uint8_t base)
{
    nj_error err = {0};
    nj_plan plan;
    size_t calls = 0;
    nj_settings settings = nj_settings_default();
    const nj_plan_copying copying = {&calls, choose_marked, {{base}}};
    assert_ok(nj_plan_make(&w->users, &settings, &w->bundle, &copying, shard_users, shard_users,
                           &plan, &err),
              &err);
    assert_int_equal(calls, 1);
    return plan;
}

static void users_who_are_copied_stand_in_no_shard(void **state)
{
    (void)state;
    static const char *const COPIED[] = {"ax", "x", "xyz"};
    static const char *const DECODED[] = {"3", "a", "b", "c", "d"};
    world w;
    open_world(&w);
    read_lines(&w, "x i1\nb i2\nax i3\n3 i4\nd i5\nxyz i6\nc i7\na i8\n");
    nj_plan plan = make_copying_plan(&w, 2, 1);
    assert_int_equal(plan.user_count, 5);
    assert_int_equal(plan.shard_count, 3);
    for (size_t i = 0; i < 5; i++) {
        nj_slice id = nj_plan_request(&plan, i / 2, i % 2).user;
        assert_true(nj_slice_equal(id, nj_slice_from(DECODED[i])));
    }
    assert_int_equal(plan.copied_count, 3);
    for (size_t i = 0; i < 3; i++) {
        nj_slice id = nj_user_table_at(&w.users, plan.copied[i]).user;
        assert_true(nj_slice_equal(id, nj_slice_from(COPIED[i])));
        assert_int_equal(plan.copied_ages[i], id.size);
    }
    nj_plan_fini(&plan);

    read_lines(&w, "x i1\nxx i2\n");
    plan = make_copying_plan(&w, 2, 1);
    assert_int_equal(plan.user_count, 0);
    assert_int_equal(plan.shard_count, 0);
    assert_int_equal(plan.copied_count, 2);
    nj_plan_fini(&plan);
    close_world(&w);
}

static nj_digest copying_digest_of(world *w, const char *text, uint8_t base)
{
    read_lines(w, text);
    nj_plan plan = make_copying_plan(w, 2, base);
    nj_digest digest = plan.digest;
    nj_plan_fini(&plan);
    return digest;
}

static void who_is_copied_and_from_what_is_part_of_the_digest(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    const nj_digest one = copying_digest_of(&w, "a i1\nx i2\n", 1);
    assert_true(same_digest(one, copying_digest_of(&w, "x i2\na i1\n", 1)));
    assert_false(same_digest(one, copying_digest_of(&w, "a i1\nx i2\n", 2)));
    assert_false(same_digest(one, copying_digest_of(&w, "a i1\nx i3\n", 1)));
    assert_false(same_digest(one, copying_digest_of(&w, "a i1\nxx i2\n", 1)));
    assert_false(same_digest(one, copying_digest_of(&w, "a i1\n", 1)));
    assert_false(same_digest(one, digest_of(&w, "a i1\nx i2\n", 2)));
    // Where nobody is copied after all the night is the one that it would be without --since.
    assert_true(
        same_digest(copying_digest_of(&w, "a i1\nb i2\n", 1), digest_of(&w, "a i1\nb i2\n", 2)));
    close_world(&w);
}

// ---- order ----

static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

// Ids that lie close together: numbers up to and beyond 2^64, leading zeros, signs, prefixes of each other, bytes above 127.
static void draw_id(uint64_t *state, nj_buffer *out)
{
    static const char *const PARTS[] = {"0", "1", "9", "18446744073709551615", "a",
                                        "A", "-", "é", "\xf0\x9f\x90\xa6",     " ",
                                        "_", "~"};
    uint64_t kind = draw(state) % 4;
    if (kind == 0) {
        uint64_t number = draw(state) >> (draw(state) % 64);
        assert_int_equal(nj_buffer_printf(out, "%llu", (unsigned long long)number), NJ_OK);
    } else if (kind == 1) {
        uint64_t digits = 1 + draw(state) % 22;
        for (uint64_t i = 0; i < digits; i++) {
            assert_int_equal(nj_buffer_printf(out, "%c", (int)('0' + draw(state) % 10)), NJ_OK);
        }
    } else {
        uint64_t parts = 1 + draw(state) % 4;
        for (uint64_t i = 0; i < parts; i++) {
            const char *part = PARTS[draw(state) % (sizeof PARTS / sizeof *PARTS)];
            assert_int_equal(nj_buffer_append(out, part, strlen(part)), NJ_OK);
        }
    }
}

// JSON lines of `count` draws; an id that came before is left out. Returns how many users that makes.
static size_t write_random_users(nj_buffer *text, size_t count, uint64_t seed)
{
    nj_idlist_builder ids;
    nj_idmap map;
    nj_idlist_builder_init(&ids);
    nj_idmap_init(&map);
    for (size_t i = 0; i < count; i++) {
        nj_buffer id;
        nj_buffer_init(&id, 4096);
        draw_id(&seed, &id);
        nj_slice slice = nj_buffer_slice(&id);
        if (nj_idmap_find(&map, slice, nj_idmap_at_builder, &ids) == NJ_IDMAP_NONE) {
            assert_int_equal(nj_idmap_insert(&map, slice, ids.count), NJ_OK);
            assert_int_equal(nj_idlist_builder_add(&ids, slice), NJ_OK);
            assert_int_equal(nj_buffer_printf(text, "{\"user\": "), NJ_OK);
            assert_int_equal(nj_buffer_json_string(text, slice), NJ_OK);
            assert_int_equal(nj_buffer_printf(text, ", \"items\": [\"i%d\"]}\n", (int)(i % ITEMS)),
                             NJ_OK);
        }
        nj_buffer_fini(&id);
    }
    size_t users = ids.count;
    nj_idmap_fini(&map);
    nj_idlist_builder_fini(&ids);
    return users;
}

static void users_stand_in_the_stores_key_order(void **state)
{
    (void)state;
    world w;
    nj_buffer text;
    open_world(&w);
    nj_buffer_init(&text, TEXT_BYTES_MAX);
    size_t count = write_random_users(&text, 5000, 11);
    assert_true(count > 3000);
    read_users(&w, (const char *)text.bytes, text.size, NJ_HISTORIES_JSONL);
    nj_plan plan = make_plan(&w, 64);
    assert_int_equal(plan.user_count, count);
    for (size_t i = 1; i < plan.user_count; i++) {
        nj_slice before = nj_user_table_at(&w.users, plan.order[i - 1]).user;
        assert_true(nj_id_compare(before, nj_user_table_at(&w.users, plan.order[i]).user) < 0);
    }
    nj_plan_fini(&plan);
    nj_buffer_fini(&text);
    close_world(&w);
}

static void numbers_come_first_by_value_then_texts_by_bytes(void **state)
{
    (void)state;
    static const char *const EXPECTED[] = {
        "0", "7", "9",  "10", "18446744073709551615", "007", "1.5", "18446744073709551616", "7a",
        "Z", "a", "ab", "é"};
    world w;
    open_world(&w);
    read_lines(&w,
               "ab i1\né i1\n10 i1\n18446744073709551616 i1\n7 i1\na i1\n007 i1\n9 i1\nZ i1\n0 i1\n"
               "18446744073709551615 i1\n7a i1\n1.5 i1\n");
    nj_plan plan = make_plan(&w, 100);
    assert_int_equal(plan.user_count, 13);
    for (size_t i = 0; i < 13; i++) {
        nj_request request = nj_plan_request(&plan, 0, i);
        assert_true(nj_slice_equal(request.user, nj_slice_from(EXPECTED[i])));
    }
    nj_plan_fini(&plan);
    close_world(&w);
}

// ---- cuts ----

static void check_cuts(const nj_plan *plan, uint32_t shard_users)
{
    assert_int_equal(plan->shard_first[0], 0);
    assert_int_equal(plan->shard_first[plan->shard_count], plan->user_count);
    size_t position = 0;
    for (size_t s = 0; s < plan->shard_count; s++) {
        size_t count = nj_plan_shard_users(plan, s);
        assert_in_range(count, 1, shard_users);
        assert_true(s + 1 == plan->shard_count || count == shard_users);
        for (size_t i = 0; i < count; i++) {
            nj_slice user = nj_plan_request(plan, s, i).user;
            assert_true(
                nj_slice_equal(user, nj_user_table_at(plan->users, plan->order[position++]).user));
        }
    }
    assert_int_equal(position, plan->user_count);
}

static void shards_are_contiguous_complete_and_of_the_asked_size(void **state)
{
    (void)state;
    static const uint32_t SIZES[] = {1, 2, 3, 7, 99, 100, 101, NJ_SHARD_USERS_MAX};
    world w;
    nj_buffer text;
    open_world(&w);
    nj_buffer_init(&text, TEXT_BYTES_MAX);
    for (int u = 0; u < 100; u++) {
        assert_int_equal(nj_buffer_printf(&text, "u%d i%d\n", u * 37 % 100, u % ITEMS), NJ_OK);
    }
    read_users(&w, (const char *)text.bytes, text.size, NJ_HISTORIES_SEQUENCE);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        nj_plan plan = make_plan(&w, SIZES[i]);
        assert_int_equal(plan.user_count, 100);
        assert_int_equal(plan.skipped_count, 0);
        assert_int_equal(plan.shard_count, (100 + SIZES[i] - 1) / SIZES[i]);
        check_cuts(&plan, SIZES[i]);
        nj_plan_fini(&plan);
    }
    nj_buffer_fini(&text);
    close_world(&w);
}

static void the_last_shards_are_halved_down_to_the_least(void **state)
{
    (void)state;
    static const size_t USERS[] = {1, 15, 16, 17, 2048, 4096, 8192, 22363, 1000003};
    for (size_t u = 0; u < sizeof USERS / sizeof USERS[0]; u++) {
        size_t left = USERS[u];
        uint32_t before = nj_plan_next_shard(left, 64, 16);
        while (left > 0) {
            const uint32_t size = nj_plan_next_shard(left, 64, 16);
            assert_in_range(size, 1, left);
            assert_true(size == 64 || size == 32 || size == 16 || size == left);
            assert_true(size <= before && (size >= before / 2 || size == left));
            // No more than so many shards of a size are left when it is given up, nor many fewer.
            assert_true(size < 64 || left >= (size_t)64 * NJ_PLAN_SHARDS_LEFT);
            assert_true(size != 16 || left < (size_t)32 * NJ_PLAN_SHARDS_LEFT);
            before = size;
            left -= size;
        }
    }
    assert_int_equal(nj_plan_next_shard(1000, 20, 16), 20); // half of it would be below the least
    assert_int_equal(nj_plan_next_shard(1000, 64, 64), 64);
}

static void a_plan_cut_smaller_at_its_end_is_another_plan(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_plan equal, halved;
    nj_settings settings = nj_settings_default();
    world w;
    open_world(&w);
    read_lines(&w, "a i1\nb i2\nc i3\nd i4\ne i5\n");
    assert_ok(nj_plan_make(&w.users, &settings, &w.bundle, NULL, 4, 4, &equal, &err), &err);
    assert_ok(nj_plan_make(&w.users, &settings, &w.bundle, NULL, 4, 2, &halved, &err), &err);
    assert_int_equal(equal.shard_count, 2);
    assert_int_equal(halved.shard_count, 3);
    assert_int_equal(nj_plan_shard_users(&halved, 0), 2);
    assert_int_equal(nj_plan_shard_users(&halved, 2), 1);
    assert_false(same_digest(equal.digest, halved.digest));
    nj_plan_fini(&equal);
    nj_plan_fini(&halved);
    close_world(&w);
}

static void append_user(nj_buffer *text, const char *id, size_t item_count)
{
    assert_int_equal(nj_buffer_append(text, id, strlen(id)), NJ_OK);
    for (size_t i = 0; i < item_count; i++) {
        assert_int_equal(nj_buffer_append(text, " i1", 3), NJ_OK);
    }
    assert_int_equal(nj_buffer_append(text, "\n", 1), NJ_OK);
}

// Packs every shard as a lease does.
static void check_shards_fit_a_message(const nj_plan *plan)
{
    for (size_t s = 0; s < plan->shard_count; s++) {
        size_t count = nj_plan_shard_users(plan, s);
        nj_request *requests = calloc(count, sizeof *requests);
        nj_buffer bytes;
        assert_non_null(requests);
        for (size_t i = 0; i < count; i++) {
            requests[i] = nj_plan_request(plan, s, i);
        }
        nj_buffer_init(&bytes, NJ_SHARD_BYTES_MAX);
        assert_int_equal(nj_users_pack(requests, count, &bytes), NJ_OK);
        assert_true(count == 1 || bytes.size <= NJ_PLAN_SHARD_BYTES_MAX);
        nj_buffer_fini(&bytes);
        free(requests);
    }
}

static void long_histories_close_a_shard_early(void **state)
{
    (void)state;
    world w;
    nj_buffer text;
    open_world(&w);
    nj_buffer_init(&text, TEXT_BYTES_MAX);
    // 8 MiB are 2,097,152 items: two of the longest histories fit, a third does not; then many that fit together.
    append_user(&text, "1", NJ_HISTORY_ITEMS_MAX);
    append_user(&text, "2", NJ_HISTORY_ITEMS_MAX);
    append_user(&text, "3", NJ_HISTORY_ITEMS_MAX);
    append_user(&text, "4", 1);
    append_user(&text, "5", NJ_HISTORY_ITEMS_MAX);
    append_user(&text, "6", 0);
    append_user(&text, "7", NJ_HISTORY_ITEMS_MAX);
    read_users(&w, (const char *)text.bytes, text.size, NJ_HISTORIES_SEQUENCE);
    nj_plan plan = make_plan(&w, 1000);
    assert_int_equal(plan.shard_count, 3);
    assert_memory_equal(plan.shard_first, ((uint32_t[]){0, 2, 6, 7}), 4 * sizeof(uint32_t));
    check_shards_fit_a_message(&plan);
    nj_plan_fini(&plan);
    nj_buffer_fini(&text);
    close_world(&w);
}

static void long_ids_close_a_shard_early(void **state)
{
    (void)state;
    world w;
    nj_buffer text;
    open_world(&w);
    nj_buffer_init(&text, TEXT_BYTES_MAX);
    for (int u = 0; u < 70000; u++) {
        char id[NJ_ID_BYTES_MAX + 1];
        memset(id, 'x', NJ_ID_BYTES_MAX);
        snprintf(id, sizeof id, "%06d", u);
        id[6] = 'x';
        id[NJ_ID_BYTES_MAX] = '\0';
        append_user(&text, id, 1);
    }
    read_users(&w, (const char *)text.bytes, text.size, NJ_HISTORIES_SEQUENCE);
    nj_plan plan = make_plan(&w, NJ_SHARD_USERS_MAX);
    assert_in_range(plan.shard_count, 5, 6); // 36.6 MB in pieces of 8 MiB
    check_shards_fit_a_message(&plan);
    nj_plan_fini(&plan);
    nj_buffer_fini(&text);
    close_world(&w);
}

// ---- digest ----

#define BASE "a i1 i2\nb i3\nc i4 i5 i6\nd i7\n"

static void the_digest_changes_with_every_user_item_and_cut(void **state)
{
    (void)state;
    static const char *const OTHERS[] = {
        "a i1 i2\nb i3\nc i4 i5 i6\n",               // a user less
        "a i1 i2\nb i3\nc i4 i5 i6\nd i7\ne i1\n",   // one more
        "a i1 i2\nb i3\nc i4 i5 i6\ne i7\n",         // another name
        "a i1 i2\nb i3\nc i4 i5 i6\nd i8\n",         // another item
        "a i2 i1\nb i3\nc i4 i5 i6\nd i7\n",         // another order of items
        "a i1\nb i2 i3\nc i4 i5 i6\nd i7\n",         // an item handed over
        "a i1 i2\nb i3\nc i4 i5 i6 i6\nd i7\n",      // an item twice
        "a i1 i2\nb i3\nc i4 i5 i6\nd i7 unknown\n", // an unknown one beside it
        "a i1 i2\nb i3\nc i4 i5\nci6 d\nd i7\n",     // names and items run together
        "a i3\nb i1 i2\nc i4 i5 i6\nd i7\n",         // two histories exchanged
    };
    world w;
    open_world(&w);
    nj_digest base = digest_of(&w, BASE, 2);
    assert_true(same_digest(base, digest_of(&w, BASE, 2)));
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        assert_false(same_digest(base, digest_of(&w, OTHERS[i], 2)));
    }
    assert_false(same_digest(base, digest_of(&w, BASE, 1)));
    assert_false(same_digest(base, digest_of(&w, BASE, 3)));
    assert_false(same_digest(base, digest_of(&w, BASE, 4)));
    // The same cuts are the same plan.
    assert_true(same_digest(digest_of(&w, BASE, 4), digest_of(&w, BASE, 100)));
    close_world(&w);
}

static void the_digest_does_not_depend_on_the_order_of_the_users_in_the_file(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    nj_digest base = digest_of(&w, BASE, 2);
    assert_true(same_digest(base, digest_of(&w, "d i7\nc i4 i5 i6\nb i3\na i1 i2\n", 2)));
    assert_true(same_digest(base, digest_of(&w, "c i4 i5 i6\na i1 i2\nd i7\nb i3\n", 2)));
    close_world(&w);
}

static void the_digest_changes_with_every_setting_and_with_the_bundle(void **state)
{
    (void)state;
    static const char *const SETTINGS[][2] = {
        {"beam", "21"},           {"top", "19"},           {"history", "3"},
        {"keep_history", "true"}, {"renormalise", "true"}, {"temperature", "1.5"},
        {"cold_users", "skip"},
    };
    nj_error err = {0};
    world w;
    open_world(&w);
    nj_settings settings = nj_settings_default();
    nj_digest base = digest_of(&w, BASE, 2);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
        settings = nj_settings_default();
        assert_ok(nj_settings_set(&settings, SETTINGS[i][0], SETTINGS[i][1], &err), &err);
        assert_false(same_digest(base, digest_with(&w, &settings, 2)));
    }
    settings = nj_settings_default();
    w.bundle.bytes[NJ_DIGEST_BYTES - 1] ^= 1;
    assert_false(same_digest(base, digest_with(&w, &settings, 2)));
    close_world(&w);
}

// ---- cold users, limits ----

static void cold_users_are_planned_skipped_or_refused(void **state)
{
    (void)state;
    world w;
    nj_plan plan;
    nj_error err = {0};
    open_world(&w);
    read_lines(&w, "d i1 i2 i3\nb nothing\nc i4\na\n");
    nj_settings settings = nj_settings_default();
    assert_ok(nj_plan_make(&w.users, &settings, &w.bundle, NULL, 10, 10, &plan, &err), &err);
    assert_int_equal(plan.user_count, 4);
    assert_int_equal(settings.history_items_max, 3);
    assert_int_equal(settings.exclusions_max, 3);
    nj_plan_fini(&plan);

    settings.cold_users = NJ_COLD_SKIP;
    settings.keep_history = true;
    assert_ok(nj_plan_make(&w.users, &settings, &w.bundle, NULL, 10, 10, &plan, &err), &err);
    assert_int_equal(plan.user_count, 2);
    assert_int_equal(plan.skipped_count, 2);
    assert_true(nj_slice_equal(nj_plan_request(&plan, 0, 0).user, nj_slice_from("c")));
    assert_true(nj_slice_equal(nj_plan_request(&plan, 0, 1).user, nj_slice_from("d")));
    assert_int_equal(settings.exclusions_max, 0);
    nj_plan_fini(&plan);

    settings.cold_users = NJ_COLD_FAIL;
    assert_refused(nj_plan_make(&w.users, &settings, &w.bundle, NULL, 10, 10, &plan, &err),
                   NJ_INPUT, &err,
                   "2 of 4 users have no item that the catalogue knows, the first is \"b\"");
    read_lines(&w, "a nothing\nb\n");
    settings.cold_users = NJ_COLD_SKIP;
    assert_refused(nj_plan_make(&w.users, &settings, &w.bundle, NULL, 10, 10, &plan, &err),
                   NJ_INPUT, &err, "no user is left: 2 read, 2 skipped");
    close_world(&w);
}

static void a_plan_may_be_freed_twice(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    read_lines(&w, BASE);
    nj_plan plan = make_plan(&w, 2);
    nj_plan_fini(&plan);
    nj_plan_fini(&plan);
    assert_null(plan.order);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_who_are_copied_stand_in_no_shard),
        cmocka_unit_test(who_is_copied_and_from_what_is_part_of_the_digest),
        cmocka_unit_test(users_stand_in_the_stores_key_order),
        cmocka_unit_test(numbers_come_first_by_value_then_texts_by_bytes),
        cmocka_unit_test(shards_are_contiguous_complete_and_of_the_asked_size),
        cmocka_unit_test(the_last_shards_are_halved_down_to_the_least),
        cmocka_unit_test(a_plan_cut_smaller_at_its_end_is_another_plan),
        cmocka_unit_test(long_histories_close_a_shard_early),
        cmocka_unit_test(long_ids_close_a_shard_early),
        cmocka_unit_test(the_digest_changes_with_every_user_item_and_cut),
        cmocka_unit_test(the_digest_does_not_depend_on_the_order_of_the_users_in_the_file),
        cmocka_unit_test(the_digest_changes_with_every_setting_and_with_the_bundle),
        cmocka_unit_test(cold_users_are_planned_skipped_or_refused),
        cmocka_unit_test(a_plan_may_be_freed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
