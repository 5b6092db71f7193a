// report.c - `nightjar report`: the page of a night again, from its document or, without one, from the generation alone.
#include "coordinator/report/report.h"
#include "common/store/channel.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/bundle/bundle.h"
#include "coordinator/report/grades.h"
#include "ops/cli/commands.h"

// What the lists are told with where there is no document.
typedef struct {
    nj_bundle *bundle; // NULL: not given
    nj_catalogue_view view;
    nj_idmap map;
} items;

static nj_status open_items(const char *path, items *out, nj_error *err)
{
    nj_idmap_init(&out->map);
    if (path == NULL) {
        return NJ_OK;
    }
    nj_status status = nj_bundle_open(path, &out->bundle, err);
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(nj_bundle_sections(out->bundle), &out->view, err);
    }
    return status == NJ_OK ? nj_idmap_build(&out->map, &out->view.items, path, err) : status;
}

static void close_items(items *i)
{
    nj_idmap_fini(&i->map);
    nj_bundle_close(&i->bundle);
}

// Another bundle would tell of other items.
static nj_status check_bundle(const char *store, const nj_store_name *name, const items *i,
                              const char *path, nj_error *err)
{
    nj_store_manifest manifest;
    nj_status status = nj_store_inspect(store, name, &manifest, err);
    if (status != NJ_OK || i->bundle == NULL) {
        return status;
    }
    const nj_digest digest = nj_sections_digest(nj_bundle_sections(i->bundle));
    return nj_digest_equal(&digest, &manifest.facts.bundle_digest)
               ? NJ_OK
               : nj_fail(err, NJ_REFUSED,
                         "%s is not the bundle that %s was made with: give that one, or leave "
                         "--bundle out",
                         path, name->text);
}

static nj_status make_document(const nj_arguments *arguments, const nj_store_name *name,
                               json_t **out, nj_error *err)
{
    items i = {0};
    const char *store = nj_argument(arguments, "store");
    const char *path = nj_argument(arguments, "bundle");
    nj_status status = open_items(path, &i, err);
    if (status == NJ_OK) {
        status = check_bundle(store, name, &i, path, err);
    }
    if (status == NJ_OK) {
        const nj_study_catalogue catalogue = {&i.view, &i.map};
        const nj_night_report_source source = {.store_dir = store,
                                               .generation = name,
                                               .catalogue = i.bundle != NULL ? &catalogue : NULL};
        status = nj_night_report_make(&source, out, err);
    }
    close_items(&i);
    return status;
}

static nj_status find_document(const nj_arguments *arguments, const nj_store_name *name,
                               json_t **out, nj_error *err)
{
    nj_path path;
    nj_status status =
        nj_night_report_path(nj_argument(arguments, "store"), name, ".json", &path, err);
    if (status == NJ_OK) {
        status = nj_night_report_read(path.text, out, err);
    }
    if (status != NJ_NOT_FOUND) {
        return status;
    }
    nj_log(NJ_LOG_INFO, "%s is missing: what the store has is told%s", path.text,
           nj_argument(arguments, "bundle") != NULL ? ""
                                                    : "; --bundle FILE tells of its items too");
    return make_document(arguments, name, out, err);
}

static nj_status write_page(const nj_arguments *arguments, const nj_store_name *name,
                            const json_t *document, nj_error *err)
{
    nj_path path;
    const char *out = nj_argument(arguments, "out");
    nj_status status = out != NULL ? nj_path_copy(out, &path, err)
                                   : nj_night_report_path(nj_argument(arguments, "store"), name,
                                                          ".html", &path, err);
    if (status == NJ_OK) {
        status = nj_night_report_page_write(path.text, document, err);
    }
    if (status == NJ_OK && !nj_argument_flag(arguments, "json")) {
        puts(path.text);
    }
    return status;
}

nj_status nj_command_report(const nj_arguments *arguments, nj_error *err)
{
    nj_store_name name;
    json_t *document = NULL;
    const bool as_json = nj_argument_flag(arguments, "json");
    nj_status status = nj_store_channel_resolve(nj_argument(arguments, "store"),
                                                nj_argument_positional(arguments), &name, err);
    if (status == NJ_OK) {
        status = find_document(arguments, &name, &document, err);
    }
    if (status == NJ_OK) { // nights are graded after their reports were written
        status = nj_night_grades_put(nj_argument(arguments, "store"), document, err);
    }
    if (status == NJ_OK && (!as_json || nj_argument(arguments, "out") != NULL)) {
        status = write_page(arguments, &name, document, err);
    }
    if (status == NJ_OK && as_json) {
        status = nj_print_json_take(&document, err);
    }
    json_decref(document);
    return status;
}
