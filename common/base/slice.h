// slice.h - borrowed bytes with a length; not NUL-terminated.
#ifndef NJ_BASE_SLICE_H
#define NJ_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    const char *bytes; // borrowed; may be NULL when size is 0
    size_t size;
} nj_slice;

static inline nj_slice nj_slice_from(const char *text)
{
    return (nj_slice){text, strlen(text)};
}

static inline bool nj_slice_equal(nj_slice a, nj_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

/// The order of LMDB's keys: by bytes, a prefix before what it begins. Below 0, 0, above 0.
static inline int nj_slice_compare(nj_slice a, nj_slice b)
{
    const size_t common = a.size < b.size ? a.size : b.size;
    const int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/// For printf's "%.*s".
#define NJ_SLICE_ARGS(slice) ((int)((slice).size > 200 ? 200 : (slice).size)), (slice).bytes

#endif
