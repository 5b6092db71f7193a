#include "worker/train/t5_flops.h"

double nj_train_sample_flops(const nj_t5_config *config, size_t S, size_t T)
{
    const double s = (double)S;
    const double t = (double)T;
    const double D = (double)config->D;
    const double HE = (double)config->H * (double)config->E;
    const double dense = (config->gated ? 3.0 : 2.0) * D * (double)config->F;
    const double encoder = s * (4.0 * D * HE + dense) + 2.0 * s * s * HE;
    const double self = t * 4.0 * D * HE + 2.0 * t * t * HE;
    const double cross = (t + s) * 2.0 * D * HE + 2.0 * t * s * HE;
    const double forward = (double)config->encoder_layers * encoder +
                           (double)config->decoder_layers * (self + cross + t * dense) +
                           t * D * (double)config->V;
    return 3.0 * 2.0 * forward;
}
