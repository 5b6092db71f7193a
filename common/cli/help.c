// help.c - what --help prints, from the tables.
#include <stdio.h>
#include <string.h>

#include "common/cli/arguments.h"

#define HELP_COLUMN 30
#define HELP_WIDTH 100

// Prints words from the help column on, to the line's end at the most; `at` is where the line stands.
static void print_wrapped(const char *text, size_t at)
{
    while (*text != '\0') {
        const size_t length = strcspn(text, " ");
        if (at + length > HELP_WIDTH && at > HELP_COLUMN) {
            printf("\n%*s", HELP_COLUMN, "");
            at = HELP_COLUMN;
        }
        printf(" %.*s", (int)length, text);
        at += length + 1;
        text += length + (text[length] == ' ' ? 1 : 0);
    }
    printf("\n");
}

static void print_option(const nj_option *option)
{
    char name[NJ_OPTION_NAME_BYTES];
    char text[1024];
    nj_option_name_write(option->name, name);
    int at = printf("  --%s%s%s", name, option->value != NULL ? " " : "",
                    option->value != NULL ? option->value : "");
    if (at > HELP_COLUMN) {
        printf("\n");
        at = 0;
    }
    printf("%*s", HELP_COLUMN - at, "");
    if (option->required) {
        snprintf(text, sizeof text, "%s (required)", option->help);
    } else if (nj_option_has_default(option)) {
        snprintf(text, sizeof text, "%s [%s]", option->help, option->fallback);
    } else {
        snprintf(text, sizeof text, "%s", option->help);
    }
    print_wrapped(text, HELP_COLUMN);
}

static const struct {
    nj_status status;
    int code;
    const char *sentence;
    const char *advice;
} OUTCOMES[] = {
#define NJ_STATUS(name, number, exit_code, sentence, advice)                                       \
    {NJ_##name, exit_code, sentence, advice},
#include "schemas/status.def"
#undef NJ_STATUS
};

#define OUTCOME_COUNT (sizeof OUTCOMES / sizeof OUTCOMES[0])

// Several statuses share a code; the first that has it speaks for it.
static bool speaks_for_code(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (OUTCOMES[i].code == OUTCOMES[index].code) {
            return false;
        }
    }
    return true;
}

size_t nj_exit_codes(nj_exit_code out[NJ_EXIT_CODES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < OUTCOME_COUNT && count < NJ_EXIT_CODES_MAX; i++) {
        if (speaks_for_code(i)) {
            out[count++] =
                (nj_exit_code){OUTCOMES[i].code, OUTCOMES[i].sentence, OUTCOMES[i].advice};
        }
    }
    return count;
}

static void print_exit_codes(void)
{
    nj_exit_code codes[NJ_EXIT_CODES_MAX];
    const size_t count = nj_exit_codes(codes);
    printf("Exit codes:\n");
    for (size_t i = 0; i < count; i++) {
        printf("  %-4d %s\n", codes[i].code, codes[i].sentence);
    }
}

const char *nj_command_examples(const nj_program *program, const nj_command *command)
{
    for (size_t i = 0; i < program->example_count; i++) {
        if (strcmp(program->examples[i].command, command->name) == 0) {
            return program->examples[i].text;
        }
    }
    return NULL;
}

void nj_help_command(const nj_program *program, const nj_command *command)
{
    const char *examples = nj_command_examples(program, command);
    printf("%s%s%s%s%s [options]\n\n%s\n\n", program->name, command->name[0] != '\0' ? " " : "",
           command->name, command->positional != NULL ? " " : "",
           command->positional != NULL ? command->positional : "", command->summary);
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(&command->options[i]);
    }
    for (size_t i = 0; i < nj_general_option_count(command); i++) {
        print_option(&NJ_GENERAL_OPTIONS[i]);
    }
    if (examples != NULL) {
        printf("\nExamples:\n%s", examples);
    }
    printf("\n");
    print_exit_codes();
    printf("\nEvery option is also an environment variable (NIGHTJAR_KEEP_HISTORY=1) and a key of "
           "the YAML file.\n"
           "Results go to standard output, everything else to standard error.\n");
}

// Of one group, or of the whole program where `group` is NULL.
static void print_commands(const nj_program *program, const char *group)
{
    printf("Commands:\n");
    for (size_t i = 0; i < program->command_count; i++) {
        const nj_command *command = &program->commands[i];
        if (group == NULL || nj_command_in_group(command, group)) {
            printf("  %-20s %s\n", command->name, command->summary);
        }
    }
}

void nj_help_program(const nj_program *program, const char *group)
{
    if (group == NULL) {
        printf("%s\n\n", program->summary);
    }
    print_commands(program, group);
    printf("\n`%s COMMAND --help` lists a command's options, with examples and exit codes.\n"
           "`%s man COMMAND` is its page of the manual; `%s --version` prints the version.\n",
           program->name, program->name, program->name);
}
