// lab_steps.h - a chain of commands, each run once: what it needs, what it makes, and what it was made from.
//
//   OUT/steps/NAME.begun   digest of command line and inputs, written before the step runs
//   OUT/steps/NAME.done    the same, and the seconds it took, written when it has ended well
//   OUT/logs/NAME.log      what it said
//
// A step is skipped when NAME.done has the digest that it would have now, and its outputs are there. One that can resume does so when
// NAME.begun has it. Paths are relative to OUT, where all steps run.
#ifndef NJ_OPS_CLI_LAB_STEPS_H
#define NJ_OPS_CLI_LAB_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/file.h"

#define NJ_LAB_STEPS_MAX 32
#define NJ_LAB_WORDS_MAX 96           // of a command line
#define NJ_LAB_COMMAND_BYTES_MAX 8192 //
#define NJ_LAB_PATHS_MAX 16           // inputs of a step, and outputs

// How a step goes on that was stopped in the middle.
typedef enum {
    NJ_LAB_AGAIN,    // from its beginning
    NJ_LAB_RESUME,   // with --resume
    NJ_LAB_TRAINING, // with --resume and --time-limit
} nj_lab_going_on;

typedef struct {
    const char *name; // "embed": also of its log
    const char *why;  // one sentence
    const char *inputs[NJ_LAB_PATHS_MAX +
                       1]; // files, and folders, which mean the files in them; NULL behind the last
    const char *outputs[NJ_LAB_PATHS_MAX + 1]; // the same
    const char *to;                            // where its standard output goes; NULL: the log
    const char *scratch;   // folder that a step which begins anew must not find; NULL: none
    const char *last_word; // file whose first line is the last word of the command line; NULL: none
    nj_lab_going_on going_on;
} nj_lab_step_facts;

typedef struct {
    nj_lab_step_facts facts; // borrowed words
    char words
        [NJ_LAB_COMMAND_BYTES_MAX]; // of the command line, each ended by a NUL, without "nightjar"
    size_t word_bytes;
    size_t word_count;
    bool has_last_word; // is among the words already
    double seconds;     // of the run that made its outputs
    bool was_skipped;
} nj_lab_step;

typedef struct {
    nj_lab_step *steps; // owned; [NJ_LAB_STEPS_MAX]
    size_t count;
    nj_status status; // of the adding; the first failure sticks
} nj_lab_chain;

typedef struct {
    const char *out;       // folder; made
    uint64_t time_limit_s; // of all together; 0: none
    bool quiet;
} nj_lab_chain_options;

void nj_lab_chain_init(nj_lab_chain *chain);
void nj_lab_chain_fini(nj_lab_chain *chain);

/// Adds a step whose command line is `format`, words separated by single spaces. Look at chain->status in the end: NJ_NO_MEMORY,
/// NJ_INPUT: a command line is too long.
void nj_lab_chain_add(nj_lab_chain *chain, const nj_lab_step_facts *facts, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/// Adds a word, which may have spaces in it, to the last step's command line.
void nj_lab_chain_add_word(nj_lab_chain *chain, const char *word);

/// The command line as one types it, with "nightjar" in front and its output behind. `out` is initialised. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_lab_step_print(const nj_lab_step *step, nj_buffer *out);

/// Runs what has to be run, in order, and fills in `seconds`.
///
/// Errors  those of the steps, with the step's name, its log and how to go on; NJ_AGAIN: the time limit; NJ_INPUT, NJ_IO, NJ_NOT_FOUND:
///         an input; NJ_INTERRUPTED, NJ_TERMINATED: a signal
/// Proof   tests/cli/0850-lab.t
NJ_CHECKED nj_status nj_lab_chain_run(nj_lab_chain *chain, const nj_lab_chain_options *options,
                                      nj_error *err);

#endif
