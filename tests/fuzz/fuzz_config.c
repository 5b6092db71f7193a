// fuzz_config.c - any bytes as a configuration file of a program whose options are the settings, and their values as
// settings.
#include "common/cli/arguments.h"
#include "common/codec/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

static const nj_option OPTIONS[] = {
#define NJ_PLANNED(kind, name, fallback, least, most)
#define NJ_SETTING(kind, name, fallback, least, most, help) {#name, "N", NULL, help, false},
#include "schemas/settings.def"
#undef NJ_SETTING
    {"json", NULL, NULL, "a flag", false},
};
#define OPTION_COUNT (sizeof OPTIONS / sizeof OPTIONS[0])

static const nj_command COMMAND = {"", "one command", NULL, OPTIONS, OPTION_COUNT, NULL};
static const nj_program PROGRAM = {
    .name = "fuzz", .summary = "a program", .commands = &COMMAND, .command_count = 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_arguments arguments = {.command = &COMMAND};
    nj_settings settings = nj_settings_default();
    nj_error err;
    nj_status status = nj_config_read(memfile_write(data, size), &PROGRAM, &arguments, &err);
    fuzz_check(status == NJ_OK || status == NJ_CONFIG, "a file is a configuration or none");
    for (size_t i = 0; status == NJ_OK && i < OPTION_COUNT; i++) {
        if (arguments.values[i] != NULL) {
            nj_status set = nj_settings_set(&settings, OPTIONS[i].name, arguments.values[i], &err);
            fuzz_check(set == NJ_OK || set == NJ_USAGE || set == NJ_NOT_FOUND,
                       "a value is accepted or wrong");
        }
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        free(arguments.owned[i]);
    }
    return 0;
}
