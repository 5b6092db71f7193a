#include "ops/cli/embed_output.h"

#include <stdio.h>

#include "common/input/half.h"
#include "common/input/npy.h"

nj_status nj_embed_output_open(const nj_arguments *arguments, nj_embed_output *out, nj_error *err)
{
    const char *ids_out = nj_argument(arguments, "ids-out");
    *out = (nj_embed_output){.is_half = nj_argument_flag(arguments, "half")};
    nj_status status = nj_file_draft_begin(nj_argument(arguments, "out"), &out->vectors, err);
    if (status == NJ_OK && ids_out != NULL) {
        status = nj_file_draft_begin(ids_out, &out->ids, err);
    }
    if (status == NJ_OK && ids_out != NULL && nj_file_drafts_are_one(&out->vectors, &out->ids)) {
        status = nj_fail(err, NJ_USAGE, "--out and --ids-out are one file, \"%s\"", ids_out);
    }
    return status;
}

nj_status nj_embed_output_begin(nj_embed_output *output, size_t count, size_t D, nj_error *err)
{
    const size_t shape[] = {count, D};
    return nj_npy_write_header(&output->vectors, output->is_half ? NJ_NPY_F16 : NJ_NPY_F32, shape,
                               2, err);
}

void nj_embed_output_floats(nj_embed_output *output, float *floats, size_t count)
{
    if (!output->is_half) {
        fwrite(floats, sizeof *floats, count, output->vectors.stream);
        return;
    }
    char *halves = (char *)floats;
    for (size_t i = 0; i < count; i++) {
        const uint16_t half = nj_f16_of_f32(floats[i]);
        memcpy(halves + i * sizeof half, &half, sizeof half);
    }
    fwrite(halves, sizeof(uint16_t), count, output->vectors.stream);
}

nj_status nj_embed_output_commit(nj_embed_output *output, const nj_idlist_builder *ids,
                                 nj_error *err)
{
    nj_status status = NJ_OK;
    if (output->ids.stream != NULL) {
        for (size_t i = 0; i < ids->count; i++) {
            const nj_slice id = nj_idlist_builder_at(ids, i);
            fwrite(id.bytes, 1, id.size, output->ids.stream);
            fputc('\n', output->ids.stream);
        }
        status = nj_file_draft_commit(&output->ids, err);
    }
    return status == NJ_OK ? nj_file_draft_commit(&output->vectors, err) : status;
}

void nj_embed_output_abort(nj_embed_output *output)
{
    nj_file_draft_abort(&output->vectors);
    nj_file_draft_abort(&output->ids);
}
