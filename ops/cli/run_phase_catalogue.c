// run_phase_catalogue.c - the first phase of a whole night: tonight's items on last night's catalogue.
#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/numeric_class.h"
#include "common/catalogue/catalogue_refresh.h"
#include "common/catalogue/item_threads.h"
#include "common/input/npy.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/numbers.h"
#include "ops/cli/run_inputs.h"
#include "ops/cli/run_phases_parts.h"

static bool came_of(const nj_catalogue *later, const nj_catalogue *earlier)
{
    const uint32_t N = earlier->sids.row_count;
    if (later->sids.row_count < N ||
        !nj_digest_equal(&later->codebooks_digest, &earlier->codebooks_digest)) {
        return false;
    }
    const nj_digest a = nj_catalogue_map_digest(later, N);
    const nj_digest b = nj_catalogue_map_digest(earlier, N);
    return nj_digest_equal(&a, &b);
}

// Of the given catalogue and the store's, the later one becomes *given: that whose SIDs hold those of the other. The template is the
// given one's, because a person may mend it there.
static nj_status choose_later(nj_catalogue **given, nj_catalogue **kept, const char *path,
                              const char *kept_path, nj_error *err)
{
    if ((*given)->token_base != (*kept)->token_base) {
        return nj_fail(err, NJ_REFUSED, "the tokens of %s begin at %u, those of %s at %u", path,
                       (*given)->token_base, kept_path, (*kept)->token_base);
    }
    if (came_of(*kept, *given)) {
        (*kept)->template = (*given)->template;
        nj_catalogue *later = *kept;
        *kept = *given;
        *given = later;
        return NJ_OK;
    }
    return came_of(*given, *kept)
               ? NJ_OK
               : nj_fail(err, NJ_REFUSED,
                         "%s holds the SIDs that were published from this store, and they did not "
                         "come of %s: give the catalogue that they came of, or remove the folder "
                         "to begin with the new one",
                         kept_path, path);
}

// What tonight's items are put on.
static nj_status open_old(const nj_run_night *n, nj_catalogue **out, nj_error *err)
{
    nj_path kept_path;
    nj_catalogue *given = NULL;
    nj_catalogue *kept = NULL;
    const char *path = nj_argument(n->arguments, "catalogue");
    nj_status status = nj_catalogue_read(path, &given, err);
    if (status == NJ_OK && n->catalogue.there) {
        status = nj_phase_path(n->store, NJ_RUN_CATALOGUE, NJ_RUN_CATALOGUE, &kept_path, err);
        if (status == NJ_OK) {
            status = nj_catalogue_read(kept_path.text, &kept, err);
        }
        if (status == NJ_OK) {
            status = choose_later(&given, &kept, path, kept_path.text, err);
        }
    }
    if (status == NJ_OK && given->codebooks.level_count == 0) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: is a catalogue without codebooks: embeddings give no SIDs", path);
    }
    if (status == NJ_OK) {
        *out = given;
        given = NULL;
    }
    nj_catalogue_free(&given);
    nj_catalogue_free(&kept);
    return status;
}

// Without --ids an item is called by its row: "0" to "N-1", one a line.
nj_status nj_run_write_numbers(const char *embeddings, const char *path, nj_error *err)
{
    nj_npy npy;
    nj_file_draft draft = {0};
    nj_status status = nj_npy_open(embeddings, &npy, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t N = npy.dim_count > 0 ? npy.shape[0] : 0;
    nj_npy_close(&npy);
    if (N > NJ_IDLIST_COUNT_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: %zu items, the limit is %u", embeddings, N,
                       NJ_IDLIST_COUNT_MAX);
    }
    status = nj_file_draft_begin(path, &draft, err);
    if (status != NJ_OK) {
        return status;
    }
    for (size_t row = 0; row < N; row++) {
        fprintf(draft.stream, "%zu\n", row);
    }
    return nj_file_draft_commit(&draft, err);
}

static void say_refreshed(const nj_refresh_report *report)
{
    nj_log(NJ_LOG_INFO,
           "catalogue: %u items tonight: %u stay, %u are new, %u came back, %u are retired",
           report->tonight_count, report->kept_count, report->added_count, report->returned_count,
           report->retired_count);
    if (report->drift.measured && report->drift.moved_count > 0) {
        nj_log(NJ_LOG_INFO, "catalogue: %u of %u items that keep their SIDs would get others now",
               report->drift.moved_count, report->drift.row_count);
    }
}

// On as many threads as the night has workers: these are processes of this host, and start when the users' phase does.
static nj_status open_threads(const nj_run_night *n, nj_item_threads *out, nj_error *err)
{
    uint64_t workers = 0;
    nj_status status =
        nj_argument_uint(n->arguments, "workers", 1, NJ_ITEM_THREADS_MAX, &workers, err);
    if (status == NJ_OK) {
        status = nj_kernels_choose(NJ_PRECISION_DEFAULT, "auto", &out->kernels, err);
    }
    out->thread_count = (uint32_t)workers;
    return status;
}

static nj_status refresh(const nj_run_night *n, const char *ids, nj_catalogue *catalogue,
                         nj_error *err)
{
    nj_refresh_report report = {0};
    nj_item_threads threads = {0};
    nj_item_executor executor;
    nj_refresh_config config = {.ids_path = ids,
                                .embeddings_path = nj_argument(n->arguments, "embeddings"),
                                .without_drift = nj_argument_flag(n->arguments, "no-drift"),
                                .executor = &executor};
    nj_status status =
        nj_argument_real(n->arguments, "max-retired", 0, 100, &config.retired_percent_max, err);
    if (status == NJ_OK) {
        status = nj_suffix_overflow_from(n->arguments, &config.suffix_relocates, err);
    }
    if (status == NJ_OK) {
        status = open_threads(n, &threads, err);
    }
    if (status == NJ_OK) {
        executor = nj_item_threads_executor(&threads);
        status = nj_catalogue_refresh(catalogue, &config, &report, err);
    }
    if (status == NJ_OK) {
        say_refreshed(&report);
    }
    return status;
}

// Fills the draft's folder. `hex` becomes what a bundle takes of the catalogue.
static nj_status draft_catalogue(const nj_run_night *n, const char *folder, nj_catalogue *catalogue,
                                 char hex[NJ_DIGEST_HEX_BYTES], nj_error *err)
{
    nj_path numbers;
    nj_path path;
    nj_digest digest;
    const char *ids = nj_argument(n->arguments, "ids");
    nj_status status = nj_path_join(folder, NJ_RUN_NUMBERS, &numbers, err);
    if (status == NJ_OK && ids == NULL) {
        status = nj_run_write_numbers(nj_argument(n->arguments, "embeddings"), numbers.text, err);
    }
    if (status == NJ_OK) {
        status = refresh(n, ids != NULL ? ids : numbers.text, catalogue, err);
    }
    remove(numbers.text);
    if (status == NJ_OK) {
        status = nj_path_join(folder, NJ_RUN_CATALOGUE, &path, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_write(path.text, catalogue, false, err);
    }
    if (status == NJ_OK) {
        status = nj_run_catalogue_digest(catalogue, &digest, err);
    }
    if (status == NJ_OK) {
        nj_digest_hex(&digest, hex);
    }
    return status;
}

nj_status nj_run_make_catalogue(nj_run_night *n, nj_error *err)
{
    if (nj_run_phase_is_made(n, &n->catalogue)) {
        nj_log(NJ_LOG_INFO, "catalogue: skipped, nothing has changed");
        return NJ_OK;
    }
    nj_log(NJ_LOG_INFO, "catalogue: refreshing (%s)", nj_run_phase_why(n, &n->catalogue));
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_catalogue *catalogue = NULL;
    nj_folder_draft draft = {0};
    nj_status status = open_old(n, &catalogue, err);
    if (status == NJ_OK) {
        status = nj_phase_begin(n->store, &draft, err);
    }
    if (status == NJ_OK) {
        status = draft_catalogue(n, draft.folder.text, catalogue, hex, err);
    }
    if (status == NJ_OK) {
        status = nj_phase_commit(&draft, NJ_RUN_CATALOGUE, &n->catalogue_inputs, hex, err);
    }
    nj_folder_draft_abort(&draft);
    nj_catalogue_free(&catalogue);
    return status == NJ_OK ? nj_run_look_at_catalogue(n, err) : status;
}
