// test_scrub.c - users and items are gone from every generation, from what names generations, and from the folder's bytes.
#include "common/store/scrub.h"

#include "common/base/clock.h"
#include "common/store/delta_feed.h"
#include "common/store/gc.h"
#include "tests/unit/store/scrubbed.h"

static void scrub(const char *store, const nj_erase_set *set, nj_scrub_result *out)
{
    nj_error err = {0};
    const nj_scrub_options options = scrubbed_options(set);
    assert_ok(nj_store_scrub(store, &options, out, &err), &err);
}

static nj_store_name read_channel(const char *store, const char *channel)
{
    nj_error err = {0};
    nj_store_name name;
    assert_ok(nj_store_channel_read(store, channel, &name, &err), &err);
    return name;
}

static void generations_are_written_anew_and_take_the_places_of_the_old(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    nj_store_name back;
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    assert_true(scrubbed_search(s.store, &set) > 0);
    scrub(s.store, &set, &result);

    assert_int_equal(result.count, SCRUBBED_NIGHTS);
    assert_int_equal(result.unknown, 0);
    for (unsigned i = 0; i < SCRUBBED_NIGHTS; i++) {
        const nj_scrub_entry *entry = &result.entries[i];
        assert_string_equal(entry->old_name.text, s.names[i].text);
        assert_true(strcmp(entry->old_name.text, entry->new_name.text) < 0);
        assert_true(i == SCRUBBED_NIGHTS - 1 ||
                    strcmp(entry->new_name.text, s.names[i + 1].text) < 0);
        assert_int_equal(entry->rows, SCRUBBED_USERS - 2);
        assert_int_equal(entry->rows_removed, 2);
        assert_int_equal(entry->lists_changed, 2);
        assert_int_equal(entry->items_removed, 2);
        assert_int_equal(nj_store_inspect(s.store, &s.names[i], &(nj_store_manifest){0}, &err),
                         NJ_NOT_FOUND);
    }
    assert_int_equal(scrubbed_check_whole(s.store), SCRUBBED_NIGHTS);
    assert_int_equal(scrubbed_search(s.store, &set), 0);
    assert_string_equal(read_channel(s.store, NULL).text, result.entries[1].new_name.text);
    assert_string_equal(read_channel(s.store, "canary").text, result.entries[2].new_name.text);
    assert_ok(nj_store_channel_rollback_find(s.store, NULL, NJ_STORE_LOOK_WHOLE, &back, &err),
              &err);
    assert_string_equal(back.text, result.entries[0].new_name.text);
    assert_ok(nj_store_channel_rollback_find(s.store, "canary", NJ_STORE_LOOK_WHOLE, &back, &err),
              &err);
    assert_string_equal(back.text, result.entries[0].new_name.text);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

static void a_list_is_shorter_says_so_and_is_decoded_anew(void **state)
{
    static const nj_history_digest NOBODYS = {{0}};
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    nj_store_reader *reader = NULL;
    nj_slice value;
    nj_row *row = malloc(sizeof *row);
    assert_non_null(row);
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    scrub(s.store, &set, &result);
    assert_ok(nj_store_reader_open(s.store, NULL, &reader, &err), &err);
    assert_int_equal(nj_store_get(reader, nj_slice_from("7"), &value, &err), NJ_NOT_FOUND);
    assert_int_equal(nj_store_get(reader, nj_slice_from("u000105"), &value, &err), NJ_NOT_FOUND);
    assert_ok(nj_store_get(reader, nj_slice_from("10"), &value, &err), &err);
    assert_ok(nj_row_unpack(value, row, &err), &err);
    assert_int_equal(row->count, 2);
    assert_true(nj_slice_equal(row->items[0], nj_slice_from("30")));
    assert_true(nj_slice_equal(row->items[1], nj_slice_from("31")));
    assert_int_equal(row->flags, NJ_ROW_SHORT);
    assert_memory_equal(&row->history, &NOBODYS, sizeof NOBODYS);
    assert_ok(nj_store_get(reader, nj_slice_from("12"), &value, &err), &err);
    assert_ok(nj_row_unpack(value, row, &err), &err);
    assert_int_equal(row->count, 3);
    assert_int_equal(row->flags, 0);
    assert_int_equal(row->history.bytes[0], 12);
    nj_store_reader_close(&reader);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
    free(row);
}

// Its key is a one and zeros, which pages have too.
static void user_zero_is_not_found_where_he_is_not(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    scrubbed_make(sandbox_path(state, "store"), &s);
    nj_erase_set_init(&set);
    assert_ok(nj_erase_ids_add(&set.users, nj_slice_from("0"), &err), &err);
    scrub(s.store, &set, &result);
    nj_scrub_result_fini(&result);
    assert_int_equal(scrubbed_search(s.store, &set), 0);
    nj_erase_set_fini(&set);
}

static void a_second_run_has_nothing_to_do(void **state)
{
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    scrub(s.store, &set, &result);
    const nj_store_name current = read_channel(s.store, NULL);
    nj_scrub_result_fini(&result);
    scrub(s.store, &set, &result);
    assert_int_equal(result.count, 0);
    assert_int_equal(result.untouched, SCRUBBED_NIGHTS);
    assert_int_equal(result.unknown, 4);
    assert_string_equal(read_channel(s.store, NULL).text, current.text);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

// ---- what was scrubbed never comes back ----

static void copy_generation(const char *store, const nj_store_name *name, const char *to)
{
    char command[3 * NJ_PATH_BYTES];
    snprintf(command, sizeof command, "cp -a '%s/%s' '%s'", store, name->text, to);
    assert_int_equal(system(command), 0);
}

static void an_old_generation_that_is_put_back_is_not_published(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    const char *kept = sandbox_path(state, "kept");
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    assert_ok(nj_folder_make(kept, &err), &err);
    copy_generation(s.store, &s.names[0], kept);
    scrub(s.store, &set, &result);
    copy_generation(kept, &s.names[0], s.store);
    assert_refused(nj_store_publish(s.store, s.names[0].text, NULL, 0, &err), NJ_REFUSED, &err,
                   "SCRUBBED names it");
    assert_refused(
        nj_store_channel_rollback(s.store, NULL, s.names[0].text, NJ_STORE_LOOK_QUICK, 0, &err),
        NJ_REFUSED, &err, "SCRUBBED names it");
    assert_true(scrubbed_search(s.store, &set) > 0); // and the search sees it
    nj_scrub_result_fini(&result);

    scrub(s.store, &set, &result); // under a third name: the second is taken
    assert_int_equal(result.count, 1);
    assert_int_equal(scrubbed_search(s.store, &set), 0);
    assert_int_equal(scrubbed_check_whole(s.store), SCRUBBED_NIGHTS + 1);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

static void the_search_sees_what_is_planted(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    const char *planted = sandbox_path(state, "store/planted");
    const char *texts[] = {"before u000105 behind", "{\"user\": \"u000105\"}", "\x02u000105\x95"};
    const char *chances[] = {"u0001050", "xu000105", "u000105-2"};
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    scrub(s.store, &set, &result);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(nj_file_write(planted, texts[i], strlen(texts[i]), &err), &err);
        assert_int_equal(scrubbed_search(s.store, &set), 1);
        assert_ok(nj_file_write(planted, chances[i], strlen(chances[i]), &err), &err);
        assert_int_equal(scrubbed_search(s.store, &set), 0);
    }
    // A page's tail of data.mdb: the key of user 7.
    nj_path data = night_file(state, &result.entries[0].new_name, "data.mdb");
    FILE *stream = fopen(data.text, "r+e");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, 3 * 4096 - 2000, SEEK_SET), 0);
    assert_int_equal(fwrite("\1\0\0\0\0\0\0\0\7", 1, 9, stream), 9);
    assert_int_equal(fclose(stream), 0);
    nj_scrub_result seen = {0};
    nj_status status = nj_store_scrub_search(s.store, NULL, 0, &set, &seen, &err);
    assert_true(status != NJ_OK || seen.find_count == 1);
    nj_scrub_result_fini(&seen);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

// ---- when it cannot be done, or not yet ----

static void a_reader_is_waited_for_and_the_next_run_finishes(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    nj_store_reader *reader = NULL;
    nj_store_gc_result removed;
    nj_slice value;
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    nj_scrub_options options = scrubbed_options(&set);
    options.readers_wait_ms = 0;
    assert_ok(nj_store_reader_open(s.store, NULL, &reader, &err), &err);
    assert_refused(nj_store_scrub(s.store, &options, &result, &err), NJ_AGAIN, &err,
                   "still reads it");
    assert_non_null(strstr(err.text, s.names[1].text));
    assert_string_equal(read_channel(s.store, NULL).text, result.entries[1].new_name.text);
    nj_scrub_result_fini(&result);
    assert_refused(nj_store_gc(s.store, 1, false, 0, &removed, &err), NJ_AGAIN, &err,
                   "run it again");
    nj_store_gc_result_fini(&removed);
    assert_ok(nj_store_get(reader, nj_slice_from("7"), &value, &err), &err); // as it was opened
    nj_store_reader_close(&reader);

    scrub(s.store, &set, &result);
    assert_int_equal(result.count, SCRUBBED_NIGHTS);
    assert_true(result.entries[1].earlier);
    assert_int_equal(result.entries[1].rows_removed, 2);
    assert_int_equal(scrubbed_check_whole(s.store), SCRUBBED_NIGHTS);
    assert_int_equal(scrubbed_search(s.store, &set), 0);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

static void unknown_ids_are_counted_or_refused(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    assert_ok(nj_erase_ids_add(&set.items, nj_slice_from("nothing"), &err), &err);
    nj_scrub_options options = scrubbed_options(&set);
    options.strict = true;
    assert_refused(nj_store_scrub(s.store, &options, &result, &err), NJ_NOT_FOUND, &err,
                   "1 of 5 ids are in no generation, the first is item \"nothing\"; nothing was "
                   "changed");
    assert_string_equal(read_channel(s.store, NULL).text, s.names[1].text);
    nj_scrub_result_fini(&result);
    options.strict = false;
    options.dry_run = true;
    assert_ok(nj_store_scrub(s.store, &options, &result, &err), &err);
    assert_int_equal(result.count, SCRUBBED_NIGHTS);
    assert_int_equal(result.unknown, 1);
    assert_string_equal(read_channel(s.store, NULL).text, s.names[1].text);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

static void a_staged_night_is_not_passed_by(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    nj_staging *staging = night_stage(s.store, 1, 8);
    const nj_scrub_options options = scrubbed_options(&set);
    assert_refused(nj_store_scrub(s.store, &options, &result, &err), NJ_AGAIN, &err,
                   "a night is staged here");
    nj_scrub_result_fini(&result);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    nj_erase_set_fini(&set);
}

// ---- what stands beside the rows ----

static void quarantined_users_and_reports_forget_them(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_commit_outcome outcome;
    nj_erase_set set;
    nj_store_name name;
    nj_scrub_result result;
    char *text = NULL;
    size_t size = 0;
    char report[200];
    const char *store = sandbox_path(state, "store");
    const char *const users[] = {"u000900", "u000901"};
    nj_staging_facts facts = night_facts(3, 10);
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    for (size_t i = 0; i < 2; i++) {
        nj_shard_commit given_up = {.record = {.shard = 1 + i,
                                               .state = NJ_STORED_QUARANTINED,
                                               .attempt = 2,
                                               .count = 1,
                                               .worker = "w1",
                                               .note = "u000900, then u0009001"}};
        snprintf(given_up.record.user, sizeof given_up.record.user, "%s", users[i]);
        assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    }
    assert_ok(nj_store_pack(staging, 8, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    night_publish(store, &name);
    assert_ok(nj_folder_make(sandbox_path(state, "store/reports"), &err), &err);
    nj_path path;
    snprintf(report, sizeof report, "store/reports/%s.html", name.text);
    assert_ok(nj_file_write(sandbox_path(state, report), "<p>u&#48;00900", 14, &err), &err);
    assert_ok(nj_file_write(sandbox_path(state, "store/reports/x.html"), "<p>u000900", 10, &err),
              &err);
    snprintf(report, sizeof report, "store/reports/%s.json", name.text);
    assert_ok(nj_path_copy(sandbox_path(state, report), &path, &err), &err);
    snprintf(report, sizeof report, "{\"generation\": \"%s\", \"user\": \"u000900\", \"n\": 3}",
             name.text);
    assert_ok(nj_file_write(path.text, report, strlen(report), &err), &err);

    nj_erase_set_init(&set);
    assert_ok(nj_erase_ids_add(&set.users, nj_slice_from("u000900"), &err), &err);
    assert_true(scrubbed_search(store, &set) >= 4);
    scrub(store, &set, &result);
    const nj_store_name *next = &result.entries[0].new_name;
    assert_int_equal(result.entries[0].quarantined_removed, 1);
    assert_int_equal(result.reports_changed, 1);
    assert_int_equal(result.reports_removed, 2);
    assert_int_equal(scrubbed_search(store, &set), 0);
    assert_ok(nj_store_verify(store, next->text, NULL, &err), &err);
    assert_ok(
        nj_file_read(night_file(state, next, "QUARANTINED.jsonl").text, 4096, &text, &size, &err),
        &err);
    assert_string_equal(text, "{\"user\": \"u000901\", \"reason\": \"[erased], then u0009001\", "
                              "\"worker\": \"w1\", \"attempts\": 2}\n");
    free(text);
    snprintf(report, sizeof report, "store/reports/%s.json", next->text);
    assert_ok(nj_file_read(sandbox_path(state, report), 4096, &text, &size, &err), &err);
    snprintf(report, sizeof report, "{\"generation\": \"%s\", \"user\": \"[erased]\", \"n\": 3}",
             next->text);
    assert_string_equal(text, report);
    free(text);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

// ---- feeds ----

static void follow(const char *feed, const char *consumer, uint64_t *out_applied)
{
    nj_error err = {0};
    nj_delta_chain chain;
    size_t first = 0;
    const nj_delta_watch nobody = {0};
    *out_applied = 0;
    assert_ok(nj_delta_chain_open(feed, &chain, &err), &err);
    assert_ok(nj_delta_chain_find(&chain, consumer, &first, &err), &err);
    for (size_t i = first; i < chain.count; i++) {
        nj_delta_applied applied;
        assert_ok(nj_delta_apply(consumer, &chain.segments[i], &nobody, &applied, &err), &err);
        *out_applied += !applied.was_there;
    }
    nj_store_name last;
    assert_true(
        nj_store_name_parse(nj_slice_from(chain.segments[chain.count - 1].head.result), &last));
    night_publish(consumer, &last);
    nj_delta_chain_close(&chain);
}

static void a_feed_begins_anew_and_deletes_them(void **state)
{
    nj_error err = {0};
    scrubbed s;
    nj_erase_set set;
    nj_scrub_result result;
    nj_delta_head head;
    nj_delta_tally tally;
    nj_delta_chain chain;
    uint64_t applied = 0;
    const nj_delta_watch nobody = {0};
    nj_path feed;
    nj_path old_consumer;
    nj_path new_consumer;
    assert_ok(nj_path_copy(sandbox_path(state, "feed"), &feed, &err), &err);
    assert_ok(nj_path_copy(sandbox_path(state, "old"), &old_consumer, &err), &err);
    assert_ok(nj_path_copy(sandbox_path(state, "new"), &new_consumer, &err), &err);
    assert_ok(nj_folder_make(new_consumer.text, &err), &err);
    assert_ok(nj_folder_make(old_consumer.text, &err), &err);
    scrubbed_make(sandbox_path(state, "store"), &s);
    scrubbed_set(&set);
    for (unsigned i = 0; i < 2; i++) {
        assert_ok(
            nj_delta_feed_append(feed.text, s.store, &s.names[i], &nobody, &head, &tally, &err),
            &err);
    }
    follow(feed.text, old_consumer.text, &applied);
    assert_int_equal(applied, 2);

    nj_scrub_options options = scrubbed_options(&set);
    options.feeds[options.feed_count++] = feed.text;
    assert_ok(nj_store_scrub(s.store, &options, &result, &err), &err);
    assert_int_equal(result.segments_written, 2);
    assert_int_equal(result.segments_removed, 2);
    assert_ok(nj_delta_chain_open(feed.text, &chain, &err), &err);
    assert_int_equal(chain.count, 2);
    assert_string_equal(chain.segments[0].head.base, "");
    assert_string_equal(chain.segments[1].head.base, s.names[1].text);
    assert_int_equal(chain.segments[1].tally.upserts, 2);
    assert_int_equal(chain.segments[1].tally.deletes, 2);
    nj_delta_chain_close(&chain);
    follow(feed.text, old_consumer.text, &applied);
    assert_int_equal(applied, 1);
    follow(feed.text, new_consumer.text, &applied);
    assert_int_equal(applied, 1);
    assert_int_equal(scrubbed_search(new_consumer.text, &set), 0);
    assert_ok(nj_delta_feed_append(feed.text, s.store, &result.entries[2].new_name, &nobody, &head,
                                   &tally, &err),
              &err);
    assert_string_equal(head.base, result.entries[1].new_name.text);
    nj_scrub_result_fini(&result);
    nj_erase_set_fini(&set);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(generations_are_written_anew_and_take_the_places_of_the_old),
        WITH_FOLDER(a_list_is_shorter_says_so_and_is_decoded_anew),
        WITH_FOLDER(a_second_run_has_nothing_to_do),
        WITH_FOLDER(user_zero_is_not_found_where_he_is_not),
        WITH_FOLDER(an_old_generation_that_is_put_back_is_not_published),
        WITH_FOLDER(the_search_sees_what_is_planted),
        WITH_FOLDER(a_reader_is_waited_for_and_the_next_run_finishes),
        WITH_FOLDER(unknown_ids_are_counted_or_refused),
        WITH_FOLDER(a_staged_night_is_not_passed_by),
        WITH_FOLDER(quarantined_users_and_reports_forget_them),
        WITH_FOLDER(a_feed_begins_anew_and_deletes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
