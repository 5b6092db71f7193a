// policy_sweep.c - `nightjar policy sweep`: what variants of a policy give and cost, each beside no policy.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/catalogue/section_names.h"
#include "common/judge/figures.h"
#include "common/judge/lift.h"
#include "common/policy/policy_check.h"
#include "common/policy/policy_names.h"
#include "common/policy/policy_pack.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval.h"
#include "ops/cli/eval_report.h"
#include "ops/cli/sweep.h"

#define MS_OF_DAY UINT64_C(86400000)
static const char EMPTY_POLICY[] = "version: 1\n";

typedef struct {
    const nj_arguments *arguments;
    nj_eval_inputs inputs;
    nj_evaluation said;    // users and items; borrows from the inputs
    nj_item_sections has;  // of the bundle
    nj_policy_names names; // borrows from inputs and has
    nj_masking masking;
    size_t cutoff; // index into NJ_CUTOFFS
    uint64_t procs;
    float *embeddings;     // owned; NULL: not known
    float *inverse;        // owned
    nj_balance_sample off; // without a policy
    nj_path against[NJ_SWEEP_AGAINST_MAX];
    nj_path against_names[NJ_SWEEP_AGAINST_MAX];   // printable
    nj_balance_sample given[NJ_SWEEP_AGAINST_MAX]; // of their lists
    nj_sweep result;
} sweep;

// ---- what is judged ----

static const uint32_t *history_at(const void *users, size_t user, uint32_t *out_count)
{
    const nj_request request = nj_user_table_at(users, user);
    *out_count = request.item_count;
    return request.items;
}

static void tell_evaluation(sweep *s)
{
    const nj_eval_inputs *in = &s->inputs;
    s->masking = in->settings.keep_history ? NJ_HISTORY_KEPT : NJ_HISTORY_MASKED;
    s->said = (nj_evaluation){.primary = s->masking,
                              .user_count = in->held.users.count,
                              .user_ids = &in->held.users.ids,
                              .targets = nj_held_out_targets(&in->held),
                              .history_at = history_at,
                              .history = &in->held.users,
                              .item_count = in->items->count,
                              .live_count = in->live.live_count,
                              .item_ids = in->items,
                              .popularity = in->held.popularity};
    nj_sweep *r = &s->result;
    r->target = in->split.kind == NJ_SPLIT_VALIDATION ? "validation"
                : in->split.kind == NJ_SPLIT_TEST     ? "test"
                                                      : in->words.text;
    r->split = in->split.kind == NJ_SPLIT_TIME ? "time" : "leave-last-out";
    r->history = nj_masking_title(s->masking);
    r->user_count = s->said.user_count;
}

// The bundle's own vectors, where --embeddings does not name others.
static nj_status copy_vectors(sweep *s, nj_error *err)
{
    const nj_item_vectors *vectors = &s->has.vectors;
    size_t bytes = 0;
    if (!nj_mul_size((size_t)vectors->row_count * vectors->width, sizeof *s->embeddings, &bytes) ||
        (s->embeddings = malloc(nj_max_size(bytes, 1))) == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the vectors of %u items",
                       vectors->row_count);
    }
    for (uint32_t row = 0; row < vectors->row_count; row++) {
        nj_item_vectors_row(vectors, row, s->embeddings + (size_t)row * vectors->width);
    }
    s->said.embedding_width = vectors->width;
    return NJ_OK;
}

static nj_status read_embeddings(sweep *s, nj_error *err)
{
    const char *path = nj_argument(s->arguments, "embeddings");
    nj_status status = NJ_OK;
    if (path != NULL) {
        status = nj_eval_embeddings_read(path, s->said.item_count, &s->embeddings,
                                         &s->said.embedding_width, err);
    } else if (s->has.vectors.width > 0) {
        status = copy_vectors(s, err);
    }
    if (status == NJ_OK && s->embeddings != NULL &&
        nj_inverse_lengths(s->embeddings, s->said.item_count, s->said.embedding_width,
                           &s->inverse) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for %zu lengths", s->said.item_count);
    }
    s->said.embeddings = s->embeddings;
    s->result.has_diversity = s->embeddings != NULL;
    return status;
}

static nj_status judge_targets(sweep *s, nj_error *err)
{
    double *lifts = calloc(nj_max_size(s->said.user_count, 1), sizeof *lifts);
    if (lifts == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", s->said.user_count);
    }
    nj_lift_judge(&s->said, NULL, 1, lifts);
    s->result.targets_lift = nj_mean_estimate(lifts, s->said.user_count);
    free(lifts);
    return NJ_OK;
}

// ---- options ----

static nj_status read_against(sweep *s, nj_error *err)
{
    const char *next = nj_argument(s->arguments, "against");
    while (next != NULL) {
        const size_t bytes = strcspn(next, ",");
        const size_t count = s->result.against_count;
        if (count == NJ_SWEEP_AGAINST_MAX) {
            return nj_fail(err, NJ_USAGE, "--against has more than %d files", NJ_SWEEP_AGAINST_MAX);
        }
        if (bytes == 0 || bytes >= sizeof s->against[count].text) {
            return nj_fail(err, NJ_USAGE, "--against has a path of %zu bytes, must be 1 to %zu",
                           bytes, sizeof s->against[count].text - 1);
        }
        memcpy(s->against[count].text, next, bytes);
        memcpy(s->against_names[count].text, next, bytes);
        nj_text_make_printable(s->against_names[count].text);
        s->result.against[count].name = s->against_names[count].text;
        s->result.against_count++;
        next = next[bytes] == ',' ? next + bytes + 1 : NULL;
    }
    return NJ_OK;
}

static nj_status read_options(sweep *s, nj_error *err)
{
    uint64_t resamples = 0;
    nj_resampling *resampling = &s->result.resampling;
    const nj_uint_option numbers[] = {
        NJ_UINT("procs", 1, NJ_EVAL_PROCS_MAX, &s->procs),
        NJ_UINT("resamples", 0, NJ_RESAMPLES_MAX, &resamples),
        NJ_UINT("seed", 0, UINT64_MAX, &resampling->seed),
    };
    s->result.policy = nj_argument(s->arguments, "policy");
    nj_status status =
        nj_argument_uints(s->arguments, numbers, sizeof numbers / sizeof numbers[0], err);
    resampling->resample_count = (uint32_t)resamples;
    if (status == NJ_OK) {
        status = nj_sweep_plan_read(nj_argument(s->arguments, "curves"), &s->result.plan, err);
    }
    if (status == NJ_OK) {
        status = read_against(s, err);
    }
    return status == NJ_OK ? nj_engine_options_check(s->arguments, err) : status;
}

static nj_status open_inputs(sweep *s, nj_error *err)
{
    nj_status status = nj_eval_inputs_open(s->arguments, true, &s->inputs, err);
    if (status == NJ_OK && s->inputs.settings.top < NJ_CUTOFFS[1]) {
        status = nj_fail(err, NJ_USAGE, "--top is %u, must be at least %u: lists are judged there",
                         s->inputs.settings.top, NJ_CUTOFFS[1]);
    }
    if (status == NJ_OK) {
        const uint32_t top = s->inputs.settings.top;
        s->cutoff = nj_cutoffs_within(top < NJ_REPORT_CUTOFF ? top : NJ_REPORT_CUTOFF) - 1;
        s->result.cutoff = NJ_CUTOFFS[s->cutoff];
        tell_evaluation(s);
        status = nj_policy_names_open(&s->inputs.job.sections, &s->inputs.job.catalogue,
                                      (int64_t)(nj_clock_wall_ms() / MS_OF_DAY), &s->has, &s->names,
                                      err);
    }
    if (status == NJ_OK) {
        status = read_embeddings(s, err);
    }
    return status == NJ_OK ? judge_targets(s, err) : status;
}

// ---- variants ----

// The policy of a curve's point; of a curve without settings and without a file the bundle's own.
static nj_status read_variant(const sweep *s, const nj_sweep_curve *curve, uint32_t value,
                              nj_policy *out, nj_error *err)
{
    const nj_catalogue_view *catalogue = &s->inputs.job.catalogue;
    const char *path = s->result.policy;
    const nj_section *own = nj_sections_find(&s->inputs.job.sections, NJ_SECTION_POLICY);
    nj_policy_override settings[NJ_SWEEP_SETTINGS_MAX];
    memcpy(settings, curve->settings, sizeof settings);
    if (curve->setting_count > 0) {
        settings[curve->varied].value = curve->values[value];
    }
    nj_status status;
    if (path != NULL) {
        status = nj_policy_read_with(path, settings, curve->setting_count, &s->names, out, err);
    } else if (curve->setting_count > 0) {
        status = nj_policy_parse(EMPTY_POLICY, sizeof EMPTY_POLICY - 1, "--curves", settings,
                                 curve->setting_count, &s->names, out, err);
    } else if (own != NULL) {
        status = nj_policy_unpack(own->bytes, own->size, &s->names, out, err);
    } else {
        status = nj_fail(err, NJ_USAGE,
                         "the bundle has no policy: give --policy FILE, or settings in --curves");
    }
    return status == NJ_OK ? nj_policy_check_night(out, &s->has.attributes, catalogue,
                                                   s->inputs.settings.beam, s->inputs.settings.top,
                                                   path != NULL ? path : "the policy", err)
                           : status;
}

// What a variant gets wrong shows before anything is decoded.
static nj_status check_variants(const sweep *s, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < s->result.plan.curve_count && status == NJ_OK; i++) {
        const nj_sweep_curve *curve = &s->result.plan.curves[i];
        for (uint32_t value = 0; value < curve->value_count && status == NJ_OK; value++) {
            nj_policy policy;
            nj_error why = {0};
            if (read_variant(s, curve, value, &policy, &why) != NJ_OK) {
                status = nj_fail(err, why.status, "curve \"%s\", value %s: %s", curve->name,
                                 curve->values[value], why.text);
            }
        }
    }
    return status;
}

// ---- lists ----

static nj_status measure_lists(const sweep *s, const nj_lists *lists, nj_balance_sample *out,
                               nj_error *err)
{
    return nj_balance_sample_init(&s->said, s->inverse, lists, s->cutoff, out) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory to judge %zu lists", s->said.user_count);
}

// Decodes under the section's bytes, or without a policy, and measures the lists.
static nj_status decode_sample(const sweep *s, const nj_buffer *policy, const char *name,
                               nj_balance_sample *out, double *out_users_per_s, nj_error *err)
{
    const size_t users = s->said.user_count;
    nj_eval_inputs inputs = s->inputs; // but for its sections; nothing of it is closed twice
    nj_lists lists = {0};
    const nj_eval_lists wanted = {.kept = s->masking == NJ_HISTORY_KEPT ? &lists : NULL,
                                  .masked = s->masking == NJ_HISTORY_MASKED ? &lists : NULL};
    nj_sections *sections = &inputs.job.sections;
    nj_status status = NJ_OK;
    nj_sections_remove(sections, NJ_SECTION_POLICY);
    if (policy->size > 0 && sections->count == NJ_BUNDLE_SECTIONS_MAX) {
        status = nj_fail(err, NJ_INPUT, "the bundle has %zu sections and no room for a policy",
                         sections->count);
    } else if (policy->size > 0) {
        nj_sections_put(sections, NJ_SECTION_POLICY, policy->bytes, policy->size);
    }
    if (status == NJ_OK && nj_lists_init(users, inputs.settings.top, &lists) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for %zu lists", users);
    }
    const uint64_t start_ns = nj_clock_mono_ns();
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "%s", name);
        status = nj_eval_decode(s->arguments, &inputs, s->procs, &wanted, err);
    }
    const double seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    *out_users_per_s = seconds > 0 ? (double)users / seconds : 0;
    if (status == NJ_OK) {
        status = measure_lists(s, &lists, out, err);
    }
    nj_lists_fini(&lists);
    return status;
}

// Beside the lists without a policy. Takes the sample.
static nj_status judge_point_take(const sweep *s, nj_balance_sample *sample, nj_sweep_point *point,
                                  nj_error *err)
{
    nj_status status = nj_balance_compare(sample, &s->off, s->cutoff, &s->result.resampling,
                                          &point->balance) == NJ_OK
                           ? NJ_OK
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for %u resamples",
                                     s->result.resampling.resample_count);
    nj_balance_sample_fini(sample);
    return status;
}

static nj_status sweep_off(sweep *s, nj_error *err)
{
    const nj_buffer none = {0};
    nj_sweep_point *off = &s->result.off;
    off->name = "policy off";
    nj_status status = decode_sample(s, &none, off->name, &s->off, &off->users_per_s, err);
    if (status == NJ_OK && nj_balance_compare(&s->off, &s->off, s->cutoff, &s->result.resampling,
                                              &off->balance) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for %u resamples",
                         s->result.resampling.resample_count);
    }
    return status;
}

static nj_status sweep_value(sweep *s, size_t curve_index, uint32_t value, nj_error *err)
{
    const nj_sweep_curve *curve = &s->result.plan.curves[curve_index];
    nj_sweep_point *point = &s->result.points[curve_index][value];
    nj_balance_sample sample = {0};
    char name[NJ_SWEEP_NAME_BYTES];
    nj_policy policy;
    nj_buffer bytes;
    nj_buffer_init(&bytes, NJ_POLICY_BYTES_MAX);
    point->name = curve->values[value];
    snprintf(name, sizeof name, "%s: %s", curve->name, point->name);
    nj_status status = read_variant(s, curve, value, &policy, err);
    if (status == NJ_OK) {
        status = nj_policy_pack(&policy, &s->names, &bytes, err);
    }
    if (status == NJ_OK) {
        status = decode_sample(s, &bytes, name, &sample, &point->users_per_s, err);
    }
    nj_buffer_fini(&bytes);
    return status == NJ_OK ? judge_point_take(s, &sample, point, err) : status;
}

static nj_status read_given(sweep *s, size_t index, nj_error *err)
{
    const uint32_t top = s->inputs.settings.top;
    nj_lists lists[NJ_MASKING_COUNT] = {{0}};
    uint64_t other_count = 0;
    const nj_eval_lists both = {.kept = &lists[NJ_HISTORY_KEPT],
                                .masked = &lists[NJ_HISTORY_MASKED]};
    nj_status status = NJ_OK;
    for (size_t i = 0; i < NJ_MASKING_COUNT && status == NJ_OK; i++) {
        if (nj_lists_init(s->said.user_count, top, &lists[i]) != NJ_OK) {
            status = nj_fail(err, NJ_NO_MEMORY, "no memory for %zu lists", s->said.user_count);
        }
    }
    if (status == NJ_OK) {
        status = nj_eval_read_lists(s->against[index].text, &s->inputs, &both, &other_count, err);
    }
    if (status == NJ_OK) {
        status = measure_lists(s, &lists[s->masking], &s->given[index], err);
    }
    for (size_t i = 0; i < NJ_MASKING_COUNT; i++) {
        nj_lists_fini(&lists[i]);
    }
    return status;
}

// What can go wrong with files shows before anything is decoded, too.
static nj_status open_files(sweep *s, nj_error *err)
{
    const char *pictures = nj_argument(s->arguments, "pictures");
    nj_status status = pictures != NULL ? nj_folder_make(pictures, err) : NJ_OK;
    for (size_t i = 0; i < s->result.against_count && status == NJ_OK; i++) {
        status = read_given(s, i, err);
    }
    return status;
}

static nj_status sweep_all(sweep *s, nj_error *err)
{
    nj_status status = sweep_off(s, err);
    for (size_t i = 0; i < s->result.against_count && status == NJ_OK; i++) {
        status = judge_point_take(s, &s->given[i], &s->result.against[i], err);
    }
    for (size_t i = 0; i < s->result.plan.curve_count && status == NJ_OK; i++) {
        for (uint32_t v = 0; v < s->result.plan.curves[i].value_count && status == NJ_OK; v++) {
            status = sweep_value(s, i, v, err);
        }
    }
    return status;
}

// The figures first: a picture that cannot be written must not cost what was decoded.
static nj_status tell(const sweep *s, nj_error *err)
{
    const char *pictures = nj_argument(s->arguments, "pictures");
    nj_status status = NJ_OK;
    if (nj_argument_flag(s->arguments, "json")) {
        status = nj_sweep_print_json(&s->result, err);
    } else {
        nj_sweep_print(&s->result);
    }
    return status == NJ_OK && pictures != NULL ? nj_sweep_draw(&s->result, pictures, err) : status;
}

nj_status nj_command_policy_sweep(const nj_arguments *arguments, nj_error *err)
{
    sweep *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a sweep");
    }
    s->arguments = arguments;
    nj_status status = read_options(s, err);
    if (status == NJ_OK) {
        status = open_inputs(s, err);
    }
    if (status == NJ_OK) {
        status = check_variants(s, err);
    }
    if (status == NJ_OK) {
        status = open_files(s, err);
    }
    if (status == NJ_OK) {
        status = sweep_all(s, err);
    }
    if (status == NJ_OK) {
        status = tell(s, err);
    }
    for (size_t i = 0; i < s->result.against_count; i++) {
        nj_balance_sample_fini(&s->given[i]);
    }
    nj_balance_sample_fini(&s->off);
    free(s->inverse);
    free(s->embeddings);
    nj_eval_inputs_close(&s->inputs);
    free(s);
    return status;
}
