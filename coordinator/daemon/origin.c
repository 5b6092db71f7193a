#include "coordinator/daemon/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/catalogue/section_names.h"
#include "common/policy/policy_line.h"
#include "common/policy/policy_sections.h"

static void tell_settings(nj_slice settings, nj_origin_head *head)
{
    if (2 * settings.size >= sizeof head->settings) {
        return; // settings.def would have to grow tenfold; a replay says that they are not there
    }
    for (size_t i = 0; i < settings.size; i++) {
        snprintf(head->settings + 2 * i, 3, "%02x", (unsigned char)settings.bytes[i]);
    }
}

static nj_status tell_policy(const nj_job *job, nj_origin_head *head, nj_error *err)
{
    const nj_section *section = nj_sections_find(&job->sections, NJ_SECTION_POLICY);
    if (section == NULL) {
        return NJ_OK;
    }
    nj_policy_sections *policy = malloc(sizeof *policy); // has room for every rule
    if (policy == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the policy");
    }
    nj_status status = nj_policy_sections_open(&job->sections, &job->catalogue, policy, err);
    if (status == NJ_OK) {
        head->policy_digest = section->digest;
        nj_policy_line(policy->acts ? &policy->policy : NULL, head->policy);
    }
    free(policy);
    return status;
}

nj_status nj_origin_tell(const nj_job *job, nj_slice settings, nj_origin_night *out, nj_error *err)
{
    const nj_sections *sections = nj_bundle_sections(job->bundle);
    memset(out, 0, sizeof *out);
    _Static_assert(NJ_BUNDLE_SECTIONS_MAX <= NJ_ORIGIN_SECTIONS_MAX, "every section has a place");
    _Static_assert(NJ_JOB_INPUTS_MAX <= NJ_ORIGIN_INPUTS_MAX, "every input has a place");
    _Static_assert(NJ_POLICY_LINE_BYTES <= sizeof out->head.policy, "a policy's line fits");
    for (size_t i = 0; i < sections->count; i++) {
        const nj_section *section = &sections->sections[i];
        out->sections[i] = (nj_origin_section){section->name, section->size, section->digest};
    }
    out->section_count = sections->count;
    for (size_t i = 0; i < job->input_count; i++) {
        out->inputs[i] = (nj_origin_input){job->inputs[i].option, job->inputs[i].value};
    }
    out->input_count = job->input_count;
    tell_settings(settings, &out->head);
    return tell_policy(job, &out->head, err);
}
