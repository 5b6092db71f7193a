// answers_expand.c - what may follow a row.
#include <float.h>
#include <math.h>

#include "worker/beam/answers_internal.h"

// Tokens of a text are looked at so many at a time: most blocks hold nothing good enough.
#define BLOCK 64u
// A score is two rounded sums away from its logit: so much of the numbers that go in is more than they can be wrong.
#define ROUNDING 1e-6f

static bool may_enter(const selection *selected, float score)
{
    return selected->count < selected->limit || score >= selected->heap[0].score;
}

static void offer(selection *selected, const candidate *c)
{
    if (may_enter(selected, c->score) && nj_selection_would_take(selected, c)) {
        nj_selection_enter(selected, c);
    }
}

// ---- texts: any token ----

// Logits below this give no score that would be taken.
static float least_logit(const selection *selected, float score, float norm)
{
    if (selected->count < selected->limit) {
        return -INFINITY;
    }
    const float worst = selected->heap[0].score;
    return (worst - score) + norm - ROUNDING * (fabsf(worst) + fabsf(score) + fabsf(norm));
}

static void expand_text(answering *s, uint32_t row, const float *logits, float norm)
{
    selection *selected = &s->selected[s->now.user[row]];
    const float score = s->now.score[row];
    uint32_t broken = isfinite(norm) ? 0u : 1u;
    for (uint32_t first = 0; first < s->model->V; first += BLOCK) {
        const uint32_t end = s->model->V - first < BLOCK ? s->model->V : first + BLOCK;
        const float least = least_logit(selected, score, norm);
        uint32_t good = 0;
        for (uint32_t v = first; v < end; v++) {
            good += logits[v] >= least ? 1u : 0u;
            broken += fabsf(logits[v]) <= FLT_MAX ? 0u : 1u;
        }
        for (uint32_t v = first; v < end && good > 0; v++) {
            const candidate c = {.score = score + (logits[v] - norm),
                                 .token = v,
                                 .parent = row,
                                 .rank = s->now.rank[row],
                                 .slot = v == s->config->end_token ? MOVE_END : MOVE_ON};
            offer(selected, &c);
        }
    }
    selected->finite = selected->finite && broken == 0;
}

// ---- items ----

static uint32_t add(answering *s, uint32_t count, uint32_t token, uint32_t node, uint32_t move)
{
    s->continuations[count] = (candidate){.token = token, .node = node, .slot = move};
    return count + 1;
}

// What may follow a row that is in an item, of the items that are left.
static uint32_t follow_item(answering *s, uint32_t row)
{
    const allowance *user = &s->allowances[s->now.user[row]];
    const uint32_t node = s->now.node[row];
    const uint32_t said_count = s->now.said != NULL ? s->now.said_count[row] : 0;
    const said_item *said =
        s->now.said != NULL ? s->now.said + (size_t)row * s->config->wanted : NULL;
    const node_set gone =
        said_count > 0 ? nj_answer_said_nodes(s, user, said, said_count) : (node_set){0};
    uint32_t count = nj_answer_children(s, user, gone, node, s->continuations);
    if (nj_answer_may_say(s, user, said, said_count, node)) {
        count = add(s, count, s->config->end_token, node, MOVE_END);
    }
    return count;
}

// True when something is left to say once the item at a row's node is said.
static bool may_say_more(const answering *s, uint32_t row)
{
    const uint32_t said_count = s->now.said_count[row];
    said_item *said = s->now.said + (size_t)row * s->config->wanted;
    if (said_count + 1 >= s->config->wanted) {
        return false;
    }
    said[said_count] = (said_item){.node = s->now.node[row]};
    const allowance *user = &s->allowances[s->now.user[row]];
    const node_set gone = nj_answer_said_nodes(s, user, said, said_count + 1);
    return gone.count == 0 || gone.nodes[0] != 0;
}

static uint32_t follow_list(answering *s, uint32_t row)
{
    if (s->now.place[row] > 0) {
        return add(s, 0, s->config->separator[s->now.place[row]], 0, MOVE_BETWEEN);
    }
    uint32_t count = follow_item(s, row);
    if (count > 0 && s->continuations[count - 1].slot == MOVE_END && may_say_more(s, row)) {
        count = add(s, count, s->config->separator[0], 0, MOVE_SEPARATE);
    }
    return count;
}

static float norm_over(answering *s, uint32_t count, const float *logits)
{
    float norm;
    for (uint32_t i = 0; i < count; i++) {
        s->allowed[i] = logits[s->continuations[i].token];
    }
    s->kernels->log_sum_exp(1, count, s->allowed, count, &norm);
    return norm;
}

static void expand_items(answering *s, uint32_t row, const float *logits, float norm)
{
    selection *selected = &s->selected[s->now.user[row]];
    const uint32_t count =
        s->config->kind == NJ_ANSWER_LIST ? follow_list(s, row) : follow_item(s, row);
    if (s->config->renormalise && count > 0) {
        norm = norm_over(s, count, logits);
    }
    for (uint32_t i = 0; i < count; i++) {
        candidate *c = &s->continuations[i];
        c->score = s->now.score[row] + (logits[c->token] - norm);
        c->parent = row;
        c->rank = s->now.rank[row];
        if (!isfinite(c->score)) {
            selected->finite = false;
            return;
        }
        offer(selected, c);
    }
}

void nj_answer_expand(answering *s, uint32_t row, const float *logits, float norm)
{
    if (s->config->kind == NJ_ANSWER_TEXT) {
        expand_text(s, row, logits, norm);
    } else {
        expand_items(s, row, logits, norm);
    }
}
