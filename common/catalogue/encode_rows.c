#include "common/catalogue/encode_rows.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/catalogue/encode_parts.h"
#include "common/catalogue/item_threads.h"
#include "common/cli/progress.h"

#define DIGEST_BLOCK_BYTES (1u << 20) // of values at a time

// ---- the fingerprint ----

typedef struct {
    const nj_npy *rows;
    atomic_bool unwanted;
    nj_status status;
    nj_error err;
    nj_digest digest;
} fingerprint;

static nj_status digest_values(fingerprint *f, float *block, size_t block_values,
                               nj_digester *digester)
{
    const size_t total = f->rows->shape[0] * f->rows->shape[1];
    nj_status status = NJ_OK;
    for (size_t first = 0; first < total && status == NJ_OK && !f->unwanted;
         first += block_values) {
        const size_t count = nj_min_size(block_values, total - first);
        status = nj_npy_read_f32(f->rows, first, count, block, &f->err);
        if (status == NJ_OK) {
            nj_digester_update(digester, block, count * sizeof *block);
        }
    }
    return status;
}

static void *run_fingerprint(void *argument)
{
    fingerprint *f = argument;
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, f->rows->shape[0]);
    nj_digester_update_u64(&digester, f->rows->shape[1]);
    float *block = malloc(DIGEST_BLOCK_BYTES);
    f->status = block != NULL
                    ? digest_values(f, block, DIGEST_BLOCK_BYTES / sizeof *block, &digester)
                    : nj_fail(&f->err, NJ_NO_MEMORY, "%s: no memory to read it", f->rows->path);
    f->digest = nj_digester_final(&digester);
    free(block);
    return NULL;
}

// ---- the round ----

typedef struct {
    uint16_t *codes;
    size_t codes_stride;
    uint32_t L;
    size_t N;
    nj_quant_error error;
    nj_progress progress;
} result;

static nj_status take_codes(void *context, size_t shard, size_t first, size_t count,
                            nj_slice answer, nj_error *err)
{
    (void)shard;
    (void)err;
    result *r = context;
    const char *at = answer.bytes;
    for (uint32_t l = 0; l < r->L; l++) {
        double sum;
        memcpy(&sum, at, sizeof sum);
        r->error.squared_sum[l] += sum;
        at += sizeof sum;
    }
    r->error.row_count += count;
    const size_t row_bytes = r->L * sizeof *r->codes;
    for (size_t i = 0; i < count; i++) {
        memcpy(r->codes + (first + i) * r->codes_stride, at + i * row_bytes, row_bytes);
    }
    nj_progress_update(&r->progress, first + count, nj_clock_mono_ns());
    return NJ_OK;
}

static size_t choose_shard_rows(size_t D)
{
    const size_t rows = NJ_ENCODE_SHARD_BYTES / (D * sizeof(float));
    return nj_min_size(nj_max_size(rows, NJ_ENCODE_SHARD_ROWS_MIN), NJ_ENCODE_SHARD_ROWS_MAX);
}

static nj_status run_round(const nj_encode_job *job, result *r, nj_error *err)
{
    nj_encode_parts parts;
    nj_status status = nj_encode_parts_init(&parts, job, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_item_round round = {.work = &nj_item_work_encode_rows,
                                 .parameters = nj_buffer_slice(&parts.parameters),
                                 .sections = parts.sections,
                                 .section_count = parts.section_count,
                                 .shard_rows = choose_shard_rows(job->rows->shape[1])};
    const nj_item_threads here = {.kernels = job->options.kernels, .thread_count = 1};
    const nj_item_executor alone = nj_item_threads_executor(&here);
    nj_progress_start(&r->progress, "items", r->N, 0, job->quiet, nj_clock_mono_ns());
    status =
        nj_item_run(job->executor != NULL ? job->executor : &alone, &round, take_codes, r, err);
    nj_progress_finish(&r->progress);
    nj_encode_parts_fini(&parts);
    return status;
}

nj_status nj_encode_rows(const nj_encode_job *job, uint16_t *codes, size_t codes_stride,
                         nj_quant_error *out_error, nj_digest *out_digest, nj_error *err)
{
    pthread_t thread;
    fingerprint f = {.rows = job->rows};
    result r = {.codes = codes,
                .codes_stride = codes_stride,
                .L = job->codebooks->level_count,
                .N = job->rows->shape[0]};
    const int failure = pthread_create(&thread, NULL, run_fingerprint, &f);
    if (failure != 0) {
        return nj_fail_errno(err, NJ_FAILED, failure, "%s: no thread to read it", job->rows->path);
    }
    nj_status status = run_round(job, &r, err);
    f.unwanted = status != NJ_OK;
    pthread_join(thread, NULL);
    if (status == NJ_OK && f.status != NJ_OK) {
        status = nj_fail(err, f.status, "%s", f.err.text);
    }
    if (status == NJ_OK) {
        *out_error = r.error;
        *out_digest = f.digest;
    }
    return status;
}
