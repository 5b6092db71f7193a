// wordpiece_points.c - what a character is to BERT's tokenizer. See wordpiece.h.
#include <utf8proc.h>

#include "common/text/wordpiece_parts.h"

typedef struct {
    int32_t first;
    int32_t last;
} point_range;

// Marks, punctuation and format characters of utf8proc's Unicode that Unicode 8 did not have, or had as something else: letters. Characters
// between them in a range are none of these. From the tokenizer's answers for every character (tests/parity/embed_transformers.py).
static const point_range LATER[] = {
    {0x061d, 0x061d},   {0x07fd, 0x07fd},   {0x0890, 0x08e2},   {0x09fd, 0x09fe},
    {0x0a76, 0x0a76},   {0x0afa, 0x0aff},   {0x0b55, 0x0b55},   {0x0c04, 0x0c3c},
    {0x0c77, 0x0c77},   {0x0c84, 0x0c84},   {0x0d00, 0x0d00},   {0x0d3b, 0x0d3c},
    {0x0d81, 0x0d81},   {0x0eba, 0x0eba},   {0x0ece, 0x0ece},   {0x180f, 0x1886},
    {0x1abf, 0x1ace},   {0x1b7d, 0x1b7e},   {0x1df6, 0x1dfb},   {0x2e43, 0x2e5d},
    {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},   {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},
    {0x10d24, 0x10f89}, {0x11070, 0x11074}, {0x110c2, 0x110cd}, {0x111c9, 0x111c9},
    {0x111cf, 0x111cf}, {0x1123e, 0x11241}, {0x1133b, 0x1133b}, {0x11438, 0x1145e},
    {0x11660, 0x1166c}, {0x116b9, 0x116b9}, {0x1182f, 0x11fff}, {0x12ff1, 0x13455},
    {0x16e97, 0x16f4f}, {0x16fe2, 0x16fe4}, {0x1cf00, 0x1cf46}, {0x1e000, 0x1e4ef},
    {0x1e944, 0x1e95f},
};

// Blocks of Han as BERT lists them; 0x2b920 stands so in the original.
static const point_range CJK[] = {
    {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
    {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f},
};

// Capital letters of Unicode 16 and 17, and what is added to make them small.
static const struct {
    point_range range;
    int32_t step; // of the range's capitals
    int32_t more;
} CAPITALS[] = {
    {{0x1c89, 0x1c89}, 1, 1},      {{0xa7cb, 0xa7cb}, 1, 0x264 - 0xa7cb},
    {{0xa7cc, 0xa7ce}, 2, 1},      {{0xa7d2, 0xa7d4}, 2, 1},
    {{0xa7da, 0xa7da}, 1, 1},      {{0xa7dc, 0xa7dc}, 1, 0x19b - 0xa7dc},
    {{0x10d50, 0x10d65}, 1, 0x20}, {{0x16ea0, 0x16eb8}, 1, 0x1b},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool is_in(const point_range *ranges, size_t count, int32_t point)
{
    size_t low = 0;
    while (low < count) {
        const size_t middle = low + (count - low) / 2;
        if (point > ranges[middle].last) {
            low = middle + 1;
        } else if (point < ranges[middle].first) {
            count = middle;
        } else {
            return true;
        }
    }
    return false;
}

static nj_point_kind find_kind(int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
        return NJ_POINT_NOTHING;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return NJ_POINT_SPACE;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return NJ_POINT_PUNCTUATION;
    case UTF8PROC_CATEGORY_MN:
        return NJ_POINT_MARK;
    default:
        return is_in(CJK, COUNT(CJK), point) ? NJ_POINT_CJK : NJ_POINT_LETTER;
    }
}

static nj_point_kind find_ascii_kind(int32_t point)
{
    if (point == ' ' || point == '\t' || point == '\n' || point == '\r') {
        return NJ_POINT_SPACE;
    }
    if (point < ' ' || point == 0x7f) {
        return NJ_POINT_NOTHING;
    }
    const bool is_letter = (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') ||
                           (point >= 'a' && point <= 'z');
    return is_letter ? NJ_POINT_LETTER : NJ_POINT_PUNCTUATION;
}

nj_point_kind nj_wordpiece_kind(int32_t point)
{
    if (point < 0x80) {
        return find_ascii_kind(point);
    }
    switch (point) { // another category in Unicode 8
    case 0xfffd:
        return NJ_POINT_NOTHING;
    case 0x1734:
        return NJ_POINT_MARK;
    case 0x166d:
    case 0x111c9:
        return NJ_POINT_PUNCTUATION;
    default:
        break;
    }
    const nj_point_kind kind = find_kind(point);
    const bool may_be_later =
        kind == NJ_POINT_MARK || kind == NJ_POINT_PUNCTUATION || kind == NJ_POINT_NOTHING;
    return may_be_later && is_in(LATER, COUNT(LATER), point) ? NJ_POINT_LETTER : kind;
}

int32_t nj_wordpiece_small(int32_t point)
{
    if (point < 0x80) {
        return point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point;
    }
    for (size_t i = 0; i < COUNT(CAPITALS); i++) {
        const point_range *range = &CAPITALS[i].range;
        if (point >= range->first && point <= range->last &&
            (point - range->first) % CAPITALS[i].step == 0) {
            return point + CAPITALS[i].more;
        }
    }
    return utf8proc_tolower(point);
}
