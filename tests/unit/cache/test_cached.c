// test_cached.c - keys, values, times to live and commands of rows in a cache.
#include "common/cache/cached.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"

#define BYTES_MAX 65536
#define USERS 10000

static void assert_bytes(const nj_buffer *buffer, const char *text)
{
    assert_int_equal(buffer->size, strlen(text));
    assert_memory_equal(buffer->bytes, text, buffer->size);
}

static void a_command_says_how_long_its_words_are(void **state)
{
    (void)state;
    nj_buffer out;
    nj_buffer_init(&out, BYTES_MAX);
    const nj_slice user = nj_slice_from("\xc3\xbc 1");
    nj_cache_form form = {.prefix = "p:"};
    assert_int_equal(nj_cache_set_append(&form, user, (nj_slice){"a\r\n\0b", 5}, &out), NJ_OK);
    static const char TEXT[] = "*3\r\n$3\r\nSET\r\n$11\r\np:user:\xc3\xbc 1\r\n$5\r\na\r\n\0b\r\n";
    assert_int_equal(out.size, sizeof TEXT - 1);
    assert_memory_equal(out.bytes, TEXT, out.size);
    nj_buffer_clear(&out);
    form.ttl_ms = 1000;
    assert_int_equal(nj_cache_set_append(&form, user, nj_slice_from("v"), &out), NJ_OK);
    assert_bytes(&out,
                 "*5\r\n$3\r\nSET\r\n$11\r\np:user:\xc3\xbc 1\r\n$1\r\nv\r\n$2\r\nPX\r\n$4\r\n"
                 "1000\r\n");
    nj_buffer_fini(&out);
}

static void times_to_live_are_spread_over_the_jitter_and_follow_from_the_id(void **state)
{
    (void)state;
    const nj_cache_form form = {.prefix = "", .ttl_ms = 1000000, .jitter_percent = 10};
    size_t tenths[10] = {0};
    for (size_t i = 0; i < USERS; i++) {
        char user[16];
        snprintf(user, sizeof user, "%zu", i);
        const uint64_t ttl = nj_cache_ttl_ms(&form, nj_slice_from(user));
        assert_true(ttl > nj_cache_ttl_least_ms(&form) && ttl <= form.ttl_ms);
        assert_int_equal(ttl, nj_cache_ttl_ms(&form, nj_slice_from(user)));
        tenths[(form.ttl_ms - ttl) / 10000]++;
    }
    assert_int_equal(nj_cache_ttl_least_ms(&form), 900000);
    for (size_t i = 0; i < 10; i++) {
        assert_in_range(tenths[i], USERS / 10 - 150, USERS / 10 + 150);
    }
    const nj_cache_form stays = {.prefix = "", .jitter_percent = 10};
    assert_int_equal(nj_cache_ttl_ms(&stays, nj_slice_from("7")), 0);
}

static void a_value_is_the_line_of_get_or_the_row_itself(void **state)
{
    (void)state;
    nj_buffer packed;
    nj_buffer out;
    nj_buffer_init(&packed, BYTES_MAX);
    nj_buffer_init(&out, BYTES_MAX);
    nj_row *scratch = malloc(sizeof *scratch);
    assert_non_null(scratch);
    const nj_slice items[] = {{"7", 1}, {"b", 1}};
    const float scores[] = {-0.5f, -2};
    const nj_history_digest history = {{0}};
    assert_int_equal(nj_row_pack(&packed, 0, items, scores, 2, &history), NJ_OK);
    nj_error err = {0};
    nj_cache_form form = {.prefix = ""};
    const nj_slice user = nj_slice_from("u");
    assert_ok(nj_cache_value_append(&form, user, nj_buffer_slice(&packed), scratch, &out, &err),
              &err);
    assert_bytes(&out, "{\"user\": \"u\", \"items\": [\"7\", \"b\"], \"scores\": [-0.5, -2]}");
    nj_buffer_clear(&out);
    form.value = NJ_CACHE_MSGPACK;
    assert_ok(nj_cache_value_append(&form, user, nj_buffer_slice(&packed), scratch, &out, &err),
              &err);
    assert_true(nj_slice_equal(nj_buffer_slice(&out), nj_buffer_slice(&packed)));
    assert_int_equal(
        nj_cache_value_append(&form, user, nj_slice_from("no row"), scratch, &out, &err),
        NJ_REFUSED);
    assert_non_null(strstr(err.text, "user \"u\""));
    free(scratch);
    nj_buffer_fini(&packed);
    nj_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_says_how_long_its_words_are),
        cmocka_unit_test(times_to_live_are_spread_over_the_jitter_and_follow_from_the_id),
        cmocka_unit_test(a_value_is_the_line_of_get_or_the_row_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
