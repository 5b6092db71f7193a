// grade_control.c - control lists of `nightjar grade`: popular or co-visitation lists, as `nightjar baseline` makes them.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/input/instant.h"
#include "common/store/schema.h"
#include "ops/cli/grade.h"

#define FROM "from "
#define NONE "none"

// Ranks of the users who have a control list, of what was published and of the control, in the order of its lines.
typedef struct {
    const nj_grade_join *join;
    nj_grade_control *control;
    size_t channel;      // of a stored control: whose generation's file is read
    nj_buffer published; // u32
    nj_buffer ranks;     // u32
} reading;

nj_status nj_grade_controls_parse(const char *text, nj_grade_controls *out, nj_error *err)
{
    nj_grade_controls controls = {.entries = calloc(NJ_GRADE_CONTROLS_MAX, sizeof *out->entries)};
    if (controls.entries == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for control lists");
    }
    for (const char *next = text != NULL && strcmp(text, NONE) != 0 ? text : NULL; next != NULL;) {
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

nj_status nj_grade_controls_find(const char *store_dir, const nj_grade_channels *channels,
                                 nj_grade_controls *out, nj_error *err)
{
    nj_path path;
    bool is_there = false;
    for (size_t i = 0; i < channels->count; i++) {
        const nj_status status =
            nj_store_path(store_dir, nj_store_reader_name(channels->entries[i].reader),
                          NJ_STORE_WORDS.CONTROLS, &path, err);
        if (status != NJ_OK) {
            return status;
        }
        is_there = is_there || nj_file_exists(path.text) || nj_folder_exists(path.text);
    }
    for (int control = 0; is_there && control < NJ_CONTROL_COUNT; control++) {
        nj_grade_control *entry = &out->entries[out->count++];
        entry->is_stored = true;
        entry->stored = (nj_control)control;
        snprintf(entry->name.text, sizeof entry->name.text, "%s",
                 nj_control_name((nj_control)control));
    }
    return NJ_OK;
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

// The list of a user who may be among those graded.
static nj_status take_ranks(reading *r, nj_slice id, const nj_slice *items, size_t item_count,
                            nj_error *err)
{
    const nj_grade_join *join = r->join;
    const size_t user = nj_idmap_find(&join->id_map, id, nj_idmap_at_builder, &join->ids);
    if (user == NJ_IDMAP_NONE) {
        r->control->other++;
        return NJ_OK;
    }
    const nj_graded_user *graded = (const nj_graded_user *)(const void *)join->users.bytes + user;
    const nj_slice target = nj_idlist_builder_at(&join->targets, user);
    uint32_t rank = NJ_RANK_NONE;
    for (size_t i = 0; i < item_count && rank == NJ_RANK_NONE; i++) {
        rank = nj_slice_equal(items[i], target) ? (uint32_t)i + 1 : NJ_RANK_NONE;
    }
    if (item_count > r->control->depth) {
        r->control->depth = (uint32_t)item_count;
    }
    nj_status status = nj_buffer_append(&r->ranks, &rank, sizeof rank);
    if (status == NJ_OK) {
        status = nj_buffer_append(&r->published, &graded->next_rank, sizeof graded->next_rank);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for control lists");
}

static nj_status take_list(void *context, const nj_history *list, nj_error *err)
{
    reading *r = context;
    const nj_grade_join *join = r->join;
    nj_status status = check_held_out(join, list, err);
    if (status != NJ_OK) {
        return status;
    }
    return take_ranks(r, list->user, list->items, list->item_count, err);
}

static nj_status take_stored(void *context, const nj_control_lists *lists, nj_error *err)
{
    reading *r = context;
    return nj_grade_channels_find(r->join->channels, lists->user) == r->channel
               ? take_ranks(r, lists->user, lists->items[r->control->stored],
                            lists->counts[r->control->stored], err)
               : NJ_OK; // of another channel, whose own file has it
}

// Each channel's users are in the file of its generation.
static nj_status read_stored(reading *r, const char *store_dir, nj_error *err)
{
    nj_path folder;
    nj_controls_facts facts;
    nj_status status = NJ_OK;
    for (r->channel = 0; r->channel < r->join->channels->count && status == NJ_OK; r->channel++) {
        nj_error why = {0};
        const nj_store_reader *reader = r->join->channels->entries[r->channel].reader;
        status = nj_store_path(store_dir, nj_store_reader_name(reader), NULL, &folder, err);
        if (status != NJ_OK) {
            return status;
        }
        status = nj_store_controls_read(folder.text, take_stored, r, &facts, &why);
        if (status == NJ_NOT_FOUND) {
            status = NJ_OK;
        } else if (status != NJ_OK && err != NULL) {
            *err = why;
            nj_error_prefix(err, "--controls none grades without");
        }
    }
    return status;
}

static nj_status compare(const reading *r, const nj_resampling *resampling, nj_error *err)
{
    nj_grade_control *control = r->control;
    const size_t count = r->ranks.size / sizeof(uint32_t);
    if (count == 0 && control->is_stored) {
        return NJ_OK;
    }
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

nj_status nj_grade_control_judge(const nj_grade_join *join, const char *store_dir,
                                 const nj_resampling *resampling, nj_grade_control *control,
                                 nj_error *err)
{
    const nj_histories_source source = {
        .path = control->path.text, .format = NJ_HISTORIES_JSONL, .wants_held_out = true};
    reading r = {.join = join, .control = control};
    nj_buffer_init(&r.published, SIZE_MAX / 2);
    nj_buffer_init(&r.ranks, SIZE_MAX / 2);
    nj_status status = control->is_stored ? read_stored(&r, store_dir, err)
                                          : nj_histories_read(&source, take_list, &r, err);
    if (status == NJ_OK) {
        status = compare(&r, resampling, err);
    }
    nj_buffer_fini(&r.ranks);
    nj_buffer_fini(&r.published);
    return status;
}
