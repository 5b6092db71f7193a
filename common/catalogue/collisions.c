#include "common/catalogue/collisions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/collisions_parts.h"

static const char *const NAMES[] = {"suffix", "relocate", "leaves"};

uint32_t nj_collisions_suffix_width(const nj_collision_options *options, uint32_t K)
{
    if (options->policy != NJ_COLLISIONS_SUFFIX) {
        return 0;
    }
    return options->suffix_codes > 0 ? options->suffix_codes : K;
}

const char *nj_collisions_name(nj_collisions policy)
{
    return NAMES[policy];
}

bool nj_collisions_from_name(const char *name, nj_collisions *out)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            *out = (nj_collisions)i;
            return true;
        }
    }
    return false;
}

void nj_codes_text(const uint16_t *codes, uint32_t count, char out[NJ_CODES_TEXT_BYTES])
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t l = 0; l < count; l++) {
        at += (size_t)snprintf(out + at, NJ_CODES_TEXT_BYTES - at, "%s%u", l > 0 ? " " : "",
                               codes[l]);
    }
}

// ---- one resolving ----

// Entries in the order of their codes; of equal codes rows come first, in row order, then occupied SIDs.
typedef struct {
    const nj_collision_work *work;
    uint32_t entry_count;
    uint32_t counter_codes; // of the counter's level; 0 = there is none
    uint32_t *order;        // owned; [entry_count]
    uint32_t *room;         // owned; [K of the last level] of the prefix at hand
    uint32_t *movers; // owned; [row_count] rows of the prefix at hand; NULL until the first one
    nj_collision_outcome outcome;
    nj_relocation relocation; // begun with the first movers
    bool relocates;
} resolving;

// Entries with equal codes.
typedef struct {
    const uint32_t *entries;
    uint32_t row_count;      // rows among them
    uint32_t occupied_count; // occupied SIDs behind them
} bucket;

static bool is_equal(const resolving *r, uint32_t a, uint32_t b, uint32_t depth)
{
    return memcmp(nj_collision_entry(r->work, a), nj_collision_entry(r->work, b),
                  depth * sizeof(uint16_t)) == 0;
}

static bucket find_bucket(const resolving *r, uint32_t begin)
{
    bucket b = {.entries = r->order + begin};
    for (uint32_t i = begin; i < r->entry_count; i++) {
        if (!is_equal(r, r->order[begin], r->order[i], r->work->level_count)) {
            break;
        }
        (*(r->order[i] < r->work->row_count ? &b.row_count : &b.occupied_count))++;
    }
    return b;
}

// ---- checks ----

static nj_status check_entry(const resolving *r, uint32_t entry, nj_error *err)
{
    const nj_collision_work *work = r->work;
    const uint16_t *codes = nj_collision_entry(work, entry);
    const bool is_row = entry < work->row_count;
    const uint32_t columns =
        work->level_count + (r->counter_codes > 0 && !is_row ? 1 : 0); // a row's counter is to come
    for (uint32_t l = 0; l < columns; l++) {
        const uint32_t K = l < work->level_count ? work->K[l] : r->counter_codes;
        if (codes[l] >= K) {
            return nj_fail(err, NJ_INPUT,
                           "%s: %s %" PRIu32 ", level %" PRIu32 ": code %u, the level has %" PRIu32
                           " codes",
                           work->what, is_row ? "row" : "occupied SID",
                           is_row ? entry : entry - work->row_count, l, codes[l], K);
        }
    }
    return NJ_OK;
}

static nj_status check_work(const resolving *r, nj_error *err)
{
    const nj_collision_work *work = r->work;
    const uint64_t entry_count = (uint64_t)work->row_count + work->occupied_count;
    if (entry_count >= UINT32_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: %" PRIu64 " SIDs, the limit is %" PRIu32, work->what,
                       entry_count, UINT32_MAX - 1);
    }
    nj_status status = NJ_OK;
    for (uint32_t entry = 0; entry < r->entry_count && status == NJ_OK; entry++) {
        status = check_entry(r, entry, err);
    }
    return status;
}

// ---- counting, and what has to move ----

static void count_bucket(resolving *r, const bucket *b)
{
    nj_collision_outcome *outcome = &r->outcome;
    outcome->distinct_count += b->row_count > 0;
    outcome->colliding_count += b->row_count + b->occupied_count > 1 ? b->row_count : 0;
    if (b->row_count > outcome->largest_count) {
        outcome->largest_count = b->row_count;
    }
}

// Rows that a SID may have under the policy, if any row moves.
static uint32_t choose_sid_room(const resolving *r)
{
    return r->counter_codes > 0 ? r->counter_codes : 1;
}

static bool must_move(const resolving *r, const bucket *b)
{
    const uint64_t count = (uint64_t)b->row_count + b->occupied_count;
    switch (r->work->options->policy) {
    case NJ_COLLISIONS_SUFFIX:
        return r->work->options->suffix_relocates && b->row_count > 0 && count > r->counter_codes;
    case NJ_COLLISIONS_RELOCATE:
        return b->row_count > 0 && count > 1;
    case NJ_COLLISIONS_LEAVES:
        return b->row_count > 0 && b->occupied_count > 0;
    }
    return false;
}

// Adds the bucket's rows to the movers if they must move, and sets what room its code has for movers.
static uint32_t enter_bucket(resolving *r, const bucket *b, uint32_t mover_count)
{
    const uint32_t sid_room = choose_sid_room(r);
    const uint32_t last = r->work->level_count - 1;
    uint32_t stays = b->occupied_count;
    if (!must_move(r, b)) {
        stays += b->row_count;
    } else {
        memcpy(r->movers + mover_count, b->entries, b->row_count * sizeof *r->movers);
        mover_count += b->row_count;
    }
    r->room[nj_collision_entry(r->work, b->entries[0])[last]] =
        stays < sid_room ? sid_room - stays : 0;
    return mover_count;
}

static int compare_rows(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static nj_status prepare_movers(resolving *r, nj_error *err)
{
    if (r->relocates) {
        return NJ_OK;
    }
    r->relocates = true;
    r->movers = malloc((size_t)r->work->row_count * sizeof *r->movers);
    r->room = malloc(r->work->K[r->work->level_count - 1] * sizeof *r->room);
    if (r->movers == NULL || r->room == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to relocate items", r->work->what);
    }
    return nj_relocation_begin(&r->relocation, r->work, choose_sid_room(r), &r->outcome, err);
}

// The buckets from `begin` to `end` have the same prefix, and some of their rows must move.
static nj_status move_prefix(resolving *r, uint32_t begin, uint32_t end, nj_error *err)
{
    const uint32_t K = r->work->K[r->work->level_count - 1];
    uint32_t mover_count = 0;
    nj_status status = prepare_movers(r, err);
    if (status != NJ_OK) {
        return status;
    }
    for (uint32_t k = 0; k < K; k++) {
        r->room[k] = choose_sid_room(r);
    }
    while (begin < end) {
        const bucket b = find_bucket(r, begin);
        mover_count = enter_bucket(r, &b, mover_count);
        begin += b.row_count + b.occupied_count;
    }
    qsort(r->movers, mover_count, sizeof *r->movers, compare_rows);
    return nj_relocation_prefix(&r->relocation, r->movers, mover_count, r->room, err);
}

static nj_status walk_prefixes(resolving *r, nj_error *err)
{
    const uint32_t prefix_levels = r->work->level_count - 1;
    nj_status status = NJ_OK;
    for (uint32_t begin = 0; begin < r->entry_count && status == NJ_OK;) {
        bool moves = false;
        uint32_t end = begin;
        do {
            const bucket b = find_bucket(r, end);
            count_bucket(r, &b);
            moves = moves || must_move(r, &b);
            end += b.row_count + b.occupied_count;
        } while (end < r->entry_count &&
                 is_equal(r, r->order[begin], r->order[end], prefix_levels));
        if (moves) {
            status = move_prefix(r, begin, end, err);
            nj_collision_tell(r->work, "items", end, r->entry_count);
        }
        begin = end;
    }
    if (status == NJ_OK && r->relocates) {
        status = nj_relocation_finish(&r->relocation, err);
    }
    return status;
}

// ---- the counter ----

static nj_status fail_counter(const resolving *r, const bucket *b, nj_error *err)
{
    char codes[NJ_CODES_TEXT_BYTES];
    nj_codes_text(nj_collision_entry(r->work, b->entries[0]), r->work->level_count, codes);
    return nj_fail(err, NJ_INPUT,
                   "%s: %" PRIu32 " items share the codes %s, the collision counter has %" PRIu32
                   " codes; %s would do",
                   r->work->what, b->row_count + b->occupied_count, codes, r->counter_codes,
                   r->work->occupied_count > 0
                       ? "retired items keep theirs, so --suffix-overflow relocate"
                       : "more levels, more --suffix-codes, --suffix-overflow relocate or "
                         "--collisions leaves");
}

// The i-th row of the bucket gets the i-th counter that no occupied SID has.
static nj_status count_rows(resolving *r, const bucket *b, uint8_t *used, nj_error *err)
{
    const uint32_t L = r->work->level_count;
    uint32_t counter = 0;
    if ((uint64_t)b->row_count + b->occupied_count > r->counter_codes) {
        return fail_counter(r, b, err);
    }
    for (uint32_t i = 0; i < b->occupied_count; i++) {
        used[nj_collision_entry(r->work, b->entries[b->row_count + i])[L]] = 1;
    }
    for (uint32_t i = 0; i < b->row_count; i++) {
        while (used[counter]) {
            counter++;
        }
        r->work->codes[(size_t)b->entries[i] * (L + 1) + L] = (uint16_t)counter++;
    }
    if (b->row_count > 0 && counter > r->outcome.suffix_codes) {
        r->outcome.suffix_codes = counter;
    }
    for (uint32_t i = 0; i < b->occupied_count; i++) {
        used[nj_collision_entry(r->work, b->entries[b->row_count + i])[L]] = 0;
    }
    return NJ_OK;
}

static nj_status fill_counters(resolving *r, nj_error *err)
{
    uint8_t *used = calloc(r->counter_codes, 1);
    if (used == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to count items of equal codes",
                       r->work->what);
    }
    nj_status status = NJ_OK;
    if (r->outcome.moved_count > 0) {
        status = nj_collision_sort(r->work, r->order, err);
    }
    for (uint32_t begin = 0; begin < r->entry_count && status == NJ_OK;) {
        const bucket b = find_bucket(r, begin);
        if (b.row_count > 0) {
            status = count_rows(r, &b, used, err);
        }
        begin += b.row_count + b.occupied_count;
    }
    free(used);
    return status;
}

// ---- the whole ----

nj_status nj_collisions_resolve(const nj_collision_work *work, nj_collision_outcome *out,
                                nj_error *err)
{
    resolving r = {.work = work,
                   .entry_count = work->row_count + work->occupied_count,
                   .outcome = {.item_count = work->row_count}};
    r.counter_codes = nj_collisions_suffix_width(work->options, work->K[work->level_count - 1]);
    nj_status status = check_work(&r, err);
    if (status == NJ_OK) {
        r.order = malloc(((size_t)r.entry_count + 1) * sizeof *r.order);
        status = r.order != NULL
                     ? nj_collision_sort(work, r.order, err)
                     : nj_fail(err, NJ_NO_MEMORY, "%s: no memory to sort %" PRIu32 " SIDs",
                               work->what, r.entry_count);
    }
    if (status == NJ_OK) {
        status = walk_prefixes(&r, err);
    }
    if (status == NJ_OK && r.counter_codes > 0) {
        status = fill_counters(&r, err);
    }
    if (status == NJ_OK) {
        *out = r.outcome;
    }
    if (r.relocates) {
        nj_relocation_end(&r.relocation);
    }
    free(r.order);
    free(r.room);
    free(r.movers);
    return status;
}
