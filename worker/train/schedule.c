#include "worker/train/schedule.h"

#include <math.h>
#include <string.h>

static const char *const WORDS[] = {"cosine", "inverse-sqrt", "constant"}; // by nj_schedule_kind

nj_status nj_schedule_kind_from(const char *word, nj_schedule_kind *out, nj_error *err)
{
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(word, WORDS[i]) == 0) {
            *out = (nj_schedule_kind)i;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE, "--schedule is \"%s\"; known are " NJ_SCHEDULES, word);
}

double nj_schedule_rate(const nj_schedule *schedule, uint64_t step)
{
    const double pi = 3.14159265358979323846;
    const double warmup = (double)schedule->warmup;
    if (step < schedule->warmup) {
        return schedule->rate * (double)step / warmup;
    }
    switch (schedule->kind) {
    case NJ_SCHEDULE_COSINE:
        if (step >= schedule->steps) {
            return 0;
        }
        return schedule->rate * 0.5 *
               (1 + cos(pi * ((double)step - warmup) / ((double)schedule->steps - warmup)));
    case NJ_SCHEDULE_INVERSE_SQRT:
        return schedule->rate * sqrt(fmax(warmup, 1) / (double)step);
    case NJ_SCHEDULE_CONSTANT:
        break;
    }
    return schedule->rate;
}
