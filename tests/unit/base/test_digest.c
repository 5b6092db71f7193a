// test_digest.c - BLAKE2b-256 known answers, framing of fields, hexadecimal both ways.
#include "common/base/digest.h"

#include "tests/support/nj_test.h"

static nj_digest digest_of_hex(const char *hex)
{
    nj_digest digest;
    assert_true(nj_digest_from_hex(hex, &digest));
    return digest;
}

static void known_answers_of_blake2b_256_hold(void **state)
{
    (void)state;
    // coreutils 9.1: printf abc | b2sum -l 256
    static const char EMPTY[] = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
    static const char ABC[] = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
    char hex[NJ_DIGEST_HEX_BYTES];

    nj_digest digest = nj_digest_of("", 0);
    nj_digest_hex(&digest, hex);
    assert_string_equal(hex, EMPTY);

    digest = nj_digest_of("abc", 3);
    nj_digest_hex(&digest, hex);
    assert_string_equal(hex, ABC);
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    (void)state;
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    nj_digest whole = nj_digest_of(bytes, sizeof bytes);

    for (size_t cut = 0; cut <= sizeof bytes; cut += 111) {
        nj_digester digester;
        nj_digester_init(&digester);
        nj_digester_update(&digester, bytes, cut);
        nj_digester_update(&digester, bytes + cut, sizeof bytes - cut);
        nj_digest digest = nj_digester_final(&digester);
        assert_true(nj_digest_equal(&digest, &whole));
    }
}

static nj_digest digest_of_two(const char *first, const char *second)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_sized(&digester, first, strlen(first));
    nj_digester_update_sized(&digester, second, strlen(second));
    return nj_digester_final(&digester);
}

static void sized_fields_do_not_run_together(void **state)
{
    (void)state;
    nj_digest a = digest_of_two("ab", "c");
    nj_digest b = digest_of_two("a", "bc");
    nj_digest again = digest_of_two("ab", "c");

    assert_false(nj_digest_equal(&a, &b));
    assert_true(nj_digest_equal(&a, &again));
}

static void numbers_are_fed_as_eight_little_endian_bytes(void **state)
{
    (void)state;
    static const uint8_t BYTES[8] = {0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01};
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_u64(&digester, 0x0102030405060708u);

    nj_digest digest = nj_digester_final(&digester);

    nj_digest expected = nj_digest_of(BYTES, sizeof BYTES);
    assert_true(nj_digest_equal(&digest, &expected));
}

static void equality_looks_at_every_byte(void **state)
{
    (void)state;
    nj_digest digest = nj_digest_of("abc", 3);
    for (size_t i = 0; i < NJ_DIGEST_BYTES; i++) {
        nj_digest other = digest;
        other.bytes[i] ^= 1;
        assert_false(nj_digest_equal(&digest, &other));
    }
}

static void hexadecimal_is_read_back_and_anything_else_refused(void **state)
{
    (void)state;
    nj_digest digest = nj_digest_of("abc", 3);
    nj_digest out = {{9}};
    char hex[NJ_DIGEST_HEX_BYTES + 1] = {0};
    nj_digest_hex(&digest, hex);

    nj_digest back = digest_of_hex(hex);
    assert_true(nj_digest_equal(&back, &digest));

    static const char NOT_HEX[] = {'g', ':', ' ', '-', '/', '@', '`', '\n', (char)0xc3};
    for (size_t place = 0; place < 2 * NJ_DIGEST_BYTES; place++) {
        char kept = hex[place];
        hex[place] = NOT_HEX[place % sizeof NOT_HEX];
        assert_false(nj_digest_from_hex(hex, &out));
        hex[place] = kept;
    }
    for (size_t size = 0; size < 2 * NJ_DIGEST_BYTES; size++) {
        char kept = hex[size];
        hex[size] = '\0';
        assert_false(nj_digest_from_hex(hex, &out));
        hex[size] = kept;
    }
    hex[2 * NJ_DIGEST_BYTES] = '0';
    assert_false(nj_digest_from_hex(hex, &out));
    assert_int_equal(out.bytes[0], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_blake2b_256_hold),
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
        cmocka_unit_test(sized_fields_do_not_run_together),
        cmocka_unit_test(numbers_are_fed_as_eight_little_endian_bytes),
        cmocka_unit_test(equality_looks_at_every_byte),
        cmocka_unit_test(hexadecimal_is_read_back_and_anything_else_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
