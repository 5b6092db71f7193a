// tokenize.c - `nightjar tokenize`: the token ids of item titles.
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/idlist.h"
#include "common/cli/progress.h"
#include "common/text/item_texts.h"
#include "common/text/tokenizer.h"
#include "ops/cli/commands.h"

#define ROW_BYTES_MAX ((size_t)1 << 30)

typedef struct {
    nj_tokenizer *tokenizer;
    bool is_special;
    nj_progress bar;
    FILE *out; // borrowed: stdout, or the draft's
    nj_file_draft draft;
    nj_idlist_builder items; // seen so far
    nj_idmap map;
    nj_buffer title; // the fields of an item, a space between them
    nj_buffer ids;
    nj_buffer row;
    uint64_t token_count;
    uint64_t empty_count; // items without text
    size_t longest;       // tokens of an item
} tokenizing;

// ---- rows ----

static nj_status fail_row(const nj_item_text *item, nj_error *err)
{
    (void)nj_lines_fail(item->lines, item->line, err, "no memory for a row of %zu bytes",
                        ROW_BYTES_MAX);
    return NJ_NO_MEMORY;
}

static nj_status remember_item(tokenizing *t, const nj_item_text *item, nj_error *err)
{
    if (nj_idmap_find(&t->map, item->id, nj_idmap_at_builder, &t->items) != NJ_IDMAP_NONE) {
        return nj_lines_fail(item->lines, item->line, err, "item \"%.*s\" stands twice",
                             NJ_SLICE_ARGS(item->id));
    }
    nj_status status = nj_idlist_builder_add(&t->items, item->id);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&t->map, item->id, t->items.count - 1);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory for %zu items", t->items.count);
}

static nj_status join_fields(tokenizing *t, const nj_item_text *item)
{
    nj_buffer_clear(&t->title);
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < item->field_count; i++) {
        if (t->title.size > 0) {
            status = nj_buffer_append(&t->title, " ", 1);
        }
        if (status == NJ_OK) {
            status =
                nj_buffer_append(&t->title, item->fields[i].text.bytes, item->fields[i].text.size);
        }
    }
    return status;
}

// {"item": "b7", "ids": [31, 7]}
static nj_status write_row(tokenizing *t, nj_slice item)
{
    const uint32_t *ids = (const uint32_t *)(const void *)t->ids.bytes;
    const size_t count = t->ids.size / sizeof *ids;
    nj_buffer_clear(&t->row);
    nj_status status = nj_buffer_printf(&t->row, "{\"item\": ");
    if (status == NJ_OK) {
        status = nj_buffer_json_string(&t->row, item);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(&t->row, ", \"ids\": [");
    }
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = nj_buffer_printf(&t->row, "%s%" PRIu32, i > 0 ? ", " : "", ids[i]);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(&t->row, "]}\n");
    }
    if (status == NJ_OK) { // a full disk is told when the draft is committed
        fwrite(t->row.bytes, 1, t->row.size, t->out);
    }
    return status;
}

static nj_status take_item(void *context, const nj_item_text *item, nj_error *err)
{
    tokenizing *t = context;
    nj_buffer_clear(&t->ids);
    nj_status status = remember_item(t, item, err);
    if (status != NJ_OK) {
        return status;
    }
    if (join_fields(t, item) != NJ_OK) {
        return fail_row(item, err);
    }
    status =
        nj_tokenizer_encode(t->tokenizer, nj_buffer_slice(&t->title), t->is_special, &t->ids, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s: line %" PRIu64 ": item \"%.*s\"", item->lines->name, item->line,
                        NJ_SLICE_ARGS(item->id));
        return status;
    }
    if (write_row(t, item->id) != NJ_OK) {
        return fail_row(item, err);
    }
    const size_t count = t->ids.size / sizeof(uint32_t);
    t->token_count += count;
    t->empty_count += t->title.size == 0;
    t->longest = count > t->longest ? count : t->longest;
    nj_progress_update(&t->bar, t->items.count, nj_clock_mono_ns());
    return NJ_OK;
}

// ---- what is told ----

static nj_status print_json(const tokenizing *t, double seconds, nj_error *err)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f}", "tokenizer", nj_tokenizer_path(t->tokenizer),
        "kind", nj_tokenizer_kind(t->tokenizer), "vocabulary",
        (json_int_t)nj_tokenizer_vocabulary(t->tokenizer), "items", (json_int_t)t->items.count,
        "tokens", (json_int_t)t->token_count, "longest", (json_int_t)t->longest, "without_text",
        (json_int_t)t->empty_count, "seconds", seconds);
    return nj_print_json_take(&object, err);
}

static void print_text(const tokenizing *t, double seconds)
{
    printf("%s: %s, vocabulary of %" PRIu32 "\n", nj_tokenizer_path(t->tokenizer),
           nj_tokenizer_kind(t->tokenizer), nj_tokenizer_vocabulary(t->tokenizer));
    printf("%zu items, %" PRIu64 " tokens, at most %zu of an item; %" PRIu64
           " items without text\n%.1f s\n",
           t->items.count, t->token_count, t->longest, t->empty_count, seconds);
}

// ---- running ----

static void init_tokenizing(tokenizing *t)
{
    nj_idlist_builder_init(&t->items);
    nj_idmap_init(&t->map);
    nj_buffer_init(&t->title, NJ_TOKENIZER_TEXT_BYTES_MAX);
    nj_buffer_init(&t->ids, ROW_BYTES_MAX);
    nj_buffer_init(&t->row, ROW_BYTES_MAX);
}

static void fini_tokenizing(tokenizing *t)
{
    nj_file_draft_abort(&t->draft);
    nj_idlist_builder_fini(&t->items);
    nj_idmap_fini(&t->map);
    nj_buffer_fini(&t->title);
    nj_buffer_fini(&t->ids);
    nj_buffer_fini(&t->row);
    nj_tokenizer_close(&t->tokenizer);
}

static nj_status tokenize_items(const nj_arguments *arguments, tokenizing *t, nj_error *err)
{
    const nj_item_text_reading reading = {.path = nj_argument(arguments, "items"),
                                          .id_column = nj_argument(arguments, "id-column"),
                                          .text_columns = nj_argument(arguments, "title-column"),
                                          .option = "--title-column",
                                          .take = take_item,
                                          .context = t};
    nj_status status = nj_tokenizer_open(nj_argument(arguments, "tokenizer"), &t->tokenizer, err);
    if (status == NJ_OK) {
        status = nj_file_draft_begin(nj_argument(arguments, "out"), &t->draft, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    t->out = t->draft.stream;
    nj_progress_start(&t->bar, "items", 0, 0, nj_argument_flag(arguments, "quiet"),
                      nj_clock_mono_ns());
    status = nj_item_texts_read(&reading, err);
    nj_progress_finish(&t->bar);
    return status == NJ_OK ? nj_file_draft_commit(&t->draft, err) : status;
}

nj_status nj_command_tokenize(const nj_arguments *arguments, nj_error *err)
{
    const uint64_t began_ns = nj_clock_mono_ns();
    tokenizing t = {.is_special = !nj_argument_flag(arguments, "no-special")};
    init_tokenizing(&t);
    nj_status status = tokenize_items(arguments, &t, err);
    if (status == NJ_OK) {
        const double seconds = (double)(nj_clock_mono_ns() - began_ns) / 1e9;
        if (nj_argument_flag(arguments, "json")) {
            status = print_json(&t, seconds, err);
        } else {
            print_text(&t, seconds);
        }
    }
    fini_tokenizing(&t);
    return status;
}
