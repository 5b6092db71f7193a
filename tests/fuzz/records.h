// records.h - the tables of a staging area's records, as ledger.c and staging.c have them.
#ifndef NJ_FUZZ_RECORDS_H
#define NJ_FUZZ_RECORDS_H

#include "common/store/staging.h"

static const nj_record_field LEDGER_FIELDS[] = {
#define NJ_LEDGER_FIELD(kind, name, max, meaning)                                                  \
    {#name, NJ_RECORD_##kind, offsetof(nj_ledger_record, name), max},
#include "schemas/store.def"
};

static const nj_record_field STAGING_FIELDS[] = {
#define NJ_STAGING_FIELD(kind, name, max, meaning)                                                 \
    {#name, NJ_RECORD_##kind, offsetof(nj_staging_facts, name), max},
#include "schemas/store.def"
};

static const nj_record_table LEDGER = {"ledger record", LEDGER_FIELDS,
                                       sizeof LEDGER_FIELDS / sizeof LEDGER_FIELDS[0], 0};
static const nj_record_table STAGING = {"staging record", STAGING_FIELDS,
                                        sizeof STAGING_FIELDS / sizeof STAGING_FIELDS[0], 0};

#endif
