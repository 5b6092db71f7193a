// history_events.c - the two forms with one event a row: csv and inter.
//
// Users and items become indices as they are read, so that an event is 24 bytes and sorting touches
// no text.
#include <inttypes.h>

#include "common/base/id.h"
#include "common/base/idlist.h"
#include "common/input/event_sort.h"
#include "common/input/event_table.h"
#include "common/input/histories_reader.h"

typedef struct {
    nj_idlist_builder ids; // in order of first appearance
    nj_idmap map;
} name_table;

typedef struct {
    uint64_t first_line;
    uint64_t event_count;
} user_facts;

typedef struct {
    nj_histories_reader *reader;
    nj_event_table table;
    name_table users;
    name_table items;
    nj_buffer facts; // user_facts, one a user
    nj_event_sort sort;
    nj_buffer slices; // nj_slice, the items of one user
    nj_buffer times;  // double, likewise
} event_reader;

static nj_status open_table(event_reader *events, bool is_csv, nj_error *err)
{
    nj_histories_reader *reader = events->reader;
    const nj_event_form form = {.is_csv = is_csv,
                                .delimiter = reader->delimiter,
                                .beside = NJ_EVENT_ITEM,
                                .columns = &reader->source->columns,
                                .row_bytes_max = reader->limits->line_bytes_max};
    nj_status status = nj_event_table_open(&reader->lines, &form, &events->table, err);
    if (status == NJ_OK && nj_histories_need_times(reader->source) &&
        !events->table.has_column[NJ_EVENT_TIME]) {
        return nj_lines_fail(
            &reader->lines, events->table.rows.number, err,
            "no column \"%s\", which --as-of, --gate-event-age, --tie-seed and --split time need",
            is_csv ? "timestamp" : "timestamp:float");
    }
    return status;
}

static nj_status init_events(event_reader *events, nj_histories_reader *reader, bool is_csv,
                             nj_error *err)
{
    const nj_histories_limits *limits = reader->limits;
    events->reader = reader;
    nj_idlist_builder_init(&events->users.ids);
    nj_idlist_builder_init(&events->items.ids);
    nj_idmap_init(&events->users.map);
    nj_idmap_init(&events->items.map);
    nj_buffer_init(&events->facts, SIZE_MAX / 2);
    nj_buffer_init(&events->slices, limits->items_max * sizeof(nj_slice));
    nj_buffer_init(&events->times, limits->items_max * sizeof(double));
    nj_event_sort_init(&events->sort, limits->memory_bytes, limits->merge_files);
    return open_table(events, is_csv, err);
}

static void fini_events(event_reader *events)
{
    nj_event_table_close(&events->table);
    nj_event_sort_fini(&events->sort);
    nj_buffer_fini(&events->times);
    nj_buffer_fini(&events->slices);
    nj_buffer_fini(&events->facts);
    nj_idmap_fini(&events->items.map);
    nj_idmap_fini(&events->users.map);
    nj_idlist_builder_fini(&events->items.ids);
    nj_idlist_builder_fini(&events->users.ids);
}

// The index of an id; a new one is checked and added.
static nj_status find_name(event_reader *events, name_table *names, nj_event_column kind,
                           uint32_t *out_index, nj_error *err)
{
    const nj_event_table *table = &events->table;
    nj_slice id = table->rows.fields[table->column[kind]];
    size_t index = nj_idmap_find(&names->map, id, nj_idmap_at_builder, &names->ids);
    if (index != NJ_IDMAP_NONE) {
        *out_index = (uint32_t)index;
        return NJ_OK;
    }
    const char *noun = kind == NJ_EVENT_USER ? "user" : "item";
    nj_status status = nj_histories_check_id(table->rows.lines, table->rows.number, noun, id, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_idlist_builder_add(&names->ids, id);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&names->map, id, names->ids.count - 1);
    }
    *out_index = (uint32_t)(names->ids.count - 1);
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "%s: no memory for %zu %ss",
                                     table->rows.lines->name, names->ids.count, noun);
}

static user_facts *peek_facts(const event_reader *events, size_t user)
{
    return (user_facts *)(void *)events->facts.bytes + user;
}

// Counts an event for its user, who may be new.
static nj_status count_event(event_reader *events, uint32_t user, nj_error *err)
{
    const nj_event_table *table = &events->table;
    size_t items_max = events->reader->limits->items_max;
    if (user == events->facts.size / sizeof(user_facts)) {
        user_facts facts = {.first_line = table->rows.number};
        nj_status status = nj_buffer_append(&events->facts, &facts, sizeof facts);
        if (status != NJ_OK) {
            return nj_fail(err, status, "%s: no memory for %" PRIu32 " users",
                           table->rows.lines->name, user + 1);
        }
    }
    user_facts *facts = peek_facts(events, user);
    if (facts->event_count == items_max) {
        nj_slice id = table->rows.fields[table->column[NJ_EVENT_USER]];
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "user \"%.*s\" has more than %zu items", NJ_SLICE_ARGS(id), items_max);
    }
    facts->event_count++;
    return NJ_OK;
}

static nj_slice peek_field(const event_reader *events, nj_event_column kind)
{
    return events->table.rows.fields[events->table.column[kind]];
}

static uint64_t place_event(const event_reader *events, double time)
{
    const uint64_t seed = events->reader->source->tie_seed;
    return seed == 0 ? events->table.rows.number
                     : nj_histories_tie_place(seed, peek_field(events, NJ_EVENT_USER), time,
                                              peek_field(events, NJ_EVENT_ITEM));
}

// A row that does not count makes nobody a user, but its ids are checked.
static nj_status check_row(const event_reader *events, nj_error *err)
{
    const nj_event_table *table = &events->table;
    nj_status status = nj_histories_check_id(table->rows.lines, table->rows.number, "user",
                                             peek_field(events, NJ_EVENT_USER), err);
    return status == NJ_OK ? nj_histories_check_id(table->rows.lines, table->rows.number, "item",
                                                   peek_field(events, NJ_EVENT_ITEM), err)
                           : status;
}

static nj_status add_row(event_reader *events, nj_error *err)
{
    nj_event event = {0};
    bool counts = false;
    nj_status status = nj_event_table_time(&events->table, &event.time, err);
    if (status == NJ_OK) {
        status = nj_histories_counts(events->reader, events->table.rows.number, event.time, &counts,
                                     err);
    }
    if (status != NJ_OK || !counts) {
        return status != NJ_OK ? status : check_row(events, err);
    }
    event.place = place_event(events, event.time);
    status = find_name(events, &events->users, NJ_EVENT_USER, &event.user, err);
    if (status == NJ_OK) {
        status = find_name(events, &events->items, NJ_EVENT_ITEM, &event.item, err);
    }
    if (status == NJ_OK) {
        status = count_event(events, event.user, err);
    }
    if (status == NJ_OK) {
        status = nj_event_sort_add(&events->sort, &event, err);
    }
    return status;
}

static nj_status read_rows(event_reader *events, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK) {
        status = nj_event_table_next(&events->table, err);
        if (status == NJ_OK) {
            status = add_row(events, err);
        }
    }
    return status == NJ_END ? nj_event_sort_finish(&events->sort, err) : status;
}

static nj_status visit_user(event_reader *events, uint32_t user, nj_error *err)
{
    nj_histories_reader *reader = events->reader;
    nj_history history = {
        .user = nj_idlist_builder_at(&events->users.ids, user),
        .items = (const nj_slice *)(const void *)events->slices.bytes,
        .times =
            reader->source->wants_times ? (const double *)(const void *)events->times.bytes : NULL,
        .item_count = events->slices.size / sizeof(nj_slice),
        .line = peek_facts(events, user)->first_line,
        .lines = &reader->lines,
    };
    reader->history_count++;
    return reader->visit(reader->context, &history, err);
}

static nj_status take_event(event_reader *events, nj_error *err)
{
    nj_event event;
    nj_status status = nj_event_sort_next(&events->sort, &event, err);
    if (status == NJ_OK) {
        nj_slice item = nj_idlist_builder_at(&events->items.ids, event.item);
        status = nj_buffer_append(&events->slices, &item, sizeof item);
    }
    if (status == NJ_OK && events->reader->source->wants_times) {
        status = nj_buffer_append(&events->times, &event.time, sizeof event.time);
    }
    return status == NJ_NO_MEMORY ? nj_fail(err, status, "%s: no memory for the items of a user",
                                            events->table.rows.lines->name)
                                  : status;
}

// Users have at least one event each and come in order of their index, so the counts say where one
// ends.
static nj_status visit_all(event_reader *events, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t user = 0; status == NJ_OK && user < events->users.ids.count; user++) {
        nj_buffer_clear(&events->slices);
        nj_buffer_clear(&events->times);
        for (uint64_t i = 0; status == NJ_OK && i < peek_facts(events, user)->event_count; i++) {
            status = take_event(events, err);
        }
        if (status == NJ_OK) {
            status = visit_user(events, (uint32_t)user, err);
        }
    }
    return status;
}

nj_status nj_histories_read_events(nj_histories_reader *reader, bool is_csv, nj_error *err)
{
    event_reader events;
    nj_status status = init_events(&events, reader, is_csv, err);
    if (status == NJ_OK) {
        status = read_rows(&events, err);
    }
    if (status == NJ_OK) {
        status = visit_all(&events, err);
    } else if (status == NJ_END) {
        status = NJ_OK; // an empty file: nj_histories_read_limited says so
    }
    fini_events(&events);
    return status;
}
