#include "ops/cli/lab_people.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec/json.h"
#include "common/input/histories.h"
#include "common/input/lines.h"
#include "ops/cli/lab_chain.h"

#define LINE_BYTES_MAX (16u << 20)

// ---- items ----

static uint32_t find_item(const nj_lab_people *people, nj_slice id)
{
    const size_t row =
        nj_idmap_find(&people->items, id, nj_idmap_at_list, &people->catalogue->items);
    return row == NJ_IDMAP_NONE ? NJ_LAB_NO_ITEM : (uint32_t)row;
}

uint32_t nj_lab_find_item(const nj_lab_people *people, const char *id)
{
    return find_item(people, (nj_slice){id, strlen(id)});
}

// One line of items.tsv: id, title, words.
static nj_status take_title(nj_lab_people *people, const char *line, size_t size)
{
    const char *tab = memchr(line, '\t', size);
    if (tab == NULL) {
        return NJ_OK;
    }
    const char *title = tab + 1;
    const size_t left = size - (size_t)(title - line);
    const char *end = memchr(title, '\t', left);
    const size_t length = end != NULL ? (size_t)(end - title) : left;
    const uint32_t row = find_item(people, (nj_slice){line, (size_t)(tab - line)});
    if (row == NJ_LAB_NO_ITEM) {
        return NJ_OK; // the header
    }
    ((size_t *)(void *)people->title_at.bytes)[row] = people->titles.size;
    nj_status status = nj_buffer_append(&people->titles, title, length);
    return status == NJ_OK ? nj_buffer_append(&people->titles, "", 1) : status;
}

static nj_status read_titles(nj_lab_people *people, const char *path, nj_error *err)
{
    const size_t none = 0;
    nj_status status = nj_buffer_append(&people->titles, "", 1); // of an item without a line
    for (size_t i = 0; i < people->catalogue->items.count && status == NJ_OK; i++) {
        status = nj_buffer_append(&people->title_at, &none, sizeof none);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for the titles");
    }
    nj_lines lines;
    status = nj_lines_open(path, LINE_BYTES_MAX, &lines, err);
    while (status == NJ_OK) {
        char *line = NULL;
        size_t size = 0;
        status = nj_lines_next(&lines, &line, &size, err);
        if (status == NJ_OK && take_title(people, line, size) != NJ_OK) {
            status = nj_fail(err, NJ_NO_MEMORY, "no memory for the titles");
        }
    }
    nj_lines_close(&lines);
    return status == NJ_END ? NJ_OK : status;
}

const char *nj_lab_title(const nj_lab_people *people, uint32_t item)
{
    if (item >= people->catalogue->items.count) {
        return "an item that is not in the catalogue";
    }
    return (const char *)people->titles.bytes +
           ((const size_t *)(const void *)people->title_at.bytes)[item];
}

uint32_t nj_lab_shared_codes(const nj_lab_people *people, uint32_t a, uint32_t b)
{
    const nj_sids *sids = &people->catalogue->sids;
    uint32_t shared = 0;
    if (a >= sids->row_count || b >= sids->row_count) {
        return 0;
    }
    while (shared < sids->level_count && sids->codes[(size_t)a * sids->level_count + shared] ==
                                             sids->codes[(size_t)b * sids->level_count + shared]) {
        shared++;
    }
    return shared;
}

// ---- users ----

static void take_list(const nj_lab_people *people, nj_lab_person *person, size_t list,
                      const json_t *items)
{
    const size_t count = json_array_size(items);
    for (size_t i = 0; i < count && i < NJ_LAB_LIST_MAX; i++) {
        const char *id = json_string_value(json_array_get(items, i));
        const uint32_t item = nj_lab_find_item(people, id != NULL ? id : "");
        person->lists[list][person->counts[list]++] = item;
        if (item == person->target && person->ranks[list] == 0) {
            person->ranks[list] = (uint32_t)i + 1;
        }
    }
}

static nj_status add_person(nj_lab_people *people, const json_t *line)
{
    const char *user = json_string_value(json_object_get(line, "user"));
    const char *target = json_string_value(json_object_get(line, "target"));
    if (user == NULL || target == NULL) {
        return NJ_OK;
    }
    nj_lab_person person = {
        .target = find_item(people, (nj_slice){target, strlen(target)}),
        .history = (uint32_t)json_integer_value(json_object_get(line, "history")),
        .popularity = (uint32_t)json_integer_value(json_object_get(line, "popularity"))};
    take_list(people, &person, 0, json_object_get(line, "items"));
    nj_status status = nj_idlist_builder_add(&people->users, (nj_slice){user, strlen(user)});
    if (status == NJ_OK) {
        const size_t last = people->users.count - 1;
        status =
            nj_idmap_insert(&people->user_map, nj_idlist_builder_at(&people->users, last), last);
    }
    return status == NJ_OK ? nj_buffer_append(&people->persons, &person, sizeof person) : status;
}

static nj_status add_list(nj_lab_people *people, const json_t *line)
{
    const char *user = json_string_value(json_object_get(line, "user"));
    const size_t at = user != NULL
                          ? nj_idmap_find(&people->user_map, (nj_slice){user, strlen(user)},
                                          nj_idmap_at_builder, &people->users)
                          : NJ_IDMAP_NONE;
    if (at != NJ_IDMAP_NONE) {
        take_list(people, (nj_lab_person *)(void *)people->persons.bytes + at, people->list_count,
                  json_object_get(line, "items"));
    }
    return NJ_OK;
}

static nj_status read_json_lines(nj_lab_people *people, const char *path,
                                 nj_status (*take)(nj_lab_people *people, const json_t *line),
                                 nj_error *err)
{
    nj_lines lines;
    nj_status status = nj_lines_open(path, LINE_BYTES_MAX, &lines, err);
    if (status != NJ_OK) {
        return status;
    }
    while (status == NJ_OK) {
        char *bytes = NULL;
        size_t size = 0;
        json_t *line = NULL;
        status = nj_lines_next(&lines, &bytes, &size, err);
        if (status == NJ_OK) {
            status = nj_json_parse(bytes, size, path, &line, err);
        }
        if (status == NJ_OK && take(people, line) != NJ_OK) {
            status = nj_fail(err, NJ_NO_MEMORY, "no memory for the users");
        }
        json_decref(line);
    }
    nj_lines_close(&lines);
    return status == NJ_END ? NJ_OK : status;
}

nj_status nj_lab_people_open(const char *folder, nj_lab_people *out, nj_error *err)
{
    nj_path catalogue;
    nj_path titles;
    nj_path outcomes;
    *out = (nj_lab_people){0};
    nj_idmap_init(&out->items);
    nj_idmap_init(&out->user_map);
    nj_idlist_builder_init(&out->users);
    nj_buffer_init(&out->titles, SIZE_MAX);
    nj_buffer_init(&out->title_at, SIZE_MAX);
    nj_buffer_init(&out->persons, SIZE_MAX);
    nj_status status = nj_path_join(folder, "catalogue", &catalogue, err);
    if (status == NJ_OK) {
        status = nj_path_join(folder, NJ_LAB_ITEMS, &titles, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(folder, NJ_LAB_OUTCOMES, &outcomes, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_read(catalogue.text, &out->catalogue, err);
    }
    if (status == NJ_OK) {
        status = nj_idmap_build(&out->items, &out->catalogue->items, catalogue.text, err);
    }
    if (status == NJ_OK) {
        status = read_titles(out, titles.text, err);
    }
    if (status == NJ_OK) {
        status = read_json_lines(out, outcomes.text, add_person, err);
        out->list_count = 1;
    }
    return status;
}

nj_status nj_lab_people_add_lists(nj_lab_people *people, const char *path, nj_error *err)
{
    const nj_status status = people->list_count < NJ_LAB_LISTS_MAX
                                 ? read_json_lines(people, path, add_list, err)
                                 : nj_fail(err, NJ_FAILED, "%s: one list too many", path);
    people->list_count += status == NJ_OK;
    return status;
}

void nj_lab_people_close(nj_lab_people *people)
{
    if (people->catalogue == NULL && people->persons.bytes_max == 0) {
        return;
    }
    nj_catalogue_free(&people->catalogue);
    nj_idmap_fini(&people->items);
    nj_idmap_fini(&people->user_map);
    nj_idlist_builder_fini(&people->users);
    nj_buffer_fini(&people->titles);
    nj_buffer_fini(&people->title_at);
    nj_buffer_fini(&people->persons);
    *people = (nj_lab_people){0};
}

typedef struct {
    const nj_lab_people *people;
    nj_slice user;
    nj_buffer *out;
} history_search;

static nj_status take_history(void *context, const nj_history *history, nj_error *err)
{
    const history_search *search = context;
    if (history->user.size != search->user.size ||
        memcmp(history->user.bytes, search->user.bytes, search->user.size) != 0) {
        return NJ_OK;
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; i < history->item_count && status == NJ_OK; i++) {
        const uint32_t item = find_item(search->people, history->items[i]);
        status = nj_buffer_append(search->out, &item, sizeof item);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a history");
}

nj_status nj_lab_people_history(const nj_lab_people *people, const char *histories, nj_slice user,
                                nj_buffer *out, nj_error *err)
{
    history_search search = {people, user, out};
    const nj_histories_source source = {.path = histories, .format = NJ_HISTORIES_SEQUENCE};
    return nj_histories_read(&source, take_history, &search, err);
}
