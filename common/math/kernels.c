// kernels.c - which sets exist, which of them this CPU runs, and which one "auto" means.
#include "common/math/kernels.h"

#include <stdint.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/math/kernels_sets.h"

// What a CPU, and the system that keeps its registers, may offer beyond the instruction set that this build is for.
enum { HAS_AVX2 = 1, HAS_FMA = 2, HAS_AVX512F = 4, HAS_AVX512DQ = 8, HAS_AVX512VL = 16 };

static const struct {
    unsigned bit;
    const char *name;
} FEATURES[] = {
    {HAS_AVX2, "AVX2"},          {HAS_FMA, "FMA"},
    {HAS_AVX512F, "AVX-512F"},   {HAS_AVX512DQ, "AVX-512DQ"},
    {HAS_AVX512VL, "AVX-512VL"},
};
#define FEATURE_COUNT (sizeof FEATURES / sizeof FEATURES[0])

typedef struct {
    const char *name;
    const nj_kernels *exact; // NULL for OpenBLAS, and where this build has no such set
    nj_fma_burst burst;  // NULL where `exact` is, and for the reference, which is nobody's fastest
    unsigned needs;      // HAS_*
    const char *foreign; // the instruction set that this build is not for; NULL when it is
} known_set;

#if defined(__x86_64__)
#define X86_SET(kernels, burst) &(kernels), (burst)
#define X86_FOREIGN NULL
#else
#define X86_SET(kernels, burst) NULL, NULL
#define X86_FOREIGN "the x86-64 instruction set"
#endif

#if defined(__aarch64__)
#define NEON_SET(kernels, burst) &(kernels), (burst)
#define NEON_FOREIGN NULL
#else
#define NEON_SET(kernels, burst) NULL, NULL
#define NEON_FOREIGN "the AArch64 instruction set"
#endif

// The exact sets stand in the order of their speed.
static const known_set SETS[] = {
    {"ref", &nj_kernels_ref, NULL, 0, NULL},
    {"openblas", NULL, NULL, 0, NULL},
    {"portable", &nj_kernels_portable, nj_fma_burst_portable, 0, NULL},
    {"neon", NEON_SET(nj_kernels_neon, nj_fma_burst_neon), 0, NEON_FOREIGN},
    {"avx2", X86_SET(nj_kernels_avx2, nj_fma_burst_avx2), HAS_AVX2 | HAS_FMA, X86_FOREIGN},
    {"avx512", X86_SET(nj_kernels_avx512, nj_fma_burst_avx512),
     HAS_AVX2 | HAS_FMA | HAS_AVX512F | HAS_AVX512DQ | HAS_AVX512VL, X86_FOREIGN},
};
#define SET_COUNT (sizeof SETS / sizeof SETS[0])

/// HAS_* of this CPU. The compiler's question also asks the system (XGETBV): AVX registers that it does not save are not there.
static unsigned ask_cpu(void)
{
    unsigned features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    features |= __builtin_cpu_supports("avx2") ? HAS_AVX2 : 0;
    features |= __builtin_cpu_supports("fma") ? HAS_FMA : 0;
    features |= __builtin_cpu_supports("avx512f") ? HAS_AVX512F : 0;
    features |= __builtin_cpu_supports("avx512dq") ? HAS_AVX512DQ : 0;
    features |= __builtin_cpu_supports("avx512vl") ? HAS_AVX512VL : 0;
#endif
    return features;
}

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

static const nj_kernels *resolve(const known_set *set)
{
    return set->exact != NULL ? set->exact
                              : nj_kernels_openblas(find_fastest_exact(ask_cpu())->exact);
}

static nj_status select_for(unsigned features, const char *name, const nj_kernels **out,
                            nj_error *err)
{
    if (strcmp(name, "auto") == 0) {
        *out = find_fastest_exact(features)->exact;
        return NJ_OK;
    }
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (strcmp(name, SETS[i].name) != 0) {
            continue;
        }
        const char *missing = find_lack(&SETS[i], features);
        if (missing != NULL) {
            return nj_fail(err, NJ_CONFIG, "kernels \"%s\" need %s, which this CPU lacks", name,
                           missing);
        }
        *out = resolve(&SETS[i]);
        return NJ_OK;
    }
    return nj_fail(err, NJ_USAGE, "kernels \"%s\" are not known; known are " NJ_KERNELS_KNOWN,
                   name);
}

nj_status nj_kernels_select(const char *name, const nj_kernels **out, nj_error *err)
{
    return select_for(ask_cpu(), name, out, err);
}

const nj_kernels *nj_kernels_at(size_t index)
{
    unsigned features = ask_cpu();
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (find_lack(&SETS[i], features) == NULL && index-- == 0) {
            return resolve(&SETS[i]);
        }
    }
    return NULL;
}

nj_fma_burst nj_kernels_burst(void)
{
    return find_fastest_exact(ask_cpu())->burst;
}

size_t nj_linear_pack_cost(const nj_kernels *kernels, size_t N, size_t K)
{
    size_t bytes = kernels->linear_pack_bytes(N, K);
    return bytes > SIZE_MAX - NJ_ARENA_ALIGN ? SIZE_MAX : nj_arena_cost(bytes);
}
