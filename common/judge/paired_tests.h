// paired_tests.h - whether two models differ by more than chance, judged on the same users.
//
// A small p says that such a difference would be rare if the two were equally good; it says nothing of how large the difference is, and
// of 20 such tests of equals one is below 0.05.
//
// Proof   tests/unit/judge/test_paired_tests.c
#ifndef NJ_JUDGE_PAIRED_TESTS_H
#define NJ_JUDGE_PAIRED_TESTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/judge/metric.h"

#define NJ_RANDOMISATIONS 10000u // the least p is 1 in one more

/// The exact two-sided p of the sign test: of the users for whom one model alone has a hit, how unlikely is a split as uneven as this, or
/// more so, where either is as likely. 1 where there are none. With recall this is McNemar's test in its exact form.
///
/// Source  McNemar 1947, "Note on the sampling error of the difference between correlated proportions"; exact binomial form: Conover
///         1999, "Practical Nonparametric Statistics", section 3.4
double nj_sign_test(uint64_t first_only, uint64_t other_only);

typedef struct {
    uint64_t first_only
        [NJ_CUTOFF_COUNT]; // users whom the first has a hit for within the cut-off, and the other not
    uint64_t other_only[NJ_CUTOFF_COUNT];
    double p[NJ_METRIC_COUNT]
            [NJ_CUTOFF_COUNT]; // two-sided; recall by nj_sign_test, the others by randomisation
} nj_paired_tests;

/// Tests every metric at every cut-off. Randomisation: if the models were alike, each user's two outcomes could stand the other way
/// round; p is the share of `round_count` random swaps whose difference of means is at least as large as the one seen, which counts as
/// one of them.
///
///   first, other  [user_count] ranks
///
/// Cost    a random bit a round and user whose two ranks differ: a round takes microseconds
/// Order   a user's swap is the same for all metrics; numbers follow from the seed
/// Source  Fisher 1935, "The Design of Experiments", section 21; Smucker, Allan and Carterette 2007, "A comparison of statistical
///         significance tests for information retrieval evaluation"; the seen one counts: Phipson and Smyth 2010
void nj_paired_test(const uint32_t *first, const uint32_t *other, size_t user_count,
                    uint32_t round_count, uint64_t seed, nj_paired_tests *out);

#endif
