#include <math.h>

#include "common/codec/chart.h"

// The round number that is nearest above `step`, and the decimals that show it.
static double round_step(double step, bool whole, int *out_decimals)
{
    static const struct {
        double digit;
        int decimals; // more than those of the power
    } DIGITS[] = {{1, 0}, {2, 0}, {2.5, 1}, {5, 0}, {10, -1}};
    const double exponent = floor(log10(step));
    const double power = pow(10, exponent);
    size_t i = 0;
    while (i < 4 && DIGITS[i].digit * power < step * (1 - 1e-9)) {
        i++;
    }
    double rounded = DIGITS[i].digit * power;
    int decimals = (int)-exponent + DIGITS[i].decimals;
    if (whole && (rounded < 1 || rounded != floor(rounded))) {
        rounded = ceil(rounded);
        decimals = 0;
    }
    *out_decimals = decimals > 0 ? decimals : 0;
    return rounded;
}

void nj_chart_ticks_round(double low, double high, size_t want, bool whole, nj_chart_ticks *out)
{
    if (!(high > low)) {
        double around = fabs(low) > 1e-12 ? fabs(low) / 10 : 1;
        around = whole && around < 1 ? 1 : around;
        low -= low > 0 && low < around ? low : around;
        high += around;
    }
    want = want < 2 ? 2 : want > 12 ? 12 : want;
    const double step = round_step((high - low) / (double)want, whole, &out->decimals);
    const double first = floor(low / step + 1e-9);
    const double last = ceil(high / step - 1e-9);
    out->count = 0;
    for (double i = first; i <= last && out->count < NJ_CHART_TICKS_MAX; i++) {
        out->values[out->count++] = i * step + 0.0; // "+ 0.0" makes -0 a 0
    }
}

void nj_chart_ticks_log(double low, double high, nj_chart_ticks *out)
{
    static const double DIGITS[] = {1, 2, 5};
    const double first = floor(log10(low) + 1e-9);
    const double last = ceil(log10(high) - 1e-9);
    const double decades = last - first;
    const size_t each = decades <= 3 ? 3 : 1;
    const double stride = ceil((decades > 0 ? decades : 1) / (NJ_CHART_TICKS_MAX - 2));
    out->count = 0;
    out->decimals = first < 0 ? (int)-first : 0;
    for (double exponent = first; out->count < NJ_CHART_TICKS_MAX; exponent += stride) {
        for (size_t i = 0; i < each && out->count < NJ_CHART_TICKS_MAX; i++) {
            const double value = DIGITS[i] * pow(10, exponent);
            if (out->count > 0 && value <= low * (1 + 1e-9)) {
                out->count = 0; // an axis begins at the last tick that is not above `low`
            }
            out->values[out->count++] = value;
            if (out->count > 1 && value >= high * (1 - 1e-9)) {
                return;
            }
        }
    }
}
