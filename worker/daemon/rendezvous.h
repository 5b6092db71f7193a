// rendezvous.h - where the coordinator is: an address, or a file that holds it.
//
// A scheduler decides late, and may decide again, on which host a coordinator runs. It writes its address to a file that the workers
// can read (nightjar-coordinator --ready-file); they wait for the file, and look again whenever they lost the coordinator.
#ifndef NJ_WORKER_DAEMON_RENDEZVOUS_H
#define NJ_WORKER_DAEMON_RENDEZVOUS_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/wire/socket.h"

#define NJ_RENDEZVOUS_FILE "file:" // and a path, instead of tcp://ADDRESS:PORT

typedef struct {
    const char *word; // borrowed
    char endpoint[NJ_ENDPOINT_BYTES];
} nj_rendezvous;

/// True where `word` names a file.
bool nj_rendezvous_is_file(const char *word);

/// Looks where the coordinator is. `*out_moved`: elsewhere than at the last look (after {.word = ...}: than nowhere).
/// NJ_AGAIN: the file is not there, or names no place yet; NJ_INPUT: it is no file; NJ_CONFIG: its line is too long, or no file is named; NJ_IO. What was found
/// before then stays. Whether it is an endpoint at all is for the socket to say.
/// Proof   tests/unit/daemon/test_rendezvous.c
NJ_CHECKED nj_status nj_rendezvous_look(nj_rendezvous *r, bool *out_moved, nj_error *err);

#endif
