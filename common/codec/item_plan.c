#include "common/codec/item_plan.h"

#include <inttypes.h>

#include "common/codec/pack.h"

#define PLAN_VERSION 1
#define PLAN_FIELDS 4
#define ELEMENTS_MAX 16 // fields of a newer peer included

nj_status nj_item_plan_pack(const nj_item_plan *plan, nj_buffer *out)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, PLAN_FIELDS);
    nj_pack_uint(&packer, PLAN_VERSION);
    nj_pack_str(&packer, plan->work);
    nj_pack_uint(&packer, plan->passing);
    nj_pack_bin(&packer, plan->parameters.bytes, plan->parameters.size);
    return packer.status;
}

nj_status nj_item_plan_unpack(nj_slice bytes, nj_item_plan *out, nj_error *err)
{
    nj_unpacked unpacked;
    nj_fields fields;
    nj_status status = nj_unpack(bytes, ELEMENTS_MAX, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_fields_open(&fields, &unpacked.root, "plan of items", PLAN_FIELDS, err);
    const uint64_t version = nj_field_uint(&fields, "version", UINT32_MAX);
    *out = (nj_item_plan){.work = nj_field_str(&fields, "work", NJ_ITEM_WORK_BYTES_MAX),
                          .passing = nj_field_uint(&fields, "passing", UINT64_MAX),
                          .parameters =
                              nj_field_bin(&fields, "parameters", NJ_ITEM_PARAMETERS_BYTES_MAX)};
    status = fields.status;
    if (status == NJ_OK && version != PLAN_VERSION) {
        status = nj_fail(err, NJ_PROTOCOL, "plan of items: version %" PRIu64 ", %d is known",
                         version, PLAN_VERSION);
    }
    nj_unpacked_fini(&unpacked);
    return status;
}

nj_status nj_item_lease_pack(uint64_t first, uint32_t count, nj_buffer *out)
{
    nj_packer packer;
    nj_packer_init(&packer, out);
    nj_pack_array(&packer, 2);
    nj_pack_uint(&packer, first);
    nj_pack_uint(&packer, count);
    return packer.status;
}

nj_status nj_item_lease_unpack(nj_slice bytes, uint64_t row_count, uint64_t *out_first,
                               uint32_t *out_count, nj_error *err)
{
    nj_unpacked unpacked;
    nj_fields fields;
    nj_status status = nj_unpack(bytes, ELEMENTS_MAX, &unpacked, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_fields_open(&fields, &unpacked.root, "lease of items", 2, err);
    const uint64_t first = nj_field_uint(&fields, "first", UINT64_MAX);
    const uint64_t count = nj_field_uint(&fields, "count", UINT32_MAX);
    status = fields.status;
    nj_unpacked_fini(&unpacked);
    if (status != NJ_OK) {
        return status;
    }
    if (count < 1 || first > row_count || count > row_count - first) {
        return nj_fail(err, NJ_PROTOCOL,
                       "lease of items: %" PRIu64 " rows from row %" PRIu64 ", there are %" PRIu64,
                       count, first, row_count);
    }
    *out_first = first;
    *out_count = (uint32_t)count;
    return NJ_OK;
}
