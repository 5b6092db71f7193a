#include "common/input/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "common/base/file.h"

#define FIRST_BYTES (256u << 10)

nj_status nj_lines_open(const char *path, size_t line_bytes_max, nj_lines *out, nj_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    nj_lines lines = {.name = is_stdin ? "standard input" : path, .line_bytes_max = line_bytes_max};
    lines.fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (lines.fd < 0) {
        return nj_fail_open(err, errno, path);
    }
    struct stat about;
    nj_status status = NJ_OK;
    if (fstat(lines.fd, &about) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot stat", lines.name);
    } else if (S_ISDIR(about.st_mode)) {
        status = nj_fail(err, NJ_INPUT, "%s: is a folder, not a file", lines.name);
    }
    // Room for the longest line, its CR LF and a byte order mark tells a line at the limit from one
    // beyond it.
    lines.capacity = nj_min_size(FIRST_BYTES, line_bytes_max + 5);
    lines.bytes = status == NJ_OK ? malloc(lines.capacity) : NULL;
    if (status == NJ_OK && lines.bytes == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", lines.name);
    }
    if (status != NJ_OK) {
        nj_lines_close(&lines);
        return status;
    }
    *out = lines;
    return NJ_OK;
}

void nj_lines_close(nj_lines *lines)
{
    if (lines->fd > STDIN_FILENO) {
        close(lines->fd);
    }
    free(lines->bytes);
    *lines = (nj_lines){.fd = -1};
}

nj_status nj_lines_fail(const nj_lines *lines, uint64_t number, nj_error *err, const char *format,
                        ...)
{
    char rule[NJ_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rule, sizeof rule, format, arguments);
    va_end(arguments);
    return nj_fail(err, NJ_INPUT, "%s: line %" PRIu64 ": %s", lines->name, number, rule);
}

static nj_status fail_long_line(const nj_lines *lines, nj_error *err)
{
    return nj_lines_fail(lines, lines->number + 1, err, "is longer than %zu bytes",
                         lines->line_bytes_max);
}

// Moves what is left to the front, grows a full buffer, and reads once.
static nj_status fill(nj_lines *lines, nj_error *err)
{
    memmove(lines->bytes, lines->bytes + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    if (lines->end == lines->capacity) {
        size_t most = lines->line_bytes_max + 5;
        if (lines->capacity == most) {
            return fail_long_line(lines, err);
        }
        size_t capacity = nj_min_size(lines->capacity * 2, most);
        char *bytes = realloc(lines->bytes, capacity);
        if (bytes == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: line %" PRIu64 ": no memory for its %zu bytes",
                           lines->name, lines->number + 1, capacity);
        }
        lines->bytes = bytes;
        lines->capacity = capacity;
    }
    ssize_t got;
    do {
        got = read(lines->fd, lines->bytes + lines->end, lines->capacity - lines->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", lines->name);
    }
    lines->at_end = got == 0;
    lines->end += (size_t)got;
    return NJ_OK;
}

// Finds the end of the line that starts at `begin`, reading on as long as none is there.
static nj_status find_end(nj_lines *lines, size_t *out_size, bool *out_newline, nj_error *err)
{
    size_t searched = 0;
    for (;;) {
        size_t size = lines->end - lines->begin;
        char *start = lines->bytes + lines->begin;
        char *newline = size == searched ? NULL : memchr(start + searched, '\n', size - searched);
        if (newline != NULL || lines->at_end) {
            *out_size = newline != NULL ? (size_t)(newline - start) : size;
            *out_newline = newline != NULL;
            return NJ_OK;
        }
        searched = size;
        nj_status status = fill(lines, err);
        if (status != NJ_OK) {
            return status;
        }
    }
}

nj_status nj_lines_next(nj_lines *lines, char **out_line, size_t *out_size, nj_error *err)
{
    size_t size;
    bool has_newline;
    nj_status status = find_end(lines, &size, &has_newline, err);
    if (status != NJ_OK) {
        return status;
    }
    if (size == 0 && !has_newline) {
        return NJ_END;
    }
    char *line = lines->bytes + lines->begin;
    lines->begin += size + (has_newline ? 1 : 0);
    if (lines->number == 0 && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        size -= 3;
    }
    if (size > 0 && line[size - 1] == '\r') {
        size--;
    }
    if (size > lines->line_bytes_max) {
        return fail_long_line(lines, err);
    }
    lines->number++;
    if (lines->number == 1 && size >= 2 && memcmp(line, "\x1f\x8b", 2) == 0) {
        return nj_lines_fail(lines, lines->number, err, "is compressed by gzip: unpack it first");
    }
    if (size > 0 && memchr(line, '\0', size) != NULL) {
        return nj_lines_fail(lines, lines->number, err, "contains a NUL byte");
    }
    *out_line = line;
    *out_size = size;
    return NJ_OK;
}

nj_status nj_lines_each(const char *path, size_t line_bytes_max,
                        nj_status (*take)(void *context, const nj_lines *lines, nj_slice line,
                                          nj_error *err),
                        void *context, nj_error *err)
{
    nj_lines lines;
    char *line;
    size_t size;
    nj_status status = nj_lines_open(path, line_bytes_max, &lines, err);
    if (status != NJ_OK) {
        return status;
    }
    while ((status = nj_lines_next(&lines, &line, &size, err)) == NJ_OK) {
        status = take(context, &lines, (nj_slice){line, size}, err);
        if (status != NJ_OK) {
            break;
        }
    }
    nj_lines_close(&lines);
    return status == NJ_END ? NJ_OK : status;
}
