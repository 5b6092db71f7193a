// page_parts.h - a report's page while it is made: what its sections share. For the files of page*.c alone.
#ifndef NJ_COORDINATOR_REPORT_PAGE_PARTS_H
#define NJ_COORDINATOR_REPORT_PAGE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/codec/chart.h"
#include "common/codec/html.h"
#include "common/codec/json.h"

#define NJ_PAGE_TEXT_BYTES 64
#define NJ_PAGE_TABLE_ROWS 40u // of a table behind a chart: neighbours are joined

typedef struct {
    char text[NJ_PAGE_TEXT_BYTES];
} nj_page_text;

typedef struct {
    nj_html html;
    const json_t *document; // borrowed
    double end_ms;          // of the night's axis; 0: there is none
    double unit_ms;         // of the axis
    const char *unit;       // "minutes"
} nj_page;

// ---- values ----

/// NAN where it is no number, or one beyond 1e18. Of a nested object: nj_page_number(nj_page_at(o, "a"), "b"). NULL objects have nothing.
double nj_page_number(const json_t *object, const char *key);
/// The same, and 0 where it is no number.
double nj_page_count(const json_t *object, const char *key);
/// NULL where it is no object or array.
const json_t *nj_page_at(const json_t *object, const char *key);
/// "" where it is no text.
const char *nj_page_word(const json_t *object, const char *key);
/// Number of an array; NAN.
double nj_page_element(const json_t *array, size_t index);

// ---- numbers as people read them; "–" for NAN ----

nj_page_text nj_page_say_count(double value);   // 12,345
nj_page_text nj_page_say_share(double value);   // 12.3 %
nj_page_text nj_page_say_bytes(double value);   // 1.2 GiB
nj_page_text nj_page_say_seconds(double value); // 2 min 13 s
nj_page_text nj_page_say_rate(double value);    // 1,234 or 12.3
nj_page_text nj_page_say_moment(double ms);     // 2026-11-22 03:14:15 UTC; ms since 1970
nj_page_text nj_page_say_real(double value);    // four digits
nj_page_text nj_page_say_fixed(double value);   // 0.123

// ---- sections ----

void nj_page_add_throughput(nj_page *page);
void nj_page_add_latency(nj_page *page);
void nj_page_add_memory(nj_page *page);
void nj_page_add_workers(nj_page *page);
void nj_page_add_lists(nj_page *page);
void nj_page_add_overlap(nj_page *page);
/// What the first gate that does not hold says; NULL: all hold. Borrowed from the document.
const char *nj_page_held(const nj_page *page);
/// What was asked of the input and the lists, as a table of the night.
void nj_page_add_gates(nj_page *page);
void nj_page_add_grades(nj_page *page);

#endif
