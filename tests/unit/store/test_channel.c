// test_channel.c - names beside CURRENT: published, promoted, rolled back and removed, each with its own history; the
// store's id; a generation that is in use.
#include "common/store/channel.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/store/hold.h"
#include "common/store/id.h"
#include "tests/unit/store/night.h"

#define GENERATIONS 4

typedef struct {
    nj_store_name names[GENERATIONS];
} packed;

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static void pack_all(void **state, packed *out)
{
    for (uint64_t i = 0; i < GENERATIONS; i++) {
        out->names[i] = night_pack(store_path(state), 1 + i, 2, NIGHT_MS + i);
    }
}

static void publish(void **state, const char *channel, const nj_store_name *name)
{
    nj_error err = {0};
    assert_ok(nj_store_channel_publish(store_path(state), channel, name->text, NULL, 0, &err),
              &err);
}

static void expect(void **state, const char *channel, const nj_store_name *name)
{
    nj_error err = {0};
    nj_store_name now;
    assert_ok(nj_store_channel_read(store_path(state), channel, &now, &err), &err);
    assert_string_equal(now.text, name->text);
}

static void a_channel_changes_without_current_and_back_along_its_own_history(void **state)
{
    nj_error err = {0};
    nj_store_name to;
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[0]);
    for (size_t i = 1; i < GENERATIONS; i++) {
        publish(state, "canary", &all.names[i]);
    }
    expect(state, "current", &all.names[0]);
    for (size_t i = GENERATIONS - 1; i-- > 1;) {
        assert_ok(nj_store_channel_rollback_find(store_path(state), "canary", NJ_STORE_LOOK_WHOLE,
                                                 &to, &err),
                  &err);
        assert_ok(nj_store_channel_rollback(store_path(state), "canary", to.text,
                                            NJ_STORE_LOOK_QUICK, 0, &err),
                  &err);
        expect(state, "canary", &all.names[i]);
    }
    assert_refused(
        nj_store_channel_rollback_find(store_path(state), "canary", NJ_STORE_LOOK_QUICK, &to, &err),
        NJ_NOT_FOUND, &err, "canary.history");
    assert_refused(nj_store_rollback_find(store_path(state), &to, &err), NJ_NOT_FOUND, &err,
                   "HISTORY");
    expect(state, NULL, &all.names[0]);
}

static void a_promotion_can_be_rolled_back_and_leaves_the_channel(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    packed all;
    pack_all(state, &all);
    publish(state, NULL, &all.names[0]);
    publish(state, "canary", &all.names[1]);
    assert_ok(nj_store_channel_promote(store_path(state), "canary", 0, &name, &err), &err);
    assert_string_equal(name.text, all.names[1].text);
    expect(state, NULL, &all.names[1]);
    expect(state, "canary", &all.names[1]);
    assert_ok(nj_store_rollback_find(store_path(state), &name, &err), &err);
    assert_ok(nj_store_rollback(store_path(state), name.text, 0, &err), &err);
    expect(state, NULL, &all.names[0]);
    expect(state, "canary", &all.names[1]);
}

static void names_that_are_none_and_channels_that_are_not_there_change_nothing(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    packed all;
    static const char *const BAD[] = {"",    "Canary", "1a",  "../x",
                                      "a.b", "-a",     "a/b", "a23456789012345678901234567890123"};
    pack_all(state, &all);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_refused(
            nj_store_channel_publish(store_path(state), BAD[i], all.names[0].text, NULL, 0, &err),
            NJ_INPUT, &err, "no channel's name");
        assert_refused(nj_store_channel_read(store_path(state), BAD[i], &name, &err), NJ_INPUT,
                       &err, "no channel's name");
    }
    assert_true(nj_store_channel_valid(nj_slice_from("a2345678901234567890123456789-12")));
    assert_false(nj_folder_exists(sandbox_path(state, "store/CHANNELS")));
    assert_refused(nj_store_channel_promote(store_path(state), "canary", 0, &name, &err),
                   NJ_NOT_FOUND, &err, "has no channel \"canary\"");
    assert_refused(nj_store_channel_promote(store_path(state), "current", 0, &name, &err), NJ_INPUT,
                   &err, "cannot be promoted");
    assert_refused(nj_store_channel_remove(store_path(state), "current", 0, &err), NJ_INPUT, &err,
                   "cannot be removed");
    assert_refused(nj_store_channel_remove(store_path(state), "canary", 0, &err), NJ_NOT_FOUND,
                   &err, "has no channel");
    assert_refused(nj_store_channel_rollback(store_path(state), "canary", all.names[0].text,
                                             NJ_STORE_LOOK_WHOLE, 0, &err),
                   NJ_NOT_FOUND, &err, "has no channel");
    assert_refused(nj_store_channel_read(store_path(state), NULL, &name, &err), NJ_NOT_FOUND, &err,
                   "no generation has been published");
}

static void the_list_has_current_first_and_garbled_channels_too(void **state)
{
    nj_error err = {0};
    nj_store_channels list;
    packed all;
    pack_all(state, &all);
    publish(state, "zeta", &all.names[1]);
    publish(state, "alpha", &all.names[0]);
    publish(state, "alpha", &all.names[2]); // a history is no channel
    publish(state, NULL, &all.names[3]);
    sandbox_write(state, "store/CHANNELS/broken", "gen-", 4);
    sandbox_write(state, "store/CHANNELS/alpha.tmp.1", "gen-", 4);
    assert_ok(nj_store_channel_list(store_path(state), &list, &err), &err);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.entries[0].name, "current");
    assert_string_equal(list.entries[0].generation.text, all.names[3].text);
    assert_string_equal(list.entries[1].name, "alpha");
    assert_string_equal(list.entries[1].generation.text, all.names[2].text);
    assert_string_equal(list.entries[2].name, "broken");
    assert_int_equal(list.entries[2].status, NJ_REFUSED);
    assert_string_equal(list.entries[3].name, "zeta");
}

static void a_channel_knows_what_it_named_until_it_is_removed(void **state)
{
    nj_error err = {0};
    bool known = true;
    nj_store_name name;
    packed all;
    pack_all(state, &all);
    publish(state, "canary", &all.names[0]);
    publish(state, "canary", &all.names[1]);
    for (size_t i = 0; i < GENERATIONS; i++) {
        assert_ok(nj_store_channel_knows(store_path(state), &all.names[i], &known, &err), &err);
        assert_int_equal(known, i < 2);
    }
    assert_ok(nj_store_channel_remove(store_path(state), "canary", 0, &err), &err);
    assert_ok(nj_store_channel_knows(store_path(state), &all.names[0], &known, &err), &err);
    assert_false(known);
    assert_refused(nj_store_channel_read(store_path(state), "canary", &name, &err), NJ_NOT_FOUND,
                   &err, "has no channel");
    publish(state, "canary", &all.names[2]);
    assert_refused(nj_store_channel_rollback_find(store_path(state), "canary", NJ_STORE_LOOK_QUICK,
                                                  &name, &err),
                   NJ_NOT_FOUND, &err, "0 looked at");
}

static void a_store_has_at_most_so_many_channels(void **state)
{
    nj_error err = {0};
    nj_store_channels list;
    char name[16];
    nj_store_name generation = night_pack(store_path(state), 1, 2, NIGHT_MS);
    for (int i = 0; i < NJ_STORE_CHANNELS_MAX - 1; i++) { // and "current"
        snprintf(name, sizeof name, "c%d", i);
        publish(state, name, &generation);
    }
    assert_refused(
        nj_store_channel_publish(store_path(state), "more", generation.text, NULL, 0, &err),
        NJ_REFUSED, &err, "at most 100");
    publish(state, "c0", &generation);
    publish(state, NULL, &generation);
    assert_ok(nj_store_channel_list(store_path(state), &list, &err), &err);
    assert_int_equal(list.count, NJ_STORE_CHANNELS_MAX);
}

static void a_scrubbed_generation_is_never_named_again(void **state)
{
    nj_error err = {0};
    nj_store_name to;
    packed all;
    char text[64];
    pack_all(state, &all);
    for (size_t i = 0; i < 3; i++) {
        publish(state, NULL, &all.names[i]);
    }
    int size = snprintf(text, sizeof text, "%s\n", all.names[1].text);
    sandbox_write(state, "store/SCRUBBED", text, (size_t)size);
    assert_refused(nj_store_publish(store_path(state), all.names[1].text, NULL, 0, &err),
                   NJ_REFUSED, &err, "SCRUBBED names it");
    assert_refused(nj_store_rollback(store_path(state), all.names[1].text, 0, &err), NJ_REFUSED,
                   &err, "SCRUBBED names it");
    expect(state, NULL, &all.names[2]);
    assert_ok(nj_store_rollback_find(store_path(state), &to, &err), &err);
    assert_string_equal(to.text, all.names[0].text);
}

static void every_generation_says_the_id_of_its_store_and_how_long_it_is_good(void **state)
{
    nj_error err = {0};
    nj_ulid id;
    nj_ulid other;
    nj_store_manifest manifest;
    packed all;
    pack_all(state, &all);
    assert_ok(nj_store_id_read(store_path(state), &id, &err), &err);
    for (uint64_t i = 0; i < GENERATIONS; i++) {
        assert_ok(nj_store_verify(store_path(state), all.names[i].text, &manifest, &err), &err);
        assert_string_equal(manifest.facts.store_id, id.text);
        assert_int_equal(manifest.facts.valid_until_ms, NIGHT_MS + i + NIGHT_VALID_MS);
        assert_int_equal(manifest.facts.newest_event_ms, NIGHT_MS - 1);
    }
    assert_ok(nj_store_id_ensure(store_path(state), 1, &other, &err), &err);
    assert_string_equal(other.text, id.text);
    assert_ok(nj_store_id_adopt(store_path(state), &id, &err), &err);
    other.text[25] = other.text[25] == '0' ? '1' : '0';
    assert_refused(nj_store_id_adopt(store_path(state), &other, &err), NJ_REFUSED, &err,
                   other.text);
    sandbox_write(state, "store/ID", "x\n", 2);
    assert_refused(nj_store_id_read(store_path(state), &id, &err), NJ_REFUSED, &err,
                   "no store's id");
}

static void a_generation_is_held_while_a_reader_is_open(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_store_hold alone;
    nj_store_hold shared;
    nj_store_name name = night_pack(store_path(state), 1, 2, NIGHT_MS);
    publish(state, NULL, &name);
    assert_ok(nj_store_reader_open(store_path(state), NULL, &reader, &err), &err);
    assert_refused(nj_store_hold_alone(store_path(state), &name, &alone, &err), NJ_AGAIN, &err,
                   "in use");
    assert_ok(nj_store_hold_take(store_path(state), &name, &shared, &err), &err);
    nj_store_hold_release(&shared);
    nj_store_reader_close(&reader);
    assert_ok(nj_store_hold_alone(store_path(state), &name, &alone, &err), &err);
    assert_refused(nj_store_hold_take(store_path(state), &name, &shared, &err), NJ_NOT_FOUND, &err,
                   "being removed");
    assert_int_equal(nj_store_reader_open(store_path(state), name.text, &reader, &err),
                     NJ_NOT_FOUND);
    nj_store_hold_release(&alone);
    assert_ok(nj_store_reader_open(store_path(state), name.text, &reader, &err), &err);
    nj_store_reader_close(&reader);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_channel_changes_without_current_and_back_along_its_own_history),
        WITH_FOLDER(a_promotion_can_be_rolled_back_and_leaves_the_channel),
        WITH_FOLDER(names_that_are_none_and_channels_that_are_not_there_change_nothing),
        WITH_FOLDER(the_list_has_current_first_and_garbled_channels_too),
        WITH_FOLDER(a_channel_knows_what_it_named_until_it_is_removed),
        WITH_FOLDER(a_store_has_at_most_so_many_channels),
        WITH_FOLDER(a_scrubbed_generation_is_never_named_again),
        WITH_FOLDER(every_generation_says_the_id_of_its_store_and_how_long_it_is_good),
        WITH_FOLDER(a_generation_is_held_while_a_reader_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
