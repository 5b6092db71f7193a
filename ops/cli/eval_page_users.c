// eval_page_users.c - what the page of `nightjar eval` says of parts of the users, and of those won and lost.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/codec/chart.h"
#include "ops/cli/eval_page.h"

#define RECALL 0 // of NJ_METRICS
#define LISTED 3 // first places of a list that an example shows
#define ITEMS_BYTES (NJ_EVAL_LAST_ITEMS * (NJ_EVAL_ITEM_BYTES + 3))
#define MODEL_BYTES (ITEMS_BYTES + 200)

// ---- slices ----

static void draw_slices(const nj_eval_told *told, nj_slicing_kind kind, double *numbers,
                        nj_html *page)
{
    const nj_slicing *slicing = &told->f->slicings[kind];
    const size_t count = slicing->slice_count;
    const char *labels[NJ_SLICES_MAX];
    nj_chart_bar bars[NJ_MODELS_MAX];
    char title[NJ_EVAL_CELL_BYTES];
    for (size_t model = 0; model < told->e->model_count; model++) {
        double *values = numbers + model * 3 * count;
        for (size_t i = 0; i < count; i++) {
            const nj_estimate *at = &told->f->slices[kind][i].values[model][RECALL];
            labels[i] = slicing->slices[i].label;
            values[i] = at->value;
            values[count + i] = at->has_interval ? at->low : (double)NAN;
            values[2 * count + i] = at->has_interval ? at->high : (double)NAN;
        }
        bars[model] = (nj_chart_bar){.name = told->e->models[model].name,
                                     .values = values,
                                     .low = values + count,
                                     .high = values + 2 * count};
    }
    nj_svg svg;
    snprintf(title, sizeof title, "Recall@%u, %s", told->f->cutoff,
             nj_masking_title(told->e->primary));
    nj_chart_bars(&svg,
                  &(nj_chart){.title = title, .x_label = nj_slicing_title(kind), .height = 260},
                  labels, count, bars, told->e->model_count);
    nj_html_svg_take(page, &svg, NULL);
}

static void write_slice(const nj_eval_told *told, const nj_slice_of_users *slice,
                        const nj_slice_figures *figures, nj_html *page)
{
    for (size_t model = 0; model < told->e->model_count; model++) {
        char recall[NJ_EVAL_CELL_BYTES];
        char difference[NJ_EVAL_CELL_BYTES] = "";
        nj_eval_estimate_cell(&figures->values[model][RECALL], false, recall);
        if (model > 0) {
            nj_eval_estimate_cell(&figures->differences[model][RECALL], true, difference);
        }
        nj_html_row(page);
        nj_html_cell(page, slice->is_small ? NJ_HTML_FAINT : NJ_HTML_PLAIN, "%s%s", slice->label,
                     slice->is_small ? " (few users)" : "");
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", told->e->models[model].name);
        nj_html_cell(page, NJ_HTML_PLAIN, "%zu", slice->user_count);
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", recall);
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", difference);
    }
}

static void write_slicing(const nj_eval_told *told, nj_slicing_kind kind, nj_html *page)
{
    static const nj_html_column COLUMNS[] = {{"slice", NJ_HTML_WORDS},
                                             {"model", NJ_HTML_WORDS},
                                             {"users", NJ_HTML_NUMBER},
                                             {"recall", NJ_HTML_NUMBER},
                                             {"the first less this", NJ_HTML_NUMBER}};
    nj_html_table_begin(page, NULL, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
    for (size_t i = 0; i < told->f->slicings[kind].slice_count; i++) {
        write_slice(told, &told->f->slicings[kind].slices[i], &told->f->slices[kind][i], page);
    }
    nj_html_table_end(page);
}

nj_status nj_eval_page_slices(const nj_eval_told *told, nj_html *page)
{
    double *numbers = malloc((size_t)NJ_MODELS_MAX * 3 * NJ_SLICES_MAX * sizeof *numbers);
    if (numbers == NULL) {
        return NJ_NO_MEMORY;
    }
    nj_html_section(page, "slices", "Parts of the users");
    for (size_t kind = 0; kind < NJ_SLICING_COUNT; kind++) {
        if (told->f->slicings[kind].slice_count > 0) {
            nj_html_heading(page, "By %s", nj_slicing_title((nj_slicing_kind)kind));
            draw_slices(told, (nj_slicing_kind)kind, numbers, page);
            write_slicing(told, (nj_slicing_kind)kind, page);
        }
    }
    nj_html_note(
        page,
        "Slices of fewer than %d users or %.0f %% of them are merged with their neighbours, "
        "where they differ by number; where they differ by kind, small ones are marked.",
        NJ_SLICE_USERS_MIN, 100 * NJ_SLICE_SHARE_MIN);
    free(numbers);
    return NJ_OK;
}

// ---- users won and lost ----

static void write_typical(const nj_feature_contrast *feature, nj_outcome outcome, bool is_question,
                          nj_html *page)
{
    if (feature->counts[outcome] == 0) {
        nj_html_cell(page, NJ_HTML_FAINT, "nobody");
    } else if (is_question) {
        nj_html_cell(page, NJ_HTML_PLAIN, "%.1f %%", 100 * feature->typical[outcome]);
    } else {
        nj_html_cell(page, NJ_HTML_PLAIN, "%.4g", feature->typical[outcome]);
    }
}

static void write_effect(const nj_effect *effect, bool with_interval, nj_html *page)
{
    const double interval[] = {effect->low, effect->high};
    const bool stands_out = effect->has_interval && (effect->low > 0 || effect->high < 0);
    char cell[NJ_EVAL_CELL_BYTES];
    nj_eval_cell(effect->delta, with_interval && effect->has_interval ? interval : NULL, 2, true,
                 cell);
    nj_html_cell(page, stands_out ? NJ_HTML_BEST : NJ_HTML_PLAIN, "%s", cell);
}

static void write_features(const nj_contrast *c, nj_html *page)
{
    static const nj_html_column COLUMNS[] = {{"median, or share of users", NJ_HTML_WORDS},
                                             {"won", NJ_HTML_NUMBER},
                                             {"lost", NJ_HTML_NUMBER},
                                             {"neither", NJ_HTML_NUMBER},
                                             {"won beside lost", NJ_HTML_NUMBER},
                                             {"won, rest", NJ_HTML_NUMBER},
                                             {"lost, rest", NJ_HTML_NUMBER}};
    nj_html_table_begin(page, NULL, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
    for (size_t i = 0; i < NJ_FEATURE_COUNT; i++) {
        const bool asks = NJ_FEATURES[i].is_question;
        if (!c->known[i]) {
            continue;
        }
        nj_html_row(page);
        nj_html_cell(page, NJ_HTML_PLAIN, "%s", NJ_FEATURES[i].title);
        write_typical(&c->features[i], NJ_OUTCOME_WIN, asks, page);
        write_typical(&c->features[i], NJ_OUTCOME_LOSS, asks, page);
        write_typical(&c->features[i], NJ_OUTCOME_NEITHER, asks, page);
        write_effect(&c->features[i].wins_losses, true, page);
        write_effect(&c->features[i].wins_rest, false, page);
        write_effect(&c->features[i].losses_rest, false, page);
    }
    nj_html_table_end(page);
}

// "a | b | c"
static void list_items(const nj_evaluation *e, const uint32_t *items, size_t count,
                       char out[ITEMS_BYTES])
{
    size_t at = 0;
    snprintf(out, ITEMS_BYTES, "nothing");
    for (size_t i = 0; i < count; i++) {
        char text[NJ_EVAL_ITEM_BYTES] = "(no item)";
        if (items[i] != NJ_ITEM_INVALID) {
            nj_eval_item_text(e, items[i], text);
        }
        at += (size_t)snprintf(out + at, ITEMS_BYTES - at, "%s%s", i > 0 ? " | " : "", text);
    }
}

// "TIGER at 3: a | b | c"
static void tell_list(const nj_eval_told *told, size_t model, size_t user, char out[MODEL_BYTES])
{
    const nj_ranking *ranking = nj_primary_ranking(told->e, model);
    const uint32_t rank = ranking->judgement.ranks[user];
    uint32_t count;
    const uint32_t *items = nj_lists_at(&ranking->lists, user, &count);
    char place[NJ_EVAL_CELL_BYTES] = "not at all";
    char listed[ITEMS_BYTES];
    if (rank != NJ_RANK_NONE) {
        snprintf(place, sizeof place, "at %u", rank);
    }
    list_items(told->e, items, nj_min_size(count, LISTED), listed);
    snprintf(out, MODEL_BYTES, "%.80s names it %s and begins with %s", told->e->models[model].name,
             place, listed);
}

static void write_examples(const nj_eval_told *told, size_t other, nj_outcome outcome,
                           nj_html *page)
{
    const nj_evaluation *e = told->e;
    uint32_t users[NJ_EVAL_EXAMPLES_MAX];
    const size_t count = nj_eval_examples(told, other, outcome, users);
    if (count == 0) {
        return;
    }
    nj_html_fold(page, outcome == NJ_OUTCOME_WIN ? "Users won" : "Users lost");
    for (size_t i = 0; i < count; i++) {
        const nj_slice id = nj_idlist_builder_at(e->user_ids, users[i]);
        const uint32_t *last = NULL;
        const size_t last_count = nj_eval_last_items(e, users[i], &last);
        char term[NJ_EVAL_CAPTION_BYTES];
        char had[ITEMS_BYTES];
        char target[NJ_EVAL_ITEM_BYTES];
        char lists[2][MODEL_BYTES];
        snprintf(term, sizeof term, "user %.*s", NJ_SLICE_ARGS(id));
        list_items(e, last, last_count, had);
        nj_eval_item_text(e, e->targets[users[i]], target);
        tell_list(told, 0, users[i], lists[0]);
        tell_list(told, other, users[i], lists[1]);
        nj_html_term(page, term, "had %s; then %s. %s. %s.", had, target, lists[0], lists[1]);
    }
    nj_html_fold_end(page);
}

static void write_contrast(const nj_eval_told *told, size_t other, nj_html *page)
{
    const nj_contrast *c = &told->f->contrasts[other];
    const nj_evaluation *e = told->e;
    nj_html_heading(page, "%s beside %s", e->models[0].name, e->models[other].name);
    nj_html_paragraph(page,
                      "Within the first %u places, %s, %s alone finds the held-out item of %zu "
                      "users and %s alone "
                      "that of %zu. Both find it for %zu (%zu of them earlier with the first, %zu "
                      "with the other), "
                      "neither for %zu.",
                      c->cutoff, nj_masking_title(e->primary), e->models[0].name,
                      c->counts[NJ_OUTCOME_WIN], e->models[other].name, c->counts[NJ_OUTCOME_LOSS],
                      c->counts[NJ_OUTCOME_BOTH], c->both_first, c->both_other,
                      c->counts[NJ_OUTCOME_NEITHER]);
    write_features(c, page);
    write_examples(told, other, NJ_OUTCOME_WIN, page);
    write_examples(told, other, NJ_OUTCOME_LOSS, page);
}

void nj_eval_page_contrasts(const nj_eval_told *told, nj_html *page)
{
    if (told->e->model_count < 2) {
        return;
    }
    nj_html_section(page, "won-and-lost", "Users won and lost");
    for (size_t other = 1; other < told->e->model_count; other++) {
        write_contrast(told, other, page);
    }
    nj_html_note(
        page, "Effects are Cliff's delta: how much more often a user of one side has the larger "
              "number; of shares it is their difference. 0 is no difference, 1 every user of one "
              "side above every user of the other; brackets are 95 %% intervals, and bold is what "
              "leaves 0 out. The rest are the users whom both find, or neither. They describe who "
              "is won and lost, not why. Examples are taken evenly from the users in their order.");
}
