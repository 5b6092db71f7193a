#include "common/catalogue/collisions.h"

#include <string.h>

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
