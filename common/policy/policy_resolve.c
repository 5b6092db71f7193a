#include "common/policy/policy_resolve.h"

#include <stdio.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/cli/suggest.h"
#include "common/policy/policy_keys.h"

#define SHOWN_BYTES 60
#define OFFERS_MAX 100000u // words that a mistyped one is compared with

// A word that was meant, copied because the ids of a list have no NUL.
typedef struct {
    char word[NJ_SUGGEST_BYTES_MAX + 1];
    char nearest[NJ_SUGGEST_BYTES_MAX + 1]; // empty: none is near
    size_t edits;
} guessed_word;

static bool copy_word(nj_slice from, char out[NJ_SUGGEST_BYTES_MAX + 1])
{
    if (from.size > NJ_SUGGEST_BYTES_MAX || memchr(from.bytes, '\0', from.size) != NULL) {
        return false;
    }
    memcpy(out, from.bytes, from.size);
    out[from.size] = '\0';
    return true;
}

static void guess_among(guessed_word *guess, nj_slice candidate)
{
    char text[NJ_SUGGEST_BYTES_MAX + 1];
    if (guess->word[0] == '\0' || !copy_word(candidate, text)) {
        return;
    }
    nj_suggestion suggestion = {.word = guess->word};
    nj_suggestion_offer(&suggestion, text);
    if (suggestion.nearest != NULL &&
        (guess->nearest[0] == '\0' || suggestion.edits < guess->edits)) {
        guess->edits = suggestion.edits;
        memcpy(guess->nearest, text, sizeof text);
    }
}

static nj_status refuse_word(const nj_policy_place_of *place, const char *kind, nj_slice word,
                             const char *rule, const guessed_word *guess)
{
    const bool is_near = guess->nearest[0] != '\0';
    return nj_policy_fail(place->err, place->what, place->line, "%s: %s \"%.*s\" %s%s%s%s",
                          place->path, kind, (int)nj_min_size(word.size, SHOWN_BYTES), word.bytes,
                          rule, is_near ? "; did you mean " : "", is_near ? guess->nearest : "",
                          is_near ? "?" : "");
}

nj_status nj_policy_find_column(const nj_policy_place_of *place, nj_slice word,
                                nj_attribute_kind kind, uint32_t *out)
{
    const nj_attributes *attributes = place->names->attributes;
    guessed_word guess = {0};
    if (attributes == NULL || attributes->count == 0) {
        return nj_policy_fail(place->err, place->what, place->line,
                              "%s: column \"%.*s\": the bundle has no attributes; pack it with "
                              "--attributes",
                              place->path, (int)nj_min_size(word.size, SHOWN_BYTES), word.bytes);
    }
    const uint32_t column = nj_attributes_find(attributes, word);
    if (column != NJ_ATTRIBUTE_NONE && attributes->columns[column].kind == kind) {
        *out = column;
        return NJ_OK;
    }
    if (column != NJ_ATTRIBUTE_NONE) {
        return refuse_word(place, "column", word,
                           kind == NJ_ATTRIBUTE_DAYS ? "has words, and days are wanted"
                                                     : "has days, and words are wanted",
                           &guess);
    }
    (void)copy_word(word, guess.word);
    for (uint32_t c = 0; c < attributes->count; c++) {
        guess_among(&guess, attributes->columns[c].name);
    }
    return refuse_word(place, "column", word, "is not among the bundle's attributes", &guess);
}

nj_status nj_policy_find_value(const nj_policy_place_of *place, uint32_t column, nj_slice word,
                               uint32_t *out)
{
    const nj_attribute *attribute = &place->names->attributes->columns[column];
    const uint32_t value = nj_attribute_value_find(attribute, word);
    guessed_word guess = {0};
    char rule[NJ_POLICY_WORD_BYTES];
    if (value != NJ_ATTRIBUTE_NONE) {
        *out = value;
        return NJ_OK;
    }
    (void)copy_word(word, guess.word);
    for (size_t v = 0; v < nj_min_size(attribute->values.count, OFFERS_MAX); v++) {
        guess_among(&guess, nj_idlist_at(&attribute->values, v));
    }
    snprintf(rule, sizeof rule, "is not among the %zu values of column \"%.*s\"",
             attribute->values.count, (int)nj_min_size(attribute->name.size, SHOWN_BYTES),
             attribute->name.bytes);
    return refuse_word(place, "value", word, rule, &guess);
}

nj_status nj_policy_find_item(const nj_policy_place_of *place, nj_slice word, uint32_t *out)
{
    const nj_idlist *items = place->names->items;
    guessed_word guess = {0};
    for (size_t i = 0; i < items->count; i++) {
        const nj_slice id = nj_idlist_at(items, i);
        if (id.size == word.size && memcmp(id.bytes, word.bytes, word.size) == 0) {
            *out = (uint32_t)i;
            return NJ_OK;
        }
    }
    (void)copy_word(word, guess.word);
    for (size_t i = 0; i < nj_min_size(items->count, OFFERS_MAX); i++) {
        guess_among(&guess, nj_idlist_at(items, i));
    }
    char rule[NJ_POLICY_WORD_BYTES];
    snprintf(rule, sizeof rule, "is not among the %zu items of the catalogue", items->count);
    return refuse_word(place, "item", word, rule, &guess);
}

nj_status nj_policy_find_where(const nj_policy_place_of *place, nj_slice column, nj_slice value,
                               nj_policy_where *out)
{
    nj_policy_where where = {.attribute = NJ_POLICY_NONE};
    nj_status status = NJ_OK;
    if (nj_slice_equal(column, nj_slice_from(NJ_POLICY_ITEM_WORD))) {
        status = nj_policy_find_item(place, value, &where.value);
    } else {
        status = nj_policy_find_column(place, column, NJ_ATTRIBUTE_WORDS, &where.attribute);
        if (status == NJ_OK) {
            status = nj_policy_find_value(place, where.attribute, value, &where.value);
        }
    }
    if (status == NJ_OK) {
        *out = where;
    }
    return status;
}

nj_slice nj_policy_column_word(const nj_policy_names *names, uint32_t column)
{
    return names->attributes->columns[column].name;
}

nj_slice nj_policy_value_word(const nj_policy_names *names, uint32_t column, uint32_t value)
{
    return column == NJ_POLICY_NONE
               ? nj_idlist_at(names->items, value)
               : nj_idlist_at(&names->attributes->columns[column].values, value);
}

const char *nj_policy_where_text(const nj_policy_names *names, const nj_policy_where *where,
                                 char out[NJ_POLICY_WORD_BYTES])
{
    const nj_slice column = where->attribute == NJ_POLICY_NONE
                                ? nj_slice_from(NJ_POLICY_ITEM_WORD)
                                : nj_policy_column_word(names, where->attribute);
    const nj_slice value = nj_policy_value_word(names, where->attribute, where->value);
    snprintf(out, NJ_POLICY_WORD_BYTES, "%.*s \"%.*s\"", (int)nj_min_size(column.size, SHOWN_BYTES),
             column.bytes, (int)nj_min_size(value.size, SHOWN_BYTES), value.bytes);
    return out;
}
