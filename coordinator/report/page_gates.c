#include "coordinator/report/page_parts.h"

const char *nj_page_held(const nj_page *page)
{
    const json_t *gates = nj_page_at(page->document, "gates");
    for (size_t i = 0; i < json_array_size(gates); i++) {
        const json_t *gate = json_array_get(gates, i);
        if (json_is_false(json_object_get(gate, "passed"))) {
            return nj_page_word(gate, "text");
        }
    }
    return NULL;
}

void nj_page_add_gates(nj_page *page)
{
    static const nj_html_column COLUMNS[] = {
        {"gate", NJ_HTML_WORDS}, {"holds", NJ_HTML_WORDS}, {"figure and rule", NJ_HTML_WORDS}};
    const json_t *gates = nj_page_at(page->document, "gates");
    nj_html *html = &page->html;
    if (json_array_size(gates) == 0) {
        return;
    }
    nj_html_heading(html, "Gates");
    nj_html_table_begin(html, NULL, COLUMNS, 3);
    for (size_t i = 0; i < json_array_size(gates); i++) {
        const json_t *gate = json_array_get(gates, i);
        const bool passed = json_is_true(json_object_get(gate, "passed"));
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(gate, "gate"));
        nj_html_cell(html, passed ? NJ_HTML_PLAIN : NJ_HTML_ALARM, "%s", passed ? "yes" : "no");
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(gate, "text"));
    }
    nj_html_table_end(html);
}
