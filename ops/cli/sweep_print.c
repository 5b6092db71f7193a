// sweep_print.c - a sweep as a table and as JSON (schemas/json/policy-sweep.json).
#include <stdio.h>

#include "ops/cli/commands.h"
#include "ops/cli/sweep.h"

enum { RECALL, NDCG }; // of NJ_METRICS

// ---- table ----

// '+' or '-' where the interval of a difference leaves 0 out.
static char mark_of(const nj_estimate *difference)
{
    if (!difference->has_interval) {
        return ' ';
    }
    return difference->low > 0 ? '+' : difference->high < 0 ? '-' : ' ';
}

static void print_metric(const nj_balance *b, size_t metric)
{
    const nj_estimate *e = &b->metrics[metric];
    const nj_estimate *d = &b->differences[metric];
    char interval[NJ_SWEEP_NAME_BYTES] = "";
    if (e->has_interval) {
        snprintf(interval, sizeof interval, "[%.4f,%.4f]", e->low, e->high);
    }
    printf("  %.4f %-15s %+.4f%c", e->value, interval, d->value, mark_of(d));
}

static void print_point(const nj_sweep *sweep, const nj_sweep_point *point)
{
    const nj_balance *b = &point->balance;
    printf("  %-20.20s", point->name);
    print_metric(b, RECALL);
    print_metric(b, NDCG);
    if (sweep->has_diversity) {
        printf("   %.4f%c", b->diversity.value, mark_of(&b->diversity_difference));
    } else {
        printf("   %7s", "");
    }
    printf("  %+.3f%c  %6.2f %%", b->lift.value, mark_of(&b->lift_difference),
           100 * b->exposure.coverage);
    if (b->absent_count + b->short_count > 0) {
        printf("  %zu short", b->absent_count + b->short_count);
    }
    printf("\n");
}

static void print_heading(const nj_sweep *sweep)
{
    printf("%s, %s, %s: %zu users; at %u: + and - differ from policy off by more than chance "
           "(95 %%)\n",
           sweep->target, sweep->split, sweep->history, sweep->user_count, sweep->cutoff);
    printf("  %-20s  %-30s   %-30s  %-8s %-8s %s\n", "", "recall, and beside off",
           "NDCG, and beside off", sweep->has_diversity ? "variety" : "", "lift", "coverage");
}

static void print_settings(const nj_sweep_curve *curve)
{
    printf("\n%s\n", curve->name);
    for (uint32_t i = 0; i < curve->setting_count; i++) {
        printf("  %s%s", curve->settings[i].key, i == curve->varied ? " varies" : " = ");
        printf("%s\n", i == curve->varied ? "" : curve->settings[i].value);
    }
}

void nj_sweep_print(const nj_sweep *sweep)
{
    print_heading(sweep);
    print_point(sweep, &sweep->off);
    for (size_t i = 0; i < sweep->against_count; i++) {
        print_point(sweep, &sweep->against[i]);
    }
    for (size_t i = 0; i < sweep->plan.curve_count; i++) {
        print_settings(&sweep->plan.curves[i]);
        for (uint32_t v = 0; v < sweep->plan.curves[i].value_count; v++) {
            print_point(sweep, &sweep->points[i][v]);
        }
    }
    printf("\nlift of the held-out items themselves: %+.3f\n", sweep->targets_lift.value);
}

// ---- JSON ----

// {"value", "low", "high"}; the last two null where there is no interval.
static json_t *estimate_to_json(const nj_estimate *estimate)
{
    const bool known = estimate->has_interval;
    return json_pack("{s:f, s:o, s:o}", "value", estimate->value, "low",
                     known ? json_real(estimate->low) : json_null(), "high",
                     known ? json_real(estimate->high) : json_null());
}

static json_t *pair_to_json(const nj_estimate *value, const nj_estimate *difference)
{
    json_t *object = estimate_to_json(value);
    json_object_set_new(object, "beside_off", estimate_to_json(difference));
    return object;
}

static json_t *point_to_json(const nj_sweep *sweep, const char *key, const nj_sweep_point *point)
{
    const nj_balance *b = &point->balance;
    json_t *object = json_pack("{s:s}", key, point->name);
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        json_object_set_new(object, NJ_METRICS[metric].name,
                            pair_to_json(&b->metrics[metric], &b->differences[metric]));
    }
    json_object_set_new(object, "hits",
                        json_pack("{s:I, s:I, s:f}", "alone", (json_int_t)b->first_only,
                                  "off_alone", (json_int_t)b->other_only, "p", b->p));
    json_object_set_new(object, "diversity",
                        sweep->has_diversity ? pair_to_json(&b->diversity, &b->diversity_difference)
                                             : json_null());
    json_object_set_new(object, "lift", pair_to_json(&b->lift, &b->lift_difference));
    json_object_set_new(object, "coverage", json_real(b->exposure.coverage));
    json_object_set_new(object, "gini", json_real(b->exposure.gini));
    json_object_set_new(object, "novelty", json_real(b->exposure.novelty));
    json_object_set_new(object, "without_list", json_integer((json_int_t)b->absent_count));
    json_object_set_new(object, "short", json_integer((json_int_t)b->short_count));
    json_object_set_new(object, "users_per_s",
                        point->users_per_s > 0 ? json_real(point->users_per_s) : json_null());
    return object;
}

static json_t *curve_to_json(const nj_sweep *sweep, size_t index)
{
    const nj_sweep_curve *curve = &sweep->plan.curves[index];
    json_t *settings = json_object();
    json_t *points = json_array();
    for (uint32_t i = 0; i < curve->setting_count; i++) {
        if (i != curve->varied) {
            json_object_set_new(settings, curve->settings[i].key,
                                json_string(curve->settings[i].value));
        }
    }
    for (uint32_t v = 0; v < curve->value_count; v++) {
        json_array_append_new(points, point_to_json(sweep, "value", &sweep->points[index][v]));
    }
    return json_pack("{s:s, s:s?, s:o, s:o}", "name", curve->name, "key",
                     curve->setting_count > 0 ? curve->settings[curve->varied].key : NULL,
                     "settings", settings, "points", points);
}

nj_status nj_sweep_print_json(const nj_sweep *sweep, nj_error *err)
{
    json_t *curves = json_array();
    json_t *against = json_array();
    for (size_t i = 0; i < sweep->plan.curve_count; i++) {
        json_array_append_new(curves, curve_to_json(sweep, i));
    }
    for (size_t i = 0; i < sweep->against_count; i++) {
        json_array_append_new(against, point_to_json(sweep, "name", &sweep->against[i]));
    }
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:{s:I, s:I, s:f}, s:s?, s:o, s:o, s:o, s:o}",
                  "target", sweep->target, "split", sweep->split, "history", sweep->history,
                  "users", (json_int_t)sweep->user_count, "cutoff", (json_int_t)sweep->cutoff,
                  "intervals", "resamples", (json_int_t)sweep->resampling.resample_count, "seed",
                  (json_int_t)sweep->resampling.seed, "confidence", NJ_CONFIDENCE, "policy",
                  sweep->policy, "held_out_lift", estimate_to_json(&sweep->targets_lift), "off",
                  point_to_json(sweep, "name", &sweep->off), "against", against, "curves", curves);
    return nj_print_json_take(&object, err);
}
