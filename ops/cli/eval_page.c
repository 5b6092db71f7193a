// eval_page.c - the report of `nightjar eval` as a page: how it was judged, values, differences, what is shown, and how to read it.
#include "ops/cli/eval_page.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "common/codec/chart.h"

#define SHARE_BYTES 16 // "-.0604"

static const char *const TITLES[NJ_METRIC_COUNT] = {"Recall", "NDCG", "MRR"};

// Without the zero before the point: pages are narrow, and every figure is a share.
static void print_share(double value, int decimals, bool with_sign, char out[SHARE_BYTES])
{
    char text[SHARE_BYTES - 1];
    const char *sign = value < 0 ? "-" : with_sign ? "+" : "";
    snprintf(text, sizeof text, "%.*f", decimals, fabs(value));
    snprintf(out, SHARE_BYTES, "%s%s", sign, text[0] == '0' ? text + 1 : text);
}

void nj_eval_cell(double value, const double *interval, int decimals, bool with_sign,
                  char out[NJ_EVAL_CELL_BYTES])
{
    char parts[3][SHARE_BYTES];
    print_share(value, decimals, with_sign, parts[0]);
    if (interval == NULL) {
        snprintf(out, NJ_EVAL_CELL_BYTES, "%s", parts[0]);
        return;
    }
    print_share(interval[0], decimals, with_sign, parts[1]);
    print_share(interval[1], decimals, with_sign, parts[2]);
    snprintf(out, NJ_EVAL_CELL_BYTES, "%s [%s, %s]", parts[0], parts[1], parts[2]);
}

void nj_eval_estimate_cell(const nj_estimate *estimate, bool with_sign,
                           char out[NJ_EVAL_CELL_BYTES])
{
    const double interval[] = {estimate->low, estimate->high};
    nj_eval_cell(estimate->value, estimate->has_interval ? interval : NULL, 4, with_sign, out);
}

static bool is_known(const nj_eval_told *told, nj_masking masking)
{
    bool known = false;
    for (size_t i = 0; i < told->e->model_count; i++) {
        known = known || told->e->models[i].rankings[masking].known;
    }
    return known;
}

// ---- how it was judged ----

static void write_rules(const nj_eval_told *told, nj_html *page)
{
    const nj_evaluation *e = told->e;
    nj_html_section(page, "rules", "How it was judged");
    nj_html_paragraph(
        page,
        "Target: %s; split: %s. The held-out item of each user is looked for in the user's list, "
        "among all %zu "
        "items that a list may name (full ranking, no sampled negatives). The run was asked for "
        "lists with the %s; both are reported, because they are two tasks.",
        e->target, e->split, e->live_count, nj_masking_title(e->primary));
    if (e->rules != NULL) {
        nj_html_paragraph(page, "%s", e->rules);
    }
    for (size_t i = 0; i < e->count_count; i++) {
        nj_html_item(page, "%" PRIu64 " %s", e->counts[i].count, e->counts[i].text);
    }
}

// ---- values ----

// One chart: groups are cut-offs, a bar of each model in every one.
static void draw_metric(const nj_eval_told *told, size_t metric, nj_masking masking, nj_html *page)
{
    static const char *const GROUPS[NJ_CUTOFF_COUNT] = {"1", "5", "10", "20"};
    double numbers[NJ_MODELS_MAX][3][NJ_CUTOFF_COUNT];
    nj_chart_bar bars[NJ_MODELS_MAX];
    size_t count = 0;
    size_t groups = 0;
    char title[NJ_EVAL_CELL_BYTES];
    for (size_t i = 0; i < told->e->model_count; i++) {
        const nj_ranking_figures *figures = &told->f->rankings[i][masking];
        if (!told->e->models[i].rankings[masking].known) {
            continue;
        }
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            const nj_estimate *at = &figures->metrics.at[metric][c];
            const bool reached = c < figures->cutoff_count;
            numbers[count][0][c] = reached ? at->value : (double)NAN;
            numbers[count][1][c] = reached && at->has_interval ? at->low : (double)NAN;
            numbers[count][2][c] = reached && at->has_interval ? at->high : (double)NAN;
        }
        groups = figures->cutoff_count > groups ? figures->cutoff_count : groups;
        bars[count] = (nj_chart_bar){.name = told->e->models[i].name,
                                     .values = numbers[count][0],
                                     .low = numbers[count][1],
                                     .high = numbers[count][2]};
        count++;
    }
    nj_svg svg;
    snprintf(title, sizeof title, "%s, %s", TITLES[metric], nj_masking_title(masking));
    nj_chart_bars(&svg, &(nj_chart){.title = title, .x_label = "cut-off", .height = 260}, GROUPS,
                  groups, bars, count);
    nj_html_svg_take(page, &svg, NULL);
}

static bool is_best(const nj_eval_told *told, size_t model, nj_masking masking, size_t metric,
                    size_t c)
{
    const double value = told->f->rankings[model][masking].metrics.at[metric][c].value;
    for (size_t i = 0; i < told->e->model_count; i++) {
        if (told->f->rankings[i][masking].metrics.at[metric][c].value > value) {
            return false;
        }
    }
    return told->e->model_count > 1 && value > 0;
}

// The models one below the other, at each cut-off.
static void write_values_table(const nj_eval_told *told, nj_masking masking, nj_html *page)
{
    static const nj_html_column COLUMNS[] = {{"places", NJ_HTML_WORDS},
                                             {"model", NJ_HTML_WORDS},
                                             {"recall", NJ_HTML_NUMBER},
                                             {"NDCG", NJ_HTML_NUMBER},
                                             {"MRR", NJ_HTML_NUMBER}};
    nj_html_table_begin(page, NULL, COLUMNS, 2 + NJ_METRIC_COUNT);
    for (size_t row = 0; row < NJ_CUTOFF_COUNT * told->e->model_count; row++) {
        const size_t c = row / told->e->model_count;
        const size_t model = row % told->e->model_count;
        const nj_ranking_figures *figures = &told->f->rankings[model][masking];
        if (c >= figures->cutoff_count) {
            continue;
        }
        nj_html_row(page);
        nj_html_cell(page, NJ_HTML_PLAIN, "%u", NJ_CUTOFFS[c]);
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", told->e->models[model].name);
        for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
            const bool best = is_best(told, model, masking, metric, c);
            char cell[NJ_EVAL_CELL_BYTES];
            nj_eval_estimate_cell(&figures->metrics.at[metric][c], false, cell);
            nj_html_cell(page, best ? NJ_HTML_BEST : NJ_HTML_PLAIN, "%s", cell);
        }
    }
    nj_html_table_end(page);
}

static void write_values(const nj_eval_told *told, nj_html *page)
{
    const nj_masking order[] = {told->e->primary, told->e->primary == NJ_HISTORY_KEPT
                                                      ? NJ_HISTORY_MASKED
                                                      : NJ_HISTORY_KEPT};
    nj_html_section(page, "values", "Recall, NDCG and MRR");
    for (size_t i = 0; i < NJ_MASKING_COUNT; i++) {
        if (!is_known(told, order[i])) {
            continue;
        }
        nj_html_heading(page, "%s", nj_masking_title(order[i]));
        draw_metric(told, 0, order[i], page);
        draw_metric(told, 1, order[i], page);
        write_values_table(told, order[i], page);
    }
    nj_html_note(page,
                 "Whiskers and brackets: 95 %% percentile intervals of %u resamples of the users, "
                 "seed %" PRIu64 ", the same users for all models. Two overlapping intervals say "
                 "little: the difference below has an interval of its own.",
                 told->f->resampling.resample_count, told->f->resampling.seed);
}

// ---- differences ----

static void write_comparison(const nj_eval_told *told, size_t other, nj_masking masking,
                             nj_html *page)
{
    static const nj_html_column COLUMNS[] = {
        {"metric", NJ_HTML_WORDS},        {"difference", NJ_HTML_NUMBER},
        {"of the other", NJ_HTML_NUMBER}, {"p", NJ_HTML_NUMBER},
        {"first alone", NJ_HTML_NUMBER},  {"other alone", NJ_HTML_NUMBER}};
    const nj_comparison *comparison = &told->f->comparisons[other][masking];
    if (comparison->cutoff_count == 0) {
        return;
    }
    nj_html_table_begin(page, nj_masking_title(masking), COLUMNS, 6);
    for (size_t row = 0; row < NJ_METRIC_COUNT * comparison->cutoff_count; row++) {
        const size_t metric = row / comparison->cutoff_count;
        const size_t c = row % comparison->cutoff_count;
        const nj_estimate *d = &comparison->differences.at[metric][c];
        char cell[NJ_EVAL_CELL_BYTES];
        double loss;
        nj_eval_estimate_cell(d, true, cell);
        nj_html_row(page);
        nj_html_cell(page, NJ_HTML_PLAIN, "%s@%u", NJ_METRICS[metric].name, NJ_CUTOFFS[c]);
        nj_html_cell(page, d->has_interval && d->low > 0 ? NJ_HTML_BEST : NJ_HTML_PLAIN, "%s",
                     cell);
        const bool known = nj_eval_loss(told, other, masking, metric, c, &loss);
        nj_html_cell(page, NJ_HTML_PLAIN, known ? "%+.2f %%" : "none", 0 - 100 * loss);
        const double p = comparison->tests.p[metric][c];
        nj_html_cell(page, NJ_HTML_PLAIN, p < NJ_EVAL_P_SHOWN_MIN ? "below %.4f" : "%.4f",
                     fmax(p, NJ_EVAL_P_SHOWN_MIN));
        if (metric == 0) {
            nj_html_cell(page, NJ_HTML_PLAIN, "%" PRIu64, comparison->tests.first_only[c]);
            nj_html_cell(page, NJ_HTML_PLAIN, "%" PRIu64, comparison->tests.other_only[c]);
        }
    }
    nj_html_table_end(page);
}

static void write_differences(const nj_eval_told *told, nj_html *page)
{
    const nj_evaluation *e = told->e;
    const size_t tests = nj_eval_test_count(told);
    if (e->model_count < 2) {
        return;
    }
    nj_html_section(page, "differences", "Differences");
    for (size_t other = 1; other < e->model_count; other++) {
        nj_html_heading(page, "%s less %s", e->models[0].name, e->models[other].name);
        write_comparison(told, other, NJ_HISTORY_MASKED, page);
        write_comparison(told, other, NJ_HISTORY_KEPT, page);
    }
    nj_html_note(
        page,
        "p: exact sign test (McNemar) for recall, %u random swaps of the two models' "
        "outcomes for the others. Each interval and each p stands for itself: of %zu tests "
        "of equally good models (%s) %.1f would be below 0.05 by chance. To be sure of all "
        "of them at once, ask for p below %.5f. A model is fixed here: none of this tells "
        "what another training run of it would give.",
        NJ_RANDOMISATIONS, tests, nj_masking_title(e->primary), 0.05 * (double)tests,
        tests > 0 ? 0.05 / (double)tests : 0);
}

// ---- what is shown to all together ----

static void write_exposure_row(const nj_eval_told *told, size_t model, nj_masking masking,
                               nj_html *page)
{
    const nj_ranking_figures *figures = &told->f->rankings[model][masking];
    const nj_exposure *x = &figures->exposure[told->f->cutoff_index];
    nj_html_row(page);
    nj_html_cell(page, NJ_HTML_PLAIN, "%s", told->e->models[model].name);
    nj_html_cell(page, NJ_HTML_PLAIN, "%.2f %%", 100 * x->coverage);
    nj_html_cell(page, NJ_HTML_PLAIN, "%.4f", x->gini);
    nj_html_cell(page, x->invalid > 0 ? NJ_HTML_ALARM : NJ_HTML_PLAIN, "%" PRIu64, x->invalid);
    if (told->e->popularity != NULL) {
        nj_html_cell(page, NJ_HTML_PLAIN, "%.2f", x->novelty);
        nj_html_cell(page, NJ_HTML_PLAIN, "%.1f", x->popularity);
    } else {
        nj_html_cell(page, NJ_HTML_FAINT, "not known");
        nj_html_cell(page, NJ_HTML_FAINT, "not known");
    }
    if (figures->diversity.users[told->f->cutoff_index] > 0) {
        nj_html_cell(page, NJ_HTML_PLAIN, "%.4f", figures->diversity.mean[told->f->cutoff_index]);
    }
}

static void write_exposure(const nj_eval_told *told, nj_html *page)
{
    static const nj_html_column COLUMNS[] = {
        {"model", NJ_HTML_WORDS},          {"coverage", NJ_HTML_NUMBER},
        {"Gini", NJ_HTML_NUMBER},          {"invalid", NJ_HTML_NUMBER},
        {"novelty, bits", NJ_HTML_NUMBER}, {"mean events", NJ_HTML_NUMBER},
        {"distance", NJ_HTML_NUMBER},
    };
    nj_html_section(page, "shown", "What all users are shown");
    for (size_t masking = 0; masking < NJ_MASKING_COUNT; masking++) {
        char caption[NJ_EVAL_CELL_BYTES];
        if (!is_known(told, (nj_masking)masking)) {
            continue;
        }
        snprintf(caption, sizeof caption, "within %u places, %s", told->f->cutoff,
                 nj_masking_title((nj_masking)masking));
        nj_html_table_begin(page, caption, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
        for (size_t i = 0; i < told->e->model_count; i++) {
            if (told->e->models[i].rankings[masking].known) {
                write_exposure_row(told, i, (nj_masking)masking, page);
            }
        }
        nj_html_table_end(page);
    }
    if (told->e->popularity != NULL) {
        nj_html_paragraph(page,
                          "The held-out items themselves: novelty %.2f bits, %.1f training events "
                          "on average. An event of the training is of an item with %.1f events.",
                          told->f->target_novelty, told->f->target_popularity,
                          told->f->trained_popularity);
    }
    nj_html_note(
        page,
        "Coverage: items in some list, of those that a list may name. Gini: 0, all items "
        "are shown alike; 1, one has all places. Novelty: how surprising an item is by its "
        "share of the training events. Mean events: how popular what is shown is. Distance: "
        "1 - cosine over the pairs of a list%s. None of these says that a list is good; they "
        "say what a hit was bought with.",
        told->e->embeddings != NULL ? "" : " (needs --embeddings)");
}

static void write_shares(const nj_eval_told *told, size_t level, const nj_prefix_share *shares,
                         size_t count, nj_html *page)
{
    for (size_t i = 0; i < count; i++) {
        char text[NJ_EVAL_ITEM_BYTES];
        nj_html_row(page);
        nj_eval_codes_text(told->e, shares[i].row, level + 1, text);
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", text);
        nj_eval_item_text(told->e, shares[i].row, text);
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", text);
        nj_html_cell(page, NJ_HTML_PLAIN, "%u", shares[i].item_count);
        nj_html_cell(page, NJ_HTML_PLAIN, "%.3f %%", 100 * shares[i].recommended);
        nj_html_cell(page, NJ_HTML_PLAIN, "%.3f %%", 100 * shares[i].trained);
        if (shares[i].trained > 0) {
            nj_html_cell(page, NJ_HTML_PLAIN, "%.2f", shares[i].recommended / shares[i].trained);
        } else {
            nj_html_cell(page, NJ_HTML_FAINT, "cold");
        }
    }
}

static void write_prefix_level(const nj_eval_told *told, size_t model, size_t level, nj_html *page)
{
    static const nj_html_column COLUMNS[] = {
        {"prefix", NJ_HTML_WORDS}, {"such as", NJ_HTML_WORDS},  {"items", NJ_HTML_NUMBER},
        {"shown", NJ_HTML_NUMBER}, {"trained", NJ_HTML_NUMBER}, {"lift", NJ_HTML_NUMBER}};
    const nj_prefix_level *p = &told->f->rankings[model][told->e->primary].prefixes[level];
    char caption[NJ_EVAL_CAPTION_BYTES];
    snprintf(caption, sizeof caption,
             "%zu code%s: %zu prefixes; %.1f %% of what is shown stands elsewhere than in training",
             level + 1, level > 0 ? "s" : "", p->prefix_count, 100 * p->moved);
    nj_html_table_begin(page, caption, COLUMNS, 6);
    write_shares(told, level, p->most, p->most_count, page);
    for (size_t i = p->least_count; i-- > 0;) {
        write_shares(told, level, &p->least[i], 1, page);
    }
    nj_html_table_end(page);
}

static void write_prefixes(const nj_eval_told *told, nj_html *page)
{
    if (told->f->prefix_level_count == 0 || told->f->cutoff == 0) {
        return;
    }
    nj_html_section(page, "prefixes", "Prefixes shown more, and less, than in training");
    for (size_t model = 0; model < told->e->model_count; model++) {
        nj_html_fold(page, told->e->models[model].name);
        for (size_t level = 0; level < told->f->prefix_level_count; level++) {
            write_prefix_level(told, model, level, page);
        }
        nj_html_fold_end(page);
    }
    nj_html_note(
        page,
        "Of the first %u places, %s. Lift: share of what is shown over share of the training "
        "events; the %d largest surpluses and the %d largest lacks of each length, of prefixes "
        "with %d recommendations and events or more.",
        told->f->cutoff, nj_masking_title(told->e->primary), NJ_PREFIXES_SHOWN, NJ_PREFIXES_SHOWN,
        NJ_PREFIX_EVENTS_MIN);
}

// ---- the page ----

static void write_headline(const nj_eval_told *told, nj_html *page)
{
    const nj_figures *f = told->f;
    if (f->cutoff == 0) {
        nj_html_paragraph(page, "No list has a place: there is nothing to judge.");
        return;
    }
    for (size_t i = 0; i < told->e->model_count; i++) {
        const nj_estimate *recall =
            &f->rankings[i][told->e->primary].metrics.at[0][f->cutoff_index];
        char name[NJ_EVAL_CAPTION_BYTES];
        snprintf(name, sizeof name, "%.80s recall@%u", told->e->models[i].name, f->cutoff);
        nj_html_figure(page, name, "%.4f", recall->value);
    }
}

nj_status nj_eval_write_page(const nj_eval_told *told, nj_file_draft *draft, nj_error *err)
{
    nj_html page;
    nj_status sliced = NJ_OK;
    nj_html_begin(&page, "Evaluation", told->e->models[0].name);
    write_headline(told, &page);
    write_rules(told, &page);
    write_values(told, &page);
    write_differences(told, &page);
    if (told->f->cutoff > 0) {
        write_exposure(told, &page);
        write_prefixes(told, &page);
        sliced = nj_eval_page_slices(told, &page);
        nj_eval_page_contrasts(told, &page);
    }
    nj_status status = nj_html_end(&page);
    if (status != NJ_OK || sliced != NJ_OK) {
        status = nj_fail(err, status != NJ_OK ? status : sliced, "%s: no memory for the page",
                         draft->path.text);
    } else if (fwrite(page.bytes.bytes, 1, page.bytes.size, draft->stream) != page.bytes.size) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s", draft->path.text);
    } else {
        status = nj_file_draft_commit(draft, err);
    }
    nj_html_fini(&page);
    return status;
}
