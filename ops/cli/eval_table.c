// eval_table.c - the report of `nightjar eval` as text, 100 columns wide.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"
#include "ops/cli/eval_report.h"

#define OTHERS_MAX 4   // models beside the first that the table of slices has room for
#define NAME_COLUMN 7  // characters of a model's name above a narrow column
#define NAME_SHORT 14  // ... before a sentence
#define NAME_LINE 36   // ... of two names in one line of text
#define WIDTH_MAX 100u // of a line

// At most `width` characters of UTF-8 text; a cut is behind a whole one. Returns how many they are.
static size_t print_text(const char *text, size_t width)
{
    const size_t size = strlen(text);
    size_t end = 0;
    size_t count = 0;
    for (; count < width && end < size; count++) {
        const size_t step = nj_utf8_sequence(text + end, size - end);
        end += step > 0 ? step : 1;
    }
    printf("%.*s", (int)end, text);
    return count;
}

// ... with spaces behind them up to the width.
static void print_column(const char *text, size_t width)
{
    const size_t count = print_text(text, width);
    printf("%*s", (int)(width - count), "");
}

// "FIRST against OTHER" on a line of its own, without its end.
static void print_pair(const nj_evaluation *e, const char *between, size_t other)
{
    printf("\n");
    print_text(e->models[0].name, NAME_LINE);
    printf(" %s ", between);
    print_text(e->models[other].name, NAME_LINE);
}

static void print_rules(const nj_evaluation *e)
{
    printf("%s, %s\n", e->target, e->split);
    for (size_t i = 0; i < e->count_count; i++) {
        printf("  %" PRIu64 " %s\n", e->counts[i].count, e->counts[i].text);
    }
    if (e->rules != NULL) {
        printf("%s\n", e->rules);
    }
}

// ---- values ----

static void print_estimate(const nj_estimate *estimate)
{
    if (estimate->has_interval) {
        printf(" %.4f [%.4f,%.4f]", estimate->value, estimate->low, estimate->high);
    } else {
        printf(" %.4f %15s", estimate->value, "");
    }
}

static void print_model(const nj_eval_told *told, size_t index, nj_masking masking)
{
    const nj_judged_model *model = &told->e->models[index];
    const nj_ranking *ranking = &model->rankings[masking];
    const nj_ranking_figures *figures = &told->f->rankings[index][masking];
    const nj_judgement *j = &ranking->judgement;
    print_text(model->name, WIDTH_MAX);
    printf("\n");
    for (size_t i = 0; i < NJ_METRIC_COUNT && figures->cutoff_count > 0; i++) {
        printf("  %-6s", NJ_METRICS[i].name);
        for (size_t c = 0; c < figures->cutoff_count; c++) {
            print_estimate(&figures->metrics.at[i][c]);
        }
        printf("\n");
    }
    printf("  invalid   %" PRIu64 " of %" PRIu64 " recommended\n", j->invalid_total, j->item_total);
    if (ranking->short_count > 0) {
        printf("  %zu users have fewer than %u items in their list\n", ranking->short_count,
               ranking->depth);
    }
    if (j->absent_count > 0 || model->other_count > 0) {
        printf("  %zu users without a list, judged as an empty one; %" PRIu64
               " lists of users who are not judged\n",
               j->absent_count, model->other_count);
    }
}

static void print_values(const nj_eval_told *told, nj_masking masking)
{
    bool has_title = false;
    for (size_t i = 0; i < told->e->model_count; i++) {
        if (!told->e->models[i].rankings[masking].known) {
            continue;
        }
        if (!has_title) {
            printf("\n%s\n  %6s", nj_masking_title(masking), "");
            for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
                printf(" @%-*u", c + 1 < NJ_CUTOFF_COUNT ? 21 : 1, NJ_CUTOFFS[c]);
            }
            printf("\n");
            has_title = true;
        }
        print_model(told, i, masking);
    }
}

// ---- differences ----

static void print_p(double p)
{
    if (p < NJ_EVAL_P_SHOWN_MIN) {
        printf("  p <%.4f", NJ_EVAL_P_SHOWN_MIN);
    } else {
        printf("  p  %.4f", p);
    }
}

static void print_difference(const nj_eval_told *told, size_t other, size_t metric, size_t c)
{
    const nj_masking masking = told->e->primary;
    const nj_comparison *comparison = &told->f->comparisons[other][masking];
    const nj_estimate *d = &comparison->differences.at[metric][c];
    double loss = 0;
    char interval[32] = "";
    char lost[16] = "none";
    if (d->has_interval) {
        snprintf(interval, sizeof interval, "[%+.4f,%+.4f]", d->low, d->high);
    }
    if (nj_eval_loss(told, other, masking, metric, c, &loss)) {
        snprintf(lost, sizeof lost, "%.3f %%", 100 * fabs(loss));
    }
    printf("  %-6s @%-3u %+.4f  %-17s  %s %10s", NJ_METRICS[metric].name, NJ_CUTOFFS[c], d->value,
           interval, loss < 0 ? "more" : "lost", lost);
    print_p(comparison->tests.p[metric][c]);
    if (metric == 0) {
        printf("  alone %" PRIu64 " against %" PRIu64, comparison->tests.first_only[c],
               comparison->tests.other_only[c]);
    }
    printf("\n");
}

static void print_comparison(const nj_eval_told *told, size_t other)
{
    const nj_evaluation *e = told->e;
    const nj_comparison *comparison = &told->f->comparisons[other][e->primary];
    print_pair(e, "against", other);
    printf("\n  %s; overlap", nj_masking_title(e->primary));
    for (size_t c = 0; c < comparison->cutoff_count; c++) {
        printf("  @%-2u %.4f", NJ_CUTOFFS[c], comparison->overlap[c]);
    }
    printf("\n");
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        for (size_t c = 0; c < comparison->cutoff_count; c++) {
            print_difference(told, other, metric, c);
        }
    }
}

// ---- what is shown to all together ----

static void print_exposure(const nj_eval_told *told)
{
    const nj_evaluation *e = told->e;
    const nj_figures *f = told->f;
    printf("\nwhat all users are shown within %u places, %s\n%-34s coverage    gini  novelty   "
           "events  "
           "distance  invalid\n",
           f->cutoff, nj_masking_title(e->primary), "");
    for (size_t i = 0; i < e->model_count; i++) {
        const nj_ranking_figures *figures = &f->rankings[i][e->primary];
        const nj_exposure *x = &figures->exposure[f->cutoff_index];
        printf("  ");
        print_column(e->models[i].name, 32);
        printf("  %7.4f %7.4f", x->coverage, x->gini);
        if (e->popularity != NULL) {
            printf("  %7.2f %8.1f", x->novelty, x->popularity);
        } else {
            printf("  %7s %8s", "", "");
        }
        if (figures->diversity.users[f->cutoff_index] > 0) {
            printf("   %7.4f", figures->diversity.mean[f->cutoff_index]);
        } else {
            printf("   %7s", "");
        }
        printf("  %7" PRIu64 "\n", x->invalid);
    }
    if (e->popularity != NULL) {
        printf("  %-32s  %7s %7s  %7.2f %8.1f\n", "the held-out items themselves", "", "",
               f->target_novelty, f->target_popularity);
    }
}

static void print_share(const nj_eval_told *told, const nj_prefix_share *share, size_t level)
{
    char codes[NJ_EVAL_ITEM_BYTES];
    char item[NJ_EVAL_ITEM_BYTES];
    nj_eval_codes_text(told->e, share->row, level + 1, codes);
    nj_eval_item_text(told->e, share->row, item);
    printf("    %-12s %6.2f %% of what is shown, %6.2f %% in training; %u items, as ", codes,
           100 * share->recommended, 100 * share->trained, share->item_count);
    print_text(item, 20);
    printf("\n");
}

// Of the first model, the first level only: the page has the others.
static void print_prefixes(const nj_eval_told *told)
{
    const nj_ranking_figures *figures = &told->f->rankings[0][told->e->primary];
    if (told->f->prefix_level_count == 0) {
        return;
    }
    printf("\n");
    print_text(told->e->models[0].name, NAME_SHORT);
    printf(" by prefix of the SID: share of what is shown that stands elsewhere than in "
           "training\n ");
    for (size_t level = 0; level < told->f->prefix_level_count; level++) {
        printf(" %zu code%s %.1f %%%s", level + 1, level > 0 ? "s" : "",
               100 * figures->prefixes[level].moved,
               level + 1 < told->f->prefix_level_count ? "," : "\n");
    }
    const nj_prefix_level *first = &figures->prefixes[0];
    for (size_t i = 0; i < first->most_count; i++) {
        print_share(told, &first->most[i], 0);
    }
    for (size_t i = first->least_count; i-- > 0;) {
        print_share(told, &first->least[i], 0);
    }
}

// ---- parts of the users ----

static void print_slice(const nj_eval_told *told, const nj_slice_of_users *slice,
                        const nj_slice_figures *figures)
{
    const size_t shown =
        told->e->model_count < OTHERS_MAX + 1 ? told->e->model_count : OTHERS_MAX + 1;
    printf("  ");
    print_column(slice->label, 24);
    printf(" %7zu%s", slice->user_count, slice->is_small ? "?" : " ");
    print_estimate(&figures->values[0][0]);
    for (size_t model = 1; model < shown; model++) {
        const nj_estimate *d = &figures->differences[model][0];
        const char *mark = !d->has_interval ? " " : d->low > 0 ? "-" : d->high < 0 ? "+" : " ";
        printf("  %.4f%s", figures->values[model][0].value, mark);
    }
    printf("\n");
}

static void print_slices(const nj_eval_told *told, nj_slicing_kind kind)
{
    const nj_evaluation *e = told->e;
    const nj_slicing *slicing = &told->f->slicings[kind];
    if (slicing->slice_count == 0) {
        return;
    }
    printf("\nrecall@%u by %s\n  %-24s %7s  ", told->f->cutoff, nj_slicing_title(kind), "",
           "users");
    print_column(e->models[0].name, 22);
    for (size_t model = 1; model < e->model_count && model <= OTHERS_MAX; model++) {
        printf("  ");
        print_column(e->models[model].name, NAME_COLUMN);
    }
    printf("\n");
    for (size_t i = 0; i < slicing->slice_count; i++) {
        print_slice(told, &slicing->slices[i], &told->f->slices[kind][i]);
    }
}

static void print_typical(const nj_feature_contrast *feature, nj_outcome outcome, bool is_question)
{
    if (feature->counts[outcome] == 0) {
        printf(" %9s", "");
    } else if (is_question) {
        printf(" %7.1f %%", 100 * feature->typical[outcome]);
    } else {
        printf(" %9.4g", feature->typical[outcome]);
    }
}

static void print_contrast(const nj_eval_told *told, size_t other)
{
    const nj_evaluation *e = told->e;
    const nj_contrast *c = &told->f->contrasts[other];
    print_pair(e, "beside", other);
    printf(", within %u places\n  wins %zu users, loses %zu; both find %zu (%zu "
           "earlier, "
           "%zu later), neither %zu\n",
           c->cutoff, c->counts[NJ_OUTCOME_WIN], c->counts[NJ_OUTCOME_LOSS],
           c->counts[NJ_OUTCOME_BOTH], c->both_first, c->both_other, c->counts[NJ_OUTCOME_NEITHER]);
    printf("  %-38s %9s %9s %9s  %s\n", "median, or share of users", "won", "lost", "neither",
           "won beside lost");
    for (size_t i = 0; i < NJ_FEATURE_COUNT; i++) {
        const nj_feature_contrast *feature = &c->features[i];
        const nj_effect *effect = &feature->wins_losses;
        if (!c->known[i]) {
            continue;
        }
        printf("  %-38s", NJ_FEATURES[i].title);
        print_typical(feature, NJ_OUTCOME_WIN, NJ_FEATURES[i].is_question);
        print_typical(feature, NJ_OUTCOME_LOSS, NJ_FEATURES[i].is_question);
        print_typical(feature, NJ_OUTCOME_NEITHER, NJ_FEATURES[i].is_question);
        if (effect->has_interval) {
            printf("  %+.2f [%+.2f,%+.2f]", effect->delta, effect->low, effect->high);
        } else if (effect->delta < 0 || effect->delta > 0) {
            printf("  %+.2f", effect->delta);
        }
        printf("\n");
    }
}

// ---- how to read it ----

static void print_reading(const nj_eval_told *told)
{
    const nj_figures *f = told->f;
    const size_t tests = nj_eval_test_count(told);
    printf("\n");
    if (f->resampling.resample_count > 0) {
        printf(
            "[low,high]: 95 %% of %u resamples of the users (seed %" PRIu64
            "), the same for all models; none where\nnothing varies. Each holds for itself: of 20 "
            "one misses. They know nothing of another training.\n",
            f->resampling.resample_count, f->resampling.seed);
    }
    if (tests > 0) {
        printf(
            "p: sign test (recall), %u random swaps (the others). Of %zu tests of equals %.1f are "
            "below 0.05;\nto be sure of all of them at once ask for p < %.5f.\n",
            NJ_RANDOMISATIONS, tests, 0.05 * (double)tests, 0.05 / (double)tests);
    }
    if (told->e->model_count > 1 && f->cutoff > 0) {
        printf("Slices: + above the first by the difference's interval, - below; ? few users.\n"
               "Won beside lost: Cliff's delta; 0 no difference, +1 every user won has more than "
               "every "
               "user lost.\n");
    }
}

void nj_eval_print(const nj_eval_told *told)
{
    const nj_evaluation *e = told->e;
    print_rules(e);
    print_values(told, e->primary);
    print_values(told, e->primary == NJ_HISTORY_KEPT ? NJ_HISTORY_MASKED : NJ_HISTORY_KEPT);
    for (size_t i = 1; i < e->model_count; i++) {
        print_comparison(told, i);
    }
    if (told->f->cutoff > 0) {
        print_exposure(told);
        print_prefixes(told);
        for (size_t kind = 0; kind < NJ_SLICING_COUNT; kind++) {
            print_slices(told, (nj_slicing_kind)kind);
        }
        for (size_t i = 1; i < e->model_count; i++) {
            print_contrast(told, i);
        }
    }
    print_reading(told);
}
