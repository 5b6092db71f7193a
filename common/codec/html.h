// html.h - reports for people: one page that needs nothing else, neither a network nor a script.
//
//   nj_html_begin ──► nj_html_section ──► paragraphs, tables, pictures ... ──► nj_html_section ... ──► nj_html_end
//
// The page carries its style: light, dark (the viewer's preference) and print. All words are text: what looks like markup is shown as
// it is. Sections are listed at the top where there are several. The first failure sticks: look at nj_html_end's status only.
//
// A table:
//
//   const nj_html_column columns[] = {{"model", NJ_HTML_WORDS}, {"Recall@10", NJ_HTML_NUMBER}};
//   nj_html_table_begin(&page, "Test users under full ranking", columns, 2);
//   nj_html_row(&page);
//   nj_html_cell(&page, NJ_HTML_PLAIN, "TIGER");
//   nj_html_cell(&page, NJ_HTML_BEST, "%.4f", 0.0642);
//   nj_html_table_end(&page);
//
// Source  WHATWG, "HTML", Living Standard, section 13.1 (void elements are closed by "/>", so that the page is XML as well)
#ifndef NJ_CODEC_HTML_H
#define NJ_CODEC_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/codec/svg.h"

#define NJ_HTML_BYTES_MAX ((size_t)256 << 20)
#define NJ_HTML_COLUMNS_MAX 64
#define NJ_HTML_LINK_SECTIONS 3 // from so many sections on they are listed at the top

typedef enum {
    NJ_HTML_WORDS,
    NJ_HTML_NUMBER
} nj_html_column_kind; // numbers stand at the right, digits below digits

typedef struct {
    const char *title;
    nj_html_column_kind kind;
} nj_html_column;

typedef enum {
    NJ_HTML_PLAIN,
    NJ_HTML_BEST,  // stands out, on paper too
    NJ_HTML_FAINT, // may be passed over
    NJ_HTML_ALARM, // is wrong
} nj_html_cell_kind;

typedef struct {
    nj_buffer bytes; // owned; the page once nj_html_end has succeeded
    nj_status status;
    // Private.
    nj_buffer body;  // what is written so far
    nj_buffer links; // to its sections
    size_t links_at; // their place in the body
    size_t section_count;
    bool in_terms, in_list, in_figures, in_row, in_cell;
    nj_html_column_kind kinds[NJ_HTML_COLUMNS_MAX]; // of the table that is open
    size_t column_count;                            // 0: no table is open
    size_t column;                                  // of the next cell
} nj_html;

/// `title` is the tab's and the page's; `subtitle` (NULL: none) stands under it.
void nj_html_begin(nj_html *page, const char *title, const char *subtitle);

/// Begins a section and ends the one before. `anchor`: letters a-z, digits and '-', another one for each section.
void nj_html_section(nj_html *page, const char *anchor, const char *title);
/// A heading within a section.
void nj_html_heading(nj_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

void nj_html_paragraph(nj_html *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/// A paragraph in small: how something was measured.
void nj_html_note(nj_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// Lines as they are, in the type of a terminal: commands. `lines` may hold several, ended by '\n'.
void nj_html_code(nj_html *page, const char *lines);
/// An item of a bulleted list; anything else ends the list.
void nj_html_item(nj_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// A word and what it is; anything else ends the list.
void nj_html_term(nj_html *page, const char *term, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/// A figure in large and what it counts, side by side with its neighbours; anything else ends the row of figures.
void nj_html_figure(nj_html *page, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/// Begins a table of 1 to NJ_HTML_COLUMNS_MAX columns (else NJ_FAILED sticks). `caption` may be NULL.
void nj_html_table_begin(nj_html *page, const char *caption, const nj_html_column *columns,
                         size_t count);
void nj_html_row(nj_html *page);
/// The next cell of the row. Long words in it may be broken. A cell too many is NJ_FAILED; a row may end early. The first cell of a row names it.
void nj_html_cell(nj_html *page, nj_html_cell_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void nj_html_table_end(nj_html *page);

/// Ends the picture, puts it into the page, and finishes it; its failure becomes the page's. `svg` was begun with
/// nj_svg_begin_inline or by chart.h; `caption` may be NULL.
void nj_html_svg_take(nj_html *page, nj_svg *svg, const char *caption);

/// What stays folded until the reader asks for it (and unfolds in print): everything until nj_html_fold_end. Folds do not nest.
void nj_html_fold(nj_html *page, const char *summary);
void nj_html_fold_end(nj_html *page);

/// Closes the page. page->bytes is the file from now on, until nj_html_fini. NJ_NO_MEMORY, NJ_FAILED.
/// Proof   tests/unit/codec/test_html.c
NJ_CHECKED nj_status nj_html_end(nj_html *page);
void nj_html_fini(nj_html *page);

#endif
