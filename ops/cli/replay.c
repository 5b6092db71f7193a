// replay.c - `nightjar replay`: decodes one user of a generation again and compares the row, byte for byte.
//
//   ORIGIN: paths, settings, class ─► bundle, masks, the user's history ─ the same digests? ─► engine, a batch of one ─► row
//                                                                                                         stored row ─┴► equal?
//
// That he is alone in his batch changes no bit: reproducible classes (schemas/numeric_class.def).
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/numeric_class.h"
#include "common/codec/row.h"
#include "ops/cli/commands.h"
#include "ops/cli/crash_guard.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/replay_compare.h"
#include "ops/cli/row_origin.h"
#include "ops/cli/run_kept.h"

typedef struct {
    nj_slice user;
    nj_row_origin stored;
    nj_arguments *arguments; // owned: the command's, with ORIGIN's where it says nothing
    nj_job job;
    nj_path kept; // the bundle that was kept, where that is taken
    const nj_kernels *kernels;
    nj_buffer row;  // as it was decoded now
    nj_buffer copy; // the same with the flag and the age of a copied one
    bool found;     // the user's history
} replay;

static const char *name_of(const replay *r)
{
    return nj_row_origin_facts(&r->stored)->generation;
}

static nj_status fail_digests(const char *what, const nj_digest *is, const nj_digest *says,
                              const char *generation, nj_error *err)
{
    static const nj_digest NONE;
    char now[NJ_DIGEST_HEX_BYTES] = "none";
    char then[NJ_DIGEST_HEX_BYTES] = "none";
    if (!nj_digest_equal(is, &NONE)) {
        nj_digest_hex(is, now);
    }
    if (!nj_digest_equal(says, &NONE)) {
        nj_digest_hex(says, then);
    }
    return nj_fail(err, NJ_REFUSED, "%s: the digest is %s, %s was made with %s", what, now,
                   generation, then);
}

// ---- which row, and from what ----

// A row that a deadline has carried over was made from the inputs of another night.
static nj_status check_not_carried(const nj_arguments *arguments, replay *r, nj_error *err)
{
    nj_error why = {0};
    nj_row_origin before = {0};
    const char *store = nj_argument(arguments, "store");
    if ((r->stored.row.flags & NJ_ROW_CARRIED) == 0) {
        return NJ_OK;
    }
    nj_status status = nj_row_origin_before(store, &r->stored, r->user, &before, &why);
    if (status == NJ_OK) {
        status = nj_fail(err, NJ_NOT_FOUND,
                         "%s carried the row over from %s, so its inputs did not make it: nightjar "
                         "replay --store %s --gen %s %.*s",
                         name_of(r), nj_row_origin_facts(&before)->generation, store,
                         nj_row_origin_facts(&before)->generation, NJ_SLICE_ARGS(r->user));
    } else {
        status = nj_fail(err, status, "%s carried the row over, so its inputs did not make it; %s",
                         name_of(r), why.text);
    }
    nj_row_origin_close(&before);
    return status;
}

// What came through a pipe is not there to be read again, and who opens a named one waits for ever.
static bool was_piped(const nj_option_value *value)
{
    static const char *const FILES[] = {"bundle", "users",  "eligible",
                                        "deny",   "groups", "user-groups"};
    struct stat about;
    bool is_file = false;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        is_file = is_file || strcmp(value->name, FILES[i]) == 0;
    }
    return is_file &&
           (strcmp(value->value, "-") == 0 || strncmp(value->value, "/dev/fd/", 8) == 0 ||
            (stat(value->value, &about) == 0 && S_ISFIFO(about.st_mode)));
}

// The inputs of the night where the command says nothing else.
static nj_status take_inputs(const nj_arguments *arguments, replay *r, nj_error *err)
{
    nj_option_value values[NJ_ORIGIN_INPUTS_MAX];
    const nj_origin_night *night = nj_store_origin_night(r->stored.origin);
    for (size_t i = 0; i < night->input_count; i++) {
        values[i] = (nj_option_value){night->inputs[i].option, night->inputs[i].value};
        if (was_piped(&values[i]) && !nj_argument_is_given(arguments, values[i].name)) {
            return nj_fail(
                err, NJ_NOT_FOUND,
                "%s read --%s from standard input or a pipe: give its file, if you have it",
                name_of(r), values[i].name);
        }
    }
    nj_status status = nj_arguments_with(arguments, values, night->input_count, &r->arguments, err);
    for (size_t i = 0; i < 2 && status == NJ_OK; i++) {
        const char *required = i == 0 ? "bundle" : "users";
        if (nj_argument(r->arguments, required) == NULL) {
            status = nj_fail(err, NJ_NOT_FOUND, "%s does not say where its --%s was: give it",
                             name_of(r), required);
        }
    }
    return status;
}

static nj_status open_row(const nj_arguments *arguments, replay *r, nj_error *err)
{
    const char *store = nj_argument(arguments, "store");
    r->user = nj_slice_from(nj_argument_positional(arguments));
    nj_status status =
        nj_row_origin_open(store, nj_argument(arguments, "gen"), r->user, &r->stored, err);
    if (status == NJ_OK) {
        status = check_not_carried(arguments, r, err);
    }
    if (status == NJ_OK && r->stored.origin == NULL) {
        status = nj_row_origin_fail(store, &r->stored, err);
    }
    if (status == NJ_OK) {
        status = take_inputs(arguments, r, err);
    }
    return status;
}

// ---- the bundle ----

static nj_status digest_bundle(const char *path, nj_digest *out, nj_error *err)
{
    nj_bundle *bundle = NULL;
    nj_status status = nj_bundle_open(path, &bundle, err);
    if (status == NJ_OK) {
        *out = nj_sections_digest(nj_bundle_sections(bundle));
    }
    nj_bundle_close(&bundle);
    return status;
}

// `run --embeddings` writes the next night's bundle over the path, and keeps the one before beside it.
static bool find_kept(const char *path, const nj_digest *wanted, nj_path *out)
{
    nj_path folder;
    nj_digest digest;
    char *slash = nj_path_copy(path, &folder, NULL) == NJ_OK ? strrchr(folder.text, '/') : NULL;
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return nj_path_join(folder.text, NJ_RUN_KEPT_FILE, out, NULL) == NJ_OK &&
           digest_bundle(out->text, &digest, NULL) == NJ_OK && nj_digest_equal(&digest, wanted);
}

static nj_status check_bundle(const nj_arguments *arguments, replay *r, const char **out_path,
                              nj_error *err)
{
    nj_digest digest = {0};
    nj_error why = {0};
    char hex[NJ_DIGEST_HEX_BYTES];
    const char *path = nj_argument(r->arguments, "bundle");
    const nj_digest *wanted = &nj_row_origin_facts(&r->stored)->bundle_digest;
    const nj_status status = digest_bundle(path, &digest, &why);
    *out_path = path;
    if (status == NJ_OK && nj_digest_equal(&digest, wanted)) {
        return NJ_OK;
    }
    if (!nj_argument_is_given(arguments, "bundle") && find_kept(path, wanted, &r->kept)) {
        *out_path = r->kept.text;
        return NJ_OK;
    }
    if (status == NJ_OK) {
        return fail_digests(path, &digest, wanted, name_of(r), err);
    }
    nj_digest_hex(wanted, hex);
    return nj_fail(err, status, "%s (--bundle, whose digest was %s)", why.text, hex);
}

// ---- the user ----

static nj_status take_user(void *context, const nj_history *history, nj_error *err)
{
    replay *r = context;
    if (!nj_slice_equal(history->user, r->user)) {
        return NJ_OK;
    }
    const nj_user_rules rules = nj_job_user_rules(&r->job);
    nj_status status = nj_user_table_add(&r->job.users, &r->job.catalogue.items, &r->job.map,
                                         &rules, history, err);
    r->found = status == NJ_OK;
    return status == NJ_OK ? NJ_END : status; // nobody behind him counts
}

static nj_status read_user(replay *r, nj_error *err)
{
    nj_histories_source source;
    nj_status status = nj_histories_from(r->arguments, &source, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_user_table_init(&r->job.users);
    status = nj_histories_read(&source, take_user, r, err);
    if (!r->found && (status == NJ_OK || status == NJ_END)) {
        return nj_fail(err, NJ_NOT_FOUND, "%s: has no user \"%.*s\" (any more)", source.path,
                       NJ_SLICE_ARGS(r->user));
    }
    if (status == NJ_NOT_FOUND) {
        nj_error_prefix(err, "the users of %s (--users)", name_of(r));
    }
    return status == NJ_END ? NJ_OK : status;
}

static nj_status check_history(const replay *r, nj_error *err)
{
    const nj_request request = nj_user_table_at(&r->job.users, 0);
    const nj_history_digest digest = nj_request_digest(
        &r->job.catalogue.items, &request, nj_masks_digest(&r->job.catalogue.masks, request.mask));
    if (memcmp(digest.bytes, r->stored.row.history, sizeof digest.bytes) == 0) {
        return NJ_OK;
    }
    static const nj_history_digest NOBODYS = {{0}};
    if (memcmp(r->stored.row.history, NOBODYS.bytes, sizeof NOBODYS.bytes) == 0) {
        return nj_fail(err, NJ_NOT_FOUND,
                       "%s: the row of \"%.*s\" has no history digest: `nightjar store scrub` took "
                       "items out of it, so no night made it as it is",
                       name_of(r), NJ_SLICE_ARGS(r->user));
    }
    char is[2 * NJ_HISTORY_DIGEST_BYTES + 1];
    char was[2 * NJ_HISTORY_DIGEST_BYTES + 1];
    for (size_t i = 0; i < NJ_HISTORY_DIGEST_BYTES; i++) {
        snprintf(is + 2 * i, 3, "%02x", digest.bytes[i]);
        snprintf(was + 2 * i, 3, "%02x", r->stored.row.history[i]);
    }
    return nj_fail(err, NJ_REFUSED,
                   "%s: the history of \"%.*s\" has the digest %s, the row was made from %s",
                   nj_argument(r->arguments, "users"), NJ_SLICE_ARGS(r->user), is, was);
}

// ---- the inputs together ----

static nj_status read_settings(replay *r, nj_error *err)
{
    uint8_t bytes[sizeof(((nj_origin_head *)NULL)->settings) / 2];
    const nj_store_facts *facts = nj_row_origin_facts(&r->stored);
    const char *hex = nj_store_origin_night(r->stored.origin)->head.settings;
    size_t size = 0;
    for (unsigned byte = 0; sscanf(hex + 2 * size, "%2x", &byte) == 1; size++) {
        bytes[size] = (uint8_t)byte;
    }
    const nj_digest digest = nj_digest_of(bytes, size);
    if (!nj_digest_equal(&digest, &facts->settings_digest)) {
        return fail_digests("the settings in ORIGIN", &digest, &facts->settings_digest,
                            facts->generation, err);
    }
    nj_status status =
        nj_settings_unpack((nj_slice){(const char *)bytes, size}, &r->job.settings, err);
    if (status != NJ_OK) {
        status =
            nj_fail(err, NJ_CONFIG,
                    "%s has settings of nightjar %s (%s), which this one, %s, cannot read: "
                    "replay with that",
                    facts->generation, facts->nightjar_version, facts->settings, NIGHTJAR_VERSION);
    }
    return status;
}

static nj_status open_inputs(const nj_arguments *arguments, replay *r, nj_error *err)
{
    const char *bundle = NULL;
    const nj_store_facts *facts = nj_row_origin_facts(&r->stored);
    nj_status status = check_bundle(arguments, r, &bundle, err);
    if (status == NJ_OK) {
        status = nj_job_open_bundle_with(r->arguments, bundle, &r->job, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const nj_digest masks = nj_job_eligible_digest(&r->job);
    if (!nj_digest_equal(&masks, &facts->eligible_digest)) {
        return fail_digests("the masks of --eligible, --deny and --groups", &masks,
                            &facts->eligible_digest, facts->generation, err);
    }
    status = read_settings(r, err);
    if (status == NJ_OK) {
        status = read_user(r, err);
    }
    return status == NJ_OK ? check_history(r, err) : status;
}

// ---- decoding ----

typedef struct {
    const nj_engine *engine;
    nj_buffer *row;
} packing;

static nj_status pack_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)index;
    const packing *p = context;
    nj_status status = nj_engine_pack_row(p->engine, list, p->row);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a row");
}

static void warn_of_promises(const replay *r)
{
    const nj_store_facts *facts = nj_row_origin_facts(&r->stored);
    if (!nj_numeric_class_reproducible(facts->numeric_class)) {
        nj_log(NJ_LOG_WARNING,
               "class %s promises the same bits at the most on the same machine: a difference "
               "proves nothing",
               facts->numeric_class);
    }
    if (strcmp(facts->nightjar_version, NIGHTJAR_VERSION) != 0) {
        nj_log(NJ_LOG_WARNING, "%s was made by nightjar %s, this is %s: lists may differ",
               facts->generation, facts->nightjar_version, NIGHTJAR_VERSION);
    }
}

static nj_status decode_user(const nj_arguments *arguments, replay *r, nj_error *err)
{
    nj_engine *engine = NULL;
    packing p = {.row = &r->row};
    const nj_request request = nj_user_table_at(&r->job.users, 0);
    warn_of_promises(r);
    nj_status status = nj_engine_of_class(nj_row_origin_facts(&r->stored)->numeric_class,
                                          nj_argument(arguments, "kernels"), &r->job.sections,
                                          &r->job.settings, &engine, &r->kernels, err);
    if (status == NJ_OK) {
        p.engine = engine;
        status = nj_engine_decode(engine, &request, 1, pack_list, &p, err);
    }
    nj_engine_close(&engine);
    if (status != NJ_OK || (r->stored.row.flags & NJ_ROW_COPIED) == 0) {
        return status;
    }
    const uint32_t flags = nj_row_flags(nj_buffer_slice(&r->row)) | NJ_ROW_COPIED;
    return nj_row_copy(&r->copy, nj_buffer_slice(&r->row), flags, r->stored.row.age) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for a row");
}

// ---- telling ----

static nj_status print_json(const replay *r, const nj_row_difference *difference, nj_error *err)
{
    const nj_store_facts *facts = nj_row_origin_facts(&r->stored);
    json_t *found = difference->field[0] == '\0'
                        ? json_null()
                        : json_pack("{s:s, s:s, s:s}", "field", difference->field, "stored",
                                    difference->stored, "replayed", difference->replayed);
    json_t *object = json_pack("{s:s%, s:s, s:b, s:I, s:i, s:i, s:s, s:s, s:o}", "user",
                               r->user.bytes, r->user.size, "generation", facts->generation,
                               "identical", (int)(difference->field[0] == '\0'), "row_bytes",
                               (json_int_t)r->stored.value.size, "items", (int)r->stored.row.count,
                               "age", (int)r->stored.row.age, "numeric_class", facts->numeric_class,
                               "kernels", r->kernels->name, "difference", found);
    return nj_print_json_take(&object, err);
}

static nj_status tell(const nj_arguments *arguments, const replay *r, nj_error *err)
{
    nj_row_difference difference;
    const nj_store_facts *facts = nj_row_origin_facts(&r->stored);
    const bool copied = (r->stored.row.flags & NJ_ROW_COPIED) != 0;
    nj_status status = nj_rows_compare(
        r->stored.value, nj_buffer_slice(copied ? &r->copy : &r->row), &difference, err);
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_json(r, &difference, err);
    } else if (status == NJ_OK && difference.field[0] == '\0') {
        printf("identical: %zu bytes, %u items, class %s, kernels %s%s\n", r->stored.value.size,
               r->stored.row.count, facts->numeric_class, r->kernels->name,
               copied ? "; the stored row is a copy, its flag and age aside" : "");
    }
    if (status == NJ_OK && difference.field[0] != '\0') {
        status = nj_fail(err, NJ_REFUSED, "%s has another row of \"%.*s\": %s is %s, replayed %s",
                         facts->generation, NJ_SLICE_ARGS(r->user), difference.field,
                         difference.stored, difference.replayed);
    }
    return status;
}

nj_status nj_command_replay(const nj_arguments *arguments, nj_error *err)
{
    replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to replay a row");
    }
    nj_buffer_init(&r->row, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&r->copy, NJ_ROW_BYTES_MAX);
    nj_crash_guard_begin();
    nj_status status = open_row(arguments, r, err);
    if (status == NJ_OK) {
        status = open_inputs(arguments, r, err);
    }
    if (status == NJ_OK) {
        status = decode_user(arguments, r, err);
    }
    if (status == NJ_OK) {
        status = tell(arguments, r, err);
    }
    nj_crash_guard_end();
    nj_job_close(&r->job);
    nj_arguments_free(&r->arguments);
    nj_row_origin_close(&r->stored);
    nj_buffer_fini(&r->row);
    nj_buffer_fini(&r->copy);
    free(r);
    return status;
}
