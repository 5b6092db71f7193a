// histories_fixture.h - histories of rows as a user table, whose users and items are called by their numbers.
#ifndef NJ_TEST_HISTORIES_FIXTURE_H
#define NJ_TEST_HISTORIES_FIXTURE_H

#include <stdio.h>

#include "common/catalogue/users.h"
#include "tests/support/nj_test.h"

#define HISTORY_LENGTH_MAX 64

typedef struct {
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    nj_user_table users;
} histories_fixture;

static inline void histories_open(histories_fixture *f, uint32_t item_count)
{
    nj_error err = {0};
    nj_idlist_builder ids;
    char name[16];
    nj_user_table_init(&f->users);
    nj_idlist_builder_init(&ids);
    nj_idmap_init(&f->map);
    nj_buffer_init(&f->block, 1 << 22);
    for (uint32_t i = 0; i < item_count; i++) {
        const int size = snprintf(name, sizeof name, "%u", i);
        assert_int_equal(nj_idlist_builder_add(&ids, (nj_slice){name, (size_t)size}), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&ids, &f->block), NJ_OK);
    nj_idlist_builder_fini(&ids);
    assert_ok(nj_idlist_open(f->block.bytes, f->block.size, "items", &f->items, &err), &err);
    assert_ok(nj_idmap_build(&f->map, &f->items, "items", &err), &err);
}

/// Adds the next user, with items [count].
static inline void histories_add(histories_fixture *f, const uint32_t *items, size_t count)
{
    nj_error err = {0};
    char user[16];
    nj_slice slices[HISTORY_LENGTH_MAX];
    const int size = snprintf(user, sizeof user, "%zu", f->users.count);
    assert_true(count <= HISTORY_LENGTH_MAX);
    for (size_t i = 0; i < count; i++) {
        slices[i] = nj_idlist_at(&f->items, items[i]);
    }
    const nj_history history = {.user = {user, (size_t)size}, .items = slices, .item_count = count};
    assert_ok(nj_user_table_add(&f->users, &f->items, &f->map, NULL, &history, &err), &err);
}

static inline void histories_close(histories_fixture *f)
{
    nj_user_table_fini(&f->users);
    nj_idmap_fini(&f->map);
    nj_buffer_fini(&f->block);
}

#endif
