#include "worker/decoder_only/rope.h"

#include <math.h>
#include <string.h>

#define THETA_MAX 1e12
#define FACTOR_MAX 1e6

// ---- config ----

static double read_within(nj_json_keys *keys, const char *key, double least, double most,
                          double fallback)
{
    const double value = nj_json_real_or(keys, key, fallback);
    if (keys->status == NJ_OK && !(value >= least && value <= most)) {
        keys->status = nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" is %g, must be %g to %g",
                               keys->what, key, value, least, most);
    }
    return value;
}

static void read_type(nj_json_keys *keys, nj_rope_config *rope)
{
    static const struct {
        const char *name;
        nj_rope_type type;
    } TYPES[] = {{"default", NJ_ROPE_DEFAULT},
                 {"linear", NJ_ROPE_LINEAR},
                 {"llama3", NJ_ROPE_LLAMA3},
                 {"yarn", NJ_ROPE_YARN}};
    const char *old = nj_json_text_or(keys, "type", "default");
    const char *type = nj_json_text_or(keys, "rope_type", old);
    for (size_t i = 0; keys->status == NJ_OK && i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(type, TYPES[i].name) == 0) {
            rope->type = TYPES[i].type;
            return;
        }
    }
    if (keys->status == NJ_OK) {
        keys->status = nj_fail(
            keys->err, NJ_INPUT,
            "%s: \"rope_type\" is \"%.80s\", must be \"default\", \"linear\", \"llama3\" or "
            "\"yarn\"",
            keys->what, type);
    }
}

static void read_llama3(nj_json_keys *keys, nj_rope_config *rope)
{
    rope->low_factor = read_within(keys, "low_freq_factor", 1e-6, FACTOR_MAX, 1.0);
    rope->high_factor = read_within(keys, "high_freq_factor", 1e-6, FACTOR_MAX, 4.0);
    if (keys->status == NJ_OK && rope->high_factor <= rope->low_factor) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"high_freq_factor\" is %g, must be above "
                               "\"low_freq_factor\" %g",
                               keys->what, rope->high_factor, rope->low_factor);
    }
}

// mscale and mscale_all_dim are of DeepSeek's models, whose attention differs in other ways too.
static void read_yarn(nj_json_keys *keys, nj_rope_config *rope)
{
    rope->beta_fast = read_within(keys, "beta_fast", 1e-6, FACTOR_MAX, 32.0);
    rope->beta_slow = read_within(keys, "beta_slow", 1e-6, FACTOR_MAX, 1.0);
    rope->truncate = nj_json_bool_or(keys, "truncate", true);
    rope->attention =
        read_within(keys, "attention_factor", 1e-6, FACTOR_MAX, 0.1 * log(rope->factor) + 1.0);
    if (keys->status == NJ_OK &&
        (nj_json_has(keys, "mscale") || nj_json_has(keys, "mscale_all_dim"))) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT,
                    "%s: \"mscale\" and \"mscale_all_dim\" of yarn are not known here", keys->what);
    }
}

// Models that turn a part of each head alone have other layers too.
static void check_whole_heads(nj_json_keys *keys)
{
    const double factor = nj_json_real_or(keys, "partial_rotary_factor", 1.0);
    if (keys->status == NJ_OK && factor != 1.0) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"partial_rotary_factor\" is %g, must be 1: only whole heads "
                               "are turned",
                               keys->what, factor);
    }
}

static void read_parameters(nj_json_keys *keys, uint32_t position_max, nj_rope_config *rope)
{
    rope->theta = read_within(keys, "rope_theta", 1.0, THETA_MAX, rope->theta);
    check_whole_heads(keys);
    read_type(keys, rope);
    if (keys->status != NJ_OK || rope->type == NJ_ROPE_DEFAULT) {
        return;
    }
    if (!nj_json_has(keys, "factor")) {
        keys->status = nj_fail(
            keys->err, NJ_INPUT,
            "%s: \"factor\" is missing: every \"rope_type\" but \"default\" needs it", keys->what);
        return;
    }
    rope->factor = read_within(keys, "factor", 1.0, FACTOR_MAX, 1.0);
    rope->position_first = (uint32_t)nj_json_int_or(keys, "original_max_position_embeddings", 1,
                                                    1 << 30, position_max);
    if (rope->type == NJ_ROPE_LLAMA3) {
        read_llama3(keys, rope);
    } else if (rope->type == NJ_ROPE_YARN) {
        read_yarn(keys, rope);
    }
}

// The value of a key where it says something: null and {} do not. Neither text nor an object for each type of layer is known.
static const json_t *find_parameters(nj_json_keys *keys, const char *key)
{
    if (keys->status != NJ_OK || !nj_json_has(keys, key)) {
        return NULL;
    }
    json_t *parameters = json_object_get(keys->object, key);
    bool known = json_is_object(parameters);
    const char *inner;
    json_t *value;
    json_object_foreach(parameters, inner, value)
    {
        known = known && !json_is_object(value);
    }
    if (!known) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"%s\" must be null or one object of numbers and words for "
                               "all layers",
                               keys->what, key);
        return NULL;
    }
    return json_object_size(parameters) > 0 ? parameters : NULL;
}

void nj_rope_config_read(nj_json_keys *keys, uint32_t position_max, nj_rope_config *out)
{
    nj_rope_config rope = {.factor = 1.0, .attention = 1.0};
    rope.theta = read_within(keys, "rope_theta", 1.0, THETA_MAX, 10000.0);
    check_whole_heads(keys);
    const json_t *now = find_parameters(keys, "rope_parameters");
    const json_t *before = find_parameters(keys, "rope_scaling");
    const json_t *parameters = before != NULL ? before : now; // as Transformers chooses
    if (keys->status == NJ_OK && parameters != NULL) {
        nj_json_keys inner;
        nj_json_keys_open(&inner, parameters, keys->what, keys->err);
        read_parameters(&inner, position_max, &rope);
        keys->status = inner.status;
    }
    *out = rope;
}

// ---- tables ----

// The n-th root of x >= 1 by Newton's steps from above: x^(1/n) <= 1 + (x - 1) / n. They fall until rounding ends it.
static double find_root(double x, uint32_t n)
{
    double root = 1.0 + (x - 1.0) / n;
    for (;;) {
        double power = 1.0;
        for (uint32_t i = 1; i < n; i++) {
            power *= root;
        }
        const double next = root - (root - x / power) / n;
        if (!(next < root)) {
            return root;
        }
        root = next;
    }
}

// cos and sin by their series, after the angle has been brought to [-pi/4, pi/4]; angles stay below 2^31.
static void find_cos_sin(double angle, double *cosine, double *sine)
{
    const double HALF_PI_HIGH =
        1.57079632673412561417; // 33 bits, so that products with whole numbers are exact
    const double HALF_PI_MIDDLE = 6.07710050630396597660e-11;
    const double HALF_PI_LOW = 2.02226624879595063154e-21;
    const double turns = floor(angle / 1.57079632679489661923 + 0.5);
    const double r =
        ((angle - turns * HALF_PI_HIGH) - turns * HALF_PI_MIDDLE) - turns * HALF_PI_LOW;
    const double square = r * r;
    double c = 1.0;
    double s = 1.0;
    for (int i = 9; i >= 1; i--) { // the first term left out is below 2^-60
        c = 1.0 - square / ((2.0 * i) * (2.0 * i - 1.0)) * c;
        s = 1.0 - square / ((2.0 * i) * (2.0 * i + 1.0)) * s;
    }
    s *= r;
    switch ((int64_t)turns & 3) {
    case 0:
        *cosine = c;
        *sine = s;
        break;
    case 1:
        *cosine = -s;
        *sine = c;
        break;
    case 2:
        *cosine = -c;
        *sine = -s;
        break;
    default:
        *cosine = s;
        *sine = -c;
        break;
    }
}

#define TWO_PI 6.28318530717958647693

// Long waves are slowed down by the factor, short ones stay, those between are mixed.
static double scale_llama3(const nj_rope_config *rope, double frequency)
{
    const double wave = TWO_PI / frequency;
    const double first = (double)rope->position_first;
    if (wave > first / rope->low_factor) {
        return frequency / rope->factor;
    }
    if (wave < first / rope->high_factor) {
        return frequency;
    }
    const double smooth =
        (first / wave - rope->low_factor) / (rope->high_factor - rope->low_factor);
    return (1.0 - smooth) * frequency / rope->factor + smooth * frequency;
}

// The pair that turns so many times over the original positions.
static double find_yarn_pair(const nj_rope_config *rope, uint32_t E, double turns)
{
    return E * log(rope->position_first / (turns * TWO_PI)) / (2.0 * log(rope->theta));
}

static double scale_yarn(const nj_rope_config *rope, uint32_t E, uint32_t i, double frequency)
{
    double low = find_yarn_pair(rope, E, rope->beta_fast);
    double high = find_yarn_pair(rope, E, rope->beta_slow);
    low = fmax(rope->truncate ? floor(low) : low, 0.0);
    high = fmin(rope->truncate ? ceil(high) : high, E - 1.0);
    high = low == high ? high + 0.001 : high;
    const double ramp = fmin(fmax((i - low) / (high - low), 0.0), 1.0);
    return frequency / rope->factor * ramp + frequency * (1.0 - ramp);
}

static double scale_frequency(const nj_rope_config *rope, uint32_t E, uint32_t i, double frequency)
{
    switch (rope->type) {
    case NJ_ROPE_LINEAR:
        return frequency / rope->factor;
    case NJ_ROPE_LLAMA3:
        return scale_llama3(rope, frequency);
    case NJ_ROPE_YARN:
        return scale_yarn(rope, E, i, frequency);
    default:
        return frequency;
    }
}

void nj_rope_fill(const nj_rope_config *config, uint32_t E, uint32_t positions, float *cosines,
                  float *sines)
{
    const uint32_t pairs = E / 2;
    const double root = find_root(config->theta, pairs);
    double power = 1.0;
    for (uint32_t i = 0; i < pairs; i++, power *= root) {
        // Transformers keeps frequencies and angles in float32, and models were trained with those.
        const float frequency = (float)scale_frequency(config, E, i, 1.0 / power);
        for (uint32_t p = 0; p < positions; p++) {
            double cosine;
            double sine;
            find_cos_sin((double)((float)p * frequency), &cosine, &sine);
            cosines[(size_t)p * pairs + i] = (float)(cosine * config->attention);
            sines[(size_t)p * pairs + i] = (float)(sine * config->attention);
        }
    }
}

void nj_rope_turn(uint32_t E, const float *cosines, const float *sines, float *values)
{
    const uint32_t pairs = E / 2;
    for (uint32_t i = 0; i < pairs; i++) {
        const float a = values[i];
        const float b = values[i + pairs];
        values[i] = a * cosines[i] - b * sines[i];
        values[i + pairs] = b * cosines[i] + a * sines[i];
    }
}
