// pairing.h - what is said, on stderr, of whether a model and a catalogue belong together.
#ifndef NJ_OPS_CLI_PAIRING_H
#define NJ_OPS_CLI_PAIRING_H

#include "worker/engine/bundle_pack.h"

/// One line of a bundle that was packed: how it is known, or why nobody asked.
void nj_tell_pairing(const nj_pack_summary *summary, const nj_pack_request *request);

#endif
