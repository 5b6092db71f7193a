#include "common/store/scrub_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/mapped.h"

static nj_status add_ids(nj_scrub_text *text, const nj_erase_ids *ids, size_t first_label)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < ids->list.count && status == NJ_OK; i++) {
        const nj_slice id = nj_erase_ids_at(ids, i);
        if (id.size >= NJ_SCRUB_SEARCHED_BYTES) {
            text->searched++;
            status = nj_byte_search_add(&text->search, id, first_label + i);
        } else {
            text->unsearched++;
        }
    }
    return status;
}

nj_status nj_scrub_text_init(nj_scrub_text *text, const nj_erase_set *set, nj_error *err)
{
    *text = (nj_scrub_text){.set = set};
    nj_byte_search_init(&text->search);
    nj_status status = add_ids(text, &set->users, 0);
    if (status == NJ_OK) {
        status = add_ids(text, &set->items, set->users.list.count);
    }
    if (status == NJ_OK) {
        status = nj_byte_search_build(&text->search);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory to look for the ids");
}

void nj_scrub_text_fini(nj_scrub_text *text)
{
    nj_byte_search_fini(&text->search);
}

static bool is_word(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

bool nj_scrub_text_find(const nj_scrub_text *text, nj_slice bytes, size_t from, nj_byte_hit *out)
{
    while (nj_byte_search_next(&text->search, bytes, from, out)) {
        const size_t end = out->at + out->size;
        const bool begins = out->at == 0 || !is_word(bytes.bytes[out->at - 1]);
        if (begins && (end == bytes.size || !is_word(bytes.bytes[end]))) {
            return true;
        }
        from = out->at + 1;
    }
    return false;
}

nj_status nj_scrub_plain(const nj_scrub_text *text, nj_slice bytes, nj_buffer *out,
                         uint64_t *out_count)
{
    nj_byte_hit hit;
    size_t at = 0;
    nj_status status = NJ_OK;
    while (status == NJ_OK && nj_scrub_text_find(text, bytes, at, &hit)) {
        status = nj_buffer_append(out, bytes.bytes + at, hit.at - at);
        if (status == NJ_OK) {
            status = nj_buffer_printf(out, "%s", NJ_SCRUB_ERASED);
        }
        at = hit.at + hit.size;
        ++*out_count;
    }
    return status == NJ_OK ? nj_buffer_append(out, bytes.bytes + at, bytes.size - at) : status;
}

// ---- the strings of JSON ----

static unsigned read_hex(const char *at)
{
    unsigned value = 0;
    for (unsigned i = 0; i < 4; i++) {
        const char c = at[i];
        value = value << 4 | (c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                              : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                              : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                     : 0);
    }
    return value;
}

static nj_status append_point(nj_buffer *out, unsigned point)
{
    char bytes[4];
    size_t size = 0;
    if (point < 0x80) {
        bytes[size++] = (char)point;
    } else if (point < 0x800) {
        bytes[size++] = (char)(0xc0 | point >> 6);
        bytes[size++] = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        bytes[size++] = (char)(0xe0 | point >> 12);
        bytes[size++] = (char)(0x80 | (point >> 6 & 0x3f));
        bytes[size++] = (char)(0x80 | (point & 0x3f));
    } else {
        bytes[size++] = (char)(0xf0 | point >> 18);
        bytes[size++] = (char)(0x80 | (point >> 12 & 0x3f));
        bytes[size++] = (char)(0x80 | (point >> 6 & 0x3f));
        bytes[size++] = (char)(0x80 | (point & 0x3f));
    }
    return nj_buffer_append(out, bytes, size);
}

// One escape at `bytes[at]`, which is a backslash; returns the bytes that it takes.
static size_t read_escape(nj_slice bytes, size_t at, unsigned *out)
{
    static const char FROM[] = "bfnrt";
    static const char TO[] = "\b\f\n\r\t";
    const size_t left = bytes.size - at;
    const char kind = left > 1 ? bytes.bytes[at + 1] : '\\';
    const char *known = kind != '\0' ? strchr(FROM, kind) : NULL;
    *out = known != NULL ? (unsigned)TO[known - FROM] : (unsigned char)kind;
    if (kind != 'u' || left < 6) {
        return left > 1 ? 2 : 1;
    }
    *out = read_hex(bytes.bytes + at + 2);
    const bool is_high = *out >= 0xd800 && *out < 0xdc00;
    if (is_high && left >= 12 && memcmp(bytes.bytes + at + 6, "\\u", 2) == 0) {
        const unsigned low = read_hex(bytes.bytes + at + 8);
        *out = 0x10000 + ((*out - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
        return 12;
    }
    return 6;
}

static nj_status unescape(nj_slice raw, nj_buffer *out)
{
    nj_status status = NJ_OK;
    for (size_t at = 0; at < raw.size && status == NJ_OK;) {
        unsigned point = 0;
        if (raw.bytes[at] == '\\') {
            at += read_escape(raw, at, &point);
            status = append_point(out, point);
        } else {
            status = nj_buffer_append(out, raw.bytes + at, 1);
            at++;
        }
    }
    return status;
}

// Where the string that begins at `from` ends: its quote, or the end of the bytes.
static size_t find_quote(nj_slice bytes, size_t from)
{
    while (from < bytes.size && bytes.bytes[from] != '"') {
        from += bytes.bytes[from] == '\\' && from + 1 < bytes.size ? 2 : 1;
    }
    return from;
}

// The string without its quotes; what is not changed goes out as it came.
static nj_status scrub_string(const nj_scrub_text *text, nj_slice raw, nj_buffer *out,
                              uint64_t *out_count)
{
    nj_buffer plain;
    nj_buffer clean;
    const uint64_t before = *out_count;
    nj_buffer_init(&plain, NJ_SCRUB_LINE_BYTES_MAX);
    nj_buffer_init(&clean, 2 * NJ_SCRUB_LINE_BYTES_MAX);
    nj_slice said = raw;
    nj_status status = NJ_OK;
    if (raw.size > 0 && memchr(raw.bytes, '\\', raw.size) != NULL) {
        status = unescape(raw, &plain);
        said = nj_buffer_slice(&plain);
    }
    if (status == NJ_OK &&
        (nj_erase_has_user(text->set, said) || nj_erase_has_item(text->set, said))) {
        status = nj_buffer_printf(&clean, "%s", NJ_SCRUB_ERASED);
        ++*out_count;
    } else if (status == NJ_OK) {
        status = nj_scrub_plain(text, said, &clean, out_count);
    }
    if (status == NJ_OK && *out_count == before) {
        status = nj_buffer_printf(out, "\"");
        status = status == NJ_OK ? nj_buffer_append(out, raw.bytes, raw.size) : status;
        status = status == NJ_OK ? nj_buffer_printf(out, "\"") : status;
    } else if (status == NJ_OK) {
        status = nj_buffer_json_string(out, nj_buffer_slice(&clean));
    }
    nj_buffer_fini(&plain);
    nj_buffer_fini(&clean);
    return status;
}

nj_status nj_scrub_json(const nj_scrub_text *text, nj_slice bytes, nj_buffer *out,
                        uint64_t *out_count)
{
    nj_status status = NJ_OK;
    size_t at = 0;
    while (at < bytes.size && status == NJ_OK) {
        const char *quote = memchr(bytes.bytes + at, '"', bytes.size - at);
        const size_t start = quote != NULL ? (size_t)(quote - bytes.bytes) : bytes.size;
        status = nj_buffer_append(out, bytes.bytes + at, start - at);
        at = start;
        if (status == NJ_OK && start < bytes.size) {
            const size_t end = find_quote(bytes, start + 1);
            const size_t stop = end < bytes.size ? end : bytes.size;
            status = scrub_string(text, (nj_slice){bytes.bytes + start + 1, stop - start - 1}, out,
                                  out_count);
            at = stop + 1;
        }
    }
    return status;
}

// ---- a file of lines ----

static nj_status write_lines(const nj_scrub_text *text, nj_slice rest, FILE *stream,
                             uint64_t *out_count, nj_error *err)
{
    nj_buffer line;
    nj_buffer_init(&line, 2 * NJ_SCRUB_LINE_BYTES_MAX);
    nj_status status = NJ_OK;
    while (rest.size > 0 && status == NJ_OK) {
        const char *end = memchr(rest.bytes, '\n', rest.size);
        const size_t size = end != NULL ? (size_t)(end - rest.bytes) + 1 : rest.size;
        const nj_slice is = {rest.bytes, size};
        nj_buffer_clear(&line);
        status = is.bytes[0] == '{' ? nj_scrub_json(text, is, &line, out_count)
                                    : nj_scrub_plain(text, is, &line, out_count);
        if (status != NJ_OK) {
            status = nj_fail(err, status, "no memory for a line of %zu bytes", size);
        } else if (fwrite(line.bytes, 1, line.size, stream) != line.size) {
            status = nj_fail_errno(err, NJ_IO, errno, "cannot write");
        }
        rest = (nj_slice){rest.bytes + size, rest.size - size};
    }
    nj_buffer_fini(&line);
    return status;
}

nj_status nj_scrub_lines_file(const nj_scrub_text *text, const char *path, uint64_t *out_count,
                              nj_error *err)
{
    nj_mapped file = {0};
    nj_file_draft draft = {0};
    uint64_t count = 0;
    nj_status status = nj_mapped_open(path, &file, err);
    if (status == NJ_OK) {
        nj_file_sweep(path);
        status = nj_file_draft_begin(path, &draft, err);
    }
    if (status == NJ_OK) {
        status = write_lines(text, (nj_slice){(const char *)file.bytes, file.size}, draft.stream,
                             &count, err);
        if (status != NJ_OK) {
            nj_error_prefix(err, "%s", path);
        }
    }
    if (status == NJ_OK && count > 0) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    nj_mapped_close(&file);
    *out_count = count;
    return status;
}
