#include "coordinator/daemon/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "common/base/file.h"

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u
#define MS_PER_S 1000u

// From a small commit to a shard that takes as long as a lease may.
static const uint32_t BOUNDS_MS[NJ_HISTOGRAM_BUCKETS] = {
    1, 5, 25, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 600000};

void nj_histogram_observe(nj_histogram *histogram, uint64_t duration_ns)
{
    size_t i = 0;
    while (i < NJ_HISTOGRAM_BUCKETS && duration_ns > (uint64_t)BOUNDS_MS[i] * NS_PER_MS) {
        i++;
    }
    histogram->buckets[i]++;
    histogram->sum_ns += duration_ns;
}

typedef struct row row;

// One row of the table; `print` takes the field's address.
struct row {
    nj_status (*print)(const row *r, const void *value, nj_buffer *out);
    size_t offset; // in nj_metrics
    const char *type;
    const char *name;
    const char *labels;
    const char *help;
};

static nj_status print_name(const row *r, nj_buffer *out)
{
    return r->labels[0] != '\0' ? nj_buffer_printf(out, "%s{%s} ", r->name, r->labels)
                                : nj_buffer_printf(out, "%s ", r->name);
}

static nj_status print_whole(const row *r, const void *value, nj_buffer *out)
{
    const uint64_t *number = value;
    nj_status status = print_name(r, out);
    return status == NJ_OK ? nj_buffer_printf(out, "%" PRIu64 "\n", *number) : status;
}

static nj_status print_seconds(const row *r, const void *value, nj_buffer *out)
{
    const uint64_t *ns = value;
    nj_status status = print_name(r, out);
    return status == NJ_OK ? nj_buffer_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", *ns / NS_PER_S,
                                              *ns % NS_PER_S)
                           : status;
}

static nj_status print_timestamp(const row *r, const void *value, nj_buffer *out)
{
    const uint64_t *ms = value;
    nj_status status = print_name(r, out);
    return status == NJ_OK ? nj_buffer_printf(out, "%" PRIu64 ".%03" PRIu64 "\n", *ms / MS_PER_S,
                                              *ms % MS_PER_S)
                           : status;
}

static nj_status print_histogram(const row *r, const void *value, nj_buffer *out)
{
    const nj_histogram *histogram = value;
    uint64_t count = 0;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < NJ_HISTOGRAM_BUCKETS && status == NJ_OK; i++) {
        count += histogram->buckets[i];
        status = nj_buffer_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", r->name,
                                  (double)BOUNDS_MS[i] / MS_PER_S, count);
    }
    count += histogram->buckets[NJ_HISTOGRAM_BUCKETS];
    return status == NJ_OK ? nj_buffer_printf(out,
                                              "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRIu64
                                              ".%09" PRIu64 "\n%s_count %" PRIu64 "\n",
                                              r->name, count, r->name, histogram->sum_ns / NS_PER_S,
                                              histogram->sum_ns % NS_PER_S, r->name, count)
                           : status;
}

#define COUNTER print_whole, "counter"
#define GAUGE print_whole, "gauge"
#define SECONDS print_seconds, "counter"
#define TIMESTAMP print_timestamp, "gauge"
#define HISTOGRAM print_histogram, "histogram"
#define ROW(PRINT, TYPE, field, name, labels, help)                                                \
    {                                                                                              \
        PRINT, offsetof(nj_metrics, field), TYPE, name, labels, help                               \
    }
#define EXPAND(macro, ...) macro(__VA_ARGS__)

static const row ROWS[] = {
#define NJ_METRIC(KIND, field, name, labels, help) EXPAND(ROW, KIND, field, name, labels, help),
#include "schemas/metrics.def"
#undef NJ_METRIC
};

nj_status nj_metrics_print(const nj_metrics *metrics, nj_buffer *out)
{
    nj_status status = NJ_OK;
    const char *last_name = "";
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0] && status == NJ_OK; i++) {
        const row *r = &ROWS[i];
        if (strcmp(last_name, r->name) !=
            0) { // HELP and TYPE stand once, above the first of a name
            status = nj_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help,
                                      r->name, r->type);
            last_name = r->name;
        }
        if (status == NJ_OK) {
            status = r->print(r, (const char *)metrics + r->offset, out);
        }
    }
    return status;
}

nj_status nj_metrics_write(const nj_metrics *metrics, const char *path, nj_error *err)
{
    nj_buffer text;
    nj_buffer_init(&text, NJ_METRICS_BYTES_MAX);
    nj_status status = nj_metrics_print(metrics, &text);
    status = status == NJ_OK ? nj_file_write(path, text.bytes, text.size, err)
                             : nj_fail(err, status, "%s: no memory for the metrics", path);
    nj_buffer_fini(&text);
    return status;
}
