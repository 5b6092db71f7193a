// encoder_pack.c - a config as the bytes that a worker is told, and back.
#include "common/codec/pack.h"
#include "worker/encoder/encoder.h"

#define VERSION 1
#define ELEMENTS_MAX 128
#define DENSE_FIELDS 4

// A whole number of the config, and what it may be.
typedef struct {
    const char *name;
    size_t offset;
    uint32_t least, most;
} number;

#define NUMBER(member, least, most)                                                                \
    {                                                                                              \
#member, offsetof(nj_encoder_config, member), least, most                                  \
    }

static const number COMMON[] = {
    NUMBER(D, 1, NJ_ENCODER_WIDTH_MAX),           NUMBER(V, 1, NJ_ENCODER_VOCABULARY_MAX),
    NUMBER(dense_count, 0, NJ_ENCODER_DENSE_MAX), NUMBER(tokens_max, 2, NJ_ENCODER_POSITIONS_MAX),
    NUMBER(width, 1, NJ_ENCODER_WIDTH_MAX),
};

static const number BERT[] = {
    NUMBER(H, 1, NJ_ENCODER_WIDTH_MAX),
    NUMBER(E, 1, NJ_ENCODER_WIDTH_MAX),
    NUMBER(F, 1, NJ_ENCODER_WIDTH_MAX),
    NUMBER(layers, 1, NJ_ENCODER_LAYERS_MAX),
    NUMBER(type_count, 1, NJ_ENCODER_VOCABULARY_MAX),
    NUMBER(position_count, 2, NJ_ENCODER_POSITIONS_MAX),
};

static const number T5[] = {
    NUMBER(t5.D, 1, NJ_T5_WIDTH_MAX),
    NUMBER(t5.H, 1, NJ_T5_WIDTH_MAX),
    NUMBER(t5.E, 1, NJ_T5_WIDTH_MAX),
    NUMBER(t5.F, 1, NJ_T5_WIDTH_MAX),
    NUMBER(t5.V, 1, NJ_T5_VOCABULARY_MAX),
    NUMBER(t5.encoder_layers, 1, NJ_T5_LAYERS_MAX),
    NUMBER(t5.decoder_layers, 0, NJ_T5_LAYERS_MAX),
    NUMBER(t5.R, NJ_T5_BUCKETS_MIN, NJ_T5_BUCKETS_MAX),
    NUMBER(t5.distance_max, 1, NJ_T5_DISTANCE_MAX),
};

#define COUNT_OF(table) (sizeof(table) / sizeof(table)[0])

static uint32_t *get_number(nj_encoder_config *config, const number *n)
{
    return (uint32_t *)(void *)((char *)config + n->offset);
}

// ---- writing ----

static void pack_numbers(nj_packer *packer, const nj_encoder_config *config, const number *table,
                         size_t count)
{
    nj_encoder_config copy = *config;
    for (size_t i = 0; i < count; i++) {
        nj_pack_uint(packer, *get_number(&copy, &table[i]));
    }
}

nj_status nj_encoder_config_pack(const nj_encoder_config *config, nj_buffer *out)
{
    nj_packer packer;
    const bool is_t5 = config->kind == NJ_ENCODER_T5;
    const size_t own = is_t5 ? COUNT_OF(T5) + 2 : COUNT_OF(BERT) + 1;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, 2 + COUNT_OF(COMMON) + 2 + own + config->dense_count * DENSE_FIELDS);
    nj_pack_uint(&packer, VERSION);
    nj_pack_uint(&packer, config->kind);
    pack_numbers(&packer, config, COMMON, COUNT_OF(COMMON));
    nj_pack_uint(&packer, config->pooling);
    nj_pack_bool(&packer, config->is_normalised);
    if (is_t5) {
        pack_numbers(&packer, config, T5, COUNT_OF(T5));
        nj_pack_f32(&packer, config->t5.epsilon);
        nj_pack_bool(&packer, config->t5.gated);
    } else {
        pack_numbers(&packer, config, BERT, COUNT_OF(BERT));
        nj_pack_f32(&packer, config->epsilon);
    }
    for (uint32_t i = 0; i < config->dense_count; i++) {
        const nj_encoder_dense_config *dense = &config->dense[i];
        nj_pack_uint(&packer, dense->in);
        nj_pack_uint(&packer, dense->out);
        nj_pack_bool(&packer, dense->has_bias);
        nj_pack_uint(&packer, dense->activation);
    }
    return packer.status;
}

// ---- reading ----

static void read_numbers(nj_fields *fields, nj_encoder_config *config, const number *table,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t value = (uint32_t)nj_field_uint(fields, table[i].name, table[i].most);
        if (fields->status == NJ_OK && value < table[i].least) {
            fields->status =
                nj_fail(fields->err, NJ_PROTOCOL, "%s: \"%s\" is %u, must be %u to %u",
                        fields->what, table[i].name, value, table[i].least, table[i].most);
        }
        *get_number(config, &table[i]) = value;
    }
}

static float read_epsilon(nj_fields *fields)
{
    const float epsilon = nj_field_f32(fields, "epsilon");
    if (fields->status == NJ_OK && !(epsilon > 0.0f && epsilon <= 1.0f)) {
        fields->status = nj_fail(fields->err, NJ_PROTOCOL,
                                 "%s: \"epsilon\" is %g, must be above 0 and at most 1",
                                 fields->what, (double)epsilon);
    }
    return epsilon;
}

static void read_dense(nj_fields *fields, nj_encoder_config *config)
{
    for (uint32_t i = 0; i < config->dense_count && fields->status == NJ_OK; i++) {
        nj_encoder_dense_config *dense = &config->dense[i];
        dense->in = (uint32_t)nj_field_uint(fields, "in", NJ_ENCODER_WIDTH_MAX);
        dense->out = (uint32_t)nj_field_uint(fields, "out", NJ_ENCODER_WIDTH_MAX);
        dense->has_bias = nj_field_bool(fields, "has_bias");
        dense->activation = (nj_dense_activation)nj_field_uint(fields, "activation", NJ_DENSE_RELU);
    }
}

// Numbers that are each right may not be so together.
static nj_status check_together(const nj_encoder_config *c, nj_error *err)
{
    uint32_t width = c->D;
    bool chains = true;
    for (uint32_t i = 0; i < c->dense_count; i++) {
        chains = chains && c->dense[i].in == width && c->dense[i].out > 0;
        width = c->dense[i].out;
    }
    if (!chains || width != c->width) {
        return nj_fail(err, NJ_PROTOCOL, "a text encoder %u wide has layers that end at %u, not %u",
                       c->D, width, c->width);
    }
    const bool fits =
        c->kind == NJ_ENCODER_T5
            ? c->t5.D == c->D && c->t5.V == c->V && (uint64_t)c->t5.H * c->t5.E <= NJ_T5_WIDTH_MAX
            : (uint64_t)c->H * c->E == c->D && c->tokens_max <= c->position_count;
    return fits ? NJ_OK
                : nj_fail(err, NJ_PROTOCOL,
                          "a text encoder %u wide of %u tokens has heads, positions or a stack of "
                          "other sizes",
                          c->D, c->tokens_max);
}

nj_status nj_encoder_config_unpack(nj_slice bytes, nj_encoder_config *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_fields fields;
    nj_status status = nj_unpack(bytes, ELEMENTS_MAX, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_encoder_config c = {0};
    nj_fields_open(&fields, &unpacked.root, "text encoder", 2 + COUNT_OF(COMMON) + 2, err);
    const uint32_t version = (uint32_t)nj_field_uint(&fields, "version", UINT32_MAX);
    if (fields.status == NJ_OK && version != VERSION) {
        fields.status =
            nj_fail(err, NJ_PROTOCOL, "text encoder: version %u, %d is known", version, VERSION);
    }
    c.kind = (nj_encoder_kind)nj_field_uint(&fields, "kind", NJ_ENCODER_T5);
    read_numbers(&fields, &c, COMMON, COUNT_OF(COMMON));
    c.pooling = (nj_pooling)nj_field_uint(&fields, "pooling", NJ_POOLING_CLS);
    c.is_normalised = nj_field_bool(&fields, "is_normalised");
    if (c.kind == NJ_ENCODER_T5) {
        read_numbers(&fields, &c, T5, COUNT_OF(T5));
        c.t5.epsilon = read_epsilon(&fields);
        c.t5.gated = nj_field_bool(&fields, "gated");
    } else {
        read_numbers(&fields, &c, BERT, COUNT_OF(BERT));
        c.epsilon = read_epsilon(&fields);
    }
    read_dense(&fields, &c);
    status = fields.status == NJ_OK ? check_together(&c, err) : fields.status;
    nj_unpacked_fini(&unpacked);
    if (status == NJ_OK) {
        *out = c;
    }
    return status;
}
