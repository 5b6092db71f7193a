// phase.h - what the phases before the users leave for the next night: made once, skipped while their inputs are the same.
//
//   STORE/night/catalogue/   phase.json   catalogue/     the items of last night and their SIDs: tonight's OLD
//               bundle/      phase.json   night.njb      before.njb: the current generation's, where that is another
//               users/       phase.json                  which generation came of it
//               lock                                     held by the process that makes phases
//
// A phase's folder is filled under a draft's name, its phase.json last, and exchanged with the one that is there in one step: what is
// there is always whole and belongs to its record. One of each is kept. phase.json names the inputs by digest:
//
//   {"version": 1, "inputs": {"catalogue": "64 hexadecimal digits", "embeddings": "..."}, "result": "text"}
//
// The caller holds NJ_PHASE_LOCK (lock.h) of nj_phase_folder while it begins and commits.
#ifndef NJ_STORE_PHASE_H
#define NJ_STORE_PHASE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/store/draft.h"

#define NJ_PHASE_INPUTS_MAX 12
#define NJ_PHASE_RESULT_BYTES 80
#define NJ_PHASE_JSON_BYTES_MAX 65536
#define NJ_PHASE_LOCK "the phases of a night"

// What a phase is made from. Names are constants of the program.
typedef struct {
    size_t count;
    const char *names[NJ_PHASE_INPUTS_MAX];
    nj_digest digests[NJ_PHASE_INPUTS_MAX];
} nj_phase_inputs;

/// There must be room: asserted.
void nj_phase_inputs_add(nj_phase_inputs *inputs, const char *name, const nj_digest *digest);

// What is there of a phase.
typedef struct {
    bool there; // it was made, from these inputs or from others
    const char *
        differs; // the first input that is not as it was; NULL: they are those, so it need not be made again
    char result[NJ_PHASE_RESULT_BYTES]; // what its maker noted; ""
} nj_phase_state;

/// True when it need not be made again.
static inline bool nj_phase_is_done(const nj_phase_state *state)
{
    return state->there && state->differs == NULL;
}

/// STORE/night
NJ_CHECKED nj_status nj_phase_folder(const char *store_dir, nj_path *out, nj_error *err);
/// STORE/night/<phase>/<file>
NJ_CHECKED nj_status nj_phase_path(const char *store_dir, const char *phase, const char *file,
                                   nj_path *out, nj_error *err);

/// Compares the record with the inputs; a phase that was never made is NJ_OK and not `there`.
/// Errors  NJ_INPUT: the record is malformed, or its folder has none
NJ_CHECKED nj_status nj_phase_look(const char *store_dir, const char *phase,
                                   const nj_phase_inputs *inputs, nj_phase_state *out,
                                   nj_error *err);

/// Makes STORE/night where it is missing and a draft in it; the files go into draft->folder.
NJ_CHECKED nj_status nj_phase_begin(const char *store_dir, nj_folder_draft *out, nj_error *err);

/// Writes the record into the draft, which has everything else, synced, and puts it in the phase's place. What was there is removed. On
/// failure the draft is still there to be aborted (nj_folder_draft_abort), and the phase is as it was.
///
///   result  noted for the next night; below NJ_PHASE_RESULT_BYTES (asserted), printable
///
/// Errors  NJ_IO, also where the file system cannot exchange two folders
/// Proof   tests/unit/store/test_phase.c, tests/integration/0320-whole-night-killed.t
NJ_CHECKED nj_status nj_phase_commit(nj_folder_draft *draft, const char *phase,
                                     const nj_phase_inputs *inputs, const char *result,
                                     nj_error *err);

#endif
