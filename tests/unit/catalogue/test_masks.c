// test_masks.c - masks from files, and the section that they travel in: what comes back, and what is refused.
#include "common/catalogue/masks.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/mask_files.h"
#include "common/catalogue/user_groups.h"
#include "common/sid/trie_build.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 70 // more than a word
#define ROWS_MAX 200
#define RETIRED 5

// Items are called i0, i1, ...; item 5 is retired.
typedef struct {
    nj_idlist_builder builder;
    nj_buffer ids;
    nj_idlist items;
    nj_idmap map;
    nj_buffer bytes;
    nj_trie trie;
    nj_buffer section;
} shop;

static void open_shop_of(shop *s, uint32_t row_count)
{
    nj_error err = {0};
    static uint16_t codes[ROWS_MAX * 2];
    static uint8_t retired[ROWS_MAX];
    nj_idlist_builder_init(&s->builder);
    nj_buffer_init(&s->ids, 1 << 20);
    nj_buffer_init(&s->bytes, 1 << 20);
    nj_buffer_init(&s->section, 1 << 20);
    nj_idmap_init(&s->map);
    for (uint32_t i = 0; i < row_count; i++) {
        char id[16];
        snprintf(id, sizeof id, "i%u", i);
        assert_int_equal(nj_idlist_builder_add(&s->builder, nj_slice_from(id)), NJ_OK);
        codes[2 * i] = (uint16_t)(i % 7);
        codes[2 * i + 1] = (uint16_t)(i % 9);
        retired[i] = i == RETIRED;
    }
    assert_int_equal(nj_idlist_builder_write(&s->builder, &s->ids), NJ_OK);
    assert_ok(nj_idlist_open(s->ids.bytes, s->ids.size, "items", &s->items, &err), &err);
    assert_ok(nj_idmap_build(&s->map, &s->items, "items", &err), &err);
    const nj_sids sids = {codes, row_count, 2, {7, 9}, retired};
    assert_ok(nj_trie_build(&sids, &s->bytes, &err), &err);
    assert_ok(nj_trie_open(s->bytes.bytes, s->bytes.size, row_count, &s->trie, &err), &err);
}

static void open_shop(shop *s)
{
    open_shop_of(s, ROWS);
}

static void close_shop(shop *s)
{
    nj_idlist_builder_fini(&s->builder);
    nj_idmap_fini(&s->map);
    nj_buffer_fini(&s->ids);
    nj_buffer_fini(&s->bytes);
    nj_buffer_fini(&s->section);
}

// Writes what is given into files of the sandbox and reads them.
static nj_status read_files(void **state, shop *s, const char *eligible, const char *deny,
                            const char *groups, bool skip, uint64_t *out_unknown, nj_error *err)
{
    nj_mask_files files = {.skip_unknown = skip};
    char paths[3][512];
    const char *const texts[] = {eligible, deny, groups};
    static const char *const NAMES[] = {"eligible.txt", "deny.txt", "groups.jsonl"};
    const char **const given[] = {&files.eligible, &files.deny, &files.groups};
    for (size_t i = 0; i < 3; i++) {
        if (texts[i] != NULL) {
            snprintf(paths[i], sizeof paths[i], "%s",
                     sandbox_write(state, NAMES[i], texts[i], strlen(texts[i])));
            *given[i] = paths[i];
        }
    }
    nj_buffer_clear(&s->section);
    return nj_mask_files_read(&files, &s->items, &s->map, &s->trie, &s->section, out_unknown, err);
}

static nj_masks masks_of(void **state, shop *s, const char *eligible, const char *deny,
                         const char *groups)
{
    nj_error err = {0};
    nj_masks masks;
    uint64_t unknown = 0;
    assert_ok(read_files(state, s, eligible, deny, groups, false, &unknown, &err), &err);
    assert_int_equal(unknown, 0);
    assert_ok(
        nj_masks_open(s->section.bytes, s->section.size, (uint32_t)s->items.count, &masks, &err),
        &err);
    return masks;
}

static void assert_files_refused(void **state, shop *s, const char *eligible, const char *deny,
                                 const char *groups, const char *says)
{
    nj_error err = {0};
    uint64_t unknown;
    assert_refused(read_files(state, s, eligible, deny, groups, false, &unknown, &err), NJ_INPUT,
                   &err, says);
}

static void assert_mask(const nj_masks *masks, uint32_t mask, const char *name, uint32_t count,
                        const uint32_t *rows)
{
    assert_string_equal(masks->masks[mask].name, name);
    assert_int_equal(masks->masks[mask].item_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(nj_bits_has(nj_masks_rows(masks, mask), rows[i]));
    }
}

// ---- files to masks ----

static void eligible_less_denied_items_are_the_base_mask(void **state)
{
    shop s;
    open_shop(&s);
    nj_masks masks = masks_of(state, &s, "i3\r\ni69\n\ni5\ni0\ni3", "i0\ni8\n", NULL);
    assert_int_equal(masks.count, 1);
    assert_mask(&masks, 0, "", 2, (const uint32_t[]){3, 69}); // 5 is retired
    masks = masks_of(state, &s, NULL, "i1\n", NULL);
    assert_int_equal(masks.masks[0].item_count, ROWS - 2);
    assert_false(nj_bits_has(nj_masks_rows(&masks, 0), 1));
    close_shop(&s);
}

static void groups_are_narrowed_by_the_base_mask_and_stand_in_the_order_of_their_names(void **state)
{
    shop s;
    open_shop(&s);
    const nj_masks masks =
        masks_of(state, &s, NULL, "i2\n",
                 "{\"group\": \"z\", \"items\": [\"i1\", \"i2\"]}\n\n"
                 "{\"group\": \"a\", \"deny\": [\"i1\"], \"items\": [\"i1\", \"i4\", \"i64\"]}\n"
                 "{\"group\": \"m\", \"deny\": []}\n"
                 "{\"items\": [\"i7\"], \"group\": \"z\"}");
    assert_int_equal(masks.count, 4);
    assert_mask(&masks, 1, "a", 2, (const uint32_t[]){4, 64});
    assert_int_equal(masks.masks[2].item_count, ROWS - 2);
    assert_mask(&masks, 3, "z", 2, (const uint32_t[]){1, 7});
    assert_int_equal(nj_masks_find(&masks, nj_slice_from("a")), 1);
    assert_int_equal(nj_masks_find(&masks, nj_slice_from("z")), 3);
    assert_int_equal(nj_masks_find(&masks, nj_slice_from("b")), NJ_MASK_NONE);
    assert_int_equal(nj_masks_find(&masks, nj_slice_from("")), NJ_MASK_NONE);
    assert_true(nj_digest_equal(nj_masks_digest(&masks, 0), nj_masks_digest(&masks, 2)));
    assert_false(nj_digest_equal(nj_masks_digest(&masks, 0), nj_masks_digest(&masks, 1)));
    close_shop(&s);
}

static void rows_behind_the_allowed_ones_make_no_other_mask(void **state)
{
    shop small;
    shop large;
    open_shop(&small);
    open_shop_of(&large, ROWS_MAX);
    const nj_masks now = masks_of(state, &small, "i3\ni69\n", NULL, NULL);
    nj_masks then = masks_of(state, &large, "i3\ni69\n", NULL, NULL);
    assert_true(nj_digest_equal(nj_masks_digest(&now, 0), nj_masks_digest(&then, 0)));
    then = masks_of(state, &large, "i3\ni69\ni70\n", NULL, NULL);
    assert_false(nj_digest_equal(nj_masks_digest(&now, 0), nj_masks_digest(&then, 0)));
    close_shop(&small);
    close_shop(&large);
}

static void a_mask_of_every_item_leaves_nothing_out(void **state)
{
    shop s;
    open_shop(&s);
    const nj_masks masks = masks_of(state, &s, NULL, "", "{\"group\": \"g\", \"deny\": [\"i5\"]}");
    static const nj_masks NONE;
    for (uint32_t m = 0; m < 2; m++) {
        assert_int_equal(masks.masks[m].item_count, ROWS - 1);
        assert_null(nj_masks_rows(&masks, m));
        assert_null(nj_masks_digest(&masks, m));
    }
    assert_null(nj_masks_rows(&NONE, 0));
    assert_null(nj_masks_digest(&NONE, 0));
    close_shop(&s);
}

static void unknown_items_are_refused_by_line_or_counted(void **state)
{
    shop s;
    nj_error err = {0};
    uint64_t unknown = 0;
    open_shop(&s);
    assert_files_refused(state, &s, "i1\nnope\n", NULL, NULL,
                         "eligible.txt: line 2: item \"nope\" is not in the catalogue: mend the "
                         "file, or give --unknown-items skip");
    assert_files_refused(state, &s, NULL, "x", NULL, "deny.txt: line 1: item \"x\" is not in");
    assert_files_refused(state, &s, NULL, NULL, "\n{\"group\": \"g\", \"items\": [\"i1\", 7]}",
                         "groups.jsonl: line 2: item \"7\" is not in");
    assert_ok(read_files(state, &s, "i1\nnope\n", "x", "{\"group\": \"g\", \"items\": [\"i1\", 7]}",
                         true, &unknown, &err),
              &err);
    assert_int_equal(unknown, 3);
    close_shop(&s);
}

static void what_leaves_nobody_anything_is_refused(void **state)
{
    shop s;
    open_shop(&s);
    assert_files_refused(state, &s, "", NULL, NULL, "--eligible and --deny: no item is left");
    assert_files_refused(state, &s, "i5\n", NULL, NULL, "--eligible and --deny: no item is left");
    assert_files_refused(state, &s, "i1\n", "i1\n", NULL, "--eligible and --deny: no item is left");
    assert_files_refused(state, &s, "i1\n", NULL, "{\"group\": \"g h\", \"items\": [\"i2\"]}",
                         "group \"g h\": no item is left");
    close_shop(&s);
}

static void groups_that_say_nothing_or_too_much_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } CASES[] = {
        {"", "groups.jsonl: holds no group"},
        {"x", "groups.jsonl: line 1"},
        {"[]", "line 1: not a JSON object"},
        {"{\"items\": []}", "line 1: has no \"group\" that is text"},
        {"{\"group\": 7, \"items\": []}", "line 1: has no \"group\" that is text"},
        {"{\"group\": \"g\"}", "line 1: has neither \"items\" nor \"deny\""},
        {"{\"group\": \"g\", \"denied\": []}", "line 1: key \"denied\" is none of"},
        {"{\"group\": \"g\", \"deny\": \"i1\"}", "line 1: \"deny\" is not a list"},
        {"{\"group\": \"g\", \"deny\": [1.5]}", "an item must be text or a whole number"},
        {"{\"group\": \"g\", \"deny\": [\"\"]}", "line 1: item \"\" is empty"},
        {"{\"group\": \"\", \"deny\": []}", "line 1: group \"\" is empty"},
        {"{\"group\": \"0123456789012345678901234567890123456789012345678901234567890123\", "
         "\"deny\": []}",
         "is longer than 63 bytes"},
    };
    shop s;
    open_shop(&s);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_files_refused(state, &s, NULL, NULL, CASES[i].text, CASES[i].says);
    }
    close_shop(&s);
}

static void more_groups_than_there_may_be_are_refused(void **state)
{
    shop s;
    nj_buffer text;
    open_shop(&s);
    nj_buffer_init(&text, 1 << 20);
    for (uint32_t i = 0; i < NJ_GROUPS_MAX; i++) {
        assert_int_equal(nj_buffer_printf(&text, "{\"group\": \"g%u\", \"deny\": []}\n", i), NJ_OK);
    }
    assert_int_equal(nj_buffer_append(&text, "", 1), NJ_OK);
    const nj_masks masks = masks_of(state, &s, NULL, NULL, (const char *)text.bytes);
    assert_int_equal(masks.count, 1 + NJ_GROUPS_MAX);
    text.size--;
    assert_int_equal(nj_buffer_printf(&text, "{\"group\": \"h\", \"deny\": []}\n%c", '\0'), NJ_OK);
    assert_files_refused(state, &s, NULL, NULL, (const char *)text.bytes,
                         "line 1024: more than 1023 groups");
    nj_buffer_fini(&text);
    close_shop(&s);
}

// ---- the section ----

static void cut_flipped_and_foreign_sections_are_refused(void **state)
{
    shop s;
    nj_error err = {0};
    nj_masks masks;
    open_shop(&s);
    masks_of(state, &s, "i1\ni2\n", NULL, "{\"group\": \"g\", \"items\": [\"i2\"]}");
    assert_refused(nj_masks_open(s.section.bytes, s.section.size, ROWS + 1, &masks, &err), NJ_INPUT,
                   &err, "made for 70 rows, the catalogue has 71");
    for (size_t size = 0; size < s.section.size; size += 8) {
        assert_int_equal(nj_masks_open(s.section.bytes, size, ROWS, &masks, &err), NJ_INPUT);
    }
    for (size_t bit = 0; bit < s.section.size * 8; bit++) {
        s.section.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const nj_status status = nj_masks_open(s.section.bytes, s.section.size, ROWS, &masks, &err);
        // Another letter of a name is a name, and whether a mask narrows is for the trie to say.
        const bool is_name = bit / 8 >= 24 + 104 && bit / 8 < 24 + 104 + 64;
        const bool narrows = bit / 8 % 104 == (24 + 68) % 104 && bit / 8 < 24 + 208;
        if (status != NJ_INPUT && !is_name && !narrows) {
            fail_msg("bit %zu was flipped: %s", bit, nj_status_name(status));
        }
        s.section.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    close_shop(&s);
}

// ---- whose group ----

static nj_status read_groups(void **state, const char *text, const nj_masks *masks,
                             nj_user_groups *out, nj_error *err)
{
    nj_user_groups_init(out);
    return nj_user_groups_read(sandbox_write(state, "users.csv", text, strlen(text)), masks, out,
                               err);
}

static void a_file_says_which_group_a_user_is_in(void **state)
{
    shop s;
    nj_error err = {0};
    nj_user_groups groups;
    open_shop(&s);
    const nj_masks masks = masks_of(state, &s, NULL, NULL,
                                    "{\"group\": \"de\", \"items\": [\"i1\"]}\n"
                                    "{\"group\": \"a, b\", \"items\": [\"i2\"]}\n");
    assert_ok(read_groups(state, "group,x,user_id\r\nde,1,u1\n\"a, b\",2,\"u\"\"2\"\n", &masks,
                          &groups, &err),
              &err);
    assert_int_equal(nj_user_groups_find(&groups, nj_slice_from("u1")), 2);
    assert_int_equal(nj_user_groups_find(&groups, nj_slice_from("u\"2")), 1);
    assert_int_equal(nj_user_groups_find(&groups, nj_slice_from("u3")), NJ_MASK_NONE);
    nj_user_groups_fini(&groups);
    close_shop(&s);
}

static void files_of_groups_that_are_wrong_are_refused_by_line(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } CASES[] = {
        {"user,item\nu,i1\n", "no column \"group\""},
        {"group,item\nde,i1\n", "no column \"user\""},
        {"user,group\nu1,de\nu2,nl\n",
         "line 3: user \"u2\" is in the group \"nl\", which --groups does not have"},
        {"user,group\nu1,de\nu2,de\nu1,de\n", "line 4: user \"u1\" stands on line 2 too"},
        {"user,group\n,de\n", "line 2: user \"\" is empty"},
        {"user,group\nu1\n", "line 2: has 1 fields, the header has 2"},
    };
    shop s;
    open_shop(&s);
    const nj_masks masks =
        masks_of(state, &s, NULL, NULL, "{\"group\": \"de\", \"items\": [\"i1\"]}\n");
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_user_groups groups;
        assert_refused(read_groups(state, CASES[i].text, &masks, &groups, &err), NJ_INPUT, &err,
                       CASES[i].says);
        nj_user_groups_fini(&groups);
    }
    close_shop(&s);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(eligible_less_denied_items_are_the_base_mask),
        IN_SANDBOX(groups_are_narrowed_by_the_base_mask_and_stand_in_the_order_of_their_names),
        IN_SANDBOX(rows_behind_the_allowed_ones_make_no_other_mask),
        IN_SANDBOX(a_mask_of_every_item_leaves_nothing_out),
        IN_SANDBOX(unknown_items_are_refused_by_line_or_counted),
        IN_SANDBOX(what_leaves_nobody_anything_is_refused),
        IN_SANDBOX(groups_that_say_nothing_or_too_much_are_refused),
        IN_SANDBOX(more_groups_than_there_may_be_are_refused),
        IN_SANDBOX(cut_flipped_and_foreign_sections_are_refused),
        IN_SANDBOX(a_file_says_which_group_a_user_is_in),
        IN_SANDBOX(files_of_groups_that_are_wrong_are_refused_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
