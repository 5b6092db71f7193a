#include "ops/cli/run_phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mapped.h"
#include "common/base/numeric_class.h"
#include "common/catalogue/catalogue_refresh.h"
#include "common/catalogue/item_threads.h"
#include "common/catalogue/job.h"
#include "common/input/npy.h"
#include "common/input/parts.h"
#include "common/input/spool.h"
#include "common/store/lock.h"
#include "common/store/staging.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/numbers.h"
#include "ops/cli/pairing.h"
#include "ops/cli/run_inputs.h"
#include "ops/cli/run_kept.h"
#include "worker/engine/bundle_pack.h"

#define CATALOGUE "catalogue"
#define USERS "users"
#define NUMBERS_FILE "numbers.txt"

// The work on one night's phases.
typedef struct {
    const nj_arguments *arguments;
    const char *store;
    bool dry_run;
    bool no_skip;
    nj_phase_inputs catalogue_inputs;
    nj_phase_inputs bundle_inputs;
    nj_phase_state catalogue;
    nj_phase_state bundle;
    nj_phase_state users;
} night;

// ---- options ----

static nj_status require(const nj_arguments *arguments, const char *name, nj_error *err)
{
    const char *value = nj_argument(arguments, name);
    return value != NULL && value[0] != '\0'
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--embeddings needs --%s", name);
}

nj_status nj_run_phases_wanted(const nj_arguments *arguments, bool *out, nj_error *err)
{
    const bool has_bundle = nj_argument(arguments, "bundle") != NULL;
    *out = nj_argument(arguments, "embeddings") != NULL;
    if (has_bundle == *out) {
        return nj_fail(err, NJ_USAGE,
                       has_bundle ? "give --bundle or --embeddings, not both"
                                  : "--bundle FILE is required, or --embeddings FILE for the whole "
                                    "night");
    }
    if (!*out) {
        return NJ_OK;
    }
    nj_status status = require(arguments, "catalogue", err);
    return status == NJ_OK ? require(arguments, "model", err) : status;
}

// What comes through a pipe is read by several phases, and its digest tells whether one has to be made again.
static nj_status spool_inputs(const nj_arguments *arguments, nj_error *err)
{
    static const char *const NAMES[] = {"users", "histories", "eligible",
                                        "deny",  "groups",    "user-groups"};
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0] && status == NJ_OK; i++) {
        const char *path = nj_argument(arguments, NAMES[i]);
        status = path != NULL ? nj_spool_if_stream(path, err) : NJ_OK;
    }
    return status;
}

// They are read last: better wrong before anything is made.
static nj_status check_users(const nj_arguments *arguments, nj_error *err)
{
    nj_parts parts = {0};
    nj_mapped file = {0};
    nj_status status = nj_parts_list(nj_argument(arguments, "users"), &parts, err);
    if (status == NJ_OK) {
        status = nj_mapped_open(parts.paths[0], &file, err);
    }
    nj_mapped_close(&file);
    nj_parts_fini(&parts);
    return status;
}

// ---- what there is to do ----

static bool is_made(const night *n, const nj_phase_state *state)
{
    return nj_phase_is_done(state) && !n->no_skip;
}

static const char *why(const night *n, const nj_phase_state *state)
{
    return !state->there            ? "it was never made"
           : state->differs != NULL ? state->differs
           : n->no_skip             ? "--no-skip"
                                    : "nothing has changed";
}

static nj_status look_at_catalogue(night *n, nj_error *err)
{
    nj_status status = nj_run_catalogue_inputs(n->arguments, &n->catalogue_inputs, err);
    return status == NJ_OK
               ? nj_phase_look(n->store, CATALOGUE, &n->catalogue_inputs, &n->catalogue, err)
               : status;
}

// The catalogue's phase notes what a bundle takes of it.
static nj_status look_at_bundle(night *n, nj_error *err)
{
    nj_digest digest = {0};
    if (n->catalogue.there && !nj_digest_from_hex(n->catalogue.result, &digest)) {
        return nj_fail(err, NJ_INPUT,
                       "%s/night/" CATALOGUE "/phase.json: \"result\" is not 64 hexadecimal digits",
                       n->store);
    }
    nj_status status = nj_run_bundle_inputs(n->arguments, &digest, &n->bundle_inputs, err);
    return status == NJ_OK
               ? nj_phase_look(n->store, NJ_RUN_BUNDLE, &n->bundle_inputs, &n->bundle, err)
               : status;
}

// An interrupted night goes on with the catalogue and the bundle that it has begun with; other inputs must not take them away.
static nj_status check_interrupted(const night *n, nj_error *err)
{
    if (!nj_staging_exists(n->store)) {
        return NJ_OK;
    }
    if (!nj_argument_flag(n->arguments, "resume")) {
        return nj_fail(err, NJ_AGAIN,
                       "%s/staging holds a night that runs or was interrupted: go on with "
                       "--resume, or remove the folder to begin anew",
                       n->store);
    }
    const bool catalogue = nj_phase_is_done(&n->catalogue);
    if (!catalogue || !nj_phase_is_done(&n->bundle)) {
        const nj_phase_state *state = catalogue ? &n->bundle : &n->catalogue;
        return nj_fail(err, NJ_CONFIG,
                       "the interrupted night was begun with another %s (%s): give the old inputs, "
                       "or remove %s/staging to begin anew",
                       catalogue ? NJ_RUN_BUNDLE : CATALOGUE, why(n, state), n->store);
    }
    return NJ_OK;
}

// ---- the catalogue ----

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
static nj_status open_old(const night *n, nj_catalogue **out, nj_error *err)
{
    nj_path kept_path;
    nj_catalogue *given = NULL;
    nj_catalogue *kept = NULL;
    const char *path = nj_argument(n->arguments, "catalogue");
    nj_status status = nj_catalogue_read(path, &given, err);
    if (status == NJ_OK && n->catalogue.there) {
        status = nj_phase_path(n->store, CATALOGUE, CATALOGUE, &kept_path, err);
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
static nj_status write_numbers(const char *embeddings, const char *path, nj_error *err)
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
static nj_status open_threads(const night *n, nj_item_threads *out, nj_error *err)
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

static nj_status refresh(const night *n, const char *ids, nj_catalogue *catalogue, nj_error *err)
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
static nj_status draft_catalogue(const night *n, const char *folder, nj_catalogue *catalogue,
                                 char hex[NJ_DIGEST_HEX_BYTES], nj_error *err)
{
    nj_path numbers;
    nj_path path;
    nj_digest digest;
    const char *ids = nj_argument(n->arguments, "ids");
    nj_status status = nj_path_join(folder, NUMBERS_FILE, &numbers, err);
    if (status == NJ_OK && ids == NULL) {
        status = write_numbers(nj_argument(n->arguments, "embeddings"), numbers.text, err);
    }
    if (status == NJ_OK) {
        status = refresh(n, ids != NULL ? ids : numbers.text, catalogue, err);
    }
    remove(numbers.text);
    if (status == NJ_OK) {
        status = nj_path_join(folder, CATALOGUE, &path, err);
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

static nj_status make_catalogue(night *n, nj_error *err)
{
    if (is_made(n, &n->catalogue)) {
        nj_log(NJ_LOG_INFO, "catalogue: skipped, nothing has changed");
        return NJ_OK;
    }
    nj_log(NJ_LOG_INFO, "catalogue: refreshing (%s)", why(n, &n->catalogue));
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
        status = nj_phase_commit(&draft, CATALOGUE, &n->catalogue_inputs, hex, err);
    }
    nj_folder_draft_abort(&draft);
    nj_catalogue_free(&catalogue);
    return status == NJ_OK ? look_at_catalogue(n, err) : status;
}

// ---- the bundle ----

static nj_status make_request(const night *n, const nj_path *catalogue, nj_pack_request *out,
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
    return status;
}

static nj_status make_bundle(night *n, nj_error *err)
{
    if (is_made(n, &n->bundle)) {
        nj_log(NJ_LOG_INFO, "bundle: skipped, nothing has changed");
        return NJ_OK;
    }
    nj_log(NJ_LOG_INFO, "bundle: packing (%s)", why(n, &n->bundle));
    nj_path path;
    nj_path catalogue;
    nj_pack_request request;
    nj_pack_summary summary;
    nj_folder_draft draft = {0};
    nj_status status = nj_phase_path(n->store, CATALOGUE, CATALOGUE, &catalogue, err);
    if (status == NJ_OK) {
        status = make_request(n, &catalogue, &request, err);
    }
    if (status == NJ_OK) {
        status = nj_phase_begin(n->store, &draft, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(draft.folder.text, NJ_RUN_BUNDLE_FILE, &path, err);
    }
    if (status == NJ_OK) {
        status = nj_bundle_pack(&request, path.text, &summary, err);
    }
    if (status == NJ_OK) {
        nj_tell_pairing(&summary, &request);
        nj_run_keep_bundle(n->store, draft.folder.text, path.text);
        status = nj_phase_commit(&draft, NJ_RUN_BUNDLE, &n->bundle_inputs, "", err);
    }
    nj_folder_draft_abort(&draft);
    return status;
}

// ---- the users ----

// Sets what the users' phase is made from, and whether it has to be made.
static nj_status look_at_users(night *n, nj_run_phases *out, nj_error *err)
{
    nj_digest bundle;
    nj_store_name current;
    nj_status status =
        nj_phase_path(n->store, NJ_RUN_BUNDLE, NJ_RUN_BUNDLE_FILE, &out->bundle, err);
    if (status == NJ_OK) {
        status = nj_phase_path(n->store, NJ_RUN_BUNDLE, NJ_RUN_KEPT_FILE, &out->kept_bundle, err);
    }
    if (status == NJ_OK) {
        status = nj_run_bundle_digest(out->bundle.text, &bundle, err);
    }
    if (status == NJ_OK) {
        status = nj_run_users_inputs(n->arguments, &bundle, &out->users, err);
    }
    if (status == NJ_OK) {
        status = nj_phase_look(n->store, USERS, &out->users, &n->users, err);
    }
    if (status == NJ_OK && nj_phase_is_done(&n->users)) {
        status = nj_store_current(n->store, &current, err);
        if (status == NJ_NOT_FOUND || strcmp(current.text, n->users.result) != 0) {
            n->users.differs = "another generation is current";
            status = NJ_OK;
        }
    }
    return status;
}

static void tell_unchanged(const night *n)
{
    nj_log(NJ_LOG_INFO, "users: skipped, nothing has changed since %s, which is current",
           n->users.result);
    printf(nj_argument_flag(n->arguments, "json")
               ? "{\"generation\": \"%s\", \"unchanged\": true}\n"
               : "%s is current; nothing has changed since\n",
           n->users.result);
}

// ---- a dry run ----

static void tell_phase(const night *n, const char *name, bool made, const char *reason,
                       const char *before)
{
    if (nj_argument_flag(n->arguments, "json")) {
        printf("%s{\"phase\": \"%s\", \"run\": %s, \"why\": \"%s\"}", before, name,
               made ? "false" : "true", reason);
    } else {
        printf("%-10s %s (%s)\n", name, made ? "is skipped" : "would run", reason);
    }
}

// What a phase gives is known when it has run: a phase behind one that would run may still turn out to be unchanged.
static nj_status tell_plan(night *n, nj_run_phases *out, nj_error *err)
{
    const bool as_json = nj_argument_flag(n->arguments, "json");
    const bool catalogue = is_made(n, &n->catalogue);
    const bool bundle = catalogue && is_made(n, &n->bundle);
    nj_status status = bundle ? look_at_users(n, out, err) : NJ_OK;
    if (status != NJ_OK) {
        return status;
    }
    const bool resumed = nj_staging_exists(n->store);
    const bool users = bundle && !resumed && is_made(n, &n->users);
    tell_phase(n, CATALOGUE, catalogue, why(n, &n->catalogue), as_json ? "{\"phases\": [" : "");
    tell_phase(n, NJ_RUN_BUNDLE, bundle,
               catalogue ? why(n, &n->bundle) : "unless the catalogue stays", ", ");
    tell_phase(n, USERS, users,
               resumed   ? "it was interrupted"
               : !bundle ? "unless the bundle stays"
                         : why(n, &n->users),
               ", ");
    printf(as_json ? "]}\n" : "");
    out->finished = true;
    return NJ_OK;
}

// ---- all of it ----

// The catalogue may be another when the bundle's turn comes.
static nj_status look_again(night *n, const nj_phase_state *state, nj_error *err)
{
    return state == &n->bundle ? look_at_bundle(n, err) : NJ_OK;
}

// Makes the phase, or skips it, and notes for the report which of the two, why, and how long it took.
static nj_status time_phase(night *n, const char *name, const nj_phase_state *state,
                            nj_status (*make)(night *n, nj_error *err), nj_night_phase *out,
                            nj_error *err)
{
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_status status = look_again(n, state, err);
    *out = (nj_night_phase){.name = name, .skipped = is_made(n, state), .why = why(n, state)};
    if (status == NJ_OK) {
        status = make(n, err);
    }
    out->seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    return status;
}

static nj_status make_phases(night *n, nj_run_phases *out, nj_error *err)
{
    nj_path folder;
    nj_store_lock lock = {.fd = -1};
    nj_status status = nj_phase_folder(n->store, &folder, err);
    if (status == NJ_OK) {
        status = nj_folder_make(folder.text, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(folder.text, NJ_PHASE_LOCK, NJ_STORE_LOCK_WAIT_MS, &lock, err);
    }
    if (status == NJ_OK) {
        status = time_phase(n, CATALOGUE, &n->catalogue, make_catalogue, &out->made[0], err);
    }
    if (status == NJ_OK) {
        status = time_phase(n, NJ_RUN_BUNDLE, &n->bundle, make_bundle, &out->made[1], err);
    }
    if (status == NJ_OK) {
        status = look_at_users(n, out, err);
    }
    nj_store_lock_release(&lock);
    if (status == NJ_OK && is_made(n, &n->users) && !nj_staging_exists(n->store)) {
        tell_unchanged(n);
        out->finished = true;
    }
    return status;
}

nj_status nj_run_phases_make(const nj_arguments *arguments, nj_run_phases *out, nj_error *err)
{
    double max_retired;
    bool suffix_relocates;
    nj_run_phases phases = {.arguments = arguments};
    night n = {.arguments = arguments,
               .store = nj_argument(arguments, "store"),
               .dry_run = nj_argument_flag(arguments, "dry-run"),
               .no_skip = nj_argument_flag(arguments, "no-skip")};
    nj_status status = nj_argument_real(arguments, "max-retired", 0, 100, &max_retired, err);
    if (status == NJ_OK) {
        status = nj_suffix_overflow_from(arguments, &suffix_relocates, err);
    }
    if (status == NJ_OK) {
        status = spool_inputs(arguments, err);
    }
    if (status == NJ_OK) {
        status = check_users(arguments, err);
    }
    if (status == NJ_OK) {
        status = look_at_catalogue(&n, err);
    }
    if (status == NJ_OK) {
        status = look_at_bundle(&n, err);
    }
    if (status == NJ_OK) {
        status = check_interrupted(&n, err);
    }
    if (status == NJ_OK && nj_staging_exists(n.store)) {
        n.no_skip = false; // an interrupted night goes on with what it was begun with
    }
    if (status == NJ_OK) {
        status = n.dry_run ? tell_plan(&n, &phases, err) : make_phases(&n, &phases, err);
    }
    if (status == NJ_OK) {
        *out = phases;
    }
    return status;
}

nj_status nj_run_phases_note(const nj_run_phases *phases, const nj_store_name *generation,
                             nj_error *err)
{
    nj_path folder;
    nj_folder_draft draft = {0};
    nj_store_lock lock = {.fd = -1};
    const char *store = nj_argument(phases->arguments, "store");
    nj_status status = nj_phase_folder(store, &folder, err);
    if (status == NJ_OK) {
        status = nj_store_lock_take(folder.text, NJ_PHASE_LOCK, NJ_STORE_LOCK_WAIT_MS, &lock, err);
    }
    if (status == NJ_OK) {
        status = nj_phase_begin(store, &draft, err);
    }
    if (status == NJ_OK) {
        status = nj_phase_commit(&draft, USERS, &phases->users, generation->text, err);
    }
    nj_folder_draft_abort(&draft);
    nj_store_lock_release(&lock);
    return status;
}
