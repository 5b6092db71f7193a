#include "coordinator/daemon/carry.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/notify.h"
#include "common/codec/shard.h"
#include "common/store/pin.h"
#include "common/store/reader.h"
#include "coordinator/carry_row.h"
#include "coordinator/daemon/night_deadline.h"

typedef struct {
    nj_night *n;
    nj_store_reader *reader; // owned
    nj_carry_rules rules;
    nj_carry_scratch *scratch; // owned
    nj_buffer row;             // owned; of the user at hand
    nj_buffer blob;            // owned; of the piece at hand, as a worker would send it
    uint64_t with_row;         // users who are not done
    uint64_t without;
} carrying;

// ---- opening ----

static nj_status open_generation(carrying *c, nj_error *err)
{
    const nj_night *n = c->n;
    nj_path dir;
    nj_store_name name;
    nj_status status =
        nj_store_name_parse(nj_slice_from(n->deadline.from), &name)
            ? NJ_OK
            : nj_fail(err, NJ_REFUSED, "\"%s\" is no name of a generation", n->deadline.from);
    if (status == NJ_OK) {
        status = nj_store_pinned_dir(n->options->store_dir, name.text, &dir, err);
    }
    if (status == NJ_OK) {
        status = nj_store_reader_open(dir.text, name.text, &c->reader, err);
    }
    if (status == NJ_OK) {
        status = nj_store_check_data(dir.text, &name, nj_store_reader_manifest(c->reader), err);
    }
    return status;
}

static nj_status open_carrying(nj_night *n, carrying *c, nj_error *err)
{
    *c = (carrying){.n = n, .rules = nj_night_carry_rules(n), .scratch = nj_carry_scratch_new()};
    nj_buffer_init(&c->row, NJ_ROW_BYTES_MAX);
    nj_buffer_init(&c->blob, NJ_SHARD_BYTES_MAX);
    if (c->scratch == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to carry rows over");
    }
    if (n->deadline.from[0] == '\0') {
        return nj_night_hold(n, "there is no earlier generation to carry rows over from", err);
    }
    nj_error why = {0};
    nj_status status = open_generation(c, &why);
    return status == NJ_OK || status == NJ_NO_MEMORY || status == NJ_IO
               ? (status == NJ_OK ? NJ_OK : nj_fail(err, status, "%s", why.text))
               : nj_night_hold(n, why.text, err);
}

static void close_carrying(carrying *c)
{
    nj_store_reader_close(&c->reader);
    nj_carry_scratch_free(&c->scratch);
    nj_buffer_fini(&c->row);
    nj_buffer_fini(&c->blob);
}

// ---- rows and pieces ----

// False in `*out_has`: there is none, or none that can be carried.
static nj_status make_row(carrying *c, const nj_request *user, bool *out_has, nj_error *err)
{
    nj_slice row;
    nj_carried about;
    nj_error why = {0};
    *out_has = false;
    nj_buffer_clear(&c->row);
    nj_status status = nj_store_get(c->reader, user->user, &row, err);
    if (status == NJ_OK) {
        status = nj_carry_row(&c->rules, user, row, c->scratch, &c->row, &about, &why);
        *out_has = status == NJ_OK;
        if (status == NJ_INPUT) {
            nj_log(NJ_LOG_WARNING, "%s: user \"%.*s\": %s", c->n->deadline.from,
                   NJ_SLICE_ARGS(user->user), why.text);
            return NJ_OK;
        }
    }
    if (status == NJ_NO_MEMORY) {
        return nj_fail(err, status, "no memory to carry rows over");
    }
    return status == NJ_NOT_FOUND ? NJ_OK : status;
}

static bool is_open(const nj_piece *piece)
{
    return piece->state == NJ_PIECE_WAITING || piece->state == NJ_PIECE_LEASED ||
           piece->state == NJ_PIECE_RETRY_WAIT;
}

// Every piece that is not done, in key order. A piece that `visit` has split is entered.
static nj_status each_open(carrying *c, nj_status (*visit)(carrying *, uint32_t, nj_error *),
                           nj_error *err)
{
    nj_ledger *ledger = &c->n->exchange.dispatch->ledger;
    nj_status status = NJ_OK;
    for (uint32_t shard = 0; shard < c->n->plan.shard_count && status == NJ_OK; shard++) {
        const uint32_t users = (uint32_t)nj_plan_shard_users(&c->n->plan, shard);
        for (uint32_t position = 0; position < users && status == NJ_OK;) {
            const uint32_t index = nj_ledger_leaf(ledger, shard, position);
            if (is_open(&ledger->pieces[index])) {
                status = visit(c, index, err);
            }
            if (ledger->pieces[index].state != NJ_PIECE_SPLIT) {
                position = ledger->pieces[index].first + ledger->pieces[index].count;
            }
        }
    }
    return status;
}

static nj_status count_piece(carrying *c, uint32_t index, nj_error *err)
{
    const nj_piece_range range = nj_ledger_piece(&c->n->exchange.dispatch->ledger, index);
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < range.count && status == NJ_OK; i++) {
        const nj_request user = nj_plan_request(&c->n->plan, range.shard, range.first + i);
        bool has = false;
        status = make_row(c, &user, &has, err);
        c->with_row += has;
        c->without += !has;
    }
    nj_notify_alive(nj_clock_mono_ns());
    return status == NJ_OK ? nj_night_check_signal(err) : status;
}

// Fills the blob. NJ_CARRY_SOME as soon as one lacks a row, or they are too many bytes for one piece.
static nj_status fill_blob(carrying *c, const nj_piece_range *range, nj_carry *out, nj_error *err)
{
    nj_buffer_clear(&c->blob);
    *out = NJ_CARRY_ALL;
    nj_status status = nj_rows_begin(&c->blob, range->count);
    for (uint32_t i = 0; i < range->count && status == NJ_OK && *out == NJ_CARRY_ALL; i++) {
        const nj_request user = nj_plan_request(&c->n->plan, range->shard, range->first + i);
        bool has = false;
        status = make_row(c, &user, &has, err);
        if (status != NJ_OK) {
            return status;
        }
        if (!has || (range->count > 1 && c->blob.size + c->row.size > NJ_CARRY_PIECE_BYTES_MAX)) {
            *out = range->count > 1 ? NJ_CARRY_SOME : NJ_CARRY_NONE;
        } else {
            status = nj_rows_add(&c->blob, nj_buffer_slice(&c->row));
        }
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory to carry rows over");
}

static nj_status stage_piece(carrying *c, uint32_t index, const nj_piece_range *range,
                             nj_error *err)
{
    nj_night *n = c->n;
    nj_slice *rows = n->check.rows; // [users of the largest shard]
    const nj_slice blob = nj_buffer_slice(&c->blob);
    nj_status status = nj_rows_split(blob, range->count, rows, err);
    if (status == NJ_OK && nj_stage_is_full(&n->stage)) {
        status = nj_night_settle(n, err);
    }
    if (status == NJ_OK) {
        status = nj_stage_add_carried(&n->stage, range, index, blob, rows, n->deadline.from, err);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(CARRY_STAGED, err) : status;
}

static nj_status carry_piece(carrying *c, uint32_t index, nj_error *err)
{
    nj_carry what = NJ_CARRY_ALL;
    nj_dispatch *dispatch = c->n->exchange.dispatch;
    const nj_piece_range range = nj_ledger_piece(&dispatch->ledger, index);
    nj_status status = nj_night_check_signal(err);
    if (status == NJ_OK) {
        status = fill_blob(c, &range, &what, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_notify_alive(nj_clock_mono_ns());
    if (what == NJ_CARRY_ALL) {
        return stage_piece(c, index, &range, err);
    }
    status = nj_dispatch_carry(dispatch, index, what);
    if (status != NJ_OK) {
        return nj_night_hold(c->n,
                             "users without a row to carry over stand in so many places of the "
                             "plan that its pieces are used up",
                             err);
    }
    nj_exchange_perform(&c->n->exchange); // tells of who is quarantined
    return NJ_OK;
}

// ---- budgets ----

static nj_status check_budgets(const carrying *c, nj_error *err)
{
    const nj_night *n = c->n;
    char why[256];
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    const uint64_t carried = counts->carried_users + c->with_row + n->missing.count;
    const uint64_t given_up = counts->quarantined_users + c->without;
    if (carried * 100 > n->deadline.carry_max * n->summary.users) {
        snprintf(why, sizeof why,
                 "%" PRIu64 " users would be carried over, %.1f %% of all, --carry-max is %" PRIu64
                 " %%",
                 carried, 100.0 * (double)carried / (double)n->summary.users,
                 n->deadline.carry_max);
        return nj_night_hold(n, why, err);
    }
    if (given_up > n->options->quarantine_max) {
        snprintf(why, sizeof why,
                 "%" PRIu64 " users would have no list, of them %" PRIu64
                 " who have no row in %s to be carried over; --quarantine-max is %u",
                 given_up, c->without, n->deadline.from, n->options->quarantine_max);
        return nj_night_hold(n, why, err);
    }
    return NJ_OK;
}

nj_status nj_night_carry(nj_night *n, nj_error *err)
{
    carrying c;
    nj_status status = open_carrying(n, &c, err);
    if (status == NJ_OK) {
        status = each_open(&c, count_piece, err);
    }
    if (status == NJ_OK) {
        status = check_budgets(&c, err);
    }
    if (status == NJ_OK) {
        nj_log_event(NJ_EVENT_CARRYING,
                     NJ_FIELDS(nj_log_uint("users", c.with_row), nj_log_uint("without", c.without),
                               nj_log_text("generation", n->deadline.from)),
                     "the deadline has come: %" PRIu64 " users keep their rows of %s, %" PRIu64
                     " have none there and are quarantined",
                     c.with_row, n->deadline.from, c.without);
        NJ_FAILPOINT_HIT(CARRY_DUE);
        status = each_open(&c, carry_piece, err);
    }
    if (status == NJ_OK) {
        status = nj_night_settle(n, err);
    }
    close_carrying(&c);
    return status;
}
