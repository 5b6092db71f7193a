// page_lists.c - what was recommended: codes of each level, coverage, popularity, scores, and what changed since the night before.
#include <math.h>
#include <stdio.h>

#include "coordinator/report/page_parts.h"

#define LEVELS_MAX 16u
#define POINTS_MAX 64u

// ---- codes ----

// Shares of a level's codes as a row of bars, beside its name; all rows of one picture have the same scale within themselves.
static void draw_cells(nj_svg *svg, const json_t *shares, nj_svg_role role, double left,
                       double right, double base, double high)
{
    const size_t count = json_array_size(shares);
    double most = 0;
    for (size_t c = 0; c < count; c++) {
        most = fmax(most, nj_page_element(shares, c));
    }
    const double wide = (right - left) / (double)(count > 0 ? count : 1);
    for (size_t c = 0; c < count && most > 0; c++) {
        const double height = high * nj_page_element(shares, c) / most;
        if (height > 0) {
            nj_svg_rect(svg, role, left + wide * (double)c, base - height, fmax(wide - 0.8, 0.6),
                        height);
        }
    }
}

static void draw_codes(nj_page *page, const json_t *codes, size_t levels)
{
    const double left = 138;
    const double right = NJ_CHART_WIDTH - 14;
    const double row = 62;
    const double top = 34;
    nj_svg svg;
    const char *title = "How codes are used, level by level";
    nj_svg_begin_inline(&svg, NJ_CHART_WIDTH, top + row * (double)levels + 8, title);
    nj_svg_text(&svg, NJ_SVG_HEAD, NJ_SVG_START, 0, 18, "%s", title);
    for (size_t l = 0; l < levels; l++) {
        const json_t *level = json_array_get(codes, l);
        const double y = top + row * (double)l;
        const double middle = y + row / 2 - 2;
        nj_svg_text(&svg, NJ_SVG_INK, NJ_SVG_END, left - 12, middle - 10, "level %zu", l + 1);
        nj_svg_text(&svg, NJ_SVG_QUIET, NJ_SVG_END, left - 12, middle + 8, "%s codes",
                    nj_page_say_count(nj_page_number(level, "codes")).text);
        nj_svg_rect(&svg, NJ_SVG_PANEL, left, y, right - left, row - 8);
        draw_cells(&svg, nj_page_at(nj_page_at(level, "recommended"), "shares"), NJ_SVG_MAIN, left,
                   right, middle, row / 2 - 6);
        draw_cells(&svg, nj_page_at(nj_page_at(level, "catalogue"), "shares"), NJ_SVG_SECOND, left,
                   right, y + row - 8, row / 2 - 8);
    }
    nj_html_svg_take(
        &page->html, &svg,
        "Each bar is a code, or neighbouring codes added up; above, in the lists; below, "
        "in the catalogue. Each row has its own scale. A level whose upper row has few "
        "bars recommends from few codes.");
}

static void add_codes(nj_page *page, const json_t *codes)
{
    static const nj_html_column COLUMNS[] = {{"level", NJ_HTML_WORDS},
                                             {"codes", NJ_HTML_NUMBER},
                                             {"in the catalogue", NJ_HTML_NUMBER},
                                             {"in the lists", NJ_HTML_NUMBER},
                                             {"even, catalogue", NJ_HTML_NUMBER},
                                             {"even, lists", NJ_HTML_NUMBER}};
    nj_html *html = &page->html;
    const size_t size = json_array_size(codes);
    const size_t levels = size < LEVELS_MAX ? size : LEVELS_MAX;
    nj_html_heading(html, "Codebooks");
    if (levels == 0) {
        nj_html_note(html, "Not known: the report was made without the bundle.");
        return;
    }
    draw_codes(page, codes, levels);
    nj_html_table_begin(html, NULL, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
    for (size_t l = 0; l < levels; l++) {
        const json_t *level = json_array_get(codes, l);
        const json_t *catalogue = nj_page_at(level, "catalogue");
        const json_t *lists = nj_page_at(level, "recommended");
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%zu", l + 1);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(level, "codes")).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(catalogue, "used")).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(lists, "used")).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_rate(nj_page_number(catalogue, "perplexity")).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_rate(nj_page_number(lists, "perplexity")).text);
    }
    nj_html_table_end(html);
    nj_html_note(html,
                 "Even: as many codes, all used alike, would be as varied (2 to the entropy).");
}

// ---- coverage ----

static void add_most(nj_page *page, const json_t *most, double users)
{
    static const nj_html_column COLUMNS[] = {
        {"item", NJ_HTML_WORDS}, {"lists", NJ_HTML_NUMBER}, {"of all lists", NJ_HTML_NUMBER}};
    nj_html *html = &page->html;
    nj_html_table_begin(html, "Items in most lists", COLUMNS, 3);
    for (size_t i = 0; i < json_array_size(most); i++) {
        const json_t *item = json_array_get(most, i);
        const double lists = nj_page_number(item, "lists");
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(item, "item"));
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_count(lists).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_share(lists / users).text);
    }
    nj_html_table_end(html);
}

static void draw_curve(nj_page *page, const json_t *curve)
{
    double x[POINTS_MAX];
    double y[POINTS_MAX];
    const size_t size = json_array_size(curve);
    const size_t count = size < POINTS_MAX ? size : POINTS_MAX;
    for (size_t i = 0; i < count; i++) {
        x[i] = count > 1 ? 100 * (double)i / (double)(count - 1) : 0;
        y[i] = 100 * nj_page_element(curve, i);
    }
    nj_svg svg;
    const double even[] = {0, 100};
    const nj_chart_line lines[] = {{.name = "tonight's lists", .x = x, .y = y, .count = count},
                                   {.name = "all items alike", .x = even, .y = even, .count = 2}};
    const nj_chart chart = {.title = "Share of all places that go to the most recommended items",
                            .x_label = "% of the items, most recommended first",
                            .y_label = "% of places",
                            .height = 280,
                            .y_zero = true};
    nj_chart_lines(&svg, &chart, lines, 2);
    nj_html_svg_take(&page->html, &svg, NULL);
}

static void add_curve_table(nj_page *page, const json_t *curve)
{
    static const nj_html_column COLUMNS[] = {{"items", NJ_HTML_WORDS}, {"places", NJ_HTML_NUMBER}};
    const size_t count = json_array_size(curve);
    nj_html *html = &page->html;
    if (count < 2) {
        return;
    }
    nj_html_fold(html, "The numbers of this chart");
    nj_html_table_begin(html, NULL, COLUMNS, 2);
    for (size_t i = 0; i < count; i += i < 10 ? 1 : 5) {
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_share((double)i / (double)(count - 1)).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_share(nj_page_element(curve, i)).text);
    }
    nj_html_table_end(html);
    nj_html_fold_end(html);
}

static void add_exposure(nj_page *page, const json_t *lists)
{
    const json_t *exposure = nj_page_at(lists, "exposure");
    const json_t *curve = nj_page_at(exposure, "curve");
    nj_html *html = &page->html;
    nj_html_heading(html, "Coverage of the catalogue");
    if (curve == NULL) {
        nj_html_paragraph(html,
                          "%s different items stand in these lists. How many there are is not "
                          "known: the report was made without the bundle.",
                          nj_page_say_count(nj_page_number(exposure, "distinct")).text);
    } else {
        nj_html_paragraph(
            html,
            "%s of %s items stand in at least one list: %s. The Gini index of how often each "
            "is recommended is %s (0: all alike, 1: one has all).",
            nj_page_say_count(nj_page_number(exposure, "distinct")).text,
            nj_page_say_count(nj_page_number(exposure, "live")).text,
            nj_page_say_share(nj_page_number(exposure, "coverage")).text,
            nj_page_say_fixed(nj_page_number(exposure, "gini")).text);
        draw_curve(page, curve);
        add_curve_table(page, curve);
    }
    add_most(page, nj_page_at(exposure, "most"),
             fmax(1, nj_page_count(nj_page_at(lists, "rule"), "users")));
}

// ---- popularity and variety ----

static void add_popularity_chart(nj_page *page, const json_t *heads)
{
    static const nj_html_column COLUMNS[] = {{"most popular items", NJ_HTML_WORDS},
                                             {"events of the histories", NJ_HTML_NUMBER},
                                             {"places in lists", NJ_HTML_NUMBER}};
    nj_page_text names[POINTS_MAX];
    const char *words[POINTS_MAX];
    double events[POINTS_MAX];
    double places[POINTS_MAX];
    const size_t size = json_array_size(heads);
    const size_t count = size < POINTS_MAX ? size : POINTS_MAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *head = json_array_get(heads, i);
        snprintf(names[i].text, sizeof names[i].text, "top %.24s %%",
                 nj_page_say_real(100 * nj_page_number(head, "items")).text);
        words[i] = names[i].text;
        events[i] = 100 * nj_page_number(head, "events");
        places[i] = 100 * nj_page_number(head, "places");
    }
    nj_svg svg;
    const nj_chart_bar bars[] = {{.name = "events of the histories", .values = events},
                                 {.name = "places in lists", .values = places}};
    const nj_chart chart = {.title = "What the most popular items have",
                            .x_label = "items, by events in the histories",
                            .y_label = "%",
                            .height = 280};
    nj_chart_bars(&svg, &chart, words, count, bars, 2);
    nj_html_svg_take(&page->html, &svg,
                     "Where the second bar is higher, lists are more popular "
                     "than what people did.");
    nj_html_fold(&page->html, "The numbers of this chart");
    nj_html_table_begin(&page->html, NULL, COLUMNS, 3);
    for (size_t i = 0; i < count; i++) {
        nj_html_row(&page->html);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s", words[i]);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s", nj_page_say_share(events[i] / 100).text);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s", nj_page_say_share(places[i] / 100).text);
    }
    nj_html_table_end(&page->html);
    nj_html_fold_end(&page->html);
}

static void add_popularity(nj_page *page, const json_t *lists)
{
    const json_t *popularity = nj_page_at(lists, "popularity");
    const json_t *variety = nj_page_at(lists, "variety");
    const double cutoff = nj_page_number(variety, "cutoff");
    nj_html *html = &page->html;
    nj_html_heading(html, "Popularity and variety");
    if (popularity == NULL) {
        nj_html_note(html, "How popular items are is not known: the bundle was packed without "
                           "--histories, or the report was made without it.");
    } else {
        add_popularity_chart(page, nj_page_at(popularity, "heads"));
        nj_html_term(html, "events of a recommended item", "%s, in the mean over all places",
                     nj_page_say_real(nj_page_number(popularity, "mean_events")).text);
        nj_html_term(html, "novelty", "%s bits: how surprising it is to meet the item",
                     nj_page_say_real(nj_page_number(popularity, "novelty_bits")).text);
    }
    const double first_codes = nj_page_number(variety, "first_codes");
    if (!isnan(first_codes)) {
        nj_html_term(html, "within a list",
                     "%s different codes of the first level among the first "
                     "%s items",
                     nj_page_say_real(first_codes).text, nj_page_say_count(cutoff).text);
    }
    const double between = nj_page_number(variety, "between_users");
    if (!isnan(between)) {
        nj_html_term(html, "between users", "%s of the first %s items are the same for two users",
                     nj_page_say_share(between).text, nj_page_say_count(cutoff).text);
    }
}

// ---- scores ----

static void draw_scores(nj_page *page, const json_t *histogram)
{
    double x[POINTS_MAX];
    double first[POINTS_MAX];
    double last[POINTS_MAX];
    const json_t *firsts = nj_page_at(histogram, "first");
    const json_t *lasts = nj_page_at(histogram, "last");
    const double from = nj_page_number(histogram, "from");
    const double width = nj_page_number(histogram, "width");
    const size_t size = json_array_size(firsts);
    const size_t count = size < POINTS_MAX ? size : POINTS_MAX;
    for (size_t i = 0; i < count; i++) {
        x[i] = from + ((double)i + 0.5) * width;
        first[i] = nj_page_element(firsts, i);
        last[i] = nj_page_element(lasts, i);
    }
    nj_svg svg;
    const nj_chart_line lines[] = {{.name = "first place", .x = x, .y = first, .count = count},
                                   {.name = "last place", .x = x, .y = last, .count = count}};
    const nj_chart chart = {.title = "Scores of the first and the last item of each list",
                            .x_label = "score",
                            .y_label = "lists",
                            .height = 260,
                            .y_zero = true};
    nj_chart_lines(&svg, &chart, lines, 2);
    nj_html_svg_take(&page->html, &svg, NULL);
}

static void add_score_table(nj_page *page, const json_t *histogram)
{
    static const nj_html_column COLUMNS[] = {
        {"from", NJ_HTML_WORDS}, {"first place", NJ_HTML_NUMBER}, {"last place", NJ_HTML_NUMBER}};
    const json_t *firsts = nj_page_at(histogram, "first");
    const json_t *lasts = nj_page_at(histogram, "last");
    const double width = nj_page_number(histogram, "width");
    nj_html *html = &page->html;
    nj_html_fold(html, "The numbers of this chart");
    nj_html_table_begin(html, NULL, COLUMNS, 3);
    for (size_t i = 0; i < json_array_size(firsts); i++) {
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_fixed(nj_page_number(histogram, "from") + (double)i * width).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_count(nj_page_element(firsts, i)).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_count(nj_page_element(lasts, i)).text);
    }
    nj_html_table_end(html);
    nj_html_fold_end(html);
}

static void add_scores(nj_page *page, const json_t *scores)
{
    static const nj_html_column COLUMNS[] = {{"place", NJ_HTML_WORDS}, {"lists", NJ_HTML_NUMBER},
                                             {"5 %", NJ_HTML_NUMBER},  {"25 %", NJ_HTML_NUMBER},
                                             {"half", NJ_HTML_NUMBER}, {"75 %", NJ_HTML_NUMBER},
                                             {"95 %", NJ_HTML_NUMBER}};
    static const char *const KEYS[] = {"p5", "p25", "p50", "p75", "p95"};
    const json_t *places = nj_page_at(scores, "places");
    nj_html *html = &page->html;
    nj_html_heading(html, "Scores");
    if (scores == NULL) {
        nj_html_note(html, "No list has an item.");
        return;
    }
    draw_scores(page, nj_page_at(scores, "histogram"));
    add_score_table(page, nj_page_at(scores, "histogram"));
    nj_html_table_begin(html, "Scores by place: so many lists have at most", COLUMNS, 7);
    for (size_t p = 0; p < json_array_size(places); p++) {
        const json_t *place = json_array_get(places, p);
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(place, "place")).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(place, "count")).text);
        for (size_t k = 0; k < sizeof KEYS / sizeof KEYS[0]; k++) {
            nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                         nj_page_say_fixed(nj_page_number(place, KEYS[k])).text);
        }
    }
    nj_html_table_end(html);
}

// ---- all of it ----

static void add_rule(nj_page *page, const json_t *lists)
{
    const json_t *rule = nj_page_at(lists, "rule");
    const double step = nj_page_number(rule, "step");
    nj_html *html = &page->html;
    if (step > 1) {
        nj_html_note(html,
                     "Told from %s of %s users: every %s. in key order. Coverage of a sample "
                     "is lower than that of all lists. The first %s places of a list count.",
                     nj_page_say_count(nj_page_number(rule, "users")).text,
                     nj_page_say_count(nj_page_number(rule, "of")).text,
                     nj_page_say_count(step).text,
                     nj_page_say_count(nj_page_number(rule, "places")).text);
    } else {
        nj_html_note(html, "Told from the lists of all %s users; the first %s places count.",
                     nj_page_say_count(nj_page_number(rule, "users")).text,
                     nj_page_say_count(nj_page_number(rule, "places")).text);
    }
}

static void add_flags(nj_page *page, const json_t *lists)
{
    const json_t *flags = nj_page_at(lists, "flags");
    const json_t *lengths = nj_page_at(lists, "lengths");
    const double users = fmax(1, nj_page_count(nj_page_at(lists, "rule"), "users"));
    const char *word;
    json_t *count;
    nj_html *html = &page->html;
    nj_html_term(html, "items in a list", "%s in the mean, %s at most; %s lists are empty",
                 nj_page_say_real(nj_page_number(lengths, "mean")).text,
                 nj_page_say_count(nj_page_number(lengths, "longest")).text,
                 nj_page_say_count(nj_page_number(lengths, "empty")).text);
    if (nj_page_count(lengths, "texts") > 0) {
        nj_html_term(html, "answers in words", "%s",
                     nj_page_say_count(nj_page_number(lengths, "texts")).text);
    }
    json_object_foreach((json_t *)flags, word, count)
    {
        if (nj_page_count(flags, word) > 0) {
            nj_html_term(html, word, "%s (%s of the lists)",
                         nj_page_say_count(nj_page_number(flags, word)).text,
                         nj_page_say_share(nj_page_number(flags, word) / users).text);
        }
    }
}

void nj_page_add_lists(nj_page *page)
{
    const json_t *lists = nj_page_at(page->document, "lists");
    nj_html_section(&page->html, "lists", "What was recommended");
    if (lists == NULL) {
        nj_html_note(&page->html, "Not known.");
        return;
    }
    add_rule(page, lists);
    add_flags(page, lists);
    add_exposure(page, lists);
    add_popularity(page, lists);
    add_codes(page, nj_page_at(lists, "codes"));
    add_scores(page, nj_page_at(lists, "scores"));
}

static void draw_overlap(nj_page *page, const json_t *overlap)
{
    static const nj_html_column COLUMNS[] = {{"items in both", NJ_HTML_WORDS},
                                             {"users", NJ_HTML_NUMBER}};
    nj_page_text names[POINTS_MAX];
    const char *words[POINTS_MAX];
    double shares[POINTS_MAX];
    const json_t *cells = nj_page_at(overlap, "histogram");
    const size_t size = json_array_size(cells);
    const size_t count = size < POINTS_MAX ? size : POINTS_MAX;
    const double users = fmax(1, nj_page_count(overlap, "users"));
    for (size_t c = 0; c < count; c++) {
        snprintf(names[c].text, sizeof names[c].text, "%s",
                 nj_page_say_count(nj_page_number(overlap, "cutoff") * (double)c /
                                   fmax(1, (double)count - 1))
                     .text);
        words[c] = names[c].text;
        shares[c] = 100 * nj_page_element(cells, c) / users;
    }
    nj_svg svg;
    const nj_chart_bar bar = {.values = shares};
    const nj_chart chart = {.title =
                                "Users by how many of their first items are those of last night",
                            .x_label = "items in both",
                            .y_label = "% of users",
                            .height = 240};
    nj_chart_bars(&svg, &chart, words, count, &bar, 1);
    nj_html_svg_take(&page->html, &svg, NULL);
    nj_html_fold(&page->html, "The numbers of this chart");
    nj_html_table_begin(&page->html, NULL, COLUMNS, 2);
    for (size_t c = 0; c < count; c++) {
        nj_html_row(&page->html);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s", words[c]);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_element(cells, c)).text);
    }
    nj_html_table_end(&page->html);
    nj_html_fold_end(&page->html);
}

void nj_page_add_overlap(nj_page *page)
{
    const json_t *overlap = nj_page_at(nj_page_at(page->document, "lists"), "overlap");
    const double cutoff = nj_page_number(overlap, "cutoff");
    nj_html *html = &page->html;
    nj_html_section(html, "overlap", "Since last night");
    if (overlap == NULL) {
        nj_html_note(html, "There is no earlier generation to compare with.");
        return;
    }
    if (!(nj_page_count(overlap, "users") > 0)) {
        nj_html_note(html, "None of these users has a list in %s.",
                     nj_page_word(overlap, "generation"));
        return;
    }
    draw_overlap(page, overlap);
    nj_html_term(html, "compared with", "%s", nj_page_word(overlap, "generation"));
    nj_html_term(html, "users in both", "%s, and %s who are new",
                 nj_page_say_count(nj_page_number(overlap, "users")).text,
                 nj_page_say_count(nj_page_number(overlap, "new_users")).text);
    nj_html_term(html, "the first places", "%s of the first %s are the same, whatever their order",
                 nj_page_say_share(nj_page_number(overlap, "mean")).text,
                 nj_page_say_count(cutoff).text);
    nj_html_term(html, "all places", "%s",
                 nj_page_say_share(nj_page_number(overlap, "mean_all")).text);
    nj_html_term(html, "the first item", "is the same for %s of the users",
                 nj_page_say_share(nj_page_number(overlap, "same_first")).text);
}
