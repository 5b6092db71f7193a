#include "coordinator/daemon/since_refresh.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/catalogue/section_names.h"
#include "common/codec/row.h"
#include "common/sid/live_rows.h"
#include "common/sid/prefix.h"

#define TEMPLATE_BYTES_MAX (64u << 10)
#define DEPENDS_ON_MORE ((uint32_t)(NJ_ROW_COLD | NJ_ROW_WIDENED | NJ_ROW_SHORT))

// ---- what must be the same ----

static bool is_same_section(const nj_sections *then, const nj_sections *now, const char *name)
{
    const nj_section *a = nj_sections_find(then, name);
    const nj_section *b = nj_sections_find(now, name);
    return a != NULL && b != NULL && nj_digest_equal(&a->digest, &b->digest);
}

// Absent from both is the same.
static bool is_same_optional(const nj_sections *then, const nj_sections *now, const char *name)
{
    const bool had = nj_sections_find(then, name) != NULL;
    const bool has = nj_sections_find(now, name) != NULL;
    return (!had && !has) || is_same_section(then, now, name);
}

// What a model that is asked in text reads of a user and of his items. An item that comes or goes changes the section of strings.
static bool is_same_prompt(const nj_sections *then, const nj_sections *now)
{
    return is_same_optional(then, now, NJ_SECTION_PROMPT) &&
           is_same_optional(then, now, NJ_SECTION_STRINGS) &&
           is_same_optional(then, now, NJ_SECTION_TOKENIZER) &&
           is_same_optional(then, now, NJ_SECTION_COLLABORATIVE);
}

// A list under a policy is made of more than what its search looks at, so its row has no trace. A row of then without a policy has one, and
// is none of tonight's if tonight has a policy.
static bool is_same_policy(const nj_sections *then, const nj_sections *now)
{
    return is_same_optional(then, now, NJ_SECTION_POLICY);
}

static nj_status compare_templates(const nj_template *then, const nj_template *now, bool *out_same,
                                   nj_error *err)
{
    nj_buffer a;
    nj_buffer b;
    nj_buffer_init(&a, TEMPLATE_BYTES_MAX);
    nj_buffer_init(&b, TEMPLATE_BYTES_MAX);
    nj_status status = nj_template_write(then, &a);
    if (status == NJ_OK) {
        status = nj_template_write(now, &b);
    }
    *out_same = a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
    nj_buffer_fini(&a);
    nj_buffer_fini(&b);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory to compare two catalogues");
}

static bool has_same_tokens(const nj_catalogue_view *then, const nj_catalogue_view *now)
{
    const uint32_t L = now->sids.level_count;
    return then->sids.level_count == L &&
           memcmp(then->sids.codes_per_level, now->sids.codes_per_level,
                  L * sizeof then->sids.codes_per_level[0]) == 0 &&
           memcmp(then->token_base, now->token_base, L * sizeof then->token_base[0]) == 0;
}

static nj_status find_difference(const nj_sections *then, const nj_catalogue_view *view,
                                 const nj_job *job, const char **out_differs, nj_error *err)
{
    const nj_sections *now = nj_bundle_sections(job->bundle);
    bool same_template = false;
    nj_status status =
        compare_templates(&view->template, &job->catalogue.template, &same_template, err);
    *out_differs = !is_same_section(then, now, NJ_SECTION_MODEL) ||
                           !is_same_section(then, now, NJ_SECTION_WEIGHTS)
                       ? "model"
                   : !has_same_tokens(view, &job->catalogue) ? "codes per level or tokens"
                   : !same_template || view->history_max != job->catalogue.history_max
                       ? "encoder template or history limit"
                   : !is_same_prompt(then, now) ? "prompt or texts of items"
                   : !is_same_policy(then, now) ? "policy"
                                                : NULL;
    return status;
}

// ---- what changed ----

typedef struct {
    const nj_catalogue_view *then;
    const nj_catalogue_view *now;
    const nj_idmap *map; // id -> tonight's row
    nj_live_rows then_live;
    nj_live_rows now_live;
    uint64_t *kept; // owned; bits of tonight's rows that had these codes and a leaf then
    size_t room;    // of changed
    nj_since_refresh *out;
} comparison;

static nj_status add_changed(nj_since_refresh *out, size_t *room, uint32_t prefix)
{
    if (out->changed_count == *room) {
        const size_t more = *room == 0 ? 1024 : 2 * *room;
        uint32_t *grown = realloc(out->changed, more * sizeof *grown);
        if (grown == NULL) {
            return NJ_NO_MEMORY;
        }
        out->changed = grown;
        *room = more;
    }
    out->changed[out->changed_count++] = prefix;
    return NJ_OK;
}

// An item with these codes is in one of the tries only, and `other` is the other one: the longest prefix of it that `other` has, short of
// the leaf, has other children or other items below it. Longer ones are in one trie only, so nobody could look at them in both.
static nj_status note_change(comparison *c, const nj_trie *other, const uint16_t *codes)
{
    uint32_t prefix = NJ_PREFIX_ROOT;
    uint32_t node = 0;
    uint32_t l = 0;
    for (; l + 1 < other->level_count; l++) {
        node = nj_trie_step(other, l, node, codes[l]);
        if (node == NJ_TRIE_NONE) {
            break;
        }
        prefix = nj_prefix_append(prefix, codes[l]);
    }
    if (l == 0) {
        c->out->root_changed = true;
        return NJ_OK;
    }
    return add_changed(c->out, &c->room, prefix);
}

static const uint16_t *codes_of(const nj_catalogue_view *view, size_t row)
{
    return view->sids.codes + row * view->sids.level_count;
}

// Items of then. Those that share a leaf stand in the order of their rows, so that order must be tonight's too.
static nj_status compare_then(comparison *c, bool *out_ordered)
{
    const size_t code_bytes = c->now->sids.level_count * sizeof(uint16_t);
    size_t behind = 0; // tonight's row of the last item that is in both tries, + 1
    nj_status status = NJ_OK;
    *out_ordered = true;
    for (size_t r = 0; r < c->then->sids.row_count && status == NJ_OK; r++) {
        const size_t n = nj_idmap_find(c->map, nj_idlist_at(&c->then->items, r), nj_idmap_at_list,
                                       &c->now->items);
        const bool is_there = n != NJ_IDMAP_NONE;
        const bool same =
            is_there && memcmp(codes_of(c->then, r), codes_of(c->now, n), code_bytes) == 0;
        if (is_there && !same) {
            nj_bits_add(c->out->moved, n);
        }
        if (!nj_live_rows_has(&c->then_live, r)) {
            continue;
        }
        if (same && nj_live_rows_has(&c->now_live, n)) {
            *out_ordered &= n >= behind;
            behind = n + 1;
            nj_bits_add(c->kept, n);
        } else {
            c->out->went++;
            status = note_change(c, &c->now->trie, codes_of(c->then, r));
        }
    }
    return status;
}

static nj_status compare_now(comparison *c)
{
    nj_status status = NJ_OK;
    for (size_t n = 0; n < c->now->sids.row_count && status == NJ_OK; n++) {
        if (nj_live_rows_has(&c->now_live, n) && !nj_bits_has(c->kept, n)) {
            c->out->came++;
            status = note_change(c, &c->then->trie, codes_of(c->now, n));
        }
    }
    return status;
}

static int compare_names(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sort_changed(nj_since_refresh *out)
{
    if (out->changed_count == 0) {
        return;
    }
    qsort(out->changed, out->changed_count, sizeof *out->changed, compare_names);
    size_t count = 1;
    for (size_t i = 1; i < out->changed_count; i++) {
        if (out->changed[i] != out->changed[count - 1]) {
            out->changed[count++] = out->changed[i];
        }
    }
    out->changed_count = count;
}

static nj_status compare_catalogues(const nj_catalogue_view *then, const nj_job *job,
                                    nj_since_refresh *out, const char **out_differs, nj_error *err)
{
    bool ordered = true;
    comparison c = {.then = then, .now = &job->catalogue, .map = &job->map, .out = out};
    c.kept = calloc(nj_bits_words(c.now->sids.row_count), sizeof *c.kept);
    out->moved = calloc(nj_bits_words(c.now->sids.row_count), sizeof *out->moved);
    nj_status status = c.kept != NULL && out->moved != NULL ? NJ_OK : NJ_NO_MEMORY;
    if (status == NJ_OK) {
        status = nj_live_rows_init(&then->trie, then->sids.row_count, &c.then_live, NULL);
    }
    if (status == NJ_OK) {
        status = nj_live_rows_init(&c.now->trie, c.now->sids.row_count, &c.now_live, NULL);
    }
    if (status == NJ_OK) {
        status = compare_then(&c, &ordered);
    }
    if (status == NJ_OK) {
        status = compare_now(&c);
    }
    nj_live_rows_fini(&c.then_live);
    nj_live_rows_fini(&c.now_live);
    free(c.kept);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory to compare catalogues of %u and %u items",
                       then->sids.row_count, c.now->sids.row_count);
    }
    sort_changed(out);
    *out_differs = ordered ? NULL : "order of items";
    return NJ_OK;
}

// ---- the bundle of then ----

static nj_status open_bundle(const char *path, const nj_digest *digest, nj_bundle **out,
                             nj_error *err)
{
    char wanted[NJ_DIGEST_HEX_BYTES];
    char found[NJ_DIGEST_HEX_BYTES];
    nj_status status = nj_bundle_open(path, out, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_digest own = nj_sections_digest(nj_bundle_sections(*out));
    if (!nj_digest_equal(&own, digest)) {
        nj_digest_hex(digest, wanted);
        nj_digest_hex(&own, found);
        return nj_fail(err, NJ_REFUSED,
                       "--since-bundle %s is bundle %.12s, but the generation was made with %.12s: "
                       "give that one, or leave the option out",
                       path, found, wanted);
    }
    return nj_bundle_verify(*out, err);
}

nj_status nj_since_refresh_make(const char *bundle_path, const nj_digest *bundle_digest,
                                const nj_job *job, nj_since_refresh *out, const char **out_differs,
                                nj_error *err)
{
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_since_refresh refresh = {0};
    *out = refresh;
    *out_differs = NULL;
    nj_status status = open_bundle(bundle_path, bundle_digest, &bundle, err);
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(nj_bundle_sections(bundle), &view, err);
    }
    if (status == NJ_OK) {
        status = find_difference(nj_bundle_sections(bundle), &view, job, out_differs, err);
    }
    if (status == NJ_OK && *out_differs == NULL) {
        status = compare_catalogues(&view, job, &refresh, out_differs, err);
    }
    if (status == NJ_OK && *out_differs == NULL) {
        *out = refresh;
        refresh = (nj_since_refresh){0};
    }
    nj_since_refresh_fini(&refresh);
    nj_bundle_close(&bundle);
    return status;
}

void nj_since_refresh_fini(nj_since_refresh *refresh)
{
    free(refresh->changed);
    free(refresh->moved);
    *refresh = (nj_since_refresh){0};
}

// ---- judging ----

bool nj_since_refresh_stands(const nj_since_refresh *refresh, const nj_request *user,
                             const nj_row_scan *row)
{
    if (refresh->root_changed || row->trace == NULL || (row->flags & DEPENDS_ON_MORE) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < user->item_count; i++) {
        if (nj_bits_has(refresh->moved, user->items[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < row->trace_count && refresh->changed_count > 0; i++) {
        const uint32_t name = nj_row_trace_at(row->trace, i);
        if (bsearch(&name, refresh->changed, refresh->changed_count, sizeof name, compare_names) !=
            NULL) {
            return false;
        }
    }
    return true;
}
