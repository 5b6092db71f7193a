// memory_faults.h - the n-th allocation fails.
//
// A program that links nj_test_memory_faults has its own malloc, calloc, realloc, aligned_alloc, posix_memalign and strdup, as far
// as our code calls them (the linker's --wrap). What libraries take for themselves is not seen: jansson calls a lack of memory a
// syntax error in places, and libzmq ends the process.
#ifndef NJ_TEST_MEMORY_FAULTS_H
#define NJ_TEST_MEMORY_FAULTS_H

#include <stdbool.h>

/// The n-th allocation from now on fails (from 1), once.
void memory_faults_arm(unsigned n);

/// No allocation fails from here on: for looks at what a failed call has left behind.
void memory_faults_pause(void);

/// The same; true when the n-th came.
bool memory_faults_disarm(void);

#endif
