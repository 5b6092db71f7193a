// gates.h - whether tonight's input and lists are like last night's: the gates of schemas/gates.def, judged from counts.
//
// Counting is done elsewhere (coordinator/daemon/gates_before.h, gates_after.h). Not to be mistaken for daemon/gate.h, which lets workers in.
#ifndef NJ_COORDINATOR_GATES_H
#define NJ_COORDINATOR_GATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/codec/json.h"

#define NJ_GATES_LEAST_DEFAULT "1000"
#define NJ_GATES_LEAST_MAX UINT64_C(1000000000000)
#define NJ_GATES_PERCENT_MAX 1e6
#define NJ_GATES_FINDINGS_MAX 32 // that are kept; all are judged and counted
#define NJ_GATES_FUTURE_S 3600   // that a clock elsewhere may be ahead of ours; a guess
#define NJ_GATES_GROUP_BYTES 64
#define NJ_GATES_SENTENCE_BYTES 320

typedef enum {
#define NJ_GATE_BEFORE(name, ...) NJ_GATE_##name,
#define NJ_GATE_AFTER(name, ...) NJ_GATE_##name,
#include "schemas/gates.def"
    NJ_GATE_COUNT
} nj_gate;

// Bounds: percent, or seconds of an AGE; NAN: the gate is off.
typedef struct {
    double bounds[NJ_GATE_COUNT];
    uint64_t least; // a whole below it is not judged
} nj_gates;

typedef struct {
    nj_gate gate;
    bool passed;
    char group[NJ_GATES_GROUP_BYTES]; // of users; "": all of them
    uint64_t part,
        whole;    // what is compared with what; of an AGE 0, of a MEAN how many shares as whole
    double value; // percent; of an AGE seconds, negative in the future
    double bound;
} nj_gate_finding;

typedef struct {
    nj_gate_finding
        findings[NJ_GATES_FINDINGS_MAX]; // of all users; of a group where one does not hold
    size_t count;
    size_t failed; // also those that found no room
    bool is_wrong; // one of those is no matter of being late
} nj_gate_findings;

/// Sets the bound of a gate from the text of its option. NJ_USAGE names the option, the text and the forms.
NJ_CHECKED nj_status nj_gates_set(nj_gates *gates, nj_gate gate, const char *text, nj_error *err);

/// The option of a gate, such as "gate-users".
const char *nj_gate_option(nj_gate gate);

/// Judges a share or a change, and keeps what was found. Nothing is kept where the gate is off or `whole` is below gates->least.
///
///   group  "": all users
void nj_gates_judge(const nj_gates *gates, nj_gate gate, const char *group, uint64_t part,
                    uint64_t whole, nj_gate_findings *out);

/// Judges the age of the newest event. One that is more than NJ_GATES_FUTURE_S ahead is wrong, and not late.
void nj_gates_judge_age(const nj_gates *gates, double newest_s, double now_s,
                        nj_gate_findings *out);

/// Judges the mean of `count` shares that sum up to `sum`, each 0 to 1.
void nj_gates_judge_mean(const nj_gates *gates, nj_gate gate, double sum, uint64_t count,
                         nj_gate_findings *out);

/// Appends what was found later.
void nj_gates_add(nj_gate_findings *findings, const nj_gate_findings *more);

/// One sentence with the figure, the counts and the rule, as `users: 850 where 1000 were: ...`.
void nj_gate_describe(const nj_gate_finding *finding, char out[NJ_GATES_SENTENCE_BYTES]);

/// An array of objects, as `run --json` has it. Owned by the caller; NULL: no memory.
json_t *nj_gates_document(const nj_gate_findings *findings);

/// NJ_OK where every gate holds. NJ_REFUSED, or NJ_AGAIN where the input is only late: the first that does not, and how many do not.
/// Proof   tests/unit/coordinator/test_gates.c
NJ_CHECKED nj_status nj_gates_verdict(const nj_gate_findings *findings, nj_error *err);

#endif
