// guard.h - ends connections of a router that take memory or descriptors and give nothing for it.
//
// libzmq 4.3.4 shows a message only when it is whole, and holds a peer to MAXMSGSIZE a frame and RCVHWM whole messages. So it keeps, out
// of everybody's sight: frames of MAXMSGSIZE from peers that have proved no key yet, and messages of frames without end. It also
// keeps connections that say nothing for ever. The kernel counts the bytes of each connection; the guard compares.
//
//   accepted ── handshake ──► proven ── a message is delivered ──► heard ──► ...
//      │                        │                                   │
//      │ more than              │ more than budget_bytes arrived    │ the same
//      │ NJ_GUARD_GREETING_BYTES│ and nothing was delivered         │
//      ▼                        ▼                                   ▼
//    shut down ◄────────────────┴─── no byte for NJ_GUARD_SILENCE_MS┘
//
// When half of the descriptors are in use, connections without a proof have NJ_GUARD_CROWDED_MS instead of libzmq's handshake time, and
// until only a quarter is, the kernel drops whoever knocks: TCP knocks again. The rest is for the store's files, and for libzmq, which
// would try to accept in a busy loop.
//
// A peer's proof is seen in what the router has sent: its side of a handshake has a fixed size up to the last step. Connections are
// found among the process's own descriptors by their local port and told apart by the kernel's cookie, so a
// number that is used again is never mistaken. A thread of its own looks, so that nothing piles up while a commit waits for its disk.
// Knows no zmq.h.
#ifndef NJ_WIRE_GUARD_H
#define NJ_WIRE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

// Between two looks at all connections; more for many of them, so that looking takes a twentieth of the time at the most.
#define NJ_GUARD_SCAN_MS 20
#define NJ_GUARD_SCAN_US_EACH 50
#define NJ_GUARD_SCAN_MS_MAX 200
#define NJ_GUARD_GREETING_BYTES 4096 // a handshake takes less than 1000
#define NJ_GUARD_SILENCE_MS 30000    // a worker says something every second or so
#define NJ_GUARD_CROWDED_MS 500      // for a handshake, when descriptors run short
#define NJ_GUARD_DESCRIPTORS_MAX                                                                   \
    16384 // the limit it sets for the process, where the hard limit allows

typedef struct nj_guard nj_guard;

// Connections that were ended.
typedef struct {
    uint64_t
        unproven_count; // sent more than a handshake without ending one, or took too long in a crowd
    uint64_t hoard_count;  // more than the budget arrived and no message came of it
    uint64_t silent_count; // no byte for NJ_GUARD_SILENCE_MS
} nj_guard_cuts;

/// Raises the process's soft limit of descriptors to NJ_GUARD_DESCRIPTORS_MAX, or to the hard limit if that is lower.
///   port           local port of the router's connections
///   proven_bytes   a router that has sent fewer on a connection has not ended its handshake
///   budget_bytes   that may arrive between two messages of one peer
/// Errors  NJ_IO (no /proc), NJ_NO_MEMORY
NJ_CHECKED nj_status nj_guard_open(uint16_t port, uint64_t proven_bytes, uint64_t budget_bytes,
                                   nj_guard **out, nj_error *err);
/// Starts a thread that looks at all connections until nj_guard_close: a disk that stalls the night does not stall it. NJ_FAILED.
NJ_CHECKED nj_status nj_guard_start(nj_guard *guard, nj_error *err);
/// Accepts NULL.
void nj_guard_close(nj_guard **guard);

/// A message came from this descriptor; -1 is nobody. Any thread.
void nj_guard_heard(nj_guard *guard, int fd);

/// Looks at all connections once; about 2 microseconds each. Returns the milliseconds until the next look. The thread's, or a test's.
/// Proof   tests/unit/wire/test_guard.c
uint32_t nj_guard_scan(nj_guard *guard, uint64_t now_ns);

/// What was ended so far. Any thread.
nj_guard_cuts nj_guard_cut(nj_guard *guard);

#endif
