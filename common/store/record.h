// record.h - the records of schemas/store.def, driven by a table of their fields.
//
// A table in store.def becomes a struct (NJ_RECORD_MEMBER_*) and an array of nj_record_field; the functions here turn
// the struct into MessagePack or JSON and back, so that no record is written by hand twice.
#ifndef NJ_STORE_RECORD_H
#define NJ_STORE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"

#define NJ_RECORD_MEMBER_UINT(name, max) uint64_t name;
#define NJ_RECORD_MEMBER_TEXT(name, max) char name[(max) + 1];
#define NJ_RECORD_MEMBER_DIGEST(name, max) nj_digest name;

typedef enum { NJ_RECORD_UINT, NJ_RECORD_TEXT, NJ_RECORD_DIGEST } nj_record_kind;

typedef struct {
    const char *name;
    nj_record_kind kind;
    size_t offset; // of the member in its struct
    uint64_t max;  // largest number, or bytes of text without the NUL
} nj_record_field;

typedef struct {
    const char *what; // names the record in errors
    const nj_record_field *fields;
    size_t count;
    size_t
        later; // of them, the last so many may be missing, from one of them on, in what is read: they are zero then
} nj_record_table;

/// Appends the record as a MessagePack array. NJ_INPUT names a field that is over its limit or not UTF-8.
NJ_CHECKED nj_status nj_record_pack(const nj_record_table *table, const void *record,
                                    nj_buffer *out, nj_error *err);

/// Reads outside bytes into the struct; further fields are ignored, later ones may be missing. NJ_INPUT names the field and its rule.
NJ_CHECKED nj_status nj_record_unpack(const nj_record_table *table, nj_slice bytes,
                                      void *out_record, nj_error *err);

/// Sets one key a field. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_record_to_json(const nj_record_table *table, const void *record,
                                       json_t *object, nj_error *err);

/// Every field but the later ones is required; further keys are ignored. NJ_INPUT names `what`, the key and its rule.
NJ_CHECKED nj_status nj_record_from_json(const nj_record_table *table, const json_t *object,
                                         const char *what, void *out_record, nj_error *err);

/// The name of the first field that differs, or NULL.
const char *nj_record_difference(const nj_record_table *table, const void *a, const void *b);

#endif
