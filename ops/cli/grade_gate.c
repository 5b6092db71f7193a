// grade_gate.c - --hold-if of `nightjar grade`: figures below which a night is not to go on.
#include <stdio.h>
#include <string.h>

#include "common/input/instant.h"
#include "common/judge/figures.h"
#include "ops/cli/grade.h"

#define ANY_HIT "any_hit"

// The metrics as NJ_METRICS has them, by the names of a grade.
static const char *const NAMES[NJ_METRIC_COUNT + 1] = {"hit", "ndcg", "mrr", ANY_HIT};

static bool parse_cutoff(nj_slice text, size_t *out)
{
    for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
        char word[16];
        const int size = snprintf(word, sizeof word, "%u", NJ_CUTOFFS[c]);
        if (nj_slice_equal(text, (nj_slice){word, (size_t)size})) {
            *out = c;
            return true;
        }
    }
    return false;
}

static bool parse_bound(nj_slice word, nj_grade_bound *out)
{
    const char *at = memchr(word.bytes, '@', word.size);
    const char *below = memchr(word.bytes, '<', word.size);
    if (at == NULL || below == NULL || below < at) {
        return false;
    }
    const nj_slice name = {word.bytes, (size_t)(at - word.bytes)};
    const nj_slice cutoff = {at + 1, (size_t)(below - at) - 1};
    const nj_slice least = {below + 1, word.size - (size_t)(below + 1 - word.bytes)};
    out->name = NULL;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (nj_slice_equal(name, nj_slice_from(NAMES[i]))) {
            out->name = NAMES[i];
        }
    }
    return out->name != NULL && parse_cutoff(cutoff, &out->cutoff) &&
           nj_decimal_parse(least, &out->least) && out->least >= 0 && out->least <= 1;
}

nj_status nj_grade_gate_parse(const char *text, nj_grade_gate *out, nj_error *err)
{
    nj_grade_gate gate = {0};
    for (const char *next = text; next != NULL && *text != '\0';) {
        const nj_slice word = {next, strcspn(next, ",")};
        if (gate.count == NJ_GRADE_BOUNDS_MAX) {
            return nj_fail(err, NJ_USAGE, "--hold-if has more than %d bounds", NJ_GRADE_BOUNDS_MAX);
        }
        if (!parse_bound(word, &gate.bounds[gate.count])) {
            return nj_fail(err, NJ_USAGE,
                           "--hold-if has \"%.*s\", must be FIGURE@PLACES<SHARE: hit, ndcg, mrr or "
                           "any_hit, at 1, 5, 10 or 20, below a number from 0 to 1, as hit@10<0.02",
                           NJ_SLICE_ARGS(word));
        }
        gate.count++;
        next = next[word.size] == ',' ? next + word.size + 1 : NULL;
    }
    *out = gate;
    return NJ_OK;
}

nj_status nj_grade_gate_check(const nj_grade_gate *gate, uint32_t depth, nj_error *err)
{
    for (size_t i = 0; i < gate->count; i++) {
        const nj_grade_bound *bound = &gate->bounds[i];
        if (bound->cutoff >= nj_cutoffs_within(depth)) {
            return nj_fail(err, NJ_USAGE,
                           "--hold-if asks for %s@%u, and the lists have at most %u places",
                           bound->name, NJ_CUTOFFS[bound->cutoff], depth);
        }
    }
    return NJ_OK;
}

nj_estimate nj_grade_gate_value(const nj_grade_bound *bound, const nj_grade *grade)
{
    for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
        if (strcmp(bound->name, NAMES[m]) == 0) {
            return grade->all.next[m][bound->cutoff];
        }
    }
    return grade->all.any_hit[bound->cutoff];
}

bool nj_grade_bound_holds(const nj_grade_bound *bound, const nj_grade *grade)
{
    return nj_grade_gate_value(bound, grade).high < bound->least;
}

nj_status nj_grade_gate_judge(const nj_grade_gate *gate, const nj_grade *grade, nj_error *err)
{
    for (size_t i = 0; i < gate->count; i++) {
        const nj_grade_bound *bound = &gate->bounds[i];
        const nj_estimate value = nj_grade_gate_value(bound, grade);
        if (nj_grade_bound_holds(bound, grade)) {
            return nj_fail(
                err, NJ_REFUSED,
                "%s@%u is %.4f [%.4f,%.4f] of %zu users: --hold-if holds the night where "
                "it is surely below %g",
                bound->name, NJ_CUTOFFS[bound->cutoff], value.value, value.low, value.high,
                grade->user_count, bound->least);
        }
    }
    return NJ_OK;
}
