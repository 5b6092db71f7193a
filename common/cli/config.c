// config.c - the YAML file: a flat mapping, checked by libcyaml against the union of all commands' options.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/base/file.h"
#include "common/cli/arguments.h"
#include "common/cli/suggest.h"

#define KEYS_MAX 1024
#define NAME_BYTES NJ_OPTION_NAME_BYTES
#define VALUE_BYTES_MAX 4096
#define FILE_BYTES_MAX (1u << 20)
#define LOG_BYTES 256

// libcyaml fills an array of char pointers: field i of the mapping is key i.
typedef struct {
    cyaml_schema_field_t fields[KEYS_MAX + 1];
    char names[KEYS_MAX][NAME_BYTES];
    size_t count;
} key_schema;

static void spell_name(const char *name, char mark, char out[NAME_BYTES])
{
    size_t i = 0;
    for (; name[i] != '\0' && i < NAME_BYTES - 1; i++) {
        out[i] = name[i] == '_' || name[i] == '-' ? mark : name[i];
    }
    out[i] = '\0';
}

static bool add_spelling(key_schema *schema, const char *option_name, char mark)
{
    char name[NAME_BYTES];
    spell_name(option_name, mark, name);
    for (size_t i = 0; i < schema->count; i++) {
        if (strcmp(schema->names[i], name) == 0) {
            return true;
        }
    }
    if (schema->count == KEYS_MAX) {
        return false;
    }
    size_t at = schema->count++;
    memcpy(schema->names[at], name, sizeof name);
    schema->fields[at] = (cyaml_schema_field_t){
        .key = schema->names[at],
        .data_offset = (uint32_t)(at * sizeof(char *)),
        .value = {.type = CYAML_STRING,
                  .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                  .data_size = 1,
                  .string = {.min = 1, .max = VALUE_BYTES_MAX}},
    };
    return true;
}

static bool collect_keys(key_schema *schema, const nj_program *program)
{
    for (size_t c = 0; c < program->command_count; c++) {
        const nj_command *command = &program->commands[c];
        for (size_t o = 0; o < command->option_count; o++) {
            if (!add_spelling(schema, command->options[o].name, '-') ||
                !add_spelling(schema, command->options[o].name, '_')) {
                return false;
            }
        }
    }
    return true;
}

// libcyaml says what it did not like, "Backtrace:" and then where, a line each. What and the innermost where are kept.
static void keep_line(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    char buffer[LOG_BYTES];
    char *text = context;
    const size_t used = strlen(text);
    if (level < CYAML_LOG_ERROR) {
        return;
    }
    vsnprintf(buffer, sizeof buffer, format, arguments);
    buffer[strcspn(buffer, "\n")] = '\0';
    const char *line = strncmp(buffer, "Load: ", 6) == 0 ? buffer + 6 : buffer;
    line += strspn(line, " ");
    if (strcmp(line, "Backtrace:") != 0 && strstr(text, "(line: ") == NULL) {
        snprintf(text + used, LOG_BYTES - used, ": %s", line);
    }
}

static bool marks_document(const char *line, size_t size)
{
    return size >= 3 && memcmp(line, "---", 3) == 0 &&
           (size == 3 || strchr(" \t\r", line[3]) != NULL);
}

static bool has_content(const char *line, size_t size)
{
    size_t at = 0;
    while (at < size && strchr(" \t\r", line[at]) != NULL) {
        at++;
    }
    return at < size && line[at] != '#' && line[at] != '%';
}

// libcyaml reads the first document only. Returns the line (1-based) where another begins, or 0. A line that begins with "---"
// marks a document wherever it stands (YAML 1.1, section 4.3.4).
static size_t find_second_document(const char *bytes, size_t size)
{
    bool begun = false;
    size_t number = 1;
    for (size_t at = 0; at < size; number++) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - bytes) - at : size - at;
        bool marks = marks_document(bytes + at, length);
        if (marks && begun) {
            return number;
        }
        begun = begun || marks || has_content(bytes + at, length);
        at += length + 1;
    }
    return 0;
}

static nj_status take_values(const key_schema *schema, char **values, nj_arguments *arguments,
                             nj_error *err)
{
    for (size_t o = 0; o < arguments->command->option_count; o++) {
        for (size_t k = 0; k < schema->count && arguments->values[o] == NULL; k++) {
            if (values[k] == NULL ||
                !nj_option_name_equal(schema->names[k], arguments->command->options[o].name)) {
                continue;
            }
            arguments->owned[o] = strdup(values[k]);
            arguments->values[o] = arguments->owned[o];
            arguments->origins[o] = NJ_ORIGIN_FILE;
            if (arguments->owned[o] == NULL) {
                return nj_fail(err, NJ_NO_MEMORY, "no memory for the configuration");
            }
        }
    }
    return NJ_OK;
}

// The key that the one libcyaml did not expect is like, or NULL.
static const char *suggest_key(const key_schema *schema, const char *log_text)
{
    static const char MARK[] = "Unexpected key: ";
    char word[NAME_BYTES];
    const char *at = strstr(log_text, MARK);
    if (at == NULL) {
        return NULL;
    }
    at += strlen(MARK);
    snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ":"), at);
    nj_suggestion suggestion = {.word = word};
    for (size_t i = 0; i < schema->count; i++) {
        nj_suggestion_offer(&suggestion, schema->names[i]);
    }
    return suggestion.nearest;
}

static nj_status load_values(const char *path, const char *bytes, size_t size,
                             const key_schema *schema, nj_arguments *arguments, nj_error *err)
{
    char **values = NULL;
    char log_text[LOG_BYTES] = "";
    const cyaml_schema_value_t top = {
        .type = CYAML_MAPPING,
        .flags = CYAML_FLAG_POINTER_NULL, // no content: no mapping
        .data_size = (uint32_t)(KEYS_MAX * sizeof(char *)),
        .mapping = {.fields = schema->fields},
    };
    const cyaml_config_t config = {.log_fn = keep_line,
                                   .log_ctx = log_text,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_ERROR,
                                   .flags = CYAML_CFG_NO_ALIAS};
    cyaml_err_t result = cyaml_load_data((const uint8_t *)bytes, size, &config, &top,
                                         (cyaml_data_t **)&values, NULL);
    if (result != CYAML_OK) {
        const char *meant = suggest_key(schema, log_text);
        return nj_fail(err, NJ_CONFIG, "%s: %s%s%s%s%s", path, cyaml_strerror(result), log_text,
                       meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "",
                       meant != NULL ? "?" : "");
    }
    nj_status status = values != NULL ? take_values(schema, values, arguments, err) : NJ_OK;
    cyaml_free(&config, &top, values, 0);
    return status;
}

nj_status nj_config_read(const char *path, const nj_program *program, nj_arguments *arguments,
                         nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    size_t line = 0;
    key_schema *schema = calloc(1, sizeof *schema);
    if (schema == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the configuration");
    }
    nj_status status = nj_file_read(path, FILE_BYTES_MAX, &bytes, &size, err);
    if (status != NJ_OK) {
        goto done;
    }
    if (!collect_keys(schema, program)) {
        status = nj_fail(err, NJ_FAILED, "more than %d option names", KEYS_MAX);
        goto done;
    }
    line = find_second_document(bytes, size);
    if (line > 0) {
        status = nj_fail(err, NJ_CONFIG, "%s: line %zu begins a second document", path, line);
        goto done;
    }
    status = load_values(path, bytes, size, schema, arguments, err);
done:
    free(bytes);
    free(schema);
    return status;
}
