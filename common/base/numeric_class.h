// numeric_class.h - what may be relied on in each numeric class: schemas/numeric_class.def as questions.
#ifndef NJ_BASE_NUMERIC_CLASS_H
#define NJ_BASE_NUMERIC_CLASS_H

#include <stdbool.h>

#include "common/base/error.h"

#define NJ_PRECISION_DEFAULT "float32"
#define NJ_PRECISIONS "float32, int8, bf16" // for texts
#define NJ_PRECISION_OPTION                                                                        \
    {                                                                                              \
        "precision", "NAME", NJ_PRECISION_DEFAULT, "of products with weights: " NJ_PRECISIONS,     \
            false                                                                                  \
    }

/// True where a second decoding of a user gives the same bits, whoever decodes him and with whom. False for a class without a row.
bool nj_numeric_class_reproducible(const char *name);

/// Finds the class of a night: `name`, or for NULL the one that the precision means. Borrowed: `name` or for ever. NJ_USAGE names
/// the known precisions or classes, or both when the class is not of the precision.
NJ_CHECKED nj_status nj_numeric_class_choose(const char *precision, const char *name,
                                             const char **out, nj_error *err);

/// Checks that there is such a precision. NJ_USAGE names the known.
NJ_CHECKED nj_status nj_precision_check(const char *precision, nj_error *err);

#endif
