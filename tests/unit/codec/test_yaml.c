// test_yaml.c - a file of YAML as a tree with lines, and what is refused of it.
#include "common/codec/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"

static nj_status parse(const char *text, nj_yaml **out, nj_error *err)
{
    return nj_yaml_parse(text, strlen(text), "p.yaml", out, err);
}

static void a_tree_keeps_keys_texts_and_lines(void **state)
{
    (void)state;
    nj_yaml *yaml = NULL;
    nj_error err = {0};
    assert_ok(parse("# head\n"
                    "a: 1\n"
                    "b:\n"
                    "  - x\n"
                    "  - {c: \"\", d: 'two words'}\n"
                    "e: {}\n",
                    &yaml, &err),
              &err);
    const nj_yaml_node *root = nj_yaml_root(yaml);
    assert_int_equal(root->kind, NJ_YAML_MAP);
    assert_int_equal(root->count, 3);
    const nj_yaml_node *a = root->first;
    assert_string_equal(a->key, "a");
    assert_string_equal(a->text, "1");
    assert_int_equal(a->line, 2);
    const nj_yaml_node *b = nj_yaml_find(root, "b");
    assert_int_equal(b->kind, NJ_YAML_LIST);
    assert_int_equal(b->line, 3);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->first->line, 4);
    const nj_yaml_node *c = nj_yaml_find(b->first->next, "c");
    assert_string_equal(c->text, "");
    assert_int_equal(c->line, 5);
    assert_string_equal(c->next->text, "two words");
    assert_null(c->next->next);
    assert_int_equal(nj_yaml_find(root, "e")->count, 0);
    assert_null(nj_yaml_find(root, "f"));
    assert_null(nj_yaml_find(a, "a"));
    nj_yaml_close(&yaml);
    assert_null(yaml);
}

static void a_file_without_content_is_an_empty_mapping(void **state)
{
    (void)state;
    static const char *const EMPTY[] = {"", "\n", "# nothing\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof EMPTY / sizeof EMPTY[0]; i++) {
        nj_yaml *yaml = NULL;
        nj_error err = {0};
        assert_ok(parse(EMPTY[i], &yaml, &err), &err);
        assert_int_equal(nj_yaml_root(yaml)->kind, NJ_YAML_MAP);
        assert_int_equal(nj_yaml_root(yaml)->count, 0);
        nj_yaml_close(&yaml);
    }
}

static void what_a_policy_has_no_use_for_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        {"a: 1\nb: 2\na: 3\n", "p.yaml: line 3: key \"a\" stands on line 1 already"},
        {"a: &x 1\nb: *x\n", "line 1: anchor \"x\" means nothing here"},
        {"a: 1\nb: *x\n", "line 2: an alias means nothing here"},
        {"a: !!int 1\n", "line 1: tag \"tag:yaml.org,2002:int\" means nothing here"},
        {"a: 1\n---\nb: 1\n", "line 2 begins a second document"},
        {"? [a]\n: 1\n", "line 1: a key must be a text"},
        {"a: \"x\\0y\"\n", "line 1: a text holds NUL"},
        {"a: [1, 2\nb: 3\n", "line 2: "},
        {"a: 1\n  b: 2\n", "line 2: "},
        {"a:\n\t- 1\n", "line 2: "},
        {"a: \xff\n", "byte 3: "},
        {"[[[[[[[[[1]]]]]]]]]", "line 1: lists and mappings in each other more than 8 deep"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_yaml *yaml = NULL;
        nj_error err = {0};
        assert_refused(parse(BAD[i][0], &yaml, &err), NJ_CONFIG, &err, BAD[i][1]);
        assert_null(yaml);
    }
}

static void the_limits_hold_on_both_sides(void **state)
{
    (void)state;
    const size_t room = 2 * NJ_YAML_TEXT_BYTES_MAX;
    char *text = malloc(room);
    nj_yaml *yaml = NULL;
    nj_error err = {0};
    assert_non_null(text);
    // A list of as many entries as nodes allow, its own included; and one more.
    for (size_t extra = 0; extra < 2; extra++) {
        const size_t entries = NJ_YAML_NODES_MAX - 1 + extra;
        for (size_t i = 0; i < entries; i++) {
            memcpy(text + 4 * i, "- x\n", 4);
        }
        nj_status status = nj_yaml_parse(text, 4 * entries, "p.yaml", &yaml, &err);
        if (extra == 0) {
            assert_ok(status, &err);
            assert_int_equal(nj_yaml_root(yaml)->count, entries);
            nj_yaml_close(&yaml);
        } else {
            assert_refused(status, NJ_CONFIG, &err, "line 8192: more than 8192 values");
        }
    }
    memset(text, 'x', NJ_YAML_TEXT_BYTES_MAX + 1);
    assert_ok(nj_yaml_parse(text, NJ_YAML_TEXT_BYTES_MAX, "p.yaml", &yaml, &err), &err);
    nj_yaml_close(&yaml);
    assert_refused(nj_yaml_parse(text, NJ_YAML_TEXT_BYTES_MAX + 1, "p.yaml", &yaml, &err),
                   NJ_CONFIG, &err, "line 1: a text of 65537 bytes, the most is 65536");
    // Escapes that grow: two bytes are three, and still have room.
    memcpy(text, "\"", 1);
    for (size_t i = 0; i < 1000; i++) {
        memcpy(text + 1 + 2 * i, "\\L", 2);
    }
    memcpy(text + 2001, "\"", 1);
    assert_ok(nj_yaml_parse(text, 2002, "p.yaml", &yaml, &err), &err);
    assert_int_equal(strlen(nj_yaml_root(yaml)->text), 3000);
    nj_yaml_close(&yaml);
    free(text);
}

static void a_byte_order_mark_and_any_end_of_line_are_no_content(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"\357\273\277a: 1\nb: 2\n", "a: 1\r\nb: 2\r\n",
                                        "a: 1\rb: 2\r"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        nj_yaml *yaml = NULL;
        nj_error err = {0};
        assert_ok(parse(TEXTS[i], &yaml, &err), &err);
        assert_string_equal(nj_yaml_find(nj_yaml_root(yaml), "a")->text, "1");
        assert_int_equal(nj_yaml_find(nj_yaml_root(yaml), "b")->line, 2);
        nj_yaml_close(&yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_keeps_keys_texts_and_lines),
        cmocka_unit_test(a_file_without_content_is_an_empty_mapping),
        cmocka_unit_test(what_a_policy_has_no_use_for_is_refused_with_its_line),
        cmocka_unit_test(the_limits_hold_on_both_sides),
        cmocka_unit_test(a_byte_order_mark_and_any_end_of_line_are_no_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
