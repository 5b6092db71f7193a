// catalogue_fit_state.c - the file that an interrupted fit goes on from.
//
//   MessagePack array: "nightjar fit", version, digest of embeddings and options, level, iteration, previous error, lengths of a row,
//   levels of the report, transform values, then of each level that has vectors: rows, vectors, offsets; prices
//   32 bytes: digest of all before them
//
// float64 travel as their bits. Codes of frozen levels are not kept: they are found again.
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/catalogue/catalogue_fit_parts.h"
#include "common/codec/pack.h"

#define STATE_NAME "nightjar fit"
#define STATE_VERSION 1
#define STATE_BYTES_MAX (NJ_FIT_CODES_BYTES_MAX + ((size_t)1 << 30))
#define STATE_FIELDS 12
#define LEVEL_FIELDS 7
#define STATE_ELEMENTS_MAX 256

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double read_double(nj_fields *fields, const char *name)
{
    const uint64_t bits = nj_field_uint(fields, name, UINT64_MAX);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Levels whose vectors are kept: those that are done, and the one on the way.
static uint32_t count_kept(const nj_fit_run *run)
{
    return run->level + (run->iteration > 0 ? 1 : 0);
}

// ---- writing ----

static void pack_report(nj_packer *packer, const nj_fit_run *run)
{
    nj_pack_array(packer, (size_t)count_kept(run) * LEVEL_FIELDS);
    for (uint32_t l = 0; l < count_kept(run); l++) {
        const nj_fit_level *level = &run->report.levels[l];
        nj_pack_uint(packer, bits_of(level->error));
        nj_pack_uint(packer, level->iterations);
        nj_pack_bool(packer, level->converged);
        nj_pack_uint(packer, level->revived);
        nj_pack_uint(packer, level->empty);
        nj_pack_uint(packer, level->largest);
        nj_pack_uint(packer, level->node_count);
    }
}

static void pack_levels(nj_packer *packer, const nj_fit_run *run)
{
    nj_pack_array(packer, (size_t)count_kept(run) * 3);
    for (uint32_t l = 0; l < count_kept(run); l++) {
        const size_t parents = l == 0 ? 1 : run->rows[l - 1];
        nj_pack_uint(packer, run->rows[l]);
        nj_pack_bin(packer, run->vectors[l],
                    run->rows[l] * nj_fit_level_width(run, l) * sizeof(float));
        nj_pack_bin(packer, run->offsets[l],
                    run->offsets[l] != NULL ? (parents + 1) * sizeof(uint32_t) : 0);
    }
}

static void pack_state(nj_packer *packer, const nj_fit_run *run)
{
    const bool has_prices = run->prices != NULL && run->iteration > 0;
    nj_pack_array(packer, STATE_FIELDS);
    nj_pack_str(packer, nj_slice_from(STATE_NAME));
    nj_pack_uint(packer, STATE_VERSION);
    nj_pack_bin(packer, run->digest.bytes, NJ_DIGEST_BYTES);
    nj_pack_uint(packer, run->level);
    nj_pack_uint(packer, run->iteration);
    nj_pack_uint(packer, bits_of(run->previous));
    nj_pack_uint(packer, bits_of(run->report.total_square));
    nj_pack_uint(packer, bits_of(run->report.total_variance));
    pack_report(packer, run);
    nj_pack_bin(packer, run->transform_values, nj_fit_transform_count(run) * sizeof(float));
    pack_levels(packer, run);
    nj_pack_bin(packer, run->prices,
                has_prices ? run->config->K[run->level] * sizeof *run->prices : 0);
}

nj_status nj_fit_state_write(nj_fit_run *run, nj_error *err)
{
    nj_buffer bytes;
    nj_packer packer;
    nj_buffer_init(&bytes, STATE_BYTES_MAX);
    nj_packer_init(&packer, &bytes);
    pack_state(&packer, run);
    nj_status status = packer.status;
    if (status == NJ_OK) {
        const nj_digest digest = nj_digest_of(bytes.bytes, bytes.size);
        status = nj_buffer_append(&bytes, digest.bytes, sizeof digest.bytes);
    }
    status = status == NJ_OK
                 ? nj_file_write(run->config->state_path, bytes.bytes, bytes.size, err)
                 : nj_fail(err, status, "%s: no memory to write it", run->config->state_path);
    nj_buffer_fini(&bytes);
    run->saved_ns = nj_clock_mono_ns();
    return status;
}

// ---- reading ----

static nj_status fail_damaged(const nj_fit_run *run, const char *what, nj_error *err)
{
    return nj_fail(err, NJ_INPUT, "%s: %s; without this file a fit starts afresh",
                   run->config->state_path, what);
}

// A copy of a field that must have exactly `bytes`.
static void *copy_field(nj_fields *fields, const char *name, size_t bytes)
{
    void *memory = malloc(bytes > 0 ? bytes : 1);
    if (memory == NULL) {
        fields->status = fields->status == NJ_OK ? NJ_NO_MEMORY : fields->status;
        return NULL;
    }
    nj_field_bytes(fields, name, memory, bytes);
    return memory;
}

static void read_report(nj_fields *fields, nj_fit_run *run)
{
    const size_t count = (size_t)count_kept(run) * LEVEL_FIELDS;
    nj_fields levels;
    if (fields->status != NJ_OK || fields->next >= fields->count) {
        fields->status = fields->status == NJ_OK ? NJ_PROTOCOL : fields->status;
        return;
    }
    nj_fields_open(&levels, &fields->fields[fields->next++], "report", count, fields->err);
    for (uint32_t l = 0; l < count_kept(run); l++) {
        nj_fit_level *level = &run->report.levels[l];
        level->error = read_double(&levels, "error");
        level->iterations = (uint32_t)nj_field_uint(&levels, "iterations", UINT32_MAX);
        level->converged = nj_field_bool(&levels, "converged");
        level->revived = (uint32_t)nj_field_uint(&levels, "revived", UINT32_MAX);
        level->empty = (uint32_t)nj_field_uint(&levels, "empty", UINT32_MAX);
        level->largest = nj_field_uint(&levels, "largest", UINT64_MAX);
        level->node_count = (uint32_t)nj_field_uint(&levels, "node_count", UINT32_MAX);
    }
    fields->status = levels.status;
}

static void read_level(nj_fields *levels, nj_fit_run *run, uint32_t l)
{
    const bool is_tree = run->config->method == NJ_QUANT_HIERARCHICAL;
    const bool is_done = l < run->level;
    const size_t parents = l == 0 ? 1 : run->rows[l - 1];
    run->rows[l] = (size_t)nj_field_uint(levels, "rows", NJ_QUANT_ROWS_MAX);
    if (levels->status != NJ_OK) {
        return;
    }
    run->vectors[l] =
        copy_field(levels, "vectors", run->rows[l] * nj_fit_level_width(run, l) * sizeof(float));
    if (is_tree && is_done) {
        run->offsets[l] = copy_field(levels, "offsets", (parents + 1) * sizeof(uint32_t));
    } else {
        (void)nj_field_bin(levels, "offsets", 0);
    }
}

static void read_levels(nj_fields *fields, nj_fit_run *run)
{
    nj_fields levels;
    if (fields->status != NJ_OK || fields->next >= fields->count) {
        fields->status = fields->status == NJ_OK ? NJ_PROTOCOL : fields->status;
        return;
    }
    nj_fields_open(&levels, &fields->fields[fields->next++], "levels", (size_t)count_kept(run) * 3,
                   fields->err);
    for (uint32_t l = 0; l < count_kept(run) && levels.status == NJ_OK; l++) {
        read_level(&levels, run, l);
    }
    fields->status = levels.status;
}

// What stands behind name, version and digest. The digests say that this program has written it for these inputs.
static void read_fields(nj_fields *fields, nj_fit_run *run)
{
    const nj_fit_config *config = run->config;
    run->level = (uint32_t)nj_field_uint(fields, "level", config->level_count);
    run->iteration = (uint32_t)nj_field_uint(
        fields, "iteration", run->level < config->level_count ? config->iterations_max : 0);
    run->previous = read_double(fields, "previous");
    run->report.total_square = read_double(fields, "total_square");
    run->report.total_variance = read_double(fields, "total_variance");
    read_report(fields, run);
    if (nj_fit_transform_count(run) > 0) {
        run->transform_values =
            copy_field(fields, "transform", nj_fit_transform_count(run) * sizeof(float));
    } else {
        (void)nj_field_bin(fields, "transform", 0);
    }
    read_levels(fields, run);
    if (config->balanced && run->iteration > 0) {
        run->prices = copy_field(fields, "prices", config->K[run->level] * sizeof *run->prices);
    } else {
        (void)nj_field_bin(fields, "prices", 0);
    }
}

static nj_status read_unpacked(nj_fit_run *run, const nj_unpacked *unpacked, nj_error *err)
{
    nj_fields fields;
    nj_digest digest;
    nj_fields_open(&fields, &unpacked->root, "state", STATE_FIELDS, NULL);
    const nj_slice name = nj_field_str(&fields, "name", sizeof STATE_NAME);
    const uint64_t version = nj_field_uint(&fields, "version", UINT64_MAX);
    nj_field_bytes(&fields, "digest", digest.bytes, sizeof digest.bytes);
    if (fields.status != NJ_OK || !nj_slice_equal(name, nj_slice_from(STATE_NAME)) ||
        version != STATE_VERSION) {
        return fail_damaged(run, "is not a fit of this version of nightjar", err);
    }
    if (!nj_digest_equal(&digest, &run->digest)) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: is a fit of other embeddings or options; give those, or remove this "
                       "file and start afresh",
                       run->config->state_path);
    }
    read_fields(&fields, run);
    if (fields.status == NJ_NO_MEMORY) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", run->config->state_path);
    }
    return fields.status == NJ_OK ? NJ_OK : fail_damaged(run, "does not hold what it should", err);
}

static nj_status read_bytes(nj_fit_run *run, const char *bytes, size_t size, nj_error *err)
{
    if (size < NJ_DIGEST_BYTES) {
        return fail_damaged(run, "is cut", err);
    }
    size -= NJ_DIGEST_BYTES;
    const nj_digest digest = nj_digest_of(bytes, size);
    nj_unpacked unpacked;
    if (memcmp(digest.bytes, bytes + size, NJ_DIGEST_BYTES) != 0 ||
        nj_unpack((nj_slice){bytes, size}, STATE_ELEMENTS_MAX, &unpacked, NULL) != NJ_OK) {
        return fail_damaged(run, "is damaged (its digest differs)", err);
    }
    nj_status status = read_unpacked(run, &unpacked, err);
    nj_unpacked_fini(&unpacked);
    if (status == NJ_OK) {
        nj_fit_transform_place(run);
    }
    return status;
}

nj_status nj_fit_state_read(nj_fit_run *run, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    if (!nj_file_exists(run->config->state_path)) {
        return NJ_NOT_FOUND;
    }
    nj_status status = nj_file_read(run->config->state_path, STATE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK) {
        status = read_bytes(run, bytes, size, err);
    }
    free(bytes);
    return status;
}
