// grade_items.c - which items stand in any list of those who are graded: what stands in none could not be hit.
#include "ops/cli/grade.h"

typedef struct {
    uint32_t taken; // users who took it next
    bool is_listed;
} item_facts;

void nj_grade_items_init(nj_grade_items *items)
{
    nj_idlist_builder_init(&items->ids);
    nj_idmap_init(&items->map);
    nj_buffer_init(&items->facts, SIZE_MAX / 2);
}

void nj_grade_items_fini(nj_grade_items *items)
{
    nj_buffer_fini(&items->facts);
    nj_idmap_fini(&items->map);
    nj_idlist_builder_fini(&items->ids);
}

static nj_status find(nj_grade_items *items, nj_slice id, item_facts **out)
{
    static const item_facts NEW = {0};
    size_t at = nj_idmap_find(&items->map, id, nj_idmap_at_builder, &items->ids);
    nj_status status = NJ_OK;
    if (at == NJ_IDMAP_NONE) {
        at = items->ids.count;
        status = nj_idlist_builder_add(&items->ids, id);
        if (status == NJ_OK) {
            status = nj_idmap_insert(&items->map, id, at);
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(&items->facts, &NEW, sizeof NEW);
        }
    }
    if (status == NJ_OK) {
        *out = (item_facts *)(void *)items->facts.bytes + at;
    }
    return status;
}

nj_status nj_grade_items_add(nj_grade_items *items, const nj_row *row, nj_slice taken)
{
    item_facts *facts = NULL;
    nj_status status = find(items, taken, &facts);
    if (status == NJ_OK) {
        facts->taken++;
    }
    for (size_t i = 0; i < row->count && status == NJ_OK; i++) {
        status = find(items, row->items[i], &facts);
        if (status == NJ_OK) {
            facts->is_listed = true;
        }
    }
    return status;
}

uint64_t nj_grade_items_unlisted(const nj_grade_items *items)
{
    const item_facts *facts = (const item_facts *)(const void *)items->facts.bytes;
    uint64_t users = 0;
    for (size_t i = 0; i < items->ids.count; i++) {
        users += facts[i].is_listed ? 0 : facts[i].taken;
    }
    return users;
}
