// test_categories.c - a text file of item id, tab, category: paths cut to a depth, items without one, refusals with their line.
#include "common/catalogue/categories.h"

#include <string.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

typedef struct {
    nj_buffer block;
    nj_idlist items;
} item_list;

static item_list begin_items(void)
{
    static const char *const IDS[] = {"a", "b", "c", "d"};
    item_list list;
    nj_idlist_builder builder;
    nj_error err = {0};
    nj_idlist_builder_init(&builder);
    nj_buffer_init(&list.block, SIZE_MAX / 2);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(nj_idlist_builder_add(&builder, (nj_slice){IDS[i], 1}), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&builder, &list.block), NJ_OK);
    assert_ok(nj_idlist_open(list.block.bytes, list.block.size, "items", &list.items, &err), &err);
    nj_idlist_builder_fini(&builder);
    return list;
}

static void expect(void **state, const char *text, uint32_t depth, const uint32_t wanted[4],
                   uint32_t count)
{
    item_list list = begin_items();
    nj_categories categories;
    nj_error err = {0};
    const char *path = sandbox_write(state, "c.tsv", text, strlen(text));
    assert_ok(nj_categories_read(path, &list.items, depth, &categories, &err), &err);
    assert_int_equal(categories.item_count, 4);
    assert_int_equal(categories.count, count);
    assert_memory_equal(categories.of_item, wanted, 4 * sizeof *wanted);
    nj_categories_fini(&categories);
    nj_buffer_fini(&list.block);
}

static void refuse(void **state, const char *text, const char *says)
{
    item_list list = begin_items();
    nj_categories categories;
    nj_error err = {0};
    const char *path = sandbox_write(state, "c.tsv", text, strlen(text));
    assert_refused(nj_categories_read(path, &list.items, 0, &categories, &err), NJ_INPUT, &err,
                   says);
    nj_buffer_fini(&list.block);
}

static void categories_are_numbered_as_they_appear(void **state)
{
    expect(state, "c\tnails\r\na\thair\nd\tnails", 0, (uint32_t[]){1, NJ_CATEGORY_NONE, 0, 0}, 2);
}

static void a_path_is_cut_to_its_first_parts(void **state)
{
    static const char TEXT[] =
        "a\tBeauty > Hair > Oils\nb\tBeauty > Hair\nc\tBeauty>Nails\nd\tBeauty";
    expect(state, TEXT, 0, (uint32_t[]){0, 1, 2, 3}, 4);
    expect(state, TEXT, 1, (uint32_t[]){0, 0, 0, 0}, 1);
    expect(state, TEXT, 2, (uint32_t[]){0, 0, 1, 2},
           3); // "Beauty > Hair" and "Beauty>Nails" as written
}

static void refusals_name_the_line(void **state)
{
    refuse(state, "a\tx\nb x\n", "line 2: has no tab");
    refuse(state, "a\tx\nz\tx\n", "line 2: the catalogue has no item \"z\"");
    refuse(state, "a\tx\nb\tx\na\ty\n", "line 3: item \"a\" has a category in line 1 already");
    refuse(state, "a\t \n", "line 1: the category is empty");
    refuse(state, "a\tx\n\n", "line 2: has no tab");
    refuse(state, "", "is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(categories_are_numbered_as_they_appear, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_path_is_cut_to_its_first_parts, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(refusals_name_the_line, sandbox_setup, sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
