// fuzz.h - what every fuzz target has: the function over bytes, and a check that stays in every
// build.
#ifndef NJ_FUZZ_H
#define NJ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Ends the program, which libFuzzer and the replay both report, when a promise of the reader's
/// header is broken.
static inline void fuzz_check(int holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

#endif
