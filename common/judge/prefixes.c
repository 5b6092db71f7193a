#include "common/judge/prefixes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

#define CODES 65536u

// One pass of a radix sort, stable: rows by their code at `level`.
static void sort_by_level(const nj_prefixes *p, size_t level, const uint32_t *from, uint32_t *to,
                          uint32_t *starts)
{
    memset(starts, 0, CODES * sizeof *starts);
    for (size_t i = 0; i < p->item_count; i++) {
        starts[p->codes[i * p->code_count + level]]++;
    }
    uint32_t start = 0;
    for (size_t code = 0; code < CODES; code++) {
        const uint32_t count = starts[code];
        starts[code] = start;
        start += count;
    }
    for (size_t i = 0; i < p->item_count; i++) {
        to[starts[p->codes[from[i] * p->code_count + level]]++] = from[i];
    }
}

nj_status nj_prefixes_init(const uint16_t *codes, size_t item_count, size_t code_count,
                           size_t level_count, nj_prefixes *out)
{
    nj_prefixes p = {.item_count = item_count,
                     .codes = codes,
                     .code_count = code_count,
                     .level_count = level_count};
    const size_t bytes = nj_max_size(item_count, 1) * sizeof *p.rows;
    assert(level_count <= code_count && item_count <= UINT32_MAX);
    p.rows = malloc(bytes);
    uint32_t *other = malloc(bytes);
    uint32_t *starts = malloc(CODES * sizeof *starts);
    if (p.rows == NULL || other == NULL || starts == NULL) {
        free(p.rows);
        free(other);
        free(starts);
        return NJ_NO_MEMORY;
    }
    for (size_t i = 0; i < item_count; i++) {
        p.rows[i] = (uint32_t)i;
    }
    for (size_t level = p.level_count; level-- > 0;) {
        sort_by_level(&p, level, p.rows, other, starts);
        uint32_t *sorted = other;
        other = p.rows;
        p.rows = sorted;
    }
    free(other);
    free(starts);
    *out = p;
    return NJ_OK;
}

void nj_prefixes_fini(nj_prefixes *prefixes)
{
    free(prefixes->rows);
    *prefixes = (nj_prefixes){0};
}

static double sum_of(const uint32_t *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

size_t nj_prefixes_run_end(const nj_prefixes *prefixes, size_t level, size_t first)
{
    const nj_prefixes *p = prefixes;
    const uint16_t *codes = p->codes + p->rows[first] * p->code_count;
    size_t end = first + 1;
    while (end < p->item_count && memcmp(p->codes + p->rows[end] * p->code_count, codes,
                                         (level + 1) * sizeof *codes) == 0) {
        end++;
    }
    return end;
}

static double surplus_of(const nj_prefix_share *share)
{
    return share->recommended - share->trained;
}

// Keeps `shown` [count] sorted by `sign` times the surplus, falling; what comes first stays first among equals.
static void keep_share(nj_prefix_share *shown, size_t *count, const nj_prefix_share *share,
                       double sign)
{
    size_t place = *count;
    while (place > 0 && sign * surplus_of(&shown[place - 1]) < sign * surplus_of(share)) {
        place--;
    }
    if (sign * surplus_of(share) <= 0 || place == NJ_PREFIXES_SHOWN) {
        return;
    }
    *count = nj_min_size(*count + 1, NJ_PREFIXES_SHOWN);
    memmove(shown + place + 1, shown + place, (*count - place - 1) * sizeof *shown);
    shown[place] = *share;
}

void nj_prefixes_judge(const nj_prefixes *prefixes, size_t level, const uint32_t *counts,
                       const uint32_t *popularity, nj_prefix_level *out)
{
    const nj_prefixes *p = prefixes;
    assert(level < p->level_count);
    const double recommended = fmax(sum_of(counts, p->item_count), 1);
    const double trained = fmax(sum_of(popularity, p->item_count), 1);
    *out = (nj_prefix_level){0};
    for (size_t first = 0, end; first < p->item_count; first = end) {
        nj_prefix_share share = {.row = p->rows[first]};
        uint64_t places = 0;
        uint64_t events = 0;
        end = nj_prefixes_run_end(p, level, first);
        for (size_t i = first; i < end; i++) {
            const uint32_t row = p->rows[i];
            share.row = popularity[row] > popularity[share.row] ? row : share.row;
            places += counts[row];
            events += popularity[row];
        }
        share.item_count = (uint32_t)(end - first);
        share.recommended = (double)places / recommended;
        share.trained = (double)events / trained;
        out->prefix_count++;
        out->moved += fabs(surplus_of(&share)) / 2;
        if (places + events >= NJ_PREFIX_EVENTS_MIN) {
            keep_share(out->most, &out->most_count, &share, 1);
            keep_share(out->least, &out->least_count, &share, -1);
        }
    }
}

nj_status nj_codes_are_counted(const uint16_t *codes, size_t item_count, size_t code_count,
                               bool *out)
{
    nj_prefixes p;
    assert(code_count > 1);
    if (nj_prefixes_init(codes, item_count, code_count, code_count, &p) != NJ_OK) {
        return NJ_NO_MEMORY;
    }
    bool counted = item_count > 0;
    for (size_t first = 0, end; first < item_count && counted; first = end) {
        end = nj_prefixes_run_end(&p, code_count - 2, first);
        for (size_t i = first; i < end && counted; i++) {
            counted = codes[p.rows[i] * code_count + code_count - 1] == i - first;
        }
    }
    nj_prefixes_fini(&p);
    *out = counted;
    return NJ_OK;
}
