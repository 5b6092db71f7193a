// store_list.c - `nightjar store list`: the generations, how old they are, how long they are good, and who names them.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/json.h"
#include "common/store/channel.h"
#include "common/store/schema.h"
#include "ops/cli/commands.h"

#define TEXT_BYTES 32

typedef struct {
    nj_store_listing generations;
    nj_store_channels channels;
    uint64_t now_ms;
} store_list;

static uint64_t age_s(const nj_store_facts *facts, uint64_t now_ms)
{
    return now_ms > facts->created_ms ? (now_ms - facts->created_ms) / 1000 : 0;
}

// Of a channel beside CURRENT that names `name`, from `*next` on; NULL behind the last.
static const char *find_channel(const nj_store_channels *channels, const nj_store_name *name,
                                size_t *next)
{
    while (*next < channels->count) {
        const nj_store_channel *channel = &channels->entries[(*next)++];
        if (strcmp(channel->generation.text, name->text) == 0) {
            return channel->name;
        }
    }
    return NULL;
}

// ---- JSON ----

static json_t *channels_of(const store_list *list, const nj_store_name *name)
{
    json_t *names = json_array();
    const char *channel;
    size_t next = 0;
    while ((channel = find_channel(&list->channels, name, &next)) != NULL) {
        json_array_append_new(names, json_string(channel));
    }
    return names;
}

static nj_status generation_as_json(const store_list *list, const nj_store_entry *entry,
                                    json_t **out, nj_error *err)
{
    json_t *object = json_pack("{s:s, s:b, s:s, s:o}", "name", entry->name.text, "current",
                               (int)entry->is_current, "status", nj_status_name(entry->status),
                               "channels", channels_of(list, &entry->name));
    nj_status status = object != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory to print");
    if (status == NJ_OK && entry->status == NJ_OK) {
        const nj_store_facts *facts = &entry->manifest.facts;
        json_object_set_new(object, "age_s", json_integer((json_int_t)age_s(facts, list->now_ms)));
        json_object_set_new(object, "stale",
                            json_boolean(nj_store_facts_stale(facts, list->now_ms)));
        status = nj_store_manifest_to_json(&entry->manifest, object, err);
    }
    *out = object;
    return status;
}

static nj_status list_as_json(const store_list *list, nj_error *err)
{
    json_t *generations = json_array();
    json_t *channels = json_array();
    nj_status status = NJ_OK;
    for (size_t i = 0; i < list->generations.count && status == NJ_OK; i++) {
        json_t *object = NULL;
        status = generation_as_json(list, &list->generations.entries[i], &object, err);
        json_array_append_new(generations, object);
    }
    for (size_t i = 0; i < list->channels.count; i++) {
        const nj_store_channel *channel = &list->channels.entries[i];
        json_array_append_new(channels, json_pack("{s:s, s:s, s:s}", "name", channel->name,
                                                  "status", nj_status_name(channel->status),
                                                  "generation", channel->generation.text));
    }
    json_t *top = json_pack("{s:o, s:o}", "generations", generations, "channels", channels);
    if (status == NJ_OK) {
        return nj_print_json_take(&top, err);
    }
    json_decref(top);
    return status;
}

// ---- text ----

// In the largest unit of which there are two: 90 s, 45 min, 30 h, 3 d.
static void describe_age(uint64_t seconds, char out[TEXT_BYTES])
{
    static const struct {
        uint64_t seconds;
        const char *unit;
    } UNITS[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (UNITS[i].seconds > 1 && seconds < 2 * UNITS[i].seconds) {
        i++;
    }
    snprintf(out, TEXT_BYTES, "%" PRIu64 " %s", seconds / UNITS[i].seconds, UNITS[i].unit);
}

static void describe_validity(const nj_store_facts *facts, uint64_t now_ms, char out[TEXT_BYTES])
{
    struct tm utc;
    const time_t seconds = (time_t)(facts->valid_until_ms / 1000);
    out[0] = '\0';
    if (nj_store_facts_stale(facts, now_ms)) {
        strcpy(out, "  STALE");
    } else if (facts->valid_until_ms != 0 && gmtime_r(&seconds, &utc) != NULL) {
        strftime(out, TEXT_BYTES, "  until %Y-%m-%d %H:%M UTC", &utc);
    }
}

static void print_generation(const store_list *list, const nj_store_entry *entry)
{
    char age[TEXT_BYTES];
    char validity[TEXT_BYTES];
    const char *channel;
    size_t next = 0;
    printf("%s %s  ", entry->is_current ? "*" : " ", entry->name.text);
    if (entry->status == NJ_OK) {
        const nj_store_manifest *manifest = &entry->manifest;
        describe_age(age_s(&manifest->facts, list->now_ms), age);
        describe_validity(&manifest->facts, list->now_ms, validity);
        printf("%" PRIu64 " rows  %.1f MB  %s old%s", manifest->facts.row_count,
               (double)manifest->data_bytes / 1e6, age, validity);
    } else {
        printf("unreadable: %s", nj_status_sentence(entry->status));
    }
    while ((channel = find_channel(&list->channels, &entry->name, &next)) != NULL) {
        if (strcmp(channel, NJ_STORE_WORDS.CHANNEL_CURRENT) != 0) {
            printf("  %s", channel);
        }
    }
    putchar('\n');
}

// A channel that names nothing, or something that is gone, belongs to no line above.
static void warn_of_channels(const store_list *list)
{
    for (size_t i = 0; i < list->channels.count; i++) {
        const nj_store_channel *channel = &list->channels.entries[i];
        bool found = false;
        for (size_t g = 0; g < list->generations.count && !found; g++) {
            found = strcmp(list->generations.entries[g].name.text, channel->generation.text) == 0;
        }
        if (!found) {
            nj_log(NJ_LOG_WARNING, "channel %s names %s", channel->name,
                   channel->status == NJ_OK ? "a generation that is not there"
                                            : "no generation: its file is garbled");
        }
    }
}

nj_status nj_command_store_list(const nj_arguments *arguments, nj_error *err)
{
    const char *store = nj_argument(arguments, "store");
    store_list list = {.now_ms = nj_clock_wall_ms()};
    nj_status status = nj_store_list(store, &list.generations, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_channel_list(store, &list.channels, err);
    if (status == NJ_OK) {
        warn_of_channels(&list);
        if (nj_argument_flag(arguments, "json")) {
            status = list_as_json(&list, err);
        } else if (list.generations.count == 0) {
            nj_log(NJ_LOG_INFO, "%s: holds no generation: nothing has been published there", store);
        }
    }
    for (size_t i = 0;
         i < list.generations.count && status == NJ_OK && !nj_argument_flag(arguments, "json");
         i++) {
        print_generation(&list, &list.generations.entries[i]);
    }
    nj_store_listing_fini(&list.generations);
    return status;
}
