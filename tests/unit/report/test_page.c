// test_page.c - the page of a real night, of nights that lack anything, and of documents that somebody else wrote.
#include "coordinator/report/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/markup_check.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static json_t *read_document(void)
{
    nj_error err = {0};
    json_t *document = NULL;
    assert_ok(nj_night_report_read(data_path("night-report.json"), &document, &err), &err);
    return document;
}

// The page as text; the caller frees it.
static char *make_page(const json_t *document)
{
    nj_error err = {0};
    nj_buffer page;
    nj_buffer_init(&page, NJ_NIGHT_REPORT_BYTES_MAX);
    assert_ok(nj_night_report_page(document, &page, &err), &err);
    assert_int_equal(nj_buffer_append(&page, "", 1), NJ_OK);
    char *text = strdup((const char *)page.bytes);
    assert_non_null(text);
    nj_buffer_fini(&page);
    return text;
}

static void expect_sound(const json_t *document)
{
    char *page = make_page(document);
    const char *problem = markup_problem(page);
    if (problem != NULL) {
        fail_msg("not well-formed at: %.80s", problem);
    }
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, "inf %"));
    assert_null(strstr(page, "inf\""));
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "src="));
    assert_null(strstr(page, "url("));
    free(page);
}

static void a_night_is_told_in_all_its_sections(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"id=\"summary\"",   "id=\"plan\"",    "id=\"throughput\"",
                                        "id=\"workers\"",   "id=\"latency\"", "id=\"memory\"",
                                        "id=\"lists\"",     "id=\"overlap\"", "id=\"quarantined\"",
                                        "id=\"incidents\"", "id=\"night\"",   "id=\"versions\"",
                                        "reader-0897",      ">killed<",       "Planned and actual"};
    json_t *document = read_document();
    char *page = make_page(document);
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strstr(page, WORDS[i]) == NULL) {
            fail_msg("the page does not say %s", WORDS[i]);
        }
    }
    free(page);
    expect_sound(document);
    json_decref(document);
}

static void a_night_that_was_taken_up_again_says_whose_numbers_these_are(void **state)
{
    (void)state;
    json_t *document = read_document();
    json_t *first = json_array_get(json_object_get(document, "processes"), 0);
    assert_int_equal(json_object_set_new(first, "end", json_string("TERMINATED")), 0);
    char *page = make_page(document);
    assert_non_null(strstr(page, "users a second, last process"));
    assert_non_null(strstr(page, "The night was taken up again"));
    assert_non_null(strstr(page, ">ended by SIGTERM<"));
    free(page);
    json_decref(document);
}

static void every_picture_has_a_title(void **state)
{
    (void)state;
    json_t *document = read_document();
    char *page = make_page(document);
    size_t pictures = 0;
    for (const char *at = strstr(page, "<svg"); at != NULL; at = strstr(at + 1, "<svg")) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        assert_int_equal(strncmp(end + 1, "\n<title>", 8), 0);
        pictures++;
    }
    assert_true(pictures >= 8);
    free(page);
    json_decref(document);
}

// Each key of an object becomes another thing, one after the other, and then is missing.
static void spoil(json_t *document, json_t *object)
{
    const size_t count = json_object_size(object);
    for (size_t n = 0; n < count; n++) {
        void *at = json_object_iter(object);
        for (size_t i = 0; i < n; i++) {
            at = json_object_iter_next(object, at);
        }
        char *key = strdup(json_object_iter_key(at));
        json_t *was = json_incref(json_object_iter_value(at));
        json_t *others[] = {json_integer(-7), json_string("<b>&\"</b>"), json_array(),
                            json_real(-1e308)};
        for (size_t o = 0; o < sizeof others / sizeof others[0]; o++) {
            assert_int_equal(json_object_set_new(object, key, others[o]), 0);
            expect_sound(document);
        }
        assert_int_equal(json_object_del(object, key), 0);
        expect_sound(document);
        assert_int_equal(json_object_set_new(object, key, was), 0);
        free(key);
    }
}

static void what_is_told_is_never_infinite(void **state)
{
    (void)state;
    json_t *document = read_document();
    json_t *planned = json_object_get(document, "planned");
    assert_int_equal(json_object_set_new(planned, "cores", json_real(1e-310)), 0);
    expect_sound(document);
    json_t *lists = json_object_get(document, "lists");
    json_t *flags = json_object_get(lists, "flags");
    assert_int_equal(json_object_del(lists, "rule"), 0);
    assert_int_equal(json_object_set_new(flags, "cold", json_real(1e308)), 0);
    expect_sound(document);
    json_decref(document);
}

static void a_document_may_lack_or_mistake_anything(void **state)
{
    (void)state;
    static const char *const OBJECTS[] = {"actual", "series", "workers", "spans", "lists", "run"};
    json_t *document = read_document();
    spoil(document, document);
    for (size_t i = 0; i < sizeof OBJECTS / sizeof OBJECTS[0]; i++) {
        spoil(document, json_object_get(document, OBJECTS[i]));
    }
    json_t *lists = json_object_get(document, "lists");
    spoil(document, json_object_get(lists, "scores"));
    spoil(document, json_object_get(lists, "overlap"));
    spoil(document, json_object_get(lists, "exposure"));
    json_decref(document);

    json_t *empty = json_object();
    expect_sound(empty);
    json_decref(empty);
}

static void other_files_are_no_documents(void **state)
{
    nj_error err = {0};
    json_t *document = NULL;
    const char *path = sandbox_write(state, "other.json", "{\"version\": 2}", 14);
    assert_refused(nj_night_report_read(path, &document, &err), NJ_INPUT, &err, "version 1");
    assert_int_equal(nj_night_report_read(sandbox_path(state, "none.json"), &document, &err),
                     NJ_NOT_FOUND);
    path = sandbox_write(state, "text.json", "{", 1);
    assert_int_equal(nj_night_report_read(path, &document, &err), NJ_INPUT);
}

// The most of everything that a recorder can hold, with the longest names and reasons.
static void the_largest_document_fits(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_recorder r;
    char name[NJ_RECORDER_NAME_BYTES];
    char why[2 * NJ_RECORDER_NOTE_BYTES];
    memset(why, '\x01', sizeof why); // six bytes each in JSON
    assert_ok(nj_recorder_init(&r, NJ_RECORDER_WORKERS_MAX, &err), &err);
    for (uint32_t i = 0; i < NJ_RECORDER_WORKERS_MAX; i++) {
        memset(name, 'n', sizeof name - 1);
        snprintf(name, sizeof name, "%064u", i);
        const uint64_t id = (uint64_t)(i + 1) << 16 | i;
        nj_recorder_step(&r, &(nj_note){.kind = NJ_NOTE_JOINED, .worker = id, .name = name}, i);
        const nj_note_lease lease = {UINT32_MAX - 1, UINT32_MAX, i, 0, 64, false};
        nj_recorder_step(&r, &(nj_note){.kind = NJ_NOTE_LEASED, .worker = id, .lease = lease}, i);
        nj_recorder_step(
            &r,
            &(nj_note){
                .kind = NJ_NOTE_FAILED, .worker = id, .lease = lease, .text = {why, sizeof why}},
            UINT64_C(86400000) + i);
    }
    bool ok = true;
    json_t *document = json_object();
    nj_document_put_recorder(document, &r, &ok);
    assert_true(ok);
    char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(6));
    assert_non_null(text);
    assert_true(strlen(text) + (1u << 20) < NJ_NIGHT_REPORT_BYTES_MAX); // the rest is small
    expect_sound(document);
    free(text);
    json_decref(document);
    nj_recorder_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_night_is_told_in_all_its_sections),
        cmocka_unit_test(a_night_that_was_taken_up_again_says_whose_numbers_these_are),
        cmocka_unit_test(every_picture_has_a_title),
        cmocka_unit_test(what_is_told_is_never_infinite),
        cmocka_unit_test(a_document_may_lack_or_mistake_anything),
        cmocka_unit_test_setup_teardown(other_files_are_no_documents, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(the_largest_document_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
