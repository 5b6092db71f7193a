// test_refresh_random.c - whole histories of refreshes, drawn from a seed, against rules that hold after every one.
//
// Rules  no SID that was ever given moves; over the whole history no SID names two items; the trie has exactly the items of tonight;
//        who comes back has the SID from before; a folder written and read back is the same.
#include <stdlib.h>

#include "common/catalogue/catalogue_assign.h"
#include "common/catalogue/catalogue_refresh.h"
#include "common/input/npy.h"
#include "common/sid/live_rows.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define WIDTH 4
#define LEVELS 2
#define CODES 16
#define ITEMS_MAX 1200 // that ever were
#define NIGHTS 12
#define HISTORIES 6

// Everything that ever was, by number; item i is called "i<i>".
typedef struct {
    uint64_t seed;
    uint32_t ever;
    bool sold[ITEMS_MAX];
    float points[ITEMS_MAX][WIDTH];
    // what was published, from the first night on:
    bool has_sid[ITEMS_MAX];
    uint16_t sid[ITEMS_MAX][NJ_LEVELS_MAX];
    uint32_t row[ITEMS_MAX];
} shop;

static shop s; // too large for the stack

static uint32_t draw(uint32_t below)
{
    s.seed = s.seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((s.seed >> 33) % below);
}

static float draw_value(void)
{
    return (float)draw(4000) / 1000.0f;
}

static void add_items(uint32_t count)
{
    for (uint32_t i = 0; i < count && s.ever < ITEMS_MAX; i++) {
        const uint32_t twin = s.ever > 0 && draw(3) == 0 ? draw(s.ever) : UINT32_MAX;
        for (int d = 0; d < WIDTH; d++) {
            s.points[s.ever][d] = twin == UINT32_MAX ? draw_value() : s.points[twin][d];
        }
        s.sold[s.ever++] = true;
    }
}

// About 5 % go, 5 % come, a few come back, a few of those sold have other embeddings.
static void pass_a_day(void)
{
    for (uint32_t i = 0; i < s.ever; i++) {
        if (s.sold[i]) {
            s.sold[i] = draw(20) != 0;
        } else {
            s.sold[i] = draw(10) == 0;
        }
        for (int d = 0; d < WIDTH && draw(10) == 0; d++) {
            s.points[i][d] = draw_value();
        }
    }
    add_items(s.ever / 20 + draw(5));
}

// Tonight's list in any order.
static uint32_t write_tonight(void **state, nj_buffer *ids, nj_buffer *values)
{
    static uint32_t order[ITEMS_MAX];
    uint32_t count = 0;
    nj_error err = {0};
    for (uint32_t i = 0; i < s.ever; i++) {
        if (s.sold[i]) {
            order[count++] = i;
        }
    }
    nj_buffer_clear(ids);
    nj_buffer_clear(values);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t other = i + draw(count - i);
        const uint32_t item = order[other];
        order[other] = order[i];
        assert_int_equal(nj_buffer_printf(ids, "i%u\n", item), NJ_OK);
        assert_int_equal(nj_buffer_append(values, s.points[item], sizeof s.points[item]), NJ_OK);
    }
    sandbox_write(state, "ids.txt", ids->bytes, ids->size);
    assert_ok(nj_npy_write(sandbox_path(state, "tonight.npy"), NJ_NPY_F32, (size_t[]){count, WIDTH},
                           2, values->bytes, &err),
              &err);
    return count;
}

static uint32_t number_of(nj_slice id)
{
    char text[16] = "";
    assert_true(id.size > 1 && id.size < sizeof text && id.bytes[0] == 'i');
    memcpy(text, id.bytes + 1, id.size - 1);
    return (uint32_t)strtoul(text, NULL, 10);
}

static int compare_sids(const void *a, const void *b, void *levels)
{
    return memcmp(s.sid[*(const uint32_t *)a], s.sid[*(const uint32_t *)b],
                  *(uint32_t *)levels * sizeof(uint16_t));
}

// Over all items that ever had one.
static void check_nobody_shares(uint32_t L)
{
    static uint32_t order[ITEMS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < s.ever; i++) {
        if (s.has_sid[i]) {
            order[count++] = i;
        }
    }
    qsort_r(order, count, sizeof *order, compare_sids, &L);
    for (uint32_t i = 1; i < count; i++) {
        if (compare_sids(&order[i - 1], &order[i], &L) == 0) {
            fail_msg("items %u and %u have had the same SID", order[i - 1], order[i]);
        }
    }
}

static void check_rows(const nj_catalogue *catalogue)
{
    const uint32_t L = catalogue->sids.level_count;
    uint32_t retired = 0;
    for (uint32_t row = 0; row < catalogue->sids.row_count; row++) {
        const uint32_t item = number_of(nj_idlist_at(&catalogue->items, row));
        const uint16_t *sid = catalogue->codes + (size_t)row * L;
        assert_true(item < s.ever);
        if (s.has_sid[item]) {
            assert_memory_equal(s.sid[item], sid, L * sizeof *sid);
            assert_int_equal(s.row[item], row);
        }
        s.has_sid[item] = true;
        s.row[item] = row;
        memcpy(s.sid[item], sid, L * sizeof *sid);
        retired += catalogue->sids.retired != NULL && catalogue->sids.retired[row];
    }
    assert_int_equal(retired, catalogue->retired_count);
}

static void check_trie(const nj_catalogue *catalogue)
{
    nj_error err = {0};
    nj_buffer bytes;
    nj_trie trie;
    nj_live_rows live;
    nj_buffer_init(&bytes, 1 << 24);
    assert_ok(nj_trie_build(&catalogue->sids, &bytes, &err), &err);
    assert_ok(nj_trie_open(bytes.bytes, bytes.size, catalogue->sids.row_count, &trie, &err), &err);
    assert_ok(nj_live_rows_init(&trie, catalogue->sids.row_count, &live, &err), &err);
    for (uint32_t i = 0; i < s.ever; i++) {
        assert_true(!s.sold[i] || s.has_sid[i]);
        if (s.has_sid[i]) {
            assert_int_equal(nj_live_rows_has(&live, s.row[i]), s.sold[i]);
        }
    }
    nj_live_rows_fini(&live);
    nj_buffer_fini(&bytes);
}

static void check_folder(void **state, nj_catalogue **catalogue)
{
    nj_error err = {0};
    nj_catalogue *back = NULL;
    assert_ok(nj_catalogue_write(sandbox_path(state, "cat"), *catalogue, true, &err), &err);
    assert_ok(nj_catalogue_read(sandbox_path(state, "cat"), &back, &err), &err);
    assert_true(nj_digest_equal(&back->sids_digest, &(*catalogue)->sids_digest));
    assert_true(nj_digest_equal(&back->items_digest, &(*catalogue)->items_digest));
    assert_true(nj_digest_equal(&back->retired_digest, &(*catalogue)->retired_digest));
    nj_catalogue_free(catalogue);
    *catalogue = back; // the next night reads what this one wrote
}

static nj_catalogue *open_shop(void **state, nj_collisions policy)
{
    static float books[LEVELS][CODES][WIDTH];
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    for (size_t i = 0; i < sizeof books / sizeof(float); i++) {
        (&books[0][0][0])[i] = draw_value() / (i < CODES * WIDTH ? 1 : 4);
    }
    const char *path = sandbox_path(state, "books.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){LEVELS, CODES, WIDTH}, 3, books, &err),
              &err);
    const nj_catalogue_options options = {.ids_path = sandbox_path(state, "ids.txt")};
    const nj_assign_config config = {
        .embeddings_path = sandbox_path(state, "tonight.npy"),
        .codebooks_path = path,
        .collisions = {.policy = policy, .suffix_codes = policy == NJ_COLLISIONS_SUFFIX ? 256 : 0}};
    assert_ok(nj_catalogue_assign(&config, &options, NULL, &catalogue, &err), &err);
    return catalogue;
}

static void live_through(void **state, uint64_t seed, nj_collisions policy, uint32_t first_count)
{
    nj_error err = {0};
    nj_buffer ids, values;
    nj_refresh_report report;
    s = (shop){.seed = seed};
    nj_buffer_init(&ids, 1 << 20);
    nj_buffer_init(&values, 1 << 20);
    add_items(first_count);
    write_tonight(state, &ids, &values);
    nj_catalogue *catalogue = open_shop(state, policy);
    check_rows(catalogue);
    for (int night = 0; night < NIGHTS; night++) {
        pass_a_day();
        const uint32_t tonight = write_tonight(state, &ids, &values);
        const nj_refresh_config config = {.ids_path = sandbox_path(state, "ids.txt"),
                                          .embeddings_path = sandbox_path(state, "tonight.npy"),
                                          .without_drift = night % 2 == 0,
                                          .retired_percent_max = 30};
        assert_ok(nj_catalogue_refresh(catalogue, &config, &report, &err), &err);
        assert_int_equal(report.kept_count + report.added_count + report.returned_count, tonight);
        check_rows(catalogue);
        check_nobody_shares(catalogue->sids.level_count);
        check_trie(catalogue);
        if (night % 4 == 3) {
            check_folder(state, &catalogue);
        }
    }
    nj_catalogue_free(&catalogue);
    nj_buffer_fini(&ids);
    nj_buffer_fini(&values);
}

static void with_a_counter_no_sid_moves_and_none_names_two_items(void **state)
{
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        live_through(state, seed, NJ_COLLISIONS_SUFFIX, 400);
    }
}

// 256 SIDs, most of them taken in the end: most new items collide with one that is or was.
static void with_relocation_no_sid_moves_and_none_names_two_items(void **state)
{
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        live_through(state, 100 + seed, NJ_COLLISIONS_RELOCATE, 100);
    }
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(with_a_counter_no_sid_moves_and_none_names_two_items),
        IN_SANDBOX(with_relocation_no_sid_moves_and_none_names_two_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
