#include "ops/cli/lab_page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define JSON_BYTES_MAX ((size_t)256 << 20)
#define QUANTILES 101 // of data.json

// ---- numbers as words ----

double nj_lab_value(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

nj_lab_number nj_lab_count(double value)
{
    nj_lab_number out;
    if (!isfinite(value)) {
        snprintf(out.text, sizeof out.text, "\u2013");
        return out;
    }
    char digits[NJ_LAB_NUMBER_BYTES];
    const int size = snprintf(digits, sizeof digits, "%.0f", fmin(fabs(value), 1e15));
    int at = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            out.text[at++] = ',';
        }
        out.text[at++] = digits[i];
    }
    out.text[at] = '\0';
    return out;
}

nj_lab_number nj_lab_decimal(double value, int decimals)
{
    nj_lab_number out;
    if (isfinite(value)) {
        snprintf(out.text, sizeof out.text, "%.*f", decimals, value);
    } else {
        snprintf(out.text, sizeof out.text, "\u2013");
    }
    return out;
}

double nj_lab_seconds_of(const nj_lab_page *page, const char *step)
{
    for (size_t i = 0; i < page->chain->count; i++) {
        if (strcmp(page->chain->steps[i].facts.name, step) == 0) {
            return page->chain->steps[i].seconds;
        }
    }
    return NAN;
}

static double all_seconds(const nj_lab_page *page)
{
    double seconds = 0;
    for (size_t i = 0; i < page->chain->count; i++) {
        seconds += page->chain->steps[i].seconds;
    }
    return seconds;
}

// ---- sections ----

static void write_head(nj_lab_page *page)
{
    const nj_lab_kind *kind = page->settings->kind;
    char title[128];
    char subtitle[512];
    snprintf(title, sizeof title, "%s: from %s to a night's lists", kind->name, kind->event_noun);
    snprintf(
        subtitle, sizeof subtitle,
        "What %s are about becomes codes, a small transformer learns to spell the next one, and "
        "every user's list is published and judged. All of it with nightjar, on one machine%s.",
        kind->item_noun,
        page->settings->quick ? "; a quick run: its models are far too small to be good" : "");
    nj_html_begin(&page->html, title, subtitle);
    double tiger;
    double sasrec;
    nj_lab_page_recall(page, &tiger, &sasrec);
    nj_html_figure(&page->html, "users", "%s",
                   nj_lab_count(nj_lab_value(page->data, "users")).text);
    nj_html_figure(&page->html, kind->item_noun, "%s",
                   nj_lab_count(nj_lab_value(page->data, "items")).text);
    nj_html_figure(&page->html, kind->event_noun, "%s",
                   nj_lab_count(nj_lab_value(page->data, "events")).text);
    nj_html_figure(&page->html, "Recall@10 of the generative model", "%s",
                   nj_lab_decimal(tiger, 4).text);
    nj_html_figure(&page->html, "Recall@10 of SASRec", "%s", nj_lab_decimal(sasrec, 4).text);
    nj_html_figure(&page->html, "minutes, all steps together", "%s",
                   nj_lab_decimal(all_seconds(page) / 60, 1).text);
}

static size_t read_numbers(const json_t *array, double out[QUANTILES])
{
    size_t count = json_array_size(array);
    count = count < QUANTILES ? count : QUANTILES;
    for (size_t i = 0; i < count; i++) {
        out[i] = json_number_value(json_array_get(array, i));
    }
    return count;
}

static void draw_lengths(nj_lab_page *page)
{
    double lengths[QUANTILES];
    double shares[QUANTILES];
    const size_t count = read_numbers(json_object_get(page->data, "history_lengths"), lengths);
    for (size_t i = 0; i < count; i++) {
        shares[i] = (double)i;
    }
    char x_label[64];
    snprintf(x_label, sizeof x_label, "%s of a user, at most", page->settings->kind->event_noun);
    nj_svg svg;
    nj_chart_lines(&svg,
                   &(nj_chart){.title = "How much is known of users",
                               .x_label = x_label,
                               .y_label = "% of users",
                               .height = 260,
                               .x_log = true,
                               .y_zero = true},
                   &(nj_chart_line){.x = lengths, .y = shares, .count = count}, 1);
    nj_html_svg_take(&page->html, &svg, NULL);
}

// Share of all events that fall on the most popular items.
static void draw_popularity(nj_lab_page *page)
{
    double counts[QUANTILES];
    double items[QUANTILES];
    double shares[QUANTILES];
    const size_t count = read_numbers(json_object_get(page->data, "item_counts"), counts);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += counts[i];
    }
    double above = 0;
    for (size_t i = 0; i < count; i++) {
        above += counts[count - 1 - i];
        items[i] = (double)i * 100 / (double)(count > 1 ? count - 1 : 1);
        shares[i] = sum > 0 ? 100 * above / sum : NAN;
    }
    char title[96];
    char x_label[64];
    char y_label[64];
    snprintf(title, sizeof title, "A few %s get most of the %s", page->settings->kind->item_noun,
             page->settings->kind->event_noun);
    snprintf(x_label, sizeof x_label, "%% of %s, the most popular first",
             page->settings->kind->item_noun);
    snprintf(y_label, sizeof y_label, "%% of %s", page->settings->kind->event_noun);
    nj_svg svg;
    nj_chart_lines(
        &svg,
        &(nj_chart){
            .title = title, .x_label = x_label, .y_label = y_label, .height = 260, .y_zero = true},
        &(nj_chart_line){.x = items, .y = shares, .count = count}, 1);
    nj_html_svg_take(&page->html, &svg, NULL);
}

static void write_data(nj_lab_page *page)
{
    const nj_lab_kind *kind = page->settings->kind;
    const json_t *data = page->data;
    const double events = nj_lab_value(data, "events");
    const double ties = nj_lab_value(data, "tied_events");
    nj_html_section(&page->html, "data", "What is known");
    nj_html_paragraph(&page->html, "%s", kind->about);
    nj_html_paragraph(
        &page->html,
        "Each user's %s stand in the order of time. The last of them is held out: no "
        "model sees it before it is judged by it. The one before it is held out as well, "
        "and decides between settings and when a training ends. What is left of every "
        "history is learned from.",
        kind->event_noun);
    if (ties > 0) {
        nj_html_paragraph(
            &page->html,
            "%s of the %s %s (%.0f %%) have the very time of the one before them. Their "
            "order is shuffled by a seed, because the order of a file may tell what it "
            "should not.",
            nj_lab_count(ties).text, nj_lab_count(events).text, kind->event_noun,
            100 * ties / events);
    }
    draw_lengths(page);
    draw_popularity(page);
}

static void write_night(nj_lab_page *page)
{
    const json_t *night = page->night;
    nj_html_section(&page->html, "night", "A night");
    nj_html_paragraph(
        &page->html,
        "Model, semantic IDs and trie are packed into one file. Two workers decode "
        "everybody's list from it, now with the whole history, and one store is published "
        "by one rename. A cache reads it in the morning.");
    nj_html_figure(&page->html, "users with a list", "%s",
                   nj_lab_count(nj_lab_value(night, "users")).text);
    nj_html_figure(&page->html, "users a second", "%s",
                   nj_lab_decimal(nj_lab_value(night, "users_per_s"), 0).text);
    nj_html_figure(&page->html, "seconds", "%s",
                   nj_lab_decimal(nj_lab_seconds_of(page, "night"), 1).text);
    nj_html_figure(&page->html, "items that do not exist", "0");
    nj_html_note(&page->html,
                 "The last figure cannot be another: the search walks the trie of the items that "
                 "exist, and the store is verified before it is published.");
}

static void write_commands(nj_lab_page *page)
{
    nj_html_section(&page->html, "commands", "All commands");
    nj_html_paragraph(
        &page->html,
        "This page was made by the commands below. Each can be given by hand, changed, "
        "and looked at: `nightjar COMMAND --help` tells its options, and the log of each "
        "is in the folder logs.");
    for (size_t i = 0; i < page->chain->count && page->html.status == NJ_OK; i++) {
        const nj_lab_step *step = &page->chain->steps[i];
        nj_buffer line;
        nj_buffer_init(&line, SIZE_MAX);
        nj_status status = nj_buffer_printf(&line, "$ ");
        if (status == NJ_OK) {
            status = nj_lab_step_print(step, &line);
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(&line, "\n", 2);
        }
        nj_html_paragraph(&page->html, "%s (%.1f s)", step->facts.why, step->seconds);
        if (status == NJ_OK) {
            nj_html_code(&page->html, (const char *)line.bytes);
        } else {
            page->html.status = status;
        }
        nj_buffer_fini(&line);
    }
}

// ---- the page ----

static nj_status load(nj_lab_page *page, const char *name, json_t **out, nj_error *err)
{
    nj_path path;
    const nj_status status = nj_path_join(page->out, name, &path, err);
    return status == NJ_OK ? nj_json_load(path.text, JSON_BYTES_MAX, out, err) : status;
}

static nj_status load_all(nj_lab_page *page, nj_error *err)
{
    const struct {
        const char *name;
        json_t **out;
    } FILES[] = {{NJ_LAB_DATA_JSON, &page->data},         {NJ_LAB_CHECK_JSON, &page->check},
                 {"sasrec/training.json", &page->sasrec}, {"tiger/training.json", &page->tiger},
                 {NJ_LAB_EVAL_JSON, &page->eval},         {NJ_LAB_NIGHT_JSON, &page->night}};
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0] && status == NJ_OK; i++) {
        status = load(page, FILES[i].name, FILES[i].out, err);
    }
    if (status == NJ_OK) {
        status = nj_lab_people_open(page->out, &page->people, err);
    }
    for (size_t i = 1; i < NJ_LAB_MODEL_COUNT && status == NJ_OK; i++) {
        nj_path path;
        status = nj_path_join(page->out, NJ_LAB_MODELS[i].lists, &path, err);
        if (status == NJ_OK) {
            status = nj_lab_people_add_lists(&page->people, path.text, err);
        }
    }
    return status;
}

static nj_status write_page(nj_lab_page *page, nj_error *err)
{
    write_head(page);
    write_data(page);
    nj_lab_page_codes(page);
    nj_lab_page_training(page);
    nj_lab_page_models(page);
    nj_lab_page_example(page);
    nj_lab_page_failures(page);
    write_night(page);
    write_commands(page);
    nj_path path;
    nj_status status = nj_html_end(&page->html);
    if (status != NJ_OK) {
        return nj_fail(err, status, "the page cannot be made");
    }
    status = nj_path_join(page->out, NJ_LAB_PAGE, &path, err);
    return status == NJ_OK
               ? nj_file_write(path.text, page->html.bytes.bytes, page->html.bytes.size, err)
               : status;
}

nj_status nj_lab_page_write(const nj_lab_settings *settings, const nj_lab_chain *chain,
                            const char *out, nj_error *err)
{
    nj_lab_page page = {.settings = settings, .chain = chain, .out = out};
    nj_status status = load_all(&page, err);
    if (status == NJ_OK) {
        status = write_page(&page, err);
        nj_html_fini(&page.html);
    }
    json_t *const files[] = {page.data, page.check, page.sasrec, page.tiger, page.eval, page.night};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        json_decref(files[i]);
    }
    nj_lab_people_close(&page.people);
    return status;
}
