// test_cli.c - words, environment and YAML to options; errors, help and exit codes: a small program run as main() would run it.
#include "common/cli/cli.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define OUTPUT_BYTES 8192
#define WORDS_MAX 16

// ---- the program ----

// `name=value` for each option in table order, then the positional argument and one flag as the command sees it.
static nj_status show(const nj_arguments *arguments, nj_error *err)
{
    (void)err;
    for (size_t i = 0; i < nj_argument_count(arguments); i++) {
        const char *value = nj_argument_value_at(arguments, i);
        printf("%s=%s ", nj_argument_name_at(arguments, i), value != NULL ? value : "NULL");
        assert_ptr_equal(nj_argument(arguments, nj_argument_name_at(arguments, i)), value);
    }
    const char *positional = nj_argument_positional(arguments);
    printf("[%s]%s\n", positional != NULL ? positional : "",
           nj_argument_flag(arguments, "keep-history") ? " keeps" : "");
    assert_null(nj_argument(arguments, "no-such-option"));
    assert_false(nj_argument_flag(arguments, "no-such-option"));
    return NJ_OK;
}

static nj_status count(const nj_arguments *arguments, nj_error *err)
{
    uint64_t number = 0;
    nj_status status = nj_argument_uint(arguments, "number", 3, UINT64_MAX - 1, &number, err);
    if (status == NJ_OK) {
        printf("%" PRIu64 "\n", number);
    }
    return status;
}

// Two options into variables of both widths, which begin at 7.
static uint32_t narrow_read;
static uint64_t wide_read;

static nj_status measure(const nj_arguments *arguments, nj_error *err)
{
    narrow_read = 7;
    wide_read = 7;
    const nj_uint_option NUMBERS[] = {NJ_UINT("wide", 0, UINT64_MAX, &wide_read),
                                      NJ_UINT("narrow", 1, UINT32_MAX, &narrow_read)};
    return nj_argument_uints(arguments, NUMBERS, 2, err);
}

static nj_status status_to_return;
static const char *text_to_return;

static nj_status fail_as_told(const nj_arguments *arguments, nj_error *err)
{
    (void)arguments;
    return text_to_return == NULL ? status_to_return
                                  : nj_fail(err, status_to_return, "%s", text_to_return);
}

static nj_status print_much(const nj_arguments *arguments, nj_error *err)
{
    (void)err;
    (void)arguments;
    for (int i = 0; i < 20000; i++) {
        printf("a line of results\n");
    }
    return NJ_OK;
}

static const nj_option SHOW[] = {
    {"name", "FILE", NULL, "a file", false},
    {"keep-history", NULL, NULL, "a flag", false},
    {"shard_users", "N", "512", "written with an underscore", false},
};
static const nj_option NEED[] = {
    {"store", "DIR", NULL, "a folder", true},
    {"name", "FILE", NULL, "a file", false},
};
static const nj_option COUNT[] = {{"number", "N", "5", "a number", false}};

static const nj_option MEASURE[] = {{"narrow", "N", "5", "a number", false},
                                    {"wide", "N", "6", "a number", false}};

static const nj_command COMMANDS[] = {
    {"measure", "reads two numbers", NULL, MEASURE, 2, measure},
    {"show", "shows its options", "[USER]", SHOW, 3, show},
    {"bundle pack", "needs a store", NULL, NEED, 2, show},
    {"bundle show", "needs a user", "USER", NULL, 0, show},
    {"count", "reads a number", NULL, COUNT, 1, count},
    {"fail", "fails", NULL, NULL, 0, fail_as_told},
    {"print", "prints much", NULL, NULL, 0, print_much},
};
static const nj_program PROGRAM = {
    .name = "nightjar", .summary = "A program.", .commands = COMMANDS, .command_count = 7};

static const nj_command ONLY[] = {{"", "a daemon", NULL, SHOW, 3, show}};
static const nj_program DAEMON = {
    .name = "nightjar-worker", .summary = "A daemon.", .commands = ONLY, .command_count = 1};

// ---- running it ----

static char out_text[OUTPUT_BYTES];
static char err_text[OUTPUT_BYTES];

static int begin_capture(FILE *stream, int *saved)
{
    fflush(stream);
    *saved = dup(fileno(stream));
    int fd = memfd_create("output", MFD_CLOEXEC);
    assert_true(fd >= 0 && *saved >= 0);
    assert_true(dup2(fd, fileno(stream)) >= 0);
    return fd;
}

static void end_capture(FILE *stream, int saved, int fd, char text[OUTPUT_BYTES])
{
    fflush(stream);
    assert_true(dup2(saved, fileno(stream)) >= 0);
    close(saved);
    ssize_t size = pread(fd, text, OUTPUT_BYTES - 1, 0);
    assert_true(size >= 0);
    text[size] = '\0';
    close(fd);
}

// Words are separated by '|'.
static int run_program(const nj_program *program, const char *line)
{
    static char words[2 * OUTPUT_BYTES];
    char *argv[WORDS_MAX + 1] = {(char *)(uintptr_t)program->name};
    int argc = 1;
    int saved_out;
    int saved_err;
    assert_true(strlen(line) < sizeof words);
    strcpy(words, line);
    for (char *word = words; *line != '\0' && word != NULL; argc++) {
        assert_true(argc < WORDS_MAX);
        argv[argc] = word;
        word = strchr(word, '|');
        if (word != NULL) {
            *word++ = '\0';
        }
    }
    int out = begin_capture(stdout, &saved_out);
    int err = begin_capture(stderr, &saved_err);
    int code = nj_cli_main(program, argc, argv);
    end_capture(stderr, saved_err, err, err_text);
    end_capture(stdout, saved_out, out, out_text);
    return code;
}

static void assert_shows(const char *line, const char *expected)
{
    int code = run_program(&PROGRAM, line);
    if (code != 0 || strcmp(out_text, expected) != 0) {
        fail_msg("%s: exit %d, \"%s\" and \"%s\", expected \"%s\"", line, code, out_text, err_text,
                 expected);
    }
    assert_string_equal(err_text, "");
}

static void assert_fails(const char *line, int exit_code, const char *says)
{
    int code = run_program(&PROGRAM, line);
    if (code != exit_code || strstr(err_text, says) == NULL) {
        fail_msg("%s: exit %d, \"%s\" and \"%s\", expected exit %d, \"%s\"", line, code, out_text,
                 err_text, exit_code, says);
    }
    assert_string_equal(out_text, "");
}

// ---- words ----

static void a_value_stands_behind_a_blank_or_an_equals_sign(void **state)
{
    (void)state;
    assert_shows("show", "name=NULL keep-history=NULL shard_users=512 []\n");
    assert_shows("show|--name|x", "name=x keep-history=NULL shard_users=512 []\n");
    assert_shows("show|--name=x", "name=x keep-history=NULL shard_users=512 []\n");
    assert_shows("show|--name=a=b", "name=a=b keep-history=NULL shard_users=512 []\n");
    assert_shows("show|--name=", "name= keep-history=NULL shard_users=512 []\n");
    assert_shows("show|--name|-", "name=- keep-history=NULL shard_users=512 []\n");
    assert_shows("show|--name|x|--name|y", "name=y keep-history=NULL shard_users=512 []\n");
}

static void dashes_and_underscores_are_the_same(void **state)
{
    (void)state;
    assert_shows("show|--shard-users|7", "name=NULL keep-history=NULL shard_users=7 []\n");
    assert_shows("show|--shard_users=7", "name=NULL keep-history=NULL shard_users=7 []\n");
    assert_shows("show|--keep_history", "name=NULL keep-history=true shard_users=512 [] keeps\n");
}

static void a_flag_takes_no_word_and_only_true_or_false(void **state)
{
    (void)state;
    assert_shows("show|--keep-history|u1",
                 "name=NULL keep-history=true shard_users=512 [u1] keeps\n");
    assert_shows("show|--keep-history=true",
                 "name=NULL keep-history=true shard_users=512 [] keeps\n");
    assert_shows("show|--keep-history=1", "name=NULL keep-history=1 shard_users=512 [] keeps\n");
    assert_shows("show|--keep-history=false", "name=NULL keep-history=false shard_users=512 []\n");
    assert_shows("show|--keep-history=0", "name=NULL keep-history=0 shard_users=512 []\n");
    assert_fails("show|--keep-history=yes", 2, "--keep-history is \"yes\", must be true or false");
    assert_fails("show|--keep-history=", 2, "--keep-history is \"\", must be true or false");
}

static void a_missing_value_an_unknown_option_and_a_stray_word_are_refused(void **state)
{
    (void)state;
    assert_fails("show|--name", 2, "nightjar show: --name needs a value (FILE)");
    assert_fails("show|--nam|x", 2, "unknown option --nam; did you mean --name?\n");
    assert_fails("show|--names|x", 2, "unknown option --names; did you mean --name?\n");
    assert_fails("show|--nope=5", 2, "unknown option --nope\n");
    assert_fails("show|--=5", 2, "unknown option --\n");
    assert_fails("show|a|b", 2, "unexpected argument \"b\"");
    assert_fails("count|a", 2, "unexpected argument \"a\"");
    assert_fails("show|--config", 2, "--config needs a value (FILE)");
    assert_fails("show|--help=maybe", 2, "--help is \"maybe\", must be true or false\n");
    assert_shows("show|--help=false|--show-config=0|u1",
                 "name=NULL keep-history=NULL shard_users=512 [u1]\n");
    // An option of another command is not this one's.
    assert_fails("show|--store|x", 2, "unknown option --store");
}

static void a_required_or_optional_argument_stands_anywhere(void **state)
{
    (void)state;
    assert_shows("show|u1|--name|x", "name=x keep-history=NULL shard_users=512 [u1]\n");
    assert_shows("show|--name|x|u1", "name=x keep-history=NULL shard_users=512 [u1]\n");
    assert_shows("show|-7", "name=NULL keep-history=NULL shard_users=512 [-7]\n");
    assert_shows("bundle|show|u1", "[u1]\n");
    assert_fails("bundle|show", 2, "nightjar bundle show: USER is required");
}

static void behind_two_dashes_everything_is_an_argument(void **state)
{
    (void)state;
    assert_shows("show|--|--name", "name=NULL keep-history=NULL shard_users=512 [--name]\n");
    assert_shows("show|--name|x|--|-h", "name=x keep-history=NULL shard_users=512 [-h]\n");
    assert_shows("show|--name=--|u1", "name=-- keep-history=NULL shard_users=512 [u1]\n");
    assert_fails("show|--name|--|u1", 2,
                 "--name needs a value"); // it was forgotten: "--" begins like an option
    assert_shows("show|--", "name=NULL keep-history=NULL shard_users=512 []\n");
    assert_shows("show|--|--", "name=NULL keep-history=NULL shard_users=512 [--]\n");
    assert_fails("show|--|a|--name", 2, "unexpected argument \"--name\"");
}

static void
a_value_that_looks_like_an_option_was_forgotten_unless_an_equals_sign_stands_before_it(void **state)
{
    (void)state;
    assert_fails("show|--name|--keep-history", 2,
                 "--name needs a value (FILE) and \"--keep-history\" is an option");
    assert_fails("show|--config|--name", 2, "--config needs a value");
    assert_shows("show|--name=--keep-history",
                 "name=--keep-history keep-history=NULL shard_users=512 []\n");
}

static void options_from_elsewhere_are_named_beside_a_wrong_command_line(void **state)
{
    char line[256];
    setenv("NIGHTJAR_SHARD_USERS", "9", 1);
    snprintf(line, sizeof line, "show|--config|%s|--keep-history=maybe",
             sandbox_write(state, "night.yaml", "name: x\n", 8));
    assert_fails(line, 2, "--keep-history is \"maybe\"");
    assert_non_null(strstr(err_text, "--shard-users comes from the environment\n"));
    assert_non_null(strstr(err_text, "--name comes from /"));
    assert_non_null(strstr(err_text, "night.yaml\n"));
    assert_null(strstr(err_text, "--keep-history comes"));
}

static void a_required_option_is_named_with_its_value(void **state)
{
    (void)state;
    assert_fails("bundle|pack", 2, "nightjar bundle pack: --store DIR is required");
    assert_shows("bundle|pack|--store|s", "store=s name=NULL []\n");
    assert_fails("bundle|pack|--store=", 2, "--store is empty, must be DIR");
    assert_fails("bundle|pack|--store|", 2, "--store is empty, must be DIR");
    assert_fails("bundle|show|", 2, "USER is empty");
    setenv("NIGHTJAR_STORE", "e", 1);
    assert_shows("bundle|pack", "store=e name=NULL []\n");
}

static void whole_numbers_are_read_within_their_limits(void **state)
{
    (void)state;
    static const char *const BAD[] = {"2",
                                      "-3",
                                      "+5",
                                      " 5",
                                      "5 ",
                                      "5x",
                                      "0x10",
                                      "1e3",
                                      "",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "99999999999999999999999999"};
    assert_shows("count", "5\n");
    assert_shows("count|--number=3", "3\n");
    assert_shows("count|--number=007", "7\n");
    assert_shows("count|--number=18446744073709551614", "18446744073709551614\n");
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char line[64];
        char says[160];
        snprintf(line, sizeof line, "count|--number=%s", BAD[i]);
        snprintf(says, sizeof says,
                 "--number is \"%s\", must be a whole number from 3 to 18446744073709551614",
                 BAD[i]);
        assert_fails(line, 2, says);
    }
}

// ---- environment ----

static void a_table_of_whole_numbers_fills_variables_of_both_widths(void **state)
{
    (void)state;

    assert_shows("measure|--narrow=4294967295|--wide=18446744073709551615", "");
    assert_int_equal(narrow_read, UINT32_MAX);
    assert_true(wide_read == UINT64_MAX);

    assert_fails("measure|--narrow=4294967296|--wide=9", 2,
                 "--narrow is \"4294967296\", must be a whole number from 1 to 4294967295");
    assert_int_equal(narrow_read, 7);
    assert_true(wide_read == 9);
}

static void every_option_is_an_environment_variable(void **state)
{
    (void)state;
    setenv("NIGHTJAR_NAME", "from-env", 1);
    setenv("NIGHTJAR_KEEP_HISTORY", "1", 1);
    setenv("NIGHTJAR_SHARD_USERS", "9", 1);
    assert_shows("show", "name=from-env keep-history=1 shard_users=9 [] keeps\n");
    assert_shows("show|--name|x|--keep-history=0", "name=x keep-history=0 shard_users=9 []\n");
    setenv("NIGHTJAR_KEEP_HISTORY", "on", 1);
    assert_fails("show", 2, "--keep-history is \"on\", must be true or false");
    // Empty is as if it were not there.
    setenv("NIGHTJAR_KEEP_HISTORY", "", 1);
    setenv("NIGHTJAR_SHARD_USERS", "", 1);
    assert_shows("show", "name=from-env keep-history=NULL shard_users=512 []\n");
}

// ---- YAML ----

static const char *write_config(void **state, const char *text, size_t size)
{
    return sandbox_write(state, "night.yaml", text, size);
}

static void run_with_config(void **state, const char *text, char line[256])
{
    snprintf(line, 256, "show|--config|%s", write_config(state, text, strlen(text)));
}

static void assert_config_shows(void **state, const char *text, const char *expected)
{
    char line[256];
    run_with_config(state, text, line);
    assert_shows(line, expected);
}

static void assert_config_fails(void **state, const char *text, int exit_code, const char *says)
{
    char line[256];
    run_with_config(state, text, line);
    assert_fails(line, exit_code, says);
    assert_non_null(strstr(err_text, "night.yaml"));
}

static void a_yaml_file_gives_options_of_all_commands(void **state)
{
    assert_config_shows(state, "name: x\nkeep-history: true\nshard-users: 3\nstore: s\nnumber: 4\n",
                        "name=x keep-history=true shard_users=3 [] keeps\n");
    assert_config_shows(state, "# a comment\n\nname: \"a b: c\"   # another\n",
                        "name=a b: c keep-history=NULL shard_users=512 []\n");
    assert_config_shows(state, "---\n{name: 'x', shard-users: 0x3}\n",
                        "name=x keep-history=NULL shard_users=0x3 []\n");
    assert_config_shows(state, "name: x\r\nshard-users: 3\r\n",
                        "name=x keep-history=NULL shard_users=3 []\n");
    assert_config_shows(state, "name: >\n  one\n  two\n",
                        "name=one two\n keep-history=NULL shard_users=512 []\n");
}

static void keys_may_have_dashes_or_underscores(void **state)
{
    assert_config_shows(state, "keep_history: true\nshard_users: 3\n",
                        "name=NULL keep-history=true shard_users=3 [] keeps\n");
}

static void a_file_without_content_gives_nothing(void **state)
{
    static const char *const EMPTY[] = {"",      "\n\n", "# only a comment\n",
                                        "---\n", "{}\n", "---\n...\n"};
    for (size_t i = 0; i < sizeof EMPTY / sizeof *EMPTY; i++) {
        assert_config_shows(state, EMPTY[i], "name=NULL keep-history=NULL shard_users=512 []\n");
    }
}

static void what_is_no_mapping_of_options_to_words_is_refused(void **state)
{
    assert_config_fails(state, "nmae: x\n", 78,
                        "night.yaml: Invalid key: Unexpected key: nmae: in mapping (line: 1,");
    assert_config_fails(state, "config: other.yaml\n", 78, "config");
    assert_config_fails(state, "Name: x\n", 78, "Name");
    assert_config_fails(state, "shard-users: 1\nname: {a: b}\n", 78,
                        "mapping field 'name' (line: 2,");
    assert_config_fails(state, "name: [a, b]\n", 78, "name");
    assert_config_fails(state, "name: [[[[[[[[[[[[a\n", 78, "name");
    assert_config_fails(state, "- name\n", 78, "");
    assert_config_fails(state, "name\n", 78, "");
    assert_config_fails(state, "name: x\n  bad: indent\n", 78, "");
    assert_config_fails(state, "name: \"x\n", 78, "");
    assert_config_fails(state, "name: &a x\nstore: *a\n", 78,
                        "alias unsupported: in mapping field 'store' (line: 2,");
    assert_config_fails(state, "name: *nowhere\n", 78, "");
    assert_config_fails(state, "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nname: *b\n", 78, "");
    assert_config_fails(state, "name: \xff\xfe\n", 78, "");
    assert_config_fails(state, "name: x\nname: y\n", 78, "name");
    assert_config_fails(state, "name: x\n---\nshard-users: 4\n", 78,
                        "line 2 begins a second document");
    assert_config_fails(state, "# c\n\n---\n---\nname: x\n", 78, "line 4 begins a second document");
    assert_config_fails(state, "name: x\n--- [", 78, "line 2 begins a second document");
    assert_config_fails(state, "name: \"\"\n", 78, "name");
    assert_config_fails(state, "shard-users:\n", 78, "shard-users");
    char line[256];
    run_with_config(state, "keep-history: yes\n", line);
    assert_fails(line, 2, "--keep-history is \"yes\", must be true or false");
}

static void a_missing_folder_or_huge_file_is_refused(void **state)
{
    char line[256];
    const size_t size = (1 << 20) + 1;
    char *huge = malloc(size);
    assert_non_null(huge);
    memset(huge, '#', size);
    snprintf(line, sizeof line, "show|--config|%s", sandbox_path(state, "none.yaml"));
    assert_fails(line, 5, "none.yaml");
    snprintf(line, sizeof line, "show|--config=%s", sandbox_path(state, "."));
    assert_fails(line, 65, "");
    snprintf(line, sizeof line, "show|--config|%s", write_config(state, huge, size));
    assert_fails(line, 65, "night.yaml");
    snprintf(line, sizeof line, "show|--config|%s", write_config(state, huge, size - 1));
    assert_shows(line, "name=NULL keep-history=NULL shard_users=512 []\n");
    // A value beyond its own limit.
    memset(huge, 'x', size);
    memcpy(huge, "name: ", 6);
    snprintf(line, sizeof line, "show|--config|%s", write_config(state, huge, 5000));
    assert_fails(line, 78, "night.yaml");
    memset(huge, '[', size);
    snprintf(line, sizeof line, "show|--config|%s", write_config(state, huge, size - 1));
    assert_fails(line, 78, "night.yaml");
    // NUL bytes.
    memset(huge, 0, size);
    memcpy(huge, "name: a", 7);
    snprintf(line, sizeof line, "show|--config|%s", write_config(state, huge, 100));
    assert_fails(line, 78, "night.yaml");
    free(huge);
}

static void every_cut_of_a_file_is_read_or_refused(void **state)
{
    static const char TEXT[] =
        "---\nname: \"quo\\u00e9ted\"\nkeep-history: true # c\nshard-users: |\n  12\nstore: {}\n";
    for (size_t size = 0; size < sizeof TEXT - 1; size++) {
        char line[256];
        snprintf(line, sizeof line, "show|--config|%s", write_config(state, TEXT, size));
        int code = run_program(&PROGRAM, line);
        assert_true(code == 0 || code == 78 || code == 2);
        assert_int_equal(code == 0, err_text[0] == '\0');
    }
}

static void the_command_line_wins_over_environment_over_yaml_over_default(void **state)
{
    char line[512];
    run_with_config(state, "name: yaml\nshard-users: 2\nkeep-history: true\n", line);
    assert_shows(line, "name=yaml keep-history=true shard_users=2 [] keeps\n");
    setenv("NIGHTJAR_SHARD_USERS", "3", 1);
    assert_shows(line, "name=yaml keep-history=true shard_users=3 [] keeps\n");
    strcat(line, "|--shard-users|4|--keep-history=false");
    assert_shows(line, "name=yaml keep-history=false shard_users=4 []\n");
    unsetenv("NIGHTJAR_SHARD_USERS");

    setenv("NIGHTJAR_CONFIG", sandbox_path(state, "night.yaml"), 1);
    assert_shows("show", "name=yaml keep-history=true shard_users=2 [] keeps\n");
    const char *other = sandbox_write(state, "other.yaml", "name: other\n", 12);
    snprintf(line, sizeof line, "show|--config=%s", other);
    assert_shows(line, "name=other keep-history=NULL shard_users=512 []\n");
}

static void show_config_prints_values_and_origins_as_a_file_that_config_takes(void **state)
{
    char line[OUTPUT_BYTES];
    const char *text = "keep-history: true\n";
    const char *path = sandbox_write(state, "a.yaml", text, strlen(text));
    setenv("NIGHTJAR_SHARD_USERS", "9", 1);
    snprintf(line, sizeof line, "show|--config|%s|--name|two words|--show-config", path);
    const int code = run_program(&PROGRAM, line);
    unsetenv("NIGHTJAR_SHARD_USERS");

    assert_int_equal(code, 0);
    assert_non_null(strstr(out_text, "# nightjar show\nname: \"two words\" "));
    assert_non_null(strstr(out_text, "# command line\nkeep-history: true "));
    assert_non_null(strstr(out_text, "# file: "));
    assert_non_null(strstr(out_text, "\nshard-users: 9 "));
    assert_non_null(strstr(out_text, "# environment: NIGHTJAR_SHARD_USERS\n"));

    assert_int_equal(run_program(&PROGRAM, "bundle|pack|--show-config"), 0);
    assert_non_null(strstr(out_text, "# required, not set\n# name: FILE "));
}

static void a_mistyped_key_is_answered_with_the_one_it_is_like(void **state)
{
    assert_config_fails(state, "keep-histroy: true\n", 78, "did you mean keep-history?");
}

static void a_required_option_may_come_from_yaml(void **state)
{
    char line[256];
    snprintf(line, sizeof line, "bundle|pack|--config|%s", write_config(state, "store: y\n", 9));
    assert_shows(line, "store=y name=NULL []\n");
}

// ---- errors, help, exit codes ----

static void every_status_has_its_exit_code_sentence_and_advice_on_standard_error(void **state)
{
    (void)state;
    static const struct {
        nj_status status;
        int exit_code;
    } ROWS[] = {
#define NJ_STATUS(name, number, exit_code, sentence, advice) {NJ_##name, exit_code},
#include "schemas/status.def"
#undef NJ_STATUS
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char expected[512];
        status_to_return = ROWS[i].status;
        if (ROWS[i].status == NJ_OK) {
            continue;
        }
        text_to_return = "the reason";
        assert_fails("fail", ROWS[i].exit_code, "nightjar fail: the reason\n");
        snprintf(expected, sizeof expected, "  exit %d (%s): %s\n", ROWS[i].exit_code,
                 nj_status_sentence(ROWS[i].status), nj_status_advice(ROWS[i].status));
        assert_non_null(strstr(err_text, expected));
        text_to_return = NULL;
        snprintf(expected, sizeof expected, "nightjar fail: %s\n",
                 nj_status_sentence(ROWS[i].status));
        assert_fails("fail", ROWS[i].exit_code, expected);
    }
    status_to_return = NJ_OK;
    assert_shows("fail", "");
}

static void help_lists_commands_and_options(void **state)
{
    (void)state;
    static const char *const ASKS[] = {"--help", "-h", "help"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run_program(&PROGRAM, ASKS[i]), 0);
        assert_string_equal(err_text, "");
        assert_non_null(strstr(out_text, "A program."));
        for (size_t c = 0; c < PROGRAM.command_count; c++) {
            assert_non_null(strstr(out_text, COMMANDS[c].name));
            assert_non_null(strstr(out_text, COMMANDS[c].summary));
        }
    }
    static const char *const OF_COMMAND[] = {"bundle|pack|--help", "bundle|pack|-h",
                                             "bundle|pack|--name|x|--help"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run_program(&PROGRAM, OF_COMMAND[i]), 0);
        assert_non_null(strstr(out_text, "nightjar bundle pack [options]"));
        assert_non_null(strstr(out_text, "--store DIR"));
        assert_non_null(strstr(out_text, "(required)"));
        assert_non_null(strstr(out_text, "--config FILE"));
    }
    assert_int_equal(run_program(&PROGRAM, "show|--help"), 0);
    assert_non_null(strstr(out_text, "--shard-users N"));
    assert_non_null(strstr(out_text, "[512]"));
    assert_int_equal(run_program(&PROGRAM, "--version"), 0);
    assert_string_equal(out_text, "nightjar " NIGHTJAR_VERSION "\n");
}

static void an_unknown_or_half_command_is_refused(void **state)
{
    (void)state;
    assert_fails("nope", 2, "unknown command \"nope\"");
    assert_fails("bundle|nope", 2, "unknown command \"bundle nope\"; `nightjar bundle --help`");
    assert_fails("bundle pack", 2, "unknown command \"bundle pack\"");
    assert_fails("sho", 2, "unknown command \"sho\"");
    assert_int_equal(run_program(&PROGRAM, ""), 2);
}

static void the_first_word_of_commands_lists_them(void **state)
{
    (void)state;
    const char *ways[] = {"bundle", "bundle|--help", "bundle|help", "bundle|-h"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        assert_int_equal(run_program(&PROGRAM, ways[i]), i == 0 ? 2 : 0);
        assert_non_null(strstr(out_text, "  bundle pack "));
        assert_null(strstr(out_text, "  show "));
    }
    assert_int_equal(run_program(&PROGRAM, "--help"), 0);
    assert_non_null(strstr(out_text, "  show "));
}

static void a_program_with_one_command_takes_options_at_once(void **state)
{
    (void)state;
    assert_int_equal(run_program(&DAEMON, "--name|x"), 0);
    assert_string_equal(out_text, "name=x keep-history=NULL shard_users=512 []\n");
    assert_int_equal(run_program(&DAEMON, ""), 0);
    assert_int_equal(run_program(&DAEMON, "--help"), 0);
    assert_non_null(strstr(out_text, "nightjar-worker [options]"));
    assert_int_equal(run_program(&DAEMON, "--nope"), 2);
    assert_non_null(strstr(err_text, "nightjar-worker: unknown option --nope\n"));
    assert_int_equal(run_program(&DAEMON, "run"), 2);
}

// stdout is /dev/full while the command runs.
static int run_on_full_disk(const char *command)
{
    char *argv[] = {(char *)(uintptr_t)PROGRAM.name, (char *)(uintptr_t)command, NULL};
    int saved_err;
    fflush(stdout);
    int saved_out = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(saved_out >= 0 && full >= 0);
    assert_true(dup2(full, STDOUT_FILENO) >= 0);
    int err = begin_capture(stderr, &saved_err);
    int code = nj_cli_main(&PROGRAM, 2, argv);
    end_capture(stderr, saved_err, err, err_text);
    fflush(stdout);
    clearerr(stdout);
    assert_true(dup2(saved_out, STDOUT_FILENO) >= 0);
    close(saved_out);
    close(full);
    return code;
}

static void results_that_cannot_be_written_are_an_error(void **state)
{
    (void)state;
    assert_int_equal(run_on_full_disk("show"), 74);
    assert_non_null(strstr(err_text, "standard output"));
    assert_int_equal(run_on_full_disk("print"), 74);
    assert_non_null(strstr(err_text, "standard output"));
}

static int set_up(void **state)
{
    static const char *const NAMES[] = {"CONFIG", "KEEP_HISTORY", "NAME",
                                        "NUMBER", "SHARD_USERS",  "STORE"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char variable[64];
        snprintf(variable, sizeof variable, "NIGHTJAR_%s", NAMES[i]);
        unsetenv(variable);
    }
    return sandbox_setup(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_value_stands_behind_a_blank_or_an_equals_sign),
        TEST(dashes_and_underscores_are_the_same),
        TEST(a_flag_takes_no_word_and_only_true_or_false),
        TEST(a_missing_value_an_unknown_option_and_a_stray_word_are_refused),
        TEST(a_required_or_optional_argument_stands_anywhere),
        TEST(behind_two_dashes_everything_is_an_argument),
        TEST(
            a_value_that_looks_like_an_option_was_forgotten_unless_an_equals_sign_stands_before_it),
        TEST(options_from_elsewhere_are_named_beside_a_wrong_command_line),
        TEST(a_required_option_is_named_with_its_value),
        TEST(whole_numbers_are_read_within_their_limits),
        TEST(a_table_of_whole_numbers_fills_variables_of_both_widths),
        TEST(every_option_is_an_environment_variable),
        TEST(show_config_prints_values_and_origins_as_a_file_that_config_takes),
        TEST(a_mistyped_key_is_answered_with_the_one_it_is_like),
        TEST(a_yaml_file_gives_options_of_all_commands),
        TEST(keys_may_have_dashes_or_underscores),
        TEST(a_file_without_content_gives_nothing),
        TEST(what_is_no_mapping_of_options_to_words_is_refused),
        TEST(a_missing_folder_or_huge_file_is_refused),
        TEST(every_cut_of_a_file_is_read_or_refused),
        TEST(the_command_line_wins_over_environment_over_yaml_over_default),
        TEST(a_required_option_may_come_from_yaml),
        TEST(every_status_has_its_exit_code_sentence_and_advice_on_standard_error),
        TEST(help_lists_commands_and_options),
        TEST(an_unknown_or_half_command_is_refused),
        TEST(the_first_word_of_commands_lists_them),
        TEST(a_program_with_one_command_takes_options_at_once),
        TEST(results_that_cannot_be_written_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
