// test_carry_row.c - which items of an earlier night's row are shown tonight, and what stands in their place.
#include "coordinator/carry_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/row_scan.h"
#include "tests/support/nj_test.h"

#define ITEMS 10

// The catalogue's items are "0".."8" and "nine"; item 8 is retired.
typedef struct {
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    uint64_t live_bits;
    nj_live_rows live;
    nj_mask mask;
    uint64_t mask_bits;
    nj_masks masks;
    nj_carry_rules rules;
    nj_carry_scratch *scratch;
    nj_row_more more;
    uint32_t flags;
    uint32_t age;
    nj_buffer old, out;
    nj_carried about;
    nj_row row; // carried
} world;

static world w;

static int open_world(void **state)
{
    static const char *const IDS[ITEMS] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "nine"};
    nj_error err = {0};
    (void)state;
    w = (world){0};
    nj_idlist_builder_init(&w.ids);
    nj_buffer_init(&w.block, 1 << 20);
    nj_buffer_init(&w.old, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&w.out, NJ_ROW_BYTES_MAX);
    nj_idmap_init(&w.map);
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(nj_idlist_builder_add(&w.ids, nj_slice_from(IDS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&w.ids, &w.block), NJ_OK);
    assert_ok(nj_idlist_open(w.block.bytes, w.block.size, "items", &w.items, &err), &err);
    assert_ok(nj_idmap_build(&w.map, &w.items, "items", &err), &err);
    w.live_bits = 0x2ff;
    w.live = (nj_live_rows){&w.live_bits, ITEMS, ITEMS - 1};
    w.rules = (nj_carry_rules){&w.items, &w.map, &w.live, &w.masks, 3, false};
    w.scratch = nj_carry_scratch_new();
    assert_non_null(w.scratch);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    nj_carry_scratch_free(&w.scratch);
    nj_buffer_fini(&w.out);
    nj_buffer_fini(&w.old);
    nj_idmap_fini(&w.map);
    nj_buffer_fini(&w.block);
    nj_idlist_builder_fini(&w.ids);
    return 0;
}

// "1 2 nine | 4 5": list and reserve.
static size_t split(char *text, nj_slice *out)
{
    size_t count = 0;
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        out[count++] = nj_slice_from(word);
    }
    return count;
}

static nj_status carry(const char *list, const nj_request *user)
{
    static const nj_history_digest HISTORY = {{7, 7}};
    static char text[2][200];
    nj_slice items[20];
    nj_slice reserve[20];
    float scores[20];
    nj_error err = {0};
    const char *bar = strchr(list, '|');
    snprintf(text[0], sizeof text[0], "%.*s",
             (int)(bar != NULL ? (size_t)(bar - list) : strlen(list)), list);
    snprintf(text[1], sizeof text[1], "%s", bar != NULL ? bar + 1 : "");
    const size_t count = split(text[0], items);
    for (size_t i = 0; i < count; i++) {
        scores[i] = -1.0f - (float)i;
    }
    w.more.reserve_count = split(text[1], reserve);
    w.more.reserve = w.more.reserve_count > 0 ? reserve : NULL;
    nj_buffer packed;
    nj_buffer_init(&packed, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_pack_more(&packed, w.flags, items, scores, count, &HISTORY, &w.more),
                     NJ_OK);
    nj_buffer_clear(&w.old);
    nj_buffer_clear(&w.out);
    assert_int_equal(w.age > 0 ? nj_row_copy(&w.old, nj_buffer_slice(&packed), w.flags, w.age)
                               : nj_buffer_append(&w.old, packed.bytes, packed.size),
                     NJ_OK);
    nj_buffer_fini(&packed);
    nj_status status =
        nj_carry_row(&w.rules, user, nj_buffer_slice(&w.old), w.scratch, &w.out, &w.about, &err);
    if (status == NJ_OK) {
        assert_ok(nj_row_unpack(nj_buffer_slice(&w.out), &w.row, &err), &err);
        assert_memory_equal(w.row.history.bytes, HISTORY.bytes, sizeof HISTORY.bytes);
        assert_true((w.row.flags & NJ_ROW_CARRIED) != 0);
        assert_int_equal(w.row.age, w.age + 1);
        nj_row_scan scan; // the form that the coordinator and its readers walk
        assert_true(nj_row_scan_open(nj_buffer_slice(&w.out), &scan));
    }
    return status;
}

static void assert_row(const char *expected, bool is_short)
{
    char text[300] = "";
    for (size_t i = 0; i < w.row.count + w.row.reserve_count; i++) {
        const nj_slice id = i < w.row.count ? w.row.items[i] : w.row.reserve[i - w.row.count];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s ",
                 i == w.row.count ? "| " : "", NJ_SLICE_ARGS(id));
    }
    assert_string_equal(text, expected);
    assert_int_equal((w.row.flags & NJ_ROW_SHORT) != 0, is_short);
}

static void a_row_that_may_still_be_shown_stands_as_it_was(void **state)
{
    (void)state;
    const nj_request user = {.user = nj_slice_from("u")};
    assert_int_equal(carry("1 nine 3", &user), NJ_OK);
    assert_row("1 nine 3 ", false);
    assert_true(w.row.scores[0] == -1 && w.row.scores[2] == -3);
    assert_int_equal(w.about.dropped + w.about.refilled, 0);
}

static void what_may_not_be_shown_tonight_goes_and_the_reserve_takes_its_place(void **state)
{
    (void)state;
    const uint32_t bought[] = {1};
    const uint32_t never[] = {4};
    const nj_request user = {.user = nj_slice_from("u"),
                             .items = bought,
                             .item_count = 1,
                             .exclude = never,
                             .exclude_count = 1};
    assert_int_equal(carry("1 2 3 | 4 nine 5", &user), NJ_OK); // bought; excluded
    assert_row("2 3 nine | 5 ", false);
    assert_true(w.row.scores[1] == -3 && w.row.scores[2] == -3); // of the last item that was there
    assert_int_equal(w.about.dropped, 1);
    assert_int_equal(w.about.refilled, 1);

    w.rules.keep_history = true;
    assert_int_equal(carry("1 2 3 | 4 nine 5", &user), NJ_OK);
    assert_row("1 2 3 | nine 5 ", false);

    assert_int_equal(carry("8 2 gone | 8 gone2", &user), NJ_OK); // retired; not in the catalogue
    assert_row("2 ", true);
    assert_int_equal(w.about.dropped, 2);
}

static void masks_and_candidates_are_those_of_tonight(void **state)
{
    (void)state;
    const uint32_t candidates[] = {2, 5, 6};
    nj_request user = {.user = nj_slice_from("u")};
    w.mask = (nj_mask){.item_count = 4, .narrows = 1};
    w.mask_bits = 1u << 2 | 1u << 3 | 1u << 5 | 1u << 9;
    w.masks = (nj_masks){.count = 1, .words = 1, .masks = &w.mask, .bits = &w.mask_bits};
    assert_int_equal(carry("1 2 3 | 4 5 nine", &user), NJ_OK);
    assert_row("2 3 5 | nine ", false);
    user.candidates = candidates;
    user.candidate_count = 3;
    assert_int_equal(carry("1 2 3 | 4 5 6 nine", &user), NJ_OK);
    assert_row("2 5 ", true);
}

static void a_shorter_top_cuts_and_a_longer_one_is_short(void **state)
{
    (void)state;
    const nj_request user = {.user = nj_slice_from("u")};
    w.rules.top = 2;
    assert_int_equal(carry("1 2 3", &user), NJ_OK);
    assert_row("1 2 ", false);
    assert_int_equal(carry("1 2 3 | 4", &user), NJ_OK); // best first
    assert_row("1 2 | 3 4 ", false);
    w.rules.top = 6;
    assert_int_equal(carry("1 2 3 | 4", &user), NJ_OK);
    assert_row("1 2 3 4 ", true);
}

static void flags_ages_and_what_stands_behind_the_list(void **state)
{
    (void)state;
    const uint32_t bought[] = {1};
    const uint32_t trace[] = {3, 9};
    const nj_why why[] = {{.raw = -1}, {.source = NJ_SOURCE_PIN, .raw = -2}, {.raw = -3}};
    const nj_request user = {.user = nj_slice_from("u"), .items = bought, .item_count = 1};
    w.flags = NJ_ROW_COPIED | NJ_ROW_SHORT | NJ_ROW_UNKNOWN;
    w.age = 4;
    w.more = (nj_row_more){.trace = trace, .trace_count = 2, .why = why};
    assert_int_equal(carry("1 2 3 | 4", &user), NJ_OK);
    assert_row("2 3 4 ", false);
    assert_int_equal(w.row.flags, NJ_ROW_UNKNOWN | NJ_ROW_CARRIED);
    nj_row_scan scan;
    assert_true(nj_row_scan_open(nj_buffer_slice(&w.out), &scan));
    assert_null(scan.trace);
    nj_slice told = w.row.why;
    nj_why item;
    assert_true(nj_why_next(&told, &item) && item.source == NJ_SOURCE_PIN);
    assert_true(nj_why_next(&told, &item) && item.raw == -3);
    assert_true(nj_why_next(&told, &item) && item.source == NJ_SOURCE_RESERVE);

    w.flags = NJ_ROW_CARRIED; // for the second night in a row
    w.age = NJ_ROW_AGE_MAX;
    w.more = (nj_row_more){0};
    assert_int_equal(carry("2", &user), NJ_NOT_FOUND);
}

static void a_text_is_carried_as_it_is_and_an_empty_list_is_short(void **state)
{
    (void)state;
    const nj_request user = {.user = nj_slice_from("u")};
    w.more.text = nj_slice_from("an answer");
    assert_int_equal(carry("", &user), NJ_OK);
    assert_row("", false);
    assert_true(nj_slice_equal(w.row.text, nj_slice_from("an answer")));
    w.more = (nj_row_more){0};
    assert_int_equal(carry("8", &user), NJ_OK);
    assert_row("", true);
}

static void bytes_that_are_no_row_are_refused(void **state)
{
    (void)state;
    const nj_request user = {.user = nj_slice_from("u")};
    nj_error err = {0};
    assert_int_equal(carry("1 2 3 | 4 5", &user), NJ_OK);
    for (size_t size = 0; size < w.old.size; size++) {
        nj_buffer_clear(&w.out);
        assert_int_equal(nj_carry_row(&w.rules, &user, (nj_slice){(char *)w.old.bytes, size},
                                      w.scratch, &w.out, &w.about, &err),
                         NJ_INPUT);
        assert_int_equal(w.out.size, 0);
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_row_that_may_still_be_shown_stands_as_it_was),
        IN_WORLD(what_may_not_be_shown_tonight_goes_and_the_reserve_takes_its_place),
        IN_WORLD(masks_and_candidates_are_those_of_tonight),
        IN_WORLD(a_shorter_top_cuts_and_a_longer_one_is_short),
        IN_WORLD(flags_ages_and_what_stands_behind_the_list),
        IN_WORLD(a_text_is_carried_as_it_is_and_an_empty_list_is_short),
        IN_WORLD(bytes_that_are_no_row_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
