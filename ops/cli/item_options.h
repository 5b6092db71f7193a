// item_options.h - where the rounds over items of a catalogue command are computed: in this process, on workers that it starts, or on
// workers anywhere. Every command that fits or assigns takes the same options, and its result does not depend on them.
#ifndef NJ_OPS_CLI_ITEM_OPTIONS_H
#define NJ_OPS_CLI_ITEM_OPTIONS_H

#include "common/catalogue/item_threads.h"
#include "common/cli/cli.h"
#include "coordinator/daemon/item_fleet.h"
#include "ops/cli/local_fleet.h"
#include "worker/daemon/section_seed.h"

#define NJ_ITEM_OPTIONS                                                                            \
    {"workers", "N", "0", "worker processes to start for it; 0: compute in this process", false},  \
        {"threads", "N", "0", "threads, without --workers; 0: one a processor", false},            \
        {"bind", "ENDPOINT", NULL,                                                                 \
         "compute on workers that connect here: tcp://ADDRESS:PORT, with --key and --allowed",     \
         false},                                                                                   \
        {"key", "FILE", NULL, "with --bind: this coordinator's secret key (nightjar keys)",        \
         false},                                                                                   \
        {"allowed", "FILE", NULL,                                                                  \
         "with --bind: public keys of the workers that may connect, one a line", false},           \
        {"insecure", NULL, NULL,                                                                   \
         "with --bind: no encryption and no keys; for networks that nobody else is on", false},    \
        {"lease-ms", "N", NJ_NIGHT_LEASE_MS_DEFAULT,                                               \
         "a shard without progress for this long is given to another worker", false},              \
        NJ_LOCAL_FLEET_OPTIONS, NJ_LOG_OPTION

// All that lives as long as the rounds of a command.
typedef struct {
    nj_item_executor executor; // to be used between open and close
    nj_item_threads threads;
    nj_local_fleet *workers; // owned; NULL: none are started
    nj_item_fleet *fleet;    // owned; NULL: in this process
    nj_item_fleet_options options;
    nj_section_cache cache; // of the workers that are started
    nj_keypair keys;
    nj_allowlist allowed;
    nj_allow_watch watch;
} nj_item_place;

/// Reads the options and opens what they say: binds and starts workers. `place` must stay where it is until close. NJ_USAGE names
/// options that do not go together; others as nj_local_fleet_new, nj_item_fleet_open, nj_section_cache_init.
NJ_CHECKED nj_status nj_item_place_open(const nj_arguments *arguments, nj_item_place *place,
                                        nj_error *err);
/// Dismisses the workers: `status` is how the rounds went. For a place that was opened.
void nj_item_place_close(nj_item_place *place, nj_status status);

#endif
