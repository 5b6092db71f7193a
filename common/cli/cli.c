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
#include "common/base/notify.h"
#include "common/cli/arguments.h"
#include "common/cli/completion.h"
#include "common/cli/man.h"
#include "common/cli/parse.h"
#include "common/cli/suggest.h"

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

// What is written at once fails at once, in flush_output, which can say why: help is the longest of what is no result.
static void widen_output(void)
{
    static char buffer[64 * 1024];
    if (!isatty(STDOUT_FILENO)) {
        setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    }
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
        const nj_origin origin = arguments->origins[i];
        if (origin == NJ_ORIGIN_ENVIRONMENT || origin == NJ_ORIGIN_FILE) {
            char name[NJ_OPTION_NAME_BYTES];
            char line[512];
            nj_option_name_write(arguments->command->options[i].name, name);
            snprintf(line, sizeof line, "  --%s comes from %.400s\n", name,
                     origin == NJ_ORIGIN_FILE ? arguments->config_path : "the environment");
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

static nj_status run_command(nj_parse *parse, nj_error *err)
{
    nj_arguments *arguments = parse->arguments;
    nj_status status = nj_arguments_fill(arguments, err);
    if (status == NJ_OK && parse->show) {
        return nj_config_show(arguments, parse->show_origins, parse->show_json, err);
    }
    if (status == NJ_OK) {
        status = nj_parse_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = choose_log_format(arguments, err);
    }
    return status == NJ_OK ? arguments->command->run(arguments, err) : status;
}

static nj_status parse_and_run(const nj_program *program, const nj_command *command, bool show,
                               int argc, char **argv)
{
    assert(command->option_count <= NJ_OPTIONS_MAX);
    nj_error err = {0};
    nj_arguments arguments = {.program = program, .command = command};
    nj_parse parse = {.arguments = &arguments, .show = show};
    nj_status status = nj_parse_words(&parse, argc, argv, &err);
    if (status == NJ_OK && parse.help) {
        nj_help_command(program, command);
    } else if (status == NJ_OK && parse.man) {
        nj_man_write(program, command, stdout);
    } else if (status == NJ_OK && parse.completion != NULL) {
        status = nj_completion_write(program, parse.completion, stdout, &err);
    } else if (status == NJ_OK) {
        status = run_command(&parse, &err);
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
    nj_arguments_fini(&arguments);
    return status;
}

// ---- words that are no command ----

static bool asks_for(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static bool is_group(const nj_program *program, const char *word)
{
    for (size_t i = 0; i < program->command_count; i++) {
        if (nj_command_in_group(&program->commands[i], word)) {
            return true;
        }
    }
    return false;
}

// In a group, by the second word.
static const char *suggest_in_group(const nj_program *program, const char *group, const char *typed)
{
    const char *nearest = NULL;
    nj_suggestion second = {.word = typed};
    for (size_t i = 0; i < program->command_count; i++) {
        if (nj_command_in_group(&program->commands[i], group)) {
            const char *before = second.nearest;
            nj_suggestion_offer(&second, program->commands[i].name + strlen(group) + 1);
            nearest = second.nearest != before ? program->commands[i].name : nearest;
        }
    }
    return nearest;
}

// Whose second word this is: "publish" is "store publish".
static const char *find_second_word(const nj_program *program, const char *typed)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const char *space = strchr(program->commands[i].name, ' ');
        if (space != NULL && strcmp(space + 1, typed) == 0) {
            return program->commands[i].name;
        }
    }
    return NULL;
}

// The group whose name is nearest, for a single word.
static const char *suggest_group(const nj_program *program, const char *typed, char *group,
                                 size_t group_bytes)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const char *name = program->commands[i].name;
        nj_suggestion first = {.word = typed};
        snprintf(group, group_bytes, "%.*s", (int)strcspn(name, " "), name);
        nj_suggestion_offer(&first, group);
        if (strchr(name, ' ') != NULL && first.nearest != NULL) {
            return group;
        }
    }
    return NULL;
}

// By the word of a group, by the whole name, or by the second word alone.
static const char *suggest_command(const nj_program *program, const char *typed, char *group,
                                   size_t group_bytes)
{
    nj_suggestion whole = {.word = typed};
    const char *meant =
        strchr(typed, ' ') == NULL ? suggest_group(program, typed, group, group_bytes) : NULL;
    for (size_t i = 0; i < program->command_count; i++) {
        nj_suggestion_offer(&whole, program->commands[i].name);
    }
    meant = meant != NULL ? meant : whole.nearest;
    return meant != NULL ? meant : find_second_word(program, typed);
}

static nj_status refuse_command(const nj_program *program, const char *group, int argc, char **argv)
{
    char typed[128];
    char word[NJ_SUGGEST_BYTES_MAX + 1];
    nj_error err = {0};
    if (argv[1][0] == '-') {
        nj_status early =
            nj_fail(&err, NJ_USAGE, "%.60s stands before the command, which comes first", argv[1]);
        print_failure(program->name, "", early, &err);
        return early;
    }
    const bool has_second = argc > 2 && argv[2][0] != '-';
    snprintf(typed, sizeof typed, "%.60s%s%.60s", argv[1], has_second ? " " : "",
             has_second ? argv[2] : "");
    const char *meant = group != NULL ? suggest_in_group(program, group, argv[2])
                                      : suggest_command(program, typed, word, sizeof word);
    nj_status status =
        meant != NULL
            ? nj_fail(&err, NJ_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", typed, meant)
            : nj_fail(&err, NJ_USAGE, "unknown command \"%s\"; `%s%s%s --help` lists them", typed,
                      program->name, group != NULL ? " " : "", group != NULL ? group : "");
    print_failure(program->name, "", status, &err);
    return status;
}

// Help, the version, and mistakes.
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
        nj_help_program(program, group);
    } else {
        return refuse_command(program, group, argc, argv);
    }
    nj_status status = flush_output(&err);
    if (status != NJ_OK) {
        print_failure(program->name, "", status, &err);
        return status;
    }
    return word != NULL ? NJ_OK : NJ_USAGE;
}

// ---- a command ----

// "help store get" is "store get --help", "help store" lists the group.
static nj_status help_on(const nj_program *program, int argc, char **argv)
{
    int used = 0;
    nj_error err = {0};
    const nj_command *command = nj_command_find(program, argc - 1, argv + 1, &used);
    if (command != NULL) {
        nj_help_command(program, command);
    } else if (is_group(program, argv[2])) {
        nj_help_program(program, argv[2]);
    } else {
        return refuse_command(program, NULL, argc - 1, argv + 1);
    }
    nj_status status = flush_output(&err);
    if (status != NJ_OK) {
        print_failure(program->name, "help", status, &err);
    }
    return status;
}

static nj_status dispatch(const nj_program *program, int argc, char **argv)
{
    int used = 0;
    int shown = 0;
    if (argc > 1 && asks_for(argv[1], "--version", "version")) {
        return answer_without_command(program, argc, argv);
    }
    const nj_command *command = nj_command_find(program, argc, argv, &used);
    if (command == NULL && argc > 2 && strcmp(argv[1], "help") == 0) {
        return help_on(program, argc, argv);
    }
    if (command == NULL) {
        return answer_without_command(program, argc, argv);
    }
    if (command->run == nj_cli_show_config) {
        const nj_command *target = nj_command_find(program, argc - used, argv + used, &shown);
        command = target != NULL ? target : command;
    }
    used += shown;
    return parse_and_run(program, command, shown > 0, argc - 1 - used, argv + 1 + used);
}

int nj_cli_main(const nj_program *program, int argc, char **argv)
{
    if (sodium_init() < 0) { // without it digests run the slow portable code
        fprintf(stderr, "%s: libsodium cannot start\n", program->name);
        return nj_status_exit_code(NJ_FAILED);
    }
    hold_standard_streams();
    ignore_write_signals();
    widen_output();
    nj_notify_open();
    return nj_status_exit_code(dispatch(program, argc, argv));
}

// ---- values ----

const nj_program *nj_argument_program(const nj_arguments *arguments)
{
    return arguments->program;
}

const char *nj_argument(const nj_arguments *arguments, const char *name)
{
    size_t index = nj_option_find(arguments->command, name, strlen(name));
    return index < arguments->command->option_count ? arguments->values[index] : NULL;
}

bool nj_argument_flag(const nj_arguments *arguments, const char *name)
{
    const char *value = nj_argument(arguments, name);
    bool is_set;
    return value != NULL && nj_parse_flag(value, &is_set) && is_set;
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

nj_status nj_argument_uints(const nj_arguments *arguments, const nj_uint_option *table,
                            size_t count, nj_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;
        const nj_uint_option *row = &table[i];
        assert(row->narrow == NULL || row->most <= UINT32_MAX);
        nj_status status =
            nj_argument_uint(arguments, row->name, row->least, row->most, &value, err);
        if (status != NJ_OK) {
            return status;
        }
        if (row->narrow != NULL) {
            *row->narrow = (uint32_t)value;
        } else {
            *row->wide = value;
        }
    }
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
