// eval_outcomes.c - each user's outcome out of `nightjar eval`: schemas/lists.md, "Outcomes".
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "common/judge/metric.h"
#include "ops/cli/eval.h"

#define LINE_BYTES_MAX (16u << 20)

typedef struct {
    const nj_eval_inputs *inputs;
    const nj_evaluation *evaluation;
    const nj_judged_model *model;
    const float *scores; // NULL: not known
    bool listed;
} writing;

static nj_status append_text(nj_buffer *line, const char *key, nj_slice text)
{
    nj_status status = nj_buffer_printf(line, "%s: ", key);
    return status == NJ_OK ? nj_buffer_json_string(line, text) : status;
}

static nj_status append_rank(nj_buffer *line, const char *key, const nj_ranking *ranking,
                             size_t user)
{
    if (!ranking->known) {
        return NJ_OK;
    }
    const uint32_t rank = ranking->judgement.ranks[user];
    return rank == NJ_RANK_NONE ? nj_buffer_printf(line, ", \"%s\": null", key)
                                : nj_buffer_printf(line, ", \"%s\": %u", key, rank);
}

static nj_status append_ranks(nj_buffer *line, const writing *w, size_t user)
{
    const nj_ranking *rankings = w->model->rankings;
    nj_status status = append_rank(line, "rank", &rankings[w->evaluation->primary], user);
    if (status == NJ_OK) {
        status = append_rank(line, "rank_kept", &rankings[NJ_HISTORY_KEPT], user);
    }
    if (status == NJ_OK) {
        status = append_rank(line, "rank_masked", &rankings[NJ_HISTORY_MASKED], user);
    }
    if (status == NJ_OK && w->scores != NULL && !isnan(w->scores[user])) {
        status = nj_buffer_printf(line, ", \"score\": %.9g", (double)w->scores[user]);
    }
    return status;
}

// What slices of the users are made by.
static nj_status append_facts(nj_buffer *line, const writing *w, size_t user)
{
    const nj_held_out *held = &w->inputs->held;
    const uint32_t popularity = held->popularity[nj_held_out_targets(held)[user]];
    const uint32_t group = nj_held_out_groups(held)[user];
    nj_status status = nj_buffer_printf(
        line, ", \"history\": %" PRIu32 ", \"popularity\": %" PRIu32 ", \"cold\": %s",
        w->evaluation->history_lengths[user], popularity, popularity == 0 ? "true" : "false");
    if (status == NJ_OK && group != NJ_GROUP_NONE) {
        status = append_text(line, ", \"group\"", nj_idlist_builder_at(&held->groups, group));
    }
    return status == NJ_OK ? nj_buffer_printf(line, ", \"held_out\": \"%s\"", w->inputs->words.text)
                           : status;
}

static nj_status append_items(nj_buffer *line, const writing *w, size_t user)
{
    uint32_t count;
    const uint32_t *rows =
        nj_lists_at(&w->model->rankings[w->evaluation->primary].lists, user, &count);
    nj_status status = nj_buffer_printf(line, ", \"items\": [");
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_buffer_printf(line, "%s", i > 0 ? ", " : "");
        if (status == NJ_OK) {
            status = nj_buffer_json_string(line, nj_idlist_at(w->inputs->items, rows[i]));
        }
    }
    return status == NJ_OK ? nj_buffer_printf(line, "]") : status;
}

static nj_status append_user(nj_buffer *line, const writing *w, size_t user)
{
    const nj_held_out *held = &w->inputs->held;
    const uint32_t target = nj_held_out_targets(held)[user];
    nj_status status = append_text(line, "{\"user\"", nj_idlist_builder_at(&held->users.ids, user));
    if (status == NJ_OK) {
        status = append_text(line, ", \"target\"", nj_idlist_at(w->inputs->items, target));
    }
    if (status == NJ_OK) {
        status = append_ranks(line, w, user);
    }
    if (status == NJ_OK) {
        status = append_facts(line, w, user);
    }
    if (status == NJ_OK && w->listed) {
        status = append_items(line, w, user);
    }
    return status == NJ_OK ? nj_buffer_printf(line, "}\n") : status;
}

nj_status nj_eval_write_users(nj_file_draft *draft, const nj_eval_inputs *inputs,
                              const nj_evaluation *evaluation, size_t model, const float *scores,
                              bool listed, nj_error *err)
{
    const writing w = {inputs, evaluation, &evaluation->models[model], scores, listed};
    nj_status status = NJ_OK;
    nj_buffer line;
    nj_buffer_init(&line, LINE_BYTES_MAX);
    for (size_t user = 0; user < evaluation->user_count && status == NJ_OK; user++) {
        nj_buffer_clear(&line);
        status = append_user(&line, &w, user);
        if (status != NJ_OK) {
            status = nj_fail(err, status, "%s: no memory for a line", draft->path.text);
        } else if (fwrite(line.bytes, 1, line.size, draft->stream) != line.size) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s", draft->path.text);
        }
    }
    nj_buffer_fini(&line);
    return status == NJ_OK ? nj_file_draft_commit(draft, err) : status;
}
