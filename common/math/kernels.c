// kernels.c - which sets exist, which of them this CPU runs, and which one "auto" means.
#include "common/math/kernels.h"

#include <stdint.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/math/kernels_sets.h"

typedef struct {
    const char *name;
    const nj_kernels *exact;    // NULL for OpenBLAS, and for what this build leaves out
    const char *(*lacks)(void); // the feature that this CPU does not have; NULL when the set runs
} known_set;

static const char *lack_nothing(void)
{
    return NULL;
}

// The exact sets stand in the order of their speed.
static const known_set SETS[] = {
    {"ref", &nj_kernels_ref, lack_nothing},
    {"openblas", NULL, lack_nothing},
};
#define SET_COUNT (sizeof SETS / sizeof SETS[0])

static const nj_kernels *find_fastest_exact(void)
{
    const nj_kernels *fastest = NULL;
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (SETS[i].exact != NULL && SETS[i].lacks() == NULL) {
            fastest = SETS[i].exact;
        }
    }
    return fastest;
}

static const nj_kernels *resolve(const known_set *set)
{
    return set->exact != NULL ? set->exact : nj_kernels_openblas(find_fastest_exact());
}

nj_status nj_kernels_select(const char *name, const nj_kernels **out, nj_error *err)
{
    if (strcmp(name, "auto") == 0) {
        *out = find_fastest_exact();
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
    return nj_fail(err, NJ_USAGE, "kernels \"%s\" are not known; known are auto, ref and openblas",
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

size_t nj_linear_pack_cost(const nj_kernels *kernels, size_t N, size_t K)
{
    size_t bytes = kernels->linear_pack_bytes(N, K);
    return bytes > SIZE_MAX - NJ_ARENA_ALIGN ? SIZE_MAX : nj_arena_cost(bytes);
}
