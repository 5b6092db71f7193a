// test_job.c - what a command reads before it works: settings from its options, a bundle, users. Run as a command runs.
#include "common/catalogue/job.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/engine/synthetic.h"

#define ERROR_BYTES 4096

// What the last run saw.
static nj_settings seen_settings;
static size_t seen_users;
static size_t seen_items_of_first;
static uint32_t seen_rows;
static char seen_sections[256]; // names, with blanks between
static uint32_t seen_eligible;  // items of the base mask; 0: no masks

static nj_status look(const nj_arguments *arguments, nj_error *err)
{
    nj_job job;
    nj_status status = nj_job_open(arguments, &job, err);
    if (status == NJ_OK) {
        seen_settings = job.settings;
        seen_users = job.users.count;
        seen_items_of_first = nj_user_table_at(&job.users, 0).item_count;
        seen_rows = job.catalogue.sids.row_count;
        seen_eligible = job.catalogue.masks.count > 0 ? job.catalogue.masks.masks[0].item_count : 0;
        size_t at = 0;
        for (size_t i = 0; i < job.sections.count; i++) {
            at += (size_t)snprintf(seen_sections + at, sizeof seen_sections - at, "%s ",
                                   job.sections.sections[i].name);
        }
        assert_true((nj_sections_find(&job.sections, "eligible") != NULL) == (seen_eligible > 0));
        nj_job_close(&job);
    }
    return status;
}

#define NJ_SETTING NJ_SETTING_OPTION
#define NJ_PLANNED NJ_PLANNED_OPTION
static const nj_option OPTIONS[] = {
    NJ_USERS_OPTIONS,
#include "schemas/settings.def"
};
#undef NJ_SETTING

static const nj_command COMMANDS[] = {
    {"", "looks", NULL, OPTIONS, sizeof OPTIONS / sizeof *OPTIONS, look}};
static const nj_program PROGRAM = {
    .name = "look", .summary = "Looks.", .commands = COMMANDS, .command_count = 1};

static char error_text[ERROR_BYTES];

// Runs with --bundle and --users of the sandbox and up to four more words; standard error goes to error_text.
static int run(void **state, const char *users, const char *a, const char *b, const char *c,
               const char *d)
{
    const char *const more[] = {a, b, c, d};
    char *argv[12] = {(char *)(uintptr_t) "look", (char *)(uintptr_t) "--bundle",
                      (char *)(uintptr_t)sandbox_path(state, "night.njb"),
                      (char *)(uintptr_t) "--users", (char *)(uintptr_t)sandbox_path(state, users)};
    int argc = 5;
    for (size_t i = 0; i < 4 && more[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)more[i];
    }
    const char *path = sandbox_path(state, "stderr");
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && fd >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    int code = nj_cli_main(&PROGRAM, argc, argv);
    fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    ssize_t size = pread(fd, error_text, sizeof error_text - 1, 0);
    assert_true(size >= 0);
    error_text[size] = '\0';
    close(saved);
    close(fd);
    return code;
}

static void assert_run_fails(int code, int expected, const char *says)
{
    if (code != expected || strstr(error_text, says) == NULL) {
        fail_msg("exit %d, \"%s\", expected %d, \"%s\"", code, error_text, expected, says);
    }
}

static int set_up(void **state)
{
    static const nj_synthetic_shape SHAPE = {.D = 4,
                                             .H = 1,
                                             .E = 3,
                                             .F = 5,
                                             .encoder_layers = 1,
                                             .decoder_layers = 1,
                                             .L = 2,
                                             .K = 4,
                                             .item_count = 12,
                                             .seed = 1};
    nj_error err = {0};
    nj_synthetic synthetic;
    if (sandbox_setup(state) != 0) {
        return -1;
    }
    assert_ok(nj_synthetic_make(&SHAPE, &synthetic, &err), &err);
    assert_ok(nj_bundle_write(sandbox_path(state, "night.njb"), &synthetic.sections, &err), &err);
    nj_synthetic_free(&synthetic);
    sandbox_write(state, "users.txt", "u1 1 2 3 none\nu2 none\n", 22);
    sandbox_write(state, "users.csv", "user,item\nu1,1\nu1,2\n", 20);
    return 0;
}

static void assert_same_settings(const nj_settings *a, const nj_settings *b)
{
    nj_buffer bytes[2];
    const nj_settings *const both[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        nj_buffer_init(&bytes[i], 4096);
        assert_int_equal(nj_settings_pack(both[i], &bytes[i]), NJ_OK);
    }
    assert_true(nj_slice_equal(nj_buffer_slice(&bytes[0]), nj_buffer_slice(&bytes[1])));
    nj_buffer_fini(&bytes[0]);
    nj_buffer_fini(&bytes[1]);
}

static void options_become_settings_with_the_limits_of_the_users(void **state)
{
    assert_int_equal(run(state, "users.txt", NULL, NULL, NULL, NULL), 0);
    nj_settings expected = nj_settings_default();
    expected.history_items_max = expected.exclusions_max = 3;
    assert_same_settings(&seen_settings, &expected);
    assert_int_equal(seen_users, 2);
    assert_int_equal(seen_items_of_first, 3);
    assert_int_equal(seen_rows, 12);
    assert_non_null(
        strstr(error_text,
               "2 users, 3 known items in their histories, 2 unknown ones left out, 1 cold users"));

    assert_int_equal(run(state, "users.txt", "--beam=7", "--keep-history", "--temperature=0.5",
                         "--cold-users=skip"),
                     0);
    assert_int_equal(seen_settings.beam, 7);
    assert_true(seen_settings.keep_history);
    assert_true(seen_settings.temperature == 0.5f);
    assert_int_equal(seen_settings.cold_users, NJ_COLD_SKIP);
    assert_int_equal(seen_settings.exclusions_max, 0);
}

static void settings_out_of_their_limits_are_refused(void **state)
{
    static const char *const BAD[][2] = {
        {"--beam=0", "--beam is \"0\", must be a whole number from 1 to 100000"},
        {"--beam=100001", "--beam is \"100001\""},
        {"--top=1001", "--top is \"1001\", must be a whole number from 1 to 1000"},
        {"--top=-1", "--top is \"-1\""},
        {"--temperature=0", "--temperature is \"0\""},
        {"--temperature=nan", "--temperature is \"nan\""},
        {"--temperature=", "--temperature is \"\""},
        {"--cold-users=none", "--cold-users is \"none\", must be popular, skip or fail"},
        {"--keep-history=2", "--keep-history is \"2\", must be true or false"},
        {"--history-items-max=5", "unknown option --history-items-max"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_run_fails(run(state, "users.txt", BAD[i][0], NULL, NULL, NULL), 2, BAD[i][1]);
    }
}

static void the_form_is_told_or_read_off_the_files_ending(void **state)
{
    assert_int_equal(run(state, "users.csv", NULL, NULL, NULL, NULL), 0);
    assert_int_equal(seen_users, 1);
    assert_int_equal(seen_items_of_first, 2);
    // As sequences: the users "user,item", "u1,1" and "u1,2", who have nothing.
    assert_int_equal(run(state, "users.csv", "--format", "sequence", NULL, NULL), 0);
    assert_int_equal(seen_users, 3);
    assert_run_fails(run(state, "users.csv", "--format=xml", NULL, NULL, NULL), 2, "xml");
    assert_run_fails(run(state, "users.txt", "--format=csv", NULL, NULL, NULL), 65, "users.txt");
}

static void a_history_option_above_the_bundles_limit_is_said_aloud(void **state)
{
    assert_int_equal(run(state, "users.txt", "--history=100001", NULL, NULL, NULL), 0);
    assert_non_null(strstr(
        error_text, "--history 100001 is above the bundle's maximum: 100000 items are used"));
    assert_int_equal(run(state, "users.txt", "--history=100000", NULL, NULL, NULL), 0);
    assert_null(strstr(error_text, "above"));
}

static void cold_users_end_the_job_where_that_is_asked_for(void **state)
{
    assert_run_fails(run(state, "users.txt", "--cold-users=fail", NULL, NULL, NULL), 65,
                     "1 of 2 users have no item that the catalogue knows, the first is \"u2\"");
}

static void missing_files_and_a_damaged_bundle_have_their_exit_codes(void **state)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    assert_run_fails(run(state, "nobody.txt", NULL, NULL, NULL, NULL), 5, "nobody.txt");
    assert_ok(nj_file_read(sandbox_path(state, "night.njb"), 1 << 24, &bytes, &size, &err), &err);
    bytes[size - 1] ^= 1;
    sandbox_write(state, "night.njb", bytes, size);
    assert_run_fails(run(state, "users.txt", NULL, NULL, NULL, NULL), 4, "night.njb");
    bytes[0] ^= 1;
    sandbox_write(state, "night.njb", bytes, size);
    assert_run_fails(run(state, "users.txt", NULL, NULL, NULL, NULL), 65, "night.njb");
    free(bytes);
    assert_int_equal(unlink(sandbox_path(state, "night.njb")), 0);
    assert_run_fails(run(state, "users.txt", NULL, NULL, NULL, NULL), 5, "night.njb");
}

static void a_bundle_without_a_part_is_named_with_its_path(void **state)
{
    nj_error err = {0};
    nj_bundle *bundle = NULL;
    assert_ok(nj_bundle_open(sandbox_path(state, "night.njb"), &bundle, &err), &err);
    nj_sections some = *nj_bundle_sections(bundle);
    size_t at = (size_t)(nj_sections_find(&some, "trie") - some.sections);
    memmove(&some.sections[at], &some.sections[at + 1],
            (some.count - 1 - at) * sizeof *some.sections);
    some.count--;
    assert_ok(nj_bundle_write(sandbox_path(state, "part.njb"), &some, &err), &err);
    nj_bundle_close(&bundle);
    assert_int_equal(rename(sandbox_path(state, "part.njb"), sandbox_path(state, "night.njb")), 0);
    assert_run_fails(run(state, "users.txt", NULL, NULL, NULL, NULL), 65,
                     "night.njb\": the bundle has no \"trie\" section");
}

static void masks_join_the_sections_in_the_order_of_their_names(void **state)
{
    sandbox_write(state, "deny.txt", "3\n4\n", 4);
    char option[600];
    snprintf(option, sizeof option, "--deny=%s", sandbox_path(state, "deny.txt"));
    assert_int_equal(run(state, "users.txt", option, NULL, NULL, NULL), 0);
    assert_string_equal(seen_sections, "catalogue counts eligible items model sids trie weights ");
    assert_int_equal(seen_eligible, 10);
    assert_int_equal(run(state, "users.txt", NULL, NULL, NULL, NULL), 0);
    assert_string_equal(seen_sections, "catalogue counts items model sids trie weights ");
}

static void a_bundle_that_brings_masks_of_its_own_is_refused(void **state)
{
    nj_error err = {0};
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_buffer bytes;
    const uint64_t rows = 0x0f;
    const nj_mask_rows mask = {nj_slice_from(""), &rows};
    nj_buffer_init(&bytes, 4096);
    assert_ok(nj_bundle_open(sandbox_path(state, "night.njb"), &bundle, &err), &err);
    nj_sections all = *nj_bundle_sections(bundle);
    assert_ok(nj_catalogue_view_open(&all, &view, &err), &err);
    assert_ok(nj_masks_write(&view.trie, 12, &mask, 1, &bytes, &err), &err);
    all.sections[all.count] = (nj_section){.bytes = bytes.bytes, .size = bytes.size};
    strcpy(all.sections[all.count++].name, "eligible");
    assert_ok(nj_bundle_write(sandbox_path(state, "masked.njb"), &all, &err), &err);
    nj_bundle_close(&bundle);
    nj_buffer_fini(&bytes);
    assert_int_equal(rename(sandbox_path(state, "masked.njb"), sandbox_path(state, "night.njb")),
                     0);
    assert_run_fails(run(state, "users.txt", NULL, NULL, NULL, NULL), 65,
                     "night.njb\" has a section \"eligible\", which a night makes itself");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options_become_settings_with_the_limits_of_the_users),
        TEST(settings_out_of_their_limits_are_refused),
        TEST(the_form_is_told_or_read_off_the_files_ending),
        TEST(a_history_option_above_the_bundles_limit_is_said_aloud),
        TEST(cold_users_end_the_job_where_that_is_asked_for),
        TEST(missing_files_and_a_damaged_bundle_have_their_exit_codes),
        TEST(a_bundle_without_a_part_is_named_with_its_path),
        TEST(masks_join_the_sections_in_the_order_of_their_names),
        TEST(a_bundle_that_brings_masks_of_its_own_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
