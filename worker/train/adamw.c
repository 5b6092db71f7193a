#include "worker/train/adamw.h"

#include <math.h>

void nj_adamw_step(const nj_adamw *adamw, double rate, uint64_t step, size_t count,
                   const float *gradient, float *mean, float *square, float *values)
{
    const float beta1 = (float)adamw->beta1;
    const float beta2 = (float)adamw->beta2;
    const float rest1 = (float)(1.0 - adamw->beta1);
    const float rest2 = (float)(1.0 - adamw->beta2);
    const float kept = (float)(1.0 - rate * adamw->weight_decay);
    const float size = (float)(rate / (1.0 - pow(adamw->beta1, (double)step)));
    const float root = (float)sqrt(1.0 - pow(adamw->beta2, (double)step));
    const float epsilon = (float)adamw->epsilon;
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i];
        mean[i] = beta1 * mean[i] + rest1 * g;
        square[i] = beta2 * square[i] + rest2 * g * g;
        values[i] = kept * values[i] - size * mean[i] / (sqrtf(square[i]) / root + epsilon);
    }
}
