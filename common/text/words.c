#include "common/text/words.h"

#include <utf8proc.h>

#include "common/base/checked.h"
#include "common/base/id.h"

#define TEXT_BYTES_MAX ((size_t)1 << 30)
#define FOLDING (UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE)
#define CHARACTERS_MIN 2 // of a word

void nj_words_init(nj_words *words)
{
    *words = (nj_words){0};
    nj_buffer_init(&words->text, TEXT_BYTES_MAX);
    nj_buffer_init(&words->points, SIZE_MAX / 2);
}

void nj_words_fini(nj_words *words)
{
    nj_buffer_fini(&words->text);
    nj_buffer_fini(&words->points);
}

static void blank_bad_bytes(nj_words *words)
{
    char *bytes = (char *)words->text.bytes;
    const size_t size = words->text.size;
    for (size_t i = 0; i < size;) {
        const size_t length = nj_utf8_sequence(bytes + i, size - i);
        if (length == 0) {
            bytes[i] = ' ';
            words->bad_byte_count++;
        }
        i += nj_max_size(length, 1);
    }
}

// Fills points; those that are decomposed take more room than the text has characters, which utf8proc then tells.
static nj_status fold(nj_words *words, nj_error *err)
{
    const utf8proc_uint8_t *bytes = words->text.bytes;
    size_t count = words->text.size;
    for (;;) {
        nj_buffer_clear(&words->points);
        // One more than is told: utf8proc wants it for a terminator when it composes.
        if (nj_buffer_reserve(&words->points, (count + 1) * sizeof(utf8proc_int32_t)) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for a text of %zu bytes",
                           words->text.size);
        }
        utf8proc_int32_t *points = (utf8proc_int32_t *)(void *)words->points.bytes;
        utf8proc_ssize_t got =
            utf8proc_decompose(bytes, (utf8proc_ssize_t)words->text.size, points,
                               (utf8proc_ssize_t)count, (utf8proc_option_t)FOLDING);
        if (got >= 0 && (size_t)got > count) {
            count = (size_t)got;
            continue;
        }
        if (got >= 0) {
            got = utf8proc_normalize_utf32(points, got,
                                           (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
        }
        if (got < 0) {
            return nj_fail(err, NJ_INPUT, "a text of %zu bytes cannot be folded: %s",
                           words->text.size, utf8proc_errmsg(got));
        }
        words->points.size = (size_t)got * sizeof *points;
        return NJ_OK;
    }
}

nj_status nj_words_open(nj_words *words, nj_slice text, nj_error *err)
{
    nj_buffer_clear(&words->text);
    nj_buffer_clear(&words->points);
    words->next = 0;
    if (text.size == 0) {
        return NJ_OK;
    }
    if (nj_buffer_append(&words->text, text.bytes, text.size) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a text of %zu bytes", text.size);
    }
    blank_bad_bytes(words);
    return fold(words, err);
}

typedef enum { BETWEEN, LETTER, MARK, ALONE } point_kind;

static bool is_hangul(utf8proc_int32_t point)
{
    return (point >= 0x1100 && point <= 0x11ff) || (point >= 0xa960 && point <= 0xa97f) ||
           (point >= 0xac00 && point <= 0xd7ff);
}

static point_kind kind_of(utf8proc_int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return MARK;
    case UTF8PROC_CATEGORY_LO: // Korean has spaces between its wide letters
        return utf8proc_charwidth(point) == 2 && !is_hangul(point) ? ALONE : LETTER;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return LETTER;
    default:
        return BETWEEN;
    }
}

// Writes the run of points that begins at words->next, and steps behind it; false where it is no word.
static bool take_run(nj_words *words, const utf8proc_int32_t *points, size_t count,
                     size_t *out_size)
{
    const bool is_alone = kind_of(points[words->next]) == ALONE;
    size_t characters = 0;
    size_t size = 0;
    bool fits = true;
    for (; words->next < count; words->next++) {
        const point_kind kind = kind_of(points[words->next]);
        if (kind == BETWEEN || (kind == LETTER && is_alone) ||
            (kind == ALONE && (!is_alone || characters == 1))) {
            break;
        }
        characters += kind != MARK;
        utf8proc_uint8_t bytes[4];
        const size_t more = (size_t)utf8proc_encode_char(points[words->next], bytes);
        fits = fits && size + more <= sizeof words->word;
        if (fits) {
            memcpy(words->word + size, bytes, more);
            size += more;
        }
    }
    *out_size = size;
    return fits && (is_alone || characters >= CHARACTERS_MIN);
}

bool nj_words_next(nj_words *words, nj_slice *out)
{
    const utf8proc_int32_t *points = (const utf8proc_int32_t *)(const void *)words->points.bytes;
    const size_t count = words->points.size / sizeof *points;
    size_t size = 0;
    while (words->next < count) {
        if (kind_of(points[words->next]) == BETWEEN) {
            words->next++;
        } else if (take_run(words, points, count, &size)) {
            *out = (nj_slice){words->word, size};
            return true;
        }
    }
    return false;
}
