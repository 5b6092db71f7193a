// failpoint.h - named places in the code where a test can make the process die, stop, hang, fail or slow down.
//
// Compiled in with -DNIGHTJAR_FAILPOINTS=ON (ops/test and the asan preset). Without it the macros are nothing, and a product has
// no such places. The names are schemas/failpoint.def. What is to happen stands in the environment:
//
//   NJ_FAILPOINT = RULE[,RULE...]         RULE = name=action[@n][:argument]
//
//   commit.put=kill                       SIGKILL at the first hit
//   file.renamed=fail@2                   the step fails with NJ_IO, the second time only; without @n every time
//   compute.user=slow:50                  sleeps 50 ms at every hit
//   engine.user=nan:user-17               the scores of this user are NaN
//   engine.user=slow:500:user-17          half a second for this user
//
// Hits are counted for each process, or for each user of a point with users. Rules that are wrong end the process with exit 78
// at its first hit: a test must not pass because of a spelling mistake.
//
// This is the one place in common/base with state of its own. It may be used by several threads.
#ifndef NJ_BASE_FAILPOINT_H
#define NJ_BASE_FAILPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_FAILPOINT_RULES_MAX 32
#define NJ_FAILPOINT_USER_BYTES_MAX 510
#define NJ_FAILPOINT_SLOW_MS_MAX 600000
// What `exhaust` takes where no memory limit stops it before; then the process kills itself, as the system would.
#define NJ_FAILPOINT_EXHAUST_BYTES_MAX ((size_t)256 << 20)

typedef enum {
#define NJ_FAILPOINT(NAME, name, PROGRAM, KIND, meaning) NJ_FAILPOINT_##NAME,
#include "schemas/failpoint.def"
    NJ_FAILPOINT_COUNT
} nj_failpoint;

typedef enum {
    NJ_FAILPOINT_NOTHING,
    NJ_FAILPOINT_KILL,    // SIGKILL to itself
    NJ_FAILPOINT_ABORT,   // SIGABRT
    NJ_FAILPOINT_STOP,    // SIGSTOP to itself; goes on after SIGCONT
    NJ_FAILPOINT_SPIN,    // computes nothing for ever; the other threads go on
    NJ_FAILPOINT_SLOW,    // sleeps `slow_ms`
    NJ_FAILPOINT_EXHAUST, // takes memory until there is none, and keeps it
    NJ_FAILPOINT_FAIL,    // STEP and USER: the caller fails
    NJ_FAILPOINT_NAN      // USER: the caller makes its numbers NaN
} nj_failpoint_action;

typedef struct {
    nj_failpoint point;
    nj_failpoint_action action;
    uint64_t at_hit; // 1-based; 0: every hit
    uint32_t slow_ms;
    char user[NJ_FAILPOINT_USER_BYTES_MAX + 1]; // "" for points without users
} nj_failpoint_rule;

typedef struct {
    nj_failpoint_rule rules[NJ_FAILPOINT_RULES_MAX];
    size_t count;
} nj_failpoint_rules;

/// Reads what stands in the environment. NJ_CONFIG names the rule and what is wrong with it.
/// Proof  tests/unit/base/test_failpoint.c
NJ_CHECKED nj_status nj_failpoint_parse(const char *text, nj_failpoint_rules *out, nj_error *err);

/// Counts the hit and does what the rules of the environment say. True: the step is to fail.
bool nj_failpoint_hit(nj_failpoint point);

/// As nj_failpoint_hit, and makes the failure: NJ_IO and a sentence that says that it is on purpose.
NJ_CHECKED nj_status nj_failpoint_step(nj_failpoint point, nj_error *err);

/// As nj_failpoint_hit, for one user. FAIL and NAN are the caller's to do; after anything else NOTHING is returned.
nj_failpoint_action nj_failpoint_hit_user(nj_failpoint point, nj_slice user);

#ifdef NIGHTJAR_FAILPOINTS
#define NJ_FAILPOINT_HIT(NAME) ((void)nj_failpoint_hit(NJ_FAILPOINT_##NAME))
#define NJ_FAILPOINT_FAILS(NAME) nj_failpoint_hit(NJ_FAILPOINT_##NAME)
#define NJ_FAILPOINT_STEP(NAME, err) nj_failpoint_step(NJ_FAILPOINT_##NAME, (err))
#define NJ_FAILPOINT_USER(NAME, user) nj_failpoint_hit_user(NJ_FAILPOINT_##NAME, (user))
#else
#define NJ_FAILPOINT_HIT(NAME) ((void)0)
#define NJ_FAILPOINT_FAILS(NAME) false
#define NJ_FAILPOINT_STEP(NAME, err) NJ_OK
#define NJ_FAILPOINT_USER(NAME, user) NJ_FAILPOINT_NOTHING
#endif

#endif
