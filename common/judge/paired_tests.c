#include "common/judge/paired_tests.h"

#include <math.h>
#include <string.h>

#include "common/base/rng.h"

#define RANKS (NJ_CUTOFF_MAX + 1)
#define PAIRS_MAX (RANKS * RANKS / 2)
// Sums of the same gains in another order differ by rounding only, by less than this for a user; a swap that gives the seen difference
// again counts.
#define ROUNDING 1e-12

double nj_sign_test(uint64_t first_only, uint64_t other_only)
{
    const uint64_t fewer = first_only < other_only ? first_only : other_only;
    const double total = (double)first_only + (double)other_only;
    // P(X = fewer) of a fair coin, then downwards: C(n, k - 1) = C(n, k) * k / (n - k + 1).
    double term = exp(lgamma(total + 1) - lgamma((double)fewer + 1) -
                      lgamma(total - (double)fewer + 1) - total * log(2));
    double sum = 0;
    for (uint64_t k = fewer; term > sum * ROUNDING; k--) {
        sum += term;
        term *= (double)k / (total - (double)k + 1); // 0 behind k = 0
    }
    return 2 * sum < 1 ? 2 * sum : 1;
}

// Users whose two ranks are a pair, whichever model has which: they all add the same or its negative.
typedef struct {
    uint64_t count;  // users
    int64_t surplus; // of them: first has the smaller number, less the others
    double gain[NJ_METRIC_COUNT]
               [NJ_CUTOFF_COUNT]; // of the one with the smaller number over the other
} rank_pair;

typedef struct {
    rank_pair pairs[PAIRS_MAX];
    size_t pair_count;
} pair_table;

static double gain_at(size_t metric, uint32_t rank, uint32_t cutoff)
{
    return NJ_METRICS[metric].at(rank, cutoff);
}

static void add_pair(pair_table *table, uint32_t low, uint32_t high, uint64_t counts[RANKS][RANKS])
{
    const uint64_t count = counts[low][high] + counts[high][low];
    if (count == 0) {
        return;
    }
    rank_pair *pair = &table->pairs[table->pair_count++];
    pair->count = count;
    pair->surplus = (int64_t)(counts[low][high] - counts[high][low]);
    for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            pair->gain[m][c] = gain_at(m, low, NJ_CUTOFFS[c]) - gain_at(m, high, NJ_CUTOFFS[c]);
        }
    }
}

static void count_pairs(const uint32_t *first, const uint32_t *other, size_t user_count,
                        pair_table *table, nj_paired_tests *out)
{
    uint64_t counts[RANKS][RANKS] = {{0}};
    for (size_t i = 0; i < user_count; i++) {
        const uint32_t a = first[i] <= NJ_CUTOFF_MAX ? first[i] : 0;
        const uint32_t b = other[i] <= NJ_CUTOFF_MAX ? other[i] : 0;
        counts[a][b]++;
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            const double difference = gain_at(0, a, NJ_CUTOFFS[c]) - gain_at(0, b, NJ_CUTOFFS[c]);
            out->first_only[c] += difference > 0;
            out->other_only[c] += difference < 0;
        }
    }
    for (uint32_t low = 0; low < RANKS; low++) {
        for (uint32_t high = low + 1; high < RANKS; high++) {
            add_pair(table, low, high, counts);
        }
    }
}

static uint64_t flip_coins(uint64_t count, uint64_t *state)
{
    uint64_t heads = 0;
    for (; count >= 64; count -= 64) {
        heads += (uint64_t)__builtin_popcountll(nj_rng_next(state));
    }
    if (count > 0) {
        heads += (uint64_t)__builtin_popcountll(nj_rng_next(state) >> (64 - count));
    }
    return heads;
}

typedef double sums[NJ_METRIC_COUNT][NJ_CUTOFF_COUNT];

static void add_gains(sums to, const rank_pair *pair, double times)
{
    for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            to[m][c] += times * pair->gain[m][c];
        }
    }
}

static void count_rounds(const pair_table *table, uint32_t round_count, uint64_t seed, sums least,
                         sums reached)
{
    uint64_t state = seed;
    for (uint32_t round = 0; round < round_count; round++) {
        sums swapped = {{0}};
        for (size_t i = 0; i < table->pair_count; i++) {
            const rank_pair *pair = &table->pairs[i];
            const uint64_t heads = flip_coins(pair->count, &state);
            add_gains(swapped, pair, 2 * (double)heads - (double)pair->count);
        }
        for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
            for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
                reached[m][c] += fabs(swapped[m][c]) >= least[m][c];
            }
        }
    }
}

void nj_paired_test(const uint32_t *first, const uint32_t *other, size_t user_count,
                    uint32_t round_count, uint64_t seed, nj_paired_tests *out)
{
    pair_table table;
    sums seen = {{0}};
    sums reached = {{0}};
    table.pair_count = 0;
    double differing = 0; // users
    memset(out, 0, sizeof *out);
    count_pairs(first, other, user_count, &table, out);
    for (size_t i = 0; i < table.pair_count; i++) {
        const rank_pair *pair = &table.pairs[i];
        add_gains(seen, pair, (double)pair->surplus);
        differing += (double)pair->count;
    }
    for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            seen[m][c] = fabs(seen[m][c]) - ROUNDING * differing;
        }
    }
    count_rounds(&table, round_count, seed, seen, reached);
    for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            out->p[m][c] = (reached[m][c] + 1) / ((double)round_count + 1);
        }
    }
    for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
        out->p[0][c] = nj_sign_test(out->first_only[c], out->other_only[c]);
    }
}
