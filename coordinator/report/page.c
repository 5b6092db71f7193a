// page.c - the page of a report: what happened, in one screen; then the plan, time, workers, lists, and what it was made with.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/store/generation.h"
#include "coordinator/report/page_parts.h"
#include "coordinator/report/report.h"

#define INCIDENTS_SHOWN 60u
#define DAY_CHARS 10u
#define FAR_OFF 20.0 // %: a plan is meant to be nearer than that

// ---- the first screen ----

// That were there at once.
static double count_workers(const nj_page *page)
{
    const json_t *column = nj_page_at(nj_page_at(page->document, "series"), "workers");
    double most = NAN;
    for (size_t i = 0; i < json_array_size(column); i++) {
        most = fmax(most, nj_page_element(column, i));
    }
    return most;
}

static bool is_resumed(const nj_page *page)
{
    return json_array_size(nj_page_at(page->document, "processes")) > 1;
}

static void add_figures(nj_page *page)
{
    const json_t *facts = nj_page_at(page->document, "facts");
    const json_t *actual = nj_page_at(page->document, "actual");
    const json_t *lists = nj_page_at(page->document, "lists");
    nj_html *html = &page->html;
    nj_html_figure(html, "users with a list", "%s",
                   nj_page_say_count(nj_page_number(facts, "row_count")).text);
    if (actual != NULL) {
        const json_t *run = nj_page_at(page->document, "run");
        const json_t *memory = nj_page_at(actual, "memory_bytes");
        nj_html_figure(html, "from start to publish", "%s",
                       nj_page_say_seconds(nj_page_number(run, "total_seconds")).text);
        nj_html_figure(html, is_resumed(page) ? "users a second, last process" : "users a second",
                       "%s", nj_page_say_rate(nj_page_number(actual, "users_per_second")).text);
        nj_html_figure(html, "workers at once", "%s", nj_page_say_count(count_workers(page)).text);
        nj_html_figure(html, "coordinator's memory", "%s",
                       nj_page_say_bytes(nj_page_number(memory, "coordinator")).text);
    }
    nj_html_figure(html, "size of the store", "%s",
                   nj_page_say_bytes(nj_page_number(facts, "data_bytes")).text);
    const double coverage = nj_page_number(nj_page_at(lists, "exposure"), "coverage");
    if (!isnan(coverage)) {
        nj_html_figure(html, "of the items recommended", "%s", nj_page_say_share(coverage).text);
    }
    const double overlap = nj_page_number(nj_page_at(lists, "overlap"), "mean");
    if (!isnan(overlap)) {
        nj_html_figure(html, "as last night, first 10", "%s", nj_page_say_share(overlap).text);
    }
}

// One line where something went wrong, none else.
static bool add_trouble(nj_page *page, double count, const char *one, const char *many)
{
    if (count > 0) {
        nj_html_item(&page->html, "%s %s", nj_page_say_count(count).text, count == 1 ? one : many);
    }
    return count > 0;
}

static double sum_of_workers(const json_t *listed, const char *key)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(listed); i++) {
        sum += nj_page_count(json_array_get(listed, i), key);
    }
    return sum;
}

static double sum_series(const json_t *series, const char *key)
{
    const json_t *column = nj_page_at(series, key);
    double sum = 0;
    for (size_t i = 0; i < json_array_size(column); i++) {
        const double value = nj_page_element(column, i);
        sum += isnan(value) ? 0 : value;
    }
    return sum;
}

static bool add_troubles(nj_page *page)
{
    const json_t *run = nj_page_at(page->document, "run");
    const json_t *listed = nj_page_at(nj_page_at(page->document, "workers"), "listed");
    const json_t *series = nj_page_at(page->document, "series");
    const double processes = (double)json_array_size(nj_page_at(page->document, "processes"));
    bool any = false;
    any |=
        add_trouble(page, nj_page_count(run, "quarantined"), "user is quarantined and has no list",
                    "users are quarantined and have no list");
    any |= add_trouble(page, processes - 1, "time the night was interrupted and taken up again",
                       "times the night was interrupted and taken up again");
    any |= add_trouble(page, sum_of_workers(listed, "vanished"), "worker vanished without a word",
                       "times a worker vanished without a word");
    any |= add_trouble(page, nj_page_count(run, "losses"),
                       "lease was lost, and went to another worker",
                       "leases were lost, and went to other workers");
    any |= add_trouble(page, sum_series(series, "failures"), "lease ended in a failure",
                       "leases ended in a failure");
    any |= add_trouble(page, nj_page_count(run, "splits"), "shard was tried in halves",
                       "pieces were tried in halves");
    any |= add_trouble(page, nj_page_count(run, "benched"), "time a worker was benched",
                       "times a worker was benched");
    const double paused = nj_page_count(run, "paused_seconds");
    if (paused > 0) {
        nj_html_item(&page->html, "The store did not write for %s",
                     nj_page_say_seconds(paused).text);
        any = true;
    }
    return any;
}

static void add_summary(nj_page *page)
{
    const json_t *facts = nj_page_at(page->document, "facts");
    nj_html *html = &page->html;
    const double users = nj_page_number(facts, "user_count");
    const double rows = nj_page_number(facts, "row_count");
    const double copied = nj_page_count(facts, "copied_count");
    const char *held = nj_page_held(page);
    const char *what = held == NULL ? "Published" : "Packed";
    if (rows == users) {
        nj_html_paragraph(html, "%s: all %s users have a list.", what,
                          nj_page_say_count(users).text);
    } else {
        nj_html_paragraph(html, "%s: %s of %s users have a list.", what,
                          nj_page_say_count(rows).text, nj_page_say_count(users).text);
    }
    if (held != NULL) {
        nj_html_paragraph(html, "The night did not publish it; a gate does not hold: %s.", held);
    }
    const double carried = nj_page_count(facts, "carried_count");
    if (carried > 0) {
        nj_html_paragraph(html,
                          "%s of them were not decoded tonight and have the list of an earlier "
                          "night, the oldest of them %s nights old.",
                          nj_page_say_count(carried).text,
                          nj_page_say_count(nj_page_count(facts, "carried_age")).text);
    }
    if (copied > 0) {
        nj_html_paragraph(html, "%s of them were copied from %s, because nothing had changed.",
                          nj_page_say_count(copied).text, nj_page_word(facts, "since"));
    }
    add_figures(page);
    if (nj_page_at(page->document, "run") == NULL) {
        nj_html_note(html, "This report was made from the generation alone: how the night went was "
                           "not recorded, or the record is gone.");
    } else if (add_troubles(page)) {
        nj_html_note(html, "What was retried gave the same rows as it would have at once: a row "
                           "depends on its user and the bundle alone.");
    } else if (held == NULL) {
        nj_html_paragraph(html, "Nothing went wrong.");
    }
}

// ---- the plan ----

typedef nj_page_text (*say)(double value);

static void add_plan_row(nj_page *page, const char *name, say as, double planned, double actual)
{
    nj_html *html = &page->html;
    if (nj_page_at(page->document, "planned") == NULL) {
        nj_html_term(html, name, "%s", as(actual).text);
        return;
    }
    const bool both = planned > 0 && isfinite(actual);
    const double off = both ? round(100 * (actual / planned - 1)) : NAN; // %
    nj_html_row(html);
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", name);
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", as(planned).text);
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", as(actual).text);
    if (isfinite(off)) {
        nj_html_cell(html, fabs(off) > FAR_OFF ? NJ_HTML_ALARM : NJ_HTML_PLAIN,
                     off == 0 ? "%.0f %%" : "%+.0f %%", fabs(off) > 0 ? off : 0);
    } else {
        nj_html_cell(html, NJ_HTML_FAINT, "\u2013");
    }
}

static void add_plan(nj_page *page)
{
    static const nj_html_column COLUMNS[] = {{"", NJ_HTML_WORDS},
                                             {"planned", NJ_HTML_NUMBER},
                                             {"actual", NJ_HTML_NUMBER},
                                             {"off by", NJ_HTML_NUMBER}};
    static const struct {
        const char *name;
        const char *group; // NULL: of the object itself
        const char *key;
        say as;
    } ROWS[] = {
        {"users", NULL, "users", nj_page_say_count},
        {"copied", NULL, "copied", nj_page_say_count},
        {"shards", NULL, "shards", nj_page_say_count},
        {"cores of workers", NULL, "cores", nj_page_say_count},
        {"users a second", NULL, "users_per_second", nj_page_say_rate},
        {"until workers can connect", "seconds", "start", nj_page_say_seconds},
        {"decoding", "seconds", "decode", nj_page_say_seconds},
        {"decoding a sample again", "seconds", "audit", nj_page_say_seconds},
        {"packing, verifying, publishing", "seconds", "pack", nj_page_say_seconds},
        {"all of it", "seconds", "total", nj_page_say_seconds},
        {"workers' processors", NULL, "worker_core_seconds", nj_page_say_seconds},
        {"coordinator's own memory", "memory_bytes", "coordinator_own", nj_page_say_bytes},
        {"with what it maps", "memory_bytes", "coordinator", nj_page_say_bytes},
        {"a worker's memory", "memory_bytes", "worker", nj_page_say_bytes},
        {"store", NULL, "store_bytes", nj_page_say_bytes},
        {"staging area", NULL, "staging_bytes", nj_page_say_bytes},
    };
    const json_t *planned = nj_page_at(page->document, "planned");
    const json_t *actual = nj_page_at(page->document, "actual");
    if (actual == NULL) {
        return;
    }
    nj_html *html = &page->html;
    nj_html_section(html, "plan", planned != NULL ? "Planned and actual" : "What it took");
    if (planned != NULL) {
        nj_html_table_begin(html, NULL, COLUMNS, 4);
    }
    for (size_t r = 0; r < sizeof ROWS / sizeof ROWS[0]; r++) {
        const char *group = ROWS[r].group;
        add_plan_row(
            page, ROWS[r].name, ROWS[r].as,
            nj_page_number(group != NULL ? nj_page_at(planned, group) : planned, ROWS[r].key),
            nj_page_number(group != NULL ? nj_page_at(actual, group) : actual, ROWS[r].key));
    }
    if (planned != NULL) {
        nj_html_table_end(html);
    }
    if (is_resumed(page)) {
        nj_html_note(
            html, "The night was taken up again: times, users a second and memory are those of its "
                  "last process alone, which had only the rest to do.");
    }
    if (planned == NULL) {
        nj_html_note(html, "There was no plan. With one, this is a table of planned and actual: "
                           "ops/handbook/plan.md.");
    }
}

// ---- what happened ----

// A status by its name, in words; other texts as they are.
static const char *say_end(const char *end)
{
    static const struct {
        const char *name;
        const char *sentence;
    } ENDS[] = {
#define NJ_STATUS(name, number, exit_code, sentence, advice) {#name, sentence},
#include "schemas/status.def"
#undef NJ_STATUS
    };
    for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++) {
        if (strcmp(end, ENDS[i].name) == 0) {
            return ENDS[i].sentence;
        }
    }
    return end;
}

static void add_incident(nj_page *page, const json_t *incident)
{
    nj_html *html = &page->html;
    const double shard = nj_page_number(incident, "shard");
    nj_html_row(html);
    nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                 nj_page_say_seconds(nj_page_number(incident, "at_ms") / 1000).text);
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(incident, "kind"));
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(incident, "worker"));
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", isnan(shard) ? "" : nj_page_say_count(shard).text);
    const bool is_end = strcmp(nj_page_word(incident, "kind"), "ended") == 0;
    const char *text = nj_page_word(incident, "text");
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", is_end ? say_end(text) : text);
}

static void add_incidents(nj_page *page)
{
    static const nj_html_column COLUMNS[] = {{"at", NJ_HTML_NUMBER},
                                             {"what", NJ_HTML_WORDS},
                                             {"worker", NJ_HTML_WORDS},
                                             {"shard", NJ_HTML_NUMBER},
                                             {"why", NJ_HTML_WORDS}};
    const json_t *incidents = nj_page_at(page->document, "incidents");
    const json_t *listed = nj_page_at(incidents, "listed");
    const size_t count = json_array_size(listed);
    nj_html *html = &page->html;
    if (count < 2) { // the first one is that the night began
        return;
    }
    nj_html_section(html, "incidents", "What happened, in order");
    nj_html_table_begin(html, NULL, COLUMNS, 5);
    for (size_t i = 0; i < count; i++) {
        if (i < INCIDENTS_SHOWN / 2 || i + INCIDENTS_SHOWN / 2 >= count) {
            add_incident(page, json_array_get(listed, i));
        }
    }
    nj_html_table_end(html);
    const double total = nj_page_count(incidents, "total");
    if (total > INCIDENTS_SHOWN) {
        nj_html_note(html,
                     "%s in all: the first and the last %u are shown, more are in the "
                     "document.",
                     nj_page_say_count(total).text, INCIDENTS_SHOWN / 2);
    }
}

static void add_quarantined(nj_page *page)
{
    static const nj_html_column COLUMNS[] = {{"user", NJ_HTML_WORDS},
                                             {"why", NJ_HTML_WORDS},
                                             {"last worker", NJ_HTML_WORDS},
                                             {"tries", NJ_HTML_NUMBER}};
    const json_t *quarantined = nj_page_at(page->document, "quarantined");
    const json_t *listed = nj_page_at(quarantined, "listed");
    const double total = nj_page_count(quarantined, "total");
    nj_html *html = &page->html;
    if (total == 0) {
        return;
    }
    nj_html_section(html, "quarantined", "Users without a list");
    nj_html_table_begin(html, NULL, COLUMNS, 4);
    for (size_t i = 0; i < json_array_size(listed); i++) {
        const json_t *user = json_array_get(listed, i);
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(user, "user"));
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(user, "reason"));
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(user, "worker"));
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(user, "attempts")).text);
    }
    nj_html_table_end(html);
    nj_html_note(html,
                 "%s in all; QUARANTINED.jsonl beside the generation has every one. "
                 "ops/handbook/runbook.md tells what to do.",
                 nj_page_say_count(total).text);
}

static void add_phases(nj_page *page)
{
    static const nj_html_column COLUMNS[] = {
        {"phase", NJ_HTML_WORDS}, {"took", NJ_HTML_NUMBER}, {"why", NJ_HTML_WORDS}};
    const json_t *phases = nj_page_at(page->document, "phases");
    nj_html *html = &page->html;
    if (json_array_size(phases) == 0) {
        return;
    }
    nj_html_heading(html, "Before the users");
    nj_html_table_begin(html, NULL, COLUMNS, 3);
    for (size_t i = 0; i < json_array_size(phases); i++) {
        const json_t *phase = json_array_get(phases, i);
        const bool skipped = json_is_true(json_object_get(phase, "skipped"));
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(phase, "name"));
        nj_html_cell(html, skipped ? NJ_HTML_FAINT : NJ_HTML_PLAIN, "%s",
                     skipped ? "skipped"
                             : nj_page_say_seconds(nj_page_number(phase, "seconds")).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(phase, "why"));
    }
    nj_html_table_end(html);
}

static void add_processes(nj_page *page)
{
    static const nj_html_column COLUMNS[] = {{"process", NJ_HTML_WORDS},
                                             {"began", NJ_HTML_WORDS},
                                             {"ended", NJ_HTML_WORDS},
                                             {"how", NJ_HTML_WORDS},
                                             {"users stored", NJ_HTML_NUMBER}};
    const json_t *processes = nj_page_at(page->document, "processes");
    nj_html *html = &page->html;
    if (json_array_size(processes) == 0) {
        return;
    }
    nj_html_section(html, "night", "The night");
    add_phases(page);
    nj_page_add_gates(page);
    nj_html_table_begin(html, "Processes that worked on it", COLUMNS, 5);
    for (size_t i = 0; i < json_array_size(processes); i++) {
        const json_t *process = json_array_get(processes, i);
        const bool killed = strcmp(nj_page_word(process, "end"), "killed") == 0;
        const double ended = nj_page_number(process, "ended_ms");
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%zu", i + 1);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_moment(nj_page_number(process, "began_ms")).text);
        nj_html_cell(
            html, NJ_HTML_PLAIN, "%s%s", isnan(ended) ? "after " : "",
            nj_page_say_moment(isnan(ended) ? nj_page_number(process, "last_ms") : ended).text);
        nj_html_cell(html, killed ? NJ_HTML_ALARM : NJ_HTML_PLAIN, "%s",
                     say_end(nj_page_word(process, "end")));
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(nj_page_number(process, "users")).text);
    }
    nj_html_table_end(html);
}

// ---- what it was made with ----

static void add_versions(nj_page *page)
{
    static const struct {
        const char *key;
        const char *name;
    } TEXTS[] = {{"generation", "generation"},
                 {"nightjar_version", "nightjar"},
                 {"numeric_class", "numeric class"},
                 {"lmdb_version", "LMDB"},
                 {"settings", "settings"},
                 {"bundle_digest", "bundle"},
                 {"plan_digest", "plan"},
                 {"settings_digest", "settings' digest"},
                 {"rules_digest", "rules"},
                 {"eligible_digest", "eligible items"},
                 {"content_digest", "content"},
                 {"data_digest", "data.mdb"}};
    const json_t *facts = nj_page_at(page->document, "facts");
    nj_html *html = &page->html;
    nj_html_section(html, "versions", "What it was made with");
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        const char *text = nj_page_word(facts, TEXTS[i].key);
        if (text[0] != '\0' && strspn(text, "0") != strlen(text)) {
            nj_html_term(html, TEXTS[i].name, "%s", text);
        }
    }
    nj_html_term(html, "packed", "%s",
                 nj_page_say_moment(nj_page_number(facts, "created_ms")).text);
    nj_html_term(html, "report written", "%s",
                 nj_page_say_moment(nj_page_number(page->document, "written_ms")).text);
    nj_html_note(html,
                 "Where bundle, rules, numeric class and a user's history are the same, so is "
                 "his row. ops/handbook/report.md tells how to read this page.");
}

// ---- all of it ----

static void choose_unit(nj_page *page)
{
    static const struct {
        double end_ms; // of axes that are measured in it
        double unit_ms;
        const char *unit;
    } UNITS[] = {
        {180e3, 1e3, "seconds"}, {3 * 3600e3, 60e3, "minutes"}, {INFINITY, 3600e3, "hours"}};
    const double end_ms = nj_page_number(nj_page_at(page->document, "series"), "end_ms");
    size_t u = 0;
    page->end_ms = end_ms >= 0 ? fmax(1, end_ms) : 0;
    while (page->end_ms > UNITS[u].end_ms) {
        u++;
    }
    page->unit_ms = UNITS[u].unit_ms;
    page->unit = UNITS[u].unit;
}

static void begin_page(nj_page *page)
{
    const json_t *facts = nj_page_at(page->document, "facts");
    const nj_page_text packed = nj_page_say_moment(nj_page_number(facts, "created_ms"));
    char title[NJ_PAGE_TEXT_BYTES];
    char subtitle[2 * NJ_PAGE_TEXT_BYTES];
    snprintf(title, sizeof title, "The night of %.*s", (int)DAY_CHARS, packed.text);
    snprintf(subtitle, sizeof subtitle, "%.*s, packed %s", NJ_STORE_NAME_CHARS,
             nj_page_word(page->document, "generation"), packed.text);
    nj_html_begin(&page->html, title, subtitle);
}

nj_status nj_night_report_page(const json_t *document, nj_buffer *out, nj_error *err)
{
    nj_page page = {.document = document};
    choose_unit(&page);
    begin_page(&page);
    nj_html_section(&page.html, "summary", "Summary");
    add_summary(&page);
    add_plan(&page);
    if (page.end_ms > 0) {
        nj_page_add_throughput(&page);
        nj_page_add_workers(&page);
        nj_page_add_latency(&page);
        nj_page_add_memory(&page);
    }
    nj_page_add_lists(&page);
    nj_page_add_overlap(&page);
    nj_page_add_grades(&page);
    add_quarantined(&page);
    add_incidents(&page);
    add_processes(&page);
    add_versions(&page);
    nj_status status = nj_html_end(&page.html);
    if (status == NJ_OK) {
        status = nj_buffer_append(out, page.html.bytes.bytes, page.html.bytes.size);
    }
    nj_html_fini(&page.html);
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "the report's page cannot be made: %s",
                                     nj_status_sentence(status));
}
