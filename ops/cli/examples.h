// examples.h - the lines that help and the manual show under "Examples", a row a command.
#ifndef NJ_OPS_CLI_EXAMPLES_H
#define NJ_OPS_CLI_EXAMPLES_H

#include "common/cli/cli.h"

extern const nj_example NJ_EXAMPLES[];
extern const size_t NJ_EXAMPLE_COUNT;

#endif
