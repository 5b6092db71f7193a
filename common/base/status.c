#include "common/base/status.h"

#include <stddef.h>

typedef struct {
    nj_status status;
    int exit_code;
    const char *name;
    const char *sentence;
    const char *advice;
} status_row;

static const status_row ROWS[] = {
#define NJ_STATUS(name, number, exit_code, sentence, advice)                                       \
    {NJ_##name, exit_code, #name, sentence, advice},
#include "schemas/status.def"
#undef NJ_STATUS
};

static const status_row *find_row(nj_status status)
{
    static const status_row UNKNOWN = {NJ_FAILED, 1, "?", "unknown status", "report this"};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (ROWS[i].status == status) {
            return &ROWS[i];
        }
    }
    return &UNKNOWN;
}

const char *nj_status_name(nj_status status)
{
    return find_row(status)->name;
}

const char *nj_status_sentence(nj_status status)
{
    return find_row(status)->sentence;
}

const char *nj_status_advice(nj_status status)
{
    return find_row(status)->advice;
}

int nj_status_exit_code(nj_status status)
{
    return find_row(status)->exit_code;
}

nj_status nj_status_of_exit_code(int exit_code)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (ROWS[i].exit_code == exit_code) {
            return ROWS[i].status;
        }
    }
    return NJ_FAILED;
}
