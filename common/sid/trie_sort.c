#include "common/sid/trie_sort.h"

#include <stdlib.h>

#include "common/sid/parts.h"
#include "common/sid/trie_layout.h"

#define KEY_BITS 32 // of a record: the key stands above the row
#define DIGIT_BITS 8
#define DIGITS (1u << DIGIT_BITS)

// What one part finds when it looks at its rows.
typedef struct {
    bool is_legal;  // every code is below its level's K
    bool is_sorted; // the rows that are kept are in order
    uint32_t kept;  // rows that are not retired
    uint32_t first; // the first and the last of them
    uint32_t last;
    uint32_t place; // in the result
} part_rows;

typedef struct {
    const nj_sids *sids;
    uint32_t part_count;
    part_rows parts[NJ_PARTS_MAX];
    uint32_t count;    // rows kept
    uint32_t *rows;    // [count] the result
    uint64_t *records; // [count] key << 32 | row
    uint64_t *others;  // [count]
    uint32_t level;    // the key at hand: levels `level` .. `level_end` - 1
    uint32_t level_end;
    uint32_t shift; // of the digit at hand
    bool gather;    // keys are of the records' rows, in their order; else of the kept rows
    uint32_t starts[NJ_PARTS_MAX][DIGITS];
} sorter;

// ---- checks ----

static nj_status check_shape(const nj_sids *sids, nj_error *err)
{
    if (sids->level_count < 1 || sids->level_count > NJ_LEVELS_MAX) {
        return nj_fail(err, NJ_INPUT, "SIDs have %u levels, must be 1 to %d", sids->level_count,
                       NJ_LEVELS_MAX);
    }
    if (sids->row_count < 1 || sids->row_count > NJ_TRIE_NODES_MAX) {
        return nj_fail(err, NJ_INPUT, "there are %u SIDs, must be 1 to %u", sids->row_count,
                       NJ_TRIE_NODES_MAX);
    }
    for (uint32_t l = 0; l < sids->level_count; l++) {
        if (sids->codes_per_level[l] < NJ_CODES_MIN || sids->codes_per_level[l] > NJ_CODES_MAX) {
            return nj_fail(err, NJ_INPUT, "level %u has %u codes, must be %d to %d", l,
                           sids->codes_per_level[l], NJ_CODES_MIN, NJ_CODES_MAX);
        }
    }
    return NJ_OK;
}

static bool is_legal(const nj_sids *sids, const uint16_t *sid)
{
    bool legal = true;
    for (uint32_t l = 0; l < sids->level_count; l++) {
        legal = legal && sid[l] < sids->codes_per_level[l];
    }
    return legal;
}

// Names the first code that is too high.
static nj_status check_rows(const nj_sids *sids, nj_error *err)
{
    for (uint32_t row = 0; row < sids->row_count; row++) {
        const uint16_t *sid = nj_sid_at(sids, row);
        for (uint32_t l = 0; l < sids->level_count; l++) {
            if (sid[l] >= sids->codes_per_level[l]) {
                return nj_fail(err, NJ_INPUT, "row %u, level %u: code %u, the level has %u codes",
                               row, l, sid[l], sids->codes_per_level[l]);
            }
        }
    }
    return NJ_OK;
}

nj_status nj_sids_check(const nj_sids *sids, nj_error *err)
{
    nj_status status = check_shape(sids, err);
    return status == NJ_OK ? check_rows(sids, err) : status;
}

// ---- looking at the rows ----

static bool is_kept(const nj_sids *sids, uint32_t row)
{
    return sids->retired == NULL || !sids->retired[row];
}

static bool in_order(const nj_sids *sids, uint32_t before, uint32_t row)
{
    const uint16_t *a = nj_sid_at(sids, before);
    const uint16_t *b = nj_sid_at(sids, row);
    const uint32_t level = nj_sid_branch(a, b, sids->level_count);
    return level == sids->level_count || a[level] < b[level];
}

static void look_at_part(void *context, uint32_t p)
{
    sorter *s = context;
    const nj_part part = nj_part_of(s->sids->row_count, s->part_count, p);
    part_rows found = {.is_legal = true, .is_sorted = true};
    for (uint32_t row = part.first; row < part.end; row++) {
        found.is_legal = found.is_legal && is_legal(s->sids, nj_sid_at(s->sids, row));
        if (!is_kept(s->sids, row)) {
            continue;
        }
        if (found.kept++ == 0) {
            found.first = row;
        } else {
            found.is_sorted = found.is_sorted && in_order(s->sids, found.last, row);
        }
        found.last = row;
    }
    s->parts[p] = found;
}

// Adds the parts up. NJ_INPUT: a code is too high, or no row is kept.
static nj_status join_parts(sorter *s, bool *out_sorted, nj_error *err)
{
    bool sorted = true;
    const part_rows *before = NULL; // the last part that keeps a row
    for (uint32_t p = 0; p < s->part_count; p++) {
        part_rows *part = &s->parts[p];
        if (!part->is_legal) {
            return check_rows(s->sids, err);
        }
        part->place = s->count;
        s->count += part->kept;
        if (part->kept > 0) {
            sorted = sorted && part->is_sorted &&
                     (before == NULL || in_order(s->sids, before->last, part->first));
            before = part;
        }
    }
    *out_sorted = sorted;
    return s->count > 0
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "all %u items are retired, the trie would be empty",
                         s->sids->row_count);
}

static void list_part(void *context, uint32_t p)
{
    sorter *s = context;
    const nj_part part = nj_part_of(s->sids->row_count, s->part_count, p);
    uint32_t place = s->parts[p].place;
    for (uint32_t row = part.first; row < part.end; row++) {
        if (is_kept(s->sids, row)) {
            s->rows[place++] = row;
        }
    }
}

// ---- sorting ----

static uint32_t bits_for(uint32_t K)
{
    return 32 - (uint32_t)__builtin_clz(K - 1);
}

// The records of a part get the key of the levels at hand.
static void load_part(void *context, uint32_t p)
{
    sorter *s = context;
    const nj_part part = nj_part_of(s->count, s->part_count, p);
    for (uint32_t i = part.first; i < part.end; i++) {
        const uint32_t row = s->gather ? (uint32_t)s->records[i] : s->rows[i];
        const uint16_t *sid = nj_sid_at(s->sids, row);
        uint64_t key = 0;
        for (uint32_t l = s->level; l < s->level_end; l++) {
            key = key << bits_for(s->sids->codes_per_level[l]) | sid[l];
        }
        s->records[i] = key << KEY_BITS | row;
    }
}

static uint32_t digit_of(const sorter *s, uint64_t record)
{
    return (uint32_t)(record >> s->shift) & (DIGITS - 1);
}

static void count_part(void *context, uint32_t p)
{
    sorter *s = context;
    const nj_part part = nj_part_of(s->count, s->part_count, p);
    memset(s->starts[p], 0, sizeof s->starts[p]);
    for (uint32_t i = part.first; i < part.end; i++) {
        s->starts[p][digit_of(s, s->records[i])]++;
    }
}

// From counts to places: digit by digit, and within a digit part by part, which keeps the sort stable.
static void place_digits(sorter *s)
{
    uint32_t start = 0;
    for (uint32_t digit = 0; digit < DIGITS; digit++) {
        for (uint32_t p = 0; p < s->part_count; p++) {
            const uint32_t count = s->starts[p][digit];
            s->starts[p][digit] = start;
            start += count;
        }
    }
}

static void move_part(void *context, uint32_t p)
{
    sorter *s = context;
    const nj_part part = nj_part_of(s->count, s->part_count, p);
    for (uint32_t i = part.first; i < part.end; i++) {
        const uint64_t record = s->records[i];
        s->others[s->starts[p][digit_of(s, record)]++] = record;
    }
}

static void sort_by_key(sorter *s, uint32_t key_bits)
{
    for (uint32_t bit = 0; bit < key_bits; bit += DIGIT_BITS) {
        s->shift = KEY_BITS + bit;
        nj_parts_run(s->part_count, count_part, s);
        place_digits(s);
        nj_parts_run(s->part_count, move_part, s);
        uint64_t *sorted = s->others;
        s->others = s->records;
        s->records = sorted;
    }
}

static void unload_part(void *context, uint32_t p)
{
    sorter *s = context;
    const nj_part part = nj_part_of(s->count, s->part_count, p);
    for (uint32_t i = part.first; i < part.end; i++) {
        s->rows[i] = (uint32_t)s->records[i];
    }
}

// The last levels first, as many at a time as a key holds.
static void sort_listed_rows(sorter *s)
{
    uint32_t end = s->sids->level_count;
    while (end > 0) {
        uint32_t bits = 0;
        uint32_t level = end;
        while (level > 0 && bits + bits_for(s->sids->codes_per_level[level - 1]) <= KEY_BITS) {
            bits += bits_for(s->sids->codes_per_level[--level]);
        }
        s->level = level;
        s->level_end = end;
        nj_parts_run(s->part_count, load_part, s);
        sort_by_key(s, bits);
        s->gather = true;
        end = level;
    }
    nj_parts_run(s->part_count, unload_part, s);
}

nj_status nj_trie_sort(const nj_sids *sids, uint32_t part_count, nj_sorted_rows *out, nj_error *err)
{
    bool sorted = false;
    nj_status status = check_shape(sids, err);
    if (status != NJ_OK) {
        return status;
    }
    sorter *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to sort %u SIDs", sids->row_count);
    }
    s->sids = sids;
    s->part_count = part_count;
    nj_parts_run(part_count, look_at_part, s);
    status = join_parts(s, &sorted, err);
    if (status != NJ_OK) {
        goto done;
    }
    s->rows = malloc((size_t)s->count * sizeof *s->rows);
    if (!sorted) {
        s->records = malloc((size_t)s->count * sizeof *s->records);
        s->others = malloc((size_t)s->count * sizeof *s->others);
    }
    if (s->rows == NULL || (!sorted && (s->records == NULL || s->others == NULL))) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to sort %u SIDs", s->count);
        goto done;
    }
    nj_parts_run(part_count, list_part, s);
    if (!sorted) {
        sort_listed_rows(s);
    }
    *out = (nj_sorted_rows){s->rows, s->count};
    s->rows = NULL;
done:
    free(s->rows);
    free(s->records);
    free(s->others);
    free(s);
    return status;
}
