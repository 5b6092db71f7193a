// test_svg.c - pictures are well-formed whatever words they are given.
#include "common/codec/svg.h"

#include <string.h>

#include "tests/support/nj_test.h"

static void shapes_and_words_become_elements(void **state)
{
    (void)state;
    nj_svg svg;
    nj_svg_begin(&svg, 100, 50, "use");
    nj_svg_rect(&svg, NJ_SVG_PANEL, 1, 2, 3.5, 4);
    nj_svg_line(&svg, NJ_SVG_GRID, (nj_svg_point){0, 1}, (nj_svg_point){2, 3}, true);
    nj_svg_area(&svg, NJ_SVG_MAIN, (nj_svg_point[]){{1, 5}, {2, 6}}, 2, 9);
    nj_svg_area(&svg, NJ_SVG_MAIN, NULL, 0, 9);
    nj_svg_text(&svg, NJ_SVG_INK, NJ_SVG_END, 7, 8, "%d of %s", 3, "4");
    assert_int_equal(nj_svg_end(&svg), NJ_OK);

    assert_int_equal(nj_buffer_append(&svg.bytes, "", 1), NJ_OK);
    const char *text = (const char *)svg.bytes.bytes;
    static const char *const WANTED[] = {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 50\"",
        "<title>use</title>",
        "prefers-color-scheme:dark",
        "<rect class=\"panel\" x=\"1.00\" y=\"2.00\" width=\"3.50\" height=\"4.00\"/>",
        "<line class=\"grid\" x1=\"0.00\" y1=\"1.00\" x2=\"2.00\" y2=\"3.00\"",
        " stroke-dasharray=\"4 3\"/>",
        "<path class=\"main\" d=\"M1.00 9.00L1.00 5.00L2.00 6.00L2.00 9.00Z\"/>",
        "<text class=\"ink\" text-anchor=\"end\" x=\"7.00\" y=\"8.00\">3 of 4</text>",
    };
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++) {
        if (strstr(text, WANTED[i]) == NULL) {
            fail_msg("%s is not in %s", WANTED[i], text);
        }
    }
    assert_string_equal(text + strlen(text) - 7, "</svg>\n");
    nj_svg_fini(&svg);
}

static void words_cannot_end_their_element(void **state)
{
    (void)state;
    nj_svg svg;
    nj_svg_begin(&svg, 1, 1, "</title><script>");
    nj_svg_text(&svg, NJ_SVG_INK, NJ_SVG_START, 0, 0, "%s", "a<b>&c\x01\xff");
    assert_int_equal(nj_svg_end(&svg), NJ_OK);
    assert_int_equal(nj_buffer_append(&svg.bytes, "", 1), NJ_OK);
    const char *text = (const char *)svg.bytes.bytes;
    assert_non_null(strstr(text, "<title>&lt;/title&gt;&lt;script&gt;</title>"));
    assert_non_null(strstr(text, ">a&lt;b&gt;&amp;c?\?</text>"));
    nj_svg_fini(&svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_words_become_elements),
        cmocka_unit_test(words_cannot_end_their_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
