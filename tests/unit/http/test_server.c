// test_server.c - pages for those who ask properly, and nothing but a closed connection for the others.
#include "common/http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/nj_test.h"

#define ANSWER_BYTES 4096
#define WAIT_MS 15000

static nj_status answer(void *context, const char *path, nj_buffer *body)
{
    (void)context;
    if (strcmp(path, "/busy") == 0) {
        return NJ_AGAIN;
    }
    return strcmp(path, "/page") == 0 ? nj_buffer_printf(body, "numbers\n") : NJ_NOT_FOUND;
}

static nj_http *open_server(void)
{
    nj_error err = {0};
    nj_http *http = NULL;
    assert_ok(nj_http_open("127.0.0.1:0", answer, NULL, NULL, &http, &err), &err);
    return http;
}

static int dial(const nj_http *http)
{
    const char *colon = strrchr(nj_http_address(http), ':');
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
    return fd;
}

// Everything until the server closes. [ANSWER_BYTES]
static size_t read_all(int fd, char *out)
{
    size_t used = 0;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        ssize_t size = recv(fd, out + used, ANSWER_BYTES - 1 - used, 0);
        if (size <= 0) {
            break;
        }
        used += (size_t)size;
    }
    out[used] = '\0';
    return used;
}

static void ask(const nj_http *http, const char *request, char *out)
{
    int fd = dial(http);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    read_all(fd, out);
    close(fd);
}

// ---- tests ----

static void a_page_is_answered_and_others_are_not_found(void **state)
{
    (void)state;
    char found[ANSWER_BYTES];
    nj_http *http = open_server();

    ask(http, "GET /page HTTP/1.0\r\n\r\n", found);
    assert_ptr_equal(strstr(found, "HTTP/1.1 200 "), found);
    assert_non_null(strstr(found, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(found, "\r\n\r\nnumbers\n"));
    ask(http, "GET /other HTTP/1.0\r\n\r\n", found);
    assert_ptr_equal(strstr(found, "HTTP/1.1 404 "), found);
    ask(http, "GET /busy HTTP/1.0\r\n\r\n", found);
    assert_ptr_equal(strstr(found, "HTTP/1.1 503 "), found);
    ask(http, "GET /page HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", found);
    assert_ptr_equal(strstr(found, "HTTP/1.1 200 "), found);
    ask(http, "POST /page HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", found);
    assert_ptr_equal(strstr(found, "HTTP/1.1 405 "), found);
    nj_http_close(&http);
    assert_null(http);
}

// What has left, noted on the server's thread.
typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned pages;
    unsigned others;
} sent_pages;

static void note_sent(void *context, const char *path)
{
    sent_pages *sent = context;
    pthread_mutex_lock(&sent->mutex);
    sent->pages += strcmp(path, "/page") == 0;
    sent->others += strcmp(path, "/page") != 0;
    pthread_cond_signal(&sent->changed);
    pthread_mutex_unlock(&sent->mutex);
}

static void an_answer_that_has_left_is_told(void **state)
{
    (void)state;
    nj_error err = {0};
    char found[ANSWER_BYTES];
    nj_http *http = NULL;
    sent_pages sent = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    assert_ok(nj_http_open("127.0.0.1:0", answer, note_sent, &sent, &http, &err), &err);

    int fd = dial(http); // asks for half, and goes: nothing is answered
    assert_int_equal(send(fd, "GET /page HTT", 13, MSG_NOSIGNAL), 13);
    close(fd);
    ask(http, "GET /other HTTP/1.0\r\n\r\n", found);
    ask(http, "GET /page HTTP/1.0\r\n\r\n", found);

    pthread_mutex_lock(&sent.mutex);
    while (sent.pages == 0 || sent.others == 0) {
        pthread_cond_wait(&sent.changed, &sent.mutex);
    }
    pthread_mutex_unlock(&sent.mutex);
    nj_http_close(&http);
    assert_int_equal(sent.pages, 1);
    assert_int_equal(sent.others, 1);
}

static void bytes_that_are_no_request_end_the_connection(void **state)
{
    (void)state;
    char found[ANSWER_BYTES];
    static char endless[4 * NJ_HTTP_CONNECTION_BYTES];
    nj_http *http = open_server();
    int fd = dial(http);

    memset(endless, 'a', sizeof endless - 1);
    memcpy(endless, "GET /", 5);
    (void)!send(fd, endless, sizeof endless - 1, MSG_NOSIGNAL);
    read_all(fd, found);
    assert_null(strstr(found, "numbers"));
    close(fd);
    ask(http, "\x16\x03\x01\r\n\r\n", found);
    assert_null(strstr(found, "numbers"));
    ask(http, "GET /page HTTP/1.0\r\n\r\n", found);
    assert_non_null(strstr(found, "numbers"));
    nj_http_close(&http);
}

static void silent_clients_are_bounded_and_put_out(void **state)
{
    (void)state;
    char found[ANSWER_BYTES];
    int silent[NJ_HTTP_CONNECTIONS_MAX];
    nj_http *http = open_server();
    for (size_t i = 0; i < NJ_HTTP_CONNECTIONS_MAX; i++) {
        silent[i] = dial(http);
    }

    for (size_t i = 0; i < NJ_HTTP_CONNECTIONS_MAX; i++) { // each is closed for its silence
        assert_int_equal(read_all(silent[i], found), 0);
        close(silent[i]);
    }
    ask(http, "GET /page HTTP/1.0\r\n\r\n", found);

    assert_non_null(strstr(found, "numbers"));
    nj_http_close(&http);
}

static void an_address_that_cannot_be_is_refused_with_its_form(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"",
                                        ":",
                                        "9464",
                                        ":9464",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:x",
                                        "127.0.0.1:65536",
                                        "localhost:1",
                                        "[::1]",
                                        "[::1]:",
                                        "::1:9464",
                                        "[]:9464",
                                        "[:9464",
                                        "1.2.3.4.5:9464"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        nj_error err = {0};
        nj_http *http = NULL;
        assert_int_equal(nj_http_open(WRONG[i], answer, NULL, NULL, &http, &err), NJ_USAGE);
        assert_non_null(strstr(err.text, "write 127.0.0.1:9464"));
        assert_null(http);
    }
}

static void an_address_that_is_taken_says_so(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_http *second = NULL;
    nj_http *http = open_server();
    assert_int_equal(nj_http_open(nj_http_address(http), answer, NULL, NULL, &second, &err),
                     NJ_AGAIN);
    assert_non_null(strstr(err.text, nj_http_address(http)));
    assert_int_equal(nj_http_open("192.0.2.1:9464", answer, NULL, NULL, &second, &err), NJ_CONFIG);
    nj_http_close(&http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_answered_and_others_are_not_found),
        cmocka_unit_test(an_answer_that_has_left_is_told),
        cmocka_unit_test(bytes_that_are_no_request_end_the_connection),
        cmocka_unit_test(silent_clients_are_bounded_and_put_out),
        cmocka_unit_test(an_address_that_cannot_be_is_refused_with_its_form),
        cmocka_unit_test(an_address_that_is_taken_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
