// names.c - an option's name in each of its forms, and finding names in the tables.
#include <stdlib.h>
#include <string.h>

#include "common/cli/arguments.h"

const nj_option NJ_GENERAL_OPTIONS[NJ_GENERAL_COUNT] = {
    [NJ_GENERAL_CONFIG] = {"config", "FILE", NULL, "read options from a YAML file", false},
    [NJ_GENERAL_SHOW] = {"show-config", NULL, NULL,
                         "print every option with its value and where that comes from", false},
    [NJ_GENERAL_HELP] = {"help", NULL, NULL, "print this", false},
    [NJ_GENERAL_COMPLETION] = {"completion", "bash|zsh|fish", NULL,
                               "print a script that completes options", false},
    [NJ_GENERAL_MAN] = {"man", NULL, NULL, "print the manual page (roff)", false},
};

size_t nj_general_option_count(const nj_command *command)
{
    return command->name[0] == '\0' ? NJ_GENERAL_COUNT : NJ_GENERAL_COMPLETION;
}

static char fold_dash(char c)
{
    return c == '_' ? '-' : c;
}

bool nj_option_name_equal(const char *a, const char *b)
{
    for (; *a != '\0' && fold_dash(*a) == fold_dash(*b); a++, b++) {
    }
    return *a == '\0' && *b == '\0';
}

void nj_option_name_write(const char *name, char out[NJ_OPTION_NAME_BYTES])
{
    size_t used = 0;
    for (; name[used] != '\0' && used + 1 < NJ_OPTION_NAME_BYTES; used++) {
        out[used] = fold_dash(name[used]);
    }
    out[used] = '\0';
}

void nj_option_variable_write(const char *name, char out[NJ_VARIABLE_BYTES])
{
    size_t used = strlen(NJ_ENVIRONMENT_PREFIX);
    memcpy(out, NJ_ENVIRONMENT_PREFIX, used);
    for (const char *c = name; *c != '\0' && used + 1 < NJ_VARIABLE_BYTES; c++, used++) {
        out[used] = *c == '-' || *c == '_'   ? '_'
                    : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A')
                                             : *c;
    }
    out[used] = '\0';
}

size_t nj_option_find(const nj_command *command, const char *name, size_t length)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const char *candidate = command->options[i].name;
        size_t at = 0;
        while (at < length && candidate[at] != '\0' &&
               fold_dash(candidate[at]) == fold_dash(name[at])) {
            at++;
        }
        if (at == length && candidate[at] == '\0') {
            return i;
        }
    }
    return command->option_count;
}

bool nj_command_in_group(const nj_command *command, const char *word)
{
    size_t length = strlen(word);
    return length > 0 && strncmp(command->name, word, length) == 0 && command->name[length] == ' ';
}

static int count_name_words(const char *name, int argc, char **argv)
{
    const char *space = strchr(name, ' ');
    size_t first = space != NULL ? (size_t)(space - name) : strlen(name);
    if (argc < 2 || strlen(argv[1]) != first || strncmp(argv[1], name, first) != 0) {
        return 0;
    }
    if (space == NULL) {
        return 1;
    }
    return argc > 2 && strcmp(argv[2], space + 1) == 0 ? 2 : 0;
}

const nj_command *nj_command_find(const nj_program *program, int argc, char **argv, int *out_used)
{
    const nj_command *found = NULL;
    *out_used = 0;
    for (size_t i = 0; i < program->command_count; i++) {
        const nj_command *command = &program->commands[i];
        if (command->name[0] == '\0') {
            return command;
        }
        int used = count_name_words(command->name, argc, argv);
        if (used > *out_used) {
            *out_used = used;
            found = command;
        }
    }
    return found;
}
