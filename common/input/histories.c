#include "common/input/histories.h"

#include <string.h>

#include "common/base/id.h"
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
    {"sequence", NJ_HISTORIES_SEQUENCE},
    {"jsonl", NJ_HISTORIES_JSONL},
    {"csv", NJ_HISTORIES_CSV},
    {"inter", NJ_HISTORIES_INTER},
};

static const format_row ENDINGS[] = {
    {".jsonl", NJ_HISTORIES_JSONL},
    {".ndjson", NJ_HISTORIES_JSONL},
    {".csv", NJ_HISTORIES_CSV},
    {".inter", NJ_HISTORIES_INTER},
};

nj_status nj_histories_format_named(const char *name, nj_histories_format *out, nj_error *err)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(NAMES[i].text, name) == 0) {
            *out = NAMES[i].format;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE,
                   "\"%s\" is not a form of histories: sequence, jsonl, csv or inter", name);
}

nj_histories_format nj_histories_format_of_path(const char *path)
{
    size_t size = strlen(path);
    for (size_t i = 0; i < sizeof ENDINGS / sizeof ENDINGS[0]; i++) {
        size_t ending = strlen(ENDINGS[i].text);
        if (size > ending && strcmp(path + size - ending, ENDINGS[i].text) == 0) {
            return ENDINGS[i].format;
        }
    }
    return NJ_HISTORIES_SEQUENCE;
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

nj_status nj_histories_read_limited(const char *path, nj_histories_format format,
                                    const nj_histories_limits *limits, nj_history_visitor visit,
                                    void *context, nj_error *err)
{
    nj_histories_reader reader = {.limits = limits, .visit = visit, .context = context};
    nj_status status = nj_lines_open(path, limits->line_bytes_max, &reader.lines, err);
    if (status != NJ_OK) {
        return status;
    }
    if (format == NJ_HISTORIES_SEQUENCE || format == NJ_HISTORIES_JSONL) {
        status = nj_histories_read_lines(&reader, format == NJ_HISTORIES_JSONL, err);
    } else {
        status = nj_histories_read_events(&reader, format == NJ_HISTORIES_CSV, err);
    }
    if (status == NJ_OK && reader.history_count == 0) {
        status = nj_fail(err, NJ_INPUT, "%s: holds no history", reader.lines.name);
    }
    nj_lines_close(&reader.lines);
    return status;
}

nj_status nj_histories_read(const char *path, nj_histories_format format, nj_history_visitor visit,
                            void *context, nj_error *err)
{
    return nj_histories_read_limited(path, format, &NJ_HISTORIES_LIMITS, visit, context, err);
}
