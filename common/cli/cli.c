#include "common/cli/cli.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium/core.h>

#include "common/base/log.h"
#include "common/cli/arguments.h"

#define HELP_COLUMN 30
#define OPTION_NAME_BYTES 64

static const nj_option CONFIG_OPTION = {"config", "FILE", NULL, "read options from a YAML file",
                                        false};

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

// An option's name as people write it.
static void write_option_name(const char *name, char out[OPTION_NAME_BYTES])
{
    size_t used = 0;
    for (; name[used] != '\0' && used + 1 < OPTION_NAME_BYTES; used++) {
        out[used] = fold_dash(name[used]);
    }
    out[used] = '\0';
}

// ---- help ----

static void print_option(const nj_option *option)
{
    char name[OPTION_NAME_BYTES];
    char left[128];
    write_option_name(option->name, name);
    snprintf(left, sizeof left, "  --%s%s%s", name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    printf("%-*s %s", HELP_COLUMN, left, option->help);
    if (option->required) {
        printf(" (required)");
    } else if (option->fallback != NULL && option->value != NULL) {
        printf(" [%s]", option->fallback);
    }
    printf("\n");
}

static void print_command_help(const nj_program *program, const nj_command *command)
{
    printf("%s%s%s%s%s [options]\n\n%s\n\n", program->name, command->name[0] != '\0' ? " " : "",
           command->name, command->positional != NULL ? " " : "",
           command->positional != NULL ? command->positional : "", command->summary);
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(&command->options[i]);
    }
    print_option(&CONFIG_OPTION);
    printf("\nEvery option is also an environment variable (NIGHTJAR_KEEP_HISTORY=1) and a key of "
           "the YAML file.\n"
           "Results go to standard output, everything else to standard error.\n");
}

// True for "store get" and the word "store".
static bool is_in_group(const nj_command *command, const char *word)
{
    size_t length = strlen(word);
    return length > 0 && strncmp(command->name, word, length) == 0 && command->name[length] == ' ';
}

static bool is_group(const nj_program *program, const char *word)
{
    for (size_t i = 0; i < program->command_count; i++) {
        if (is_in_group(&program->commands[i], word)) {
            return true;
        }
    }
    return false;
}

// Of one group, or of the whole program where `group` is NULL.
static void print_commands(const nj_program *program, const char *group)
{
    printf("Commands:\n");
    for (size_t i = 0; i < program->command_count; i++) {
        const nj_command *command = &program->commands[i];
        if (group == NULL || is_in_group(command, group)) {
            printf("  %-20s %s\n", command->name, command->summary);
        }
    }
}

static void print_program_help(const nj_program *program, const char *group)
{
    if (group == NULL) {
        printf("%s\n\n", program->summary);
    }
    print_commands(program, group);
    printf("\n`%s COMMAND --help` lists a command's options; `%s --version` prints the version.\n",
           program->name, program->name);
}

// ---- parsing ----

// How many words of argv, from 1 on, are the command's name: 0, 1 or 2.
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

// Finds the command whose words stand first, "lab data" before "lab"; *out_used is how many words it took.
static const nj_command *find_command(const nj_program *program, int argc, char **argv,
                                      int *out_used)
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

static size_t find_option(const nj_command *command, const char *name, size_t length)
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

typedef struct {
    nj_arguments *arguments;
    const char *config_path;
    bool help;
} parse_state;

// Reads argv[at] and perhaps argv[at + 1]; *out_used is how many.
static nj_status parse_option(parse_state *state, int left, char **argv, int *out_used,
                              nj_error *err)
{
    const nj_command *command = state->arguments->command;
    const char *text = argv[0] + 2;
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
    *out_used = 1;
    if (length == 4 && strncmp(text, "help", 4) == 0) {
        state->help = true;
        return NJ_OK;
    }
    bool is_config = length == 6 && strncmp(text, "config", 6) == 0;
    size_t index = find_option(command, text, length);
    if (index == command->option_count && !is_config) {
        return nj_fail(err, NJ_USAGE, "unknown option --%.*s", (int)length, text);
    }
    const nj_option *option = is_config ? &CONFIG_OPTION : &command->options[index];
    const char *value = equals != NULL ? equals + 1 : option->value == NULL ? "true" : NULL;
    if (value == NULL) {
        if (left < 2) {
            return nj_fail(err, NJ_USAGE, "--%.*s needs a value (%s)", (int)length, text,
                           option->value);
        }
        // "--out --json" is a value forgotten far more often than a folder of that name.
        if (strncmp(argv[1], "--", 2) == 0) {
            return nj_fail(
                err, NJ_USAGE,
                "--%.*s needs a value (%s) and \"%s\" is an option; --%.*s=%s would take it",
                (int)length, text, option->value, argv[1], (int)length, text, argv[1]);
        }
        value = argv[1];
        *out_used = 2;
    }
    if (is_config) {
        state->config_path = value;
    } else {
        state->arguments->values[index] = value;
    }
    return NJ_OK;
}

static nj_status parse_words(parse_state *state, int argc, char **argv, nj_error *err)
{
    bool only_words = false; // behind "--" nothing is an option
    for (int at = 0; at < argc;) {
        int used = 1;
        nj_status status = NJ_OK;
        if (!only_words && strcmp(argv[at], "-h") == 0) {
            state->help = true;
        } else if (!only_words && strcmp(argv[at], "--") == 0) {
            only_words = true;
        } else if (!only_words && strncmp(argv[at], "--", 2) == 0) {
            status = parse_option(state, argc - at, argv + at, &used, err);
        } else if (state->arguments->command->positional == NULL ||
                   state->arguments->positional != NULL) {
            status = nj_fail(err, NJ_USAGE, "unexpected argument \"%s\"", argv[at]);
        } else {
            state->arguments->positional = argv[at];
        }
        if (status != NJ_OK) {
            return status;
        }
        at += used;
    }
    return NJ_OK;
}

static const char *environment_value(const char *option_name)
{
    char name[96] = NJ_ENVIRONMENT_PREFIX;
    size_t used = strlen(name);
    for (const char *c = option_name; *c != '\0' && used + 1 < sizeof name; c++, used++) {
        name[used] = *c == '-' || *c == '_'   ? '_'
                     : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A')
                                              : *c;
    }
    name[used] = '\0';
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool parse_flag(const char *text, bool *out)
{
    *out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

// A required value is never empty: an unset variable in a script must not become the root folder.
static nj_status check_value(const nj_option *option, const char *value, nj_error *err)
{
    char name[OPTION_NAME_BYTES];
    bool ignored;
    write_option_name(option->name, name);
    if (option->required && value == NULL) {
        return nj_fail(err, NJ_USAGE, "--%s %s is required", name, option->value);
    }
    if (option->required && value[0] == '\0') {
        return nj_fail(err, NJ_USAGE, "--%s is empty, must be %s", name, option->value);
    }
    if (option->value == NULL && value != NULL && !parse_flag(value, &ignored)) {
        return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be true or false", name, value);
    }
    return NJ_OK;
}

static nj_status check_positional(const nj_arguments *arguments, nj_error *err)
{
    const char *name = arguments->command->positional;
    const char *value = arguments->positional;
    if (name != NULL && name[0] != '[' && (value == NULL || value[0] == '\0')) {
        return nj_fail(err, NJ_USAGE, value == NULL ? "%s is required" : "%s is empty", name);
    }
    return NJ_OK;
}

static nj_status fill_values(const nj_program *program, parse_state *state, nj_error *err)
{
    nj_arguments *arguments = state->arguments;
    const nj_command *command = arguments->command;
    for (size_t i = 0; i < command->option_count; i++) {
        if (arguments->values[i] == NULL) {
            arguments->values[i] = environment_value(command->options[i].name);
            arguments->origins[i] = arguments->values[i] != NULL ? "the environment" : NULL;
        }
    }
    const char *path =
        state->config_path != NULL ? state->config_path : environment_value("config");
    if (path != NULL) {
        nj_status status = nj_config_read(path, program, arguments, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < command->option_count; i++) {
        if (arguments->values[i] == NULL) {
            arguments->values[i] = command->options[i].fallback;
        }
        nj_status status = check_value(&command->options[i], arguments->values[i], err);
        if (status != NJ_OK) {
            return status;
        }
    }
    return check_positional(arguments, err);
}

// ---- running ----

// A program that starts with a standard stream closed would get its number for the next file it opens, and print into that
// file. Reading from or writing to what stands here instead fails.
static void hold_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) {
            _exit(nj_status_exit_code(NJ_IO));
        }
    }
}

// A closed pipe and a file beyond the shell's limit are then failures of a write, with a message and exit 74.
static void ignore_write_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

// Results count only when they have left. An earlier write may have failed without anybody looking.
static nj_status flush_output(nj_error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return NJ_OK;
    }
    return nj_fail_errno(err, NJ_IO, errno != 0 ? errno : EIO, "standard output");
}

// A wrong value that nobody sees on the command line is hard to find.
static void print_origins(const nj_arguments *arguments)
{
    for (size_t i = 0; i < arguments->command->option_count; i++) {
        if (arguments->origins[i] != NULL) {
            char name[OPTION_NAME_BYTES];
            char line[512];
            write_option_name(arguments->command->options[i].name, name);
            snprintf(line, sizeof line, "  --%s comes from %.400s\n", name, arguments->origins[i]);
            (void)nj_log_put(line, strlen(line));
        }
    }
}

static void print_failure(const char *program, const char *command, nj_status status,
                          const nj_error *err)
{
    const char *text = err->text[0] != '\0' ? err->text : nj_status_sentence(status);
    const int exit_code = nj_status_exit_code(status);
    if (nj_log_format_now() != NJ_LOG_TEXT) {
        nj_log_event(NJ_EVENT_ENDED,
                     NJ_FIELDS(nj_log_text("status", nj_status_name(status)),
                               nj_log_uint("exit", (uint64_t)exit_code)),
                     "%s", text);
        return;
    }
    char message[2048]; // more than an nj_error holds
    int length = snprintf(message, sizeof message, "%s%s%s: %s\n  exit %d (%s): %s\n", program,
                          command[0] != '\0' ? " " : "", command, text, exit_code,
                          nj_status_sentence(status), nj_status_advice(status));
    (void)nj_log_put(message,
                     (size_t)length < sizeof message ? (size_t)length : sizeof message - 1);
}

static nj_status choose_log_format(const nj_arguments *arguments, nj_error *err)
{
    const char *word = nj_argument(arguments, "log-format");
    if (word == NULL || nj_log_set_format(word) == NJ_OK) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_USAGE, "--log-format is \"%.60s\", must be text, logfmt or json", word);
}

static nj_status parse_and_run(const nj_program *program, const nj_command *command, int argc,
                               char **argv)
{
    assert(command->option_count <= NJ_OPTIONS_MAX);
    nj_error err = {0};
    nj_arguments arguments = {.command = command};
    parse_state state = {.arguments = &arguments};
    nj_status status = parse_words(&state, argc, argv, &err);
    if (status == NJ_OK && state.help) {
        print_command_help(program, command);
    } else if (status == NJ_OK) {
        status = fill_values(program, &state, &err);
        status = status == NJ_OK ? choose_log_format(&arguments, &err) : status;
        status = status == NJ_OK ? command->run(&arguments, &err) : status;
    }
    if (status == NJ_OK) {
        status = flush_output(&err);
    }
    if (status != NJ_OK) {
        print_failure(program->name, command->name, status, &err);
    }
    if (status == NJ_USAGE) {
        print_origins(&arguments);
    }
    for (size_t i = 0; i < NJ_OPTIONS_MAX; i++) {
        free(arguments.owned[i]);
    }
    return status;
}

static bool asks_for(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

// The words that are no command: help, the version, and mistakes.
static nj_status answer_without_command(const nj_program *program, int argc, char **argv)
{
    nj_error err = {0};
    const char *group = argc > 1 && is_group(program, argv[1]) ? argv[1] : NULL;
    const int at = group == NULL ? 1 : 2;
    const char *word = argc > at ? argv[at] : NULL;
    bool is_help = word != NULL && (asks_for(word, "--help", "help") || strcmp(word, "-h") == 0);
    if (argc > 1 && asks_for(argv[1], "--version", "version")) {
        printf("%s %s\n", program->name, NIGHTJAR_VERSION);
    } else if (is_help || word == NULL) {
        print_program_help(program, group);
    } else {
        bool has_second = argc > 2 && argv[2][0] != '-';
        nj_status status =
            nj_fail(&err, NJ_USAGE, "unknown command \"%.60s%s%.60s\"; `%s%s%s --help` lists them",
                    argv[1], has_second ? " " : "", has_second ? argv[2] : "", program->name,
                    group != NULL ? " " : "", group != NULL ? group : "");
        print_failure(program->name, "", status, &err);
        return status;
    }
    nj_status status = flush_output(&err);
    if (status != NJ_OK) {
        print_failure(program->name, "", status, &err);
        return status;
    }
    return word != NULL ? NJ_OK : NJ_USAGE;
}

int nj_cli_main(const nj_program *program, int argc, char **argv)
{
    if (sodium_init() < 0) { // without it digests run the slow portable code
        fprintf(stderr, "%s: libsodium cannot start\n", program->name);
        return nj_status_exit_code(NJ_FAILED);
    }
    int used = 0;
    hold_standard_streams();
    ignore_write_signals();
    bool asks_version = argc > 1 && asks_for(argv[1], "--version", "version");
    const nj_command *command = asks_version ? NULL : find_command(program, argc, argv, &used);
    nj_status status = command != NULL
                           ? parse_and_run(program, command, argc - 1 - used, argv + 1 + used)
                           : answer_without_command(program, argc, argv);
    return nj_status_exit_code(status);
}

// ---- values ----

const char *nj_argument(const nj_arguments *arguments, const char *name)
{
    size_t index = find_option(arguments->command, name, strlen(name));
    return index < arguments->command->option_count ? arguments->values[index] : NULL;
}

bool nj_argument_flag(const nj_arguments *arguments, const char *name)
{
    const char *value = nj_argument(arguments, name);
    bool is_set;
    return value != NULL && parse_flag(value, &is_set) && is_set;
}

nj_status nj_argument_uint(const nj_arguments *arguments, const char *name, uint64_t least,
                           uint64_t most, uint64_t *out, nj_error *err)
{
    const char *text = nj_argument(arguments, name);
    char *end = NULL;
    errno = 0;
    uint64_t value = text != NULL ? strtoull(text, &end, 10) : 0;
    if (text == NULL || text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        value < least || value > most) {
        return nj_fail(err, NJ_USAGE,
                       "--%s is \"%s\", must be a whole number from %" PRIu64 " to %" PRIu64, name,
                       text != NULL ? text : "", least, most);
    }
    *out = value;
    return NJ_OK;
}

const char *nj_argument_positional(const nj_arguments *arguments)
{
    return arguments->positional;
}

size_t nj_argument_count(const nj_arguments *arguments)
{
    return arguments->command->option_count;
}

const char *nj_argument_name_at(const nj_arguments *arguments, size_t index)
{
    return arguments->command->options[index].name;
}

const char *nj_argument_value_at(const nj_arguments *arguments, size_t index)
{
    return arguments->values[index];
}
