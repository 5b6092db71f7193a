#include "ops/cli/join_unseen.h"

#include <stdlib.h>

#include "common/base/bits.h"
#include "common/base/cpus.h"
#include "ops/cli/interactions.h"

// Items that training may see, as bits.
static nj_status mark_seen(const nj_user_table *training, size_t N, uint64_t **out, nj_error *err)
{
    uint64_t *seen = calloc(nj_bits_words(N) + 1, sizeof *seen);
    if (seen == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu items", N);
    }
    for (size_t u = 0; u < training->count; u++) {
        const nj_request user = nj_user_table_at(training, u);
        for (uint32_t i = 0; i < user.item_count; i++) {
            nj_bits_add(seen, user.items[i]);
        }
    }
    *out = seen;
    return NJ_OK;
}

static nj_status find_nearest(const nj_npy *first, const uint64_t *seen, uint32_t nearest,
                              nj_unseen_rows *out, nj_error *err)
{
    nj_cpu_list cpus;
    nj_pool *pool = NULL;
    nj_status status = nj_cpus_allowed(&cpus, err);
    if (status == NJ_OK) {
        status = nj_pool_new(cpus.count < NJ_POOL_THREADS_MAX ? cpus.count : NJ_POOL_THREADS_MAX,
                             &pool, err);
    }
    if (status == NJ_OK) {
        status = nj_unseen_rows_find(first, seen, nearest, pool, out, err);
    }
    nj_pool_free(&pool);
    return status;
}

static nj_status read_training(const nj_arguments *arguments, const nj_named_items *items,
                               nj_split_histories *out, nj_error *err)
{
    nj_split split;
    nj_histories_source source = {.path = nj_argument(arguments, "unseen-from")};
    nj_status status = nj_histories_form_from(arguments, &source, err);
    if (status == NJ_OK) {
        status = nj_split_from(arguments, &split, err);
    }
    return status == NJ_OK ? nj_split_histories_read(&source, &split, 1, items, out, err) : status;
}

nj_status nj_join_unseen_find(const nj_arguments *arguments, const nj_npy *first,
                              nj_unseen_rows *out, nj_error *err)
{
    uint64_t nearest = 0;
    uint64_t *seen = NULL;
    nj_named_items items = {0};
    nj_split_histories histories = {0};
    const bool is_wanted = nj_argument(arguments, "unseen-from") != NULL;
    if (is_wanted != (nj_argument(arguments, "ids") != NULL)) {
        return nj_fail(err, NJ_USAGE,
                       "--unseen-from and --ids go together: the ids say which row is which item "
                       "of the histories");
    }
    if (!is_wanted) {
        return NJ_OK;
    }
    nj_status status =
        nj_argument_uint(arguments, "nearest", 1, NJ_UNSEEN_NEAREST_MAX, &nearest, err);
    if (status == NJ_OK) {
        status = nj_named_items_read(arguments, &items, err);
    }
    if (status == NJ_OK && (first->dim_count != 2 || first->shape[0] != items.items.count)) {
        status = nj_fail(err, NJ_INPUT, "%s has %zu rows and --ids %zu items: row i is of item i",
                         first->path, first->shape[0], items.items.count);
    }
    if (status == NJ_OK) {
        status = read_training(arguments, &items, &histories, err);
    }
    if (status == NJ_OK) {
        status = mark_seen(&histories.training, items.items.count, &seen, err);
    }
    if (status == NJ_OK) {
        status = find_nearest(first, seen, (uint32_t)nearest, out, err);
    }
    free(seen);
    nj_split_histories_fini(&histories);
    nj_named_items_fini(&items);
    return status;
}
