// test_html.c - pages are well-formed whatever they are told, and need nothing else.
#include "common/codec/html.h"

#include <string.h>

#include "tests/support/markup_check.h"
#include "tests/support/nj_test.h"

// The finished page as text; borrowed from it.
static const char *finish(nj_html *page)
{
    assert_int_equal(nj_html_end(page), NJ_OK);
    assert_int_equal(nj_buffer_append(&page->bytes, "", 1), NJ_OK);
    const char *text = (const char *)page->bytes.bytes;
    const char *problem = markup_problem(text);
    if (problem != NULL) {
        fail_msg("not well-formed at: %.80s", problem);
    }
    return text;
}

static void expect(const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL) {
        fail_msg("%s is not in the page", wanted);
    }
}

static void the_check_of_these_tests_sees_what_is_wrong(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"",
                                        "words",
                                        "<a>",
                                        "<a></b>",
                                        "<a><b></a></b>",
                                        "<a/><b/>",
                                        "<a>&</a>",
                                        "<a>&nbsp;</a>",
                                        "<a b=c/>",
                                        "<a b=\"1\" b=\"2\"/>",
                                        "<a b=\"<\"/>",
                                        "<a>< </a>",
                                        "</a>"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        if (markup_problem(WRONG[i]) == NULL) {
            fail_msg("%s passed", WRONG[i]);
        }
    }
    assert_null(markup_problem("<!DOCTYPE html>\n<a b=\"1\" c=\"&lt;\"><d/>&amp;</a>\n"));
}

static void every_part_of_a_page_is_closed(void **state)
{
    (void)state;
    nj_html page;
    nj_html_begin(&page, "Report", "of a night");
    nj_html_paragraph(&page, "before any section");
    nj_html_section(&page, "data", "Data");
    nj_html_figure(&page, "users", "%d", 943);
    nj_html_term(&page, "items", "%s", "1,682");
    nj_html_item(&page, "one");
    nj_html_item(&page, "two");
    nj_html_section(&page, "more", "More");
    nj_html_heading(&page, "Part %d", 2);
    nj_html_note(&page, "small");
    nj_html_code(&page, "$ nightjar lab\n$ ls\n");
    nj_html_fold(&page, "unfold");
    nj_html_item(&page, "inside");
    nj_html_fold_end(&page);
    nj_svg svg;
    nj_svg_begin_inline(&svg, 10, 10, "picture");
    nj_svg_rect(&svg, NJ_SVG_MAIN, 0, 0, 1, 1);
    nj_html_svg_take(&page, &svg, "caption");
    nj_html_section(&page, "end", "End");
    nj_html_figure(&page, "left open", "1");

    const char *text = finish(&page);

    expect(text, "<!DOCTYPE html>\n<html lang=\"en\">");
    expect(text, "<title>Report</title>");
    expect(text, "<nav>\n<a href=\"#data\">Data</a>\n<a href=\"#more\">More</a>\n");
    expect(text,
           "<div><dt>users</dt><dd>943</dd></div>\n</dl>\n<dl class=\"terms\">\n<dt>items</dt>");
    expect(text,
           "</dl>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n</section>\n<section id=\"more\">");
    expect(text, "<pre>$ nightjar lab\n$ ls\n</pre>");
    expect(text, "</svg>\n<figcaption>caption</figcaption>");
    nj_html_fini(&page);
}

static void a_page_needs_nothing_from_elsewhere(void **state)
{
    (void)state;
    nj_html page;
    nj_html_begin(&page, "Report", NULL);
    nj_svg svg;
    nj_svg_begin_inline(&svg, 10, 10, "picture");
    nj_html_svg_take(&page, &svg, NULL);
    const char *whole = finish(&page);
    static const char *const BARRED[] = {"<script", "<link", "@import", "url(", "src="};
    for (size_t i = 0; i < sizeof BARRED / sizeof BARRED[0]; i++) {
        assert_null(strstr(whole, BARRED[i]));
    }
    expect(whole, "@media screen and (prefers-color-scheme:dark)");
    expect(whole, "@media print");
    nj_html_fini(&page);
}

static void words_stay_words(void **state)
{
    (void)state;
    nj_html page;
    nj_html_begin(&page, "</title><script>", "\"<&>\"");
    nj_html_section(&page, "a\"><b", "<section>");
    nj_html_paragraph(&page, "%s", "<p onclick=\"x\">\x01\x7f\xff\xc2\x85\xef\xbf\xbf");
    nj_html_paragraph(&page, "%s", "user \u202e\u2066x \u2013");
    nj_html_code(&page, "</pre>\n");
    const nj_html_column column = {"<th>", NJ_HTML_WORDS};
    nj_html_table_begin(&page, "<caption>", &column, 1);
    nj_html_row(&page);
    nj_html_cell(&page, NJ_HTML_PLAIN, "%s", "</td>");
    nj_html_table_end(&page);

    const char *text = finish(&page);

    expect(text, "<title>&lt;/title&gt;&lt;script&gt;</title>");
    expect(text, "<p>&lt;p onclick=&quot;x&quot;&gt;????\?\?\?\?</p>");
    expect(text, "<p>user ??????x \u2013</p>");
    nj_html_fini(&page);
}

static void a_long_word_in_a_cell_may_be_broken_between_characters(void **state)
{
    (void)state;
    nj_html page;
    nj_html_begin(&page, "t", NULL);
    const nj_html_column column = {"user", NJ_HTML_WORDS};
    nj_html_table_begin(&page, NULL, &column, 1);
    nj_html_row(&page);
    nj_html_cell(&page, NJ_HTML_PLAIN, "%s", "twenty-four-are-together");
    nj_html_row(&page);
    nj_html_cell(&page, NJ_HTML_PLAIN, "%s", "a bbbbbbbbbbbbbbbbbbbbbbb\u00e9<c");
    nj_html_table_end(&page);

    const char *text = finish(&page);

    expect(text, ">twenty-four-are-together</th>");
    expect(text, ">a bbbbbbbbbbbbbbbbbbbbbbb\u00e9<wbr/>&lt;c</th>");
    nj_html_fini(&page);
}

static void long_words_arrive_whole(void **state)
{
    (void)state;
    static char words[5000];
    memset(words, 'w', sizeof words - 1);
    nj_html page;
    nj_html_begin(&page, "t", NULL);
    nj_html_paragraph(&page, "%s<", words);
    const char *at = strstr(finish(&page), "<p>w");
    assert_non_null(at);
    assert_int_equal(strspn(at + 3, "w"), sizeof words - 1);
    assert_memory_equal(at + 3 + sizeof words - 1, "&lt;</p>", 8);
    nj_html_fini(&page);
}

static const nj_html_column COLUMNS[] = {{"model", NJ_HTML_WORDS}, {"Recall", NJ_HTML_NUMBER}};

static void cells_know_their_column(void **state)
{
    (void)state;
    nj_html page;
    nj_html_begin(&page, "t", NULL);
    nj_html_table_begin(&page, NULL, COLUMNS, 2);
    nj_html_row(&page);
    nj_html_cell(&page, NJ_HTML_PLAIN, "a");
    nj_html_cell(&page, NJ_HTML_BEST, "%.2f", 0.5);
    nj_html_row(&page);
    nj_html_cell(&page, NJ_HTML_FAINT, "b");
    nj_html_table_end(&page);
    const char *text = finish(&page);
    expect(text, "<th class=\"n\" scope=\"col\">Recall</th>");
    expect(text, "<tr><th scope=\"row\">a</th><td class=\"n best\">0.50</td></tr>");
    expect(text, "<tr><th scope=\"row\" class=\"faint\">b</th><td class=\"n\"></td></tr>");
    nj_html_fini(&page);
}

static void the_first_failure_sticks(void **state)
{
    (void)state;
    nj_html page;
    nj_html_begin(&page, "t", NULL);
    nj_html_table_begin(&page, NULL, COLUMNS, 2);
    nj_html_row(&page);
    for (int i = 0; i < 3; i++) {
        nj_html_cell(&page, NJ_HTML_PLAIN, "a");
    }
    nj_html_table_end(&page);
    nj_html_paragraph(&page, "goes on");
    assert_int_equal(nj_html_end(&page), NJ_FAILED);
    nj_html_fini(&page);

    nj_html_begin(&page, "t", NULL);
    nj_html_table_begin(&page, NULL, COLUMNS, NJ_HTML_COLUMNS_MAX + 1);
    nj_html_row(&page);
    nj_html_table_end(&page);
    assert_int_equal(nj_html_end(&page), NJ_FAILED);
    nj_html_fini(&page);

    nj_html_begin(&page, "t", NULL);
    nj_svg svg;
    nj_svg_begin_inline(&svg, 1, 1, "t");
    svg.status = NJ_NO_MEMORY;
    nj_html_svg_take(&page, &svg, NULL);
    assert_int_equal(nj_html_end(&page), NJ_NO_MEMORY);
    nj_html_fini(&page);
}

static void a_full_buffer_ends_as_no_memory(void **state)
{
    (void)state;
    nj_html page;
    nj_html_begin(&page, "t", NULL);
    page.body.bytes_max = page.body.size + 100;
    for (int i = 0; i < 100; i++) {
        nj_html_item(&page, "an item");
    }
    assert_int_equal(nj_html_end(&page), NJ_NO_MEMORY);
    nj_html_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_of_these_tests_sees_what_is_wrong),
        cmocka_unit_test(every_part_of_a_page_is_closed),
        cmocka_unit_test(a_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(words_stay_words),
        cmocka_unit_test(a_long_word_in_a_cell_may_be_broken_between_characters),
        cmocka_unit_test(long_words_arrive_whole),
        cmocka_unit_test(cells_know_their_column),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(a_full_buffer_ends_as_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
