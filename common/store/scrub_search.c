// scrub_search.c - the store's folder read once more: do any of them still stand anywhere?
#include "common/store/scrub.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mapped.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/store/env.h"
#include "common/store/reader.h"
#include "common/store/schema.h"
#include "common/store/scrub_text.h"

#define META_PAGES_BYTES NJ_STORE_HEAD_BYTES // no keys in them, but counters that may look like one
#define KEY_OF_NUMBER_BYTES 9
#define NOWHERE UINT64_MAX

typedef struct {
    const nj_erase_set *set;
    nj_scrub_text text;     // owned
    nj_byte_search keys;    // owned; of users that are numbers
    nj_erase_ids covers;    // owned; ids that stay and have one of the others inside
    nj_byte_search covered; // owned; the same
    nj_scrub_result *result;
    nj_path file; // that is looked at
    nj_error *err;
} search;

static nj_status add_find(search *at, uint64_t offset, size_t label)
{
    nj_scrub_result *result = at->result;
    if (result->find_count < NJ_SCRUB_FINDS_MAX) {
        nj_scrub_find *grown =
            realloc(result->finds, (result->find_count + 1) * sizeof *result->finds);
        if (grown == NULL) {
            return nj_fail(at->err, NJ_NO_MEMORY, "no memory for what was found");
        }
        result->finds = grown;
        grown[result->find_count] =
            (nj_scrub_find){.file = at->file, .offset = offset, .label = label};
    }
    result->find_count++;
    return NJ_OK;
}

// ---- by structure ----

// An id that stays. Where one of the others stands inside, the bytes of the file will be explained by it.
static nj_status look_at_id(search *at, nj_slice id, const nj_erase_ids *erased, size_t label)
{
    nj_byte_hit hit;
    const size_t number = nj_erase_ids_find(erased, id);
    if (number != NJ_IDMAP_NONE) {
        return add_find(at, NOWHERE, label + number);
    }
    return nj_scrub_text_find(&at->text, id, 0, &hit) ? nj_erase_ids_add(&at->covers, id, at->err)
                                                      : NJ_OK;
}

static nj_status look_at_items(search *at, const uint8_t *bytes, uint32_t count)
{
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        char digits[NJ_ID_DIGITS_MAX];
        nj_row_item item;
        bytes = nj_row_item_read(bytes, &item);
        const nj_slice id =
            item.is_number ? (nj_slice){digits, nj_id_of_number(item.number, digits)} : item.text;
        status = look_at_id(at, id, &at->set->items, at->set->users.list.count);
    }
    return status;
}

static nj_status look_at_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    search *at = context;
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    nj_row_scan row;
    nj_status status = nj_store_key_unpack(key, digits, &user, err);
    if (status == NJ_OK) {
        status = look_at_id(at, user, &at->set->users, 0);
    }
    if (status == NJ_OK && nj_row_scan_open(value, &row)) {
        status = look_at_items(at, row.items, row.count);
        if (status == NJ_OK) {
            status = look_at_items(at, row.reserve, row.reserve_count);
        }
    }
    return status;
}

static nj_status look_at_generations(search *at, const char *store_dir)
{
    nj_store_listing listing = {0};
    nj_status status = nj_store_list(store_dir, &listing, at->err);
    for (size_t i = 0; i < listing.count && status == NJ_OK; i++) {
        nj_store_reader *reader = NULL;
        const nj_store_name *name = &listing.entries[i].name;
        status = nj_store_path(store_dir, name, NJ_STORE_WORDS.DATA, &at->file, at->err);
        if (status == NJ_OK) {
            status = nj_store_reader_open(store_dir, name->text, &reader, at->err);
        }
        if (status == NJ_OK) {
            status = nj_store_each_entry(reader, look_at_row, at, at->err);
        }
        nj_store_reader_close(&reader);
    }
    nj_store_listing_fini(&listing);
    return status;
}

// ---- by bytes ----

static nj_status build_keys(search *at)
{
    nj_status status = NJ_OK;
    const nj_erase_ids *users = &at->set->users;
    for (size_t i = 0; i < users->list.count && status == NJ_OK; i++) {
        uint64_t number;
        uint8_t key[KEY_OF_NUMBER_BYTES] = {NJ_STORE_KEY_NUMBER};
        if (nj_id_is_number(nj_erase_ids_at(users, i), &number)) {
            nj_env_write_u64(key + 1, number);
            status = nj_byte_search_add(&at->keys, (nj_slice){(char *)key, sizeof key}, i);
        }
    }
    return status == NJ_OK ? nj_byte_search_build(&at->keys) : status;
}

static nj_status build_covers(search *at)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < at->covers.list.count && status == NJ_OK; i++) {
        status = nj_byte_search_add(&at->covered, nj_erase_ids_at(&at->covers, i), i);
    }
    return status == NJ_OK ? nj_byte_search_build(&at->covered) : status;
}

// The hit lies inside of an id that stays.
static bool is_covered(const search *at, nj_slice bytes, const nj_byte_hit *hit)
{
    const size_t from = hit->at > NJ_ID_BYTES_MAX ? hit->at - NJ_ID_BYTES_MAX : 0;
    const size_t end = hit->at + hit->size;
    const size_t to = bytes.size - end > NJ_ID_BYTES_MAX ? end + NJ_ID_BYTES_MAX : bytes.size;
    nj_byte_hit cover;
    for (size_t next = from;
         nj_byte_search_next(&at->covered, (nj_slice){bytes.bytes, to}, next, &cover) &&
         cover.at <= hit->at;
         next = cover.at + 1) {
        if (cover.at + cover.size >= end) {
            return true;
        }
    }
    return false;
}

// A number stands in manifests and reports by chance; as an id it is a string of JSON there.
static bool is_chance(nj_slice bytes, const nj_byte_hit *hit)
{
    uint64_t number;
    const size_t end = hit->at + hit->size;
    return nj_id_is_number((nj_slice){bytes.bytes + hit->at, hit->size}, &number) &&
           !(hit->at > 0 && bytes.bytes[hit->at - 1] == '"' && end < bytes.size &&
             bytes.bytes[end] == '"');
}

// LMDB leaves bytes of rows that moved to another page in the gap between a page's offsets and its nodes, and the node that is put
// there later cuts them off. They are of rows of this file; what a cut key and the head of the next node spell together is nobody's.
//
//   node    | size u16 | size u16 | flags u16 | key bytes u16 | key ...
//   page    | ... | flags u16 at 10: 1 in a branch ... |      a file's first page says at byte 40 how large pages are
#define NODE_HEAD_BYTES 8
#define PAGE_BYTES_AT 40
#define PAGE_FLAGS_AT 10
#define PAGE_IS_BRANCH 1
static bool is_in_branch(nj_slice bytes, const nj_byte_hit *hit)
{
    uint32_t page_bytes;
    memcpy(&page_bytes, bytes.bytes + PAGE_BYTES_AT, sizeof page_bytes);
    return page_bytes >= 512 &&
           (bytes.bytes[hit->at / page_bytes * page_bytes + PAGE_FLAGS_AT] & PAGE_IS_BRANCH) != 0;
}

static bool has_head_inside(nj_slice bytes, const nj_byte_hit *hit)
{
    const uint8_t *at = (const uint8_t *)bytes.bytes + hit->at;
    // In a leaf the head of the next may be cut off as well; in a branch it follows a whole key.
    const size_t end = hit->size + (is_in_branch(bytes, hit) ? 0 : NODE_HEAD_BYTES);
    for (size_t i = 1; i < end && hit->at + i + NODE_HEAD_BYTES < bytes.size; i++) {
        const size_t key_bytes = at[i + 6] | (size_t)at[i + 7] << 8;
        const uint8_t kind = at[i + NODE_HEAD_BYTES];
        if (at[i + 3] != 0 || at[i + 4] > 1 || at[i + 5] != 0) {
            continue; // a row has less than 2^24 bytes, and one flag at most
        }
        if ((kind == NJ_STORE_KEY_NUMBER && key_bytes == KEY_OF_NUMBER_BYTES) ||
            (kind == NJ_STORE_KEY_TEXT && key_bytes > 1 && key_bytes <= NJ_STORE_KEY_BYTES_MAX)) {
            return true;
        }
    }
    return false;
}

// What stands before an id in data.mdb says how long it is: a longer one was cut off, or goes on behind.
static bool is_longer(nj_slice bytes, const nj_byte_hit *hit)
{
    const uint8_t *at = (const uint8_t *)bytes.bytes + hit->at;
    if (hit->at < 3) {
        return false;
    }
    if ((at[-1] & 0xe0) == 0xa0) { // MessagePack's short text
        return (at[-1] & 0x1fu) != hit->size;
    }
    if (at[-2] == 0xd9) { // and its longer one
        return at[-1] != hit->size;
    }
    return at[-1] == NJ_STORE_KEY_TEXT && (at[-3] | (size_t)at[-2] << 8) != hit->size + 1;
}

// A small number's key is zeros, as much of a page is: it is one where its node says how long it is.
static bool is_key(nj_slice bytes, const nj_byte_hit *hit)
{
    const uint8_t *at = (const uint8_t *)bytes.bytes + hit->at;
    return (at[1] | at[2] | at[3] | at[4]) != 0 || (at[-1] == 0 && at[-2] == KEY_OF_NUMBER_BYTES);
}

static nj_status search_data(search *at, nj_slice bytes)
{
    nj_byte_hit hit;
    nj_status status = NJ_OK;
    for (size_t from = META_PAGES_BYTES;
         status == NJ_OK && nj_scrub_text_find(&at->text, bytes, from, &hit); from = hit.at + 1) {
        if (!is_longer(bytes, &hit) && !has_head_inside(bytes, &hit) && !is_chance(bytes, &hit) &&
            !is_covered(at, bytes, &hit)) {
            status = add_find(at, hit.at, hit.label);
        }
    }
    for (size_t from = META_PAGES_BYTES;
         status == NJ_OK && nj_byte_search_next(&at->keys, bytes, from, &hit); from = hit.at + 1) {
        if (is_key(bytes, &hit) && !has_head_inside(bytes, &hit)) {
            status = add_find(at, hit.at, hit.label);
        }
    }
    return status;
}

static nj_status search_bytes(search *at, nj_slice bytes)
{
    nj_byte_hit hit;
    nj_status status = NJ_OK;
    for (size_t from = 0; status == NJ_OK && nj_scrub_text_find(&at->text, bytes, from, &hit);
         from = hit.at + 1) {
        if (!is_chance(bytes, &hit) && !is_covered(at, bytes, &hit)) {
            status = add_find(at, hit.at, hit.label);
        }
    }
    return status;
}

static nj_status search_file(search *at, const char *path, const char *name)
{
    nj_mapped file = {0};
    nj_status status = nj_path_copy(path, &at->file, at->err);
    if (status == NJ_OK) {
        status = nj_mapped_open(path, &file, at->err);
    }
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    if (status == NJ_OK) {
        const nj_slice bytes = {(const char *)file.bytes, file.size};
        status = strcmp(name, NJ_STORE_WORDS.DATA) == 0 ? search_data(at, bytes)
                                                        : search_bytes(at, bytes);
        at->result->bytes_searched += file.size;
    }
    nj_mapped_close(&file);
    return status;
}

static nj_status search_folder(search *at, const char *store_dir)
{
    char *paths[] = {(char *)(uintptr_t)store_dir, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (walk == NULL) {
        return nj_fail_errno(at->err, NJ_IO, errno, "%s: cannot walk it", store_dir);
    }
    nj_status status = NJ_OK;
    FTSENT *entry;
    while (status == NJ_OK && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_F) {
            status = search_file(at, entry->fts_path, entry->fts_name);
        } else if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR) {
            status =
                nj_fail_errno(at->err, NJ_IO, entry->fts_errno, "%s: cannot read", entry->fts_path);
        }
    }
    fts_close(walk);
    return status;
}

nj_status nj_store_scrub_search(const char *store_dir, const char *const *files, size_t file_count,
                                const nj_erase_set *set, nj_scrub_result *out, nj_error *err)
{
    search *at = calloc(1, sizeof *at);
    if (at == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to search");
    }
    nj_erase_set covers;
    nj_erase_set_init(&covers);
    *at = (search){.set = set, .covers = covers.users, .result = out, .err = err};
    nj_byte_search_init(&at->keys);
    nj_byte_search_init(&at->covered);
    nj_status status = nj_scrub_text_init(&at->text, set, err);
    if (status == NJ_OK) {
        out->searched = at->text.searched;
        out->unsearched = at->text.unsearched;
        status = build_keys(at);
    }
    if (status == NJ_OK) {
        status = look_at_generations(at, store_dir);
    }
    if (status == NJ_OK) {
        status = build_covers(at);
    }
    if (status == NJ_OK) {
        status = search_folder(at, store_dir);
    }
    for (size_t i = 0; i < file_count && status == NJ_OK; i++) {
        status = search_file(at, files[i], "");
    }
    covers.users = at->covers;
    nj_erase_set_fini(&covers);
    nj_scrub_text_fini(&at->text);
    nj_byte_search_fini(&at->keys);
    nj_byte_search_fini(&at->covered);
    free(at);
    return status;
}
