#include "ops/cli/bench_engine_users.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/prompt/prompt.h"

static const char USER[] = "bench";
static const char TEXT[] = "it holds 25 of them";

static nj_status draw_requests(nj_bench_users *users, uint32_t row_count, nj_error *err)
{
    const size_t of_one = (size_t)users->history + users->candidates;
    users->requests = calloc(users->count, sizeof *users->requests);
    users->items = calloc(users->count, of_one * sizeof *users->items);
    if (users->requests == NULL || users->items == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", (size_t)users->count);
    }
    uint64_t state = 1;
    for (uint64_t u = 0; u < users->count; u++) {
        uint32_t *items = users->items + u * of_one;
        for (size_t i = 0; i < of_one; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            items[i] = (uint32_t)((state >> 33) % row_count);
        }
        users->requests[u] =
            (nj_request){.user = nj_slice_from(USER),
                         .items = items,
                         .item_count = users->history,
                         .candidates = users->candidates > 0 ? items + users->history : NULL,
                         .candidate_count = users->candidates,
                         .text = nj_slice_from(TEXT)};
    }
    return NJ_OK;
}

// Tokens of an item among others, on average.
static uint64_t find_item_tokens(const nj_prompt *prompt)
{
    const uint64_t strings = (uint64_t)prompt->form_count * prompt->row_count;
    const uint64_t tokens = strings > 0 ? prompt->offset[strings] / strings : 0;
    return tokens > 0 ? tokens : 1;
}

static nj_status count_prompts(const nj_prompt *prompt, nj_bench_users *users, nj_error *err)
{
    uint64_t tokens = 0;
    nj_buffer scratch;
    nj_buffer_init(&scratch, NJ_PROMPT_TEXT_BYTES_MAX * 64);
    uint32_t *written = calloc(prompt->tokens_max, sizeof *written);
    nj_status status = written != NULL ? NJ_OK
                                       : nj_fail(err, NJ_NO_MEMORY, "no memory for a prompt of %u",
                                                 prompt->tokens_max);
    for (uint64_t u = 0; u < users->count && status == NJ_OK; u++) {
        nj_prompt_written one = {0};
        status = nj_prompt_write(prompt, &users->requests[u], users->history, 0, &scratch, written,
                                 NULL, &one, err);
        tokens += one.count;
    }
    users->prompt_tokens = (uint32_t)((tokens + users->count / 2) / users->count);
    free(written);
    nj_buffer_fini(&scratch);
    return status;
}

static nj_status make_for_prompt(const nj_sections *sections, const nj_catalogue_view *view,
                                 uint32_t V, uint64_t tokens, nj_bench_users *users, nj_error *err)
{
    nj_prompt prompt = {0};
    nj_status status = nj_prompt_open(sections, view->sids.row_count, V, &prompt, err);
    if (status == NJ_OK) {
        users->history = (uint32_t)nj_max_size(1, tokens / find_item_tokens(&prompt));
        users->candidates = prompt.needs_candidates
                                ? (uint32_t)nj_min_size(NJ_BENCH_CANDIDATES, view->sids.row_count)
                                : 0;
        status = draw_requests(users, view->sids.row_count, err);
    }
    if (status == NJ_OK) {
        status = count_prompts(&prompt, users, err);
    }
    nj_prompt_close(&prompt);
    return status;
}

nj_status nj_bench_users_make(const nj_sections *sections, const nj_catalogue_view *view,
                              uint32_t V, uint64_t count, uint64_t tokens, nj_bench_users *out,
                              nj_error *err)
{
    const uint32_t L = view->sids.level_count;
    nj_bench_users users = {.count = count};
    nj_status status;
    if (nj_prompt_is_there(sections)) {
        status = make_for_prompt(sections, view, V, tokens, &users, err);
    } else {
        users.history = (uint32_t)nj_max_size(1, tokens / L);
        users.prompt_tokens = (uint32_t)nj_template_tokens_max(&view->template, L, users.history);
        status = draw_requests(&users, view->sids.row_count, err);
    }
    if (status == NJ_OK) {
        *out = users;
        users = (nj_bench_users){0};
    }
    nj_bench_users_free(&users);
    return status;
}

void nj_bench_users_free(nj_bench_users *users)
{
    free(users->requests);
    free(users->items);
    *users = (nj_bench_users){0};
}
