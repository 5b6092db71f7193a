// answers_trie.c - which nodes a user, or a row of his, may enter: what is excluded, or said already, closes nodes from the deepest up, and
// candidates open no others than those above them.
//
// Nodes have higher numbers than those above them. So nodes come in falling order from two queues: those that are given, and those above
// nodes that were taken, in the order in which they were. The result is written from its end, and so ascends.
#include <string.h>

#include "common/base/numbers.h"
#include "worker/beam/answers_internal.h"

static bool node_set_has(node_set set, uint32_t node)
{
    return nj_numbers_has(set.nodes, set.count, node);
}

static bool is_open_row(const nj_answer_user *rules, uint32_t row)
{
    return (rules->open_rows == NULL || nj_bits_has(rules->open_rows, row)) &&
           !nj_numbers_has(rules->excluded, rules->excluded_count, row);
}

bool nj_answer_has_row(const allowance *user, uint32_t row)
{
    return user->is_listed ? nj_numbers_has(user->rows, user->row_count, row)
                           : is_open_row(user->rules, row);
}

bool nj_answer_may_say(const answering *s, const allowance *user, const said_item *said,
                       uint32_t said_count, uint32_t node)
{
    const nj_token_trie_range items = nj_token_trie_items(s->trie, node);
    for (uint32_t i = 0; i < said_count; i++) {
        if (said[i].node == node) {
            return false;
        }
    }
    for (uint32_t i = items.first; i < items.end; i++) {
        if (nj_answer_has_row(user, s->trie->items[i])) {
            return true;
        }
    }
    return false;
}

static bool may_enter(const allowance *user, uint32_t node)
{
    if (user->is_listed) {
        return node_set_has(user->only, node);
    }
    const uint64_t *open = user->rules->open_nodes;
    return (open == NULL || nj_bits_has(open, node)) && !node_set_has(user->closed, node);
}

// Who asks, while nodes are looked at from the deepest up.
typedef struct {
    const answering *s;
    const allowance *user;
    const said_item *said; // [said_count]
    uint32_t said_count;
    bool takes_all; // else only nodes below which nothing is left
} climber;

static bool takes(const climber *c, node_set taken, uint32_t node)
{
    if (c->takes_all) {
        return true;
    }
    if (nj_answer_may_say(c->s, c->user, c->said, c->said_count, node)) {
        return false;
    }
    const nj_token_trie_range children = nj_token_trie_children(c->s->trie, node);
    for (uint32_t child = children.first; child < children.end; child++) {
        if (may_enter(c->user, child) && !node_set_has(taken, child)) {
            return false;
        }
    }
    return true;
}

// `ends` ascend; `nodes` has room for nodes_max.
static node_set climb(const climber *c, const uint32_t *ends, uint32_t end_count, uint32_t *nodes,
                      size_t nodes_max)
{
    uint32_t *first = nodes + nodes_max; // what is taken so far begins here
    const uint32_t *end = first;
    const uint32_t *risen = first; // the nodes above those from here on have been looked at
    uint32_t last = NJ_TOKEN_TRIE_NONE;
    for (;;) {
        const bool has_end = end_count > 0;
        const bool has_above = risen > first && risen[-1] != 0;
        if (!has_end && !has_above) {
            return (node_set){first, (uint32_t)(end - first)};
        }
        const uint32_t above = has_above ? nj_token_trie_parent(c->s->trie, risen[-1]) : 0;
        const bool is_end = has_end && (!has_above || ends[end_count - 1] >= above);
        const uint32_t node = is_end ? ends[end_count - 1] : above;
        if (is_end) {
            end_count--;
        } else {
            risen--;
        }
        if (node != last && takes(c, (node_set){first, (uint32_t)(end - first)}, node)) {
            *--first = node;
        }
        last = node;
    }
}

// Nodes where rows of the user end, ascending.
static uint32_t find_ends(const answering *s, const uint32_t *rows, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t node = s->trie->row_node[rows[i]];
        if (node != NJ_TOKEN_TRIE_NONE) {
            s->ends[found++] = node;
        }
    }
    return nj_numbers_sort(s->ends, found);
}

void nj_answer_allow(const answering *s, const nj_answer_user *rules, uint32_t *rows,
                     uint32_t *nodes, allowance *out)
{
    *out = (allowance){.rules = rules, .is_listed = rules->candidates != NULL, .rows = rows};
    for (uint32_t i = 0; i < rules->candidate_count; i++) {
        if (is_open_row(rules, rules->candidates[i])) {
            rows[out->row_count++] = rules->candidates[i];
        }
    }
    out->row_count = nj_numbers_sort(rows, out->row_count);
    const uint32_t *given = out->is_listed ? rows : rules->excluded;
    const uint32_t given_count = out->is_listed ? out->row_count : rules->excluded_count;
    const climber c = {.s = s, .user = out, .takes_all = out->is_listed};
    const node_set found = climb(&c, s->ends, find_ends(s, given, given_count), nodes,
                                 nj_answer_nodes_max(s->trie, given_count));
    if (out->is_listed) {
        out->only = found;
    } else {
        out->closed = found;
    }
}

node_set nj_answer_said_nodes(const answering *s, const allowance *user, const said_item *said,
                              uint32_t said_count)
{
    const climber c = {.s = s, .user = user, .said = said, .said_count = said_count};
    for (uint32_t i = 0; i < said_count; i++) {
        s->ends[i] = said[i].node;
    }
    return climb(&c, s->ends, nj_numbers_sort(s->ends, said_count), s->row_closed,
                 nj_answer_nodes_max(s->trie, said_count));
}

static uint32_t add_child(const answering *s, uint32_t node, uint32_t count, candidate *out)
{
    out[count] = (candidate){.token = s->trie->token[node], .node = node, .slot = MOVE_ON};
    return count + 1;
}

// Moves on to the first node that is not below `node`.
static bool skip_to(node_set *set, uint32_t node)
{
    while (set->count > 0 && set->nodes[0] < node) {
        set->nodes++;
        set->count--;
    }
    return set->count > 0 && set->nodes[0] == node;
}

static node_set set_from(node_set set, uint32_t node)
{
    const uint32_t at = nj_numbers_from(set.nodes, set.count, node);
    return (node_set){set.nodes + at, set.count - at};
}

uint32_t nj_answer_children(const answering *s, const allowance *user, node_set closed,
                            uint32_t node, candidate *out)
{
    const nj_token_trie_range children = nj_token_trie_children(s->trie, node);
    const uint64_t *open = user->rules->open_nodes;
    uint32_t count = 0;
    closed = set_from(closed, children.first);
    if (user->is_listed) {
        node_set only = set_from(user->only, children.first);
        for (; only.count > 0 && only.nodes[0] < children.end; only.nodes++, only.count--) {
            if (!skip_to(&closed, only.nodes[0])) {
                count = add_child(s, only.nodes[0], count, out);
            }
        }
        return count;
    }
    node_set shut = set_from(user->closed, children.first);
    for (uint32_t child = children.first; child < children.end; child++) {
        if ((open == NULL || nj_bits_has(open, child)) && !skip_to(&shut, child) &&
            !skip_to(&closed, child)) {
            count = add_child(s, child, count, out);
        }
    }
    return count;
}
