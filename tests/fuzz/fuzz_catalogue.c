// fuzz_catalogue.c - a catalogue folder: each part is one of its files (kind: its place in FILES); a file without a part is
// empty.
//
// catalogue.json has the fingerprints of the other files, which no mutation would find: where one is refused, the number that
// was found is put in its place and the folder is read again.
#include "common/base/digest.h"
#include "common/catalogue/catalogue.h"
#include "tests/fuzz/folder.h"

#define HEX_CHARS (NJ_DIGEST_HEX_BYTES - 1)
#define MENDS_MAX 3 // items, SIDs, codebooks

static const char *const FILES[] = {"catalogue.json", "items.txt", "sids.npy",
                                    "codebooks.safetensors"};
#define FILE_COUNT (sizeof FILES / sizeof FILES[0])

static char json[65536]; // catalogue.json as it is in the folder
static size_t json_bytes;

// A refusal reads "...: fingerprint is <found>, catalogue.json says <stated>".
static bool mend_fingerprint(const char *text)
{
    static const char FOUND[] = "fingerprint is ";
    static const char STATED[] = " says ";
    const char *found = strstr(text, FOUND);
    const char *stated = found != NULL ? strstr(found, STATED) : NULL;
    if (stated == NULL) {
        return false;
    }
    char *place = memmem(json, json_bytes, stated + strlen(STATED), HEX_CHARS);
    if (place == NULL) {
        return false; // it is written in capitals
    }
    memcpy(place, found + strlen(FOUND), HEX_CHARS);
    fuzz_folder_write(FILES[0], json, json_bytes);
    return true;
}

static void write_files(const uint8_t *data, size_t size)
{
    fuzz_parts parts = {data, size};
    fuzz_part part;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        fuzz_folder_write(FILES[i], "", 0);
    }
    json_bytes = 0;
    while (fuzz_next_part(&parts, &part)) {
        size_t place = part.kind % FILE_COUNT;
        fuzz_folder_write(FILES[place], part.bytes, part.size);
        if (place == 0) {
            memcpy(json, part.bytes, part.size);
            json_bytes = part.size;
        }
    }
}

static void check_catalogue(const nj_catalogue *catalogue)
{
    const nj_sids *sids = &catalogue->sids;
    fuzz_check(catalogue->items.count == sids->row_count, "every item has a SID");
    for (size_t i = 0; i < (size_t)sids->row_count * sids->level_count; i++) {
        fuzz_check(sids->codes[i] < sids->codes_per_level[i % sids->level_count],
                   "codes are below K");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_catalogue *catalogue = NULL;
    nj_error err;
    nj_status status = NJ_REFUSED;
    write_files(data, size);
    for (unsigned mends = 0; status == NJ_REFUSED && mends <= MENDS_MAX; mends++) {
        status = nj_catalogue_read(fuzz_folder_path(), &catalogue, &err);
        // NJ_CONFIG: its ids begin as Parquet does, and there is no library to read them
        fuzz_check(status == NJ_OK || status == NJ_INPUT || status == NJ_REFUSED ||
                       status == NJ_CONFIG,
                   "a catalogue is accepted or refused");
        if (status == NJ_REFUSED && !mend_fingerprint(err.text)) {
            break;
        }
    }
    if (status == NJ_OK) {
        check_catalogue(catalogue);
    }
    nj_catalogue_free(&catalogue);
    return 0;
}
