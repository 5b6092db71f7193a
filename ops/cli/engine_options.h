// engine_options.h - --precision, --kernels, --batch and --without, wherever an engine is opened from a command line.
#ifndef NJ_OPS_CLI_ENGINE_OPTIONS_H
#define NJ_OPS_CLI_ENGINE_OPTIONS_H

#include "common/base/numeric_class.h"
#include "common/bundle/bundle.h"
#include "common/cli/cli.h"
#include "common/codec/settings.h"
#include "common/math/kernels.h"
#include "coordinator/daemon/night_options.h"
#include "worker/engine/engine.h"

// A command whose table lacks NJ_NIGHT_OPTIONS needs NJ_PRECISION_OPTION beside these.
#define NJ_ENGINE_OPTIONS                                                                          \
    {"kernels", "NAME", "auto", "instructions: " NJ_KERNELS_KNOWN, false}, NJ_SAVINGS_OPTION,      \
    {                                                                                              \
        "batch", "N", "16", "users decoded together", false                                        \
    }

/// Checks the options' values, so that a mistake shows before anything is read. NJ_USAGE, NJ_CONFIG.
NJ_CHECKED nj_status nj_engine_options_check(const nj_arguments *arguments, nj_error *err);

/// Makes the night one of the class that --kernels has, where kernels or a precision are named and --numeric-class is not: a night whose
/// workers are of this machine. NJ_CONFIG, NJ_USAGE.
NJ_CHECKED nj_status nj_kernels_class_from(const nj_arguments *arguments, nj_night_options *options,
                                           nj_error *err);

/// Selects the kernels, opens the engine and says on stderr what memory it holds.
NJ_CHECKED nj_status nj_engine_from(const nj_arguments *arguments, const nj_sections *sections,
                                    const nj_settings *settings, nj_engine **out, nj_error *err);

/// The engine of a night that is over: kernels of its numeric class, a batch of one user.
///
///   kernels  a set's name, or "auto": the fastest of the class that this CPU runs
///
/// Errors  NJ_CONFIG: this CPU runs none of the class; NJ_USAGE: the set that is named is of another; those of nj_engine_open
/// Proof   tests/integration/0445-audit.t
NJ_CHECKED nj_status nj_engine_of_class(const char *numeric_class, const char *kernels,
                                        const nj_sections *sections, const nj_settings *settings,
                                        nj_engine **out, const nj_kernels **out_kernels,
                                        nj_error *err);

#endif
