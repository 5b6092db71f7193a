// catalogue_read.c - a catalogue folder, checked file by file against catalogue.json.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/catalogue/catalogue_parts.h"

// What catalogue.json says, before any other file is looked at.
typedef struct {
    uint32_t N;
    uint32_t L;
    uint32_t K[NJ_LEVELS_MAX];
    uint32_t token_base;
    uint32_t embedding_width; // 0 = no codebooks
    uint32_t retired_count;   // 0 = no retired.npy
    uint32_t codebook_width;  // the same unless there is a transform
    nj_quant_kind kind;
    bool has_suffix;
    bool has_embeddings;
    nj_template template;
    nj_digest items;
    nj_digest sids;
    nj_digest codebooks;
    nj_digest embeddings;
    nj_digest retired;
} catalogue_facts;

// ---- catalogue.json ----

static nj_status read_codes_per_level(const json_t *root, const char *what, catalogue_facts *facts,
                                      nj_error *err)
{
    const json_t *list = json_object_get(root, "codes_per_level");
    if (!json_is_array(list) || json_array_size(list) != facts->L) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"codes_per_level\" has %zu numbers, \"levels\" says %" PRIu32, what,
                       json_array_size(list), facts->L);
    }
    for (uint32_t l = 0; l < facts->L; l++) {
        const json_t *element = json_array_get(list, l);
        json_int_t K = json_integer_value(element);
        if (!json_is_integer(element) || K < NJ_CODES_MIN || K > NJ_CODES_MAX) {
            return nj_fail(err, NJ_INPUT,
                           "%s: \"codes_per_level\", level %" PRIu32
                           ": is not a whole number of %d to %d",
                           what, l, NJ_CODES_MIN, NJ_CODES_MAX);
        }
        facts->K[l] = (uint32_t)K;
    }
    return NJ_OK;
}

static void read_digest(nj_json_keys *keys, const char *key, nj_digest *out)
{
    const char *text = nj_json_text_or(keys, key, "");
    if (keys->status == NJ_OK && !nj_digest_from_hex(text, out)) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT, "%s: fingerprint \"%s\" is not 64 hexadecimal digits",
                    keys->what, key);
    }
}

static nj_status read_fingerprints(const json_t *root, const char *what, catalogue_facts *facts,
                                   nj_error *err)
{
    nj_json_keys keys;
    const json_t *object = json_object_get(root, "fingerprints");
    if (!json_is_object(object)) {
        return nj_fail(err, NJ_INPUT, "%s: \"fingerprints\" is missing", what);
    }
    nj_json_keys_open(&keys, object, what, err);
    read_digest(&keys, "items", &facts->items);
    read_digest(&keys, "sids", &facts->sids);
    if (facts->embedding_width > 0) {
        read_digest(&keys, "codebooks", &facts->codebooks);
    }
    if (facts->retired_count > 0) {
        read_digest(&keys, "retired", &facts->retired);
    } else if (nj_json_has(&keys, "retired")) {
        return nj_fail(err, NJ_INPUT,
                       "%s: there is a fingerprint \"retired\", but no item is retired", what);
    }
    facts->has_embeddings = nj_json_has(&keys, "embeddings");
    if (facts->has_embeddings) {
        read_digest(&keys, "embeddings", &facts->embeddings);
    }
    return keys.status;
}

static nj_status read_facts(const json_t *root, const char *what, catalogue_facts *out,
                            nj_error *err)
{
    catalogue_facts facts = {0};
    nj_json_keys keys;
    nj_json_keys_open(&keys, root, what, err);
    const int64_t version = nj_json_int(&keys, "version", 1, NJ_CATALOGUE_VERSION_MAX);
    facts.N = (uint32_t)nj_json_int(&keys, "items", 1, NJ_IDLIST_COUNT_MAX);
    // A reader of version 1 would not look at the key, and sell what is retired.
    const int64_t retired_max = version > 1 ? NJ_IDLIST_COUNT_MAX : 0;
    facts.retired_count = (uint32_t)nj_json_int_or(&keys, "retired", 0, retired_max, 0);
    facts.L = (uint32_t)nj_json_int(&keys, "levels", 1, NJ_LEVELS_MAX);
    facts.token_base = (uint32_t)nj_json_int(&keys, "token_base", 0, NJ_TOKEN_MAX);
    facts.has_suffix = nj_json_bool_or(&keys, "suffix", false);
    facts.embedding_width =
        (uint32_t)nj_json_int_or(&keys, "embedding_width", 1, NJ_QUANT_DIMS_MAX, 0);
    facts.codebook_width = (uint32_t)nj_json_int_or(&keys, "codebook_width", 1, NJ_QUANT_DIMS_MAX,
                                                    facts.embedding_width);
    const char *kind = nj_json_text_or(&keys, "quantizer", nj_quant_kind_name(NJ_QUANT_RESIDUAL));
    nj_status status = keys.status;
    if (status == NJ_OK && !nj_quant_kind_from_name(kind, &facts.kind)) {
        status =
            nj_fail(err, NJ_INPUT,
                    "%s: \"quantizer\" is \"%.40s\", must be residual, product or hierarchical",
                    what, kind);
    }
    if (status == NJ_OK && facts.has_suffix && facts.L < 2) {
        status = nj_fail(err, NJ_INPUT, "%s: a suffix needs 2 levels or more, there is 1", what);
    }
    if (status == NJ_OK) {
        status = read_codes_per_level(root, what, &facts, err);
    }
    if (status == NJ_OK) {
        status = nj_template_read(json_object_get(root, "template"), what, &facts.template, err);
    }
    if (status == NJ_OK) {
        status = read_fingerprints(root, what, &facts, err);
    }
    if (status == NJ_OK) {
        *out = facts;
    }
    return status;
}

static nj_status load_facts(const char *folder, catalogue_facts *out, nj_error *err)
{
    nj_path path;
    json_t *root = NULL;
    nj_status status = nj_path_join(folder, NJ_CATALOGUE_JSON, &path, err);
    if (status == NJ_OK) {
        status = nj_json_load(path.text, NJ_CATALOGUE_JSON_BYTES_MAX, &root, err);
    }
    if (status == NJ_NOT_FOUND) {
        status = nj_fail(err, NJ_NOT_FOUND,
                         "%.800s: cannot open: No such file or directory; `nightjar catalogue "
                         "import`, `fit` or `assign` make a folder that has it",
                         path.text);
    }
    if (status == NJ_OK) {
        status = read_facts(root, path.text, out, err);
    }
    json_decref(root);
    return status;
}

// ---- the other files ----

// Begins the catalogue only when sids.npy has the announced shape: its file bounds the memory, catalogue.json alone would not.
static nj_status load_sids(const char *folder, const catalogue_facts *facts, nj_catalogue **out,
                           nj_error *err)
{
    nj_path path;
    nj_npy npy;
    nj_status status = nj_path_join(folder, NJ_CATALOGUE_SIDS, &path, err);
    if (status == NJ_OK) {
        status = nj_npy_open(path.text, &npy, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_catalogue *catalogue = NULL;
    if (npy.dim_count != 2 || npy.shape[0] != facts->N || npy.shape[1] != facts->L) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: %zu dimensions that begin [%zu, %zu], " NJ_CATALOGUE_JSON
                         " says [%" PRIu32 ", %" PRIu32 "]",
                         path.text, npy.dim_count, npy.shape[0], npy.shape[1], facts->N, facts->L);
    } else {
        status = nj_catalogue_begin(facts->N, facts->L, folder, &catalogue, err);
    }
    if (status == NJ_OK) {
        memcpy(catalogue->sids.codes_per_level, facts->K, sizeof facts->K);
        status = nj_catalogue_load_sids(catalogue, &npy, err);
    }
    if (status == NJ_OK) {
        *out = catalogue;
        catalogue = NULL;
    }
    nj_catalogue_free(&catalogue);
    nj_npy_close(&npy);
    return status;
}

static nj_status load_codebooks(const char *folder, const catalogue_facts *facts,
                                nj_catalogue *catalogue, nj_error *err)
{
    nj_quant_shape expected = {.kind = facts->kind,
                               .level_count = facts->L - (facts->has_suffix ? 1 : 0),
                               .D = facts->codebook_width,
                               .D_in = facts->embedding_width};
    memcpy(expected.K, facts->K, expected.level_count * sizeof *expected.K);
    nj_path path;
    nj_quant_model model = {0};
    nj_status status = nj_path_join(folder, NJ_CATALOGUE_CODEBOOKS, &path, err);
    if (status == NJ_OK) {
        status = nj_quant_model_read(path.text, &expected, &model, err);
    }
    if (status == NJ_OK) {
        nj_catalogue_take_model(catalogue, &model);
    }
    return status;
}

// The marks of retired.npy, as a file of another hand would have them: 0 or 1, as many rows as items, some item left.
static nj_status check_marks(const char *path, const catalogue_facts *facts, const uint8_t *marks,
                             nj_error *err)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < facts->N; row++) {
        if (marks[row] > 1) {
            return nj_fail(err, NJ_INPUT, "%s: row %" PRIu32 ": %u, must be 0 or 1", path, row,
                           marks[row]);
        }
        count += marks[row];
    }
    if (count != facts->retired_count || count == facts->N) {
        return nj_fail(err, NJ_INPUT,
                       "%s: %" PRIu32 " of %" PRIu32 " items are retired, " NJ_CATALOGUE_JSON
                       " says %" PRIu32 "%s",
                       path, count, facts->N, facts->retired_count,
                       count == facts->N ? "; one must be left" : "");
    }
    return NJ_OK;
}

static nj_status load_retired(const char *folder, const catalogue_facts *facts,
                              nj_catalogue *catalogue, nj_error *err)
{
    nj_path path;
    nj_npy npy;
    nj_status status = nj_path_join(folder, NJ_CATALOGUE_RETIRED, &path, err);
    if (status == NJ_OK) {
        status = nj_npy_open(path.text, &npy, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    uint8_t *marks = NULL;
    if (npy.type != NJ_NPY_U8 || npy.dim_count != 1 || npy.shape[0] != facts->N) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: %zu dimensions that begin [%zu], must be uint8 [%" PRIu32 "]",
                         path.text, npy.dim_count, npy.shape[0], facts->N);
    } else if ((marks = malloc(facts->N)) == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", path.text);
    } else {
        memcpy(marks, npy.data, facts->N);
        status = check_marks(path.text, facts, marks, err);
    }
    if (status == NJ_OK) {
        nj_catalogue_retire_take(catalogue, &marks);
    }
    free(marks);
    nj_npy_close(&npy);
    return status;
}

static nj_status compare_fingerprint(const char *folder, const char *file, const nj_digest *stated,
                                     const nj_digest *found, nj_error *err)
{
    char stated_hex[NJ_DIGEST_HEX_BYTES];
    char found_hex[NJ_DIGEST_HEX_BYTES];
    if (nj_digest_equal(stated, found)) {
        return NJ_OK;
    }
    nj_digest_hex(stated, stated_hex);
    nj_digest_hex(found, found_hex);
    return nj_fail(err, NJ_REFUSED, "%s/%s: fingerprint is %s, " NJ_CATALOGUE_JSON " says %s",
                   folder, file, found_hex, stated_hex);
}

static nj_status compare_fingerprints(const char *folder, const catalogue_facts *facts,
                                      const nj_catalogue *catalogue, nj_error *err)
{
    nj_status status = compare_fingerprint(folder, NJ_CATALOGUE_ITEMS, &facts->items,
                                           &catalogue->items_digest, err);
    if (status == NJ_OK) {
        status = compare_fingerprint(folder, NJ_CATALOGUE_SIDS, &facts->sids,
                                     &catalogue->sids_digest, err);
    }
    if (status == NJ_OK && facts->embedding_width > 0) {
        status = compare_fingerprint(folder, NJ_CATALOGUE_CODEBOOKS, &facts->codebooks,
                                     &catalogue->codebooks_digest, err);
    }
    if (status == NJ_OK && facts->retired_count > 0) {
        status = compare_fingerprint(folder, NJ_CATALOGUE_RETIRED, &facts->retired,
                                     &catalogue->retired_digest, err);
    }
    return status;
}

static nj_status load_files(const char *folder, const catalogue_facts *facts,
                            nj_catalogue *catalogue, nj_error *err)
{
    nj_path items;
    nj_status status = nj_path_join(folder, NJ_CATALOGUE_ITEMS, &items, err);
    if (status == NJ_OK) {
        status = nj_catalogue_name_items(catalogue, items.text, err);
    }
    if (status == NJ_OK && facts->embedding_width > 0) {
        status = load_codebooks(folder, facts, catalogue, err);
    }
    if (status == NJ_OK && facts->retired_count > 0) {
        status = load_retired(folder, facts, catalogue, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_finish(catalogue, folder, err);
    }
    return status == NJ_OK ? compare_fingerprints(folder, facts, catalogue, err) : status;
}

nj_status nj_catalogue_read(const char *path, nj_catalogue **out, nj_error *err)
{
    catalogue_facts facts;
    nj_catalogue *catalogue = NULL;
    nj_status status = load_facts(path, &facts, err);
    if (status == NJ_OK) {
        status = load_sids(path, &facts, &catalogue, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    catalogue->token_base = facts.token_base;
    catalogue->has_suffix = facts.has_suffix;
    catalogue->template = facts.template;
    catalogue->has_embeddings = facts.has_embeddings;
    catalogue->embeddings_digest = facts.embeddings;
    status = load_files(path, &facts, catalogue, err);
    if (status == NJ_OK) {
        *out = catalogue;
        catalogue = NULL;
    }
    nj_catalogue_free(&catalogue);
    return status;
}
