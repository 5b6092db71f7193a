#include "common/base/log_line.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"

#define ESCAPE_BYTES 8 // "\u0000" and a NUL

static size_t room(const nj_line *line)
{
    return sizeof line->bytes - NJ_LINE_TAIL_BYTES - line->used;
}

bool nj_line_add(nj_line *line, const char *bytes, size_t size)
{
    if (size > room(line)) {
        return false;
    }
    if (size > 0) {
        memcpy(line->bytes + line->used, bytes, size);
    }
    line->used += size;
    return true;
}

bool nj_line_print(nj_line *line, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return length >= 0 && (size_t)length < sizeof text && nj_line_add(line, text, (size_t)length);
}

void nj_line_end(nj_line *line, const char *text)
{
    size_t size = strlen(text);
    assert(size <= sizeof line->bytes - line->used);
    memcpy(line->bytes + line->used, text, size);
    line->used += size;
}

// One character in the form it takes inside quotes. Returns the bytes of `out`.
static size_t escape_character(const char *at, size_t length, char out[ESCAPE_BYTES])
{
    const unsigned char first = (unsigned char)at[0];
    const bool is_latin_control = length == 2 && first == 0xc2 && (unsigned char)at[1] < 0xa0;
    int size;
    if (length == 0) {
        size = snprintf(out, ESCAPE_BYTES, "\\ufffd");
    } else if (first == '"' || first == '\\') {
        size = snprintf(out, ESCAPE_BYTES, "\\%c", first);
    } else if (first == '\n') {
        size = snprintf(out, ESCAPE_BYTES, "\\n");
    } else if (first == '\t') {
        size = snprintf(out, ESCAPE_BYTES, "\\t");
    } else if (first < 0x20 || first == 0x7f) {
        size = snprintf(out, ESCAPE_BYTES, "\\u%04x", first);
    } else if (is_latin_control) {
        size = snprintf(out, ESCAPE_BYTES, "\\u%04x", (unsigned)(unsigned char)at[1]);
    } else {
        memcpy(out, at, length);
        size = (int)length;
    }
    return (size_t)size;
}

void nj_line_escape(nj_line *line, nj_slice text, size_t bytes_max)
{
    const size_t first = line->used;
    for (size_t at = 0; at < text.size;) {
        char escaped[ESCAPE_BYTES];
        size_t length = nj_utf8_sequence(text.bytes + at, text.size - at);
        size_t size = escape_character(text.bytes + at, length, escaped);
        if (size > bytes_max - (line->used - first) || !nj_line_add(line, escaped, size)) {
            return;
        }
        at += length == 0 ? 1 : length;
    }
}
