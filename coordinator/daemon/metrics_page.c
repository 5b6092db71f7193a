#include "coordinator/daemon/metrics_page.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/http/server.h"

#define LOOK_MS 100

struct nj_metrics_page {
    nj_http *http;
    pthread_mutex_t mutex; // over what follows
    nj_metrics shown;
    bool is_read; // the numbers that are shown were copied for an answer
    bool is_sent; // and such an answer has left
};

static nj_status answer(void *context, const char *path, nj_buffer *body)
{
    nj_metrics_page *page = context;
    nj_metrics copy;
    if (strcmp(path, "/healthz") == 0) {
        return nj_buffer_printf(body, "ok\n");
    }
    if (strcmp(path, "/metrics") != 0) {
        return NJ_NOT_FOUND;
    }
    pthread_mutex_lock(&page->mutex);
    copy = page->shown;
    page->is_read = true;
    pthread_mutex_unlock(&page->mutex);
    return nj_metrics_print(&copy, body);
}

static void note_sent(void *context, const char *path)
{
    nj_metrics_page *page = context;
    pthread_mutex_lock(&page->mutex);
    page->is_sent = page->is_sent || (page->is_read && strcmp(path, "/metrics") == 0);
    pthread_mutex_unlock(&page->mutex);
}

nj_status nj_metrics_page_open(const char *address, nj_metrics_page **out, nj_error *err)
{
    nj_metrics_page *page = calloc(1, sizeof *page);
    if (page == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the metrics page");
    }
    pthread_mutex_init(&page->mutex, NULL);
    nj_status status = nj_http_open(address, answer, note_sent, page, &page->http, err);
    if (status != NJ_OK) {
        nj_metrics_page_close(&page);
        return status;
    }
    *out = page;
    return NJ_OK;
}

void nj_metrics_page_close(nj_metrics_page **page)
{
    if (*page != NULL) {
        nj_http_close(&(*page)->http);
        pthread_mutex_destroy(&(*page)->mutex);
        free(*page);
        *page = NULL;
    }
}

void nj_metrics_page_show(nj_metrics_page *page, const nj_metrics *metrics)
{
    if (page != NULL) {
        pthread_mutex_lock(&page->mutex);
        page->shown = *metrics;
        page->is_read = false;
        page->is_sent = false;
        pthread_mutex_unlock(&page->mutex);
    }
}

static bool is_scraped(nj_metrics_page *page)
{
    pthread_mutex_lock(&page->mutex);
    const bool is_sent = page->is_sent;
    pthread_mutex_unlock(&page->mutex);
    return is_sent;
}

bool nj_metrics_page_await_scrape(nj_metrics_page *page, uint32_t wait_ms, bool (*is_enough)(void))
{
    const struct timespec tick = {.tv_nsec = LOOK_MS * 1000000};
    const uint64_t end_ns = nj_clock_mono_ns() + wait_ms * UINT64_C(1000000);
    while (!is_scraped(page) && !is_enough() && nj_clock_mono_ns() < end_ns) {
        nanosleep(&tick, NULL);
    }
    return is_scraped(page);
}

const char *nj_metrics_page_address(const nj_metrics_page *page)
{
    return nj_http_address(page->http);
}
