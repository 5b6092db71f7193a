// run_phase_bundle.c - the second phase of a whole night: one file of the catalogue, the model and what policies use.
#include <stdio.h>

#include "common/base/log.h"
#include "common/catalogue/job.h"
#include "ops/cli/bundle_options.h"
#include "ops/cli/pairing.h"
#include "ops/cli/run_kept.h"
#include "ops/cli/run_phases_parts.h"
#include "worker/engine/bundle_pack.h"

static nj_status make_request(const nj_run_night *n, const nj_path *catalogue, nj_pack_request *out,
                              nj_error *err)
{
    const nj_arguments *arguments = n->arguments;
    *out = (nj_pack_request){.model_path = nj_argument(arguments, "model"),
                             .catalogue_path = catalogue->text,
                             .histories = {.path = nj_argument(arguments, "histories")},
                             .no_pairing_check = nj_argument_flag(arguments, "no-pairing-check")};
    nj_status status = nj_histories_from(arguments, &out->probe, err);
    if (status == NJ_OK && out->histories.path != NULL) {
        out->histories.columns = out->probe.columns;
        out->histories.delimiter = out->probe.delimiter;
        out->histories.as_of =
            out->probe.as_of; // a night of the past does not know what sold later
        status = nj_histories_format_find(out->histories.path, &out->histories.format, err);
    }
    return status == NJ_OK ? nj_bundle_items_from(arguments, &out->probe.as_of, &out->items, err)
                           : status;
}

// Vectors stand in the order of tonight's items, which is not the catalogue's: it has retired items too.
static nj_status name_vector_rows(const nj_run_night *n, const char *folder, nj_path *numbers,
                                  nj_pack_request *request, nj_error *err)
{
    request->items.vector_ids_path = nj_argument(n->arguments, "ids");
    if (request->items.vectors_path == NULL || request->items.vector_ids_path != NULL) {
        return NJ_OK;
    }
    nj_status status = nj_path_join(folder, NJ_RUN_NUMBERS, numbers, err);
    request->items.vector_ids_path = numbers->text;
    return status == NJ_OK ? nj_run_write_numbers(request->items.vectors_path, numbers->text, err)
                           : status;
}

static nj_status pack_bundle(const nj_run_night *n, const nj_path *catalogue, const char *folder,
                             const char *path, nj_error *err)
{
    nj_path numbers = {0};
    nj_pack_request request;
    nj_pack_summary summary;
    nj_status status = make_request(n, catalogue, &request, err);
    if (status == NJ_OK) {
        status = name_vector_rows(n, folder, &numbers, &request, err);
    }
    if (status == NJ_OK) {
        status = nj_bundle_pack(&request, path, &summary, err);
    }
    if (numbers.text[0] != '\0') {
        remove(numbers.text);
    }
    if (status == NJ_OK) {
        nj_tell_pairing(&summary, &request);
    }
    return status;
}

nj_status nj_run_make_bundle(nj_run_night *n, nj_error *err)
{
    if (nj_run_phase_is_made(n, &n->bundle)) {
        nj_log(NJ_LOG_INFO, "bundle: skipped, nothing has changed");
        return NJ_OK;
    }
    nj_log(NJ_LOG_INFO, "bundle: packing (%s)", nj_run_phase_why(n, &n->bundle));
    nj_path path;
    nj_path catalogue;
    nj_folder_draft draft = {0};
    nj_status status = nj_phase_path(n->store, NJ_RUN_CATALOGUE, NJ_RUN_CATALOGUE, &catalogue, err);
    if (status == NJ_OK) {
        status = nj_phase_begin(n->store, &draft, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(draft.folder.text, NJ_RUN_BUNDLE_FILE, &path, err);
    }
    if (status == NJ_OK) {
        status = pack_bundle(n, &catalogue, draft.folder.text, path.text, err);
    }
    if (status == NJ_OK) {
        nj_run_keep_bundle(n->store, draft.folder.text, path.text);
        status = nj_phase_commit(&draft, NJ_RUN_BUNDLE, &n->bundle_inputs, "", err);
    }
    nj_folder_draft_abort(&draft);
    return status;
}
