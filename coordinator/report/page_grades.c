// page_grades.c - how good the lists of the last nights were, once events had arrived.
#include <math.h>

#include "coordinator/report/grades.h"
#include "coordinator/report/page_parts.h"

#define DAY_CHARS 10
#define DAY_MS 86400e3
#define DAYS_LABEL "days, 0 is the latest night"

typedef struct {
    double value[NJ_NIGHT_GRADES_MAX];
    double low[NJ_NIGHT_GRADES_MAX];
    double high[NJ_NIGHT_GRADES_MAX];
} column;

static void fill_column(const json_t *grades, const char *key, size_t count, column *out)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *estimate = nj_page_at(json_array_get(grades, i), key);
        out->value[i] = nj_page_number(estimate, "value");
        const double low = nj_page_number(estimate, "low");
        const double high = nj_page_number(estimate, "high");
        out->low[i] = isnan(low) ? out->value[i] : low;
        out->high[i] = isnan(high) ? out->value[i] : high;
    }
}

// Days before the latest grade, so that nights that nobody graded leave a gap. False where the moments do not rise.
static bool fill_days(const json_t *grades, size_t count, double *days)
{
    const double last = nj_page_number(json_array_get(grades, count - 1), "created_ms");
    for (size_t i = 0; i < count; i++) {
        days[i] = (nj_page_number(json_array_get(grades, i), "created_ms") - last) / DAY_MS;
        if (!isfinite(days[i]) || (i > 0 && !(days[i] > days[i - 1]))) {
            return false;
        }
    }
    return true;
}

static nj_chart_line make_line(const char *name, const double *x, const column *c, size_t count)
{
    return (nj_chart_line){
        .name = name, .x = x, .y = c->value, .low = c->low, .high = c->high, .count = count};
}

static void add_estimate(nj_html *html, const column *c, size_t i)
{
    if (isnan(c->value[i])) {
        nj_html_cell(html, NJ_HTML_FAINT, "–");
    } else {
        nj_html_cell(html, NJ_HTML_PLAIN, "%.4f [%.4f, %.4f]", c->value[i], c->low[i], c->high[i]);
    }
}

// Two lines over the nights.
static void draw(nj_html *html, const char *title, bool has_days, const nj_chart_line lines[2],
                 const char *caption)
{
    const nj_chart chart = {.title = title,
                            .x_label = has_days ? DAYS_LABEL : "night",
                            .x_whole = true,
                            .y_zero = true,
                            .height = 260};
    nj_svg svg;
    nj_chart_lines(&svg, &chart, lines, 2);
    nj_html_svg_take(html, &svg, caption);
}

// Beside lists that nobody saw, where nights have kept any.
static void add_controls(nj_html *html, const json_t *grades, size_t count, const double *days)
{
    column popular, visited;
    bool has_any = false;
    fill_column(grades, "more_than_popular", count, &popular);
    fill_column(grades, "more_than_co-visitation", count, &visited);
    for (size_t i = 0; i < count; i++) {
        has_any = has_any || isfinite(popular.value[i]) || isfinite(visited.value[i]);
    }
    if (!has_any) {
        return;
    }
    const nj_chart_line lines[] = {make_line("than the popular list", days, &popular, count),
                                   make_line("than the co-visitation list", days, &visited, count)};
    draw(html, "hit@10 more than lists that nobody saw", days != NULL, lines,
         "Over the sample of users for whom the night has kept such lists, with 95 % "
         "intervals. What was shown has the advantage: a list that nobody saw and "
         "comes near to it may be better.");
}

static void add_table(nj_html *html, const json_t *grades, size_t count, const column *hit,
                      const column *ndcg)
{
    static const nj_html_column COLUMNS[] = {{"night", NJ_HTML_WORDS},
                                             {"generation", NJ_HTML_WORDS},
                                             {"users", NJ_HTML_NUMBER},
                                             {"hit@10", NJ_HTML_NUMBER},
                                             {"NDCG@10", NJ_HTML_NUMBER}};
    nj_html_fold(html, "The numbers of the first chart");
    nj_html_table_begin(html, NULL, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
    for (size_t i = 0; i < count; i++) {
        const json_t *grade = json_array_get(grades, i);
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%.*s", DAY_CHARS,
                     nj_page_say_moment(nj_page_number(grade, "created_ms")).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(grade, "generation"));
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(grade, "users")).text);
        add_estimate(html, hit, i);
        add_estimate(html, ndcg, i);
    }
    nj_html_table_end(html);
    nj_html_fold_end(html);
}

void nj_page_add_grades(nj_page *page)
{
    const json_t *grades = nj_page_at(page->document, "grades");
    const size_t size = json_array_size(grades);
    const size_t count = size < NJ_NIGHT_GRADES_MAX ? size : NJ_NIGHT_GRADES_MAX;
    column hit, ndcg;
    double days[NJ_NIGHT_GRADES_MAX];
    nj_html *html = &page->html;
    if (count == 0) {
        return;
    }
    fill_column(grades, "hit@10", count, &hit);
    fill_column(grades, "ndcg@10", count, &ndcg);
    nj_html_section(html, "grades", "What users took of the lists");
    const double *x = fill_days(grades, count, days) ? days : NULL;
    const nj_chart_line lines[] = {make_line("hit@10", x, &hit, count),
                                   make_line("NDCG@10", x, &ndcg, count)};
    draw(html, "Grades of the nights, oldest first", x != NULL, lines,
         "Of the users who took something since: whether the first item they took stood "
         "in their first 10, with 95 % intervals. They saw these lists, so the "
         "figures flatter them: compare nights, and nothing else.");
    add_controls(html, grades, count, x);
    add_table(html, grades, count, &hit, &ndcg);
}
