// test_channel_cycles.c - publications, promotions, rollbacks, gc and scrubs at random under readers in threads, processes and Python:
// none sees rows of two nights, half a generation, or one that vanishes under it.
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/store/channel.h"
#include "common/store/gc.h"
#include "common/store/scrub.h"
#include "tests/unit/store/watchers.h"

#define STEPS 40
#define USERS 16
#define KEEP 2
#define SEED 7

static const char *const FOLLOWED[] = {"current", "canary"};
#define FOLLOWED_COUNT (sizeof FOLLOWED / sizeof FOLLOWED[0])

static unsigned steps;

typedef struct {
    const char *store;
    const char *channel;
    watch *seen;
} watcher;

// ---- nights: the history digests of all rows are the night's number, which newest_event_ms says too ----

static nj_store_name make_night(const char *store, uint64_t number)
{
    const nj_history_digest history = {{(uint8_t)number, (uint8_t)(number >> 8)}};
    nj_staging_facts facts = night_facts(1, USERS);
    facts.newest_event_ms = number;
    return watch_night(store, &facts, number, USERS, 1 + number % 3, &history);
}

// ---- readers ----

typedef struct {
    uint64_t number; // of the night, by the manifest
    size_t rows;
    size_t strange; // rows of another
    nj_row row;
} tally;

static nj_status add_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    tally *sum = context;
    (void)key;
    nj_status status = nj_row_unpack(value, &sum->row, err);
    const uint8_t *digest = sum->row.history.bytes;
    sum->rows++;
    sum->strange += status != NJ_OK || sum->row.count != 1 + sum->number % 3 ||
                    (uint64_t)(digest[0] | digest[1] << 8) != sum->number;
    return NJ_OK;
}

static bool is_whole(nj_store_reader *reader)
{
    tally *sum = calloc(1, sizeof *sum);
    if (sum == NULL) {
        return false;
    }
    const nj_store_facts *facts = &nj_store_reader_manifest(reader)->facts;
    sum->number = facts->newest_event_ms;
    const bool walked = nj_store_each_entry(reader, add_row, sum, NULL) == NJ_OK;
    const bool whole = walked && sum->rows == facts->row_count &&
                       facts->row_count == facts->user_count && sum->strange == 0;
    free(sum);
    return whole;
}

// "current" lets the library look again; any other channel's readers do it themselves.
static nj_store_reader *open_followed(const watcher *w)
{
    nj_store_reader *reader = NULL;
    nj_store_name name;
    nj_store_name again;
    const bool is_current = strcmp(w->channel, "current") == 0;
    if (nj_store_channel_read(w->store, w->channel, &name, NULL) != NJ_OK) {
        atomic_fetch_add(&w->seen->failed, 1);
        return NULL;
    }
    if (nj_store_reader_open(w->store, is_current ? NULL : name.text, &reader, NULL) == NJ_OK) {
        return reader;
    }
    const bool moved = !is_current &&
                       nj_store_channel_read(w->store, w->channel, &again, NULL) == NJ_OK &&
                       strcmp(name.text, again.text) != 0;
    atomic_fetch_add(moved ? &w->seen->missed : &w->seen->failed, 1);
    return NULL;
}

// Twice through one generation, a while apart.
static void look(const watcher *w, nj_store_name *last)
{
    nj_store_reader *reader = open_followed(w);
    if (reader == NULL) {
        return;
    }
    const nj_store_name name = *nj_store_reader_name(reader);
    bool whole = is_whole(reader);
    usleep(2000);
    whole = is_whole(reader) && whole;
    nj_store_reader_close(&reader);
    atomic_fetch_add(&w->seen->opened, 1);
    atomic_fetch_add(&w->seen->mixed, !whole);
    atomic_fetch_add(&w->seen->changes, strcmp(last->text, name.text) != 0);
    *last = name;
}

static void *watch_store(void *context)
{
    const watcher *w = context;
    nj_store_name last = {{0}};
    while (!atomic_load(&w->seen->stop)) {
        look(w, &last);
    }
    return NULL;
}

// ---- steps ----

typedef struct {
    const char *store;
    uint64_t nights;
    unsigned done[7]; // of each kind
    uint64_t removed;
    uint64_t rewritten; // generations
} life;

static void expect_named(const life *l, const char *channel, const nj_store_name *name)
{
    nj_error err = {0};
    nj_store_name now;
    nj_store_manifest manifest;
    assert_ok(nj_store_channel_read(l->store, channel, &now, &err), &err);
    assert_string_equal(now.text, name->text);
    assert_ok(nj_store_inspect(l->store, &now, &manifest, &err), &err);
}

static void publish_night(life *l, const char *channel)
{
    nj_error err = {0};
    nj_store_name name = make_night(l->store, ++l->nights);
    assert_ok(nj_store_channel_publish(l->store, channel, name.text, NULL, 10000, &err), &err);
    expect_named(l, channel, &name);
}

// gc keeps a way back, so a second rollback in a row may find none.
static void roll_back(life *l, const char *channel)
{
    nj_error err = {0};
    nj_store_name to;
    nj_status status =
        nj_store_channel_rollback_find(l->store, channel, NJ_STORE_LOOK_WHOLE, &to, &err);
    if (status == NJ_NOT_FOUND) {
        return;
    }
    assert_ok(status, &err);
    assert_ok(
        nj_store_channel_rollback(l->store, channel, to.text, NJ_STORE_LOOK_QUICK, 10000, &err),
        &err);
    expect_named(l, channel, &to);
}

static void promote(life *l)
{
    nj_error err = {0};
    nj_store_name name;
    assert_ok(nj_store_channel_promote(l->store, "canary", 10000, &name, &err), &err);
    expect_named(l, "current", &name);
    expect_named(l, "canary", &name);
}

// What gc leaves is what it says, and every channel can be rolled back if it could before.
static void collect(life *l)
{
    nj_error err = {0};
    nj_store_gc_result result;
    nj_store_name name;
    nj_store_name before[FOLLOWED_COUNT];
    bool had[FOLLOWED_COUNT];
    for (size_t i = 0; i < FOLLOWED_COUNT; i++) {
        had[i] = nj_store_channel_rollback_find(l->store, FOLLOWED[i], NJ_STORE_LOOK_WHOLE,
                                                &before[i], &err) == NJ_OK;
    }
    assert_ok(nj_store_gc(l->store, KEEP, false, 10000, &result, &err), &err);
    for (size_t i = 0; i < result.count; i++) {
        l->removed += result.entries[i].fate == NJ_STORE_GC_REMOVED;
    }
    nj_store_gc_result_fini(&result);
    for (size_t i = 0; i < FOLLOWED_COUNT; i++) {
        if (had[i]) {
            assert_ok(nj_store_channel_rollback_find(l->store, FOLLOWED[i], NJ_STORE_LOOK_WHOLE,
                                                     &name, &err),
                      &err);
            assert_string_equal(name.text, before[i].text);
        }
    }
}

// A user is gone from all generations, wherever they are named.
static void forget(life *l, uint64_t user)
{
    nj_error err = {0};
    nj_erase_set set;
    nj_scrub_result result;
    char id[24];
    nj_erase_set_init(&set);
    assert_ok(nj_erase_ids_add(&set.users, nj_slice_from(night_user(user, id)), &err), &err);
    const nj_scrub_options options = {.set = &set, .lock_wait_ms = 10000, .readers_wait_ms = 10000};
    assert_ok(nj_store_scrub(l->store, &options, &result, &err), &err);
    l->rewritten += result.count;
    for (size_t i = 0; i < result.count; i++) {
        assert_int_equal(result.entries[i].rows_removed, 1);
    }
    assert_ok(nj_store_scrub_search(l->store, NULL, 0, &set, &result, &err), &err);
    assert_int_equal(result.find_count, 0);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
    for (size_t i = 0; i < FOLLOWED_COUNT; i++) {
        nj_store_name name;
        assert_ok(nj_store_channel_read(l->store, FOLLOWED[i], &name, &err), &err);
        expect_named(l, FOLLOWED[i], &name);
    }
}

static void live(life *l)
{
    uint64_t random = SEED;
    uint64_t start_ns = nj_clock_mono_ns();
    for (unsigned i = 0; i < steps; i++) {
        const unsigned kind = (unsigned)(nj_rng_next(&random) % 7);
        l->done[kind]++;
        switch (kind) {
        case 0:
            publish_night(l, "current");
            break;
        case 1:
            publish_night(l, "canary");
            break;
        case 2:
            promote(l);
            break;
        case 3:
            roll_back(l, "current");
            break;
        case 4:
            roll_back(l, "canary");
            break;
        case 5:
            forget(l, nj_rng_next(&random) % USERS);
            break;
        default:
            collect(l);
            break;
        }
    }
    print_message("%u steps, %.1f ms each: %u nights, %u canaries, %u promotions, %u rollbacks, %u "
                  "gc that removed %u generations, %u scrubs that wrote %u anew\n",
                  steps, (double)(nj_clock_mono_ns() - start_ns) / 1e6 / steps, l->done[0],
                  l->done[1], l->done[2], l->done[3] + l->done[4], l->done[6], (unsigned)l->removed,
                  l->done[5], (unsigned)l->rewritten);
}

static void no_read_is_mixed_torn_or_gone(void **state)
{
    life l = {.store = sandbox_path(state, "store")};
    pthread_t threads[FOLLOWED_COUNT];
    pid_t children[FOLLOWED_COUNT];
    watcher watchers[FOLLOWED_COUNT];
    watch *seen = watch_new();
    publish_night(&l, "current");
    publish_night(&l, "canary");
    for (size_t i = 0; i < FOLLOWED_COUNT; i++) {
        watchers[i] = (watcher){.store = l.store, .channel = FOLLOWED[i], .seen = seen};
        children[i] = watch_in_process(watch_store, &watchers[i]);
    }
    for (size_t i = 0; i < FOLLOWED_COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, watch_store, &watchers[i]), 0);
    }
    FILE *python = watch_in_python(l.store, USERS, sandbox_path(state, "python.out"));

    live(&l);

    atomic_store(&seen->stop, true);
    for (size_t i = 0; i < FOLLOWED_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(night_wait(children[i]), 0);
    }
    print_message("%lu generations opened, %lu changes seen, %lu looked for again, %lu mixed, %lu "
                  "failed\n",
                  seen->opened, seen->changes, seen->missed, seen->mixed, seen->failed);
    assert_int_equal(seen->mixed, 0);
    assert_int_equal(seen->failed, 0);
    assert_true(seen->opened >= FOLLOWED_COUNT && l.removed > 0 && l.rewritten > 0);
    munmap(seen, sizeof *seen);
    watch_expect_python(python, sandbox_path(state, "python.out"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

// test_channel_cycles [STEPS]
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(no_read_is_mixed_torn_or_gone),
    };
    steps = argc > 1 ? (unsigned)atoi(argv[1]) : STEPS;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
