// row_damage.h - what the tests of the later fields of a row share: what becomes of its damaged bytes, and its JSON form.
#ifndef NJ_TEST_CODEC_ROW_DAMAGE_H
#define NJ_TEST_CODEC_ROW_DAMAGE_H

#include <stdlib.h>

#include "common/base/rng.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "tests/support/nj_test.h"

#define ROW_MUTATIONS 50000

static const nj_history_digest HISTORY = {{1, 2, 3, 4, 5, 6, 7, 8}};

/// A row must not be read where bytes at its end are missing.
static inline void row_expect_cut_is_refused(nj_slice whole)
{
    static nj_row row;
    nj_row_scan scan;
    for (size_t size = 0; size < whole.size; size++) {
        char *exact = malloc(size + 1); // so that a sanitizer sees a byte too many
        assert_non_null(exact);
        memcpy(exact + 1, whole.bytes, size);
        assert_false(nj_row_scan_open((nj_slice){exact + 1, size}, &scan));
        assert_int_equal(nj_row_unpack((nj_slice){exact + 1, size}, &row, NULL), NJ_INPUT);
        free(exact);
    }
}

/// Changes one byte of it at random, ROW_MUTATIONS times: what the quick walk accepts, unpacking accepts, and `same` asserts that both
/// say the same. Returns how many were accepted.
static inline unsigned
row_expect_walk_is_strict(nj_buffer *bytes,
                          void (*same)(nj_slice bytes, const nj_row_scan *scan, const nj_row *row))
{
    static nj_row row;
    nj_row_scan scan;
    uint64_t drawn = 5;
    unsigned accepted = 0;
    for (unsigned i = 0; i < ROW_MUTATIONS; i++) {
        const size_t place = (size_t)(nj_rng_next(&drawn) % bytes->size);
        const uint8_t before = bytes->bytes[place];
        bytes->bytes[place] = (uint8_t)nj_rng_next(&drawn);
        if (nj_row_scan_open(nj_buffer_slice(bytes), &scan)) {
            accepted++;
            assert_int_equal(nj_row_unpack(nj_buffer_slice(bytes), &row, NULL), NJ_OK);
            same(nj_buffer_slice(bytes), &scan, &row);
        }
        bytes->bytes[place] = before;
    }
    return accepted;
}

/// "{...}" as nj_row_json has it of user "u".
static inline void row_expect_json(nj_buffer *bytes, const char *expected)
{
    static nj_row row;
    nj_error err = {0};
    nj_buffer json;
    nj_buffer_init(&json, 4096);
    assert_ok(nj_row_unpack(nj_buffer_slice(bytes), &row, &err), &err);
    assert_int_equal(nj_row_json(&json, nj_slice_from("u"), &row), NJ_OK);
    assert_int_equal(nj_buffer_append(&json, "", 1), NJ_OK);
    assert_string_equal((char *)json.bytes, expected);
    nj_buffer_fini(&json);
}

#endif
