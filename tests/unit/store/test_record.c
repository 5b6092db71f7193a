// test_record.c - the facts of a generation survive MessagePack and JSON, and hostile forms of both are refused.
#include "common/store/facts.h"

#include <stdlib.h>

#include "common/store/staging.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static nj_store_manifest example(void)
{
    nj_store_manifest manifest = {.facts = {.schema_version = 1,
                                            .lmdb_major = 0,
                                            .created_ms = 1700000000000,
                                            .user_count = 9,
                                            .row_count = 8},
                                  .data_bytes = INT64_MAX};
    strcpy(manifest.facts.lmdb_version, "0.9.24");
    strcpy(manifest.facts.generation, "gen-01ARZ3NDEKTSV4RRFFQ69G5FAV");
    strcpy(manifest.facts.nightjar_version, "0.1.0");
    strcpy(manifest.facts.settings, "beam=20 \"top\"=20");
    strcpy(manifest.facts.numeric_class, "f32");
    memset(manifest.facts.plan_digest.bytes, 0xab, NJ_DIGEST_BYTES);
    memset(manifest.head_digest.bytes, 0xcd, NJ_DIGEST_BYTES);
    return manifest;
}

static void pack(const nj_store_facts *facts, nj_buffer *out)
{
    nj_error err = {0};
    nj_buffer_init(out, 8192);
    assert_ok(nj_store_facts_pack(facts, out, &err), &err);
}

static void facts_come_back_from_their_bytes(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer bytes;
    nj_store_facts back;
    nj_store_manifest manifest = example();
    pack(&manifest.facts, &bytes);
    assert_ok(nj_store_facts_unpack(nj_buffer_slice(&bytes), &back, &err), &err);
    assert_null(nj_store_facts_difference(&manifest.facts, &back));
    back.row_count++;
    assert_string_equal(nj_store_facts_difference(&manifest.facts, &back), "row_count");
    nj_buffer_fini(&bytes);
}

static void cut_and_flipped_facts_never_crash_and_cuts_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer bytes;
    nj_store_facts back;
    nj_store_manifest manifest = example();
    pack(&manifest.facts, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(nj_store_facts_unpack((nj_slice){(char *)bytes.bytes, size}, &back, &err),
                         NJ_INPUT);
    }
    unsigned changed = 0;
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        nj_status status = nj_store_facts_unpack(nj_buffer_slice(&bytes), &back, &err);
        changed += status != NJ_OK || nj_store_facts_difference(&manifest.facts, &back) != NULL;
        bytes.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(changed, bytes.size * 8); // no flip goes unseen
    nj_buffer_fini(&bytes);
}

static void a_field_over_its_limit_is_not_packed(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_buffer bytes;
    nj_store_manifest manifest = example();
    nj_buffer_init(&bytes, 8192);
    manifest.facts.row_count = (uint64_t)INT64_MAX + 1;
    assert_refused(nj_store_facts_pack(&manifest.facts, &bytes, &err), NJ_INPUT, &err, "row_count");
    manifest = example();
    memset(manifest.facts.numeric_class, 'x', sizeof manifest.facts.numeric_class);
    assert_refused(nj_store_facts_pack(&manifest.facts, &bytes, &err), NJ_INPUT, &err,
                   "numeric_class is longer");
    manifest = example();
    strcpy(manifest.facts.settings, "\xff");
    assert_refused(nj_store_facts_pack(&manifest.facts, &bytes, &err), NJ_INPUT, &err,
                   "settings is not UTF-8");
    nj_buffer_fini(&bytes);
}

static void a_manifest_comes_back_from_its_file(void **state)
{
    nj_error err = {0};
    nj_store_manifest back;
    nj_store_manifest manifest = example();
    const char *path = sandbox_path(state, "MANIFEST.json");
    assert_ok(nj_store_manifest_write(path, &manifest, &err), &err);
    assert_ok(nj_store_manifest_read(path, &back, &err), &err);
    assert_null(nj_store_facts_difference(&manifest.facts, &back.facts));
    assert_true(back.data_bytes == manifest.data_bytes);
    assert_true(nj_digest_equal(&back.head_digest, &manifest.head_digest));
    assert_true(nj_digest_equal(&back.data_digest, &manifest.data_digest));
}

static void every_cut_of_a_manifest_is_refused(void **state)
{
    nj_error err = {0};
    nj_store_manifest manifest = example();
    char *text = NULL;
    size_t size = 0;
    const char *path = sandbox_path(state, "MANIFEST.json");
    assert_ok(nj_store_manifest_write(path, &manifest, &err), &err);
    assert_ok(nj_file_read(path, NJ_STORE_MANIFEST_BYTES_MAX, &text, &size, &err), &err);
    for (size_t cut = 0; cut < size - 1; cut += 7) { // without its last newline it is whole
        const char *cut_path = sandbox_write(state, "cut.json", text, cut);
        assert_int_equal(nj_store_manifest_read(cut_path, &manifest, &err), NJ_INPUT);
    }
    free(text);
}

static void a_manifest_without_a_key_or_with_a_wrong_one_is_refused(void **state)
{
    static const struct {
        const char *key;
        const char *value; // JSON; NULL removes the key
        const char *says;
    } CASES[] = {
        {"row_count", NULL, "\"row_count\" is missing"},
        {"row_count", "-1", "\"row_count\" is -1"},
        {"row_count", "1.5", "\"row_count\" is not a whole number"},
        {"lmdb_major", "99999999999", "\"lmdb_major\" is 99999999999"},
        {"generation", NULL, "\"generation\" is missing"},
        {"generation", "7", "\"generation\" is not text"},
        {"generation", "\"gen-01ARZ3NDEKTSV4RRFFQ69G5FAVV\"", "the limit is 30"},
        {"data_digest", NULL, "\"data_digest\" is missing"},
        {"data_digest", "\"abc\"", "\"data_digest\" is not 64 hexadecimal digits"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_store_manifest manifest = example();
        json_t *object = json_object();
        assert_ok(nj_store_manifest_to_json(&manifest, object, &err), &err);
        if (CASES[i].value == NULL) {
            assert_int_equal(json_object_del(object, CASES[i].key), 0);
        } else {
            json_t *value = json_loads(CASES[i].value, JSON_DECODE_ANY, NULL);
            assert_int_equal(json_object_set_new(object, CASES[i].key, value), 0);
        }
        char *text = json_dumps(object, 0);
        const char *path = sandbox_write(state, "wrong.json", text, strlen(text));
        assert_refused(nj_store_manifest_read(path, &manifest, &err), NJ_INPUT, &err,
                       CASES[i].says);
        free(text);
        json_decref(object);
    }
}

// Each version of the program has added some keys at the end.
static void a_manifest_of_any_earlier_program_is_read_and_a_gap_is_refused(void **state)
{
    static const char *const LATER[] = {
        "rules_digest",  "since",          "copied_count",    "eligible_digest", "store_id",
        "carried_count", "valid_until_ms", "newest_event_ms", "item_count",      "carried_age"};
    const size_t later_count = sizeof LATER / sizeof LATER[0];
    nj_error err = {0};
    nj_store_manifest manifest = example();
    nj_store_manifest back;
    for (size_t from = 0; from < later_count; from++) {
        for (size_t gap = 0; gap < 2; gap++) {
            json_t *object = json_object();
            manifest.facts.carried_age = 7;
            assert_ok(nj_store_manifest_to_json(&manifest, object, &err), &err);
            for (size_t i = from; i < (gap != 0 ? from + 1 : later_count); i++) {
                assert_int_equal(json_object_del(object, LATER[i]), 0);
            }
            char *text = json_dumps(object, 0);
            const char *path = sandbox_write(state, "older.json", text, strlen(text));
            if (gap != 0 && from + 1 < later_count) {
                assert_refused(nj_store_manifest_read(path, &back, &err), NJ_INPUT, &err,
                               "is missing");
            } else {
                back.facts.item_count = 9;
                assert_ok(nj_store_manifest_read(path, &back, &err), &err);
                assert_int_equal(back.facts.item_count, 0);
            }
            free(text);
            json_decref(object);
        }
    }
}

static void a_manifest_with_keys_of_a_later_version_is_read(void **state)
{
    nj_error err = {0};
    nj_store_manifest manifest = example();
    json_t *object = json_object();
    assert_ok(nj_store_manifest_to_json(&manifest, object, &err), &err);
    assert_int_equal(json_object_set_new(object, "later", json_true()), 0);
    char *text = json_dumps(object, 0);
    const char *path = sandbox_write(state, "later.json", text, strlen(text));
    assert_ok(nj_store_manifest_read(path, &manifest, &err), &err);
    free(text);
    json_decref(object);
}

static void text_for_the_ledger_is_cut_at_a_character_and_stays_utf8(void **state)
{
    (void)state;
    char out[6];
    nj_ledger_text_set(out, sizeof out, nj_slice_from("abc"));
    assert_string_equal(out, "abc");
    nj_ledger_text_set(out, sizeof out, nj_slice_from("abcdefgh"));
    assert_string_equal(out, "abcde");
    nj_ledger_text_set(out, sizeof out, nj_slice_from("abcd\xc3\xa9"));
    assert_string_equal(out, "abcd");
    nj_ledger_text_set(out, sizeof out, nj_slice_from("a\xff\xc3"));
    assert_string_equal(out, "a??");
    nj_ledger_text_set(out, sizeof out, (nj_slice){"a\0b", 3});
    assert_string_equal(out, "a?b");
    nj_ledger_text_set(out, sizeof out, (nj_slice){NULL, 0});
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_come_back_from_their_bytes),
        cmocka_unit_test(cut_and_flipped_facts_never_crash_and_cuts_are_refused),
        cmocka_unit_test(a_field_over_its_limit_is_not_packed),
        cmocka_unit_test_setup_teardown(a_manifest_comes_back_from_its_file, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(every_cut_of_a_manifest_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_manifest_without_a_key_or_with_a_wrong_one_is_refused,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(
            a_manifest_of_any_earlier_program_is_read_and_a_gap_is_refused, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_manifest_with_keys_of_a_later_version_is_read,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(text_for_the_ledger_is_cut_at_a_character_and_stays_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
