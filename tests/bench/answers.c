// answers.c - what a search for answers costs beside the head of its model.
//
//   answers KIND VOCABULARY ITEMS D [BEAMS] [USERS]      KIND: atomic (an item is one token), titles (2 to 12 tokens), list (of 5 titles), text
//
// The head is a product of random vectors, a new one each row, with random weights [VOCABULARY, D]; nothing else of a model is computed. Strings
// are drawn from all tokens, with a few first ones alike, as titles have them. Prints the median of ROUNDS: milliseconds of processor time a user in all, of the
// head, of the search (with log-sum-exp), and the bytes that the plan takes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "worker/beam/answers.h"

#define ROUNDS 7
#define TITLE_MIN 2u
#define TITLE_MAX 12u
#define CHUNK_ROWS 64u
#define END_TOKEN 1u
#define FIRST_TOKEN 4u

typedef struct {
    const nj_kernels *kernels;
    nj_linear head;
    float *rows; // [CHUNK_ROWS, D]
    uint64_t seed;
    int64_t head_ns;
} fake_model;

static void stop(nj_status status, const nj_error *err)
{
    if (status != NJ_OK) {
        fprintf(stderr, "answers: %s\n", err->text);
        exit(EXIT_FAILURE);
    }
}

static float draw(uint64_t *seed)
{
    return (float)(nj_rng_next(seed) >> 40) * 0x1p-23f - 1.0f;
}

static void begin_step(void *context, uint32_t step, const nj_beam_rows *rows)
{
    (void)context;
    (void)step;
    (void)rows;
}

static void give_logits(void *context, uint32_t step, uint32_t first, uint32_t count, float *out)
{
    fake_model *model = context;
    (void)step;
    (void)first;
    for (size_t i = 0; i < count * model->head.K; i++) {
        model->rows[i] = draw(&model->seed);
    }
    const int64_t start = (int64_t)nj_clock_thread_ns();
    model->kernels->linear(count, model->rows, model->head.K, &model->head, false, out,
                           model->head.N);
    model->head_ns += (int64_t)nj_clock_thread_ns() - start;
}

static void open_model(fake_model *model, size_t V, size_t D)
{
    nj_error err = {0};
    void *packed = NULL;
    float *weight = malloc(V * D * sizeof *weight);
    stop(nj_kernels_select("auto", &model->kernels, &err), &err);
    for (size_t i = 0; i < V * D; i++) {
        weight[i] = draw(&model->seed) * 0.1f;
    }
    model->head = (nj_linear){.weight = weight, .N = V, .K = D};
    const size_t bytes = model->kernels->linear_pack_bytes(V, D);
    if (bytes > 0 && posix_memalign(&packed, NJ_ARENA_ALIGN, bytes) == 0) {
        model->kernels->linear_pack(&model->head, packed);
    }
    model->rows = malloc(CHUNK_ROWS * D * sizeof *model->rows);
}

// Atomic items have tokens one after the other; the words of titles are Zipf's, so that many begin alike.
static uint32_t draw_word(uint64_t *seed, uint32_t V)
{
    const float u = (draw(seed) + 1.0f) / 2.0f;
    return FIRST_TOKEN + (uint32_t)((float)(V - FIRST_TOKEN - 1) * u * u * u);
}

static void open_trie(const char *kind, uint32_t V, uint32_t items, nj_token_trie *out)
{
    nj_error err = {0};
    uint64_t seed = 3;
    static nj_buffer bytes;
    uint32_t *tokens = malloc((size_t)items * TITLE_MAX * sizeof *tokens);
    uint64_t *offset = calloc((size_t)items + 1, sizeof *offset);
    for (uint32_t row = 0; row < items; row++) {
        const bool atomic = strcmp(kind, "atomic") == 0;
        const uint32_t size =
            atomic ? 1 : TITLE_MIN + (uint32_t)(nj_rng_next(&seed) % (TITLE_MAX - TITLE_MIN + 1));
        offset[row + 1] = offset[row] + size;
        for (uint64_t i = offset[row]; i < offset[row + 1]; i++) {
            tokens[i] = atomic ? V - items + row : draw_word(&seed, V);
        }
    }
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    const nj_token_strings strings = {tokens, offset, items, V, NULL};
    const int64_t start = (int64_t)nj_clock_thread_ns();
    stop(nj_token_trie_build(&strings, &bytes, &err), &err);
    const int64_t built = (int64_t)nj_clock_thread_ns();
    stop(nj_token_trie_open(bytes.bytes, bytes.size, items, out, &err), &err);
    printf("trie: %u nodes, %u tokens deep, %zu bytes, built in %.0f ms, opened in %.1f ms\n",
           out->node_count, out->depth, bytes.size, (double)(built - start) / 1e6,
           (double)((int64_t)nj_clock_thread_ns() - built) / 1e6);
    free(tokens);
    free(offset);
}

static nj_answer_config make_config(const char *kind, uint32_t W)
{
    const bool is_list = strcmp(kind, "list") == 0;
    const bool is_text = strcmp(kind, "text") == 0;
    static const uint32_t separator[] = {2};
    return (nj_answer_config){.kind = is_list   ? NJ_ANSWER_LIST
                                      : is_text ? NJ_ANSWER_TEXT
                                                : NJ_ANSWER_ITEMS,
                              .W = W,
                              .wanted = is_list ? 5 : W,
                              .tokens_max = 32,
                              .end_token = END_TOKEN,
                              .length_penalty = 1.0f,
                              .temperature = 1.0f,
                              .separator = separator,
                              .separator_count = 1};
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure(const nj_token_trie *trie, const nj_answer_config *config, fake_model *fake,
                    uint32_t B)
{
    nj_error err = {0};
    nj_arena arena;
    const uint32_t V = (uint32_t)fake->head.N;
    const nj_beam_model model = {fake, V, CHUNK_ROWS, begin_step, give_logits};
    const size_t bytes = nj_answer_scratch_bytes(trie, config, 0, B, V, CHUNK_ROWS);
    nj_answer_user *users = calloc(B, sizeof *users);
    nj_answer *answers = calloc(B, sizeof *answers);
    int64_t all[ROUNDS];
    int64_t head[ROUNDS];
    int64_t search[ROUNDS];
    stop(nj_arena_init(&arena, bytes, &err), &err);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        fake->head_ns = 0;
        const int64_t start = (int64_t)nj_clock_thread_ns();
        nj_answer_search(trie, config, &model, fake->kernels, users, B, &arena, answers);
        all[round] = (int64_t)nj_clock_thread_ns() - start;
        head[round] = fake->head_ns;
        search[round] = all[round] - head[round];
        nj_arena_rewind(&arena, 0);
    }
    qsort(all, ROUNDS, sizeof *all, compare);
    qsort(head, ROUNDS, sizeof *head, compare);
    qsort(search, ROUNDS, sizeof *search, compare);
    const double a_user = 1e6 * B;
    printf("%u beams, %u users: %.2f ms a user, head %.2f, search %.2f; %.1f MB planned\n",
           config->W, B, (double)all[ROUNDS / 2] / a_user, (double)head[ROUNDS / 2] / a_user,
           (double)search[ROUNDS / 2] / a_user, (double)bytes / 1e6);
    nj_arena_fini(&arena);
    free(users);
    free(answers);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: answers KIND VOCABULARY ITEMS D [BEAMS] [USERS]\n");
        return EXIT_FAILURE;
    }
    const uint32_t V = (uint32_t)strtoul(argv[2], NULL, 10);
    const uint32_t items = (uint32_t)strtoul(argv[3], NULL, 10);
    const uint32_t W = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 20;
    const uint32_t B = argc > 6 ? (uint32_t)strtoul(argv[6], NULL, 10) : 8;
    static nj_token_trie trie;
    fake_model model = {.seed = 7};
    const nj_answer_config config = make_config(argv[1], W);
    open_trie(argv[1], V, items, &trie);
    open_model(&model, V, strtoul(argv[4], NULL, 10));
    measure(config.kind == NJ_ANSWER_TEXT ? NULL : &trie, &config, &model, B);
    return EXIT_SUCCESS;
}
