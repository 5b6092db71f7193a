// store_audit.c - `nightjar store audit`: who made a row, from what.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/codec/json.h"
#include "common/codec/row.h"
#include "ops/cli/commands.h"
#include "ops/cli/crash_guard.h"
#include "ops/cli/row_origin.h"

#define TIME_BYTES 32
#define FLAGS_BYTES 512

typedef struct {
    const char *store;
    nj_slice user;
    nj_row_origin asked;
    nj_row_origin last; // where the way back ends; all zero: at `asked`
    json_t *chain;      // owned; each generation on the way
    nj_status
        status; // NJ_OK: the night that decoded the row is there, and its ORIGIN; NJ_NOT_FOUND: `why`
    nj_error why;
    nj_origin_record record; // of NJ_OK
} audit;

static const nj_row_origin *end_of(const audit *a)
{
    return a->last.reader != NULL ? &a->last : &a->asked;
}

static const char *write_time(uint64_t ms, char out[TIME_BYTES])
{
    struct tm utc;
    const time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(out, TIME_BYTES, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0) {
        snprintf(out, TIME_BYTES, "%" PRIu64 " ms", ms);
    }
    return out;
}

static json_t *list_flags(uint32_t flags)
{
    json_t *list = json_array();
    for (unsigned bit = 0; bit < NJ_ROW_FLAGS_MAX; bit++) {
        char number[16];
        const char *word = nj_row_flag_word(bit);
        snprintf(number, sizeof number, "bit%u", bit);
        if (flags >> bit & 1u) {
            json_array_append_new(list, json_string(word != NULL ? word : number));
        }
    }
    return list;
}

static json_t *digest_as_json(const nj_digest *digest)
{
    static const nj_digest NONE;
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(digest, hex);
    return nj_digest_equal(digest, &NONE) ? json_null() : json_string(hex);
}

// ---- the way back ----

static void add_link(audit *a, const nj_row_origin *row)
{
    const nj_store_facts *facts = nj_row_origin_facts(row);
    json_array_append_new(a->chain,
                          json_pack("{s:s, s:I, s:o, s:i}", "generation", facts->generation,
                                    "created_ms", (json_int_t)facts->created_ms, "flags",
                                    list_flags(row->row.flags), "age", (int)row->row.age));
}

// Ends, because each step's row is a night younger.
static nj_status walk_back(audit *a, nj_error *err)
{
    nj_status status = NJ_OK;
    add_link(a, &a->asked);
    while (status == NJ_OK && nj_row_origin_is_taken(end_of(a))) {
        nj_row_origin before = {0};
        status = nj_row_origin_before(a->store, end_of(a), a->user, &before, &a->why);
        if (status == NJ_OK) {
            nj_row_origin_close(&a->last);
            a->last = before;
            add_link(a, &a->last);
        }
    }
    return status == NJ_OK || status == NJ_NOT_FOUND ? status
                                                     : nj_fail(err, status, "%s", a->why.text);
}

static nj_status find_record(audit *a, nj_error *err)
{
    const nj_row_origin *end = end_of(a);
    if (end->origin == NULL) {
        return nj_row_origin_fail(a->store, end, &a->why);
    }
    nj_status status = nj_store_origin_find(end->origin, a->user, &a->record, &a->why);
    return status == NJ_OK || status == NJ_NOT_FOUND ? status
                                                     : nj_fail(err, status, "%s", a->why.text);
}

static nj_status open_audit(const nj_arguments *arguments, audit *a, nj_error *err)
{
    a->store = nj_argument(arguments, "store");
    a->user = nj_slice_from(nj_argument_positional(arguments));
    nj_status status =
        nj_row_origin_open(a->store, nj_argument(arguments, "gen"), a->user, &a->asked, err);
    if (status == NJ_OK) {
        status = walk_back(a, err);
        if (status == NJ_OK) {
            status = find_record(a, err);
        }
        a->status = status;
        status = status == NJ_NOT_FOUND ? NJ_OK : status;
    }
    return status;
}

static void close_audit(audit *a)
{
    nj_row_origin_close(&a->last);
    nj_row_origin_close(&a->asked);
    json_decref(a->chain);
}

// ---- JSON ----

static json_t *record_as_json(const nj_origin_record *record)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:s, s:I, s:s, s:I, s:s}", "shard",
                     (json_int_t)record->shard, "first", (json_int_t)record->first, "count",
                     (json_int_t)record->count, "rows", (json_int_t)record->rows, "first_user",
                     record->user, "attempt", (json_int_t)record->attempt, "worker", record->worker,
                     "finished_ms", (json_int_t)record->finished_ms, "state",
                     nj_origin_state_word(record->state));
}

static json_t *night_as_json(const nj_row_origin *row)
{
    const nj_store_facts *facts = nj_row_origin_facts(row);
    const nj_origin_night *night = nj_store_origin_night(row->origin);
    json_t *sections = json_array();
    json_t *inputs = json_array();
    for (size_t i = 0; i < night->section_count; i++) {
        const nj_origin_section *section = &night->sections[i];
        json_array_append_new(sections, json_pack("{s:s, s:I, s:o}", "name", section->name, "bytes",
                                                  (json_int_t)section->bytes, "digest",
                                                  digest_as_json(&section->digest)));
    }
    for (size_t i = 0; i < night->input_count; i++) {
        json_array_append_new(inputs, json_pack("{s:s, s:s}", "option", night->inputs[i].option,
                                                "value", night->inputs[i].value));
    }
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:o}", "generation", facts->generation,
        "nightjar_version", facts->nightjar_version, "numeric_class", facts->numeric_class,
        "bundle_digest", digest_as_json(&facts->bundle_digest), "sections", sections, "settings",
        facts->settings, "settings_digest", digest_as_json(&facts->settings_digest),
        "eligible_digest", digest_as_json(&facts->eligible_digest), "policy_digest",
        digest_as_json(&night->head.policy_digest), "policy", night->head.policy, "inputs", inputs);
}

static void write_history(const nj_row_scan *row, char out[2 * NJ_HISTORY_DIGEST_BYTES + 1])
{
    for (size_t i = 0; i < NJ_HISTORY_DIGEST_BYTES; i++) {
        snprintf(out + 2 * i, 3, "%02x", row->history[i]);
    }
}

static nj_status print_json(audit *a, nj_error *err)
{
    char history[2 * NJ_HISTORY_DIGEST_BYTES + 1];
    const nj_store_facts *facts = nj_row_origin_facts(&a->asked);
    write_history(&a->asked.row, history);
    json_t *object = json_pack(
        "{s:s%, s:s, s:I, s:i, s:o, s:i, s:s, s:O, s:o, s:o, s:o}", "user", a->user.bytes,
        a->user.size, "generation", facts->generation, "created_ms", (json_int_t)facts->created_ms,
        "items", (int)a->asked.row.count, "flags", list_flags(a->asked.row.flags), "age",
        (int)a->asked.row.age, "history_digest", history, "chain", a->chain, "ends",
        a->status == NJ_OK ? json_null() : json_string(a->why.text), "record",
        a->status == NJ_OK ? record_as_json(&a->record) : json_null(), "night",
        a->status == NJ_OK ? night_as_json(end_of(a)) : json_null());
    return nj_print_json_take(&object, err);
}

// ---- text ----

static void describe_flags(uint32_t flags, char out[FLAGS_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned bit = 0; bit < NJ_ROW_FLAGS_MAX; bit++) {
        const char *word = nj_row_flag_word(bit);
        if ((flags >> bit & 1u) && used < FLAGS_BYTES) {
            used += (size_t)snprintf(out + used, FLAGS_BYTES - used, "%s%s", used > 0 ? ", " : "",
                                     word != NULL ? word : "unknown");
        }
    }
}

static void print_row(const audit *a)
{
    char flags[FLAGS_BYTES];
    char time[TIME_BYTES];
    char history[2 * NJ_HISTORY_DIGEST_BYTES + 1];
    const nj_row_scan *row = &a->asked.row;
    const nj_store_facts *facts = nj_row_origin_facts(&a->asked);
    describe_flags(row->flags, flags);
    write_history(row, history);
    printf("user           %.*s\n", NJ_SLICE_ARGS(a->user));
    printf("generation     %s, packed %s\n", facts->generation,
           write_time(facts->created_ms, time));
    printf("row            %u items; flags: %s; age: %u nights\n", row->count,
           flags[0] != '\0' ? flags : "none", row->age);
    printf("history        %s\n", history);
}

static void print_chain(const audit *a)
{
    size_t index;
    json_t *link;
    json_array_foreach(a->chain, index, link)
    {
        const json_int_t age = json_integer_value(json_object_get(link, "age"));
        printf("%s%s, age %" JSON_INTEGER_FORMAT "\n",
               index == 0 ? "taken from     " : "               ",
               json_string_value(json_object_get(link, "generation")), age);
    }
}

static void print_record(const nj_origin_record *record)
{
    char time[TIME_BYTES];
    if (record->count == 0) {
        printf("shard          %" PRIu64 ", all of its %" PRIu64 " users\n", record->shard,
               record->rows);
    } else {
        printf("shard          %" PRIu64 ", its users %" PRIu64 " to %" PRIu64 "\n", record->shard,
               record->first, record->first + record->count - 1);
    }
    printf("attempt        %" PRIu64 "\n", record->attempt);
    printf("worker         %s\n", record->worker);
    printf("finished       %s\n", write_time(record->finished_ms, time));
}

static void print_night(const nj_row_origin *row)
{
    static const nj_digest NONE;
    char hex[NJ_DIGEST_HEX_BYTES];
    const nj_store_facts *facts = nj_row_origin_facts(row);
    const nj_origin_night *night = nj_store_origin_night(row->origin);
    printf("numeric class  %s\n", facts->numeric_class);
    printf("settings       %s\n", facts->settings);
    nj_digest_hex(&night->head.policy_digest, hex);
    printf("policy         %s%s%s\n",
           night->head.policy[0] != '\0' ? night->head.policy : "none; every list is the search's",
           night->head.policy[0] != '\0' ? "; " : "", night->head.policy[0] != '\0' ? hex : "");
    nj_digest_hex(&facts->eligible_digest, hex);
    printf("masks          %s\n", nj_digest_equal(&facts->eligible_digest, &NONE) ? "none" : hex);
    nj_digest_hex(&facts->bundle_digest, hex);
    printf("bundle         %s\n", hex);
    for (size_t i = 0; i < night->section_count; i++) {
        nj_digest_hex(&night->sections[i].digest, hex);
        printf("  %-12s %s %" PRIu64 " bytes\n", night->sections[i].name, hex,
               night->sections[i].bytes);
    }
    for (size_t i = 0; i < night->input_count; i++) {
        printf("%s--%s %s\n", i == 0 ? "inputs         " : "               ",
               night->inputs[i].option, night->inputs[i].value);
    }
}

static void print_text(const audit *a)
{
    print_row(a);
    if (nj_row_origin_is_taken(&a->asked)) {
        print_chain(a);
    }
    if (a->status == NJ_OK) {
        printf("decoded in     %s by nightjar %s\n", nj_row_origin_facts(end_of(a))->generation,
               nj_row_origin_facts(end_of(a))->nightjar_version);
        print_record(&a->record);
        print_night(end_of(a));
    }
}

nj_status nj_command_store_audit(const nj_arguments *arguments, nj_error *err)
{
    audit *a = calloc(1, sizeof *a);
    if (a == NULL || (a->chain = json_array()) == NULL) {
        free(a);
        return nj_fail(err, NJ_NO_MEMORY, "no memory to audit a row");
    }
    nj_crash_guard_begin();
    nj_status status = open_audit(arguments, a, err);
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_json(a, err);
    } else if (status == NJ_OK) {
        print_text(a);
    }
    if (status == NJ_OK && a->status != NJ_OK) {
        status = nj_fail(err, a->status, "%s", a->why.text);
    }
    close_audit(a);
    nj_crash_guard_end();
    free(a);
    return status;
}
