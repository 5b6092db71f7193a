#include "coordinator/report/grades.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/store/controls.h"
#include "common/store/generation.h"
#include "common/store/schema.h"
#include "coordinator/report/report.h"
#include "coordinator/report/values.h"

// Names of generations, the latest NJ_NIGHT_GRADES_MAX of those that came up, rising.
typedef struct {
    nj_store_name names[NJ_NIGHT_GRADES_MAX];
    size_t count;
} graded;

static void add_name(graded *g, const nj_store_name *name)
{
    size_t at = g->count;
    while (at > 0 && strcmp(g->names[at - 1].text, name->text) > 0) {
        at--;
    }
    if (g->count < NJ_NIGHT_GRADES_MAX) {
        memmove(g->names + at + 1, g->names + at, (g->count - at) * sizeof *g->names);
        g->count++;
    } else if (at == 0) {
        return;
    } else {
        at--;
        memmove(g->names, g->names + 1, at * sizeof *g->names);
    }
    g->names[at] = *name;
}

// A file's name: a generation's and the ending.
static bool parse_name(const char *file, nj_store_name *out)
{
    const size_t size = strlen(file);
    return size == NJ_STORE_NAME_CHARS + strlen(NJ_STORE_WORDS.GRADE_SUFFIX) &&
           strcmp(file + NJ_STORE_NAME_CHARS, NJ_STORE_WORDS.GRADE_SUFFIX) == 0 &&
           nj_store_name_parse((nj_slice){file, NJ_STORE_NAME_CHARS}, out);
}

static nj_status list_names(const char *store_dir, graded *out, nj_error *err)
{
    nj_path path;
    const struct dirent *entry;
    nj_store_name name;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.REPORTS, &path, err);
    if (status != NJ_OK) {
        return status;
    }
    DIR *folder = opendir(path.text);
    if (folder == NULL) {
        return errno == ENOENT || errno == ENOTDIR // writing a report there says more
                   ? NJ_OK
                   : nj_fail_errno(err, NJ_IO, errno, "%s", path.text);
    }
    while ((errno = 0, entry = readdir(folder)) != NULL) {
        if (parse_name(entry->d_name, &name)) {
            add_name(out, &name);
        }
    }
    if (errno != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s", path.text);
    }
    closedir(folder);
    return status;
}

static void put_copy(json_t *object, const char *key, json_t *value, bool *ok)
{
    nj_value_put(object, key, json_is_object(value) ? json_incref(value) : json_null(), ok);
}

// The difference from a stored control's hit@10; NULL without one.
static json_t *find_more(const json_t *grade, nj_control which)
{
    size_t i;
    const json_t *control;
    json_array_foreach(json_object_get(grade, "controls"), i, control)
    {
        const char *name = json_string_value(json_object_get(control, "name"));
        if (json_is_true(json_object_get(control, "stored")) && name != NULL &&
            strcmp(name, nj_control_name(which)) == 0) {
            return json_object_get(json_object_get(json_object_get(control, "figures"), "hit@10"),
                                   "difference");
        }
    }
    return NULL;
}

static void add_grade(json_t *array, const nj_store_name *name, const json_t *grade, bool *ok)
{
    json_t *figures = json_object_get(grade, "figures");
    json_t *object = json_object();
    nj_value_put(object, "generation", nj_value_text(name->text), ok);
    nj_value_put(object, "created_ms",
                 json_integer(json_integer_value(json_object_get(grade, "created_ms"))), ok);
    nj_value_put(object, "users",
                 json_integer(json_integer_value(
                     json_object_get(json_object_get(grade, "users"), "graded"))),
                 ok);
    put_copy(object, "hit@10", json_object_get(figures, "hit@10"), ok);
    put_copy(object, "ndcg@10", json_object_get(figures, "ndcg@10"), ok);
    put_copy(object, "more_than_popular", find_more(grade, NJ_CONTROL_POPULAR), ok);
    put_copy(object, "more_than_co-visitation", find_more(grade, NJ_CONTROL_VISITED), ok);
    nj_value_push(array, object, ok);
}

static nj_status add_file(const char *store_dir, const nj_store_name *name, json_t *array,
                          nj_error *err)
{
    nj_path path;
    nj_error problem = {0};
    json_t *grade = NULL;
    bool ok = true;
    nj_status status =
        nj_night_report_path(store_dir, name, NJ_STORE_WORDS.GRADE_SUFFIX, &path, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_json_load(path.text, NJ_NIGHT_GRADE_BYTES_MAX, &grade, &problem);
    const char *of = json_string_value(json_object_get(grade, "generation"));
    if (status != NJ_OK || of == NULL || strcmp(of, name->text) != 0) {
        nj_log(NJ_LOG_WARNING, "the report leaves out %s: %s", path.text,
               status != NJ_OK ? problem.text : "it is no grade of that generation");
        json_decref(grade);
        return NJ_OK;
    }
    add_grade(array, name, grade, &ok);
    json_decref(grade);
    return ok ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for grades");
}

nj_status nj_night_grades_read(const char *store_dir, json_t **out, nj_error *err)
{
    graded *names = calloc(1, sizeof *names);
    json_t *array = json_array();
    nj_status status = names != NULL && array != NULL
                           ? list_names(store_dir, names, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for grades");
    for (size_t i = 0; status == NJ_OK && i < names->count; i++) {
        status = add_file(store_dir, &names->names[i], array, err);
    }
    free(names);
    if (status == NJ_OK) {
        *out = array;
    } else {
        json_decref(array);
    }
    return status;
}

nj_status nj_night_grades_put(const char *store_dir, json_t *document, nj_error *err)
{
    json_t *grades = NULL;
    bool ok = true;
    nj_status status = nj_night_grades_read(store_dir, &grades, err);
    if (status != NJ_OK) {
        return status;
    }
    if (json_array_size(grades) == 0) {
        json_decref(grades);
        json_object_del(document, "grades");
        return NJ_OK;
    }
    nj_value_put(document, "grades", grades, &ok);
    return ok ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for grades");
}
