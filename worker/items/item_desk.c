#include "worker/items/item_desk.h"

#include <stdlib.h>

struct nj_item_desk {
    const nj_item_work *work;
    nj_sections sections;
    nj_buffer plan; // owned copy; the task's parameters borrow from it
    nj_item_task task;
    void *state; // of the work
};

static nj_status open_work(nj_item_desk *desk, const nj_kernels *kernels, nj_item_step step,
                           nj_error *err)
{
    nj_item_plan plan;
    nj_status status = nj_item_plan_unpack(nj_buffer_slice(&desk->plan), &plan, err);
    if (status != NJ_OK) {
        return status;
    }
    desk->work = nj_item_work_find(plan.work);
    if (desk->work == NULL) {
        return nj_fail(err, NJ_CONFIG,
                       "the coordinator asks for \"%.*s\", which this version of the worker does "
                       "not compute: run the same version at both ends",
                       NJ_SLICE_ARGS(plan.work));
    }
    status = nj_item_task_open(desk->work, &desk->sections, plan.parameters, NJ_ITEM_ROWS, kernels,
                               &desk->task, err);
    if (status != NJ_OK) {
        return status;
    }
    desk->task.step_context = step.context;
    desk->task.step = step.step;
    status = nj_item_task_share(desk->work, &desk->task, err);
    if (status == NJ_OK && desk->work->open != NULL) {
        status = desk->work->open(&desk->task, &desk->state, err);
    }
    return status;
}

nj_status nj_item_desk_open(const nj_sections *sections, nj_slice plan, const nj_kernels *kernels,
                            nj_item_step step, nj_item_desk **out, nj_error *err)
{
    nj_item_desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a round over items");
    }
    desk->sections = *sections;
    nj_buffer_init(&desk->plan, plan.size);
    nj_status status = nj_buffer_append(&desk->plan, plan.bytes, plan.size);
    status = status == NJ_OK ? open_work(desk, kernels, step, err)
                             : nj_fail(err, status, "no memory for the plan of a round");
    if (status == NJ_OK) {
        *out = desk;
        desk = NULL;
    }
    nj_item_desk_close(&desk);
    return status;
}

void nj_item_desk_close(nj_item_desk **desk)
{
    nj_item_desk *d = *desk;
    if (d == NULL) {
        return;
    }
    if (d->work != NULL && d->work->close != NULL) {
        d->work->close(d->state);
    }
    if (d->work != NULL) {
        nj_item_task_unshare(d->work, &d->task);
    }
    nj_buffer_fini(&d->plan);
    free(d);
    *desk = NULL;
}

nj_status nj_item_desk_run(nj_item_desk *desk, nj_slice lease, nj_buffer *answer,
                           uint32_t *out_rows, nj_error *err)
{
    uint64_t first = 0;
    nj_status status = nj_item_lease_unpack(lease, desk->task.rows.shape[0], &first, out_rows, err);
    if (status != NJ_OK) {
        return status;
    }
    return desk->work->run(&desk->task, desk->state, (size_t)first, *out_rows, answer, err);
}
