// test_engine_hostile.c - sections from outside: missing, cut, grown, flipped, swapped, absurd; and models whose numbers overflow.
//
// What opens must decode without a fault; what is refused names its section.
#include "tests/unit/engine/world.h"

#include <float.h>

#include "common/base/checked.h"
#include "common/sid/trie_build.h"

#define LEVELS 2
#define CODES 4
#define ITEMS 12

static const char *const REQUIRED[] = {"catalogue", "items", "model", "sids", "trie", "weights"};
#define REQUIRED_COUNT (sizeof REQUIRED / sizeof *REQUIRED)

static nj_synthetic_shape tiny_shape(void)
{
    return (nj_synthetic_shape){.D = 4,
                                .H = 1,
                                .E = 3,
                                .F = 5,
                                .encoder_layers = 1,
                                .decoder_layers = 1,
                                .L = LEVELS,
                                .K = CODES,
                                .item_count = ITEMS,
                                .seed = 11};
}

// Every index that a list can hold is looked up in the bundle's own arrays.
static nj_status visit_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    const nj_engine *engine = context;
    (void)index;
    (void)err;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t levels;
        assert_true(list->items[i] < nj_engine_item_count(engine));
        assert_true(nj_engine_item_id(engine, list->items[i]).size > 0);
        assert_non_null(nj_engine_item_sid(engine, list->items[i], &levels));
        assert_true(isfinite(list->scores[i]));
    }
    return NJ_OK;
}

// Opens and, if that goes well, decodes three users. A model that was made to overflow may fail there.
static nj_status try_world(const nj_synthetic *world, nj_error *err)
{
    static const uint32_t ROWS[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const nj_request requests[] = {
        {.user = nj_slice_from("a"), .items = ROWS, .item_count = 3},
        {.user = nj_slice_from("b"), .items = NULL, .item_count = 0},
        {.user = nj_slice_from("c"), .items = ROWS + 1, .item_count = 11},
    };
    nj_settings settings = nj_settings_default();
    settings.beam = 2;
    settings.top = 3;
    settings.history_items_max = settings.exclusions_max = 12;
    nj_engine *engine = NULL;
    *err = (nj_error){0};
    nj_engine_options options = nj_engine_options_default(world_kernels("auto"));
    options.batch_users = 2;
    nj_status status = nj_engine_open(&world->sections, &settings, &options, &engine, err);
    if (status != NJ_OK) {
        assert_null(engine);
        assert_true(err->text[0] != '\0');
        return status;
    }
    nj_status decoded = nj_engine_decode(engine, requests, 3, visit_list, engine, err);
    assert_true(decoded == NJ_OK || decoded == NJ_FAILED);
    nj_engine_close(&engine);
    return NJ_OK;
}

// Exactly `size` bytes, so that the sanitizer sees any byte read behind them; aligned as a bundle's sections are.
static uint8_t *copy_bytes(const void *bytes, size_t size, size_t room)
{
    void *copy = NULL;
    assert_int_equal(posix_memalign(&copy, 64, nj_max_size(room, 1)), 0);
    memset(copy, 0, nj_max_size(room, 1));
    memcpy(copy, bytes, nj_min_size(size, room));
    return copy;
}

// ---- missing, cut, grown ----

static void a_missing_section_is_named(void **state)
{
    (void)state;
    nj_synthetic_shape shape = tiny_shape();
    nj_error err;
    for (size_t i = 0; i < REQUIRED_COUNT; i++) {
        nj_synthetic world;
        char quoted[40];
        world_make(&world, &shape);
        world_remove(&world, REQUIRED[i]);
        snprintf(quoted, sizeof quoted, "no \"%s\" section", REQUIRED[i]);
        assert_refused(try_world(&world, &err), NJ_INPUT, &err, quoted);
        nj_synthetic_free(&world);
    }
    nj_synthetic world;
    world_make(&world, &shape);
    world_remove(&world, "counts");
    assert_ok(try_world(&world, &err), &err);
    world.sections.count = 0;
    assert_int_equal(try_world(&world, &err), NJ_INPUT);
    nj_synthetic_free(&world);
}

static void check_size(nj_synthetic *world, const char *name, const void *bytes, size_t size,
                       size_t room)
{
    nj_error err;
    uint8_t *copy = copy_bytes(bytes, size, room);
    world_replace(world, name, copy, room);
    assert_refused(try_world(world, &err), NJ_INPUT, &err, name);
    free(copy);
}

static void a_section_of_any_other_size_is_refused_by_name(void **state)
{
    (void)state;
    nj_synthetic_shape shape = tiny_shape();
    nj_synthetic world;
    nj_error err;
    world_make(&world, &shape);
    for (size_t s = 0; s < world.sections.count; s++) {
        const nj_section whole = world.sections.sections[s];
        // Cuts in the weights' data all look alike.
        size_t step = strcmp(whole.name, "weights") == 0 ? 7 : 1;
        for (size_t size = 0; size < whole.size; size += step) {
            check_size(&world, whole.name, whole.bytes, size, size);
        }
        for (size_t more = 1; more <= 16; more++) {
            check_size(&world, whole.name, whole.bytes, whole.size, whole.size + more);
        }
        world_replace(&world, whole.name, whole.bytes, whole.size);
    }
    assert_ok(try_world(&world, &err), &err);
    nj_synthetic_free(&world);
}

static void every_flipped_bit_is_refused_or_decodes_without_a_fault(void **state)
{
    (void)state;
    nj_synthetic_shape shape = tiny_shape();
    nj_synthetic world;
    nj_error err;
    world_make(&world, &shape);
    size_t refused = 0;
    for (size_t s = 0; s < world.sections.count; s++) {
        const nj_section whole = world.sections.sections[s];
        uint8_t *copy = copy_bytes(whole.bytes, whole.size, whole.size);
        world_replace(&world, whole.name, copy, whole.size);
        // The weights' data is large: every 13th bit of it meets every bit of a float sooner or later.
        bool is_weights = strcmp(whole.name, "weights") == 0;
        for (size_t bit = 0; bit < whole.size * 8; bit += is_weights && bit > 20000 ? 13 : 1) {
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            nj_status status = try_world(&world, &err);
            assert_true(status == NJ_OK || status == NJ_INPUT || status == NJ_CONFIG);
            refused += status != NJ_OK;
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        world_replace(&world, whole.name, whole.bytes, whole.size);
        free(copy);
    }
    assert_true(refused > 5000);
    nj_synthetic_free(&world);
}

// ---- sections that do not belong together ----

static void replace_trie(nj_synthetic *world, const nj_sids *sids, nj_buffer *bytes)
{
    nj_error err = {0};
    nj_buffer_clear(bytes);
    assert_ok(nj_trie_build(sids, bytes, &err), &err);
    world_replace(world, "trie", bytes->bytes, bytes->size);
}

static void a_trie_of_other_items_levels_or_codes_is_refused(void **state)
{
    (void)state;
    nj_synthetic_shape shape = tiny_shape();
    nj_synthetic world;
    nj_error err;
    nj_buffer bytes;
    uint16_t codes[ITEMS * 3];
    world_make(&world, &shape);
    nj_buffer_init(&bytes, 1 << 20);
    memcpy(codes, world_section(&world, "sids")->bytes, sizeof(uint16_t) * ITEMS * LEVELS);
    nj_sids sids = {codes, ITEMS, LEVELS, {CODES, CODES}, NULL};

    replace_trie(&world, &sids, &bytes);
    assert_ok(try_world(&world, &err), &err);
    sids.row_count = ITEMS - 1;
    replace_trie(&world, &sids, &bytes);
    assert_ok(try_world(&world, &err), &err); // the last item is retired

    sids.row_count = ITEMS;
    codes[0] = (uint16_t)((codes[0] + 1) % CODES);
    replace_trie(&world, &sids, &bytes);
    assert_refused(try_world(&world, &err), NJ_INPUT, &err, "\"trie\"");
    memset(codes, 0, sizeof codes);
    sids = (nj_sids){codes, ITEMS, 3, {CODES, CODES, CODES}, NULL};
    replace_trie(&world, &sids, &bytes);
    assert_refused(try_world(&world, &err), NJ_INPUT, &err, "\"trie\" has 3 levels");
    sids = (nj_sids){codes, ITEMS, LEVELS, {CODES, CODES + 1}, NULL};
    replace_trie(&world, &sids, &bytes);
    assert_refused(try_world(&world, &err), NJ_INPUT, &err, "\"trie\" has 5 codes on level 1");
    nj_buffer_fini(&bytes);
    nj_synthetic_free(&world);
}

// Rewrites part of a JSON section.
static void edit_json(nj_synthetic *world, const char *name, const char *from, const char *to,
                      nj_buffer *out)
{
    const nj_section *section = world_section(world, name);
    char text[2048];
    assert_true(section->size < sizeof text);
    memcpy(text, section->bytes, section->size);
    text[section->size] = '\0';
    char *at = strstr(text, from);
    if (at == NULL) {
        fail_msg("%s has no %s", text, from);
        return;
    }
    nj_buffer_clear(out);
    assert_int_equal(
        nj_buffer_printf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), NJ_OK);
    world_replace(world, name, out->bytes, out->size);
}

// The model's vocabulary ends where the items' codes end, the trie's codes lie far behind: no score may be read there.
static void a_trie_whose_codes_lie_beyond_the_vocabulary_is_refused(void **state)
{
    (void)state;
    nj_synthetic_shape shape = tiny_shape();
    nj_synthetic world;
    nj_error err;
    nj_buffer bytes;
    nj_buffer json;
    uint16_t codes[ITEMS * LEVELS];
    world_make(&world, &shape);
    nj_buffer_init(&bytes, 1 << 20);
    nj_buffer_init(&json, 1 << 20);
    edit_json(&world, "catalogue", "[4, 4]", "[4, 65536]", &json);
    memcpy(codes, world_section(&world, "sids")->bytes, sizeof codes);
    nj_sids sids = {codes, ITEMS, LEVELS, {CODES, 65536}, NULL};
    replace_trie(&world, &sids, &bytes);
    assert_ok(try_world(&world, &err), &err); // unused codes may lie beyond
    codes[1] = 65535;
    replace_trie(&world, &sids, &bytes);
    assert_refused(try_world(&world, &err), NJ_INPUT, &err, "\"trie\"");
    world_replace(&world, "sids", codes, sizeof codes);
    assert_refused(try_world(&world, &err), NJ_CONFIG, &err, "65541");
    nj_buffer_fini(&json);
    nj_buffer_fini(&bytes);
    nj_synthetic_free(&world);
}

static void weights_of_another_model_are_refused_by_tensor_and_shape(void **state)
{
    (void)state;
    nj_synthetic_shape shape = tiny_shape();
    nj_synthetic world;
    nj_synthetic other;
    nj_error err;
    world_make(&world, &shape);
    static const size_t FIELDS[] = {
        offsetof(nj_synthetic_shape, D),
        offsetof(nj_synthetic_shape, E),
        offsetof(nj_synthetic_shape, F),
        offsetof(nj_synthetic_shape, K),
    };
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        nj_synthetic_shape wider = shape;
        uint32_t *field = (uint32_t *)(void *)((uint8_t *)&wider + FIELDS[i]);
        ++*field;
        world_make(&other, &wider);
        world_replace(&world, "weights", other.weights.bytes, other.weights.size);
        assert_refused(try_world(&world, &err), NJ_INPUT, &err, "section \"weights\": tensor");
        nj_synthetic_free(&other);
    }
    nj_synthetic_shape deeper = shape;
    deeper.decoder_layers = 2;
    world_make(&other, &deeper);
    world_replace(&other, "weights", world.weights.bytes, world.weights.size);
    assert_refused(try_world(&other, &err), NJ_INPUT, &err, "decoder.block.1");
    nj_synthetic_free(&other);
    nj_synthetic_free(&world);
}

static void weights_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    static const float BAD[] = {NAN, INFINITY, -INFINITY};
    nj_synthetic_shape shape = tiny_shape();
    nj_synthetic world;
    nj_error err;
    size_t count;
    world_make(&world, &shape);
    float *values = world_tensor(&world, "encoder.final_layer_norm.weight", &count);
    for (size_t i = 0; i < 3; i++) {
        values[3] = BAD[i];
        assert_refused(try_world(&world, &err), NJ_INPUT, &err, "element 3 of 4 is not finite");
    }
    nj_synthetic_free(&world);
}

// ---- absurd numbers ----

typedef struct {
    const char *section;
    const char *from;
    const char *to;
    nj_status status;
    const char *says;
} edit;

static const edit EDITS[] = {
    {"catalogue", "\"version\": 1", "\"version\": 2", NJ_INPUT, "section \"catalogue\": version 2"},
    {"catalogue", "\"version\": 1", "\"version\": 1e0", NJ_INPUT, "whole number"},
    {"catalogue", "\"version\": 1, ", "", NJ_INPUT,
     "section \"catalogue\": \"version\" is missing"},
    {"catalogue", "\"items\": 12", "\"items\": 0", NJ_INPUT, "\"items\" is 0"},
    {"catalogue", "\"items\": 12", "\"items\": -1", NJ_INPUT, "\"items\" is -1"},
    {"catalogue", "\"items\": 12", "\"items\": 4294967308", NJ_INPUT, "\"items\" is 4294967308"},
    {"catalogue", "\"items\": 12", "\"items\": 2147483647", NJ_INPUT, "\"sids\" has 48 bytes"},
    {"catalogue", "\"items\": 12", "\"items\": 99999999999999999999", NJ_INPUT, "\"catalogue\""},
    {"catalogue", "\"items\": 12", "\"items\": 11", NJ_INPUT, "\"sids\" has 48 bytes"},
    {"catalogue", "\"items\": 12", "\"items\": \"12\"", NJ_INPUT,
     "\"items\" is not a whole number"},
    {"catalogue", "\"token_base\": 2", "\"token_base\": -2", NJ_INPUT, "\"token_base\" is -2"},
    {"catalogue", "\"token_base\": 2", "\"token_base\": 2147483647", NJ_INPUT,
     "section \"catalogue\""},
    {"catalogue", "\"token_base\": 2", "\"token_base\": 2147483640", NJ_CONFIG, "the model has 10"},
    {"catalogue", "\"token_base\": 2", "\"token_base\": 9", NJ_CONFIG, "the model has 10"},
    {"catalogue", "\"history_max\": 100000", "\"history_max\": 0", NJ_INPUT,
     "\"history_max\" is 0"},
    {"catalogue", "\"history_max\": 100000", "\"history_max\": 100001", NJ_INPUT,
     "\"history_max\""},
    {"catalogue", "[4, 4]", "[]", NJ_INPUT, "\"codes_per_level\""},
    {"catalogue", "[4, 4]", "[4, 4, 4, 4, 4, 4, 4, 4, 4]", NJ_INPUT, "\"codes_per_level\""},
    {"catalogue", "[4, 4]", "4", NJ_INPUT, "\"codes_per_level\""},
    {"catalogue", "[4, 4]", "[4, 65537]", NJ_INPUT, "section \"catalogue\": level 1 has 65537"},
    {"catalogue", "[4, 4]", "[4, 4294967300]", NJ_INPUT, "level 1 has 4294967300 codes"},
    {"catalogue", "[4, 4]", "[4, 1]", NJ_INPUT, "section \"catalogue\": level 1 has 1 codes"},
    {"catalogue", "[4, 4]", "[4, 2]", NJ_INPUT, "section \"sids\": row"},
    {"catalogue", "[4, 4]", "[4, null]", NJ_INPUT, "section \"catalogue\": level 1"},
    {"catalogue", "[4, 4]", "[4, 5]", NJ_INPUT, "\"trie\" has 4 codes on level 1"},
    {"catalogue", "[4, 4]", "[4, 4], \"version\": 1", NJ_INPUT, "section \"catalogue\""},
    {"catalogue", "\"template\": {", "\"template\": [{", NJ_INPUT, "section \"catalogue\""},
    {"catalogue", "\"template\": {", "\"template\": 5, \"x\": {", NJ_INPUT, "\"template\""},
    {"catalogue", "\"after\": []", "\"after\": [10]", NJ_CONFIG, "token 10"},
    {"catalogue", "\"after\": []", "\"after\": [-1]", NJ_INPUT,
     "section \"catalogue\": \"template\""},
    {"model", "\"d_model\": 4", "\"d_model\": 0", NJ_INPUT, "section \"model\": \"d_model\" is 0"},
    {"model", "\"d_model\": 4", "\"d_model\": 65536", NJ_INPUT, "section \"weights\""},
    {"model", "\"d_model\": 4", "\"d_model\": 1e99", NJ_INPUT, "section \"model\""},
    {"model", "\"num_heads\": 1", "\"num_heads\": 65536", NJ_INPUT, "section \"model\""},
    {"model", "\"d_kv\": 3", "\"d_kv\": 65536", NJ_INPUT, "section \"weights\""},
    {"model", "\"d_ff\": 5", "\"d_ff\": 65536", NJ_INPUT, "section \"weights\""},
    {"model", "\"num_layers\": 1", "\"num_layers\": 257", NJ_INPUT, "section \"model\""},
    {"model", "\"num_layers\": 1", "\"num_layers\": 256", NJ_INPUT, "section \"weights\""},
    {"model", "\"vocab_size\": 10", "\"vocab_size\": 16777216", NJ_INPUT, "section \"weights\""},
    {"model", "\"vocab_size\": 10", "\"vocab_size\": 8", NJ_CONFIG, "the model has 8"},
    {"model", "\"decoder_start_token_id\": 0", "\"decoder_start_token_id\": 10", NJ_INPUT,
     "\"model\""},
    {"model", "\"t5\"", "\"llama\"", NJ_INPUT, "section \"model\""},
};

static void absurd_numbers_are_refused_with_section_key_and_value(void **state)
{
    (void)state;
    nj_synthetic_shape shape = tiny_shape();
    nj_error err;
    nj_buffer json;
    nj_buffer_init(&json, 1 << 20);
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        const edit *e = &EDITS[i];
        nj_synthetic world;
        world_make(&world, &shape);
        edit_json(&world, e->section, e->from, e->to, &json);
        nj_status status = try_world(&world, &err);
        if (status != e->status || strstr(err.text, e->says) == NULL) {
            fail_msg("%s -> %s: %s \"%s\", expected \"%s\"", e->from, e->to, nj_status_name(status),
                     err.text, e->says);
        }
        nj_synthetic_free(&world);
    }
    nj_buffer_fini(&json);
}

// ---- numbers that overflow ----

#define USERS 6
#define T5_TENSORS_MAX 64

static void add_users(world_users *users, uint32_t item_count)
{
    users->count = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        world_add_random(users, u, item_count, 2 + u);
    }
}

// Users that fail, as bits. Each is decoded alone, then all in one batch: that must name the first of them and give no list.
static uint32_t find_failures(const nj_synthetic *world, const nj_settings *settings,
                              const nj_kernels *kernels, const world_users *users)
{
    static world_lists lists;
    uint32_t failures = 0;
    size_t first = USERS;
    nj_engine *engine = world_open(world, settings, USERS, kernels);
    for (size_t u = 0; u < USERS; u++) {
        nj_error err = {0};
        lists.count = 0;
        nj_request alone = users->requests[u];
        nj_status status = nj_engine_decode(engine, &alone, 1, world_take, &lists, &err);
        if (status != NJ_OK) {
            char says[64];
            snprintf(says, sizeof says, "user \"u%zu\": the model gives NaN or infinity", u);
            assert_refused(status, NJ_FAILED, &err, says);
            failures |= 1u << u;
            first = u < first ? u : first;
            continue;
        }
        for (uint32_t i = 0; i < lists.lists[0].count; i++) {
            assert_true(isfinite(lists.lists[0].scores[i]));
        }
    }
    if (first < USERS) {
        nj_error err = {0};
        char says[32];
        lists.count = 0;
        snprintf(says, sizeof says, "user \"u%zu\"", first);
        assert_refused(nj_engine_decode(engine, users->requests, USERS, world_take, &lists, &err),
                       NJ_FAILED, &err, says);
        assert_int_equal(lists.count, 0);
    }
    nj_engine_close(&engine);
    return failures;
}

static void scale_tensor(nj_synthetic *world, const char *name, float factor)
{
    size_t count;
    float *values = world_tensor(world, name, &count);
    for (size_t i = 0; i < count; i++) {
        values[i] *= factor;
        assert_true(isfinite(values[i]));
    }
}

static void logits_that_overflow_fail_every_user_by_name(void **state)
{
    (void)state;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    static world_users users;
    add_users(&users, 150);
    for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
        for (int renormalise = 0; renormalise < 2; renormalise++) {
            nj_synthetic world;
            world_make(&world, &shape);
            scale_tensor(&world, "decoder.final_layer_norm.weight", 1e38f);
            scale_tensor(&world, "shared.weight", 100.0f);
            nj_settings settings = world_settings(5, 5, &users);
            settings.renormalise = renormalise != 0;
            assert_int_equal(find_failures(&world, &settings, nj_kernels_at(k), &users),
                             (1u << USERS) - 1);
            nj_synthetic_free(&world);
        }
    }
}

// Puts a stored head beside the embeddings: in column 0 only `token` has a weight, and the decoder's column 0 is 1 in every row.
static void add_head(nj_synthetic *world, uint32_t D, uint32_t token, float weight, nj_buffer *out)
{
    static const char *const WRITERS[] = {
        "decoder.block.0.layer.0.SelfAttention.o.weight",
        "decoder.block.0.layer.1.EncDecAttention.o.weight",
        "decoder.block.0.layer.2.DenseReluDense.wo.weight",
        "decoder.block.1.layer.0.SelfAttention.o.weight",
        "decoder.block.1.layer.1.EncDecAttention.o.weight",
        "decoder.block.1.layer.2.DenseReluDense.wo.weight",
    };
    nj_error err = {0};
    size_t count;
    for (size_t i = 0; i < sizeof WRITERS / sizeof *WRITERS; i++) {
        float *values = world_tensor(world, WRITERS[i], &count);
        memset(values, 0, count / D * sizeof *values);
    }
    float *embedding = world_tensor(world, "shared.weight", &count);
    float *head = malloc(count * sizeof *head);
    assert_non_null(head);
    memcpy(head, embedding, count * sizeof *head);
    for (size_t v = 0; v < count / D; v++) {
        embedding[v * D] = 1.0f;
        head[v * D] = v == token ? weight : 0.0f;
    }
    nj_tensor_source sources[T5_TENSORS_MAX];
    nj_tensor_set *set = NULL;
    assert_ok(
        nj_tensor_set_open_bytes(world->weights.bytes, world->weights.size, "weights", &set, &err),
        &err);
    size_t tensors = nj_tensor_set_count(set);
    assert_true(tensors < T5_TENSORS_MAX);
    for (size_t i = 0; i < tensors; i++) {
        const nj_tensor *tensor = nj_tensor_set_at(set, i);
        sources[i] = (nj_tensor_source){.name = tensor->name,
                                        .dim_count = tensor->dim_count,
                                        .data = (const float *)(const void *)tensor->data};
        memcpy(sources[i].shape, tensor->shape, sizeof sources[i].shape);
    }
    sources[tensors] = (nj_tensor_source){
        .name = "lm_head.weight", .dim_count = 2, .shape = {count / D, D}, .data = head};
    assert_ok(nj_tensors_write(sources, tensors + 1, out, &err), &err);
    world_replace(world, "weights", out->bytes, out->size);
    nj_tensor_set_close(&set);
    free(head);
}

// +infinity spoils the norm; -infinity leaves it finite and would come out as the score of every item behind that token.
static void one_allowed_token_of_infinite_logit_fails_every_user(void **state)
{
    (void)state;
    nj_synthetic_shape shape = world_shape(3, 4, 50);
    static world_users users;
    add_users(&users, 50);
    for (size_t k = 0; nj_kernels_at(k) != NULL; k++) {
        for (int sign = -1; sign <= 1; sign++) {
            nj_synthetic world;
            nj_buffer weights;
            size_t count;
            nj_buffer_init(&weights, 1 << 24);
            world_make(&world, &shape);
            world_tensor(&world, "decoder.final_layer_norm.weight", &count)[0] = 1e37f;
            const uint16_t *sids = world_section(&world, "sids")->bytes;
            add_head(&world, shape.D, 2u + sids[0], (float)sign * 1e4f, &weights);
            nj_settings settings = world_settings(50, 50, &users);
            uint32_t failures = find_failures(&world, &settings, nj_kernels_at(k), &users);
            assert_int_equal(failures, sign == 0 ? 0 : (1u << USERS) - 1);
            nj_buffer_fini(&weights);
            nj_synthetic_free(&world);
        }
    }
}

// Cross-attention values at the edge of float32: with the right factor some users pass it and others do not.
static void a_user_who_overflows_is_named_and_others_are_not_harmed(void **state)
{
    (void)state;
    nj_synthetic_shape shape = world_shape(3, 6, 150);
    static world_users users;
    add_users(&users, 150);
    nj_settings settings = world_settings(5, 5, &users);
    bool found = false;
    for (float factor = 5e8f; factor < 7e8f && !found; factor *= 1.005f) {
        nj_synthetic world;
        world_make(&world, &shape);
        scale_tensor(&world, "decoder.block.0.layer.1.EncDecAttention.v.weight", 1e30f);
        scale_tensor(&world, "decoder.block.0.layer.1.EncDecAttention.v.weight", factor);
        uint32_t failures = find_failures(&world, &settings, world_kernels("ref"), &users);
        found = failures != 0 && failures != (1u << USERS) - 1;
        for (size_t k = 0; found && nj_kernels_at(k) != NULL; k++) {
            if (strcmp(nj_kernels_at(k)->numeric_class, "exact") == 0) {
                assert_int_equal(find_failures(&world, &settings, nj_kernels_at(k), &users),
                                 failures);
            }
        }
        nj_synthetic_free(&world);
    }
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_section_is_named),
        cmocka_unit_test(a_section_of_any_other_size_is_refused_by_name),
        cmocka_unit_test(every_flipped_bit_is_refused_or_decodes_without_a_fault),
        cmocka_unit_test(a_trie_of_other_items_levels_or_codes_is_refused),
        cmocka_unit_test(a_trie_whose_codes_lie_beyond_the_vocabulary_is_refused),
        cmocka_unit_test(weights_of_another_model_are_refused_by_tensor_and_shape),
        cmocka_unit_test(weights_that_are_not_finite_are_refused),
        cmocka_unit_test(absurd_numbers_are_refused_with_section_key_and_value),
        cmocka_unit_test(logits_that_overflow_fail_every_user_by_name),
        cmocka_unit_test(one_allowed_token_of_infinite_logit_fails_every_user),
        cmocka_unit_test(a_user_who_overflows_is_named_and_others_are_not_harmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
