// grade_join.c - what users did since a generation was published, beside the rows that it has for them.
#include <inttypes.h>
#include <stdlib.h>

#include "common/codec/row.h"
#include "common/judge/evaluation.h"
#include "ops/cli/grade.h"

typedef struct {
    nj_grade_join *join;
    nj_row *row;     // owned; scratch
    nj_error future; // about the first user with an event from the future
} joining;

void nj_grade_join_init(nj_grade_join *join)
{
    *join = (nj_grade_join){0};
    nj_buffer_init(&join->users, SIZE_MAX / 2);
    nj_idlist_builder_init(&join->ids);
    nj_idmap_init(&join->id_map);
    nj_idlist_builder_init(&join->targets);
    nj_grade_items_init(&join->items);
}

void nj_grade_join_fini(nj_grade_join *join)
{
    nj_grade_items_fini(&join->items);
    nj_idlist_builder_fini(&join->targets);
    nj_idmap_fini(&join->id_map);
    nj_idlist_builder_fini(&join->ids);
    nj_buffer_fini(&join->users);
}

static uint32_t rank_of(const nj_row *row, nj_slice item)
{
    for (size_t i = 0; i < row->count; i++) {
        if (nj_slice_equal(row->items[i], item)) {
            return (uint32_t)i + 1;
        }
    }
    return NJ_RANK_NONE;
}

// How many of the user's events lie before our own clock, of times that are seconds; those behind are counted and left out.
static size_t count_past(joining *j, const nj_history *history)
{
    nj_grade_join *join = j->join;
    const double end = join->now_s + NJ_GRADE_SKEW_S;
    size_t count = history->item_count;
    if (!join->split.from.is_date || count == 0 || history->times == NULL ||
        !nj_instant_fits(&join->split.from, history->times[count - 1])) {
        return count;
    }
    while (count > 0 && history->times[count - 1] > end) {
        count--;
    }
    if (count < history->item_count && join->counts.events_future == 0) {
        (void)nj_history_fail(history, &j->future,
                              "user \"%.*s\" has an event at %.17g, which is the future: now is "
                              "%.17g; look at the clock of whoever wrote the file, or at the unit "
                              "of its times",
                              NJ_SLICE_ARGS(history->user), history->times[history->item_count - 1],
                              join->now_s);
    }
    join->counts.events_future += history->item_count - count;
    return count;
}

static nj_graded_user grade_user(const nj_grade_join *join, const nj_history *history, size_t first,
                                 size_t end, uint32_t channel, const nj_row *row)
{
    nj_graded_user user = {
        .next_rank = rank_of(row, history->items[first]),
        .kind = (row->flags & NJ_ROW_CARRIED) != 0  ? NJ_GRADE_CARRIED
                : (row->flags & NJ_ROW_COPIED) != 0 ? NJ_GRADE_COPIED
                                                    : NJ_GRADE_DECODED,
        .is_cold = (row->flags & NJ_ROW_COLD) != 0,
        .age = row->age,
        .group = nj_grade_groups_find(join->groups, history->user),
        .channel = channel,
    };
    user.any_rank = user.next_rank;
    for (size_t i = first + 1; i < end; i++) {
        const uint32_t rank = rank_of(row, history->items[i]);
        if (rank != NJ_RANK_NONE && (user.any_rank == NJ_RANK_NONE || rank < user.any_rank)) {
            user.any_rank = rank;
        }
    }
    return user;
}

static bool has_before(const nj_history *history, size_t first)
{
    for (size_t i = 0; i < first; i++) {
        if (nj_slice_equal(history->items[i], history->items[first])) {
            return true;
        }
    }
    return false;
}

static nj_status keep_items(nj_grade_join *join, nj_slice user, nj_slice target)
{
    nj_status status = nj_idlist_builder_add(&join->ids, user);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&join->id_map, user, join->ids.count - 1);
    }
    return status == NJ_OK ? nj_idlist_builder_add(&join->targets, target) : status;
}

// The row of an active user, whose events [first, end) are since.
static nj_status join_row(joining *j, const nj_history *history, size_t first, size_t end,
                          size_t channel, nj_error *err)
{
    nj_grade_join *join = j->join;
    nj_grade_channel *entry = &join->channels->entries[channel];
    nj_slice value;
    nj_status status = nj_store_get(entry->reader, history->user, &value, err);
    if (status == NJ_NOT_FOUND) {
        join->counts.without_row++;
        entry->without_row++;
        return NJ_OK;
    }
    if (status == NJ_OK && nj_row_unpack(value, j->row, err) != NJ_OK) {
        nj_error_prefix(err, "user \"%.*s\"", NJ_SLICE_ARGS(history->user));
        err->status = NJ_REFUSED; // what is published was a row once
        return NJ_REFUSED;
    }
    if (status != NJ_OK) {
        return status;
    }
    const nj_graded_user user = grade_user(join, history, first, end, (uint32_t)channel, j->row);
    entry->graded++;
    join->depth = j->row->count > join->depth ? (uint32_t)j->row->count : join->depth;
    join->counts.unlisted += j->row->count == 0;
    join->counts.repeated_item += has_before(history, first);
    status = nj_buffer_append(&join->users, &user, sizeof user);
    if (status == NJ_OK) {
        status = nj_grade_items_add(&join->items, j->row, history->items[first]);
    }
    if (status == NJ_OK && join->keeps_items) {
        status = keep_items(join, history->user, history->items[first]);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the users to be graded");
}

static nj_status take_user(void *context, const nj_history *history, nj_error *err)
{
    joining *j = context;
    nj_grade_join *join = j->join;
    nj_split_parts parts;
    nj_history past = *history;
    past.item_count = count_past(j, history);
    const nj_status status = nj_split_history(&join->split, &past, &parts, err);
    if (status != NJ_OK) {
        return status;
    }
    join->counts.read++;
    join->counts.events_before += parts.input_count;
    if (!parts.has_target) {
        return NJ_OK;
    }
    size_t end = parts.input_count;
    while (end < past.item_count &&
           (!join->split.until.given || past.times[end] < join->split.until.at)) {
        end++;
    }
    const size_t channel = nj_grade_channels_find(join->channels, past.user);
    if (join->channels->only != NJ_GRADE_EVERY_CHANNEL && channel != join->channels->only) {
        join->counts.elsewhere++;
        return NJ_OK;
    }
    join->counts.active++;
    join->counts.events += end - parts.input_count;
    return join_row(j, &past, parts.input_count, end, channel, err);
}

// A few events with a wrong clock are no reason to give the grade up.
static nj_status check_future(const joining *j, nj_error *err)
{
    const nj_grade_counts *counts = &j->join->counts;
    if (counts->events_future == 0 ||
        counts->events_future * NJ_GRADE_FUTURE_PART <= counts->events) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT, "%s (%" PRIu64 " such events, %" PRIu64 " since: at most 1 %%)",
                   j->future.text, counts->events_future, counts->events);
}

nj_status nj_grade_join_run(nj_grade_join *join, nj_error *err)
{
    joining j = {.join = join, .row = malloc(sizeof *j.row)};
    if (j.row == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to read rows");
    }
    nj_split_ask(&join->split, &join->source);
    nj_status status = nj_histories_read(&join->source, take_user, &j, err);
    free(j.row);
    if (status == NJ_OK) {
        status = check_future(&j, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    join->counts.unknown_item = nj_grade_items_unlisted(&join->items);
    const nj_store_name *name =
        nj_store_reader_name(nj_grade_channels_main(join->channels)->reader);
    if (join->counts.active == 0 && join->counts.elsewhere > 0) {
        return nj_fail(err, NJ_AGAIN,
                       "%s: all %" PRIu64 " users with an event since %.17g were served by other "
                       "channels than %s",
                       join->source.path, join->counts.elsewhere, join->split.from.at, name->text);
    }
    if (join->counts.active == 0) {
        return nj_fail(err, NJ_AGAIN,
                       "%s: none of its %" PRIu64 " users has an event since %.17g, from which on "
                       "%s is graded: the events are late, or --from is",
                       join->source.path, join->counts.read, join->split.from.at, name->text);
    }
    if (join->users.size == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: %" PRIu64
                       " users have events since, and %s has a row for none of them: "
                       "are they the users of this store?",
                       join->source.path, join->counts.active, name->text);
    }
    return NJ_OK;
}
