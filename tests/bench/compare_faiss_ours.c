// compare_faiss_ours.c - nightjar's side of compare_faiss.py: encodes the same rows once for every line on stdin.
//
//   compare_faiss_ours EMBEDDINGS.npy CODEBOOKS.npy CODES_OUT BEAM [with-error]
//
// A line on stdout for each: the seconds that took. CODES_OUT gets uint16 [N, L] at the first.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/input/npy.h"
#include "common/quant/encoder.h"

static float *read_floats(const char *path, nj_npy *npy, size_t dim_count)
{
    nj_error err = {0};
    if (nj_npy_open(path, npy, &err) != NJ_OK || npy->dim_count != dim_count) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(1);
    }
    size_t count = 1;
    for (size_t i = 0; i < dim_count; i++) {
        count *= npy->shape[i];
    }
    float *values = malloc(count * sizeof *values);
    if (values == NULL || nj_npy_read_f32(npy, 0, count, values, &err) != NJ_OK) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(1);
    }
    return values;
}

static void write_codes(const char *path, const uint16_t *codes, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(codes, sizeof *codes, count, file) != count || fclose(file) != 0) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(
            stderr,
            "usage: compare_faiss_ours EMBEDDINGS.npy CODEBOOKS.npy CODES_OUT BEAM [with-error]\n");
        return 2;
    }
    nj_npy embeddings;
    nj_npy vectors;
    nj_error err = {0};
    nj_encoder *encoder = NULL;
    float *x = read_floats(argv[1], &embeddings, 2);
    float *rows = read_floats(argv[2], &vectors, 3);
    size_t N = embeddings.shape[0];
    nj_codebooks codebooks = {.level_count = (uint32_t)vectors.shape[0], .D = vectors.shape[2]};
    for (uint32_t l = 0; l < codebooks.level_count; l++) {
        codebooks.K[l] = (uint32_t)vectors.shape[1];
        codebooks.vectors[l] = rows + l * vectors.shape[1] * vectors.shape[2];
    }
    nj_encoder_options options = {.beam = (uint32_t)strtoul(argv[4], NULL, 10)};
    nj_quant_error error = {0};
    uint16_t *codes = malloc(N * codebooks.level_count * sizeof *codes);
    if (codes == NULL || nj_encoder_new(&codebooks, NULL, &options, &encoder, &err) != NJ_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int round = 0; getchar() == '\n'; round++) {
        uint64_t start_ns = nj_clock_mono_ns();
        nj_status status = nj_encoder_encode(encoder, x, N, codes, codebooks.level_count,
                                             argc > 5 ? &error : NULL, &err);
        uint64_t took_ns = nj_clock_mono_ns() - start_ns;
        if (status != NJ_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        if (round == 0) {
            write_codes(argv[3], codes, N * codebooks.level_count);
        }
        printf("%.9f\n", (double)took_ns / 1e9);
        fflush(stdout);
    }
    return 0;
}
