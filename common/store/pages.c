#include "common/store/pages.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "LMDB writes numbers as the machine has");

// mdb.c 0.9.24: MDB_page, MDB_node, MDB_meta, MDB_db.
#define PAGE_BYTES_MIN 512
#define PAGE_BYTES_MAX 65536
#define HEAD_BYTES 16
#define NODE_HEAD_BYTES 8
#define PGNO_NONE UINT64_MAX
#define META_COUNT 2
#define META_MAGIC 0xBEEFC0DEu
#define META_VERSION 1
#define META_FIXEDMAP 0x01u
#define PAGE_BRANCH 0x01u
#define PAGE_LEAF 0x02u
#define PAGE_OVERFLOW 0x04u
#define PAGE_META 0x08u
#define NODE_BIG 0x01u // its data is the number of an overflow page

// Where the fields lie in a meta page.
enum {
    META_MAGIC_AT = HEAD_BYTES,
    META_VERSION_AT = META_MAGIC_AT + 4,
    META_MAP_AT = META_MAGIC_AT + 16,     // size of the map its writer had
    META_FREE_DB_AT = META_MAGIC_AT + 24, // MDB_db of the free list; its pad is the page size
    META_MAIN_DB_AT = META_FREE_DB_AT + 48,
    META_LAST_PAGE_AT = META_MAIN_DB_AT + 48,
    META_TRANSACTION_AT = META_LAST_PAGE_AT + 8,
    META_END = META_TRANSACTION_AT + 8,
    DB_FLAGS_AT = 4,
    DB_DEPTH_AT = 6,
    DB_ROOT_AT = 40,
};

static uint16_t read_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t read_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t read_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static nj_status fail_page(const nj_pages *pages, uint64_t number, const char *rule, nj_error *err)
{
    return nj_fail(err, NJ_REFUSED, "%s: page %" PRIu64 " is damaged: %s", pages->what, number,
                   rule);
}

static nj_status fail_memory(const nj_pages *pages, nj_error *err)
{
    return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to check %" PRIu64 " pages", pages->what,
                   pages->page_count);
}

// ---- a bit a page ----

static uint8_t *new_page_bits(const nj_pages *pages)
{
    return calloc((size_t)(pages->page_count / 8) + 1, 1);
}

// Sets it, and says whether it was set.
static bool set_page_bit(uint8_t *bits, uint64_t number)
{
    uint8_t bit = (uint8_t)(1u << number % 8);
    bool was_set = (bits[number / 8] & bit) != 0;
    bits[number / 8] |= bit;
    return was_set;
}

// ---- meta pages ----

static bool page_size_is_valid(size_t page_bytes)
{
    return page_bytes >= PAGE_BYTES_MIN && page_bytes <= PAGE_BYTES_MAX &&
           (page_bytes & (page_bytes - 1)) == 0;
}

static const char *find_meta_problem(const uint8_t *meta, size_t page_bytes)
{
    if ((read_u16(meta + 10) & PAGE_META) == 0 || read_u32(meta + META_MAGIC_AT) != META_MAGIC) {
        return "no meta page of LMDB";
    }
    if (read_u32(meta + META_VERSION_AT) != META_VERSION) {
        return "another version of LMDB's format";
    }
    if (read_u32(meta + META_FREE_DB_AT) != page_bytes) {
        return "the two meta pages differ in the size of a page";
    }
    if ((read_u16(meta + META_FREE_DB_AT + DB_FLAGS_AT) & META_FIXEDMAP) != 0) {
        return "it asks for a fixed address";
    }
    if (read_u16(meta + META_MAIN_DB_AT + DB_FLAGS_AT) != 0) {
        return "the database has flags";
    }
    return NULL;
}

static nj_status read_meta(const uint8_t *meta, size_t size, uint64_t number, nj_pages *pages,
                           nj_error *err)
{
    uint64_t last = read_u64(meta + META_LAST_PAGE_AT);
    pages->root = read_u64(meta + META_MAIN_DB_AT + DB_ROOT_AT);
    pages->depth = read_u16(meta + META_MAIN_DB_AT + DB_DEPTH_AT);
    pages->map_bytes = read_u64(meta + META_MAP_AT);
    if (last < META_COUNT - 1 || last >= size / pages->page_bytes) {
        return nj_fail(err, NJ_REFUSED,
                       "%s: page %" PRIu64 " is damaged: the last page is %" PRIu64
                       ", the file has %zu",
                       pages->what, number, last, size / pages->page_bytes);
    }
    pages->page_count = last + 1;
    if (pages->root != PGNO_NONE && (pages->depth == 0 || pages->depth > NJ_PAGES_DEPTH_MAX)) {
        return fail_page(pages, number, "the tree's depth", err);
    }
    return NJ_OK;
}

nj_status nj_pages_open(const uint8_t *bytes, size_t size, const char *what, nj_pages *out,
                        nj_error *err)
{
    nj_pages pages = {.bytes = bytes, .what = what};
    if (size >= META_END) {
        pages.page_bytes = read_u32(bytes + META_FREE_DB_AT);
    }
    if (!page_size_is_valid(pages.page_bytes) || size / META_COUNT < pages.page_bytes) {
        return nj_fail(err, NJ_REFUSED, "%s: %zu bytes are no data file of LMDB", what, size);
    }
    for (uint64_t i = 0; i < META_COUNT; i++) {
        const char *problem = find_meta_problem(bytes + i * pages.page_bytes, pages.page_bytes);
        if (problem != NULL) {
            return fail_page(&pages, i, problem, err);
        }
    }
    const uint8_t *second = bytes + pages.page_bytes;
    bool second_counts =
        read_u64(bytes + META_TRANSACTION_AT) < read_u64(second + META_TRANSACTION_AT);
    nj_status status =
        read_meta(second_counts ? second : bytes, size, second_counts ? 1 : 0, &pages, err);
    if (status != NJ_OK) {
        return status;
    }
    pages.checked = new_page_bits(&pages);
    if (pages.checked == NULL) {
        return fail_memory(&pages, err);
    }
    *out = pages;
    return NJ_OK;
}

void nj_pages_close(nj_pages *pages)
{
    free(pages->checked);
    *pages = (nj_pages){0};
}

// ---- one page ----

static const uint8_t *peek_page(const nj_pages *pages, uint64_t number)
{
    return pages->bytes + number * pages->page_bytes;
}

static size_t count_nodes(const uint8_t *page)
{
    return (size_t)(read_u16(page + 12) - HEAD_BYTES) / 2;
}

static const uint8_t *peek_node(const uint8_t *page, size_t index)
{
    return page + read_u16(page + HEAD_BYTES + 2 * index);
}

static uint64_t read_child(const uint8_t *node)
{
    return read_u32(node) | (uint64_t)read_u16(node + 4) << 32;
}

static nj_slice peek_key(const uint8_t *node)
{
    return (nj_slice){(const char *)node + NODE_HEAD_BYTES, read_u16(node + 6)};
}

static bool number_is_valid(const nj_pages *pages, uint64_t number)
{
    return number >= META_COUNT && number < pages->page_count;
}

// The overflow pages of a large value; *out_count of them.
static const char *find_overflow_problem(const nj_pages *pages, uint64_t first, size_t data_bytes,
                                         uint32_t *out_count)
{
    if (!number_is_valid(pages, first)) {
        return "a large value lies outside the file";
    }
    const uint8_t *page = peek_page(pages, first);
    uint32_t count = read_u32(page + 12);
    if (read_u64(page) != first || read_u16(page + 10) != PAGE_OVERFLOW) {
        return "a large value does not lie on overflow pages";
    }
    if (count == 0 || count > pages->page_count - first ||
        data_bytes > count * pages->page_bytes - HEAD_BYTES) {
        return "a large value ends outside its pages";
    }
    *out_count = count;
    return NULL;
}

static const char *find_leaf_problem(const nj_pages *pages, const uint8_t *node, size_t room)
{
    size_t data_bytes = read_u16(node) | (size_t)read_u16(node + 2) << 16;
    unsigned flags = read_u16(node + 4);
    uint32_t ignored;
    if ((flags & ~NODE_BIG) != 0) {
        return "a node has flags";
    }
    if ((flags & NODE_BIG) == 0) {
        return data_bytes <= room ? NULL : "a value ends outside the page";
    }
    if (room < sizeof(uint64_t)) {
        return "a node ends outside the page";
    }
    const uint8_t *data = (const uint8_t *)peek_key(node).bytes + peek_key(node).size;
    return find_overflow_problem(pages, read_u64(data), data_bytes, &ignored);
}

static const char *find_node_problem(const nj_pages *pages, const uint8_t *page, size_t index,
                                     bool is_leaf)
{
    size_t offset = read_u16(page + HEAD_BYTES + 2 * index);
    if (offset % 2 != 0 || offset < read_u16(page + 12) ||
        offset > pages->page_bytes - NODE_HEAD_BYTES) {
        return "a node lies outside the page";
    }
    const uint8_t *node = page + offset;
    size_t key_bytes = peek_key(node).size;
    size_t room = pages->page_bytes - NODE_HEAD_BYTES - offset;
    if (key_bytes > room) {
        return "a key ends outside the page";
    }
    return is_leaf ? find_leaf_problem(pages, node, room - key_bytes) : NULL;
}

// Checks everything about a page but its children.
static nj_status check_page(const nj_pages *pages, uint64_t number, bool is_leaf, nj_error *err)
{
    if (!number_is_valid(pages, number)) {
        return fail_page(pages, number, "it lies outside the file", err);
    }
    const uint8_t *page = peek_page(pages, number);
    size_t lower = read_u16(page + 12);
    if (read_u64(page) != number || read_u16(page + 10) != (is_leaf ? PAGE_LEAF : PAGE_BRANCH)) {
        return fail_page(pages, number, "it is not the page that the tree expects there", err);
    }
    // A branch with one child and an empty leaf are what LMDB never leaves behind, and asserts.
    if (lower % 2 != 0 || lower > pages->page_bytes || lower < HEAD_BYTES + (is_leaf ? 2 : 4)) {
        return fail_page(pages, number, "the number of its nodes", err);
    }
    for (size_t i = 0; i < count_nodes(page); i++) {
        const char *problem = find_node_problem(pages, page, i, is_leaf);
        if (problem != NULL) {
            return fail_page(pages, number, problem, err);
        }
    }
    return NJ_OK;
}

// ---- the whole tree ----

typedef struct {
    const nj_pages *pages;
    uint8_t *seen;                        // a bit a page
    uint64_t numbers[NJ_PAGES_DEPTH_MAX]; // the path from the root
    size_t next[NJ_PAGES_DEPTH_MAX];      // child to visit next, on each level of the path
} page_walk;

// Marks `count` pages that are in range. A page that is reached twice would make a tree without end.
static nj_status mark_pages(page_walk *walk, uint64_t first, uint64_t count, nj_error *err)
{
    for (uint64_t number = first; number < first + count; number++) {
        if (set_page_bit(walk->seen, number)) {
            return fail_page(walk->pages, number, "it stands in the tree twice", err);
        }
    }
    return NJ_OK;
}

static nj_status mark_large_values(page_walk *walk, const uint8_t *page, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count_nodes(page) && status == NJ_OK; i++) {
        const uint8_t *node = peek_node(page, i);
        if ((read_u16(node + 4) & NODE_BIG) != 0) {
            nj_slice key = peek_key(node);
            uint64_t first = read_u64((const uint8_t *)key.bytes + key.size);
            status = mark_pages(walk, first, read_u32(peek_page(walk->pages, first) + 12), err);
        }
    }
    return status;
}

static nj_status enter_page(page_walk *walk, uint64_t number, uint32_t level, nj_error *err)
{
    bool is_leaf = level + 1 == walk->pages->depth;
    nj_status status = check_page(walk->pages, number, is_leaf, err);
    if (status == NJ_OK) {
        status = mark_pages(walk, number, 1, err);
    }
    if (status == NJ_OK && is_leaf) {
        status = mark_large_values(walk, peek_page(walk->pages, number), err);
    }
    walk->numbers[level] = number;
    walk->next[level] = 0;
    return status;
}

static nj_status walk_tree(page_walk *walk, nj_error *err)
{
    const nj_pages *pages = walk->pages;
    uint32_t level = 0;
    nj_status status = enter_page(walk, pages->root, 0, err);
    while (status == NJ_OK) {
        const uint8_t *page = peek_page(pages, walk->numbers[level]);
        bool is_leaf = level + 1 == pages->depth;
        if (is_leaf || walk->next[level] == count_nodes(page)) {
            if (level == 0) {
                return NJ_OK;
            }
            level--;
            continue;
        }
        uint64_t child = read_child(peek_node(page, walk->next[level]++));
        status = enter_page(walk, child, ++level, err);
    }
    return status;
}

nj_status nj_pages_check(const nj_pages *pages, nj_error *err)
{
    if (pages->root == PGNO_NONE) {
        return NJ_OK;
    }
    page_walk walk = {.pages = pages, .seen = new_page_bits(pages)};
    if (walk.seen == NULL) {
        return fail_memory(pages, err);
    }
    nj_status status = walk_tree(&walk, err);
    free(walk.seen);
    return status;
}

// ---- one search ----

static int compare_keys(nj_slice a, nj_slice b)
{
    int order = memcmp(a.bytes, b.bytes, nj_min_size(a.size, b.size));
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

// The child that mdb_node_search finds, by the same steps: keys that are out of order lead both to the same page.
static uint64_t find_child(const uint8_t *page, nj_slice key)
{
    size_t count = count_nodes(page);
    size_t low = 1; // the first child has no key
    size_t high = count - 1;
    size_t at = 0;
    int order = 0;
    while (low <= high) {
        at = (low + high) / 2;
        order = compare_keys(key, peek_key(peek_node(page, at)));
        if (order == 0) {
            break;
        }
        if (order > 0) {
            low = at + 1;
        } else {
            high = at - 1;
        }
    }
    return read_child(peek_node(page, order < 0 ? at - 1 : at));
}

// As check_page, once: a refusal ends what the pages are for, so only what passed is remembered.
static nj_status check_page_once(nj_pages *pages, uint64_t number, bool is_leaf, nj_error *err)
{
    if (number_is_valid(pages, number) && (pages->checked[number / 8] & 1u << number % 8) != 0 &&
        read_u16(peek_page(pages, number) + 10) == (is_leaf ? PAGE_LEAF : PAGE_BRANCH)) {
        return NJ_OK;
    }
    nj_status status = check_page(pages, number, is_leaf, err);
    if (status == NJ_OK) {
        (void)set_page_bit(pages->checked, number);
    }
    return status;
}

nj_status nj_pages_check_path(nj_pages *pages, nj_slice key, nj_error *err)
{
    nj_status status = NJ_OK;
    uint64_t number = pages->root;
    for (uint32_t level = 0; number != PGNO_NONE && level < pages->depth && status == NJ_OK;
         level++) {
        bool is_leaf = level + 1 == pages->depth;
        status = check_page_once(pages, number, is_leaf, err);
        if (status == NJ_OK && !is_leaf) {
            number = find_child(peek_page(pages, number), key);
        }
    }
    return status;
}
