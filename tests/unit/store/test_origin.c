// test_origin.c - who decoded a row is found again, and a file that is not as it was written is refused.
#include "common/store/origin.h"

#include <unistd.h>

#include "tests/unit/store/night.h"

#define FILE_NAME "ORIGIN"
#define SHARDS 40
#define ROWS 8

static nj_origin_night make_night(void)
{
    nj_origin_night night = {.section_count = 2, .input_count = 2};
    strcpy(night.head.settings, "9c14");
    strcpy(night.head.policy, "caps");
    memset(night.head.policy_digest.bytes, 7, NJ_DIGEST_BYTES);
    night.sections[0] = (nj_origin_section){"model", 1000, {{8}}};
    night.sections[1] = (nj_origin_section){"policy", 20, {{7}}};
    night.inputs[0] = (nj_origin_input){"users", "/data/\"users\".txt"};
    night.inputs[1] = (nj_origin_input){"as-of", "2026-11-22"};
    return night;
}

static nj_store_name pack(const char *store, nj_staging *staging, uint64_t rows)
{
    nj_error err = {0};
    nj_store_name name;
    const nj_origin_night night = make_night();
    assert_ok(nj_store_pack_with_origin(staging, rows, NULL, &night, NIGHT_MS, &name, NULL, &err),
              &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    assert_ok(nj_store_verify(store, name.text, NULL, &err), &err);
    return name;
}

// All shards in one transaction: a sync each is what takes time.
static nj_store_name pack_whole_shards(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_shard_commit commits[SHARDS];
    nj_commit_outcome outcomes[SHARDS];
    const char *store = sandbox_path(state, "store");
    const nj_staging_facts facts = night_facts(SHARDS, SHARDS * ROWS);
    night_shard *shards = calloc(SHARDS, sizeof *shards);
    assert_non_null(shards);
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-test", &err), &err);
    for (uint64_t i = 0; i < SHARDS; i++) {
        night_shard_make(&shards[i], i, ROWS);
        commits[i] = shards[i].commit;
    }
    assert_ok(nj_staging_commit(staging, commits, SHARDS, outcomes, &err), &err);
    for (size_t i = 0; i < SHARDS; i++) {
        night_shard_fini(&shards[i]);
    }
    free(shards);
    return pack(store, staging, SHARDS * ROWS);
}

static nj_origin *open_origin(void **state, const nj_store_name *name)
{
    nj_error err = {0};
    nj_origin *origin = NULL;
    assert_ok(nj_store_origin_open(sandbox_path(state, "store"), name, &origin, &err), &err);
    return origin;
}

static void every_user_is_found_in_the_shard_that_gave_his_row(void **state)
{
    nj_error err = {0};
    nj_origin_record record;
    nj_store_name name = pack_whole_shards(state);
    nj_origin *origin = open_origin(state, &name);
    for (uint64_t user = 0; user < SHARDS * ROWS; user++) {
        char text[24];
        assert_ok(
            nj_store_origin_find(origin, nj_slice_from(night_user(user, text)), &record, &err),
            &err);
        assert_int_equal(record.shard, user / ROWS);
        assert_int_equal(record.rows, ROWS);
        assert_int_equal(record.attempt, 1);
        assert_int_equal(record.finished_ms, NIGHT_MS + user / ROWS);
        assert_string_equal(record.worker, "worker-a");
        assert_string_equal(nj_origin_state_word(record.state), "COMMITTED");
    }
    assert_ok(nj_store_origin_find(origin, nj_slice_from("zz"), &record, &err), &err);
    assert_int_equal(record.shard, SHARDS - 1);
    assert_refused(nj_store_origin_find(origin, nj_slice_from("a\tb"), &record, &err), NJ_INPUT,
                   &err, "control");
    nj_store_origin_close(&origin);
    nj_store_origin_close(&origin);
}

static void what_the_night_was_told_stands_in_it(void **state)
{
    nj_store_name name = pack_whole_shards(state);
    nj_origin *origin = open_origin(state, &name);
    const nj_origin_night *night = nj_store_origin_night(origin);
    assert_string_equal(night->head.generation, name.text);
    assert_string_equal(night->head.numeric_class, "f32-test");
    assert_string_equal(night->head.nightjar_version, NIGHTJAR_VERSION);
    assert_string_equal(night->head.settings, "9c14");
    assert_string_equal(night->head.policy, "caps");
    assert_int_equal(night->head.bundle_digest.bytes[0], 2);
    assert_int_equal(night->head.policy_digest.bytes[31], 7);
    assert_int_equal(night->section_count, 2);
    assert_string_equal(night->sections[0].name, "model");
    assert_int_equal(night->sections[0].bytes, 1000);
    assert_int_equal(night->sections[0].digest.bytes[0], 8);
    assert_string_equal(nj_store_origin_input(origin, "users"), "/data/\"users\".txt");
    assert_string_equal(nj_store_origin_input(origin, "as-of"), "2026-11-22");
    assert_null(nj_store_origin_input(origin, "deny"));
    nj_store_origin_close(&origin);
}

static bool carried; // the next pieces are

// Users [first, first + count) of shard 0, whose eight users are 0 to 7.
static void commit_piece(nj_staging *staging, uint64_t first, uint64_t count, const char *worker)
{
    nj_error err = {0};
    nj_commit_outcome outcome;
    night_shard *shard = malloc(sizeof *shard);
    assert_non_null(shard);
    night_shard_make(shard, 0, ROWS);
    for (size_t i = 0; carried && i < ROWS; i++) {
        nj_buffer taken;
        nj_buffer_init(&taken, NJ_ROW_BYTES_MAX);
        assert_int_equal(nj_row_copy(&taken, shard->rows[i].value, NJ_ROW_CARRIED, 1), NJ_OK);
        nj_buffer_fini(&shard->values[i]);
        shard->values[i] = taken;
        shard->rows[i].value = nj_buffer_slice(&taken);
    }
    night_shard piece = *shard;
    piece.count = count;
    for (size_t i = 0; i < count; i++) {
        piece.rows[i] = shard->rows[first + i];
    }
    piece.commit.rows = piece.rows;
    nj_ledger_record *record = &piece.commit.record;
    record->rows = count;
    record->first = first;
    record->count = count;
    record->state = carried ? NJ_STORED_CARRIED : NJ_STORED_COMMITTED;
    nj_ledger_text_set(record->worker, sizeof record->worker, nj_slice_from(worker));
    night_shard_seal(&piece);
    assert_ok(nj_staging_commit(staging, &piece.commit, 1, &outcome, &err), &err);
    night_shard_fini(shard);
    free(shard);
}

static void pieces_of_a_shard_are_told_apart_and_one_without_a_row_is_in_none(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_commit_outcome outcome;
    nj_origin_record record;
    const char *store = sandbox_path(state, "store");
    const nj_staging_facts facts = night_facts(2, 2 * ROWS);
    nj_shard_commit given_up = {.record = {.state = NJ_STORED_QUARANTINED,
                                           .attempt = 2,
                                           .first = 3,
                                           .count = 1,
                                           .worker = "w",
                                           .user = "3"}};
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    commit_piece(staging, 0, 3, "one");
    assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    commit_piece(staging, 4, 4, "two");
    assert_int_equal(night_commit(staging, 1, ROWS), NJ_COMMIT_WRITTEN);
    nj_store_name name = pack(store, staging, 2 * ROWS - 1);
    nj_origin *origin = open_origin(state, &name);
    assert_ok(nj_store_origin_find(origin, nj_slice_from("2"), &record, &err), &err);
    assert_string_equal(record.worker, "one");
    assert_int_equal(record.count, 3);
    assert_ok(nj_store_origin_find(origin, nj_slice_from("4"), &record, &err), &err);
    assert_string_equal(record.worker, "two");
    assert_string_equal(record.user, "4");
    assert_int_equal(record.first, 4);
    assert_ok(nj_store_origin_find(origin, nj_slice_from("8"), &record, &err), &err);
    assert_int_equal(record.shard, 1);
    assert_int_equal(record.count, 0);
    nj_store_origin_close(&origin);
}

// Rows of a piece that were taken over at the deadline.
static void carried_pieces_say_so_and_the_night_says_from_where(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_origin_record record;
    nj_staging_deadline deadline = {.at_ms = NIGHT_MS, .carries = 1};
    const char *store = sandbox_path(state, "store");
    nj_staging_facts facts = night_facts(2, 2 * ROWS);
    const nj_store_name before = night_pack(store, 2, ROWS, NIGHT_MS - 1);
    strcpy(deadline.from, before.text);
    strcpy(facts.missing_from, before.text);
    assert_ok(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_deadline_set(staging, &deadline, &err), &err);
    commit_piece(staging, 0, 3, "one");
    carried = true;
    commit_piece(staging, 3, 5, "");
    carried = false;
    assert_int_equal(night_commit(staging, 1, ROWS), NJ_COMMIT_WRITTEN);
    nj_store_name name = pack(store, staging, 2 * ROWS);
    nj_origin *origin = open_origin(state, &name);
    const nj_origin_head *head = &nj_store_origin_night(origin)->head;
    assert_string_equal(head->carried_from, before.text);
    assert_string_equal(head->missing_from, before.text);
    assert_ok(nj_store_origin_find(origin, nj_slice_from("2"), &record, &err), &err);
    assert_string_equal(nj_origin_state_word(record.state), "COMMITTED");
    assert_ok(nj_store_origin_find(origin, nj_slice_from("3"), &record, &err), &err);
    assert_string_equal(nj_origin_state_word(record.state), "CARRIED");
    nj_store_origin_close(&origin);
}

static void a_generation_without_it_is_sound_and_says_so(void **state)
{
    nj_error err = {0};
    nj_origin *origin = NULL;
    const char *store = sandbox_path(state, "store");
    nj_store_name name = night_pack(store, 1, ROWS, NIGHT_MS);
    assert_ok(nj_store_verify(store, name.text, NULL, &err), &err);
    assert_refused(nj_store_origin_open(store, &name, &origin, &err), NJ_NOT_FOUND, &err, "ORIGIN");
}

static void any_change_and_any_cut_is_refused(void **state)
{
    nj_error err = {0};
    nj_origin *origin = NULL;
    char *text = NULL;
    size_t size = 0;
    const char *store = sandbox_path(state, "store");
    nj_store_name name = pack_whole_shards(state);
    const nj_path file = night_file(state, &name, FILE_NAME);
    assert_ok(nj_file_read(file.text, 1 << 20, &text, &size, &err), &err);
    for (size_t at = 0; at < size; at += 37) {
        text[at] ^= 1;
        assert_refused(nj_store_origin_parse((nj_slice){text, size}, "it", &origin, &err),
                       NJ_REFUSED, &err, "it: ");
        text[at] ^= 1;
        assert_refused(nj_store_origin_parse((nj_slice){text, at}, "it", &origin, &err), NJ_REFUSED,
                       &err, "it: ");
    }
    assert_null(origin);
    text[size / 2] ^= 1;
    assert_ok(nj_file_write(file.text, text, size, &err), &err);
    assert_refused(nj_store_verify(store, name.text, NULL, &err), NJ_REFUSED, &err,
                   "its last line says");
    free(text);
}

// Puts the digest that fits behind the lines, as somebody who means harm would.
static void expect_sealed(const char *lines, uint64_t records, nj_status wanted, const char *why)
{
    nj_error err = {0};
    nj_origin *origin = NULL;
    nj_origin_record record;
    char file[8192];
    char hex[NJ_DIGEST_HEX_BYTES];
    const nj_digest digest = nj_digest_of(lines, strlen(lines));
    nj_digest_hex(&digest, hex);
    snprintf(file, sizeof file, "%s{\"records\":%llu,\"digest\":\"%s\"}\n", lines,
             (unsigned long long)records, hex);
    nj_status status = nj_store_origin_parse(nj_slice_from(file), "it", &origin, &err);
    if (status == NJ_OK) {
        status = nj_store_origin_find(origin, nj_slice_from("u5"), &record, &err);
    }
    assert_refused(status, wanted, &err, why);
    nj_store_origin_close(&origin);
}

#define ZEROS "\"0000000000000000000000000000000000000000000000000000000000000000\""
#define HEAD_OF(version, lists)                                                                    \
    "{\"origin_version\":" version                                                                 \
    ",\"generation\":\"g\",\"nightjar_version\":\"1\",\"numeric_class\":\"exact\","                \
    "\"bundle_digest\":" ZEROS ",\"policy_digest\":" ZEROS                                         \
    ",\"policy\":\"\",\"settings\":\"\",\"since\":\"\",\"carried_from\":\"\",\"missing_from\":"    \
    "\"\"" lists "}\n"
#define HEAD HEAD_OF("1", ",\"sections\":[],\"inputs\":[]")

static void lines_that_a_digest_covers_are_checked_all_the_same(void **state)
{
    (void)state;
    expect_sealed("", 0, NJ_REFUSED, "first line has 0 bytes");
    expect_sealed("[]\n", 0, NJ_REFUSED, "it: ");
    expect_sealed(HEAD, 0, NJ_NOT_FOUND, "no record begins before user \"u5\"");
    expect_sealed(HEAD_OF("2", ""), 0, NJ_CONFIG, "is of version 2, this nightjar reads 1");
    expect_sealed(HEAD_OF("1", ""), 0, NJ_REFUSED, "\"sections\" has 0 entries");
    expect_sealed(HEAD_OF("1", ",\"sections\":[{}],\"inputs\":[]"), 0, NJ_REFUSED, "entry 0 lacks");
    expect_sealed(HEAD_OF("1", ",\"sections\":[],\"inputs\":[{\"option\":1}]"), 0, NJ_REFUSED,
                  "entry 0 lacks");
    expect_sealed(HEAD "{\"user\":\"u1\"}\n", 1, NJ_REFUSED, "\"shard\"");
    expect_sealed(HEAD "{\"user\":\"\",\"shard\":0,\"first\":0,\"count\":0,\"rows\":1,\"attempt\":"
                       "1,\"state\":1,\"finished_ms\":1,\"worker\":\"w\"}\n",
                  1, NJ_REFUSED, "it: ");
    expect_sealed(HEAD "{\"user\":\"u\",\"shard\":0,\"first\":0,\"count\":0,\"rows\":1,\"attempt\":"
                       "1,\"state\":99,\"finished_ms\":1,\"worker\":\"w\"}\n",
                  1, NJ_REFUSED, "1 rows in state 99");
}

// ---- erasing ----

static void copy_without(void **state, const nj_store_name *name, const char *to,
                         const char *const *users, size_t count)
{
    nj_error err = {0};
    nj_erase_set erased;
    nj_erase_set_init(&erased);
    for (size_t i = 0; i < count; i++) {
        assert_ok(nj_erase_ids_add(&erased.users, nj_slice_from(users[i]), &err), &err);
    }
    assert_ok(nj_folder_make(to, &err), &err);
    assert_ok(nj_store_origin_copy_without(night_file(state, name, NULL).text, to, &erased, &err),
              &err);
    nj_erase_set_fini(&erased);
}

static nj_origin *parse_copy(const char *to, char **text)
{
    nj_error err = {0};
    nj_path path;
    size_t size = 0;
    nj_origin *origin = NULL;
    assert_ok(nj_path_join(to, FILE_NAME, &path, &err), &err);
    assert_ok(nj_file_read(path.text, 1 << 20, text, &size, &err), &err);
    assert_ok(nj_store_origin_parse((nj_slice){*text, size}, "copy", &origin, &err), &err);
    return origin;
}

// Shards of 8: the first loses the user that it begins with and the next one, the second its last, the last one everybody, and with u000160 a
// range of texts its first.
static void a_copy_names_no_erased_user_and_keeps_the_ranges(void **state)
{
    static const char *const ERASED[] = {"0",       "1",       "15",      "u000160", "u000312",
                                         "u000313", "u000314", "u000315", "u000316", "u000317",
                                         "u000318", "u000319", "nobody"};
    nj_error err = {0};
    nj_origin_record record;
    char *text = NULL;
    nj_store_name name = pack_whole_shards(state);
    const char *to = sandbox_path(state, "to");
    copy_without(state, &name, to, ERASED, sizeof ERASED / sizeof ERASED[0]);
    nj_origin *origin = parse_copy(to, &text);
    assert_null(strstr(text, "u000160"));
    assert_null(strstr(text, "u000312"));
    assert_null(strstr(text, "\"0\""));
    assert_non_null(strstr(text, "\"user\":\"2\",\"shard\":0,"));
    assert_non_null(strstr(text, "\"user\":\"u000161\",\"shard\":20,"));
    assert_null(strstr(text, "\"shard\":39,"));
    assert_string_equal(nj_store_origin_input(origin, "as-of"), "2026-11-22");
    for (uint64_t user = 2; user < 39 * ROWS; user++) {
        char id[24];
        if (user != 160) {
            assert_ok(
                nj_store_origin_find(origin, nj_slice_from(night_user(user, id)), &record, &err),
                &err);
            assert_int_equal(record.shard, user / ROWS);
        }
    }
    nj_store_origin_close(&origin);
    free(text);
}

static void a_copy_without_anybody_is_the_same_file(void **state)
{
    nj_error err = {0};
    char *before = NULL;
    char *after = NULL;
    size_t size = 0;
    nj_store_name name = pack_whole_shards(state);
    const char *to = sandbox_path(state, "to");
    copy_without(state, &name, to, NULL, 0);
    nj_origin *origin = parse_copy(to, &after);
    assert_ok(nj_file_read(night_file(state, &name, FILE_NAME).text, 1 << 20, &before, &size, &err),
              &err);
    assert_string_equal(before, after);
    nj_store_origin_close(&origin);
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_user_is_found_in_the_shard_that_gave_his_row,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(what_the_night_was_told_stands_in_it, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(
            pieces_of_a_shard_are_told_apart_and_one_without_a_row_is_in_none, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test_setup_teardown(carried_pieces_say_so_and_the_night_says_from_where,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_generation_without_it_is_sound_and_says_so, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(any_change_and_any_cut_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_copy_names_no_erased_user_and_keeps_the_ranges,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_copy_without_anybody_is_the_same_file, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(lines_that_a_digest_covers_are_checked_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
