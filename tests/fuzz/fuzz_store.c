// fuzz_store.c - a store with one generation: each part is one of its files (kind: CURRENT, MANIFEST.json, data.mdb).
//
// The generation is looked at as it is, and once more with a manifest that was made to match data.mdb: then no digest stands
// between the reader and its pages.
#include "common/base/digest.h"
#include "common/store/publish.h"
#include "common/store/reader.h"
#include "common/store/schema.h"
#include "tests/fuzz/folder.h"

#define GENERATION "gen-01HF7YAT00AAAAAAAAAAAAAAAA"
#define DATA_BYTES_MAX 65536

static uint8_t data_mdb[DATA_BYTES_MAX];
static size_t data_bytes;

static void write_files(const uint8_t *data, size_t size)
{
    static const char *const FILES[] = {"CURRENT", GENERATION "/MANIFEST.json",
                                        GENERATION "/data.mdb"};
    fuzz_parts parts = {data, size};
    fuzz_part part;
    nj_path folder;
    nj_error err;
    fuzz_check(nj_path_join(fuzz_folder_path(), GENERATION, &folder, &err) == NJ_OK &&
                   nj_folder_make(folder.text, &err) == NJ_OK,
               "a folder can be made");
    for (size_t i = 0; i < 3; i++) {
        fuzz_folder_write(FILES[i], "", 0);
    }
    data_bytes = 0;
    while (fuzz_next_part(&parts, &part)) {
        fuzz_folder_write(FILES[part.kind % 3], part.bytes, part.size);
        if (part.kind % 3 == 2) {
            memcpy(data_mdb, part.bytes, part.size);
            data_bytes = part.size;
        }
    }
}

// False when there is no manifest to mend, or too little data for one.
static bool mend_manifest(void)
{
    nj_store_manifest manifest;
    nj_path path;
    nj_error err;
    fuzz_check(nj_path_join(fuzz_folder_path(), GENERATION "/MANIFEST.json", &path, &err) == NJ_OK,
               "the path is short");
    if (data_bytes < NJ_STORE_HEAD_BYTES ||
        nj_store_manifest_read(path.text, &manifest, &err) != NJ_OK) {
        return false;
    }
    manifest.data_bytes = data_bytes;
    manifest.head_digest = nj_digest_of(data_mdb, NJ_STORE_HEAD_BYTES);
    manifest.data_digest = nj_digest_of(data_mdb, data_bytes);
    fuzz_check(nj_store_manifest_write(path.text, &manifest, &err) == NJ_OK,
               "an accepted manifest can be written");
    return true;
}

static void check_refusal(nj_status status)
{
    fuzz_check(status == NJ_OK || status == NJ_REFUSED || status == NJ_CONFIG ||
                   status == NJ_NOT_FOUND || status == NJ_IO,
               "a store is accepted or refused");
}

// Every byte of a value is there.
static void read_value(nj_slice value)
{
    static volatile char sink;
    for (size_t i = 0; i < value.size; i++) {
        sink = value.bytes[i];
    }
    (void)sink;
}

static void verify(const char *name)
{
    nj_store_manifest manifest;
    nj_store_reader *reader = NULL;
    nj_slice value;
    nj_error err;
    nj_status status = nj_store_verify(fuzz_folder_path(), name, &manifest, &err);
    check_refusal(status);
    if (status == NJ_OK) {
        fuzz_check(nj_store_reader_open(fuzz_folder_path(), name, &reader, &err) == NJ_OK,
                   "a verified generation can be opened");
    } else if (nj_store_reader_open(fuzz_folder_path(), name, &reader, &err) != NJ_OK) {
        return;
    }
    static const char *const USERS[] = {"0", "1", "2", "31", "u05", "u32", "u39", "zz"};
    for (size_t i = 0; i < sizeof USERS / sizeof USERS[0]; i++) {
        status = nj_store_get(reader, nj_slice_from(USERS[i]), &value, &err);
        check_refusal(status);
        if (status == NJ_OK) {
            read_value(value);
        }
    }
    nj_store_reader_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_store_listing listing;
    nj_error err;
    write_files(data, size);
    verify(NULL);
    fuzz_check(nj_store_list(fuzz_folder_path(), &listing, &err) == NJ_OK && listing.count == 1,
               "a generation is listed whatever it holds");
    nj_store_listing_fini(&listing);
    if (mend_manifest()) {
        verify(GENERATION);
    }
    return 0;
}
