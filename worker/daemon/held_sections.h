// held_sections.h - sections of one round, in memory alone: codebooks that change every 50 ms are not worth a file.
//
//   write ... write, finish ─► FRESH ── use ─► IN USE by the plan ── release behind the next plan's set-up ─► gone
//
// What a coordinator sends is bounded by NJ_HELD_BYTES_MAX, of all sections together.
#ifndef NJ_WORKER_DAEMON_HELD_SECTIONS_H
#define NJ_WORKER_DAEMON_HELD_SECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/bundle/bundle.h"

#define NJ_HELD_BYTES_MAX ((uint64_t)8 << 30)
#define NJ_HELD_SECTIONS_MAX                                                                       \
    (3 * NJ_BUNDLE_SECTIONS_MAX) // of the plan, of the one before, of the one that is fetched

typedef struct {
    nj_digest digest;
    nj_buffer bytes; // owned
    uint64_t serial; // of the plan that uses it last; 0: none has yet
} nj_held_section;

typedef struct {
    nj_held_section sections[NJ_HELD_SECTIONS_MAX];
    size_t count;
    nj_held_section draft; // being fetched
    uint64_t serial;       // of the youngest plan
} nj_held_sections;

/// All zero is empty.
void nj_held_sections_fini(nj_held_sections *held);

/// Another plan is welcomed: what was fetched for one that was never set up is dropped.
void nj_held_sections_begin(nj_held_sections *held);

bool nj_held_sections_has(const nj_held_sections *held, const nj_digest *digest, uint64_t size);

/// Writes a piece of the section being fetched; offset 0 begins a new one. NJ_NO_MEMORY: also beyond NJ_HELD_BYTES_MAX.
NJ_CHECKED nj_status nj_held_sections_write(nj_held_sections *held, const nj_digest *digest,
                                            uint64_t offset, nj_slice bytes, nj_error *err);
/// The section is whole; *out_good false: its bytes do not have its size and digest, and are dropped.
NJ_CHECKED nj_status nj_held_sections_finish(nj_held_sections *held, const nj_digest *digest,
                                             uint64_t size, bool *out_good, nj_error *err);

/// A new plan: fills in `bytes` of those of `sections` that are held. They are borrowed until nj_held_sections_release behind another
/// use.
void nj_held_sections_use(nj_held_sections *held, nj_sections *sections);
/// Drops what the youngest plan does not use and was not fetched since.
/// Proof   tests/unit/daemon/test_held_sections.c
void nj_held_sections_release(nj_held_sections *held);

#endif
