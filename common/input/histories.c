#include "common/input/histories.h"

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

nj_status nj_histories_read_limited(const nj_histories_source *source,
                                    const nj_histories_limits *limits, nj_history_visitor visit,
                                    void *context, nj_error *err)
{
    const nj_histories_format format = source->format;
    nj_histories_reader reader = {
        .source = source, .limits = limits, .visit = visit, .context = context};
    nj_status status = nj_lines_open(source->path, limits->line_bytes_max, &reader.lines, err);
    if (status != NJ_OK) {
        return status;
    }
    if (format == NJ_HISTORIES_SEQUENCE && nj_histories_need_times(source)) {
        status =
            nj_fail(err, NJ_INPUT,
                    "%s: the form sequence has no times, which --as-of, --tie-seed and --split "
                    "time need: csv, inter, and jsonl with \"times\" have them",
                    reader.lines.name);
    } else if (format == NJ_HISTORIES_SEQUENCE || format == NJ_HISTORIES_JSONL) {
        status = nj_histories_read_lines(&reader, format == NJ_HISTORIES_JSONL, err);
    } else {
        status = nj_histories_read_events(&reader, format == NJ_HISTORIES_CSV, err);
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
