// test_diff.c - two small generations whose differences can be counted by eye; the mirror; damage.
#include "common/store/diff.h"

#include "tests/unit/store/night.h"

#define PLACES 3

typedef struct {
    const char *user;
    const char *items; // one letter an item
    uint32_t flags;
} listed;

// In key order.
static const listed BEFORE[] = {
    {"3", "abc", 0},  {"5", "abc", 0},  {"9", "", 0},
    {"10", "abd", 0}, {"u1", "xyz", 0}, {"u2", "ab", 0},
};
static const listed AFTER[] = {
    {"4", "abe", 0},  {"5", "abc", 0},  {"9", "", 4},
    {"10", "dba", 0}, {"u1", "aby", 0}, {"u3", "efg", 0},
};
#define BEFORE_COUNT (sizeof BEFORE / sizeof BEFORE[0])
#define AFTER_COUNT (sizeof AFTER / sizeof AFTER[0])

static const char *store_path(void **state)
{
    return sandbox_path(state, "store");
}

static void fill_shard(night_shard *shard, const listed *rows, size_t count)
{
    const float scores[PLACES] = {-1.0f, -2.0f, -3.0f};
    const nj_history_digest history = {{0}};
    night_shard_make(shard, 0, count);
    for (size_t i = 0; i < count; i++) {
        nj_slice items[PLACES];
        const size_t places = strlen(rows[i].items);
        for (size_t j = 0; j < places; j++) {
            items[j] = (nj_slice){rows[i].items + j, 1};
        }
        nj_buffer_clear(&shard->values[i]);
        assert_int_equal(
            nj_row_pack(&shard->values[i], rows[i].flags, items, scores, places, &history), NJ_OK);
        shard->rows[i] =
            (nj_store_row){nj_slice_from(rows[i].user), nj_buffer_slice(&shard->values[i])};
    }
    night_shard_seal(shard);
}

static nj_store_name pack(void **state, const listed *rows, size_t count, uint64_t now_ms)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_staging_facts facts = night_facts(1, count);
    nj_commit_outcome outcome;
    nj_store_name name;
    night_shard *shard = malloc(sizeof *shard);
    assert_non_null(shard);
    fill_shard(shard, rows, count);
    assert_ok(nj_staging_create(store_path(state), &facts, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "f32-test", &err), &err);
    assert_ok(nj_staging_commit(staging, &shard->commit, 1, &outcome, &err), &err);
    assert_ok(nj_store_pack(staging, count, NULL, now_ms, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    night_shard_fini(shard);
    free(shard);
    return name;
}

static nj_status compare(void **state, const nj_store_name *from, const nj_store_name *to,
                         uint32_t cutoff, nj_store_diff *out, nj_error *err)
{
    nj_store_reader *a = NULL;
    nj_store_reader *b = NULL;
    assert_ok(nj_store_reader_open(store_path(state), from->text, &a, err), err);
    assert_ok(nj_store_reader_open(store_path(state), to->text, &b, err), err);
    nj_store_diff_init(out);
    nj_status status = nj_store_diff_make(a, b, cutoff, NULL, NULL, out, err);
    nj_store_reader_close(&a);
    nj_store_reader_close(&b);
    return status;
}

// "d+1 e+2": who moved, and by how much.
static void expect_movers(const nj_store_diff *diff, bool gained, size_t most, const char *expected)
{
    char text[200] = "";
    uint32_t indexes[16];
    size_t count = nj_store_diff_movers(diff, gained, indexes, most);
    for (size_t i = 0; i < count; i++) {
        const nj_store_diff_lists lists = nj_store_diff_lists_of(diff, indexes[i]);
        const size_t used = strlen(text);
        const int size = snprintf(text + used, sizeof text - used, "%.*s%+d ",
                                  NJ_SLICE_ARGS(nj_store_diff_id(diff, indexes[i])),
                                  (int)lists.to - (int)lists.from);
        assert_in_range(size, 1, sizeof text - used - 1);
    }
    assert_string_equal(text, expected);
}

static void every_kind_of_difference_is_counted(void **state)
{
    nj_error err = {0};
    nj_store_diff diff;
    nj_store_name before = pack(state, BEFORE, BEFORE_COUNT, NIGHT_MS);
    nj_store_name after = pack(state, AFTER, AFTER_COUNT, NIGHT_MS + 1);
    assert_ok(compare(state, &before, &after, 2, &diff, &err), &err);
    assert_int_equal(diff.added, 2);     // 4, u3
    assert_int_equal(diff.removed, 2);   // 3, u2
    assert_int_equal(diff.identical, 1); // 5
    assert_int_equal(diff.rescored, 1);  // 9
    assert_int_equal(diff.changed, 2);   // 10, u1
    // of the first two places: 5 and 9 have all, 10 has b, u1 has nothing
    assert_true(diff.overlap == (1.0 + 1.0 + 0.5 + 0.0) / 4);
    // a 4 to 4, b 4 to 4, c 2 to 1, d 1 to 1, e 0 to 2, f 0 to 1, g 0 to 1, x 1 to 0, y 1 to 1, z 1 to 0
    assert_int_equal(diff.items_gained, 3);
    assert_int_equal(diff.items_lost, 2);
    expect_movers(&diff, true, 16, "e+2 f+1 g+1 ");
    expect_movers(&diff, false, 16, "c-1 x-1 z-1 ");
    expect_movers(&diff, false, 2, "c-1 x-1 ");
    expect_movers(&diff, true, 0, "");
    nj_store_diff_fini(&diff);
}

static void the_other_way_round_is_the_mirror(void **state)
{
    nj_error err = {0};
    nj_store_diff there;
    nj_store_diff back;
    nj_store_name before = pack(state, BEFORE, BEFORE_COUNT, NIGHT_MS);
    nj_store_name after = pack(state, AFTER, AFTER_COUNT, NIGHT_MS + 1);
    assert_ok(compare(state, &before, &after, 3, &there, &err), &err);
    assert_ok(compare(state, &after, &before, 3, &back, &err), &err);
    assert_int_equal(there.added, back.removed);
    assert_int_equal(there.removed, back.added);
    assert_int_equal(there.changed, back.changed);
    assert_true(there.overlap == back.overlap);
    assert_int_equal(there.items_gained, back.items_lost);
    expect_movers(&back, false, 16, "e-2 f-1 g-1 ");
    nj_store_diff_fini(&there);
    nj_store_diff_fini(&back);
}

static void a_generation_does_not_differ_from_itself(void **state)
{
    nj_error err = {0};
    nj_store_diff diff;
    nj_store_name name = night_pack(store_path(state), 4, 50, NIGHT_MS);
    assert_ok(compare(state, &name, &name, 10, &diff, &err), &err);
    assert_int_equal(diff.identical, 200);
    assert_int_equal(diff.added + diff.removed + diff.changed + diff.rescored, 0);
    assert_true(diff.overlap == 1.0);
    expect_movers(&diff, true, 16, "");
    expect_movers(&diff, false, 16, "");
    nj_store_diff_fini(&diff);
}

static void a_damaged_row_is_refused_by_the_name_of_its_generation(void **state)
{
    nj_error err = {0};
    nj_store_diff diff;
    char bytes[8192];
    nj_store_name before = night_pack(store_path(state), 1, 2, NIGHT_MS);
    nj_store_name after = night_pack(store_path(state), 4, 50, NIGHT_MS + 1);
    nj_path data = night_file(state, &after, "data.mdb");
    FILE *file = fopen(data.text, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 8192, SEEK_SET), 0);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    char *at = memmem(bytes, size, "item-", 5); // a text in a row
    assert_non_null(at);
    at[0] = '\x01'; // a control character in an id
    assert_int_equal(fseek(file, 8192, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    assert_refused(compare(state, &before, &after, 10, &diff, &err), NJ_REFUSED, &err, after.text);
    nj_store_diff_fini(&diff);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(every_kind_of_difference_is_counted),
        WITH_FOLDER(the_other_way_round_is_the_mirror),
        WITH_FOLDER(a_generation_does_not_differ_from_itself),
        WITH_FOLDER(a_damaged_row_is_refused_by_the_name_of_its_generation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
