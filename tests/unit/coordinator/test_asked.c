// test_asked.c - candidates and texts of users in the plan, and in what is let through of a worker's results.
#include <stdio.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/codec/shard.h"
#include "coordinator/daemon/result_check.h"
#include "coordinator/plan.h"
#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

#define ITEMS 6
#define STRINGS (NJ_PROMPT_NEEDS_HISTORY | NJ_PROMPT_ANSWERS_STRINGS)
#define WORDS (NJ_PROMPT_NEEDS_HISTORY | NJ_PROMPT_NEEDS_TEXT | NJ_PROMPT_ANSWERS_TEXT)
#define WORDS_ASKED (STRINGS | NJ_PROMPT_NEEDS_TEXT)

static const nj_masks NO_MASKS;

// The catalogue's items are "0".."4" and "five".
typedef struct {
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    nj_user_table users;
    nj_plan plan;
} world;

static void open_world(world *w, uint32_t needs, const char *text, size_t size)
{
    static const char *const IDS[ITEMS] = {"0", "1", "2", "3", "4", "five"};
    const nj_user_rules rules = {.masks = &NO_MASKS, .needs = needs};
    nj_settings settings = nj_settings_default();
    nj_error err = {0};
    *w = (world){0};
    nj_idlist_builder_init(&w->ids);
    nj_buffer_init(&w->block, 1 << 20);
    nj_idmap_init(&w->map);
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(nj_idlist_builder_add(&w->ids, nj_slice_from(IDS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&w->ids, &w->block), NJ_OK);
    assert_ok(nj_idlist_open(w->block.bytes, w->block.size, "items", &w->items, &err), &err);
    assert_ok(nj_idmap_build(&w->map, &w->items, "items", &err), &err);
    assert_ok(nj_user_table_read(&(nj_histories_source){.path = memfile_write(text, size),
                                                        .format = NJ_HISTORIES_JSONL},
                                 &w->items, &w->map, &rules, &w->users, &err),
              &err);
    assert_ok(
        nj_plan_make(&w->users, &settings, &(nj_digest){{1}}, NULL, 1024, 1024, &w->plan, &err),
        &err);
}

static void close_world(world *w)
{
    nj_plan_fini(&w->plan);
    nj_user_table_fini(&w->users);
    nj_idmap_fini(&w->map);
    nj_buffer_fini(&w->block);
    nj_idlist_builder_fini(&w->ids);
}

static void the_plan_changes_with_every_candidate_and_text(void **state)
{
    (void)state;
    static const char *const ASKED[] = {
        "\"text\": \"\"",
        "\"text\": \"t\"",
        "\"text\": \"tt\"",
        "\"text\": \"\", \"candidates\": []",
        "\"text\": \"\", \"candidates\": [1]",
        "\"text\": \"\", \"candidates\": [1, 2]",
        "\"text\": \"\", \"candidates\": [2, 1]",
        "\"text\": \"t\", \"candidates\": [2, 1]",
    };
    enum { COUNT = sizeof ASKED / sizeof ASKED[0] };
    nj_digest digests[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        char line[256];
        world w;
        const int size =
            snprintf(line, sizeof line, "{\"user\": 1, \"items\": [0], %s}\n", ASKED[i]);
        open_world(&w, WORDS_ASKED, line, (size_t)size);
        digests[i] = w.plan.digest;
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(&digests[i], &digests[k], sizeof digests[i]);
        }
        close_world(&w);
    }
}

// As many users, each with as long a text: their shards, and their answers', fit a message.
static void check_shards(uint32_t needs, size_t text_bytes, size_t users_most)
{
    nj_buffer lines;
    nj_buffer packed;
    world w;
    nj_buffer_init(&lines, 1u << 26);
    nj_buffer_init(&packed, NJ_SHARD_BYTES_MAX);
    for (int i = 0; i < 1500; i++) {
        assert_int_equal(nj_buffer_printf(&lines,
                                          "{\"user\": %d, \"candidates\": [0, 1], \"text\": "
                                          "\"%0*d\"}\n",
                                          i, (int)text_bytes, 0),
                         NJ_OK);
    }
    open_world(&w, needs, (const char *)lines.bytes, lines.size);
    for (size_t s = 0; s < w.plan.shard_count; s++) {
        const size_t count = nj_plan_shard_users(&w.plan, s);
        assert_in_range(count, 1, users_most);
        nj_buffer_clear(&packed);
        for (size_t i = 0; i < count; i++) {
            const nj_request request = nj_plan_request(&w.plan, s, i);
            assert_int_equal(nj_users_pack(&request, 1, &packed), NJ_OK);
        }
        assert_in_range(packed.size, 1, NJ_PLAN_SHARD_BYTES_MAX);
    }
    assert_int_equal(nj_plan_shard_users(&w.plan, 0), users_most);
    close_world(&w);
    nj_buffer_fini(&lines);
    nj_buffer_fini(&packed);
}

static void long_texts_and_answers_in_words_close_a_shard_early(void **state)
{
    (void)state;
    check_shards(WORDS_ASKED, 1, 1024);
    check_shards(WORDS_ASKED, NJ_REQUEST_TEXT_BYTES_MAX,
                 510); // 8 MiB of texts and what goes with them
    check_shards(WORDS, 1, NJ_PLAN_SHARD_BYTES_MAX / NJ_ROW_TEXT_BYTES_MAX);
}

// ---- results ----

typedef struct {
    const char *const *ids;
    size_t count;
    const char *text; // NULL: none
    const char *const *reserve;
    size_t reserve_count;
    uint32_t reserve_most; // that the night asks for
    bool is_unusual;       // with a field more than this version knows
} judged;

static void append_unusual(nj_buffer *row)
{
    static const char TAIL[] = "\x90\x01"; // an empty reserve, and what there is not yet
    const bool has_reserve = row->bytes[0] == 0x9a;
    row->bytes[0] = 0x9b;
    assert_int_equal(nj_buffer_append(row, TAIL + has_reserve, 2u - has_reserve), NJ_OK);
}

// What is wrong with such a row as user 0's; NULL: nothing.
static const char *judge(const world *w, const judged *j)
{
    nj_error err = {0};
    nj_result_check check;
    nj_buffer row;
    nj_buffer rows;
    nj_slice items[ITEMS];
    nj_slice reserve[ITEMS];
    static const float SCORES[ITEMS];
    nj_row_more more = {.reserve = j->reserve_count > 0 ? reserve : NULL,
                        .reserve_count = j->reserve_count};
    const nj_request request = nj_plan_request(&w->plan, 0, 0);
    const nj_history_digest history = nj_request_digest(&w->items, &request, NULL);
    nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&rows, NJ_ROW_BYTES_MAX);
    for (size_t i = 0; i < j->count; i++) {
        items[i] = nj_slice_from(j->ids[i]);
    }
    for (size_t i = 0; i < j->reserve_count; i++) {
        reserve[i] = nj_slice_from(j->reserve[i]);
    }
    if (j->text != NULL) {
        more.text = nj_slice_from(j->text);
    }
    assert_int_equal(nj_row_pack_more(&row, 0, items, SCORES, j->count, &history, &more), NJ_OK);
    if (j->is_unusual && (j->text != NULL || j->reserve_count > 0)) {
        append_unusual(&row);
    }
    assert_int_equal(nj_rows_begin(&rows, 1), NJ_OK);
    assert_int_equal(nj_rows_add(&rows, nj_buffer_slice(&row)), NJ_OK);
    assert_ok(
        nj_result_check_init(&check, &w->plan, &w->items, &w->map, &NO_MASKS, NULL, ITEMS, &err),
        &err);
    check.reserve = j->reserve_most;
    const nj_message_result result = {.row_count = 1, .rows = nj_buffer_slice(&rows)};
    const nj_piece_range piece = {.shard = 0, .first = 0, .count = 1};
    const char *problem = nj_result_problem(&check, &result, &piece);
    nj_result_check_fini(&check);
    nj_buffer_fini(&row);
    nj_buffer_fini(&rows);
    return problem;
}

static const char *judge_row(const world *w, const char *const *ids, size_t count, const char *text,
                             bool is_unusual)
{
    return judge(w, &(judged){.ids = ids, .count = count, .text = text, .is_unusual = is_unusual});
}

static void a_list_with_an_item_that_is_no_candidate_is_refused(void **state)
{
    (void)state;
    static const char CANDIDATES[] =
        "{\"user\": 1, \"items\": [0], \"candidates\": [3, \"x\", \"five\", 1]}\n";
    static const char NONE[] = "{\"user\": 1, \"items\": [0], \"candidates\": [\"x\"]}\n";
    static const char ALL[] = "{\"user\": 1, \"items\": [0]}\n";
    static const char *const GOOD[] = {"1", "five", "3"};
    static const char *const BAD[] = {"1", "2"};
    world w;
    open_world(&w, STRINGS, CANDIDATES, sizeof CANDIDATES - 1);
    assert_null(judge_row(&w, GOOD, 3, NULL, false));
    assert_string_equal(judge_row(&w, BAD, 2, NULL, false),
                        "a list has an item that its user must not get");
    close_world(&w);
    open_world(&w, STRINGS, NONE, sizeof NONE - 1);
    assert_null(judge_row(&w, NULL, 0, NULL, false));
    assert_non_null(judge_row(&w, GOOD, 1, NULL, false));
    close_world(&w);
    open_world(&w, STRINGS, ALL, sizeof ALL - 1);
    assert_null(judge_row(&w, BAD, 2, NULL, false));
    close_world(&w);
}

// A list of "1" and "five" with such a reserve; a night of --reserve 3.
static const char *judge_reserve(const world *w, const char *const *ids, size_t count,
                                 bool is_unusual)
{
    static const char *const LISTED[] = {"1", "five"};
    return judge(w, &(judged){.ids = LISTED,
                              .count = 2,
                              .reserve = ids,
                              .reserve_count = count,
                              .reserve_most = 3,
                              .is_unusual = is_unusual});
}

static void a_reserve_is_of_other_items_that_the_user_may_get(void **state)
{
    (void)state;
    static const char CANDIDATES[] =
        "{\"user\": 1, \"items\": [0], \"candidates\": [3, \"five\", 1, 2, 0]}\n";
    static const char *const GOOD[] = {"2", "3", "0"};
    static const char *const LISTED[] = {"2", "1"};
    static const char *const LISTED_TEXT[] = {"five"};
    static const char *const TWICE[] = {"2", "2"};
    static const char *const UNKNOWN[] = {"2", "7000"};
    static const char *const CLOSED[] = {"2", "4"};
    static const char *const LONG[] = {"2", "3", "0", "4"};
    static const char LISTED_PROBLEM[] =
        "a list's reserve has an item that is listed, or the same item twice";
    world w;
    open_world(&w, STRINGS, CANDIDATES, sizeof CANDIDATES - 1);
    for (int unusual = 0; unusual < 2; unusual++) {
        for (size_t count = 0; count <= 3; count++) {
            assert_null(judge_reserve(&w, GOOD, count, unusual != 0));
        }
        assert_string_equal(judge_reserve(&w, LISTED, 2, unusual != 0), LISTED_PROBLEM);
        assert_string_equal(judge_reserve(&w, LISTED_TEXT, 1, unusual != 0), LISTED_PROBLEM);
        assert_string_equal(judge_reserve(&w, TWICE, 2, unusual != 0), LISTED_PROBLEM);
        assert_string_equal(judge_reserve(&w, UNKNOWN, 2, unusual != 0),
                            "a list has an item that is not in the catalogue, or is retired");
        assert_string_equal(judge_reserve(&w, CLOSED, 2, unusual != 0),
                            "a list has an item that its user must not get");
        assert_string_equal(judge_reserve(&w, LONG, 4, unusual != 0),
                            "a list's reserve is longer than --reserve");
        assert_string_equal(
            judge(&w, &(judged){.reserve = GOOD, .reserve_count = 1, .is_unusual = unusual != 0}),
            "a list's reserve is longer than --reserve");
    }
    close_world(&w);
}

// A number that came as text is the same item.
static void a_listed_number_is_no_reserve_as_text(void **state)
{
    (void)state;
    static const char ALL[] = "{\"user\": 1, \"items\": [0]}\n";
    world w;
    nj_error err = {0};
    nj_result_check check;
    open_world(&w, STRINGS, ALL, sizeof ALL - 1);
    const nj_request request = nj_plan_request(&w.plan, 0, 0);
    const nj_history_digest history = nj_request_digest(&w.items, &request, NULL);
    // one item, 1, and a reserve of the text "1"
    uint8_t row[] = {0x9a, 1, 0, 0x91, 1, 0x91, 0xca, 0, 0,    0,    0,    0xc4, 8,    0,
                     0,    0, 0, 0,    0, 0,    0,    0, 0xc0, 0xc0, 0xc0, 0x91, 0xa1, '1'};
    memcpy(row + 13, history.bytes, sizeof history.bytes);
    nj_buffer rows;
    nj_buffer_init(&rows, 4096);
    assert_int_equal(nj_rows_begin(&rows, 1), NJ_OK);
    assert_int_equal(nj_rows_add(&rows, (nj_slice){(const char *)row, sizeof row}), NJ_OK);
    assert_ok(nj_result_check_init(&check, &w.plan, &w.items, &w.map, &NO_MASKS, NULL, ITEMS, &err),
              &err);
    check.reserve = 3;
    const nj_message_result result = {.row_count = 1, .rows = nj_buffer_slice(&rows)};
    assert_string_equal(nj_result_problem(&check, &result, &(nj_piece_range){.count = 1}),
                        "a list's reserve has an item that is listed, or the same item twice");
    nj_result_check_fini(&check);
    nj_buffer_fini(&rows);
    close_world(&w);
}

// ---- damaged rows ----

#define DAMAGES 40000

static bool is_open(const nj_plan *plan, const world *w, nj_slice id)
{
    const nj_request request = nj_plan_request(plan, 0, 0);
    const size_t row = nj_idmap_find(&w->map, id, nj_idmap_at_list, &w->items);
    bool open = false;
    for (uint32_t i = 0; i < request.candidate_count; i++) {
        open = open || request.candidates[i] == row;
    }
    return open;
}

// The rules, said plainly of what unpacking reads.
static void check_let_through(const world *w, nj_slice bytes, uint32_t reserve_most)
{
    static nj_row row;
    nj_error err = {0};
    assert_ok(nj_row_unpack(bytes, &row, &err), &err);
    assert_true(row.count <= ITEMS && row.reserve_count <= reserve_most);
    for (size_t i = 0; i < row.count; i++) {
        assert_true(is_open(&w->plan, w, row.items[i]));
    }
    for (size_t i = 0; i < row.reserve_count; i++) {
        assert_true(is_open(&w->plan, w, row.reserve[i]));
        for (size_t k = 0; k < row.count; k++) {
            assert_false(nj_slice_equal(row.reserve[i], row.items[k]));
        }
        for (size_t k = 0; k < i; k++) {
            assert_false(nj_slice_equal(row.reserve[i], row.reserve[k]));
        }
    }
}

static void pack_with_reserve(const world *w, nj_buffer *out)
{
    static const float SCORES[] = {-1, -2};
    const nj_slice items[] = {nj_slice_from("1"), nj_slice_from("five")};
    const nj_slice reserve[] = {nj_slice_from("2"), nj_slice_from("0"), nj_slice_from("3")};
    const nj_request request = nj_plan_request(&w->plan, 0, 0);
    const nj_history_digest history = nj_request_digest(&w->items, &request, NULL);
    nj_buffer_init(out, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_row_pack_more(out, 0, items, SCORES, 2, &history,
                                      &(nj_row_more){.reserve = reserve, .reserve_count = 3}),
                     NJ_OK);
}

// Up to three bytes behind the digest, most of them of the reserve, become others, some of them small numbers and heads.
static void damage(nj_buffer *row, size_t first, uint64_t *drawn)
{
    static const uint8_t HEADS[] = {0,    1,    2,    3,    4,    0x90, 0x91, 0x92, 0x93, 0x94,
                                    0xa1, 0xa4, 0xc0, 0xcc, 0xcd, 0xd9, 0xdc, '1',  '2',  'f'};
    for (uint64_t changes = 1 + nj_rng_next(drawn) % 3; changes > 0; changes--) {
        const size_t from = nj_rng_next(drawn) % 4 == 0 ? 3 : first;
        const size_t at = from + (size_t)(nj_rng_next(drawn) % (row->size - from));
        row->bytes[at] = nj_rng_next(drawn) % 4 == 0 ? (uint8_t)nj_rng_next(drawn)
                                                     : HEADS[nj_rng_next(drawn) % sizeof HEADS];
    }
}

static void what_is_let_through_of_damaged_rows_keeps_the_rules(void **state)
{
    (void)state;
    static const char CANDIDATES[] =
        "{\"user\": 1, \"items\": [0], \"candidates\": [3, \"five\", 1, 2, 0]}\n";
    nj_error err = {0};
    nj_result_check check;
    world w;
    nj_buffer good;
    nj_buffer bad;
    nj_buffer rows;
    uint64_t drawn = 11;
    unsigned passed = 0;
    open_world(&w, STRINGS, CANDIDATES, sizeof CANDIDATES - 1);
    pack_with_reserve(&w, &good);
    nj_buffer_init(&bad, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&rows, NJ_ROW_BYTES_MAX);
    assert_ok(nj_result_check_init(&check, &w.plan, &w.items, &w.map, &NO_MASKS, NULL, ITEMS, &err),
              &err);
    check.reserve = 3;
    for (unsigned i = 0; i < DAMAGES; i++) {
        nj_buffer_clear(&bad);
        nj_buffer_clear(&rows);
        assert_int_equal(nj_buffer_append(&bad, good.bytes, good.size), NJ_OK);
        damage(&bad, good.size - 8, &drawn);
        bad.size -= nj_rng_next(&drawn) % 16 == 0;
        assert_int_equal(nj_rows_begin(&rows, 1), NJ_OK);
        assert_int_equal(nj_rows_add(&rows, nj_buffer_slice(&bad)), NJ_OK);
        const nj_message_result result = {.row_count = 1, .rows = nj_buffer_slice(&rows)};
        if (nj_result_problem(&check, &result, &(nj_piece_range){.count = 1}) == NULL) {
            check_let_through(&w, nj_buffer_slice(&bad), check.reserve);
            passed++;
        }
    }
    assert_in_range(passed, DAMAGES / 100, DAMAGES / 2);
    nj_result_check_fini(&check);
    nj_buffer_fini(&good);
    nj_buffer_fini(&bad);
    nj_buffer_fini(&rows);
    close_world(&w);
}

static void a_text_has_no_reserve(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"user\": 1, \"items\": [0], \"text\": \"how good?\"}\n";
    static const char *const ID[] = {"1"};
    world w;
    open_world(&w, WORDS, TEXT, sizeof TEXT - 1);
    for (int unusual = 0; unusual < 2; unusual++) {
        assert_string_equal(judge(&w, &(judged){.text = "4.5",
                                                .reserve = ID,
                                                .reserve_count = 1,
                                                .reserve_most = 3,
                                                .is_unusual = unusual != 0}),
                            "a row has items, where the bundle's prompt asks for a text");
    }
    close_world(&w);
}

static void a_users_candidates_are_nobody_elses(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"user\": 1, \"candidates\": [0]}\n"
                               "{\"user\": 2, \"candidates\": [1]}\n";
    static const float SCORE = -1;
    const nj_slice item = nj_slice_from("0");
    nj_error err = {0};
    nj_result_check check;
    nj_buffer rows;
    world w;
    open_world(&w, NJ_PROMPT_ANSWERS_STRINGS, TEXT, sizeof TEXT - 1);
    nj_buffer_init(&rows, NJ_ROW_BYTES_MAX);
    assert_int_equal(nj_rows_begin(&rows, 2), NJ_OK);
    for (uint32_t i = 0; i < 2; i++) {
        nj_buffer row;
        const nj_request request = nj_plan_request(&w.plan, 0, i);
        const nj_history_digest history = nj_request_digest(&w.items, &request, NULL);
        nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
        assert_int_equal(nj_row_pack(&row, 0, &item, &SCORE, 1, &history), NJ_OK);
        assert_int_equal(nj_rows_add(&rows, nj_buffer_slice(&row)), NJ_OK);
        nj_buffer_fini(&row);
    }
    assert_ok(nj_result_check_init(&check, &w.plan, &w.items, &w.map, &NO_MASKS, NULL, ITEMS, &err),
              &err);
    const nj_message_result result = {.row_count = 2, .rows = nj_buffer_slice(&rows)};
    assert_string_equal(nj_result_problem(&check, &result, &(nj_piece_range){.count = 2}),
                        "a list has an item that its user must not get");
    nj_result_check_fini(&check);
    nj_buffer_fini(&rows);
    close_world(&w);
}

static void a_text_is_let_through_where_one_is_asked_for(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"user\": 1, \"items\": [0], \"text\": \"how good?\"}\n";
    static const char *const ID[] = {"1"};
    world w;
    for (int unusual = 0; unusual < 2; unusual++) {
        open_world(&w, WORDS, TEXT, sizeof TEXT - 1);
        assert_null(judge_row(&w, NULL, 0, "4.5", unusual != 0));
        assert_string_equal(judge_row(&w, ID, 1, "4.5", unusual != 0),
                            "a row has items, where the bundle's prompt asks for a text");
        close_world(&w);
        open_world(&w, STRINGS, TEXT, sizeof TEXT - 1);
        assert_null(judge_row(&w, NULL, 0, NULL, unusual != 0));
        assert_string_equal(judge_row(&w, NULL, 0, "4.5", unusual != 0),
                            "a row has a text, which the bundle's prompt does not ask for");
        close_world(&w);
    }
}

static void a_message_has_room_for_the_longest_texts(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"user\": 1, \"items\": [0], \"text\": \"how good?\"}\n";
    size_t bytes[2];
    for (int words = 0; words < 2; words++) {
        nj_error err = {0};
        nj_result_check check;
        world w;
        open_world(&w, words != 0 ? WORDS : STRINGS, TEXT, sizeof TEXT - 1);
        assert_ok(
            nj_result_check_init(&check, &w.plan, &w.items, &w.map, &NO_MASKS, NULL, ITEMS, &err),
            &err);
        bytes[words] = nj_result_bytes_max(&check);
        nj_result_check_fini(&check);
        close_world(&w);
    }
    assert_int_equal(bytes[1] - bytes[0], NJ_ROW_TEXT_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_changes_with_every_candidate_and_text),
        cmocka_unit_test(long_texts_and_answers_in_words_close_a_shard_early),
        cmocka_unit_test(a_list_with_an_item_that_is_no_candidate_is_refused),
        cmocka_unit_test(a_reserve_is_of_other_items_that_the_user_may_get),
        cmocka_unit_test(a_listed_number_is_no_reserve_as_text),
        cmocka_unit_test(a_text_has_no_reserve),
        cmocka_unit_test(what_is_let_through_of_damaged_rows_keeps_the_rules),
        cmocka_unit_test(a_users_candidates_are_nobody_elses),
        cmocka_unit_test(a_text_is_let_through_where_one_is_asked_for),
        cmocka_unit_test(a_message_has_room_for_the_longest_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
