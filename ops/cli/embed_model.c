#include "ops/cli/embed_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/base/log.h"
#include "common/base/pool.h"
#include "common/cli/progress.h"
#include "coordinator/daemon/night.h" // NJ_NIGHT_LEASE_MS_DEFAULT
#include "ops/cli/commands.h"
#include "ops/cli/embed_items.h"
#include "ops/cli/embed_keys.h"
#include "ops/cli/embed_output.h"
#include "ops/cli/embed_round.h"
#include "worker/encoder/sentence.h"
#include "worker/items/embed_work.h"

#define BETWEEN_FIELDS " "

typedef struct {
    const nj_arguments *arguments;
    nj_progress bar;
    uint64_t began_ns;
    const nj_kernels *kernels;
    nj_sentence model;

    nj_embed_items items;
    nj_embed_output output;
    nj_embed_old old;
    nj_buffer tokens; // uint32_t, of all texts in file order
    nj_buffer starts; // uint64_t, where a text's begin; one more than there are texts
    nj_buffer joined; // the text at hand
    nj_buffer keys;   // nj_digest an item

    size_t cut_count;   // texts that were longer than the model reads
    size_t empty_count; // texts without a token of their own
    nj_embed_counts counts;
} embedding;

// ---- options ----

typedef struct {
    const char *name;
    const char *fallback; // NULL: a flag, or nothing
} fixed_option;

static nj_status check_fixed(const nj_arguments *arguments, const fixed_option *options,
                             size_t count, const char *rule, nj_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = nj_argument(arguments, options[i].name);
        const bool same = options[i].fallback == NULL
                              ? value == NULL
                              : value != NULL && strcmp(value, options[i].fallback) == 0;
        if (!same) {
            return nj_fail(err, NJ_USAGE, "--%s %s", options[i].name, rule);
        }
    }
    return NJ_OK;
}

nj_status nj_embed_check_words(const nj_arguments *arguments, nj_error *err)
{
    static const fixed_option OPTIONS[] = {
        {"kernels", "auto"}, {"from", NULL},    {"from-keys", NULL},
        {"keys-out", NULL},  {"workers", "0"},  {"bind", NULL},
        {"key", NULL},       {"allowed", NULL}, {"insecure", NULL},
        {"pin", "none"},     {"cache", NULL},   {"lease-ms", NJ_NIGHT_LEASE_MS_DEFAULT}};
    return check_fixed(arguments, OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], "needs --model",
                       err);
}

static nj_status check_model(const nj_arguments *arguments, nj_error *err)
{
    static const fixed_option OPTIONS[] = {
        {"method", "tfidf-svd"}, {"dimensions", "128"},     {"bigrams", NULL},
        {"min-items", "2"},      {"words-max", "1000000"},  {"plain-counts", NULL},
        {"seed", "0"},           {"power-iterations", "5"}, {"no-normalize", NULL}};
    nj_status status = check_fixed(arguments, OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0],
                                   "is of embedding without a model: leave it or --model out", err);
    if (status == NJ_OK &&
        (nj_argument(arguments, "from") == NULL) != (nj_argument(arguments, "from-keys") == NULL)) {
        status = nj_fail(err, NJ_USAGE, "--from and --from-keys need each other");
    }
    return status;
}

nj_status nj_embed_threads(const nj_arguments *arguments, uint64_t *out, nj_error *err)
{
    nj_cpu_list cpus;
    nj_status status = nj_argument_uint(arguments, "threads", 0, NJ_POOL_THREADS_MAX, out, err);
    if (status == NJ_OK && *out == 0) {
        status = nj_cpus_allowed(&cpus, err);
        *out = nj_min_size(cpus.count, NJ_POOL_THREADS_MAX);
    }
    return status;
}

// ---- texts ----

static nj_status join_fields(embedding *e, const nj_item_text *text, nj_error *err)
{
    nj_status status = NJ_OK;
    nj_buffer_clear(&e->joined);
    for (size_t i = 0; status == NJ_OK && i < text->field_count; i++) {
        const nj_text_field *field = &text->fields[i];
        if (field->weight != 1) {
            return nj_fail(
                err, NJ_USAGE,
                "--text-columns gives a column the weight %u; with --model all weigh the "
                "same",
                field->weight);
        }
        if (field->text.size == 0) {
            continue;
        }
        if (e->joined.size > 0) {
            status = nj_buffer_append(&e->joined, BETWEEN_FIELDS, strlen(BETWEEN_FIELDS));
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(&e->joined, field->text.bytes, field->text.size);
        }
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for an item's text");
}

static nj_status add_text(void *to, const nj_item_text *text, nj_error *err)
{
    embedding *e = to;
    const size_t before = e->tokens.size;
    bool is_cut = false;
    nj_status status = join_fields(e, text, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_error cause = {0};
    status =
        nj_sentence_tokenize(&e->model, nj_buffer_slice(&e->joined), &e->tokens, &is_cut, &cause);
    if (status == NJ_INPUT) {
        return nj_lines_fail(text->lines, text->line, err, "item \"%.*s\": %s",
                             NJ_SLICE_ARGS(text->id), cause.text);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "%s", cause.text);
    }
    e->cut_count += is_cut;
    const size_t count = (e->tokens.size - before) / sizeof(uint32_t);
    e->empty_count += count == e->model.around_count;
    const uint64_t end = e->tokens.size / sizeof(uint32_t);
    return nj_buffer_append(&e->starts, &end, sizeof end) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for the items' tokens");
}

static void show_lines(void *context, uint64_t lines_done)
{
    nj_progress_update(context, lines_done, nj_clock_mono_ns());
}

static nj_status read_texts(embedding *e, nj_error *err)
{
    const nj_item_text_reading reading = {.path = nj_argument(e->arguments, "items"),
                                          .id_column = nj_argument(e->arguments, "id-column"),
                                          .text_columns =
                                              nj_argument(e->arguments, "text-columns")};
    const uint64_t start = 0;
    if (nj_buffer_append(&e->starts, &start, sizeof start) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the items' tokens");
    }
    e->items.progress = show_lines;
    e->items.context = &e->bar;
    e->items.add = add_text;
    e->items.to = e;
    nj_progress_start(&e->bar, "lines", 0, 0, nj_argument_flag(e->arguments, "quiet"),
                      nj_clock_mono_ns());
    nj_status status = nj_embed_items_read(&e->items, nj_argument(e->arguments, "ids"), reading,
                                           nj_argument_flag(e->arguments, "zero-missing"), err);
    nj_progress_finish(&e->bar);
    return status;
}

// The tokens of a text; *out_count of them.
static const uint32_t *find_tokens(const embedding *e, size_t text, size_t *out_count)
{
    const uint64_t *starts = (const uint64_t *)(const void *)e->starts.bytes;
    *out_count = (size_t)(starts[text + 1] - starts[text]);
    return (const uint32_t *)(const void *)e->tokens.bytes + starts[text];
}

static nj_status make_keys(embedding *e, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < e->items.items.count; i++) {
        const size_t text = nj_embed_items_row(&e->items, i);
        nj_digest key = {{0}};
        if (text != NJ_IDMAP_NONE) {
            size_t count;
            const uint32_t *tokens = find_tokens(e, text, &count);
            nj_digester digester;
            nj_digester_init(&digester);
            nj_digester_update(&digester, e->model.digest.bytes, sizeof e->model.digest.bytes);
            nj_digester_update(&digester, tokens, count * sizeof *tokens);
            key = nj_digester_final(&digester);
        }
        status = nj_buffer_append(&e->keys, &key, sizeof key);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the items' keys");
}

static const nj_digest *get_key(const embedding *e, size_t item)
{
    return (const nj_digest *)(const void *)e->keys.bytes + item;
}

// ---- rows ----

static nj_status write_vectors(embedding *e, nj_error *err)
{
    const nj_embed_rows rows = {.config = &e->model.config,
                                .weights = nj_buffer_slice(&e->model.section),
                                .kernels = e->kernels,
                                .items = &e->items,
                                .tokens = nj_buffer_slice(&e->tokens),
                                .starts = (const uint64_t *)(const void *)e->starts.bytes,
                                .old = &e->old,
                                .keys = get_key(e, 0),
                                .arguments = e->arguments};
    nj_status status =
        nj_embed_output_begin(&e->output, e->items.items.count, rows.config->width, err);
    return status == NJ_OK ? nj_embed_rows_write(&rows, &e->output, &e->counts, err) : status;
}

static nj_status write_files(embedding *e, nj_error *err)
{
    const char *keys = nj_argument(e->arguments, "keys-out");
    nj_status status = write_vectors(e, err);
    if (status == NJ_OK && keys != NULL) {
        fflush(e->output.vectors.stream); // what does not get there shows at the commit
        status = nj_embed_keys_write(keys, get_key(e, 0), e->items.items.count,
                                     e->output.vectors.temporary.text, err);
    }
    return status == NJ_OK ? nj_embed_output_commit(&e->output, &e->items.items, err) : status;
}

// ---- what is told ----

static nj_status tell(const embedding *e, nj_error *err)
{
    const double seconds = (double)(nj_clock_mono_ns() - e->began_ns) / 1e9;
    const uint64_t tokens = e->tokens.size / sizeof(uint32_t);
    if (e->cut_count > 0) {
        nj_log(NJ_LOG_WARNING,
               "%zu texts have more than the %u tokens that the model reads: cut off", e->cut_count,
               e->model.config.tokens_max);
    }
    if (nj_argument_flag(e->arguments, "json")) {
        json_t *object =
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:f}", "method",
                      "model", "items", (json_int_t)e->items.items.count, "dimensions",
                      (json_int_t)e->model.config.width, "tokens", (json_int_t)tokens, "computed",
                      (json_int_t)e->counts.computed, "kept", (json_int_t)e->counts.kept, "cut",
                      (json_int_t)e->cut_count, "without_text", (json_int_t)e->empty_count,
                      "missing", (json_int_t)e->items.missing_count, "passed_over",
                      (json_int_t)e->items.passed_count, "kernels", e->kernels->name,
                      "numeric_class", e->kernels->numeric_class, "seconds", seconds);
        return nj_print_json_take(&object, err);
    }
    printf("%zu items, %" PRIu64 " tokens, %u dimensions: %zu computed, %zu as they were\n",
           e->items.items.count, tokens, e->model.config.width, e->counts.computed, e->counts.kept);
    printf("%zu items have an empty text, %zu no line (vectors of zeros); %" PRIu64
           " lines of other items passed over\nkernels %s (class %s), %.1f s\n",
           e->empty_count, e->items.missing_count, e->items.passed_count, e->kernels->name,
           e->kernels->numeric_class, seconds);
    return NJ_OK;
}

// ---- running ----

static nj_status open_old(embedding *e, nj_error *err)
{
    const char *from = nj_argument(e->arguments, "from");
    return from == NULL
               ? NJ_OK
               : nj_embed_old_open(from, nj_argument(e->arguments, "from-keys"),
                                   e->model.config.width,
                                   e->output.is_half ? NJ_NPY_F16 : NJ_NPY_F32, &e->old, err);
}

// Workers compute rounds over items in one numeric class.
static nj_status check_class(const embedding *e, nj_error *err)
{
    const bool elsewhere = strcmp(nj_argument(e->arguments, "workers"), "0") != 0 ||
                           nj_argument(e->arguments, "bind") != NULL;
    return !elsewhere || strcmp(e->kernels->numeric_class, NJ_EMBED_WORKERS_CLASS) == 0
               ? NJ_OK
               : nj_fail(
                     err, NJ_USAGE,
                     "--kernels %s is of class \"%s\", workers embed in \"" NJ_EMBED_WORKERS_CLASS
                     "\": leave it, or --workers and --bind, out",
                     e->kernels->name, e->kernels->numeric_class);
}

static nj_status start(embedding *e, nj_error *err)
{
    nj_status status = check_model(e->arguments, err);
    if (status == NJ_OK) {
        status = nj_kernels_select(nj_argument(e->arguments, "kernels"), &e->kernels, err);
    }
    if (status == NJ_OK) {
        status = check_class(e, err);
    }
    if (status == NJ_OK) {
        status = nj_embed_output_open(e->arguments, &e->output, err);
    }
    if (status == NJ_OK) {
        status = nj_sentence_open(nj_argument(e->arguments, "model"), e->kernels, &e->model, err);
    }
    return status == NJ_OK ? open_old(e, err) : status;
}

static void finish(embedding *e)
{
    nj_embed_output_abort(&e->output);
    nj_embed_old_close(&e->old);
    nj_sentence_close(&e->model);
    nj_embed_items_fini(&e->items);
    nj_buffer_fini(&e->tokens);
    nj_buffer_fini(&e->starts);
    nj_buffer_fini(&e->joined);
    nj_buffer_fini(&e->keys);
}

nj_status nj_embed_by_model(const nj_arguments *arguments, nj_error *err)
{
    embedding e = {.arguments = arguments, .began_ns = nj_clock_mono_ns()};
    nj_embed_items_init(&e.items);
    nj_buffer_init(&e.tokens, SIZE_MAX / 2);
    nj_buffer_init(&e.starts, SIZE_MAX / 2);
    nj_buffer_init(&e.joined, SIZE_MAX / 2);
    nj_buffer_init(&e.keys, SIZE_MAX / 2);
    nj_status status = start(&e, err);
    if (status == NJ_OK) {
        status = read_texts(&e, err);
    }
    if (status == NJ_OK) {
        status = make_keys(&e, err);
    }
    if (status == NJ_OK) {
        status = write_files(&e, err);
    }
    if (status == NJ_OK) {
        status = tell(&e, err);
    }
    finish(&e);
    return status;
}
