// policy.c - `nightjar policy check|explain`: a policy file, or the policy in a bundle, against that bundle and the settings of a night.
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/catalogue/section_names.h"
#include "common/policy/policy_check.h"
#include "common/policy/policy_explain.h"
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"
#include "ops/cli/commands.h"

#define MS_OF_DAY (24 * 60 * 60 * 1000ull)
#define STAGE_WIDTH 13
#define WHAT_BYTES 256

// A policy and all that it is checked against.
typedef struct {
    nj_bundle *bundle; // owned
    nj_catalogue_view catalogue;
    nj_item_sections items;
    nj_policy_names names;
    nj_settings settings;
    nj_policy policy;
    nj_policy_reach reach;
    char what[WHAT_BYTES]; // the policy in errors
} policy_case;

// The file, or the section of the bundle where none is given.
static nj_status read_policy(const nj_arguments *arguments, policy_case *c, nj_error *err)
{
    const nj_section *section = nj_sections_find(nj_bundle_sections(c->bundle), NJ_SECTION_POLICY);
    const char *file = nj_argument_positional(arguments);
    const char *bundle = nj_argument(arguments, "bundle");
    if (file != NULL) {
        snprintf(c->what, sizeof c->what, "%s", file);
        return nj_policy_read(file, &c->names, &c->policy, err);
    }
    if (section == NULL) {
        return nj_fail(err, NJ_USAGE,
                       "%s has no policy: name a file, or pack one with `nightjar bundle pack "
                       "--policy`",
                       bundle);
    }
    snprintf(c->what, sizeof c->what, "bundle \"%s\": policy", bundle);
    nj_status status = nj_policy_unpack(section->bytes, section->size, &c->names, &c->policy, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "bundle \"%s\"", bundle);
    }
    return status;
}

static nj_status open_case(const nj_arguments *arguments, policy_case *c, nj_error *err)
{
    const int64_t today = (int64_t)(nj_clock_wall_ms() / MS_OF_DAY);
    nj_status status = nj_settings_from(arguments, &c->settings, err);
    if (status == NJ_OK) {
        status = nj_bundle_open(nj_argument(arguments, "bundle"), &c->bundle, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(nj_bundle_sections(c->bundle), &c->catalogue, err);
    }
    if (status == NJ_OK) {
        status = nj_policy_names_open(nj_bundle_sections(c->bundle), &c->catalogue, today,
                                      &c->items, &c->names, err);
    }
    if (status == NJ_OK) {
        status = read_policy(arguments, c, err);
    }
    if (status == NJ_OK) {
        status = nj_policy_check_night(&c->policy, &c->items.attributes, &c->catalogue,
                                       c->settings.beam, c->settings.top, c->what, err);
    }
    return status == NJ_OK ? nj_policy_reach_count(&c->policy, &c->items.attributes, &c->catalogue,
                                                   c->names.trained_item_count, &c->reach, err)
                           : status;
}

static json_t *pack_reach(const policy_case *c)
{
    return json_pack("{s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "acts", nj_policy_acts(&c->policy),
                     "beam", (int)c->settings.beam, "top", (int)c->settings.top, "items",
                     (int)c->reach.sold, "denied", (int)c->reach.denied, "left", (int)c->reach.left,
                     "fresh", (int)c->reach.fresh, "cold", (int)c->reach.cold);
}

static nj_status print_check(const nj_arguments *arguments, const policy_case *c, nj_error *err)
{
    if (nj_argument_flag(arguments, "json")) {
        json_t *object = pack_reach(c);
        return nj_print_json_take(&object, err);
    }
    printf("%s: fits %s with beam %u and lists of %u%s; %u of %u items are left\n", c->what,
           nj_argument(arguments, "bundle"), c->settings.beam, c->settings.top,
           nj_policy_acts(&c->policy) ? "" : ", and changes nothing", c->reach.left, c->reach.sold);
    return NJ_OK;
}

nj_status nj_command_policy_check(const nj_arguments *arguments, nj_error *err)
{
    policy_case c = {0};
    nj_status status = open_case(arguments, &c, err);
    if (status == NJ_OK) {
        status = print_check(arguments, &c, err);
    }
    nj_bundle_close(&c.bundle);
    return status;
}

// Names a stage once, before its first sentence.
static void print_sentence(void *context, const char *stage, const char *sentence)
{
    const char **last = context;
    const bool is_new = *last == NULL || strcmp(*last, stage) != 0;
    printf("%-*s%s\n", STAGE_WIDTH, is_new ? stage : "", sentence);
    *last = stage;
}

static void append_sentence(void *context, const char *stage, const char *sentence)
{
    json_array_append_new(context, json_pack("{s:s, s:s}", "stage", stage, "sentence", sentence));
}

static nj_status print_explanation(const nj_arguments *arguments, const policy_case *c,
                                   nj_error *err)
{
    const nj_policy_subject subject = {.policy = &c->policy,
                                       .names = &c->names,
                                       .catalogue = &c->catalogue,
                                       .reach = &c->reach,
                                       .beam = c->settings.beam,
                                       .top = c->settings.top};
    if (!nj_argument_flag(arguments, "json")) {
        const char *last = NULL;
        nj_policy_explain(&subject, print_sentence, &last);
        return NJ_OK;
    }
    json_t *object = pack_reach(c);
    json_t *sentences = json_array();
    nj_policy_explain(&subject, append_sentence, sentences);
    if (json_object_set_new(object, "sentences", sentences) != 0) {
        json_decref(object);
        object = NULL;
    }
    return nj_print_json_take(&object, err);
}

nj_status nj_command_policy_explain(const nj_arguments *arguments, nj_error *err)
{
    policy_case c = {0};
    nj_status status = open_case(arguments, &c, err);
    if (status == NJ_OK) {
        status = print_explanation(arguments, &c, err);
    }
    nj_bundle_close(&c.bundle);
    return status;
}
