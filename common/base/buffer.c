#include "common/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/checked.h"

#define FIRST_BYTES 256

void nj_buffer_init(nj_buffer *buffer, size_t bytes_max)
{
    *buffer = (nj_buffer){.bytes_max = bytes_max};
}

void nj_buffer_fini(nj_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (nj_buffer){.bytes_max = buffer->bytes_max};
}

void nj_buffer_clear(nj_buffer *buffer)
{
    buffer->size = 0;
}

nj_status nj_buffer_reserve(nj_buffer *buffer, size_t more)
{
    size_t need;
    if (!nj_add_size(buffer->size, more, &need) || need > buffer->bytes_max) {
        return NJ_NO_MEMORY;
    }
    if (need <= buffer->capacity) {
        return NJ_OK;
    }
    size_t capacity = buffer->capacity == 0 ? FIRST_BYTES : buffer->capacity;
    while (capacity < need) {
        capacity = capacity > buffer->bytes_max / 2 ? buffer->bytes_max : capacity * 2;
    }
    // One byte more than is told: the place of printf's NUL, so that text may fill the buffer to its limit.
    uint8_t *bytes = capacity == SIZE_MAX ? NULL : realloc(buffer->bytes, capacity + 1);
    if (bytes == NULL) {
        return NJ_NO_MEMORY;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return NJ_OK;
}

nj_status nj_buffer_append(nj_buffer *buffer, const void *bytes, size_t size)
{
    nj_status status = nj_buffer_reserve(buffer, size);
    if (status == NJ_OK && size > 0) {
        memcpy(buffer->bytes + buffer->size, bytes, size);
        buffer->size += size;
    }
    return status;
}

nj_status nj_buffer_printf(nj_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return NJ_FAILED;
    }
    nj_status status = nj_buffer_reserve(buffer, (size_t)length);
    if (status == NJ_OK && length > 0) {
        va_start(arguments, format);
        vsnprintf((char *)buffer->bytes + buffer->size, (size_t)length + 1, format, arguments);
        va_end(arguments);
        buffer->size += (size_t)length;
    }
    return status;
}

// Bytes that one byte of text takes inside a JSON string.
static size_t escaped_bytes(unsigned char byte)
{
    if (byte == '"' || byte == '\\') {
        return 2;
    }
    return byte < 0x20 ? sizeof "\\u00XX" - 1 : 1;
}

static char *write_escaped(char *out, unsigned char byte)
{
    static const char HEX[] = "0123456789abcdef";
    size_t size = escaped_bytes(byte);
    if (size == 1) {
        *out = (char)byte;
    } else if (size == 2) {
        out[0] = '\\';
        out[1] = (char)byte;
    } else {
        memcpy(out, "\\u00", 4);
        out[4] = HEX[byte >> 4];
        out[5] = HEX[byte & 15];
    }
    return out + size;
}

nj_status nj_buffer_json_string(nj_buffer *buffer, nj_slice text)
{
    size_t need = 2; // the quotes
    for (size_t i = 0; i < text.size; i++) {
        if (!nj_add_size(need, escaped_bytes((unsigned char)text.bytes[i]), &need)) {
            return NJ_NO_MEMORY;
        }
    }
    nj_status status = nj_buffer_reserve(buffer, need);
    if (status != NJ_OK) {
        return status;
    }
    char *out = (char *)buffer->bytes + buffer->size;
    *out++ = '"';
    for (size_t i = 0; i < text.size; i++) {
        out = write_escaped(out, (unsigned char)text.bytes[i]);
    }
    *out = '"';
    buffer->size += need;
    return NJ_OK;
}
