// config.c - the YAML file: a flat mapping, checked by libcyaml against the union of all commands' options.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/base/file.h"
#include "common/cli/arguments.h"

#define KEYS_MAX 256
#define VALUE_BYTES_MAX 4096
#define FILE_BYTES_MAX (1u << 20)

// libcyaml fills an array of char pointers: field i of the mapping is key i.
typedef struct {
    cyaml_schema_field_t fields[KEYS_MAX + 1];
    char names[KEYS_MAX][64];
    size_t count;
} key_schema;

static void dash_name(const char *name, char out[64])
{
    size_t i = 0;
    for (; name[i] != '\0' && i < 63; i++) {
        out[i] = name[i] == '_' ? '-' : name[i];
    }
    out[i] = '\0';
}

static bool add_key(key_schema *schema, const char *option_name)
{
    char name[64];
    dash_name(option_name, name);
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
        .value = {.type = CYAML_STRING, .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                  .data_size = 1, .string = {.min = 0, .max = VALUE_BYTES_MAX}},
    };
    return true;
}

static bool collect_keys(key_schema *schema, const nj_program *program)
{
    for (size_t c = 0; c < program->command_count; c++) {
        const nj_command *command = &program->commands[c];
        for (size_t o = 0; o < command->option_count; o++) {
            if (!add_key(schema, command->options[o].name)) {
                return false;
            }
        }
    }
    return true;
}

// libcyaml says what is wrong, and then where, through its log only:
//
//   Load: Expecting STRING, got event: SEQUENCE_START
//   Load: Backtrace:
//     in mapping field 'top' (line: 2, column: 6)
//
// The place is that of the last value it understood, so it is called near.
typedef struct {
    char rule[200];
    char place[220];
} complaint;

static void note_complaint(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    complaint *c = context;
    char text[sizeof c->rule];
    if (level < CYAML_LOG_ERROR) {
        return;
    }
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    if (strncmp(text, "  in ", 5) == 0 && c->place[0] == '\0') {
        snprintf(c->place, sizeof c->place, "near %s: ", text + 5);
    } else if (strncmp(text, "Load: ", 6) == 0 && c->rule[0] == '\0' &&
               strcmp(text, "Load: Backtrace:") != 0) {
        snprintf(c->rule, sizeof c->rule, "%s", text + 6);
    }
}

static nj_status take_values(const key_schema *schema, char **values, const char *path,
                             nj_arguments *arguments, nj_error *err)
{
    for (size_t o = 0; o < arguments->command->option_count; o++) {
        for (size_t k = 0; k < schema->count && arguments->values[o] == NULL; k++) {
            if (values[k] == NULL ||
                !nj_option_name_equal(schema->names[k], arguments->command->options[o].name)) {
                continue;
            }
            arguments->owned[o] = strdup(values[k]);
            arguments->values[o] = arguments->owned[o];
            arguments->origins[o] = path;
            if (arguments->owned[o] == NULL) {
                return nj_fail(err, NJ_NO_MEMORY, "no memory for the configuration");
            }
        }
    }
    return NJ_OK;
}

nj_status nj_config_read(const char *path, const nj_program *program, nj_arguments *arguments, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    char **values = NULL;
    complaint heard = {0};
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
    const cyaml_schema_value_t top = {
        .type = CYAML_MAPPING, .flags = CYAML_FLAG_POINTER,
        .data_size = (uint32_t)(KEYS_MAX * sizeof(char *)),
        .mapping = {.fields = schema->fields},
    };
    const cyaml_config_t config = {.log_fn = note_complaint,
                                   .log_ctx = &heard,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_ERROR,
                                   .flags = CYAML_CFG_NO_ALIAS};
    cyaml_err_t result = cyaml_load_data((const uint8_t *)bytes, size, &config, &top, (cyaml_data_t **)&values, NULL);
    if (result != CYAML_OK) {
        status = nj_fail(err, NJ_CONFIG, "%s: %s%s", path, heard.place,
                         heard.rule[0] != '\0' ? heard.rule : cyaml_strerror(result));
        goto done;
    }
    if (values != NULL) { // NULL: the file holds nothing but comments
        status = take_values(schema, values, path, arguments, err);
        cyaml_free(&config, &top, values, 0);
    }
done:
    free(bytes);
    free(schema);
    return status;
}
