#include "common/store/phase.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/failpoint.h"
#include "common/codec/json.h"

#define FOLDER "night"
#define RECORD "phase.json"
#define VERSION 1

void nj_phase_inputs_add(nj_phase_inputs *inputs, const char *name, const nj_digest *digest)
{
    assert(inputs->count < NJ_PHASE_INPUTS_MAX);
    inputs->names[inputs->count] = name;
    inputs->digests[inputs->count] = *digest;
    inputs->count++;
}

nj_status nj_phase_folder(const char *store_dir, nj_path *out, nj_error *err)
{
    return nj_path_join(store_dir, FOLDER, out, err);
}

nj_status nj_phase_path(const char *store_dir, const char *phase, const char *file, nj_path *out,
                        nj_error *err)
{
    nj_path night;
    nj_path folder;
    nj_status status = nj_phase_folder(store_dir, &night, err);
    if (status == NJ_OK) {
        status = nj_path_join(night.text, phase, &folder, err);
    }
    return status == NJ_OK ? nj_path_join(folder.text, file, out, err) : status;
}

// ---- the record ----

static nj_status find_difference(const json_t *list, const char *what,
                                 const nj_phase_inputs *inputs, nj_phase_state *out, nj_error *err)
{
    nj_json_keys keys;
    if (!json_is_object(list)) {
        return nj_fail(err, NJ_INPUT, "%s: \"inputs\" is missing", what);
    }
    nj_json_keys_open(&keys, list, what, err);
    for (size_t i = 0; i < inputs->count && out->differs == NULL; i++) {
        nj_digest digest = {0};
        const char *hex = nj_json_text_or(&keys, inputs->names[i], "");
        if (!nj_digest_from_hex(hex, &digest) || !nj_digest_equal(&digest, &inputs->digests[i])) {
            out->differs = inputs->names[i];
        }
    }
    if (out->differs == NULL && json_object_size(list) != inputs->count) {
        out->differs = "the list of inputs";
    }
    return keys.status;
}

static nj_status read_record(const json_t *record, const char *what, const nj_phase_inputs *inputs,
                             nj_phase_state *out, nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, record, what, err);
    nj_json_int(&keys, "version", VERSION, VERSION);
    const char *result = nj_json_text_or(&keys, "result", "");
    if (keys.status == NJ_OK && strlen(result) >= sizeof out->result) {
        return nj_fail(err, NJ_INPUT, "%s: \"result\" is longer than %zu bytes", what,
                       sizeof out->result - 1);
    }
    if (keys.status == NJ_OK) {
        strcpy(out->result, result);
    }
    return keys.status == NJ_OK
               ? find_difference(json_object_get(record, "inputs"), what, inputs, out, err)
               : keys.status;
}

nj_status nj_phase_look(const char *store_dir, const char *phase, const nj_phase_inputs *inputs,
                        nj_phase_state *out, nj_error *err)
{
    nj_path path;
    nj_path folder;
    json_t *record = NULL;
    nj_phase_state state = {0};
    nj_status status = nj_phase_path(store_dir, phase, "", &folder, err);
    if (status == NJ_OK) {
        status = nj_phase_path(store_dir, phase, RECORD, &path, err);
    }
    if (status == NJ_OK && nj_folder_exists(folder.text)) {
        state.there = true;
        status = nj_json_load(path.text, NJ_PHASE_JSON_BYTES_MAX, &record, err);
        status =
            status == NJ_NOT_FOUND
                ? nj_fail(err, NJ_INPUT, "%s: is missing: what is beside it is no phase", path.text)
                : status;
        if (status == NJ_OK) {
            status = read_record(record, path.text, inputs, &state, err);
        }
    }
    json_decref(record);
    if (status == NJ_OK) {
        *out = state;
    }
    return status;
}

static nj_status write_record(const char *folder, const nj_phase_inputs *inputs, const char *result,
                              nj_error *err)
{
    nj_path path;
    nj_buffer text;
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_buffer_init(&text, NJ_PHASE_JSON_BYTES_MAX);
    nj_status status = nj_buffer_printf(&text, "{\"version\": %d, \"inputs\": {", VERSION);
    for (size_t i = 0; i < inputs->count && status == NJ_OK; i++) {
        nj_digest_hex(&inputs->digests[i], hex);
        status =
            nj_buffer_printf(&text, "%s\"%s\": \"%s\"", i > 0 ? ", " : "", inputs->names[i], hex);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(&text, "}, \"result\": \"%s\"}\n", result);
    }
    if (status != NJ_OK) {
        nj_fail(err, status, "no memory for the record of a phase");
    } else {
        status = nj_path_join(folder, RECORD, &path, err);
    }
    if (status == NJ_OK) {
        status = nj_file_write(path.text, text.bytes, text.size, err);
    }
    nj_buffer_fini(&text);
    return status;
}

// ---- the folder ----

nj_status nj_phase_begin(const char *store_dir, nj_folder_draft *out, nj_error *err)
{
    nj_path folder;
    nj_status status = nj_phase_folder(store_dir, &folder, err);
    if (status == NJ_OK) {
        status = nj_folder_make(folder.text, err);
    }
    return status == NJ_OK ? nj_folder_draft_begin(folder.text, out, err) : status;
}

// The draft gets the place, and what was there the draft's name.
static nj_status exchange(nj_folder_draft *draft, const nj_path *target, nj_error *err)
{
    nj_status status = nj_folder_sync(draft->folder.text, err);
    if (status == NJ_OK &&
        renameat2(AT_FDCWD, draft->folder.text, AT_FDCWD, target->text, RENAME_EXCHANGE) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot exchange the old phase with the new",
                               target->text);
    }
    if (status == NJ_OK) {
        status = nj_folder_sync(draft->store.text, err);
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(PHASE_EXCHANGED);
        nj_folder_draft_abort(draft);
    }
    return status;
}

nj_status nj_phase_commit(nj_folder_draft *draft, const char *phase, const nj_phase_inputs *inputs,
                          const char *result, nj_error *err)
{
    nj_path target;
    assert(strlen(result) < NJ_PHASE_RESULT_BYTES);
    nj_status status = write_record(draft->folder.text, inputs, result, err);
    if (status == NJ_OK) {
        status = nj_path_join(draft->store.text, phase, &target, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PHASE_DRAFTED, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_exists(target.text) ? exchange(draft, &target, err)
                                               : nj_folder_draft_commit(draft, phase, err);
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(PHASE_PLACED);
    }
    return status;
}
