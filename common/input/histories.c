#include "common/input/histories.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "common/base/id.h"
#include "common/base/rng.h"
#include "common/input/histories_reader.h"

#define MERGE_FILES 64

const nj_histories_limits NJ_HISTORIES_LIMITS = {
    .memory_bytes = NJ_HISTORIES_MEMORY,
    .merge_files = MERGE_FILES,
    .line_bytes_max = NJ_HISTORY_LINE_BYTES_MAX,
    .items_max = NJ_HISTORY_ITEMS_MAX,
};

typedef struct {
    const char *text;
    nj_histories_format format;
} format_row;

static const format_row NAMES[] = {
    {"sequence", NJ_HISTORIES_SEQUENCE}, {"jsonl", NJ_HISTORIES_JSONL},
    {"csv", NJ_HISTORIES_CSV},           {"inter", NJ_HISTORIES_INTER},
    {"parquet", NJ_HISTORIES_PARQUET},
};

static const format_row ENDINGS[] = {
    {".jsonl", NJ_HISTORIES_JSONL},     {".ndjson", NJ_HISTORIES_JSONL},
    {".json", NJ_HISTORIES_JSONL},      {".csv", NJ_HISTORIES_CSV},
    {".tsv", NJ_HISTORIES_CSV},         {".inter", NJ_HISTORIES_INTER},
    {".parquet", NJ_HISTORIES_PARQUET}, {".pq", NJ_HISTORIES_PARQUET},
};

static const char *const PACKED_ENDINGS[] = {".gz", ".zst", ".zstd"};

nj_status nj_histories_format_named(const char *name, nj_histories_format *out, nj_error *err)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(NAMES[i].text, name) == 0) {
            *out = NAMES[i].format;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE,
                   "\"%s\" is not a form of histories: sequence, jsonl, csv, inter or parquet",
                   name);
}

// True where [size] bytes end so, and not all of them.
static bool ends_with(const char *path, size_t size, const char *ending)
{
    const size_t count = strlen(ending);
    return size > count && memcmp(path + size - count, ending, count) == 0;
}

// Without the ending of a packer.
static size_t measure_path(const char *path)
{
    const size_t size = strlen(path);
    for (size_t i = 0; i < sizeof PACKED_ENDINGS / sizeof PACKED_ENDINGS[0]; i++) {
        if (ends_with(path, size, PACKED_ENDINGS[i])) {
            return size - strlen(PACKED_ENDINGS[i]);
        }
    }
    return size;
}

nj_histories_format nj_histories_format_of_path(const char *path)
{
    const size_t size = measure_path(path);
    for (size_t i = 0; i < sizeof ENDINGS / sizeof ENDINGS[0]; i++) {
        if (ends_with(path, size, ENDINGS[i].text)) {
            return ENDINGS[i].format;
        }
    }
    return NJ_HISTORIES_SEQUENCE;
}

nj_status nj_histories_format_find(const char *path, nj_histories_format *out, nj_error *err)
{
    nj_parts parts;
    nj_status status = nj_parts_list(path, &parts, err);
    if (status != NJ_OK) {
        return status;
    }
    *out = nj_histories_format_of_path(parts.paths[0]);
    for (size_t i = 1; i < parts.count && status == NJ_OK; i++) {
        if (nj_histories_format_of_path(parts.paths[i]) != *out) {
            status = nj_fail(err, NJ_INPUT,
                             "%s and %s are of different forms by their names: give --format, or a "
                             "folder of one form",
                             parts.paths[0], parts.paths[i]);
        }
    }
    nj_parts_fini(&parts);
    return status;
}

nj_status nj_history_fail(const nj_history *history, nj_error *err, const char *format, ...)
{
    char rule[NJ_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rule, sizeof rule, format, arguments);
    va_end(arguments);
    return history->lines != NULL
               ? nj_lines_fail(history->lines, history->line, err, "%s", rule)
               : nj_fail(err, NJ_INPUT, "line %" PRIu64 ": %s", history->line, rule);
}

bool nj_histories_is_blank(const char *line, size_t size)
{
    size_t at = 0;
    while (at < size && (line[at] == ' ' || line[at] == '\t')) {
        at++;
    }
    return at == size;
}

nj_status nj_histories_check_id(const nj_lines *lines, uint64_t number, const char *kind,
                                nj_slice id, nj_error *err)
{
    const char *problem = nj_id_problem(id);
    if (problem == NULL) {
        return NJ_OK;
    }
    return nj_lines_fail(lines, number, err, "%s \"%.*s\" %s", kind, NJ_SLICE_ARGS(id), problem);
}

bool nj_histories_need_times(const nj_histories_source *source)
{
    return source->wants_times || source->as_of.given || source->tie_seed != 0;
}

nj_status nj_histories_counts(const nj_histories_reader *reader, uint64_t line, double at,
                              bool *out, nj_error *err)
{
    const nj_instant *as_of = &reader->source->as_of;
    *out = true;
    if (!as_of->given) {
        return NJ_OK;
    }
    if (!nj_instant_fits(as_of, at)) {
        return nj_lines_fail(&reader->lines, line, err,
                             "time %.17g is beyond the year 9999, so times are not in seconds: "
                             "give --as-of as such a number and not as a date",
                             at);
    }
    *out = at < as_of->at;
    return NJ_OK;
}

uint64_t nj_histories_tie_place(uint64_t seed, nj_slice user, double at, nj_slice item)
{
    uint64_t bits;
    at += 0.0; // -0 and 0 are one time
    memcpy(&bits, &at, sizeof bits);
    const uint64_t of_user = XXH3_64bits_withSeed(user.bytes, user.size, seed);
    return XXH3_64bits_withSeed(item.bytes, item.size, nj_rng_mix(of_user ^ bits));
}

static nj_status fail_empty(const nj_histories_reader *reader, nj_error *err)
{
    return nj_fail(err, NJ_INPUT, "%s: holds no history%s", reader->lines.name,
                   reader->source->as_of.given ? " before the time of --as-of" : "");
}

// ---- Parquet ----

// The columns of a list of items a row, and of an event a row; the first ones are needed.
#define LIST_COLUMNS 8
#define EVENT_COLUMNS 3

typedef struct {
    nj_parquet_column list[LIST_COLUMNS];
    nj_parquet_column event[EVENT_COLUMNS];
    nj_parquet_shape shapes[2];
} parquet_forms;

// Under the name that --columns gives, or its usual ones.
static nj_parquet_column name_column(const nj_columns *columns, nj_column_kind kind,
                                     nj_parquet_column column)
{
    if (!columns->by_place && columns->names[kind][0] != '\0') {
        column.names[0] = columns->names[kind];
        column.names[1] = NULL;
    }
    return column;
}

static void make_forms(const nj_columns *columns, parquet_forms *out)
{
    const nj_parquet_column user = name_column(
        columns, NJ_COLUMN_USER,
        (nj_parquet_column){.as = "user", .names = {"user", "user_id"}, .is_needed = true});
    out->list[0] = user;
    out->list[1] = name_column(
        columns, NJ_COLUMN_ITEMS,
        (nj_parquet_column){.as = "items", .names = {"items"}, .is_needed = true, .is_list = true});
    out->list[2] = name_column(
        columns, NJ_COLUMN_TIMES,
        (nj_parquet_column){.as = "times", .names = {"times"}, .is_number = true, .is_list = true});
    out->list[3] = name_column(columns, NJ_COLUMN_GROUP,
                               (nj_parquet_column){.as = "group", .names = {"group"}});
    out->list[4] = (nj_parquet_column){.as = "exclude", .names = {"exclude"}, .is_list = true};
    out->list[5] = (nj_parquet_column){.as = "held_out", .names = {"held_out"}};
    out->list[6] =
        (nj_parquet_column){.as = "candidates", .names = {"candidates"}, .is_list = true};
    out->list[7] = (nj_parquet_column){.as = "text", .names = {"text"}};
    out->event[0] = user;
    out->event[1] = name_column(
        columns, NJ_COLUMN_ITEM,
        (nj_parquet_column){.as = "item", .names = {"item", "item_id"}, .is_needed = true});
    out->event[2] = name_column(
        columns, NJ_COLUMN_TIMESTAMP,
        (nj_parquet_column){.as = "timestamp", .names = {"timestamp"}, .is_number = true});
    out->shapes[0] = (nj_parquet_shape){NJ_PARQUET_JSON, out->list, LIST_COLUMNS};
    out->shapes[1] = (nj_parquet_shape){NJ_PARQUET_CSV, out->event, EVENT_COLUMNS};
}

// ---- the whole ----

// By content where it is Parquet, else as the source says.
static nj_status find_form(nj_histories_reader *reader, nj_histories_format *out, nj_error *err)
{
    const nj_lines *lines = &reader->lines;
    const nj_columns *columns = &reader->source->columns;
    *out = reader->source->format;
    if (lines->is_parquet) {
        *out = lines->form == NJ_PARQUET_JSON ? NJ_HISTORIES_JSONL : NJ_HISTORIES_CSV;
    } else if (*out == NJ_HISTORIES_PARQUET) {
        return nj_fail(err, NJ_INPUT, "%s: is not Parquet, which it is said to be", lines->name);
    }
    if (columns->by_place && (lines->is_parquet || *out != NJ_HISTORIES_CSV)) {
        return nj_fail(err, NJ_INPUT, "%s: --columns by place is for csv without a header",
                       lines->name);
    }
    const char *first = lines->parts.paths[0];
    reader->delimiter = reader->source->delimiter;
    if (reader->delimiter == '\0' && ends_with(first, measure_path(first), ".tsv")) {
        reader->delimiter = '\t';
    }
    return NJ_OK;
}

static nj_status read_form(nj_histories_reader *reader, nj_histories_format format, nj_error *err)
{
    if (format == NJ_HISTORIES_SEQUENCE && nj_histories_need_times(reader->source)) {
        return nj_fail(err, NJ_INPUT,
                       "%s: the form sequence has no times, which --as-of, --gate-event-age, "
                       "--tie-seed and --split "
                       "time need: csv, inter, parquet, and jsonl with \"times\" have them",
                       reader->lines.name);
    }
    return format == NJ_HISTORIES_SEQUENCE || format == NJ_HISTORIES_JSONL
               ? nj_histories_read_lines(reader, format == NJ_HISTORIES_JSONL, err)
               : nj_histories_read_events(reader, format == NJ_HISTORIES_CSV, err);
}

nj_status nj_histories_read_limited(const nj_histories_source *source,
                                    const nj_histories_limits *limits, nj_history_visitor visit,
                                    void *context, nj_error *err)
{
    parquet_forms parquet;
    nj_histories_format format;
    nj_histories_reader reader = {
        .source = source, .limits = limits, .visit = visit, .context = context};
    make_forms(&source->columns, &parquet);
    nj_status status = nj_lines_open_shaped(source->path, limits->line_bytes_max, parquet.shapes, 2,
                                            &reader.lines, err);
    if (status != NJ_OK) {
        return status;
    }
    status = find_form(&reader, &format, err);
    if (status == NJ_OK) {
        status = read_form(&reader, format, err);
    }
    if (status == NJ_OK && reader.history_count == 0) {
        status = fail_empty(&reader, err);
    }
    nj_lines_close(&reader.lines);
    return status;
}

nj_status nj_histories_read(const nj_histories_source *source, nj_history_visitor visit,
                            void *context, nj_error *err)
{
    return nj_histories_read_limited(source, &NJ_HISTORIES_LIMITS, visit, context, err);
}
