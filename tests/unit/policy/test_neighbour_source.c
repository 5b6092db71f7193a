// test_neighbour_source.c - what goes with a history, against sums over all items, and against the lists of the baseline.
#include "tests/unit/policy/shop.h"
#include "worker/baseline/neighbours.h"
#include "worker/policy/neighbour_source.h"

enum { MOST = 25, USERS = 120, WIDE_ROWS = 4096, ROOM = 64 };

typedef struct {
    nj_arena arena;
    nj_neighbour_source source;
    nj_neighbour_sums sums;
    nj_candidate items[ROOM];
    nj_candidates found;
} finder;

static void open_finder(finder *f, const nj_neighbour_table *table, uint32_t most, double fading)
{
    nj_error err = {0};
    nj_neighbour_source_init(table, most, fading, SHOP_HISTORY, &f->source);
    assert_ok(nj_arena_init(&f->arena, nj_neighbour_sums_bytes(&f->source), &err), &err);
    nj_neighbour_sums_begin(&f->source, &f->arena, &f->sums);
    f->found = (nj_candidates){.items = f->items, .room = ROOM};
}

static nj_listable listable_of(const shop *s, const uint64_t *live, const shopper *u)
{
    return (nj_listable){live, &u->exclusions, &s->catalogue.trie, &s->catalogue.sids};
}

static void mark_live(const shop *s, uint64_t *live)
{
    memset(live, 0, sizeof s->bits);
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        if (s->retired[row] == 0) {
            nj_bits_add(live, row);
        }
    }
}

// Sums of all items, the way the formula reads.
static void sum_plainly(const nj_neighbour_table *table, const shopper *u, double fading,
                        double *sums)
{
    memset(sums, 0, table->row_count * sizeof *sums);
    double factor = 1;
    for (uint32_t k = 0; k < u->user.history_count; k++) {
        const uint32_t row = u->history[u->user.history_count - 1 - k];
        for (uint64_t at = table->offset[row]; at < table->offset[row + 1]; at++) {
            sums[table->rows[at]] += factor * (double)table->weights[at];
        }
        factor *= fading;
    }
}

// The best of what is left of the sums; false: nothing is.
static bool take_best(const shop *s, const shopper *u, double *sums, uint32_t *out)
{
    uint32_t best = NJ_POLICY_NONE;
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        if (sums[row] > 0 && shop_may_list(s, u, row) &&
            (best == NJ_POLICY_NONE || sums[row] > sums[best])) {
            best = row;
        }
    }
    *out = best;
    return best != NJ_POLICY_NONE;
}

static void the_best_neighbours_are_those_of_plain_sums_over_all_items(void **state)
{
    (void)state;
    uint64_t live[SHOP_ROWS / 64 + 1];
    double sums[SHOP_ROWS];
    shop *s = shop_open(21, 10);
    finder *f = malloc(sizeof *f);
    assert_non_null(f);
    mark_live(s, live);
    open_finder(f, &s->table, MOST, 0.5);
    for (uint32_t u = 0; u < USERS; u++) {
        shopper who;
        shop_visit(s, u, 0, &who);
        shopper_bind(&who);
        const nj_listable listable = listable_of(s, live, &who);
        f->found.count = 0;
        nj_neighbour_source_find(&f->source, &f->sums, who.history, who.user.history_count,
                                 &listable, &f->found);
        sum_plainly(&s->table, &who, 0.5, sums);
        uint32_t count = 0;
        uint32_t row;
        for (; count < MOST && take_best(s, &who, sums, &row); count++) {
            const nj_candidate *found = &f->items[count];
            assert_true(count < f->found.count);
            assert_int_equal(found->row, row);
            assert_true(found->raw == (float)sums[row] && found->score == found->raw);
            assert_int_equal(found->source, NJ_SOURCE_NEIGHBOUR);
            assert_int_equal(found->leaf, nj_trie_find(&s->catalogue.trie,
                                                       s->codes + (size_t)row * SHOP_LEVELS));
            sums[row] = 0;
        }
        assert_int_equal(f->found.count, count);
    }
    nj_arena_fini(&f->arena);
    free(f);
    shop_close(&s);
}

// So many rows that a history touches only some of them, and the sums stand in a table of their own slots.
static void sums_in_slots_are_those_in_a_table_of_all_rows(void **state)
{
    (void)state;
    shop *s = shop_open(22, 10);
    uint64_t *live = calloc(WIDE_ROWS / 64, sizeof *live);
    uint64_t *offset = malloc((WIDE_ROWS + 1) * sizeof *offset);
    finder *narrow = malloc(sizeof *narrow);
    finder *wide = malloc(sizeof *wide);
    assert_true(live != NULL && offset != NULL && narrow != NULL && wide != NULL);
    for (uint32_t row = 0; row <= WIDE_ROWS; row++) {
        offset[row] = s->offset[row < SHOP_ROWS ? row : SHOP_ROWS];
    }
    nj_neighbour_table table = s->table;
    table.row_count = WIDE_ROWS;
    table.offset = offset;
    mark_live(s, live);
    open_finder(narrow, &s->table, MOST, 0.8);
    open_finder(wide, &table, MOST, 0.8);
    assert_int_equal(narrow->source.slot_count, SHOP_ROWS);
    assert_in_range(wide->source.slot_count, 2, WIDE_ROWS / 2);
    for (uint32_t u = 0; u < USERS; u++) {
        shopper who;
        shop_visit(s, u, 0, &who);
        shopper_bind(&who);
        const nj_listable listable = listable_of(s, live, &who);
        narrow->found.count = wide->found.count = 0;
        nj_neighbour_source_find(&narrow->source, &narrow->sums, who.history,
                                 who.user.history_count, &listable, &narrow->found);
        nj_neighbour_source_find(&wide->source, &wide->sums, who.history, who.user.history_count,
                                 &listable, &wide->found);
        assert_int_equal(narrow->found.count, wide->found.count);
        assert_memory_equal(narrow->items, wide->items, wide->found.count * sizeof *wide->items);
    }
    nj_arena_fini(&narrow->arena);
    nj_arena_fini(&wide->arena);
    free(narrow);
    free(wide);
    free(offset);
    free(live);
    shop_close(&s);
}

typedef struct {
    double scores[SHOP_ROWS];
} scores_by_row;

static void keep_score(void *to, uint32_t item, double score)
{
    scores_by_row *kept = to;
    kept->scores[item] = score;
}

static void scores_are_those_of_the_baseline(void **state)
{
    (void)state;
    nj_error err = {0};
    shop *s = shop_open(23, 10);
    nj_neighbours neighbours = {.settings = {.fading = 0.5},
                                .item_count = SHOP_ROWS,
                                .offset = s->offset,
                                .items = s->neighbour_rows,
                                .weights = s->weights};
    const nj_recommender recommender = nj_neighbours_recommender(&neighbours);
    void *scratch = NULL;
    uint64_t live[SHOP_ROWS / 64 + 1];
    finder *f = malloc(sizeof *f);
    assert_non_null(f);
    mark_live(s, live);
    open_finder(f, &s->table, MOST, 0.5);
    assert_ok(recommender.scratch_new(&neighbours, &scratch, &err), &err);
    for (uint32_t u = 1; u < 40; u++) {
        shopper who;
        scores_by_row baseline = {0};
        shop_visit(s, u, 0, &who);
        shopper_bind(&who);
        const nj_request request = {.items = who.history, .item_count = who.user.history_count};
        const nj_listable listable = listable_of(s, live, &who);
        recommender.begin(&neighbours, scratch, &request, 1);
        recommender.offer(&neighbours, scratch, 0, keep_score, &baseline);
        f->found.count = 0;
        nj_neighbour_source_find(&f->source, &f->sums, who.history, who.user.history_count,
                                 &listable, &f->found);
        for (uint32_t i = 0; i < f->found.count; i++) {
            assert_true(f->items[i].raw == (float)baseline.scores[f->items[i].row]);
        }
    }
    recommender.scratch_free(&scratch);
    nj_arena_fini(&f->arena);
    free(f);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_neighbours_are_those_of_plain_sums_over_all_items),
        cmocka_unit_test(sums_in_slots_are_those_in_a_table_of_all_rows),
        cmocka_unit_test(scores_are_those_of_the_baseline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
