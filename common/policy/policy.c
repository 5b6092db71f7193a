#include "common/policy/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/catalogue/attributes.h"
#include "common/policy/policy_keys.h"

#define MILLIONTHS 1000000u

_Static_assert(sizeof(nj_search_kind) == sizeof(uint32_t) &&
                   sizeof(nj_rerank_kind) == sizeof(uint32_t) &&
                   sizeof(nj_alike_kind) == sizeof(uint32_t) &&
                   sizeof(nj_cold_items_kind) == sizeof(uint32_t),
               "words are read and written as u32");
_Static_assert(NJ_POLICY_NONE == NJ_ATTRIBUTE_NONE, "a column that is not there is no column");
_Static_assert(NJ_POLICY_ATTRIBUTES_MAX == NJ_ATTRIBUTES_MAX, "one limit with two names");

const nj_policy_key NJ_POLICY_KEYS[NJ_POLICY_KEY_COUNT] = {
#define NJ_POLICY_KEY(kind, path, NAME, field, fallback, least, most, meaning)                     \
    {path, NJ_POLICY_##kind, offsetof(nj_policy, field), fallback, least, (double)(most)},
#include "schemas/policy.def"
};

const char *nj_policy_word(nj_policy_kind kind, uint32_t number)
{
    static const char *const SEARCH[] = {"beam", "diverse", "stochastic"};
    static const char *const RERANK[] = {"none", "mmr", "determinantal"};
    static const char *const ALIKE[] = {"vectors", "prefix"};
    static const char *const COLD_ITEMS[] = {"unseen", "added"};
#define WORD_AT(table) (number < sizeof(table) / sizeof(table)[0] ? (table)[number] : NULL)
    switch (kind) {
    case NJ_POLICY_SEARCH:
        return WORD_AT(SEARCH);
    case NJ_POLICY_RERANK:
        return WORD_AT(RERANK);
    case NJ_POLICY_ALIKE:
        return WORD_AT(ALIKE);
    case NJ_POLICY_COLD_ITEMS:
        return WORD_AT(COLD_ITEMS);
    default:
        return NULL;
    }
#undef WORD_AT
}

static void set_fallback(nj_policy *policy, size_t number)
{
    const nj_policy_key *key = &NJ_POLICY_KEYS[number];
    void *field = nj_policy_field(policy, number);
    switch (key->kind) {
    case NJ_POLICY_F32:
        *(float *)field = (float)key->fallback;
        break;
    case NJ_POLICY_U64:
        *(uint64_t *)field = (uint64_t)key->fallback;
        break;
    case NJ_POLICY_BOOL:
        *(bool *)field = key->fallback > 0;
        break;
    case NJ_POLICY_PLACE:
        *(uint32_t *)field = (uint32_t)key->fallback - 1;
        break;
    case NJ_POLICY_WORDS:
    case NJ_POLICY_DAYS:
        *(uint32_t *)field = NJ_POLICY_NONE;
        break;
    case NJ_POLICY_ALPHA:
    case NJ_POLICY_UNTIL:
        break;
    default:
        *(uint32_t *)field = (uint32_t)key->fallback;
    }
}

void nj_policy_init(nj_policy *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) {
        set_fallback(out, i);
    }
}

bool nj_policy_has_prior(const nj_policy *policy)
{
    for (size_t l = 0; l < NJ_LEVELS_MAX; l++) {
        if (policy->prior_alpha[l] < 0 || policy->prior_alpha[l] > 0) {
            return true;
        }
    }
    return false;
}

bool nj_policy_acts(const nj_policy *policy)
{
    return policy->search != NJ_SEARCH_BEAM || policy->neighbour_weight > 0 ||
           nj_policy_has_prior(policy) || policy->boost_count > 0 || policy->deny_count > 0 ||
           policy->cap_count > 0 || policy->pin_count > 0 || policy->fresh_share > 0 ||
           policy->rerank != NJ_RERANK_NONE || policy->calibration > 0 || policy->cold_places > 0 ||
           policy->borrow_levels > 0 || policy->fill_widen || policy->fill_near ||
           policy->fill_popular;
}

uint32_t nj_policy_fresh_places(const nj_policy *policy, uint32_t top)
{
    const uint64_t share = (uint64_t)((double)policy->fresh_share * MILLIONTHS + 0.5);
    return (uint32_t)((share * top + MILLIONTHS - 1) / MILLIONTHS);
}

bool nj_policy_is_fresh(const nj_policy *policy, int32_t day)
{
    return day != NJ_DAY_NONE && day <= policy->fresh_until &&
           day >= policy->fresh_until - (int64_t)policy->fresh_days;
}

nj_status nj_policy_fail(nj_error *err, const char *what, uint32_t line, const char *format, ...)
{
    char text[NJ_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (line == 0) {
        return nj_fail(err, NJ_CONFIG, "%s: %s", what, text);
    }
    if (line == NJ_POLICY_LINE_SET) {
        return nj_fail(err, NJ_CONFIG, "%s: set beside it: %s", what, text);
    }
    return nj_fail(err, NJ_CONFIG, "%s: line %u: %s", what, line, text);
}
