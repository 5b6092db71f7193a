// answers_finish.c - hypotheses, when to stop, and what is answered.
#include <math.h>
#include <string.h>

#include "common/math/vecmath.h"
#include "worker/beam/answers_internal.h"

// tokens ^ length_penalty. By the project's own exp and log, so that all machines have the same bits.
static float length_power(const answering *s, uint32_t tokens)
{
    const float penalty = s->config->length_penalty;
    return penalty == 1.0f ? (float)tokens : nj_exp(penalty * nj_log((float)tokens));
}

// ---- what a row has said ----

static const said_item *said_of(const answering *s, uint32_t row)
{
    return s->now.said + (size_t)row * s->config->wanted;
}

uint32_t nj_answer_said_after(const answering *s, const candidate *c, said_item *out)
{
    uint32_t count = s->now.said_count[c->parent];
    memcpy(out, said_of(s, c->parent), count * sizeof *out);
    if (c->slot == MOVE_SEPARATE || c->slot == MOVE_END) {
        out[count++] = (said_item){s->now.node[c->parent], s->now.score[c->parent]};
    }
    return count;
}

// An answer that was cut behind a whole item has said that too.
static void say_last(const answering *s, finished *f, uint32_t user, const candidate *c)
{
    if (c->slot == MOVE_ON && f->said_count < s->config->wanted &&
        nj_answer_may_say(s, &s->allowances[user], f->said, f->said_count, c->node)) {
        f->said[f->said_count++] = (said_item){c->node, c->score};
    }
}

// The tokens of a text: those of the rows above, then the candidate's own.
static void keep_tokens(const answering *s, finished *f, const candidate *c)
{
    uint32_t row = c->parent;
    f->token_count = s->step + (c->slot != MOVE_END);
    if (c->slot != MOVE_END) {
        f->tokens[s->step] = c->token;
    }
    for (uint32_t step = s->step; step > 0; step--) {
        f->tokens[step - 1] = s->tokens[step * s->rows_max + row];
        row = s->parents[step * s->rows_max + row];
    }
}

static void keep_best(const answering *s, finished *f, uint32_t user, const candidate *c)
{
    f->ended = c->slot == MOVE_END;
    if (s->config->kind == NJ_ANSWER_TEXT) {
        keep_tokens(s, f, c);
    } else if (s->config->kind == NJ_ANSWER_LIST) {
        f->said_count = nj_answer_said_after(s, c, f->said);
        say_last(s, f, user, c);
    }
}

// ---- hypotheses ----

// Two lists that fall into one; of equal scores the earlier found stays before.
static void merge_fresh(const answering *s, finished *f, uint32_t fresh_count)
{
    uint32_t old = f->count;
    uint32_t fresh = fresh_count;
    while (fresh > 0) {
        const bool old_is_last = old > 0 && f->list[old - 1].score < s->fresh[fresh - 1].score;
        f->list[old + fresh - 1] = old_is_last ? f->list[old - 1] : s->fresh[fresh - 1];
        old -= old_is_last;
        fresh -= !old_is_last;
    }
    f->count += fresh_count;
    if (f->count > s->finished_max) {
        f->count = (uint32_t)s->finished_max;
    }
}

// What is longer than may be ends as it is, but a part of an item's string is no item.
static bool is_finished(const answering *s, const candidate *c)
{
    const bool is_last = s->step + 1 == s->steps_max;
    return c->slot == MOVE_END || (is_last && s->config->kind != NJ_ANSWER_ITEMS);
}

static void take_finished(answering *s, uint32_t user, const selection *selected)
{
    finished *f = &s->finished[user];
    const float power = length_power(s, s->step + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < selected->count && i < s->config->W; i++) {
        const candidate *c = &selected->heap[i];
        if (is_finished(s, c)) {
            const hypothesis h = {.score = c->score / power, .node = c->node};
            if (count == 0 && (f->count == 0 || h.score > f->list[0].score)) {
                keep_best(s, f, user, c);
            }
            s->fresh[count++] = h;
        }
    }
    merge_fresh(s, f, count);
}

// The best that goes on; NULL when nothing does.
static const candidate *find_running(const answering *s, const selection *selected)
{
    for (uint32_t i = 0; i < selected->count && s->step + 1 < s->steps_max; i++) {
        if (selected->heap[i].slot != MOVE_END) {
            return &selected->heap[i];
        }
    }
    return NULL;
}

static bool must_stop(const answering *s, const finished *f, const selection *selected)
{
    const nj_answer_config *config = s->config;
    const candidate *running = find_running(s, selected);
    if (running == NULL || f->count < config->W) {
        return running == NULL;
    }
    if (config->W == 1 || config->stop == NJ_STOP_FIRST) {
        return true;
    }
    const bool may_gain = config->stop == NJ_STOP_NEVER && config->length_penalty > 0.0f;
    const uint32_t tokens = may_gain ? config->tokens_max : s->step + 1;
    return !(running->score / length_power(s, tokens) > f->list[f->count - 1].score);
}

void nj_answer_finish(answering *s, uint32_t user)
{
    const selection *selected = &s->selected[user];
    finished *f = &s->finished[user];
    if (f->stopped) {
        return;
    }
    if (selected->finite) {
        take_finished(s, user, selected);
    }
    f->stopped = !selected->finite || must_stop(s, f, selected);
}

// ---- answers ----

static void give_node(const answering *s, uint32_t user, uint32_t node, float score)
{
    nj_answer *answer = &s->answers[user];
    const nj_token_trie_range items = nj_token_trie_items(s->trie, node);
    for (uint32_t i = items.first; i < items.end && answer->count < s->config->wanted; i++) {
        if (nj_answer_has_row(&s->allowances[user], s->trie->items[i])) {
            answer->items[answer->count] = s->trie->items[i];
            answer->scores[answer->count++] = score;
        }
    }
}

void nj_answer_give(answering *s, uint32_t user)
{
    const finished *f = &s->finished[user];
    nj_answer *answer = &s->answers[user];
    answer->finite = s->selected[user].finite;
    if (!answer->finite || f->count == 0) {
        return;
    }
    answer->ended = f->ended;
    answer->score = f->list[0].score;
    if (s->config->kind == NJ_ANSWER_TEXT) {
        answer->tokens = f->tokens;
        answer->token_count = f->token_count;
    } else if (s->config->kind == NJ_ANSWER_LIST) {
        for (uint32_t i = 0; i < f->said_count; i++) {
            give_node(s, user, f->said[i].node, f->said[i].score);
        }
    } else {
        for (uint32_t i = 0; i < f->count; i++) {
            give_node(s, user, f->list[i].node, f->list[i].score);
        }
    }
}
