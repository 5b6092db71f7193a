#include "ops/cli/bundle_facts.h"

#include <stdio.h>
#include <string.h>

#include "common/catalogue/attributes.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/neighbour_table.h"
#include "common/catalogue/section_names.h"
#include "common/codec/json.h"
#include "worker/engine/generator.h"

// N, as the section of ids says it; 0 where it is missing or too short, and then no other section fits.
static uint32_t read_row_count(const nj_sections *sections)
{
    const nj_section *items = nj_sections_find(sections, NJ_SECTION_ITEMS);
    uint64_t count = 0;
    if (items != NULL && items->size >= sizeof count) {
        memcpy(&count, items->bytes, sizeof count);
    }
    return count <= NJ_IDLIST_COUNT_MAX ? (uint32_t)count : 0;
}

static json_t *tell_problem(const nj_error *err)
{
    return json_pack("{s:s}", "problem", err->text);
}

static json_t *tell_counts(const nj_section *section, uint32_t N)
{
    const uint32_t *counts = section->bytes;
    json_int_t events = 0;
    json_int_t items = 0;
    if (section->size != (size_t)N * sizeof *counts) {
        return NULL; // the sections do not fit each other, which `bundle verify` tells
    }
    for (uint32_t row = 0; row < N; row++) {
        events += counts[row];
        items += counts[row] > 0;
    }
    return json_pack("{s:I, s:I, s:I}", "events", events, "items", items, "unseen",
                     (json_int_t)N - items);
}

static json_t *tell_attributes(const nj_section *section, uint32_t N)
{
    nj_error err;
    nj_attributes attributes;
    if (nj_attributes_open(section->bytes, section->size, N, &attributes, &err) != NJ_OK) {
        return tell_problem(&err);
    }
    json_t *columns = json_array();
    for (uint32_t i = 0; i < attributes.count; i++) {
        const nj_attribute *column = &attributes.columns[i];
        const bool is_days = column->kind == NJ_ATTRIBUTE_DAYS;
        json_t *object =
            json_pack("{s:s%, s:s, s:I}", "name", column->name.bytes, column->name.size, "kind",
                      is_days ? "days" : "words", "items", (json_int_t)column->known_count);
        if (!is_days) {
            json_object_set_new(object, "values", json_integer((json_int_t)column->values.count));
        }
        json_array_append_new(columns, object);
    }
    return json_pack("{s:o}", "columns", columns);
}

static json_t *tell_vectors(const nj_section *section, uint32_t N)
{
    nj_error err;
    nj_item_vectors vectors;
    if (nj_item_vectors_open(section->bytes, section->size, N, &vectors, &err) != NJ_OK) {
        return tell_problem(&err);
    }
    return json_pack("{s:I, s:s, s:I}", "dimensions", (json_int_t)vectors.width, "form",
                     vectors.form == NJ_VECTORS_F16 ? "float16" : "float32", "items",
                     (json_int_t)vectors.row_count - (json_int_t)vectors.zero_count);
}

static json_t *tell_collaborative(const nj_section *section, uint32_t N)
{
    nj_error err;
    nj_item_vectors vectors;
    if (nj_collaborative_open(section->bytes, section->size, N, &vectors, &err) != NJ_OK) {
        return tell_problem(&err);
    }
    return json_pack("{s:I, s:I}", "dimensions", (json_int_t)vectors.width, "items",
                     (json_int_t)vectors.row_count - (json_int_t)vectors.zero_count);
}

static json_t *tell_neighbours(const nj_section *section, uint32_t N)
{
    nj_error err;
    nj_neighbour_table table;
    json_int_t items = 0;
    if (nj_neighbour_table_open(section->bytes, section->size, N, &table, &err) != NJ_OK) {
        return tell_problem(&err);
    }
    for (uint32_t row = 0; row < N; row++) {
        items += nj_neighbour_table_count(&table, row) > 0;
    }
    return json_pack("{s:s, s:I, s:I}", "kind", nj_neighbour_table_kind_name(table.kind),
                     "neighbours", (json_int_t)table.edge_count, "items", items);
}

// What a bundle generates with, and the positions that a language model was made for.
static json_t *tell_model(const nj_section *section, uint32_t N)
{
    (void)N;
    nj_error err;
    nj_generator_config config;
    json_t *json = NULL;
    nj_status status =
        nj_json_parse(section->bytes, section->size, "section \"model\"", &json, &err);
    if (status == NJ_OK) {
        status = nj_generator_config_read(json, "section \"model\"", &config, &err);
    }
    if (status != NJ_OK) {
        json_decref(json);
        return tell_problem(&err);
    }
    const char *type = json_string_value(json_object_get(json, "model_type"));
    json_t *facts = json_pack("{s:s, s:I}", "type", type != NULL ? type : NJ_T5_MODEL_TYPE,
                              "vocabulary", (json_int_t)config.V);
    const uint32_t positions = nj_generator_tokens_max(&config, 1);
    if (positions > 0) {
        json_object_set_new(facts, "positions", json_integer((json_int_t)positions));
    }
    json_decref(json);
    return facts;
}

json_t *nj_section_facts(const nj_sections *sections, const nj_section *section)
{
    static const struct {
        const char *name;
        json_t *(*tell)(const nj_section *section, uint32_t N);
    } TELLERS[] = {
        {NJ_SECTION_ATTRIBUTES, tell_attributes}, {NJ_SECTION_COLLABORATIVE, tell_collaborative},
        {NJ_SECTION_COUNTS, tell_counts},         {NJ_SECTION_MODEL, tell_model},
        {NJ_SECTION_NEIGHBOURS, tell_neighbours}, {NJ_SECTION_VECTORS, tell_vectors}};
    for (size_t i = 0; i < sizeof TELLERS / sizeof TELLERS[0]; i++) {
        if (strcmp(section->name, TELLERS[i].name) == 0) {
            return TELLERS[i].tell(section, read_row_count(sections));
        }
    }
    return NULL;
}

// ---- for people ----

static void print_value(const char *key, const json_t *value)
{
    if (json_is_integer(value)) {
        printf("%" JSON_INTEGER_FORMAT " %s", json_integer_value(value), key);
    } else {
        printf("%s", json_string_value(value));
    }
}

static void print_object(const json_t *object)
{
    const char *key;
    json_t *value;
    const char *before = "";
    json_object_foreach((json_t *)object, key, value)
    {
        printf("%s", before);
        print_value(key, value);
        before = ", ";
    }
}

void nj_section_facts_print(const json_t *facts)
{
    const json_t *columns = json_object_get(facts, "columns");
    if (facts == NULL) {
        return;
    }
    printf("  ");
    if (columns == NULL) {
        print_object(facts);
    }
    for (size_t i = 0; i < json_array_size(columns); i++) {
        printf("%s", i > 0 ? "; " : "");
        print_object(json_array_get(columns, i));
    }
}
