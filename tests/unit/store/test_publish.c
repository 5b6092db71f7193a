// test_publish.c - a night becomes a generation, CURRENT changes in one step or not at all, readers get every row.
#include "common/store/id.h"
#include "common/store/publish.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/lock.h"
#include "tests/unit/store/night.h"

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static nj_store_name current(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    assert_ok(nj_store_current(store_path(state), &name, &err), &err);
    return name;
}

typedef struct {
    uint64_t rows;
    bool in_order;
    char last[32];
} order_check;

static nj_status check_order(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    order_check *check = context;
    static nj_row row;
    assert_ok(nj_row_unpack(value, &row, err), err);
    check->in_order = check->in_order &&
                      (check->rows == 0 || nj_id_compare(nj_slice_from(check->last), user) < 0);
    snprintf(check->last, sizeof check->last, "%.*s", NJ_SLICE_ARGS(user));
    check->rows++;
    return NJ_OK;
}

static void a_published_night_is_read_back_whole_and_in_key_order(void **state)
{
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_slice value;
    nj_store_name name = night_pack(store_path(state), 20, 16, NIGHT_MS);
    night_publish(store_path(state), &name);
    assert_ok(nj_store_verify(store_path(state), NULL, NULL, &err), &err);

    assert_ok(nj_store_reader_open(store_path(state), NULL, &reader, &err), &err);
    assert_string_equal(nj_store_reader_name(reader)->text, name.text);
    order_check check = {.in_order = true};
    assert_ok(nj_store_each(reader, check_order, &check, &err), &err);
    assert_int_equal(check.rows, 320);
    assert_true(check.in_order);

    for (uint64_t user = 0; user < 320; user++) {
        char id[24];
        nj_buffer expected;
        night_row_pack(&expected, user);
        assert_ok(nj_store_get(reader, nj_slice_from(night_user(user, id)), &value, &err), &err);
        assert_true(nj_slice_equal(value, nj_buffer_slice(&expected)));
        nj_buffer_fini(&expected);
    }
    assert_refused(nj_store_get(reader, nj_slice_from("320"), &value, &err), NJ_NOT_FOUND, &err,
                   "no user \"320\"");
    assert_refused(nj_store_get(reader, nj_slice_from("01"), &value, &err), NJ_NOT_FOUND, &err,
                   "no user");
    assert_refused(nj_store_get(reader, nj_slice_from("__meta__"), &value, &err), NJ_NOT_FOUND,
                   &err, "no user");
    assert_refused(nj_store_get(reader, nj_slice_from(""), &value, &err), NJ_INPUT, &err,
                   "is empty");
    nj_store_reader_close(&reader);
    assert_null(reader);
}

static void manifest_and_meta_say_what_the_night_was(void **state)
{
    nj_error err = {0};
    nj_store_manifest manifest;
    nj_store_facts inside;
    nj_store_reader *reader = NULL;
    nj_store_name name = night_pack(store_path(state), 3, 8, NIGHT_MS);
    assert_ok(nj_store_inspect(store_path(state), &name, &manifest, &err), &err);
    assert_int_equal(manifest.facts.schema_version, 2);
    assert_int_equal(manifest.facts.row_count, 24);
    assert_int_equal(manifest.facts.user_count, 24);
    assert_int_equal(manifest.facts.created_ms, NIGHT_MS);
    assert_string_equal(manifest.facts.numeric_class, "f32-test");
    assert_string_equal(manifest.facts.settings, "beam=20 top=20");
    assert_int_equal(manifest.facts.bundle_digest.bytes[0], 2);
    assert_ok(nj_store_reader_open(store_path(state), name.text, &reader, &err), &err);
    assert_ok(nj_store_reader_facts(reader, &inside, &err), &err);
    assert_null(nj_store_facts_difference(&inside, &manifest.facts));
    nj_store_reader_close(&reader);
}

static void extreme_ids_are_stored_and_found(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    static char longest[NJ_ID_BYTES_MAX + 1];
    memset(longest, 'x', NJ_ID_BYTES_MAX);
    const char *const ids[] = {
        "0",     "7",       "18446744073709551615", "007", "18446744073709551616", "__meta__",
        longest, "\xc3\xa9"};
    nj_commit_outcome outcome;
    nj_staging *staging = NULL;
    nj_store_name name;
    nj_staging_facts facts = night_facts(1, 8);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    night_shard_make(&shard, 0, 8);
    for (size_t i = 0; i < 8; i++) {
        shard.rows[i].user = nj_slice_from(ids[i]);
    }
    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    assert_ok(nj_store_pack(staging, 8, NULL, NIGHT_MS, &name, NULL, &err), &err);
    nj_staging_close(&staging);

    nj_store_reader *reader = NULL;
    nj_slice value;
    assert_ok(nj_store_verify(store_path(state), name.text, NULL, &err), &err);
    assert_ok(nj_store_reader_open(store_path(state), name.text, &reader, &err), &err);
    for (size_t i = 0; i < 8; i++) {
        assert_ok(nj_store_get(reader, nj_slice_from(ids[i]), &value, &err), &err);
        assert_true(nj_slice_equal(value, nj_buffer_slice(&shard.values[i])));
    }
    nj_store_reader_close(&reader);
    night_shard_fini(&shard);
}

static void a_night_without_users_is_a_generation_without_rows(void **state)
{
    nj_error err = {0};
    nj_store_manifest manifest;
    nj_store_name name = night_pack(store_path(state), 0, 0, NIGHT_MS);
    night_publish(store_path(state), &name);
    assert_ok(nj_store_verify(store_path(state), NULL, &manifest, &err), &err);
    assert_int_equal(manifest.facts.row_count, 0);
}

static void the_same_rows_give_the_same_content_digest_whatever_the_order_of_commits(void **state)
{
    nj_error err = {0};
    nj_store_manifest one;
    nj_store_manifest other;
    nj_store_name name = night_pack(store_path(state), 30, 16, NIGHT_MS);
    assert_ok(nj_store_inspect(store_path(state), &name, &one, &err), &err);
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(30, 480);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    for (uint64_t i = 30; i-- > 0;) {
        assert_int_equal(night_commit(staging, i, 16), NJ_COMMIT_WRITTEN);
    }
    assert_ok(nj_store_pack(staging, 480, NULL, NIGHT_MS, &name, &other, &err), &err);
    nj_staging_close(&staging);
    assert_true(nj_digest_equal(&one.facts.content_digest, &other.facts.content_digest));
    assert_true(one.data_bytes == other.data_bytes);
}

static void an_unfinished_or_miscounted_night_is_not_packed(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_store_name name;
    nj_commit_outcome outcome;
    nj_store_listing listing;
    nj_staging_facts facts = night_facts(3, 24);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    assert_int_equal(night_commit(staging, 1, 8), NJ_COMMIT_WRITTEN);
    assert_refused(nj_store_pack(staging, 16, NULL, NIGHT_MS, &name, NULL, &err), NJ_REFUSED, &err,
                   "2 of 3 shards");
    nj_shard_commit given_up = {.record = {.shard = 2, .state = NJ_STORED_QUARANTINED, .count = 1}};
    for (unsigned i = 0; i < 8; i++) {
        assert_refused(nj_store_pack(staging, 16, NULL, NIGHT_MS, &name, NULL, &err), NJ_REFUSED,
                       &err,
                       i == 0 ? "2 of 3 shards" : "users are committed, carried or quarantined");
        given_up.record.first = i;
        snprintf(given_up.record.user, sizeof given_up.record.user, "user \"%u\"", i);
        assert_ok(nj_staging_commit(staging, &given_up, 1, &outcome, &err), &err);
    }
    assert_refused(nj_store_pack(staging, 24, NULL, NIGHT_MS, &name, NULL, &err), NJ_REFUSED, &err,
                   "16 rows are staged, the ledger says 16, the night expects 24");
    assert_ok(nj_store_list(store_path(state), &listing, &err), &err);
    assert_int_equal(listing.count, 0);
    nj_store_listing_fini(&listing);
    assert_ok(nj_store_pack(staging, 16, NULL, NIGHT_MS, &name, NULL, &err), &err);
    nj_staging_close(&staging);
}

static void rows_that_are_not_those_the_ledger_has_the_digest_of_are_not_packed(void **state)
{
    nj_error err = {0};
    static night_shard shard;
    nj_commit_outcome outcome;
    nj_staging *staging = NULL;
    nj_store_name name;
    nj_store_listing listing;
    nj_staging_facts facts = night_facts(3, 24);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    assert_int_equal(night_commit(staging, 0, 8), NJ_COMMIT_WRITTEN);
    assert_int_equal(night_commit(staging, 2, 8), NJ_COMMIT_WRITTEN);
    night_shard_make(&shard, 1, 8);
    nj_slice kept = shard.rows[3].value;
    shard.rows[3].value = shard.rows[4].value; // two users with one list
    assert_ok(nj_staging_commit(staging, &shard.commit, 1, &outcome, &err), &err);
    shard.rows[3].value = kept;
    assert_refused(nj_store_pack(staging, 24, NULL, NIGHT_MS, &name, NULL, &err), NJ_REFUSED, &err,
                   "shard 1: its 8 staged rows have the digest");
    assert_ok(nj_store_list(store_path(state), &listing, &err), &err);
    assert_int_equal(listing.count, 0);
    nj_store_listing_fini(&listing);
    night_shard_fini(&shard);
    nj_staging_close(&staging);
}

// The night published, was killed before it removed its staging area, and is resumed.
static void a_night_that_is_current_already_is_not_packed_again(void **state)
{
    nj_error err = {0};
    nj_store_name first;
    nj_store_name again;
    nj_store_manifest manifest;
    nj_staging *staging = night_stage(store_path(state), 3, 8);
    assert_ok(nj_store_pack(staging, 24, NULL, NIGHT_MS, &first, NULL, &err), &err);
    assert_ok(nj_store_publish(store_path(state), first.text, staging, 0, &err), &err);
    nj_staging_close(&staging);
    assert_ok(nj_staging_open(store_path(state), NULL, &staging, &err), &err);
    assert_ok(nj_store_pack(staging, 24, NULL, NIGHT_MS + 1, &again, &manifest, &err), &err);
    assert_string_equal(again.text, first.text);
    assert_int_equal(manifest.facts.row_count, 24);
    nj_staging_close(&staging);
}

// The night was killed between packing and publishing, and is resumed.
static void a_generation_of_the_same_night_that_was_never_current_is_replaced(void **state)
{
    nj_error err = {0};
    nj_store_name first;
    nj_store_name again;
    nj_store_listing listing;
    nj_staging *staging = night_stage(store_path(state), 3, 8);
    assert_ok(nj_store_pack(staging, 24, NULL, NIGHT_MS, &first, NULL, &err), &err);
    assert_ok(nj_store_pack(staging, 24, NULL, NIGHT_MS + 1, &again, NULL, &err), &err);
    assert_string_not_equal(again.text, first.text);
    assert_ok(nj_store_list(store_path(state), &listing, &err), &err);
    assert_int_equal(listing.count, 1);
    assert_string_equal(listing.entries[0].name.text, again.text);
    nj_store_listing_fini(&listing);
    nj_staging_close(&staging);
}

static void a_fenced_night_neither_packs_nor_publishes(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    const char *store = store_path(state);
    nj_store_name old = night_pack(store, 2, 8, NIGHT_MS);
    night_publish(store, &old);
    nj_staging *staging = night_stage(store, 3, 8);
    assert_ok(nj_store_pack(staging, 24, NULL, NIGHT_MS + 1, &name, NULL, &err), &err);
    pid_t child = fork();
    if (child == 0) {
        nj_staging *taken = NULL;
        _exit(nj_staging_open(store, NULL, &taken, NULL) == NJ_OK ? 0 : 1);
    }
    assert_int_equal(night_wait(child), 0);
    assert_refused(nj_store_publish(store, name.text, staging, 0, &err), NJ_AGAIN, &err, "fenced");
    assert_string_equal(current(state).text, old.text);
    assert_refused(nj_store_pack(staging, 24, NULL, NIGHT_MS, &name, NULL, &err), NJ_AGAIN, &err,
                   "fenced");
    nj_staging_close(&staging);
}

static void a_rollback_is_a_publish_of_the_older_name(void **state)
{
    nj_error err = {0};
    nj_store_listing listing;
    nj_store_reader *reader = NULL;
    nj_slice value;
    nj_store_name old = night_pack(store_path(state), 2, 8, NIGHT_MS);
    nj_store_name new = night_pack(store_path(state), 3, 8, NIGHT_MS + 5);
    night_publish(store_path(state), &old);
    night_publish(store_path(state), &new);
    assert_ok(nj_store_reader_open(store_path(state), NULL, &reader, &err), &err);
    night_publish(store_path(state), &old);

    assert_string_equal(current(state).text, old.text);
    assert_ok(nj_store_get(reader, nj_slice_from("23"), &value, &err),
              &err); // a reader keeps its generation
    nj_store_reader_close(&reader);
    assert_ok(nj_store_list(store_path(state), &listing, &err), &err);
    assert_int_equal(listing.count, 2);
    assert_string_equal(listing.entries[0].name.text, new.text);
    assert_false(listing.entries[0].is_current);
    assert_int_equal(listing.entries[0].manifest.facts.row_count, 24);
    assert_string_equal(listing.entries[1].name.text, old.text);
    assert_true(listing.entries[1].is_current);
    nj_store_listing_fini(&listing);
}

static void generations_with_a_broken_manifest_are_listed_as_such(void **state)
{
    nj_error err = {0};
    nj_store_listing listing;
    nj_store_name name = night_pack(store_path(state), 1, 8, NIGHT_MS);
    sandbox_write(state, "store/unrelated", "x", 1);
    assert_int_equal(truncate(night_file(state, &name, "MANIFEST.json").text, 10), 0);
    assert_ok(nj_store_list(store_path(state), &listing, &err), &err);
    assert_int_equal(listing.count, 1);
    assert_int_equal(listing.entries[0].status, NJ_INPUT);
    nj_store_listing_fini(&listing);
    assert_refused(nj_store_list(sandbox_path(state, "absent"), &listing, &err), NJ_NOT_FOUND, &err,
                   "absent");
}

static void a_missing_or_garbled_current_is_said(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } GARBAGE[] = {{"", 0},
                   {"\n", 1},
                   {"../../etc/passwd\n", 17},
                   {"gen-\n", 5},
                   {"gen-01ARZ3NDEKTSV4RRFFQ69G5FAV\n\n", 32},
                   {"gen-01ARZ3NDEKTSV4RRFFQ69G5FA\0", 30}};
    static char endless[100000];
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    assert_ok(nj_folder_make(store_path(state), &err), &err);
    assert_refused(nj_store_reader_open(store_path(state), NULL, &reader, &err), NJ_NOT_FOUND, &err,
                   "no generation has been published");
    for (size_t i = 0; i < sizeof GARBAGE / sizeof GARBAGE[0]; i++) {
        sandbox_write(state, "store/CURRENT", GARBAGE[i].bytes, GARBAGE[i].size);
        assert_refused(nj_store_reader_open(store_path(state), NULL, &reader, &err), NJ_REFUSED,
                       &err, "CURRENT");
    }
    sandbox_write(state, "store/CURRENT", endless, sizeof endless);
    assert_refused(nj_store_verify(store_path(state), NULL, NULL, &err), NJ_REFUSED, &err,
                   "not one line");
    sandbox_write(state, "store/CURRENT", "gen-01ARZ3NDEKTSV4RRFFQ69G5FAV\n", 31);
    assert_refused(nj_store_reader_open(store_path(state), NULL, &reader, &err), NJ_NOT_FOUND, &err,
                   "no such generation");
    assert_null(reader);
}

static void a_publish_that_fails_leaves_current_as_it_was(void **state)
{
    nj_error err = {0};
    char blocker[64];
    nj_store_name old = night_pack(store_path(state), 2, 8, NIGHT_MS);
    nj_store_name new = night_pack(store_path(state), 2, 8, NIGHT_MS + 1);
    night_publish(store_path(state), &old);

    assert_refused(
        nj_store_publish(store_path(state), "gen-01ARZ3NDEKTSV4RRFFQ69G5FAV", NULL, 0, &err),
        NJ_NOT_FOUND, &err, "no such generation");
    assert_refused(nj_store_publish(store_path(state), "../elsewhere", NULL, 0, &err), NJ_INPUT,
                   &err, "../elsewhere");
    assert_refused(nj_store_publish(sandbox_path(state, "absent"), new.text, NULL, 0, &err),
                   NJ_NOT_FOUND, &err, "no such folder");
    assert_string_equal(current(state).text, old.text);

    // The temporary file cannot be made, as in a folder that is read-only.
    snprintf(blocker, sizeof blocker, "store/CURRENT.tmp.%ld", (long)getpid());
    assert_int_equal(mkdir(sandbox_path(state, blocker), 0700), 0);
    assert_refused(nj_store_publish(store_path(state), new.text, NULL, 0, &err), NJ_IO, &err,
                   "CURRENT: cannot create");
    assert_string_equal(current(state).text, old.text);
    assert_int_equal(rmdir(sandbox_path(state, blocker)), 0);

    // It can be made but not filled, as on a full disk.
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit nothing = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &nothing), 0);
    assert_int_equal(nj_store_publish(store_path(state), new.text, NULL, 0, &err), NJ_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_string_equal(current(state).text, old.text);

    assert_int_equal(truncate(night_file(state, &new, "data.mdb").text, 8192), 0);
    assert_refused(nj_store_publish(store_path(state), new.text, NULL, 0, &err), NJ_REFUSED, &err,
                   "the manifest says");
    assert_string_equal(current(state).text, old.text);
    assert_int_equal(unlink(night_file(state, &new, "MANIFEST.json").text), 0);
    assert_refused(nj_store_publish(store_path(state), new.text, NULL, 0, &err), NJ_REFUSED, &err,
                   "MANIFEST.json");
    assert_string_equal(current(state).text, old.text);
}

static unsigned count_drafts(void **state)
{
    unsigned drafts = 0;
    DIR *folder = opendir(store_path(state));
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        drafts += strncmp(entry->d_name, ".draft-", 7) == 0;
    }
    closedir(folder);
    return drafts;
}

static void a_pack_that_fails_leaves_no_generation_and_no_draft(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    nj_store_listing listing;
    struct rlimit limit;
    nj_staging *staging = night_stage(store_path(state), 40, 16);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit little = {.rlim_cur = 30000, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    nj_status status = nj_store_pack(staging, 640, NULL, NIGHT_MS, &name, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(status, NJ_IO);
    assert_int_equal(count_drafts(state), 0);
    assert_ok(nj_store_list(store_path(state), &listing, &err), &err);
    assert_int_equal(listing.count, 0);
    nj_store_listing_fini(&listing);
    assert_ok(nj_store_pack(staging, 640, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_ok(nj_store_verify(store_path(state), name.text, NULL, &err), &err);
    nj_staging_close(&staging);
}

static void drafts_that_a_crash_left_behind_are_removed_by_the_next_pack(void **state)
{
    nj_error err = {0};
    nj_store_name name;
    nj_staging *staging = night_stage(store_path(state), 1, 8);
    const char *draft = sandbox_path(state, "store/.draft-01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_ok(nj_folder_make(draft, &err), &err);
    assert_ok(nj_folder_make(sandbox_path(state, "store/.draft-of-a-letter"), &err), &err);
    sandbox_write(state, "store/.draft-01ARZ3NDEKTSV4RRFFQ69G5FAV/data.mdb", "half", 4);
    assert_ok(nj_store_pack(staging, 8, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_false(nj_folder_exists(draft));
    assert_true(nj_folder_exists(sandbox_path(state, "store/.draft-of-a-letter")));
    nj_staging_close(&staging);
}

static void a_publish_waits_for_the_lock_and_names_its_holder(void **state)
{
    nj_error err = {0};
    nj_store_lock lock;
    char holder[64];
    nj_store_name name = night_pack(store_path(state), 1, 8, NIGHT_MS);
    assert_ok(nj_store_lock_take(store_path(state), "commit", 0, &lock, &err), &err);
    snprintf(holder, sizeof holder, "held by process %ld on ", (long)getpid());
    assert_refused(nj_store_publish(store_path(state), name.text, NULL, 50, &err), NJ_AGAIN, &err,
                   holder);
    nj_store_lock_release(&lock);
    assert_int_equal(nj_store_current(store_path(state), &name, &err), NJ_NOT_FOUND);
}

static void a_store_that_lost_its_id_has_the_one_of_its_current_generation(void **state)
{
    nj_error err = {0};
    nj_ulid before;
    nj_ulid after;
    nj_path path;
    const char *store = sandbox_path(state, "store");
    const nj_store_name name = night_pack(store, 1, 3, NIGHT_MS);
    assert_ok(nj_store_publish(store, name.text, NULL, 0, &err), &err);
    assert_ok(nj_store_id_read(store, &before, &err), &err);
    assert_ok(nj_path_join(store, "ID", &path, &err), &err);
    assert_int_equal(unlink(path.text), 0);
    assert_ok(nj_store_id_ensure(store, NIGHT_MS + 1, &after, &err), &err);
    assert_string_equal(after.text, before.text);
    assert_ok(nj_store_id_read(store, &after, &err), &err);
    assert_string_equal(after.text, before.text);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_published_night_is_read_back_whole_and_in_key_order),
        WITH_FOLDER(manifest_and_meta_say_what_the_night_was),
        WITH_FOLDER(extreme_ids_are_stored_and_found),
        WITH_FOLDER(a_night_without_users_is_a_generation_without_rows),
        WITH_FOLDER(the_same_rows_give_the_same_content_digest_whatever_the_order_of_commits),
        WITH_FOLDER(an_unfinished_or_miscounted_night_is_not_packed),
        WITH_FOLDER(rows_that_are_not_those_the_ledger_has_the_digest_of_are_not_packed),
        WITH_FOLDER(a_night_that_is_current_already_is_not_packed_again),
        WITH_FOLDER(a_generation_of_the_same_night_that_was_never_current_is_replaced),
        WITH_FOLDER(a_fenced_night_neither_packs_nor_publishes),
        WITH_FOLDER(a_rollback_is_a_publish_of_the_older_name),
        WITH_FOLDER(generations_with_a_broken_manifest_are_listed_as_such),
        WITH_FOLDER(a_missing_or_garbled_current_is_said),
        WITH_FOLDER(a_publish_that_fails_leaves_current_as_it_was),
        WITH_FOLDER(a_pack_that_fails_leaves_no_generation_and_no_draft),
        WITH_FOLDER(drafts_that_a_crash_left_behind_are_removed_by_the_next_pack),
        WITH_FOLDER(a_publish_waits_for_the_lock_and_names_its_holder),
        WITH_FOLDER(a_store_that_lost_its_id_has_the_one_of_its_current_generation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
