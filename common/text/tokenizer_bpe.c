// tokenizer_bpe.c - byte-pair encoding: neighbours are joined, the best pair first, until no pair is known.
//
// Of a tokenizer.json the best pair is the one of the earliest merge rule; of a *.model the one whose joined text has the highest
// score. Of equals the leftmost is joined. A pair that has changed since it was queued is passed over; whether it has is
// asked as each of the two originals asks it.
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/text/tokenizer_parts.h"

#define NOBODY SIZE_MAX

typedef struct {
    size_t begin; // of the piece
    size_t size;  // bytes; 0: joined to the symbol before
    size_t before;
    size_t after;
    uint32_t id;
    bool is_frozen; // never joined
} symbol;

typedef struct {
    double cost; // the lowest is joined first
    size_t left;
    size_t right;
    size_t size; // bytes of both
    uint32_t id; // that they become
} candidate;

typedef struct {
    const nj_token_model *model;
    nj_slice piece;
    symbol *symbols; // owned; [count]
    size_t count;
    candidate *heap; // owned; room for 3 a symbol: one at the start, two a join
    size_t heap_count;
} joining;

// ---- merge rules ----

static size_t slot_of(const nj_merges *merges, uint64_t key)
{
    uint64_t mixed = key * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 32;
    size_t slot = (size_t)mixed & (merges->capacity - 1);
    while (merges->keys[slot] != UINT64_MAX && merges->keys[slot] != key) {
        slot = (slot + 1) & (merges->capacity - 1);
    }
    return slot;
}

nj_status nj_merges_init(nj_merges *merges, size_t count)
{
    size_t capacity = 16;
    while (capacity < 2 * count) {
        capacity *= 2;
    }
    merges->keys = malloc(capacity * sizeof *merges->keys);
    merges->values = malloc(capacity * 2 * sizeof *merges->values);
    merges->capacity = capacity;
    if (merges->keys == NULL || merges->values == NULL) {
        return NJ_NO_MEMORY; // the owner frees both
    }
    memset(merges->keys, 0xff, capacity * sizeof *merges->keys);
    return NJ_OK;
}

void nj_merges_put(nj_merges *merges, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
    const uint64_t key = (uint64_t)left << 32 | right;
    const size_t slot = slot_of(merges, key);
    merges->keys[slot] = key;
    merges->values[2 * slot] = rank;
    merges->values[2 * slot + 1] = id;
}

bool nj_merges_find(const nj_merges *merges, uint32_t left, uint32_t right, uint32_t *rank,
                    uint32_t *id)
{
    const uint64_t key = (uint64_t)left << 32 | right;
    const size_t slot = slot_of(merges, key);
    if (merges->keys[slot] != key) {
        return false;
    }
    *rank = merges->values[2 * slot];
    *id = merges->values[2 * slot + 1];
    return true;
}

// ---- the queue ----

static bool is_before(const candidate *a, const candidate *b)
{
    return a->cost < b->cost || (!(a->cost > b->cost) && a->left < b->left);
}

static void push(joining *j, candidate added)
{
    size_t at = j->heap_count++;
    while (at > 0 && is_before(&added, &j->heap[(at - 1) / 2])) {
        j->heap[at] = j->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    j->heap[at] = added;
}

static candidate pop(joining *j)
{
    const candidate top = j->heap[0];
    const candidate last = j->heap[--j->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= j->heap_count) {
            break;
        }
        if (child + 1 < j->heap_count && is_before(&j->heap[child + 1], &j->heap[child])) {
            child++;
        }
        if (!is_before(&j->heap[child], &last)) {
            break;
        }
        j->heap[at] = j->heap[child];
        at = child;
    }
    j->heap[at] = last;
    return top;
}

// ---- joining ----

// What two neighbours become; false where they stay two.
static bool find_pair(const joining *j, size_t left, size_t right, candidate *out)
{
    const symbol *a = &j->symbols[left];
    const symbol *b = &j->symbols[right];
    *out = (candidate){.left = left, .right = right, .size = a->size + b->size};
    if (!j->model->is_sentencepiece) {
        uint32_t rank = 0;
        if (!nj_merges_find(&j->model->merges, a->id, b->id, &rank, &out->id)) {
            return false;
        }
        out->cost = rank;
        return true;
    }
    if (a->is_frozen || b->is_frozen) {
        return false;
    }
    out->id = nj_vocab_find(&j->model->vocab, (nj_slice){j->piece.bytes + a->begin, out->size});
    if (out->id == NJ_TOKENIZER_NONE ||
        (j->model->kinds[out->id] != NJ_SP_NORMAL && j->model->kinds[out->id] != NJ_SP_USER)) {
        return false;
    }
    out->cost = -j->model->scores[out->id];
    return true;
}

static void queue_pair(joining *j, size_t left, size_t right)
{
    candidate found;
    if (left != NOBODY && right != NOBODY && find_pair(j, left, right, &found)) {
        push(j, found);
    }
}

static bool is_stale(const joining *j, const candidate *c)
{
    const symbol *left = &j->symbols[c->left];
    if (j->model->is_sentencepiece) {
        const symbol *right = &j->symbols[c->right];
        return left->size == 0 || right->size == 0 || left->size + right->size != c->size;
    }
    uint32_t rank = 0;
    uint32_t id = 0;
    return left->size == 0 || left->after == NOBODY ||
           !nj_merges_find(&j->model->merges, left->id, j->symbols[left->after].id, &rank, &id) ||
           id != c->id;
}

static void join_pairs(joining *j)
{
    for (size_t i = 1; i < j->count; i++) {
        queue_pair(j, i - 1, i);
    }
    while (j->heap_count > 0) {
        const candidate best = pop(j);
        if (is_stale(j, &best)) {
            continue;
        }
        symbol *left = &j->symbols[best.left];
        symbol *right = &j->symbols[left->after];
        left->size += right->size;
        left->id = best.id;
        left->after = right->after;
        right->size = 0;
        if (left->after != NOBODY) {
            j->symbols[left->after].before = best.left;
        }
        queue_pair(j, left->before, best.left);
        queue_pair(j, best.left, left->after);
    }
}

// ---- symbols ----

static void add_symbol(joining *j, symbol added)
{
    added.before = j->count == 0 ? NOBODY : j->count - 1;
    added.after = NOBODY;
    if (j->count > 0) {
        j->symbols[j->count - 1].after = j->count;
    }
    j->symbols[j->count++] = added;
}

static bool add_bytes(joining *j, size_t begin, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)j->piece.bytes + begin;
    for (size_t i = 0; i < size; i++) {
        if (j->model->byte_ids[bytes[i]] == NJ_TOKENIZER_NONE) {
            return false;
        }
    }
    for (size_t i = 0; i < size; i++) {
        add_symbol(j, (symbol){.begin = begin + i, .size = 1, .id = j->model->byte_ids[bytes[i]]});
    }
    return true;
}

// Characters as HuggingFace makes them into symbols. Unknown ones wait in `unknown`, so that a run of them may become one; bytes pass
// them by, as there.
static void cut_characters(joining *j)
{
    const nj_token_model *model = j->model;
    symbol unknown = {.id = model->unknown};
    for (size_t at = 0, size = 0; at < j->piece.size; at += size) {
        const nj_slice rest = {j->piece.bytes + at, j->piece.size - at};
        int32_t point = 0;
        size = nj_char_next(rest, &point);
        const uint32_t id = nj_vocab_find(&model->vocab, (nj_slice){rest.bytes, size});
        if (id != NJ_TOKENIZER_NONE) {
            if (unknown.size > 0) {
                add_symbol(j, unknown);
                unknown.size = 0;
            }
            add_symbol(j, (symbol){.begin = at, .size = size, .id = id});
        } else if ((!model->has_bytes || !add_bytes(j, at, size)) &&
                   model->unknown != NJ_TOKENIZER_NONE) {
            if (unknown.size > 0 && !model->fuses_unknown) {
                add_symbol(j, unknown);
                unknown.size = 0;
            }
            unknown.begin = unknown.size == 0 ? at : unknown.begin;
            unknown.size += size;
        }
    }
    if (unknown.size > 0) {
        add_symbol(j, unknown);
    }
}

// Characters and uncut texts, as SentencePiece makes them into symbols.
static void cut_pieces(joining *j)
{
    for (size_t at = 0, size = 0; at < j->piece.size; at += size) {
        const nj_slice rest = {j->piece.bytes + at, j->piece.size - at};
        uint32_t id = 0;
        int32_t point = 0;
        size = nj_vocab_longest(&j->model->users, rest, &id);
        const bool is_frozen = size > 0;
        if (!is_frozen) {
            size = nj_char_next(rest, &point);
            id = nj_vocab_find(&j->model->vocab, (nj_slice){rest.bytes, size});
        }
        add_symbol(j, (symbol){.begin = at, .size = size, .id = id, .is_frozen = is_frozen});
    }
}

// Appends what the symbols have become. SentencePiece's unknown ones become bytes, or one unknown token a run.
static nj_status append_symbols(const joining *j, nj_buffer *ids, nj_error *err)
{
    nj_status status = NJ_OK;
    const bool knows_all = !j->model->is_sentencepiece;
    for (size_t i = 0; status == NJ_OK && i < j->count;) {
        size_t end = i + 1;
        const symbol *s = &j->symbols[i];
        size_t size = s->size;
        const bool is_known =
            knows_all || (s->id != NJ_TOKENIZER_NONE && s->id != j->model->unknown);
        if (size > 0 && is_known) {
            status = nj_append_id(ids, s->id, err);
        } else if (size > 0) {
            while (end < j->count && j->symbols[end].size > 0 &&
                   j->symbols[end].id == NJ_TOKENIZER_NONE) {
                size += j->symbols[end++].size;
            }
            status =
                nj_append_unknown(j->model, (nj_slice){j->piece.bytes + s->begin, size}, ids, err);
        }
        i = end;
    }
    return status;
}

nj_status nj_bpe_encode(const nj_token_model *model, nj_slice piece, nj_buffer *ids, nj_error *err)
{
    if (model->ignores_merges) {
        const uint32_t id = nj_vocab_find(&model->vocab, piece);
        if (id != NJ_TOKENIZER_NONE) {
            return nj_append_id(ids, id, err);
        }
    }
    joining j = {.model = model,
                 .piece = piece,
                 .symbols = calloc(piece.size, sizeof *j.symbols),
                 .heap = calloc(piece.size, 3 * sizeof *j.heap)};
    nj_status status = NJ_OK;
    if (j.symbols == NULL || j.heap == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for a piece of %zu bytes", piece.size);
    } else {
        if (model->is_sentencepiece) {
            cut_pieces(&j);
        } else {
            cut_characters(&j);
        }
        join_pairs(&j);
        status = append_symbols(&j, ids, err);
    }
    free(j.symbols);
    free(j.heap);
    return status;
}
