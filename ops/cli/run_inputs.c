#include "ops/cli/run_inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/file_digest.h"
#include "common/input/histories.h"
#include "common/input/parts.h"
#include "common/input/spool.h"
#include "common/policy/policy_read.h"
#include "ops/cli/bundle_options.h"

#define GATES "gate-" // their options begin so: they let lists through, and change none
#define CATALOGUE_RECORD "catalogue.json" // has the fingerprints of the folder's other files

static nj_status add_file(nj_phase_inputs *inputs, const char *name, const char *path,
                          nj_error *err)
{
    nj_digest digest = {0};
    nj_status status = path != NULL ? nj_parts_digest(path, &digest, err) : NJ_OK;
    if (status == NJ_OK) {
        nj_phase_inputs_add(inputs, name, &digest);
    }
    return status;
}

nj_status nj_run_catalogue_inputs(const nj_arguments *arguments, nj_phase_inputs *out,
                                  nj_error *err)
{
    nj_path record;
    nj_phase_inputs inputs = {0};
    nj_status status =
        nj_path_join(nj_argument(arguments, "catalogue"), CATALOGUE_RECORD, &record, err);
    if (status == NJ_OK) {
        status = add_file(&inputs, "catalogue", record.text, err);
    }
    if (status == NJ_OK) {
        status = add_file(&inputs, "embeddings", nj_argument(arguments, "embeddings"), err);
    }
    if (status == NJ_OK) {
        status = add_file(&inputs, "ids", nj_argument(arguments, "ids"), err);
    }
    if (status == NJ_OK) {
        *out = inputs;
    }
    return status;
}

// ---- the model ----

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static int is_model_file(const struct dirent *entry)
{
    return strcmp(entry->d_name, "config.json") == 0 || ends_with(entry->d_name, ".safetensors") ||
           ends_with(entry->d_name, ".safetensors.index.json");
}

static nj_status add_model(nj_phase_inputs *inputs, const char *folder, nj_error *err)
{
    struct dirent **entries = NULL;
    nj_digester digester;
    nj_digester_init(&digester);
    const int count = scandir(folder, &entries, is_model_file, alphasort);
    if (count < 0) {
        return nj_fail_open(err, errno, folder);
    }
    nj_status status = NJ_OK;
    for (int i = 0; i < count; i++) {
        nj_path path;
        nj_digest digest;
        if (status == NJ_OK) {
            status = nj_path_join(folder, entries[i]->d_name, &path, err);
        }
        if (status == NJ_OK) {
            status = nj_file_digest(path.text, &digest, err);
        }
        if (status == NJ_OK) {
            nj_digester_update_sized(&digester, entries[i]->d_name, strlen(entries[i]->d_name));
            nj_digester_update(&digester, digest.bytes, sizeof digest.bytes);
        }
        free(entries[i]);
    }
    free(entries);
    if (status == NJ_OK) {
        const nj_digest digest = nj_digester_final(&digester);
        nj_phase_inputs_add(inputs, "model", &digest);
    }
    return status;
}

// ---- what policies use ----

static nj_status add_if_given(const nj_arguments *arguments, nj_phase_inputs *inputs,
                              const char *name, nj_error *err)
{
    const char *path = nj_argument(arguments, name);
    return path != NULL ? add_file(inputs, name, path, err) : NJ_OK;
}

// A fresh share is of today where the policy names no day, and then another one tomorrow. One that names a day is packed again for
// nothing: its bundle is the same.
static nj_status add_policy(const nj_arguments *arguments, nj_phase_inputs *inputs, int64_t today,
                            nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_digester digester;
    const char *path = nj_argument(arguments, "policy");
    if (path == NULL) {
        return NJ_OK;
    }
    nj_status status = nj_file_read(path, NJ_POLICY_FILE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK) {
        nj_digester_init(&digester);
        nj_digester_update_sized(&digester, bytes, size);
        nj_digester_update_u64(&digester,
                               memmem(bytes, size, "fresh", 5) != NULL ? (uint64_t)today : 0);
        const nj_digest digest = nj_digester_final(&digester);
        nj_phase_inputs_add(inputs, "policy", &digest);
    }
    free(bytes);
    return status;
}

// Options that say how those files become sections, where any is given.
static void add_section_options(const nj_arguments *arguments, nj_phase_inputs *inputs)
{
    static const char *const NAMES[] = {
        "attribute-columns", "day-columns",       "neighbours",         "neighbours-max",
        "neighbours-back",   "neighbours-shrink", "neighbours-distance"};
    nj_digester digester;
    const bool is_any = nj_argument(arguments, "neighbours") != NULL ||
                        nj_argument(arguments, "attributes") != NULL;
    nj_digester_init(&digester);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const char *value = nj_argument(arguments, NAMES[i]);
        nj_digester_update_sized(&digester, value, value != NULL ? strlen(value) : 0);
    }
    if (is_any) {
        const nj_digest digest = nj_digester_final(&digester);
        nj_phase_inputs_add(inputs, "sections", &digest);
    }
}

// The form of vectors, and whose they are.
static nj_status add_vectors(const nj_arguments *arguments, nj_phase_inputs *inputs, nj_error *err)
{
    const char *form = nj_argument(arguments, "vector-form");
    if (nj_argument(arguments, "item-vectors") == NULL) {
        return NJ_OK;
    }
    const nj_digest digest = nj_digest_of(form, strlen(form));
    nj_phase_inputs_add(inputs, "vector-form", &digest);
    nj_status status = add_if_given(arguments, inputs, "item-vectors", err);
    return status == NJ_OK ? add_if_given(arguments, inputs, "ids", err) : status;
}

static nj_status add_items(const nj_arguments *arguments, nj_phase_inputs *inputs, nj_error *err)
{
    nj_instant as_of = {0};
    nj_bundle_items_request request;
    const char *text = nj_argument(arguments, "as-of");
    nj_status status = text != NULL ? nj_instant_parse("as-of", text, &as_of, err) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_bundle_items_from(arguments, &as_of, &request, err);
    }
    if (status == NJ_OK) {
        status = add_policy(arguments, inputs, request.today, err);
    }
    if (status == NJ_OK) {
        status = add_if_given(arguments, inputs, "attributes", err);
    }
    if (status == NJ_OK) {
        status = add_vectors(arguments, inputs, err);
    }
    if (status == NJ_OK) {
        add_section_options(arguments, inputs);
    }
    return status;
}

nj_status nj_run_bundle_inputs(const nj_arguments *arguments, const nj_digest *catalogue,
                               nj_phase_inputs *out, nj_error *err)
{
    nj_phase_inputs inputs = {0};
    const bool unchecked = nj_argument_flag(arguments, "no-pairing-check");
    const char *as_of = nj_argument(arguments, "as-of");
    const nj_digest pairing = nj_digest_of(&unchecked, sizeof unchecked);
    nj_phase_inputs_add(&inputs, "catalogue", catalogue);
    nj_phase_inputs_add(&inputs, "no-pairing-check", &pairing);
    nj_status status = add_model(&inputs, nj_argument(arguments, "model"), err);
    if (status == NJ_OK) {
        status = add_file(&inputs, "histories", nj_argument(arguments, "histories"), err);
    }
    if (status == NJ_OK && nj_argument(arguments, "histories") != NULL && as_of != NULL) {
        const nj_digest cut = nj_digest_of(as_of, strlen(as_of));
        nj_phase_inputs_add(&inputs, "as-of", &cut);
    }
    if (status == NJ_OK) {
        status = add_items(arguments, &inputs, err);
    }
    if (status == NJ_OK) {
        *out = inputs;
    }
    return status;
}

// ---- the users ----

// Options of `run` that change no row: inputs that are looked at by themselves, how the work is done, and what is told of it.
static bool changes_no_row(const char *name)
{
    static const char *const NAMES[] = {
        "bundle",
        "embeddings",
        "ids",
        "catalogue",
        "model",
        "histories",
        "no-pairing-check",
        "max-retired",
        "suffix-overflow",
        "no-drift",
        "no-skip",
        "dry-run",
        "users",
        "store",
        "resume",
        "shard-users",
        "lease-ms",
        "metrics-bind",
        "metrics-file",
        "plan",
        "log-format",
        "retry-quarantined",
        "speculate",
        "audit-users",
        "json",
        "storage-wait-ms",
        "workers",
        "pin",
        "cache",
        "memory-max",
        "batch",
        "without",
        "since",
        "since-bundle",
        "max-age",
        "quarantine-max",
        "deadline",
        "on-deadline",
        "carry-max",
        "missing-users",
        "policy",
        "attributes",
        "attribute-columns",
        "day-columns",
        "item-vectors",
        "vector-form",
        "neighbours",
        "neighbours-max",
        "neighbours-distance",
        "neighbours-back",
        "neighbours-shrink",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, GATES, sizeof GATES - 1) == 0;
}

// True where the value is the path of a file, or of a folder of parts, and what is in it decides rows.
static bool is_read(const char *name, const char *path)
{
    static const char *const NAMES[] = {"eligible", "deny", "groups", "user-groups"};
    struct stat facts;
    if (stat(nj_spooled_path(path), &facts) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return S_ISREG(facts.st_mode);
}

static nj_status add_options(const nj_arguments *arguments, nj_phase_inputs *inputs, nj_error *err)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < nj_argument_count(arguments) && status == NJ_OK; i++) {
        const char *name = nj_argument_name_at(arguments, i);
        const char *value = nj_argument_value_at(arguments, i);
        if (value == NULL || changes_no_row(name)) {
            continue;
        }
        nj_digester_update_sized(&digester, name, strlen(name));
        nj_digester_update_sized(&digester, value, strlen(value));
        if (is_read(name, value)) {
            nj_digest digest;
            status = nj_parts_digest(value, &digest, err);
            nj_digester_update(&digester, digest.bytes, sizeof digest.bytes);
        }
    }
    if (status == NJ_OK) {
        const nj_digest digest = nj_digester_final(&digester);
        nj_phase_inputs_add(inputs, "options", &digest);
    }
    return status;
}

nj_status nj_run_users_inputs(const nj_arguments *arguments, const nj_digest *bundle,
                              nj_phase_inputs *out, nj_error *err)
{
    nj_phase_inputs inputs = {0};
    nj_phase_inputs_add(&inputs, "bundle", bundle);
    nj_status status = add_file(&inputs, "users", nj_argument(arguments, "users"), err);
    if (status == NJ_OK) {
        status = add_options(arguments, &inputs, err);
    }
    if (status == NJ_OK) {
        *out = inputs;
    }
    return status;
}

nj_status nj_run_catalogue_digest(const nj_catalogue *catalogue, nj_digest *out, nj_error *err)
{
    nj_buffer template;
    nj_digester digester;
    const nj_digest map = nj_catalogue_map_digest(catalogue, catalogue->sids.row_count);
    nj_buffer_init(&template, NJ_CATALOGUE_JSON_BYTES_MAX);
    nj_status status = nj_template_write(&catalogue->template, &template);
    if (status == NJ_OK) {
        nj_digester_init(&digester);
        nj_digester_update(&digester, map.bytes, sizeof map.bytes);
        nj_digester_update(&digester, catalogue->retired_digest.bytes,
                           sizeof catalogue->retired_digest.bytes);
        nj_digester_update_u64(&digester, catalogue->token_base);
        nj_digester_update_sized(&digester, template.bytes, template.size);
        *out = nj_digester_final(&digester);
    } else {
        nj_fail(err, status, "no memory for the catalogue's template");
    }
    nj_buffer_fini(&template);
    return status;
}
