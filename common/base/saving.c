#include "common/base/saving.h"

#include <string.h>

typedef struct {
    const char *word;
    nj_savings bit;
} saving;

static const saving SAVINGS[] = {
#define NJ_SAVING(name, bit, word, what, why) {word, 1u << (bit)},
#include "schemas/saving.def"
};

static nj_savings find_saving(const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof SAVINGS / sizeof SAVINGS[0]; i++) {
        if (strlen(SAVINGS[i].word) == size && memcmp(SAVINGS[i].word, word, size) == 0) {
            return SAVINGS[i].bit;
        }
    }
    return 0;
}

nj_status nj_savings_without(const char *list, nj_savings *out, nj_error *err)
{
    nj_savings savings = NJ_SAVINGS_ALL;
    const char *word = list;
    while (*word != '\0') {
        const size_t size = strcspn(word, ",");
        const nj_savings bit = find_saving(word, size);
        if (bit == 0) {
            return nj_fail(err, NJ_USAGE, "saving \"%.*s\" is not known; known are %s",
                           size > 64 ? 64 : (int)size, word, NJ_SAVINGS_KNOWN);
        }
        savings &= ~bit;
        word += size;
        word += *word == ',';
    }
    *out = savings;
    return NJ_OK;
}
