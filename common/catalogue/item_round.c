#include "common/catalogue/item_round.h"

#include <stdlib.h>
#include <string.h>

#include "common/input/npy_header.h"

static nj_status check_section(const nj_item_section *section, nj_error *err)
{
    const size_t length = strnlen(section->name, NJ_SECTION_NAME_BYTES);
    if (length == 0 || length == NJ_SECTION_NAME_BYTES) {
        return nj_fail(err, NJ_INPUT, "a section's name has %zu bytes or more, must have 1 to %d",
                       length, NJ_SECTION_NAME_BYTES - 1);
    }
    return NJ_OK;
}

static nj_status check_numbers(const nj_item_round *round, nj_error *err)
{
    if (round->section_count > NJ_ITEM_SECTIONS_MAX) {
        return nj_fail(err, NJ_INPUT, "a round with %zu sections, the limit is %d",
                       round->section_count, NJ_ITEM_SECTIONS_MAX);
    }
    if (round->parameters.size > NJ_ITEM_PARAMETERS_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "a round with %zu bytes of parameters, the limit is %u",
                       round->parameters.size, NJ_ITEM_PARAMETERS_BYTES_MAX);
    }
    if (round->shard_rows < 1 || round->shard_rows > NJ_ITEM_SHARD_ROWS_MAX) {
        return nj_fail(err, NJ_INPUT, "shards of %zu rows, must be 1 to %u", round->shard_rows,
                       NJ_ITEM_SHARD_ROWS_MAX);
    }
    return NJ_OK;
}

nj_status nj_item_round_check(const nj_item_round *round, nj_sections *out_sections, nj_error *err)
{
    nj_status status = check_numbers(round, err);
    if (status != NJ_OK) {
        return status;
    }
    *out_sections = (nj_sections){.count = round->section_count};
    nj_section *sections = out_sections->sections;
    for (size_t i = 0; i < round->section_count && status == NJ_OK; i++) {
        const nj_item_section *section = &round->sections[i];
        status = check_section(section, err);
        if (status == NJ_OK) {
            sections[i].bytes = section->bytes;
            sections[i].size = section->size;
            strcpy(sections[i].name, section->name);
        }
    }
    if (status != NJ_OK) {
        return status;
    }
    qsort(sections, out_sections->count, sizeof *sections, nj_section_compare);
    for (size_t i = 1; i < out_sections->count; i++) {
        if (strcmp(sections[i - 1].name, sections[i].name) == 0) {
            return nj_fail(err, NJ_INPUT, "a round has two sections \"%s\"", sections[i].name);
        }
    }
    return NJ_OK;
}

const char *nj_item_rows_name(const nj_item_round *round)
{
    for (size_t i = 0; i < round->section_count; i++) {
        const nj_item_section *section = &round->sections[i];
        if (strcmp(section->name, NJ_ITEM_ROWS) == 0 && section->path != NULL) {
            return section->path;
        }
    }
    return NJ_ITEM_ROWS;
}

static nj_status check_type(const nj_item_work *work, const nj_npy *rows, nj_error *err)
{
    const nj_npy_type type = rows->type;
    const bool is_float = type == NJ_NPY_F16 || type == NJ_NPY_F32 || type == NJ_NPY_F64;
    if (is_float != work->rows_are_whole) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT, "%s: type '%s' holds %s, %s are needed", rows->path,
                   nj_npy_type_descr(type), is_float ? "floats" : "whole numbers",
                   is_float ? "whole numbers" : "floats");
}

nj_status nj_item_task_open(const nj_item_work *work, const nj_sections *sections,
                            nj_slice parameters, const char *rows_name, const nj_kernels *kernels,
                            nj_item_task *out, nj_error *err)
{
    const nj_section *rows = nj_sections_find(sections, NJ_ITEM_ROWS);
    nj_item_task task = {.sections = sections, .parameters = parameters, .kernels = kernels};
    if (rows == NULL) {
        return nj_fail(err, NJ_INPUT, "a round without a section \"%s\"", NJ_ITEM_ROWS);
    }
    nj_status status = nj_npy_view(rows->bytes, rows->size, rows_name, &task.rows, err);
    if (status != NJ_OK) {
        return status;
    }
    if (task.rows.dim_count != 2) {
        return nj_fail(err, NJ_INPUT, "%s: %zu dimensions, embeddings have 2: [items, width]",
                       rows_name, task.rows.dim_count);
    }
    *out = task;
    return check_type(work, &task.rows, err);
}

nj_status nj_item_task_share(const nj_item_work *work, nj_item_task *task, nj_error *err)
{
    void *shared = NULL;
    const nj_status status = work->share == NULL ? NJ_OK : work->share(task, &shared, err);
    task->shared = shared;
    return status;
}

void nj_item_task_unshare(const nj_item_work *work, nj_item_task *task)
{
    if (work->unshare != NULL) {
        work->unshare((void *)(uintptr_t)task->shared);
    }
    task->shared = NULL;
}
