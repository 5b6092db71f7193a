#include <math.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

uint32_t nj_t5_bucket(uint32_t distance, uint32_t buckets, uint32_t distance_max)
{
    uint32_t exact = buckets / 2;
    if (distance < exact) {
        return distance;
    }
    if (distance >= distance_max) {
        return buckets - 1;
    }
    float scale = (float)log((double)distance_max / (double)exact);
    float far = logf((float)distance / (float)exact) / scale * (float)(buckets - exact);
    return (uint32_t)nj_min_size(exact + (uint32_t)far, buckets - 1);
}

void nj_t5_bias_fill(nj_t5 *model)
{
    const nj_t5_config *config = &model->config;
    for (uint32_t distance = 0; distance <= config->distance_max; distance++) {
        model->encoder_bucket[distance] =
            (uint16_t)nj_t5_bucket(distance, config->R / 2, config->distance_max);
    }
}

void nj_t5_bias_expand_steps(nj_t5 *model)
{
    const nj_t5_config *config = &model->config;
    const size_t ld = model->batch.T_row;
    for (uint32_t distance = 0; distance < model->batch.limits.steps_max; distance++) {
        uint32_t bucket = nj_t5_bucket(distance, config->R, config->distance_max);
        for (size_t h = 0; h < config->H; h++) {
            model->batch.decoder_bias[h * ld + ld - 1 - distance] =
                model->decoder.bias[bucket * config->H + h];
        }
    }
}

// Keys behind the query (offset > 0) use the upper half of the buckets.
void nj_t5_bias_expand(nj_t5 *model)
{
    const nj_t5_config *config = &model->config;
    size_t H = config->H;
    size_t S = model->batch.limits.sequence_max;
    for (size_t i = 0; i < 2 * S - 1; i++) {
        bool behind = i > S - 1;
        size_t distance = behind ? i - (S - 1) : S - 1 - i;
        size_t bucket = model->encoder_bucket[nj_min_size(distance, config->distance_max)];
        bucket += behind ? config->R / 2 : 0;
        for (size_t h = 0; h < H; h++) {
            model->batch.bias[h * (2 * S - 1) + i] = model->encoder.bias[bucket * H + h];
        }
    }
}
