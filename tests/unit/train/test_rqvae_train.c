// test_rqvae_train.c - an RQ-VAE learns, on any number of threads and through any interruption alike, and `catalogue assign` gives the
// codes that it counted.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/catalogue/catalogue_assign.h"
#include "tests/support/rqvae_bench.h"
#include "worker/train/rqvae_train.h"
#include "worker/train/rqvae_write.h"

#define EPOCHS 12
#define LEVELS 2

typedef struct {
    double errors[EPOCHS + 1]; // relative, of the judged epochs
    double losses[EPOCHS + 1];
    uint64_t dead; // in the last judgement
    uint64_t most_dead;
    uint32_t judged;
    uint64_t stop_step;  // 0: never
    uint32_t stop_epoch; // its end is refused; 0: never
    uint16_t codes[BENCH_ROWS * LEVELS];
} watcher;

static nj_status watch_step(void *context, const nj_train_state *state, nj_error *err)
{
    const watcher *w = context;
    return state->step == w->stop_step ? nj_fail(err, NJ_TERMINATED, "asked to end") : NJ_OK;
}

static nj_status watch_epoch(void *context, const nj_rqvae *model, const nj_rqvae_epoch *epoch,
                             bool *out_enough, nj_error *err)
{
    (void)model;
    (void)out_enough;
    watcher *w = context;
    if (epoch->run.epoch == w->stop_epoch) {
        return nj_fail(err, NJ_TERMINATED, "asked to end");
    }
    w->losses[epoch->run.epoch] = epoch->run.loss;
    if (epoch->is_judged) {
        w->judged++;
        w->errors[epoch->run.epoch] = epoch->figures.relative;
        w->dead = epoch->dead;
        w->most_dead = epoch->dead > w->most_dead ? epoch->dead : w->most_dead;
        memcpy(w->codes, epoch->codes, sizeof w->codes);
    }
    return NJ_OK;
}

static nj_rqvae_settings settings_for(uint32_t threads, const char *checkpoint)
{
    return (nj_rqvae_settings){
        .run = {.epochs = EPOCHS,
                .batch_samples =
                    140, // of 300: the last batch is short, and shards are of 128 and 12
                .threads = threads,
                .schedule = {NJ_SCHEDULE_COSINE, 0.01, 5, 0},
                .adamw = {0.9, 0.999, 1e-8, 0.01},
                .clip = 1,
                .seed = 3,
                .checkpoint = checkpoint},
        .beta = 0.25,
        .dropout = 0.05,
        .kmeans = true,
        .revive = true,
        .judge_every = 4};
}

static nj_status train(rqvae_bench *b, const nj_rqvae_settings *settings, watcher *w, nj_error *err)
{
    const nj_rqvae_hooks hooks = {.context = w, .stepped = watch_step, .epoch_ended = watch_epoch};
    nj_train_state state;
    return nj_rqvae_train(b->model, &b->rows, settings, &hooks, &state, err);
}

// ---- tests ----

static void training_lowers_the_error_and_uses_all_codes(void **state)
{
    rqvae_bench b;
    watcher w = {0};
    nj_error err = {0};
    const nj_rqvae_settings settings = settings_for(1, NULL);
    bench_open(&b, state);
    assert_ok(train(&b, &settings, &w, &err), &err);
    assert_int_equal(w.judged, 3);
    assert_true(w.losses[EPOCHS] < 0.5 * w.losses[1]);
    assert_true(w.errors[12] < 0.8 * w.errors[4]);
    assert_int_equal(w.dead, 0);
    bench_close(&b);
}

static void threads_change_no_bit(void **state)
{
    rqvae_bench one;
    rqvae_bench three;
    watcher w[2] = {{.stop_step = 0}};
    nj_error err = {0};
    const nj_rqvae_settings alone = settings_for(1, NULL);
    const nj_rqvae_settings together = settings_for(3, NULL);
    bench_open(&one, state);
    bench_open(&three, state);
    assert_ok(train(&one, &alone, &w[0], &err), &err);
    assert_ok(train(&three, &together, &w[1], &err), &err);
    assert_memory_equal(one.model->values, three.model->values,
                        one.model->count * sizeof *one.model->values);
    assert_memory_equal(w[0].codes, w[1].codes, sizeof w[0].codes);
    assert_memory_equal(w[0].errors, w[1].errors, sizeof w[0].errors);
    bench_close(&one);
    bench_close(&three);
}

static void open_crowded(rqvae_bench *b, void **state)
{
    nj_error err = {0};
    nj_rqvae_shape shape = BENCH_SHAPE;
    shape.K[0] = 200;
    shape.K[1] = 150;
    bench_open(b, state);
    nj_rqvae_free(&b->model);
    assert_ok(nj_rqvae_new(&shape, bench_kernels(), 1, &b->model, &err), &err);
}

// So many scattered codes that some are dead and are moved; ended in an epoch, and at the end of one that is judged.
static void a_training_that_was_ended_goes_on_to_the_same_bits(void **state)
{
    rqvae_bench whole;
    rqvae_bench parts;
    watcher w[2] = {{.stop_step = 0}};
    nj_error err = {0};
    nj_rqvae_settings settings = settings_for(2, NULL);
    settings.kmeans = false;
    open_crowded(&whole, state);
    assert_ok(train(&whole, &settings, &w[0], &err), &err);
    assert_true(w[0].most_dead > 0);
    settings.run.checkpoint = sandbox_path(state, "checkpoint.nj");
    const struct {
        uint64_t step;
        uint32_t epoch;
    } STOPS[] = {{5, 0}, {0, 4}, {17, 0}, {0, 12}, {0, 0}};
    for (size_t i = 0; i < sizeof STOPS / sizeof STOPS[0]; i++) {
        const bool is_last = STOPS[i].step == 0 && STOPS[i].epoch == 0;
        open_crowded(&parts, state);
        w[1].stop_step = STOPS[i].step;
        w[1].stop_epoch = STOPS[i].epoch;
        assert_int_equal(train(&parts, &settings, &w[1], &err), is_last ? NJ_OK : NJ_TERMINATED);
        settings.run.resume = true;
        if (is_last) {
            assert_memory_equal(whole.model->values, parts.model->values,
                                whole.model->count * sizeof *whole.model->values);
        }
        bench_close(&parts);
    }
    assert_memory_equal(w[0].codes, w[1].codes, sizeof w[0].codes);
    assert_true(w[0].errors[4] == w[1].errors[4] && w[0].losses[7] == w[1].losses[7]);
    bench_close(&whole);
}

static void a_checkpoint_of_other_rows_or_settings_is_refused(void **state)
{
    rqvae_bench b;
    watcher w = {.stop_step = 3};
    nj_error err = {0};
    nj_rqvae_settings settings = settings_for(1, sandbox_path(state, "checkpoint.nj"));
    bench_open(&b, state);
    assert_int_equal(train(&b, &settings, &w, &err), NJ_TERMINATED);
    assert_int_equal(train(&b, &settings, &w, &err), NJ_AGAIN);
    settings.run.resume = true;
    settings.beta = 0.5;
    assert_int_equal(train(&b, &settings, &w, &err), NJ_CONFIG);
    settings.beta = 0.25;
    b.rows.digest.bytes[0] ^= 1;
    assert_int_equal(train(&b, &settings, &w, &err), NJ_CONFIG);
    b.rows.digest.bytes[0] ^= 1;
    w.stop_step = 0;
    assert_ok(train(&b, &settings, &w, &err), &err);
    bench_close(&b);
}

static void a_rate_that_breaks_the_loss_ends_the_training(void **state)
{
    rqvae_bench b;
    watcher w = {0};
    nj_error err = {0};
    nj_rqvae_settings settings = settings_for(1, NULL);
    settings.run.schedule.rate = 1e30;
    settings.run.clip = 0;
    bench_open(&b, state);
    assert_refused(train(&b, &settings, &w, &err), NJ_FAILED, &err, "try a lower rate");
    bench_close(&b);
}

static void what_cannot_be_trained_is_refused(void **state)
{
    rqvae_bench b;
    watcher w = {0};
    nj_error err = {0};
    const nj_rqvae_settings good = settings_for(1, NULL);
    nj_rqvae_settings bad[] = {good, good, good};
    nj_rqvae_shape shape = BENCH_SHAPE;
    bench_open(&b, state);
    bad[0].beta = -1;
    bad[1].dropout = 1;
    bad[2].judge_every = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(train(&b, &bad[i], &w, &err), NJ_USAGE);
    }
    nj_rqvae_free(&b.model);
    shape.K[1] = BENCH_ROWS + 1;
    assert_ok(nj_rqvae_new(&shape, bench_kernels(), 0, &b.model, &err), &err);
    assert_refused(train(&b, &good, &w, &err), NJ_INPUT, &err,
                   "300 rows cannot use the 301 codes of level 1");
    bench_close(&b);
}

// What `catalogue assign --codebooks DIR/codebooks.safetensors` does.
static void assign_gives_the_codes_that_training_counted(void **state)
{
    rqvae_bench b;
    watcher w = {0};
    nj_error err = {0};
    nj_npy npy;
    int64_t codes[BENCH_ROWS * LEVELS];
    nj_catalogue *catalogue = NULL;
    const nj_rqvae_settings settings = settings_for(2, NULL);
    bench_open(&b, state);
    assert_ok(train(&b, &settings, &w, &err), &err);
    const char *folder = sandbox_path(state, ".");
    assert_ok(nj_rqvae_write(b.model, &b.rows, w.codes, folder, &err), &err);
    const nj_assign_config config = {.embeddings_path = sandbox_path(state, "E.npy"),
                                     .codebooks_path = sandbox_path(state, "codebooks.safetensors"),
                                     .collisions = {.policy = NJ_COLLISIONS_LEAVES},
                                     .quiet = true};
    const nj_catalogue_options options = {.token_base = 2};
    assert_ok(nj_catalogue_assign(&config, &options, NULL, &catalogue, &err), &err);
    assert_int_equal(catalogue->sids.level_count, LEVELS);
    assert_memory_equal(catalogue->sids.codes, w.codes, sizeof w.codes);
    nj_catalogue_free(&catalogue);
    assert_ok(nj_npy_open(sandbox_path(state, "codes.npy"), &npy, &err), &err);
    assert_ok(nj_npy_read_i64(&npy, 0, BENCH_ROWS * LEVELS, codes, &err), &err);
    for (size_t i = 0; i < BENCH_ROWS * LEVELS; i++) {
        assert_int_equal(codes[i], w.codes[i]);
    }
    nj_npy_close(&npy);
    bench_close(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(training_lowers_the_error_and_uses_all_codes),
        TEST(threads_change_no_bit),
        TEST(a_training_that_was_ended_goes_on_to_the_same_bits),
        TEST(a_checkpoint_of_other_rows_or_settings_is_refused),
        TEST(a_rate_that_breaks_the_loss_ends_the_training),
        TEST(what_cannot_be_trained_is_refused),
        TEST(assign_gives_the_codes_that_training_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
