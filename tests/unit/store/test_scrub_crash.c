// test_scrub_crash.c - an erasure that is killed, or fails, at any of its steps: readers have a whole generation, and the next run
// finishes.
//
//   test_scrub_crash                     the first hit of each step of an erasure, killed
//   test_scrub_crash all                 every hit of those and of the files and folders it puts in place, killed and failed
//   test_scrub_crash scrub STORE FEED    what is killed: failpoints read the environment once in a process
#include <signal.h>

#include "common/base/failpoint.h"
#include "common/store/delta_feed.h"
#include "tests/unit/store/scrubbed.h"

#define HITS_MAX 200

static bool is_all;

typedef struct {
    const char *point;
    const char *name;
    bool is_step;
} place;

// Those of an erasure, and those of the files and folders that it puts in place.
static const place PLACES[] = {
#define IS_STEP true
#define IS_PLACE false
#define IS_USER false
#define NJ_FAILPOINT(NAME, text, PROGRAM, KIND, meaning) {#PROGRAM, text, IS_##KIND},
#include "schemas/failpoint.def"
};
#define PLACES_COUNT (sizeof PLACES / sizeof PLACES[0])

static const char *program;

static bool is_ours(const place *at)
{
    if (strcmp(at->point, "SCRUB") == 0) {
        return true;
    }
    return is_all && (strncmp(at->name, "file.", 5) == 0 || strncmp(at->name, "folder.", 7) == 0 ||
                      strcmp(at->name, "remove.renamed") == 0);
}

static int scrub_here(const char *store, const char *feed)
{
    nj_error err = {0};
    nj_erase_set set;
    nj_scrub_result result;
    scrubbed_set(&set);
    nj_scrub_options options = scrubbed_options(&set);
    options.feeds[options.feed_count++] = feed;
    nj_status status = nj_store_scrub(store, &options, &result, &err);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
    return status == NJ_OK ? 0 : 1;
}

static int scrub_in_child(const char *store, const char *feed, const char *rule)
{
    pid_t child = fork();
    if (child == 0) {
        char *const words[] = {(char *)(uintptr_t)program, "scrub", (char *)(uintptr_t)store,
                               (char *)(uintptr_t)feed, NULL};
        setenv("NJ_FAILPOINT", rule, 1);
        execv(program, words);
        _exit(99);
    }
    return night_wait(child);
}

static void renew(void **state, const char *from)
{
    char command[4 * NJ_PATH_BYTES];
    snprintf(command, sizeof command, "cd '%s' && rm -rf store feed && cp -a %s/store %s/feed .",
             sandbox_path(state, "."), from, from);
    assert_int_equal(system(command), 0);
}

static void expect_finished(const char *store, const char *feed, const nj_erase_set *set)
{
    nj_error err = {0};
    nj_delta_chain chain;
    assert_int_equal(scrub_here(store, feed), 0);
    assert_int_equal(scrubbed_check_whole(store), SCRUBBED_NIGHTS);
    assert_int_equal(scrubbed_search(store, set), 0);
    assert_ok(nj_store_scrub_check(store, &err), &err);
    assert_ok(nj_delta_chain_open(feed, &chain, &err), &err);
    assert_in_range(chain.count, 1, 2);
    assert_string_equal(chain.segments[0].head.base, "");
    nj_delta_chain_close(&chain);
}

// Every hit of the point, until a run ends without it; returns how many there were.
static unsigned interrupt(void **state, const char *name, const char *action,
                          const nj_erase_set *set)
{
    char rule[100];
    char store[NJ_PATH_BYTES];
    char feed[NJ_PATH_BYTES];
    snprintf(store, sizeof store, "%s", sandbox_path(state, "store"));
    snprintf(feed, sizeof feed, "%s", sandbox_path(state, "feed"));
    for (unsigned hit = 1; hit <= (is_all ? HITS_MAX : 1u); hit++) {
        renew(state, "kept");
        snprintf(rule, sizeof rule, "%s=%s@%u", name, action, hit);
        const int how = scrub_in_child(store, feed, rule);
        if (WIFEXITED(how) && WEXITSTATUS(how) == 0) {
            expect_finished(store, feed, set);
            return hit - 1;
        }
        assert_true(WIFSIGNALED(how) ? WTERMSIG(how) == SIGKILL : WEXITSTATUS(how) == 1);
        assert_in_range(scrubbed_check_whole(store), SCRUBBED_NIGHTS, 2 * SCRUBBED_NIGHTS);
        expect_finished(store, feed, set);
    }
    return is_all ? HITS_MAX : 1;
}

static void the_next_run_finishes_what_was_interrupted(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_delta_head head;
    nj_delta_tally tally;
    const nj_delta_watch nobody = {0};
    assert_ok(nj_folder_make(sandbox_path(state, "kept"), &err), &err);
    scrubbed_make(sandbox_path(state, "kept/store"), &s);
    assert_ok(nj_delta_feed_append(sandbox_path(state, "kept/feed"), s.store, &s.names[1], &nobody,
                                   &head, &tally, &err),
              &err);
    scrubbed_set(&set);
    for (size_t i = 0; i < PLACES_COUNT; i++) {
        if (is_ours(&PLACES[i])) {
            const unsigned kills = interrupt(state, PLACES[i].name, "kill", &set);
            const bool is_reports = strcmp(PLACES[i].name, "scrub.reported") == 0;
            print_message("%s: %u hits\n", PLACES[i].name, kills);
            assert_true(kills > 0 || is_reports); // there is no report here
            if (is_all && PLACES[i].is_step) {
                interrupt(state, PLACES[i].name, "fail", &set);
            }
        }
    }
    nj_erase_set_fini(&set);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(the_next_run_finishes_what_was_interrupted),
    };
    program = argv[0];
    is_all = argc == 2 && strcmp(argv[1], "all") == 0;
    if (argc == 4 && strcmp(argv[1], "scrub") == 0) {
        return scrub_here(argv[2], argv[3]);
    }
#ifndef NIGHTJAR_FAILPOINTS
    (void)tests;
    print_error("SKIPPED: the programs are built without -DNIGHTJAR_FAILPOINTS=ON\n");
    return 0;
#else
    return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
