#include "coordinator/daemon/metrics_page.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/server.h"

struct nj_metrics_page {
    nj_http *http;
    pthread_mutex_t mutex; // over shown
    nj_metrics shown;
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
    pthread_mutex_unlock(&page->mutex);
    return nj_metrics_print(&copy, body);
}

nj_status nj_metrics_page_open(const char *address, nj_metrics_page **out, nj_error *err)
{
    nj_metrics_page *page = calloc(1, sizeof *page);
    if (page == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the metrics page");
    }
    pthread_mutex_init(&page->mutex, NULL);
    nj_status status = nj_http_open(address, answer, page, &page->http, err);
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
        pthread_mutex_unlock(&page->mutex);
    }
}

const char *nj_metrics_page_address(const nj_metrics_page *page)
{
    return nj_http_address(page->http);
}
