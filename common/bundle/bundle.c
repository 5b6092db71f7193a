#include "common/bundle/bundle.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "common/base/mapped.h"

#define MAGIC "NJBUNDLE"
#define TABLE_OFFSET 64
#define DATA_UNIT 4096
#define SECTION_UNIT 64

// On disk, little-endian. The table's digest covers every section's digest, so it stands for the whole file.
typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t section_count;
    uint8_t table_digest[NJ_DIGEST_BYTES];
    uint8_t reserved[16];
} file_header;

typedef struct {
    char name[NJ_SECTION_NAME_BYTES];
    uint64_t offset;
    uint64_t size;
    uint8_t digest[NJ_DIGEST_BYTES];
} file_entry;

_Static_assert(sizeof(file_header) == TABLE_OFFSET, "the header is 64 bytes");
_Static_assert(sizeof(file_entry) == 80, "a table entry is 80 bytes");

struct nj_bundle {
    nj_mapped file;
    nj_path path;
    nj_sections sections;
};

const nj_section *nj_sections_find(const nj_sections *sections, const char *name)
{
    for (size_t i = 0; i < sections->count; i++) {
        if (strcmp(sections->sections[i].name, name) == 0) {
            return &sections->sections[i];
        }
    }
    return NULL;
}

void nj_sections_remove(nj_sections *sections, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < sections->count; i++) {
        if (strcmp(sections->sections[i].name, name) != 0) {
            sections->sections[kept++] = sections->sections[i];
        }
    }
    sections->count = kept;
}

void nj_sections_put(nj_sections *sections, const char *name, const void *bytes, size_t size)
{
    nj_sections_remove(sections, name);
    assert(sections->count < NJ_BUNDLE_SECTIONS_MAX && strlen(name) < NJ_SECTION_NAME_BYTES);
    nj_section *section = &sections->sections[sections->count++];
    *section = (nj_section){.bytes = bytes, .size = size};
    strncpy(section->name, name, sizeof section->name - 1);
    qsort(sections->sections, sections->count, sizeof *section, nj_section_compare);
}

nj_digest nj_sections_digest(const nj_sections *sections)
{
    nj_digester digester;
    nj_digester_init(&digester);
    for (size_t i = 0; i < sections->count; i++) {
        const nj_section *section = &sections->sections[i];
        nj_digester_update_sized(&digester, section->name, strlen(section->name));
        nj_digester_update_u64(&digester, section->size);
        nj_digester_update(&digester, section->digest.bytes, sizeof section->digest.bytes);
    }
    return nj_digester_final(&digester);
}

nj_status nj_section_verify(const nj_section *section, nj_error *err)
{
    nj_digest found = nj_digest_of(section->bytes, section->size);
    if (nj_digest_equal(&found, &section->digest)) {
        return NJ_OK;
    }
    char found_hex[NJ_DIGEST_HEX_BYTES];
    char stated_hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&found, found_hex);
    nj_digest_hex(&section->digest, stated_hex);
    return nj_fail(err, NJ_REFUSED, "section \"%s\" has digest %.16s..., the table says %.16s...",
                   section->name, found_hex, stated_hex);
}

static bool name_is_valid(const char *name)
{
    size_t length = strnlen(name, NJ_SECTION_NAME_BYTES);
    if (length == 0 || length == NJ_SECTION_NAME_BYTES) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool is_word =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
        if (!is_word) {
            return false;
        }
    }
    return true;
}

// Entries stand in order of name, and their bytes in the same order without overlap.
static nj_status read_entry(const nj_bundle *bundle, const file_entry *entry, uint64_t *data_end,
                            nj_section *out, nj_error *err)
{
    const char *path = bundle->path.text;
    if (!name_is_valid(entry->name)) {
        return nj_fail(err, NJ_INPUT, "bundle \"%s\": a section has no valid name", path);
    }
    if (entry->offset % SECTION_UNIT != 0 || entry->offset < *data_end ||
        entry->offset > bundle->file.size || entry->size > bundle->file.size - entry->offset) {
        return nj_fail(err, NJ_INPUT,
                       "bundle \"%s\": section \"%s\" lies at %" PRIu64 " with %" PRIu64
                       " bytes; the file has %zu and the section before ends at %" PRIu64,
                       path, entry->name, entry->offset, entry->size, bundle->file.size, *data_end);
    }
    memcpy(out->name, entry->name, sizeof out->name);
    out->bytes = bundle->file.bytes + entry->offset;
    out->size = (size_t)entry->size;
    memcpy(out->digest.bytes, entry->digest, sizeof out->digest.bytes);
    *data_end = entry->offset + entry->size;
    return NJ_OK;
}

static nj_status read_table(nj_bundle *bundle, nj_error *err)
{
    const char *path = bundle->path.text;
    const file_header *header = (const file_header *)(const void *)bundle->file.bytes;
    if (bundle->file.size < sizeof *header ||
        memcmp(header->magic, MAGIC, sizeof header->magic) != 0) {
        return nj_fail(err, NJ_INPUT, "bundle \"%s\": not a nightjar bundle (%zu bytes)", path,
                       bundle->file.size);
    }
    if (header->version != NJ_BUNDLE_VERSION) {
        return nj_fail(err, NJ_INPUT, "bundle \"%s\": version %" PRIu32 ", this program reads %d",
                       path, header->version, NJ_BUNDLE_VERSION);
    }
    size_t count = header->section_count;
    if (count > NJ_BUNDLE_SECTIONS_MAX ||
        bundle->file.size < TABLE_OFFSET + count * sizeof(file_entry)) {
        return nj_fail(err, NJ_INPUT, "bundle \"%s\": %zu sections; at most %d fit, in %zu bytes",
                       path, count, NJ_BUNDLE_SECTIONS_MAX, bundle->file.size);
    }
    const file_entry *entries =
        (const file_entry *)(const void *)(bundle->file.bytes + TABLE_OFFSET);
    nj_digest digest = nj_digest_of(entries, count * sizeof *entries);
    if (memcmp(digest.bytes, header->table_digest, sizeof digest.bytes) != 0) {
        return nj_fail(err, NJ_INPUT, "bundle \"%s\": the section table is damaged", path);
    }
    uint64_t data_end = TABLE_OFFSET + count * sizeof(file_entry);
    for (size_t i = 0; i < count; i++) {
        nj_status status =
            read_entry(bundle, &entries[i], &data_end, &bundle->sections.sections[i], err);
        if (status != NJ_OK) {
            return status;
        }
        if (i > 0 && strcmp(entries[i - 1].name, entries[i].name) >= 0) {
            return nj_fail(err, NJ_INPUT, "bundle \"%s\": section \"%s\" is out of order", path,
                           entries[i].name);
        }
    }
    if (data_end != bundle->file.size) {
        return nj_fail(err, NJ_INPUT,
                       "bundle \"%s\": sections end at byte %" PRIu64 ", the file at %zu", path,
                       data_end, bundle->file.size);
    }
    bundle->sections.count = count;
    return NJ_OK;
}

nj_status nj_bundle_open(const char *path, nj_bundle **out, nj_error *err)
{
    nj_bundle *bundle = calloc(1, sizeof *bundle);
    if (bundle == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to open a bundle");
    }
    snprintf(bundle->path.text, sizeof bundle->path.text, "%s", path);
    nj_status status = nj_mapped_open(path, &bundle->file, err);
    if (status == NJ_OK) {
        status = read_table(bundle, err);
    }
    if (status != NJ_OK) {
        nj_bundle_close(&bundle);
        return status;
    }
    *out = bundle;
    return NJ_OK;
}

void nj_bundle_close(nj_bundle **bundle)
{
    if (*bundle != NULL) {
        nj_mapped_close(&(*bundle)->file);
        free(*bundle);
        *bundle = NULL;
    }
}

const nj_sections *nj_bundle_sections(const nj_bundle *bundle)
{
    return &bundle->sections;
}

// What no digest covers holds nothing.
static nj_status check_gap(const nj_bundle *bundle, size_t begin, size_t end, nj_error *err)
{
    for (size_t at = begin; at < end; at++) {
        if (bundle->file.bytes[at] != 0) {
            return nj_fail(err, NJ_REFUSED, "bundle \"%s\": byte %zu is %u, a gap holds zeros",
                           bundle->path.text, at, bundle->file.bytes[at]);
        }
    }
    return NJ_OK;
}

nj_status nj_bundle_verify(const nj_bundle *bundle, nj_error *err)
{
    size_t end = TABLE_OFFSET + bundle->sections.count * sizeof(file_entry);
    nj_status status = check_gap(bundle, offsetof(file_header, reserved), TABLE_OFFSET, err);
    for (size_t i = 0; i < bundle->sections.count && status == NJ_OK; i++) {
        const nj_section *section = &bundle->sections.sections[i];
        size_t begin = (size_t)((const uint8_t *)section->bytes - bundle->file.bytes);
        status = check_gap(bundle, end, begin, err);
        end = begin + section->size;
        if (status == NJ_OK) {
            status = nj_section_verify(section, err);
            if (status != NJ_OK) {
                nj_error_prefix(err, "bundle \"%s\"", bundle->path.text);
            }
        }
    }
    return status;
}

int nj_section_compare(const void *a, const void *b)
{
    return strcmp(((const nj_section *)a)->name, ((const nj_section *)b)->name);
}

// Digests the sections and lays them out; the entries are complete afterwards.
static nj_status plan_file(nj_sections *sections, file_entry *entries, nj_error *err)
{
    qsort(sections->sections, sections->count, sizeof sections->sections[0], nj_section_compare);
    size_t table_end = TABLE_OFFSET + sections->count * sizeof *entries;
    uint64_t offset = nj_round_up(table_end, DATA_UNIT);
    for (size_t i = 0; i < sections->count; i++) {
        nj_section *section = &sections->sections[i];
        if (!name_is_valid(section->name) ||
            (i > 0 && strcmp(sections->sections[i - 1].name, section->name) == 0)) {
            return nj_fail(err, NJ_FAILED, "section name \"%.31s\" is invalid or used twice",
                           section->name);
        }
        section->digest = nj_digest_of(section->bytes, section->size);
        offset = nj_round_up(offset, SECTION_UNIT);
        memcpy(entries[i].name, section->name, sizeof entries[i].name);
        entries[i].offset = offset;
        entries[i].size = section->size;
        memcpy(entries[i].digest, section->digest.bytes, sizeof entries[i].digest);
        offset += section->size;
    }
    return NJ_OK;
}

static void write_at(FILE *stream, uint64_t *at, uint64_t offset, const void *bytes, size_t size)
{
    static const char ZEROS[DATA_UNIT];
    while (*at < offset) {
        size_t gap = nj_min_size((size_t)(offset - *at), sizeof ZEROS);
        fwrite(ZEROS, 1, gap, stream);
        *at += gap;
    }
    if (size > 0) {
        fwrite(bytes, 1, size, stream);
        *at += size;
    }
}

nj_status nj_bundle_write(const char *path, nj_sections *sections, nj_error *err)
{
    file_entry entries[NJ_BUNDLE_SECTIONS_MAX] = {0};
    nj_status status = plan_file(sections, entries, err);
    if (status != NJ_OK) {
        return status;
    }
    size_t table_bytes = sections->count * sizeof entries[0];
    file_header header = {.magic = {'N', 'J', 'B', 'U', 'N', 'D', 'L', 'E'},
                          .version = NJ_BUNDLE_VERSION,
                          .section_count = (uint32_t)sections->count};
    nj_digest digest = nj_digest_of(entries, table_bytes);
    memcpy(header.table_digest, digest.bytes, sizeof header.table_digest);

    nj_file_draft draft;
    status = nj_file_draft_begin(path, &draft, err);
    if (status != NJ_OK) {
        return status;
    }
    uint64_t at = 0;
    write_at(draft.stream, &at, 0, &header, sizeof header);
    write_at(draft.stream, &at, TABLE_OFFSET, entries, table_bytes);
    for (size_t i = 0; i < sections->count; i++) {
        write_at(draft.stream, &at, entries[i].offset, sections->sections[i].bytes,
                 sections->sections[i].size);
    }
    return nj_file_draft_commit(&draft, err);
}
