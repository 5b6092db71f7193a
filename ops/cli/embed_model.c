#include "ops/cli/embed_model.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/base/log.h"
#include "common/base/pool.h"
#include "common/cli/progress.h"
#include "ops/cli/commands.h"
#include "ops/cli/embed_items.h"
#include "ops/cli/embed_keys.h"
#include "ops/cli/embed_output.h"
#include "worker/encoder/sentence.h"

#define ROWS_AT_ONCE 4096 // that are computed before they are written
#define TOKENS_A_TASK 256 // or one text, where that is longer
#define BETWEEN_FIELDS " "

// What one thread computes with.
typedef struct {
    nj_arena arena;
    uint32_t *tokens; // [task_tokens]
    uint32_t *offset; // [task_texts + 1]
    float *vectors;   // [task_texts, width]
} thread_room;

typedef struct {
    const nj_arguments *arguments;
    nj_progress bar;
    uint64_t began_ns;
    const nj_kernels *kernels;
    nj_sentence model;
    nj_pool *pool;
    thread_room *rooms; // [threads]
    size_t task_tokens;
    size_t task_texts;
    size_t longest; // tokens of a text

    nj_embed_items items;
    nj_embed_output output;
    nj_embed_old old;
    nj_buffer tokens; // uint32_t, of all texts in file order
    nj_buffer starts; // uint64_t, where a text's begin; one more than there are texts
    nj_buffer joined; // the text at hand
    nj_buffer keys;   // nj_digest an item

    size_t cut_count;   // texts that were longer than the model reads
    size_t empty_count; // texts without a token of their own
    size_t kept_count;  // items whose vector --from had
    size_t computed_count;
} embedding;

// Rows of the output at hand.
typedef struct {
    embedding *e;
    size_t first; // item
    size_t count;
    float *out;        // [ROWS_AT_ONCE, D]
    size_t *todo;      // [ROWS_AT_ONCE] rows of `out` that are to be computed
    size_t *task;      // [ROWS_AT_ONCE + 1] task i computes todo[task[i]] .. todo[task[i + 1]]
    size_t task_count; // of the rows at hand
    atomic_size_t done;
} row_batch;

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
        {"kernels", "auto"}, {"from", NULL}, {"from-keys", NULL}, {"keys-out", NULL}};
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

// ---- the model ----

static nj_status open_rooms(embedding *e, nj_error *err)
{
    const size_t threads = nj_pool_threads(e->pool);
    e->task_tokens = nj_max_size(TOKENS_A_TASK, e->longest);
    e->task_texts = e->task_tokens / e->model.around_count;
    e->rooms = calloc(threads, sizeof *e->rooms);
    bool is_there = e->rooms != NULL;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < threads && is_there && status == NJ_OK; i++) {
        thread_room *room = &e->rooms[i];
        room->tokens = malloc(e->task_tokens * sizeof *room->tokens);
        room->offset = malloc((e->task_texts + 1) * sizeof *room->offset);
        room->vectors = malloc(e->task_texts * e->model.config.width * sizeof *room->vectors);
        is_there = room->tokens != NULL && room->offset != NULL && room->vectors != NULL;
        status = nj_arena_init(&room->arena,
                               nj_encoder_scratch_bytes(&e->model.config, e->task_tokens), err);
    }
    return is_there ? status
                    : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu threads' batches", threads);
}

static void close_rooms(embedding *e)
{
    for (size_t i = 0; e->rooms != NULL && i < nj_pool_threads(e->pool); i++) {
        free(e->rooms[i].tokens);
        free(e->rooms[i].offset);
        free(e->rooms[i].vectors);
        nj_arena_fini(&e->rooms[i].arena);
    }
    free(e->rooms);
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
    e->longest = nj_max_size(e->longest, count);
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

static void compute_task(void *context, size_t task, size_t thread)
{
    row_batch *batch = context;
    embedding *e = batch->e;
    const size_t D = e->model.config.width;
    const thread_room *room = &e->rooms[thread];
    const size_t first = batch->task[task];
    const size_t texts = batch->task[task + 1] - first;
    room->offset[0] = 0;
    for (size_t i = 0; i < texts; i++) {
        size_t count;
        const size_t text = nj_embed_items_row(&e->items, batch->first + batch->todo[first + i]);
        const uint32_t *tokens = find_tokens(e, text, &count);
        memcpy(room->tokens + room->offset[i], tokens, count * sizeof *tokens);
        room->offset[i + 1] = room->offset[i] + (uint32_t)count;
    }
    nj_encoder_run(e->model.encoder, room->tokens, room->offset, (uint32_t)texts,
                   &e->rooms[thread].arena, room->vectors);
    for (size_t i = 0; i < texts; i++) {
        memcpy(batch->out + batch->todo[first + i] * D, room->vectors + i * D, D * sizeof(float));
    }
    const size_t done = atomic_fetch_add(&batch->done, texts) + texts;
    if (thread == 0) {
        nj_progress_update(&e->bar,
                           batch->first + batch->count - (batch->task[batch->task_count] - done),
                           nj_clock_mono_ns());
    }
}

// Rows that have no text become zeros, rows that --from has are copied, the others are listed.
static nj_status sort_rows(row_batch *batch, size_t *out_todo, nj_error *err)
{
    embedding *e = batch->e;
    const size_t D = e->model.config.width;
    nj_status status = NJ_OK;
    *out_todo = 0;
    for (size_t i = 0; status == NJ_OK && i < batch->count; i++) {
        const size_t item = batch->first + i;
        float *row = batch->out + i * D;
        if (nj_embed_items_row(&e->items, item) == NJ_IDMAP_NONE) {
            memset(row, 0, D * sizeof *row);
            continue;
        }
        const size_t old = nj_embed_old_find(&e->old, get_key(e, item));
        if (old == NJ_IDMAP_NONE) {
            batch->todo[(*out_todo)++] = i;
        } else {
            status = nj_npy_read_f32(&e->old.vectors, old * D, D, row, err);
            e->kept_count++;
        }
    }
    e->computed_count += *out_todo;
    return status;
}

static void make_tasks(row_batch *batch, size_t todo)
{
    const embedding *e = batch->e;
    size_t tokens = 0;
    batch->task_count = 0;
    batch->task[0] = 0;
    for (size_t i = 0; i < todo; i++) {
        size_t count;
        find_tokens(e, nj_embed_items_row(&e->items, batch->first + batch->todo[i]), &count);
        if (tokens + count > e->task_tokens) {
            batch->task[++batch->task_count] = i;
            tokens = 0;
        }
        tokens += count;
    }
    if (todo > 0) {
        batch->task[++batch->task_count] = todo;
    }
}

static nj_status write_rows(row_batch *batch, nj_error *err)
{
    embedding *e = batch->e;
    const size_t N = e->items.items.count;
    nj_status status = NJ_OK;
    for (batch->first = 0; status == NJ_OK && batch->first < N; batch->first += ROWS_AT_ONCE) {
        size_t todo = 0;
        batch->count = nj_min_size(ROWS_AT_ONCE, N - batch->first);
        status = sort_rows(batch, &todo, err);
        if (status != NJ_OK) {
            break;
        }
        make_tasks(batch, todo);
        atomic_store(&batch->done, 0);
        nj_pool_run(e->pool, batch->task_count, compute_task, batch);
        nj_embed_output_floats(&e->output, batch->out, batch->count * e->model.config.width);
    }
    return status;
}

static nj_status write_vectors(embedding *e, nj_error *err)
{
    const size_t D = e->model.config.width;
    row_batch batch = {.e = e};
    batch.out = malloc(ROWS_AT_ONCE * D * sizeof *batch.out);
    batch.todo = malloc(ROWS_AT_ONCE * sizeof *batch.todo);
    batch.task = malloc((ROWS_AT_ONCE + 1) * sizeof *batch.task);
    nj_status status =
        batch.out == NULL || batch.todo == NULL || batch.task == NULL
            ? nj_fail(err, NJ_NO_MEMORY, "no memory for %d rows of %zu", ROWS_AT_ONCE, D)
            : nj_embed_output_begin(&e->output, e->items.items.count, D, err);
    nj_progress_start(&e->bar, "items", e->items.items.count, 0,
                      nj_argument_flag(e->arguments, "quiet"), nj_clock_mono_ns());
    if (status == NJ_OK) {
        status = write_rows(&batch, err);
    }
    nj_progress_finish(&e->bar);
    free(batch.out);
    free(batch.todo);
    free(batch.task);
    return status;
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
                      (json_int_t)e->computed_count, "kept", (json_int_t)e->kept_count, "cut",
                      (json_int_t)e->cut_count, "without_text", (json_int_t)e->empty_count,
                      "missing", (json_int_t)e->items.missing_count, "passed_over",
                      (json_int_t)e->items.passed_count, "kernels", e->kernels->name,
                      "numeric_class", e->kernels->numeric_class, "seconds", seconds);
        return nj_print_json_take(&object, err);
    }
    printf("%zu items, %" PRIu64 " tokens, %u dimensions: %zu computed, %zu as they were\n",
           e->items.items.count, tokens, e->model.config.width, e->computed_count, e->kept_count);
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

static nj_status start(embedding *e, nj_error *err)
{
    uint64_t threads = 0;
    nj_status status = check_model(e->arguments, err);
    if (status == NJ_OK) {
        status = nj_embed_threads(e->arguments, &threads, err);
    }
    if (status == NJ_OK) {
        status = nj_kernels_select(nj_argument(e->arguments, "kernels"), &e->kernels, err);
    }
    if (status == NJ_OK) {
        status = nj_embed_output_open(e->arguments, &e->output, err);
    }
    if (status == NJ_OK) {
        status = nj_sentence_open(nj_argument(e->arguments, "model"), e->kernels, &e->model, err);
    }
    if (status == NJ_OK) {
        status = open_old(e, err);
    }
    if (status == NJ_OK) {
        status = nj_pool_new((size_t)threads, &e->pool, err);
    }
    return status;
}

static void finish(embedding *e)
{
    nj_embed_output_abort(&e->output);
    close_rooms(e);
    nj_pool_free(&e->pool);
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
        status = open_rooms(&e, err);
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
