#include "common/store/beside.h"

#include "common/base/mapped.h"
#include "common/store/controls.h"
#include "common/store/groups.h"
#include "common/store/origin.h"
#include "common/store/quarantine.h"
#include "common/store/schema.h"

typedef struct {
    const nj_erase_set *set;
    uint64_t count;
} tally;

// QUARANTINED.jsonl: users, and reasons that may quote anything.
static nj_status count_quarantined(const char *store_dir, const nj_store_name *name,
                                   const nj_scrub_text *text, uint64_t *out, nj_error *err)
{
    nj_path path;
    nj_mapped file = {0};
    nj_buffer ignored;
    nj_status status = nj_store_path(store_dir, name, NJ_STORE_WORDS.QUARANTINED, &path, err);
    if (status != NJ_OK || !nj_file_exists(path.text)) {
        return status;
    }
    nj_buffer_init(&ignored, 2 * NJ_SCRUB_LINE_BYTES_MAX);
    status = nj_mapped_open(path.text, &file, err);
    if (status == NJ_OK && nj_scrub_json(text, (nj_slice){(const char *)file.bytes, file.size},
                                         &ignored, out) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu bytes", path.text, file.size);
    }
    nj_mapped_close(&file);
    nj_buffer_fini(&ignored);
    return status;
}

// A user may be called as an item is: each is looked for among its own.
static nj_status count_lists(void *context, const nj_control_lists *lists, nj_error *err)
{
    tally *sum = context;
    (void)err;
    sum->count += nj_erase_has_user(sum->set, lists->user);
    for (size_t i = 0; i < NJ_CONTROL_COUNT; i++) {
        for (uint32_t j = 0; j < lists->counts[i]; j++) {
            sum->count += nj_erase_has_item(sum->set, lists->items[i][j]);
        }
    }
    return NJ_OK;
}

static nj_status count_controls(const char *store_dir, const nj_store_name *name,
                                const nj_scrub_text *text, uint64_t *out, nj_error *err)
{
    nj_path folder;
    nj_error found = {0};
    nj_controls_facts ignored;
    tally sum = {.set = text->set};
    nj_status status = nj_store_path(store_dir, name, NULL, &folder, err);
    if (status == NJ_OK) {
        status = nj_store_controls_read(folder.text, count_lists, &sum, &ignored, &found);
        status = status == NJ_OK || status == NJ_NOT_FOUND ? NJ_OK
                                                           : nj_fail(err, status, "%s", found.text);
    }
    *out += sum.count;
    return status;
}

static nj_status count_record(void *context, const nj_origin_record *record, nj_error *err)
{
    tally *sum = context;
    (void)err;
    sum->count += nj_erase_has_user(sum->set, nj_slice_from(record->user));
    return NJ_OK;
}

static nj_status count_origin(const char *store_dir, const nj_store_name *name,
                              const nj_scrub_text *text, uint64_t *out, nj_error *err)
{
    nj_origin *origin = NULL;
    nj_error found = {0};
    tally sum = {.set = text->set};
    nj_status status = nj_store_origin_open(store_dir, name, &origin, &found);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    status = status == NJ_OK ? nj_store_origin_each(origin, count_record, &sum, err)
                             : nj_fail(err, status, "%s", found.text);
    nj_store_origin_close(&origin);
    *out += sum.count;
    return status;
}

// What a file beside a manifest can do, in the order in which they are looked at. A new one is a row here.
static const struct {
    nj_status (*check)(const char *store_dir, const nj_store_name *name,
                       const nj_store_facts *facts, nj_error *err);
    nj_status (*count)(const char *store_dir, const nj_store_name *name, const nj_scrub_text *text,
                       uint64_t *out, nj_error *err); // adds to *out
    nj_status (*copy_without)(const char *from_folder, const char *to_folder,
                              const nj_erase_set *set, nj_error *err);
} FILES[] = {
    {nj_store_quarantine_check, count_quarantined, nj_store_quarantine_copy_without},
    {nj_store_controls_check, count_controls, nj_store_controls_copy_without},
    {NULL, NULL, nj_store_groups_copy_without}, // names of groups and counts, nobody's id
    {nj_store_origin_check, count_origin, nj_store_origin_copy_without},
};
#define FILE_COUNT (sizeof FILES / sizeof FILES[0])

nj_status nj_beside_check(const char *store_dir, const nj_store_name *name,
                          const nj_store_facts *facts, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < FILE_COUNT && status == NJ_OK; i++) {
        status = FILES[i].check != NULL ? FILES[i].check(store_dir, name, facts, err) : NJ_OK;
    }
    return status;
}

nj_status nj_beside_count(const char *store_dir, const nj_store_name *name,
                          const nj_scrub_text *text, uint64_t *out, nj_error *err)
{
    nj_status status = NJ_OK;
    *out = 0;
    for (size_t i = 0; i < FILE_COUNT && status == NJ_OK; i++) {
        status = FILES[i].count != NULL ? FILES[i].count(store_dir, name, text, out, err) : NJ_OK;
    }
    return status;
}

nj_status nj_beside_copy_without(const char *store_dir, const nj_store_name *name, const char *to,
                                 const nj_erase_set *set, nj_error *err)
{
    nj_path from;
    nj_status status = nj_store_path(store_dir, name, NULL, &from, err);
    for (size_t i = 0; i < FILE_COUNT && status == NJ_OK; i++) {
        status = FILES[i].copy_without(from.text, to, set, err);
    }
    return status;
}
