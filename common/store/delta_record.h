// delta_record.h - the head of a segment as bytes. Nothing outside common/store includes it.
#ifndef NJ_STORE_DELTA_RECORD_H
#define NJ_STORE_DELTA_RECORD_H

#include "common/store/delta.h"

#define NJ_DELTA_MAGIC_BYTES (sizeof NJ_DELTA_MAGIC - 1)
#define NJ_DELTA_BLOCK_HEAD_BYTES 7
#define NJ_DELTA_COUNTS_BYTES 16
#define NJ_DELTA_RUN_BYTES 4
#define NJ_DELTA_END_BYTES (NJ_DELTA_COUNTS_BYTES + NJ_DIGEST_BYTES)

NJ_CHECKED nj_status nj_delta_head_pack(const nj_delta_head *head, nj_buffer *out, nj_error *err);
NJ_CHECKED nj_status nj_delta_head_unpack(nj_slice bytes, nj_delta_head *out, nj_error *err);

/// Makes in `out`, which it empties first, the row that a night makes of another when it copies it. False: it cannot be copied.
bool nj_delta_copy_row(nj_slice row, nj_buffer *out);

#endif
