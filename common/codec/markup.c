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

// Bytes of the character at `at`, 0 when it is none or one that XML or HTML do not allow.
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
    return is_control || is_no_character ? 0 : bytes;
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
