// tokenizer_chars.c - what the tokenizers know of Unicode, where it is not what utf8proc 2.8 (Unicode 15) knows.
//
// Patterns are matched by Oniguruma, which knows Unicode 16; normal form C comes from a crate that knows Unicode 9. The tables below
// are the differences, found by trying every code point and every mark; tests/parity/tokenizer_parity.py tries them again.
#include <stdlib.h>

#include <utf8proc.h>

#include "common/text/tokenizer_parts.h"

typedef struct {
    int32_t first;
    int32_t last;
} point_range;

static const point_range young_letters[] = {
    {0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},   {0xa7da, 0xa7dc},   {0x105c0, 0x105f3},
    {0x10d4a, 0x10d65}, {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x11380, 0x11389},
    {0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5}, {0x113b7, 0x113b7},
    {0x113d1, 0x113d1}, {0x113d3, 0x113d3}, {0x11bc0, 0x11be0}, {0x13460, 0x143fa},
    {0x16100, 0x1611d}, {0x16d40, 0x16d6c}, {0x18cff, 0x18cff}, {0x1e5d0, 0x1e5ed},
    {0x1e5f0, 0x1e5f0}, {0x2ebf0, 0x2ee5d},
};

static const point_range young_numbers[] = {
    {0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9}, {0x16130, 0x16139},
    {0x16d70, 0x16d79}, {0x1ccf0, 0x1ccf9}, {0x1e5f1, 0x1e5fa},
};

static const point_range young_marks[] = {
    {0x897, 0x897},     {0x10d69, 0x10d6d}, {0x10efc, 0x10efc}, {0x113b8, 0x113c0},
    {0x113c2, 0x113c2}, {0x113c5, 0x113c5}, {0x113c7, 0x113ca}, {0x113cc, 0x113d0},
    {0x113d2, 0x113d2}, {0x113e1, 0x113e2}, {0x11f5a, 0x11f5a}, {0x1611e, 0x1612f},
    {0x1e5ee, 0x1e5ef},
};

// Marks that are younger than Unicode 9: for the tokenizers they neither move nor compose.
static const point_range fixed_marks[] = {
    {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},
    {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},
    {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},   {0x10d24, 0x10d27},
    {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85},
    {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x1183a},
    {0x11930, 0x11930}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
    {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42},
    {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef},
};

// Marks that are younger than utf8proc and belong to the character before them. Those beyond U+FFFF are left out: with a character
// they have 6 bytes and more, and no one asks about graphemes of that size.
static const point_range young_extenders[] = {{0x897, 0x897}, {0x1acf, 0x1add}, {0x1ae0, 0x1aeb}};

static bool is_in(const point_range *ranges, size_t count, int32_t point)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (point > ranges[middle].last) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && point >= ranges[low].first;
}

#define IS_IN(ranges, point) is_in(ranges, sizeof(ranges) / sizeof(ranges)[0], point)

static bool is_space(int32_t point)
{
    return (point >= 0x9 && point <= 0xd) || point == 0x20 || point == 0x85 || point == 0xa0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

nj_char nj_char_kind(int32_t point)
{
    if (is_space(point)) {
        return NJ_CHAR_SPACE;
    }
    const utf8proc_category_t category = utf8proc_category(point);
    if ((category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
        IS_IN(young_letters, point)) {
        return NJ_CHAR_LETTER;
    }
    if ((category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) ||
        IS_IN(young_numbers, point)) {
        return NJ_CHAR_NUMBER;
    }
    if ((category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME) ||
        IS_IN(young_marks, point)) {
        return NJ_CHAR_MARK;
    }
    return NJ_CHAR_OTHER;
}

size_t nj_char_next(nj_slice rest, int32_t *out_point)
{
    const utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)rest.bytes,
                                                   (utf8proc_ssize_t)rest.size, out_point);
    if (size < 1) { // no valid UTF-8: one byte, so that a walk goes on
        *out_point = 0xfffd;
        return 1;
    }
    return (size_t)size;
}

static nj_status append_nfc_part(nj_slice text, nj_buffer *out)
{
    if (text.size == 0) {
        return NJ_OK;
    }
    utf8proc_uint8_t *composed = NULL;
    const utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *)text.bytes, (utf8proc_ssize_t)text.size, &composed,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    nj_status status = size < 0 ? NJ_NO_MEMORY : nj_buffer_append(out, composed, (size_t)size);
    free(composed);
    return status;
}

nj_status nj_append_nfc(nj_slice text, nj_buffer *out)
{
    size_t begin = 0;
    size_t at = 0;
    nj_status status = NJ_OK;
    while (status == NJ_OK && at < text.size) {
        int32_t point = 0;
        const size_t size = nj_char_next((nj_slice){text.bytes + at, text.size - at}, &point);
        if (IS_IN(fixed_marks, point)) {
            status = append_nfc_part((nj_slice){text.bytes + begin, at - begin}, out);
            if (status == NJ_OK) {
                status = nj_buffer_append(out, text.bytes + at, size);
            }
            begin = at + size;
        }
        at += size;
    }
    return status != NJ_OK
               ? status
               : append_nfc_part((nj_slice){text.bytes + begin, text.size - begin}, out);
}

size_t nj_grapheme_next(nj_slice rest)
{
    int32_t before = 0;
    int32_t state = 0;
    size_t end = nj_char_next(rest, &before);
    while (end < rest.size) {
        int32_t point = 0;
        const size_t size = nj_char_next((nj_slice){rest.bytes + end, rest.size - end}, &point);
        const bool is_young =
            IS_IN(young_extenders, point) && utf8proc_category(before) != UTF8PROC_CATEGORY_CC;
        if (!is_young && utf8proc_grapheme_break_stateful(before, point, &state)) {
            break;
        }
        before = point;
        end += size;
    }
    return end;
}
