// kernels.c - which sets exist, which of them this CPU runs, and which one "auto" means.
#include "common/math/kernels.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/numeric_class.h"
#include "common/math/cpu_features.h"
#include "common/math/kernels_sets.h"

static const struct {
    unsigned bit;
    const char *name;
} FEATURES[] = {
    {HAS_AVX2, "AVX2"},
    {HAS_FMA, "FMA"},
    {HAS_AVX512F, "AVX-512F"},
    {HAS_AVX512DQ, "AVX-512DQ"},
    {HAS_AVX512VL, "AVX-512VL"},
    {HAS_AVX512BW, "AVX-512BW"},
    {HAS_AVX_VNNI, "AVX-VNNI"},
    {HAS_AVX512_VNNI, "AVX512-VNNI"},
    {HAS_AVX512_BF16, "AVX512-BF16"},
    {HAS_AMX_INT8, "AMX-INT8"},
    {HAS_AMX_BF16, "AMX-BF16"},
    {HAS_AMX_TILE, "AMX-TILE and a Linux that gives it (5.16 or later)"},
};
#define FEATURE_COUNT (sizeof FEATURES / sizeof FEATURES[0])

typedef struct {
    const char *name;
    const char *precision;
    const nj_kernels *exact; // NULL where `over` is, and where this build has no such set
    nj_fma_burst burst; // NULL where `exact` is, and for the reference, which is nobody's fastest
    void (*over)(
        nj_kernels
            *set);       // puts the set over a copy of the fastest exact one; NULL where `exact` is
    unsigned needs;      // HAS_*
    const char *foreign; // the instruction set that this build is not for; NULL when it is
} known_set;

#if defined(__x86_64__)
#define X86_SET(kernels, burst) &(kernels), (burst), NULL
#define X86_OVER(over) NULL, NULL, (over)
#define X86_FOREIGN NULL
#else
#define X86_SET(kernels, burst) NULL, NULL, NULL
#define X86_OVER(over) NULL, NULL, NULL
#define X86_FOREIGN "the x86-64 instruction set"
#endif

#if defined(__aarch64__)
#define NEON_SET(kernels, burst) &(kernels), (burst), NULL
#define NEON_FOREIGN NULL
#else
#define NEON_SET(kernels, burst) NULL, NULL, NULL
#define NEON_FOREIGN "the AArch64 instruction set"
#endif

#define NEEDS_AVX2 (HAS_AVX2 | HAS_FMA)
#define NEEDS_AVX512 (NEEDS_AVX2 | HAS_AVX512F | HAS_AVX512DQ | HAS_AVX512VL)
#define NEEDS_BYTES (NEEDS_AVX512 | HAS_AVX512BW)
#define NEEDS_BF16 (NEEDS_BYTES | HAS_AVX512_BF16)

// The sets of a precision stand in the order of their speed, OpenBLAS excepted. (Where a CPU has both, VNNI beats AMX: with K = 128 a tile
// is two products of tiles and then sixteen rows to take out and scale. ops/handbook/performance.md)
static const known_set SETS[] = {
    {"ref", "float32", &nj_kernels_ref, NULL, NULL, 0, NULL},
    {"openblas", "float32", NULL, NULL, nj_kernels_openblas_over, 0, NULL},
    {"portable", "float32", &nj_kernels_portable, nj_fma_burst_portable, NULL, 0, NULL},
    {"neon", "float32", NEON_SET(nj_kernels_neon, nj_fma_burst_neon), 0, NEON_FOREIGN},
    {"avx2", "float32", X86_SET(nj_kernels_avx2, nj_fma_burst_avx2), NEEDS_AVX2, X86_FOREIGN},
    {"avx512", "float32", X86_SET(nj_kernels_avx512, nj_fma_burst_avx512), NEEDS_AVX512,
     X86_FOREIGN},
    {"int8-ref", "int8", NULL, NULL, nj_kernels_int8_ref_over, 0, NULL},
    {"int8-avx2", "int8", X86_OVER(nj_kernels_int8_avx2_over), NEEDS_AVX2, X86_FOREIGN},
    {"int8-avxvnni", "int8", X86_OVER(nj_kernels_int8_avxvnni_over), NEEDS_AVX2 | HAS_AVX_VNNI,
     X86_FOREIGN},
    {"int8-amx", "int8", X86_OVER(nj_kernels_int8_amx_over),
     NEEDS_BYTES | HAS_AMX_INT8 | HAS_AMX_TILE, X86_FOREIGN},
    {"int8-vnni", "int8", X86_OVER(nj_kernels_int8_vnni_over), NEEDS_BYTES | HAS_AVX512_VNNI,
     X86_FOREIGN},
    {"bf16-avx512", "bf16", X86_OVER(nj_kernels_bf16_avx512_over), NEEDS_BF16, X86_FOREIGN},
    {"bf16-amx", "bf16", X86_OVER(nj_kernels_bf16_amx_over),
     NEEDS_BF16 | HAS_AMX_BF16 | HAS_AMX_TILE, X86_FOREIGN},
};
#define SET_COUNT (sizeof SETS / sizeof SETS[0])

static nj_kernels derived[SET_COUNT]; // those with `over`, written once
static pthread_once_t derived_once = PTHREAD_ONCE_INIT;

/// What a CPU with these features has not and the set needs; NULL when the set runs.
static const char *find_lack(const known_set *set, unsigned features)
{
    const char *lack = set->foreign;
    for (size_t i = 0; i < FEATURE_COUNT && lack == NULL; i++) {
        lack = set->needs & ~features & FEATURES[i].bit ? FEATURES[i].name : NULL;
    }
    return lack;
}

static const known_set *find_fastest_exact(unsigned features)
{
    const known_set *fastest = NULL;
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (SETS[i].exact != NULL && find_lack(&SETS[i], features) == NULL) {
            fastest = &SETS[i];
        }
    }
    return fastest;
}

static void derive_sets(void)
{
    unsigned features = nj_cpu_features();
    const nj_kernels *base = find_fastest_exact(features)->exact;
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (SETS[i].over != NULL && find_lack(&SETS[i], features) == NULL) {
            derived[i] = *base;
            derived[i].name = SETS[i].name;
            derived[i].precision = SETS[i].precision;
            SETS[i].over(&derived[i]);
        }
    }
}

static const nj_kernels *resolve(const known_set *set)
{
    if (set->exact != NULL) {
        return set->exact;
    }
    pthread_once(&derived_once, derive_sets);
    return &derived[set - SETS];
}

static nj_status find_named(unsigned features, const char *name, const known_set **out,
                            nj_error *err)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (strcmp(name, SETS[i].name) != 0) {
            continue;
        }
        const char *missing = find_lack(&SETS[i], features);
        if (missing != NULL) {
            return nj_fail(err, NJ_CONFIG, "kernels \"%s\" need %s, which this CPU lacks", name,
                           missing);
        }
        *out = &SETS[i];
        return NJ_OK;
    }
    return nj_fail(err, NJ_USAGE, "kernels \"%s\" are not known; known are " NJ_KERNELS_KNOWN,
                   name);
}

// The last set of the precision that runs, OpenBLAS excepted; where none does, what the first of them lacks.
static nj_status find_fastest(unsigned features, const char *precision, const known_set **out,
                              nj_error *err)
{
    const known_set *fastest = NULL;
    const char *missing = NULL;
    for (size_t i = 0; i < SET_COUNT; i++) {
        bool wanted =
            strcmp(SETS[i].precision, precision) == 0 && SETS[i].over != nj_kernels_openblas_over;
        const char *lack = find_lack(&SETS[i], features);
        if (wanted && lack == NULL) {
            fastest = &SETS[i];
        }
        missing = wanted && missing == NULL ? lack : missing;
    }
    if (fastest == NULL) {
        return nj_fail(err, NJ_CONFIG, "precision %s needs %s, which this CPU lacks", precision,
                       missing);
    }
    *out = fastest;
    return NJ_OK;
}

static nj_status choose_for(unsigned features, const char *precision, const char *name,
                            const nj_kernels **out, nj_error *err)
{
    const known_set *set = NULL;
    nj_status status = strcmp(name, "auto") == 0 ? find_fastest(features, precision, &set, err)
                                                 : find_named(features, name, &set, err);
    if (status == NJ_OK && strcmp(set->precision, precision) != 0) {
        return nj_fail(err, NJ_USAGE, "kernels \"%s\" are of precision %s, but --precision is %s",
                       name, set->precision, precision);
    }
    if (status == NJ_OK) {
        *out = resolve(set);
    }
    return status;
}

nj_status nj_kernels_select(const char *name, const nj_kernels **out, nj_error *err)
{
    const known_set *set = NULL;
    unsigned features = nj_cpu_features();
    nj_status status = strcmp(name, "auto") == 0
                           ? find_fastest(features, NJ_PRECISION_DEFAULT, &set, err)
                           : find_named(features, name, &set, err);
    if (status == NJ_OK) {
        *out = resolve(set);
    }
    return status;
}

nj_status nj_kernels_choose(const char *precision, const char *name, const nj_kernels **out,
                            nj_error *err)
{
    nj_status status = nj_precision_check(precision, err);
    return status == NJ_OK ? choose_for(nj_cpu_features(), precision, name, out, err) : status;
}

const nj_kernels *nj_kernels_at(size_t index)
{
    unsigned features = nj_cpu_features();
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (find_lack(&SETS[i], features) == NULL && index-- == 0) {
            return resolve(&SETS[i]);
        }
    }
    return NULL;
}

nj_fma_burst nj_kernels_burst(void)
{
    return find_fastest_exact(nj_cpu_features())->burst;
}

size_t nj_linear_pack_cost(const nj_kernels *kernels, size_t N, size_t K)
{
    size_t bytes = kernels->linear_pack_bytes(N, K);
    return bytes > SIZE_MAX - NJ_ARENA_ALIGN ? SIZE_MAX : nj_arena_cost(bytes);
}
