// lab_page_models.c - how good each model is: the page's extract of eval's report (schemas/eval.md).
#include <math.h>
#include <string.h>

#include "ops/cli/lab_page.h"

static const char *const METRICS[] = {"recall@5", "recall@10", "recall@20", "ndcg@10", "mrr@10"};
static const char *const TITLES[] = {"Recall@5", "Recall@10", "Recall@20", "NDCG@10", "MRR@10"};
enum { METRIC_COUNT = 5, RECALL_10 = 1, NDCG_10 = 3 };

// A model's figures under the masking that the run was asked for.
static const json_t *ranking_of(const nj_lab_page *page, size_t model)
{
    const char *masking = json_string_value(json_object_get(page->eval, "masking"));
    const json_t *object = json_array_get(json_object_get(page->eval, "models"), model);
    return json_object_get(object, masking != NULL ? masking : "kept");
}

static double figure_of(const nj_lab_page *page, size_t model, const char *metric, const char *part)
{
    return nj_lab_value(json_object_get(ranking_of(page, model), metric), part);
}

void nj_lab_page_recall(const nj_lab_page *page, double *out_tiger, double *out_sasrec)
{
    *out_tiger = figure_of(page, NJ_LAB_TIGER, "recall@10", "value");
    *out_sasrec = figure_of(page, NJ_LAB_SASREC, "recall@10", "value");
}

static size_t find_best(const nj_lab_page *page, const char *metric)
{
    size_t best = 0;
    double most = -1;
    for (size_t m = 0; m < NJ_LAB_MODEL_COUNT; m++) {
        const double value = figure_of(page, m, metric, "value");
        if (value > most) {
            most = value;
            best = m;
        }
    }
    return best;
}

static void write_table(nj_lab_page *page)
{
    const nj_html_column columns[] = {
        {"model", NJ_HTML_WORDS},
        {TITLES[0], NJ_HTML_NUMBER},
        {TITLES[1], NJ_HTML_NUMBER},
        {"95 %", NJ_HTML_NUMBER},
        {TITLES[2], NJ_HTML_NUMBER},
        {TITLES[3], NJ_HTML_NUMBER},
        {"95 %", NJ_HTML_NUMBER},
        {TITLES[4], NJ_HTML_NUMBER},
        {"% of items shown", NJ_HTML_NUMBER},
        {"made up", NJ_HTML_NUMBER},
    };
    nj_html_table_begin(&page->html, NULL, columns, sizeof columns / sizeof columns[0]);
    for (size_t m = 0; m < NJ_LAB_MODEL_COUNT; m++) {
        nj_html_row(&page->html);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s", NJ_LAB_MODELS[m].name);
        for (size_t i = 0; i < METRIC_COUNT; i++) {
            nj_html_cell(&page->html,
                         find_best(page, METRICS[i]) == m ? NJ_HTML_BEST : NJ_HTML_PLAIN, "%s",
                         nj_lab_decimal(figure_of(page, m, METRICS[i], "value"), 4).text);
            if (i == RECALL_10 || i == NDCG_10) {
                nj_html_cell(&page->html, NJ_HTML_FAINT, "%s \u2013 %s",
                             nj_lab_decimal(figure_of(page, m, METRICS[i], "low"), 4).text,
                             nj_lab_decimal(figure_of(page, m, METRICS[i], "high"), 4).text);
            }
        }
        const double invalid = nj_lab_value(ranking_of(page, m), "invalid");
        nj_html_cell(
            &page->html, NJ_HTML_PLAIN, "%s",
            nj_lab_decimal(100 * nj_lab_value(ranking_of(page, m), "coverage@10"), 1).text);
        nj_html_cell(&page->html, invalid > 0 ? NJ_HTML_ALARM : NJ_HTML_PLAIN, "%s",
                     nj_lab_count(invalid).text);
    }
    nj_html_table_end(&page->html);
}

static void draw_bars(nj_lab_page *page)
{
    double values[NJ_LAB_MODEL_COUNT][METRIC_COUNT];
    double low[NJ_LAB_MODEL_COUNT][METRIC_COUNT];
    double high[NJ_LAB_MODEL_COUNT][METRIC_COUNT];
    nj_chart_bar bars[NJ_LAB_MODEL_COUNT];
    for (size_t m = 0; m < NJ_LAB_MODEL_COUNT; m++) {
        for (size_t i = 0; i < METRIC_COUNT; i++) {
            values[m][i] = figure_of(page, m, METRICS[i], "value");
            low[m][i] = figure_of(page, m, METRICS[i], "low");
            high[m][i] = figure_of(page, m, METRICS[i], "high");
        }
        bars[m] = (nj_chart_bar){NJ_LAB_MODELS[m].name, values[m], low[m], high[m]};
    }
    nj_svg svg;
    nj_chart_bars(&svg,
                  &(nj_chart){.title = "Test users, ranked among all items",
                              .y_label = "mean over users, with 95 % intervals"},
                  TITLES, METRIC_COUNT, bars, NJ_LAB_MODEL_COUNT);
    nj_html_svg_take(&page->html, &svg, NULL);
}

// The same users, two models: an interval of the difference says more than two intervals side by side.
static void write_verdict(nj_lab_page *page)
{
    const char *masking = json_string_value(json_object_get(page->eval, "masking"));
    const json_t *beside = json_array_get(json_object_get(page->eval, "comparisons"), 0);
    const json_t *difference =
        json_object_get(json_object_get(beside, masking != NULL ? masking : "kept"), "recall@10");
    const double sasrec = figure_of(page, NJ_LAB_SASREC, "recall@10", "value");
    const double value = nj_lab_value(difference, "value");
    const double low = nj_lab_value(difference, "low");
    const double high = nj_lab_value(difference, "high");
    if (!isfinite(value) || !(sasrec > 0)) {
        return;
    }
    const char *word = high < 0  ? "The generative model names less of what came next than SASRec"
                       : low > 0 ? "The generative model names more of what came next than SASRec"
                                 : "The generative model and SASRec cannot be told apart here";
    nj_html_paragraph(
        &page->html,
        "%s: its Recall@10 differs by %+.4f, user by user between %+.4f and %+.4f with 95 %% "
        "confidence. That is %+.1f %% of SASRec's, between %+.1f %% and %+.1f %%.",
        word, value, low, high, 100 * value / sasrec, 100 * low / sasrec, 100 * high / sasrec);
}

void nj_lab_page_models(nj_lab_page *page)
{
    const bool is_masked = strcmp(json_is_string(json_object_get(page->eval, "masking"))
                                      ? json_string_value(json_object_get(page->eval, "masking"))
                                      : "",
                                  "masked") == 0;
    nj_html_section(&page->html, "models", "How good is it?");
    nj_html_paragraph(
        &page->html,
        "For every user, each model names %s among all of them, and knows everything but the "
        "last one. Recall@10 is the share of users whose last one is among the first ten; "
        "NDCG and MRR count for more what stands higher.%s",
        page->settings->kind->item_noun,
        is_masked ? " What a user has had is not named again." : "");
    for (size_t m = 0; m < NJ_LAB_MODEL_COUNT; m++) {
        nj_html_term(&page->html, NJ_LAB_MODELS[m].name, "%s", NJ_LAB_MODELS[m].about);
    }
    draw_bars(page);
    write_table(page);
    write_verdict(page);
    nj_html_note(
        &page->html,
        "Intervals are from resampled users. eval.html beside this page has all figures, slices of "
        "users, other maskings, and users won and lost.");
}
