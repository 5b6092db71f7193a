// status.h - the one enum of outcomes; the table is schemas/status.def.
#ifndef NJ_BASE_STATUS_H
#define NJ_BASE_STATUS_H

#define NJ_CHECKED __attribute__((warn_unused_result))

typedef enum {
#define NJ_STATUS(name, number, exit_code, sentence, advice) NJ_##name = number,
#include "schemas/status.def"
#undef NJ_STATUS
} nj_status;

/// Name without prefix ("INPUT"); "?" for a number that is not in the table.
const char *nj_status_name(nj_status status);

/// One sentence for people; borrowed for ever.
const char *nj_status_sentence(nj_status status);

/// What an operator can do about it.
const char *nj_status_advice(nj_status status);

/// The process exit code that stands for this status.
int nj_status_exit_code(nj_status status);

/// The first status with this exit code; NJ_FAILED for a code that no status has. For what a child process ended with.
nj_status nj_status_of_exit_code(int exit_code);

#endif
