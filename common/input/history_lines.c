// history_lines.c - the two forms with one user a line: sequence and jsonl.
#include <inttypes.h>

#include "common/base/idlist.h"
#include "common/input/histories_reader.h"
#include "common/input/history_json.h"

typedef struct {
    nj_idlist_builder ids; // in order of appearance
    nj_idmap map;
    nj_buffer lines; // uint64_t, one an id
} user_table;

static void init_users(user_table *users)
{
    nj_idlist_builder_init(&users->ids);
    nj_idmap_init(&users->map);
    nj_buffer_init(&users->lines, SIZE_MAX / 2);
}

static void fini_users(user_table *users)
{
    nj_buffer_fini(&users->lines);
    nj_idmap_fini(&users->map);
    nj_idlist_builder_fini(&users->ids);
}

static nj_status add_user(user_table *users, const nj_lines *lines, nj_slice user, nj_error *err)
{
    size_t earlier = nj_idmap_find(&users->map, user, nj_idmap_at_builder, &users->ids);
    if (earlier != NJ_IDMAP_NONE) {
        const uint64_t *all = (const uint64_t *)(const void *)users->lines.bytes;
        const nj_line_place place = nj_lines_place(lines, all[earlier]);
        return nj_lines_fail(lines, lines->number, err, "user \"%.*s\" stands on %s too",
                             NJ_SLICE_ARGS(user), place.text);
    }
    nj_status status = nj_idlist_builder_add(&users->ids, user);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&users->map, user, users->ids.count - 1);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&users->lines, &lines->number, sizeof lines->number);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "%s: no memory for %zu users", lines->name, users->ids.count);
}

// The next word behind *at; its size is 0 at the end of the line.
static nj_slice next_word(const char *line, size_t size, size_t *at)
{
    while (*at < size && (line[*at] == ' ' || line[*at] == '\t')) {
        (*at)++;
    }
    size_t start = *at;
    while (*at < size && line[*at] != ' ' && line[*at] != '\t') {
        (*at)++;
    }
    return (nj_slice){line + start, *at - start};
}

static nj_status split_words(const nj_lines *lines, const char *line, size_t size, size_t items_max,
                             nj_slice *out_user, nj_buffer *items, nj_error *err)
{
    size_t at = 0;
    *out_user = next_word(line, size, &at);
    for (;;) {
        nj_slice item = next_word(line, size, &at);
        if (item.size == 0) {
            return NJ_OK;
        }
        if (items->size == items_max * sizeof item) {
            return nj_lines_fail(lines, lines->number, err, "has more than %zu items", items_max);
        }
        if (nj_buffer_append(items, &item, sizeof item) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: line %" PRIu64 ": no memory for its items",
                           lines->name, lines->number);
        }
    }
}

static nj_status check_ids(const nj_lines *lines, const nj_history *history, nj_error *err)
{
    nj_status status = nj_histories_check_id(lines, history->line, "user", history->user, err);
    for (size_t i = 0; status == NJ_OK && i < history->item_count; i++) {
        status = nj_histories_check_id(lines, history->line, "item", history->items[i], err);
    }
    for (size_t i = 0; status == NJ_OK && i < history->exclude_count; i++) {
        status = nj_histories_check_id(lines, history->line, "item", history->exclude[i], err);
    }
    for (size_t i = 0; status == NJ_OK && i < history->candidate_count; i++) {
        status = nj_histories_check_id(lines, history->line, "item", history->candidates[i], err);
    }
    return status;
}

// What is read of one line, and kept from line to line.
typedef struct {
    user_table users;
    nj_history_json json;
    nj_buffer items;      // nj_slice
    nj_buffer exclude;    // nj_slice
    nj_buffer candidates; // nj_slice
    nj_buffer times;      // double
    nj_buffer ties;
    nj_history_json_line said;
} line_reader;

static void init_line(line_reader *r, const nj_histories_reader *reader)
{
    const size_t items_max = reader->limits->items_max;
    *r = (line_reader){0};
    init_users(&r->users);
    nj_history_json_init(&r->json);
    nj_buffer_init(&r->items, items_max * sizeof(nj_slice));
    nj_buffer_init(&r->exclude, items_max * sizeof(nj_slice));
    nj_buffer_init(&r->candidates, NJ_REQUEST_CANDIDATES_MAX * sizeof(nj_slice));
    nj_buffer_init(&r->times, items_max * sizeof(double));
    nj_buffer_init(&r->ties, SIZE_MAX / 2);
    r->said = (nj_history_json_line){
        .items = &r->items,
        .exclude = &r->exclude,
        .candidates = &r->candidates,
        .times = nj_histories_need_times(reader->source) ? &r->times : NULL,
        .wants_held_out = reader->source->wants_held_out,
        .columns = reader->lines.is_parquet ? NULL : &reader->source->columns};
}

static void fini_line(line_reader *r)
{
    nj_buffer_fini(&r->ties);
    nj_buffer_fini(&r->times);
    nj_buffer_fini(&r->candidates);
    nj_buffer_fini(&r->exclude);
    nj_buffer_fini(&r->items);
    nj_history_json_fini(&r->json);
    fini_users(&r->users);
}

// None, but given: an address, as who has no list of candidates has none.
static const nj_slice NO_CANDIDATES[1];

static const nj_slice *list_candidates(const line_reader *r)
{
    return !r->said.has_candidates   ? NULL
           : r->candidates.size == 0 ? NO_CANDIDATES
                                     : (const nj_slice *)(const void *)r->candidates.bytes;
}

static nj_history describe_line(const nj_histories_reader *reader, const line_reader *r)
{
    return (nj_history){
        .user = r->said.user,
        .items = (const nj_slice *)(const void *)r->items.bytes,
        .times = reader->source->wants_times ? (const double *)(const void *)r->times.bytes : NULL,
        .item_count = r->items.size / sizeof(nj_slice),
        .line = reader->lines.number,
        .lines = &reader->lines,
        .group = r->said.group,
        .exclude = (const nj_slice *)(const void *)r->exclude.bytes,
        .exclude_count = r->exclude.size / sizeof(nj_slice),
        .held_out = r->said.held_out,
        .candidates = list_candidates(r),
        .candidate_count = r->candidates.size / sizeof(nj_slice),
        .text = r->said.text,
    };
}

// Checks and hands over what a line held.
static nj_status visit_line(nj_histories_reader *reader, line_reader *r, nj_error *err)
{
    bool counts = true;
    nj_history history = describe_line(reader, r);
    nj_status status = check_ids(&reader->lines, &history, err);
    if (status == NJ_OK) {
        status = add_user(&r->users, &reader->lines, r->said.user, err);
    }
    if (status == NJ_OK && r->said.times != NULL) {
        status = nj_histories_cut_line(reader, r->said.user, r->said.has_times, &r->items,
                                       &r->times, &r->ties, &counts, err);
        history = describe_line(reader, r);
    }
    if (status == NJ_OK && counts) {
        reader->history_count++;
        status = reader->visit(reader->context, &history, err);
    }
    return status;
}

static nj_status read_line(nj_histories_reader *reader, line_reader *r, bool is_json, char *line,
                           size_t size, nj_error *err)
{
    const size_t items_max = reader->limits->items_max;
    nj_buffer_clear(&r->items);
    nj_buffer_clear(&r->exclude);
    nj_buffer_clear(&r->candidates);
    nj_buffer_clear(&r->times);
    nj_status status =
        is_json
            ? nj_history_json_parse(&r->json, &reader->lines, line, size, items_max, &r->said, err)
            : split_words(&reader->lines, line, size, items_max, &r->said.user, &r->items, err);
    return status == NJ_OK ? visit_line(reader, r, err) : status;
}

nj_status nj_histories_read_lines(nj_histories_reader *reader, bool is_json, nj_error *err)
{
    line_reader r;
    nj_status status;
    init_line(&r, reader);
    for (;;) {
        char *line;
        size_t size;
        status = nj_lines_next(&reader->lines, &line, &size, err);
        if (status != NJ_OK) {
            status = status == NJ_END ? NJ_OK : status;
            break;
        }
        if (!nj_histories_is_blank(line, size)) {
            status = read_line(reader, &r, is_json, line, size, err);
        }
        if (status != NJ_OK) {
            break;
        }
    }
    fini_line(&r);
    return status;
}
