// test_training_log.c - what training.json tells, what a resumed training takes from it, and the page made of it.
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/codec/json.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/train/training_log.h"
#include "worker/train/training_report.h"

static void begin(nj_training_log *log, double rate, bool less_is_better)
{
    nj_error err = {0};
    json_t *settings = json_pack("{s:f, s:i}", "rate", rate, "batch", 64);
    json_t *inputs = json_pack("{s:s}", "users", "abc");
    assert_ok(nj_training_log_begin("t5", &settings, &inputs, "ndcg@10", less_is_better, log, &err),
              &err);
    assert_null(settings);
    assert_null(inputs);
}

// Adds an epoch with this figure; below 0: it was not validated. Says whether it is the best.
static bool add(nj_training_log *log, double figure)
{
    nj_error err = {0};
    nj_training_log more;
    nj_training_epoch epoch = {.epoch = log->epochs + 1,
                               .steps = 10 * (log->epochs + 1),
                               .seconds = 1.5 * (log->epochs + 1),
                               .loss = 3,
                               .rate = 0.01,
                               .figure_count = figure < 0 ? 0 : 2,
                               .figures = {{"recall@10", 0.5}, {"ndcg@10", figure}}};
    bool better = nj_training_log_is_better(log, &epoch);
    assert_ok(nj_training_log_add(log, &epoch, &more, &err), &err);
    nj_training_log_fini(log);
    *log = more;
    return better;
}

static nj_buffer text_of(const nj_training_log *log)
{
    nj_error err = {0};
    nj_buffer text;
    nj_buffer_init(&text, 1 << 20);
    assert_ok(nj_training_log_text(log, &text, &err), &err);
    return text;
}

static void the_best_epoch_and_validations_since_are_counted(void **state)
{
    (void)state;
    nj_training_log log;
    begin(&log, 0.1, false);
    assert_false(add(&log, -1));
    assert_int_equal(log.best_epoch, 0);
    assert_true(add(&log, 0.25));
    assert_false(add(&log, 0.25)); // as good is not better
    assert_false(add(&log, -1));   // not validated: not counted
    assert_false(add(&log, 0.125));
    assert_int_equal(log.epochs, 5);
    assert_int_equal(log.best_epoch, 2);
    assert_true(log.best == 0.25);
    assert_int_equal(log.without_better, 2);
    assert_true(add(&log, 0.5));
    assert_int_equal(log.without_better, 0);
    nj_training_log_fini(&log);

    begin(&log, 0.1, true);
    assert_true(add(&log, 0.25));
    assert_false(add(&log, 0.5));
    assert_true(add(&log, 0.125));
    assert_int_equal(log.best_epoch, 3);
    nj_training_log_fini(&log);
}

static void a_log_goes_on_from_its_own_text_to_the_same_text(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_training_log whole, resumed;
    begin(&whole, 0.05, false);
    begin(&resumed, 0.05, false);
    add(&whole, 0.25);
    add(&whole, 0.125);
    nj_buffer notes = text_of(&whole);
    assert_ok(nj_training_log_resume(&resumed, nj_buffer_slice(&notes), "notes", &err), &err);
    assert_int_equal(resumed.epochs, 2);
    assert_int_equal(resumed.best_epoch, 1);
    assert_int_equal(resumed.without_better, 1);
    assert_true(resumed.best == 0.25 && resumed.seconds == 3);
    assert_false(add(&resumed, 0.1875));
    assert_false(add(&whole, 0.1875));
    nj_buffer a = text_of(&whole);
    nj_buffer b = text_of(&resumed);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.bytes, b.bytes, a.size);
    nj_buffer_fini(&a);
    nj_buffer_fini(&b);
    nj_buffer_fini(&notes);
    nj_training_log_fini(&whole);
    nj_training_log_fini(&resumed);
}

static void a_figure_as_good_as_the_best_is_not_better_behind_a_resume(void **state)
{
    (void)state;
    nj_error err = {0};
    const double figure = 1.0 / 3; // no 15 digits are this number
    nj_training_log begun, resumed;
    begin(&begun, 0.05, false);
    begin(&resumed, 0.05, false);
    assert_true(add(&begun, figure));
    nj_buffer notes = text_of(&begun);
    assert_ok(nj_training_log_resume(&resumed, nj_buffer_slice(&notes), "notes", &err), &err);
    assert_false(add(&begun, figure));
    assert_false(add(&resumed, figure));
    assert_true(begun.best == resumed.best);
    nj_buffer_fini(&notes);
    nj_training_log_fini(&begun);
    nj_training_log_fini(&resumed);
}

static void values_that_differ_far_behind_are_not_the_same(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_training_log begun, other;
    char text[200] = "";
    memset(text, 'x', sizeof text - 1);
    begin(&begun, 0.05, false);
    begin(&other, 0.05, false);
    json_object_set_new(json_object_get(begun.object, "settings"), "template", json_string(text));
    text[sizeof text - 2] = 'y';
    json_object_set_new(json_object_get(other.object, "settings"), "template", json_string(text));
    nj_buffer notes = text_of(&begun);
    assert_refused(nj_training_log_resume(&other, nj_buffer_slice(&notes), "notes", &err),
                   NJ_CONFIG, &err, "begun with template");
    nj_buffer_fini(&notes);
    nj_training_log_fini(&begun);
    nj_training_log_fini(&other);
}

static void another_setting_is_refused_by_name_with_both_values(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_training_log begun, other;
    begin(&begun, 0.05, false);
    begin(&other, 0.1, false);
    nj_buffer notes = text_of(&begun);
    assert_refused(nj_training_log_resume(&other, nj_buffer_slice(&notes), "notes", &err),
                   NJ_CONFIG, &err, "notes: the training was begun with rate 0.05, now it is 0.1");
    json_object_set_new(json_object_get(other.object, "settings"), "rate", json_real(0.05));
    json_object_set_new(json_object_get(other.object, "settings"), "heads", json_integer(6));
    assert_refused(nj_training_log_resume(&other, nj_buffer_slice(&notes), "notes", &err),
                   NJ_CONFIG, &err, "begun with heads nothing, now it is 6");
    nj_buffer more = text_of(&other);
    assert_refused(nj_training_log_resume(&begun, nj_buffer_slice(&more), "notes", &err), NJ_CONFIG,
                   &err, "begun with heads 6, now it is nothing");
    nj_buffer_fini(&notes);
    nj_buffer_fini(&more);
    nj_training_log_fini(&begun);
    nj_training_log_fini(&other);
}

static void notes_that_are_none_are_refused_and_nothing_is_taken(void **state)
{
    (void)state;
    nj_error err = {0};
    static const char *const BAD[] = {"", "[", "[]", "{\"kind\": \"t5\"}"};
    nj_training_log log;
    begin(&log, 0.05, false);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_slice notes = {BAD[i], strlen(BAD[i])};
        nj_status status = nj_training_log_resume(&log, notes, "notes", &err);
        assert_true(status == NJ_INPUT || status == NJ_CONFIG);
    }
    nj_buffer text = text_of(&log);
    json_t *json = NULL;
    assert_ok(nj_json_parse((const char *)text.bytes, text.size, "log", &json, &err), &err);
    json_object_set_new(json, "epochs", json_integer(3));
    char *damaged = json_dumps(json, 0);
    assert_refused(
        nj_training_log_resume(&log, (nj_slice){damaged, strlen(damaged)}, "notes", &err), NJ_INPUT,
        &err, "\"epochs\" is not a list");
    assert_int_equal(log.epochs, 0);
    free(damaged);
    json_decref(json);
    nj_buffer_fini(&text);
    nj_training_log_fini(&log);
}

static void the_page_shows_curves_settings_and_epochs(void **state)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, "report.html");
    nj_training_log log;
    char *page = NULL;
    size_t size = 0;
    begin(&log, 0.05, false);
    assert_ok(nj_training_report_write(&log, path, &err), &err); // before the first epoch
    add(&log, -1);
    add(&log, 0.25);
    assert_ok(nj_training_report_write(&log, path, &err), &err);
    assert_ok(nj_file_read(path, 1 << 20, &page, &size, &err), &err);
    static const char *const PARTS[] = {"Training of t5", "<svg", "recall@10", "0.2500",
                                        "--resume",       "rate", "0.05",      "</html>"};
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        if (strstr(page, PARTS[i]) == NULL) {
            fail_msg("the page lacks \"%s\"", PARTS[i]);
        }
    }
    free(page);
    nj_training_log_finish(&log, "patience");
    assert_ok(nj_training_report_write(&log, path, &err), &err);
    assert_ok(nj_file_read(path, 1 << 20, &page, &size, &err), &err);
    assert_non_null(strstr(page, "ended by patience"));
    free(page);
    nj_training_log_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_epoch_and_validations_since_are_counted),
        cmocka_unit_test(a_log_goes_on_from_its_own_text_to_the_same_text),
        cmocka_unit_test(a_figure_as_good_as_the_best_is_not_better_behind_a_resume),
        cmocka_unit_test(values_that_differ_far_behind_are_not_the_same),
        cmocka_unit_test(another_setting_is_refused_by_name_with_both_values),
        cmocka_unit_test(notes_that_are_none_are_refused_and_nothing_is_taken),
        cmocka_unit_test_setup_teardown(the_page_shows_curves_settings_and_epochs, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
