#include "common/codec/markup.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/id.h"

static const char *find_entity(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

// U+202A to U+202E and U+2066 to U+2069 say in which direction everything behind them is read: one name could turn the words around it.
static bool turns_text(const char *at)
{
    const unsigned char middle = (unsigned char)at[1];
    const unsigned char last = (unsigned char)at[2];
    return (unsigned char)at[0] == 0xe2 && ((middle == 0x80 && last >= 0xaa && last <= 0xae) ||
                                            (middle == 0x81 && last >= 0xa6 && last <= 0xa9));
}

// Bytes of the character at `at`, 0 when it is none, one that XML or HTML do not allow, or one that is not shown.
static size_t measure_character(const char *at, size_t left)
{
    const unsigned char first = (unsigned char)at[0];
    if (first < ' ' || first == 0x7f) {
        return first == '\n';
    }
    const size_t bytes = nj_utf8_sequence(at, left);
    const bool is_control = bytes == 2 && first == 0xc2 && (unsigned char)at[1] < 0xa0;
    const bool is_no_character =
        bytes == 3 && first == 0xef && (unsigned char)at[1] == 0xbf && (unsigned char)at[2] >= 0xbe;
    return is_control || is_no_character || (bytes == 3 && turns_text(at)) ? 0 : bytes;
}

nj_status nj_markup_append(nj_buffer *out, const char *text, size_t size)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < size && status == NJ_OK;) {
        const char *entity = find_entity(text[i]);
        const size_t bytes = measure_character(text + i, size - i);
        if (entity != NULL) {
            status = nj_buffer_append(out, entity, strlen(entity));
        } else {
            status = nj_buffer_append(out, bytes > 0 ? text + i : "?", bytes > 0 ? bytes : 1);
        }
        i += bytes > 0 ? bytes : 1;
    }
    return status;
}
