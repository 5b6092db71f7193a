// test_train_run.c - a training learns, repeats itself, and goes on where it was killed.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "tests/support/t5_fixture.h"
#include "tests/support/t5_random.h"
#include "worker/train/t5_learner.h"
#include "worker/train/train_run.h"

// Eight items in a ring: behind item i comes item i + 1, so a model can learn it all.
#define ITEMS 8
#define USERS 6
#define LENGTH 9
#define THREADS 2
static const uint16_t CODES[ITEMS * 2] = {0, 0, 0, 1, 1, 0, 1, 1, 2, 0, 2, 1, 3, 0, 3, 1};
static const uint32_t BASES[] = {2, 8};
static const nj_token_table TABLE = {CODES, BASES, 2};
static const nj_template TEMPLATE = {.after = {1}, .after_count = 1};
static const nj_digest INPUTS = {.bytes = {1, 2, 3}};

typedef struct {
    nj_user_table users;
    nj_train_samples samples;
    t5_fixture fixture;
    nj_train_t5 *model;
    double dropout;
} bench;

static void add_users(bench *b)
{
    nj_error err = {0};
    static const char NAMES[] = "abcdefgh";
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    nj_user_table_init(&b->users);
    nj_idlist_builder_init(&ids);
    nj_idmap_init(&map);
    nj_buffer_init(&block, 1 << 16);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(nj_idlist_builder_add(&ids, (nj_slice){NAMES + i, 1}), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&ids, &block), NJ_OK);
    assert_ok(nj_idlist_open(block.bytes, block.size, "items", &items, &err), &err);
    assert_ok(nj_idmap_build(&map, &items, "items", &err), &err);
    for (size_t u = 0; u < USERS; u++) {
        nj_slice history_items[LENGTH];
        for (size_t i = 0; i < LENGTH; i++) {
            history_items[i] = (nj_slice){NAMES + (u + i) % ITEMS, 1};
        }
        nj_history history = {.user = {NAMES + u, 1}, .items = history_items, .item_count = LENGTH};
        assert_ok(nj_user_table_add(&b->users, &items, &map, NULL, &history, &err), &err);
    }
    nj_idmap_fini(&map);
    nj_idlist_builder_fini(&ids);
    nj_buffer_fini(&block);
}

static void open_bench(bench *b)
{
    nj_error err = {0};
    nj_t5_config config = t5_random_config();
    const nj_kernels *kernels = NULL;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    *b = (bench){.dropout = 0.1};
    add_users(b);
    assert_ok(nj_train_samples_init(&b->users, &TEMPLATE, &TABLE, 4, 2, &b->samples, &err), &err);
    t5_fixture_open_random(&b->fixture, &config, kernels, 5);
    assert_ok(nj_train_t5_open(&config, b->fixture.weights, kernels, &b->model, &err), &err);
}

static void close_bench(bench *b)
{
    nj_train_t5_close(&b->model);
    t5_fixture_close(&b->fixture);
    nj_train_samples_fini(&b->samples);
    nj_user_table_fini(&b->users);
}

typedef struct {
    double first, last;  // mean loss of an epoch
    uint64_t stop_at;    // step; 0: never
    uint32_t stop_epoch; // its end is refused; 0: never
    uint32_t enough_at;  // epoch; 0: never
    double losses[12];   // of the epochs: kept by checkpoints
    uint32_t calls;      // of watch_epoch, in this process
    nj_train_t5 *model;  // of which it changes a value behind each epoch
} watcher;

static nj_status watch_step(void *context, const nj_train_state *state, nj_error *err)
{
    const watcher *w = context;
    return state->step == w->stop_at ? nj_fail(err, NJ_TERMINATED, "asked to end") : NJ_OK;
}

static nj_status watch_epoch(void *context, const nj_train_state *state, nj_train_team *team,
                             bool *out_enough, nj_error *err)
{
    watcher *w = context;
    assert_true(nj_pool_threads(nj_train_team_pool(team)) >= THREADS);
    w->calls++;
    if (state->epoch == w->stop_epoch) {
        return nj_fail(err, NJ_TERMINATED, "asked to end at the end of an epoch");
    }
    w->losses[state->epoch - 1] = state->loss;
    w->first = state->epoch == 1 ? state->loss : w->first;
    w->last = state->loss;
    if (w->model != NULL) {
        w->model->values[state->epoch] *= 0.5f;
        nj_train_team_mean(team)[state->epoch] = 0;
    }
    *out_enough = state->epoch == w->enough_at;
    return NJ_OK;
}

static nj_train_settings make_settings(void)
{
    return (nj_train_settings){.epochs = 12,
                               .batch_samples = 10,
                               .shard_samples = 4,
                               .threads = THREADS,
                               .schedule = {NJ_SCHEDULE_COSINE, 1e-2, 5, 0},
                               .adamw = {0.9, 0.98, 1e-8, 0.01},
                               .clip = 1,
                               .seed = 9,
                               .checkpoint_s = 3600};
}

static nj_status run(bench *b, const nj_train_settings *settings, watcher *w,
                     nj_train_state *out_state, nj_error *err)
{
    nj_t5_learner t5 = {b->model, &b->samples, b->dropout, 0};
    nj_learner learner;
    nj_train_hooks hooks = {w, watch_step, watch_epoch, w->losses, sizeof w->losses, NULL};
    nj_status status = nj_t5_learner_init(&t5, &learner, err);
    nj_digest inputs = nj_t5_learner_digest(&t5, &INPUTS);
    return status == NJ_OK ? nj_train_run(&learner, settings, &inputs, &hooks, out_state, err)
                           : status;
}

static void a_training_learns_and_repeats_bit_for_bit_on_any_number_of_threads(void **state)
{
    (void)state;
    nj_error err = {0};
    bench one, three;
    watcher w = {0}, again = {0};
    nj_train_state end;
    nj_train_settings settings = make_settings();
    open_bench(&one);
    open_bench(&three);
    assert_int_equal(one.samples.count, USERS * (LENGTH - 3));
    assert_ok(run(&one, &settings, &w, &end, &err), &err);
    assert_int_equal(end.epoch, 12);
    assert_int_equal(end.step, 12 * 4);
    assert_int_equal(end.samples, 12 * one.samples.count);
    print_message("mean loss %.3f in the first epoch, %.3f in the last\n", w.first, w.last);
    assert_true(w.last < 0.75 * w.first);
    settings.threads = 3;
    assert_ok(run(&three, &settings, &again, &end, &err), &err);
    assert_memory_equal(one.model->values, three.model->values, one.model->count * sizeof(float));
    close_bench(&one);
    close_bench(&three);
}

static void a_training_that_was_ended_goes_on_to_the_same_weights(void **state)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, "train.ckpt");
    bench whole, parts;
    watcher never = {0};
    nj_train_state end;
    nj_train_settings settings = make_settings();
    open_bench(&whole);
    assert_ok(run(&whole, &settings, &never, &end, &err), &err);

    open_bench(&parts);
    settings.checkpoint = path;
    watcher early = {.stop_at = 7};
    assert_int_equal(run(&parts, &settings, &early, &end, &err), NJ_TERMINATED);
    close_bench(&parts);
    open_bench(&parts);
    assert_int_equal(run(&parts, &settings, &never, &end, &err), NJ_AGAIN);
    assert_non_null(strstr(err.text, "--resume"));
    settings.resume = true;
    nj_train_settings other = settings;
    other.seed++;
    assert_int_equal(run(&parts, &other, &never, &end, &err), NJ_CONFIG);
    parts.dropout = 0.2;
    assert_int_equal(run(&parts, &settings, &never, &end, &err), NJ_CONFIG);
    parts.dropout = 0.1;
    watcher later = {.stop_at = 12}; // the end of an epoch
    assert_int_equal(run(&parts, &settings, &later, &end, &err), NJ_TERMINATED);
    assert_int_equal(end.samples, 6 + 3 * 10 + 6); // steps 8 to 12; an epoch's last batch is short
    close_bench(&parts);
    open_bench(&parts);
    assert_ok(run(&parts, &settings, &never, &end, &err), &err);
    assert_memory_equal(whole.model->values, parts.model->values,
                        whole.model->count * sizeof(float));
    close_bench(&parts);
    close_bench(&whole);
}

static void what_the_end_of_an_epoch_changes_and_keeps_survives_a_kill(void **state)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, "train.ckpt");
    bench whole, parts;
    nj_train_state end;
    nj_train_settings settings = make_settings();
    open_bench(&whole);
    watcher never = {.model = whole.model};
    assert_ok(run(&whole, &settings, &never, &end, &err), &err);
    assert_int_equal(never.calls, 12);

    // Ended in the middle of epoch 2, at its end, and at the end of epoch 5: each end is watched to its success once.
    settings.checkpoint = path;
    settings.resume = true;
    const watcher stops[] = {{.stop_at = 7}, {.stop_epoch = 2}, {.stop_epoch = 5}, {.stop_at = 0}};
    static const uint32_t calls[] = {1, 1, 4, 8};
    watcher w = {0};
    for (size_t i = 0; i < 4; i++) {
        open_bench(&parts);
        w = stops[i];
        w.model = parts.model;
        assert_int_equal(run(&parts, &settings, &w, &end, &err), i < 3 ? NJ_TERMINATED : NJ_OK);
        assert_int_equal(w.calls, calls[i]);
        if (i == 3) {
            assert_memory_equal(whole.model->values, parts.model->values,
                                whole.model->count * sizeof(float));
        }
        close_bench(&parts);
    }
    assert_memory_equal(w.losses, never.losses, sizeof w.losses);

    // A training that is complete stays as it is.
    open_bench(&parts);
    w = (watcher){0};
    assert_ok(run(&parts, &settings, &w, &end, &err), &err);
    assert_int_equal(w.calls, 0);
    assert_memory_equal(whole.model->values, parts.model->values,
                        whole.model->count * sizeof(float));
    close_bench(&parts);
    close_bench(&whole);
}

static void a_hook_that_has_seen_enough_ends_the_training_well(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b;
    nj_train_state end;
    watcher w = {.enough_at = 2};
    nj_train_settings settings = make_settings();
    open_bench(&b);
    assert_ok(run(&b, &settings, &w, &end, &err), &err);
    assert_int_equal(end.epoch, 2);
    close_bench(&b);
}

static void a_loss_that_is_no_number_stops_the_training_with_its_step(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b;
    nj_train_state end;
    watcher w = {0};
    nj_train_settings settings = make_settings();
    open_bench(&b);
    b.model->values[b.model->embedding + 3] = INFINITY;
    nj_train_pack(b.model);
    assert_int_equal(run(&b, &settings, &w, &end, &err), NJ_FAILED);
    assert_non_null(strstr(err.text, "step 1 (epoch 1, samples 0 to 9 of it, users \""));
    settings.batch_samples = 0;
    assert_int_equal(run(&b, &settings, &w, &end, &err), NJ_INPUT);
    settings = make_settings();
    b.dropout = 1;
    assert_int_equal(run(&b, &settings, &w, &end, &err), NJ_INPUT);
    close_bench(&b);
}

// ---- dealing out a batch ----

#define EFFORTS 12
#define EFFORT_SHARD 3

// Notes which samples each shard got; sample i is i + 1 of work.
typedef struct {
    uint32_t effort[EFFORTS / EFFORT_SHARD];
    uint32_t seen[EFFORTS];
    size_t shards;
} dealt;

static nj_status make_nothing(const void *context, uint32_t samples_max, void **out, nj_error *err)
{
    (void)context;
    (void)samples_max;
    (void)out;
    (void)err;
    return NJ_OK;
}

static void free_nothing(void **scratch)
{
    (void)scratch;
}

static uint64_t count_one_each(const void *context, const uint32_t *numbers, size_t count)
{
    (void)context;
    (void)numbers;
    return count;
}

static uint32_t find_effort(const void *context, uint32_t number)
{
    (void)context;
    return number + 1;
}

static dealt the_deal;

static double note_shard(const void *context, void *scratch, const nj_train_shard *shard,
                         float *gradient)
{
    (void)context;
    (void)scratch;
    gradient[0] += 1;
    assert_true(the_deal.shards < EFFORTS / EFFORT_SHARD);
    for (uint32_t i = 0; i < shard->count; i++) {
        the_deal.effort[the_deal.shards] += shard->numbers[i] + 1;
        the_deal.seen[shard->numbers[i]]++;
    }
    the_deal.shards++;
    return 1;
}

static nj_status see_epoch(void *context, const nj_train_state *state, nj_train_team *team,
                           bool *out_enough, nj_error *err)
{
    (void)context;
    (void)state;
    (void)team;
    (void)out_enough;
    (void)err;
    return NJ_OK;
}

static void shards_of_a_batch_get_alike_much_work(void **state)
{
    (void)state;
    nj_error err = {0};
    watcher w = {0};
    nj_train_state end;
    float value = 0;
    const nj_learner learner = {.sample_count = EFFORTS,
                                .epoch_samples = EFFORTS,
                                .count = 1,
                                .values = &value,
                                .scratch_new = make_nothing,
                                .scratch_free = free_nothing,
                                .count_labels = count_one_each,
                                .gradient = note_shard,
                                .effort = find_effort};
    const nj_train_settings settings = {.epochs = 1,
                                        .batch_samples = EFFORTS,
                                        .shard_samples = EFFORT_SHARD,
                                        .threads = 1,
                                        .schedule = {.kind = NJ_SCHEDULE_CONSTANT, .rate = 0.1},
                                        .adamw = {0.9, 0.99, 1e-8, 0},
                                        .seed = 3};
    const nj_train_hooks hooks = {&w, watch_step, see_epoch, NULL, 0, NULL};
    the_deal = (dealt){0};
    assert_ok(nj_train_run(&learner, &settings, &INPUTS, &hooks, &end, &err), &err);
    // 12 5 4, 11 6 3, 10 7 2, 9 8 1
    for (uint32_t i = 0; i < EFFORTS / EFFORT_SHARD; i++) {
        assert_int_equal(the_deal.effort[i], 21 - i);
    }
    for (size_t i = 0; i < EFFORTS; i++) {
        assert_int_equal(the_deal.seen[i], 1);
    }
}

static void a_damaged_checkpoint_is_refused(void **state)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, "train.ckpt");
    bench b;
    nj_train_state end;
    watcher early = {.stop_at = 3};
    nj_train_settings settings = make_settings();
    settings.checkpoint = path;
    open_bench(&b);
    assert_int_equal(run(&b, &settings, &early, &end, &err), NJ_TERMINATED);
    char *bytes;
    size_t size;
    assert_ok(nj_file_read(path, 1 << 26, &bytes, &size, &err), &err);
    bytes[size - 100] ^= 1;
    assert_ok(nj_file_write(path, bytes, size, &err), &err);
    settings.resume = true;
    assert_int_equal(run(&b, &settings, &early, &end, &err), NJ_INPUT);
    assert_ok(nj_file_write(path, bytes, size / 2, &err), &err);
    assert_int_equal(run(&b, &settings, &early, &end, &err), NJ_INPUT);
    free(bytes);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_learns_and_repeats_bit_for_bit_on_any_number_of_threads),
        cmocka_unit_test_setup_teardown(a_training_that_was_ended_goes_on_to_the_same_weights,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(what_the_end_of_an_epoch_changes_and_keeps_survives_a_kill,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(a_hook_that_has_seen_enough_ends_the_training_well),
        cmocka_unit_test(a_loss_that_is_no_number_stops_the_training_with_its_step),
        cmocka_unit_test(shards_of_a_batch_get_alike_much_work),
        cmocka_unit_test_setup_teardown(a_damaged_checkpoint_is_refused, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
