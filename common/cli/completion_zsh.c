#include <string.h>

#include "common/cli/arguments.h"
#include "common/cli/completion.h"
#include "common/cli/value_kind.h"

// Inside single quotes and brackets of an _arguments specification.
static void put_description(const char *text, FILE *out)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            fputs("'\\''", out);
        } else if (strchr("[]:\\", *c) != NULL) {
            fprintf(out, "\\%c", *c);
        } else {
            fputc(*c, out);
        }
    }
}

// ":FILE:_files": what to ask for, and how it is completed.
static void put_value(const char *value, FILE *out)
{
    const nj_value_words words = nj_value_words_of(value);
    fputc(':', out);
    put_description(value, out);
    fputc(':', out);
    switch (words.kind) {
    case NJ_VALUE_FILE:
        fputs("_files", out);
        break;
    case NJ_VALUE_FOLDER:
        fputs("_files -/", out);
        break;
    case NJ_VALUE_CHOICES:
        fputc('(', out);
        for (size_t w = 0; w < words.choice_count; w++) {
            fprintf(out, "%s%s", w > 0 ? " " : "", words.choices[w]);
        }
        fputc(')', out);
        break;
    case NJ_VALUE_TEXT:
    case NJ_VALUE_FLAG:
        fputc(' ', out);
        break;
    }
}

static void put_option(const nj_option *option, FILE *out)
{
    char name[NJ_OPTION_NAME_BYTES];
    nj_option_name_write(option->name, name);
    fprintf(out, " \\\n                '--%s%s[", name, option->value != NULL ? "=" : "");
    put_description(option->help, out);
    fputc(']', out);
    if (option->value != NULL) {
        put_value(option->value, out);
    }
    fputc('\'', out);
}

static void put_command(const nj_command *command, FILE *out)
{
    fprintf(out, "        ('%s')\n            _arguments", command->name);
    for (size_t i = 0; i < command->option_count; i++) {
        put_option(&command->options[i], out);
    }
    for (size_t i = 0; i < nj_general_option_count(command); i++) {
        put_option(&NJ_GENERAL_OPTIONS[i], out);
    }
    if (command->positional != NULL) {
        fputs(" \\\n                '1", out);
        put_value(command->positional, out);
        fputc('\'', out);
    }
    fputs("\n            ;;\n", out);
}

static void put_choice(const char *word, int length, const char *summary, FILE *out)
{
    fprintf(out, " '%.*s:", length, word);
    for (const char *c = summary; *c != '\0'; c++) {
        fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, out);
    }
    fputc('\'', out);
}

static void put_first_words(const nj_program *program, FILE *out)
{
    fputs("    if (( CURRENT == 2 )); then\n        choices=(", out);
    for (size_t i = 0; i < program->command_count; i++) {
        const nj_command *command = &program->commands[i];
        const int length = (int)nj_completion_first_word(command->name);
        if (nj_completion_begins_group(program, i)) {
            const bool whole = command->name[length] == '\0';
            put_choice(command->name, length, whole ? command->summary : "several commands", out);
        }
    }
    fputs(" 'help:what commands there are')\n"
          "        _describe command choices\n        return\n    fi\n",
          out);
}

// A word that begins commands of two words: its second words. A command of that name alone ("lab") takes options there, too.
static void put_second_words(const nj_program *program, FILE *out)
{
    fputs("    case $words[2] in\n", out);
    for (size_t i = 0; i < program->command_count; i++) {
        const char *name = program->commands[i].name;
        const int length = (int)nj_completion_first_word(name);
        char seconds[512] = "";
        if (!nj_completion_begins_group(program, i)) {
            continue;
        }
        for (size_t k = i, used = 0; k < program->command_count; k++) {
            const char *other = program->commands[k].name;
            if (strncmp(other, name, (size_t)length) == 0 && other[length] == ' ' &&
                used + strlen(other) < sizeof seconds - 2) {
                used += (size_t)snprintf(seconds + used, sizeof seconds - used, "%s%s",
                                         used > 0 ? "|" : "", other + length + 1);
            }
        }
        if (seconds[0] == '\0') {
            continue;
        }
        fprintf(out, "        (%.*s)\n            choices=(", length, name);
        for (size_t k = i; k < program->command_count; k++) {
            const nj_command *other = &program->commands[k];
            if (strncmp(other->name, name, (size_t)length) == 0 && other->name[length] == ' ') {
                put_choice(other->name + length + 1, (int)strlen(other->name + length + 1),
                           other->summary, out);
            }
        }
        fprintf(out,
                ")\n            if (( CURRENT == 3 )) && [[ $words[3] != -* ]]; then\n"
                "                _describe command choices\n                return\n"
                "            fi\n"
                "            case $words[3] in\n"
                "                (%s) name=\"$words[2] $words[3]\"; shift words; (( CURRENT-- )) "
                ";;\n            esac\n            ;;\n",
                seconds);
    }
    fputs("    esac\n", out);
}

void nj_completion_write_zsh(const nj_program *program, FILE *out)
{
    char function[NJ_SHELL_NAME_BYTES];
    const bool has_commands = program->commands[0].name[0] != '\0';
    nj_completion_function(program, function);
    fprintf(out, "#compdef %s\n%s() {\n    local name=\n", program->name, function);
    if (has_commands) {
        fputs("    local -a choices\n", out);
        put_first_words(program, out);
        fputs("    name=$words[2]\n", out);
        put_second_words(program, out);
        fputs("    shift words\n    (( CURRENT-- ))\n", out);
    }
    fputs("    case $name in\n", out);
    for (size_t i = 0; i < program->command_count; i++) {
        put_command(&program->commands[i], out);
    }
    // Loaded as a function of its own name by compinit, or read with `source`.
    fprintf(out,
            "    esac\n}\nif [[ $funcstack[1] == %s ]]; then\n    %s \"$@\"\nelse\n"
            "    compdef %s %s\nfi\n",
            function, function, function, program->name);
}
