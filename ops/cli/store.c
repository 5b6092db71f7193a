// store.c - `nightjar store`: reading and checking generations; store_export.c, store_list.c and store_change.c have the rest.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/json.h"
#include "common/codec/row.h"
#include "common/store/channel.h"
#include "common/store/generation.h"
#include "common/store/publish.h"
#include "common/store/reader.h"
#include "ops/cli/commands.h"
#include "ops/cli/crash_guard.h"

#define LINE_BYTES_MAX (16u << 20)
#define CHECK_MB_MAX ((uint64_t)1 << 30)

// ---- rows ----

// A reader and what a line needs.
typedef struct {
    nj_store_reader *reader;
    nj_row *row;
    nj_buffer line;
    uint64_t count;
} printing;

static nj_status open_printing(const nj_arguments *arguments, uint64_t check_bytes_max,
                               printing *out, nj_error *err)
{
    const char *store = nj_argument(arguments, "store");
    printing p = {.row = malloc(sizeof *p.row)};
    nj_buffer_init(&p.line, LINE_BYTES_MAX);
    if (p.row == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to read rows");
    }
    nj_crash_guard_begin();
    nj_status status = nj_store_reader_open(store, nj_argument(arguments, "gen"), &p.reader, err);
    if (status == NJ_OK && nj_store_reader_manifest(p.reader)->data_bytes <= check_bytes_max) {
        status = nj_store_check_data(store, nj_store_reader_name(p.reader),
                                     nj_store_reader_manifest(p.reader), err);
    }
    if (status != NJ_OK) {
        nj_store_reader_close(&p.reader);
        nj_crash_guard_end();
        free(p.row);
        return status;
    }
    *out = p;
    return NJ_OK;
}

static void close_printing(printing *p)
{
    nj_store_reader_close(&p->reader);
    nj_crash_guard_end();
    nj_buffer_fini(&p->line);
    free(p->row);
}

static nj_status print_row(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    printing *p = context;
    nj_status status = nj_row_unpack(value, p->row, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "user \"%.*s\"", NJ_SLICE_ARGS(user));
        err->status = NJ_REFUSED; // what is published was a row once
        return NJ_REFUSED;
    }
    nj_buffer_clear(&p->line);
    status = nj_row_json(&p->line, user, p->row);
    if (status == NJ_OK) {
        status = nj_buffer_append(&p->line, "\n", 1);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for a line");
    }
    if (fwrite(p->line.bytes, 1, p->line.size, stdout) != p->line.size) {
        return nj_fail_errno(err, NJ_IO, errno, "standard output");
    }
    p->count++;
    return NJ_OK;
}

nj_status nj_command_store_get(const nj_arguments *arguments, nj_error *err)
{
    printing p;
    uint64_t check_mb = 0;
    nj_status status = nj_argument_uint(arguments, "check-mb", 0, CHECK_MB_MAX, &check_mb, err);
    if (status == NJ_OK) {
        status = open_printing(arguments, check_mb << 20, &p, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_slice user = nj_slice_from(nj_argument_positional(arguments));
    nj_slice value;
    status = nj_store_get(p.reader, user, &value, err);
    if (status == NJ_OK) {
        status = print_row(&p, user, value, err);
    } else if (status == NJ_NOT_FOUND) {
        status = nj_fail(err, NJ_NOT_FOUND, "user \"%.*s\" is not in %s", NJ_SLICE_ARGS(user),
                         nj_store_reader_name(p.reader)->text);
    }
    close_printing(&p);
    return status;
}

static void print_manifest(const nj_store_manifest *manifest)
{
    const nj_store_facts *facts = &manifest->facts;
    char hex[NJ_DIGEST_HEX_BYTES];
    printf("generation     %s\n", facts->generation);
    printf("rows           %" PRIu64 " of %" PRIu64 " users\n", facts->row_count,
           facts->user_count);
    printf("data.mdb       %.1f MB\n", (double)manifest->data_bytes / 1e6);
    printf("settings       %s\n", facts->settings);
    printf("numeric class  %s\n", facts->numeric_class);
    if (nj_store_facts_stale(facts, nj_clock_wall_ms())) {
        printf("STALE          it was valid until %" PRIu64 " ms since 1970\n",
               facts->valid_until_ms);
    }
    if (facts->carried_count > 0) {
        printf("carried over   %" PRIu64 " rows, the oldest decoded %" PRIu64 " nights ago\n",
               facts->carried_count, facts->carried_age);
    }
    if (facts->store_id[0] != '\0') {
        printf("store          %s\n", facts->store_id);
    }
    nj_digest_hex(&facts->bundle_digest, hex);
    printf("bundle         %s\n", hex);
    nj_digest_hex(&facts->content_digest, hex);
    printf("content        %s\n", hex);
    printf("written by     nightjar %s, LMDB %s\n", facts->nightjar_version, facts->lmdb_version);
}

static nj_status show_manifest(const nj_arguments *arguments, const nj_store_manifest *manifest,
                               nj_error *err)
{
    if (!nj_argument_flag(arguments, "json")) {
        print_manifest(manifest);
        return NJ_OK;
    }
    json_t *object = json_object();
    nj_status status = nj_store_manifest_to_json(manifest, object, err);
    if (status == NJ_OK) {
        return nj_print_json_take(&object, err);
    }
    json_decref(object);
    return status;
}

nj_status nj_command_store_stat(const nj_arguments *arguments, nj_error *err)
{
    nj_store_name name;
    nj_store_manifest manifest;
    const char *store = nj_argument(arguments, "store");
    nj_status status = nj_store_channel_resolve(store, nj_argument(arguments, "gen"), &name, err);
    if (status == NJ_OK) {
        status = nj_store_inspect(store, &name, &manifest, err);
    }
    return status != NJ_OK ? status : show_manifest(arguments, &manifest, err);
}

nj_status nj_command_store_verify(const nj_arguments *arguments, nj_error *err)
{
    nj_store_manifest manifest;
    nj_crash_guard_begin();
    nj_status status = nj_store_verify(nj_argument(arguments, "store"),
                                       nj_argument(arguments, "gen"), &manifest, err);
    nj_crash_guard_end();
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "%s: every byte of %" PRIu64 " rows is as it was packed",
               manifest.facts.generation, manifest.facts.row_count);
        status = show_manifest(arguments, &manifest, err);
    }
    return status;
}
