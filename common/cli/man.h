// man.h - manual pages in roff (man(7)), made from the option table.
#ifndef NJ_CLI_MAN_H
#define NJ_CLI_MAN_H

#include <stdio.h>

#include "common/cli/cli.h"

#define NJ_MAN_PAGE_BYTES 96

/// "nightjar-store-get" for the command "store get", the program's own name for the command "".
void nj_man_page_name(const nj_program *program, const nj_command *command,
                      char out[NJ_MAN_PAGE_BYTES]);

/// The command that "nightjar-store-get", "store-get" or "store get" names; NULL where it is none.
const nj_command *nj_man_find(const nj_program *program, const char *page);

/// Writes the page of one command, or of the program (its commands, exit codes and environment) where `command` is NULL. The bytes
/// depend on the tables and the version alone. A failed write stays in the stream for who closes it.
///
/// Source  groff_man(7), 1.22
/// Proof   tests/cli/0015-tables-agree.t
void nj_man_write(const nj_program *program, const nj_command *command, FILE *out);

#endif
