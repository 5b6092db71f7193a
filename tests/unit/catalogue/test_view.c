// test_view.c - the catalogue's sections as typed views: what opens is what was written, what does not belong together is refused.
//
// Sections that are cut or flipped are in tests/unit/engine/test_engine_hostile.c, where what opens is also decoded.
#include "common/catalogue/view.h"

#include "common/catalogue/tokens.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"

#define ITEMS 5
#define LEVELS 3

// Items 1 and 3 share a SID; 4 is retired. Levels of 5, 3 and 300 codes.
static const uint16_t CODES[ITEMS * LEVELS] = {4, 0,      299, /**/ 0, 2,      7, /**/ 4, 1,
                                               0, /**/ 0, 2,   7,      /**/ 1, 1, 1};
static const uint8_t RETIRED[ITEMS] = {0, 0, 0, 0, 1};
static const char *const IDS[ITEMS] = {"a", "b", "7", "007", "é"};
static const uint32_t COUNTS[ITEMS] = {3, 0, 1, 4294967295u, 9};

typedef struct {
    nj_sids sids;
    nj_template template;
    nj_buffer facts;
    nj_buffer items;
    nj_buffer trie;
    nj_sections sections;
} world;

static void put_section(world *w, const char *name, const void *bytes, size_t size)
{
    nj_section *section = (nj_section *)(uintptr_t)nj_sections_find(&w->sections, name);
    if (section == NULL) {
        section = &w->sections.sections[w->sections.count++];
        strcpy(section->name, name);
    }
    section->bytes = bytes;
    section->size = size;
}

static void write_facts(world *w, uint32_t token_base, uint32_t history_max)
{
    nj_buffer_clear(&w->facts);
    assert_int_equal(
        nj_catalogue_section_write(&w->sids, token_base, &w->template, history_max, &w->facts),
        NJ_OK);
    put_section(w, "catalogue", w->facts.bytes, w->facts.size);
}

static void write_facts_text(world *w, const char *text)
{
    nj_buffer_clear(&w->facts);
    assert_int_equal(nj_buffer_printf(&w->facts, "%s", text), NJ_OK);
    put_section(w, "catalogue", w->facts.bytes, w->facts.size);
}

static void write_items(world *w, size_t count)
{
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    nj_buffer_clear(&w->items);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(nj_idlist_builder_add(&builder, nj_slice_from(IDS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&builder, &w->items), NJ_OK);
    nj_idlist_builder_fini(&builder);
    put_section(w, "items", w->items.bytes, w->items.size);
}

static void write_trie(world *w, const nj_sids *sids)
{
    nj_error err = {0};
    nj_buffer_clear(&w->trie);
    assert_ok(nj_trie_build(sids, &w->trie, &err), &err);
    put_section(w, "trie", w->trie.bytes, w->trie.size);
}

static void make_world(world *w)
{
    *w = (world){.sids = {CODES, ITEMS, LEVELS, {5, 3, 300}, RETIRED},
                 .template = {.before = {1},
                              .before_count = 1,
                              .after = {0, 2},
                              .after_count = 2,
                              .user_token_base = 400,
                              .user_token_count = 50}};
    nj_buffer_init(&w->facts, 1 << 20);
    nj_buffer_init(&w->items, 1 << 20);
    nj_buffer_init(&w->trie, 1 << 20);
    write_facts(w, 10, 1234);
    write_items(w, ITEMS);
    write_trie(w, &w->sids);
    put_section(w, "sids", CODES, sizeof CODES);
    put_section(w, "counts", COUNTS, sizeof COUNTS);
}

static void free_world(world *w)
{
    nj_buffer_fini(&w->facts);
    nj_buffer_fini(&w->items);
    nj_buffer_fini(&w->trie);
}

static void assert_view_refused(const world *w, const char *says)
{
    nj_error err = {0};
    nj_catalogue_view view = {.history_max = 77};
    assert_refused(nj_catalogue_view_open(&w->sections, &view, &err), NJ_INPUT, &err, says);
    assert_int_equal(view.history_max, 77);
}

static void a_view_shows_what_was_written(void **state)
{
    (void)state;
    world w;
    nj_catalogue_view view;
    nj_error err = {0};
    make_world(&w);
    assert_ok(nj_catalogue_view_open(&w.sections, &view, &err), &err);
    assert_int_equal(view.sids.row_count, ITEMS);
    assert_int_equal(view.sids.level_count, LEVELS);
    assert_memory_equal(view.sids.codes_per_level, ((uint32_t[]){5, 3, 300}), 12);
    assert_ptr_equal(view.sids.codes, CODES);
    assert_memory_equal(view.token_base, ((uint32_t[]){10, 15, 18}), 12);
    assert_int_equal(view.history_max, 1234);
    assert_memory_equal(&view.template, &w.template, sizeof w.template);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_true(nj_slice_equal(nj_idlist_at(&view.items, i), nj_slice_from(IDS[i])));
    }
    assert_int_equal(view.trie.item_count, 4);
    assert_int_equal(view.trie.node_count[LEVELS], 3);
    assert_ptr_equal(view.counts, COUNTS);
    nj_token_table tokens = nj_catalogue_view_tokens(&view);
    assert_ptr_equal(tokens.codes, CODES);
    assert_ptr_equal(tokens.level_token_base, view.token_base);
    assert_int_equal(tokens.level_count, LEVELS);
    free_world(&w);
}

static void counts_are_optional_and_every_other_section_is_not(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"catalogue", "items", "sids", "trie", "counts"};
    world w;
    nj_catalogue_view view;
    nj_error err = {0};
    for (size_t i = 0; i < 5; i++) {
        char says[48];
        make_world(&w);
        ((nj_section *)(uintptr_t)nj_sections_find(&w.sections, NAMES[i]))->name[0] = '-';
        if (i == 4) {
            assert_ok(nj_catalogue_view_open(&w.sections, &view, &err), &err);
            assert_null(view.counts);
        } else {
            snprintf(says, sizeof says, "the bundle has no \"%s\" section", NAMES[i]);
            assert_view_refused(&w, says);
        }
        free_world(&w);
    }
}

static void sections_of_other_sizes_are_refused_with_both_numbers(void **state)
{
    (void)state;
    world w;
    make_world(&w);
    put_section(&w, "sids", CODES, sizeof CODES - 2);
    assert_view_refused(&w, "section \"sids\" has 28 bytes, 5 items of 3 levels need 30");
    put_section(&w, "sids", CODES, sizeof CODES);
    put_section(&w, "counts", COUNTS, sizeof COUNTS - 4);
    assert_view_refused(&w, "section \"counts\" has 16 bytes, 5 items need 20");
    put_section(&w, "counts", COUNTS, 0);
    assert_view_refused(&w, "section \"counts\" has 0 bytes, 5 items need 20");
    put_section(&w, "counts", COUNTS, sizeof COUNTS);
    write_items(&w, ITEMS - 1);
    assert_view_refused(&w, "section \"items\" has 4 ids, section \"catalogue\" says 5");
    free_world(&w);
}

static void codes_beyond_their_level_are_refused_with_row_and_level(void **state)
{
    (void)state;
    world w;
    make_world(&w);
    uint16_t codes[ITEMS * LEVELS];
    memcpy(codes, CODES, sizeof codes);
    codes[2 * LEVELS + 1] = 3;
    put_section(&w, "sids", codes, sizeof codes);
    assert_view_refused(&w, "section \"sids\": row 2, level 1: code 3, the level has 3 codes");
    free_world(&w);
}

static void a_trie_must_be_of_the_same_levels_and_lead_each_item_where_its_sid_leads(void **state)
{
    (void)state;
    world w;
    nj_catalogue_view view;
    nj_error err = {0};
    uint16_t codes[ITEMS * LEVELS];
    memcpy(codes, CODES, sizeof codes);
    make_world(&w);
    nj_sids other = {codes, ITEMS, LEVELS, {5, 3, 300}, NULL};
    write_trie(&w, &other);
    assert_ok(nj_catalogue_view_open(&w.sections, &view, &err), &err); // nothing is retired
    other.codes_per_level[2] = 301;
    write_trie(&w, &other);
    assert_view_refused(
        &w, "section \"trie\" has 301 codes on level 2, section \"catalogue\" says 300");
    other = (nj_sids){codes, ITEMS, 2, {5, 300}, NULL};
    memset(codes, 0, sizeof codes);
    write_trie(&w, &other);
    assert_view_refused(&w, "section \"trie\" has 2 levels, section \"catalogue\" says 3");

    // One code of one item, on each level in turn; then two items exchanged.
    other = (nj_sids){codes, ITEMS, LEVELS, {5, 3, 300}, NULL};
    for (size_t l = 0; l < LEVELS; l++) {
        memcpy(codes, CODES, sizeof codes);
        codes[2 * LEVELS + l] = 2;
        write_trie(&w, &other);
        assert_view_refused(&w, "section \"trie\": row 2 stands in leaf");
    }
    memcpy(codes, CODES, sizeof codes);
    memcpy(codes, CODES + 2 * LEVELS, 2 * LEVELS);
    memcpy(codes + 2 * LEVELS, CODES, 2 * LEVELS);
    write_trie(&w, &other);
    assert_view_refused(&w, "its SID leads elsewhere");
    free_world(&w);
}

static void the_facts_are_refused_by_key_and_number(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        {"", "section \"catalogue\""},
        {"[]", "section \"catalogue\": not a JSON object"},
        {"{}", "section \"catalogue\": \"version\" is missing"},
        {"{\"version\": 2, \"items\": 5, \"token_base\": 10, \"history_max\": 5, "
         "\"codes_per_level\": [5, 3, 300]}",
         "version 2, this program reads 1"},
        {"{\"version\": 1, \"items\": 0, \"token_base\": 10, \"history_max\": 5, "
         "\"codes_per_level\": [5, 3, 300]}",
         "\"items\" is 0, must be 1 to"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": -1, \"history_max\": 5, "
         "\"codes_per_level\": [5, 3, 300]}",
         "\"token_base\" is -1"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": 10, \"history_max\": 100001, "
         "\"codes_per_level\": [5, 3, 300]}",
         "\"history_max\" is 100001, must be 1 to 100000"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": 10, \"history_max\": 5, "
         "\"codes_per_level\": []}",
         "not a list of 1 to 8 numbers"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": 10, \"history_max\": 5}",
         "not a list of 1 to 8 numbers"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": 10, \"history_max\": 5, "
         "\"codes_per_level\": [5, 1, 300]}",
         "level 1 has 1 codes, must be 2 to 65536"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": 10, \"history_max\": 5, "
         "\"codes_per_level\": [5, 3.0, 300]}",
         "level 1 has 0 codes"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": 2147483000, \"history_max\": 5, "
         "\"codes_per_level\": [5, 3, 65536]}",
         "section \"catalogue\": tokens of level 2 end at 2147548543, the highest token is "
         "2147483647"},
        {"{\"version\": 1, \"items\": 5, \"token_base\": 10, \"history_max\": 5, "
         "\"codes_per_level\": [5, 3, 300], \"template\": {\"after\": 1}}",
         "section \"catalogue\": \"template\""},
    };
    world w;
    nj_catalogue_view view;
    nj_error err = {0};
    make_world(&w);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        write_facts_text(&w, BAD[i][0]);
        assert_view_refused(&w, BAD[i][1]);
    }
    // What a later version adds is ignored; a missing template is empty.
    write_facts_text(&w, "{\"version\": 1, \"items\": 5, \"token_base\": 10, \"history_max\": 5, "
                         "\"codes_per_level\": [5, 3, 300], \"new\": {}}");
    assert_ok(nj_catalogue_view_open(&w.sections, &view, &err), &err);
    assert_int_equal(
        view.template.before_count + view.template.after_count + view.template.user_token_count, 0);
    free_world(&w);
}

static void token_bases_follow_each_other_up_to_the_highest_token(void **state)
{
    (void)state;
    nj_error err = {0};
    uint32_t bases[NJ_LEVELS_MAX];
    nj_sids sids = {NULL, 0, 2, {65536, 65536}, NULL};
    assert_ok(nj_level_token_bases(&sids, NJ_TOKEN_MAX - 131071, "test", bases, &err), &err);
    assert_int_equal(bases[1], NJ_TOKEN_MAX - 65535);
    assert_refused(nj_level_token_bases(&sids, NJ_TOKEN_MAX - 131070, "test", bases, &err),
                   NJ_INPUT, &err, "test: tokens of level 1 end at 2147483648");
    assert_refused(nj_level_token_bases(&sids, UINT32_MAX, "test", bases, &err), NJ_INPUT, &err,
                   "test: tokens of level 0 end at");
}

static void a_vocabulary_must_hold_the_items_tokens_and_the_templates(void **state)
{
    (void)state;
    world w;
    nj_catalogue_view view;
    nj_error err = {0};
    make_world(&w);
    assert_ok(nj_catalogue_view_open(&w.sections, &view, &err), &err);
    // Items reach 18 + 299 = 317, user tokens 449.
    assert_ok(nj_catalogue_view_check_vocabulary(&view, 450, &err), &err);
    assert_refused(nj_catalogue_view_check_vocabulary(&view, 449, &err), NJ_CONFIG, &err,
                   "template has token 449; the model has 449 tokens");
    assert_refused(nj_catalogue_view_check_vocabulary(&view, 317, &err), NJ_CONFIG, &err,
                   "token 317; the model has 317 tokens");
    w.template = (nj_template){0};
    write_facts(&w, 10, 1234);
    assert_ok(nj_catalogue_view_open(&w.sections, &view, &err), &err);
    assert_ok(nj_catalogue_view_check_vocabulary(&view, 318, &err), &err);
    // Codes that no item has do not count: the last level could have 65536.
    w.sids.codes_per_level[2] = 65536;
    write_facts(&w, 10, 1234);
    write_trie(&w, &w.sids);
    assert_ok(nj_catalogue_view_open(&w.sections, &view, &err), &err);
    assert_ok(nj_catalogue_view_check_vocabulary(&view, 318, &err), &err);
    free_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_shows_what_was_written),
        cmocka_unit_test(counts_are_optional_and_every_other_section_is_not),
        cmocka_unit_test(sections_of_other_sizes_are_refused_with_both_numbers),
        cmocka_unit_test(codes_beyond_their_level_are_refused_with_row_and_level),
        cmocka_unit_test(a_trie_must_be_of_the_same_levels_and_lead_each_item_where_its_sid_leads),
        cmocka_unit_test(the_facts_are_refused_by_key_and_number),
        cmocka_unit_test(token_bases_follow_each_other_up_to_the_highest_token),
        cmocka_unit_test(a_vocabulary_must_hold_the_items_tokens_and_the_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
