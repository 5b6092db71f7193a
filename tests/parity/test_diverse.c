// test_diverse.c - diverse beam search over two small T5s against the group beam search of HuggingFace (diverse_transformers.py).
//
// The reference lets groups find the same leaves, and so does the search here when told. A leaf that two groups find stands twice in the reference's list and once, with the better score, in ours.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/input/npy.h"
#include "common/sid/trie_build.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "tests/support/t5_fixture.h"
#include "worker/beam/beam.h"

// |score - reference| <= ABSOLUTE + RELATIVE * |reference|: the project's bound for float32 sums of L log-softmax values. A penalty is
// a whole multiple of the same number on both sides.
#define ABSOLUTE 1e-4
#define RELATIVE 2e-5
// Two scores that differ by less may stand in either order.
#define NEAR_TIE 1e-4

#define USERS 20
#define TOKENS_MAX 512 // of a history
#define TOKEN_BASE 2
#define HISTORIES_BYTES_MAX 100000
#define CHUNK_ROWS 64

typedef struct {
    uint32_t W;
    uint32_t groups;
    float penalty;
} shape;

static const shape SHAPES[] = {{8, 4, 0.5f}, {12, 3, 1.5f}, {20, 2, 1.0f}};

typedef struct {
    const char *folder;
    uint32_t K;
    uint32_t L;
    uint32_t item_count;
    uint16_t *codes; // [item_count, L]
    nj_buffer bytes;
    nj_trie trie;
    t5_fixture t5;
    const nj_kernels *kernels;
    uint32_t tokens[USERS * TOKENS_MAX];
    uint32_t offset[USERS + 1];
} world;

static int64_t *read_whole(const char *folder, const char *name, size_t *out_count,
                           size_t shape_of[NJ_NPY_DIMS_MAX])
{
    nj_error err = {0};
    nj_path path;
    nj_npy npy;
    assert_ok(nj_path_join(folder, name, &path, &err), &err);
    assert_ok(nj_npy_open(path.text, &npy, &err), &err);
    *out_count = 1;
    for (size_t i = 0; i < npy.dim_count; i++) {
        shape_of[i] = npy.shape[i];
        *out_count *= npy.shape[i];
    }
    int64_t *values = calloc(*out_count, sizeof *values);
    assert_non_null(values);
    assert_ok(nj_npy_read_i64(&npy, 0, *out_count, values, &err), &err);
    nj_npy_close(&npy);
    return values;
}

static float *read_scores(const char *folder, const char *name, size_t count)
{
    nj_error err = {0};
    nj_path path;
    nj_npy npy;
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    assert_ok(nj_path_join(folder, name, &path, &err), &err);
    assert_ok(nj_npy_open(path.text, &npy, &err), &err);
    assert_int_equal(npy.dim_count, 2);
    assert_int_equal(npy.shape[0] * npy.shape[1], count);
    assert_ok(nj_npy_read_f32(&npy, 0, count, values, &err), &err);
    nj_npy_close(&npy);
    return values;
}

static void open_trie(world *w)
{
    nj_error err = {0};
    size_t count;
    size_t shape_of[NJ_NPY_DIMS_MAX];
    int64_t *sids = read_whole(w->folder, "sids.npy", &count, shape_of);
    w->item_count = (uint32_t)shape_of[0];
    w->L = (uint32_t)shape_of[1];
    w->codes = calloc(count, sizeof *w->codes);
    assert_non_null(w->codes);
    for (size_t i = 0; i < count; i++) {
        assert_in_range(sids[i], 0, w->K - 1);
        w->codes[i] = (uint16_t)sids[i];
    }
    free(sids);
    nj_sids view = {.codes = w->codes, .row_count = w->item_count, .level_count = w->L};
    for (uint32_t l = 0; l < w->L; l++) {
        view.codes_per_level[l] = w->K;
    }
    nj_buffer_init(&w->bytes, 1 << 20);
    assert_ok(nj_trie_build(&view, &w->bytes, &err), &err);
    assert_ok(nj_trie_open(w->bytes.bytes, w->bytes.size, w->item_count, &w->trie, &err), &err);
}

// The first USERS lines, `user item item ...`, as tokens: these sets have nothing around a history.
static void read_histories(world *w)
{
    nj_error err = {0};
    nj_path path;
    char *text = NULL;
    size_t size = 0;
    assert_ok(nj_path_join(w->folder, "histories.txt", &path, &err), &err);
    assert_ok(nj_file_read(path.text, HISTORIES_BYTES_MAX, &text, &size, &err), &err);
    char *at = text;
    uint32_t count = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        strtoul(at, &at, 10); // the user
        while (*at == ' ') {
            const unsigned long item = strtoul(at, &at, 10);
            assert_in_range(item, 0, w->item_count - 1);
            for (uint32_t l = 0; l < w->L; l++) {
                assert_in_range(count - w->offset[u], 0, TOKENS_MAX - 1);
                w->tokens[count++] = TOKEN_BASE + l * w->K + w->codes[item * w->L + l];
            }
        }
        w->offset[u + 1] = count;
    }
    free(text);
}

static void begin_step(void *context, uint32_t step, const nj_beam_rows *rows)
{
    nj_t5_begin_step(context, step, rows->user, rows->parent, rows->token, rows->row_count);
}

static void compute_logits(void *context, uint32_t step, uint32_t first, uint32_t count,
                           float *logits)
{
    nj_t5_logits(context, step, first, count, logits);
}

static void search(world *w, const nj_beam_config *config, nj_arena *arena, nj_beam_result *results)
{
    nj_error err = {0};
    static const nj_exclusions none[USERS];
    const nj_model_limits limits = {
        .users_max = USERS,
        .tokens_max = USERS * TOKENS_MAX,
        .sequence_max = TOKENS_MAX,
        .rows_max = (uint32_t)nj_beam_rows_max(&w->trie, config, USERS),
        .chunk_rows_max = CHUNK_ROWS,
        .steps_max = w->L,
    };
    const uint32_t V = w->t5.config.V;
    assert_ok(nj_arena_init(arena,
                            nj_t5_scratch_bytes(&w->t5.config, &limits) +
                                nj_beam_scratch_bytes(&w->trie, config, USERS, V, CHUNK_ROWS),
                            &err),
              &err);
    nj_t5_begin_batch(w->t5.model, &limits, w->tokens, NULL, w->offset, USERS, arena);
    const nj_beam_model model = {w->t5.model, V, CHUNK_ROWS, begin_step, compute_logits};
    nj_beam_search(&w->trie, config, &model, w->kernels, none, USERS, arena, results);
}

// Theirs without what stands there before: the list is sorted, so the first is the best.
static uint32_t drop_repeated(const world *w, const int64_t *tokens, const float *scores,
                              uint32_t W, uint32_t *leaves, float *kept_scores)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < W; i++) {
        uint16_t codes[NJ_LEVELS_MAX];
        for (uint32_t l = 0; l < w->L; l++) {
            codes[l] = (uint16_t)(tokens[i * w->L + l] - TOKEN_BASE - l * w->K);
        }
        const uint32_t leaf = nj_trie_find(&w->trie, codes);
        assert_int_not_equal(leaf, NJ_TRIE_NONE);
        uint32_t at = 0;
        while (at < count && leaves[at] != leaf) {
            at++;
        }
        if (at == count) {
            leaves[count] = leaf;
            kept_scores[count++] = scores[i];
        }
    }
    return count;
}

static void compare_user(const nj_beam_result *ours, const uint32_t *leaves, const float *scores,
                         uint32_t count, double *most)
{
    assert_true(ours->finite);
    assert_int_equal(ours->count, count);
    for (uint32_t i = 0; i < count; i++) {
        const double difference = fabs((double)ours->scores[i] - (double)scores[i]);
        *most = fmax(*most, difference);
        assert_true(difference <= ABSOLUTE + RELATIVE * fabs((double)scores[i]));
        uint32_t place = 0;
        while (place < count && leaves[place] != ours->leaves[i]) {
            place++;
        }
        assert_in_range(place, 0, count - 1);
        assert_true(fabs((double)scores[place] - (double)scores[i]) < NEAR_TIE);
        // Penalties only take off.
        assert_true(ours->raw[i] >= ours->scores[i]);
    }
}

static void check_shape(world *w, const shape *s)
{
    char name[64];
    size_t count;
    size_t shape_of[NJ_NPY_DIMS_MAX];
    snprintf(name, sizeof name, "diverse_%u_%u_tokens.npy", s->W, s->groups);
    int64_t *tokens = read_whole(w->folder, name, &count, shape_of);
    assert_int_equal(count, (size_t)USERS * s->W * w->L);
    snprintf(name, sizeof name, "diverse_%u_%u_scores.npy", s->W, s->groups);
    float *scores = read_scores(w->folder, name, (size_t)USERS * s->W);
    nj_beam_config config = {.W = s->W,
                             .leaves = s->W,
                             .start_token = w->t5.config.start_token,
                             .temperature = 1.0f,
                             .kind = NJ_BEAM_DIVERSE,
                             .groups = s->groups,
                             .penalty = s->penalty,
                             .repeats = true};
    for (uint32_t l = 0; l < w->L; l++) {
        config.token_base[l] = TOKEN_BASE + l * w->K;
    }
    nj_arena arena;
    nj_beam_result results[USERS];
    search(w, &config, &arena, results);
    double most = 0.0;
    for (uint32_t u = 0; u < USERS; u++) {
        uint32_t leaves[64];
        float kept[64];
        const uint32_t kept_count = drop_repeated(w, tokens + (size_t)u * s->W * w->L,
                                                  scores + (size_t)u * s->W, s->W, leaves, kept);
        compare_user(&results[u], leaves, kept, kept_count, &most);
    }
    print_message("%u beams, %u groups: scores differ by %.2e\n", s->W, s->groups, most);
    nj_arena_fini(&arena);
    free(tokens);
    free(scores);
}

static void check_set(const char *name, uint32_t K)
{
    nj_error err = {0};
    nj_path model;
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->folder = data_path(name);
    w->K = K;
    assert_ok(nj_kernels_select("auto", &w->kernels, &err), &err);
    assert_ok(nj_path_join(w->folder, "model", &model, &err), &err);
    open_trie(w);
    read_histories(w);
    t5_fixture_open_folder(&w->t5, model.text, w->kernels);
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        check_shape(w, &SHAPES[i]);
    }
    t5_fixture_close(&w->t5);
    nj_buffer_fini(&w->bytes);
    free(w->codes);
    free(w);
}

static void groups_of_the_untied_set_equal_the_reference(void **state)
{
    (void)state;
    check_set("t5-untied", 64);
}

static void groups_of_the_gated_set_equal_the_reference(void **state)
{
    (void)state;
    check_set("t5-gated-noscale", 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_the_untied_set_equal_the_reference),
        cmocka_unit_test(groups_of_the_gated_set_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
