// test_users.c - histories resolved to catalogue rows: what is kept, dropped, counted, and which limits follow.
#include "common/catalogue/users.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

#define ITEMS 5
#define TEXT_BYTES_MAX ((size_t)1 << 26)

static const char *const IDS[ITEMS] = {"apple", "7", "007", "é", "pear tree"};

typedef struct {
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
} catalogue;

static void open_catalogue(catalogue *c)
{
    nj_error err = {0};
    nj_idlist_builder_init(&c->ids);
    nj_buffer_init(&c->block, 1 << 20);
    nj_idmap_init(&c->map);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(nj_idlist_builder_add(&c->ids, nj_slice_from(IDS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&c->ids, &c->block), NJ_OK);
    assert_ok(nj_idlist_open(c->block.bytes, c->block.size, "items", &c->items, &err), &err);
    assert_ok(nj_idmap_build(&c->map, &c->items, "items", &err), &err);
}

static void close_catalogue(catalogue *c)
{
    nj_idmap_fini(&c->map);
    nj_buffer_fini(&c->block);
    nj_idlist_builder_fini(&c->ids);
}

static nj_status read_text(const catalogue *c, nj_histories_format format, const char *text,
                           nj_user_table *out, nj_error *err)
{
    return nj_user_table_read(
        &(nj_histories_source){.path = memfile_write(text, strlen(text)), .format = format},
        &c->items, &c->map, NULL, out, err);
}

static void assert_user(const nj_user_table *table, size_t index, const char *id,
                        const uint32_t *rows, uint32_t count, uint32_t unknown)
{
    nj_request user = nj_user_table_at(table, index);
    assert_true(nj_slice_equal(user.user, nj_slice_from(id)));
    assert_int_equal(user.item_count, count);
    assert_int_equal(user.unknown_count, unknown);
    if (count > 0) {
        assert_memory_equal(user.items, rows, count * sizeof *rows);
    } else {
        assert_null(user.items);
    }
}

static void users_stand_in_the_order_of_the_input_with_their_known_items(void **state)
{
    (void)state;
    catalogue c;
    nj_user_table table;
    nj_error err = {0};
    open_catalogue(&c);
    assert_ok(
        read_text(&c, NJ_HISTORIES_JSONL,
                  "{\"user\": \"z\", \"items\": [\"pear tree\", 7, \"nothing\", \"apple\", 7]}\n"
                  "{\"user\": 12, \"items\": [\"7 \", \"Apple\", \"0007\"]}\n"
                  "{\"user\": \"a\", \"items\": []}\n"
                  "{\"user\": \"012\", \"items\": [\"007\", \"é\"], \"group\": 3}\n",
                  &table, &err),
        &err);
    assert_int_equal(table.count, 4);
    assert_user(&table, 0, "z", (const uint32_t[]){4, 1, 0, 1}, 4, 1);
    assert_user(&table, 1, "12", NULL, 0, 3);
    assert_user(&table, 2, "a", NULL, 0, 0);
    assert_user(&table, 3, "012", (const uint32_t[]){2, 3}, 2, 0);
    assert_int_equal(table.item_total, 6);
    assert_int_equal(table.unknown_total, 4);
    assert_int_equal(table.cold_count, 2);
    assert_int_equal(table.first_cold, 1);
    assert_int_equal(table.longest, 4);
    nj_user_table_fini(&table);
    close_catalogue(&c);
}

static void every_form_gives_the_same_users(void **state)
{
    (void)state;
    static const struct {
        nj_histories_format format;
        const char *text;
    } FORMS[] = {
        {NJ_HISTORIES_SEQUENCE, "u2 apple 7\r\nu1 x 007"},
        {NJ_HISTORIES_JSONL, "{\"user\":\"u2\",\"items\":[\"apple\",\"7\"]}\n{\"items\":[\"x\","
                             "\"007\"],\"user\":\"u1\"}"},
        {NJ_HISTORIES_CSV, "timestamp,user,item\n5,u2,7\n4,u1,x\n4,u2,apple\n5,u1,007\n"},
        {NJ_HISTORIES_INTER, "user_id:token\titem_id:token\ttimestamp:"
                             "float\nu2\tapple\t1\nu2\t7\t2\nu1\tx\t0\nu1\t007\t3\n"},
    };
    catalogue c;
    nj_error err = {0};
    open_catalogue(&c);
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        nj_user_table table;
        assert_ok(read_text(&c, FORMS[i].format, FORMS[i].text, &table, &err), &err);
        assert_int_equal(table.count, 2);
        assert_user(&table, 0, "u2", (const uint32_t[]){0, 1}, 2, 0);
        assert_user(&table, 1, "u1", (const uint32_t[]){2}, 1, 1);
        nj_user_table_fini(&table);
    }
    close_catalogue(&c);
}

static void a_refused_file_leaves_nothing_behind(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } BAD[] = {
        {"", "no"},
        {"\n\n", "no"},
        {"u1 apple\nu2 7\nu1 apple\n", "u1"},
        {"u1 apple\nu2 \xff\n", "2"},
    };
    catalogue c;
    open_catalogue(&c);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        nj_error err = {0};
        nj_user_table table = {.count = 77};
        assert_refused(read_text(&c, NJ_HISTORIES_SEQUENCE, BAD[i].text, &table, &err), NJ_INPUT,
                       &err, BAD[i].says);
        assert_int_equal(table.count, 77);
    }
    nj_error err = {0};
    nj_user_table table = {0};
    assert_int_equal(nj_user_table_read(&(nj_histories_source){.path = "/nonexistent/users"},
                                        &c.items, &c.map, NULL, &table, &err),
                     NJ_NOT_FOUND);
    nj_user_table_fini(&table);
    close_catalogue(&c);
}

static void many_users_and_long_histories_stay_where_they_are_found(void **state)
{
    (void)state;
    enum { USERS = 20000, LONG = 10000 };
    catalogue c;
    nj_user_table table;
    nj_buffer text;
    nj_error err = {0};
    open_catalogue(&c);
    nj_buffer_init(&text, TEXT_BYTES_MAX);
    for (unsigned u = 0; u < USERS; u++) {
        unsigned count = u == USERS / 2 ? LONG : u % 4;
        assert_int_equal(nj_buffer_printf(&text, "user-%u", u), NJ_OK);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(
                nj_buffer_printf(&text, " %s", (u + i) % 5 == 4 ? "none" : IDS[(u + i) % 5]),
                NJ_OK);
        }
        assert_int_equal(nj_buffer_printf(&text, "\n"), NJ_OK);
    }
    assert_ok(
        nj_user_table_read(&(nj_histories_source){.path = memfile_write(text.bytes, text.size)},
                           &c.items, &c.map, NULL, &table, &err),
        &err);
    assert_int_equal(table.count, USERS);
    assert_int_equal(table.longest, LONG / 5 * 4);
    uint64_t known = 0;
    for (unsigned u = 0; u < USERS; u++) {
        char id[32];
        unsigned count = u == USERS / 2 ? LONG : u % 4;
        uint32_t next = 0;
        nj_request user = nj_user_table_at(&table, u);
        snprintf(id, sizeof id, "user-%u", u);
        assert_true(nj_slice_equal(user.user, nj_slice_from(id)));
        for (unsigned i = 0; i < count; i++) {
            if ((u + i) % 5 != 4) {
                assert_int_equal(user.items[next++], (u + i) % 5);
            }
        }
        assert_int_equal(user.item_count, next);
        assert_int_equal(user.unknown_count, count - next);
        known += next;
    }
    assert_int_equal(table.item_total, known);
    nj_user_table_fini(&table);
    nj_buffer_fini(&text);
    close_catalogue(&c);
}

static void the_longest_history_sets_the_limits_of_the_night(void **state)
{
    (void)state;
    catalogue c;
    nj_user_table table;
    nj_error err = {0};
    nj_settings settings = nj_settings_default();
    open_catalogue(&c);
    assert_ok(
        read_text(&c, NJ_HISTORIES_SEQUENCE, "a apple\nb apple apple x apple\nc\n", &table, &err),
        &err);
    assert_ok(nj_user_table_apply(&table, &settings, &err), &err);
    assert_int_equal(settings.history_items_max, 3);
    assert_int_equal(settings.exclusions_max, 3);
    settings.keep_history = true;
    assert_ok(nj_user_table_apply(&table, &settings, &err), &err);
    assert_int_equal(settings.history_items_max, 3);
    assert_int_equal(settings.exclusions_max, 0);
    nj_user_table_fini(&table);
    close_catalogue(&c);
}

// Excluded items are resolved as those of a history are, and lie apart from them.
static void excluded_items_count_for_the_limits_and_not_for_the_history(void **state)
{
    (void)state;
    catalogue c;
    nj_user_table table;
    nj_error err = {0};
    nj_settings settings = nj_settings_default();
    open_catalogue(&c);
    assert_ok(read_text(&c, NJ_HISTORIES_JSONL,
                        "{\"user\": \"a\", \"items\": [\"apple\", \"x\"], \"exclude\": [7, "
                        "\"none\", \"007\"]}\n"
                        "{\"user\": \"b\", \"exclude\": [], \"items\": [7, 7]}\n"
                        "{\"user\": \"c\", \"exclude\": [\"apple\"], \"items\": []}\n",
                        &table, &err),
              &err);
    assert_user(&table, 0, "a", (const uint32_t[]){0}, 1, 1);
    assert_user(&table, 1, "b", (const uint32_t[]){1, 1}, 2, 0);
    assert_user(&table, 2, "c", NULL, 0, 0);
    assert_int_equal(nj_user_table_at(&table, 0).exclude_count, 2);
    assert_memory_equal(nj_user_table_at(&table, 0).exclude, ((const uint32_t[]){1, 2}), 8);
    assert_int_equal(nj_user_table_at(&table, 1).exclude_count, 0);
    assert_int_equal(*nj_user_table_at(&table, 2).exclude, 0);
    assert_int_equal(table.cold_count, 1);
    assert_int_equal(table.item_total, 3);
    assert_int_equal(table.unknown_total, 1);
    assert_ok(nj_user_table_apply(&table, &settings, &err), &err);
    assert_int_equal(settings.history_items_max, 2);
    assert_int_equal(settings.exclusions_max, 3);
    settings.keep_history = true;
    assert_ok(nj_user_table_apply(&table, &settings, &err), &err);
    assert_int_equal(settings.exclusions_max, 2);
    nj_user_table_fini(&table);
    close_catalogue(&c);
}

static void a_user_has_the_mask_of_his_group_and_without_one_the_base_mask(void **state)
{
    (void)state;
    static const nj_mask MASKS[] = {{.name = ""}, {.name = "7"}, {.name = "de"}};
    const nj_masks masks = {.count = 3, .masks = MASKS};
    const nj_user_rules said = {.masks = &masks, .needs = NJ_PROMPT_NEEDS_HISTORY};
    static const char TEXT[] = "{\"user\": \"a\", \"items\": [], \"group\": \"de\"}\n"
                               "{\"user\": \"b\", \"items\": [], \"group\": null}\n"
                               "{\"user\": \"c\", \"items\": [], \"group\": 7}\n"
                               "{\"user\": \"d\", \"items\": []}\n";
    static const char NOBODY[] = "{\"user\": \"a\", \"items\": []}\n"
                                 "{\"user\": \"b\", \"items\": [], \"group\": \"d\"}\n";
    static const uint32_t WANTED[] = {2, 0, 1, 0};
    catalogue c;
    nj_user_table table;
    nj_error err = {0};
    open_catalogue(&c);
    assert_ok(
        nj_user_table_read(&(nj_histories_source){.path = memfile_write(TEXT, sizeof TEXT - 1),
                                                  .format = NJ_HISTORIES_JSONL},
                           &c.items, &c.map, &said, &table, &err),
        &err);
    for (size_t u = 0; u < 4; u++) {
        assert_int_equal(nj_user_table_at(&table, u).mask, WANTED[u]);
    }
    assert_int_equal(table.group_count, 2);
    assert_int_equal(table.group_ignored, 0);
    nj_user_table_fini(&table);
    assert_refused(
        nj_user_table_read(&(nj_histories_source){.path = memfile_write(NOBODY, sizeof NOBODY - 1),
                                                  .format = NJ_HISTORIES_JSONL},
                           &c.items, &c.map, &said, &table, &err),
        NJ_INPUT, &err, ": line 2: user \"b\" is in the group \"d\", which --groups does not have");
    assert_ok(read_text(&c, NJ_HISTORIES_JSONL, TEXT, &table, &err), &err); // without masks
    assert_int_equal(nj_user_table_at(&table, 0).mask, 0);
    assert_int_equal(table.group_ignored, 2);
    nj_user_table_fini(&table);
    close_catalogue(&c);
}

static void
cold_users_fail_only_where_that_is_asked_for_and_are_skipped_only_where_that_is(void **state)
{
    (void)state;
    catalogue c;
    nj_user_table table;
    nj_error err = {0};
    nj_settings settings = nj_settings_default();
    open_catalogue(&c);
    assert_ok(read_text(&c, NJ_HISTORIES_SEQUENCE, "a apple\nb x y\nc\n", &table, &err), &err);
    for (int cold = NJ_COLD_POPULAR; cold <= NJ_COLD_FAIL; cold++) {
        settings.cold_users = (nj_cold_users)cold;
        nj_request warm = nj_user_table_at(&table, 0);
        nj_request unknown = nj_user_table_at(&table, 1);
        nj_request empty = nj_user_table_at(&table, 2);
        assert_false(nj_user_is_skipped(&table, &warm, &settings));
        assert_int_equal(nj_user_is_skipped(&table, &unknown, &settings), cold == NJ_COLD_SKIP);
        assert_int_equal(nj_user_is_skipped(&table, &empty, &settings), cold == NJ_COLD_SKIP);
        if (cold != NJ_COLD_FAIL) {
            assert_ok(nj_user_table_apply(&table, &settings, &err), &err);
        }
    }
    settings.history_items_max = 99;
    assert_refused(nj_user_table_apply(&table, &settings, &err), NJ_INPUT, &err,
                   "2 of 3 users have no item that the catalogue knows, the first is \"b\"");
    assert_int_equal(settings.history_items_max, 99);
    nj_user_table_fini(&table);
    assert_ok(read_text(&c, NJ_HISTORIES_SEQUENCE, "a apple\n", &table, &err), &err);
    assert_ok(nj_user_table_apply(&table, &settings, &err), &err);
    nj_user_table_fini(&table);
    close_catalogue(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_stand_in_the_order_of_the_input_with_their_known_items),
        cmocka_unit_test(every_form_gives_the_same_users),
        cmocka_unit_test(a_refused_file_leaves_nothing_behind),
        cmocka_unit_test(many_users_and_long_histories_stay_where_they_are_found),
        cmocka_unit_test(the_longest_history_sets_the_limits_of_the_night),
        cmocka_unit_test(excluded_items_count_for_the_limits_and_not_for_the_history),
        cmocka_unit_test(a_user_has_the_mask_of_his_group_and_without_one_the_base_mask),
        cmocka_unit_test(
            cold_users_fail_only_where_that_is_asked_for_and_are_skipped_only_where_that_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
