#include "common/codec/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/codec/markup.h"

#define CELL_WORD_CHARS 24u

static const char STYLE[] =
    "*{box-sizing:border-box}\n"
    "html{color-scheme:light dark;-webkit-text-size-adjust:100%}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);line-height:1.55;"
    "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu "
    "Sans',sans-serif;font-size:16px}\n"
    "main{max-width:780px;margin:0 auto;padding:40px 24px 72px}\n"
    "h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}\n"
    "h2{font-size:21px;line-height:1.3;margin:0 0 12px;letter-spacing:-.005em}\n"
    "h3{font-size:16px;margin:26px 0 8px}\n"
    "p{margin:0 0 12px;max-width:70ch}\n"
    ".subtitle{color:var(--quiet);font-size:17px;margin-bottom:20px}\n"
    ".note{color:var(--quiet);font-size:14px}\n"
    "nav{border-top:1px solid var(--grid);border-bottom:1px solid var(--grid);padding:10px 0;"
    "font-size:14px;display:flex;flex-wrap:wrap;gap:4px 18px}\n"
    "a{color:var(--main);text-decoration:none}a:hover{text-decoration:underline}\n"
    "section{padding-top:36px}\n"
    "figure{margin:16px 0 20px;overflow-x:auto}\n"
    "figure svg{display:block;max-width:100%;min-width:560px;height:auto}\n"
    "figcaption,caption{color:var(--quiet);font-size:14px;text-align:left;padding:0 0 8px}\n"
    "figcaption{padding:6px 0 0}\n"
    ".wide{overflow-x:auto;margin:14px 0 20px;margin-right:min(0px,max(-200px,(780px - "
    "100vw)/2))}\n"
    "table{border-collapse:collapse;font-size:14px;line-height:1.4;font-variant-numeric:tabular-"
    "nums}\n"
    "th,td{padding:6px 14px 6px 0;text-align:left;vertical-align:top;border-bottom:1px solid "
    "var(--grid)}\n"
    "thead th{color:var(--quiet);font-weight:600;border-bottom:2px solid "
    "var(--grid);vertical-align:bottom}\n"
    "tbody th{font-weight:500}\n"
    "th.n,td.n{text-align:right}tbody .n{white-space:nowrap}\n"
    "tbody tr:last-child>*{border-bottom:0}\n"
    ".best{font-weight:700;color:var(--main)}.faint{color:var(--quiet)}.alarm{color:var(--alarm);"
    "font-weight:600}\n"
    "ul{margin:0 0 14px;padding-left:22px;max-width:70ch}li{margin:3px 0}\n"
    "dl.terms{margin:14px 0 20px;display:grid;grid-template-columns:max-content 1fr;gap:5px "
    "20px;font-size:15px}\n"
    "dl.terms dt{color:var(--quiet)}dl.terms dd{margin:0;overflow-wrap:anywhere}\n"
    "dl.figures{margin:16px 0 "
    "22px;display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px}\n"
    "dl.figures div{background:var(--panel);border-radius:8px;padding:12px "
    "14px;display:flex;flex-direction:column-reverse;"
    "justify-content:flex-end}\n"
    "dl.figures dt{color:var(--quiet);font-size:13px;line-height:1.35}\n"
    "dl.figures "
    "dd{margin:0;font-size:23px;font-weight:650;line-height:1.25;letter-spacing:-.01em;font-"
    "variant-numeric:tabular-nums}\n"
    "pre{background:var(--panel);border-radius:8px;padding:12px 14px;margin:14px 0 "
    "20px;overflow-x:auto;"
    "font:13px/1.5 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}\n"
    "summary{cursor:pointer;color:var(--main);font-size:15px;margin:6px 0}\n"
    "@media (max-width:600px){main{padding:24px 16px 48px}dl.terms{grid-template-columns:1fr;gap:0}"
    "dl.terms dd{margin-bottom:8px}}\n"
    "@media print{body{font-size:11pt}main{max-width:none;padding:0}nav{display:none}"
    "section{padding-top:20px}h2,h3{break-after:avoid}figure,tr,dl.figures div{break-inside:avoid}"
    "pre{white-space:pre-wrap}figure svg{min-width:0}.wide,figure{overflow:visible}.wide{margin-"
    "right:0}"
    "details::details-content{content-visibility:visible;height:auto}"
    "pre,dl.figures div,svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

static void add_raw(nj_html *page, const char *markup)
{
    if (page->status == NJ_OK) {
        page->status = nj_buffer_append(&page->body, markup, strlen(markup));
    }
}

// A word that is longer than a column should be may go on in the next line: the columns behind it stay in sight, and on the paper.
static nj_status append_breakable(nj_buffer *out, const char *words)
{
    size_t begin = 0;
    size_t chars = 0; // of the word so far
    for (size_t i = 0; words[i] != '\0'; i++) {
        const bool is_first = ((unsigned char)words[i] & 0xc0u) != 0x80u; // of a character
        if (is_first && chars == CELL_WORD_CHARS) {
            nj_status status = nj_markup_append(out, words + begin, i - begin);
            status = status == NJ_OK ? nj_buffer_append(out, "<wbr/>", 6) : status;
            if (status != NJ_OK) {
                return status;
            }
            begin = i;
            chars = 0;
        }
        chars = words[i] == ' ' ? 0 : chars + is_first;
    }
    return nj_markup_append(out, words + begin, strlen(words + begin));
}

static void add_words(nj_html *page, const char *words)
{
    if (page->status == NJ_OK) {
        page->status = page->in_cell ? append_breakable(&page->body, words)
                                     : nj_markup_append(&page->body, words, strlen(words));
    }
}

static void add_arguments(nj_html *page, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

// Words are formatted beside the page, because they are escaped on their way into it.
static void add_arguments(nj_html *page, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    char words[512];
    const int size = vsnprintf(words, sizeof words, format, arguments);
    if (size < 0) {
        page->status = page->status == NJ_OK ? NJ_FAILED : page->status;
    } else if ((size_t)size < sizeof words) {
        add_words(page, words);
    } else if (page->status == NJ_OK) {
        nj_buffer all;
        nj_buffer_init(&all, NJ_HTML_BYTES_MAX);
        page->status = nj_buffer_reserve(&all, (size_t)size + 1);
        if (page->status == NJ_OK) {
            vsnprintf((char *)all.bytes, (size_t)size + 1, format, again);
            add_words(page, (const char *)all.bytes);
        }
        nj_buffer_fini(&all);
    }
    va_end(again);
}

// Ends what holds elements of one kind only.
static void end_lists(nj_html *page)
{
    if (page->in_terms || page->in_figures) {
        add_raw(page, "</dl>\n");
    } else if (page->in_list) {
        add_raw(page, "</ul>\n");
    }
    page->in_terms = page->in_figures = page->in_list = false;
}

static void begin_list(nj_html *page, bool *in_it, const char *markup)
{
    if (!*in_it) {
        end_lists(page);
        add_raw(page, markup);
        *in_it = true;
    }
}

static void add_palette(nj_html *page, nj_status (*append)(nj_buffer *out))
{
    if (page->status == NJ_OK) {
        page->status = append(&page->body);
    }
}

void nj_html_begin(nj_html *page, const char *title, const char *subtitle)
{
    *page = (nj_html){.status = NJ_OK};
    nj_buffer_init(&page->bytes, NJ_HTML_BYTES_MAX);
    nj_buffer_init(&page->body, NJ_HTML_BYTES_MAX);
    nj_buffer_init(&page->links, NJ_HTML_BYTES_MAX);
    add_raw(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
                  "<title>");
    add_words(page, title);
    add_raw(page, "</title>\n<style>\n");
    add_palette(page, nj_palette_append_variables);
    add_raw(page, STYLE);
    add_palette(page, nj_palette_append_svg_style);
    add_raw(page, "</style>\n</head>\n<body>\n<main>\n<h1>");
    add_words(page, title);
    add_raw(page, "</h1>\n");
    if (subtitle != NULL) {
        add_raw(page, "<p class=\"subtitle\">");
        add_words(page, subtitle);
        add_raw(page, "</p>\n");
    }
    page->links_at = page->body.size;
}

void nj_html_section(nj_html *page, const char *anchor, const char *title)
{
    end_lists(page);
    add_raw(page, page->section_count > 0 ? "</section>\n<section id=\"" : "<section id=\"");
    add_words(page, anchor);
    add_raw(page, "\">\n<h2>");
    add_words(page, title);
    add_raw(page, "</h2>\n");
    page->section_count++;
    if (page->status == NJ_OK) {
        page->status = nj_buffer_printf(&page->links, "<a href=\"#%s\">", anchor);
    }
    if (page->status == NJ_OK) {
        page->status = nj_markup_append(&page->links, title, strlen(title));
    }
    if (page->status == NJ_OK) {
        page->status = nj_buffer_append(&page->links, "</a>\n", strlen("</a>\n"));
    }
}

// An element with formatted words between `open` and `close`.
#define ADD_FORMATTED(page, open, close)                                                           \
    do {                                                                                           \
        va_list arguments;                                                                         \
        add_raw(page, open);                                                                       \
        va_start(arguments, format);                                                               \
        add_arguments(page, format, arguments);                                                    \
        va_end(arguments);                                                                         \
        add_raw(page, close);                                                                      \
    } while (0)

void nj_html_heading(nj_html *page, const char *format, ...)
{
    end_lists(page);
    ADD_FORMATTED(page, "<h3>", "</h3>\n");
}

void nj_html_paragraph(nj_html *page, const char *format, ...)
{
    end_lists(page);
    ADD_FORMATTED(page, "<p>", "</p>\n");
}

void nj_html_note(nj_html *page, const char *format, ...)
{
    end_lists(page);
    ADD_FORMATTED(page, "<p class=\"note\">", "</p>\n");
}

void nj_html_code(nj_html *page, const char *lines)
{
    end_lists(page);
    add_raw(page, "<pre>");
    add_words(page, lines);
    add_raw(page, "</pre>\n");
}

void nj_html_item(nj_html *page, const char *format, ...)
{
    begin_list(page, &page->in_list, "<ul>\n");
    ADD_FORMATTED(page, "<li>", "</li>\n");
}

void nj_html_term(nj_html *page, const char *term, const char *format, ...)
{
    begin_list(page, &page->in_terms, "<dl class=\"terms\">\n");
    add_raw(page, "<dt>");
    add_words(page, term);
    ADD_FORMATTED(page, "</dt><dd>", "</dd>\n");
}

void nj_html_figure(nj_html *page, const char *name, const char *format, ...)
{
    begin_list(page, &page->in_figures, "<dl class=\"figures\">\n");
    add_raw(page, "<div><dt>");
    add_words(page, name);
    ADD_FORMATTED(page, "</dt><dd>", "</dd></div>\n");
}

void nj_html_table_begin(nj_html *page, const char *caption, const nj_html_column *columns,
                         size_t count)
{
    end_lists(page);
    if (page->status == NJ_OK && (count == 0 || count > NJ_HTML_COLUMNS_MAX)) {
        page->status = NJ_FAILED;
    }
    if (page->status != NJ_OK) {
        return;
    }
    page->column_count = count;
    page->column = 0;
    page->in_row = false;
    add_raw(page, "<div class=\"wide\">\n<table>\n");
    if (caption != NULL) {
        add_raw(page, "<caption>");
        add_words(page, caption);
        add_raw(page, "</caption>\n");
    }
    add_raw(page, "<thead>\n<tr>");
    for (size_t i = 0; i < count; i++) {
        page->kinds[i] = columns[i].kind;
        add_raw(page, columns[i].kind == NJ_HTML_NUMBER ? "<th class=\"n\" scope=\"col\">"
                                                        : "<th scope=\"col\">");
        add_words(page, columns[i].title);
        add_raw(page, "</th>");
    }
    add_raw(page, "</tr>\n</thead>\n<tbody>\n");
}

// A row that ends early is filled up.
static void end_row(nj_html *page)
{
    while (page->in_row && page->column < page->column_count) {
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", "");
    }
    if (page->in_row) {
        add_raw(page, "</tr>\n");
    }
    page->in_row = false;
}

void nj_html_row(nj_html *page)
{
    end_row(page);
    add_raw(page, "<tr>");
    page->in_row = true;
    page->column = 0;
}

void nj_html_cell(nj_html *page, nj_html_cell_kind kind, const char *format, ...)
{
    static const char *const KINDS[] = {"", "best", "faint", "alarm"};
    if (page->status == NJ_OK && (!page->in_row || page->column >= page->column_count)) {
        page->status = NJ_FAILED;
    }
    if (page->status != NJ_OK) {
        page->column++; // so that end_row comes to its end
        return;
    }
    const bool is_name = page->column == 0;
    const char *number = page->kinds[page->column] == NJ_HTML_NUMBER ? "n" : "";
    add_raw(page, is_name ? "<th scope=\"row\"" : "<td");
    if (*number != '\0' || *KINDS[kind] != '\0') {
        add_raw(page, " class=\"");
        add_raw(page, number);
        add_raw(page, *number != '\0' && *KINDS[kind] != '\0' ? " " : "");
        add_raw(page, KINDS[kind]);
        add_raw(page, "\"");
    }
    page->in_cell = true;
    ADD_FORMATTED(page, ">", is_name ? "</th>" : "</td>");
    page->in_cell = false;
    page->column++;
}

void nj_html_table_end(nj_html *page)
{
    end_row(page);
    add_raw(page, "</tbody>\n</table>\n</div>\n");
    page->column_count = 0;
}

void nj_html_svg_take(nj_html *page, nj_svg *svg, const char *caption)
{
    end_lists(page);
    const nj_status status = nj_svg_end(svg);
    if (page->status == NJ_OK) {
        page->status = status;
    }
    add_raw(page, "<figure>\n");
    if (page->status == NJ_OK) {
        page->status = nj_buffer_append(&page->body, svg->bytes.bytes, svg->bytes.size);
    }
    nj_svg_fini(svg);
    if (caption != NULL) {
        add_raw(page, "<figcaption>");
        add_words(page, caption);
        add_raw(page, "</figcaption>\n");
    }
    add_raw(page, "</figure>\n");
}

void nj_html_fold(nj_html *page, const char *summary)
{
    end_lists(page);
    add_raw(page, "<details>\n<summary>");
    add_words(page, summary);
    add_raw(page, "</summary>\n");
}

void nj_html_fold_end(nj_html *page)
{
    end_lists(page);
    add_raw(page, "</details>\n");
}

nj_status nj_html_end(nj_html *page)
{
    end_lists(page);
    add_raw(page, page->section_count > 0 ? "</section>\n</main>\n</body>\n</html>\n"
                                          : "</main>\n</body>\n</html>\n");
    if (page->status == NJ_OK) {
        page->status = nj_buffer_append(&page->bytes, page->body.bytes, page->links_at);
    }
    if (page->status == NJ_OK && page->section_count >= NJ_HTML_LINK_SECTIONS) {
        page->status = nj_buffer_printf(&page->bytes, "<nav>\n%.*s</nav>\n", (int)page->links.size,
                                        (const char *)page->links.bytes);
    }
    if (page->status == NJ_OK) {
        page->status = nj_buffer_append(&page->bytes, page->body.bytes + page->links_at,
                                        page->body.size - page->links_at);
    }
    return page->status;
}

void nj_html_fini(nj_html *page)
{
    nj_buffer_fini(&page->bytes);
    nj_buffer_fini(&page->body);
    nj_buffer_fini(&page->links);
}
