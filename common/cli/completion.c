// completion.c - what the scripts share, and bash's.
#include "common/cli/completion.h"

#include <string.h>

#include "common/cli/arguments.h"
#include "common/cli/value_kind.h"

void nj_completion_function(const nj_program *program, char out[NJ_SHELL_NAME_BYTES])
{
    snprintf(out, NJ_SHELL_NAME_BYTES, "_%s", program->name);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : *c;
    }
}

size_t nj_completion_first_word(const char *name)
{
    return strcspn(name, " ");
}

bool nj_completion_begins_group(const nj_program *program, size_t command)
{
    const char *name = program->commands[command].name;
    const size_t length = nj_completion_first_word(name);
    for (size_t i = 0; i < command; i++) {
        const char *earlier = program->commands[i].name;
        if (nj_completion_first_word(earlier) == length && strncmp(earlier, name, length) == 0) {
            return false;
        }
    }
    return true;
}

// ---- bash ----

// `files=' --bundle --users '`: the options whose value is of this kind.
static void put_bash_names(const nj_option *options, size_t count, nj_value_kind kind, FILE *out)
{
    char name[NJ_OPTION_NAME_BYTES];
    for (size_t i = 0; i < count; i++) {
        if (nj_value_words_of(options[i].value).kind == kind) {
            nj_option_name_write(options[i].name, name);
            fprintf(out, " --%s", name);
        }
    }
}

static void put_bash_list(const nj_command *command, const char *variable, nj_value_kind kind,
                          FILE *out)
{
    fprintf(out, "            %s='", variable);
    put_bash_names(command->options, command->option_count, kind, out);
    put_bash_names(NJ_GENERAL_OPTIONS, nj_general_option_count(command), kind, out);
    fputs(" '\n", out);
}

static void put_bash_words(const nj_value_words *words, FILE *out)
{
    for (size_t w = 0; w < words->choice_count; w++) {
        fprintf(out, "%s%s", w > 0 ? " " : "", words->choices[w]);
    }
}

static void put_bash_choices(const nj_option *options, size_t count, FILE *out)
{
    char name[NJ_OPTION_NAME_BYTES];
    for (size_t i = 0; i < count; i++) {
        const nj_value_words words = nj_value_words_of(options[i].value);
        if (words.kind == NJ_VALUE_CHOICES) {
            nj_option_name_write(options[i].name, name);
            fprintf(out, "                --%s) choices='", name);
            put_bash_words(&words, out);
            fputs("' ;;\n", out);
        }
    }
}

static const char *positional_word(const nj_command *command)
{
    switch (nj_value_words_of(command->positional).kind) {
    case NJ_VALUE_FILE:
        return "file";
    case NJ_VALUE_FOLDER:
        return "folder";
    case NJ_VALUE_FLAG:
    case NJ_VALUE_TEXT:
    case NJ_VALUE_CHOICES:
        break;
    }
    return "";
}

static void put_bash_command(const nj_command *command, FILE *out)
{
    fprintf(out, "        '%s')\n", command->name);
    put_bash_list(command, "flags", NJ_VALUE_FLAG, out);
    put_bash_list(command, "files", NJ_VALUE_FILE, out);
    put_bash_list(command, "folders", NJ_VALUE_FOLDER, out);
    put_bash_list(command, "texts", NJ_VALUE_TEXT, out);
    put_bash_list(command, "picks", NJ_VALUE_CHOICES, out);
    fputs("            case $before in\n", out);
    put_bash_choices(command->options, command->option_count, out);
    put_bash_choices(NJ_GENERAL_OPTIONS, nj_general_option_count(command), out);
    const nj_value_words words = nj_value_words_of(command->positional);
    fprintf(out, "            esac\n            argument='%s'\n            words='",
            positional_word(command));
    put_bash_words(&words, out);
    fputs("'\n            ;;\n", out);
}

// The second words of a group, and the first words of all: what may stand where no command is complete yet.
static void put_bash_groups(const nj_program *program, FILE *out)
{
    fputs("    case $first in\n", out);
    for (size_t i = 0; i < program->command_count; i++) {
        const char *name = program->commands[i].name;
        const size_t length = nj_completion_first_word(name);
        if (!nj_completion_begins_group(program, i)) {
            continue;
        }
        fprintf(out, "        %.*s) seconds='", (int)length, name);
        for (size_t k = i; k < program->command_count; k++) {
            const char *other = program->commands[k].name;
            if (strncmp(other, name, length) == 0 && other[length] == ' ') {
                fprintf(out, " %s", other + length + 1);
            }
        }
        fputs("' ;;\n", out);
    }
    fputs("    esac\n", out);
}

static void put_bash_firsts(const nj_program *program, FILE *out)
{
    fputs("    local firsts='", out);
    for (size_t i = 0; i < program->command_count; i++) {
        if (nj_completion_begins_group(program, i)) {
            const char *name = program->commands[i].name;
            fprintf(out, "%.*s ", (int)nj_completion_first_word(name), name);
        }
    }
    fputs("help --help --version'\n", out);
}

// Which command stands on the line, into $command; a program without commands has the one named "".
static void put_bash_command_choice(const nj_program *program, FILE *out)
{
    if (program->commands[0].name[0] == '\0') {
        return;
    }
    put_bash_firsts(program, out);
    fputs("    local first=${COMP_WORDS[1]} second=${COMP_WORDS[2]:-} seconds=\n"
          "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$firsts\" -- \"$current\")\n"
          "        return\n"
          "    fi\n",
          out);
    put_bash_groups(program, out);
    fputs("    if [[ $COMP_CWORD -eq 2 && -n $seconds && $current != -* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$seconds\" -- \"$current\")\n"
          "        return\n"
          "    fi\n"
          "    command=$first\n"
          "    if [[ -n $second && \" $seconds \" == *\" $second \"* ]]; then\n"
          "        command=\"$first $second\"\n"
          "    fi\n",
          out);
}

static const char BASH_HEAD[] =
    "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=\n"
    "    local flags= files= folders= texts= picks= choices= argument= words=\n"
    "    # --name=value stands on the line as three words\n"
    "    if [[ $current == = ]]; then\n"
    "        current=\n"
    "    elif [[ $before == = ]]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n";

static const char BASH_TAIL[] =
    "    if [[ $files == *\" $before \"* ]]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "    elif [[ $folders == *\" $before \"* ]]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
    "    elif [[ $picks == *\" $before \"* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$current\")\n"
    "    elif [[ $texts == *\" $before \"* ]]; then\n"
    "        COMPREPLY=()\n"
    "    elif [[ $current == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$flags $files $folders $texts $picks\" -- "
    "\"$current\")\n"
    "    elif [[ -n $words ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
    "    elif [[ $argument == file ]]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "    elif [[ $argument == folder ]]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$flags $files $folders $texts $picks\" -- "
    "\"$current\")\n"
    "    fi\n";

static void write_bash(const nj_program *program, FILE *out)
{
    char function[NJ_SHELL_NAME_BYTES];
    nj_completion_function(program, function);
    fprintf(out, "# bash completion for %s\n%s() {\n%s", program->name, function, BASH_HEAD);
    put_bash_command_choice(program, out);
    fputs("    case $command in\n", out);
    for (size_t i = 0; i < program->command_count; i++) {
        put_bash_command(&program->commands[i], out);
    }
    fputs("    esac\n", out);
    fputs(BASH_TAIL, out);
    fprintf(out, "}\ncomplete -F %s %s\n", function, program->name);
}

nj_status nj_completion_write(const nj_program *program, const char *shell, FILE *out,
                              nj_error *err)
{
    if (strcmp(shell, "bash") == 0) {
        write_bash(program, out);
    } else if (strcmp(shell, "zsh") == 0) {
        nj_completion_write_zsh(program, out);
    } else if (strcmp(shell, "fish") == 0) {
        nj_completion_write_fish(program, out);
    } else {
        return nj_fail(err, NJ_USAGE, "there is no completion for \"%.40s\": bash, zsh or fish",
                       shell);
    }
    return NJ_OK;
}
