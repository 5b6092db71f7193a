#include "common/input/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/mapped.h"
#include "common/codec/json.h"
#include "common/input/half.h"
#include "common/input/safetensors_header.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are read as little-endian");

#define INDEX_NAME "model.safetensors.index.json"
#define ENDING ".safetensors"
#define INDEX_BYTES_MAX NJ_SAFETENSORS_HEADER_BYTES_MAX
#define FILES_MAX 4096
#define SHAPE_TEXT_BYTES 200

typedef struct {
    char *path;       // owned; nj_tensor.file points here
    nj_mapped mapped; // owned; all zero for bytes in memory
    json_t *header;   // owned; nj_tensor.name points into it
} tensor_file;

struct nj_tensor_set {
    tensor_file *files; // [FILES_MAX] at most, [file_capacity] allocated
    size_t file_count;
    size_t file_capacity;
    nj_buffer tensors; // nj_tensor, sorted by name once open
};

typedef struct {
    char **names; // owned, each owned; sorted
    size_t count;
} name_list;

static nj_tensor *peek_tensors(const nj_tensor_set *set)
{
    return (nj_tensor *)(void *)set->tensors.bytes;
}

static void free_names(name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i]);
    }
    free(list->names);
    *list = (name_list){0};
}

static nj_status add_name(name_list *list, const char *name, const char *folder, nj_error *err)
{
    if (list->count == FILES_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: more than %d files of tensors", folder, FILES_MAX);
    }
    if (list->names == NULL) {
        list->names = calloc(FILES_MAX, sizeof *list->names);
    }
    char *copy = list->names == NULL ? NULL : strdup(name);
    if (copy == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for the list of its files", folder);
    }
    list->names[list->count++] = copy;
    return NJ_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const nj_tensor *)a)->name, ((const nj_tensor *)b)->name);
}

static nj_status new_set(size_t file_capacity, nj_tensor_set **out, nj_error *err)
{
    nj_tensor_set *set = calloc(1, sizeof *set);
    if (set != NULL) {
        set->files = calloc(file_capacity, sizeof *set->files);
    }
    if (set == NULL || set->files == NULL) {
        free(set);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a set of tensors in %zu files",
                       file_capacity);
    }
    set->file_capacity = file_capacity;
    nj_buffer_init(&set->tensors, NJ_TENSORS_MAX * sizeof(nj_tensor));
    *out = set;
    return NJ_OK;
}

// Takes one file's bytes into the set. The file's slot already holds its path and mapping.
static nj_status read_file(nj_tensor_set *set, const uint8_t *bytes, size_t size, nj_error *err)
{
    tensor_file *file = &set->files[set->file_count - 1];
    return nj_safetensors_header_read(bytes, size, file->path, &set->tensors, &file->header, err);
}

static nj_status add_path(nj_tensor_set *set, const char *path, nj_error *err)
{
    tensor_file *file = &set->files[set->file_count];
    nj_status status = nj_mapped_open(path, &file->mapped, err);
    if (status != NJ_OK) {
        return status;
    }
    set->file_count++;
    file->path = strdup(path);
    if (file->path == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its name", path);
    }
    return read_file(set, file->mapped.bytes, file->mapped.size, err);
}

static nj_status sort_set(nj_tensor_set *set, nj_error *err)
{
    nj_tensor *tensors = peek_tensors(set);
    size_t count = nj_tensor_set_count(set);
    if (count > 0) {
        qsort(tensors, count, sizeof *tensors, compare_names);
    }
    for (size_t i = 1; i < count; i++) {
        if (strcmp(tensors[i - 1].name, tensors[i].name) == 0) {
            return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\": stands in %s too",
                           tensors[i - 1].file, tensors[i].name, tensors[i].file);
        }
    }
    return NJ_OK;
}

static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

// The distinct file names of an index's weight_map, sorted.
static nj_status list_index(const json_t *weight_map, const char *path, name_list *out,
                            nj_error *err)
{
    const char *name;
    json_t *value;
    nj_status status = NJ_OK;
    json_object_foreach((json_t *)weight_map, name, value)
    {
        const char *file = json_string_value(value);
        if (file == NULL || !is_plain_name(file)) {
            return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\": \"%s\" is not a plain file name",
                           path, name, file == NULL ? "" : file);
        }
        // Almost always the file of the tensor before; the rest are few.
        bool known = false;
        for (size_t i = out->count; i > 0 && !known; i--) {
            known = strcmp(out->names[i - 1], file) == 0;
        }
        if (!known) {
            status = add_name(out, file, path, err);
        }
        if (status != NJ_OK) {
            return status;
        }
    }
    if (out->count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: \"weight_map\" names no tensor", path);
    }
    qsort(out->names, out->count, sizeof *out->names, compare_texts);
    return NJ_OK;
}

static bool has_ending(const char *name)
{
    size_t size = strlen(name);
    return size > strlen(ENDING) && strcmp(name + size - strlen(ENDING), ENDING) == 0;
}

static nj_status fail_without_tensors(const char *path, bool has_pickles, nj_error *err)
{
    return has_pickles
               ? nj_fail(err, NJ_INPUT,
                         "%s: holds pytorch_model*.bin and no *" ENDING
                         " file; a .bin is a pickle, "
                         "which is a program, and not read. Where PyTorch is: "
                         "AutoModel.from_pretrained(\"%s\").save_pretrained(FOLDER, "
                         "safe_serialization=True), with the model's own class for AutoModel",
                         path, path)
               : nj_fail(err, NJ_INPUT, "%s: holds neither " INDEX_NAME " nor a *" ENDING " file",
                         path);
}

static nj_status list_folder(const char *path, name_list *out, nj_error *err)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot open folder", path);
    }
    nj_status status = NJ_OK;
    bool has_pickles = false;
    struct dirent *entry;
    while (status == NJ_OK && (entry = readdir(folder)) != NULL) {
        has_pickles = has_pickles || strncmp(entry->d_name, "pytorch_model", 13) == 0;
        if (has_ending(entry->d_name)) {
            status = add_name(out, entry->d_name, path, err);
        }
    }
    closedir(folder);
    if (status == NJ_OK && out->count == 0) {
        status = fail_without_tensors(path, has_pickles, err);
    }
    if (status == NJ_OK) {
        qsort(out->names, out->count, sizeof *out->names, compare_texts);
    }
    return status;
}

static nj_status add_names(nj_tensor_set *set, const char *folder, const name_list *names,
                           nj_error *err)
{
    for (size_t i = 0; i < names->count; i++) {
        nj_path path;
        nj_status status = nj_path_join(folder, names->names[i], &path, err);
        if (status == NJ_OK) {
            status = add_path(set, path.text, err);
        }
        if (status == NJ_NOT_FOUND) {
            status = nj_fail(err, NJ_INPUT, "%s: the index names it and it is missing", path.text);
        }
        if (status != NJ_OK) {
            return status;
        }
    }
    return NJ_OK;
}

// Every tensor of the index is there, in the file the index says.
static nj_status check_index(const nj_tensor_set *set, const json_t *weight_map, const char *path,
                             nj_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)weight_map, name, value)
    {
        const nj_tensor *tensor = nj_tensor_set_find(set, name);
        const char *file = json_string_value(value);
        if (tensor == NULL || strcmp(strrchr(tensor->file, '/') + 1, file) != 0) {
            return nj_fail(err, NJ_INPUT,
                           "%s: tensor \"%.200s\": is not in %s, where the index puts it", path,
                           name, file);
        }
    }
    return NJ_OK;
}

static nj_status load_index(const char *path, json_t **out_root, const json_t **out_weight_map,
                            nj_error *err)
{
    nj_status status = nj_json_load(path, INDEX_BYTES_MAX, out_root, err);
    if (status != NJ_OK) {
        return status;
    }
    *out_weight_map = json_object_get(*out_root, "weight_map");
    if (!json_is_object(*out_weight_map)) {
        return nj_fail(err, NJ_INPUT, "%s: has no object \"weight_map\"", path);
    }
    return NJ_OK;
}

static nj_status open_folder(const char *path, nj_tensor_set **out, nj_error *err)
{
    nj_path index;
    json_t *root = NULL;
    const json_t *weight_map = NULL;
    name_list names = {0};
    nj_tensor_set *set = NULL;
    nj_status status = nj_path_join(path, INDEX_NAME, &index, err);
    if (status != NJ_OK) {
        return status;
    }
    if (nj_file_exists(index.text)) {
        status = load_index(index.text, &root, &weight_map, err);
        if (status == NJ_OK) {
            status = list_index(weight_map, index.text, &names, err);
        }
    } else {
        status = list_folder(path, &names, err);
    }
    if (status == NJ_OK) {
        status = new_set(names.count, &set, err);
    }
    if (status == NJ_OK) {
        status = add_names(set, path, &names, err);
    }
    if (status == NJ_OK) {
        status = sort_set(set, err);
    }
    if (status == NJ_OK && weight_map != NULL) {
        status = check_index(set, weight_map, index.text, err);
    }
    if (status == NJ_OK) {
        *out = set;
        set = NULL;
    }
    nj_tensor_set_close(&set);
    free_names(&names);
    json_decref(root);
    return status;
}

nj_status nj_tensor_set_open(const char *path, nj_tensor_set **out, nj_error *err)
{
    if (nj_folder_exists(path)) {
        return open_folder(path, out, err);
    }
    nj_tensor_set *set = NULL;
    nj_status status = new_set(1, &set, err);
    if (status == NJ_OK) {
        status = add_path(set, path, err);
    }
    if (status == NJ_OK) {
        status = sort_set(set, err);
    }
    if (status == NJ_OK) {
        *out = set;
        set = NULL;
    }
    nj_tensor_set_close(&set);
    return status;
}

nj_status nj_tensor_set_open_bytes(const void *bytes, size_t size, const char *what,
                                   nj_tensor_set **out, nj_error *err)
{
    nj_tensor_set *set = NULL;
    nj_status status = new_set(1, &set, err);
    if (status != NJ_OK) {
        return status;
    }
    set->file_count = 1;
    set->files[0].path = strdup(what);
    if (set->files[0].path == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its name", what);
    } else {
        status = read_file(set, bytes, size, err);
    }
    if (status == NJ_OK) {
        status = sort_set(set, err);
    }
    if (status == NJ_OK) {
        *out = set;
        set = NULL;
    }
    nj_tensor_set_close(&set);
    return status;
}

void nj_tensor_set_close(nj_tensor_set **set)
{
    if (*set == NULL) {
        return;
    }
    for (size_t i = 0; i < (*set)->file_count; i++) {
        tensor_file *file = &(*set)->files[i];
        nj_mapped_close(&file->mapped);
        json_decref(file->header);
        free(file->path);
    }
    nj_buffer_fini(&(*set)->tensors);
    free((*set)->files);
    free(*set);
    *set = NULL;
}

size_t nj_tensor_set_count(const nj_tensor_set *set)
{
    return set->tensors.size / sizeof(nj_tensor);
}

const nj_tensor *nj_tensor_set_at(const nj_tensor_set *set, size_t index)
{
    return &peek_tensors(set)[index];
}

const nj_tensor *nj_tensor_set_find(const nj_tensor_set *set, const char *name)
{
    nj_tensor key = {.name = name};
    if (nj_tensor_set_count(set) == 0) {
        return NULL;
    }
    return bsearch(&key, set->tensors.bytes, nj_tensor_set_count(set), sizeof key, compare_names);
}

nj_status nj_tensor_set_put(nj_tensor_set *set, const nj_tensor *tensor, nj_error *err)
{
    const nj_tensor *old = nj_tensor_set_find(set, tensor->name);
    if (old != NULL) {
        peek_tensors(set)[old - peek_tensors(set)] = *tensor;
        return NJ_OK;
    }
    const nj_status status = nj_buffer_append(&set->tensors, tensor, sizeof *tensor);
    if (status != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for tensor \"%.200s\" beside %zu others",
                       tensor->file, tensor->name, nj_tensor_set_count(set));
    }
    return sort_set(set, err);
}

static void format_shape(char out[SHAPE_TEXT_BYTES], const size_t *shape, size_t dim_count)
{
    int at = snprintf(out, SHAPE_TEXT_BYTES, "[");
    for (size_t i = 0; i < dim_count && i < NJ_TENSOR_DIMS_MAX; i++) {
        at +=
            snprintf(out + at, SHAPE_TEXT_BYTES - (size_t)at, "%s%zu", i > 0 ? ", " : "", shape[i]);
    }
    snprintf(out + at, SHAPE_TEXT_BYTES - (size_t)at, "]");
}

nj_status nj_tensor_set_expect(const nj_tensor_set *set, const char *name, const size_t *shape,
                               size_t dim_count, const nj_tensor **out, nj_error *err)
{
    char expected[SHAPE_TEXT_BYTES];
    format_shape(expected, shape, dim_count);
    const nj_tensor *tensor = nj_tensor_set_find(set, name);
    if (tensor == NULL) {
        return nj_fail(err, NJ_INPUT, "%s%s: tensor \"%.200s\": is missing, expected with shape %s",
                       set->files[0].path, set->file_count > 1 ? " and its siblings" : "", name,
                       expected);
    }
    if (tensor->dim_count != dim_count ||
        (dim_count > 0 && memcmp(tensor->shape, shape, dim_count * sizeof *shape) != 0)) {
        char found[SHAPE_TEXT_BYTES];
        format_shape(found, tensor->shape, tensor->dim_count);
        return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\": has shape %s, expected %s",
                       tensor->file, name, found, expected);
    }
    *out = tensor;
    return NJ_OK;
}

static float load_element(const nj_tensor *tensor, size_t index)
{
    if (tensor->type == NJ_TENSOR_F32) {
        float value;
        memcpy(&value, tensor->data + 4 * index, sizeof value);
        return value;
    }
    uint16_t half;
    memcpy(&half, tensor->data + 2 * index, sizeof half);
    return tensor->type == NJ_TENSOR_F16 ? nj_f32_of_f16(half) : nj_f32_of_bf16(half);
}

nj_status nj_tensor_read_f32(const nj_tensor *tensor, float *out, nj_error *err)
{
    if (tensor->type == NJ_TENSOR_OTHER) {
        return nj_fail(err, NJ_INPUT,
                       "%s: tensor \"%.200s\": has dtype %s, F32, F16 or BF16 is needed",
                       tensor->file, tensor->name, tensor->dtype);
    }
    for (size_t i = 0; i < tensor->element_count; i++) {
        out[i] = load_element(tensor, i);
        if (!isfinite(out[i])) {
            return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\": element %zu of %zu is %s",
                           tensor->file, tensor->name, i, tensor->element_count,
                           isnan(out[i]) ? "not a number (NaN)" : "infinite");
        }
    }
    return NJ_OK;
}
