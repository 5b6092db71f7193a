#include <string.h>

#include "common/cli/arguments.h"
#include "common/cli/completion.h"
#include "common/cli/value_kind.h"

// Inside single quotes, where fish knows \' and \\ alone.
static void put_quoted(const char *text, size_t length, FILE *out)
{
    fputc('\'', out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\'' || text[i] == '\\') {
            fputc('\\', out);
        }
        fputc(text[i], out);
    }
    fputc('\'', out);
}

static void put_text(const char *text, FILE *out)
{
    put_quoted(text, strlen(text), out);
}

static void put_values(const char *value, FILE *out)
{
    const nj_value_words words = nj_value_words_of(value);
    switch (words.kind) {
    case NJ_VALUE_FILE:
        fputs(" -r -F", out);
        break;
    case NJ_VALUE_FOLDER:
        fputs(" -x -a '(__fish_complete_directories (commandline -ct))'", out);
        break;
    case NJ_VALUE_CHOICES:
        fputs(" -x -a '", out);
        for (size_t w = 0; w < words.choice_count; w++) {
            fprintf(out, "%s%s", w > 0 ? " " : "", words.choices[w]);
        }
        fputc('\'', out);
        break;
    case NJ_VALUE_TEXT:
        fputs(" -x", out);
        break;
    case NJ_VALUE_FLAG:
        break;
    }
}

// `complete -c nightjar -n "__nightjar_command 'store get'"`; a program without commands needs no condition.
static void put_start(const nj_program *program, const nj_command *command, const char *function,
                      FILE *out)
{
    fprintf(out, "complete -c %s", program->name);
    if (command->name[0] != '\0') {
        fprintf(out, " -n \"_%s_command '%s'\"", function, command->name);
    }
}

static void put_option(const nj_program *program, const nj_command *command,
                       const nj_option *option, const char *function, FILE *out)
{
    char name[NJ_OPTION_NAME_BYTES];
    nj_option_name_write(option->name, name);
    put_start(program, command, function, out);
    fprintf(out, " -l %s", name);
    put_values(option->value, out);
    fputs(" -d ", out);
    put_text(option->help, out);
    fputc('\n', out);
}

static void put_positional(const nj_program *program, const nj_command *command,
                           const char *function, FILE *out)
{
    const nj_value_kind kind = nj_value_words_of(command->positional).kind;
    if (kind == NJ_VALUE_FILE) {
        put_start(program, command, function, out);
        fputs(" -F\n", out);
    } else if (kind == NJ_VALUE_FOLDER || kind == NJ_VALUE_CHOICES) {
        put_start(program, command, function, out);
        put_values(command->positional, out);
        fputc('\n', out);
    }
}

// Functions that tell which command stands on the line, and whether one begins there.
static void put_functions(const nj_program *program, const char *function, FILE *out)
{
    fprintf(out,
            "function _%s_command\n"
            "    set -l words (commandline -opc)\n"
            "    set -l name \"$words[2]\"\n"
            "    switch \"$words[2] $words[3]\"\n"
            "        case",
            function);
    for (size_t i = 0; i < program->command_count; i++) {
        if (strchr(program->commands[i].name, ' ') != NULL) {
            fputc(' ', out);
            put_text(program->commands[i].name, out);
        }
    }
    fprintf(out,
            "\n            set name \"$words[2] $words[3]\"\n"
            "    end\n"
            "    test \"$name\" = \"$argv[1]\"\n"
            "end\n"
            "function _%s_begins\n"
            "    set -l words (commandline -opc)\n"
            "    test \"$words[2..-1]\" = \"$argv[1]\"\n"
            "end\n",
            function);
}

static void put_words(const nj_program *program, const char *function, FILE *out)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const nj_command *command = &program->commands[i];
        const size_t length = nj_completion_first_word(command->name);
        const bool whole = command->name[length] == '\0';
        if (nj_completion_begins_group(program, i)) {
            fprintf(out, "complete -c %s -n \"_%s_begins ''\" -a %.*s -d ", program->name, function,
                    (int)length, command->name);
            put_text(whole ? command->summary : "several commands", out);
            fputc('\n', out);
        }
        if (!whole) {
            fprintf(out, "complete -c %s -n \"_%s_begins %.*s\" -a %s -d ", program->name, function,
                    (int)length, command->name, command->name + length + 1);
            put_text(command->summary, out);
            fputc('\n', out);
        }
    }
}

void nj_completion_write_fish(const nj_program *program, FILE *out)
{
    char function[NJ_SHELL_NAME_BYTES];
    nj_completion_function(program, function);
    fprintf(out, "# fish completion for %s\ncomplete -c %s -f\n", program->name, program->name);
    if (program->commands[0].name[0] != '\0') {
        put_functions(program, function, out);
        put_words(program, function, out);
    }
    for (size_t i = 0; i < program->command_count; i++) {
        const nj_command *command = &program->commands[i];
        for (size_t o = 0; o < command->option_count; o++) {
            put_option(program, command, &command->options[o], function, out);
        }
        for (size_t o = 0; o < nj_general_option_count(command); o++) {
            put_option(program, command, &NJ_GENERAL_OPTIONS[o], function, out);
        }
        put_positional(program, command, function, out);
    }
}
