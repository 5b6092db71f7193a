// test_bundle.c - what is packed is found again; damaged files are refused and never crash.
#include "common/bundle/bundle.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const char TEXT[] = "weights of a very small model";

static const char *write_example(void **state)
{
    nj_error err = {0};
    nj_sections sections = {.count = 3,
                            .sections = {{.name = "weights", .bytes = TEXT, .size = sizeof TEXT},
                                         {.name = "empty", .bytes = "", .size = 0},
                                         {.name = "items", .bytes = "abc", .size = 3}}};
    const char *path = sandbox_path(state, "example.njb");
    assert_ok(nj_bundle_write(path, &sections, &err), &err);
    return path;
}

static void sections_are_found_by_name_and_aligned(void **state)
{
    nj_error err = {0};
    nj_bundle *bundle = NULL;
    assert_ok(nj_bundle_open(write_example(state), &bundle, &err), &err);
    assert_ok(nj_bundle_verify(bundle, &err), &err);

    const nj_section *weights = nj_sections_find(nj_bundle_sections(bundle), "weights");
    assert_non_null(weights);
    assert_int_equal(weights->size, sizeof TEXT);
    assert_memory_equal(weights->bytes, TEXT, sizeof TEXT);
    assert_int_equal((uintptr_t)weights->bytes % 64, 0);
    assert_int_equal(nj_sections_find(nj_bundle_sections(bundle), "empty")->size, 0);
    assert_null(nj_sections_find(nj_bundle_sections(bundle), "absent"));
    nj_bundle_close(&bundle);
    assert_null(bundle);
}

static void every_cut_of_the_file_is_refused(void **state)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(write_example(state), 1 << 20, &bytes, &size, &err), &err);
    for (size_t cut = 0; cut < size; cut += cut < 512 ? 1 : 61) {
        nj_bundle *bundle = NULL;
        const char *path = sandbox_write(state, "cut.njb", bytes, cut);
        assert_int_equal(nj_bundle_open(path, &bundle, &err), NJ_INPUT);
    }
    free(bytes);
}

static void a_flipped_byte_is_refused_at_open_or_at_verify(void **state)
{
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(write_example(state), 1 << 20, &bytes, &size, &err), &err);
    nj_bundle *bundle = NULL;
    assert_ok(nj_bundle_open(write_example(state), &bundle, &err), &err);
    const char *file = bytes;
    for (size_t at = 0; at < 64 + 3 * 80; at++) {
        bytes[at] = (char)(bytes[at] ^ 0x40);
        nj_bundle *damaged = NULL;
        nj_status status =
            nj_bundle_open(sandbox_write(state, "flip.njb", file, size), &damaged, &err);
        if (at < 48 || at >= 64) {
            assert_int_equal(status, NJ_INPUT);
        } else { // 48..63 are reserved
            assert_ok(status, &err);
            assert_refused(nj_bundle_verify(damaged, &err), NJ_REFUSED, &err, "a gap holds zeros");
        }
        nj_bundle_close(&damaged);
        bytes[at] = (char)(bytes[at] ^ 0x40);
    }
    nj_bundle *damaged = NULL;
    const size_t gap = 64 + 3 * 80 + 1;
    bytes[gap] = 7;
    assert_ok(nj_bundle_open(sandbox_write(state, "flip.njb", file, size), &damaged, &err), &err);
    assert_refused(nj_bundle_verify(damaged, &err), NJ_REFUSED, &err,
                   "byte 305 is 7, a gap holds zeros");
    nj_bundle_close(&damaged);
    bytes[gap] = 0;
    bytes[size - 1] = (char)(bytes[size - 1] ^ 1);
    assert_ok(nj_bundle_open(sandbox_write(state, "flip.njb", file, size), &damaged, &err), &err);
    assert_refused(nj_bundle_verify(damaged, &err), NJ_REFUSED, &err, "\"weights\" has digest");
    nj_bundle_close(&damaged);
    nj_bundle_close(&bundle);
    free(bytes);
}

static void the_digest_names_content_and_not_order_of_packing(void **state)
{
    nj_error err = {0};
    nj_sections a = {.count = 2,
                     .sections = {{.name = "x", .bytes = "1", .size = 1},
                                  {.name = "y", .bytes = "2", .size = 1}}};
    nj_sections b = {.count = 2,
                     .sections = {{.name = "y", .bytes = "2", .size = 1},
                                  {.name = "x", .bytes = "1", .size = 1}}};
    nj_sections c = {.count = 2,
                     .sections = {{.name = "x", .bytes = "2", .size = 1},
                                  {.name = "y", .bytes = "1", .size = 1}}};
    const char *path = sandbox_path(state, "d.njb");
    assert_ok(nj_bundle_write(path, &a, &err), &err);
    assert_ok(nj_bundle_write(path, &b, &err), &err);
    assert_ok(nj_bundle_write(path, &c, &err), &err);
    nj_digest digest_a = nj_sections_digest(&a);
    nj_digest digest_b = nj_sections_digest(&b);
    nj_digest digest_c = nj_sections_digest(&c);
    assert_true(nj_digest_equal(&digest_a, &digest_b));
    assert_false(nj_digest_equal(&digest_a, &digest_c));
}

static void names_used_twice_or_malformed_are_refused(void **state)
{
    nj_error err = {0};
    nj_sections twice = {.count = 2,
                         .sections = {{.name = "x", .bytes = "1", .size = 1},
                                      {.name = "x", .bytes = "2", .size = 1}}};
    nj_sections slash = {.count = 1, .sections = {{.name = "../x", .bytes = "1", .size = 1}}};
    assert_int_equal(nj_bundle_write(sandbox_path(state, "n.njb"), &twice, &err), NJ_FAILED);
    assert_int_equal(nj_bundle_write(sandbox_path(state, "n.njb"), &slash, &err), NJ_FAILED);
    assert_false(nj_file_exists(sandbox_path(state, "n.njb")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sections_are_found_by_name_and_aligned, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(every_cut_of_the_file_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_flipped_byte_is_refused_at_open_or_at_verify,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(the_digest_names_content_and_not_order_of_packing,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(names_used_twice_or_malformed_are_refused, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
