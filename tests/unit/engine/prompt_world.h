// prompt_world.h - a synthetic bundle whose users are asked by a prompt and whose answers are strings, for T5 and for a language model.
//
//   3 5 7 | items, a string of one to four tokens each | 2 4
#ifndef NJ_TEST_ENGINE_PROMPT_WORLD_H
#define NJ_TEST_ENGINE_PROMPT_WORLD_H

#include "common/catalogue/section_names.h"
#include "common/catalogue/view.h"
#include "common/codec/json.h"
#include "common/prompt/prompt.h"
#include "tests/support/lm_fixture.h"
#include "tests/unit/engine/world.h"
#include "worker/engine/forced.h"

#define ITEMS 60
#define L 2
#define K 16 // with the token base 2 the first 34 of a language model's 50 tokens
#define USERS 12
#define STRING_MAX 4 // tokens of an item
#define END 1

// ---- bundles ----

typedef struct {
    nj_synthetic world;
    lm_fixture lm; // where the model is one
    bool has_lm;
    char *model; // its config.json
    uint32_t V;
    uint32_t tokens[2 * ITEMS * STRING_MAX];
    uint64_t offset[ITEMS + 1];
    nj_buffer prompt, strings, answers;
    world_users users;
} shop;

static inline void put(shop *s, const char *name, const void *bytes, size_t size)
{
    nj_sections_put(&s->world.sections, name, bytes, size);
}

static inline void open_shop(shop *s, bool with_lm)
{
    nj_error err = {0};
    const nj_synthetic_shape shape = world_shape(L, K, ITEMS);
    *s = (shop){.has_lm = with_lm};
    world_make(&s->world, &shape);
    s->V = 2 + L * K;
    nj_buffer_init(&s->prompt, 1 << 20);
    nj_buffer_init(&s->strings, 1 << 20);
    nj_buffer_init(&s->answers, 1 << 20);
    if (with_lm) {
        const nj_kernels *kernels;
        assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
        lm_fixture_open("qwen3-million", kernels, &s->lm);
        s->V = 50;
        s->model = json_dumps(s->lm.json, 0);
        put(s, NJ_SECTION_MODEL, s->model, strlen(s->model));
        put(s, NJ_SECTION_WEIGHTS, s->lm.section.bytes, s->lm.section.size);
    }
    for (uint32_t u = 0; u < USERS; u++) {
        world_add_random(&s->users, u / 2, ITEMS, 1 + u / 2); // two of each history
    }
}

static inline void close_shop(shop *s)
{
    nj_synthetic_free(&s->world);
    nj_buffer_fini(&s->prompt);
    nj_buffer_fini(&s->strings);
    nj_buffer_fini(&s->answers);
    if (s->has_lm) {
        free(s->model);
        lm_fixture_close(&s->lm);
    }
}

// before | items, with `between` in front of all but the first | after
static const uint32_t before[] = {3, 5, 7};
static const uint32_t after[] = {2, 4};
static const uint32_t nothing[] = {6};

static inline nj_prompt make_prompt(const shop *s, uint32_t form_count)
{
    return (nj_prompt){
        .piece_count = 3,
        .pieces = {{.kind = NJ_PIECE_TOKENS, .tokens = before, .count = 3},
                   {.kind = NJ_PIECE_HISTORY, .tokens = nothing, .count = 1},
                   {.kind = NJ_PIECE_TOKENS, .tokens = after, .count = 2}},
        .row_count = ITEMS,
        .form_count = form_count,
        .tokens = s->tokens,
        .offset = s->offset,
        .needs_history = true,
        .tokens_max = 64,
    };
}

static inline void put_prompt(shop *s, const nj_prompt *prompt)
{
    nj_buffer_clear(&s->prompt);
    nj_buffer_clear(&s->strings);
    assert_int_equal(nj_prompt_pack(prompt, &s->prompt), NJ_OK);
    assert_int_equal(nj_prompt_pack_strings(prompt, &s->strings), NJ_OK);
    put(s, NJ_SECTION_PROMPT, s->prompt.bytes, s->prompt.size);
    put(s, NJ_SECTION_STRINGS, s->strings.bytes, s->strings.size);
}

// Items by strings of one to four tokens. Rows 7 and 31 have equal ones, and that of row 12 goes on as row 13's.
static inline void make_strings(shop *s)
{
    uint64_t end = 0;
    for (uint32_t row = 0; row < ITEMS; row++) {
        uint32_t count = 1 + (uint32_t)(world_mix(row) % STRING_MAX);
        for (uint32_t t = 0; t < count; t++) {
            s->tokens[end + t] = 2 + (uint32_t)(world_mix(row * 10 + t) % (s->V - 4));
        }
        if (row == 31 || row == 13) {
            const uint32_t from = row == 31 ? 7 : 12;
            const uint32_t copied = (uint32_t)(s->offset[from + 1] - s->offset[from]);
            memcpy(s->tokens + end, s->tokens + s->offset[from], copied * sizeof *s->tokens);
            count = row == 31 ? copied : copied + 1;
        }
        end += count;
        s->offset[row + 1] = end;
    }
}

static inline void put_answers(shop *s)
{
    nj_error err = {0};
    const nj_token_strings strings = {
        .tokens = s->tokens, .offset = s->offset, .row_count = ITEMS, .V = s->V};
    nj_buffer_clear(&s->answers);
    assert_ok(nj_token_trie_build(&strings, &s->answers, &err), &err);
    put(s, NJ_SECTION_ANSWERS, s->answers.bytes, s->answers.size);
}

static inline nj_prompt make_item_prompt(const shop *s)
{
    nj_prompt prompt = make_prompt(s, 1);
    prompt.answer = NJ_SAYS_ITEM;
    prompt.end_token = END;
    prompt.length_penalty = 0.7f;
    return prompt;
}

static inline void open_item_shop(shop *s, bool with_lm)
{
    open_shop(s, with_lm);
    make_strings(s);
    put_answers(s);
    const nj_prompt prompt = make_item_prompt(s);
    put_prompt(s, &prompt);
}

// What one user is asked, written as the prompt says.
static inline uint32_t write_asked(const shop *s, const nj_request *request, uint32_t items_max,
                                   uint32_t *tokens)
{
    const uint32_t used = request->item_count < items_max ? request->item_count : items_max;
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        tokens[count++] = before[i];
    }
    for (uint32_t i = request->item_count - used; i < request->item_count; i++) {
        const uint32_t row = request->items[i];
        for (uint64_t t = s->offset[row]; t < s->offset[row + 1]; t++) {
            tokens[count++] = s->tokens[t];
        }
    }
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        tokens[count++] = after[i];
    }
    return count;
}

static inline void read_model(const shop *s, nj_generator_config *config, nj_tensor_set **weights)
{
    nj_error err = {0};
    json_t *json = NULL;
    const nj_section *model = world_section(&s->world, NJ_SECTION_MODEL);
    const nj_section *bytes = world_section(&s->world, NJ_SECTION_WEIGHTS);
    assert_ok(nj_json_parse(model->bytes, model->size, "model", &json, &err), &err);
    assert_ok(nj_generator_config_read(json, "model", config, &err), &err);
    json_decref(json);
    assert_ok(nj_tensor_set_open_bytes(bytes->bytes, bytes->size, "weights", weights, &err), &err);
}

static inline void mark_legal(const nj_request *request, bool keep_history, bool *may)
{
    for (uint32_t row = 0; row < ITEMS; row++) {
        may[row] = keep_history || !world_had(request, row);
        for (uint32_t i = 0; i < request->exclude_count; i++) {
            may[row] = may[row] && request->exclude[i] != row;
        }
        bool named = request->candidates == NULL;
        for (uint32_t i = 0; i < request->candidate_count && !named; i++) {
            named = request->candidates[i] == row;
        }
        may[row] = may[row] && named;
    }
}

// Any two of them are far enough apart that rounding orders none of them.
static const uint32_t CANDIDATES[] = {40, 7, 31, 12, 13, 3, 59, 22};
static const uint32_t EXCLUDED[] = {13, 31, 5};

// Every third user has candidates, every fourth excludes items.
static inline void vary_users(world_users *users)
{
    for (uint32_t u = 0; u < users->count; u++) {
        nj_request *request = &users->requests[u];
        request->candidates = u % 3 == 2 ? CANDIDATES : NULL;
        request->candidate_count = u % 3 == 2 ? 8 : 0;
        request->exclude = EXCLUDED;
        request->exclude_count = u % 4 == 1 ? 3 : 0;
    }
}

static inline nj_settings string_settings(const shop *s, uint32_t beam, uint32_t top)
{
    nj_settings settings = world_settings(beam, top, &s->users);
    settings.exclusions_max += 3;
    settings.candidates_max = 8;
    return settings;
}

#endif
