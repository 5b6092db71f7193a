// lab_page_learning.c - semantic IDs, and how the models were trained.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/lab_page.h"

#define LEAVES_MAX 14 // items of the drawn tree
#define BRANCHES_MAX 5
#define ROW 22.0 // pixels
#define TREE_LEFT 150.0
#define TREE_MIDDLE 300.0

// ---- codes ----

static void write_levels(nj_lab_page *page, const json_t *levels)
{
    const nj_html_column columns[] = {
        {"level", NJ_HTML_WORDS},         {"codes", NJ_HTML_NUMBER},
        {"used", NJ_HTML_NUMBER},         {"as if even", NJ_HTML_NUMBER},
        {"largest code", NJ_HTML_NUMBER}, {"prefixes", NJ_HTML_NUMBER},
        {"left to say", NJ_HTML_NUMBER}};
    const double length = nj_lab_value(page->check, "squared_length");
    nj_html_table_begin(&page->html, NULL, columns, sizeof columns / sizeof columns[0]);
    for (size_t l = 0; l < json_array_size(levels); l++) {
        const json_t *level = json_array_get(levels, l);
        nj_html_row(&page->html);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%zu", l + 1);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s",
                     nj_lab_count(nj_lab_value(level, "codes")).text);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s",
                     nj_lab_count(nj_lab_value(level, "used")).text);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s",
                     nj_lab_decimal(nj_lab_value(level, "perplexity"), 1).text);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s %%",
                     nj_lab_decimal(100 * nj_lab_value(level, "largest_share"), 1).text);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s",
                     nj_lab_count(nj_lab_value(level, "prefixes")).text);
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s %%",
                     nj_lab_decimal(100 * nj_lab_value(level, "error") / length, 1).text);
    }
    nj_html_table_end(&page->html);
}

// ---- the tree below one code ----

typedef struct {
    uint32_t items[LEAVES_MAX]; // sorted by their codes
    uint32_t count;
    uint32_t all_count; // items below the code
} branch;

static const uint16_t *codes_of(const nj_lab_page *page, uint32_t item)
{
    const nj_sids *sids = &page->people.catalogue->sids;
    return sids->codes + (size_t)item * sids->level_count;
}

static void print_codes(const nj_lab_page *page, uint32_t item, uint32_t first, char *out,
                        size_t size)
{
    const nj_sids *sids = &page->people.catalogue->sids;
    size_t used = 0;
    *out = '\0';
    for (uint32_t l = first; l < sids->level_count && used < size; l++) {
        const int more = snprintf(out + used, size - used, "%s%u", l > first ? " " : "",
                                  codes_of(page, item)[l]);
        used += more > 0 ? (size_t)more : 0;
    }
}

// The items that begin with the code of `item`; of many, those that share the most codes with it.
static void find_branch(const nj_lab_page *page, uint32_t item, branch *out)
{
    const nj_sids *sids = &page->people.catalogue->sids;
    *out = (branch){0};
    for (uint32_t shared = sids->level_count; shared > 0; shared--) {
        for (uint32_t i = 0; i < sids->row_count; i++) {
            if (nj_lab_shared_codes(&page->people, item, i) != shared) {
                continue;
            }
            out->all_count++;
            if (out->count < LEAVES_MAX) {
                out->items[out->count++] = i;
            }
        }
    }
}

static void sort_branch(const nj_lab_page *page, branch *b)
{
    const size_t bytes = page->people.catalogue->sids.level_count * sizeof(uint16_t);
    for (uint32_t i = 1; i < b->count; i++) { // a handful: an insertion sort
        const uint32_t item = b->items[i];
        uint32_t at = i;
        for (; at > 0; at--) {
            const uint16_t *before = codes_of(page, b->items[at - 1]);
            const uint16_t *own = codes_of(page, item);
            size_t l = 0;
            while (l < bytes / sizeof *own && before[l] == own[l]) {
                l++;
            }
            if (l == bytes / sizeof *own || before[l] < own[l]) {
                break;
            }
            b->items[at] = b->items[at - 1];
        }
        b->items[at] = item;
    }
}

static void draw_tree(nj_lab_page *page, const branch *b, uint32_t item)
{
    nj_svg svg;
    const double height = 34 + ROW * b->count;
    const double middle = 30 + ROW * b->count / 2.0;
    nj_svg_begin_inline(&svg, NJ_CHART_WIDTH, height, "Items below one code");
    nj_svg_text(&svg, NJ_SVG_QUIET, NJ_SVG_START, 0, 14, "first code");
    nj_svg_text(&svg, NJ_SVG_QUIET, NJ_SVG_START, TREE_LEFT, 14, "further codes");
    nj_svg_text(&svg, NJ_SVG_QUIET, NJ_SVG_START, TREE_MIDDLE, 14, "%s",
                page->settings->kind->item_noun);
    nj_svg_text(&svg, NJ_SVG_HEAD, NJ_SVG_START, 0, middle + 4, "%u", codes_of(page, item)[0]);
    for (uint32_t i = 0; i < b->count; i++) {
        const double y = 30 + ROW * (i + 0.5);
        char codes[64];
        char title[128];
        print_codes(page, b->items[i], 1, codes, sizeof codes);
        snprintf(title, sizeof title, "%.62s", nj_lab_title(&page->people, b->items[i]));
        nj_svg_curve(&svg, NJ_SVG_GRID,
                     (nj_svg_point[]){{40, middle}, {TREE_LEFT - 46, y}, {TREE_LEFT - 8, y}}, 3,
                     NULL);
        nj_svg_text(&svg, NJ_SVG_QUIET, NJ_SVG_START, TREE_LEFT, y + 4, "%s", codes);
        nj_svg_text(&svg, b->items[i] == item ? NJ_SVG_MAIN : NJ_SVG_INK, NJ_SVG_START, TREE_MIDDLE,
                    y + 4, "%s", title);
    }
    nj_html_svg_take(&page->html, &svg, NULL);
}

// Below the item that came next for the first judged user: nobody has picked it.
static void write_tree(nj_lab_page *page)
{
    if (nj_lab_people_count(&page->people) == 0) {
        return;
    }
    const uint32_t item = nj_lab_person_at(&page->people, 0)->target;
    if (item >= page->people.catalogue->sids.row_count) {
        return;
    }
    branch b;
    find_branch(page, item, &b);
    sort_branch(page, &b);
    nj_html_heading(&page->html, "Neighbours by their codes");
    nj_html_paragraph(
        &page->html,
        "What begins with the same code should have something in common. These are %u of the "
        "%u %s below the first code of \u201c%s\u201d.",
        b.count, b.all_count, page->settings->kind->item_noun, nj_lab_title(&page->people, item));
    draw_tree(page, &b, item);
}

void nj_lab_page_codes(nj_lab_page *page)
{
    const double items = nj_lab_value(page->check, "items");
    const double colliding = nj_lab_value(page->check, "items_colliding");
    const bool has_suffix = json_is_true(json_object_get(page->check, "suffix"));
    const json_t *levels = json_object_get(page->check, "levels");
    nj_html_section(&page->html, "codes", "From vectors to semantic IDs");
    nj_html_paragraph(
        &page->html,
        "Every item has a vector: either of the words written about it (tf-idf, brought to "
        "few dimensions), or the one that SASRec has learned for it from what users took "
        "after each other. Residual k-means turns it into a few codes, from coarse to fine: "
        "each level names what the levels before it have left. The codes together are the "
        "item's semantic ID, and the model's words.");
    nj_html_term(&page->html, "vectors from", "%s",
                 nj_lab_embeddings_from(page->settings)[0] == 's' ? "SASRec" : "words");
    nj_html_term(&page->html, "items with codes of their own", "%s of %s (%.2f %% collide%s)",
                 nj_lab_count(items - colliding).text, nj_lab_count(items).text,
                 100 * colliding / items,
                 has_suffix ? "; a counter behind the codes tells them apart" : "");
    write_levels(page, levels);
    nj_html_note(
        &page->html,
        "\u201cAs if even\u201d is the perplexity: so many codes, used evenly, would tell as much. "
        "\u201cPrefixes\u201d are the different beginnings of IDs up to this level. \u201cLeft to "
        "say\u201d is the "
        "share of the vectors' squared length that the levels so far do not explain.");
    write_tree(page);
}

// ---- trainings ----

// Reads a figure of every epoch that has it; returns how many.
static size_t read_epochs(const json_t *epochs, const char *key, double *x, double *y)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        const json_t *epoch = json_array_get(epochs, i);
        const double value = nj_lab_value(epoch, key);
        if (isfinite(value)) {
            x[count] = nj_lab_value(epoch, "epoch");
            y[count++] = value;
        }
    }
    return count;
}

static void draw_epochs(nj_lab_page *page, const json_t *training, const char *key,
                        const char *title, const char *label)
{
    const json_t *epochs = json_object_get(training, "epochs");
    const size_t size = json_array_size(epochs) + 1;
    double *x = calloc(2 * size, sizeof *x);
    if (x == NULL) {
        page->html.status = page->html.status == NJ_OK ? NJ_NO_MEMORY : page->html.status;
        return;
    }
    const size_t count = read_epochs(epochs, key, x, x + size);
    nj_svg svg;
    nj_chart_lines(&svg,
                   &(nj_chart){.title = title,
                               .x_label = "epoch",
                               .y_label = label,
                               .height = 250,
                               .x_whole = true,
                               .has_mark = true,
                               .mark = nj_lab_value(training, "best_epoch"),
                               .mark_label = "kept"},
                   &(nj_chart_line){.x = x, .y = x + size, .count = count}, 1);
    nj_html_svg_take(&page->html, &svg, NULL);
    free(x);
}

static void write_settings(nj_lab_page *page, const json_t *settings)
{
    const char *key;
    json_t *value;
    nj_html_fold(&page->html, "Settings");
    json_object_foreach((json_t *)(uintptr_t)settings, key, value)
    {
        if (json_is_string(value)) {
            nj_html_term(&page->html, key, "%s", json_string_value(value));
        } else if (json_is_number(value)) {
            nj_html_term(&page->html, key, "%g", json_number_value(value));
        } else if (json_is_boolean(value)) {
            nj_html_term(&page->html, key, "%s", json_is_true(value) ? "yes" : "no");
        }
    }
    nj_html_fold_end(&page->html);
}

static void write_training(nj_lab_page *page, const json_t *training, const char *name,
                           const char *about, const char *folder)
{
    const char *decides = json_string_value(json_object_get(training, "decides"));
    const char *reason = json_string_value(json_object_get(training, "ended_by"));
    char title[128];
    decides = decides != NULL ? decides : "ndcg@10";
    nj_html_heading(&page->html, "%s", name);
    nj_html_paragraph(&page->html, "%s", about);
    nj_html_term(&page->html, "epochs", "%zu, ended by %s; kept is epoch %s",
                 json_array_size(json_object_get(training, "epochs")),
                 reason != NULL ? reason : "the end of its epochs",
                 nj_lab_count(nj_lab_value(training, "best_epoch")).text);
    nj_html_term(&page->html, "time", "%s s",
                 nj_lab_decimal(nj_lab_value(training, "seconds"), 0).text);
    nj_html_term(&page->html, "more", "%s/report.html", folder);
    draw_epochs(page, training, "loss", "Loss", "cross-entropy, nats");
    snprintf(title, sizeof title, "On validation users: %s", decides);
    draw_epochs(page, training, decides, title, NULL);
    write_settings(page, json_object_get(training, "settings"));
}

void nj_lab_page_training(nj_lab_page *page)
{
    nj_html_section(&page->html, "training", "Learning");
    nj_html_paragraph(
        &page->html,
        "Both models learn from the same histories, and both are judged every few epochs by "
        "the item before the last, which they have not learned from. The epoch that does "
        "best there is kept.");
    write_training(
        page, page->tiger, "The generative model",
        "A T5, from scratch. It reads the codes of the latest items and writes the codes of the "
        "next one; a beam search under the trie of all items turns that into a list.",
        "tiger");
    write_training(
        page, page->sasrec, "SASRec",
        "The baseline: self-attention over the latest items, and a full softmax over all of them.",
        "sasrec");
}
