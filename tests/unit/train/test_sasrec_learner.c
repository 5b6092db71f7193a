// test_sasrec_learner.c - a SASRec learns what follows what, keeps its norms from decay, repeats itself, and survives its files.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/histories_fixture.h"
#include "worker/train/sasrec_judge.h"
#include "worker/train/sasrec_learner.h"
#include "worker/train/sasrec_recommender.h"
#include "worker/train/train_run.h"

#define ITEMS 20
#define USERS 40
#define LENGTH 9

static const nj_sasrec_config CONFIG = {.N = ITEMS, .D = 16, .H = 2, .F = 16, .layers = 1, .S = 6};
static const nj_digest INPUTS = {.bytes = {1}};

typedef struct {
    histories_fixture histories;
    nj_sequences sequences;
    nj_sasrec *model;
    nj_sasrec_learner sasrec;
    nj_learner learner;
} bench;

// A ring: behind item i comes item i + 1.
static void open_bench(bench *b, const nj_sasrec_config *config)
{
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    *b = (bench){0};
    histories_open(&b->histories, ITEMS);
    for (uint32_t u = 0; u < USERS; u++) {
        uint32_t items[LENGTH];
        for (uint32_t i = 0; i < LENGTH; i++) {
            items[i] = (u + i) % ITEMS;
        }
        histories_add(&b->histories, items, LENGTH);
    }
    assert_ok(nj_sequences_init(&b->histories.users, 6, 2, &b->sequences, &err), &err);
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    assert_ok(nj_sasrec_new(config, kernels, 3, &b->model, &err), &err);
    b->sasrec = (nj_sasrec_learner){.model = b->model, .sequences = &b->sequences, .dropout = 0.1};
    assert_ok(nj_sasrec_learner_init(&b->sasrec, &b->learner, &err), &err);
}

static void close_bench(bench *b)
{
    nj_sasrec_learner_fini(&b->sasrec);
    nj_sasrec_free(&b->model);
    nj_sequences_fini(&b->sequences);
    histories_close(&b->histories);
}

static nj_status note_nothing(void *context, const nj_train_state *state, nj_error *err)
{
    (void)context;
    (void)state;
    (void)err;
    return NJ_OK;
}

static nj_status end_nothing(void *context, const nj_train_state *state, nj_train_team *team,
                             bool *out_enough, nj_error *err)
{
    (void)team;
    (void)out_enough;
    *(double *)context = state->loss;
    (void)err;
    return NJ_OK;
}

// The loss of the last epoch.
static double train(bench *b, uint32_t epochs, uint32_t threads)
{
    nj_error err = {0};
    nj_train_state end;
    double loss = 0;
    const nj_train_settings settings = {.epochs = epochs,
                                        .batch_samples = 10,
                                        .shard_samples = 3,
                                        .threads = threads,
                                        .schedule = {NJ_SCHEDULE_CONSTANT, 1e-2, 0, 0},
                                        .adamw = {0.9, 0.999, 1e-8, 0.01},
                                        .seed = 9};
    const nj_train_hooks hooks = {
        .context = &loss, .stepped = note_nothing, .epoch_ended = end_nothing};
    assert_ok(nj_train_run(&b->learner, &settings, &INPUTS, &hooks, &end, &err), &err);
    return loss;
}

static void a_ring_is_learned_with_norms_before_or_behind_on_any_number_of_threads(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_sasrec_config config = CONFIG;
    for (int after = 0; after < 2; after++) {
        bench one, three;
        nj_pool *pool = NULL;
        nj_sasrec_ranks ranks = {0};
        config.norms_after = after != 0;
        open_bench(&one, &config);
        open_bench(&three, &config);
        assert_true(train(&one, 25, 1) < 0.6);
        train(&three, 25, 3);
        assert_memory_equal(one.model->values, three.model->values,
                            one.model->count * sizeof(float));
        assert_ok(nj_pool_new(2, &pool, &err), &err);
        assert_ok(nj_sasrec_judge(one.model, &one.histories.users, 1, pool, &ranks, &err), &err);
        assert_int_equal(ranks.count, USERS);
        for (size_t u = 0; u < USERS; u++) {
            assert_int_equal(ranks.ranks[u],
                             1); // the last item, of which nothing was learned there
        }
        nj_sasrec_ranks_fini(&ranks);
        nj_pool_free(&pool);
        close_bench(&one);
        close_bench(&three);
    }
}

static void weight_decay_spares_the_norms(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, &CONFIG);
    size_t spared = 0;
    for (size_t i = 0; i < b.learner.undecayed_count; i++) {
        const nj_train_span *span = &b.learner.undecayed[i];
        assert_true(i == 0 || span->at >= span[-1].at + span[-1].count);
        for (size_t j = 0; j < span->count; j++) {
            const float value = b.model->values[span->at + j];
            assert_true(value == (j < CONFIG.D ? 1.0f : 0.0f)); // a weight, then a bias
        }
        spared += span->count;
    }
    assert_int_equal(spared, 3 * 2 * CONFIG.D);
    close_bench(&b);
}

static void what_changes_the_weights_changes_the_digest(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, &CONFIG);
    const nj_digest first = nj_sasrec_learner_digest(&b.sasrec, &INPUTS);
    b.sasrec.dropout = 0.2;
    const nj_digest other = nj_sasrec_learner_digest(&b.sasrec, &INPUTS);
    assert_false(nj_digest_equal(&first, &other));
    b.sasrec.dropout = 0.1;
    b.model->config.norms_after = true;
    const nj_digest third = nj_sasrec_learner_digest(&b.sasrec, &INPUTS);
    assert_false(nj_digest_equal(&first, &third));
    close_bench(&b);
}

static void sizes_that_make_no_model_are_refused_with_both_numbers(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    nj_sasrec *model = NULL;
    nj_sasrec_config config = CONFIG;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    config.H = 3;
    assert_int_equal(nj_sasrec_new(&config, kernels, 0, &model, &err), NJ_INPUT);
    assert_non_null(strstr(err.text, "width 16 with 3 heads"));
    config = CONFIG;
    config.S = NJ_SASREC_POSITIONS_MAX + 1;
    assert_int_equal(nj_sasrec_new(&config, kernels, 0, &model, &err), NJ_INPUT);
    assert_non_null(strstr(err.text, "positions 4097: must be 1 to 4096"));
    config = CONFIG;
    config.layers = 0;
    assert_int_equal(nj_sasrec_new(&config, kernels, 0, &model, &err), NJ_INPUT);
    bench b;
    nj_learner learner;
    open_bench(&b, &CONFIG);
    nj_sasrec_learner other = {.model = b.model, .sequences = &b.sequences, .dropout = 1};
    assert_int_equal(nj_sasrec_learner_init(&other, &learner, &err), NJ_INPUT);
    close_bench(&b);
}

static void a_model_comes_back_from_its_file_and_one_of_other_sizes_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b, other;
    nj_buffer bytes;
    nj_tensor_set *tensors = NULL;
    nj_sasrec_config config = CONFIG;
    nj_buffer_init(&bytes, 1 << 20);
    open_bench(&b, &CONFIG);
    train(&b, 1, 1);
    assert_ok(nj_sasrec_write(b.model, &bytes, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(bytes.bytes, bytes.size, "model", &tensors, &err), &err);
    assert_int_equal(nj_tensor_set_count(tensors), 4 + 8);
    open_bench(&other, &CONFIG);
    assert_ok(nj_sasrec_read(other.model, tensors, &err), &err);
    assert_memory_equal(other.model->values, b.model->values, b.model->count * sizeof(float));
    close_bench(&other);
    config.F = 12;
    open_bench(&other, &config);
    assert_int_equal(nj_sasrec_read(other.model, tensors, &err), NJ_INPUT);
    assert_non_null(strstr(err.text, "blocks.0.dense.inner.weight"));
    close_bench(&other);
    nj_tensor_set_close(&tensors);
    nj_buffer_fini(&bytes);
    close_bench(&b);
}

// ---- ranks beside lists ----

static uint32_t rank_in(const nj_scored_lists *lists, size_t user, uint32_t target)
{
    for (uint32_t i = 0; i < lists->counts[user]; i++) {
        if (lists->items[user * lists->top + i].item == target) {
            return i + 1;
        }
    }
    return 0;
}

// Two items have the same vectors, so that some scores are equal.
static void a_rank_is_the_place_in_the_list_of_all_items_masked_or_not(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b;
    nj_pool *pool = NULL;
    histories_fixture inputs;
    nj_sasrec_ranks ranks = {0};
    open_bench(&b, &CONFIG);
    train(&b, 2, 1);
    float *items = b.model->values + b.model->items;
    for (size_t i = 4; i < 12; i++) {
        memcpy(items + i * CONFIG.D, items + 3 * CONFIG.D, CONFIG.D * sizeof *items);
    }
    for (size_t i = 0; i < nj_sasrec_part_count(b.model); i++) {
        nj_sasrec_pack_part(b.model, i);
    }
    histories_add(&b.histories, (const uint32_t[]){1, 2, 1, 5, 1, 0}, 6); // has its target before
    histories_add(&b.histories, (const uint32_t[]){1, 2}, 2);             // has nothing before it
    histories_open(&inputs, ITEMS);
    for (size_t u = 0; u <= USERS; u++) {
        const nj_request user = nj_user_table_at(&b.histories.users, u);
        histories_add(&inputs, user.items, user.item_count - 2);
    }
    assert_ok(nj_pool_new(2, &pool, &err), &err);
    assert_ok(nj_sasrec_judge(b.model, &b.histories.users, 2, pool, &ranks, &err), &err);
    assert_int_equal(ranks.count, USERS + 1);
    const nj_recommender r = nj_sasrec_recommender(b.model);
    for (int masked = 0; masked < 2; masked++) {
        nj_lister *lister = NULL;
        nj_scored_lists lists = {0};
        const nj_list_settings settings = {.top = ITEMS, .masks_history = masked != 0};
        assert_ok(nj_scored_lists_init(USERS + 1, ITEMS, &lists, &err), &err);
        assert_ok(nj_lister_new(&r, &settings, pool, &lister, &err), &err);
        nj_lister_run(lister, &inputs.users, 0, USERS + 1, &lists);
        for (size_t u = 0; u <= USERS; u++) {
            const nj_request user = nj_user_table_at(&b.histories.users, u);
            const uint32_t wanted = rank_in(&lists, u, user.items[user.item_count - 2]);
            assert_int_equal(masked ? ranks.masked[u] : ranks.ranks[u], wanted);
        }
        nj_lister_free(&lister);
        nj_scored_lists_fini(&lists);
    }
    assert_int_equal(ranks.masked[USERS], 0);
    nj_sasrec_ranks_fini(&ranks);
    nj_pool_free(&pool);
    histories_close(&inputs);
    close_bench(&b);
}

static void a_user_without_a_history_gets_no_scores(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b;
    nj_pool *pool = NULL;
    nj_lister *lister = NULL;
    nj_scored_lists lists = {0};
    const nj_list_settings settings = {.top = 3};
    open_bench(&b, &CONFIG);
    histories_fixture f;
    histories_open(&f, ITEMS);
    histories_add(&f, (const uint32_t[]){1}, 1);
    histories_add(&f, NULL, 0);
    histories_add(&f, (const uint32_t[]){2}, 1);
    const nj_recommender r = nj_sasrec_recommender(b.model);
    assert_ok(nj_pool_new(1, &pool, &err), &err);
    assert_ok(nj_scored_lists_init(3, 3, &lists, &err), &err);
    assert_ok(nj_lister_new(&r, &settings, pool, &lister, &err), &err);
    nj_lister_run(lister, &f.users, 0, 3, &lists);
    assert_int_equal(lists.counts[0], 3);
    assert_int_equal(lists.counts[1], 0);
    assert_int_equal(lists.counts[2], 3);
    assert_true(lists.items[0].score != lists.items[6].score);
    nj_lister_free(&lister);
    nj_scored_lists_fini(&lists);
    nj_pool_free(&pool);
    histories_close(&f);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_is_learned_with_norms_before_or_behind_on_any_number_of_threads),
        cmocka_unit_test(weight_decay_spares_the_norms),
        cmocka_unit_test(what_changes_the_weights_changes_the_digest),
        cmocka_unit_test(sizes_that_make_no_model_are_refused_with_both_numbers),
        cmocka_unit_test(a_model_comes_back_from_its_file_and_one_of_other_sizes_is_refused),
        cmocka_unit_test(a_rank_is_the_place_in_the_list_of_all_items_masked_or_not),
        cmocka_unit_test(a_user_without_a_history_gets_no_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
