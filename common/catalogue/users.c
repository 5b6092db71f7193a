#include "common/catalogue/users.h"

#define BYTES_MAX ((size_t)1 << 40)

typedef struct {
    uint64_t first; // into items
    uint32_t count;
    uint32_t unknown_count;
    uint32_t mask;
    uint32_t exclude_count; // behind the items
} span;

// What a user has beside items. All zero: neither.
typedef struct {
    uint64_t text_first; // into texts
    uint32_t text_more;  // one more than the bytes of the text; 0: there is none
    uint32_t
        candidates_more; // one more than the candidates, which lie behind the excluded items; 0: all of the catalogue
} asked;

typedef struct {
    nj_user_table *table;
    const nj_idlist *items;
    const nj_idmap *map;
    const nj_user_rules *rules;
} reading;

void nj_user_table_init(nj_user_table *table)
{
    *table = (nj_user_table){.needs = NJ_PROMPT_NEEDS_HISTORY};
    nj_idlist_builder_init(&table->ids);
    nj_buffer_init(&table->items, BYTES_MAX);
    nj_buffer_init(&table->spans, BYTES_MAX);
    nj_buffer_init(&table->asked, BYTES_MAX);
    nj_buffer_init(&table->texts, BYTES_MAX);
}

// Appends the rows of the known ids.
static nj_status resolve_ids(nj_user_table *table, const nj_idlist *items, const nj_idmap *map,
                             const nj_slice *ids, size_t count, uint32_t *out_known)
{
    *out_known = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = nj_idmap_find(map, ids[i], nj_idmap_at_list, items);
        if (index == NJ_IDMAP_NONE) {
            continue;
        }
        uint32_t row = (uint32_t)index;
        nj_status status = nj_buffer_append(&table->items, &row, sizeof row);
        if (status != NJ_OK) {
            return status;
        }
        ++*out_known;
    }
    return NJ_OK;
}

static nj_status resolve_items(nj_user_table *table, const nj_idlist *items, const nj_idmap *map,
                               const nj_history *history, span *out)
{
    out->first = table->items.size / sizeof(uint32_t);
    nj_status status =
        resolve_ids(table, items, map, history->items, history->item_count, &out->count);
    out->unknown_count = (uint32_t)(history->item_count - out->count);
    return status == NJ_OK ? resolve_ids(table, items, map, history->exclude,
                                         history->exclude_count, &out->exclude_count)
                           : status;
}

// The history names a group, or a file does; not two different ones.
static nj_status resolve_group(nj_user_table *table, const nj_user_rules *rules,
                               const nj_history *history, uint32_t *out_mask, nj_error *err)
{
    *out_mask = NJ_MASK_BASE;
    if (rules == NULL || rules->masks->count == 0) {
        table->group_ignored += history->group.bytes != NULL;
        return NJ_OK;
    }
    const uint32_t filed =
        rules->groups != NULL ? nj_user_groups_find(rules->groups, history->user) : NJ_MASK_NONE;
    uint32_t said = NJ_MASK_NONE;
    if (history->group.bytes != NULL) {
        said = nj_masks_find(rules->masks, history->group);
        if (said == NJ_MASK_NONE || (filed != NJ_MASK_NONE && filed != said)) {
            return nj_history_fail(history, err, "user \"%.*s\" is in the group \"%.*s\", %s",
                                   NJ_SLICE_ARGS(history->user), NJ_SLICE_ARGS(history->group),
                                   said == NJ_MASK_NONE ? "which --groups does not have"
                                                        : "--user-groups has another one for him");
        }
    }
    if (said != NJ_MASK_NONE || filed != NJ_MASK_NONE) {
        *out_mask = said != NJ_MASK_NONE ? said : filed;
        table->group_count++;
    }
    return NJ_OK;
}

static nj_status check_asked(uint32_t needs, const nj_history *history, nj_error *err)
{
    if (history->candidates == NULL && (needs & NJ_PROMPT_NEEDS_CANDIDATES) != 0) {
        return nj_history_fail(history, err,
                               "user \"%.*s\" has no \"candidates\", for which the bundle's prompt "
                               "has a place",
                               NJ_SLICE_ARGS(history->user));
    }
    if (history->text.bytes == NULL && (needs & NJ_PROMPT_NEEDS_TEXT) != 0) {
        return nj_history_fail(
            history, err,
            "user \"%.*s\" has no \"text\", for which the bundle's prompt has a place",
            NJ_SLICE_ARGS(history->user));
    }
    return NJ_OK;
}

// Resolves the candidates, which stand behind the excluded items, and keeps the text, as far as the bundle looks at them.
static nj_status resolve_asked(reading *r, const nj_history *history, asked *out)
{
    nj_user_table *table = r->table;
    nj_status status = NJ_OK;
    // Free text names no items: candidates mean something where they stand in the prompt.
    const bool reads_candidates =
        (table->needs & (NJ_PROMPT_NEEDS_CANDIDATES | NJ_PROMPT_ANSWERS_TEXT)) !=
        NJ_PROMPT_ANSWERS_TEXT;
    if (history->candidates != NULL && reads_candidates) {
        uint32_t known = 0;
        status = resolve_ids(table, r->items, r->map, history->candidates, history->candidate_count,
                             &known);
        out->candidates_more = known + 1;
    }
    if (history->text.bytes == NULL || status != NJ_OK) {
        return status;
    }
    if ((table->needs & NJ_PROMPT_NEEDS_TEXT) == 0) {
        table->text_ignored++;
        return NJ_OK;
    }
    out->text_first = table->texts.size;
    out->text_more = (uint32_t)history->text.size + 1;
    return nj_buffer_append(&table->texts, history->text.bytes, history->text.size);
}

// Every user of a table has an entry once one of them needs it.
static nj_status append_asked(nj_user_table *table, const asked *user)
{
    static const asked NOTHING;
    const bool is_asked = user->candidates_more != 0 || user->text_more != 0;
    nj_status status = NJ_OK;
    if (table->asked.size == 0 && !is_asked) {
        return NJ_OK;
    }
    while (status == NJ_OK && table->asked.size < table->count * sizeof NOTHING) {
        status = nj_buffer_append(&table->asked, &NOTHING, sizeof NOTHING);
    }
    return status == NJ_OK ? nj_buffer_append(&table->asked, user, sizeof *user) : status;
}

static void count_asked(nj_user_table *table, const asked *user)
{
    table->candidates_unknown += user->candidates_more == 1;
    if (user->candidates_more > table->candidates_most + 1) {
        table->candidates_most = user->candidates_more - 1;
    }
}

static void count_user(nj_user_table *table, const span *user)
{
    const uint32_t both = user->count + user->exclude_count; // each at most NJ_HISTORY_ITEMS_MAX
    const bool is_cold = user->count == 0 && (table->needs & NJ_PROMPT_NEEDS_HISTORY) != 0;
    if (is_cold && table->cold_count++ == 0) {
        table->first_cold = table->count;
    }
    if (user->count > table->longest) {
        table->longest = user->count;
    }
    if (user->exclude_count > table->exclude_longest) {
        table->exclude_longest = user->exclude_count;
    }
    if (both > table->both_longest) {
        table->both_longest = both;
    }
    table->item_total += user->count;
    table->unknown_total += user->unknown_count;
    table->count++;
}

nj_status nj_user_table_add(nj_user_table *table, const nj_idlist *items, const nj_idmap *map,
                            const nj_user_rules *rules, const nj_history *history, nj_error *err)
{
    reading r = {table, items, map, rules};
    span user = {0};
    asked more = {0};
    nj_status status = resolve_group(table, rules, history, &user.mask, err);
    if (status == NJ_OK && rules != NULL) {
        table->needs = rules->needs;
        status = check_asked(rules->needs, history, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = resolve_items(table, items, map, history, &user);
    if (status == NJ_OK && rules != NULL) {
        status = resolve_asked(&r, history, &more);
    }
    if (status == NJ_OK) {
        status = append_asked(table, &more);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&table->spans, &user, sizeof user);
    }
    if (status == NJ_OK) {
        status = nj_idlist_builder_add(&table->ids, history->user);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for more than %zu users", table->count);
    }
    count_asked(table, &more);
    count_user(table, &user);
    return NJ_OK;
}

static nj_status add_user(void *context, const nj_history *history, nj_error *err)
{
    reading *r = context;
    return nj_user_table_add(r->table, r->items, r->map, r->rules, history, err);
}

nj_status nj_user_table_read(const nj_histories_source *source, const nj_idlist *items,
                             const nj_idmap *map, const nj_user_rules *rules, nj_user_table *out,
                             nj_error *err)
{
    nj_user_table table;
    nj_user_table_init(&table);
    reading r = {&table, items, map, rules};
    nj_status status = nj_histories_read(source, add_user, &r, err);
    if (status != NJ_OK) {
        nj_user_table_fini(&table);
        return status;
    }
    *out = table;
    return NJ_OK;
}

void nj_user_table_fini(nj_user_table *table)
{
    nj_idlist_builder_fini(&table->ids);
    nj_buffer_fini(&table->items);
    nj_buffer_fini(&table->spans);
    nj_buffer_fini(&table->asked);
    nj_buffer_fini(&table->texts);
    table->count = 0;
}

static const uint32_t NO_ROWS[1]; // an address, where a table holds no row at all

static void add_asked(const nj_user_table *table, size_t index, const uint32_t *candidates,
                      nj_request *out)
{
    const asked *user = (const asked *)(const void *)table->asked.bytes + index;
    if (user->candidates_more != 0) {
        out->candidates = candidates;
        out->candidate_count = user->candidates_more - 1;
    }
    if (user->text_more != 0) {
        // Where all texts are empty, there is no memory behind them: they are there all the same.
        const char *texts = table->texts.size > 0 ? (const char *)table->texts.bytes : "";
        out->text = (nj_slice){texts + user->text_first, user->text_more - 1};
    }
}

nj_request nj_user_table_at(const nj_user_table *table, size_t index)
{
    const span *user = (const span *)(const void *)table->spans.bytes + index;
    const uint32_t *items = (const uint32_t *)(const void *)table->items.bytes;
    const uint64_t exclude = user->first + user->count;
    nj_request request = {.user = nj_idlist_builder_at(&table->ids, index),
                          .items = user->count > 0 ? items + user->first : NULL,
                          .item_count = user->count,
                          .unknown_count = user->unknown_count,
                          .mask = user->mask,
                          .exclude = user->exclude_count > 0 ? items + exclude : NULL,
                          .exclude_count = user->exclude_count};
    if (table->asked.size > 0) {
        const uint64_t candidates = exclude + user->exclude_count;
        add_asked(table, index, items != NULL ? items + candidates : NO_ROWS, &request);
    }
    return request;
}

nj_status nj_user_table_apply(const nj_user_table *table, nj_settings *settings, nj_error *err)
{
    if (settings->cold_users == NJ_COLD_FAIL && table->cold_count > 0) {
        nj_slice first = nj_user_table_at(table, table->first_cold).user;
        return nj_fail(err, NJ_INPUT,
                       "%zu of %zu users have no item that the catalogue knows, the first is "
                       "\"%.*s\" (--cold-users fail)",
                       table->cold_count, table->count, NJ_SLICE_ARGS(first));
    }
    settings->history_items_max = table->longest;
    settings->exclusions_max =
        settings->keep_history ? table->exclude_longest : table->both_longest;
    settings->candidates_max = table->candidates_most;
    return NJ_OK;
}
