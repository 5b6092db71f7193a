// sweep_plan.c - the words of --curves.
#include <string.h>

#include "common/base/id.h"
#include "ops/cli/sweep.h"

static const char BLANKS[] = " \t\n";

// Cuts what stands before the first `mark` outside brackets off *next, which is set behind it, NULL at the end.
static char *cut_at(char **next, char mark)
{
    char *start = *next;
    size_t depth = 0;
    for (char *at = start; *at != '\0'; at++) {
        depth += *at == '[';
        depth -= *at == ']' && depth > 0;
        if (*at == mark && depth == 0) {
            *at = '\0';
            *next = at + 1;
            return start;
        }
    }
    *next = NULL;
    return start;
}

static char *trim(char *text)
{
    text += strspn(text, BLANKS);
    size_t size = strlen(text);
    while (size > 0 && strchr(BLANKS, text[size - 1]) != NULL) {
        text[--size] = '\0';
    }
    return text;
}

// Cuts the first word off *next, which is set to the next one or to the end; blanks inside brackets part no words.
static char *cut_word(char **next)
{
    char *start = *next;
    char *at = start;
    for (size_t depth = 0; *at != '\0' && (depth > 0 || strchr(BLANKS, *at) == NULL); at++) {
        depth += *at == '[';
        depth -= *at == ']' && depth > 0;
    }
    if (*at != '\0') {
        *at++ = '\0';
    }
    *next = at + strspn(at, BLANKS);
    return start;
}

// Cuts a list of values apart.
static nj_status read_values(char *text, const nj_sweep_curve *curve,
                             const char *values[NJ_SWEEP_VALUES_MAX], uint32_t *out_count,
                             nj_error *err)
{
    *out_count = 0;
    for (char *next = text; next != NULL;) {
        char *value = cut_at(&next, ',');
        if (*out_count == NJ_SWEEP_VALUES_MAX) {
            return nj_fail(err, NJ_USAGE, "--curves: \"%s\" has more than %d values: sweep twice",
                           curve->name, NJ_SWEEP_VALUES_MAX);
        }
        const size_t size = strlen(value);
        if (size > 1 && value[0] == '[' && value[size - 1] == ']') { // a list is set without them
            value[size - 1] = '\0';
            value++;
        }
        if (*value == '\0') {
            return nj_fail(err, NJ_USAGE, "--curves: \"%s\" has an empty value", curve->name);
        }
        values[(*out_count)++] = value;
    }
    return NJ_OK;
}

// "rerank.relevance=1,.9": of the settings of a curve only one has several values.
static nj_status take_setting(char *word, nj_sweep_curve *curve, nj_error *err)
{
    const char *values[NJ_SWEEP_VALUES_MAX];
    uint32_t count = 0;
    char *equals = strchr(word, '=');
    if (equals == NULL || equals == word) {
        return nj_fail(err, NJ_USAGE,
                       "--curves: \"%s\" in \"%s\" is no setting: write key=value[,value...]", word,
                       curve->name);
    }
    if (curve->setting_count == NJ_SWEEP_SETTINGS_MAX) {
        return nj_fail(err, NJ_USAGE,
                       "--curves: \"%s\" has more than %d settings: put the rest into --policy",
                       curve->name, NJ_SWEEP_SETTINGS_MAX);
    }
    *equals = '\0';
    nj_status status = read_values(equals + 1, curve, values, &count, err);
    if (status == NJ_OK && count > 1 && curve->value_count > 1) {
        status =
            nj_fail(err, NJ_USAGE,
                    "--curves: \"%s\" has several values for %s and for %s: a curve varies one",
                    curve->name, curve->settings[curve->varied].key, word);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (curve->value_count <= 1) {
        curve->varied = curve->setting_count;
        curve->value_count = count;
        memcpy(curve->values, values, count * sizeof *values);
    }
    curve->settings[curve->setting_count++] = (nj_policy_override){word, values[0]};
    return NJ_OK;
}

// `name` is the curve's text as it was written, in memory of its own.
static nj_status take_curve(char *text, char *name, nj_sweep_curve *curve, nj_error *err)
{
    char *colon = strchr(text, ':');
    *curve = (nj_sweep_curve){.name = trim(name)};
    if (colon != NULL && colon < text + strcspn(text, "=")) {
        name[colon - text] = '\0';
        curve->name = trim(name);
        text = colon + 1;
    }
    for (char *next = trim(text); *next != '\0';) {
        char *word = cut_word(&next);
        nj_status status = take_setting(word, curve, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    if (curve->setting_count == 0) { // the policy as it is
        curve->values[0] = "as it is";
        curve->value_count = 1;
    }
    return NJ_OK;
}

// Lines and tabs are blanks, everything else is as it may be printed. `out` has room and is all 0.
static void copy_text(const char *given, char *out)
{
    for (size_t i = 0; given[i] != '\0'; i++) {
        out[i] = strchr(BLANKS, given[i]) != NULL ? ' ' : given[i];
    }
    nj_text_make_printable(out);
}

nj_status nj_sweep_plan_read(const char *text, nj_sweep_plan *plan, nj_error *err)
{
    const char *given = text != NULL ? text : "policy:";
    *plan = (nj_sweep_plan){.curve_count = 0};
    if (strlen(given) >= sizeof plan->text) {
        return nj_fail(err, NJ_USAGE, "--curves has %zu bytes, must be at most %zu", strlen(given),
                       sizeof plan->text - 1);
    }
    copy_text(given, plan->text);
    copy_text(given, plan->names);
    char *next_name = plan->names;
    for (char *next = plan->text; next != NULL;) {
        char *curve = cut_at(&next, ';');
        char *name = cut_at(&next_name, ';');
        if (plan->curve_count == NJ_SWEEP_CURVES_MAX) {
            return nj_fail(err, NJ_USAGE, "--curves has more than %d curves: sweep twice",
                           NJ_SWEEP_CURVES_MAX);
        }
        if (*trim(curve) == '\0') {
            return nj_fail(err, NJ_USAGE, "--curves: curve %zu is empty", plan->curve_count + 1);
        }
        nj_status status = take_curve(curve, name, &plan->curves[plan->curve_count], err);
        if (status != NJ_OK) {
            return status;
        }
        plan->curve_count++;
    }
    return NJ_OK;
}
