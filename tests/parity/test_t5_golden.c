// test_t5_golden.c - every beam of every user of HuggingFace's search scores the same when its tokens are forced through ours.
//
// The beams of a user are decoded as the tree that they form: rows of step t are the distinct prefixes of t tokens, so parents,
// ancestors and shared cross-attention are all used. The score is the sum of log-softmax over V along a beam.
#include "common/codec/json.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "tests/support/t5_fixture.h"

#include <math.h>
#include <stdlib.h>

#define BATCH_USERS 7 // does not divide the user counts, so the last batch is smaller
#define CHUNK_ROWS 33 // cuts through users
#define HISTORY_TOKENS_MAX 512
#define LEVELS_MAX 8
#define FILE_BYTES_MAX ((size_t)1 << 24)

// |ours - reference| <= TOLERANCE + SHARE * |reference|: the project's bound on a score. These models have random weights, attention
// scores of up to 60 and a sharp softmax: a float32 search departs from the float64 reference by 1.1e-4 in NumPy, 1.5e-4 here.
#define TOLERANCE 1e-4
#define SHARE 2e-5

typedef struct {
    char folder[NJ_PATH_BYTES];
    int64_t token_base;
    int64_t codes_per_level;
    int64_t *sids; // [items, L]
    size_t L;
    size_t users;
    size_t W;
    int64_t *beams;   // [users, W, L]
    float *scores;    // [users, W]
    uint32_t *tokens; // [offset[users]] encoder input of all users
    uint32_t *offset; // [users + 1]
} fixture_set;

static const char *find_folder(const char *name)
{
    const char *path = data_path(name);
    if (nj_folder_exists(path)) {
        return path;
    }
    char shared_name[128];
    snprintf(shared_name, sizeof shared_name, "fixtures/%s", name);
    return shared_path(shared_name);
}

static void *read_array(const fixture_set *set, const char *name, bool is_float,
                        size_t shape[NJ_NPY_DIMS_MAX])
{
    nj_error err = {0};
    nj_path path;
    nj_npy npy;
    assert_ok(nj_path_join(set->folder, name, &path, &err), &err);
    assert_ok(nj_npy_open(path.text, &npy, &err), &err);
    size_t count = 1;
    for (size_t i = 0; i < npy.dim_count; i++) {
        shape[i] = npy.shape[i];
        count *= npy.shape[i];
    }
    void *values = calloc(count, is_float ? sizeof(float) : sizeof(int64_t));
    assert_non_null(values);
    assert_ok(is_float ? nj_npy_read_f32(&npy, 0, count, values, &err)
                       : nj_npy_read_i64(&npy, 0, count, values, &err),
              &err);
    nj_npy_close(&npy);
    return values;
}

static uint32_t token_of(const fixture_set *set, size_t item, size_t level)
{
    return (uint32_t)(set->token_base + (int64_t)level * set->codes_per_level +
                      set->sids[item * set->L + level]);
}

// One line a user: `user item item ...`, items are rows of sids.npy.
static void read_histories(fixture_set *set)
{
    nj_error err = {0};
    nj_path path;
    char *text = NULL;
    size_t size = 0;
    assert_ok(nj_path_join(set->folder, "histories.txt", &path, &err), &err);
    assert_ok(nj_file_read(path.text, FILE_BYTES_MAX, &text, &size, &err), &err);
    set->tokens = calloc(set->users * HISTORY_TOKENS_MAX, sizeof *set->tokens);
    set->offset = calloc(set->users + 1, sizeof *set->offset);
    assert_non_null(set->tokens);
    assert_non_null(set->offset);
    char *at = text;
    for (size_t u = 0; u < set->users; u++) {
        uint32_t end = set->offset[u];
        strtoul(at, &at, 10);
        while (*at != '\n' && *at != '\0') {
            size_t item = strtoul(at, &at, 10);
            for (size_t l = 0; l < set->L; l++) {
                set->tokens[end++] = token_of(set, item, l);
            }
        }
        at += *at == '\n';
        assert_in_range(end - set->offset[u], 1, HISTORY_TOKENS_MAX);
        set->offset[u + 1] = end;
    }
    free(text);
}

static void read_set(fixture_set *set, const char *folder, size_t W)
{
    nj_error err = {0};
    nj_path path;
    json_t *about = NULL;
    nj_json_keys keys;
    size_t shape[NJ_NPY_DIMS_MAX];
    char name[64];
    *set = (fixture_set){.W = W};
    snprintf(set->folder, sizeof set->folder, "%s", folder);
    assert_ok(nj_path_join(folder, "about.json", &path, &err), &err);
    assert_ok(nj_json_load(path.text, FILE_BYTES_MAX, &about, &err), &err);
    nj_json_keys_open(&keys, about, path.text, &err);
    set->token_base = nj_json_int(&keys, "token_base", 0, 1000);
    set->codes_per_level = nj_json_int(&keys, "codes_per_level", 1, 65536);
    assert_ok(keys.status, &err);
    json_decref(about);

    set->sids = read_array(set, "sids.npy", false, shape);
    set->L = shape[1];
    assert_true(set->L <= LEVELS_MAX);
    snprintf(name, sizeof name, "tokens_%zu.npy", W);
    set->beams = read_array(set, name, false, shape);
    set->users = shape[0];
    assert_int_equal(shape[1], W);
    assert_int_equal(shape[2], set->L);
    snprintf(name, sizeof name, "scores_%zu.npy", W);
    set->scores = read_array(set, name, true, shape);
    read_histories(set);
}

static void free_set(fixture_set *set)
{
    free(set->sids);
    free(set->beams);
    free(set->scores);
    free(set->tokens);
    free(set->offset);
}

// ---- the tree of the beams of one batch ----

typedef struct {
    uint32_t *user;   // [rows]
    uint32_t *parent; // [rows]
    uint32_t *token;  // [rows]
    uint32_t row_count;
    uint32_t *row_of; // [B, W] row of this step that beam passes through
    double *sum;      // [B, W] score so far
} tree_step;

typedef struct {
    double difference; // largest |ours - reference|
    double share;      // largest part of what a score may differ by; above 1 is a failure
} comparison;

static bool same_prefix(const int64_t *a, const int64_t *b, size_t length)
{
    return length == 0 || memcmp(a, b, length * sizeof *a) == 0;
}

// Makes the rows of step t, user by user. `step` still holds row_of of step t-1.
static void grow_tree(const fixture_set *set, tree_step *step, size_t first_user, size_t B,
                      size_t t, uint32_t start_token)
{
    step->row_count = 0;
    for (size_t b = 0; b < B; b++) {
        const int64_t *beams = set->beams + (first_user + b) * set->W * set->L;
        uint32_t *row_of = step->row_of + b * set->W;
        for (size_t w = 0; w < set->W; w++) {
            size_t twin = 0;
            while (!same_prefix(beams + twin * set->L, beams + w * set->L, t)) {
                twin++;
            }
            if (twin < w) {
                row_of[w] = row_of[twin];
                continue;
            }
            uint32_t row = step->row_count++;
            step->user[row] = (uint32_t)b;
            step->parent[row] = row_of[w];
            step->token[row] = t == 0 ? start_token : (uint32_t)beams[w * set->L + t - 1];
            row_of[w] = row;
        }
    }
}

static void add_scores(const fixture_set *set, tree_step *step, const nj_kernels *kernels,
                       size_t first_user, size_t B, size_t t, size_t V, const float *logits)
{
    for (size_t i = 0; i < B * set->W; i++) {
        const float *row = logits + step->row_of[i] * V;
        float log_sum;
        kernels->log_sum_exp(1, V, row, V, &log_sum);
        int64_t token = set->beams[(first_user * set->W + i) * set->L + t];
        step->sum[i] += (double)row[token] - (double)log_sum;
    }
}

static void note_difference(comparison *c, double ours, double reference)
{
    double difference = fabs(ours - reference);
    double share =
        isnan(difference) ? INFINITY : difference / (TOLERANCE + SHARE * fabs(reference));
    c->difference = fmax(c->difference, difference);
    c->share = fmax(c->share, share);
}

static void compare_batch(const fixture_set *set, const t5_fixture *fixture, tree_step *step,
                          const nj_kernels *kernels, size_t first_user, size_t B, float *logits,
                          comparison *c)
{
    size_t V = fixture->config.V;
    memset(step->sum, 0, B * set->W * sizeof *step->sum);
    for (uint32_t t = 0; t < set->L; t++) {
        grow_tree(set, step, first_user, B, t, fixture->config.start_token);
        nj_t5_begin_step(fixture->model, t, step->user, step->parent, step->token, step->row_count);
        for (uint32_t r = 0; r < step->row_count; r += CHUNK_ROWS) {
            uint32_t n = step->row_count - r < CHUNK_ROWS ? step->row_count - r : CHUNK_ROWS;
            nj_t5_logits(fixture->model, t, r, n, logits + r * V);
        }
        add_scores(set, step, kernels, first_user, B, t, V, logits);
    }
    for (size_t i = 0; i < B * set->W; i++) {
        note_difference(c, step->sum[i], (double)set->scores[first_user * set->W + i]);
    }
}

static comparison compare_all(const fixture_set *set, const t5_fixture *fixture,
                              const nj_kernels *kernels, const nj_model_limits *limits)
{
    nj_error err = {0};
    nj_arena arena;
    size_t rows = limits->rows_max;
    uint32_t *words = calloc(4 * rows, sizeof *words);
    tree_step step = {.user = words,
                      .parent = words + rows,
                      .token = words + 2 * rows,
                      .row_of = words + 3 * rows,
                      .sum = calloc(rows, sizeof(double))};
    float *logits = calloc(rows * fixture->config.V, sizeof *logits);
    assert_true(words != NULL && step.sum != NULL && logits != NULL);
    assert_ok(nj_arena_init(&arena, nj_t5_scratch_bytes(&fixture->config, limits), &err), &err);

    comparison c = {0};
    for (size_t first = 0; first < set->users; first += BATCH_USERS) {
        size_t B = set->users - first < BATCH_USERS ? set->users - first : BATCH_USERS;
        uint32_t offset[BATCH_USERS + 1];
        for (size_t b = 0; b <= B; b++) {
            offset[b] = set->offset[first + b] - set->offset[first];
        }
        size_t mark = nj_arena_mark(&arena);
        nj_t5_begin_batch(fixture->model, limits, set->tokens + set->offset[first], NULL, offset,
                          (uint32_t)B, &arena);
        memset(step.row_of, 0, rows * sizeof *step.row_of);
        compare_batch(set, fixture, &step, kernels, first, B, logits, &c);
        nj_arena_rewind(&arena, mark);
    }
    nj_arena_fini(&arena);
    free(logits);
    free(step.sum);
    free(words);
    return c;
}

static void check_set(const char *name, size_t W)
{
    const char *folder = find_folder(name);
    if (folder == NULL) {
        skip_loudly("the fixture is neither in tests/data nor in ../shared/fixtures");
    }
    fixture_set set;
    read_set(&set, folder, W);
    nj_model_limits limits = {
        .users_max = BATCH_USERS,
        .tokens_max = BATCH_USERS * HISTORY_TOKENS_MAX,
        .sequence_max = HISTORY_TOKENS_MAX,
        .rows_max = (uint32_t)(BATCH_USERS * W),
        .chunk_rows_max = CHUNK_ROWS,
        .steps_max = (uint32_t)set.L,
    };
    size_t sets = 0;
    for (; nj_kernels_at(sets) != NULL; sets++) {
        if (strcmp(nj_kernels_at(sets)->precision, "float32") != 0) {
            continue; // rounded factors: their quality is what `eval` measures
        }
        nj_error err = {0};
        nj_path path;
        t5_fixture fixture;
        assert_ok(nj_path_join(set.folder, "model", &path, &err), &err);
        t5_fixture_open_folder(&fixture, path.text, nj_kernels_at(sets));

        comparison c = compare_all(&set, &fixture, nj_kernels_at(sets), &limits);

        print_message("%s, W = %zu, %s: %zu users, scores differ by %.2e, %.0f %% of the bound\n",
                      name, W, nj_kernels_at(sets)->name, set.users, c.difference, c.share * 100.0);
        assert_true(c.share <= 1.0);
        t5_fixture_close(&fixture);
    }
    assert_true(sets >= 1);
    free_set(&set);
}

static void every_beam_of_the_gated_model_has_its_score(void **state)
{
    (void)state;
    check_set("t5-gated-noscale", 8);
    check_set("t5-gated-noscale", 30);
}

static void every_beam_of_the_untied_model_has_its_score(void **state)
{
    (void)state;
    check_set("t5-untied", 8);
    check_set("t5-untied", 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_beam_of_the_gated_model_has_its_score),
        cmocka_unit_test(every_beam_of_the_untied_model_has_its_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
