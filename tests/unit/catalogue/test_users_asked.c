// test_users_asked.c - what a prompt asks of users beside a history: candidates and texts, kept, refused or left out as the bundle needs.
#include <stdio.h>

#include "common/catalogue/users.h"
#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

#define ITEMS 3

typedef struct {
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
} catalogue;

static const nj_masks NO_MASKS;

static int open_catalogue(void **state)
{
    static catalogue c;
    static const char *const IDS[ITEMS] = {"a", "b", "c"};
    nj_error err = {0};
    nj_idlist_builder_init(&c.ids);
    nj_buffer_init(&c.block, 1 << 20);
    nj_idmap_init(&c.map);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(nj_idlist_builder_add(&c.ids, nj_slice_from(IDS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&c.ids, &c.block), NJ_OK);
    assert_ok(nj_idlist_open(c.block.bytes, c.block.size, "items", &c.items, &err), &err);
    assert_ok(nj_idmap_build(&c.map, &c.items, "items", &err), &err);
    *state = &c;
    return 0;
}

static int close_catalogue(void **state)
{
    catalogue *c = *state;
    nj_idmap_fini(&c->map);
    nj_buffer_fini(&c->block);
    nj_idlist_builder_fini(&c->ids);
    return 0;
}

static nj_status read_users(const catalogue *c, uint32_t needs, const char *text,
                            nj_user_table *out, nj_error *err)
{
    const nj_user_rules rules = {.masks = &NO_MASKS, .needs = needs};
    return nj_user_table_read(&(nj_histories_source){.path = memfile_write(text, strlen(text)),
                                                     .format = NJ_HISTORIES_JSONL},
                              &c->items, &c->map, &rules, out, err);
}

// Every mixture of users with and without, so that each finds his own.
static const char MIXED[] =
    "{\"user\": 1, \"items\": [\"a\"], \"exclude\": [\"b\"]}\n"
    "{\"user\": 2, \"items\": [\"b\", \"x\"], \"exclude\": [\"c\"], \"candidates\": [\"c\", \"x\", "
    "\"a\", \"c\"], \"text\": \"why?\"}\n"
    "{\"user\": 3, \"items\": [\"a\", \"b\", \"c\"]}\n"
    "{\"user\": 4, \"candidates\": [\"x\"]}\n"
    "{\"user\": 5, \"text\": \"\"}\n"
    "{\"user\": 6, \"items\": [\"c\"], \"candidates\": [\"b\"]}\n";

static void assert_candidates(const nj_user_table *table, size_t index, const uint32_t *rows,
                              uint32_t count)
{
    const nj_request user = nj_user_table_at(table, index);
    assert_int_equal(user.candidates != NULL, rows != NULL);
    assert_int_equal(user.candidate_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(user.candidates[i], rows[i]);
    }
}

static void candidates_and_texts_are_kept_in_the_order_given(void **state)
{
    nj_user_table table;
    nj_error err = {0};
    nj_settings settings = nj_settings_default();
    static const uint32_t GIVEN[] = {2, 0, 2};
    static const uint32_t ONE[] = {1};
    const uint32_t needs = NJ_PROMPT_NEEDS_HISTORY | NJ_PROMPT_ANSWERS_STRINGS;
    assert_ok(read_users(*state, needs, MIXED, &table, &err), &err);
    assert_candidates(&table, 0, NULL, 0);
    assert_candidates(&table, 1, GIVEN, 3);
    assert_candidates(&table, 2, NULL, 0);
    assert_candidates(&table, 3, GIVEN, 0); // given, and none is known
    assert_candidates(&table, 4, NULL, 0);
    assert_candidates(&table, 5, ONE, 1);
    assert_int_equal(nj_user_table_at(&table, 1).item_count, 1);
    assert_int_equal(nj_user_table_at(&table, 1).exclude[0], 2);
    assert_int_equal(nj_user_table_at(&table, 2).item_count, 3);
    assert_int_equal(table.candidates_unknown, 1);
    assert_int_equal(table.text_ignored, 2);
    assert_null(nj_user_table_at(&table, 1).text.bytes); // no place for it
    assert_ok(nj_user_table_apply(&table, &settings, &err), &err);
    assert_int_equal(settings.candidates_max, 3);
    assert_int_equal(settings.exclusions_max, 3);
    nj_user_table_fini(&table);
}

static void texts_are_kept_where_the_prompt_has_a_place(void **state)
{
    nj_user_table table;
    nj_error err = {0};
    static const char TEXT[] = "{\"user\": 1, \"items\": [], \"text\": \"caf\xc3\xa9\\n\"}\n"
                               "{\"user\": 2, \"text\": \"\", \"candidates\": [\"a\"]}\n"
                               "{\"user\": 3, \"text\": \"z\"}\n";
    assert_ok(read_users(*state, NJ_PROMPT_NEEDS_TEXT | NJ_PROMPT_ANSWERS_TEXT, TEXT, &table, &err),
              &err);
    assert_true(nj_slice_equal(nj_user_table_at(&table, 0).text, nj_slice_from("caf\xc3\xa9\n")));
    assert_non_null(nj_user_table_at(&table, 1).text.bytes);
    assert_int_equal(nj_user_table_at(&table, 1).text.size, 0);
    assert_true(nj_slice_equal(nj_user_table_at(&table, 2).text, nj_slice_from("z")));
    assert_candidates(&table, 1, NULL, 0); // who answers in words names no items
    assert_int_equal(table.text_ignored, 0);
    nj_user_table_fini(&table);
}

static void an_empty_text_is_there_where_no_user_says_more(void **state)
{
    nj_user_table table;
    nj_error err = {0};
    assert_ok(read_users(*state, NJ_PROMPT_NEEDS_TEXT | NJ_PROMPT_ANSWERS_TEXT,
                         "{\"user\": 1, \"text\": \"\"}\n{\"user\": 2, \"text\": \"\"}\n", &table,
                         &err),
              &err);
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(nj_user_table_at(&table, i).text.bytes);
        assert_int_equal(nj_user_table_at(&table, i).text.size, 0);
    }
    nj_user_table_fini(&table);
}

static void what_the_prompt_has_a_place_for_must_be_there(void **state)
{
    nj_user_table table;
    nj_error err = {0};
    static const char LACKS[] = "{\"user\": 1, \"text\": \"t\", \"candidates\": []}\n"
                                "{\"user\": \"u\", \"items\": [\"a\"]}\n";
    const uint32_t strings = NJ_PROMPT_ANSWERS_STRINGS;
    assert_refused(
        read_users(*state, strings | NJ_PROMPT_NEEDS_TEXT, LACKS, &table, &err), NJ_INPUT, &err,
        ": line 2: user \"u\" has no \"text\", for which the bundle's prompt has a place");
    assert_refused(read_users(*state, strings | NJ_PROMPT_NEEDS_CANDIDATES, LACKS, &table, &err),
                   NJ_INPUT, &err, ": line 2: user \"u\" has no \"candidates\"");
    assert_ok(read_users(*state, strings, LACKS, &table, &err), &err);
    nj_user_table_fini(&table);
}

static void lists_of_semantic_ids_are_held_to_candidates_too(void **state)
{
    catalogue *c = *state;
    nj_user_table table;
    nj_error err = {0};
    static const uint32_t GIVEN[] = {2, 0, 2};
    assert_ok(read_users(c, NJ_PROMPT_NEEDS_HISTORY, MIXED, &table, &err), &err);
    assert_candidates(&table, 1, GIVEN, 3);
    nj_user_table_fini(&table);
    // Training reads the same file for its histories alone.
    assert_ok(
        nj_user_table_read(&(nj_histories_source){.path = memfile_write(MIXED, sizeof MIXED - 1),
                                                  .format = NJ_HISTORIES_JSONL},
                           &c->items, &c->map, NULL, &table, &err),
        &err);
    assert_candidates(&table, 1, NULL, 0);
    assert_null(nj_user_table_at(&table, 4).text.bytes);
    assert_int_equal(table.cold_count, 2);
    nj_user_table_fini(&table);
}

static void candidates_of_free_text_count_where_they_stand_in_the_prompt(void **state)
{
    nj_user_table table;
    nj_error err = {0};
    static const char TEXT[] = "{\"user\": 1, \"candidates\": [\"b\"]}\n";
    static const uint32_t GIVEN[] = {1};
    assert_ok(read_users(*state, NJ_PROMPT_ANSWERS_TEXT, TEXT, &table, &err), &err);
    assert_candidates(&table, 0, NULL, 0);
    nj_user_table_fini(&table);
    assert_ok(
        read_users(*state, NJ_PROMPT_ANSWERS_TEXT | NJ_PROMPT_NEEDS_CANDIDATES, TEXT, &table, &err),
        &err);
    assert_candidates(&table, 0, GIVEN, 1);
    nj_user_table_fini(&table);
}

static void nobody_is_cold_where_histories_are_not_read(void **state)
{
    nj_error err = {0};
    static const uint32_t NEEDS[] = {NJ_PROMPT_NEEDS_HISTORY | NJ_PROMPT_ANSWERS_STRINGS,
                                     NJ_PROMPT_ANSWERS_STRINGS};
    for (size_t i = 0; i < 2; i++) {
        nj_user_table table;
        nj_settings settings = nj_settings_default();
        assert_ok(read_users(*state, NEEDS[i], MIXED, &table, &err), &err);
        assert_int_equal(table.cold_count, i == 0 ? 2 : 0);
        settings.cold_users = NJ_COLD_SKIP;
        const nj_request none = nj_user_table_at(&table, 3);
        const nj_request some = nj_user_table_at(&table, 0);
        assert_int_equal(nj_user_is_skipped(&table, &none, &settings), i == 0);
        assert_false(nj_user_is_skipped(&table, &some, &settings));
        settings.cold_users = NJ_COLD_FAIL;
        assert_int_equal(nj_user_table_apply(&table, &settings, &err), i == 0 ? NJ_INPUT : NJ_OK);
        nj_user_table_fini(&table);
    }
}

static void a_table_without_a_single_known_item_keeps_empty_lists_of_candidates(void **state)
{
    nj_user_table table;
    nj_error err = {0};
    assert_ok(read_users(*state, NJ_PROMPT_ANSWERS_STRINGS,
                         "{\"user\": 1, \"candidates\": [\"x\"]}\n{\"user\": 2, \"items\": []}\n",
                         &table, &err),
              &err);
    assert_non_null(nj_user_table_at(&table, 0).candidates);
    assert_null(nj_user_table_at(&table, 1).candidates);
    nj_user_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_and_texts_are_kept_in_the_order_given),
        cmocka_unit_test(texts_are_kept_where_the_prompt_has_a_place),
        cmocka_unit_test(an_empty_text_is_there_where_no_user_says_more),
        cmocka_unit_test(what_the_prompt_has_a_place_for_must_be_there),
        cmocka_unit_test(lists_of_semantic_ids_are_held_to_candidates_too),
        cmocka_unit_test(candidates_of_free_text_count_where_they_stand_in_the_prompt),
        cmocka_unit_test(nobody_is_cold_where_histories_are_not_read),
        cmocka_unit_test(a_table_without_a_single_known_item_keeps_empty_lists_of_candidates),
    };
    return cmocka_run_group_tests(tests, open_catalogue, close_catalogue);
}
