#include "worker/items/embed_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/codec/pack.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "answers are written as they are in memory");

#define FIELDS 2
#define CLASS_BYTES_MAX 64
#define CONFIG_BYTES_MAX 4096
#define BATCH_TOKENS 256 // or one text, where that is longer

// What the round says; points into its task.
typedef struct {
    nj_encoder_config config;
    nj_slice numeric_class;
    const uint32_t *tokens; // [token_count]
    uint64_t token_count;
} round_facts;

typedef struct {
    round_facts facts;
    nj_tensor_set *weights; // owned view of the section
    nj_encoder *encoder;    // owned
} shared_model;

typedef struct {
    nj_arena arena;
    size_t batch_tokens;
    uint32_t *tokens; // [batch_tokens] owned
    uint32_t *offset; // [batch_tokens + 1] owned
    float *vectors;   // [batch_tokens, width] owned
} state;

// ---- what a round is told ----

nj_status nj_embed_parameters(const nj_encoder_config *config, const char *numeric_class,
                              nj_buffer *out, nj_error *err)
{
    nj_packer packer;
    nj_buffer packed;
    nj_buffer_init(&packed, CONFIG_BYTES_MAX);
    nj_status status = nj_encoder_config_pack(config, &packed);
    if (status == NJ_OK) {
        nj_packer_init(&packer, out);
        nj_pack_array(&packer, FIELDS);
        nj_pack_str(&packer, nj_slice_from(numeric_class));
        nj_pack_bin(&packer, packed.bytes, packed.size);
        status = packer.status;
    }
    nj_buffer_fini(&packed);
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory for the parameters of a round");
}

static nj_status read_parameters(nj_slice bytes, round_facts *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_fields fields;
    nj_status status = nj_unpack(bytes, FIELDS + 8, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_fields_open(&fields, &unpacked.root, "parameters to embed", FIELDS, err);
    out->numeric_class = nj_field_str(&fields, "numeric class", CLASS_BYTES_MAX);
    const nj_slice config = nj_field_bin(&fields, "encoder", CONFIG_BYTES_MAX);
    status = fields.status == NJ_OK ? nj_encoder_config_unpack(config, &out->config, err)
                                    : fields.status;
    nj_unpacked_fini(&unpacked);
    return status;
}

static nj_status read_tokens(const nj_item_task *task, round_facts *out, nj_error *err)
{
    const nj_section *tokens = nj_sections_find(task->sections, NJ_EMBED_TOKENS);
    if (tokens == NULL || tokens->size % sizeof *out->tokens != 0) {
        return nj_fail(err, NJ_INPUT, "a round to embed texts without a section \"%s\" of numbers",
                       NJ_EMBED_TOKENS);
    }
    if (task->rows.shape[1] != NJ_EMBED_COLUMNS) {
        return nj_fail(err, NJ_INPUT, "a round to embed texts with rows of %zu numbers, must be %d",
                       task->rows.shape[1], NJ_EMBED_COLUMNS);
    }
    out->tokens = tokens->bytes;
    out->token_count = tokens->size / sizeof *out->tokens;
    for (uint64_t i = 0; i < out->token_count; i++) {
        if (out->tokens[i] >= out->config.V) {
            return nj_fail(err, NJ_INPUT, "token %u at place %llu, the model knows those below %u",
                           out->tokens[i], (unsigned long long)i, out->config.V);
        }
    }
    return NJ_OK;
}

// ---- what all threads read ----

static void close_shared(void *argument)
{
    shared_model *model = argument;
    if (model != NULL) {
        nj_encoder_close(&model->encoder);
        nj_tensor_set_close(&model->weights);
        free(model);
    }
}

static nj_status check_class(const nj_item_task *task, nj_slice wanted, nj_error *err)
{
    const char *own = task->kernels->numeric_class;
    return nj_slice_equal(nj_slice_from(own), wanted)
               ? NJ_OK
               : nj_fail(err, NJ_CONFIG,
                         "texts are embedded in numeric class \"%.*s\", this worker computes in "
                         "\"%s\": start it with other --kernels or --precision",
                         NJ_SLICE_ARGS(wanted), own);
}

static nj_status open_weights(const nj_item_task *task, shared_model *model, nj_error *err)
{
    const nj_section *weights = nj_sections_find(task->sections, NJ_EMBED_WEIGHTS);
    if (weights == NULL) {
        return nj_fail(err, NJ_INPUT, "a round to embed texts without a section \"%s\"",
                       NJ_EMBED_WEIGHTS);
    }
    nj_status status = nj_tensor_set_open_bytes(weights->bytes, weights->size,
                                                "section \"weights\"", &model->weights, err);
    return status == NJ_OK ? nj_encoder_open(&model->facts.config, model->weights, task->kernels,
                                             &model->encoder, err)
                           : status;
}

static nj_status open_shared(const nj_item_task *task, void **out_shared, nj_error *err)
{
    shared_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to embed texts");
    }
    nj_status status = read_parameters(task->parameters, &model->facts, err);
    if (status == NJ_OK) {
        status = check_class(task, model->facts.numeric_class, err);
    }
    if (status == NJ_OK) {
        status = read_tokens(task, &model->facts, err);
    }
    if (status == NJ_OK) {
        status = open_weights(task, model, err);
    }
    if (status != NJ_OK) {
        close_shared(model);
        return status;
    }
    *out_shared = model;
    return NJ_OK;
}

// ---- a thread ----

static void close_state(void *argument)
{
    state *s = argument;
    if (s != NULL) {
        free(s->tokens);
        free(s->offset);
        free(s->vectors);
        nj_arena_fini(&s->arena);
        free(s);
    }
}

static nj_status open_state(const nj_item_task *task, void **out_state, nj_error *err)
{
    const shared_model *model = task->shared;
    const nj_encoder_config *config = &model->facts.config;
    state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to embed texts");
    }
    s->batch_tokens = nj_max_size(BATCH_TOKENS, config->tokens_max);
    s->tokens = malloc(s->batch_tokens * sizeof *s->tokens);
    s->offset = malloc((s->batch_tokens + 1) * sizeof *s->offset);
    s->vectors = malloc(s->batch_tokens * config->width * sizeof *s->vectors);
    nj_status status =
        s->tokens != NULL && s->offset != NULL && s->vectors != NULL
            ? nj_arena_init(&s->arena, nj_encoder_scratch_bytes(config, s->batch_tokens), err)
            : nj_fail(err, NJ_NO_MEMORY, "no memory for batches of %zu tokens", s->batch_tokens);
    if (status != NJ_OK) {
        close_state(s);
        return status;
    }
    *out_state = s;
    return NJ_OK;
}

// ---- a shard ----

typedef struct {
    uint64_t first;
    uint64_t count;
} span;

static nj_status read_span(const nj_item_task *task, const round_facts *facts, size_t row,
                           span *out, nj_error *err)
{
    int64_t numbers[NJ_EMBED_COLUMNS];
    nj_status status =
        nj_npy_read_i64(&task->rows, row * NJ_EMBED_COLUMNS, NJ_EMBED_COLUMNS, numbers, err);
    if (status != NJ_OK) {
        return status;
    }
    *out = (span){(uint64_t)numbers[0], (uint64_t)numbers[1]};
    if (numbers[0] < 0 || numbers[1] < 1 || out->count > facts->config.tokens_max ||
        out->first > facts->token_count || out->count > facts->token_count - out->first) {
        return nj_fail(err, NJ_INPUT,
                       "text %zu has %lld tokens from place %lld, must have 1 to %u of %llu", row,
                       (long long)numbers[1], (long long)numbers[0], facts->config.tokens_max,
                       (unsigned long long)facts->token_count);
    }
    return NJ_OK;
}

// Takes as many of the texts from row `first` on as a batch holds, at least one; *out_texts of them.
static nj_status fill_batch(const nj_item_task *task, state *s, size_t first, size_t count,
                            uint32_t *out_texts, nj_error *err)
{
    const shared_model *model = task->shared;
    nj_status status = NJ_OK;
    *out_texts = 0;
    s->offset[0] = 0;
    for (size_t i = 0; i < count; i++) {
        span text;
        status = read_span(task, &model->facts, first + i, &text, err);
        const uint32_t at = s->offset[*out_texts];
        if (status != NJ_OK || at + text.count > s->batch_tokens) {
            break;
        }
        memcpy(s->tokens + at, model->facts.tokens + text.first, text.count * sizeof *s->tokens);
        s->offset[++*out_texts] = at + (uint32_t)text.count;
    }
    return status;
}

static nj_status embed_shard(const nj_item_task *task, void *argument, size_t first, size_t count,
                             nj_buffer *answer, nj_error *err)
{
    const shared_model *model = task->shared;
    state *s = argument;
    nj_status status = NJ_OK;
    for (size_t done = 0; done < count && status == NJ_OK;) {
        uint32_t texts;
        status = fill_batch(task, s, first + done, count - done, &texts, err);
        if (status != NJ_OK) {
            break;
        }
        nj_encoder_run(model->encoder, s->tokens, s->offset, texts, &s->arena, s->vectors);
        const size_t bytes = (size_t)texts * model->facts.config.width * sizeof *s->vectors;
        if (nj_buffer_append(answer, s->vectors, bytes) != NJ_OK) {
            status = nj_fail(err, NJ_NO_MEMORY, "no memory for the vectors of %zu texts", count);
        }
        done += texts;
        if (status == NJ_OK) {
            status = nj_item_task_step(task, texts, err);
        }
    }
    return status;
}

static const char *find_problem(const nj_item_task *task, size_t count, nj_slice answer)
{
    round_facts facts;
    if (read_parameters(task->parameters, &facts, NULL) != NJ_OK) {
        return "the round's own parameters do not fit";
    }
    if (answer.size != count * facts.config.width * sizeof(float)) {
        return "the vectors have another size";
    }
    for (size_t i = 0; i < answer.size; i += sizeof(float)) {
        float value;
        memcpy(&value, answer.bytes + i, sizeof value);
        if (!isfinite(value)) {
            return "a vector has a value that is not finite";
        }
    }
    return NULL;
}

const nj_item_work nj_item_work_embed_texts = {.name = "embed_texts",
                                               .share = open_shared,
                                               .unshare = close_shared,
                                               .open = open_state,
                                               .run = embed_shard,
                                               .close = close_state,
                                               .find_problem = find_problem,
                                               .rows_are_whole = true};
