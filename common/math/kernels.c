// kernels.c - which sets exist, which of them this CPU runs, and which one "auto" means.
#include "common/math/kernels.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/numeric_class.h"
#include "common/math/cpu_features.h"
#include "common/math/kernels_sets.h"

typedef struct {
    const char *name;
    const char *precision;
    const nj_kernels *exact; // NULL where `over` is, and where this build has no such set
    nj_fma_burst burst;      // NULL where `exact` is
    void (*over)(
        nj_kernels
            *set); // what the set puts over a copy of the fastest exact one; NULL where `exact` is
    const char *(*lacks)(void); // the feature that this CPU does not have; NULL when the set runs
} known_set;

static const char *lack_nothing(void)
{
    return NULL;
}

#if defined(__x86_64__)
#define X86_SET(kernels, burst, lacks) &(kernels), (burst), NULL, (lacks)
#define X86_OVER(over, lacks) NULL, NULL, (over), (lacks)
#else
#define X86_SET(kernels, burst, lacks) NULL, NULL, NULL, (lacks)
#define X86_OVER(over, lacks) NULL, NULL, NULL, (lacks)
#endif

// The sets of a precision stand in the order of their speed, OpenBLAS excepted.
static const known_set SETS[] = {
    {"ref", "float32", &nj_kernels_ref, nj_fma_burst_portable, NULL, lack_nothing},
    {"openblas", "float32", NULL, NULL, nj_kernels_openblas_over, lack_nothing},
    {"avx2", "float32", X86_SET(nj_kernels_avx2, nj_fma_burst_avx2, nj_lack_for_avx2)},
    {"avx512", "float32", X86_SET(nj_kernels_avx512, nj_fma_burst_avx512, nj_lack_for_avx512)},
    {"int8-ref", "int8", NULL, NULL, nj_kernels_int8_ref_over, lack_nothing},
    {"int8-avx2", "int8", X86_OVER(nj_kernels_int8_avx2_over, nj_lack_for_avx2)},
    {"int8-avxvnni", "int8", X86_OVER(nj_kernels_int8_avxvnni_over, nj_lack_for_int8_avxvnni)},
    {"int8-vnni", "int8", X86_OVER(nj_kernels_int8_vnni_over, nj_lack_for_int8_vnni)},
    {"int8-amx", "int8", X86_OVER(nj_kernels_int8_amx_over, nj_lack_for_int8_amx)},
    {"bf16-avx512", "bf16", X86_OVER(nj_kernels_bf16_avx512_over, nj_lack_for_bf16_avx512)},
    {"bf16-amx", "bf16", X86_OVER(nj_kernels_bf16_amx_over, nj_lack_for_bf16_amx)},
};
#define SET_COUNT (sizeof SETS / sizeof SETS[0])

static nj_kernels derived[SET_COUNT]; // those with `over`, written once
static pthread_once_t derived_once = PTHREAD_ONCE_INIT;

static const known_set *find_fastest_exact(void)
{
    const known_set *fastest = NULL;
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (SETS[i].exact != NULL && SETS[i].lacks() == NULL) {
            fastest = &SETS[i];
        }
    }
    return fastest;
}

static void derive_sets(void)
{
    const nj_kernels *base = find_fastest_exact()->exact;
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (SETS[i].over != NULL && SETS[i].lacks() == NULL) {
            derived[i] = *base;
            derived[i].name = SETS[i].name;
            derived[i].precision = SETS[i].precision;
            SETS[i].over(&derived[i]);
        }
    }
}

static const nj_kernels *resolve(size_t i)
{
    if (SETS[i].exact != NULL) {
        return SETS[i].exact;
    }
    pthread_once(&derived_once, derive_sets);
    return &derived[i];
}

static nj_status find_set(const char *name, size_t *out, nj_error *err)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (strcmp(name, SETS[i].name) != 0) {
            continue;
        }
        const char *missing = SETS[i].lacks();
        if (missing != NULL) {
            return nj_fail(err, NJ_CONFIG, "kernels \"%s\" need %s, which this CPU lacks", name,
                           missing);
        }
        *out = i;
        return NJ_OK;
    }
    return nj_fail(err, NJ_USAGE, "kernels \"%s\" are not known; known are auto, " NJ_KERNELS_KNOWN,
                   name);
}

// The last set of the precision that runs; else what the first of them misses.
static nj_status find_fastest(const char *precision, size_t *out, nj_error *err)
{
    const char *missing = NULL;
    bool found = false;
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (strcmp(SETS[i].precision, precision) != 0 || strcmp(SETS[i].name, "openblas") == 0) {
            continue;
        }
        const char *lacked = SETS[i].lacks();
        missing = missing == NULL ? lacked : missing;
        if (lacked == NULL) {
            *out = i;
            found = true;
        }
    }
    return found ? NJ_OK
                 : nj_fail(err, NJ_CONFIG, "precision %s needs %s, which this CPU lacks", precision,
                           missing);
}

nj_status nj_kernels_select(const char *name, const nj_kernels **out, nj_error *err)
{
    size_t i = 0;
    nj_status status = strcmp(name, "auto") == 0 ? find_fastest(NJ_PRECISION_DEFAULT, &i, err)
                                                 : find_set(name, &i, err);
    if (status == NJ_OK) {
        *out = resolve(i);
    }
    return status;
}

nj_status nj_kernels_choose(const char *precision, const char *name, const nj_kernels **out,
                            nj_error *err)
{
    size_t i = 0;
    nj_status status = nj_precision_check(precision, err);
    if (status == NJ_OK) {
        status =
            strcmp(name, "auto") == 0 ? find_fastest(precision, &i, err) : find_set(name, &i, err);
    }
    if (status == NJ_OK && strcmp(SETS[i].precision, precision) != 0) {
        status = nj_fail(err, NJ_USAGE, "kernels \"%s\" are of precision %s, but --precision is %s",
                         name, SETS[i].precision, precision);
    }
    if (status == NJ_OK) {
        *out = resolve(i);
    }
    return status;
}

const nj_kernels *nj_kernels_at(size_t index)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (SETS[i].lacks() == NULL && index-- == 0) {
            return resolve(i);
        }
    }
    return NULL;
}

nj_fma_burst nj_kernels_burst(void)
{
    return find_fastest_exact()->burst;
}

size_t nj_linear_pack_cost(const nj_kernels *kernels, size_t N, size_t K)
{
    size_t bytes = kernels->linear_pack_bytes(N, K);
    return bytes > SIZE_MAX - NJ_ARENA_ALIGN ? SIZE_MAX : nj_arena_cost(bytes);
}
