// grade_control.c - control lists of `nightjar grade`: popular or co-visitation lists, as `nightjar baseline` makes them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/input/instant.h"
#include "ops/cli/grade.h"

#define FROM "from "

// Ranks of the users who have a control list, of what was published and of the control, in the order of its lines.
typedef struct {
    const nj_grade_join *join;
    nj_grade_control *control;
    nj_buffer published; // u32
    nj_buffer ranks;     // u32
} reading;

nj_status nj_grade_controls_parse(const char *text, nj_grade_controls *out, nj_error *err)
{
    nj_grade_controls controls = {.entries = calloc(NJ_GRADE_CONTROLS_MAX, sizeof *out->entries)};
    if (controls.entries == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for control lists");
    }
    for (const char *next = text; next != NULL;) {
        const size_t bytes = strcspn(next, ",");
        nj_grade_control *control = &controls.entries[controls.count];
        if (controls.count == NJ_GRADE_CONTROLS_MAX || bytes == 0 ||
            bytes >= sizeof control->path.text) {
            nj_grade_controls_fini(&controls);
            return nj_fail(err, NJ_USAGE,
                           "--controls is \"%s\", must be 1 to %d paths with commas between them",
                           text, NJ_GRADE_CONTROLS_MAX);
        }
        memcpy(control->path.text, next, bytes);
        control->name = control->path;
        nj_text_make_printable(control->name.text);
        controls.count++;
        next = next[bytes] == ',' ? next + bytes + 1 : NULL;
    }
    *out = controls;
    return NJ_OK;
}

void nj_grade_controls_fini(nj_grade_controls *controls)
{
    free(controls->entries);
    *controls = (nj_grade_controls){0};
}

// A list that was made with the events since would know what it is asked.
static nj_status check_held_out(const nj_grade_join *join, const nj_history *list, nj_error *err)
{
    const nj_slice words = list->held_out;
    const size_t from = sizeof FROM - 1;
    double at = 0;
    if (words.bytes != NULL && nj_slice_equal(words, nj_slice_from("none"))) {
        return NJ_OK;
    }
    if (words.size > from && memcmp(words.bytes, FROM, from) == 0 &&
        nj_decimal_parse((nj_slice){words.bytes + from, words.size - from}, &at) &&
        at <= join->split.from.at) {
        return NJ_OK;
    }
    return nj_history_fail(
        list, err,
        "the list was made without \"%.*s\", must be \"none\" or \"from T\" with T "
        "at most %.17g: another may know the events that it is judged by",
        NJ_SLICE_ARGS(words), join->split.from.at);
}

static nj_status take_list(void *context, const nj_history *list, nj_error *err)
{
    reading *r = context;
    const nj_grade_join *join = r->join;
    nj_status status = check_held_out(join, list, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t user = nj_idmap_find(&join->id_map, list->user, nj_idmap_at_builder, &join->ids);
    if (user == NJ_IDMAP_NONE) {
        r->control->other++;
        return NJ_OK;
    }
    const nj_graded_user *graded = (const nj_graded_user *)(const void *)join->users.bytes + user;
    const nj_slice target = nj_idlist_builder_at(&join->targets, user);
    uint32_t rank = NJ_RANK_NONE;
    for (size_t i = 0; i < list->item_count && rank == NJ_RANK_NONE; i++) {
        rank = nj_slice_equal(list->items[i], target) ? (uint32_t)i + 1 : NJ_RANK_NONE;
    }
    if (list->item_count > r->control->depth) {
        r->control->depth = (uint32_t)list->item_count;
    }
    status = nj_buffer_append(&r->ranks, &rank, sizeof rank);
    if (status == NJ_OK) {
        status = nj_buffer_append(&r->published, &graded->next_rank, sizeof graded->next_rank);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for control lists");
}

static nj_status compare(const reading *r, const nj_resampling *resampling, nj_error *err)
{
    nj_grade_control *control = r->control;
    const size_t count = r->ranks.size / sizeof(uint32_t);
    if (count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: none of its %llu lists is of a user who is graded",
                       control->name.text, (unsigned long long)control->other);
    }
    control->cut_depth = control->depth < r->join->depth ? control->depth : r->join->depth;
    const nj_status status = nj_grade_compare((const uint32_t *)(const void *)r->published.bytes,
                                              (const uint32_t *)(const void *)r->ranks.bytes, count,
                                              resampling, &control->contrast);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory to compare %zu users", count);
}

nj_status nj_grade_control_judge(const nj_grade_join *join, const nj_resampling *resampling,
                                 nj_grade_control *control, nj_error *err)
{
    const nj_histories_source source = {
        .path = control->path.text, .format = NJ_HISTORIES_JSONL, .wants_held_out = true};
    reading r = {.join = join, .control = control};
    nj_buffer_init(&r.published, SIZE_MAX / 2);
    nj_buffer_init(&r.ranks, SIZE_MAX / 2);
    nj_status status = nj_histories_read(&source, take_list, &r, err);
    if (status == NJ_OK) {
        status = compare(&r, resampling, err);
    }
    nj_buffer_fini(&r.ranks);
    nj_buffer_fini(&r.published);
    return status;
}
