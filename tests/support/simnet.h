// simnet.h - a network in memory: lines between workers and coordinators that lose, delay, repeat, reorder and damage what they
// carry, and links that are cut in one direction or both.
//
//   worker 3 ──── line 17 ────► coordinator 0       UP     a line is one TCP connection: the same two processes from its
//            ◄───────────────                       DOWN   opening to its end, and in order unless the weather reorders
//
// What a message was and to whom it goes is the caller's business: a message that is due comes out of the clock as an event of
// `event_kind` whose `who` is given to simnet_take.
//
// A worker that closes its end is found out by the coordinator at once, as after a kill; later, while the link is cut; or never,
// as when a machine loses its power. What the coordinator sends until then goes nowhere.
#ifndef NJ_TEST_SIMNET_H
#define NJ_TEST_SIMNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "tests/support/simclock.h"
#include "tests/support/simrandom.h"

typedef enum { SIMNET_UP, SIMNET_DOWN, SIMNET_DIRECTIONS } simnet_direction;

typedef struct {
    // of 1,000 messages
    uint32_t drop;
    uint32_t repeat;
    uint32_t reorder;
    uint32_t damage;
    uint32_t reorder_us_max; // how late a message may be that others overtake
    uint32_t delay_us_min;
    uint32_t delay_us_max;
    bool cuts_hold; // what is sent into a cut arrives after it instead of never
} simnet_weather;

typedef struct {
    uint32_t worker;
    uint32_t worker_life; // of the process that opened it
    uint32_t coordinator;
    uint32_t coordinator_life;
    bool open;               // at the worker's end
    uint64_t closed_seen_ns; // from when a send DOWN fails; UINT64_MAX: it does not
    uint64_t last_due_ns[SIMNET_DIRECTIONS];
} simnet_line;

// A message on its way.
typedef struct {
    uint32_t line; // 0: sent by a worker that had none
    uint32_t worker;
    uint32_t worker_life;
    simnet_direction direction;
    bool damaged;
    uint32_t size;
    uint8_t bytes[]; // [size]
} simnet_flight;

typedef struct {
    uint64_t until_ns[SIMNET_DIRECTIONS];
} simnet_link;

typedef struct {
    simclock *clock;   // borrowed
    simrandom *random; // borrowed
    simnet_weather weather;
    uint32_t event_kind;
    simnet_line *lines; // [line_count + 1] owned; 0 is none
    uint32_t line_count;
    uint32_t line_capacity;
    simnet_link *links; // [worker_count] owned
    uint32_t worker_count;
    simnet_flight **flights; // [flight_capacity] owned; NULL: free
    uint32_t *free_flights;  // [flight_capacity] owned; a stack
    uint32_t free_count;
    uint32_t flight_capacity;
    uint32_t flight_count; // on their way now
    uint64_t sent;
    uint64_t harmed; // dropped, repeated, reordered, damaged or cut
} simnet;

void simnet_init(simnet *net, simclock *clock, simrandom *random, uint32_t event_kind,
                 uint32_t worker_count);
void simnet_fini(simnet *net);

/// The number of the new line, never used before.
uint32_t simnet_connect(simnet *net, uint32_t worker, uint32_t worker_life, uint32_t coordinator,
                        uint32_t coordinator_life);
/// `seen`: the coordinator's machine learns of it, when the link is whole.
void simnet_close(simnet *net, uint32_t line, bool seen);

/// Sends over the line, or for a worker without one (`line` 0) into the queue of its socket. False: the line's end is known, as a
/// ROUTER with MANDATORY says. `*harmed` is set when the weather touched the message.
bool simnet_send(simnet *net, uint32_t line, uint32_t worker, uint32_t worker_life,
                 simnet_direction direction, nj_slice bytes, bool *harmed);

/// What the event brings; the caller frees it with free.
simnet_flight *simnet_take(simnet *net, uint32_t who);

/// Cuts a worker's link in one direction until then.
void simnet_cut(simnet *net, uint32_t worker, simnet_direction direction, uint64_t until_ns);

#endif
