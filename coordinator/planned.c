#include "coordinator/planned.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/json.h"

#define COUNT_MOST 9007199254740992.0 // 2^53: whole numbers that a double holds

typedef enum { COUNT, REAL } field_kind;
typedef enum { MUST, MAY } field_need;

static const struct {
    field_kind kind;
    field_need need;
    size_t offset;
    const char *group;
    const char *key;
} FIELDS[] = {
#define NJ_PLAN_FIELD(kind, need, member, group, key, meaning)                                     \
    {kind, need, offsetof(nj_night_numbers, member), group, key},
#include "schemas/plan.def"
};

enum { FIELD_COUNT = sizeof FIELDS / sizeof FIELDS[0] };

static double *number_at(nj_night_numbers *numbers, size_t field)
{
    return (double *)(void *)((char *)numbers + FIELDS[field].offset);
}

nj_night_numbers nj_night_numbers_unknown(void)
{
    nj_night_numbers numbers;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        *number_at(&numbers, i) = NAN;
    }
    return numbers;
}

// ---- writing ----

static json_t *make_value(field_kind kind, double number)
{
    if (!isfinite(number)) {
        return json_null();
    }
    return kind == COUNT ? json_integer((json_int_t)llround(number)) : json_real(number);
}

json_t *nj_night_numbers_json(const nj_night_numbers *numbers)
{
    nj_night_numbers copy = *numbers;
    json_t *object = json_object();
    bool whole = object != NULL;
    for (size_t i = 0; i < FIELD_COUNT && whole; i++) {
        json_t *holder = object;
        if (FIELDS[i].group[0] != '\0') {
            holder = json_object_get(object, FIELDS[i].group);
            if (holder == NULL) {
                holder = json_object();
                whole = json_object_set_new(object, FIELDS[i].group, holder) == 0;
            }
        }
        whole = whole && json_object_set_new(holder, FIELDS[i].key,
                                             make_value(FIELDS[i].kind, *number_at(&copy, i))) == 0;
    }
    if (!whole) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

// ---- reading ----

static nj_status read_number(const json_t *document, size_t field, const char *path, double *out,
                             nj_error *err)
{
    const char *group = FIELDS[field].group;
    const json_t *holder = group[0] != '\0' ? json_object_get(document, group) : document;
    const json_t *value = json_object_get(holder, FIELDS[field].key);
    const bool is_null = value == NULL || json_is_null(value);
    if (is_null && FIELDS[field].need == MAY) {
        return NJ_OK;
    }
    const bool right_kind =
        FIELDS[field].kind == COUNT ? json_is_integer(value) : json_is_number(value);
    const double number = right_kind ? json_number_value(value) : -1;
    if (!(number >= 0 && number <= COUNT_MOST)) {
        return nj_fail(err, NJ_INPUT, "%s: \"%s%s%s\" must be a %snumber from 0 to 2^53%s", path,
                       group, group[0] != '\0' ? "." : "", FIELDS[field].key,
                       FIELDS[field].kind == COUNT ? "whole " : "",
                       is_null ? ", and is not there" : "");
    }
    *out = number;
    return NJ_OK;
}

static nj_status read_document(const char *path, nj_planned *out, nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, out->document, path, err);
    nj_json_int(&keys, "version", NJ_PLANNED_VERSION, NJ_PLANNED_VERSION);
    const char *digest = nj_json_text_or(&keys, "plan_digest", "");
    nj_status status = keys.status;
    out->text = json_dumps(out->document, JSON_COMPACT);
    if (status == NJ_OK && out->text == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a copy", path);
    }
    if (status == NJ_OK && !nj_digest_from_hex(digest, &out->plan)) {
        status =
            nj_fail(err, NJ_INPUT, "%s: \"plan_digest\" must have 64 hexadecimal digits", path);
    }
    for (size_t i = 0; i < FIELD_COUNT && status == NJ_OK; i++) {
        status = read_number(out->document, i, path, number_at(&out->numbers, i), err);
    }
    return status;
}

nj_status nj_planned_read(const char *path, nj_planned *out, nj_error *err)
{
    nj_planned planned = {.numbers = nj_night_numbers_unknown()};
    nj_status status = nj_json_load(path, NJ_PLANNED_BYTES_MAX, &planned.document, err);
    if (status == NJ_OK) {
        status = read_document(path, &planned, err);
    }
    if (status != NJ_OK) {
        nj_planned_fini(&planned);
        return status;
    }
    *out = planned;
    return NJ_OK;
}

void nj_planned_fini(nj_planned *planned)
{
    json_decref(planned->document);
    free(planned->text);
    *planned = (nj_planned){0};
}

bool nj_planned_fits(const nj_planned *planned, const nj_digest *plan)
{
    return planned->document != NULL && nj_digest_equal(&planned->plan, plan);
}
