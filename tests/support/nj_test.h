// nj_test.h - cmocka and what every test needs, in one include.
#ifndef NJ_TEST_H
#define NJ_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/error.h"

/// Fails with the error's own sentence when status is not NJ_OK.
#define assert_ok(status_expression, err)                                                          \
    do {                                                                                           \
        nj_status assert_status_ = (status_expression);                                            \
        if (assert_status_ != NJ_OK) {                                                             \
            fail_msg("%s: %s", nj_status_name(assert_status_), (err)->text);                       \
        }                                                                                          \
    } while (0)

/// Fails unless the call is refused with this status and a message that contains `part`.
#define assert_refused(status_expression, expected, err, part)                                     \
    do {                                                                                           \
        assert_int_equal((status_expression), (expected));                                         \
        if (strstr((err)->text, (part)) == NULL) {                                                 \
            fail_msg("\"%s\" does not say \"%s\"", (err)->text, (part));                           \
        }                                                                                          \
    } while (0)

#endif
