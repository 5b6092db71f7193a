#include "coordinator/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/codec/html.h"
#include "common/store/history.h"
#include "common/store/quarantine.h"
#include "common/store/schema.h"
#include "coordinator/report/document.h"
#include "coordinator/report/grades.h"
#include "coordinator/report/values.h"

#define ENDING_BYTES 16

nj_status nj_night_report_path(const char *store_dir, const nj_store_name *generation,
                               const char *ending, nj_path *out, nj_error *err)
{
    nj_path folder;
    char name[NJ_STORE_NAME_CHARS + ENDING_BYTES];
    snprintf(name, sizeof name, "%s%s", generation->text, ending);
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.REPORTS, &folder, err);
    return status == NJ_OK ? nj_path_join(folder.text, name, out, err) : status;
}

// ---- the lists ----

// What the study reads.
typedef struct {
    const nj_night_report_source *source;
    nj_store_reader *reader; // owned
    nj_store_reader *before; // owned; NULL: there is none, or it cannot be read
    nj_study *study;         // owned
    uint64_t user_total;
    uint64_t step;
    uint64_t seen; // of a walk over all rows
} reading;

// The generation that readers had before this one.
static bool find_before(const nj_night_report_source *source, nj_store_name *out)
{
    nj_error err = {0};
    nj_store_history history;
    if (source->before != NULL) {
        *out = *source->before;
        return out->text[0] != '\0';
    }
    if (nj_store_history_read(source->store_dir, &history, &err) != NJ_OK) {
        return false;
    }
    size_t i = history.count; // of names that are older than this one; names rise with time
    while (i > 0 && strcmp(history.names[i - 1].text, source->generation->text) >= 0) {
        i--;
    }
    if (i > 0) {
        *out = history.names[i - 1];
    }
    return i > 0;
}

static nj_status open_reading(reading *r, nj_error *err)
{
    nj_error why = {0};
    nj_store_name before;
    nj_status status =
        nj_store_reader_open(r->source->store_dir, r->source->generation->text, &r->reader, err);
    if (status != NJ_OK) {
        return status;
    }
    if (find_before(r->source, &before) &&
        nj_store_reader_open(r->source->store_dir, before.text, &r->before, &why) != NJ_OK) {
        r->before = NULL; // removed since: there is nothing to compare with
    }
    r->user_total = r->source->users != NULL ? r->source->users->count
                                             : nj_store_reader_manifest(r->reader)->facts.row_count;
    r->step = nj_study_step(r->user_total);
    const uint64_t wanted = r->user_total / r->step + 1;
    return nj_study_new((size_t)wanted, r->source->catalogue, r->before, &r->study, err);
}

static void close_reading(reading *r)
{
    nj_study_free(&r->study);
    nj_store_reader_close(&r->before);
    nj_store_reader_close(&r->reader);
}

// A user without a row is quarantined.
static nj_status read_chosen(reading *r, nj_error *err)
{
    const nj_night_report_users *users = r->source->users;
    nj_status status = NJ_OK;
    for (uint64_t i = r->step / 2; i < users->count && status == NJ_OK; i += r->step) {
        nj_slice value;
        const nj_slice user = users->at(users->context, i);
        status = nj_store_get(r->reader, user, &value, err);
        status = status == NJ_OK          ? nj_study_add(r->study, user, value, err)
                 : status == NJ_NOT_FOUND ? NJ_OK
                                          : status;
    }
    return status;
}

static nj_status visit_row(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    reading *r = context;
    return r->seen++ % r->step == r->step / 2 ? nj_study_add(r->study, user, value, err) : NJ_OK;
}

static nj_status read_lists(const nj_night_report_source *source, json_t **out, nj_error *err)
{
    reading r = {.source = source};
    nj_status status = open_reading(&r, err);
    if (status == NJ_OK) {
        status = source->users != NULL ? read_chosen(&r, err)
                                       : nj_store_each(r.reader, visit_row, &r, err);
    }
    if (status == NJ_OK) {
        const uint64_t rows = nj_store_reader_manifest(r.reader)->facts.row_count;
        status = nj_study_json(r.study, r.step, rows, out, err);
    }
    close_reading(&r);
    return status;
}

// ---- the generation ----

static void push_line(json_t *array, const char *line, size_t size, bool *ok)
{
    nj_error err = {0};
    json_t *user = NULL;
    if (nj_json_parse(line, size, "a quarantined user", &user, &err) == NJ_OK) {
        nj_value_push(array, user, ok);
    }
}

static void push_lines(json_t *array, char *text, bool *ok)
{
    char *rest = text;
    for (char *line = strsep(&rest, "\n");
         line != NULL && json_array_size(array) < NJ_NIGHT_REPORT_QUARANTINED_MAX;
         line = strsep(&rest, "\n")) {
        if (line[0] != '\0') {
            push_line(array, line, strlen(line), ok);
        }
    }
}

// The file's beginning: as much as NJ_NIGHT_REPORT_QUARANTINED_MAX of the longest lines.
static char *read_beginning(const char *path)
{
    const size_t bytes_max =
        (size_t)NJ_NIGHT_REPORT_QUARANTINED_MAX * NJ_STORE_QUARANTINE_LINE_BYTES_MAX;
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? malloc(bytes_max + 1) : NULL;
    if (text != NULL) {
        text[fread(text, 1, bytes_max, file)] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static json_t *tell_quarantined(const nj_night_report_source *source, const nj_store_facts *facts,
                                bool *ok)
{
    nj_path path;
    nj_error err = {0};
    json_t *object = json_object();
    json_t *listed = json_array();
    const uint64_t total = facts->user_count - facts->row_count;
    if (total > 0 && nj_store_path(source->store_dir, source->generation,
                                   NJ_STORE_WORDS.QUARANTINED, &path, &err) == NJ_OK) {
        char *text = read_beginning(path.text);
        if (text != NULL) {
            push_lines(listed, text, ok);
        }
        free(text);
    }
    nj_value_put(object, "total", nj_value_count(total), ok);
    nj_value_put(object, "listed", listed, ok);
    return object;
}

static json_t *copy_plan(const json_t *plan)
{
    char *text = plan != NULL ? json_dumps(plan, JSON_COMPACT) : NULL;
    const bool fits = text != NULL && strlen(text) <= NJ_NIGHT_REPORT_PLAN_BYTES_MAX;
    free(text);
    return fits ? json_deep_copy(plan) : json_null();
}

static void put_night(json_t *object, const nj_night_report_own *night, bool *ok)
{
    nj_value_put(object, "planned", copy_plan(night->planned), ok);
    nj_value_put(object, "actual", nj_night_numbers_json(night->actual), ok);
    nj_value_put(object, "run", nj_document_run(&night->run, ok), ok);
    const bool is_held = night->gates != NULL && night->gates->failed > 0;
    nj_value_put(object, "processes",
                 nj_document_processes(night->processes, is_held ? "held back" : "published", ok),
                 ok);
    nj_value_put(object, "phases", nj_document_phases(night->phases, night->phase_count, ok), ok);
    if (night->gates != NULL) {
        nj_value_put(object, "gates", nj_gates_document(night->gates), ok);
    }
    nj_document_put_recorder(object, night->recorder, ok);
}

static nj_status put_all(json_t *object, const nj_night_report_source *source, nj_error *err)
{
    bool ok = true;
    nj_store_manifest manifest;
    json_t *lists = NULL;
    nj_status status = nj_store_inspect(source->store_dir, source->generation, &manifest, err);
    if (status == NJ_OK) {
        status = read_lists(source, &lists, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    json_t *facts = json_object();
    nj_value_put(object, "version", nj_value_count(NJ_NIGHT_REPORT_VERSION), &ok);
    nj_value_put(object, "generation", nj_value_text(source->generation->text), &ok);
    nj_value_put(object, "written_ms", nj_value_count(nj_clock_wall_ms()), &ok);
    nj_value_put(object, "nightjar", nj_value_text(NIGHTJAR_VERSION), &ok);
    nj_value_put(object, "source", nj_value_text(source->night != NULL ? "night" : "store"), &ok);
    status = nj_store_manifest_to_json(&manifest, facts, err);
    nj_value_put(object, "facts", facts, &ok);
    nj_value_put(object, "lists", lists, &ok);
    nj_value_put(object, "quarantined", tell_quarantined(source, &manifest.facts, &ok), &ok);
    if (source->night != NULL) {
        put_night(object, source->night, &ok);
    }
    if (status == NJ_OK && !ok) {
        status =
            nj_fail(err, NJ_NO_MEMORY, "no memory for the report of %s", source->generation->text);
    }
    return status;
}

nj_status nj_night_report_make(const nj_night_report_source *source, json_t **out, nj_error *err)
{
    json_t *object = json_object();
    nj_status status = NJ_FAILPOINT_STEP(REPORT_DUE, err);
    if (status == NJ_OK) {
        status = put_all(object, source, err);
    }
    if (status == NJ_OK) {
        status = nj_night_grades_put(source->store_dir, object, err);
    }
    if (status != NJ_OK) {
        json_decref(object);
        return status;
    }
    *out = object;
    return NJ_OK;
}

// ---- files ----

nj_status nj_night_report_read(const char *path, json_t **out, nj_error *err)
{
    json_t *document = NULL;
    nj_status status = nj_json_load(path, NJ_NIGHT_REPORT_BYTES_MAX, &document, err);
    if (status != NJ_OK) {
        return status;
    }
    const json_t *version = json_object_get(document, "version");
    if (json_integer_value(version) != NJ_NIGHT_REPORT_VERSION) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: is no report of version %d: it was written by another version of "
                         "nightjar; remove it to make one from the generation alone",
                         path, NJ_NIGHT_REPORT_VERSION);
        json_decref(document);
        return status;
    }
    *out = document;
    return NJ_OK;
}

static nj_status make_folder(const char *path, nj_error *err)
{
    nj_path folder;
    nj_status status = nj_path_copy(path, &folder, err);
    char *slash = status == NJ_OK ? strrchr(folder.text, '/') : NULL;
    if (slash != NULL && slash != folder.text) {
        *slash = '\0';
        status = nj_folder_make(folder.text, err);
    }
    return status;
}

nj_status nj_night_report_write(const char *path, const json_t *document, nj_error *err)
{
    char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(6));
    nj_status status =
        text != NULL ? make_folder(path, err) : nj_fail(err, NJ_NO_MEMORY, "%s: no memory", path);
    if (status == NJ_OK && strlen(text) > NJ_NIGHT_REPORT_BYTES_MAX) {
        status = nj_fail(err, NJ_FAILED, "%s: a document of %zu bytes, the limit is %zu", path,
                         strlen(text), NJ_NIGHT_REPORT_BYTES_MAX);
    }
    if (status == NJ_OK) {
        status = nj_file_write(path, text, strlen(text), err);
    }
    free(text);
    return status;
}

nj_status nj_night_report_page_write(const char *path, const json_t *document, nj_error *err)
{
    nj_buffer page;
    nj_buffer_init(&page, NJ_HTML_BYTES_MAX);
    nj_status status = nj_night_report_page(document, &page, err);
    if (status == NJ_OK) {
        status = make_folder(path, err);
    }
    if (status == NJ_OK) {
        status = nj_file_write(path, page.bytes, page.size, err);
    }
    nj_buffer_fini(&page);
    return status;
}
