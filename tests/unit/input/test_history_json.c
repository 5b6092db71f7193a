// test_history_json.c - jsonl against RFC 8259, with jansson as the judge of what is JSON.
#include <jansson.h>
#include <stdlib.h>

#include "common/input/history_json.h"
#include "tests/unit/input/collect.h"

#define LIMITS (&NJ_HISTORIES_LIMITS)

static void assert_json(const char *text, const char *expected)
{
    assert_histories(NJ_HISTORIES_JSONL, LIMITS, text, strlen(text), expected);
}

static void assert_json_refused(const char *text, const char *says)
{
    assert_histories_refused(NJ_HISTORIES_JSONL, LIMITS, text, strlen(text), says);
}

static void lines_are_objects_with_user_and_items(void **state)
{
    (void)state;
    assert_json("{\"user\": \"u1\", \"items\": [\"a\", \"b\"]}\r\n\n{\"items\":[],\"user\":\"u2\"}",
                "u1@1[a b] u2@3[]");
    assert_json("\xef\xbb\xbf \t{ \"user\" : \"u1\" , \"items\" : [ \"a\" , \"b\" ] } \t\n",
                "u1@1[a b]");
    assert_json("{\"user\":\"u 1\",\"items\":[\"a b\"]}", "u 1@1[a b]");
}

static void whole_numbers_are_taken_as_they_are_written(void **state)
{
    (void)state;
    assert_json("{\"user\":7,\"items\":[0,-1,18446744073709551616]}",
                "7@1[0 -1 18446744073709551616]");
    assert_json_refused("{\"user\":7,\"items\":[1.0]}",
                        "column 20: an id must be text or a whole number");
    assert_json_refused("{\"user\":1e3,\"items\":[]}", "an id must be text or a whole number");
    assert_json_refused("{\"user\":true,\"items\":[]}", "an id must be text or a whole number");
    assert_json_refused("{\"user\":null,\"items\":[]}", "an id must be text or a whole number");
}

static void unknown_keys_of_any_shape_are_skipped(void **state)
{
    (void)state;
    assert_json("{\"except\":[\"x\",{\"a\":[[],{},[1,-2.5e+10,true,false,null]],\"items\":[\"no\"]"
                "}],\"user\":\"u\",\"g\":{},\"items\":[\"a\"],\"z\":0}",
                "u@1[a]");
    assert_json("{\"user\":\"u\",\"items\":[\"a\"],\"note\":\"]}\\\"{[\"}", "u@1[a]");
}

static void candidates_and_a_text_may_stand_there_and_alone_without_items(void **state)
{
    (void)state;
    assert_json(
        "{\"user\":\"u\",\"candidates\":[\"b\",7,\"b\"],\"items\":[\"a\"],\"text\":\"]}\\\"{[\"}",
        "u@1[a]<b 7 b>\"]}\"{[\"");
    assert_json("{\"user\":\"u\",\"candidates\":[]}\n{\"user\":\"v\",\"text\":\"\"}\n"
                "{\"user\":\"w\",\"items\":[\"a\"]}\n",
                "u@1[]<> v@2[]\"\" w@3[a]");
    assert_json("{\"user\":\"u\",\"items\":[],\"candidates\":null,\"text\":null}", "u@1[]");
    assert_json("{\"user\":\"u\",\"text\":\"a\\n\\u0001\\u00e9\"}", "u@1[]\"a\n\x01\xc3\xa9\"");
    assert_json_refused("{\"user\":\"u\",\"items\":[],\"candidates\":\"a\"}",
                        "\"candidates\" is not a list");
    assert_json_refused("{\"user\":\"u\",\"items\":[],\"candidates\":[\"\"]}",
                        "item \"\" is empty");
    assert_json_refused("{\"user\":\"u\",\"items\":[],\"candidates\":[],\"candidates\":[]}",
                        "\"candidates\" is given twice");
    assert_json_refused("{\"user\":\"u\",\"items\":[],\"text\":5}", "expected text in quotes");
    assert_json_refused("{\"user\":\"u\",\"items\":[],\"text\":\"\xff\"}", "not valid UTF-8");
}

static void of_lists_they_are_further_keys(void **state)
{
    (void)state;
    static const char LIST[] = "{\"user\":\"u\",\"items\":[\"a\"],\"text\":5,\"candidates\":{},"
                               "\"held_out\":\"test\"}";
    collected all;
    nj_error err = {0};
    collected_init(&all);
    assert_ok(nj_histories_read(&(nj_histories_source){.path = memfile_write(LIST, sizeof LIST - 1),
                                                       .format = NJ_HISTORIES_JSONL,
                                                       .wants_held_out = true},
                                collect, &all, &err),
              &err);
    assert_int_equal(nj_buffer_append(&all.text, "", 1), NJ_OK);
    assert_string_equal((const char *)all.text.bytes, "u@1[a]");
    nj_buffer_fini(&all.text);
    assert_json_refused(LIST, "expected text in quotes");
}

// A line with so many candidates, or so long a text.
static void assert_bound(size_t candidates, size_t text_bytes, const char *says)
{
    collected all;
    nj_error err = {0};
    nj_buffer line;
    collected_init(&all);
    nj_buffer_init(&line, 1 << 20);
    assert_int_equal(nj_buffer_printf(&line, "{\"user\":1,\"candidates\":["), NJ_OK);
    for (size_t i = 0; i < candidates; i++) {
        assert_int_equal(nj_buffer_printf(&line, "%s7", i > 0 ? "," : ""), NJ_OK);
    }
    assert_int_equal(nj_buffer_printf(&line, "],\"text\":\"%0*d\"}", (int)text_bytes, 0), NJ_OK);
    nj_status status = nj_histories_read(
        &(nj_histories_source){.path = memfile_write((char *)line.bytes, line.size),
                               .format = NJ_HISTORIES_JSONL},
        collect, &all, &err);
    if (says == NULL) {
        assert_ok(status, &err);
    } else {
        assert_refused(status, NJ_INPUT, &err, says);
    }
    nj_buffer_fini(&line);
    nj_buffer_fini(&all.text);
}

static void candidates_and_texts_are_bounded(void **state)
{
    (void)state;
    assert_bound(NJ_REQUEST_CANDIDATES_MAX, NJ_REQUEST_TEXT_BYTES_MAX, NULL);
    assert_bound(NJ_REQUEST_CANDIDATES_MAX + 1, 1, "line 1: has more than 65536 items");
    assert_bound(1, NJ_REQUEST_TEXT_BYTES_MAX + 1,
                 "line 1: \"text\" has 16385 bytes, at most 16384");
}

static void escapes_are_decoded_in_keys_and_ids(void **state)
{
    (void)state;
    assert_json("{\"us\\u0065r\":\"\\u0041\\/"
                "\\\\\\\"\",\"\\u0069tems\":[\"\\u00e9\\u20AC\\ud83d\\ude00\"]}",
                "A/\\\"@1[\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80]");
    assert_json("{\"user\":\"\xf0\x9f\x98\x80\",\"items\":[\"\xc3\xa9x\\u0078\"]}",
                "\xf0\x9f\x98\x80@1[\xc3\xa9xx]");
    assert_json_refused("{\"user\":\"\\ud83d\",\"items\":[]}", "half of a surrogate pair");
    assert_json_refused("{\"user\":\"\\ude00\\ud83d\",\"items\":[]}", "half of a surrogate pair");
    assert_json_refused("{\"user\":\"\\ud83dx\\ude00\",\"items\":[]}", "half of a surrogate pair");
    assert_json_refused("{\"user\":\"\\ud83d\\ud83d\",\"items\":[]}", "half of a surrogate pair");
    assert_json_refused("{\"user\":\"\\u0000\",\"items\":[]}", "contains a control character");
    assert_json_refused("{\"user\":\"a\\nb\",\"items\":[]}", "contains a control character");
    assert_json_refused("{\"user\":\"u\",\"items\":[\"\"]}", "item \"\" is empty");
}

static void what_is_not_strict_json_is_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "[]",
        "1",
        "\"user\"",
        "user",
        "{",
        "}",
        "{]",
        "{}}",
        "{}{}",
        "{\"user\":1,\"items\":[]} x",
        "{\"user\":1,\"items\":[]},",
        "{\"user\":1,\"items\":[]}{",
        "{\"user\":1,\"items\":[1 2]}",
        "{\"user\":1,\"items\":[1,]}",
        "{\"user\":1,\"items\":[,1]}",
        "{\"user\":1,\"items\":[1,,2]}",
        "{\"user\":1 \"items\":[]}",
        "{\"user\":1,\"items\":[],}",
        "{,\"user\":1,\"items\":[]}",
        "{\"user\" 1,\"items\":[]}",
        "{\"user\"::1,\"items\":[]}",
        "{\"user\":,\"items\":[]}",
        "{\"user\":1,\"items\":}",
        "{\"user\":1,\"items\":[}",
        "{\"user\":1,\"items\":[1:2]}",
        "{\"user\":1,\"items\":[]",
        "{\"user\":1,\"items\":[",
        "{user:1,\"items\":[]}",
        "{1:1,\"user\":1,\"items\":[]}",
        "{'user':1,\"items\":[]}",
        "{\"user\":01,\"items\":[]}",
        "{\"user\":+1,\"items\":[]}",
        "{\"user\":-,\"items\":[]}",
        "{\"user\":1,\"items\":[],\"x\":.5}",
        "{\"user\":1,\"items\":[],\"x\":5.}",
        "{\"user\":1,\"items\":[],\"x\":1e}",
        "{\"user\":1,\"items\":[],\"x\":1e+}",
        "{\"user\":1,\"items\":[],\"x\":tru}",
        "{\"user\":1,\"items\":[],\"x\":nulll}",
        "{\"user\":1,\"items\":[],\"x\":NaN}",
        "{\"user\":1,\"items\":[],\"x\":[1 2]}",
        "{\"user\":1,\"items\":[],\"x\":{\"a\" 1}}",
        "{\"user\":1,\"items\":[],\"x\":{\"a\":1,}}",
        "{\"user\":1,\"items\":[],\"x\":{\"a\":1 \"b\":2}}",
        "{\"user\":1,\"items\":[],\"x\":{1:2}}",
        "{\"user\":1,\"items\":[],\"x\":[1}}",
        "{\"user\":1,\"items\":[],\"x\":\"\\x\"}",
        "{\"user\":1,\"items\":[],\"x\":\"\\u12g4\"}",
        "{\"user\":1,\"items\":[],\"x\":\"\\u12\"}",
        "{\"user\":1,\"items\":[],\"x\":\"a\tb\"}",
        "{\"user\":1,\"items\":[],\"x\":\"\xff\"}",
        "{\"user\":1,\"items\":[],\"\xc3\":1}",
        "{\"user\":1,\"items\":[],\"x\":\"",
        "{\"user\":1,\"items\":[],\"x\\",
        "{\"user\":1,\"items\":[],\"x\":/*c*/1}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        assert_json_refused(TEXTS[i], "line 1: ");
    }
}

static void a_wrong_object_is_refused_with_the_key(void **state)
{
    (void)state;
    assert_json_refused("{}", "line 1: has no \"user\"");
    assert_json_refused("{\"items\":[]}", "has no \"user\"");
    assert_json_refused("{\"user\":\"u\",\"item\":[]}", "has no \"items\"");
    assert_json_refused("{\"user\":\"u\",\"items\":\"a\"}", "\"items\" is not a list");
    assert_json_refused("{\"user\":\"u\",\"items\":{}}", "\"items\" is not a list");
    assert_json_refused("{\"user\":\"u\",\"items\":[[\"a\"]]}", "expected a value");
    assert_json_refused("{\"user\":\"u\",\"items\":[],\"user\":\"u\"}", "\"user\" is given twice");
    assert_json_refused("{\"user\":\"u\",\"items\":[],\"items\":[]}", "\"items\" is given twice");
    assert_json_refused("{\"user\":\"\",\"items\":[]}", "user \"\" is empty");
}

static void limits_hold_at_the_limit_and_refuse_one_more(void **state)
{
    (void)state;
    nj_histories_limits limits = NJ_HISTORIES_LIMITS;
    static const char TWO[] = "{\"user\":1,\"items\":[1,2]}";
    static const char THREE[] = "{\"user\":1,\"items\":[1,2,3]}";
    limits.items_max = 2;
    assert_histories(NJ_HISTORIES_JSONL, &limits, TWO, sizeof TWO - 1, "1@1[1 2]");
    assert_histories_refused(NJ_HISTORIES_JSONL, &limits, THREE, sizeof THREE - 1,
                             "line 1: has more than 2 items");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    for (size_t depth = NJ_HISTORY_JSON_DEPTH_MAX - 1; depth <= NJ_HISTORY_JSON_DEPTH_MAX;
         depth++) {
        char text[1024] = "{\"user\":1,\"items\":[],\"x\":";
        size_t at = strlen(text);
        memset(text + at, '[', depth); // one more with the object around it
        memset(text + at + depth, ']', depth);
        text[at + 2 * depth] = '}';
        if (depth < NJ_HISTORY_JSON_DEPTH_MAX) {
            assert_json(text, "1@1[]");
        } else {
            assert_json_refused(text, "line 1: nests deeper than 64");
        }
    }
}

static void the_number_of_values_on_a_line_is_bounded(void **state)
{
    (void)state;
    static const char START[] = "{\"user\":1,\"items\":[],\"x\":[";
    size_t others = 7; // the object, three keys, the user, two lists
    for (size_t more = 0; more < 2; more++) {
        size_t values = NJ_HISTORY_JSON_VALUES_MAX - others + more;
        size_t size = sizeof START - 1 + 2 * values + 1;
        char *text = malloc(size);
        assert_non_null(text);
        memcpy(text, START, sizeof START - 1);
        for (size_t i = 0; i < values; i++) {
            memcpy(text + sizeof START - 1 + 2 * i, "1,", 2);
        }
        memcpy(text + size - 2, "]}", 2);
        if (more == 0) {
            assert_histories(NJ_HISTORIES_JSONL, LIMITS, text, size, "1@1[]");
        } else {
            assert_histories_refused(NJ_HISTORIES_JSONL, LIMITS, text, size,
                                     "holds more than 4194304 JSON values");
        }
        free(text);
    }
}

typedef struct {
    const json_t *line; // what jansson read
    unsigned calls;
} judged;

static void assert_same_id(nj_slice got, const json_t *expected)
{
    if (json_is_string(expected)) {
        assert_int_equal(got.size, json_string_length(expected));
        assert_memory_equal(got.bytes, json_string_value(expected), got.size);
        return;
    }
    assert_true(json_is_integer(expected));
    assert_true(strtoll(got.bytes, NULL, 10) == json_integer_value(expected));
}

static nj_status judge(void *context, const nj_history *history, nj_error *err)
{
    judged *about = context;
    (void)err;
    about->calls++;
    assert_non_null(about->line); // what we accept, jansson accepts
    const json_t *items = json_object_get(about->line, "items");
    assert_same_id(history->user, json_object_get(about->line, "user"));
    assert_int_equal(history->item_count, json_array_size(items));
    for (size_t i = 0; i < history->item_count; i++) {
        assert_same_id(history->items[i], json_array_get(items, i));
    }
    return NJ_OK;
}

// A line without NUL or newline, changed in one byte to every value there is: we accept nothing
// that jansson refuses, and read the same from what both accept.
static void every_one_byte_change_is_judged_as_jansson_judges_it(void **state)
{
    (void)state;
    static const char LINE[] = "{\"user\": \"xyz\\u00e9\", \"items\": [\"a\", 12, "
                               "\"\\ud83d\\ude00\"], \"x\": [{\"b\": -1.5e3}, true]}";
    unsigned accepted = 0;
    for (size_t at = 0; at < sizeof LINE - 1; at++) {
        for (unsigned byte = 1; byte < 256; byte++) {
            char text[sizeof LINE];
            nj_error err = {0};
            if (byte == '\n') {
                continue;
            }
            memcpy(text, LINE, sizeof LINE);
            text[at] = (char)byte;
            judged about = {.line = json_loadb(text, sizeof LINE - 1, 0, NULL)};
            nj_status status = nj_histories_read(
                &(nj_histories_source){.path = memfile_write(text, sizeof LINE - 1),
                                       .format = NJ_HISTORIES_JSONL},
                judge, &about, &err);
            assert_true(status == NJ_OK || status == NJ_INPUT);
            assert_int_equal(about.calls, status == NJ_OK);
            accepted += status == NJ_OK;
            json_decref((json_t *)about.line);
        }
    }
    assert_true(accepted > 500); // letters of ids and of the unknown key
}

static void a_line_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    static const char LINE[] =
        "{\"user\":\"u\",\"items\":[\"a\\u00e9\",12],\"x\":[{\"b\":-1.5e3}]}";
    for (size_t size = 1; size + 1 < sizeof LINE; size++) {
        assert_histories_refused(NJ_HISTORIES_JSONL, LIMITS, LINE, size, "line 1: ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_objects_with_user_and_items),
        cmocka_unit_test(whole_numbers_are_taken_as_they_are_written),
        cmocka_unit_test(unknown_keys_of_any_shape_are_skipped),
        cmocka_unit_test(candidates_and_a_text_may_stand_there_and_alone_without_items),
        cmocka_unit_test(of_lists_they_are_further_keys),
        cmocka_unit_test(candidates_and_texts_are_bounded),
        cmocka_unit_test(escapes_are_decoded_in_keys_and_ids),
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(a_wrong_object_is_refused_with_the_key),
        cmocka_unit_test(limits_hold_at_the_limit_and_refuse_one_more),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(the_number_of_values_on_a_line_is_bounded),
        cmocka_unit_test(every_one_byte_change_is_judged_as_jansson_judges_it),
        cmocka_unit_test(a_line_cut_at_any_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
