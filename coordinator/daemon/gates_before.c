#include "coordinator/daemon/gates_before.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/input/instant.h"
#include "common/store/generation.h"
#include "coordinator/daemon/group_counts.h"

// Of the users of a mask.
typedef struct {
    uint64_t named, unknown;  // items of histories
    uint64_t filled, emptied; // users whose histories name items, and of them those who keep none
} tally;

// Fewer users than there were are no finding where their going is known.
static void judge_users(const nj_gates *gates, const char *group, uint64_t tonight, uint64_t before,
                        bool fewer_is_known, nj_gate_findings *out)
{
    if (tonight >= before || !fewer_is_known) {
        nj_gates_judge(gates, NJ_GATE_USERS, group, tonight, before, out);
    }
}

// A group that is gone tonight has no users; one that is new is compared with nothing.
static nj_status judge_groups(const nj_gates *gates, const char *store_dir,
                              const nj_store_name *name, const nj_job *job,
                              const nj_gates_missing *missing, nj_gate_findings *out, nj_error *err)
{
    nj_store_groups before = {0};
    nj_store_groups tonight = {0};
    nj_error why = {0};
    nj_status status = nj_store_groups_read(store_dir, name, &before, &why);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_WARNING, "the users of groups are compared with no generation: %s", why.text);
        return NJ_OK;
    }
    status = before.count > 0 ? nj_group_counts_make(job, &tonight, err) : NJ_OK;
    for (size_t i = 0; i < before.count && status == NJ_OK; i++) {
        const nj_store_group *group = &before.groups[i];
        const uint64_t users = nj_group_counts_of(&tonight, group->name);
        judge_users(gates, group->name,
                    nj_group_counts_with(users, group->user_count, missing->carried),
                    group->user_count, missing->dropped, out);
    }
    nj_store_groups_fini(&before);
    nj_store_groups_fini(&tonight);
    return status;
}

static nj_status judge_generation(const nj_gates *gates, const char *store_dir, const nj_job *job,
                                  const nj_gates_missing *missing, nj_gate_findings *out,
                                  nj_error *err)
{
    nj_store_name name;
    nj_store_manifest manifest;
    nj_error why = {0};
    nj_status status = nj_store_current(store_dir, &name, &why);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    if (status == NJ_OK) {
        status = nj_store_inspect(store_dir, &name, &manifest, &why);
    }
    if (status != NJ_OK) {
        nj_log(NJ_LOG_WARNING, "tonight's input is compared with no generation: %s", why.text);
        return NJ_OK;
    }
    judge_users(gates, "", job->users.count + missing->carried, manifest.facts.user_count,
                missing->dropped, out);
    nj_gates_judge(gates, NJ_GATE_ITEMS, "", nj_job_item_count(job), manifest.facts.item_count,
                   out);
    return judge_groups(gates, store_dir, &name, job, missing, out, err);
}

static nj_status judge_events(const nj_gates *gates, const nj_user_table *users, double as_of_s,
                              nj_gate_findings *out, nj_error *err)
{
    const nj_instant seconds = {.given = true, .is_date = true};
    if (isnan(gates->bounds[NJ_GATE_EVENT_AGE])) {
        return NJ_OK;
    }
    if (!users->has_newest) {
        return nj_fail(err, NJ_INPUT,
                       "--%s asks for the age of events, and the histories have no event with a "
                       "time",
                       nj_gate_option(NJ_GATE_EVENT_AGE));
    }
    if (!nj_instant_fits(&seconds, users->newest)) {
        return nj_fail(err, NJ_INPUT,
                       "--%s needs times in seconds since 1970; the newest event has %.0f, which "
                       "is behind the year 9999",
                       nj_gate_option(NJ_GATE_EVENT_AGE), users->newest);
    }
    nj_gates_judge_age(gates, users->newest, as_of_s, out);
    return NJ_OK;
}

static void count_user(const nj_request *user, tally *out)
{
    const bool names_items = user->item_count + user->unknown_count > 0;
    out->named += user->item_count + user->unknown_count;
    out->unknown += user->unknown_count;
    out->filled += names_items;
    out->emptied += names_items && user->item_count == 0;
}

static void judge_tally(const nj_gates *gates, const char *group, const tally *counted,
                        nj_gate_findings *out)
{
    nj_gates_judge(gates, NJ_GATE_UNKNOWN, group, counted->unknown, counted->named, out);
    nj_gates_judge(gates, NJ_GATE_EMPTIED, group, counted->emptied, counted->filled, out);
}

static nj_status judge_histories(const nj_gates *gates, const nj_job *job, nj_gate_findings *out,
                                 nj_error *err)
{
    const nj_masks *masks = &job->catalogue.masks;
    tally all = {0};
    tally *groups = calloc((size_t)masks->count + 1, sizeof *groups);
    if (groups == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to count the users of %u groups",
                       masks->count);
    }
    for (size_t i = 0; i < job->users.count; i++) {
        const nj_request user = nj_user_table_at(&job->users, i);
        count_user(&user, &all);
        count_user(&user, &groups[user.mask]);
    }
    judge_tally(gates, "", &all, out);
    for (uint32_t i = NJ_MASK_BASE + 1; i < masks->count; i++) {
        judge_tally(gates, masks->masks[i].name, &groups[i], out);
    }
    free(groups);
    return NJ_OK;
}

nj_status nj_gates_before(const nj_gates *gates, const char *store_dir, const nj_job *job,
                          double as_of_s, const nj_gates_missing *missing, nj_gate_findings *out,
                          nj_error *err)
{
    nj_gate_findings findings = {0};
    nj_status status = judge_events(gates, &job->users, as_of_s, &findings, err);
    if (status == NJ_OK && store_dir != NULL) {
        status = judge_generation(gates, store_dir, job, missing, &findings, err);
    }
    if (status == NJ_OK) {
        status = judge_histories(gates, job, &findings, err);
    }
    if (status == NJ_OK) {
        *out = findings;
    }
    return status;
}

uint64_t nj_gates_newest_ms(const nj_gate_findings *findings, const nj_user_table *users)
{
    const bool is_judged = findings->count > 0 && findings->findings[0].gate == NJ_GATE_EVENT_AGE;
    return is_judged && users->newest > 0 ? (uint64_t)(users->newest * 1e3) : 0;
}

void nj_gates_log(const nj_gate_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        char sentence[NJ_GATES_SENTENCE_BYTES];
        nj_gate_describe(&findings->findings[i], sentence);
        nj_log(findings->findings[i].passed ? NJ_LOG_INFO : NJ_LOG_ERROR, "gate: %s", sentence);
    }
}
