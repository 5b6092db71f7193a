// daemon_internal.h - one worker process while it runs, and what daemon.c and daemon_plan.c do to it. Nobody else includes it.
//
//   daemon.c       socket, leases, signals, the loop
//   daemon_plan.c  what WELCOME says: classes and kernels, sections looked up, fetched and opened, the set-up of what computes
#ifndef NJ_WORKER_DAEMON_DAEMON_INTERNAL_H
#define NJ_WORKER_DAEMON_DAEMON_INTERNAL_H

#include "common/base/buffer.h"
#include "common/base/numeric_class.h"
#include "common/codec/settings.h"
#include "common/math/kernels.h"
#include "common/wire/socket.h"
#include "worker/daemon/compute.h"
#include "worker/daemon/daemon.h"
#include "worker/daemon/held_sections.h"
#include "worker/daemon/rendezvous.h"
#include "worker/daemon/section_cache.h"
#include "worker/daemon/watchdog.h"
#include "worker/session.h"

#define NJ_LEASE_SLOTS 4 // one is computed, one waits for it, two may wait for their ACK

// What the daemon keeps of a lease.
typedef struct {
    nj_buffer users; // until it is computed
    bool afresh;
    nj_buffer rows; // until it is acknowledged
} nj_lease_slot;

typedef struct {
    const nj_worker_options *options;
    nj_rendezvous rendezvous;
    nj_dealer *dealer;
    nj_compute *compute;
    nj_section_cache cache;
    nj_held_sections held;
    nj_session *session; // owned
    nj_lease_slot slots[NJ_LEASE_SLOTS];
    nj_message *received;      // owned
    nj_session_effect *effect; // owned; drawn last
    const nj_message *message; // at hand, while its effects are drawn
    nj_watchdog watchdog;
    bool hangs; // the compute thread will not end
    const char *classes[NJ_WIRE_CLASSES_MAX];
    uint32_t class_count;
    char name[NJ_WIRE_NAME_BYTES_MAX + 1];
    uint32_t lease_ms; // of the last WELCOME
    // kept from WELCOME:
    bool items;           // it is a round over items, else a night
    nj_settings settings; // of a night
    nj_buffer plan;       // of a round
    uint64_t passing;     // of a round: sections that are held in memory, one bit each
    const nj_kernels *kernels;
    uint64_t set_up_ticket; // the youngest
    uint64_t look_ns;       // when it came
    uint64_t lacking_bytes; // that had to be fetched
    bool waiting_said;      // the first line about it stands in the log
    uint64_t waiting_ns;    // since when it waits, or last said so; 0: it does not wait
    uint64_t memory_ns;     // of the last look at the memory
    bool finished;
    nj_status end_status;
    nj_error end_error;
} nj_worker_daemon;

/// Lists the numeric classes that the worker offers. NJ_USAGE: no such kernels.
NJ_CHECKED nj_status nj_worker_list_classes(nj_worker_daemon *w, nj_error *err);

/// The effects LOOK, STORE, VERIFY and SET_UP of the session. What fails ends the session.
void nj_worker_look(nj_worker_daemon *w);
void nj_worker_store_piece(nj_worker_daemon *w, const nj_session_effect *effect);
void nj_worker_verify_section(nj_worker_daemon *w, uint32_t index);
void nj_worker_set_up(nj_worker_daemon *w, uint64_t ticket);
/// A set-up has ended: if it is the youngest, nobody uses the sections of the plans before.
void nj_worker_note_set_up(nj_worker_daemon *w, uint64_t ticket);

#endif
