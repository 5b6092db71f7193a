// test_study.c - what lists of a few users say, against counts by hand.
#include "coordinator/report/study.h"

#include <math.h>
#include <stdlib.h>

#include "common/codec/row.h"
#include "tests/support/nj_test.h"

#define ITEMS 4u
#define LEVELS 2u

// Items i0 .. i3 with SIDs (0,0) (0,1) (1,0) (1,1); i0 is bought most.
static const uint16_t CODES[ITEMS * LEVELS] = {0, 0, 0, 1, 1, 0, 1, 1};
static const uint32_t COUNTS[ITEMS] = {70, 20, 10, 0};
static const char *const NAMES[ITEMS] = {"i0", "i1", "i2", "i3"};

typedef struct {
    nj_buffer block;
    nj_catalogue_view view;
    nj_idmap map;
    nj_study *study;
} shop;

static int setup(void **state)
{
    nj_error err = {0};
    nj_idlist_builder builder;
    shop *s = calloc(1, sizeof *s);
    assert_non_null(s);
    nj_idlist_builder_init(&builder);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(nj_idlist_builder_add(&builder, nj_slice_from(NAMES[i])), NJ_OK);
    }
    nj_buffer_init(&s->block, 4096);
    assert_int_equal(nj_idlist_builder_write(&builder, &s->block), NJ_OK);
    nj_idlist_builder_fini(&builder);
    assert_ok(nj_idlist_open(s->block.bytes, s->block.size, "items", &s->view.items, &err), &err);
    s->view.sids = (nj_sids){
        .codes = CODES, .row_count = ITEMS, .level_count = LEVELS, .codes_per_level = {2, 2}};
    s->view.counts = COUNTS;
    s->view.trie.item_count = ITEMS;
    nj_idmap_init(&s->map);
    assert_ok(nj_idmap_build(&s->map, &s->view.items, "items", &err), &err);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    shop *s = *state;
    nj_study_free(&s->study);
    nj_idmap_fini(&s->map);
    nj_buffer_fini(&s->block);
    free(s);
    return 0;
}

static void add(nj_study *study, const char *user, const char *const *items, size_t count,
                uint32_t flags)
{
    nj_error err = {0};
    nj_slice slices[8];
    float scores[8];
    const nj_history_digest history = {{0}};
    nj_buffer row;
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        slices[i] = nj_slice_from(items[i]);
        scores[i] = -(float)(i + 1);
    }
    assert_int_equal(nj_row_pack(&row, flags, slices, scores, count, &history), NJ_OK);
    assert_ok(nj_study_add(study, nj_slice_from(user), nj_buffer_slice(&row), &err), &err);
    nj_buffer_fini(&row);
}

static void add_text(nj_study *study, const char *user, const char *text)
{
    nj_error err = {0};
    const nj_history_digest history = {{0}};
    nj_buffer row;
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_pack_more(&row, 0, NULL, NULL, 0, &history,
                                      &(nj_row_more){.text = nj_slice_from(text)}),
                     NJ_OK);
    assert_ok(nj_study_add(study, nj_slice_from(user), nj_buffer_slice(&row), &err), &err);
    nj_buffer_fini(&row);
}

static double number(const json_t *object, const char *path_a, const char *path_b)
{
    const json_t *value = json_object_get(object, path_a);
    value = path_b != NULL ? json_object_get(value, path_b) : value;
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void answers_in_words_are_no_empty_lists(void **state)
{
    shop *s = *state;
    nj_error err = {0};
    json_t *told = NULL;
    const nj_study_catalogue catalogue = {&s->view, &s->map};
    assert_ok(nj_study_new(8, &catalogue, NULL, &s->study, &err), &err);
    add_text(s->study, "a", "4.5");
    add_text(s->study, "b", "");
    add(s->study, "c", NULL, 0, NJ_ROW_COLD);
    assert_ok(nj_study_json(s->study, 1, 3, &told, &err), &err);
    assert_int_equal(number(told, "lengths", "empty"), 1);
    assert_int_equal(number(told, "lengths", "texts"), 2);
    json_decref(told);
}

static void lists_are_told_as_counts_by_hand_say(void **state)
{
    shop *s = *state;
    nj_error err = {0};
    json_t *told = NULL;
    const nj_study_catalogue catalogue = {&s->view, &s->map};
    assert_ok(nj_study_new(8, &catalogue, NULL, &s->study, &err), &err);
    add(s->study, "a", (const char *const[]){"i0", "i1"}, 2, 0);
    add(s->study, "b", (const char *const[]){"i0", "i2"}, 2, NJ_ROW_WIDENED);
    add(s->study, "c", NULL, 0, NJ_ROW_COLD);
    assert_ok(nj_study_add(s->study, nj_slice_from("d"), nj_slice_from("no row"), &err), &err);
    assert_ok(nj_study_json(s->study, 1, 4, &told, &err), &err);

    assert_int_equal(number(told, "rule", "users"), 3);
    assert_int_equal(number(told, "rule", "unread"), 1);
    assert_int_equal(number(told, "lengths", "empty"), 1);
    assert_int_equal(number(told, "flags", "cold"), 1);
    assert_int_equal(number(told, "flags", "widened"), 1);
    assert_int_equal(number(told, "exposure", "places"), 4);
    assert_int_equal(number(told, "exposure", "distinct"), 3);
    assert_true(fabs(number(told, "exposure", "coverage") - 0.75) < 1e-9);
    assert_true(fabs(number(told, "popularity", "mean_events") - (70 + 20 + 70 + 10) / 4.0) < 1e-9);
    assert_true(fabs(number(told, "variety", "first_codes") - 1.5) < 1e-9); // 1 of a, 2 of b
    assert_true(json_is_null(json_object_get(told, "overlap")));

    const json_t *most =
        json_array_get(json_object_get(json_object_get(told, "exposure"), "most"), 0);
    assert_string_equal(json_string_value(json_object_get(most, "item")), "i0");
    assert_int_equal(number(most, "lists", NULL), 2);

    // The item that is recommended most has half of the places; the next one a quarter.
    const json_t *curve = json_object_get(json_object_get(told, "exposure"), "curve");
    const size_t points = json_array_size(curve) - 1;
    assert_true(fabs(json_number_value(json_array_get(curve, points))) - 1 < 1e-9);
    assert_true(fabs(json_number_value(json_array_get(curve, points / 2)) - 0.75) < 1e-9);

    // Half of the items, by popularity: i0 and i1 have 90 of 100 events and 3 of 4 places.
    const json_t *heads = json_object_get(json_object_get(told, "popularity"), "heads");
    const json_t *half = json_array_get(heads, json_array_size(heads) - 1);
    assert_true(fabs(number(half, "events", NULL) - 0.9) < 1e-9);
    assert_true(fabs(number(half, "places", NULL) - 0.75) < 1e-9);

    // Level 1: code 0 has i0, i1 (3 places), code 1 has i2, i3 (1 place).
    const json_t *level = json_array_get(json_object_get(told, "codes"), 0);
    const double entropy = -(0.75 * log2(0.75) + 0.25 * log2(0.25));
    assert_true(fabs(number(level, "recommended", "perplexity") - exp2(entropy)) < 1e-9);
    assert_true(fabs(number(level, "catalogue", "perplexity") - 2) < 1e-9);
    json_decref(told);
}

static void without_a_catalogue_items_are_told_apart_all_the_same(void **state)
{
    shop *s = *state;
    nj_error err = {0};
    json_t *told = NULL;
    assert_ok(nj_study_new(2, NULL, NULL, &s->study, &err), &err);
    add(s->study, "a", (const char *const[]){"7", "007"}, 2, 0);
    add(s->study, "b", (const char *const[]){"7", "8"}, 2, 0);
    assert_ok(nj_study_json(s->study, 1, 2, &told, &err), &err);
    assert_int_equal(number(told, "exposure", "distinct"), 3);
    assert_true(json_is_null(json_object_get(json_object_get(told, "exposure"), "coverage")));
    assert_true(json_is_null(json_object_get(told, "codes")));
    assert_true(fabs(number(told, "variety", "between_users") - 0.5) < 1e-9);
    json_decref(told);
}

static void lists_of_nobody_are_told_too(void **state)
{
    shop *s = *state;
    nj_error err = {0};
    json_t *told = NULL;
    const nj_study_catalogue catalogue = {&s->view, &s->map};
    assert_ok(nj_study_new(0, &catalogue, NULL, &s->study, &err), &err);
    assert_ok(nj_study_json(s->study, 1, 0, &told, &err), &err);
    assert_true(json_is_null(json_object_get(told, "scores")));
    assert_int_equal(number(told, "exposure", "distinct"), 0);
    json_decref(told);
}

static void the_sample_is_bounded_and_small_nights_are_read_whole(void **state)
{
    (void)state;
    assert_int_equal(nj_study_step(0), 1);
    assert_int_equal(nj_study_step(NJ_STUDY_USERS_LEAST), 1);
    assert_int_equal(nj_study_step(NJ_STUDY_USERS_LEAST + 1), 2);
    assert_int_equal(nj_study_step(100000), NJ_STUDY_SHARE);
    assert_int_equal(nj_study_step(100000000), 5000);
    for (uint64_t users = 1; users < 200000; users += 977) {
        const uint64_t step = nj_study_step(users);
        const uint64_t read = users > step / 2 ? (users - step / 2 + step - 1) / step : 0;
        assert_true(read <= NJ_STUDY_USERS_MAX && read <= users / step + 1);
        assert_true(read > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_are_told_as_counts_by_hand_say, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_in_words_are_no_empty_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_catalogue_items_are_told_apart_all_the_same,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(lists_of_nobody_are_told_too, setup, teardown),
        cmocka_unit_test(the_sample_is_bounded_and_small_nights_are_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
