#include "worker/beam/answers_internal.h"
#include "worker/beam/beam_arrays.h"

size_t nj_answer_nodes_max(const nj_token_trie *trie, size_t count)
{
    size_t nodes;
    return nj_mul_size(count, (size_t)trie->depth + 1, &nodes)
               ? nj_min_size(nodes, trie->node_count)
               : trie->node_count;
}

uint32_t nj_answer_steps_max(const nj_token_trie *trie, const nj_answer_config *config)
{
    return config->kind == NJ_ANSWER_ITEMS && trie->depth < config->tokens_max ? trie->depth + 1
                                                                               : config->tokens_max;
}

// No two beams of items are at one node.
static size_t beams_max(const nj_token_trie *trie, const nj_answer_config *config)
{
    return config->kind == NJ_ANSWER_ITEMS ? nj_min_size(config->W, nj_token_trie_width(trie))
                                           : config->W;
}

size_t nj_answer_rows_max(const nj_token_trie *trie, const nj_answer_config *config, uint32_t B)
{
    return beams_max(trie, config) * B;
}

static void take_rows(nj_beam_arrays *a, const answering *s, answer_rows *out)
{
    const size_t rows = s->rows_max;
    const nj_answer_kind kind = s->config->kind;
    out->user = nj_beam_array(a, rows, sizeof *out->user);
    out->node = nj_beam_array(a, rows, sizeof *out->node);
    out->rank = nj_beam_array(a, rows, sizeof *out->rank);
    out->score = nj_beam_array(a, rows, sizeof *out->score);
    if (kind != NJ_ANSWER_TEXT) { // a text's are kept for all steps
        out->parent = nj_beam_array(a, rows, sizeof *out->parent);
        out->token = nj_beam_array(a, rows, sizeof *out->token);
    }
    if (kind == NJ_ANSWER_LIST) {
        out->place = nj_beam_array(a, rows, sizeof *out->place);
        out->said_count = nj_beam_array(a, rows, sizeof *out->said_count);
        out->said = nj_beam_array(a, rows, s->config->wanted * sizeof *out->said);
    }
}

static void take_answer(nj_beam_arrays *a, const answering *s, uint32_t user)
{
    nj_answer answer = {0};
    finished f = {.list = nj_beam_array(a, s->finished_max + s->fresh_max, sizeof *f.list)};
    if (s->config->kind == NJ_ANSWER_TEXT) {
        f.tokens = nj_beam_array(a, s->config->tokens_max, sizeof *f.tokens);
    } else {
        answer.items = nj_beam_array(a, s->config->wanted, sizeof *answer.items);
        answer.scores = nj_beam_array(a, s->config->wanted, sizeof *answer.scores);
    }
    if (s->config->kind == NJ_ANSWER_LIST) {
        f.said = nj_beam_array(a, s->config->wanted, sizeof *f.said);
    }
    candidate *heap = nj_beam_array(a, 2 * s->room, sizeof *heap);
    if (a->arena != NULL) {
        s->answers[user] = answer;
        s->finished[user] = f;
        s->selected[user] =
            (selection){.heap = heap, .limit = (uint32_t)(2 * s->room), .finite = true};
    }
}

// What users may be answered; the rules are filled in from what is given here.
static void take_allowances(nj_beam_arrays *a, answering *s, uint32_t listed_max)
{
    const size_t nodes_max = nj_answer_nodes_max(s->trie, listed_max);
    const size_t said_max = s->config->kind == NJ_ANSWER_LIST ? s->config->wanted : 0;
    const size_t wide = (size_t)s->trie->span_max + 2;
    s->allowances = nj_beam_array(a, s->B, sizeof *s->allowances);
    uint32_t *rows = nj_beam_array(a, (size_t)s->B * listed_max, sizeof *rows);
    uint32_t *nodes = nj_beam_array(a, s->B * nodes_max, sizeof *nodes);
    s->ends = nj_beam_array(a, nj_max_size(listed_max, said_max), sizeof *s->ends);
    s->row_closed = nj_beam_array(a, nj_answer_nodes_max(s->trie, said_max), sizeof *s->row_closed);
    s->allowed = nj_beam_array(a, wide, sizeof *s->allowed);
    s->continuations = nj_beam_array(a, wide, sizeof *s->continuations);
    for (uint32_t b = 0; b < s->B && a->arena != NULL; b++) {
        nj_answer_allow(s, &s->users[b], rows + (size_t)b * listed_max, nodes + b * nodes_max,
                        &s->allowances[b]);
    }
}

static void take_arrays(nj_beam_arrays *a, answering *s, uint32_t listed_max, uint32_t V,
                        uint32_t chunk_rows_max)
{
    const bool is_text = s->config->kind == NJ_ANSWER_TEXT;
    s->steps_max = nj_answer_steps_max(s->trie, s->config);
    s->room = beams_max(s->trie, s->config);
    s->rows_max = s->room * s->B;
    // Twice the beams end or go on at a step at the most, and no item is found twice.
    s->fresh_max = nj_min_size(s->config->W, 2 * s->room);
    s->finished_max = s->config->kind == NJ_ANSWER_ITEMS
                          ? nj_min_size(s->config->W, s->trie->item_count)
                          : s->config->W;
    s->finished = nj_beam_array(a, s->B, sizeof *s->finished);
    s->selected = nj_beam_array(a, s->B, sizeof *s->selected);
    for (uint32_t b = 0; b < s->B; b++) {
        take_answer(a, s, b);
    }
    take_rows(a, s, &s->now);
    take_rows(a, s, &s->next);
    if (is_text) {
        s->parents = nj_beam_array(a, s->rows_max, s->steps_max * sizeof *s->parents);
        s->tokens = nj_beam_array(a, s->rows_max, s->steps_max * sizeof *s->tokens);
    } else {
        take_allowances(a, s, listed_max);
    }
    s->fresh = nj_beam_array(a, s->fresh_max, sizeof *s->fresh);
    s->logits = nj_beam_array(a, (size_t)chunk_rows_max * V, sizeof *s->logits);
    s->norms = nj_beam_array(a, chunk_rows_max, sizeof *s->norms);
}

size_t nj_answer_scratch_bytes(const nj_token_trie *trie, const nj_answer_config *config,
                               uint32_t listed_max, uint32_t B, uint32_t V, uint32_t chunk_rows_max)
{
    nj_beam_arrays plan = {0};
    answering s = {.trie = trie, .config = config, .B = B};
    take_arrays(&plan, &s, listed_max, V, chunk_rows_max);
    return plan.overflow ? SIZE_MAX : plan.bytes;
}

// The longest list of a user, for which the plan had room.
static uint32_t find_listed(const answering *s)
{
    uint32_t listed_max = 0;
    for (uint32_t b = 0; b < s->B && s->users != NULL; b++) {
        const nj_answer_user *user = &s->users[b];
        const uint32_t listed = user->candidate_count > user->excluded_count ? user->candidate_count
                                                                             : user->excluded_count;
        listed_max = listed > listed_max ? listed : listed_max;
    }
    return listed_max;
}

void nj_answer_take(answering *s, nj_arena *arena)
{
    nj_beam_arrays taken = {.arena = arena};
    take_arrays(&taken, s, find_listed(s), s->model->V, s->model->chunk_rows_max);
}
