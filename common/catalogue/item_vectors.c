#include "common/catalogue/item_vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

#define MAGIC "NJVECTOR"
#define LANES 8

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t row_count;
    uint32_t width;
    uint32_t form;
    uint8_t zeros[40]; // so that rows begin at a multiple of 64
} header;

_Static_assert(sizeof(header) == 64, "as in schemas/bundle.md");

// The two sections that hold vectors, and what they allow.
typedef struct {
    const char *name;
    uint32_t form_min;
    uint32_t form_max;
} section_kind;

static const section_kind ALIKE = {"vectors", NJ_VECTORS_F32, NJ_VECTORS_F16};
static const section_kind COLLABORATIVE = {"collaborative", NJ_VECTORS_GIVEN, NJ_VECTORS_GIVEN};

static size_t element_bytes(nj_vector_form form)
{
    return form == NJ_VECTORS_F16 ? sizeof(uint16_t) : sizeof(float);
}

// ---- opening ----

static nj_status check_header(const section_kind *kind, const header *head, size_t size,
                              uint32_t row_count, nj_error *err)
{
    static const uint8_t ZEROS[sizeof head->zeros] = {0};
    if (size < sizeof *head || memcmp(head->magic, MAGIC, sizeof head->magic) != 0) {
        return nj_fail(err, NJ_INPUT, "%s: the bytes do not begin with \"" MAGIC "\"", kind->name);
    }
    if (head->version != NJ_ITEM_VECTORS_VERSION) {
        return nj_fail(err, NJ_INPUT, "%s: version %u, this program reads %d", kind->name,
                       head->version, NJ_ITEM_VECTORS_VERSION);
    }
    if (head->row_count != row_count) {
        return nj_fail(err, NJ_INPUT, "%s: made for %u rows, the catalogue has %u", kind->name,
                       head->row_count, row_count);
    }
    if (head->width < 1 || head->width > NJ_ITEM_VECTOR_WIDTH_MAX || head->form < kind->form_min ||
        head->form > kind->form_max || memcmp(head->zeros, ZEROS, sizeof ZEROS) != 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: %u wide in form %u, must be 1 to %d wide and in form %u to %u",
                       kind->name, head->width, head->form, NJ_ITEM_VECTOR_WIDTH_MAX,
                       kind->form_min, kind->form_max);
    }
    // 2^32 rows of 2^14 bytes at the most.
    const size_t bytes =
        sizeof *head + (size_t)row_count * head->width * element_bytes((nj_vector_form)head->form);
    return size == bytes ? NJ_OK
                         : nj_fail(err, NJ_INPUT, "%s: %zu bytes, %u rows of %u need %zu",
                                   kind->name, size, row_count, head->width, bytes);
}

// The square of the row's length; NaN where an element is none or infinite. Sums side by side, so that they run on vectors; their order
// is of no account, for a length is only looked at with a margin.
static double square_of(const nj_item_vectors *vectors, uint32_t row, float *x)
{
    double sums[LANES] = {0};
    double square = 0;
    const uint32_t whole = vectors->width / LANES * LANES;
    nj_item_vectors_row(vectors, row, x);
    for (uint32_t d = 0; d < whole; d += LANES) {
        for (uint32_t i = 0; i < LANES; i++) {
            sums[i] += (double)x[d + i] * (double)x[d + i];
        }
    }
    for (uint32_t d = whole; d < vectors->width; d++) {
        sums[d - whole] += (double)x[d] * (double)x[d];
    }
    for (uint32_t i = 0; i < LANES; i++) {
        square += sums[i];
    }
    return square;
}

// The squares of float32 add up in a double without an overflow, so any length that is not finite tells of a value that is not.
static nj_status check_rows(const section_kind *kind, nj_item_vectors *vectors, nj_error *err)
{
    float x[NJ_ITEM_VECTOR_WIDTH_MAX];
    const bool is_any = vectors->form == NJ_VECTORS_GIVEN;
    for (uint32_t row = 0; row < vectors->row_count; row++) {
        const double length = sqrt(square_of(vectors, row, x));
        const bool is_right =
            is_any ? isfinite(length) : fabs(length - 1) <= NJ_ITEM_VECTOR_LENGTH_ERROR;
        if (!is_right && !(length == 0)) {
            return nj_fail(err, NJ_INPUT, "%s: row %u has length %g, must be %s", kind->name, row,
                           length, is_any ? "finite" : "1 or 0");
        }
        vectors->zero_count += length == 0;
    }
    return NJ_OK;
}

static nj_status open_rows(const section_kind *kind, const void *bytes, size_t size,
                           uint32_t row_count, nj_item_vectors *out, nj_error *err)
{
    const header *head = bytes;
    nj_status status = check_header(kind, head, size, row_count, err);
    if (status != NJ_OK) {
        return status;
    }
    const void *rows = head + 1;
    nj_item_vectors vectors = {.row_count = row_count,
                               .width = head->width,
                               .form = (nj_vector_form)head->form,
                               .f32 = head->form != NJ_VECTORS_F16 ? rows : NULL,
                               .f16 = head->form == NJ_VECTORS_F16 ? rows : NULL};
    status = check_rows(kind, &vectors, err);
    if (status == NJ_OK) {
        *out = vectors;
    }
    return status;
}

nj_status nj_item_vectors_open(const void *bytes, size_t size, uint32_t row_count,
                               nj_item_vectors *out, nj_error *err)
{
    return open_rows(&ALIKE, bytes, size, row_count, out, err);
}

nj_status nj_collaborative_open(const void *bytes, size_t size, uint32_t row_count,
                                nj_item_vectors *out, nj_error *err)
{
    return open_rows(&COLLABORATIVE, bytes, size, row_count, out, err);
}

bool nj_item_vectors_is_zero(const nj_item_vectors *vectors, uint32_t row)
{
    const size_t first = (size_t)row * vectors->width;
    for (uint32_t d = 0; d < vectors->width; d++) {
        const bool is_zero = vectors->f32 != NULL ? vectors->f32[first + d] == 0
                                                  : (vectors->f16[first + d] & 0x7fffu) == 0;
        if (!is_zero) {
            return false;
        }
    }
    return true;
}

// ---- writing ----

// Where the rows go.
typedef struct {
    const nj_npy *npy;
    const nj_idlist *items;
    const nj_idlist *ids; // NULL: row i is of item i
    nj_idmap map;         // of ids
    nj_vector_form form;
    float *x;       // owned; [D]
    uint16_t *half; // owned; [D]
    size_t vectors; // rows that are not zeros
} writing;

static nj_status check_shape(const writing *w, nj_error *err)
{
    const nj_npy *npy = w->npy;
    if (npy->dim_count != 2 || npy->shape[1] < 1 || npy->shape[1] > NJ_ITEM_VECTOR_WIDTH_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: is no matrix of one row an item, 1 to %d wide",
                       npy->path, NJ_ITEM_VECTOR_WIDTH_MAX);
    }
    const size_t rows = w->ids != NULL ? w->ids->count : w->items->count;
    return npy->shape[0] == rows
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "%s: has %zu rows, the %s %zu", npy->path, npy->shape[0],
                         w->ids != NULL ? "ids of its rows are" : "catalogue has", rows);
}

static void halve(writing *w, size_t D)
{
    for (size_t d = 0; d < D; d++) {
        w->half[d] = nj_f16_of_f32(w->x[d]);
    }
}

// Row `from` of the file as it is written; all zeros for NJ_IDMAP_NONE.
static nj_status append_row(writing *w, size_t from, nj_buffer *out, nj_error *err)
{
    const size_t D = w->npy->shape[1];
    double square = 0;
    memset(w->x, 0, D * sizeof *w->x);
    nj_status status =
        from != NJ_IDMAP_NONE ? nj_npy_read_f32(w->npy, from * D, D, w->x, err) : NJ_OK;
    for (size_t d = 0; d < D; d++) {
        square += (double)w->x[d] * (double)w->x[d];
    }
    w->vectors += square > 0;
    for (size_t d = 0; d < D && w->form != NJ_VECTORS_GIVEN; d++) {
        w->x[d] = square > 0 ? (float)((double)w->x[d] / sqrt(square)) : 0;
    }
    if (status == NJ_OK && w->form == NJ_VECTORS_F16) {
        halve(w, D);
        status = nj_buffer_append(out, w->half, D * sizeof *w->half);
    } else if (status == NJ_OK) {
        status = nj_buffer_append(out, w->x, D * sizeof *w->x);
    }
    return status;
}

static nj_status append_rows(writing *w, nj_buffer *out, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t row = 0; row < w->items->count && status == NJ_OK; row++) {
        const size_t from = w->ids == NULL ? row
                                           : nj_idmap_find(&w->map, nj_idlist_at(w->items, row),
                                                           nj_idmap_at_list, w->ids);
        status = append_row(w, from, out, err);
    }
    if (status == NJ_OK && w->vectors == 0) {
        status =
            nj_fail(err, NJ_INPUT, "%s: no item of the catalogue has a row that is not all zeros",
                    w->npy->path);
    }
    return status;
}

static nj_status write_rows(writing *w, nj_buffer *out, nj_error *err)
{
    const size_t D = w->npy->shape[1];
    const header head = {.magic = MAGIC,
                         .version = NJ_ITEM_VECTORS_VERSION,
                         .row_count = (uint32_t)w->items->count,
                         .width = (uint32_t)D,
                         .form = w->form};
    w->x = calloc(D, sizeof *w->x);
    w->half = calloc(D, sizeof *w->half);
    if (w->x == NULL || w->half == NULL) {
        return NJ_NO_MEMORY;
    }
    nj_status status =
        nj_buffer_reserve(out, sizeof head + w->items->count * D * element_bytes(w->form));
    if (status == NJ_OK) {
        status = nj_buffer_append(out, &head, sizeof head);
    }
    return status == NJ_OK ? append_rows(w, out, err) : status;
}

nj_status nj_item_vectors_write(const nj_npy *npy, const nj_idlist *items, const nj_idlist *ids,
                                nj_vector_form form, nj_buffer *out, nj_error *err)
{
    writing w = {.npy = npy, .items = items, .ids = ids, .form = form};
    nj_idmap_init(&w.map);
    nj_status status = check_shape(&w, err);
    if (status == NJ_OK && ids != NULL) {
        status = nj_idmap_build(&w.map, ids, "ids of vectors", err);
    }
    if (status == NJ_OK) {
        status = write_rows(&w, out, err);
    }
    free(w.x);
    free(w.half);
    nj_idmap_fini(&w.map);
    return status == NJ_NO_MEMORY
               ? nj_fail(err, status, "no memory for vectors of %zu items, %zu wide", items->count,
                         npy->shape[1])
               : status;
}
