#include "ops/cli/bundle_options.h"

#include <math.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/catalogue/neighbour_table.h"
#include "ops/cli/numbers.h"

#define DAY_MS (86400u * 1000u)
#define DAY_SECONDS 86400.0

static nj_status read_vector_form(const nj_arguments *arguments, nj_vector_form *out, nj_error *err)
{
    const char *word = nj_argument(arguments, "vector-form");
    *out = strcmp(word, "float32") == 0 ? NJ_VECTORS_F32 : NJ_VECTORS_F16;
    return *out == NJ_VECTORS_F32 || strcmp(word, "float16") == 0
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--vector-form is \"%s\", must be float16 or float32",
                         word);
}

static nj_status read_kind(const char *word, nj_neighbours_kind *out, nj_error *err)
{
    const bool is_knn = strcmp(word, "item-knn") == 0;
    *out = is_knn ? NJ_NEIGHBOURS_COSINE : NJ_NEIGHBOURS_CO_VISITATION;
    return is_knn || strcmp(word, "co-visitation") == 0
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "--neighbours is \"%s\", must be co-visitation or item-knn",
                         word);
}

// Numbers of one kind of neighbours are refused with the other.
static nj_status read_numbers(const nj_arguments *arguments, nj_neighbours_settings *settings,
                              nj_error *err)
{
    const struct {
        const char *name;
        nj_neighbours_kind kind;
        double most;
        double *value;
    } REALS[] = {
        {"neighbours-distance", NJ_NEIGHBOURS_CO_VISITATION, 10, &settings->distance},
        {"neighbours-back", NJ_NEIGHBOURS_CO_VISITATION, 1, &settings->back},
        {"neighbours-shrink", NJ_NEIGHBOURS_COSINE, 1e6, &settings->shrink},
    };
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof REALS / sizeof REALS[0] && status == NJ_OK; i++) {
        if (nj_argument(arguments, REALS[i].name) == NULL) {
            continue;
        }
        status =
            REALS[i].kind == settings->kind
                ? nj_argument_real(arguments, REALS[i].name, 0, REALS[i].most, REALS[i].value, err)
                : nj_fail(err, NJ_USAGE, "--%s is nothing that --neighbours %s has", REALS[i].name,
                          nj_argument(arguments, "neighbours"));
    }
    return status;
}

// They have no default, so one that is there was given.
static nj_status refuse_lone_numbers(const nj_arguments *arguments, nj_error *err)
{
    static const char *const NAMES[] = {"neighbours-distance", "neighbours-back",
                                        "neighbours-shrink"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (nj_argument(arguments, NAMES[i]) != NULL) {
            return nj_fail(err, NJ_USAGE, "--%s needs --neighbours", NAMES[i]);
        }
    }
    return NJ_OK;
}

static nj_status read_neighbours(const nj_arguments *arguments, nj_bundle_items_request *out,
                                 nj_error *err)
{
    uint64_t most = 0;
    nj_cpu_list cpus;
    nj_neighbours_kind kind = NJ_NEIGHBOURS_CO_VISITATION;
    const char *word = nj_argument(arguments, "neighbours");
    out->wants_neighbours = word != NULL;
    if (word == NULL) {
        return refuse_lone_numbers(arguments, err);
    }
    if (nj_argument(arguments, "histories") == NULL) {
        return nj_fail(err, NJ_USAGE, "--neighbours needs --histories: they are counted from them");
    }
    nj_status status = read_kind(word, &kind, err);
    if (status == NJ_OK) {
        status =
            nj_argument_uint(arguments, "neighbours-max", 1, NJ_NEIGHBOUR_TABLE_MAX, &most, err);
    }
    if (status == NJ_OK) {
        out->neighbours = nj_neighbours_defaults(kind);
        out->neighbours.neighbours_max = (uint32_t)most;
        status = read_numbers(arguments, &out->neighbours, err);
    }
    if (status == NJ_OK) {
        status = nj_cpus_allowed(&cpus, err);
    }
    if (status == NJ_OK) {
        out->threads = cpus.count < NJ_POOL_THREADS_MAX ? cpus.count : NJ_POOL_THREADS_MAX;
    }
    return status;
}

nj_status nj_bundle_items_from(const nj_arguments *arguments, const nj_instant *as_of,
                               nj_bundle_items_request *out, nj_error *err)
{
    const bool has_day = as_of->given && as_of->is_date;
    nj_bundle_items_request request = {
        .policy_path = nj_argument(arguments, "policy"),
        .today = has_day ? (int64_t)floor(as_of->at / DAY_SECONDS)
                         : (int64_t)(nj_clock_wall_ms() / DAY_MS),
        .attributes = {.path = nj_argument(arguments, "attributes"),
                       .word_columns = nj_argument(arguments, "attribute-columns"),
                       .day_columns = nj_argument(arguments, "day-columns")},
        .vectors_path = nj_argument(arguments, "item-vectors")};
    const bool has_columns =
        request.attributes.word_columns != NULL || request.attributes.day_columns != NULL;
    if (request.attributes.path == NULL && has_columns) {
        return nj_fail(err, NJ_USAGE, "--attribute-columns and --day-columns need --attributes");
    }
    nj_status status = read_vector_form(arguments, &request.vector_form, err);
    if (status == NJ_OK) {
        status = read_neighbours(arguments, &request, err);
    }
    if (status == NJ_OK) {
        *out = request;
    }
    return status;
}
