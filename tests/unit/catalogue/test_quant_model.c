// test_quant_model.c - codebooks and transforms as tensors: every kind comes back as it was written, and files of others are checked.
#include "common/catalogue/quant_model.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/catalogue/catalogue_assign.h"
#include "common/input/npy.h"
#include "common/input/safetensors.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const float NUMBERS[] = {0, 0, 10, 0, 0, 10, 0, 0, 1, 0, 0, 1, 5, 5, 6, 6, 7, 7, 8, 8};
static const uint32_t ROOT[] = {0, 2};
static const uint32_t CHILDREN[] = {0, 1, 4};

static nj_codebooks residual(void)
{
    return (nj_codebooks){.level_count = 2, .D = 2, .K = {3, 3}, .vectors = {NUMBERS, NUMBERS + 6}};
}

static nj_codebooks product(void)
{
    return (nj_codebooks){.kind = NJ_QUANT_PRODUCT,
                          .level_count = 2,
                          .D = 3,
                          .K = {4, 3},
                          .vectors = {NUMBERS, NUMBERS + 4}};
}

static nj_codebooks hierarchy(void)
{
    return (nj_codebooks){.kind = NJ_QUANT_HIERARCHICAL,
                          .level_count = 2,
                          .D = 2,
                          .K = {2, 3},
                          .vectors = {NUMBERS, NUMBERS + 8},
                          .child_offset = {ROOT, CHILDREN}};
}

static nj_transform make_transform(void)
{
    return (nj_transform){
        .D_in = 4,
        .mean = NUMBERS + 1,
        .scale = NUMBERS + 12,
        .matrix = {.weight = NUMBERS, .rows = 3, .columns = 4},
        .layers = {{.weight = NUMBERS + 2, .bias = NUMBERS, .rows = 2, .columns = 3},
                   {.weight = NUMBERS + 4, .rows = 2, .columns = 2}},
        .layer_count = 2,
    };
}

static const char *write_model(void **state, const nj_codebooks *codebooks,
                               const nj_transform *transform)
{
    nj_error err = {0};
    nj_buffer bytes;
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    const char *path = sandbox_path(state, "model.safetensors");
    assert_ok(nj_quant_model_write(codebooks, transform, &bytes, &err), &err);
    assert_ok(nj_file_write(path, bytes.bytes, bytes.size, &err), &err);
    nj_buffer_fini(&bytes);
    return path;
}

static void assert_comes_back(void **state, nj_codebooks codebooks, nj_transform transform)
{
    nj_error err = {0};
    nj_quant_model model = {0};
    nj_quant_shape known = {.kind = codebooks.kind};
    const char *path = write_model(state, &codebooks, &transform);
    assert_ok(nj_quant_model_read(path, &known, &model, &err), &err);
    nj_digest written = nj_quant_model_digest(&codebooks, &transform);
    nj_digest read = nj_quant_model_digest(&model.codebooks, &model.transform);
    assert_true(nj_digest_equal(&written, &read));
    assert_int_equal(model.codebooks.kind, codebooks.kind);
    assert_int_equal(model.codebooks.D, codebooks.D);
    assert_int_equal(model.transform.layer_count, transform.layer_count);
    for (uint32_t l = 0; l < codebooks.level_count; l++) {
        size_t count = nj_codebooks_rows(&codebooks, l) * nj_codebooks_width(&codebooks, l);
        assert_memory_equal(model.codebooks.vectors[l], codebooks.vectors[l],
                            count * sizeof(float));
    }
    nj_quant_model_fini(&model);
}

static void every_kind_comes_back_as_it_was_written(void **state)
{
    assert_comes_back(state, residual(), (nj_transform){0});
    assert_comes_back(state, product(), (nj_transform){0});
    assert_comes_back(state, hierarchy(), (nj_transform){0});
    assert_comes_back(state, residual(), make_transform());
    assert_comes_back(state, residual(), (nj_transform){.D_in = 2, .scale = NUMBERS + 12});
}

// What a fingerprint must tell apart.
static void the_fingerprint_covers_kind_offsets_and_transform(void **state)
{
    (void)state;
    static const uint32_t OTHERS[] = {0, 2, 4};
    nj_transform none = {0};
    nj_transform transform = make_transform();
    nj_codebooks books = residual();
    nj_codebooks tree = hierarchy();
    nj_digest plain = nj_quant_model_digest(&books, &none);
    nj_digest after = nj_quant_model_digest(&books, &transform);
    nj_digest of_tree = nj_quant_model_digest(&tree, &none);
    assert_false(nj_digest_equal(&plain, &after));
    transform.mean = NUMBERS + 2;
    nj_digest moved = nj_quant_model_digest(&books, &transform);
    assert_false(nj_digest_equal(&moved, &after));
    tree.child_offset[1] = OTHERS;
    nj_digest regrown = nj_quant_model_digest(&tree, &none);
    assert_false(nj_digest_equal(&of_tree, &regrown));
}

typedef struct {
    const char *name;
    size_t rows, columns; // columns 0: one dimension
} named_shape;

static void refuse_tensors(void **state, nj_quant_shape known, const named_shape *shapes,
                           size_t count, const char *says)
{
    nj_error err = {0};
    nj_quant_model model = {0};
    nj_tensor_source sources[8];
    nj_buffer bytes;
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        sources[i] = (nj_tensor_source){.name = shapes[i].name,
                                        .dim_count = shapes[i].columns > 0 ? 2 : 1,
                                        .shape = {shapes[i].rows, shapes[i].columns},
                                        .data = NUMBERS};
    }
    const char *path = sandbox_path(state, "foreign.safetensors");
    assert_ok(nj_tensors_write(sources, count, &bytes, &err), &err);
    assert_ok(nj_file_write(path, bytes.bytes, bytes.size, &err), &err);
    assert_refused(nj_quant_model_read(path, &known, &model, &err), NJ_INPUT, &err, says);
    assert_non_null(strstr(err.text, "foreign.safetensors"));
    nj_buffer_fini(&bytes);
}

#define REFUSE(known, says, ...)                                                                   \
    refuse_tensors(state, known, (const named_shape[]){__VA_ARGS__},                               \
                   sizeof((const named_shape[]){__VA_ARGS__}) / sizeof(named_shape), says)

// What is known of a file before it is read.
static const nj_quant_shape ANY = {0};
static const nj_quant_shape PARTS = {.kind = NJ_QUANT_PRODUCT};
static const nj_quant_shape TREE = {.kind = NJ_QUANT_HIERARCHICAL};
static const nj_quant_shape THREE_CODES = {.level_count = 1, .K = {3}, .D = 2};
static const nj_quant_shape FIVE_COLUMNS = {.level_count = 1, .K = {2}, .D = 2, .D_in = 5};

static void files_of_others_are_checked(void **state)
{
    REFUSE(ANY, "tensor \"codebook.0\": is missing", {"encoder.0.weight", 2, 2});
    REFUSE(ANY, "tensor \"codebook.1\": has shape [2, 3], expected [2, 2]", {"codebook.0", 2, 2},
           {"codebook.1", 2, 3});
    REFUSE(ANY, "tensor \"codebook.0\": has shape [4]", {"codebook.0", 4, 0});
    REFUSE(PARTS, "tensor \"codebook.0\": has shape [2, 3], expected [2, 2]", {"codebook.0", 2, 3},
           {"codebook.1", 2, 2});
    REFUSE(ANY, "the transform gives 3 numbers, the codebooks are 2 wide", {"codebook.0", 2, 2},
           {"encoder.0.weight", 3, 4});
    REFUSE(ANY, "tensor \"encoder.2.weight\": has shape [2, 4], expected [2, 3]",
           {"codebook.0", 2, 2}, {"encoder.0.weight", 3, 4}, {"encoder.2.weight", 2, 4});
    REFUSE(ANY, "tensor \"encoder.0.bias\": has shape [2], expected [3]", {"codebook.0", 2, 3},
           {"encoder.0.weight", 3, 4}, {"encoder.0.bias", 2, 0});
    REFUSE(ANY, "tensor \"encoder.3.weight\": is missing, there is \"encoder.3.bias\"",
           {"codebook.0", 2, 2}, {"encoder.3.bias", 2, 0});
    REFUSE(ANY, "tensor \"transform.scale\": has shape [3], expected [2]", {"codebook.0", 2, 2},
           {"transform.mean", 2, 0}, {"transform.scale", 3, 0});
    REFUSE(TREE, "tensor \"codebook.0.offset\": is missing", {"codebook.0", 2, 2});
    REFUSE(ANY, "ends at 0, the codebook has 2 rows", {"codebook.0", 2, 2},
           {"codebook.0.offset", 2, 0}, {"codebook.1", 2, 2}, {"codebook.1.offset", 3, 0});
    REFUSE(THREE_CODES, "tensor \"codebook.0\": has shape [2, 2], expected [3, 2]",
           {"codebook.0", 2, 2});
    REFUSE(FIVE_COLUMNS, "without a transform embeddings are 5 numbers, the codebooks are 2 wide",
           {"codebook.0", 2, 2});
}

// ---- a catalogue of each kind: assigned, written, read, and lent to the next ----

static void check_catalogue(void **state, const char *codebooks_path, nj_quant_kind kind,
                            size_t width)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_catalogue *back = NULL;
    nj_catalogue *again = NULL;
    nj_catalogue_options plain = {0};
    const char *rows = sandbox_path(state, "rows.npy");
    const char *folder = sandbox_path(state, nj_quant_kind_name(kind));
    assert_ok(nj_npy_write(rows, NJ_NPY_F32, (size_t[]){4, width}, 2, NUMBERS, &err), &err);
    nj_assign_config config = {.embeddings_path = rows,
                               .codebooks_path = codebooks_path,
                               .kind = kind,
                               .kernels = nj_kernels_at(0)};
    assert_ok(nj_catalogue_assign(&config, &plain, NULL, &catalogue, &err), &err);
    assert_int_equal(nj_catalogue_embedding_width(catalogue), width);
    assert_ok(nj_catalogue_write(folder, catalogue, true, &err), &err);
    assert_ok(nj_catalogue_read(folder, &back, &err), &err);
    assert_int_equal(back->codebooks.kind, kind);
    assert_true(nj_digest_equal(&back->codebooks_digest, &catalogue->codebooks_digest));
    config.codebooks_path = folder;
    assert_ok(nj_catalogue_assign(&config, &plain, NULL, &again, &err), &err);
    assert_true(nj_digest_equal(&again->sids_digest, &catalogue->sids_digest));

    nj_catalogue *refused = NULL;
    config.has_kind = true;
    config.kind = kind == NJ_QUANT_PRODUCT ? NJ_QUANT_RESIDUAL : NJ_QUANT_PRODUCT;
    assert_refused(nj_catalogue_assign(&config, &plain, NULL, &refused, &err), NJ_USAGE, &err,
                   "its codebooks are");
    nj_catalogue_free(&catalogue);
    nj_catalogue_free(&back);
    nj_catalogue_free(&again);
}

static void a_catalogue_keeps_every_kind_and_lends_it(void **state)
{
    nj_codebooks books = product();
    nj_transform none = {0};
    nj_transform transform = make_transform();
    check_catalogue(state, write_model(state, &books, &none), NJ_QUANT_PRODUCT, 3);
    books = hierarchy();
    check_catalogue(state, write_model(state, &books, &none), NJ_QUANT_HIERARCHICAL, 2);
    books = residual();
    check_catalogue(state, write_model(state, &books, &transform), NJ_QUANT_RESIDUAL, 4);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(every_kind_comes_back_as_it_was_written),
        cmocka_unit_test(the_fingerprint_covers_kind_offsets_and_transform),
        IN_SANDBOX(files_of_others_are_checked),
        IN_SANDBOX(a_catalogue_keeps_every_kind_and_lends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
