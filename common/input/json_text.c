#include "common/input/json_text.h"

#include <stdint.h>

// ---- numbers ----

static size_t pass_digits(const char *text, size_t size, size_t at)
{
    while (at < size && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at;
}

bool nj_json_is_number(const char *text, size_t size, bool *out_whole)
{
    size_t start = size > 0 && text[0] == '-' ? 1 : 0;
    size_t at = pass_digits(text, size, start);
    if (at == start || (text[start] == '0' && at > start + 1)) {
        return false;
    }
    *out_whole = at == size;
    if (at < size && text[at] == '.') {
        start = at + 1;
        at = pass_digits(text, size, start);
        if (at == start) {
            return false;
        }
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < size && (text[at] == '+' || text[at] == '-') ? 1 : 0;
        start = at;
        at = pass_digits(text, size, start);
        if (at == start) {
            return false;
        }
    }
    return at == size;
}

// ---- text ----

// The four hexadecimal digits of \uXXXX; jsmn has checked that they are there.
static uint32_t read_hex(const char *text)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t byte = (unsigned char)text[i];
        value = value << 4 | (byte <= '9' ? byte - '0' : (byte | 0x20u) - 'a' + 10);
    }
    return value;
}

static size_t write_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

// Decodes \uXXXX at text[0..]; a surrogate takes its partner with it. Returns the bytes consumed, 0
// for a lone surrogate.
static size_t decode_unicode(const char *text, size_t size, uint32_t *out_point)
{
    uint32_t point = read_hex(text + 2);
    *out_point = point;
    if (point < 0xd800 || point > 0xdfff) {
        return 6;
    }
    if (point > 0xdbff || size < 12 || text[6] != '\\' || text[7] != 'u') {
        return 0;
    }
    uint32_t low = read_hex(text + 8);
    *out_point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

static char decode_letter(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter; // quote, slash, backslash
    }
}

// No escape is shorter than what it stands for.
bool nj_json_decode_escapes(char *text, size_t size, size_t *out_size)
{
    size_t to = 0;
    for (size_t from = 0; from < size;) {
        if (text[from] != '\\') {
            text[to++] = text[from++];
        } else if (text[from + 1] != 'u') {
            text[to++] = decode_letter(text[from + 1]);
            from += 2;
        } else {
            uint32_t point;
            size_t consumed = decode_unicode(text + from, size - from, &point);
            if (consumed == 0) {
                return false;
            }
            to += write_utf8(text + to, point);
            from += consumed;
        }
    }
    *out_size = to;
    return true;
}

bool nj_json_has_control_byte(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20) {
            return true;
        }
    }
    return false;
}
