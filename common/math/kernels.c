// kernels.c - which sets exist, which of them this CPU runs, and which one "auto" means.
#include "common/math/kernels.h"

#include <stdint.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/math/kernels_sets.h"

typedef struct {
    const char *name;
    const nj_kernels *exact;    // NULL for OpenBLAS, and where this build has no such set
    nj_fma_burst burst;         // NULL where `exact` is
    const char *(*lacks)(void); // the feature that this CPU does not have; NULL when the set runs
} known_set;

static const char *lack_nothing(void)
{
    return NULL;
}

#if defined(__x86_64__)
static const char *lack_for_avx2(void)
{
    __builtin_cpu_init();
    return !__builtin_cpu_supports("avx2") ? "AVX2" : !__builtin_cpu_supports("fma") ? "FMA" : NULL;
}

static const char *lack_for_avx512(void)
{
    __builtin_cpu_init();
    return !__builtin_cpu_supports("avx512f")    ? "AVX-512F"
           : !__builtin_cpu_supports("avx512dq") ? "AVX-512DQ"
           : !__builtin_cpu_supports("avx512vl") ? "AVX-512VL"
                                                 : lack_for_avx2();
}
#define X86_SET(kernels, burst, lacks) &(kernels), (burst), (lacks)
#else
static const char *lack_x86_64(void)
{
    return "the x86-64 instruction set";
}
#define X86_SET(kernels, burst, lacks) NULL, NULL, lack_x86_64
#endif

// The exact sets stand in the order of their speed.
static const known_set SETS[] = {
    {"ref", &nj_kernels_ref, nj_fma_burst_portable, lack_nothing},
    {"openblas", NULL, NULL, lack_nothing},
    {"avx2", X86_SET(nj_kernels_avx2, nj_fma_burst_avx2, lack_for_avx2)},
    {"avx512", X86_SET(nj_kernels_avx512, nj_fma_burst_avx512, lack_for_avx512)},
};
#define SET_COUNT (sizeof SETS / sizeof SETS[0])

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

static const nj_kernels *resolve(const known_set *set)
{
    return set->exact != NULL ? set->exact : nj_kernels_openblas(find_fastest_exact()->exact);
}

nj_status nj_kernels_select(const char *name, const nj_kernels **out, nj_error *err)
{
    if (strcmp(name, "auto") == 0) {
        *out = find_fastest_exact()->exact;
        return NJ_OK;
    }
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (strcmp(name, SETS[i].name) != 0) {
            continue;
        }
        const char *missing = SETS[i].lacks();
        if (missing != NULL) {
            return nj_fail(err, NJ_CONFIG, "kernels \"%s\" need %s, which this CPU lacks", name,
                           missing);
        }
        *out = resolve(&SETS[i]);
        return NJ_OK;
    }
    return nj_fail(err, NJ_USAGE,
                   "kernels \"%s\" are not known; known are auto, ref, openblas, avx2, avx512",
                   name);
}

const nj_kernels *nj_kernels_at(size_t index)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (SETS[i].lacks() == NULL && index-- == 0) {
            return resolve(&SETS[i]);
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
