// test_shown_items.c - items are counted once each, whatever their ids look like and however many strangers come between.
#include "coordinator/daemon/shown_items.h"

#include <stdio.h>

#include "tests/support/nj_test.h"

// Of ids that a short slot can and cannot hold, and two that differ in their last byte only.
static const char *const ITEMS[] = {"0",
                                    "7",
                                    "18446744073709551615",
                                    "007",
                                    "a",
                                    "fifteen-bytes-1",
                                    "fifteen-bytes-2",
                                    "sixteen-bytes--1",
                                    "sixteen-bytes--2"};
#define ITEM_COUNT (sizeof ITEMS / sizeof ITEMS[0])
#define STRANGERS 3000 // more than the slots of so few items

static void make_job(nj_job *job, nj_buffer *block)
{
    nj_error err = {0};
    nj_idlist_builder ids;
    nj_idlist_builder_init(&ids);
    nj_buffer_init(block, 4096);
    for (size_t i = 0; i < ITEM_COUNT; i++) {
        assert_int_equal(nj_idlist_builder_add(&ids, nj_slice_from(ITEMS[i])), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&ids, block), NJ_OK);
    nj_idlist_builder_fini(&ids);
    assert_ok(nj_idlist_open(block->bytes, block->size, "items", &job->catalogue.items, &err),
              &err);
    nj_idmap_init(&job->map);
    assert_ok(nj_idmap_build(&job->map, &job->catalogue.items, "items", &err), &err);
}

static nj_row_item item_of(const char *id)
{
    nj_row_item item = {.text = nj_slice_from(id)};
    item.is_number = nj_id_is_number(item.text, &item.number);
    return item;
}

static void show_strangers(nj_shown_items *shown, uint64_t first)
{
    for (uint64_t i = 0; i < STRANGERS; i++) {
        char text[24];
        snprintf(text, sizeof text, "s%u", (unsigned)(first + i));
        const nj_row_item number = {.is_number = true, .number = first + i};
        const nj_row_item word = item_of(text);
        nj_shown_items_add(shown, &number);
        nj_shown_items_add(shown, &word);
    }
}

static void every_item_is_counted_once(void **state)
{
    (void)state;
    static nj_job job;
    nj_error err = {0};
    nj_buffer block;
    make_job(&job, &block);
    for (size_t strangers_before = 0; strangers_before <= ITEM_COUNT; strangers_before++) {
        nj_shown_items shown;
        assert_ok(nj_shown_items_init(&shown, &job, &err), &err);
        assert_int_equal(nj_shown_items_count(&shown), 0);
        for (size_t i = 0; i < ITEM_COUNT; i++) {
            if (i == strangers_before) {
                show_strangers(&shown, 1000);
            }
            const nj_row_item item = item_of(ITEMS[i]);
            nj_shown_items_add(&shown, &item);
            nj_shown_items_add(&shown, &item);
            assert_int_equal(nj_shown_items_count(&shown), i + 1);
        }
        nj_shown_items_fini(&shown);
    }
    nj_idmap_fini(&job.map);
    nj_buffer_fini(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_item_is_counted_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
