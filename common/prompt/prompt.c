// prompt.c - the tokens of one user.
#include "common/prompt/prompt.h"

#include <inttypes.h>

#include "common/base/checked.h"

// Tokens, and how many of them begin a word.
typedef struct {
    size_t tokens;
    size_t words;
} extent;

typedef struct {
    const nj_prompt *prompt;
    const nj_request *request;
    nj_buffer *ids;                      // of USER and TEXT, piece after piece
    size_t id_end[NJ_PROMPT_PIECES_MAX]; // where each piece's ids end
    const uint32_t *history;             // [history_count] that stand in the prompt
    uint32_t history_count;
    uint32_t *tokens; // out
    uint32_t *words;  // out; NULL: not wanted
    size_t count;     // of tokens written
    uint32_t word;    // of the last one
    nj_error *err;
} writing;

typedef struct {
    const uint32_t *at;
    size_t count;
} token_span;

// ---- spans ----

static token_span item_span(const nj_prompt *prompt, const nj_prompt_piece *piece,
                            nj_item_stand stand, uint32_t row)
{
    const uint64_t *offset = prompt->offset + (size_t)piece->forms[stand] * prompt->row_count + row;
    return (token_span){prompt->tokens + offset[0], (size_t)(offset[1] - offset[0])};
}

static nj_item_stand stand_of(uint32_t place, uint32_t count)
{
    if (count == 1) {
        return NJ_ITEM_ONLY;
    }
    if (place == 0) {
        return NJ_ITEM_FIRST;
    }
    return place == count - 1 ? NJ_ITEM_LAST : NJ_ITEM_INNER;
}

static bool begins_word(uint32_t token)
{
    return (token & NJ_PROMPT_VECTOR) == 0 && (token & NJ_PROMPT_WORD) != 0;
}

static void add_span(extent *sum, token_span span, int sign)
{
    size_t words = 0;
    for (size_t i = 0; i < span.count; i++) {
        words += begins_word(span.at[i]);
    }
    sum->tokens = sign > 0 ? sum->tokens + span.count : sum->tokens - span.count;
    sum->words = sign > 0 ? sum->words + words : sum->words - words;
}

static token_span dynamic_span(const writing *w, uint32_t place)
{
    const uint32_t *ids = (const uint32_t *)(const void *)w->ids->bytes;
    const size_t begin = place == 0 ? 0 : w->id_end[place - 1];
    return (token_span){ids + begin, w->id_end[place] - begin};
}

// ---- the user's own text ----

static nj_status fail_user(const writing *w, nj_status status, const char *rule)
{
    return nj_fail(w->err, status, "user \"%.*s\": %s", NJ_SLICE_ARGS(w->request->user), rule);
}

// Ids of text without those of the word before it, each with its mark.
static nj_status take_ids(const writing *w, const nj_prompt_piece *piece, size_t begin)
{
    const size_t count = w->ids->size / sizeof(uint32_t) - begin;
    if (count < piece->skip) {
        return fail_user(w, NJ_INPUT, "his text takes away the end of what stands before it");
    }
    if (count == 0) { // of an empty text, before which nothing was made: there is no memory
        return NJ_OK;
    }
    uint32_t *ids = (uint32_t *)(void *)w->ids->bytes + begin;
    memmove(ids, ids + piece->skip, (count - piece->skip) * sizeof *ids);
    w->ids->size -= piece->skip * sizeof *ids;
    for (size_t i = 0; w->prompt->counts_words && i < count - piece->skip; i++) {
        ids[i] |= nj_tokenizer_begins_word(w->prompt->tokenizer, ids[i]) ? NJ_PROMPT_WORD : 0;
    }
    return NJ_OK;
}

static nj_status tokenize_piece(writing *w, const nj_prompt_piece *piece, nj_slice content)
{
    const nj_slice parts[] = {piece->left, content, piece->right};
    const size_t begin = w->ids->size / sizeof(uint32_t);
    nj_buffer text;
    nj_buffer_init(&text, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < sizeof parts / sizeof parts[0]; i++) {
        status = nj_buffer_append(&text, parts[i].bytes, parts[i].size);
    }
    if (status != NJ_OK) {
        status = fail_user(w, status, "no memory for his text");
    } else {
        const nj_slice all = nj_buffer_slice(&text);
        status = piece->is_behind
                     ? nj_tokenizer_encode_behind(w->prompt->tokenizer, all, w->ids, w->err)
                     : nj_tokenizer_encode(w->prompt->tokenizer, all, false, w->ids, w->err);
        if (status != NJ_OK) {
            nj_error_prefix(w->err, "user \"%.*s\"", NJ_SLICE_ARGS(w->request->user));
        }
    }
    nj_buffer_fini(&text);
    return status == NJ_OK ? take_ids(w, piece, begin) : status;
}

static nj_status check_request(const writing *w)
{
    const nj_request *request = w->request;
    if (w->prompt->needs_text && request->text.bytes == NULL) {
        return fail_user(w, NJ_INPUT, "has no \"text\", for which the prompt has a place");
    }
    if (request->text.size > NJ_PROMPT_TEXT_BYTES_MAX) {
        return nj_fail(w->err, NJ_INPUT, "user \"%.*s\": his text has %zu bytes, may have %d",
                       NJ_SLICE_ARGS(request->user), request->text.size, NJ_PROMPT_TEXT_BYTES_MAX);
    }
    if (w->prompt->needs_candidates && request->candidate_count == 0) {
        return fail_user(
            w, NJ_INPUT,
            "has no \"candidates\" of the catalogue, for which the prompt has a place");
    }
    return NJ_OK;
}

static nj_status tokenize_user(writing *w)
{
    const nj_prompt *prompt = w->prompt;
    nj_status status = check_request(w);
    nj_buffer_clear(w->ids);
    for (uint32_t i = 0; status == NJ_OK && i < prompt->piece_count; i++) {
        const nj_prompt_piece *piece = &prompt->pieces[i];
        if (piece->kind == NJ_PIECE_USER || piece->kind == NJ_PIECE_TEXT) {
            status = tokenize_piece(
                w, piece, piece->kind == NJ_PIECE_USER ? w->request->user : w->request->text);
        }
        w->id_end[i] = w->ids->size / sizeof(uint32_t);
    }
    return status;
}

// ---- what fits ----

static void add_items(const writing *w, const nj_prompt_piece *piece, const uint32_t *rows,
                      uint32_t count, extent *sum)
{
    for (uint32_t i = 0; i < count; i++) {
        add_span(sum, item_span(w->prompt, piece, stand_of(i, count), rows[i]), 1);
    }
}

// Everything but the history, and where that stands.
static extent measure_rest(const writing *w, const nj_prompt_piece **out_history)
{
    const nj_prompt *prompt = w->prompt;
    extent sum = {.tokens = prompt->end_count};
    *out_history = NULL;
    for (uint32_t i = 0; i < prompt->piece_count; i++) {
        const nj_prompt_piece *piece = &prompt->pieces[i];
        switch (piece->kind) {
        case NJ_PIECE_TOKENS:
            add_span(&sum, (token_span){piece->tokens, piece->count}, 1);
            break;
        case NJ_PIECE_HISTORY:
            *out_history = piece;
            break;
        case NJ_PIECE_CANDIDATES:
            add_items(w, piece, w->request->candidates, w->request->candidate_count, &sum);
            break;
        default: // USER and TEXT
            add_span(&sum, dynamic_span(w, i), 1);
        }
    }
    return sum;
}

static bool fits(extent sum, extent room)
{
    return sum.tokens <= room.tokens && sum.words <= room.words;
}

// How many of the last items fit. An item that is added in front was none before: the first of the others is an inner one then.
static uint32_t count_fitting(const writing *w, const nj_prompt_piece *piece, const uint32_t *rows,
                              uint32_t count, extent rest, extent room)
{
    const nj_prompt *prompt = w->prompt;
    extent behind = rest; // all but the first of those that are kept
    uint32_t kept = 0;
    while (kept < count) {
        const uint32_t row = rows[count - kept - 1];
        extent sum = behind;
        add_span(&sum, item_span(prompt, piece, kept == 0 ? NJ_ITEM_ONLY : NJ_ITEM_FIRST, row), 1);
        if (!fits(sum, room)) {
            break;
        }
        add_span(&behind, item_span(prompt, piece, kept == 0 ? NJ_ITEM_LAST : NJ_ITEM_INNER, row),
                 1);
        kept++;
    }
    return kept;
}

// Only a model with an embedding of words reads so many of them and no more.
static nj_status fail_room(const writing *w, extent least, extent room)
{
    static const char REMEDY[] = "shorten his text, his candidates or his id";
    const nj_slice user = w->request->user;
    if (fits((extent){.tokens = least.tokens}, room)) {
        return nj_fail(w->err, NJ_INPUT,
                       "user \"%.*s\": his prompt has at least %zu words, the model reads %zu: %s",
                       NJ_SLICE_ARGS(user), least.words, room.words, REMEDY);
    }
    return nj_fail(w->err, NJ_INPUT,
                   "user \"%.*s\": his prompt has at least %zu tokens, the model reads %zu: %s",
                   NJ_SLICE_ARGS(user), least.tokens, room.tokens, REMEDY);
}

static nj_status fit_history(writing *w, uint32_t items_max, uint32_t words_max)
{
    const extent room = {w->prompt->tokens_max, words_max > 0 ? words_max - 1 : SIZE_MAX};
    const nj_prompt_piece *piece = NULL;
    extent least = measure_rest(w, &piece);
    const uint32_t count = w->request->item_count < items_max ? w->request->item_count : items_max;
    if (piece != NULL && count > 0) {
        const uint32_t *rows = w->request->items + (w->request->item_count - count);
        w->history_count = count_fitting(w, piece, rows, count, least, room);
        w->history = rows + (count - w->history_count);
        if (w->history_count > 0) {
            return NJ_OK;
        }
        add_items(w, piece, rows + count - 1, 1, &least);
        return fail_room(w, least, room);
    }
    if (piece != NULL) {
        add_span(&least, (token_span){piece->tokens, piece->count}, 1);
    }
    return fits(least, room) ? NJ_OK : fail_room(w, least, room);
}

// ---- writing ----

static void write_span(writing *w, token_span span)
{
    for (size_t i = 0; i < span.count; i++, w->count++) {
        const uint32_t token = span.at[i];
        const bool is_vector = (token & NJ_PROMPT_VECTOR) != 0;
        w->word += begins_word(token);
        w->tokens[w->count] = is_vector ? token : token & ~NJ_PROMPT_WORD;
        if (w->words != NULL) {
            w->words[w->count] = w->word;
        }
    }
}

static void write_items(writing *w, const nj_prompt_piece *piece, const uint32_t *rows,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        write_span(w, item_span(w->prompt, piece, stand_of(i, count), rows[i]));
    }
    if (count == 0) {
        write_span(w, (token_span){piece->tokens, piece->count});
    }
}

static void write_pieces(writing *w)
{
    const nj_prompt *prompt = w->prompt;
    for (uint32_t i = 0; i < prompt->piece_count; i++) {
        const nj_prompt_piece *piece = &prompt->pieces[i];
        switch (piece->kind) {
        case NJ_PIECE_TOKENS:
            write_span(w, (token_span){piece->tokens, piece->count});
            break;
        case NJ_PIECE_HISTORY:
            write_items(w, piece, w->history, w->history_count);
            break;
        case NJ_PIECE_CANDIDATES:
            write_items(w, piece, w->request->candidates, w->request->candidate_count);
            break;
        default: // USER and TEXT
            write_span(w, dynamic_span(w, i));
        }
    }
    for (uint32_t i = 0; i < prompt->end_count; i++, w->count++) {
        w->tokens[w->count] = prompt->end[i] & ~NJ_PROMPT_WORD;
        if (w->words != NULL) {
            w->words[w->count] = 0;
        }
    }
}

nj_status nj_prompt_write(const nj_prompt *prompt, const nj_request *request, uint32_t items_max,
                          uint32_t words_max, nj_buffer *scratch, uint32_t *tokens, uint32_t *words,
                          nj_prompt_written *out, nj_error *err)
{
    writing w = {.prompt = prompt,
                 .request = request,
                 .ids = scratch,
                 .tokens = tokens,
                 .words = words,
                 .err = err};
    nj_status status = tokenize_user(&w);
    if (status == NJ_OK) {
        status = fit_history(&w, items_max, words_max);
    }
    if (status == NJ_OK) {
        write_pieces(&w);
        status = w.count > 0 ? NJ_OK
                             : fail_user(&w, NJ_INPUT,
                                         "his prompt has no tokens: his text is empty, and nothing "
                                         "stands around it");
    }
    if (status == NJ_OK) {
        *out = (nj_prompt_written){.count = (uint32_t)w.count, .items = w.history_count};
    }
    return status;
}

const uint32_t *nj_prompt_beginning(const nj_prompt *prompt, uint32_t *out_count)
{
    const nj_prompt_piece *first = &prompt->pieces[0];
    const bool is_shared =
        prompt->piece_count > 0 && first->kind == NJ_PIECE_TOKENS && !prompt->counts_words;
    *out_count = is_shared ? first->count : 0;
    return first->tokens;
}
