// store.c - `nightjar store`: reading, checking and publishing generations. Export is store_export.c.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/codec/json.h"
#include "common/codec/row.h"
#include "common/store/generation.h"
#include "common/store/lock.h"
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
    nj_status status = nj_store_resolve(store, nj_argument(arguments, "gen"), &name, err);
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

nj_status nj_command_store_publish(const nj_arguments *arguments, nj_error *err)
{
    const char *name = nj_argument_positional(arguments);
    nj_status status =
        nj_store_publish(nj_argument(arguments, "store"), name, NULL, NJ_STORE_LOCK_WAIT_MS, err);
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "CURRENT names %s", name);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        json_t *object = json_pack("{s:s}", "current", name);
        status = nj_print_json_take(&object, err);
    }
    return status;
}

nj_status nj_command_store_rollback(const nj_arguments *arguments, nj_error *err)
{
    nj_store_name to;
    nj_store_name from = {{0}};
    const char *store = nj_argument(arguments, "store");
    const char *name = nj_argument(arguments, "to");
    bool dry_run = nj_argument_flag(arguments, "dry-run");
    nj_status status = name != NULL ? nj_store_resolve(store, name, &to, err)
                                    : nj_store_rollback_find(store, &to, err);
    if (status != NJ_OK) {
        return status;
    }
    if (nj_store_current(store, &from, NULL) != NJ_OK) {
        strcpy(from.text, "nothing");
    }
    if (!dry_run) {
        status = nj_store_rollback(store, to.text, NJ_STORE_LOCK_WAIT_MS, err);
    }
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "CURRENT %s %s, named %s", dry_run ? "would name" : "names", to.text,
               from.text);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        json_t *object = json_pack("{s:s, s:s, s:b}", "current", to.text, "before", from.text,
                                   "dry_run", (int)dry_run);
        status = nj_print_json_take(&object, err);
    }
    return status;
}

static nj_status list_as_json(const nj_store_listing *listing, nj_error *err)
{
    json_t *list = json_array();
    nj_status status = NJ_OK;
    for (size_t i = 0; i < listing->count && status == NJ_OK; i++) {
        const nj_store_entry *entry = &listing->entries[i];
        json_t *object = json_pack("{s:s, s:b, s:s}", "name", entry->name.text, "current",
                                   (int)entry->is_current, "status", nj_status_name(entry->status));
        if (entry->status == NJ_OK) {
            status = nj_store_manifest_to_json(&entry->manifest, object, err);
        }
        json_array_append_new(list, object);
    }
    json_t *top = json_pack("{s:o}", "generations", list);
    if (status == NJ_OK) {
        return nj_print_json_take(&top, err);
    }
    json_decref(top);
    return status;
}

nj_status nj_command_store_list(const nj_arguments *arguments, nj_error *err)
{
    nj_store_listing listing;
    nj_status status = nj_store_list(nj_argument(arguments, "store"), &listing, err);
    if (status != NJ_OK) {
        return status;
    }
    if (nj_argument_flag(arguments, "json")) {
        status = list_as_json(&listing, err);
    } else {
        if (listing.count == 0) {
            nj_log(NJ_LOG_INFO, "%s: holds no generation: nothing has been published there",
                   nj_argument(arguments, "store"));
        }
        for (size_t i = 0; i < listing.count; i++) {
            const nj_store_entry *entry = &listing.entries[i];
            printf("%s %s  ", entry->is_current ? "*" : " ", entry->name.text);
            if (entry->status == NJ_OK) {
                printf("%" PRIu64 " rows  %.1f MB\n", entry->manifest.facts.row_count,
                       (double)entry->manifest.data_bytes / 1e6);
            } else {
                printf("unreadable: %s\n", nj_status_sentence(entry->status));
            }
        }
    }
    nj_store_listing_fini(&listing);
    return status;
}
