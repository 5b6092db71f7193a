// policy_world.h - a synthetic bundle with what policies are about: brands, days, vectors, neighbours, items that nobody had; and a policy
// that is given as the text of its file.
#ifndef NJ_TEST_ENGINE_POLICY_WORLD_H
#define NJ_TEST_ENGINE_POLICY_WORLD_H

#include "common/catalogue/item_sections.h"
#include "common/catalogue/section_names.h"
#include "common/catalogue/view.h"
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"
#include "tests/unit/engine/world.h"

#define POLICY_ITEMS 150
#define POLICY_BRANDS 5
#define POLICY_WIDTH 8
#define POLICY_NEIGHBOURS 6
#define POLICY_TODAY 19000 // 2022-01-08

typedef struct {
    nj_synthetic world;
    nj_catalogue_view catalogue;
    nj_item_sections sections;
    nj_buffer brands, attributes, vectors, neighbours, policy;
    uint32_t brand_of[POLICY_ITEMS];
    int32_t day_of[POLICY_ITEMS];
    uint32_t counts[POLICY_ITEMS];
} policy_world;

// Brands b0 .. b4; every ninth item has none. An item is one day older than the one before. Every eighth stood in no history.
static inline void policy_world_describe(policy_world *w)
{
    nj_error err = {0};
    nj_idlist_builder builder;
    nj_idlist brands;
    nj_idlist_builder_init(&builder);
    for (uint32_t i = 0; i < POLICY_BRANDS; i++) {
        const char name[] = {'b', (char)('0' + i)};
        assert_int_equal(nj_idlist_builder_add(&builder, (nj_slice){name, 2}), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&builder, &w->brands), NJ_OK);
    nj_idlist_builder_fini(&builder);
    assert_ok(nj_idlist_open(w->brands.bytes, w->brands.size, "brands", &brands, &err), &err);
    for (uint32_t i = 0; i < POLICY_ITEMS; i++) {
        w->brand_of[i] = i % 9 == 5 ? NJ_ATTRIBUTE_NONE : (uint32_t)(world_mix(i) % POLICY_BRANDS);
        w->day_of[i] = POLICY_TODAY - (int32_t)i;
        w->counts[i] = i % 8 == 6 ? 0 : 1 + (uint32_t)(world_mix(i + 500) % 40);
    }
    const nj_attribute columns[] = {
        {.name = nj_slice_from("brand"), .values = brands, .of_row = w->brand_of},
        {.name = nj_slice_from("added"), .kind = NJ_ATTRIBUTE_DAYS, .day_of = w->day_of}};
    assert_ok(nj_attributes_write(columns, 2, POLICY_ITEMS, &w->attributes, &err), &err);
}

static inline void policy_world_place(policy_world *w)
{
    nj_error err = {0};
    static float rows[POLICY_ITEMS * POLICY_WIDTH];
    for (uint32_t i = 0; i < POLICY_ITEMS * POLICY_WIDTH; i++) {
        rows[i] = (float)(world_mix(i) % 2001) / 1000.0f - 1.0f;
    }
    const nj_npy npy = {.data = (const uint8_t *)rows,
                        .type = NJ_NPY_F32,
                        .element_bytes = sizeof(float),
                        .dim_count = 2,
                        .shape = {POLICY_ITEMS, POLICY_WIDTH},
                        .path = "vectors"};
    assert_ok(
        nj_item_vectors_write(&npy, &w->catalogue.items, NULL, NJ_VECTORS_F32, &w->vectors, &err),
        &err);
}

static inline void policy_world_join(policy_world *w)
{
    nj_error err = {0};
    static uint64_t offset[POLICY_ITEMS + 1];
    static uint32_t rows[POLICY_ITEMS * POLICY_NEIGHBOURS];
    static float weights[POLICY_ITEMS * POLICY_NEIGHBOURS];
    for (uint32_t i = 0; i < POLICY_ITEMS; i++) {
        for (uint32_t k = 0; k < POLICY_NEIGHBOURS; k++) {
            rows[i * POLICY_NEIGHBOURS + k] = (i + 1 + 17 * k) % POLICY_ITEMS;
            weights[i * POLICY_NEIGHBOURS + k] = 1.0f / (float)(k + 1);
        }
        offset[i + 1] = offset[i] + POLICY_NEIGHBOURS;
    }
    const nj_neighbour_table table = {.row_count = POLICY_ITEMS,
                                      .kind = NJ_NEIGHBOUR_CO_VISITATION,
                                      .edge_count = offset[POLICY_ITEMS],
                                      .offset = offset,
                                      .rows = rows,
                                      .weights = weights};
    assert_ok(nj_neighbour_table_write(&table, &w->neighbours, &err), &err);
}

/// A world without a policy.
static inline void policy_world_make(policy_world *w)
{
    nj_error err = {0};
    const nj_synthetic_shape shape = world_shape(3, 6, POLICY_ITEMS);
    memset(w, 0, sizeof *w);
    nj_buffer *buffers[] = {&w->brands, &w->attributes, &w->vectors, &w->neighbours, &w->policy};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        nj_buffer_init(buffers[i], 1 << 20);
    }
    world_make(&w->world, &shape);
    policy_world_describe(w);
    world_replace(&w->world, NJ_SECTION_COUNTS, w->counts, sizeof w->counts);
    assert_ok(nj_catalogue_view_open(&w->world.sections, &w->catalogue, &err), &err);
    policy_world_place(w);
    policy_world_join(w);
    nj_sections *sections = &w->world.sections;
    nj_sections_put(sections, NJ_SECTION_ATTRIBUTES, w->attributes.bytes, w->attributes.size);
    nj_sections_put(sections, NJ_SECTION_VECTORS, w->vectors.bytes, w->vectors.size);
    nj_sections_put(sections, NJ_SECTION_NEIGHBOURS, w->neighbours.bytes, w->neighbours.size);
    assert_ok(nj_item_sections_open(sections, POLICY_ITEMS, &w->sections, &err), &err);
}

static inline void policy_world_free(policy_world *w)
{
    nj_buffer *buffers[] = {&w->brands, &w->attributes, &w->vectors, &w->neighbours, &w->policy};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        nj_buffer_fini(buffers[i]);
    }
    nj_synthetic_free(&w->world);
}

static inline nj_policy_names policy_world_names(const policy_world *w)
{
    return (nj_policy_names){.attributes = &w->sections.attributes,
                             .items = &w->catalogue.items,
                             .level_count = w->catalogue.sids.level_count,
                             .has_vectors = true,
                             .has_neighbours = true,
                             .has_counts = true,
                             .today = POLICY_TODAY};
}

/// Gives the world the policy of this text; NULL: none. Returns it as it was read.
static inline nj_policy policy_world_set(policy_world *w, const char *text)
{
    nj_error err = {0};
    nj_policy policy = {0};
    nj_sections_remove(&w->world.sections, NJ_SECTION_POLICY);
    if (text != NULL) {
        const nj_policy_names names = policy_world_names(w);
        assert_ok(nj_policy_parse(text, strlen(text), "policy", NULL, 0, &names, &policy, &err),
                  &err);
        nj_buffer_clear(&w->policy);
        assert_ok(nj_policy_pack(&policy, &names, &w->policy, &err), &err);
        nj_sections_put(&w->world.sections, NJ_SECTION_POLICY, w->policy.bytes, w->policy.size);
    }
    return policy;
}

// Every stage at once, but for the search.
#define POLICY_STAGES                                                                              \
    "adjust:\n"                                                                                    \
    "  prefix_prior: {alpha: [0.2, 0.1, -0.1], smoothing: 1}\n"                                    \
    "  boosts:\n"                                                                                  \
    "    - {where: {brand: b1}, times: 2}\n"                                                       \
    "    - {where: {item: 7}, add: -1}\n"                                                          \
    "constraints:\n"                                                                               \
    "  deny:\n"                                                                                    \
    "    - brand: b4\n"                                                                            \
    "  caps:\n"                                                                                    \
    "    - {by: brand, most: 4}\n"                                                                 \
    "    - {by: prefix, levels: 1, most: 5}\n"                                                     \
    "  pins:\n"                                                                                    \
    "    - {item: 149, place: 2}\n"                                                                \
    "  fresh: {column: added, days: 60, until: 2022-01-08, share: 0.3}\n"                          \
    "rerank: {method: mmr, relevance: 0.7, calibration: {by: brand, weight: 0.2}}\n"               \
    "cold: {items: unseen, places: 2, first: 4, least: -1, fading: 0.9, "                          \
    "borrow: {levels: 1, less: 0.5}}\n"                                                            \
    "fill: {widen: true, near: true, popular: true}\n"

#define POLICY_SOURCES                                                                             \
    "  pool: 30\n"                                                                                 \
    "  neighbours: {weight: 1, count: 20, fading: 0.9}\n"                                          \
    "  fusion: {offset: 10}\n"

// One of each search, with every stage.
static const char *const POLICY_ALL[] = {
    "version: 1\ncandidates:\n  search: beam\n" POLICY_SOURCES POLICY_STAGES,
    "version: 1\ncandidates:\n  search: diverse\n  diverse: {groups: 3, penalty: "
    "0.5}\n" POLICY_SOURCES POLICY_STAGES,
    "version: 1\ncandidates:\n  search: stochastic\n"
    "  stochastic: {temperature: 1.5, top_p: 0.9, seed: 4}\n" POLICY_SOURCES POLICY_STAGES,
};
#define POLICY_ALL_COUNT (sizeof POLICY_ALL / sizeof POLICY_ALL[0])

/// The lists of all users by kernels of this name ("ref", "auto").
static inline void policy_world_decode(const policy_world *w, const nj_settings *settings,
                                       uint32_t batch_users, nj_savings savings,
                                       const char *kernels, const world_users *users,
                                       world_lists *out)
{
    nj_engine_options options = world_options(batch_users, world_kernels(kernels));
    options.savings = savings;
    world_decode_with(&w->world, settings, &options, users, out);
}

#endif
