// test_pages.c - pages that would lead LMDB into a crash are refused before it sees them, also where no digest was looked at.
#include "common/store/pages.h"

#include "common/base/mapped.h"
#include "tests/unit/store/night.h"

#define PAGE_BYTES 4096
#define META_ROOT_AT 128 // of the unnamed database, in a meta page
#define META_DEPTH_AT 94
#define META_LAST_AT 136
#define PAGE_FLAGS_AT 10
#define PAGE_LOWER_AT 12
#define PAGE_NODES_AT 16

// A generation's data in memory, to be damaged at will.
typedef struct {
    uint8_t *bytes;
    size_t size;
    nj_pages pages;
} data_file;

static void read_data(void **state, data_file *out)
{
    nj_error err = {0};
    nj_mapped file;
    nj_store_name name = night_pack(sandbox_path(state, "store"), 20, 16, NIGHT_MS);
    nj_path path = night_file(state, &name, "data.mdb");
    assert_ok(nj_mapped_open(path.text, &file, &err), &err);
    out->bytes = malloc(file.size);
    assert_non_null(out->bytes);
    memcpy(out->bytes, file.bytes, file.size);
    out->size = file.size;
    nj_mapped_close(&file);
    assert_ok(nj_pages_open(out->bytes, out->size, "data", &out->pages, &err), &err);
}

static void free_data(data_file *data)
{
    nj_pages_close(&data->pages);
    free(data->bytes);
}

static uint8_t *page_at(const data_file *data, uint64_t number)
{
    return data->bytes + number * PAGE_BYTES;
}

static void put_u16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof value);
}

static void put_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static uint8_t *node_at(uint8_t *page, size_t index)
{
    uint16_t offset;
    memcpy(&offset, page + PAGE_NODES_AT + 2 * index, sizeof offset);
    return page + offset;
}

// The meta page that counts.
static uint8_t *meta_of(const data_file *data)
{
    uint64_t root;
    memcpy(&root, data->bytes + META_ROOT_AT, sizeof root);
    return root == data->pages.root ? data->bytes : data->bytes + PAGE_BYTES;
}

static void what_was_packed_is_accepted(void **state)
{
    nj_error err = {0};
    data_file data;
    nj_store_key key;
    read_data(state, &data);
    assert_int_equal(data.pages.depth, 2);
    assert_ok(nj_pages_check(&data.pages, &err), &err);
    assert_ok(nj_store_key_pack(nj_slice_from("17"), &key, &err), &err);
    assert_ok(nj_pages_check_path(&data.pages, (nj_slice){(char *)key.bytes, key.size}, &err),
              &err);
    free_data(&data);
}

static void meta_pages_that_lead_out_of_the_file_are_refused(void **state)
{
    nj_error err = {0};
    data_file data;
    nj_pages pages;
    read_data(state, &data);
    uint8_t *meta = meta_of(&data);
    uint64_t root = data.pages.root;
    uint64_t last = data.pages.page_count - 1;
    put_u64(meta + META_LAST_AT, data.size / PAGE_BYTES);
    assert_refused(nj_pages_open(data.bytes, data.size, "data", &pages, &err), NJ_REFUSED, &err,
                   "the last page is");
    put_u64(meta + META_LAST_AT, last);
    put_u16(meta + META_DEPTH_AT, NJ_PAGES_DEPTH_MAX + 1);
    assert_refused(nj_pages_open(data.bytes, data.size, "data", &pages, &err), NJ_REFUSED, &err,
                   "the tree's depth");
    put_u16(meta + META_DEPTH_AT, 3);
    assert_ok(nj_pages_open(data.bytes, data.size, "data", &pages, &err), &err);
    assert_refused(nj_pages_check(&pages, &err), NJ_REFUSED, &err, "not the page that the tree");
    nj_pages_close(&pages);
    put_u16(meta + META_DEPTH_AT, 2);
    for (uint64_t wrong = 0; wrong < 2; wrong++) { // LMDB asserts that a root is no meta page
        put_u64(meta + META_ROOT_AT, wrong);
        assert_ok(nj_pages_open(data.bytes, data.size, "data", &pages, &err), &err);
        assert_refused(nj_pages_check(&pages, &err), NJ_REFUSED, &err, "outside the file");
        nj_pages_close(&pages);
    }
    put_u64(meta + META_ROOT_AT, root);
    for (size_t size = 0; size < data.size; size += 300) {
        assert_refused(nj_pages_open(data.bytes, size, "data", &pages, &err), NJ_REFUSED, &err,
                       size < 2 * PAGE_BYTES ? "no data file" : "the last page is");
    }
    free_data(&data);
}

static void a_tree_without_end_is_refused(void **state)
{
    nj_error err = {0};
    data_file data;
    read_data(state, &data);
    uint8_t *root = page_at(&data, data.pages.root);
    memcpy(node_at(root, 1), node_at(root, 0), 6); // the second child is the first
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "twice");
    put_u16(node_at(root, 1), 0xffff);
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "outside the file");
    free_data(&data);
}

static void nodes_that_lead_out_of_their_page_are_refused(void **state)
{
    nj_error err = {0};
    data_file data;
    read_data(state, &data);
    uint8_t *root = page_at(&data, data.pages.root);
    uint64_t first_leaf = 0;
    memcpy(&first_leaf, node_at(root, 0), 4);
    uint8_t *leaf = page_at(&data, first_leaf);
    uint8_t *node = node_at(leaf, 0);
    uint8_t kept[PAGE_BYTES];
    memcpy(kept, leaf, sizeof kept);

    put_u16(leaf + PAGE_NODES_AT, PAGE_BYTES - 4);
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "a node lies outside");
    memcpy(leaf, kept, sizeof kept);
    put_u16(node + 6, PAGE_BYTES);
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "a key ends outside");
    memcpy(leaf, kept, sizeof kept);
    put_u16(node, PAGE_BYTES);
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "a value ends outside");
    memcpy(leaf, kept, sizeof kept);
    put_u16(node + 4, 4); // F_DUPDATA
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "a node has flags");
    memcpy(leaf, kept, sizeof kept);
    put_u16(node + 4, 1); // F_BIGDATA, with the row's first bytes as a page's number
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "a large value");
    memcpy(leaf, kept, sizeof kept);
    put_u16(leaf + PAGE_LOWER_AT, PAGE_NODES_AT);
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "the number of its nodes");
    memcpy(leaf, kept, sizeof kept);
    put_u16(leaf + PAGE_FLAGS_AT, 0x22); // P_LEAF2
    assert_refused(nj_pages_check(&data.pages, &err), NJ_REFUSED, &err, "not the page that");
    memcpy(leaf, kept, sizeof kept);
    assert_ok(nj_pages_check(&data.pages, &err), &err);
    free_data(&data);
}

static nj_status count_row(void *context, nj_slice user, nj_slice value, nj_error *err)
{
    size_t *bytes = context;
    (void)err;
    for (size_t i = 0; i < value.size; i++) { // every byte of it is there
        *bytes += (uint8_t)value.bytes[i] != 0;
    }
    *bytes += user.size;
    return NJ_OK;
}

static void write_byte(const char *path, size_t offset, uint8_t byte)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fclose(file), 0);
}

// The head's digest is looked at by every opening, the rest's is not.
static void read_past_a_flipped_byte(const char *store, const nj_store_name *name)
{
    static const char *const USERS[] = {"1", "17", "u5", "u315", "nobody"};
    nj_error err = {0};
    nj_store_reader *reader = NULL;
    nj_slice value;
    size_t bytes = 0;
    assert_ok(nj_store_reader_open(store, name->text, &reader, &err), &err);
    for (size_t i = 0; i < sizeof USERS / sizeof USERS[0]; i++) {
        nj_status status = nj_store_get(reader, nj_slice_from(USERS[i]), &value, &err);
        assert_true(status == NJ_OK || status == NJ_NOT_FOUND || status == NJ_REFUSED);
        if (status == NJ_OK) {
            assert_ok(count_row(&bytes, nj_slice_from(USERS[i]), value, &err), &err);
        }
    }
    nj_status status = nj_store_each(reader, count_row, &bytes, &err);
    assert_true(status == NJ_OK || status == NJ_REFUSED);
    nj_store_reader_close(&reader);
}

static void a_flipped_byte_anywhere_crashes_no_reader(void **state)
{
    const char *store = sandbox_path(state, "store");
    nj_store_name name = night_pack(store, 20, 16, NIGHT_MS);
    nj_path path = night_file(state, &name, "data.mdb");
    data_file data = {0};
    nj_mapped file;
    nj_error err = {0};
    assert_ok(nj_mapped_open(path.text, &file, &err), &err);
    data.size = file.size;
    for (size_t at = NJ_STORE_HEAD_BYTES; at < data.size; at += at % PAGE_BYTES < 64 ? 1 : 37) {
        uint8_t byte = file.bytes[at];
        write_byte(path.text, at, (uint8_t)(byte ^ 1u << at % 8));
        read_past_a_flipped_byte(store, &name);
        write_byte(path.text, at, byte);
    }
    nj_mapped_close(&file);
    assert_ok(nj_store_verify(store, name.text, NULL, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_packed_is_accepted, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(meta_pages_that_lead_out_of_the_file_are_refused,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_tree_without_end_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(nodes_that_lead_out_of_their_page_are_refused,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_flipped_byte_anywhere_crashes_no_reader, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
