#include "common/store/scrub.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/base/failpoint.h"
#include "common/codec/row_scan.h"
#include "common/store/beside.h"
#include "common/store/channel.h"
#include "common/store/draft.h"
#include "common/store/generation_write.h"
#include "common/store/lock.h"
#include "common/store/quarantine.h"
#include "common/store/reader.h"
#include "common/store/schema.h"
#include "common/store/scrub_plan.h"
#include "common/store/scrub_row.h"
#include "common/store/staging.h"

// What a generation takes besides its data: manifest, lists beside it, folders.
#define BESIDE_BYTES ((uint64_t)1 << 20)

typedef struct {
    const char *store_dir;
    const nj_scrub_options *options;
    const nj_scrub_text *text;
    nj_scrub_result *result;
    nj_scrub_row *row; // owned
    nj_scrub_entry *entry;
    nj_generation_write write;
    uint64_t carried_age; // of the oldest carried row that stays, of the generation at hand
    uint64_t rows_done;
    uint64_t rows_total; // to be read, of all generations and both passes as far as they are known
    bool has_earlier;    // an earlier run had decided something that stands in no receipt
    uint64_t pack_bytes; // of data.mdb that are to be written anew
    nj_error *err;
} job;

void nj_scrub_result_fini(nj_scrub_result *result)
{
    free(result->entries);
    free(result->found);
    free(result->finds);
    *result = (nj_scrub_result){0};
}

nj_status nj_scrub_entry_add(nj_scrub_result *out, const nj_scrub_entry *entry, nj_error *err)
{
    nj_scrub_entry *grown = realloc(out->entries, (out->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu generations", out->count + 1);
    }
    out->entries = grown;
    out->entries[out->count++] = *entry;
    return NJ_OK;
}

static void watch_row(job *at)
{
    const nj_delta_watch *watch = &at->options->watch;
    if (++at->rows_done % NJ_DELTA_WATCH_ROWS == 0 && watch->rows != NULL) {
        watch->rows(watch->context, at->rows_done, at->rows_total);
    }
}

// ---- counting ----

static nj_status count_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    job *at = context;
    const nj_erase_set *set = at->options->set;
    uint8_t *found = at->result->found;
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    uint64_t items = 0;
    watch_row(at);
    nj_status status = nj_store_key_unpack(key, digits, &user, err);
    if (status == NJ_OK) {
        status = nj_scrub_row_count(at->row, value, found + set->users.list.count, &items, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const size_t number = nj_erase_ids_find(&set->users, user);
    if (number != NJ_IDMAP_NONE) {
        const uint32_t flags = nj_row_flags(value);
        found[number] = 1;
        at->entry->rows_removed++;
        at->entry->copied_removed += (flags & NJ_ROW_COPIED) != 0;
        at->entry->carried_removed += (flags & NJ_ROW_CARRIED) != 0;
        return NJ_OK;
    }
    at->entry->rows++;
    at->entry->lists_changed += items > 0;
    at->entry->items_removed += items;
    return NJ_OK;
}

static bool is_touched(const nj_scrub_entry *entry, uint64_t beside_count)
{
    return entry->rows_removed > 0 || entry->lists_changed > 0 || beside_count > 0;
}

// A generation that cannot be read may hold any of them.
static nj_status count_generation(job *at, const nj_store_name *name)
{
    nj_store_reader *reader = NULL;
    uint64_t beside_count = 0;
    nj_scrub_entry entry = {.old_name = *name};
    at->entry = &entry;
    nj_status status = nj_store_reader_open(at->store_dir, name->text, &reader, at->err);
    if (status == NJ_OK) {
        status = nj_store_each_entry(reader, count_row, at, at->err);
    }
    if (status == NJ_OK) {
        status = nj_beside_count(at->store_dir, name, at->text, &beside_count, at->err);
    }
    if (status == NJ_OK && is_touched(&entry, beside_count)) {
        at->pack_bytes += nj_store_reader_manifest(reader)->data_bytes + BESIDE_BYTES;
        status = nj_scrub_entry_add(at->result, &entry, at->err);
    } else if (status == NJ_OK) {
        at->result->untouched++;
    } else if (status != NJ_NO_MEMORY) {
        nj_error_prefix(at->err,
                        "%s: cannot be read, so nothing can be promised of it; if nobody needs it, "
                        "remove its folder",
                        name->text);
        status = status == NJ_INPUT ? NJ_REFUSED : status;
    }
    nj_store_reader_close(&reader);
    return status;
}

static nj_status count_all(job *at, const nj_store_listing *listing)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < listing->count; i++) {
        at->rows_total += listing->entries[i].manifest.facts.row_count;
    }
    for (size_t i = listing->count; i-- > 0 && status == NJ_OK;) {
        status = count_generation(at, &listing->entries[i].name);
    }
    return status;
}

// What an earlier run has taken out is not to be found any more: it has counted, and was strict.
static nj_status check_known(job *at)
{
    const nj_erase_set *set = at->options->set;
    const size_t users = set->users.list.count;
    const size_t count = users + set->items.list.count;
    size_t first = count;
    at->result->unknown = 0;
    for (size_t i = count; i-- > 0;) {
        if (!at->result->found[i]) {
            at->result->unknown++;
            first = i;
        }
    }
    const uint64_t earlier = at->result->earlier_unknown;
    if (at->has_earlier) {
        at->result->unknown = at->result->unknown < earlier ? at->result->unknown : earlier;
        return NJ_OK;
    }
    if (!at->options->strict || at->result->unknown == 0) {
        return NJ_OK;
    }
    const nj_slice id = first < users ? nj_erase_ids_at(&set->users, first)
                                      : nj_erase_ids_at(&set->items, first - users);
    return nj_fail(at->err, NJ_NOT_FOUND,
                   "%" PRIu64 " of %zu ids are in no generation, the first is %s \"%.*s\"; nothing "
                   "was changed",
                   at->result->unknown, count, first < users ? "user" : "item", NJ_SLICE_ARGS(id));
}

// ---- new names ----

// The next ULID: the same millisecond, and so the same place among the others.
static void count_up(nj_store_name *name)
{
    static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (size_t i = NJ_STORE_NAME_CHARS; i-- > strlen(NJ_STORE_WORDS.PREFIX);) {
        const char *at = strchr(ALPHABET, name->text[i]);
        assert(at != NULL && *at != '\0');
        if (*at != 'Z') {
            name->text[i] = at[1];
            return;
        }
        name->text[i] = '0';
    }
}

static bool is_taken(const nj_scrub_result *result, const nj_store_name *name)
{
    for (size_t i = 0; i < result->count; i++) {
        if (strcmp(result->entries[i].new_name.text, name->text) == 0) {
            return true;
        }
    }
    return false;
}

// NJ_REFUSED: a folder has it or is about to, or SCRUBBED names it.
static nj_status check_free(const job *at, const nj_store_name *name)
{
    nj_path path;
    if (is_taken(at->result, name)) {
        return NJ_REFUSED;
    }
    nj_status status = nj_store_path(at->store_dir, name, NULL, &path, at->err);
    if (status == NJ_OK && nj_folder_exists(path.text)) {
        return NJ_REFUSED;
    }
    return status == NJ_OK ? nj_store_scrubbed_check(at->store_dir, name, at->err) : status;
}

static nj_status choose_name(const job *at, const nj_store_name *old, nj_store_name *out)
{
    nj_status status;
    nj_store_name name = *old;
    do {
        count_up(&name);
        status = check_free(at, &name);
    } while (status == NJ_REFUSED);
    *out = name;
    return status;
}

// ---- packing ----

static void note_carried(job *at, nj_slice value)
{
    nj_row_scan row;
    if ((nj_row_flags(value) & NJ_ROW_CARRIED) != 0 && nj_row_scan_open(value, &row) &&
        row.age > at->carried_age) {
        at->carried_age = row.age;
    }
}

static nj_status pack_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    job *at = context;
    const nj_erase_set *set = at->options->set;
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    uint64_t items = 0;
    watch_row(at);
    nj_status status = nj_store_key_unpack(key, digits, &user, err);
    if (status != NJ_OK || nj_erase_has_user(set, user)) {
        return status;
    }
    note_carried(at, value);
    status =
        nj_scrub_row_count(at->row, value, at->result->found + set->users.list.count, &items, err);
    if (status == NJ_OK && items > 0) {
        status = nj_scrub_row_write(at->row, value, err);
        value = nj_buffer_slice(&at->row->bytes);
    }
    return status == NJ_OK ? nj_generation_write_row(&at->write, key, value, err) : status;
}

// user_count less row_count is who was quarantined, before and behind.
static void change_facts(const nj_scrub_entry *entry, uint64_t carried_age, nj_store_facts *facts)
{
    facts->schema_version = NJ_STORE_SCHEMA_VERSION;
    facts->lmdb_major = nj_env_lmdb_major();
    snprintf(facts->lmdb_version, sizeof facts->lmdb_version, "%s", nj_env_lmdb_version());
    snprintf(facts->nightjar_version, sizeof facts->nightjar_version, "%s", NIGHTJAR_VERSION);
    snprintf(facts->generation, sizeof facts->generation, "%s", entry->new_name.text);
    facts->user_count -= entry->rows_removed + entry->quarantined_removed;
    facts->copied_count -= entry->copied_removed;
    facts->carried_count -= entry->carried_removed;
    facts->carried_age = carried_age;
}

static nj_status count_quarantined(job *at, const char *folder, uint64_t before)
{
    nj_path path;
    uint64_t lines = 0;
    nj_status status = nj_path_join(folder, NJ_STORE_WORDS.QUARANTINED, &path, at->err);
    if (status == NJ_OK) {
        status = nj_store_quarantine_count(path.text, &lines, at->err);
    }
    at->entry->quarantined_removed = before - lines;
    return status;
}

static nj_status fill_generation(job *at, const char *folder)
{
    nj_store_reader *reader = NULL;
    nj_store_manifest manifest = {0};
    nj_status status =
        nj_store_reader_open(at->store_dir, at->entry->old_name.text, &reader, at->err);
    if (status == NJ_OK) {
        manifest = *nj_store_reader_manifest(reader);
        status = nj_generation_write_begin(&at->write, folder, manifest.data_bytes, at->err);
    }
    if (status == NJ_OK) {
        status = nj_store_each_entry(reader, pack_row, at, at->err);
    }
    if (status == NJ_OK) {
        status = nj_beside_copy_without(at->store_dir, &at->entry->old_name, folder,
                                        at->options->set, at->err);
    }
    if (status == NJ_OK) {
        status =
            count_quarantined(at, folder, manifest.facts.user_count - manifest.facts.row_count);
    }
    if (status == NJ_OK) {
        change_facts(at->entry, at->carried_age, &manifest.facts);
        status = nj_generation_write_finish(&at->write, &manifest.facts, at->err);
    }
    nj_generation_write_abort(&at->write);
    nj_store_reader_close(&reader);
    return status == NJ_OK ? nj_generation_seal(folder, &manifest, at->err) : status;
}

static nj_status pack_one(job *at, const char *draft)
{
    nj_path folder;
    at->write = (nj_generation_write){0};
    at->carried_age = 0;
    nj_status status = choose_name(at, &at->entry->old_name, &at->entry->new_name);
    if (status == NJ_OK) {
        status = nj_path_join(draft, at->entry->new_name.text, &folder, at->err);
    }
    if (status == NJ_OK) {
        status = nj_folder_make(folder.text, at->err);
    }
    if (status == NJ_OK) {
        status = fill_generation(at, folder.text);
    }
    if (status == NJ_OK) {
        status = nj_folder_sync(folder.text, at->err);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(SCRUB_PACKED, at->err) : status;
}

static nj_status check_room(const job *at)
{
    struct statvfs about;
    if (statvfs(at->store_dir, &about) != 0) {
        return nj_fail_errno(at->err, NJ_IO, errno, "%s: cannot ask for its room", at->store_dir);
    }
    const uint64_t room = (uint64_t)about.f_bavail * about.f_frsize;
    return room >= at->pack_bytes
               ? NJ_OK
               : nj_fail(at->err, NJ_IO,
                         "%s: %zu generations are written anew beside the old ones, up to %.1f MB; "
                         "the disk has %.1f MB",
                         at->store_dir, at->result->count, (double)at->pack_bytes / 1e6,
                         (double)room / 1e6);
}

// The entries from `first` on: all of them, or none.
static nj_status pack_all(job *at, size_t first)
{
    nj_scrub_result *result = at->result;
    nj_folder_draft draft = {0};
    for (size_t i = first; i < result->count; i++) {
        at->rows_total += result->entries[i].rows + result->entries[i].rows_removed;
    }
    nj_status status = check_room(at);
    if (status == NJ_OK) {
        status = nj_folder_draft_begin(at->store_dir, &draft, at->err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(SCRUB_DRAFTED, at->err);
    }
    for (size_t i = first; i < result->count && status == NJ_OK; i++) {
        at->entry = &result->entries[i];
        status = pack_one(at, draft.folder.text);
    }
    if (status == NJ_OK) {
        status = nj_scrub_plan_write(draft.folder.text, result, first, at->err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(SCRUB_PLANNED, at->err);
    }
    if (status == NJ_OK) {
        status = nj_folder_draft_commit(&draft, NJ_STORE_WORDS.SCRUB, at->err);
    }
    nj_folder_draft_abort(&draft);
    return status == NJ_OK ? NJ_FAILPOINT_STEP(SCRUB_DECIDED, at->err) : status;
}

// ---- the whole ----

// What an earlier run has decided is done to its end first, so that there is one plan at a time.
static nj_status finish_earlier(job *at)
{
    nj_status status = nj_scrub_plan_read(at->store_dir, at->result, at->err);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    at->result->unknown = at->result->earlier_unknown;
    return status != NJ_OK || at->options->dry_run
               ? status
               : nj_scrub_finish(at->store_dir, at->options, at->text, 0, at->result, at->err);
}

static nj_status check_night(const char *store_dir, nj_error *err)
{
    return nj_staging_exists(store_dir)
               ? nj_fail(err, NJ_AGAIN,
                         "%s: a night is staged here, which runs or was left: let it end, or give "
                         "it up with --drop-night; begin the next one without these users and "
                         "items",
                         store_dir)
               : NJ_OK;
}

static nj_status scrub_locked(job *at)
{
    nj_store_listing listing = {0};
    const nj_scrub_options *options = at->options;
    nj_status status = options->dry_run ? NJ_OK : check_night(at->store_dir, at->err);
    if (status == NJ_OK) {
        status = finish_earlier(at);
    }
    if (status == NJ_OK && options->receipt && !options->dry_run) {
        status = nj_scrub_untold_read(at->store_dir, at->result, at->err);
    }
    const size_t first = at->result->count;
    at->has_earlier = first > 0;
    if (status == NJ_OK) {
        status = nj_store_list(at->store_dir, &listing, at->err);
    }
    if (status == NJ_OK) {
        status = count_all(at, &listing);
    }
    nj_store_listing_fini(&listing);
    if (status == NJ_OK) {
        status = check_known(at);
    }
    if (status != NJ_OK || options->dry_run) {
        return status;
    }
    if (at->result->count > first) {
        status = pack_all(at, first);
    }
    return status == NJ_OK
               ? nj_scrub_finish(at->store_dir, options, at->text, first, at->result, at->err)
               : status;
}

nj_status nj_store_scrub(const char *store_dir, const nj_scrub_options *options,
                         nj_scrub_result *out, nj_error *err)
{
    nj_store_lock lock;
    nj_scrub_text text = {0};
    const nj_erase_set *set = options->set;
    job at = {.store_dir = store_dir, .options = options, .text = &text, .result = out, .err = err};
    *out = (nj_scrub_result){0};
    nj_status status = nj_folder_check(store_dir, err);
    if (status == NJ_OK) {
        status = nj_scrub_text_init(&text, set, err);
    }
    if (status == NJ_OK) {
        status = nj_scrub_row_new(set, &text, &at.row, err);
    }
    if (status == NJ_OK) {
        out->found = calloc(set->users.list.count + set->items.list.count + 1, 1);
        status = out->found != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for the ids");
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "scrub", options->lock_wait_ms, &lock, err);
    }
    if (status == NJ_OK) {
        status = scrub_locked(&at);
        nj_store_lock_release(&lock);
    }
    nj_scrub_row_free(&at.row);
    nj_scrub_text_fini(&text);
    return status;
}
