// lab_page_users.c - one user, and where the generative model fails.
#include <string.h>

#include "common/input/lines.h"
#include "ops/cli/lab_page.h"

#define HISTORY_SHOWN 10 // latest items
#define PLACES_SHOWN 8
#define TOP 10  // a miss: the item is not among so many
#define RARE 10 // events of an item that training has hardly seen

// ---- words ----

static const char *short_title(const nj_lab_page *page, uint32_t item, char out[96])
{
    const char *title = nj_lab_title(&page->people, item);
    snprintf(out, 96, "%.60s%s", title, strlen(title) > 60 ? "\u2026" : "");
    return out;
}

static nj_slice user_at(const nj_lab_page *page, size_t index)
{
    return nj_idlist_builder_at(&page->people.users, index);
}

// The latest items before the one that is held out, latest first.
static void write_history(nj_lab_page *page, size_t index)
{
    nj_path path;
    nj_buffer items;
    nj_error err;
    nj_buffer_init(&items, SIZE_MAX);
    nj_status status = nj_path_join(page->out, NJ_LAB_HISTORIES, &path, &err);
    if (status == NJ_OK) {
        status =
            nj_lab_people_history(&page->people, path.text, user_at(page, index), &items, &err);
    }
    const uint32_t *rows = (const uint32_t *)(const void *)items.bytes;
    const size_t count = items.size / sizeof *rows;
    for (size_t i = 1; status == NJ_OK && i < count && i <= HISTORY_SHOWN; i++) {
        char title[96];
        nj_html_item(&page->html, "%s", short_title(page, rows[count - 1 - i], title));
    }
    if (status != NJ_OK && page->html.status == NJ_OK) {
        page->html.status = status;
    }
    nj_buffer_fini(&items);
}

static void write_lists(nj_lab_page *page, const nj_lab_person *person)
{
    nj_html_column columns[1 + NJ_LAB_MODEL_COUNT] = {{"place", NJ_HTML_NUMBER}};
    for (size_t m = 0; m < NJ_LAB_MODEL_COUNT; m++) {
        columns[1 + m] = (nj_html_column){NJ_LAB_MODELS[m].name, NJ_HTML_WORDS};
    }
    nj_html_table_begin(&page->html, "What each model would have shown; what he took stands out",
                        columns, 1 + NJ_LAB_MODEL_COUNT);
    for (size_t i = 0; i < PLACES_SHOWN; i++) {
        nj_html_row(&page->html);
        nj_html_cell(&page->html, NJ_HTML_FAINT, "%zu", i + 1);
        for (size_t m = 0; m < NJ_LAB_MODEL_COUNT; m++) {
            char title[96];
            if (i < person->counts[m]) {
                const uint32_t item = person->lists[m][i];
                nj_html_cell(&page->html, item == person->target ? NJ_HTML_BEST : NJ_HTML_PLAIN,
                             "%s", short_title(page, item, title));
            } else {
                nj_html_cell(&page->html, NJ_HTML_FAINT, "\u2013");
            }
        }
    }
    nj_html_row(&page->html);
    nj_html_cell(&page->html, NJ_HTML_FAINT, "his is");
    for (size_t m = 0; m < NJ_LAB_MODEL_COUNT; m++) {
        if (person->ranks[m] > 0) {
            nj_html_cell(&page->html, NJ_HTML_FAINT, "number %u", person->ranks[m]);
        } else {
            nj_html_cell(&page->html, NJ_HTML_FAINT, "not among %u", person->counts[m]);
        }
    }
    nj_html_table_end(&page->html);
}

// ---- the example ----

static nj_status read_example(const nj_lab_page *page, json_t **out)
{
    nj_path path;
    nj_error err;
    const nj_status status = nj_path_join(page->out, NJ_LAB_TONIGHT, &path, &err);
    return status == NJ_OK ? nj_json_load(path.text, NJ_CATALOGUE_JSON_BYTES_MAX, out, &err)
                           : status;
}

static void write_tonight(nj_lab_page *page, const json_t *row)
{
    const json_t *items = json_object_get(row, "items");
    nj_html_heading(&page->html, "Tonight");
    nj_html_paragraph(&page->html,
                      "With the whole history, the night's store has for the same user:");
    for (size_t i = 0; i < json_array_size(items) && i < PLACES_SHOWN; i++) {
        char title[96];
        const char *id = json_string_value(json_array_get(items, i));
        const size_t at = id != NULL
                              ? nj_idmap_find(&page->people.items, (nj_slice){id, strlen(id)},
                                              nj_idmap_at_list, &page->people.catalogue->items)
                              : NJ_IDMAP_NONE;
        nj_html_item(&page->html, "%s",
                     short_title(page, at == NJ_IDMAP_NONE ? NJ_LAB_NO_ITEM : (uint32_t)at, title));
    }
}

void nj_lab_page_example(nj_lab_page *page)
{
    json_t *row = NULL;
    if (read_example(page, &row) != NJ_OK) {
        page->html.status = page->html.status == NJ_OK ? NJ_INPUT : page->html.status;
        return;
    }
    const char *user = json_string_value(json_object_get(row, "user"));
    const size_t at = user != NULL
                          ? nj_idmap_find(&page->people.user_map, (nj_slice){user, strlen(user)},
                                          nj_idmap_at_builder, &page->people.users)
                          : NJ_IDMAP_NONE;
    nj_html_section(&page->html, "user", "One user");
    if (at != NJ_IDMAP_NONE) {
        char title[96];
        const nj_lab_person *person = nj_lab_person_at(&page->people, at);
        nj_html_paragraph(
            &page->html,
            "User %s was chosen before anything was learned: with %u %s he has as much of a "
            "history as the user in the middle. His latest, the newest first:",
            user, person->history + 1, page->settings->kind->event_noun);
        write_history(page, at);
        nj_html_paragraph(&page->html, "What he took next is \u201c%s\u201d.",
                          short_title(page, person->target, title));
        write_lists(page, person);
    }
    write_tonight(page, row);
    json_decref(row);
}

// ---- failures ----

// Most codes that an item of the generative model's first ten has in common with what came.
static uint32_t nearest(const nj_lab_page *page, const nj_lab_person *person)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < person->counts[NJ_LAB_TIGER] && i < TOP; i++) {
        const uint32_t shared =
            nj_lab_shared_codes(&page->people, person->lists[NJ_LAB_TIGER][i], person->target);
        most = shared > most ? shared : most;
    }
    return most;
}

static bool misses(const nj_lab_person *person, size_t model)
{
    return person->ranks[model] == 0 || person->ranks[model] > TOP;
}

static bool is_rare(const nj_lab_page *page, const nj_lab_person *person)
{
    (void)page;
    return person->popularity < RARE;
}

static bool is_neighbour(const nj_lab_page *page, const nj_lab_person *person)
{
    return person->popularity >= RARE && nearest(page, person) > 0;
}

static bool is_elsewhere(const nj_lab_page *page, const nj_lab_person *person)
{
    return person->popularity >= RARE && nearest(page, person) == 0;
}

// Every miss is of exactly one of these kinds.
typedef struct {
    const char *title;
    const char *text;
    bool (*holds)(const nj_lab_page *page, const nj_lab_person *person);
} failure_kind;

static const failure_kind FAILURES[] = {
    {"The right corner, another item",
     "The first code is right, so the model has understood what kind of thing comes next; within "
     "it, it "
     "prefers others. More codes in common would not help: items that users take for different "
     "reasons are "
     "neighbours here.",
     is_neighbour},
    {"Another corner",
     "None of the first ten begins with the right code. The beam never went there: what a user "
     "does next may "
     "have nothing to do with what he did last.",
     is_elsewhere},
    {"Hardly ever seen",
     "Training has seen the item fewer than ten times. Its codes are those of its vector, and its "
     "vector "
     "is a guess from little.",
     is_rare},
};

// Of the users with such a miss, one whom SASRec serves best, so that it could have been known; and the counts.
static size_t find_case(const nj_lab_page *page, const failure_kind *kind, size_t *out_count,
                        size_t *out_won)
{
    size_t found = SIZE_MAX;
    uint32_t best = NJ_LAB_LIST_MAX + 1;
    *out_count = *out_won = 0;
    for (size_t i = 0; i < nj_lab_people_count(&page->people); i++) {
        const nj_lab_person *person = nj_lab_person_at(&page->people, i);
        if (!misses(person, NJ_LAB_TIGER) || !kind->holds(page, person)) {
            continue;
        }
        ++*out_count;
        *out_won += !misses(person, NJ_LAB_SASREC);
        const uint32_t rank =
            person->ranks[NJ_LAB_SASREC] > 0 ? person->ranks[NJ_LAB_SASREC] : NJ_LAB_LIST_MAX + 1;
        if (found == SIZE_MAX || rank < best) {
            best = rank;
            found = i;
        }
    }
    return found;
}

static void write_case(nj_lab_page *page, size_t index)
{
    const nj_lab_person *person = nj_lab_person_at(&page->people, index);
    const nj_slice user = user_at(page, index);
    char title[96];
    nj_html_paragraph(
        &page->html,
        "User %.*s took \u201c%s\u201d, which training has seen %u times. His latest before "
        "it, and then the lists:",
        (int)user.size, user.bytes, short_title(page, person->target, title), person->popularity);
    write_history(page, index);
    write_lists(page, person);
}

void nj_lab_page_failures(nj_lab_page *page)
{
    const size_t users = nj_lab_people_count(&page->people);
    nj_html_section(&page->html, "failures", "Where it fails");
    nj_html_paragraph(
        &page->html,
        "A miss is a user whose item is not among the first %d of the generative model. Every "
        "miss is of one of three kinds; of each kind stands here the user whom SASRec serves "
        "best.",
        TOP);
    for (size_t i = 0; i < sizeof FAILURES / sizeof FAILURES[0]; i++) {
        size_t count = 0;
        size_t won = 0;
        const size_t index = find_case(page, &FAILURES[i], &count, &won);
        nj_html_heading(&page->html, "%s", FAILURES[i].title);
        nj_html_paragraph(&page->html,
                          "%zu of %zu users (%.1f %%); SASRec has the item of %zu of them. %s",
                          count, users, users > 0 ? 100.0 * (double)count / (double)users : 0, won,
                          FAILURES[i].text);
        if (index != SIZE_MAX) {
            write_case(page, index);
        }
    }
}
