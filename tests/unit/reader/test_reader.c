// test_reader.c - the public library gives the rows of the store, follows publishes, and splits users between channels.
#include <unistd.h>

#include "common/store/channel.h"
#include "tests/unit/reader/reading.h"

#define HOUR_MS 3600000u
#define CHECK_NEVER_MS UINT32_MAX

// ---- rows ----

typedef struct {
    nightjar_reader *reader;
    size_t users;
} comparison;

static nj_status compare_user(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    static nj_row row;
    comparison *compared = context;
    nightjar_row got;
    nj_buffer line;
    const char *json = NULL;
    size_t bytes = 0;
    nj_buffer_init(&line, 1 << 16);
    assert_ok(nj_row_unpack(value, &row, err), err);
    assert_int_equal(nj_row_json(&line, user, &row), NJ_OK);

    assert_int_equal(nightjar_reader_get(compared->reader, user.bytes, user.size, &got, NULL),
                     NIGHTJAR_OK);
    assert_int_equal(got.item_count, row.count);
    assert_int_equal(got.flags, row.flags);
    for (size_t i = 0; i < row.count; i++) {
        assert_int_equal(got.items[i].id_bytes, row.items[i].size);
        assert_memory_equal(got.items[i].id, row.items[i].bytes, row.items[i].size);
        assert_memory_equal(&got.items[i].score, &row.scores[i], sizeof row.scores[i]);
    }
    assert_int_equal(
        nightjar_reader_get_json(compared->reader, user.bytes, user.size, &json, &bytes, NULL),
        NIGHTJAR_OK);
    assert_int_equal(bytes, line.size);
    assert_memory_equal(json, line.bytes, bytes);
    nj_buffer_fini(&line);
    compared->users++;
    return NJ_OK;
}

static void every_row_is_that_of_the_store(void **state)
{
    nj_error err = {0};
    nj_store_reader *store = NULL;
    reading_publish(state, 10, NIGHT_MS);
    comparison compared = {.reader = reading_open(state, 0)};

    assert_ok(nj_store_reader_open(sandbox_path(state, "store"), NULL, &store, &err), &err);
    assert_ok(nj_store_each(store, compare_user, &compared, &err), &err);

    assert_int_equal(compared.users, 10 * READING_ROWS);
    nj_store_reader_close(&store);
    nightjar_reader_close(&compared.reader);
    assert_null(compared.reader);
}

static void who_is_not_there_and_who_cannot_be_are_told_apart(void **state)
{
    nightjar_row row;
    nightjar_error error = {0};
    char longest[NIGHTJAR_USER_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest);
    reading_publish(state, 3, NIGHT_MS);
    nightjar_reader *reader = reading_open(state, 0);

    assert_int_equal(nightjar_reader_get(reader, "nobody", 6, &row, &error), NIGHTJAR_NOT_FOUND);
    assert_int_equal(error.status, NIGHTJAR_NOT_FOUND);
    assert_non_null(strstr(error.text, "has no user \"nobody\""));
    assert_int_equal(nightjar_reader_get(reader, "__meta__", 8, &row, NULL), NIGHTJAR_NOT_FOUND);
    assert_int_equal(nightjar_reader_get(reader, longest, sizeof longest - 1, &row, NULL),
                     NIGHTJAR_NOT_FOUND);
    assert_int_equal(nightjar_reader_get(reader, longest, sizeof longest, &row, NULL),
                     NIGHTJAR_INPUT);
    assert_int_equal(nightjar_reader_get(reader, "", 0, &row, NULL), NIGHTJAR_INPUT);
    assert_int_equal(nightjar_reader_get(reader, "a\nb", 3, &row, NULL), NIGHTJAR_INPUT);
    assert_int_equal(reading_get(reader, READING_USER, &row), NIGHTJAR_OK);
    nightjar_reader_close(&reader);
}

// ---- following ----

static void a_publish_and_a_rollback_are_followed_without_a_restart(void **state)
{
    char folder[64];
    nj_error err = {0};
    nightjar_row row;
    nj_store_name first = reading_publish(state, 3, NIGHT_MS);
    nightjar_reader *reader = reading_open(state, 0);
    assert_generation(reader, &first);
    assert_int_equal(reading_get(reader, "60", &row), NIGHTJAR_NOT_FOUND);

    nj_store_name second = reading_publish(state, 4, NIGHT_MS + HOUR_MS);
    assert_generation(reader, &second);
    assert_int_equal(reading_get(reader, "60", &row), NIGHTJAR_OK);

    night_publish(sandbox_path(state, "store"), &first);
    assert_generation(reader, &first);
    snprintf(folder, sizeof folder, "store/%s", second.text);
    assert_ok(nj_folder_remove(sandbox_path(state, folder), &err), &err);
    assert_generation(reader, &first);
    nightjar_reader_close(&reader);
}

static void between_two_looks_nothing_changes_unless_refreshed(void **state)
{
    nj_store_name first = reading_publish(state, 3, NIGHT_MS);
    nightjar_reader *reader = reading_open(state, CHECK_NEVER_MS);
    nj_store_name second = reading_publish(state, 4, NIGHT_MS + HOUR_MS);

    assert_generation(reader, &first);
    assert_int_equal(nightjar_reader_refresh(reader, NULL), NIGHTJAR_OK);
    assert_generation(reader, &second);
    nightjar_reader_close(&reader);
}

static void a_generation_that_cannot_be_opened_is_not_followed(void **state)
{
    nightjar_error error = {0};
    nj_store_name first = reading_publish(state, 3, NIGHT_MS);
    nightjar_reader *reader = reading_open(state, 0);
    nj_store_name absent = nj_store_name_make(NIGHT_MS + HOUR_MS);
    sandbox_write(state, "store/CURRENT", absent.text, strlen(absent.text));

    assert_generation(reader, &first);
    assert_int_equal(nightjar_reader_refresh(reader, &error), NIGHTJAR_NOT_FOUND);
    assert_non_null(strstr(error.text, absent.text));

    sandbox_write(state, "store/CURRENT", "latest\n", 7);
    assert_int_equal(nightjar_reader_refresh(reader, &error), NIGHTJAR_DAMAGED);
    assert_non_null(strstr(error.text, "\"latest\" is no generation's name"));
    assert_int_equal(unlink(sandbox_path(state, "store/CURRENT")), 0);
    assert_int_equal(nightjar_reader_refresh(reader, &error), NIGHTJAR_NOT_FOUND);
    assert_generation(reader, &first);

    night_publish(sandbox_path(state, "store"), &first);
    assert_int_equal(nightjar_reader_refresh(reader, NULL), NIGHTJAR_OK);
    nightjar_reader_close(&reader);
}

// ---- what a generation says of itself ----

static void set_valid_until(void **state, const nj_store_name *name, uint64_t valid_until_ms)
{
    nj_error err = {0};
    nj_store_manifest manifest;
    nj_path path = night_file(state, name, "MANIFEST.json");
    assert_ok(nj_store_manifest_read(path.text, &manifest, &err), &err);
    manifest.facts.valid_until_ms = valid_until_ms;
    assert_ok(nj_store_manifest_write(path.text, &manifest, &err), &err);
}

static void a_generation_is_stale_past_its_valid_until(void **state)
{
    const uint64_t untils[] = {0, 1, UINT64_C(1) << 62};
    const int stale[] = {0, 1, 0};
    nj_store_name name = reading_publish(state, 3, NIGHT_MS);
    for (size_t i = 0; i < 3; i++) {
        nightjar_row row;
        nightjar_generation generation;
        set_valid_until(state, &name, untils[i]);
        nightjar_reader *reader = reading_open(state, 0);

        assert_int_equal(reading_get(reader, READING_USER, &row), NIGHTJAR_OK);
        assert_int_equal(row.is_stale, stale[i]);
        assert_int_equal(nightjar_reader_generation(reader, NULL, &generation, NULL), NIGHTJAR_OK);
        assert_int_equal(generation.is_stale, stale[i]);
        assert_true(generation.valid_until_ms == untils[i]);
        assert_string_equal(generation.name, name.text);
        assert_string_equal(generation.channel, "current");
        assert_true(generation.created_ms == NIGHT_MS);
        assert_int_equal(generation.row_count, 3 * READING_ROWS);
        nightjar_reader_close(&reader);
    }
}

// ---- channels ----

static void publish_canary(void **state, const nj_store_name *name)
{
    nj_error err = {0};
    assert_ok(
        nj_store_channel_publish(sandbox_path(state, "store"), "canary", name->text, NULL, 0, &err),
        &err);
}

// python3: int.from_bytes(hashlib.blake2b(salt + b"\0" + user, digest_size=32).digest()[:8], "big") % 10000
static void a_users_part_is_what_any_language_computes(void **state)
{
    (void)state;
    assert_int_equal(nightjar_user_part("", "42", 2), 5682);
    assert_int_equal(nightjar_user_part("spring", "42", 2), 5162);
    assert_int_equal(nightjar_user_part("spring", "u000145", 7), 7646);
}

static void users_are_split_between_channels_by_their_part(void **state)
{
    const nightjar_share shares[] = {{"current", 7000}, {"canary", 3000}};
    nightjar_reader_options options = NIGHTJAR_READER_OPTIONS_INIT;
    nightjar_reader *reader = NULL;
    size_t canary_users = 0;
    nj_store_name canary = reading_publish(state, 10, NIGHT_MS);
    nj_store_name current = reading_publish(state, 10, NIGHT_MS + HOUR_MS);
    publish_canary(state, &canary);
    options.shares = shares;
    options.share_count = 2;
    options.salt = "spring";
    assert_int_equal(nightjar_reader_open(sandbox_path(state, "store"), &options, &reader, NULL),
                     NIGHTJAR_OK);

    for (uint64_t i = 0; i < 10 * READING_ROWS; i++) {
        char user[24];
        nightjar_row row;
        night_user(i, user);
        const bool is_canary = nightjar_user_part("spring", user, strlen(user)) >= 7000;
        assert_int_equal(reading_get(reader, user, &row), NIGHTJAR_OK);
        assert_string_equal(row.channel, is_canary ? "canary" : "current");
        assert_string_equal(row.generation, is_canary ? canary.text : current.text);
        canary_users += is_canary;
    }

    assert_in_range(canary_users, 30,
                    66); // 48 expected of 160, three deviations of 5.8 on either side
    nightjar_reader_close(&reader);
}

// The part of "42" is 5162 under this salt: it is the first of the second share, or the last of the first.
static void a_share_ends_before_the_next_begins(void **state)
{
    for (uint32_t parts = 5162; parts <= 5163; parts++) {
        const nightjar_share shares[] = {{"current", parts},
                                         {"canary", NIGHTJAR_SHARE_WHOLE - parts}};
        nightjar_reader_options options = NIGHTJAR_READER_OPTIONS_INIT;
        nightjar_reader *reader = NULL;
        nightjar_row row;
        nj_store_name name = reading_publish(state, 3, NIGHT_MS + parts);
        publish_canary(state, &name);
        options.shares = shares;
        options.share_count = 2;
        options.salt = "spring";
        assert_int_equal(
            nightjar_reader_open(sandbox_path(state, "store"), &options, &reader, NULL),
            NIGHTJAR_OK);
        assert_int_equal(reading_get(reader, "42", &row), NIGHTJAR_OK);
        assert_string_equal(row.channel, parts == 5162 ? "canary" : "current");
        nightjar_reader_close(&reader);
    }
}

static void who_follows_a_channel_that_is_removed_goes_over_to_current(void **state)
{
    const nightjar_share all[] = {{"canary", NIGHTJAR_SHARE_WHOLE}};
    nj_error err = {0};
    nightjar_reader_options options = NIGHTJAR_READER_OPTIONS_INIT;
    nightjar_reader *reader = NULL;
    nightjar_generation generation;
    const char *store = sandbox_path(state, "store");
    nj_store_name canary = reading_publish(state, 3, NIGHT_MS);
    nj_store_name current = reading_publish(state, 3, NIGHT_MS + HOUR_MS);
    publish_canary(state, &canary);
    options.shares = all;
    options.share_count = 1;
    options.check_ms = 0;
    assert_int_equal(nightjar_reader_open(store, &options, &reader, NULL), NIGHTJAR_OK);
    assert_generation(reader, &canary);

    assert_ok(nj_store_channel_remove(store, "canary", 0, &err), &err);
    assert_generation(reader, &current);
    assert_int_equal(nightjar_reader_generation(reader, "canary", &generation, NULL), NIGHTJAR_OK);
    assert_string_equal(generation.channel, "current");

    publish_canary(state, &canary);
    assert_generation(reader, &canary);
    nightjar_reader_close(&reader);
}

static void options_that_contradict_themselves_are_refused(void **state)
{
    const struct {
        nightjar_share shares[2];
        size_t count;
        nightjar_status status;
        const char *part;
    } cases[] = {
        {{{"current", 9999}}, 1, NIGHTJAR_USAGE, "add up to 9999, must be 10000"},
        {{{"current", 5000}, {"current", 5000}}, 2, NIGHTJAR_USAGE, "has two shares"},
        {{{"../x", 10000}}, 1, NIGHTJAR_USAGE, "channel \"../x\""},
        {{{"", 10000}}, 1, NIGHTJAR_USAGE, "channel \"\""},
        {{{"current", 10000}}, 0, NIGHTJAR_USAGE, "0 shares"},
        {{{"current", 10000}}, 17, NIGHTJAR_USAGE, "17 shares"},
        {{{"canary", 10000}}, 1, NIGHTJAR_NOT_FOUND, "has no channel \"canary\""},
    };
    reading_publish(state, 3, NIGHT_MS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nightjar_error error = {0};
        nightjar_reader *reader = NULL;
        nightjar_reader_options options = NIGHTJAR_READER_OPTIONS_INIT;
        options.shares = cases[i].shares;
        options.share_count = cases[i].count;
        assert_int_equal(
            nightjar_reader_open(sandbox_path(state, "store"), &options, &reader, &error),
            cases[i].status);
        assert_null(reader);
        assert_non_null(strstr(error.text, cases[i].part));
    }
}

static void an_older_programs_options_get_the_defaults(void **state)
{
    nightjar_reader *reader = NULL;
    nightjar_reader_options options = {0};
    reading_publish(state, 3, NIGHT_MS);
    assert_int_equal(nightjar_reader_open(sandbox_path(state, "store"), &options, &reader, NULL),
                     NIGHTJAR_USAGE);
    options.struct_bytes = offsetof(nightjar_reader_options, shares);
    options.shares = (const nightjar_share *)(uintptr_t)1; // behind what the program knew
    assert_int_equal(nightjar_reader_open(sandbox_path(state, "store"), &options, &reader, NULL),
                     NIGHTJAR_OK);
    nightjar_reader_close(&reader);
}

static void a_store_without_a_publish_says_so(void **state)
{
    nj_error err = {0};
    nightjar_error error = {0};
    nightjar_reader *reader = NULL;
    const char *store = sandbox_path(state, "store");
    assert_int_equal(nightjar_reader_open(store, NULL, &reader, &error), NIGHTJAR_NOT_FOUND);
    assert_ok(nj_folder_make(store, &err), &err);
    assert_int_equal(nightjar_reader_open(store, NULL, &reader, &error), NIGHTJAR_NOT_FOUND);
    assert_non_null(strstr(error.text, "no generation has been published"));
    assert_null(reader);
    nightjar_reader_close(&reader);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(every_row_is_that_of_the_store),
        WITH_FOLDER(who_is_not_there_and_who_cannot_be_are_told_apart),
        WITH_FOLDER(a_publish_and_a_rollback_are_followed_without_a_restart),
        WITH_FOLDER(between_two_looks_nothing_changes_unless_refreshed),
        WITH_FOLDER(a_generation_that_cannot_be_opened_is_not_followed),
        WITH_FOLDER(a_generation_is_stale_past_its_valid_until),
        cmocka_unit_test(a_users_part_is_what_any_language_computes),
        WITH_FOLDER(users_are_split_between_channels_by_their_part),
        WITH_FOLDER(a_share_ends_before_the_next_begins),
        WITH_FOLDER(who_follows_a_channel_that_is_removed_goes_over_to_current),
        WITH_FOLDER(options_that_contradict_themselves_are_refused),
        WITH_FOLDER(an_older_programs_options_get_the_defaults),
        WITH_FOLDER(a_store_without_a_publish_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
