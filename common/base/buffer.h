// buffer.h - bytes that grow, up to a stated maximum.
#ifndef NJ_BASE_BUFFER_H
#define NJ_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"

typedef struct {
    uint8_t *bytes;   // owned
    size_t size;      // bytes in use
    size_t capacity;  // bytes there is room for
    size_t bytes_max; // growing past this is NJ_NO_MEMORY
} nj_buffer;

void nj_buffer_init(nj_buffer *buffer, size_t bytes_max);
void nj_buffer_fini(nj_buffer *buffer);

/// Forgets the content and keeps the memory.
void nj_buffer_clear(nj_buffer *buffer);

/// Makes room for `more` bytes behind the end without changing size.
NJ_CHECKED nj_status nj_buffer_reserve(nj_buffer *buffer, size_t more);

/// Appends a copy. On failure the buffer is unchanged.
NJ_CHECKED nj_status nj_buffer_append(nj_buffer *buffer, const void *bytes, size_t size);

/// printf at the end (no NUL is counted). On failure the buffer is unchanged.
NJ_CHECKED nj_status nj_buffer_printf(nj_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/// Appends text as a JSON string with its quotes. Bytes that are not valid UTF-8 must not arrive here. On failure
/// the buffer is unchanged.
NJ_CHECKED nj_status nj_buffer_json_string(nj_buffer *buffer, nj_slice text);

static inline nj_slice nj_buffer_slice(const nj_buffer *buffer)
{
    return (nj_slice){(const char *)buffer->bytes, buffer->size};
}

#endif
