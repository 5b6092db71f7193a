#include "common/catalogue/catalogue_export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/catalogue/catalogue_parts.h"
#include "common/catalogue/trained_on.h"

#define TOKENS_FILE "tokens.npy"
#define ABOUT_FILE "about.json"
#define ABOUT_BYTES 1024

// ---- index.json ----

static void put_row(FILE *stream, const uint16_t *codes, uint32_t L)
{
    for (uint32_t l = 0; l < L; l++) {
        fprintf(stream, "%s\"<%c_%" PRIu16 ">\"", l > 0 ? ", " : "[", 'a' + (int)l, codes[l]);
    }
    fputc(']', stream);
}

nj_status nj_catalogue_export_index_json(const nj_catalogue *catalogue, const char *path,
                                         nj_error *err)
{
    const nj_sids *sids = &catalogue->sids;
    nj_file_draft draft = {0};
    if (access(path, F_OK) == 0) {
        return nj_fail(err, NJ_INPUT, "%s: is there already; it is not overwritten", path);
    }
    nj_status status = nj_file_draft_begin(path, &draft, err);
    if (status != NJ_OK) {
        return status;
    }
    for (uint32_t row = 0; row < sids->row_count; row++) {
        fprintf(draft.stream, "%s\"%" PRIu32 "\": ", row > 0 ? ", " : "{", row);
        put_row(draft.stream, sids->codes + (size_t)row * sids->level_count, sids->level_count);
    }
    fputc('}', draft.stream);
    return nj_file_draft_commit(&draft, err); // finds what a write before it could not do
}

// ---- arrays ----

// One more than the highest token that a level or the template can give.
static uint64_t get_vocabulary(const nj_catalogue *catalogue)
{
    const uint32_t last = catalogue->sids.level_count - 1;
    const uint64_t end =
        (uint64_t)catalogue->level_token_base[last] + catalogue->sids.codes_per_level[last];
    uint32_t highest = 0;
    return nj_template_token_highest(&catalogue->template, &highest) && highest >= end
               ? (uint64_t)highest + 1
               : end;
}

static nj_status write_about(const char *folder, const nj_catalogue *catalogue, nj_error *err)
{
    nj_path path;
    char text[ABOUT_BYTES];
    char trained_on[NJ_TRAINED_ON_BYTES];
    size_t at = (size_t)snprintf(text, sizeof text, "{\"codes_per_level\": ");
    for (uint32_t l = 0; l < catalogue->sids.level_count; l++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%" PRIu32, l > 0 ? ", " : "[",
                               catalogue->sids.codes_per_level[l]);
    }
    nj_trained_on_write(catalogue, trained_on);
    at += (size_t)snprintf(text + at, sizeof text - at,
                           "], \"token_base\": %" PRIu32 ", \"vocab_size\": %" PRIu64
                           ", \"" NJ_TRAINED_ON_KEY "\": %s}\n",
                           catalogue->token_base, get_vocabulary(catalogue), trained_on);
    nj_status status = nj_path_join(folder, ABOUT_FILE, &path, err);
    return status == NJ_OK ? nj_file_write(path.text, text, at, err) : status;
}

static nj_status write_arrays(const char *folder, const nj_catalogue *catalogue, nj_error *err)
{
    nj_status status =
        nj_catalogue_write_codes(folder, NJ_CATALOGUE_SIDS, &catalogue->sids, NULL, err);
    if (status == NJ_OK) {
        status = nj_catalogue_write_codes(folder, TOKENS_FILE, &catalogue->sids,
                                          catalogue->level_token_base, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_write_items(folder, catalogue, err);
    }
    if (status == NJ_OK && catalogue->retired_count > 0) {
        status = nj_catalogue_write_retired(folder, catalogue, err);
    }
    if (status == NJ_OK) {
        status = write_about(folder, catalogue, err);
    }
    return status == NJ_OK ? nj_folder_sync(folder, err) : status;
}

// rename(2) replaces an empty folder, and nothing else.
static nj_status place_folder(const char *draft, const char *path, nj_error *err)
{
    if (rename(draft, path) == 0) {
        return NJ_OK;
    }
    return errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR
               ? nj_fail(err, NJ_INPUT, "%s: is there already; it is not overwritten", path)
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot rename into place", path);
}

nj_status nj_catalogue_export_npy(const nj_catalogue *catalogue, const char *path, nj_error *err)
{
    nj_path target;
    nj_path draft;
    nj_status status = nj_path_copy(path, &target, err);
    if (status != NJ_OK) {
        return status;
    }
    const int length =
        snprintf(draft.text, sizeof draft.text, "%s.tmp.%ld", target.text, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof draft.text) {
        return nj_fail(err, NJ_INPUT, "path is longer than %d bytes: %.80s...", NJ_PATH_BYTES - 1,
                       path);
    }
    status = nj_folder_remove(draft.text, err);
    if (status == NJ_OK) {
        status = nj_folder_make(draft.text, err);
    }
    if (status == NJ_OK) {
        status = write_arrays(draft.text, catalogue, err);
        if (status == NJ_OK) {
            status = place_folder(draft.text, target.text, err);
        }
        if (status != NJ_OK && nj_folder_remove(draft.text, NULL) != NJ_OK) {
            return status; // what is left is named as a draft; the first failure is the one to report
        }
    }
    return status;
}
