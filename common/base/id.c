#include "common/base/id.h"

// Unicode 15, table 3-7: well-formed byte sequences.
size_t nj_utf8_sequence(const char *bytes, size_t left)
{
    const unsigned char *at = (const unsigned char *)bytes;
    unsigned char first = at[0];
    if (first < 0x80) {
        return 1;
    }
    size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                    : (first & 0xf0) == 0xe0         ? 3
                    : first >= 0xf0 && first <= 0xf4 ? 4
                                                     : 0;
    if (length == 0 || length > left) {
        return 0;
    }
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (first == 0xe0) {
        low = 0xa0;
    } else if (first == 0xed) {
        high = 0x9f;
    } else if (first == 0xf0) {
        low = 0x90;
    } else if (first == 0xf4) {
        high = 0x8f;
    }
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool nj_utf8_valid(const char *bytes, size_t size)
{
    while (size > 0) {
        size_t length = nj_utf8_sequence(bytes, size);
        if (length == 0) {
            return false;
        }
        bytes += length;
        size -= length;
    }
    return true;
}

// Control characters of ASCII and of Latin-1 (U+0080 to U+009F, which some terminals obey as well).
static bool is_control(const char *at, size_t length)
{
    unsigned char first = (unsigned char)at[0];
    return length == 1 ? first < 0x20 || first == 0x7f
                       : first == 0xc2 && (unsigned char)at[1] < 0xa0;
}

void nj_text_make_printable(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = nj_utf8_sequence(text, left);
        if (length == 0 || is_control(text, length)) {
            length = length == 0 ? 1 : length;
            memset(text, '?', length);
        }
        text += length;
        left -= length;
    }
}

const char *nj_id_problem(nj_slice id)
{
    if (id.size == 0) {
        return "is empty";
    }
    if (id.size > NJ_ID_BYTES_MAX) {
        return "is longer than 510 bytes";
    }
    for (size_t i = 0; i < id.size; i++) {
        unsigned char byte = (unsigned char)id.bytes[i];
        if (byte < 0x20 || byte == 0x7f) {
            return "contains a control character";
        }
    }
    return nj_utf8_valid(id.bytes, id.size) ? NULL : "is not valid UTF-8";
}

bool nj_id_is_number(nj_slice id, uint64_t *out_value)
{
    if (id.size == 0 || id.size > 20 || (id.bytes[0] == '0' && id.size > 1)) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < id.size; i++) {
        unsigned digit = (unsigned)(unsigned char)id.bytes[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out_value = value;
    return true;
}

int nj_id_compare(nj_slice a, nj_slice b)
{
    uint64_t number_a;
    uint64_t number_b;
    bool a_is_number = nj_id_is_number(a, &number_a);
    bool b_is_number = nj_id_is_number(b, &number_b);
    if (a_is_number != b_is_number) {
        return a_is_number ? -1 : 1;
    }
    if (a_is_number) {
        return number_a < number_b ? -1 : number_a > number_b;
    }
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.bytes, b.bytes, shorter);
    return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

size_t nj_id_of_number(uint64_t value, char out[NJ_ID_DIGITS_MAX])
{
    char digits[NJ_ID_DIGITS_MAX];
    size_t count = 0;
    do {
        digits[NJ_ID_DIGITS_MAX - ++count] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(out, digits + NJ_ID_DIGITS_MAX - count, count);
    return count;
}
