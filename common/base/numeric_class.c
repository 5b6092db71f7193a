#include "common/base/numeric_class.h"

#include <stddef.h>
#include <string.h>

#define OPENBLAS "openblas-" // and the name of a core: a class without a row
#define OPENBLAS_NAME OPENBLAS "CORE"

typedef struct {
    const char *name;
    const char *precision;
    bool batch;
    bool everywhere;
} known_class;

static const known_class CLASSES[] = {
#define NJ_NUMERIC_CLASS(symbol, name, precision, batch, everywhere)                               \
    {name, precision, batch, everywhere},
#include "schemas/numeric_class.def"
#undef NJ_NUMERIC_CLASS
};
static const char NAMES[] =
#define NJ_NUMERIC_CLASS(symbol, name, precision, batch, everywhere) name ", "
#include "schemas/numeric_class.def"
#undef NJ_NUMERIC_CLASS
    OPENBLAS_NAME;
#define CLASS_COUNT (sizeof CLASSES / sizeof CLASSES[0])

static const known_class *find_class(const char *name)
{
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        if (strcmp(CLASSES[i].name, name) == 0) {
            return &CLASSES[i];
        }
    }
    return NULL;
}

// The first class of a precision is the one that it means.
static const known_class *find_precision(const char *precision)
{
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        if (strcmp(CLASSES[i].precision, precision) == 0) {
            return &CLASSES[i];
        }
    }
    return NULL;
}

bool nj_numeric_class_reproducible(const char *name)
{
    const known_class *known = find_class(name);
    return known != NULL && known->batch && known->everywhere;
}

nj_status nj_precision_check(const char *precision, nj_error *err)
{
    if (find_precision(precision) == NULL) {
        return nj_fail(err, NJ_USAGE, "--precision is \"%s\"; known are " NJ_PRECISIONS, precision);
    }
    return NJ_OK;
}

nj_status nj_numeric_class_choose(const char *precision, const char *name, const char **out,
                                  nj_error *err)
{
    nj_status status = nj_precision_check(precision, err);
    if (status != NJ_OK) {
        return status;
    }
    if (name == NULL) {
        *out = find_precision(precision)->name;
        return NJ_OK;
    }
    const known_class *known = find_class(name);
    if (known == NULL && strncmp(name, OPENBLAS, strlen(OPENBLAS)) != 0) {
        return nj_fail(err, NJ_USAGE, "--numeric-class \"%s\" is not known; known are %s", name,
                       NAMES);
    }
    const char *own = known != NULL ? known->precision : NJ_PRECISION_DEFAULT;
    if (strcmp(own, precision) != 0) {
        return nj_fail(err, NJ_USAGE,
                       "--numeric-class \"%s\" is of precision %s, but --precision is %s", name,
                       own, precision);
    }
    *out = name;
    return NJ_OK;
}
