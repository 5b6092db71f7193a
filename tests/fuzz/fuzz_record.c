// fuzz_record.c - any bytes as what a store keeps beside its rows; the first byte says which: __meta__, a ledger record, the staging
// record, a key, a line of CURRENT.
#include "common/store/facts.h"
#include "common/store/generation.h"
#include "common/store/key.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/records.h"

static void check_record(const nj_record_table *table, nj_slice bytes, void *record, void *again)
{
    nj_buffer packed;
    nj_error err;
    nj_status status = nj_record_unpack(table, bytes, record, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a record is accepted or malformed");
    if (status != NJ_OK) {
        return;
    }
    nj_buffer_init(&packed, 65536);
    fuzz_check(nj_record_pack(table, record, &packed, &err) == NJ_OK &&
                   nj_record_unpack(table, nj_buffer_slice(&packed), again, &err) == NJ_OK &&
                   nj_record_difference(table, record, again) == NULL,
               "a record that is packed and unpacked is the same");
    nj_buffer_fini(&packed);
}

static void check_facts(nj_slice bytes)
{
    nj_store_facts facts;
    nj_store_facts again;
    nj_buffer packed;
    nj_error err;
    nj_status status = nj_store_facts_unpack(bytes, &facts, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "facts are accepted or malformed");
    if (status != NJ_OK) {
        return;
    }
    nj_buffer_init(&packed, 65536);
    fuzz_check(nj_store_facts_pack(&facts, &packed, &err) == NJ_OK &&
                   nj_store_facts_unpack(nj_buffer_slice(&packed), &again, &err) == NJ_OK &&
                   nj_store_facts_difference(&facts, &again) == NULL,
               "facts that are packed and unpacked are the same");
    nj_buffer_fini(&packed);
}

static void check_key(nj_slice bytes)
{
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user;
    nj_store_key key;
    nj_error err;
    nj_status status = nj_store_key_unpack(bytes, digits, &user, &err);
    fuzz_check(status == NJ_OK || status == NJ_INPUT, "a key is accepted or malformed");
    fuzz_check(status != NJ_OK || (nj_store_key_pack(user, &key, &err) == NJ_OK &&
                                   nj_slice_equal(bytes, (nj_slice){(char *)key.bytes, key.size})),
               "a user's key is the key that was read");
}

static void check_name(nj_slice bytes)
{
    nj_store_name name;
    if (nj_store_name_parse(bytes, &name)) {
        fuzz_check(strlen(name.text) == NJ_STORE_NAME_CHARS && strchr(name.text, '/') == NULL,
                   "a name is no path");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nj_ledger_record ledger[2];
    static nj_staging_facts staging[2];
    if (size == 0) {
        return 0;
    }
    nj_slice bytes = {(const char *)data + 1, size - 1};
    switch (data[0] % 5) {
    case 0:
        check_facts(bytes);
        break;
    case 1:
        check_record(&LEDGER, bytes, &ledger[0], &ledger[1]);
        break;
    case 2:
        check_record(&STAGING, bytes, &staging[0], &staging[1]);
        break;
    case 3:
        check_key(bytes);
        break;
    default:
        check_name(bytes);
    }
    return 0;
}
