// test_collisions.c - the three policies: drawn examples, and rules that hold for any codes and embeddings.
#include "common/catalogue/code_costs.h"
#include "common/catalogue/collisions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define WIDTH 3
#define ITEMS_MAX 2400
#define CODES_MAX 64
#define ROWS_MAX 216 // nodes of a level: 6 * 6 * 6
#define COLUMNS_MAX 4
#define TOLERANCE 1e-9 // of sums of some hundred squared distances below 100, in float64

// Items with embeddings, codebooks, nearest codes, and SIDs that others have.
typedef struct {
    nj_codebooks codebooks;
    float vectors[NJ_LEVELS_MAX][ROWS_MAX * WIDTH];
    uint32_t child_offset[NJ_LEVELS_MAX][ROWS_MAX + 1];
    float items[ITEMS_MAX * WIDTH];
    uint16_t codes[ITEMS_MAX * COLUMNS_MAX];
    uint16_t before[ITEMS_MAX * COLUMNS_MAX];
    uint16_t occupied[ITEMS_MAX * COLUMNS_MAX];
    nj_collision_options options;
    nj_collision_work work;
    nj_collision_outcome outcome;
    size_t columns;
} shop;

static shop the_shop; // too large for the stack

static nj_status read_item(void *context, uint32_t row, float *out, nj_error *err)
{
    (void)err;
    const shop *s = context;
    memcpy(out, s->items + (size_t)row * WIDTH, WIDTH * sizeof *out);
    return NJ_OK;
}

// Numbers of -1 to 1 in steps of a sixteenth, so that distances are often equal.
static float draw_coarse(simrandom *random)
{
    return (float)simrandom_below(random, 33) / 16.0f - 1.0f;
}

static shop *begin_shop(uint32_t L, uint32_t K, uint32_t N, nj_collisions policy)
{
    shop *s = &the_shop;
    memset(s, 0, sizeof *s);
    s->options.policy = policy;
    s->codebooks = (nj_codebooks){.level_count = L, .D = WIDTH};
    s->work = (nj_collision_work){.options = &s->options,
                                  .what = "shop",
                                  .codes = s->codes,
                                  .row_count = N,
                                  .level_count = L,
                                  .codebooks = &s->codebooks,
                                  .rows = {s, read_item}};
    for (uint32_t l = 0; l < L; l++) {
        s->codebooks.vectors[l] = s->vectors[l];
        s->codebooks.K[l] = s->work.K[l] = K;
    }
    s->columns = L + (policy == NJ_COLLISIONS_SUFFIX ? 1 : 0);
    return s;
}

// The squared error of an item under its first codes.
static double error_behind(const shop *s, uint32_t row, const uint16_t *codes, uint32_t levels)
{
    double stands_for[WIDTH];
    double sum = 0;
    nj_codebooks_decode(&s->codebooks, codes, levels, stands_for);
    for (size_t d = 0; d < WIDTH; d++) {
        const double difference = (double)s->items[row * WIDTH + d] - stands_for[d];
        sum += difference * difference;
    }
    return sum;
}

static double error_of(const shop *s, uint32_t row, const uint16_t *codes)
{
    return error_behind(s, row, codes, s->work.level_count);
}

static uint16_t find_nearest(const shop *s, uint32_t row, const uint16_t *prefix, uint32_t level)
{
    uint16_t codes[NJ_LEVELS_MAX];
    uint16_t nearest = 0;
    double least = INFINITY;
    memcpy(codes, prefix, level * sizeof *codes);
    for (uint16_t k = 0; k < nj_codebooks_count_codes(&s->codebooks, level, prefix); k++) {
        codes[level] = k;
        const double error = error_behind(s, row, codes, level + 1);
        if (error < least) {
            least = error;
            nearest = k;
        }
    }
    return nearest;
}

// Nearest codes, level by level.
static void encode(shop *s)
{
    for (uint32_t row = 0; row < s->work.row_count; row++) {
        uint16_t *codes = s->codes + row * s->columns;
        for (uint32_t l = 0; l < s->work.level_count; l++) {
            codes[l] = find_nearest(s, row, codes, l);
        }
    }
    memcpy(s->before, s->codes, sizeof s->codes);
}

// Items around a few centres, so that many have the same codes.
static void fill_shop(shop *s, simrandom *random, uint32_t centre_count)
{
    float scale = 1.0f;
    for (uint32_t l = 0; l < s->work.level_count; l++, scale *= 0.3f) {
        const size_t rows = nj_codebooks_rows(&s->codebooks, l);
        for (size_t i = 0; i < rows * WIDTH; i++) {
            s->vectors[l][i] = scale * draw_coarse(random);
        }
    }
    for (uint32_t row = 0; row < s->work.row_count; row++) {
        simrandom centre = {simrandom_below(random, centre_count)};
        for (size_t d = 0; d < WIDTH; d++) {
            s->items[row * WIDTH + d] = draw_coarse(&centre) + 0.05f * draw_coarse(random);
        }
    }
    encode(s);
}

static const uint16_t *sid_of(const shop *s, uint32_t row)
{
    return s->codes + row * s->columns;
}

static bool is_equal(const uint16_t *a, const uint16_t *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

// Rows and occupied SIDs, as they were, with the row's first codes; the row itself is one.
static uint32_t count_before(const shop *s, uint32_t row)
{
    const uint32_t L = s->work.level_count;
    const uint16_t *codes = s->before + row * s->columns;
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->work.row_count; i++) {
        count += is_equal(s->before + i * s->columns, codes, L);
    }
    for (uint32_t i = 0; i < s->work.occupied_count; i++) {
        count += is_equal(s->occupied + i * s->columns, codes, L);
    }
    return count;
}

static int compare_sids(const void *a, const void *b)
{
    return memcmp(a, b, the_shop.columns * sizeof(uint16_t));
}

// No SID of a row is another row's, or an occupied one.
static void expect_unique(const shop *s)
{
    static uint16_t sids[2 * ITEMS_MAX * COLUMNS_MAX];
    const size_t N = s->work.row_count;
    const size_t M = s->work.occupied_count;
    memcpy(sids, s->codes, N * s->columns * sizeof *sids);
    memcpy(sids + N * s->columns, s->occupied, M * s->columns * sizeof *sids);
    qsort(sids, N + M, s->columns * sizeof *sids, compare_sids);
    for (size_t i = 1; i < N + M; i++) {
        assert_false(is_equal(sids + (i - 1) * s->columns, sids + i * s->columns, s->columns));
    }
}

// Only rows whose codes `room` does not hold may move; what the outcome says of them is true.
static void expect_moves(const shop *s, uint32_t room)
{
    const uint32_t L = s->work.level_count;
    uint32_t moved = 0;
    uint32_t moved_prefix = 0;
    double extra = 0;
    for (uint32_t row = 0; row < s->work.row_count; row++) {
        const uint16_t *before = s->before + row * s->columns;
        if (!is_equal(before, sid_of(s, row), L)) {
            assert_true(count_before(s, row) > room);
            moved++;
            moved_prefix += !is_equal(before, sid_of(s, row), L - 1);
            extra += error_of(s, row, sid_of(s, row)) - error_of(s, row, before);
        }
    }
    assert_int_equal(s->outcome.moved_count, moved);
    assert_int_equal(s->outcome.moved_prefix_count, moved_prefix);
    assert_true(fabs(s->outcome.extra_error - extra) <= TOLERANCE * (1 + fabs(extra)));
}

static void resolve(shop *s)
{
    nj_error err = {0};
    assert_ok(nj_collisions_resolve(&s->work, &s->outcome, &err), &err);
}

static void refuse(const shop *s, const char *says)
{
    nj_error err = {0};
    nj_collision_outcome outcome;
    assert_refused(nj_collisions_resolve(&s->work, &outcome, &err), NJ_INPUT, &err, says);
}

// ---- suffix ----

static void counters_go_in_row_order_from_0(void **state)
{
    (void)state;
    simrandom random = {3};
    shop *s = begin_shop(2, 4, 60, NJ_COLLISIONS_SUFFIX);
    s->options.suffix_codes = 60;
    fill_shop(s, &random, 5);
    resolve(s);

    uint32_t largest = 0;
    for (uint32_t row = 0; row < 60; row++) {
        uint32_t earlier = 0;
        for (uint32_t i = 0; i < row; i++) {
            earlier += is_equal(sid_of(s, i), sid_of(s, row), 2);
        }
        assert_int_equal(sid_of(s, row)[2], earlier);
        assert_true(is_equal(sid_of(s, row), s->before + row * 3, 2));
        largest = earlier + 1 > largest ? earlier + 1 : largest;
    }
    assert_int_equal(s->outcome.suffix_codes, largest);
    assert_int_equal(s->outcome.largest_count, largest);
}

static void a_counter_skips_what_is_occupied(void **state)
{
    (void)state;
    shop *s = begin_shop(1, 4, 3, NJ_COLLISIONS_SUFFIX);
    memcpy(s->codes, (uint16_t[]){2, 9, 2, 9, 2, 9}, 12);
    memcpy(s->occupied, (uint16_t[]){2, 0, 2, 2, 3, 1}, 12);
    s->work.occupied = s->occupied;
    s->work.occupied_count = 3;
    s->options.suffix_codes = 5;
    resolve(s);
    assert_memory_equal(s->codes, ((uint16_t[]){2, 1, 2, 3, 2, 4}), 12);
    assert_int_equal(s->outcome.colliding_count, 3);

    s->options.suffix_codes = 4;
    refuse(s, "shop: 5 items share the codes 2, the collision counter has 4 codes; retired items "
              "keep theirs, so --suffix-overflow relocate would do");
}

static void what_the_counter_cannot_hold_is_relocated(void **state)
{
    (void)state;
    simrandom random = {4};
    for (int round = 0; round < 20; round++) {
        shop *s = begin_shop(2, 8, 200, NJ_COLLISIONS_SUFFIX);
        s->options.suffix_codes = (uint32_t)simrandom_between(&random, 4, 9);
        s->options.suffix_relocates = true;
        fill_shop(s, &random, 7);
        resolve(s);
        expect_unique(s);
        expect_moves(s, s->options.suffix_codes);
        assert_true(s->outcome.moved_count > 0);
        assert_true(s->outcome.suffix_codes <= s->options.suffix_codes);
    }
}

// ---- relocation ----

// Every node of a level has 1 to K children; the first K.
static void grow_hierarchy(shop *s, simrandom *random)
{
    uint32_t node_count = 1;
    s->codebooks.kind = NJ_QUANT_HIERARCHICAL;
    for (uint32_t l = 0; l < s->work.level_count; l++) {
        s->codebooks.child_offset[l] = s->child_offset[l];
        for (uint32_t node = 0; node < node_count; node++) {
            const uint32_t K = s->work.K[l];
            const uint32_t children = node == 0 ? K : (uint32_t)simrandom_between(random, 1, K);
            s->child_offset[l][node + 1] = s->child_offset[l][node] + children;
        }
        node_count = s->child_offset[l][node_count];
    }
}

// Goes to the next SID that the codebooks know, in ascending order; false behind the last.
static bool step_sid(const shop *s, uint16_t *sid)
{
    for (uint32_t l = s->work.level_count; l-- > 0;) {
        if (++sid[l] < nj_codebooks_count_codes(&s->codebooks, l, sid)) {
            return true;
        }
        sid[l] = 0;
    }
    return false;
}

static uint32_t count_sids(const shop *s)
{
    uint16_t sid[NJ_LEVELS_MAX] = {0};
    uint32_t count = 1;
    while (step_sid(s, sid)) {
        count++;
    }
    return count;
}

// Random SIDs, each once.
static void occupy(shop *s, simrandom *random, uint32_t count)
{
    uint16_t sid[NJ_LEVELS_MAX] = {0};
    uint32_t left = count_sids(s);
    s->work.occupied = s->occupied;
    do {
        if (simrandom_below(random, left) < count - s->work.occupied_count) {
            memcpy(s->occupied + s->work.occupied_count++ * s->columns, sid,
                   s->columns * sizeof *sid);
        }
        left--;
    } while (step_sid(s, sid));
}

static void every_item_gets_a_sid_of_its_own(void **state)
{
    (void)state;
    simrandom random = {5};
    static const uint32_t LEVELS[] = {1, 2, 3};
    static const uint32_t CODES[] = {60, 12, 6};
    for (int round = 0; round < 90; round++) {
        const uint32_t shape = (uint32_t)simrandom_below(&random, 3);
        shop *s = begin_shop(LEVELS[shape], CODES[shape], 0, NJ_COLLISIONS_RELOCATE);
        s->codebooks.kind = (nj_quant_kind)(round % 3);
        if (s->codebooks.kind == NJ_QUANT_HIERARCHICAL) {
            grow_hierarchy(s, &random);
        }
        const uint32_t sids = count_sids(s);
        const uint32_t taken = (uint32_t)simrandom_below(&random, sids / 2);
        // Every fourth round there is not one SID to spare.
        s->work.row_count =
            round % 4 == 0 ? sids - taken : (uint32_t)simrandom_between(&random, 1, sids - taken);
        fill_shop(s, &random, 1 + (uint32_t)simrandom_below(&random, 20));
        occupy(s, &random, taken);
        resolve(s);
        expect_unique(s);
        expect_moves(s, 1);
    }
}

// Tries every code for every row from `row` on; `used` are codes that are gone.
static double find_least(const shop *s, const uint32_t *rows, uint32_t count, uint32_t used)
{
    uint32_t code[8] = {0};
    double least = INFINITY;
    for (uint32_t i = 0; i < count;) {
        uint32_t taken = used;
        double total = 0;
        for (uint32_t j = 0; j < count; j++) {
            const uint16_t sid[2] = {s->before[rows[j] * 2], (uint16_t)code[j]};
            total += taken >> code[j] & 1 ? INFINITY : error_of(s, rows[j], sid);
            taken |= 1u << code[j];
        }
        least = fmin(least, total);
        for (i = 0; i < count && ++code[i] == s->work.K[1]; i++) {
            code[i] = 0;
        }
    }
    return least;
}

static void a_prefix_is_assigned_at_the_least_error(void **state)
{
    (void)state;
    simrandom random = {6};
    uint32_t moved = 0;
    for (int round = 0; round < 60; round++) {
        shop *s = begin_shop(2, 6, 5, NJ_COLLISIONS_RELOCATE);
        fill_shop(s, &random, 2);
        for (uint32_t row = 0; row < 5; row++) { // one prefix, nearest codes behind it
            s->codes[row * 2] = s->before[row * 2] = 0;
            for (uint16_t k = 0; k < 6; k++) {
                const uint16_t sid[2] = {0, k};
                if (error_of(s, row, sid) < error_of(s, row, sid_of(s, row))) {
                    s->codes[row * 2 + 1] = k;
                }
            }
        }
        memcpy(s->before, s->codes, sizeof s->codes);
        uint32_t rows[5];
        uint32_t count = 0;
        uint32_t used = 0;
        for (uint32_t row = 0; row < 5; row++) {
            if (count_before(s, row) > 1) {
                rows[count++] = row;
            } else {
                used |= 1u << s->before[row * 2 + 1];
            }
        }
        resolve(s);
        double total = 0;
        for (uint32_t i = 0; i < count; i++) {
            total += error_of(s, rows[i], sid_of(s, rows[i]));
        }
        if (count > 0) {
            assert_true(fabs(total - find_least(s, rows, count, used)) <= TOLERANCE);
        }
        moved += s->outcome.moved_count;
    }
    assert_true(moved > 60); // else the rounds have tried nothing
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// The least error of any SID whose prefix is one of the nearest that the beam holds, the item's own left out.
static double find_least_outside(const shop *s, uint32_t row, uint16_t own)
{
    double prefix_errors[CODES_MAX];
    double least = INFINITY;
    uint32_t count = 0;
    for (uint16_t k = 0; k < s->work.K[0]; k++) {
        if (k != own) {
            prefix_errors[count++] = error_behind(s, row, &k, 1);
        }
    }
    qsort(prefix_errors, count, sizeof *prefix_errors, compare_doubles);
    for (uint16_t k = 0; k < s->work.K[0]; k++) {
        uint16_t sid[2] = {k, 0};
        sid[1] = find_nearest(s, row, sid, 1);
        if (k != own &&
            error_behind(s, row, &k, 1) <= prefix_errors[NJ_COLLISIONS_BEAM - 1] + TOLERANCE) {
            least = fmin(least, error_of(s, row, sid));
        }
    }
    return least;
}

static void an_item_that_leaves_its_prefix_gets_the_nearest_free_sid(void **state)
{
    (void)state;
    enum { K = 40 };
    simrandom random = {7};
    for (int round = 0; round < 20; round++) {
        shop *s = begin_shop(2, K, K + 1, NJ_COLLISIONS_RELOCATE);
        fill_shop(s, &random, 1);
        for (uint32_t row = 0; row <= K; row++) { // one too many for the prefix
            memcpy(s->codes + row * 2, s->before, 4);
        }
        memcpy(s->before, s->codes, sizeof s->codes);
        resolve(s);
        expect_unique(s);
        assert_int_equal(s->outcome.moved_prefix_count, 1);
        for (uint32_t row = 0; row <= K; row++) {
            if (sid_of(s, row)[0] != s->before[0]) {
                assert_true(fabs(error_of(s, row, sid_of(s, row)) -
                                 find_least_outside(s, row, s->before[0])) <= TOLERANCE);
            }
        }
    }
}

// Two prefixes are full and an item leaves each, both for the one SID that is free between them. It costs the later one less.
static void the_item_that_leaves_at_the_least_cost_goes_first(void **state)
{
    (void)state;
    static const float PREFIXES[] = {10, 0, 4, 200};
    shop *s = begin_shop(2, 4, 10, NJ_COLLISIONS_RELOCATE);
    for (size_t k = 0; k < 4; k++) {
        s->vectors[0][k * WIDTH] = PREFIXES[k];
        s->vectors[1][k * WIDTH + 1] = (float)k;
    }
    for (uint32_t row = 0; row < 10; row++) {
        s->items[row * WIDTH] = PREFIXES[row / 5];
    }
    encode(s);
    memcpy(s->occupied, (uint16_t[]){2, 1, 2, 2, 2, 3}, 12);
    s->work.occupied = s->occupied;
    s->work.occupied_count = 3;
    resolve(s);
    expect_unique(s);
    assert_int_equal(s->outcome.moved_prefix_count, 2);
    for (uint32_t row = 0; row < 10; row++) {
        assert_true(sid_of(s, row)[0] != 2 || s->items[row * WIDTH] == 0.0f);
    }
}

static void equal_items_go_by_row(void **state)
{
    (void)state;
    shop *s = begin_shop(1, 4, 3, NJ_COLLISIONS_RELOCATE);
    for (size_t k = 0; k < 4; k++) {
        s->vectors[0][k * WIDTH] = (float)k;
    }
    encode(s);
    resolve(s);
    assert_memory_equal(s->codes, ((uint16_t[]){0, 1, 2}), 6);
    assert_true(s->outcome.extra_error == 1.0 + 4.0);
}

// What a progress bar would see.
typedef struct {
    uint64_t items, items_total, moves, moves_total;
} watched;

static void watch(void *context, const char *phase, uint64_t done, uint64_t total)
{
    watched *w = context;
    const bool moves = strcmp(phase, "moves") == 0;
    uint64_t *last = moves ? &w->moves : &w->items;
    assert_true(done > *last && done <= total);
    assert_true(moves || strcmp(phase, "items") == 0);
    *last = done;
    *(moves ? &w->moves_total : &w->items_total) = total;
}

static void progress_ends_where_the_work_does(void **state)
{
    (void)state;
    simrandom random = {11};
    watched w = {0};
    shop *s = begin_shop(2, 8, 64, NJ_COLLISIONS_RELOCATE);
    fill_shop(s, &random, 5);
    s->work.progress = (nj_collision_progress){&w, watch};
    resolve(s);
    assert_int_equal(w.items_total, 64);
    assert_true(w.items > 0 && w.moves > 0);
    assert_true(w.moves == w.moves_total && w.moves >= s->outcome.moved_prefix_count);
}

static void a_prefix_with_very_many_items_is_filled_greedily(void **state)
{
    (void)state;
    simrandom random = {8};
    shop *s = begin_shop(2, 64, ITEMS_MAX, NJ_COLLISIONS_RELOCATE);
    fill_shop(s, &random, 1);
    for (uint32_t row = 0; row < ITEMS_MAX; row++) {
        memcpy(s->codes + row * 2, s->before, 4);
    }
    memcpy(s->before, s->codes, sizeof s->codes);
    resolve(s);
    assert_int_equal(s->outcome.greedy_prefix_count, 1);
    assert_true(s->outcome.moved_prefix_count >= ITEMS_MAX - 64);
    expect_unique(s);
    expect_moves(s, 1);
}

// ---- leaves ----

static void items_share_a_leaf_but_never_an_occupied_one(void **state)
{
    (void)state;
    simrandom random = {9};
    shop *s = begin_shop(2, 8, 60, NJ_COLLISIONS_LEAVES);
    fill_shop(s, &random, 6);
    resolve(s);
    assert_memory_equal(s->codes, s->before, sizeof s->codes);
    assert_true(s->outcome.colliding_count > 20);

    memcpy(s->occupied, sid_of(s, 0), 4);
    s->work.occupied = s->occupied;
    s->work.occupied_count = 1;
    resolve(s);
    assert_int_equal(s->outcome.moved_count, count_before(s, 0) - 1);
    for (uint32_t row = 0; row < 60; row++) {
        const bool was_there = is_equal(s->before + row * 2, s->occupied, 2);
        assert_true(was_there != is_equal(s->before + row * 2, sid_of(s, row), 2));
    }
}

// ---- refusals ----

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    simrandom random = {10};
    shop *s = begin_shop(1, 4, 5, NJ_COLLISIONS_RELOCATE);
    fill_shop(s, &random, 5);
    refuse(s, "shop: there are more items than SIDs that they could have: 5 items, 4 SIDs");
    memcpy(s->occupied, (uint16_t[]){1, 2}, 4);
    s->work.occupied = s->occupied;
    s->work.occupied_count = 2;
    refuse(s, "shop: an item finds no SID that nobody has had: 5 new items, 2 older ones (retired "
              "ones keep theirs), 4 SIDs");
    s->work.occupied_count = 0;
    s->work.rows.read = NULL;
    refuse(s, "needs their embeddings");
    s->work.rows.read = read_item;
    s->codebooks.level_count = 2;
    refuse(s, "codebooks of 2 levels, the codes have 1");
    s->codebooks.level_count = 1;
    s->codebooks.K[0] = 3;
    refuse(s, "level 0: the codebook has 3 rows, the level 4 codes");
    s->work.codebooks = NULL;
    refuse(s, "needs codebooks: there are none");
    s->codes[3] = 4;
    refuse(s, "shop: row 3, level 0: code 4, the level has 4 codes");
    s->codes[3] = 0;
    s->occupied[0] = 7;
    s->work.occupied = s->occupied;
    s->work.occupied_count = 1;
    refuse(s, "shop: occupied SID 0, level 0: code 7, the level has 4 codes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_go_in_row_order_from_0),
        cmocka_unit_test(a_counter_skips_what_is_occupied),
        cmocka_unit_test(what_the_counter_cannot_hold_is_relocated),
        cmocka_unit_test(every_item_gets_a_sid_of_its_own),
        cmocka_unit_test(a_prefix_is_assigned_at_the_least_error),
        cmocka_unit_test(an_item_that_leaves_its_prefix_gets_the_nearest_free_sid),
        cmocka_unit_test(the_item_that_leaves_at_the_least_cost_goes_first),
        cmocka_unit_test(equal_items_go_by_row),
        cmocka_unit_test(progress_ends_where_the_work_does),
        cmocka_unit_test(a_prefix_with_very_many_items_is_filled_greedily),
        cmocka_unit_test(items_share_a_leaf_but_never_an_occupied_one),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
