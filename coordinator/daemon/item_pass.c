#include "coordinator/daemon/item_pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static nj_status digest_file(nj_item_fleet *f, const nj_item_section *section, nj_digest *out,
                             nj_error *err)
{
    for (size_t i = 0; i < f->file_count; i++) {
        if (strcmp(f->files[i].path, section->path) == 0) {
            *out = f->files[i].digest;
            return NJ_OK;
        }
    }
    if (f->options->digest_file != NULL) {
        nj_status status =
            f->options->digest_file(f->options->digest_context, section->path, out, err);
        if (status != NJ_OK) {
            return status;
        }
    } else {
        *out = nj_digest_of(section->bytes, section->size);
    }
    if (f->file_count < NJ_ITEM_FILES_MAX && strlen(section->path) < NJ_PATH_BYTES) {
        nj_item_file *file = &f->files[f->file_count++];
        snprintf(file->path, sizeof file->path, "%s", section->path);
        file->digest = *out;
    }
    return NJ_OK;
}

static const nj_item_section *find_section(const nj_item_round *round, const char *name)
{
    for (size_t i = 0; i < round->section_count; i++) {
        if (strcmp(round->sections[i].name, name) == 0) {
            return &round->sections[i];
        }
    }
    return NULL;
}

// Digests, and which sections are of this round alone.
static nj_status digest_sections(nj_item_fleet *f, uint64_t *out_passing, nj_error *err)
{
    nj_item_pass *p = &f->pass;
    nj_status status = NJ_OK;
    *out_passing = 0;
    for (size_t i = 0; i < p->sections.count && status == NJ_OK; i++) {
        nj_section *section = &p->sections.sections[i];
        const nj_item_section *source = find_section(p->round, section->name);
        if (source->path != NULL) {
            status = digest_file(f, source, &section->digest, err);
        } else {
            section->digest = nj_digest_of(section->bytes, section->size);
            *out_passing |= (uint64_t)1 << i;
        }
    }
    return status;
}

nj_digest nj_item_pass_digest(const nj_item_pass *p)
{
    nj_digester digester;
    const nj_digest sections = nj_sections_digest(&p->sections);
    nj_digester_init(&digester);
    nj_digester_update_sized(&digester, p->plan.bytes, p->plan.size);
    nj_digester_update(&digester, sections.bytes, sizeof sections.bytes);
    nj_digester_update_u64(&digester, p->shard_rows);
    return nj_digester_final(&digester);
}

static nj_status take_memory(nj_item_pass *p, nj_error *err)
{
    p->unit_first = malloc((p->shard_count + 1) * sizeof *p->unit_first);
    p->answers = calloc(p->shard_count + 1, sizeof *p->answers);
    if (p->unit_first == NULL || p->answers == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a round of %zu shards", p->shard_count);
    }
    for (size_t i = 0; i <= p->shard_count; i++) {
        p->unit_first[i] = (uint32_t)i;
    }
    return NJ_OK;
}

nj_status nj_item_pass_plan(nj_item_fleet *f, nj_error *err)
{
    nj_item_pass *p = &f->pass;
    nj_item_plan plan = {.work = nj_slice_from(p->round->work->name),
                         .parameters = p->round->parameters};
    nj_status status = nj_item_round_check(p->round, &p->sections, err);
    if (status == NJ_OK) {
        status = nj_item_task_open(p->round->work, &p->sections, p->round->parameters,
                                   nj_item_rows_name(p->round), NULL, &p->task, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    p->row_count = p->task.rows.shape[0];
    p->shard_rows = p->round->shard_rows;
    p->shard_count = nj_item_shard_count(p->row_count, p->shard_rows);
    p->failed_shard = p->shard_count;
    if (p->shard_count > NJ_ITEM_SHARDS_MAX) {
        return nj_fail(err, NJ_INPUT, "%zu shards of %zu rows, the limit is %u", p->shard_count,
                       p->shard_rows, NJ_ITEM_SHARDS_MAX);
    }
    status = digest_sections(f, &plan.passing, err);
    if (status == NJ_OK) {
        status = take_memory(p, err);
    }
    if (status == NJ_OK && nj_item_plan_pack(&plan, &p->plan) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the plan of a round");
    }
    return status;
}

void nj_item_pass_fini(nj_item_pass *p)
{
    for (size_t i = p->delivered; p->answers != NULL && i < p->shard_count; i++) {
        free(p->answers[i].bytes);
    }
    free(p->answers);
    free(p->unit_first);
    nj_buffer_fini(&p->plan);
    *p = (nj_item_pass){0};
}
