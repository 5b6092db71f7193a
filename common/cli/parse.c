#include "common/cli/parse.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli/suggest.h"

// ---- the command line ----

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(text, word, length) == 0;
}

// What stands here is no option of the command; says which one is like it.
static nj_status fail_unknown(const nj_arguments *arguments, const char *text, size_t length,
                              nj_error *err)
{
    char word[NJ_SUGGEST_BYTES_MAX + 2];
    const nj_command *command = arguments->command;
    nj_suggestion suggestion = {.word = word};
    snprintf(word, sizeof word, "%.*s", (int)length, text);
    for (size_t i = 0; i < command->option_count; i++) {
        nj_suggestion_offer(&suggestion, command->options[i].name);
    }
    for (size_t i = 0; i < nj_general_option_count(command); i++) {
        nj_suggestion_offer(&suggestion, NJ_GENERAL_OPTIONS[i].name);
    }
    if (suggestion.nearest != NULL) {
        char name[NJ_OPTION_NAME_BYTES];
        nj_option_name_write(suggestion.nearest, name);
        return nj_fail(err, NJ_USAGE, "unknown option --%.*s; did you mean --%s?", (int)length,
                       text, name);
    }
    return nj_fail(err, NJ_USAGE, "unknown option --%.*s", (int)length, text);
}

// The value of --name=value, or the next word; *out_used is how many words the option took.
static nj_status take_value(const nj_option *option, size_t length, int left, char **argv,
                            const char **out_value, int *out_used, nj_error *err)
{
    const char *text = argv[0] + 2;
    if (text[length] == '=') {
        *out_value = text + length + 1;
        return NJ_OK;
    }
    if (option->value == NULL) {
        *out_value = "true";
        return NJ_OK;
    }
    if (left < 2) {
        return nj_fail(err, NJ_USAGE, "--%.*s needs a value (%s)", (int)length, text,
                       option->value);
    }
    // "--out --json" is a value forgotten far more often than a folder of that name.
    if (strncmp(argv[1], "--", 2) == 0) {
        return nj_fail(err, NJ_USAGE,
                       "--%.*s needs a value (%s) and \"%s\" is an option; --%.*s=%s would take it",
                       (int)length, text, option->value, argv[1], (int)length, text, argv[1]);
    }
    *out_value = argv[1];
    *out_used = 2;
    return NJ_OK;
}

static size_t find_general(const nj_command *command, const char *text, size_t length)
{
    for (size_t i = 0; i < nj_general_option_count(command); i++) {
        if (is_word(text, length, NJ_GENERAL_OPTIONS[i].name)) {
            return i;
        }
    }
    return NJ_GENERAL_COUNT;
}

static nj_status read_flag(const char *text, size_t length, const char *value, bool *out,
                           nj_error *err)
{
    return nj_parse_flag(value, out)
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--%.*s is \"%s\", must be true or false", (int)length,
                         text, value);
}

static void take_general(nj_parse *parse, size_t index, const char *value)
{
    switch (index) {
    case NJ_GENERAL_CONFIG:
        parse->arguments->config_path = value;
        break;
    case NJ_GENERAL_SHOW:
        parse->show = true;
        parse->show_origins = true;
        break;
    case NJ_GENERAL_HELP:
        parse->help = true;
        break;
    case NJ_GENERAL_COMPLETION:
        parse->completion = value;
        break;
    case NJ_GENERAL_MAN:
        parse->man = true;
        break;
    }
}

// The options of `config show` itself, in front of those of the command that it shows.
static bool is_show_option(const nj_parse *parse, const char *text, size_t length)
{
    return parse->show && (is_word(text, length, "origin") || is_word(text, length, "json"));
}

static nj_status take_show_option(nj_parse *parse, const char *text, size_t length, nj_error *err)
{
    const char *value = text[length] == '=' ? text + length + 1 : "true";
    bool *flag = is_word(text, length, "json") ? &parse->show_json : &parse->show_origins;
    return read_flag(text, length, value, flag, err);
}

// Reads argv[0] and perhaps argv[1] of `left` words; *out_used is how many.
static nj_status parse_option(nj_parse *parse, int left, char **argv, int *out_used, nj_error *err)
{
    nj_arguments *arguments = parse->arguments;
    const nj_command *command = arguments->command;
    const char *text = argv[0] + 2;
    const size_t length = strcspn(text, "=");
    *out_used = 1;
    if (is_show_option(parse, text, length)) {
        return take_show_option(parse, text, length, err);
    }
    const char *value = NULL;
    const size_t index = nj_option_find(command, text, length);
    const size_t general = find_general(command, text, length);
    const bool is_own = index < command->option_count;
    if (!is_own && general == NJ_GENERAL_COUNT) {
        return fail_unknown(arguments, text, length, err);
    }
    nj_status status = take_value(is_own ? &command->options[index] : &NJ_GENERAL_OPTIONS[general],
                                  length, left, argv, &value, out_used, err);
    if (status == NJ_OK && !is_own) {
        bool is_given = true;
        if (NJ_GENERAL_OPTIONS[general].value == NULL) {
            status = read_flag(text, length, value, &is_given, err);
        }
        if (status == NJ_OK && is_given) {
            take_general(parse, general, value);
        }
    } else if (status == NJ_OK) {
        arguments->values[index] = value;
        arguments->origins[index] = NJ_ORIGIN_WORDS;
    }
    return status;
}

static nj_status fail_argument(const nj_arguments *arguments, const char *word, nj_error *err)
{
    // A single dash before an option's name.
    bool is_option = word[0] == '-' && word[1] != '\0' &&
                     nj_option_find(arguments->command, word + 1, strcspn(word + 1, "=")) <
                         arguments->command->option_count;
    if (is_option) {
        return nj_fail(err, NJ_USAGE, "unexpected argument \"%s\"; did you mean -%s?", word, word);
    }
    if (arguments->command->option_count == 0) {
        return nj_fail(err, NJ_USAGE, "unexpected argument \"%s\"", word);
    }
    return nj_fail(
        err, NJ_USAGE,
        "unexpected argument \"%s\"; files and settings follow the option that says what "
        "they are, such as --%s",
        word, arguments->command->options[0].name);
}

nj_status nj_parse_words(nj_parse *parse, int argc, char **argv, nj_error *err)
{
    nj_arguments *arguments = parse->arguments;
    bool only_words = false; // behind "--" nothing is an option
    for (int at = 0; at < argc;) {
        int used = 1;
        nj_status status = NJ_OK;
        if (!only_words && strcmp(argv[at], "-h") == 0) {
            parse->help = true;
        } else if (!only_words && strcmp(argv[at], "--") == 0) {
            only_words = true;
        } else if (!only_words && strncmp(argv[at], "--", 2) == 0) {
            status = parse_option(parse, argc - at, argv + at, &used, err);
        } else if (arguments->command->positional == NULL || arguments->positional != NULL) {
            status = fail_argument(arguments, argv[at], err);
        } else {
            arguments->positional = argv[at];
        }
        if (status != NJ_OK) {
            return status;
        }
        at += used;
    }
    return NJ_OK;
}

// ---- everything else ----

static const char *environment_value(const char *option_name)
{
    char name[NJ_VARIABLE_BYTES];
    nj_option_variable_write(option_name, name);
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static void fill_from_environment(nj_arguments *arguments)
{
    for (size_t i = 0; i < arguments->command->option_count; i++) {
        if (arguments->values[i] == NULL) {
            arguments->values[i] = environment_value(arguments->command->options[i].name);
            arguments->origins[i] =
                arguments->values[i] != NULL ? NJ_ORIGIN_ENVIRONMENT : NJ_ORIGIN_NONE;
        }
    }
    if (arguments->config_path == NULL) {
        arguments->config_path = environment_value(NJ_GENERAL_OPTIONS[NJ_GENERAL_CONFIG].name);
    }
}

nj_status nj_arguments_fill(nj_arguments *arguments, nj_error *err)
{
    fill_from_environment(arguments);
    if (arguments->config_path != NULL) {
        nj_status status =
            nj_config_read(arguments->config_path, arguments->program, arguments, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < arguments->command->option_count; i++) {
        const char *fallback = arguments->command->options[i].fallback;
        if (arguments->values[i] == NULL && fallback != NULL) {
            arguments->values[i] = fallback;
            arguments->origins[i] = NJ_ORIGIN_DEFAULT;
        }
    }
    return NJ_OK;
}

void nj_arguments_fini(nj_arguments *arguments)
{
    for (size_t i = 0; i < NJ_OPTIONS_MAX; i++) {
        free(arguments->owned[i]);
        arguments->owned[i] = NULL;
    }
}

// ---- what a command may rely on ----

bool nj_parse_flag(const char *text, bool *out)
{
    *out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

// A required value is never empty: an unset variable in a script must not become the root folder.
static nj_status check_value(const nj_option *option, const char *value, nj_error *err)
{
    char name[NJ_OPTION_NAME_BYTES];
    bool ignored;
    nj_option_name_write(option->name, name);
    if (option->required && value == NULL) {
        return nj_fail(err, NJ_USAGE, "--%s %s is required", name, option->value);
    }
    if (option->required && value[0] == '\0') {
        return nj_fail(err, NJ_USAGE, "--%s is empty, must be %s", name, option->value);
    }
    if (option->value == NULL && value != NULL && !nj_parse_flag(value, &ignored)) {
        return nj_fail(err, NJ_USAGE, "--%s is \"%s\", must be true or false", name, value);
    }
    return NJ_OK;
}

nj_status nj_parse_check(const nj_arguments *arguments, nj_error *err)
{
    const char *name = arguments->command->positional;
    const char *word = arguments->positional;
    for (size_t i = 0; i < arguments->command->option_count; i++) {
        nj_status status = check_value(&arguments->command->options[i], arguments->values[i], err);
        if (status != NJ_OK) {
            return status;
        }
    }
    if (name != NULL && name[0] != '[' && (word == NULL || word[0] == '\0')) {
        return nj_fail(err, NJ_USAGE, word == NULL ? "%s is required" : "%s is empty", name);
    }
    return NJ_OK;
}
