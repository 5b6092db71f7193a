// nights.h - runs nights, one seed after another, and says how a night that broke is run again.
#ifndef NJ_TEST_SIM_NIGHTS_H
#define NJ_TEST_SIM_NIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/world.h"

/// A number from the environment.
uint64_t nights_number(const char *name, uint64_t fallback);

/// Runs the night of one seed and adds up what happened. Fails the test with the report and the command that replays it.
void nights_run_seed(uint64_t seed, sim_mode mode, bool talk, sim_counts *sum, uint64_t *trace);

/// Seeds first .. first + count - 1; prints one line.
void nights_run(uint64_t first, uint64_t count, sim_mode mode);

#endif
