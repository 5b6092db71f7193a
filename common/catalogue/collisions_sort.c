// collisions_sort.c - entries in the order of their codes.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/catalogue/collisions_parts.h"

// One stable counting sort by the codes of `level`. `starts` holds a counter for each code.
static void sort_level(const nj_collision_work *work, uint32_t level, const uint32_t *from,
                       uint32_t count, uint32_t *starts, uint32_t *to)
{
    const uint32_t K = work->K[level];
    memset(starts, 0, K * sizeof *starts);
    for (uint32_t i = 0; i < count; i++) {
        starts[nj_collision_entry(work, from[i])[level]]++;
    }
    uint32_t start = 0;
    for (uint32_t code = 0; code < K; code++) {
        const uint32_t of_code = starts[code];
        starts[code] = start;
        start += of_code;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[starts[nj_collision_entry(work, from[i])[level]]++] = from[i];
    }
}

nj_status nj_collision_sort(const nj_collision_work *work, uint32_t *order, nj_error *err)
{
    const uint32_t count = work->row_count + work->occupied_count;
    uint32_t *other = malloc(((size_t)count + 1) * sizeof *other);
    uint32_t *starts = malloc(NJ_CODES_MAX * sizeof *starts);
    nj_status status = NJ_OK;
    if (other == NULL || starts == NULL) {
        status =
            nj_fail(err, NJ_NO_MEMORY, "%s: no memory to sort %" PRIu32 " SIDs", work->what, count);
        goto done;
    }
    // Each pass changes sides: begin where the last one ends in `order`.
    uint32_t *from = work->level_count % 2 == 0 ? order : other;
    uint32_t *to = from == order ? other : order;
    for (uint32_t i = 0; i < count; i++) {
        from[i] = i;
    }
    for (uint32_t l = work->level_count; l-- > 0;) {
        sort_level(work, l, from, count, starts, to);
        uint32_t *sorted = to;
        to = from;
        from = sorted;
    }
done:
    free(other);
    free(starts);
    return status;
}
