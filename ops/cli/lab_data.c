// lab_data.c - a data set, in the forms of the other commands.
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/idlist.h"
#include "common/catalogue/split.h"
#include "common/codec/json.h"
#include "common/input/histories.h"
#include "common/input/lines.h"
#include "ops/cli/commands.h"
#include "ops/cli/lab.h"
#include "ops/cli/lab_chain.h"

#define ITEM_LINE_BYTES_MAX (1u << 20)
#define ITEM_COLUMNS_MAX 64
#define WORD_COLUMNS 5 // id, title and nj_lab_kind.words

static const nj_lab_kind KINDS[] = {
    {"ml-100k",
     "ml-100k.inter",
     "ml-100k.item",
     "item_id",
     "movie_title",
     {"class", "release_year", NULL},
     "films",
     "ratings",
     "MovieLens-100k: who rated which film when, at the University of Minnesota in 1997 and 1998."},
    {"ml-1m",
     "ml-1m.inter",
     "ml-1m.item",
     "item_id",
     "movie_title",
     {"genre", "release_year", NULL},
     "films",
     "ratings",
     "MovieLens-1M: who rated which film when, to the year 2003."},
    {"beauty",
     "Beauty.txt",
     "Beauty_items.tsv",
     "s3_item_id",
     "title",
     {"categories", NULL, NULL},
     "products",
     "reviews",
     "Amazon Beauty, 5-core: who reviewed which product, in order, to the year 2014."},
};

// What is gathered while the histories go by.
typedef struct {
    nj_file_draft histories, training;
    nj_idlist_builder items; // in the order of the item file, then of appearance
    nj_idmap map;
    nj_buffer counts;     // u64, events of each item
    nj_buffer lengths;    // u64, items of each history
    uint64_t known_count; // items of the item file
    uint64_t event_count, tied_count, short_count;
} gathering;

const nj_lab_kind *nj_lab_kind_named(const char *name)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strcmp(KINDS[i].name, name) == 0) {
            return &KINDS[i];
        }
    }
    return NULL;
}

static nj_status check_file(const char *folder, const char *name, nj_error *err)
{
    nj_path path;
    const nj_status status = nj_path_join(folder, name, &path, err);
    if (status == NJ_OK && !nj_file_exists(path.text)) {
        return nj_fail(err, NJ_NOT_FOUND, "%s: there is no such file", path.text);
    }
    return status;
}

nj_status nj_lab_kind_find(const char *name, const char *folder, const nj_lab_kind **out,
                           nj_error *err)
{
    const nj_lab_kind *kind = name != NULL ? nj_lab_kind_named(name) : NULL;
    if (name != NULL && kind == NULL) {
        return nj_fail(err, NJ_USAGE, "--kind is \"%s\", must be " NJ_LAB_KINDS, name);
    }
    nj_status status = nj_folder_check(folder, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "--data");
        return status;
    }
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0] && kind == NULL; i++) {
        if (check_file(folder, KINDS[i].histories, NULL) == NJ_OK) {
            kind = &KINDS[i];
        }
    }
    if (kind == NULL) {
        return nj_fail(
            err, NJ_NOT_FOUND,
            "--data %s: there is neither %s nor %s nor %s; the folder must be that of a data "
            "set that the lab knows",
            folder, KINDS[0].histories, KINDS[1].histories, KINDS[2].histories);
    }
    status = check_file(folder, kind->histories, err);
    if (status == NJ_OK) {
        status = check_file(folder, kind->items, err);
    }
    if (status == NJ_OK) {
        *out = kind;
    }
    return status;
}

// ---- items ----

// Splits a line at its tabs in place; returns how many fields there are, counting those beyond the array.
static size_t split_fields(char *line, size_t size, nj_slice fields[ITEM_COLUMNS_MAX])
{
    size_t count = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i == size || line[i] == '\t') {
            if (count < ITEM_COLUMNS_MAX) {
                fields[count] = (nj_slice){line + begin, i - begin};
            }
            count++;
            begin = i + 1;
        }
    }
    return count;
}

// Which column has this name, RecBole's ":type" left aside; ITEM_COLUMNS_MAX: none.
static size_t find_column(const nj_slice *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count && i < ITEM_COLUMNS_MAX; i++) {
        const char *colon = memchr(fields[i].bytes, ':', fields[i].size);
        const size_t size = colon != NULL ? (size_t)(colon - fields[i].bytes) : fields[i].size;
        if (size == strlen(name) && memcmp(fields[i].bytes, name, size) == 0) {
            return i;
        }
    }
    return ITEM_COLUMNS_MAX;
}

static nj_status read_header(nj_lines *lines, const nj_lab_kind *kind, size_t columns[WORD_COLUMNS],
                             size_t *out_count, nj_error *err)
{
    char *line = NULL;
    size_t size = 0;
    nj_slice fields[ITEM_COLUMNS_MAX];
    const nj_status status = nj_lines_next(lines, &line, &size, err);
    if (status == NJ_END) {
        return nj_lines_fail(lines, 1, err, "the file is empty");
    }
    if (status != NJ_OK) {
        return status;
    }
    const char *names[WORD_COLUMNS] = {kind->id, kind->title, kind->words[0], kind->words[1],
                                       kind->words[2]};
    *out_count = split_fields(line, size, fields);
    for (size_t i = 0; i < WORD_COLUMNS; i++) {
        columns[i] =
            names[i] != NULL ? find_column(fields, *out_count, names[i]) : ITEM_COLUMNS_MAX;
        if (names[i] != NULL && columns[i] == ITEM_COLUMNS_MAX) {
            return nj_lines_fail(lines, 1, err, "the header has no column \"%s\"", names[i]);
        }
    }
    return NJ_OK;
}

static nj_status add_item(gathering *g, nj_slice id, nj_error *err)
{
    const uint64_t none = 0;
    nj_status status = nj_idlist_builder_add(&g->items, id);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&g->map, nj_idlist_builder_at(&g->items, g->items.count - 1),
                                 g->items.count - 1);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&g->counts, &none, sizeof none);
    }
    return status == NJ_OK ? status : nj_fail(err, NJ_NO_MEMORY, "no memory for the items");
}

static void put_words(FILE *stream, nj_slice words)
{
    fwrite(words.bytes, 1, words.size, stream);
}

// One item: into the list, and as a row of items.tsv.
static nj_status take_item(gathering *g, const nj_lines *lines, const nj_slice *fields,
                           const size_t columns[WORD_COLUMNS], FILE *stream, nj_error *err)
{
    const nj_slice id = fields[columns[0]];
    const char *problem = nj_id_problem(id);
    if (problem != NULL) {
        return nj_lines_fail(lines, lines->number, err, "the item id %s", problem);
    }
    if (nj_idmap_find(&g->map, id, nj_idmap_at_builder, &g->items) != NJ_IDMAP_NONE) {
        return nj_lines_fail(lines, lines->number, err, "item \"%.*s\" stands there twice",
                             (int)id.size, id.bytes);
    }
    put_words(stream, id);
    fputc('\t', stream);
    put_words(stream, fields[columns[1]].size > 0 ? fields[columns[1]] : id);
    for (size_t i = 2; i < WORD_COLUMNS; i++) {
        if (columns[i] < ITEM_COLUMNS_MAX) {
            fputc(i == 2 ? '\t' : ' ', stream);
            put_words(stream, fields[columns[i]]);
        }
    }
    fputc('\n', stream);
    return add_item(g, id, err);
}

static nj_status read_items(gathering *g, const nj_lab_kind *kind, const char *path, FILE *stream,
                            nj_error *err)
{
    nj_lines lines;
    size_t columns[WORD_COLUMNS];
    size_t column_count = 0;
    nj_status status = nj_lines_open(path, ITEM_LINE_BYTES_MAX, &lines, err);
    if (status != NJ_OK) {
        return status;
    }
    fputs("item_id\ttitle\twords\n", stream);
    status = read_header(&lines, kind, columns, &column_count, err);
    while (status == NJ_OK) {
        char *line = NULL;
        size_t size = 0;
        nj_slice fields[ITEM_COLUMNS_MAX];
        status = nj_lines_next(&lines, &line, &size, err);
        if (status != NJ_OK || size == 0) {
            continue;
        }
        const size_t count = split_fields(line, size, fields);
        status = count == column_count
                     ? take_item(g, &lines, fields, columns, stream, err)
                     : nj_lines_fail(&lines, lines.number, err, "%zu columns, the header has %zu",
                                     count, column_count);
    }
    nj_lines_close(&lines);
    g->known_count = g->items.count;
    return status == NJ_END ? NJ_OK : status;
}

// Items that only interactions name: their id is their title.
static void put_unknown_items(const gathering *g, FILE *stream)
{
    for (size_t i = g->known_count; i < g->items.count; i++) {
        const nj_slice id = nj_idlist_builder_at(&g->items, i);
        fprintf(stream, "%.*s\t%.*s\t\n", (int)id.size, id.bytes, (int)id.size, id.bytes);
    }
}

// ---- histories ----

static void put_history(FILE *stream, const nj_history *history, size_t count)
{
    put_words(stream, history->user);
    for (size_t i = 0; i < count; i++) {
        fputc(' ', stream);
        put_words(stream, history->items[i]);
    }
    fputc('\n', stream);
}

static nj_status count_item(gathering *g, nj_slice id, nj_error *err)
{
    size_t index = nj_idmap_find(&g->map, id, nj_idmap_at_builder, &g->items);
    if (index == NJ_IDMAP_NONE) {
        index = g->items.count;
        const nj_status status = add_item(g, id, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    ((uint64_t *)(void *)g->counts.bytes)[index]++;
    return NJ_OK;
}

static nj_status take_history(void *context, const nj_history *history, nj_error *err)
{
    gathering *g = context;
    const size_t count = history->item_count;
    const uint64_t length = count;
    put_history(g->histories.stream, history, count);
    if (count > NJ_SPLIT_LAST_COUNT) {
        put_history(g->training.stream, history, count - NJ_SPLIT_LAST_COUNT);
    } else {
        g->short_count++;
    }
    g->event_count += count;
    for (size_t i = 1; history->times != NULL && i < count; i++) {
        g->tied_count += history->times[i] == history->times[i - 1];
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = count_item(g, history->items[i], err);
    }
    if (status == NJ_OK && nj_buffer_append(&g->lengths, &length, sizeof length) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the users");
    }
    return status;
}

static nj_status read_histories(gathering *g, const nj_lab_kind *kind, const char *path,
                                uint64_t seed, nj_error *err)
{
    const nj_histories_format format = nj_histories_format_of_path(kind->histories);
    const bool has_times = format != NJ_HISTORIES_SEQUENCE;
    const nj_histories_source source = {.path = path,
                                        .format = format,
                                        .tie_seed = has_times ? seed + 1 : 0, // 0 would not shuffle
                                        .wants_times = has_times};
    const nj_status status = nj_histories_read(&source, take_history, g, err);
    if (status == NJ_OK && g->lengths.size / sizeof(uint64_t) == g->short_count) {
        return nj_fail(err, NJ_INPUT,
                       "%s: no user has more than %d items, so there is nothing to learn from",
                       path, NJ_SPLIT_LAST_COUNT);
    }
    return status;
}

// ---- facts ----

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

// `count` numbers from the least to the greatest, evenly spaced by rank: quantiles of a sorted array.
static json_t *spread(const uint64_t *sorted, size_t size, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count && array != NULL; i++) {
        const size_t at = i * (size - 1) / (count - 1);
        json_array_append_new(array, json_integer((json_int_t)sorted[at]));
    }
    return array;
}

static json_t *describe(gathering *g, const nj_lab_kind *kind, uint64_t seed)
{
    const size_t users = g->lengths.size / sizeof(uint64_t);
    qsort(g->lengths.bytes, users, sizeof(uint64_t), compare_numbers);
    qsort(g->counts.bytes, g->items.count, sizeof(uint64_t), compare_numbers);
    return json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "version",
                     NJ_JSON_OUTPUT_VERSION, "kind", kind->name, "seed", (json_int_t)seed, "users",
                     (json_int_t)users, "items", (json_int_t)g->items.count, "items_without_title",
                     (json_int_t)(g->items.count - g->known_count), "events",
                     (json_int_t)g->event_count, "tied_events", (json_int_t)g->tied_count,
                     "users_too_short", (json_int_t)g->short_count, "history_lengths",
                     spread((const uint64_t *)(void *)g->lengths.bytes, users, 101), "item_counts",
                     spread((const uint64_t *)(void *)g->counts.bytes, g->items.count, 101));
}

static nj_status write_facts(gathering *g, const nj_lab_kind *kind, uint64_t seed, const char *out,
                             nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(out, NJ_LAB_DATA_JSON, &path, err);
    json_t *facts = status == NJ_OK ? describe(g, kind, seed) : NULL;
    char *text = facts != NULL ? json_dumps(facts, JSON_INDENT(1)) : NULL;
    if (status == NJ_OK) {
        status = text != NULL ? nj_file_write(path.text, text, strlen(text), err)
                              : nj_fail(err, NJ_NO_MEMORY, "no memory for data.json");
    }
    free(text);
    json_decref(facts);
    return status;
}

static nj_status write_ids(const gathering *g, const char *out, nj_error *err)
{
    nj_path path;
    nj_file_draft draft = {0};
    nj_status status = nj_path_join(out, "items.txt", &path, err);
    if (status == NJ_OK) {
        status = nj_file_draft_begin(path.text, &draft, err);
    }
    for (size_t i = 0; i < g->items.count && status == NJ_OK; i++) {
        put_words(draft.stream, nj_idlist_builder_at(&g->items, i));
        fputc('\n', draft.stream);
    }
    return status == NJ_OK ? nj_file_draft_commit(&draft, err) : status;
}

static nj_status begin_draft(const char *folder, const char *name, nj_file_draft *out,
                             nj_error *err)
{
    nj_path path;
    const nj_status status = nj_path_join(folder, name, &path, err);
    return status == NJ_OK ? nj_file_draft_begin(path.text, out, err) : status;
}

// The median: chosen before anything is known of how well he can be served.
typedef struct {
    uint64_t length;
    nj_file_draft *draft;
    bool is_found;
} example_search;

static nj_status find_example(void *context, const nj_history *history, nj_error *err)
{
    example_search *search = context;
    (void)err;
    if (!search->is_found && history->item_count == search->length) {
        put_history(search->draft->stream, history, 0);
        search->is_found = true;
    }
    return NJ_OK;
}

static nj_status write_example(const gathering *g, const char *out, nj_error *err)
{
    nj_path path;
    nj_file_draft draft = {0};
    const uint64_t *lengths = (const uint64_t *)(const void *)g->lengths.bytes; // sorted
    example_search search = {lengths[g->lengths.size / sizeof *lengths / 2], &draft, false};
    nj_status status = nj_path_join(out, "histories.txt", &path, err);
    if (status == NJ_OK) {
        status = begin_draft(out, "example.txt", &draft, err);
    }
    if (status == NJ_OK) {
        const nj_histories_source source = {.path = path.text, .format = NJ_HISTORIES_SEQUENCE};
        status = nj_histories_read(&source, find_example, &search, err);
    }
    if (status == NJ_OK) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    return status;
}

static nj_status gather(gathering *g, const nj_lab_kind *kind, const char *folder, uint64_t seed,
                        nj_file_draft *titles, nj_error *err)
{
    nj_path items;
    nj_path histories;
    nj_status status = nj_path_join(folder, kind->items, &items, err);
    if (status == NJ_OK) {
        status = nj_path_join(folder, kind->histories, &histories, err);
    }
    if (status == NJ_OK) {
        status = read_items(g, kind, items.text, titles->stream, err);
    }
    if (status == NJ_OK) {
        status = read_histories(g, kind, histories.text, seed, err);
    }
    if (status == NJ_OK) {
        put_unknown_items(g, titles->stream);
    }
    return status;
}

nj_status nj_lab_data_write(const nj_lab_kind *kind, const char *folder, uint64_t seed,
                            const char *out, nj_error *err)
{
    gathering g = {0};
    nj_file_draft titles = {0};
    nj_idlist_builder_init(&g.items);
    nj_idmap_init(&g.map);
    nj_buffer_init(&g.counts, NJ_IDLIST_COUNT_MAX * sizeof(uint64_t));
    nj_buffer_init(&g.lengths, NJ_IDLIST_COUNT_MAX * sizeof(uint64_t));
    nj_status status = begin_draft(out, "items.tsv", &titles, err);
    if (status == NJ_OK) {
        status = begin_draft(out, "histories.txt", &g.histories, err);
    }
    if (status == NJ_OK) {
        status = begin_draft(out, "training.txt", &g.training, err);
    }
    if (status == NJ_OK) {
        status = gather(&g, kind, folder, seed, &titles, err);
    }
    nj_file_draft *drafts[] = {&titles, &g.histories, &g.training};
    for (size_t i = 0; i < 3 && status == NJ_OK; i++) {
        status = nj_file_draft_commit(drafts[i], err);
    }
    if (status == NJ_OK) {
        status = write_ids(&g, out, err);
    }
    if (status == NJ_OK) {
        status = write_facts(&g, kind, seed, out, err);
    }
    if (status == NJ_OK) {
        status = write_example(&g, out, err);
    }
    for (size_t i = 0; i < 3; i++) {
        nj_file_draft_abort(drafts[i]);
    }
    nj_idlist_builder_fini(&g.items);
    nj_idmap_fini(&g.map);
    nj_buffer_fini(&g.counts);
    nj_buffer_fini(&g.lengths);
    return status;
}
