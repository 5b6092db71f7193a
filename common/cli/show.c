// show.c - `config show` and --show-config: what a command would run with, and who says so.
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/id.h"
#include "common/cli/arguments.h"
#include "common/cli/suggest.h"

#define TEXT_BYTES_MAX (4u << 20)
#define ORIGIN_COLUMN 40

extern char **environ;

// ---- one value ----

static bool is_plain_scalar(const char *value)
{
    return value[0] != '\0' && strchr("-.@", value[0]) == NULL &&
           value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._/-+@")] == '\0';
}

// As YAML reads it: JSON's quotes where it would be taken for something else.
static nj_status add_scalar(nj_buffer *line, const char *value)
{
    return is_plain_scalar(value) ? nj_buffer_printf(line, "%s", value)
                                  : nj_buffer_json_string(line, nj_slice_from(value));
}

static nj_status add_origin(nj_buffer *line, const nj_arguments *arguments, size_t index)
{
    char variable[NJ_VARIABLE_BYTES];
    const nj_option *option = &arguments->command->options[index];
    nj_option_variable_write(option->name, variable);
    const int gap = line->size < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - line->size) : 1;
    nj_status status = nj_buffer_printf(line, "%*s# ", gap, "");
    if (status != NJ_OK) {
        return status;
    }
    switch (arguments->origins[index]) {
    case NJ_ORIGIN_WORDS:
        return nj_buffer_printf(line, "command line");
    case NJ_ORIGIN_ENVIRONMENT:
        return nj_buffer_printf(line, "environment: %s", variable);
    case NJ_ORIGIN_FILE:
        return nj_buffer_printf(line, "file: %s", arguments->config_path);
    case NJ_ORIGIN_DEFAULT:
        return nj_buffer_printf(line, "default");
    case NJ_ORIGIN_NONE:
        break;
    }
    return nj_buffer_printf(line, option->required        ? "required, not set"
                                  : option->value == NULL ? "default"
                                                          : "not set");
}

// `beam: 20`, or `# since: GENERATION` where nothing gives a value.
static nj_status print_option(const nj_arguments *arguments, size_t index, bool origins)
{
    char name[NJ_OPTION_NAME_BYTES];
    nj_buffer line;
    const nj_option *option = &arguments->command->options[index];
    const char *value = arguments->values[index];
    nj_option_name_write(option->name, name);
    nj_buffer_init(&line, TEXT_BYTES_MAX);
    nj_status status = NJ_OK;
    if (value != NULL && value[0] != '\0') {
        status = nj_buffer_printf(&line, "%s: ", name);
        status = status == NJ_OK ? add_scalar(&line, value) : status;
    } else if (option->value == NULL) {
        status = nj_buffer_printf(&line, "%s: false", name);
    } else {
        status = nj_buffer_printf(&line, "# %s: %s", name, option->value);
    }
    if (status == NJ_OK && origins) {
        status = add_origin(&line, arguments, index);
    }
    if (status == NJ_OK) {
        printf("%.*s\n", (int)line.size, (const char *)line.bytes);
    }
    nj_buffer_fini(&line);
    return status;
}

// ---- for programs ----

static const char *origin_word(nj_origin origin)
{
    switch (origin) {
    case NJ_ORIGIN_WORDS:
        return "command line";
    case NJ_ORIGIN_ENVIRONMENT:
        return "environment";
    case NJ_ORIGIN_FILE:
        return "file";
    case NJ_ORIGIN_DEFAULT:
        return "default";
    case NJ_ORIGIN_NONE:
        break;
    }
    return "none";
}

static nj_status add_json_text(nj_buffer *text, const char *key, const char *value)
{
    nj_status status = nj_buffer_printf(text, ", \"%s\": ", key);
    if (status != NJ_OK) {
        return status;
    }
    return value != NULL ? nj_buffer_json_string(text, nj_slice_from(value))
                         : nj_buffer_printf(text, "null");
}

static nj_status add_json_option(nj_buffer *text, const nj_arguments *arguments, size_t index)
{
    char name[NJ_OPTION_NAME_BYTES];
    char variable[NJ_VARIABLE_BYTES];
    const nj_option *option = &arguments->command->options[index];
    nj_option_name_write(option->name, name);
    nj_option_variable_write(option->name, variable);
    const struct {
        const char *key;
        const char *value;
    } FIELDS[] = {
        {"value", arguments->values[index]},
        {"origin", origin_word(arguments->origins[index])},
        {"takes", option->value},
        {"default", option->fallback},
        {"variable", variable},
        {"help", option->help},
    };
    nj_status status =
        nj_buffer_printf(text, "%s\n  {\"name\": \"%s\", \"required\": %s", index > 0 ? "," : "",
                         name, option->required ? "true" : "false");
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0] && status == NJ_OK; i++) {
        status = add_json_text(text, FIELDS[i].key, FIELDS[i].value);
    }
    return status == NJ_OK ? nj_buffer_printf(text, "}") : status;
}

static nj_status show_json(const nj_arguments *arguments)
{
    nj_buffer text;
    nj_buffer_init(&text, TEXT_BYTES_MAX);
    nj_status status =
        nj_buffer_printf(&text, "{\"version\": 1, \"program\": \"%s\"", arguments->program->name);
    if (status == NJ_OK) {
        status = add_json_text(&text, "command", arguments->command->name);
    }
    if (status == NJ_OK) {
        status = add_json_text(&text, "file", arguments->config_path);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(&text, ", \"options\": [");
    }
    for (size_t i = 0; i < arguments->command->option_count && status == NJ_OK; i++) {
        status = add_json_option(&text, arguments, i);
    }
    if (status == NJ_OK) {
        printf("%.*s]}\n", (int)text.size, (const char *)text.bytes);
    }
    nj_buffer_fini(&text);
    return status;
}

// Neither YAML nor JSON has other bytes.
static nj_status check_texts(const nj_arguments *arguments, nj_error *err)
{
    for (size_t i = 0; i < arguments->command->option_count; i++) {
        const char *value = arguments->values[i];
        if (value != NULL && !nj_utf8_valid(value, strlen(value))) {
            char name[NJ_OPTION_NAME_BYTES];
            nj_option_name_write(arguments->command->options[i].name, name);
            return nj_fail(err, NJ_INPUT, "--%s (%s) is not UTF-8: it cannot be shown", name,
                           origin_word(arguments->origins[i]));
        }
    }
    return NJ_OK;
}

nj_status nj_config_show(const nj_arguments *arguments, bool origins, bool json, nj_error *err)
{
    nj_status status = check_texts(arguments, err);
    if (status != NJ_OK) {
        return status;
    }
    if (json) {
        status = show_json(arguments);
        return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the answer");
    }
    printf("# %s%s%s\n", arguments->program->name, arguments->command->name[0] != '\0' ? " " : "",
           arguments->command->name);
    for (size_t i = 0; i < arguments->command->option_count && status == NJ_OK; i++) {
        status = print_option(arguments, i, origins);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the answer");
}

// ---- no command named ----

// An option of an earlier command was printed already.
static bool is_repeated(const nj_program *program, size_t command, const char *name)
{
    for (size_t c = 0; c < command; c++) {
        const nj_command *earlier = &program->commands[c];
        if (nj_option_find(earlier, name, strlen(name)) < earlier->option_count) {
            return true;
        }
    }
    return false;
}

// What the environment and the file give to the options of one command; *count is how many were printed.
static nj_status show_set(const nj_arguments *shown, size_t command, size_t *count, nj_error *err)
{
    nj_arguments arguments = {.program = shown->program,
                              .command = &shown->program->commands[command],
                              .config_path = shown->config_path};
    nj_status status = nj_arguments_fill(&arguments, err);
    for (size_t i = 0; i < arguments.command->option_count && status == NJ_OK; i++) {
        const nj_origin origin = arguments.origins[i];
        if ((origin == NJ_ORIGIN_ENVIRONMENT || origin == NJ_ORIGIN_FILE) &&
            !is_repeated(shown->program, command, arguments.command->options[i].name)) {
            status = print_option(&arguments, i, true);
            (*count)++;
        }
    }
    nj_arguments_fini(&arguments);
    return status;
}

// "NIGHTJAR_KEEP_HISTORY=1" to "keep-history"; false for a variable that is not ours.
static bool take_name(const char *variable, char out[NJ_OPTION_NAME_BYTES])
{
    const size_t prefix = strlen(NJ_ENVIRONMENT_PREFIX);
    if (strncmp(variable, NJ_ENVIRONMENT_PREFIX, prefix) != 0) {
        return false;
    }
    size_t used = 0;
    for (const char *c = variable + prefix;
         *c != '\0' && *c != '=' && used + 1 < NJ_OPTION_NAME_BYTES; c++) {
        out[used++] = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    out[used] = '\0';
    return true;
}

// A mistyped variable changes nothing, and nobody else says so.
static void print_stranger(const nj_program *program, const char *variable)
{
    char name[NJ_OPTION_NAME_BYTES];
    char meant[NJ_VARIABLE_BYTES] = "";
    nj_suggestion suggestion = {.word = name};
    if (!take_name(variable, name) ||
        nj_option_name_equal(name, NJ_GENERAL_OPTIONS[NJ_GENERAL_CONFIG].name)) {
        return;
    }
    for (size_t c = 0; c < program->command_count; c++) {
        for (size_t o = 0; o < program->commands[c].option_count; o++) {
            if (nj_option_name_equal(name, program->commands[c].options[o].name)) {
                return;
            }
            nj_suggestion_offer(&suggestion, program->commands[c].options[o].name);
        }
    }
    if (suggestion.nearest != NULL) {
        nj_option_variable_write(suggestion.nearest, meant);
    }
    printf("# %.*s: no command has this option%s%s%s\n", (int)strcspn(variable, "="), variable,
           meant[0] != '\0' ? "; did you mean " : "", meant, meant[0] != '\0' ? "?" : "");
}

nj_status nj_cli_show_config(const nj_arguments *arguments, nj_error *err)
{
    size_t count = 0;
    if (arguments->positional != NULL) {
        return nj_fail(err, NJ_USAGE, "unknown command \"%s\"; `%s --help` lists them",
                       arguments->positional, arguments->program->name);
    }
    if (nj_argument_flag(arguments, "json")) {
        return nj_fail(err, NJ_USAGE, "--json goes with a command: %s config show COMMAND --json",
                       arguments->program->name);
    }
    for (size_t c = 0; c < arguments->program->command_count; c++) {
        nj_status status = show_set(arguments, c, &count, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    if (count == 0) {
        printf("# neither the environment nor a configuration file gives an option a value\n");
    }
    for (char **variable = environ; *variable != NULL; variable++) {
        print_stranger(arguments->program, *variable);
    }
    return NJ_OK;
}
