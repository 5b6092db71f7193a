// store_delta.h - the part of `store export` that writes what differs between two generations.
#ifndef NJ_OPS_CLI_STORE_DELTA_H
#define NJ_OPS_CLI_STORE_DELTA_H

#include "common/cli/cli.h"

/// For --to delta: a segment on standard output, or another one in --feed. Proof: tests/cli/0570-delta.t
NJ_CHECKED nj_status nj_store_export_delta(const nj_arguments *arguments, nj_error *err);

#endif
