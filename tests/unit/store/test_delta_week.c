// test_delta_week.c - a week of nights in which users come, go and change: the delta between any two of them, forwards and
// backwards, gives the other one's bytes. `unit_store_test_delta_week USERS` does it with more users, and prints times.
#include "common/base/clock.h"
#include "common/base/mapped.h"
#include "common/store/delta.h"
#include "common/store/env.h"
#include "common/store/generation_write.h"
#include "common/store/id.h"
#include "common/store/schema.h"
#include "tests/unit/store/night.h"

#define NIGHTS 7
#define SEED 20261122
#define CHANGED_PERCENT 5
#define ABSENT_PERCENT 3
#define ROW_BYTES_SEEN 256 // more than a made-up row takes

static const nj_delta_watch NOBODY = {0};
static uint64_t user_count = 300;

// A number that depends on user and night alone.
static uint64_t draw(uint64_t user, uint64_t night, uint64_t what)
{
    const uint64_t numbers[4] = {SEED, user, night, what};
    uint64_t out;
    const nj_digest digest = nj_digest_of(numbers, sizeof numbers);
    memcpy(&out, digest.bytes, sizeof out);
    return out;
}

// The last night up to this one on which the user's row was made anew.
static uint64_t find_change(uint64_t user, uint64_t night)
{
    while (night > 0 && draw(user, night, 1) % 100 >= CHANGED_PERCENT) {
        night--;
    }
    return night;
}

static void write_rows(nj_generation_write *write, uint64_t night)
{
    nj_error err = {0};
    for (uint64_t user = 0; user < user_count; user++) {
        char id[24];
        nj_store_key key;
        nj_buffer row;
        if (draw(user, night, 2) % 100 < ABSENT_PERCENT) {
            continue;
        }
        night_row_pack(&row, 31 * user + find_change(user, night));
        snprintf(id, sizeof id, user < user_count / 2 ? "%llu" : "u%09llu",
                 (unsigned long long)user);
        assert_ok(nj_store_key_pack(nj_slice_from(id), &key, &err), &err);
        assert_ok(nj_generation_write_row(write, (nj_slice){(const char *)key.bytes, key.size},
                                          nj_buffer_slice(&row), &err),
                  &err);
        nj_buffer_fini(&row);
    }
}

static nj_store_name make_night(const char *store, uint64_t night)
{
    nj_ulid id;
    nj_path folder;
    nj_error err = {0};
    nj_generation_write write;
    nj_store_manifest manifest = {.facts = {.schema_version = NJ_STORE_SCHEMA_VERSION,
                                            .lmdb_major = nj_env_lmdb_major(),
                                            .created_ms = NIGHT_MS + night}};
    const nj_store_name name = nj_store_name_make(NIGHT_MS + night);
    assert_ok(nj_folder_make(store, &err), &err);
    assert_ok(nj_store_id_ensure(store, NIGHT_MS, &id, &err), &err);
    strcpy(manifest.facts.store_id, id.text);
    strcpy(manifest.facts.generation, name.text);
    assert_ok(nj_store_path(store, &name, NULL, &folder, &err), &err);
    assert_ok(nj_folder_make(folder.text, &err), &err);
    assert_ok(nj_generation_write_begin(&write, folder.text, user_count * ROW_BYTES_SEEN, &err),
              &err);
    write_rows(&write, night);
    manifest.facts.user_count = write.rows;
    assert_ok(nj_generation_write_finish(&write, &manifest.facts, &err), &err);
    assert_ok(nj_generation_seal(folder.text, &manifest, &err), &err);
    return name;
}

static void report(const char *what, uint64_t began_ns, uint64_t bytes)
{
    const double seconds = (double)(nj_clock_mono_ns() - began_ns) / 1e9;
    print_message("%s: %.3f s, %.1f MB\n", what, seconds, (double)bytes / 1e6);
}

static void write_delta(void **state, const nj_store_name *base, const nj_store_name *result)
{
    nj_error err = {0};
    nj_delta_head head;
    nj_delta_tally tally;
    const uint64_t began_ns = nj_clock_mono_ns();
    FILE *stream = fopen(sandbox_path(state, "delta"), "wb");
    assert_non_null(stream);
    assert_ok(nj_delta_write(sandbox_path(state, "store"), base, result, 1, &NOBODY, stream, &head,
                             &tally, &err),
              &err);
    assert_int_equal(fclose(stream), 0);
    assert_true(tally.upserts > 0 && (base == NULL || tally.deletes > 0));
    report(base == NULL ? "write whole" : "write delta", began_ns, tally.bytes);
}

static void apply_delta(void **state, const char *copy)
{
    nj_error err = {0};
    nj_mapped file;
    nj_delta_segment segment;
    nj_delta_applied applied;
    const uint64_t began_ns = nj_clock_mono_ns();
    assert_ok(nj_mapped_open(sandbox_path(state, "delta"), &file, &err), &err);
    assert_ok(nj_delta_scan((nj_slice){(const char *)file.bytes, file.size}, &segment, &err), &err);
    assert_ok(nj_delta_apply(sandbox_path(state, copy), &segment, &NOBODY, &applied, &err), &err);
    assert_true(applied.same_bytes);
    assert_false(applied.was_there);
    report("apply", began_ns, file.size);
    nj_mapped_close(&file);
}

static void expect_same_bytes(void **state, const char *copy, const nj_store_name *name)
{
    nj_error err = {0};
    nj_path path;
    nj_mapped ours;
    nj_mapped theirs;
    assert_ok(nj_store_path(sandbox_path(state, copy), name, "data.mdb", &path, &err), &err);
    assert_ok(nj_mapped_open(path.text, &ours, &err), &err);
    assert_ok(nj_mapped_open(night_file(state, name, "data.mdb").text, &theirs, &err), &err);
    assert_int_equal(ours.size, theirs.size);
    assert_memory_equal(ours.bytes, theirs.bytes, ours.size);
    nj_mapped_close(&ours);
    nj_mapped_close(&theirs);
    assert_ok(nj_store_verify(sandbox_path(state, copy), name->text, NULL, &err), &err);
}

static void every_night_of_a_week_comes_out_of_the_one_before_and_of_the_last(void **state)
{
    nj_store_name names[NIGHTS];
    for (uint64_t i = 0; i < NIGHTS; i++) {
        names[i] = make_night(sandbox_path(state, "store"), i);
        write_delta(state, i > 0 ? &names[i - 1] : NULL, &names[i]);
        apply_delta(state, "copy");
        expect_same_bytes(state, "copy", &names[i]);
    }

    // A second copy begins with the last night and goes back to the others.
    const nj_store_name *last = &names[NIGHTS - 1];
    write_delta(state, NULL, last);
    apply_delta(state, "backwards");
    for (uint64_t i = 0; i + 1 < NIGHTS; i++) {
        write_delta(state, last, &names[i]);
        apply_delta(state, "backwards");
        expect_same_bytes(state, "backwards", &names[i]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            every_night_of_a_week_comes_out_of_the_one_before_and_of_the_last, sandbox_setup,
            sandbox_teardown),
    };
    if (argc > 1) {
        user_count = strtoull(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
