// test_key.c - keys sort as promised and give their ids back; names that come from outside are checked.
#include "common/store/key.h"

#include "common/store/generation.h"
#include "common/store/ulid.h"
#include "tests/support/nj_test.h"

static nj_store_key pack(const char *user)
{
    nj_error err = {0};
    nj_store_key key;
    assert_ok(nj_store_key_pack(nj_slice_from(user), &key, &err), &err);
    return key;
}

// LMDB's order of keys: bytes, then lengths.
static int compare_as_lmdb(const nj_store_key *a, const nj_store_key *b)
{
    int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static void numbers_sort_by_size_then_texts_by_bytes_then_the_meta_key(void **state)
{
    (void)state;
    static const char *const ORDER[] = {"0",
                                        "7",
                                        "10",
                                        "255",
                                        "256",
                                        "65536",
                                        "4294967296",
                                        "18446744073709551615",
                                        "+1",
                                        "007",
                                        "18446744073709551616",
                                        "A",
                                        "a",
                                        "a-longer",
                                        "b",
                                        "\xc3\xa9"};
    for (size_t i = 1; i < sizeof ORDER / sizeof ORDER[0]; i++) {
        nj_store_key before = pack(ORDER[i - 1]);
        nj_store_key after = pack(ORDER[i]);
        assert_true(compare_as_lmdb(&before, &after) < 0);
        nj_slice small = nj_slice_from(ORDER[i - 1]);
        nj_slice large = nj_slice_from(ORDER[i]);
        assert_true(nj_id_compare(small, large) < 0);
        assert_true(nj_id_compare(large, small) > 0);
        assert_int_equal(nj_id_compare(large, large), 0);
        assert_true(after.bytes[0] < '_'); // "__meta__" begins with it
    }
}

static void ids_are_ordered_as_their_keys(void **state)
{
    (void)state;
    static const char ALPHABET[] = "0019ab";
    uint64_t random = 1;
    char ids[2][24] = {"7", "7"};
    for (unsigned i = 0; i < 20000; i++) {
        char *id = ids[i % 2];
        size_t size = 1 + i % 21;
        for (size_t k = 0; k < size; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            id[k] = ALPHABET[(random >> 33) % (i % 3 == 0 ? 6 : 4)];
        }
        id[size] = '\0';
        nj_store_key a = pack(ids[0]);
        nj_store_key b = pack(ids[1]);
        int by_key = compare_as_lmdb(&a, &b);
        int by_id = nj_id_compare(nj_slice_from(ids[0]), nj_slice_from(ids[1]));
        assert_int_equal((by_key > 0) - (by_key < 0), (by_id > 0) - (by_id < 0));
    }
}

static void the_bytes_of_a_key_are_fixed(void **state)
{
    (void)state;
    static const uint8_t SEVEN[] = {1, 0, 0, 0, 0, 0, 0, 0, 7};
    static const uint8_t LARGEST[] = {1, 255, 255, 255, 255, 255, 255, 255, 255};
    static const uint8_t LEADING_ZERO[] = {2, '0', '0', '7'};
    nj_store_key key = pack("7");
    assert_int_equal(key.size, sizeof SEVEN);
    assert_memory_equal(key.bytes, SEVEN, sizeof SEVEN);
    key = pack("18446744073709551615");
    assert_int_equal(key.size, sizeof LARGEST);
    assert_memory_equal(key.bytes, LARGEST, sizeof LARGEST);
    key = pack("007");
    assert_int_equal(key.size, sizeof LEADING_ZERO);
    assert_memory_equal(key.bytes, LEADING_ZERO, sizeof LEADING_ZERO);
}

static void every_id_comes_back(void **state)
{
    (void)state;
    static char longest[NJ_ID_BYTES_MAX + 1];
    memset(longest, 'x', NJ_ID_BYTES_MAX);
    const char *const users[] = {
        "0",        "7",        "007",  "18446744073709551615", "18446744073709551616", "u1",
        "__meta__", "\xc3\xa9", longest};
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        nj_error err = {0};
        char digits[NJ_STORE_DIGITS_BYTES];
        nj_slice user;
        nj_store_key key = pack(users[i]);
        assert_ok(nj_store_key_unpack((nj_slice){(char *)key.bytes, key.size}, digits, &user, &err),
                  &err);
        assert_true(nj_slice_equal(user, nj_slice_from(users[i])));
    }
    assert_int_equal(pack(longest).size, NJ_STORE_KEY_BYTES_MAX);
}

static void ids_that_break_the_rules_have_no_key(void **state)
{
    (void)state;
    static char too_long[NJ_ID_BYTES_MAX + 2];
    memset(too_long, 'x', NJ_ID_BYTES_MAX + 1);
    nj_error err = {0};
    nj_store_key key;
    assert_refused(nj_store_key_pack(nj_slice_from(""), &key, &err), NJ_INPUT, &err, "is empty");
    assert_refused(nj_store_key_pack(nj_slice_from(too_long), &key, &err), NJ_INPUT, &err, "510");
    assert_refused(nj_store_key_pack(nj_slice_from("a\nb"), &key, &err), NJ_INPUT, &err, "control");
    assert_refused(nj_store_key_pack(nj_slice_from("\xff"), &key, &err), NJ_INPUT, &err, "UTF-8");
}

static void bytes_that_are_no_users_key_are_refused(void **state)
{
    (void)state;
    static const char KEYS[][12] = {"",
                                    "__meta__",
                                    "\x01",
                                    "\x01"
                                    "1234567",
                                    "\x01"
                                    "123456789",
                                    "\x02",
                                    "\x02"
                                    "7",
                                    "\x02"
                                    "a\xff",
                                    "\x03"
                                    "a"};
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        nj_error err = {0};
        char digits[NJ_STORE_DIGITS_BYTES];
        nj_slice user;
        assert_refused(nj_store_key_unpack(nj_slice_from(KEYS[i]), digits, &user, &err), NJ_INPUT,
                       &err, "key of");
    }
}

static void a_ulid_begins_with_its_time_and_sorts_by_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t ms;
        const char *begins;
    } TIMES[] = {{0, "0000000000"},
                 {1, "0000000001"},
                 {31, "000000000Z"},
                 {32, "0000000010"},
                 {1700000000000u, "01HF7YAT00"},
                 {1700000000001u, "01HF7YAT01"},
                 {((uint64_t)1 << 48) - 1, "7ZZZZZZZZZ"}};
    nj_ulid before = {0};
    for (size_t i = 0; i < sizeof TIMES / sizeof TIMES[0]; i++) {
        nj_ulid ulid = nj_ulid_make(TIMES[i].ms);
        assert_true(nj_ulid_valid(nj_slice_from(ulid.text)));
        assert_true(nj_ulid_ms(&ulid) == TIMES[i].ms);
        assert_memory_equal(ulid.text, TIMES[i].begins, 10);
        assert_true(strcmp(before.text, ulid.text) < 0);
        before = ulid;
    }
    nj_ulid one = nj_ulid_make(1);
    nj_ulid other = nj_ulid_make(1);
    assert_string_not_equal(one.text, other.text);
}

static void names_that_could_lead_elsewhere_are_no_names(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"",
                                        "gen-",
                                        "gen-01ARZ3NDEKTSV4RRFFQ69G5FA",
                                        "gen-01ARZ3NDEKTSV4RRFFQ69G5FAVV",
                                        "gen-01arz3ndektsv4rrffq69g5fav",
                                        "gen-81ARZ3NDEKTSV4RRFFQ69G5FAV",
                                        "gen-01ARZ3NDEKTSV4RRFFQ69G5FAU",
                                        "GEN-01ARZ3NDEKTSV4RRFFQ69G5FAV",
                                        "gen-../../../../../../etc/pass",
                                        "gen-01ARZ3NDEKTSV4RRFFQ69G5FA/",
                                        "staging"};
    nj_store_name name;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        assert_false(nj_store_name_parse(nj_slice_from(NAMES[i]), &name));
    }
    assert_false(nj_store_name_parse((nj_slice){"gen-01ARZ3NDEKTSV4RRFFQ69G5FA\0", 30}, &name));
    assert_true(nj_store_name_parse(nj_slice_from("gen-01ARZ3NDEKTSV4RRFFQ69G5FAV"), &name));
    assert_string_equal(name.text, "gen-01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_sort_by_size_then_texts_by_bytes_then_the_meta_key),
        cmocka_unit_test(ids_are_ordered_as_their_keys),
        cmocka_unit_test(the_bytes_of_a_key_are_fixed),
        cmocka_unit_test(every_id_comes_back),
        cmocka_unit_test(ids_that_break_the_rules_have_no_key),
        cmocka_unit_test(bytes_that_are_no_users_key_are_refused),
        cmocka_unit_test(a_ulid_begins_with_its_time_and_sorts_by_it),
        cmocka_unit_test(names_that_could_lead_elsewhere_are_no_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
