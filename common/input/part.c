#include "common/input/part.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/input/spool.h"

static nj_status check_folder(const nj_part *part, nj_error *err)
{
    struct stat about;
    if (fstat(part->fd, &about) != 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot stat", part->name);
    }
    return S_ISDIR(about.st_mode)
               ? nj_fail(err, NJ_INPUT, "%s: is a folder, not a file", part->name)
               : NJ_OK;
}

// DuckDB reads from any place of a file, so a pipe becomes one.
static nj_status open_parquet(nj_part *part, const nj_parquet_shape *shapes, size_t shape_count,
                              nj_error *err)
{
    nj_status status = NJ_OK;
    if (shape_count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: is Parquet, must be text: write it as CSV or JSON lines",
                       part->name);
    }
    if (lseek(part->fd, 0, SEEK_CUR) < 0) {
        status = nj_spool(part->unpack, part->name, &part->fd, err);
    }
    nj_unpack_close(&part->unpack);
    return status == NJ_OK
               ? nj_parquet_open(part->fd, part->name, shapes, shape_count, &part->parquet, err)
               : status;
}

nj_status nj_part_open(const char *path, const nj_parquet_shape *shapes, size_t shape_count,
                       nj_part *out, nj_error *err)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const bool is_named = !is_stdin && strcmp(path, NJ_SPOOLED_PATH) != 0;
    nj_part part = {.name = is_named ? path : "standard input"};
    part.fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (part.fd < 0) {
        return nj_fail_open(err, errno, path);
    }
    nj_status status = check_folder(&part, err);
    if (status == NJ_OK) {
        status = nj_unpack_open(part.fd, part.name, &part.unpack, err);
    }
    if (status == NJ_OK && nj_parquet_is_head(nj_unpack_head(part.unpack))) {
        status = open_parquet(&part, shapes, shape_count, err);
    }
    if (status != NJ_OK) {
        nj_part_close(&part);
        return status;
    }
    *out = part;
    return NJ_OK;
}

void nj_part_close(nj_part *part)
{
    nj_parquet_close(&part->parquet);
    nj_unpack_close(&part->unpack);
    if (part->fd > STDIN_FILENO) {
        close(part->fd);
    }
    *part = (nj_part){.fd = -1};
}
