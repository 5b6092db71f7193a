// policy_shelf.h - a small shop for tests of policies: 12 items with SIDs, counts, and three columns of attributes.
//
//   item       i0   i1   i2   i3   i4   i5   i6   i7   i8   i9   i10  i11
//   SID        000  001  010  011  020  021  100  101  110  111  120  121
//   category   Makeup ............................ Nails ........... none none
//   brand      Acme Brown Zen, and again
//   added      2022-01-08, and 10 days before that for each next item; nobody knows of i5
//   counts     12 .. 4, then 0 from i9 on                                          i11 is retired
#ifndef NJ_TEST_POLICY_SHELF_H
#define NJ_TEST_POLICY_SHELF_H

#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/view.h"
#include "common/policy/policy_names.h"

#define SHELF_ITEMS 12
#define SHELF_LEVELS 3
#define SHELF_TODAY 19000 // 2022-01-08

typedef struct {
    nj_buffer blocks[5]; // ids, two lists of values, attributes, trie
    nj_attributes attributes;
    nj_catalogue_view catalogue;
    nj_policy_names names;
    uint16_t codes[SHELF_ITEMS * SHELF_LEVELS];
    uint8_t retired[SHELF_ITEMS];
    uint32_t category_of[SHELF_ITEMS];
    uint32_t brand_of[SHELF_ITEMS];
    int32_t day_of[SHELF_ITEMS];
    uint32_t counts[SHELF_ITEMS];
} policy_shelf;

static inline void shelf_demand(nj_status status, const nj_error *err)
{
    if (status != NJ_OK) {
        fprintf(stderr, "policy_shelf: %s\n", err->text);
        abort();
    }
}

static inline nj_idlist shelf_list(nj_buffer *block, const char *const *words, size_t count)
{
    nj_idlist_builder builder;
    nj_idlist list;
    nj_error err = {0};
    nj_idlist_builder_init(&builder);
    for (size_t i = 0; i < count; i++) {
        shelf_demand(nj_idlist_builder_add(&builder, nj_slice_from(words[i])), &err);
    }
    shelf_demand(nj_idlist_builder_write(&builder, block), &err);
    shelf_demand(nj_idlist_open(block->bytes, block->size, "words", &list, &err), &err);
    nj_idlist_builder_fini(&builder);
    return list;
}

static inline void shelf_fill(policy_shelf *s)
{
    for (uint32_t i = 0; i < SHELF_ITEMS; i++) {
        const uint16_t codes[SHELF_LEVELS] = {(uint16_t)(i / 6), (uint16_t)(i % 6 / 2),
                                              (uint16_t)(i % 2)};
        for (uint32_t l = 0; l < SHELF_LEVELS; l++) {
            s->codes[i * SHELF_LEVELS + l] = codes[l];
        }
        s->category_of[i] = i < 6 ? 0 : i < 10 ? 1 : NJ_ATTRIBUTE_NONE;
        s->brand_of[i] = i % 3;
        s->day_of[i] = i == 5 ? NJ_DAY_NONE : SHELF_TODAY - 10 * (int32_t)i;
        s->counts[i] = i < 9 ? SHELF_ITEMS - i : 0;
    }
    s->retired[SHELF_ITEMS - 1] = 1;
}

static inline void shelf_open(policy_shelf *s)
{
    static const char *const IDS[] = {"i0", "i1", "i2", "i3", "i4",  "i5",
                                      "i6", "i7", "i8", "i9", "i10", "i11"};
    static const char *const CATEGORIES[] = {"Makeup", "Nails"};
    static const char *const BRANDS[] = {"Acme", "Brown", "Zen"};
    nj_error err = {0};
    memset(s, 0, sizeof *s);
    shelf_fill(s);
    for (size_t i = 0; i < sizeof s->blocks / sizeof s->blocks[0]; i++) {
        nj_buffer_init(&s->blocks[i], 1 << 20);
    }
    const nj_attribute columns[] = {
        {.name = nj_slice_from("added"), .kind = NJ_ATTRIBUTE_DAYS, .day_of = s->day_of},
        {.name = nj_slice_from("brand"),
         .values = shelf_list(&s->blocks[1], BRANDS, 3),
         .of_row = s->brand_of},
        {.name = nj_slice_from("category"),
         .values = shelf_list(&s->blocks[2], CATEGORIES, 2),
         .of_row = s->category_of}};
    shelf_demand(nj_attributes_write(columns, 3, SHELF_ITEMS, &s->blocks[3], &err), &err);
    shelf_demand(nj_attributes_open(s->blocks[3].bytes, s->blocks[3].size, SHELF_ITEMS,
                                    &s->attributes, &err),
                 &err);
    s->catalogue.items = shelf_list(&s->blocks[0], IDS, SHELF_ITEMS);
    s->catalogue.sids = (nj_sids){.codes = s->codes,
                                  .row_count = SHELF_ITEMS,
                                  .level_count = SHELF_LEVELS,
                                  .codes_per_level = {2, 3, 2},
                                  .retired = s->retired};
    shelf_demand(nj_trie_build(&s->catalogue.sids, &s->blocks[4], &err), &err);
    shelf_demand(
        nj_trie_open(s->blocks[4].bytes, s->blocks[4].size, SHELF_ITEMS, &s->catalogue.trie, &err),
        &err);
    s->catalogue.counts = s->counts;
    s->names = (nj_policy_names){.attributes = &s->attributes,
                                 .items = &s->catalogue.items,
                                 .level_count = SHELF_LEVELS,
                                 .has_vectors = true,
                                 .has_neighbours = true,
                                 .has_counts = true,
                                 .has_trained_on = true,
                                 .today = SHELF_TODAY};
}

static inline void shelf_close(policy_shelf *s)
{
    for (size_t i = 0; i < sizeof s->blocks / sizeof s->blocks[0]; i++) {
        nj_buffer_fini(&s->blocks[i]);
    }
}

// Every key of the file, and every kind of rule, with what this shop has.
static const char SHELF_POLICY[] =
    "version: 1\n"
    "candidates:\n"
    "  search: diverse\n"
    "  pool: 60\n"
    "  diverse: {groups: 4, penalty: 0.25}\n"
    "  beam: {weight: 2}\n"
    "  neighbours: {weight: 1.5, count: 30, fading: 0.9}\n"
    "  fusion: {offset: 10}\n"
    "adjust:\n"
    "  prefix_prior: {alpha: [0.1, 0, -0.2], smoothing: 2}\n"
    "  boosts:\n"
    "    - {where: {brand: Zen}, times: 2}\n"
    "    - {where: {item: i3}, add: -1.5}\n"
    "constraints:\n"
    "  deny:\n"
    "    - item: i7\n"
    "  caps:\n"
    "    - {by: category, most: 3}\n"
    "    - {by: category, value: Nails, most: 2}\n"
    "    - {by: prefix, levels: 2, most: 1}\n"
    "  pins:\n"
    "    - {item: i8, place: 3}\n"
    "    - {item: i0, place: 1}\n"
    "  fresh: {column: added, days: 30, until: 2022-01-01, share: 0.2}\n"
    "rerank:\n"
    "  method: mmr\n"
    "  alike: prefix\n"
    "  relevance: 0.8\n"
    "  calibration: {by: category, weight: 0.3}\n"
    "cold:\n"
    "  items: added\n"
    "  places: 2\n"
    "  first: 4\n"
    "  least: 0.35\n"
    "  ahead: 0.05\n"
    "  fading: 0.8\n"
    "  borrow: {levels: 2, less: 0.5}\n"
    "fill: {widen: true, near: true, popular: true}\n";

#endif
