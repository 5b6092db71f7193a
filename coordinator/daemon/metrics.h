// metrics.h - the numbers of a night, and their text for Prometheus.
//
//   schemas/metrics.def ─► nj_metrics ─► nj_metrics_print ─┬─► GET /metrics (metrics_page.h)
//                                                          └─► --metrics-file, when the night has ended
//
// Plain numbers without locks: they belong to the night's thread.
#ifndef NJ_COORDINATOR_DAEMON_METRICS_H
#define NJ_COORDINATOR_DAEMON_METRICS_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define NJ_METRICS_BYTES_MAX 65536 // of the text
#define NJ_HISTOGRAM_BUCKETS 15

// Durations; bucket i counts those up to the i-th bound and above the one before, the last those above all.
typedef struct {
    uint64_t buckets[NJ_HISTOGRAM_BUCKETS + 1];
    uint64_t sum_ns;
} nj_histogram;

#define NJ_METRIC_TYPE_COUNTER uint64_t
#define NJ_METRIC_TYPE_GAUGE uint64_t
#define NJ_METRIC_TYPE_SECONDS uint64_t
#define NJ_METRIC_TYPE_TIMESTAMP uint64_t
#define NJ_METRIC_TYPE_HISTOGRAM nj_histogram

typedef struct {
#define NJ_METRIC(KIND, field, name, labels, help) NJ_METRIC_TYPE_##KIND field;
#include "schemas/metrics.def"
#undef NJ_METRIC
} nj_metrics;

void nj_histogram_observe(nj_histogram *histogram, uint64_t duration_ns);

/// Appends the text form (version 0.0.4). NJ_NO_MEMORY.
/// Proof   tests/unit/coordinator/test_metrics.c
NJ_CHECKED nj_status nj_metrics_print(const nj_metrics *metrics, nj_buffer *out);

/// Writes the text to `path`, renamed into place. NJ_IO, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_metrics_write(const nj_metrics *metrics, const char *path, nj_error *err);

#endif
