// completion.h - scripts that let a shell complete commands, options and their values, made from the option table.
//
// A script knows the commands of one program and their options; behind an option that takes a file, a folder or one of a few
// words it offers those (value_kind.h), behind any other nothing.
#ifndef NJ_CLI_COMPLETION_H
#define NJ_CLI_COMPLETION_H

#include <stdio.h>

#include "common/cli/cli.h"

/// "bash", "zsh" or "fish"; NJ_USAGE for another word. A failed write stays in the stream for who closes it.
///
/// Source  bash(1) "Programmable Completion" 5.2; zshcompsys(1) 5.9 "_arguments"; complete(1) of fish 3.6
/// Proof   tests/cli/0015-tables-agree.t, which asks the shells
NJ_CHECKED nj_status nj_completion_write(const nj_program *program, const char *shell, FILE *out,
                                         nj_error *err);

// The scripts; completion_*.c.
void nj_completion_write_zsh(const nj_program *program, FILE *out);
void nj_completion_write_fish(const nj_program *program, FILE *out);

#define NJ_SHELL_NAME_BYTES 64

/// "_nightjar_worker": the program's name as part of a function's.
void nj_completion_function(const nj_program *program, char out[NJ_SHELL_NAME_BYTES]);

/// How many bytes of the name are its first word: the group of "store get", the whole of "run".
size_t nj_completion_first_word(const char *name);

/// True for the first command of the table whose first word this is.
bool nj_completion_begins_group(const nj_program *program, size_t command);

#endif
