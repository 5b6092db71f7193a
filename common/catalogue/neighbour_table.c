#include "common/catalogue/neighbour_table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/base/checked.h"

#define MAGIC "NJNEIGHB"
#define ALIGNMENT 8

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t row_count;
    uint32_t kind;
    uint32_t reserved;
    uint64_t edge_count;
} header;

_Static_assert(sizeof(header) == 32, "as in schemas/bundle.md");

const char *nj_neighbour_table_kind_name(nj_neighbour_table_kind kind)
{
    return kind == NJ_NEIGHBOUR_CO_VISITATION ? "co-visitation" : "item-knn";
}

// ---- opening ----

static nj_status check_header(const header *head, size_t size, uint32_t row_count, nj_error *err)
{
    if (size < sizeof *head || memcmp(head->magic, MAGIC, sizeof head->magic) != 0) {
        return nj_fail(err, NJ_INPUT, "neighbours: the bytes do not begin with \"" MAGIC "\"");
    }
    if (head->version != NJ_NEIGHBOUR_TABLE_VERSION) {
        return nj_fail(err, NJ_INPUT, "neighbours: version %u, this program reads %d",
                       head->version, NJ_NEIGHBOUR_TABLE_VERSION);
    }
    if (head->row_count != row_count) {
        return nj_fail(err, NJ_INPUT, "neighbours: made for %u rows, the catalogue has %u",
                       head->row_count, row_count);
    }
    if (head->kind > NJ_NEIGHBOUR_ITEM_KNN || head->reserved != 0 ||
        head->edge_count > NJ_NEIGHBOUR_TABLE_EDGES_MAX) {
        return nj_fail(err, NJ_INPUT,
                       "neighbours: %" PRIu64 " of kind %u, must be at most %" PRIu64
                       " of kind 0 or 1",
                       head->edge_count, head->kind, NJ_NEIGHBOUR_TABLE_EDGES_MAX);
    }
    const size_t edges = (size_t)head->edge_count;
    const size_t bytes = sizeof *head + ((size_t)row_count + 1) * sizeof(uint64_t) +
                         nj_round_up(edges * sizeof(uint32_t), ALIGNMENT) + edges * sizeof(float);
    return size == bytes ? NJ_OK
                         : nj_fail(err, NJ_INPUT, "neighbours: %zu bytes, %zu of %u rows need %zu",
                                   size, edges, row_count, bytes);
}

static nj_status check_offsets(const nj_neighbour_table *table, nj_error *err)
{
    const uint64_t *offset = table->offset;
    if (offset[0] != 0 || offset[table->row_count] != table->edge_count) {
        return nj_fail(err, NJ_INPUT,
                       "neighbours: go from %" PRIu64 " to %" PRIu64 ", must from 0 to %" PRIu64,
                       offset[0], offset[table->row_count], table->edge_count);
    }
    for (uint32_t row = 0; row < table->row_count; row++) {
        if (offset[row + 1] < offset[row] ||
            offset[row + 1] - offset[row] > NJ_NEIGHBOUR_TABLE_MAX) {
            return nj_fail(err, NJ_INPUT,
                           "neighbours: those of row %u go from %" PRIu64 " to %" PRIu64
                           ", must be 0 to %d",
                           row, offset[row], offset[row + 1], NJ_NEIGHBOUR_TABLE_MAX);
        }
    }
    return NJ_OK;
}

// Of equal weights the smaller row stands first, so none is there twice with one weight.
static bool stand_in_order(const nj_neighbour_table *table, uint64_t at)
{
    return table->weights[at - 1] > table->weights[at] ||
           (table->weights[at - 1] == table->weights[at] && table->rows[at - 1] < table->rows[at]);
}

static nj_status check_neighbours(const nj_neighbour_table *table, uint32_t row, nj_error *err)
{
    for (uint64_t at = table->offset[row]; at < table->offset[row + 1]; at++) {
        const uint32_t other = table->rows[at];
        const float weight = table->weights[at];
        if (other >= table->row_count || other == row) {
            return nj_fail(err, NJ_INPUT,
                           "neighbours: row %u has neighbour %u, must be another of %u rows", row,
                           other, table->row_count);
        }
        if (!(weight > 0) || isinf(weight)) {
            return nj_fail(err, NJ_INPUT,
                           "neighbours: of row %u, %u has weight %g, must be above 0 and finite",
                           row, other, (double)weight);
        }
        if (at > table->offset[row] && !stand_in_order(table, at)) {
            return nj_fail(err, NJ_INPUT, "neighbours: of row %u, %u is out of order", row, other);
        }
    }
    return NJ_OK;
}

nj_status nj_neighbour_table_open(const void *bytes, size_t size, uint32_t row_count,
                                  nj_neighbour_table *out, nj_error *err)
{
    const header *head = bytes;
    nj_status status = check_header(head, size, row_count, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t rows_bytes = nj_round_up((size_t)head->edge_count * sizeof(uint32_t), ALIGNMENT);
    const uint64_t *offset = (const uint64_t *)(const void *)(head + 1);
    const uint8_t *rows = (const uint8_t *)(offset + (size_t)row_count + 1);
    const nj_neighbour_table table = {.row_count = row_count,
                                      .kind = (nj_neighbour_table_kind)head->kind,
                                      .edge_count = head->edge_count,
                                      .offset = offset,
                                      .rows = (const uint32_t *)(const void *)rows,
                                      .weights = (const float *)(const void *)(rows + rows_bytes)};
    status = check_offsets(&table, err);
    for (uint32_t row = 0; row < row_count && status == NJ_OK; row++) {
        status = check_neighbours(&table, row, err);
    }
    if (status == NJ_OK) {
        *out = table;
    }
    return status;
}

// ---- writing ----

nj_status nj_neighbour_table_write(const nj_neighbour_table *table, nj_buffer *out, nj_error *err)
{
    static const uint8_t ZEROS[ALIGNMENT] = {0};
    const size_t edges = (size_t)table->edge_count;
    const size_t rows_bytes = edges * sizeof *table->rows;
    const header head = {.magic = MAGIC,
                         .version = NJ_NEIGHBOUR_TABLE_VERSION,
                         .row_count = table->row_count,
                         .kind = table->kind,
                         .edge_count = table->edge_count};
    nj_status status = nj_buffer_append(out, &head, sizeof head);
    if (status == NJ_OK) {
        status = nj_buffer_append(out, table->offset,
                                  ((size_t)table->row_count + 1) * sizeof *table->offset);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, table->rows, rows_bytes);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, ZEROS, nj_round_up(rows_bytes, ALIGNMENT) - rows_bytes);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, table->weights, edges * sizeof *table->weights);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory for %zu neighbours of %u items", edges,
                                     table->row_count);
}
