// tokenizer_split.c - the patterns that cut text for byte-level BPE, matched by hand.
//
// Every pattern matches something at every place, so pieces lie end to end. The order of the questions below is the
// order of a pattern's alternatives.
#include "common/text/tokenizer_parts.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const nj_split_pattern patterns[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", true,
     false, UINT32_MAX},
    {CONTRACTIONS
     "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES,
     false, false, 3},
    {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES,
     false, false, 1},
    {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| "
                  "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES,
     false, true, 1},
};

const nj_split_pattern *nj_split_pattern_find(const char *text)
{
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (text == NULL || strcmp(text, patterns[i].text) == 0) {
            return &patterns[i];
        }
    }
    return NULL;
}

// The character at byte `at`; its size is 0 at the end.
typedef struct {
    int32_t point;
    nj_char kind;
    size_t size;
} character;

static character peek_at(const nj_split_pattern *pattern, nj_slice rest, size_t at)
{
    character c = {0};
    if (at < rest.size) {
        c.size = nj_char_next((nj_slice){rest.bytes + at, rest.size - at}, &c.point);
        c.kind = nj_char_kind(c.point);
        if (c.kind == NJ_CHAR_MARK) {
            c.kind = pattern->joins_marks ? NJ_CHAR_LETTER : NJ_CHAR_OTHER;
        }
    }
    return c;
}

// The end of a run of one kind from byte `at`, of at most count_max characters.
static size_t end_of_run(const nj_split_pattern *pattern, nj_slice rest, size_t at, nj_char kind,
                         uint32_t count_max)
{
    for (uint32_t count = 0; count < count_max; count++) {
        const character c = peek_at(pattern, rest, at);
        if (c.size == 0 || c.kind != kind) {
            break;
        }
        at += c.size;
    }
    return at;
}

static bool is_line_end(const character *c)
{
    return c->size == 1 && (c->point == '\r' || c->point == '\n');
}

// A letter without its case: Oniguruma folds the long s (U+017F) too.
static int32_t fold(const character *c)
{
    if (c->point == 0x17f) {
        return 's';
    }
    return c->point >= 'A' && c->point <= 'Z' ? c->point - 'A' + 'a' : c->point;
}

static size_t match_contraction(const nj_split_pattern *pattern, nj_slice rest)
{
    if (rest.bytes[0] != '\'') {
        return 0;
    }
    const character one = peek_at(pattern, rest, 1);
    const character two = peek_at(pattern, rest, 1 + one.size);
    const int32_t a = pattern->is_gpt2 ? one.point : fold(&one);
    const int32_t b = pattern->is_gpt2 ? two.point : fold(&two);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') {
        return 1 + one.size;
    }
    const bool is_pair = ((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l');
    return is_pair ? 1 + one.size + two.size : 0;
}

// A run of white space: up to its last line end; else all but its last character when something follows.
static size_t match_spaces(const nj_split_pattern *pattern, nj_slice rest)
{
    size_t end = 0;
    size_t last = 0;
    size_t line_end = 0;
    for (;;) {
        const character c = peek_at(pattern, rest, end);
        if (c.size == 0 || c.kind != NJ_CHAR_SPACE) {
            break;
        }
        last = end;
        end += c.size;
        if (is_line_end(&c)) {
            line_end = end;
        }
    }
    if (!pattern->is_gpt2 && line_end > 0) {
        return line_end;
    }
    return end < rest.size && last > 0 ? last : end;
}

// Letters, digits or signs, from byte `at`, behind the space that may stand before it; 0 where there is white space.
static size_t match_gpt2_word(const nj_split_pattern *pattern, nj_slice rest, size_t at)
{
    const character c = peek_at(pattern, rest, at);
    return c.size == 0 || c.kind == NJ_CHAR_SPACE
               ? 0
               : end_of_run(pattern, rest, at, c.kind, UINT32_MAX);
}

static size_t match_signs(const nj_split_pattern *pattern, nj_slice rest)
{
    const size_t begin = rest.bytes[0] == ' ' ? 1 : 0;
    size_t end = end_of_run(pattern, rest, begin, NJ_CHAR_OTHER, UINT32_MAX);
    if (end == begin) {
        return 0;
    }
    for (;;) {
        const character c = peek_at(pattern, rest, end);
        if (!is_line_end(&c)) {
            return end;
        }
        end += c.size;
    }
}

static size_t match_word(const nj_split_pattern *pattern, nj_slice rest)
{
    const character first = peek_at(pattern, rest, 0);
    const bool may_lead =
        first.kind != NJ_CHAR_LETTER && first.kind != NJ_CHAR_NUMBER && !is_line_end(&first);
    const size_t begin = may_lead ? first.size : 0;
    const size_t end = end_of_run(pattern, rest, begin, NJ_CHAR_LETTER, UINT32_MAX);
    return end > begin ? end : 0;
}

size_t nj_split_next(const nj_split_pattern *pattern, nj_slice rest)
{
    size_t size = match_contraction(pattern, rest);
    if (pattern->is_gpt2) {
        if (size == 0) {
            size = match_gpt2_word(pattern, rest, rest.bytes[0] == ' ' ? 1 : 0);
        }
        return size > 0 ? size : match_spaces(pattern, rest);
    }
    if (size == 0) {
        size = match_word(pattern, rest);
    }
    if (size == 0) {
        size = end_of_run(pattern, rest, 0, NJ_CHAR_NUMBER, pattern->digits_max);
    }
    if (size == 0) {
        size = match_signs(pattern, rest);
    }
    return size > 0 ? size : match_spaces(pattern, rest);
}
