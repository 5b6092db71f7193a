#include "ops/cli/run_phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mapped.h"
#include "common/input/parts.h"
#include "common/input/spool.h"
#include "common/store/lock.h"
#include "common/store/staging.h"
#include "ops/cli/collision_options.h"
#include "ops/cli/numbers.h"
#include "ops/cli/run_inputs.h"
#include "ops/cli/run_kept.h"
#include "ops/cli/run_phases_parts.h"

#define USERS "users"

// ---- options ----

static nj_status require(const nj_arguments *arguments, const char *name, nj_error *err)
{
    const char *value = nj_argument(arguments, name);
    return value != NULL && value[0] != '\0'
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--embeddings needs --%s", name);
}

// A bundle has its own: to leave these unread would be a night without the policy that was asked for.
static nj_status refuse_sections(const nj_arguments *arguments, nj_error *err)
{
    static const char *const NAMES[] = {"policy", "attributes", "item-vectors", "neighbours"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (nj_argument(arguments, NAMES[i]) != NULL) {
            return nj_fail(err, NJ_USAGE,
                           "--%s is for --embeddings; a bundle gets it by `nightjar bundle pack "
                           "--from %s --%s ...`",
                           NAMES[i], nj_argument(arguments, "bundle"), NAMES[i]);
        }
    }
    return NJ_OK;
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
        return refuse_sections(arguments, err);
    }
    nj_status status = require(arguments, "catalogue", err);
    return status == NJ_OK ? require(arguments, "model", err) : status;
}

// What comes through a pipe is read by several phases, and its digest tells whether one has to be made again.
static nj_status spool_inputs(const nj_arguments *arguments, nj_error *err)
{
    static const char *const NAMES[] = {"users",  "histories",   "eligible",  "deny",
                                        "groups", "user-groups", "attributes"};
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

bool nj_run_phase_is_made(const nj_run_night *n, const nj_phase_state *state)
{
    return nj_phase_is_done(state) && !n->no_skip;
}

const char *nj_run_phase_why(const nj_run_night *n, const nj_phase_state *state)
{
    return !state->there            ? "it was never made"
           : state->differs != NULL ? state->differs
           : n->no_skip             ? "--no-skip"
                                    : "nothing has changed";
}

nj_status nj_run_look_at_catalogue(nj_run_night *n, nj_error *err)
{
    nj_status status = nj_run_catalogue_inputs(n->arguments, &n->catalogue_inputs, err);
    return status == NJ_OK
               ? nj_phase_look(n->store, NJ_RUN_CATALOGUE, &n->catalogue_inputs, &n->catalogue, err)
               : status;
}

// The catalogue's phase notes what a bundle takes of it.
static nj_status look_at_bundle(nj_run_night *n, nj_error *err)
{
    nj_digest digest = {0};
    if (n->catalogue.there && !nj_digest_from_hex(n->catalogue.result, &digest)) {
        return nj_fail(err, NJ_INPUT,
                       "%s/night/" NJ_RUN_CATALOGUE
                       "/phase.json: \"result\" is not 64 hexadecimal digits",
                       n->store);
    }
    nj_status status = nj_run_bundle_inputs(n->arguments, &digest, &n->bundle_inputs, err);
    return status == NJ_OK
               ? nj_phase_look(n->store, NJ_RUN_BUNDLE, &n->bundle_inputs, &n->bundle, err)
               : status;
}

// An interrupted night goes on with the catalogue and the bundle that it has begun with; other inputs must not take them away.
static nj_status check_interrupted(const nj_run_night *n, nj_error *err)
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
                       catalogue ? NJ_RUN_BUNDLE : NJ_RUN_CATALOGUE, nj_run_phase_why(n, state),
                       n->store);
    }
    return NJ_OK;
}

// ---- the users ----

// Sets what the users' phase is made from, and whether it has to be made.
static nj_status look_at_users(nj_run_night *n, nj_run_phases *out, nj_error *err)
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

static void tell_unchanged(const nj_run_night *n)
{
    nj_log(NJ_LOG_INFO, "users: skipped, nothing has changed since %s, which is current",
           n->users.result);
    printf(nj_argument_flag(n->arguments, "json")
               ? "{\"generation\": \"%s\", \"unchanged\": true}\n"
               : "%s is current; nothing has changed since\n",
           n->users.result);
}

// ---- a dry run ----

static void tell_phase(const nj_run_night *n, const char *name, bool made, const char *reason,
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
static nj_status tell_plan(nj_run_night *n, nj_run_phases *out, nj_error *err)
{
    const bool as_json = nj_argument_flag(n->arguments, "json");
    const bool catalogue = nj_run_phase_is_made(n, &n->catalogue);
    const bool bundle = catalogue && nj_run_phase_is_made(n, &n->bundle);
    nj_status status = bundle ? look_at_users(n, out, err) : NJ_OK;
    if (status != NJ_OK) {
        return status;
    }
    const bool resumed = nj_staging_exists(n->store);
    const bool users = bundle && !resumed && nj_run_phase_is_made(n, &n->users);
    tell_phase(n, NJ_RUN_CATALOGUE, catalogue, nj_run_phase_why(n, &n->catalogue),
               as_json ? "{\"phases\": [" : "");
    tell_phase(n, NJ_RUN_BUNDLE, bundle,
               catalogue ? nj_run_phase_why(n, &n->bundle) : "unless the catalogue stays", ", ");
    tell_phase(n, USERS, users,
               resumed   ? "it was interrupted"
               : !bundle ? "unless the bundle stays"
                         : nj_run_phase_why(n, &n->users),
               ", ");
    printf(as_json ? "]}\n" : "");
    out->finished = true;
    return NJ_OK;
}

// ---- all of it ----

// The catalogue may be another when the bundle's turn comes.
static nj_status look_again(nj_run_night *n, const nj_phase_state *state, nj_error *err)
{
    return state == &n->bundle ? look_at_bundle(n, err) : NJ_OK;
}

// Makes the phase, or skips it, and notes for the report which of the two, why, and how long it took.
static nj_status time_phase(nj_run_night *n, const char *name, const nj_phase_state *state,
                            nj_status (*make)(nj_run_night *n, nj_error *err), nj_night_phase *out,
                            nj_error *err)
{
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_status status = look_again(n, state, err);
    *out = (nj_night_phase){
        .name = name, .skipped = nj_run_phase_is_made(n, state), .why = nj_run_phase_why(n, state)};
    if (status == NJ_OK) {
        status = make(n, err);
    }
    out->seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    return status;
}

static nj_status make_phases(nj_run_night *n, nj_run_phases *out, nj_error *err)
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
        status = time_phase(n, NJ_RUN_CATALOGUE, &n->catalogue, nj_run_make_catalogue,
                            &out->made[0], err);
    }
    if (status == NJ_OK) {
        status = time_phase(n, NJ_RUN_BUNDLE, &n->bundle, nj_run_make_bundle, &out->made[1], err);
    }
    if (status == NJ_OK) {
        status = look_at_users(n, out, err);
    }
    nj_store_lock_release(&lock);
    if (status == NJ_OK && nj_run_phase_is_made(n, &n->users) && !nj_staging_exists(n->store)) {
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
    nj_run_night n = {.arguments = arguments,
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
        status = nj_run_look_at_catalogue(&n, err);
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
