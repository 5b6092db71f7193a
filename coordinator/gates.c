#include "coordinator/gates.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/duration.h"
#include "common/input/instant.h"

typedef enum { KIND_CHANGE, KIND_MOST, KIND_LEAST, KIND_MEAN, KIND_AGE } gate_kind;

static const struct {
    gate_kind kind;
    nj_status status;
    const char *option;
} GATES[NJ_GATE_COUNT] = {
#define NJ_GATE_BEFORE(name, kind, status, option, ...)                                            \
    [NJ_GATE_##name] = {KIND_##kind, NJ_##status, option},
#define NJ_GATE_AFTER NJ_GATE_BEFORE
#include "schemas/gates.def"
};

// What a gate counts, in words: the part, and what it is compared with.
static const struct {
    const char *part;
    const char *whole;
} WORDS[NJ_GATE_COUNT] = {
    [NJ_GATE_USERS] = {"users", "in the current generation"},
    [NJ_GATE_ITEMS] = {"items that may be recommended", "in the current generation"},
    [NJ_GATE_UNKNOWN] = {"items that the catalogue does not know", "items in histories"},
    [NJ_GATE_OVERLAP] = {"first 10 places as in the current generation", "users of both"},
    [NJ_GATE_COVERAGE] = {"items in a list", "items that may be recommended"},
    [NJ_GATE_FALLBACKS] = {"lists that are empty, cold, or filled with popular items", "lists"},
    [NJ_GATE_EMPTIED] = {"users none of whose items it knows", "users whose histories have items"},
};

const char *nj_gate_option(nj_gate gate)
{
    return GATES[gate].option;
}

nj_status nj_gates_set(nj_gates *gates, nj_gate gate, const char *text, nj_error *err)
{
    double percent = 0;
    if (strcmp(text, "off") == 0) {
        gates->bounds[gate] = NAN;
        return NJ_OK;
    }
    if (GATES[gate].kind == KIND_AGE) {
        uint64_t age_ms = 0;
        if (!nj_duration_parse(text, &age_ms)) {
            return nj_fail(err, NJ_USAGE,
                           "--%s is \"%s\", must be off or an age; an age " NJ_DURATION_RULE,
                           GATES[gate].option, text);
        }
        gates->bounds[gate] = (double)age_ms / 1e3;
        return NJ_OK;
    }
    // A share that must be reached and cannot be would hold back a night that is decoded.
    const bool is_least = GATES[gate].kind == KIND_LEAST || GATES[gate].kind == KIND_MEAN;
    const double most = is_least ? 100.0 : NJ_GATES_PERCENT_MAX;
    if (!nj_decimal_parse(nj_slice_from(text), &percent) || !(percent >= 0 && percent <= most)) {
        return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be off or percent from 0 to %.0f",
                       GATES[gate].option, text, most);
    }
    gates->bounds[gate] = percent;
    return NJ_OK;
}

// A group is told of where its gate does not hold.
static void keep(nj_gate_findings *out, const nj_gate_finding *finding, bool is_wrong)
{
    out->failed += !finding->passed;
    out->is_wrong = out->is_wrong || (!finding->passed && is_wrong);
    if (out->count < NJ_GATES_FINDINGS_MAX && (finding->group[0] == '\0' || !finding->passed)) {
        out->findings[out->count++] = *finding;
    }
}

void nj_gates_judge(const nj_gates *gates, nj_gate gate, const char *group, uint64_t part,
                    uint64_t whole, nj_gate_findings *out)
{
    const double bound = gates->bounds[gate];
    if (isnan(bound) || whole == 0 || whole < gates->least) {
        return;
    }
    const uint64_t counted =
        GATES[gate].kind == KIND_CHANGE ? (part > whole ? part - whole : whole - part) : part;
    nj_gate_finding finding = {.gate = gate, .part = part, .whole = whole, .bound = bound};
    finding.value = 100 * (double)counted / (double)whole;
    finding.passed =
        GATES[gate].kind == KIND_LEAST ? finding.value >= bound : finding.value <= bound;
    snprintf(finding.group, sizeof finding.group, "%s", group);
    keep(out, &finding, GATES[gate].status == NJ_REFUSED);
}

void nj_gates_judge_mean(const nj_gates *gates, nj_gate gate, double sum, uint64_t count,
                         nj_gate_findings *out)
{
    const double bound = gates->bounds[gate];
    if (isnan(bound) || count == 0 || count < gates->least) {
        return;
    }
    nj_gate_finding finding = {
        .gate = gate, .whole = count, .value = 100 * sum / (double)count, .bound = bound};
    finding.passed = finding.value >= bound;
    keep(out, &finding, GATES[gate].status == NJ_REFUSED);
}

void nj_gates_judge_age(const nj_gates *gates, double newest_s, double now_s, nj_gate_findings *out)
{
    const double bound = gates->bounds[NJ_GATE_EVENT_AGE];
    if (isnan(bound)) {
        return;
    }
    nj_gate_finding finding = {
        .gate = NJ_GATE_EVENT_AGE, .value = now_s - newest_s, .bound = bound};
    const bool is_ahead = finding.value < -NJ_GATES_FUTURE_S;
    finding.passed = !is_ahead && finding.value <= bound;
    keep(out, &finding, is_ahead);
}

void nj_gates_add(nj_gate_findings *findings, const nj_gate_findings *more)
{
    for (size_t i = 0; i < more->count && findings->count < NJ_GATES_FINDINGS_MAX; i++) {
        findings->findings[findings->count++] = more->findings[i];
    }
    findings->failed += more->failed;
    findings->is_wrong = findings->is_wrong || more->is_wrong;
}

static void describe_age(const nj_gate_finding *f, char out[NJ_GATES_SENTENCE_BYTES])
{
    const char *option = GATES[f->gate].option;
    if (f->value < 0) {
        snprintf(out, NJ_GATES_SENTENCE_BYTES,
                 "the newest event is %.1f h in the future; --%s allows %.1f h, for clocks",
                 -f->value / 3600, option, NJ_GATES_FUTURE_S / 3600.0);
    } else {
        snprintf(out, NJ_GATES_SENTENCE_BYTES, "the newest event is %.1f h old; --%s allows %.1f h",
                 f->value / 3600, option, f->bound / 3600);
    }
}

void nj_gate_describe(const nj_gate_finding *f, char out[NJ_GATES_SENTENCE_BYTES])
{
    char group[NJ_GATES_GROUP_BYTES + 16] = "";
    if (f->gate == NJ_GATE_EVENT_AGE) {
        describe_age(f, out);
        return;
    }
    if (f->group[0] != '\0') {
        snprintf(group, sizeof group, "group %s: ", f->group);
    }
    if (GATES[f->gate].kind == KIND_CHANGE) {
        snprintf(out, NJ_GATES_SENTENCE_BYTES,
                 "%s%s: %" PRIu64 ", and %" PRIu64 " %s, %.2f %% %s; --%s allows %g %%", group,
                 WORDS[f->gate].part, f->part, f->whole, WORDS[f->gate].whole, f->value,
                 f->part < f->whole ? "fewer" : "more", GATES[f->gate].option, f->bound);
    } else if (GATES[f->gate].kind == KIND_MEAN) {
        snprintf(out, NJ_GATES_SENTENCE_BYTES,
                 "%s: %.2f %%, mean of %" PRIu64 " %s; --%s asks for %g %%", WORDS[f->gate].part,
                 f->value, f->whole, WORDS[f->gate].whole, GATES[f->gate].option, f->bound);
    } else {
        snprintf(out, NJ_GATES_SENTENCE_BYTES,
                 "%s%s: %" PRIu64 " of %" PRIu64 " %s, %.2f %%; --%s %s %g %%", group,
                 WORDS[f->gate].part, f->part, f->whole, WORDS[f->gate].whole, f->value,
                 GATES[f->gate].option, GATES[f->gate].kind == KIND_LEAST ? "asks for" : "allows",
                 f->bound);
    }
}

static json_t *make_object(const nj_gate_finding *f)
{
    const char *name = GATES[f->gate].option + strlen("gate-");
    const bool is_age = GATES[f->gate].kind == KIND_AGE;
    char text[NJ_GATES_SENTENCE_BYTES];
    const bool has_part = !is_age && GATES[f->gate].kind != KIND_MEAN;
    nj_gate_describe(f, text);
    return json_pack("{s:s, s:s?, s:b, s:o, s:o, s:f, s:f, s:s}", "gate", name, "group",
                     f->group[0] != '\0' ? f->group : NULL, "passed", f->passed, "part",
                     has_part ? json_integer((json_int_t)f->part) : json_null(), "whole",
                     is_age ? json_null() : json_integer((json_int_t)f->whole), "value", f->value,
                     "bound", f->bound, "text", text);
}

json_t *nj_gates_document(const nj_gate_findings *findings)
{
    json_t *array = json_array();
    for (size_t i = 0; i < findings->count && array != NULL; i++) {
        if (json_array_append_new(array, make_object(&findings->findings[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static bool is_of(const nj_gate_finding *finding, bool wrong)
{
    const bool is_wrong = GATES[finding->gate].status == NJ_REFUSED || finding->value < 0;
    return !finding->passed && is_wrong == wrong;
}

nj_status nj_gates_verdict(const nj_gate_findings *findings, nj_error *err)
{
    char sentence[NJ_GATES_SENTENCE_BYTES] = "more groups than can be told";
    char others[64] = "";
    if (findings->failed == 0) {
        return NJ_OK;
    }
    for (size_t i = findings->count; i > 0; i--) {
        if (is_of(&findings->findings[i - 1], findings->is_wrong)) {
            nj_gate_describe(&findings->findings[i - 1], sentence);
        }
    }
    if (findings->failed > 1) {
        snprintf(others, sizeof others, " (gates that do not hold: %zu)", findings->failed);
    }
    return findings->is_wrong
               ? nj_fail(err, NJ_REFUSED, "a gate does not hold: %s%s", sentence, others)
               : nj_fail(err, NJ_AGAIN, "tonight's input is late: %s%s", sentence, others);
}
