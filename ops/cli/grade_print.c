// grade_print.c - a grade as JSON and as text.
#include <inttypes.h>
#include <stdio.h>

#include "common/base/checked.h"
#include "common/judge/figures.h"
#include "ops/cli/grade.h"

#define KEY_BYTES 32

const char NJ_GRADE_WARNING[] =
    "users saw these lists: what was shown is taken more easily, so the figures flatter what was "
    "published and do not compare with lists that nobody saw";

static const char *const METRICS[NJ_METRIC_COUNT] = {"hit", "ndcg", "mrr"};

// ---- JSON ----

static json_t *estimate_to_json(const nj_estimate *estimate)
{
    const bool known = estimate->has_interval;
    return json_pack("{s:f, s:o, s:o}", "value", estimate->value, "low",
                     known ? json_real(estimate->low) : json_null(), "high",
                     known ? json_real(estimate->high) : json_null());
}

static void set_estimate(json_t *object, const char *name, size_t cutoff,
                         const nj_estimate *estimate)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s@%u", name, NJ_CUTOFFS[cutoff]);
    json_object_set_new(object, key, estimate_to_json(estimate));
}

static json_t *estimates_to_json(const nj_grade_estimates *estimates, size_t cutoff_count)
{
    json_t *object = json_object();
    for (size_t c = 0; c < cutoff_count; c++) {
        for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
            set_estimate(object, METRICS[m], c, &estimates->next[m][c]);
        }
        set_estimate(object, "any_hit", c, &estimates->any_hit[c]);
    }
    return object;
}

static json_t *slices_to_json(const nj_grade *grade, size_t cutoff_count)
{
    json_t *slices = json_array();
    for (size_t i = 0; i < grade->slice_count; i++) {
        const nj_grade_slice *slice = &grade->slices[i];
        json_array_append_new(
            slices, json_pack("{s:s, s:s, s:I, s:b, s:o}", "by", nj_grade_by_name(slice->by),
                              "slice", slice->label, "users", (json_int_t)slice->user_count,
                              "small", slice->is_small, "figures",
                              estimates_to_json(&slice->estimates, cutoff_count)));
    }
    return slices;
}

static json_t *bounds_to_json(const nj_grade_told *told)
{
    json_t *bounds = json_array();
    for (size_t i = 0; i < told->gate->count; i++) {
        const nj_grade_bound *bound = &told->gate->bounds[i];
        char key[KEY_BYTES];
        snprintf(key, sizeof key, "%s@%u", bound->name, NJ_CUTOFFS[bound->cutoff]);
        json_array_append_new(bounds,
                              json_pack("{s:s, s:f, s:b}", "figure", key, "least", bound->least,
                                        "holds", nj_grade_bound_holds(bound, told->grade)));
    }
    return bounds;
}

static json_t *contrast_to_json(const nj_grade_control *control)
{
    const nj_grade_contrast *contrast = &control->contrast;
    json_t *object = json_object();
    for (size_t c = 0; c < nj_cutoffs_within(control->cut_depth); c++) {
        for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
            char key[KEY_BYTES];
            snprintf(key, sizeof key, "%s@%u", METRICS[m], NJ_CUTOFFS[c]);
            json_object_set_new(object, key,
                                json_pack("{s:o, s:o, s:o, s:f}", "published",
                                          estimate_to_json(&contrast->published[m][c]), "control",
                                          estimate_to_json(&contrast->control[m][c]), "difference",
                                          estimate_to_json(&contrast->difference[m][c]), "p",
                                          contrast->tests.p[m][c]));
        }
    }
    return object;
}

// NULL where there is nothing to compare with.
static json_t *channels_to_json(const nj_grade_told *told, size_t cutoff_count)
{
    json_t *array = json_array();
    for (size_t i = 0; told->channels->is_split && i < told->channels->count; i++) {
        const nj_grade_channel *channel = &told->channels->entries[i];
        const nj_store_facts *facts = &nj_store_reader_manifest(channel->reader)->facts;
        json_array_append_new(
            array,
            json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:o}", "channel", channel->name, "parts",
                      (json_int_t)channel->parts, "generation", facts->generation, "created_ms",
                      (json_int_t)facts->created_ms, "graded", (json_int_t)channel->graded,
                      "without_row", (json_int_t)channel->without_row, "more",
                      channel->has_more ? estimates_to_json(&channel->more, cutoff_count)
                                        : json_null()));
    }
    return array;
}

static json_t *controls_to_json(const nj_grade_controls *controls)
{
    json_t *array = json_array();
    for (size_t i = 0; i < controls->count; i++) {
        const nj_grade_control *control = &controls->entries[i];
        if (control->contrast.user_count == 0) {
            continue; // a stored one, and none of its users did anything
        }
        json_array_append_new(
            array, json_pack("{s:s, s:b, s:I, s:I, s:I, s:o}", "name", control->name.text, "stored",
                             control->is_stored, "users", (json_int_t)control->contrast.user_count,
                             "other_users", (json_int_t)control->other, "depth",
                             (json_int_t)control->depth, "figures", contrast_to_json(control)));
    }
    return array;
}

json_t *nj_grade_to_json(const nj_grade_told *told)
{
    const nj_grade_counts *c = &told->join->counts;
    const nj_split *split = &told->join->split;
    const nj_grade *grade = told->grade;
    const size_t cutoff_count = nj_cutoffs_within(told->join->depth);
    json_t *object = json_pack(
        "{s:s, s:I, s:f, s:o, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}",
        "generation", told->manifest->facts.generation, "created_ms",
        (json_int_t)told->manifest->facts.created_ms, "from", split->from.at, "until",
        split->until.given ? json_real(split->until.at) : json_null(), "depth",
        (json_int_t)told->join->depth, "events", (json_int_t)c->events, "events_before",
        (json_int_t)c->events_before, "events_future", (json_int_t)c->events_future, "users",
        "read", (json_int_t)c->read, "active", (json_int_t)c->active, "without_row",
        (json_int_t)c->without_row, "graded", (json_int_t)grade->user_count, "repeated_item",
        (json_int_t)c->repeated_item, "empty_list", (json_int_t)c->unlisted, "unknown_item",
        (json_int_t)c->unknown_item, "elsewhere", (json_int_t)c->elsewhere);
    if (object == NULL) {
        return NULL;
    }
    json_object_set_new(object, "figures", estimates_to_json(&grade->all, cutoff_count));
    json_object_set_new(object, "slices", slices_to_json(grade, cutoff_count));
    json_object_set_new(object, "channels", channels_to_json(told, cutoff_count));
    json_object_set_new(object, "controls", controls_to_json(told->controls));
    json_object_set_new(object, "bounds", bounds_to_json(told));
    json_object_set_new(object, "intervals",
                        json_pack("{s:I, s:I, s:f}", "resamples",
                                  (json_int_t)grade->resampling.resample_count, "seed",
                                  (json_int_t)grade->resampling.seed, "confidence", NJ_CONFIDENCE));
    json_object_set_new(object, "warning", json_string(NJ_GRADE_WARNING));
    return object;
}

// ---- text ----

static void print_estimate(const nj_estimate *estimate)
{
    if (estimate->has_interval) {
        printf(" %.4f [%.4f,%.4f]", estimate->value, estimate->low, estimate->high);
    } else {
        printf(" %.4f %15s", estimate->value, "");
    }
}

static void print_all(const nj_grade *grade, size_t cutoff_count)
{
    printf("\n%9s", "");
    for (size_t c = 0; c < cutoff_count; c++) {
        printf(" @%-*u", c + 1 < cutoff_count ? 21 : 1, NJ_CUTOFFS[c]);
    }
    for (size_t m = 0; m < NJ_METRIC_COUNT; m++) {
        printf("\n  %-7s", METRICS[m]);
        for (size_t c = 0; c < cutoff_count; c++) {
            print_estimate(&grade->all.next[m][c]);
        }
    }
    printf("\n  %-7s", "any_hit");
    for (size_t c = 0; c < cutoff_count; c++) {
        print_estimate(&grade->all.any_hit[c]);
    }
    printf("\n");
}

static void print_slices(const nj_grade *grade, size_t cutoff)
{
    printf("\n  %-7s %-24s %9s  hit@%-18u ndcg@%u\n", "by", "", "users", NJ_CUTOFFS[cutoff],
           NJ_CUTOFFS[cutoff]);
    for (size_t i = 0; i < grade->slice_count; i++) {
        const nj_grade_slice *slice = &grade->slices[i];
        printf("  %-7s %-24s %9zu%s", nj_grade_by_name(slice->by), slice->label, slice->user_count,
               slice->is_small ? "*" : " ");
        print_estimate(&slice->estimates.next[0][cutoff]);
        print_estimate(&slice->estimates.next[1][cutoff]);
        printf("\n");
    }
    printf("  * fewer than %d users: do not read much into it\n", NJ_SLICE_USERS_MIN);
}

static void print_channels(const nj_grade_told *told, size_t cutoff)
{
    for (size_t i = 0; told->channels->is_split && i < told->channels->count; i++) {
        const nj_grade_channel *channel = &told->channels->entries[i];
        printf("%s%s: %s, %" PRIu32 " of %d parts; %" PRIu64 " graded, %" PRIu64 " have no row\n",
               i == 0 ? "\n" : "", channel->name, nj_store_reader_name(channel->reader)->text,
               channel->parts, NIGHTJAR_SHARE_WHOLE, channel->graded, channel->without_row);
        for (size_t m = 0; channel->has_more && m < 2; m++) {
            printf("  %4s@%-2u more than %s", METRICS[m], NJ_CUTOFFS[cutoff],
                   told->channels->entries[0].name);
            print_estimate(&channel->more.next[m][cutoff]);
            printf("\n");
        }
    }
}

static void print_controls(const nj_grade_controls *controls)
{
    if (controls->count == 0) {
        printf("\nno lists to compare with were kept: `run --controls`, or give --controls\n");
    }
    for (size_t i = 0; i < controls->count; i++) {
        const nj_grade_control *control = &controls->entries[i];
        const nj_grade_contrast *contrast = &control->contrast;
        const size_t count = nj_cutoffs_within(control->cut_depth);
        if (contrast->user_count == 0) {
            printf("\nbeside %s: none of the %" PRIu64 " users who have such a list is graded\n",
                   control->name.text, control->other);
            continue;
        }
        printf("\nbeside %s, %zu users\n", control->name.text, contrast->user_count);
        for (size_t m = 0; m < 2 && count > 0; m++) {
            const size_t c = nj_min_size(count, 3) - 1;
            printf("  %4s@%-2u published", METRICS[m], NJ_CUTOFFS[c]);
            print_estimate(&contrast->published[m][c]);
            printf(" control");
            print_estimate(&contrast->control[m][c]);
            printf("\n%20s", "more");
            print_estimate(&contrast->difference[m][c]);
            printf(" p %.4f\n", contrast->tests.p[m][c]);
        }
    }
}

void nj_grade_print(const nj_grade_told *told)
{
    const nj_grade_counts *c = &told->join->counts;
    const size_t cutoff_count = nj_cutoffs_within(told->join->depth);
    printf("%s, events from %.17g on\n", told->manifest->facts.generation,
           told->join->split.from.at);
    printf("  %" PRIu64 " users of the events, %" PRIu64 " with %" PRIu64 " events since\n",
           c->read, c->active, c->events);
    printf("  left out: %" PRIu64 " events before, %" PRIu64 " from the future\n", c->events_before,
           c->events_future);
    if (c->elsewhere > 0) {
        printf("  %" PRIu64 " users with events since were served by other channels\n",
               c->elsewhere);
    }
    printf("  %zu graded; %" PRIu64 " have no row\n", told->grade->user_count, c->without_row);
    printf("  %" PRIu64 " of those graded took an item again that they had before, %" PRIu64
           " have an empty list\n",
           c->repeated_item, c->unlisted);
    printf("  %" PRIu64 " took an item that stands in the list of nobody who is graded\n",
           c->unknown_item);
    if (cutoff_count > 0) {
        print_all(told->grade, cutoff_count);
        print_channels(told, nj_min_size(cutoff_count, 3) - 1);
        print_slices(told->grade, nj_min_size(cutoff_count, 3) - 1);
    }
    print_controls(told->controls);
    printf("\n[low,high]: %.0f %% of %u resamples of the users (seed %" PRIu64 ")\nWarning: %s.\n",
           100 * NJ_CONFIDENCE, told->grade->resampling.resample_count,
           told->grade->resampling.seed, NJ_GRADE_WARNING);
}
