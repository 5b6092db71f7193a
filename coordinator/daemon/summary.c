#include "coordinator/daemon/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/id.h"
#include "common/store/quarantine.h"
#include "coordinator/daemon/actual.h"

#define JSON_BYTES_MAX ((size_t)NJ_SUMMARY_JSON_USERS_MAX * NJ_STORE_QUARANTINE_LINE_BYTES_MAX)
#define LINES_BYTES_MAX ((size_t)NJ_SUMMARY_TEXT_USERS_MAX * NJ_STORE_QUARANTINE_LINE_BYTES_MAX)

void nj_night_summary_init(nj_night_summary *summary)
{
    *summary = (nj_night_summary){.actual = nj_night_numbers_unknown()};
    nj_buffer_init(&summary->quarantined_json, JSON_BYTES_MAX);
    nj_buffer_init(&summary->quarantined_lines, LINES_BYTES_MAX);
}

void nj_night_summary_fini(nj_night_summary *summary)
{
    nj_buffer_fini(&summary->quarantined_json);
    nj_buffer_fini(&summary->quarantined_lines);
    nj_planned_fini(&summary->planned);
}

typedef struct {
    nj_night_summary *summary;
    nj_buffer *names;
    uint64_t count;
} quarantine_listing;

static nj_status list_user(quarantine_listing *list, const nj_ledger_record *record)
{
    nj_night_summary *out = list->summary;
    const uint64_t place = list->count++;
    nj_status status = NJ_OK;
    if (place < NJ_SUMMARY_JSON_USERS_MAX) {
        status = nj_buffer_printf(&out->quarantined_json, "%s", place > 0 ? ", " : "");
        if (status == NJ_OK) {
            status = nj_store_quarantine_json(record, &out->quarantined_json);
        }
    }
    if (place < NJ_SUMMARY_TEXT_USERS_MAX && status == NJ_OK) {
        status =
            record->attempt == 0
                ? nj_buffer_printf(&out->quarantined_lines, "  %s: %s\n", record->user,
                                   record->note)
                : nj_buffer_printf(&out->quarantined_lines,
                                   "  %s: %s; %" PRIu64 " tries, the last one by %s\n",
                                   record->user, record->note, record->attempt, record->worker);
    }
    if (place < NJ_SUMMARY_NAMES_MAX && status == NJ_OK) {
        status = nj_buffer_printf(list->names, "%s\"%s\"", place > 0 ? ", " : "", record->user);
    }
    return status;
}

static nj_status visit_record(void *context, const nj_ledger_record *record, nj_error *err)
{
    quarantine_listing *list = context;
    if (record->state != NJ_STORED_QUARANTINED) {
        return NJ_OK;
    }
    nj_status status = list_user(list, record);
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory to list the quarantined users");
}

nj_status nj_night_list_quarantined(nj_staging *staging, nj_night_summary *out,
                                    nj_buffer *out_names, nj_error *err)
{
    quarantine_listing list = {.summary = out, .names = out_names};
    nj_status status = nj_staging_ledger_each(staging, visit_record, &list, err);
    out->quarantined = list.count;
    return status;
}

bool nj_night_has_summary(const nj_night_summary *summary)
{
    return summary->users > 0 && summary->rows + summary->quarantined == summary->users;
}

static uint64_t count_decoded(const nj_night_summary *s)
{
    return s->rows - s->copied - s->carried - s->resumed_rows;
}

static double get_rate(const nj_night_summary *s)
{
    return s->decode_seconds > 0 ? (double)count_decoded(s) / s->decode_seconds : 0;
}

static double read_peak_memory_mb(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024 / 1e6;
}

// All of it: NJ_SLICE_ARGS would cut it.
static void print_buffer(const nj_buffer *buffer)
{
    if (buffer->size > 0) {
        fwrite(buffer->bytes, 1, buffer->size, stdout);
    }
}

static void print_text_or_null(const char *key, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        printf("\"%s\": null", key);
    } else {
        printf("\"%s\": \"%s\"", key, text);
    }
}

static void print_since_json(const nj_night_summary *s)
{
    print_text_or_null("since", s->since.text);
    printf(", ");
    print_text_or_null("since_differs", s->since_differs);
    printf(", \"copied\": %" PRIu64 ", ", s->copied);
    print_text_or_null("carried_from", s->carried > 0 ? s->carried_from.text : "");
    printf(", \"carried\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"carried_age\": %" PRIu64,
           s->carried, s->missing, s->carried_age);
}

static void print_name_json(const char *name)
{
    nj_buffer text;
    nj_buffer_init(&text, 8 * (NJ_GROUP_NAME_BYTES_MAX + 1));
    if (nj_buffer_json_string(&text, nj_slice_from(name)) == NJ_OK) {
        print_buffer(&text);
    }
    nj_buffer_fini(&text);
}

// null where there is none, or where it is no UTF-8.
static void print_path_json(const char *path)
{
    nj_buffer text;
    nj_buffer_init(&text, (size_t)8 * NJ_PATH_BYTES);
    if (path[0] != '\0' && nj_utf8_valid(path, strlen(path)) &&
        nj_buffer_json_string(&text, nj_slice_from(path)) == NJ_OK) {
        print_buffer(&text);
    } else {
        printf("null");
    }
    nj_buffer_fini(&text);
}

static void print_eligible_json(const nj_night_summary *s)
{
    const nj_masks *masks = &s->job->catalogue.masks;
    if (masks->count == 0) {
        printf("\"eligible\": null");
        return;
    }
    printf("\"eligible\": {\"items\": %u, \"of\": %u, \"unknown\": %" PRIu64 ", \"groups\": {",
           masks->masks[NJ_MASK_BASE].item_count, s->job->catalogue.trie.item_count,
           s->job->unknown_eligible);
    for (uint32_t m = 1; m < masks->count; m++) {
        printf("%s", m > 1 ? ", " : "");
        print_name_json(masks->masks[m].name);
        printf(": %u", masks->masks[m].item_count);
    }
    printf("}}");
}

static void print_eligible_text(const nj_night_summary *s)
{
    const nj_masks *masks = &s->job->catalogue.masks;
    if (masks->count == 0) {
        return;
    }
    printf("eligible: %u of %u items", masks->masks[NJ_MASK_BASE].item_count,
           s->job->catalogue.trie.item_count);
    for (uint32_t m = 1; m < masks->count && m <= NJ_SUMMARY_GROUPS_MAX; m++) {
        printf("%s %s %u", m > 1 ? "," : "; by group:", masks->masks[m].name,
               masks->masks[m].item_count);
    }
    printf("%s\n", masks->count - 1 > NJ_SUMMARY_GROUPS_MAX ? ", …" : "");
}

// Those that a row has; of the rows that this process stored.
static void print_flags_json(const nj_night_summary *s)
{
    const char *between = "";
    printf(", \"flags\": {");
    for (unsigned bit = 0; bit < NJ_ROW_FLAGS_MAX; bit++) {
        if (s->flag_counts[bit] > 0 && nj_row_flag_word(bit) != NULL) {
            printf("%s\"%s\": %" PRIu64, between, nj_row_flag_word(bit), s->flag_counts[bit]);
            between = ", ";
        }
    }
    printf("}");
}

// A night that copies, or goes on, has lists whose flags it did not count.
static void print_flags_heading(const nj_night_summary *s)
{
    printf("lists with flags");
    if (count_decoded(s) < s->rows) {
        printf(", of %" PRIu64 " decoded now", count_decoded(s));
    }
    printf(": ");
}

static void print_flags_text(const nj_night_summary *s)
{
    bool is_first = true;
    for (unsigned bit = 0; bit < NJ_ROW_FLAGS_MAX; bit++) {
        if (s->flag_counts[bit] == 0 || nj_row_flag_word(bit) == NULL) {
            continue;
        }
        if (is_first) {
            print_flags_heading(s);
        }
        printf("%s%" PRIu64 " %s", is_first ? "" : ", ", s->flag_counts[bit],
               nj_row_flag_word(bit));
        is_first = false;
    }
    printf("%s", is_first ? "" : "\n");
}

static void print_gates_json(const nj_night_summary *s)
{
    json_t *gates = nj_gates_document(&s->gates);
    char *text = gates != NULL ? json_dumps(gates, 0) : NULL;
    printf(", ");
    print_text_or_null("held", s->held.text);
    printf(", \"gates\": %s", text != NULL ? text : "[]");
    free(text);
    json_decref(gates);
}

static void print_json(const nj_night_summary *s)
{
    const char *quote = s->generation.text[0] != '\0' ? "\"" : "";
    printf("{\"version\": 1, \"generation\": %s%s%s, \"users\": %" PRIu64 ", \"rows\": %" PRIu64
           ", \"skipped\": %" PRIu64 ", \"shards\": %" PRIu64 ", \"resumed_shards\": %" PRIu64
           ", \"resumed_rows\": %" PRIu64
           ", \"decode_s\": %.3f, \"decode_cpu_s\": %.3f, \"peak_rss_mb\": %.1f, \"users_per_s\": "
           "%.2f, \"publish_s\": %.3f, \"paused_s\": %.3f",
           quote, quote[0] != '\0' ? s->generation.text : "null", quote, s->users, s->rows,
           s->skipped, s->shards, s->resumed_shards, s->resumed_rows, s->decode_seconds,
           s->decode_cpu_seconds, read_peak_memory_mb(), get_rate(s), s->publish_seconds,
           s->paused_seconds);
    printf(", \"leases\": %" PRIu64 ", \"retries\": %" PRIu64 ", \"lost_leases\": %" PRIu64
           ", \"duplicates\": %" PRIu64 ", \"speculations_started\": %" PRIu64
           ", \"speculations_won\": %" PRIu64 ", \"splits\": %" PRIu64 ", \"benched\": %" PRIu64
           ", \"audited_users\": %" PRIu64 ", \"quarantined\": %" PRIu64
           ", \"quarantined_users\": [",
           s->leases, s->retries, s->losses, s->duplicates, s->speculations, s->speculations_won,
           s->splits, s->benched, s->audited, s->quarantined);
    print_buffer(&s->quarantined_json);
    printf("], ");
    print_since_json(s);
    printf(", ");
    print_eligible_json(s);
    print_flags_json(s);
    nj_actual_print_json(s);
    print_gates_json(s);
    printf(", \"report\": ");
    print_path_json(s->report.text);
    printf(", \"report_s\": %.3f, \"report_cpu_s\": %.4f}\n", s->report_seconds,
           s->report_cpu_seconds);
}

static void print_carried_text(const nj_night_summary *s)
{
    if (s->carried == 0) {
        return;
    }
    printf("%" PRIu64 " users keep the row of %s, the oldest of them decoded %" PRIu64
           " nights ago",
           s->carried, s->carried_from.text, s->carried_age);
    if (s->missing > 0) {
        printf("; %" PRIu64 " of them are not in tonight's input", s->missing);
    }
    printf("\n");
}

static void print_text(const nj_night_summary *s)
{
    printf("published %s: %" PRIu64 " users, %" PRIu64
           " of them decoded in %.1f s (%.1f users/s); packed, verified and published "
           "in %.1f s\n",
           s->generation.text, s->rows, count_decoded(s), s->decode_seconds, get_rate(s),
           s->publish_seconds);
    if (s->copied > 0) {
        printf("%" PRIu64 " users are unchanged since %s: their rows were copied\n", s->copied,
               s->since.text);
    }
    print_carried_text(s);
    print_eligible_text(s);
    print_flags_text(s);
    printf("%" PRIu64 " leases: %" PRIu64 " lost, %" PRIu64 " retries, %" PRIu64
           " second tries (%" PRIu64 " won), %" PRIu64 " splits; workers benched %" PRIu64
           " times; %" PRIu64 " users decoded again and compared; store paused for %.1f s\n",
           s->leases, s->losses, s->retries, s->speculations, s->speculations_won, s->splits,
           s->benched, s->audited, s->paused_seconds);
    nj_actual_print_text(s);
    if (s->quarantined > 0) {
        printf("%" PRIu64 " users are quarantined and have no list (all of them in "
               "%s/QUARANTINED.jsonl):\n",
               s->quarantined, s->generation.text);
        print_buffer(&s->quarantined_lines);
    }
    if (s->report.text[0] != '\0') {
        printf("report: %s\n", s->report.text);
    }
}

void nj_night_print(const nj_night_summary *summary, bool as_json)
{
    if (as_json) {
        print_json(summary);
    } else if (summary->generation.text[0] != '\0') {
        print_text(summary);
    } else if (summary->held.text[0] != '\0') {
        printf("held back %s: %" PRIu64 " users, not published\n", summary->held.text,
               summary->rows);
        printf("report: %s\n", summary->report.text);
    }
}
