#include "coordinator/daemon/missing.h"

#include <string.h>

#include "common/base/log.h"
#include "common/store/pin.h"
#include "common/store/staging.h"

// ---- opening ----

static nj_status open_generation(const char *store_dir, const char *generation, nj_missing *m,
                                 nj_error *err)
{
    nj_path dir;
    nj_status status = nj_path_copy(store_dir, &dir, err);
    if (status == NJ_OK && generation != NULL) {
        status = nj_store_name_parse(nj_slice_from(generation), &m->name)
                     ? nj_store_pinned_dir(store_dir, generation, &dir, err)
                     : nj_fail(err, NJ_CONFIG, "%s/staging: \"%s\" is no name of a generation",
                               store_dir, generation);
    } else if (status == NJ_OK) {
        status = nj_store_current(store_dir, &m->name, err);
    }
    if (status == NJ_OK) {
        status = nj_store_reader_open(dir.text, m->name.text, &m->reader, err);
    }
    return status == NJ_OK
               ? nj_store_check_data(dir.text, &m->name, nj_store_reader_manifest(m->reader), err)
               : status;
}

static nj_status note_present(nj_missing *m, nj_error *err)
{
    nj_status status = NJ_OK;
    nj_idmap_init(&m->present);
    for (size_t i = 0; i < m->users->count && status == NJ_OK; i++) {
        status = nj_idmap_insert(&m->present, nj_user_table_at(m->users, i).user, i);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(err, status, "no memory to look for users of %zu", m->users->count);
}

static nj_slice user_at(const void *users, size_t index)
{
    return nj_user_table_at(users, index).user;
}

// The next user who is missing, with his row made. NJ_END: no more.
static nj_status find_next(nj_missing *m, nj_error *err)
{
    nj_slice value;
    for (;;) {
        char digits[NJ_STORE_DIGITS_BYTES];
        nj_request user = {.mask = NJ_MASK_BASE};
        nj_carried about;
        nj_error why = {0};
        nj_status status = nj_store_next(m->reader, &m->key, &value, err);
        if (status == NJ_OK) {
            status = nj_store_key_unpack(m->key, digits, &user.user, err);
        }
        if (status != NJ_OK) {
            return status;
        }
        if (nj_idmap_find(&m->present, user.user, user_at, m->users) != NJ_IDMAP_NONE) {
            continue;
        }
        nj_buffer_clear(&m->row);
        status = nj_carry_row(&m->rules, &user, value, m->scratch, &m->row, &about, &why);
        if (status == NJ_OK) {
            return NJ_OK;
        }
        if (status == NJ_NO_MEMORY) {
            return nj_fail(err, status, "no memory to carry rows over");
        }
    }
}

static nj_status count(nj_missing *m, nj_error *err)
{
    nj_status status = nj_store_rewind(m->reader, err);
    if (status == NJ_OK) {
        status = find_next(m, err);
    }
    while (status == NJ_OK) {
        m->count++;
        status = find_next(m, err);
    }
    return status == NJ_END ? NJ_OK : status;
}

nj_status nj_missing_open(const char *store_dir, const char *generation, const nj_job *job,
                          nj_missing *out, nj_error *err)
{
    const nj_catalogue_view *catalogue = &job->catalogue;
    nj_missing m = {.users = &job->users, .scratch = nj_carry_scratch_new()};
    nj_buffer_init(&m.row, NJ_ROW_BYTES_MAX);
    nj_status status = m.scratch != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory");
    if (status == NJ_OK) {
        status = open_generation(store_dir, generation, &m, err);
    }
    if (status == NJ_OK) {
        status =
            nj_live_rows_init(&catalogue->trie, (uint32_t)catalogue->items.count, &m.live, err);
    }
    if (status == NJ_OK) {
        status = note_present(&m, err);
    }
    if (status == NJ_OK) {
        *out = m;
        out->rules = (nj_carry_rules){.items = &catalogue->items,
                                      .map = &job->map,
                                      .live = &out->live,
                                      .masks = &catalogue->masks,
                                      .top = job->settings.top,
                                      .keep_history = job->settings.keep_history};
        status = count(out, err);
        m = (nj_missing){0};
    } else {
        nj_missing_close(&m);
    }
    if (status == NJ_NOT_FOUND && generation == NULL) {
        nj_log(NJ_LOG_WARNING,
               "--missing-users carry: nothing has been published in %s yet: nobody is missing",
               store_dir);
        return NJ_OK;
    }
    return status;
}

void nj_missing_close(nj_missing *missing)
{
    nj_store_reader_close(&missing->reader);
    nj_idmap_fini(&missing->present);
    nj_live_rows_fini(&missing->live);
    nj_carry_scratch_free(&missing->scratch);
    nj_buffer_fini(&missing->row);
}

// ---- the rows of both ----

static nj_status step_copied(nj_missing *m, nj_error *err)
{
    nj_status status = m->copied.next != NULL ? m->copied.next(m->copied.context, &m->copied_key,
                                                               &m->copied_value, err)
                                              : NJ_END;
    if (status == NJ_END) {
        m->copied_key = (nj_slice){0};
    }
    return status == NJ_END ? NJ_OK : status;
}

static nj_status step_missing(nj_missing *m, nj_error *err)
{
    nj_status status = find_next(m, err);
    if (status == NJ_END) {
        m->key = (nj_slice){0};
    }
    return status == NJ_END ? NJ_OK : status;
}

static void rewind_rows(void *context)
{
    nj_missing *m = context;
    m->began = false;
    if (m->copied.next != NULL) {
        m->copied.rewind(m->copied.context);
    }
}

// Steps on the stream whose row was given last; both at the beginning.
static nj_status step(nj_missing *m, bool copied, nj_error *err)
{
    if (m->began) {
        return copied ? step_copied(m, err) : step_missing(m, err);
    }
    nj_status status = nj_store_rewind(m->reader, err);
    m->began = true;
    m->key = (nj_slice){0};
    if (status == NJ_OK) {
        status = step_missing(m, err);
    }
    return status == NJ_OK ? step_copied(m, err) : status;
}

static bool comes_copied(const nj_missing *m)
{
    return m->copied_key.size > 0 &&
           (m->key.size == 0 || nj_slice_compare(m->copied_key, m->key) < 0);
}

static nj_status next_row(void *context, nj_slice *out_key, nj_slice *out_value, nj_error *err)
{
    nj_missing *m = context;
    nj_status status = step(m, comes_copied(m), err);
    if (status != NJ_OK) {
        return status;
    }
    const bool copied = comes_copied(m);
    *out_key = copied ? m->copied_key : m->key;
    *out_value = copied ? m->copied_value : nj_buffer_slice(&m->row);
    return out_key->size > 0 ? NJ_OK : NJ_END;
}

bool nj_missing_rows(nj_missing *missing, nj_since *since, const nj_plan *plan, nj_copied_rows *out)
{
    nj_copied_rows copied = {0};
    const bool copies = nj_since_rows(since, plan, &copied);
    if (missing->count == 0) {
        *out = copied;
        return copies;
    }
    missing->copied = copied;
    // A row grows by the refill at most as far as it had a reserve, and by a few bytes of flags and age.
    *out = (nj_copied_rows){.context = missing,
                            .bytes = copied.bytes +
                                     2 * nj_store_reader_manifest(missing->reader)->data_bytes,
                            .rewind = rewind_rows,
                            .next = next_row};
    return true;
}

nj_status nj_missing_digest(nj_missing *missing, nj_since *since, const nj_plan *plan,
                            nj_digest *out, nj_error *err)
{
    nj_copied_rows rows;
    nj_digester digester;
    nj_slice key;
    nj_slice value;
    if (missing->count == 0 || !nj_missing_rows(missing, since, plan, &rows)) {
        *out = since->copied_digest;
        return NJ_OK;
    }
    nj_digester_init(&digester);
    rows.rewind(rows.context);
    nj_status status = rows.next(rows.context, &key, &value, err);
    while (status == NJ_OK) {
        nj_digester_update_sized(&digester, key.bytes, key.size);
        nj_digester_update_sized(&digester, value.bytes, value.size);
        status = rows.next(rows.context, &key, &value, err);
    }
    *out = nj_digester_final(&digester);
    return status == NJ_END ? NJ_OK : status;
}
