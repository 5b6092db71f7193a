// baseline.c - `nightjar baseline`: lists of the models that every other one must beat.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/catalogue/job.h"
#include "common/catalogue/unseen_rows.h"
#include "common/cli/progress.h"
#include "ops/cli/commands.h"
#include "ops/cli/interactions.h"
#include "ops/cli/numbers.h"
#include "ops/cli/train_options.h"
#include "ops/cli/train_sasrec.h"
#include "worker/baseline/neighbours.h"
#include "worker/baseline/popularity.h"
#include "worker/train/sasrec_recommender.h"

#define USERS_AT_ONCE 4096 // lists in memory
#define LINE_BYTES_MAX ((size_t)64 << 20)

typedef enum { POPULARITY, CO_VISITATION, ITEM_KNN, SASREC, METHOD_COUNT } method;

static const char *const METHODS[METHOD_COUNT] = {"popularity", "co-visitation", "item-knn",
                                                  "sasrec"};

typedef struct {
    method method;
    nj_split split;
    nj_histories_source source;
    nj_split_words words;
    nj_neighbours_settings neighbours_settings;
    nj_list_settings list;
    uint32_t threads;
    double sample; // of the users, the share that gets lists
    bool places_unseen;
    uint32_t nearest;      // seen items that an unseen one is the mean of
    double nearest_length; // nj_unseen_rows_fill's
    nj_named_items items;
    nj_split_histories histories;
    nj_pool *pool;
    uint64_t *counts; // [items] popularity
    uint32_t *order;  // [items]
    nj_neighbours neighbours;
    nj_sasrec *sasrec;
    nj_recommender recommender;
} command;

// ---- options ----

static nj_status read_method(const nj_arguments *arguments, method *out, nj_error *err)
{
    const char *word = nj_argument_positional(arguments);
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(word, METHODS[i]) == 0) {
            *out = (method)i;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE,
                   "the method is \"%s\", must be popularity, co-visitation, item-knn or sasrec",
                   word);
}

// Options that are not given leave the method's own number; methods without that number refuse them.
static nj_status read_numbers(const nj_arguments *arguments, command *c, nj_error *err)
{
    nj_neighbours_settings *s = &c->neighbours_settings;
    const unsigned visits = 1u << CO_VISITATION;
    const unsigned both = visits | 1u << ITEM_KNN;
    const struct {
        const char *name;
        unsigned methods;
        double least, most;
        double *value;
    } REALS[] = {{"distance", visits, 0, 10, &s->distance},
                 {"back", visits, 0, 1, &s->back},
                 {"shrink", 1u << ITEM_KNN, 0, 1e6, &s->shrink},
                 {"fading", both, 1e-6, 1, &s->fading}};
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof REALS / sizeof REALS[0] && status == NJ_OK; i++) {
        if (nj_argument(arguments, REALS[i].name) == NULL) {
            continue;
        }
        status = (REALS[i].methods >> c->method & 1u) != 0
                     ? nj_argument_real(arguments, REALS[i].name, REALS[i].least, REALS[i].most,
                                        REALS[i].value, err)
                     : nj_fail(err, NJ_USAGE, "--%s is nothing that %s has", REALS[i].name,
                               METHODS[c->method]);
    }
    return status;
}

static nj_status read_counts(const nj_arguments *arguments, command *c, nj_error *err)
{
    uint64_t value = 0;
    nj_status status = nj_argument_uint(arguments, "top", 1, NJ_LIST_TOP_MAX, &value, err);
    c->list.top = (uint32_t)value;
    if (status == NJ_OK) {
        status = nj_argument_threads(arguments, &c->threads, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_real(arguments, "sample", 1e-6, 1, &c->sample, err);
    }
    if (status == NJ_OK && nj_argument(arguments, "neighbours") != NULL) {
        status = nj_argument_uint(arguments, "neighbours", 1, NJ_NEIGHBOURS_MAX, &value, err);
        c->neighbours_settings.neighbours_max = (uint32_t)value;
    }
    return status;
}

// --unseen says what becomes of items that training has not; the others of these options go with it.
static nj_status read_unseen(const nj_arguments *arguments, command *c, nj_error *err)
{
    const char *unseen = nj_argument(arguments, "unseen");
    uint64_t nearest = 0;
    c->places_unseen = unseen != NULL;
    if (unseen != NULL && strcmp(unseen, "neighbours") != 0) {
        return nj_fail(err, NJ_USAGE, "--unseen is \"%s\", must be neighbours", unseen);
    }
    if (unseen != NULL && c->method != SASREC) {
        return nj_fail(err, NJ_USAGE, "--unseen is nothing that %s has", METHODS[c->method]);
    }
    if (c->places_unseen != (nj_argument(arguments, "embeddings") != NULL)) {
        return nj_fail(err, NJ_USAGE,
                       "--unseen neighbours and --embeddings go together: the embeddings say "
                       "which items are near");
    }
    nj_status status =
        nj_argument_uint(arguments, "nearest", 1, NJ_UNSEEN_NEAREST_MAX, &nearest, err);
    c->nearest = (uint32_t)nearest;
    if (status == NJ_OK) {
        status = nj_argument_real(arguments, "nearest-length", 0, 10, &c->nearest_length, err);
    }
    return status;
}

static nj_status read_options(const nj_arguments *arguments, command *c, nj_error *err)
{
    nj_status status = read_method(arguments, &c->method, err);
    if (status == NJ_OK) {
        c->neighbours_settings = nj_neighbours_defaults(
            c->method == ITEM_KNN ? NJ_NEIGHBOURS_COSINE : NJ_NEIGHBOURS_CO_VISITATION);
        c->list.masks_history = nj_argument_flag(arguments, "mask-history");
        status = read_numbers(arguments, c, err);
    }
    if (status == NJ_OK) {
        status = read_counts(arguments, c, err);
    }
    if (status == NJ_OK) {
        status = nj_split_from(arguments, &c->split, err);
    }
    if (status == NJ_OK) {
        status = nj_histories_from(arguments, &c->source, err);
    }
    if (status == NJ_OK && (c->method == SASREC) != (nj_argument(arguments, "model") != NULL)) {
        status = nj_fail(err, NJ_USAGE, "--model goes with the method sasrec, and with it only");
    }
    if (status == NJ_OK) {
        status = read_unseen(arguments, c, err);
    }
    c->words = nj_split_describe(&c->split, &c->source);
    return status;
}

// ---- models ----

static nj_status count_popularity(command *c, nj_error *err)
{
    const uint32_t N = (uint32_t)c->items.items.count;
    c->counts = calloc(N, sizeof *c->counts);
    c->order = calloc(N, sizeof *c->order);
    if (c->counts == NULL || c->order == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to count %" PRIu32 " items", N);
    }
    nj_popularity_count(&c->histories.training, N, c->counts);
    c->list.fill = c->order;
    c->list.fill_scores = c->method == POPULARITY ? c->counts : NULL;
    return nj_popularity_order(c->counts, N, c->order, err);
}

// Sets the items that training has not to the mean of those nearest by --embeddings, and packs the model again.
static nj_status place_items(const nj_npy *npy, command *c, nj_error *err)
{
    const size_t N = c->items.items.count;
    nj_unseen_rows unseen = {0};
    if (npy->shape[0] != N) {
        return nj_fail(err, NJ_INPUT, "%s has %zu rows and --ids %zu items: row i is of item i",
                       npy->path, npy->shape[0], N);
    }
    uint64_t *seen = calloc(nj_bits_words(N) + 1, sizeof *seen);
    if (seen == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu items", N);
    }
    for (size_t i = 0; i < N; i++) {
        if (c->counts[i] > 0) {
            nj_bits_add(seen, i);
        }
    }
    nj_status status = nj_unseen_rows_find(npy, seen, c->nearest, c->pool, &unseen, err);
    if (status == NJ_OK) {
        nj_unseen_rows_fill(&unseen, c->nearest_length, c->sasrec->values + c->sasrec->items,
                            c->sasrec->config.D);
        for (size_t i = 0; i < nj_sasrec_part_count(c->sasrec); i++) {
            nj_sasrec_pack_part(c->sasrec, i);
        }
        nj_log(NJ_LOG_INFO,
               "%" PRIu32 " items that training has not: each the mean of its %" PRIu32 " nearest",
               unseen.count, c->nearest);
    }
    nj_unseen_rows_fini(&unseen);
    free(seen);
    return status;
}

static nj_status place_unseen(const char *path, command *c, nj_error *err)
{
    nj_npy npy = {0};
    nj_status status = nj_npy_open(path, &npy, err);
    if (status == NJ_OK) {
        status = place_items(&npy, c, err);
        nj_npy_close(&npy);
    }
    return status;
}

static nj_status open_sasrec(const nj_arguments *arguments, command *c, nj_error *err)
{
    const nj_kernels *kernels = NULL;
    const nj_digest digest = nj_named_items_digest(&c->items);
    nj_status status = nj_kernels_select("auto", &kernels, err);
    if (status == NJ_OK) {
        status = nj_sasrec_files_read(nj_argument(arguments, "model"), &digest, kernels, &c->sasrec,
                                      err);
    }
    if (status == NJ_OK && c->places_unseen) {
        status = place_unseen(nj_argument(arguments, "embeddings"), c, err);
    }
    if (status == NJ_OK) {
        c->recommender = nj_sasrec_recommender(c->sasrec);
    }
    return status;
}

static nj_status make_recommender(const nj_arguments *arguments, command *c, nj_error *err)
{
    const uint32_t N = (uint32_t)c->items.items.count;
    nj_status status = NJ_OK;
    switch (c->method) {
    case POPULARITY:
        c->recommender = nj_popularity_recommender(N);
        break;
    case SASREC:
        status = open_sasrec(arguments, c, err);
        break;
    default:
        status = nj_neighbours_build(&c->histories.training, N, &c->neighbours_settings, c->pool,
                                     &c->neighbours, err);
        c->recommender = nj_neighbours_recommender(&c->neighbours);
    }
    return status;
}

// ---- output ----

static nj_status append_list(const command *c, size_t user, const nj_scored *list, uint32_t count,
                             nj_buffer *out)
{
    nj_status status = nj_buffer_printf(out, "{\"user\": ");
    if (status == NJ_OK) {
        status = nj_buffer_json_string(out, nj_idlist_builder_at(&c->histories.inputs.ids, user));
    }
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_buffer_printf(out, "%s", i == 0 ? ", \"items\": [" : ", ");
        if (status == NJ_OK) {
            status = nj_buffer_json_string(out, nj_idlist_at(&c->items.items, list[i].item));
        }
    }
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_buffer_printf(out, "%s%.9g", i == 0 ? "], \"scores\": [" : ", ", list[i].score);
    }
    return status == NJ_OK
               ? nj_buffer_printf(out, "%s], \"held_out\": \"%s\"}\n",
                                  count == 0 ? ", \"items\": [], \"scores\": [" : "", c->words.text)
               : status;
}

static nj_status write_lists(const command *c, size_t first, const nj_scored_lists *lists,
                             const char *name, FILE *stream, nj_error *err)
{
    nj_buffer line;
    nj_status status = NJ_OK;
    nj_buffer_init(&line, LINE_BYTES_MAX);
    for (size_t i = 0; i < lists->count && status == NJ_OK; i++) {
        nj_buffer_clear(&line);
        status = append_list(c, first + i, lists->items + i * lists->top, lists->counts[i], &line);
        if (status != NJ_OK) {
            status = nj_fail(err, status, "%s: no memory for a list", name);
        } else if (fwrite(line.bytes, 1, line.size, stream) != line.size) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s", name);
        }
    }
    nj_buffer_fini(&line);
    return status;
}

static nj_status make_lists(const command *c, const char *name, FILE *stream, nj_error *err)
{
    nj_lister *lister = NULL;
    nj_scored_lists lists = {0};
    nj_progress progress;
    const size_t user_count = c->histories.inputs.count;
    nj_progress_start(&progress, "users", user_count, 0, false, nj_clock_mono_ns());
    nj_status status = nj_lister_new(&c->recommender, &c->list, c->pool, &lister, err);
    if (status == NJ_OK) {
        const size_t most = user_count < USERS_AT_ONCE ? user_count : USERS_AT_ONCE;
        status = nj_scored_lists_init(most, c->list.top, &lists, err);
    }
    for (size_t first = 0; first < user_count && status == NJ_OK; first += USERS_AT_ONCE) {
        const size_t left = user_count - first;
        nj_lister_run(lister, &c->histories.inputs, first,
                      left < USERS_AT_ONCE ? left : USERS_AT_ONCE, &lists);
        status = write_lists(c, first, &lists, name, stream, err);
        nj_progress_update(&progress, first + lists.count, nj_clock_mono_ns());
    }
    nj_progress_finish(&progress);
    nj_lister_free(&lister);
    nj_scored_lists_fini(&lists);
    return status;
}

static nj_status write_output(const command *c, const char *path, nj_error *err)
{
    nj_file_draft draft = {0};
    if (strcmp(path, "-") == 0) {
        return make_lists(c, "standard output", stdout, err);
    }
    nj_status status = nj_file_draft_begin(path, &draft, err);
    if (status == NJ_OK) {
        status = make_lists(c, path, draft.stream, err);
    }
    if (status == NJ_OK) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    return status;
}

static nj_status tell_result(const nj_arguments *arguments, const command *c, uint64_t began_ns,
                             nj_error *err)
{
    const double seconds = (double)(nj_clock_mono_ns() - began_ns) / 1e9;
    const bool is_file = strcmp(nj_argument(arguments, "out"), "-") != 0;
    if (is_file && nj_argument_flag(arguments, "json")) {
        json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:s, s:f}", "method", METHODS[c->method],
                                   "lists", (json_int_t)c->histories.inputs.count, "left_out",
                                   (json_int_t)c->histories.left_out, "unsampled",
                                   (json_int_t)c->histories.unsampled, "held_out", c->words.text,
                                   "seconds", seconds);
        return nj_print_json_take(&object, err);
    }
    nj_log(
        NJ_LOG_INFO,
        "%s: %zu lists of %" PRIu32 " items in %.1f s; %" PRIu64 " users have no item to hold out",
        METHODS[c->method], c->histories.inputs.count, c->list.top, seconds, c->histories.left_out);
    return NJ_OK;
}

// ---- running ----

static void close_command(command *c)
{
    nj_sasrec_free(&c->sasrec);
    nj_neighbours_fini(&c->neighbours);
    free(c->counts);
    free(c->order);
    nj_pool_free(&c->pool);
    nj_split_histories_fini(&c->histories);
    nj_named_items_fini(&c->items);
}

nj_status nj_command_baseline(const nj_arguments *arguments, nj_error *err)
{
    const uint64_t began_ns = nj_clock_mono_ns();
    command c = {0};
    nj_status status = read_options(arguments, &c, err);
    if (status == NJ_OK) {
        status = nj_pool_new(c.threads, &c.pool, err);
    }
    if (status == NJ_OK) {
        status = nj_named_items_read(arguments, &c.items, err);
    }
    if (status == NJ_OK) {
        status =
            nj_split_histories_read(&c.source, &c.split, c.sample, &c.items, &c.histories, err);
    }
    if (status == NJ_OK) {
        status = count_popularity(&c, err);
    }
    if (status == NJ_OK) {
        status = make_recommender(arguments, &c, err);
    }
    if (status == NJ_OK) {
        status = write_output(&c, nj_argument(arguments, "out"), err);
    }
    if (status == NJ_OK) {
        status = tell_result(arguments, &c, began_ns, err);
    }
    close_command(&c);
    return status;
}
