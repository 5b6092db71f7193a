// watchers.h - what the tests share in which a store changes under readers in threads, processes and Python.
#ifndef NJ_TEST_WATCHERS_H
#define NJ_TEST_WATCHERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/store/night.h"

#define WATCH_SCRIPT NIGHTJAR_SOURCE_DIR "/tests/unit/store/watch_store.py"
#define WATCH_MODULE_MISSING 77

// Shared with processes.
typedef struct {
    atomic_bool stop;
    atomic_ulong opened; // generations
    atomic_ulong rows;
    atomic_ulong changes; // of the generation that a reader found
    atomic_ulong
        missed; // gone between the look at a channel and the opening, and the channel had moved on
    atomic_ulong mixed;  // generations with rows of another night than they say, or not all of them
    atomic_ulong failed; // that a channel still names and that cannot be opened
} watch;

/// All zero. munmap it.
static inline watch *watch_new(void)
{
    watch *seen =
        mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(seen != MAP_FAILED);
    memset(seen, 0, sizeof *seen);
    return seen;
}

/// Runs `loop`, which ends when the watch stops, in a process of its own: night_wait.
static inline pid_t watch_in_process(void *(*loop)(void *), void *context)
{
    pid_t child = fork();
    if (child == 0) {
        loop(context);
        _exit(0);
    }
    return child;
}

/// The script says how often it looked, in a file; it ends when its standard input does.
static inline FILE *watch_in_python(const char *store, unsigned users, const char *output)
{
    char command[3 * NJ_PATH_BYTES];
    const char *python = getenv("NIGHTJAR_PYTHON");
    snprintf(command, sizeof command, "'%s' '%s' '%s' %u > '%s'",
             python != NULL ? python : "python3", WATCH_SCRIPT, store, users, output);
    FILE *stream = popen(command, "w");
    assert_non_null(stream);
    return stream;
}

/// Ends the script, which has seen nothing bad, and prints what it says. Skips the test where Python lacks the modules.
static inline void watch_expect_python(FILE *stream, const char *output)
{
    nj_error err = {0};
    char *text = NULL;
    size_t size = 0;
    int how = pclose(stream);
    assert_true(how != -1 && WIFEXITED(how));
    if (WEXITSTATUS(how) == WATCH_MODULE_MISSING || WEXITSTATUS(how) == 127) {
        skip_loudly("python3 with the modules lmdb and msgpack is not here");
    }
    assert_int_equal(WEXITSTATUS(how), 0);
    assert_ok(nj_file_read(output, 1000, &text, &size, &err), &err);
    print_message("python: %s", text);
    free(text);
}

/// A night of one shard whose users 0 to `users` - 1 have `items` items each and this history; it is packed and its area removed.
static inline nj_store_name watch_night(const char *store, nj_staging_facts *facts, uint64_t number,
                                        unsigned users, size_t items,
                                        const nj_history_digest *history)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_commit_outcome outcome;
    nj_store_name name;
    const nj_slice ids[] = {nj_slice_from("1"), nj_slice_from("2"), nj_slice_from("3")};
    const float scores[] = {-1.0f, -2.0f, -3.0f};
    night_shard *shard = malloc(sizeof *shard);
    assert_non_null(shard);
    assert_true(items <= sizeof ids / sizeof ids[0]);
    assert_ok(nj_staging_create(store, facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-test", &err), &err);
    night_shard_make(shard, 0, users);
    for (size_t i = 0; i < users; i++) {
        nj_buffer_clear(&shard->values[i]);
        assert_int_equal(nj_row_pack(&shard->values[i], 0, ids, scores, items, history), NJ_OK);
        shard->rows[i].value = nj_buffer_slice(&shard->values[i]);
    }
    night_shard_seal(shard);
    assert_ok(nj_staging_commit(staging, &shard->commit, 1, &outcome, &err), &err);
    assert_ok(nj_store_pack(staging, users, NULL, NIGHT_MS + number, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    night_shard_fini(shard);
    free(shard);
    return name;
}

#endif
