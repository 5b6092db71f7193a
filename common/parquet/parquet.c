#include "common/parquet/parquet.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/parquet/parquet_parts.h"

#define TEXT_BYTES_WANTED (256u << 10) // of rows made text at once
#define SAYS_BYTES 300

// One thread, no downloads, no spilling: the file is read from front to back and nothing is sorted.
static const char *const SETTINGS[] = {
    "SET threads=1",
    "SET memory_limit='2GiB'",
    "SET preserve_insertion_order=true",
    "SET autoinstall_known_extensions=false",
    "SET autoload_known_extensions=false",
    "SET TimeZone='UTC'",
};

bool nj_parquet_is_head(nj_slice head)
{
    return head.size >= 5 && memcmp(head.bytes, "PAR1\x15", 5) == 0; // a first field of 32 bits
}

nj_status nj_parquet_fail_duck(const nj_parquet *parquet, const char *says, nj_error *err)
{
    char text[SAYS_BYTES];
    size_t size = says != NULL ? strcspn(says, "\n") : 0;
    size = nj_min_size(size, sizeof text - 1);
    if (size > 0) {
        memcpy(text, says, size);
    }
    text[size] = '\0';
    return nj_fail(err, NJ_INPUT, "%s: cannot be read as Parquet: %s", parquet->name,
                   size > 0 ? text : "DuckDB says no more");
}

static nj_status connect(nj_parquet *p, nj_error *err)
{
    const nj_duck *duck = p->duck;
    if (duck->open(NULL, &p->database) != 0 || duck->connect(p->database, &p->connection) != 0) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: DuckDB does not start", p->name);
    }
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        nj_duck_result result;
        const bool failed = duck->query(p->connection, SETTINGS[i], &result) != 0;
        nj_status status = failed ? nj_fail(err, NJ_CONFIG, "DuckDB refuses \"%s\": %s",
                                            SETTINGS[i], duck->result_error(&result))
                                  : NJ_OK;
        duck->destroy_result(&result);
        if (failed) {
            return status;
        }
    }
    return NJ_OK;
}

nj_status nj_parquet_open(int fd, const char *name, const nj_parquet_shape *shapes,
                          size_t shape_count, nj_parquet **out, nj_error *err)
{
    nj_parquet *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", name);
    }
    p->name = name;
    nj_idlist_builder_init(&p->names);
    nj_buffer_init(&p->text, NJ_PARQUET_ROW_BYTES_MAX);
    nj_status status = nj_duck_load(&p->duck, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s", name);
    }
    if (status == NJ_OK) {
        status = connect(p, err);
    }
    if (status == NJ_OK) {
        status = nj_parquet_query(p, fd, shapes, shape_count, err);
    }
    if (status == NJ_OK && p->form == NJ_PARQUET_CSV) {
        status = nj_parquet_write_header(p, err);
    }
    if (status != NJ_OK) {
        nj_parquet_close(&p);
        return status;
    }
    *out = p;
    return NJ_OK;
}

static void drop_chunk(nj_parquet *p)
{
    if (p->chunk != NULL) {
        p->duck->destroy_data_chunk(&p->chunk);
        p->chunk = NULL;
    }
}

void nj_parquet_close(nj_parquet **parquet)
{
    nj_parquet *p = *parquet;
    if (p == NULL) {
        return;
    }
    drop_chunk(p);
    if (p->has_result) {
        p->duck->destroy_result(&p->result);
    }
    if (p->statement != NULL) {
        p->duck->destroy_prepare(&p->statement);
    }
    if (p->connection != NULL) {
        p->duck->disconnect(&p->connection);
    }
    if (p->database != NULL) {
        p->duck->close(&p->database);
    }
    nj_buffer_fini(&p->text);
    nj_idlist_builder_fini(&p->names);
    free(p);
    *parquet = NULL;
}

nj_parquet_form nj_parquet_form_of(const nj_parquet *parquet)
{
    return parquet->form;
}

static void point_at_vectors(nj_parquet *p)
{
    const nj_duck *duck = p->duck;
    for (size_t i = 0; i < p->field_count; i++) {
        nj_parquet_field *field = &p->fields[i];
        void *vector = duck->data_chunk_get_vector(p->chunk, i);
        field->data = duck->vector_get_data(vector);
        field->valid = duck->vector_get_validity(vector);
        if (field->is_list) {
            void *child = duck->list_vector_get_child(vector);
            field->element = duck->vector_get_data(child);
            field->element_valid = duck->vector_get_validity(child);
        }
    }
}

// The next rows; at_end where there are none.
static nj_status fetch(nj_parquet *p, nj_error *err)
{
    drop_chunk(p);
    p->chunk = p->duck->fetch_chunk(p->result);
    p->chunk_at = 0;
    p->chunk_count = p->chunk != NULL ? p->duck->data_chunk_get_size(p->chunk) : 0;
    if (p->chunk_count > 0) {
        point_at_vectors(p);
        return NJ_OK;
    }
    const char *says = p->duck->result_error(&p->result);
    p->at_end = true;
    return says == NULL || says[0] == '\0' ? NJ_OK : nj_parquet_fail_duck(p, says, err);
}

nj_status nj_parquet_read(nj_parquet *parquet, void *bytes, size_t capacity, size_t *out_size,
                          nj_error *err)
{
    nj_status status = NJ_OK;
    if (parquet->text_at == parquet->text.size) {
        nj_buffer_clear(&parquet->text);
        parquet->text_at = 0;
    }
    while (status == NJ_OK && !parquet->at_end && parquet->text.size < TEXT_BYTES_WANTED) {
        status = parquet->chunk_at < parquet->chunk_count ? nj_parquet_write_row(parquet, err)
                                                          : fetch(parquet, err);
    }
    if (status == NJ_OK) {
        *out_size = nj_min_size(capacity, parquet->text.size - parquet->text_at);
        memcpy(bytes, parquet->text.bytes + parquet->text_at, *out_size);
        parquet->text_at += *out_size;
    }
    return status;
}
