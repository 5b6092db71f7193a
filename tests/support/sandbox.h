// sandbox.h - a temporary folder for one test, and where the shared fixtures are.
#ifndef NJ_TEST_SANDBOX_H
#define NJ_TEST_SANDBOX_H

#include <stdbool.h>

#include "common/base/file.h"

/// cmocka setup and teardown: *state becomes an nj_path of a fresh folder, removed afterwards.
int sandbox_setup(void **state);
int sandbox_teardown(void **state);

/// folder/name as text; borrowed until the 8th next call.
const char *sandbox_path(void **state, const char *name);

/// Writes text or bytes to folder/name and gives the path.
const char *sandbox_write(void **state, const char *name, const void *bytes, size_t size);

/// tests/data/<name> of the source tree; borrowed until the 8th next call.
const char *data_path(const char *name);

/// The folder ../shared beside the project when it is there, else NULL. A test that needs it calls skip_loudly.
const char *shared_path(const char *name);

/// Says on stderr why, then cmocka's skip().
#define skip_loudly(why)                                                                           \
    do {                                                                                           \
        print_error("SKIPPED: %s\n", (why));                                                       \
        skip();                                                                                    \
    } while (0)

#endif
