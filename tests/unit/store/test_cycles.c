// test_cycles.c - readers in threads, processes and Python while CURRENT goes back and forth: each sees one night, whole.
#include "common/base/clock.h"
#include "tests/unit/store/watchers.h"

#define CYCLES 50
#define USERS 64
#define THREADS 2
#define PROCESSES 2

static unsigned cycles;

typedef struct {
    const char *store;
    const nj_store_name *names; // [2]; rows of names[1] have one item more
    watch *seen;
} watcher;

// ---- the two nights ----

// Every row of night `number` has number + 1 items.
static nj_store_name make_night(const char *store, uint64_t number)
{
    const nj_history_digest history = {{0}};
    nj_staging_facts facts = night_facts(1, USERS);
    return watch_night(store, &facts, number, USERS, (size_t)number + 1, &history);
}

// ---- readers ----

typedef struct {
    size_t rows;
    size_t items; // of all of them
} tally;

static nj_status add_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    tally *sum = context;
    (void)key;
    (void)err;
    sum->rows++;
    sum->items += (uint8_t)value.bytes[3] & 0x0f; // [version, flags, [count...
    return NJ_OK;
}

// Once through the current generation.
static void look(const watcher *w, size_t *last)
{
    nj_store_reader *reader = NULL;
    tally sum = {0};
    if (nj_store_reader_open(w->store, NULL, &reader, NULL) != NJ_OK) {
        atomic_fetch_add(&w->seen->failed, 1);
        return;
    }
    size_t night = strcmp(nj_store_reader_name(reader)->text, w->names[1].text) == 0 ? 1 : 0;
    nj_status status = nj_store_each_entry(reader, add_row, &sum, NULL);
    nj_store_reader_close(&reader);
    bool whole = status == NJ_OK && sum.rows == USERS && sum.items == USERS * (night + 1);
    atomic_fetch_add(&w->seen->opened, 1);
    atomic_fetch_add(&w->seen->rows, sum.rows);
    atomic_fetch_add(&w->seen->changes, *last != night);
    atomic_fetch_add(&w->seen->mixed, !whole);
    *last = night;
}

static void *watch_store(void *context)
{
    const watcher *w = context;
    size_t last = 0;
    while (!atomic_load(&w->seen->stop)) {
        look(w, &last);
        usleep(500);
    }
    return NULL;
}

// ---- the test ----

static void go_back_and_forth(const char *store, const nj_store_name names[2])
{
    nj_error err = {0};
    uint64_t start_ns = nj_clock_mono_ns();
    for (unsigned i = 0; i < cycles; i++) {
        nj_store_name back;
        night_publish(store, &names[1]);
        assert_ok(nj_store_rollback_find(store, &back, &err), &err);
        assert_string_equal(back.text, names[0].text);
        assert_ok(nj_store_rollback(store, back.text, 0, &err), &err);
    }
    print_message("%u cycles of publish and rollback, %.2f ms each\n", cycles,
                  (double)(nj_clock_mono_ns() - start_ns) / 1e6 / cycles);
}

static void no_reader_ever_sees_rows_of_two_nights(void **state)
{
    const char *store = sandbox_path(state, "store");
    nj_store_name names[2];
    pthread_t threads[THREADS];
    pid_t children[PROCESSES];
    watch *seen = watch_new();
    names[0] = make_night(store, 0);
    names[1] = make_night(store, 1);
    night_publish(store, &names[0]);
    watcher w = {.store = store, .names = names, .seen = seen};
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = watch_in_process(watch_store, &w);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, watch_store, &w), 0);
    }
    FILE *python = watch_in_python(store, USERS, sandbox_path(state, "python.out"));

    go_back_and_forth(store, names);

    atomic_store(&seen->stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        assert_int_equal(night_wait(children[i]), 0);
    }
    print_message("%lu generations opened, %lu rows read, %lu changes seen, %lu mixed\n",
                  seen->opened, seen->rows, seen->changes, seen->mixed);
    assert_int_equal(seen->mixed, 0);
    assert_int_equal(seen->failed, 0);
    assert_true(seen->changes > cycles / 10 && seen->opened > cycles);
    munmap(seen, sizeof *seen);
    watch_expect_python(python, sandbox_path(state, "python.out"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

// test_cycles [CYCLES]
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(no_reader_ever_sees_rows_of_two_nights),
    };
    cycles = argc > 1 ? (unsigned)atoi(argv[1]) : CYCLES;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
