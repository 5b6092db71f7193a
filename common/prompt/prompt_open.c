// prompt_open.c - the sections "prompt" and "strings" of a bundle, checked.
#include <inttypes.h>
#include <math.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/catalogue/section_names.h"
#include "common/prompt/prompt_parts.h"

typedef struct {
    const nj_sections *sections;
    const nj_prompt_header *header;
    const nj_prompt_entry *entries; // [piece_count]
    const uint32_t *tokens;         // [token_count]
    const char *text;               // [text_bytes]
    uint32_t V;
    nj_prompt *prompt;
    nj_error *err;
} opening;

bool nj_prompt_is_there(const nj_sections *sections)
{
    return nj_sections_find(sections, NJ_SECTION_PROMPT) != NULL;
}

static nj_status fail_number(const opening *o, const char *what, uint32_t value, uint32_t least,
                             uint32_t most)
{
    return nj_fail(o->err, NJ_INPUT,
                   "section \"prompt\": %s is %" PRIu32 ", must be %" PRIu32 " to %" PRIu32, what,
                   value, least, most);
}

// ---- tokens ----

static nj_status check_token(const opening *o, const char *section, size_t place, uint32_t token)
{
    const nj_prompt *prompt = o->prompt;
    if ((token & NJ_PROMPT_VECTOR) != 0) {
        const uint32_t row = token & ~NJ_PROMPT_VECTOR;
        return prompt->has_vectors && row < prompt->row_count
                   ? NJ_OK
                   : nj_fail(o->err, NJ_INPUT,
                             "section \"%s\": token %zu is the vector of row %" PRIu32
                             ", the prompt has vectors of %" PRIu32 " rows",
                             section, place, row, prompt->has_vectors ? prompt->row_count : 0);
    }
    if ((token & NJ_PROMPT_WORD) != 0 && !prompt->counts_words) {
        return nj_fail(o->err, NJ_INPUT,
                       "section \"%s\": token %zu begins a word, and none are counted", section,
                       place);
    }
    return (token & ~NJ_PROMPT_WORD) < o->V
               ? NJ_OK
               : nj_fail(o->err, NJ_CONFIG,
                         "section \"%s\": token %zu is %" PRIu32
                         ", the model's vocabulary has %" PRIu32
                         ": pack the bundle with the model's own tokenizer",
                         section, place, token & ~NJ_PROMPT_WORD, o->V);
}

static nj_status check_tokens(const opening *o, const char *section, const uint32_t *tokens,
                              size_t count)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = check_token(o, section, i, tokens[i]);
    }
    return status;
}

// ---- the header ----

static nj_status find_parts(opening *o, const nj_section *section)
{
    const nj_prompt_header *h = section->bytes;
    uint32_t needs = 0;
    nj_status status = nj_prompt_needs(o->sections, &needs, o->err);
    if (status != NJ_OK) {
        return status;
    }
    if (section->size < sizeof *h || h->piece_count > NJ_PROMPT_PIECES_MAX ||
        h->token_count > NJ_PROMPT_TOKENS_MAX) {
        return nj_fail(
            o->err, NJ_INPUT,
            "section \"prompt\" has %zu bytes, its header has %zu and at most %d pieces and "
            "%d tokens",
            section->size, sizeof *h, NJ_PROMPT_PIECES_MAX, NJ_PROMPT_TOKENS_MAX);
    }
    const size_t bytes = sizeof *h + h->piece_count * sizeof *o->entries +
                         h->token_count * sizeof *o->tokens + (size_t)h->text_bytes;
    if (section->size != bytes) {
        return nj_fail(o->err, NJ_INPUT, "section \"prompt\" has %zu bytes, its header says %zu",
                       section->size, bytes);
    }
    o->header = h;
    o->entries = (const nj_prompt_entry *)(const void *)(h + 1);
    o->tokens = (const uint32_t *)(const void *)(o->entries + h->piece_count);
    o->text = (const char *)(const void *)(o->tokens + h->token_count);
    return NJ_OK;
}

static nj_status check_numbers(const opening *o)
{
    const nj_prompt_header *h = o->header;
    const bool is_free = h->answer == NJ_SAYS_LIST || h->answer == NJ_SAYS_TEXT;
    const struct {
        const char *what;
        uint32_t value, least, most;
    } numbers[] = {
        {"flags", h->flags, 0, NJ_PROMPT_COUNTS_WORDS | NJ_PROMPT_HAS_VECTORS},
        {"forms", h->form_count, 0, NJ_PROMPT_FORMS_MAX},
        {"tokens of a prompt", h->tokens_max, 1, NJ_PROMPT_TOKENS_MAX},
        {"kind of answer", h->answer, 0, NJ_SAYS_TEXT},
        {"tokens of an answer", h->answer_tokens_max, is_free, NJ_PROMPT_ANSWER_TOKENS_MAX},
        {"items of an answer", h->list_count, h->answer == NJ_SAYS_LIST, NJ_PROMPT_LIST_MAX},
        {"rule of stopping", h->stop, 0, 2},
        {"tokens of the answer's separator", h->answer_separator_count, h->answer == NJ_SAYS_LIST,
         NJ_STRING_TOKENS_MAX},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].value < numbers[i].least || numbers[i].value > numbers[i].most) {
            return fail_number(o, numbers[i].what, numbers[i].value, numbers[i].least,
                               numbers[i].most);
        }
    }
    if (!(fabsf(h->length_penalty) <= NJ_PROMPT_LENGTH_PENALTY_MAX)) {
        return nj_fail(o->err, NJ_INPUT,
                       "section \"prompt\": the length penalty is %g, must be a number of %d to %d",
                       (double)h->length_penalty, -NJ_PROMPT_LENGTH_PENALTY_MAX,
                       NJ_PROMPT_LENGTH_PENALTY_MAX);
    }
    if (h->end_token >= o->V) {
        return nj_fail(o->err, NJ_CONFIG,
                       "section \"prompt\": an answer ends with token %" PRIu32
                       ", the model's vocabulary has %" PRIu32,
                       h->end_token, o->V);
    }
    return NJ_OK;
}

static void take_numbers(opening *o, uint32_t row_count)
{
    const nj_prompt_header *h = o->header;
    nj_prompt *prompt = o->prompt;
    prompt->piece_count = h->piece_count;
    prompt->row_count = row_count;
    prompt->form_count = h->form_count;
    prompt->end_count = h->end_count;
    prompt->counts_words = (h->flags & NJ_PROMPT_COUNTS_WORDS) != 0;
    prompt->has_vectors = (h->flags & NJ_PROMPT_HAS_VECTORS) != 0;
    prompt->needs_history = (h->head.needs & NJ_PROMPT_NEEDS_HISTORY) != 0;
    prompt->needs_candidates = (h->head.needs & NJ_PROMPT_NEEDS_CANDIDATES) != 0;
    prompt->needs_user = (h->head.needs & NJ_PROMPT_NEEDS_USER) != 0;
    prompt->needs_text = (h->head.needs & NJ_PROMPT_NEEDS_TEXT) != 0;
    prompt->tokens_max = h->tokens_max;
    prompt->answer = (nj_prompt_answer)h->answer;
    prompt->end_token = h->end_token;
    prompt->answer_tokens_max = h->answer_tokens_max;
    prompt->list_count = h->list_count;
    prompt->length_penalty = h->length_penalty;
    prompt->stop = h->stop;
    prompt->answer_separator_count = h->answer_separator_count;
}

// ---- pieces ----

// How far tokens and text have been handed out.
typedef struct {
    size_t token;
    size_t text;
    uint32_t kinds[NJ_PIECE_KINDS]; // pieces of each
} taking;

static nj_status take_piece(const opening *o, uint32_t place, taking *t)
{
    const nj_prompt_entry *e = &o->entries[place];
    nj_prompt_piece *piece = &o->prompt->pieces[place];
    const size_t text_bytes = (size_t)e->left_bytes + e->right_bytes;
    if (e->kind >= NJ_PIECE_KINDS || e->is_behind > 1 ||
        e->count > o->header->token_count - t->token ||
        text_bytes > o->header->text_bytes - t->text) {
        return nj_fail(o->err, NJ_INPUT,
                       "section \"prompt\": piece %" PRIu32 " of kind %" PRIu32 " has %" PRIu32
                       " tokens and %zu bytes of text, the section has %zu and %zu left",
                       place, e->kind, e->count, text_bytes, o->header->token_count - t->token,
                       o->header->text_bytes - t->text);
    }
    *piece = (nj_prompt_piece){.kind = (nj_piece_kind)e->kind,
                               .tokens = o->tokens + t->token,
                               .count = e->count,
                               .left = {o->text + t->text, e->left_bytes},
                               .right = {o->text + t->text + e->left_bytes, e->right_bytes},
                               .skip = e->skip,
                               .is_behind = e->is_behind == 1};
    const bool has_items = piece->kind == NJ_PIECE_HISTORY || piece->kind == NJ_PIECE_CANDIDATES;
    for (size_t i = 0; i < NJ_ITEM_STANDS; i++) {
        piece->forms[i] = e->forms[i];
        if (has_items && e->forms[i] >= o->header->form_count) {
            return nj_fail(o->err, NJ_INPUT,
                           "section \"prompt\": piece %" PRIu32 " wants form %" PRIu32
                           " of items, there are %" PRIu32,
                           place, e->forms[i], o->header->form_count);
        }
    }
    t->token += e->count;
    t->text += text_bytes;
    t->kinds[piece->kind]++;
    return nj_utf8_valid(piece->left.bytes, piece->left.size) &&
                   nj_utf8_valid(piece->right.bytes, piece->right.size)
               ? NJ_OK
               : nj_fail(o->err, NJ_INPUT, "section \"prompt\": piece %" PRIu32 " is no UTF-8",
                         place);
}

static nj_status take_pieces(opening *o)
{
    const nj_prompt_header *h = o->header;
    taking t = {0};
    nj_status status = NJ_OK;
    for (uint32_t i = 0; status == NJ_OK && i < h->piece_count; i++) {
        status = take_piece(o, i, &t);
    }
    if (status != NJ_OK) {
        return status;
    }
    if ((size_t)h->end_count + h->answer_separator_count != h->token_count - t.token ||
        t.text != h->text_bytes) {
        return nj_fail(
            o->err, NJ_INPUT,
            "section \"prompt\": its pieces leave %zu tokens and %zu bytes of text, must be %zu "
            "and 0",
            h->token_count - t.token, h->text_bytes - t.text,
            (size_t)h->end_count + h->answer_separator_count);
    }
    o->prompt->end = o->tokens + t.token;
    o->prompt->answer_separator = o->prompt->end + h->end_count;
    const uint32_t needs = (t.kinds[NJ_PIECE_HISTORY] > 0 ? NJ_PROMPT_NEEDS_HISTORY : 0u) |
                           (t.kinds[NJ_PIECE_CANDIDATES] > 0 ? NJ_PROMPT_NEEDS_CANDIDATES : 0u) |
                           (t.kinds[NJ_PIECE_USER] > 0 ? NJ_PROMPT_NEEDS_USER : 0u) |
                           (t.kinds[NJ_PIECE_TEXT] > 0 ? NJ_PROMPT_NEEDS_TEXT : 0u) |
                           nj_prompt_needs_of((nj_prompt_answer)h->answer);
    if (needs != h->head.needs || t.kinds[NJ_PIECE_HISTORY] > 1 ||
        t.kinds[NJ_PIECE_CANDIDATES] > 1) {
        return nj_fail(o->err, NJ_INPUT,
                       "section \"prompt\": its head needs %#" PRIx32 ", its pieces %#" PRIx32
                       " with %" PRIu32 " histories and %" PRIu32 " candidates, at most one each",
                       h->head.needs, needs, t.kinds[NJ_PIECE_HISTORY],
                       t.kinds[NJ_PIECE_CANDIDATES]);
    }
    return check_tokens(o, NJ_SECTION_PROMPT, o->tokens, h->token_count);
}

// ---- strings ----

static nj_status find_section(const opening *o, const char *name, const nj_section **out)
{
    *out = nj_sections_find(o->sections, name);
    return *out != NULL
               ? NJ_OK
               : nj_fail(o->err, NJ_INPUT,
                         "the bundle has no section \"%s\", and its prompt needs it", name);
}

static nj_status check_offsets(const opening *o, const uint64_t *offset, size_t string_count,
                               uint64_t token_count)
{
    for (size_t i = 0; i < string_count; i++) {
        if (offset[i] > offset[i + 1] || offset[i + 1] - offset[i] > NJ_PROMPT_STRING_TOKENS_MAX) {
            return nj_fail(o->err, NJ_INPUT,
                           "section \"strings\": string %zu has tokens from %" PRIu64 " to %" PRIu64
                           ", at most %d rising",
                           i, offset[i], offset[i + 1], NJ_PROMPT_STRING_TOKENS_MAX);
        }
    }
    return offset[0] == 0 && offset[string_count] == token_count
               ? NJ_OK
               : nj_fail(o->err, NJ_INPUT,
                         "section \"strings\": tokens from %" PRIu64 " to %" PRIu64
                         ", must be from 0 to %" PRIu64,
                         offset[0], offset[string_count], token_count);
}

static nj_status open_strings(opening *o)
{
    nj_prompt *prompt = o->prompt;
    const nj_section *section = NULL;
    if (prompt->form_count == 0) {
        return NJ_OK;
    }
    nj_status status = find_section(o, NJ_SECTION_STRINGS, &section);
    if (status != NJ_OK) {
        return status;
    }
    const nj_strings_header *h = section->bytes;
    const size_t string_count = (size_t)prompt->form_count * prompt->row_count;
    const size_t least = sizeof *h + (string_count + 1) * sizeof *prompt->offset;
    if (section->size < least || h->version != NJ_STRINGS_VERSION ||
        h->form_count != prompt->form_count || h->row_count != prompt->row_count || h->zero != 0 ||
        (section->size - least) % sizeof *prompt->tokens != 0) {
        return nj_fail(o->err, NJ_INPUT,
                       "section \"strings\" has %zu bytes, %" PRIu32 " forms of %" PRIu32
                       " rows have %zu and whole tokens, in version %d",
                       section->size, prompt->form_count, prompt->row_count, least,
                       NJ_STRINGS_VERSION);
    }
    prompt->offset = (const uint64_t *)(const void *)(h + 1);
    prompt->tokens = (const uint32_t *)(const void *)(prompt->offset + string_count + 1);
    const size_t token_count = (section->size - least) / sizeof *prompt->tokens;
    status = check_offsets(o, prompt->offset, string_count, token_count);
    return status == NJ_OK ? check_tokens(o, NJ_SECTION_STRINGS, prompt->tokens, token_count)
                           : status;
}

// ---- the other sections ----

static nj_status open_answers(opening *o)
{
    nj_prompt *prompt = o->prompt;
    const nj_section *section = NULL;
    if (prompt->answer != NJ_SAYS_ITEM && prompt->answer != NJ_SAYS_LIST) {
        return NJ_OK;
    }
    nj_status status = find_section(o, NJ_SECTION_ANSWERS, &section);
    if (status == NJ_OK) {
        status = nj_token_trie_open(section->bytes, section->size, prompt->row_count,
                                    &prompt->answers, o->err);
    }
    return status != NJ_OK || prompt->answers.V <= o->V
               ? status
               : nj_fail(o->err, NJ_CONFIG,
                         "section \"answers\" has tokens up to %" PRIu32
                         ", the model's vocabulary has %" PRIu32,
                         prompt->answers.V, o->V);
}

static nj_status open_tokenizer(opening *o)
{
    nj_prompt *prompt = o->prompt;
    const nj_section *section = NULL;
    if (!prompt->needs_user && !prompt->needs_text && prompt->answer != NJ_SAYS_TEXT) {
        return NJ_OK;
    }
    nj_status status = find_section(o, NJ_SECTION_TOKENIZER, &section);
    if (status == NJ_OK) {
        status = nj_tokenizer_open_bytes((nj_slice){section->bytes, section->size},
                                         "section \"tokenizer\"", &prompt->tokenizer, o->err);
    }
    if (status != NJ_OK || nj_tokenizer_vocabulary(prompt->tokenizer) <= o->V) {
        return status;
    }
    return nj_fail(o->err, NJ_CONFIG,
                   "section \"tokenizer\" has ids up to %" PRIu32
                   ", the model's vocabulary has %" PRIu32,
                   nj_tokenizer_vocabulary(prompt->tokenizer) - 1, o->V);
}

nj_status nj_prompt_open(const nj_sections *sections, uint32_t row_count, uint32_t V,
                         nj_prompt *out, nj_error *err)
{
    nj_prompt prompt = {0};
    opening o = {.sections = sections, .V = V, .prompt = &prompt, .err = err};
    const nj_section *section = NULL;
    nj_status status = find_section(&o, NJ_SECTION_PROMPT, &section);
    if (status == NJ_OK && V > NJ_PROMPT_WORD) {
        status = nj_fail(err, NJ_CONFIG, "a vocabulary of %" PRIu32 ", prompts know at most %u", V,
                         NJ_PROMPT_WORD);
    }
    if (status == NJ_OK) {
        status = find_parts(&o, section);
    }
    if (status == NJ_OK) {
        status = check_numbers(&o);
    }
    if (status == NJ_OK) {
        take_numbers(&o, row_count);
        status = take_pieces(&o);
    }
    if (status == NJ_OK) {
        status = open_strings(&o);
    }
    if (status == NJ_OK) {
        status = open_answers(&o);
    }
    if (status == NJ_OK) {
        status = open_tokenizer(&o);
    }
    if (status != NJ_OK) {
        nj_prompt_close(&prompt);
        return status;
    }
    *out = prompt;
    return NJ_OK;
}

void nj_prompt_close(nj_prompt *prompt)
{
    nj_tokenizer_close(&prompt->tokenizer);
    *prompt = (nj_prompt){0};
}
