#include "worker/train/rqvae_write.h"

#include <stdio.h>

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/catalogue/quant_model.h"
#include "common/input/safetensors.h"

#define CODEBOOKS_NAME "codebooks.safetensors"
#define DECODER_NAME "decoder.safetensors"
#define CODES_NAME "codes.npy"
#define NAME_BYTES 48 // of "decoder.<i>.weight"
#define TENSORS_MAX (2 * NJ_RQVAE_LAYERS_MAX)

static nj_status pack_codebooks(const nj_rqvae *model, const nj_rqvae_rows *rows, nj_buffer *out,
                                nj_error *err)
{
    const nj_codebooks codebooks = nj_rqvae_codebooks(model);
    const nj_transform transform = nj_rqvae_encoder(model, rows->mean, rows->scale);
    return nj_quant_model_write(&codebooks, &transform, out, err);
}

static nj_status pack_decoder(const nj_rqvae *model, nj_buffer *out, nj_error *err)
{
    char names[TENSORS_MAX][NAME_BYTES];
    nj_tensor_source sources[TENSORS_MAX];
    const nj_transform decoder = nj_rqvae_decoder(model);
    size_t count = 0;
    for (size_t i = 0; i < decoder.layer_count; i++) {
        const nj_dense *layer = &decoder.layers[i];
        snprintf(names[count], sizeof names[count], "decoder.%zu.weight", i);
        sources[count] = (nj_tensor_source){.name = names[count],
                                            .dim_count = 2,
                                            .shape = {layer->rows, layer->columns},
                                            .data = layer->weight};
        count++;
        snprintf(names[count], sizeof names[count], "decoder.%zu.bias", i);
        sources[count] = (nj_tensor_source){
            .name = names[count], .dim_count = 1, .shape = {layer->rows}, .data = layer->bias};
        count++;
    }
    return nj_tensors_write(sources, count, out, err);
}

static nj_status write_tensors(const nj_rqvae *model, const nj_rqvae_rows *rows, bool is_decoder,
                               const char *folder, nj_error *err)
{
    nj_path path;
    nj_buffer bytes;
    nj_status status = nj_path_join(folder, is_decoder ? DECODER_NAME : CODEBOOKS_NAME, &path, err);
    nj_buffer_init(&bytes, SIZE_MAX);
    if (status == NJ_OK) {
        status = is_decoder ? pack_decoder(model, &bytes, err)
                            : pack_codebooks(model, rows, &bytes, err);
    }
    if (status == NJ_OK) {
        status = nj_file_write(path.text, bytes.bytes, bytes.size, err);
    }
    nj_buffer_fini(&bytes);
    return status;
}

nj_status nj_rqvae_write(const nj_rqvae *model, const nj_rqvae_rows *rows, const uint16_t *codes,
                         const char *folder, nj_error *err)
{
    nj_path path;
    const size_t shape[] = {rows->count, model->shape.level_count};
    nj_status status = nj_path_join(folder, CODES_NAME, &path, err);
    if (status == NJ_OK) {
        status = nj_npy_write(path.text, NJ_NPY_U16, shape, 2, codes, err);
    }
    if (status == NJ_OK) {
        status = write_tensors(model, rows, true, folder, err);
    }
    return status == NJ_OK ? write_tensors(model, rows, false, folder, err) : status;
}
