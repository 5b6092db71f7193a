// origin_file.h - the lines of ORIGIN as they are written. origin.c, origin_write.c and origin_copy.c only.
//
// Proof: tests/unit/store/test_origin.c
#ifndef NJ_STORE_ORIGIN_FILE_H
#define NJ_STORE_ORIGIN_FILE_H

#include "common/base/file.h"
#include "common/store/origin.h"

extern const nj_record_table NJ_ORIGIN_HEAD_TABLE;
extern const nj_record_table NJ_ORIGIN_RECORD_TABLE;

typedef struct {
    nj_file_draft draft;
    nj_digester digester;
    uint64_t records;
} nj_origin_writer;

/// Begins FOLDER/ORIGIN with the line of the night. Call nj_origin_writer_abort in any case.
///
/// Returns  as nj_store_origin_write
NJ_CHECKED nj_status nj_origin_writer_begin(nj_origin_writer *writer, const char *folder,
                                            const nj_origin_night *night, nj_error *err);
NJ_CHECKED nj_status nj_origin_writer_add(nj_origin_writer *writer, const nj_origin_record *record,
                                          nj_error *err);
/// Writes the last line and gives the file its name, synced.
NJ_CHECKED nj_status nj_origin_writer_commit(nj_origin_writer *writer, nj_error *err);
/// Does nothing after a commit or on a struct that is all zero.
void nj_origin_writer_abort(nj_origin_writer *writer);

#endif
