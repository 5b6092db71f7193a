// test_catalogue_hostile.c - a catalogue folder with a file cut, flipped, missing or absurd is refused by name.
#include "common/catalogue/catalogue_assign.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const char *const FILES[] = {"catalogue.json", "items.txt", "sids.npy",
                                    "codebooks.safetensors", "retired.npy"};
#define FILE_COUNT (sizeof FILES / sizeof *FILES)

// What the example's codes are, whatever bytes still open.
static const uint16_t CODES[] = {1, 1, 0, /**/ 0, 1, 0, /**/ 1, 1, 1};

// Three items on the plane, two levels of two codes, a counter. The second item is retired.
static void write_example(void **state)
{
    static const float ITEMS[] = {9, 1, /**/ 0, 1, /**/ 9, 1.5f};
    static const float BOOKS[] = {0, 0, 9, 0, /**/ 0, 0, 0, 1};
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_template template = {.after = {1}, .after_count = 1};
    nj_catalogue_options options = {.ids_path = sandbox_write(state, "ids", "a\nb\nc\n", 6),
                                    .token_base = 2,
                                    .template = &template};
    nj_assign_config config = {.embeddings_path = sandbox_path(state, "items.npy"),
                               .codebooks_path = sandbox_path(state, "books.npy"),
                               .kernels = nj_kernels_at(0)};
    assert_ok(nj_npy_write(config.embeddings_path, NJ_NPY_F32, (size_t[]){3, 2}, 2, ITEMS, &err),
              &err);
    assert_ok(nj_npy_write(config.codebooks_path, NJ_NPY_F32, (size_t[]){2, 2, 2}, 3, BOOKS, &err),
              &err);
    assert_ok(nj_catalogue_assign(&config, &options, NULL, &catalogue, &err), &err);
    uint8_t *marks = calloc(3, 1);
    assert_non_null(marks);
    marks[1] = 1;
    nj_catalogue_retire_take(catalogue, &marks);
    assert_ok(nj_catalogue_write(sandbox_path(state, "cat"), catalogue, false, &err), &err);
    nj_catalogue_free(&catalogue);
}

static const char *part_path(void **state, const char *file)
{
    char name[64];
    snprintf(name, sizeof name, "cat/%s", file);
    return sandbox_path(state, name);
}

// Without the sync of nj_file_write: these tests write thousands of times.
static void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static void get_file(const char *path, char **out_bytes, size_t *out_size)
{
    nj_error err = {0};
    assert_ok(nj_file_read(path, 1 << 20, out_bytes, out_size, &err), &err);
}

static nj_status read_example(void **state, nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_status status = nj_catalogue_read(sandbox_path(state, "cat"), &catalogue, err);
    if (status == NJ_OK) {
        // What the fingerprints hold is unharmed.
        assert_int_equal(catalogue->sids.row_count, 3);
        assert_memory_equal(catalogue->sids.codes, CODES, sizeof CODES);
        assert_int_equal(catalogue->retired_count, 1);
        assert_memory_equal(catalogue->sids.retired, ((uint8_t[]){0, 1, 0}), 3);
        assert_true(nj_slice_equal(nj_idlist_at(&catalogue->items, 2), nj_slice_from("c")));
        assert_true(catalogue->codebooks.level_count == 0 ||
                    catalogue->codebooks.vectors[1][3] == 1.0f);
        nj_catalogue_free(&catalogue);
    }
    assert_null(catalogue);
    return status;
}

static void every_cut_of_every_file_is_refused(void **state)
{
    nj_error err = {0};
    write_example(state);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        const char *path = part_path(state, FILES[i]);
        nj_path kept;
        strcpy(kept.text, path);
        size_t size = 0;
        char *bytes = NULL;
        get_file(kept.text, &bytes, &size);
        // The newline at the end of catalogue.json and of items.txt may be missing.
        size_t last = i < 2 ? size - 1 : size;
        for (size_t cut = 0; cut < last; cut++) {
            put_file(kept.text, bytes, cut);
            assert_int_equal(read_example(state, &err), NJ_INPUT);
        }
        put_file(kept.text, bytes, size);
        free(bytes);
    }
    assert_ok(read_example(state, &err), &err);
}

static void a_flipped_bit_is_refused_or_harms_nothing_that_is_fingerprinted(void **state)
{
    nj_error err = {0};
    write_example(state);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        const char *path = part_path(state, FILES[i]);
        nj_path kept;
        strcpy(kept.text, path);
        size_t size = 0;
        size_t refused = 0;
        char *bytes = NULL;
        get_file(kept.text, &bytes, &size);
        for (size_t bit = 0; bit < size * 8;
             bit += 3) { // of three neighbouring bytes, each bit once
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            put_file(kept.text, bytes, size);
            nj_status status = read_example(state, &err);
            assert_true(status == NJ_OK || status == NJ_INPUT || status == NJ_REFUSED);
            refused += status != NJ_OK;
            bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
        assert_true(refused >
                    size / 3); // of 8 / 3 * size; the rest are spaces, unread keys and the like
        put_file(kept.text, bytes, size);
        free(bytes);
    }
}

static void every_missing_file_is_named(void **state)
{
    nj_error err = {0};
    for (size_t i = 0; i < FILE_COUNT; i++) {
        assert_ok(nj_folder_remove(sandbox_path(state, "cat"), &err), &err);
        write_example(state);
        assert_int_equal(unlink(part_path(state, FILES[i])), 0);
        assert_refused(read_example(state, &err), NJ_NOT_FOUND, &err, FILES[i]);
    }
}

// Replaces `from` in catalogue.json, reads, and puts it back.
static void refuse_replaced(void **state, const char *from, const char *to, nj_status expected,
                            const char *says)
{
    nj_error err = {0};
    nj_path path;
    strcpy(path.text, part_path(state, "catalogue.json"));
    size_t size = 0;
    char *text = NULL;
    get_file(path.text, &text, &size);
    char *at = strstr(text, from);
    if (at == NULL) {
        fail_msg("catalogue.json does not hold \"%s\"", from);
    }
    char changed[4096];
    int length = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                          at + strlen(from));
    put_file(path.text, changed, (size_t)length);
    assert_refused(read_example(state, &err), expected, &err, says);
    put_file(path.text, text, size);
    free(text);
}

static void a_catalogue_json_that_cannot_be_is_refused_by_key(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *says;
    } CASES[] = {
        {"\"version\": 2", "\"version\": 3", "\"version\" is 3, must be 1 to 2"},
        {"\"version\": 2", "\"version\": 1", "\"retired\" is 1, must be 0"},
        {"\"version\": 2", "\"wersion\": 2", "\"version\" is missing"},
        {"\"retired\": 1", "\"retired\": 3", "1 of 3 items are retired, catalogue.json says 3"},
        {"\"retired\": 1", "\"retired\": -1", "\"retired\" is -1"},
        {"\"retired\": 1", "\"rewired\": 1", "fingerprint \"retired\", but no item is"},
        {"    \"retired\"", "    \"rewired\"", "\"retired\" is not 64"},
        {"\"items\": 3", "\"items\": 0", "\"items\" is 0"},
        {"\"items\": 3", "\"items\": 2147483647", "says [2147483647, 3]"},
        {"\"items\": 3", "\"items\": 2147483648", "\"items\" is 2147483648"},
        {"\"items\": 3", "\"items\": \"3\"", "not a whole number"},
        {"\"levels\": 3", "\"levels\": 9", "\"levels\" is 9, must be 1 to 8"},
        {"\"levels\": 3", "\"levels\": 2", "\"codes_per_level\" has 3 numbers, \"levels\" says 2"},
        {"[2, 2, 2]", "[2, 2]", "has 2 numbers"},
        {"[2, 2, 2]", "7", "has 0 numbers"},
        {"[2, 2, 2]", "[2, 1, 2]", "level 1: is not a whole number of 2 to 65536"},
        {"[2, 2, 2]", "[2, 2, 65537]", "level 2: is not"},
        {"[2, 2, 2]", "[2, 65536, 2]", "expected [65536, 2]"},
        {"\"token_base\": 2", "\"token_base\": -1", "\"token_base\" is -1"},
        {"\"token_base\": 2", "\"token_base\": 2147483647", "tokens of level 0 end at 2147483648"},
        {"\"suffix\": true", "\"suffix\": 1", "\"suffix\" is not true or false"},
        {"\"suffix\": true", "\"suffix\": false", "codebook.2"},
        {"\"embedding_width\": 2", "\"embedding_width\": 65537", "\"embedding_width\" is 65537"},
        {"\"embedding_width\": 2", "\"embedding_width\": 65536", "expected [2, 65536]"},
        {"\"after\": [1]", "\"after\": [-1]", "\"after\", element 0"},
        {"\"fingerprints\"", "\"fingermarks\"", "\"fingerprints\" is missing"},
        {"\"sids\": \"", "\"sids\": \"0", "\"sids\" is not 64 hexadecimal digits"},
        {"    \"codebooks\"", "    \"codebook\"", "\"codebooks\" is not 64"},
    };
    write_example(state);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        refuse_replaced(state, CASES[i].from, CASES[i].to, NJ_INPUT, CASES[i].says);
    }
}

static void another_fingerprint_is_refused_with_both(void **state)
{
    nj_error err = {0};
    write_example(state);
    put_file(part_path(state, "items.txt"), "a\nb\nC\n", 6);
    assert_refused(read_example(state, &err), NJ_REFUSED, &err, "items.txt: fingerprint is ");
    assert_refused(read_example(state, &err), NJ_REFUSED, &err, "catalogue.json says ");

    put_file(part_path(state, "items.txt"), "a\nb\nc\n", 6);
    static const int32_t SWAPPED[] = {1, 1, 1, /**/ 0, 1, 0, /**/ 1, 1, 0};
    assert_ok(
        nj_npy_write(part_path(state, "sids.npy"), NJ_NPY_I32, (size_t[]){3, 3}, 2, SWAPPED, &err),
        &err);
    assert_refused(read_example(state, &err), NJ_REFUSED, &err, "sids.npy: fingerprint is ");
}

static void marks_that_cannot_be_are_refused_by_row(void **state)
{
    const size_t shape[] = {3};
    nj_error err = {0};
    write_example(state);
    const char *path = part_path(state, "retired.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_U8, shape, 1, (uint8_t[]){0, 1, 2}, &err), &err);
    assert_refused(read_example(state, &err), NJ_INPUT, &err,
                   "retired.npy: row 2: 2, must be 0 or 1");
    assert_ok(nj_npy_write(path, NJ_NPY_U8, shape, 1, (uint8_t[]){1, 0, 0}, &err), &err);
    assert_refused(read_example(state, &err), NJ_REFUSED, &err, "retired.npy: fingerprint is ");
    assert_ok(nj_npy_write(path, NJ_NPY_I8, shape, 1, (int8_t[]){0, 1, 0}, &err), &err);
    assert_refused(read_example(state, &err), NJ_INPUT, &err, "must be uint8 [3]");
    assert_ok(nj_npy_write(path, NJ_NPY_U8, (size_t[]){2}, 1, (uint8_t[]){0, 1}, &err), &err);
    assert_refused(read_example(state, &err), NJ_INPUT, &err, "begin [2], must be uint8 [3]");
    assert_ok(nj_npy_write(path, NJ_NPY_U8, shape, 1, (uint8_t[]){1, 1, 1}, &err), &err);
    refuse_replaced(state, "\"retired\": 1", "\"retired\": 3", NJ_INPUT, "one must be left");
}

static void files_that_disagree_are_refused_with_both_sizes(void **state)
{
    nj_error err = {0};
    write_example(state);
    put_file(part_path(state, "items.txt"), "a\nb\n", 4);
    assert_refused(read_example(state, &err), NJ_INPUT, &err,
                   "items.txt: 2 ids, there are 3 items");
    put_file(part_path(state, "items.txt"), "a\nb\na\n", 6);
    assert_refused(read_example(state, &err), NJ_INPUT, &err, "line 1 too");

    assert_ok(nj_npy_write(part_path(state, "sids.npy"), NJ_NPY_I32, (size_t[]){9}, 1,
                           (int32_t[9]){0}, &err),
              &err);
    assert_refused(read_example(state, &err), NJ_INPUT, &err, "1 dimensions that begin [9, 0]");
    assert_ok(nj_npy_write(part_path(state, "sids.npy"), NJ_NPY_I32, (size_t[]){3, 3}, 2,
                           (int32_t[]){0, 0, 0, 0, 0, 0, 0, 2, 0}, &err),
              &err);
    assert_refused(read_example(state, &err), NJ_INPUT, &err,
                   "row 2, level 1: code 2, must be 0 to 1");
}

static void a_catalogue_json_beyond_its_limit_is_refused(void **state)
{
    nj_error err = {0};
    write_example(state);
    size_t size = NJ_CATALOGUE_JSON_BYTES_MAX + 1;
    char *spaces = malloc(size);
    assert_non_null(spaces);
    memset(spaces, ' ', size);
    put_file(part_path(state, "catalogue.json"), spaces, size);
    free(spaces);
    assert_refused(read_example(state, &err), NJ_INPUT, &err,
                   "has 1048577 bytes, the limit is 1048576");
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(every_cut_of_every_file_is_refused),
        IN_SANDBOX(a_flipped_bit_is_refused_or_harms_nothing_that_is_fingerprinted),
        IN_SANDBOX(every_missing_file_is_named),
        IN_SANDBOX(a_catalogue_json_that_cannot_be_is_refused_by_key),
        IN_SANDBOX(another_fingerprint_is_refused_with_both),
        IN_SANDBOX(files_that_disagree_are_refused_with_both_sizes),
        IN_SANDBOX(marks_that_cannot_be_are_refused_by_row),
        IN_SANDBOX(a_catalogue_json_beyond_its_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
