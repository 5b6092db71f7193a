#include "common/policy/policy_pack.h"

#include <inttypes.h>
#include <math.h>

#include "common/base/id.h"
#include "common/codec/pack.h"
#include "common/policy/policy_check.h"
#include "common/policy/policy_keys.h"
#include "common/policy/policy_resolve.h"

#define WHAT "section \"policy\""
#define PARTS 7
#define BOOST_FIELDS 4
#define DENY_FIELDS 3
#define CAP_FIELDS 5
#define PIN_FIELDS 3
#define ELEMENTS_MAX 4096
#define ADD_MAX 100.0f
#define CAP_MOST_MAX 1000

_Static_assert(PARTS + 1 + NJ_LEVELS_MAX + 2 * NJ_POLICY_KEY_COUNT +
                       NJ_POLICY_RULES_MAX * (BOOST_FIELDS + DENY_FIELDS + CAP_FIELDS) +
                       NJ_POLICY_PLACES_MAX * PIN_FIELDS <
                   ELEMENTS_MAX,
               "the longest policy can be read");

// ---- writing ----

static void pack_alpha(nj_packer *packer, const nj_policy *policy, uint32_t level_count)
{
    const size_t count = nj_policy_has_prior(policy) ? level_count : 0;
    nj_pack_array(packer, count);
    for (size_t l = 0; l < count; l++) {
        nj_pack_f32(packer, policy->prior_alpha[l]);
    }
}

static void pack_value(nj_packer *packer, const nj_policy *policy, const nj_policy_names *names,
                       size_t number)
{
    const void *field = nj_policy_field_of(policy, number);
    switch (NJ_POLICY_KEYS[number].kind) {
    case NJ_POLICY_F32:
        nj_pack_f32(packer, *(const float *)field);
        break;
    case NJ_POLICY_U64:
        nj_pack_uint(packer, *(const uint64_t *)field);
        break;
    case NJ_POLICY_BOOL:
        nj_pack_bool(packer, *(const bool *)field);
        break;
    case NJ_POLICY_ALPHA:
        pack_alpha(packer, policy, names->level_count);
        break;
    case NJ_POLICY_UNTIL:
        nj_pack_uint(packer, (uint64_t)(*(const int64_t *)field - NJ_DAY_MIN));
        break;
    case NJ_POLICY_WORDS:
    case NJ_POLICY_DAYS: {
        const uint32_t column = *(const uint32_t *)field;
        nj_pack_str(packer, column != NJ_POLICY_NONE ? nj_policy_column_word(names, column)
                                                     : nj_slice_from(""));
        break;
    }
    default:
        nj_pack_uint(packer, *(const uint32_t *)field);
    }
}

// A column that is not there is the empty text, which is no name.
static void pack_column(nj_packer *packer, const nj_policy_names *names, uint32_t column)
{
    nj_pack_str(packer, column != NJ_POLICY_NONE ? nj_policy_column_word(names, column)
                                                 : nj_slice_from(""));
}

static void pack_where(nj_packer *packer, const nj_policy_names *names,
                       const nj_policy_where *where)
{
    pack_column(packer, names, where->attribute);
    nj_pack_str(packer, nj_policy_value_word(names, where->attribute, where->value));
}

static void pack_rules(nj_packer *packer, const nj_policy *policy, const nj_policy_names *names)
{
    nj_pack_array(packer, (size_t)policy->boost_count * BOOST_FIELDS);
    for (uint32_t i = 0; i < policy->boost_count; i++) {
        pack_where(packer, names, &policy->boosts[i].where);
        nj_pack_f32(packer, policy->boosts[i].add);
        nj_pack_uint(packer, policy->lines.boosts[i]);
    }
    nj_pack_array(packer, (size_t)policy->deny_count * DENY_FIELDS);
    for (uint32_t i = 0; i < policy->deny_count; i++) {
        pack_where(packer, names, &policy->deny[i]);
        nj_pack_uint(packer, policy->lines.deny[i]);
    }
    nj_pack_array(packer, (size_t)policy->cap_count * CAP_FIELDS);
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        const nj_policy_cap *cap = &policy->caps[i];
        pack_column(packer, names, cap->attribute);
        nj_pack_str(packer, cap->value != NJ_POLICY_NONE
                                ? nj_policy_value_word(names, cap->attribute, cap->value)
                                : nj_slice_from(""));
        nj_pack_uint(packer, cap->levels);
        nj_pack_uint(packer, cap->most);
        nj_pack_uint(packer, policy->lines.caps[i]);
    }
    nj_pack_array(packer, (size_t)policy->pin_count * PIN_FIELDS);
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        nj_pack_str(packer, nj_idlist_at(names->items, policy->pins[i].row));
        nj_pack_uint(packer, policy->pins[i].place);
        nj_pack_uint(packer, policy->lines.pins[i]);
    }
}

nj_status nj_policy_pack(const nj_policy *policy, const nj_policy_names *names, nj_buffer *out,
                         nj_error *err)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, PARTS);
    nj_pack_uint(&packer, NJ_POLICY_VERSION);
    nj_pack_array(&packer, NJ_POLICY_KEY_COUNT);
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) {
        pack_value(&packer, policy, names, i);
    }
    pack_rules(&packer, policy, names);
    nj_pack_array(&packer, NJ_POLICY_KEY_COUNT);
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) {
        nj_pack_uint(&packer, policy->lines.keys[i]);
    }
    return packer.status == NJ_OK
               ? NJ_OK
               : nj_fail(err, packer.status, "no memory for the section \"policy\"");
}

// ---- reading ----

typedef struct {
    nj_fields fields; // of the part that is being read
    const nj_policy_names *names;
    nj_policy *policy;
    nj_error *err;
    nj_status status; // the first failure
} unpacking;

static void fail(unpacking *u, nj_status status)
{
    u->status = u->status == NJ_OK ? status : u->status;
}

static nj_policy_place_of place_of(const unpacking *u, uint32_t line, const char *path)
{
    return (nj_policy_place_of){
        .names = u->names, .what = "policy", .line = line, .path = path, .err = u->err};
}

// Opens the next part of the whole: `per_rule` fields for each of at most `rules_max` rules. Returns how many there are.
static uint32_t open_part(unpacking *u, nj_fields *whole, const char *name, size_t per_rule,
                          size_t rules_max)
{
    const msgpack_object_array *array =
        u->status == NJ_OK ? nj_field_array(whole, name, per_rule * rules_max) : NULL;
    fail(u, whole->status);
    u->fields = (nj_fields){.what = WHAT, .err = u->err, .status = u->status};
    if (array == NULL) {
        return 0;
    }
    if (array->size % per_rule != 0) {
        fail(u, nj_fail(u->err, NJ_PROTOCOL, WHAT ": %s has %u fields, must be a multiple of %zu",
                        name, array->size, per_rule));
        return 0;
    }
    u->fields.fields = array->ptr;
    u->fields.count = array->size;
    return array->size / (uint32_t)per_rule;
}

static void refuse_number(unpacking *u, const char *path, double value, double least, double most)
{
    fail(u, nj_fail(u->err, NJ_PROTOCOL, WHAT ": %s is %.9g, must be from %.9g to %.9g", path,
                    value, least, most));
}

static void read_number(unpacking *u, const nj_policy_key *key, void *field)
{
    const bool is_place = key->kind == NJ_POLICY_PLACE;
    const double least = (double)(float)key->least - (is_place ? 1 : 0);
    const double most = (double)(float)key->most - (is_place ? 1 : 0);
    double value = 0;
    if (key->kind == NJ_POLICY_F32) {
        *(float *)field = nj_field_f32(&u->fields, key->path);
        value = (double)*(float *)field;
    } else {
        *(uint32_t *)field = (uint32_t)nj_field_uint(&u->fields, key->path, UINT32_MAX);
        value = *(uint32_t *)field;
    }
    // 0 groups are those of another search.
    const bool is_off = key->kind == NJ_POLICY_U32 && !(value > 0) && !(key->fallback > 0);
    if (u->fields.status == NJ_OK && !is_off && !(value >= least && value <= most)) {
        refuse_number(u, key->path, value, least, most);
    }
}

static void read_alpha(unpacking *u, const nj_policy_key *key, float alpha[NJ_LEVELS_MAX])
{
    const msgpack_object_array *array = nj_field_array(&u->fields, key->path, NJ_LEVELS_MAX);
    const uint32_t count = array != NULL ? array->size : 0;
    if (count != 0 && count != u->names->level_count) {
        fail(u, nj_fail(u->err, NJ_CONFIG,
                        "policy: %s has %u numbers, the catalogue has %u levels: pack the policy "
                        "again",
                        key->path, count, u->names->level_count));
        return;
    }
    nj_fields numbers = {.fields = array != NULL ? array->ptr : NULL,
                         .count = count,
                         .what = WHAT,
                         .err = u->err,
                         .status = u->fields.status};
    for (uint32_t l = 0; l < count; l++) {
        alpha[l] = nj_field_f32(&numbers, key->path);
        if (numbers.status == NJ_OK &&
            !((double)alpha[l] >= key->least && (double)alpha[l] <= key->most)) {
            refuse_number(u, key->path, (double)alpha[l], key->least, key->most);
        }
    }
    u->fields.status = numbers.status;
}

static void read_column(unpacking *u, const char *path, nj_attribute_kind kind, uint32_t line,
                        uint32_t *out)
{
    const nj_slice word = nj_field_str(&u->fields, path, NJ_ATTRIBUTE_NAME_BYTES_MAX);
    *out = NJ_POLICY_NONE;
    if (u->status == NJ_OK && u->fields.status == NJ_OK && word.size > 0) {
        const nj_policy_place_of place = place_of(u, line, path);
        fail(u, nj_policy_find_column(&place, word, kind, out));
    }
}

static void read_value(unpacking *u, size_t number, uint32_t line)
{
    const nj_policy_key *key = &NJ_POLICY_KEYS[number];
    void *field = nj_policy_field(u->policy, number);
    switch (key->kind) {
    case NJ_POLICY_U64:
        *(uint64_t *)field = nj_field_uint(&u->fields, key->path, UINT64_MAX);
        break;
    case NJ_POLICY_BOOL:
        *(bool *)field = nj_field_bool(&u->fields, key->path);
        break;
    case NJ_POLICY_ALPHA:
        read_alpha(u, key, field);
        break;
    case NJ_POLICY_UNTIL:
        *(int64_t *)field =
            (int64_t)nj_field_uint(&u->fields, key->path, (uint64_t)(NJ_DAY_MAX - NJ_DAY_MIN)) +
            NJ_DAY_MIN;
        break;
    case NJ_POLICY_WORDS:
        read_column(u, key->path, NJ_ATTRIBUTE_WORDS, line, field);
        break;
    case NJ_POLICY_DAYS:
        read_column(u, key->path, NJ_ATTRIBUTE_DAYS, line, field);
        break;
    default:
        read_number(u, key, field);
    }
    fail(u, u->fields.status);
}

// Words and lines stand in two parts, and errors about words name lines.
static void read_values(unpacking *u, nj_fields *whole, const nj_fields *lines)
{
    nj_fields *fields = &u->fields;
    nj_fields at = *lines;
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT && u->status == NJ_OK; i++) {
        u->policy->lines.keys[i] = (uint32_t)nj_field_uint(&at, "lines", UINT32_MAX);
    }
    fail(u, at.status);
    (void)open_part(u, whole, "values", 1, NJ_POLICY_KEY_COUNT);
    if (u->status == NJ_OK && fields->count != NJ_POLICY_KEY_COUNT) {
        fail(u, nj_fail(u->err, NJ_PROTOCOL, WHAT ": %zu values, must be %d", fields->count,
                        NJ_POLICY_KEY_COUNT));
    }
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT && u->status == NJ_OK; i++) {
        read_value(u, i, u->policy->lines.keys[i]);
    }
}

// The line of a rule is its last field.
static uint32_t peek_line(const unpacking *u, size_t field_count)
{
    const size_t at = u->fields.next + field_count - 1;
    const msgpack_object *field = at < u->fields.count ? &u->fields.fields[at] : NULL;
    return field != NULL && field->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
                   field->via.u64 < UINT32_MAX
               ? (uint32_t)field->via.u64
               : 0;
}

static void read_where(unpacking *u, const char *path, uint32_t line, nj_policy_where *out)
{
    const nj_slice column = nj_field_str(&u->fields, path, NJ_ATTRIBUTE_NAME_BYTES_MAX);
    const nj_slice value = nj_field_str(&u->fields, path, NJ_ID_BYTES_MAX);
    const nj_policy_place_of place = place_of(u, line, path);
    fail(u, u->fields.status);
    if (u->status == NJ_OK) {
        fail(u, nj_policy_find_where(&place,
                                     column.size > 0 ? column : nj_slice_from(NJ_POLICY_ITEM_WORD),
                                     value, out));
    }
}

static void read_boosts(unpacking *u, uint32_t count)
{
    for (uint32_t i = 0; i < count && u->status == NJ_OK; i++) {
        nj_policy_boost *boost = &u->policy->boosts[i];
        read_where(u, "adjust.boosts", peek_line(u, BOOST_FIELDS), &boost->where);
        boost->add = nj_field_f32(&u->fields, "add");
        if (u->fields.status == NJ_OK && !(fabsf(boost->add) <= ADD_MAX)) {
            refuse_number(u, "adjust.boosts", (double)boost->add, -(double)ADD_MAX,
                          (double)ADD_MAX);
        }
        u->policy->lines.boosts[i] = (uint32_t)nj_field_uint(&u->fields, "line", UINT32_MAX);
        fail(u, u->fields.status);
        u->policy->boost_count = i + 1;
    }
}

static void read_denied(unpacking *u, uint32_t count)
{
    for (uint32_t i = 0; i < count && u->status == NJ_OK; i++) {
        read_where(u, "constraints.deny", peek_line(u, DENY_FIELDS), &u->policy->deny[i]);
        u->policy->lines.deny[i] = (uint32_t)nj_field_uint(&u->fields, "line", UINT32_MAX);
        fail(u, u->fields.status);
        u->policy->deny_count = i + 1;
    }
}

static void read_cap(unpacking *u, nj_policy_cap *cap)
{
    static const char PATH[] = "constraints.caps";
    const uint32_t line = peek_line(u, CAP_FIELDS);
    cap->value = NJ_POLICY_NONE;
    read_column(u, PATH, NJ_ATTRIBUTE_WORDS, line, &cap->attribute);
    const nj_slice value = nj_field_str(&u->fields, PATH, NJ_ID_BYTES_MAX);
    cap->levels = (uint32_t)nj_field_uint(&u->fields, "levels", u->names->level_count);
    cap->most = (uint32_t)nj_field_uint(&u->fields, "most", CAP_MOST_MAX);
    fail(u, u->fields.status);
    if (u->status != NJ_OK) {
        return;
    }
    const bool is_prefix = cap->attribute == NJ_POLICY_NONE;
    if (cap->most == 0 || is_prefix != (cap->levels > 0) || (is_prefix && value.size > 0)) {
        fail(u, nj_fail(u->err, NJ_PROTOCOL, WHAT ": a cap of most %u and %u levels by %s",
                        cap->most, cap->levels, is_prefix ? "prefix" : "a column"));
    } else if (value.size > 0) {
        const nj_policy_place_of place = place_of(u, line, PATH);
        fail(u, nj_policy_find_value(&place, cap->attribute, value, &cap->value));
    }
}

static void read_caps(unpacking *u, uint32_t count)
{
    for (uint32_t i = 0; i < count && u->status == NJ_OK; i++) {
        read_cap(u, &u->policy->caps[i]);
        u->policy->lines.caps[i] = (uint32_t)nj_field_uint(&u->fields, "line", UINT32_MAX);
        fail(u, u->fields.status);
        u->policy->cap_count = i + 1;
    }
}

static void read_pins(unpacking *u, uint32_t count)
{
    static const char PATH[] = "constraints.pins";
    for (uint32_t i = 0; i < count && u->status == NJ_OK; i++) {
        nj_policy_pin *pin = &u->policy->pins[i];
        const nj_policy_place_of place = place_of(u, peek_line(u, PIN_FIELDS), PATH);
        const nj_slice id = nj_field_str(&u->fields, PATH, NJ_ID_BYTES_MAX);
        pin->place = (uint32_t)nj_field_uint(&u->fields, "place", NJ_POLICY_PLACES_MAX - 1);
        u->policy->lines.pins[i] = (uint32_t)nj_field_uint(&u->fields, "line", UINT32_MAX);
        fail(u, u->fields.status);
        if (u->status == NJ_OK) {
            fail(u, nj_policy_find_item(&place, id, &pin->row));
        }
        if (u->status == NJ_OK && i > 0 && pin->place <= u->policy->pins[i - 1].place) {
            fail(u, nj_fail(u->err, NJ_PROTOCOL, WHAT ": pins of the places %u and %u, must rise",
                            u->policy->pins[i - 1].place, pin->place));
        }
        u->policy->pin_count = i + 1;
    }
}

static void read_parts(unpacking *u, const msgpack_object *root)
{
    nj_fields whole;
    nj_fields_open(&whole, root, WHAT, PARTS, u->err);
    const uint64_t version = nj_field_uint(&whole, "version", UINT32_MAX);
    fail(u, whole.status);
    if (u->status == NJ_OK && version != NJ_POLICY_VERSION) {
        fail(u,
             nj_fail(u->err, NJ_INPUT,
                     WHAT " has version %" PRIu64 ", this program reads %d: pack the policy again",
                     version, NJ_POLICY_VERSION));
        return;
    }
    if (u->status == NJ_OK && whole.count != PARTS) {
        fail(u, nj_fail(u->err, NJ_PROTOCOL, WHAT ": %zu parts, must be %d", whole.count, PARTS));
        return;
    }
    nj_fields last = whole; // the lines
    last.next = PARTS - 1;
    (void)open_part(u, &last, "lines", 1, NJ_POLICY_KEY_COUNT);
    const nj_fields lines = u->fields;
    read_values(u, &whole, &lines);
    read_boosts(u, open_part(u, &whole, "boosts", BOOST_FIELDS, NJ_POLICY_RULES_MAX));
    read_denied(u, open_part(u, &whole, "deny", DENY_FIELDS, NJ_POLICY_RULES_MAX));
    read_caps(u, open_part(u, &whole, "caps", CAP_FIELDS, NJ_POLICY_RULES_MAX));
    read_pins(u, open_part(u, &whole, "pins", PIN_FIELDS, NJ_POLICY_PLACES_MAX));
}

nj_status nj_policy_unpack(const void *bytes, size_t size, const nj_policy_names *names,
                           nj_policy *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_policy policy;
    unpacking u = {.names = names, .policy = &policy, .err = err};
    if (size > NJ_POLICY_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, WHAT " has %zu bytes, the most is %u", size,
                       NJ_POLICY_BYTES_MAX);
    }
    nj_policy_init(&policy);
    u.status = nj_unpack((nj_slice){bytes, size}, ELEMENTS_MAX, &unpacked, err);
    if (u.status == NJ_OK) {
        read_parts(&u, &unpacked.root);
        nj_unpacked_fini(&unpacked);
    }
    if (u.status == NJ_OK) {
        u.status = nj_policy_check_rules(&policy, names, "policy", err);
    }
    if (u.status == NJ_PROTOCOL) {
        u.status = NJ_INPUT;
        if (err != NULL) {
            err->status = NJ_INPUT;
        }
    }
    if (u.status == NJ_OK) {
        *out = policy;
    }
    return u.status;
}
