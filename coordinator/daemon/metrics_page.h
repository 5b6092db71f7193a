// metrics_page.h - GET /metrics and GET /healthz while a night runs.
//
// The night's thread hands over a copy of its numbers about once a second; the HTTP thread prints the last copy. They share one
// mutex, held while a kilobyte is copied, so that no scrape can hold up the night.
//
// /healthz says only that the process is there. It does not look at the night: packing takes minutes in which nothing is leased,
// and a supervisor that took that for death would end nights that are nearly done.
//
// Prometheus asks every 15 or 30 seconds, so it would seldom see what a night ended with: the page can wait for one more question.
#ifndef NJ_COORDINATOR_DAEMON_METRICS_PAGE_H
#define NJ_COORDINATOR_DAEMON_METRICS_PAGE_H

#include <stdbool.h>

#include "coordinator/daemon/metrics.h"

typedef struct nj_metrics_page nj_metrics_page;

/// Errors  those of nj_http_open
/// Proof   tests/integration/0230-metrics.t
NJ_CHECKED nj_status nj_metrics_page_open(const char *address, nj_metrics_page **out,
                                          nj_error *err);
/// Accepts NULL.
void nj_metrics_page_close(nj_metrics_page **page);

/// What the next scrape sees. NULL `page`: nothing to do.
void nj_metrics_page_show(nj_metrics_page *page, const nj_metrics *metrics);
/// Returns when a scrape of numbers that were shown just before has left whole (true), when `wait_ms` have passed, or when
/// `is_enough` says so, which is asked ten times a second.
/// Proof   tests/integration/0230-metrics.t
bool nj_metrics_page_await_scrape(nj_metrics_page *page, uint32_t wait_ms, bool (*is_enough)(void));

/// "127.0.0.1:9464"; borrowed until close.
const char *nj_metrics_page_address(const nj_metrics_page *page);

#endif
