// test_catalogue.c - the folder: what is written is read back, never over something else; vocabulary and counts.
#include "common/catalogue/catalogue_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/catalogue/tokens.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

// SIDs of the example: rows 0 and 3 share theirs.
static const int32_t SIDS[] = {1, 2, 0, /**/ 0, 3, 1, /**/ 1, 2, 2, /**/ 1, 2, 0};

static nj_catalogue *make_example(void **state, const char *ids, uint32_t token_base,
                                  const nj_template *template)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const char *sids = sandbox_path(state, "sids.npy");
    const nj_codes_per_level K = {{2, 4, 3}, 3};
    nj_catalogue_options options = {.token_base = token_base, .template = template};
    if (ids != NULL) {
        options.ids_path = sandbox_write(state, "ids.txt", ids, strlen(ids));
    }
    assert_ok(nj_npy_write(sids, NJ_NPY_I32, (size_t[]){4, 3}, 2, SIDS, &err), &err);
    assert_ok(nj_catalogue_from_sids(sids, &K, &options, &catalogue, &err), &err);
    return catalogue;
}

static char *read_text(const char *folder, const char *name)
{
    nj_error err = {0};
    nj_path path;
    char *text = NULL;
    size_t size = 0;
    assert_ok(nj_path_join(folder, name, &path, &err), &err);
    assert_ok(nj_file_read(path.text, 1 << 20, &text, &size, &err), &err);
    return text;
}

static void assert_same(const nj_catalogue *a, const nj_catalogue *b)
{
    size_t code_count = (size_t)a->sids.row_count * a->sids.level_count;
    assert_int_equal(a->sids.row_count, b->sids.row_count);
    assert_int_equal(a->sids.level_count, b->sids.level_count);
    assert_int_equal(a->token_base, b->token_base);
    assert_int_equal(a->has_suffix, b->has_suffix);
    assert_memory_equal(a->sids.codes_per_level, b->sids.codes_per_level,
                        sizeof a->sids.codes_per_level);
    assert_memory_equal(a->level_token_base, b->level_token_base, sizeof a->level_token_base);
    assert_memory_equal(a->sids.codes, b->sids.codes, code_count * sizeof(uint16_t));
    assert_int_equal(a->item_block.size, b->item_block.size);
    assert_memory_equal(a->item_block.bytes, b->item_block.bytes, a->item_block.size);
    assert_memory_equal(&a->template, &b->template, sizeof a->template);
    assert_true(nj_digest_equal(&a->items_digest, &b->items_digest));
    assert_true(nj_digest_equal(&a->sids_digest, &b->sids_digest));
}

// ---- reading back ----

static void what_is_written_is_read_back(void **state)
{
    nj_error err = {0};
    const nj_template template = {.before = {5, 6},
                                  .before_count = 2,
                                  .between = {9},
                                  .between_count = 1,
                                  .user_token_base = 40,
                                  .user_token_count = 3};
    nj_catalogue *catalogue = make_example(state, "a\nB07\n7\n007", 30, &template);
    const char *folder = sandbox_path(state, "cat");
    nj_catalogue *back = NULL;
    assert_ok(nj_catalogue_write(folder, catalogue, false, &err), &err);
    assert_ok(nj_catalogue_read(folder, &back, &err), &err);

    assert_same(catalogue, back);
    char *items = read_text(folder, "items.txt");
    assert_string_equal(items, "a\nB07\n7\n007\n");
    free(items);
    nj_catalogue_free(&back);
    nj_catalogue_free(&catalogue);
}

// Fingerprints are names of content: those of version 1 must come out the same in every later build.
static void catalogue_json_is_as_documented(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = make_example(state, NULL, 2, NULL);
    const char *folder = sandbox_path(state, "cat");
    assert_ok(nj_catalogue_write(folder, catalogue, false, &err), &err);

    char *json = read_text(folder, "catalogue.json");
    assert_string_equal(
        json,
        "{\n"
        "  \"version\": 1,\n"
        "  \"items\": 4,\n"
        "  \"levels\": 3,\n"
        "  \"codes_per_level\": [2, 4, 3],\n"
        "  \"token_base\": 2,\n"
        "  \"suffix\": false,\n"
        "  \"template\": {\"before\": [], \"between\": [], \"after\": [], \"user_token_base\": 0, "
        "\"user_token_count\": 0},\n"
        "  \"fingerprints\": {\n"
        "    \"items\": \"04c45188ac52795dc08845d2a7d8ed79caa4087cfc90d6b6e65ba4cee81d3e39\",\n"
        "    \"sids\": \"6344a3afc028a643b354a80da57774db472b72c6e398a3fc29da3203669fd845\"\n"
        "  },\n"
        "  \"counts\": {\n"
        "    \"distinct_sids\": 3,\n"
        "    \"items_sharing_a_sid\": 2,\n"
        "    \"largest_leaf\": 2,\n"
        "    \"collisions_before_suffix\": 2\n"
        "  }\n"
        "}\n");
    free(json);
    nj_catalogue_free(&catalogue);
}

static void a_folder_that_is_not_there_is_not_found(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    assert_refused(nj_catalogue_read(sandbox_path(state, "nowhere"), &catalogue, &err),
                   NJ_NOT_FOUND, &err, "nowhere/catalogue.json");
    assert_null(catalogue);
}

// ---- writing where something is ----

static void a_catalogue_is_overwritten_only_when_that_is_asked_for(void **state)
{
    nj_error err = {0};
    const char *folder = sandbox_path(state, "deep/er/cat");
    nj_catalogue *first = make_example(state, NULL, 2, NULL);
    nj_catalogue *second = make_example(state, NULL, 77, NULL);
    nj_catalogue *back = NULL;
    assert_ok(nj_catalogue_write(folder, first, false, &err), &err);
    assert_refused(nj_catalogue_write(folder, second, false, &err), NJ_INPUT, &err,
                   "is a catalogue already");
    assert_ok(nj_catalogue_read(folder, &back, &err), &err);
    assert_same(first, back);
    nj_catalogue_free(&back);

    assert_ok(nj_catalogue_write(folder, second, true, &err), &err);
    assert_ok(nj_catalogue_read(folder, &back, &err), &err);
    assert_same(second, back);
    nj_catalogue_free(&back);
    nj_catalogue_free(&first);
    nj_catalogue_free(&second);
    // The old one is gone, under any name: the parent holds one entry.
    assert_int_equal(rmdir(sandbox_path(state, "deep/er")), -1);
    assert_ok(nj_folder_remove(folder, &err), &err);
    assert_int_equal(rmdir(sandbox_path(state, "deep/er")), 0);
}

static void a_folder_with_other_things_in_it_is_never_overwritten(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = make_example(state, NULL, 2, NULL);
    const char *folder = sandbox_path(state, "home");
    assert_ok(nj_folder_make(folder, &err), &err);
    const char *thesis = sandbox_write(state, "home/thesis.txt", "irreplaceable", 13);
    assert_refused(nj_catalogue_write(folder, catalogue, true, &err), NJ_INPUT, &err,
                   "\"thesis.txt\"");
    sandbox_write(state, "home/catalogue.json", "{}", 2);
    assert_refused(nj_catalogue_write(folder, catalogue, true, &err), NJ_INPUT, &err,
                   "\"thesis.txt\"");
    assert_true(nj_file_exists(thesis));

    const char *bare = sandbox_path(state, "bare");
    assert_ok(nj_folder_make(bare, &err), &err);
    sandbox_write(state, "bare/sids.npy", "mine", 4);
    assert_refused(nj_catalogue_write(bare, catalogue, true, &err), NJ_INPUT, &err,
                   "without catalogue.json");
    assert_refused(nj_catalogue_write(thesis, catalogue, true, &err), NJ_INPUT, &err, "is a file");
    nj_catalogue_free(&catalogue);
}

static void an_empty_folder_a_link_and_a_slash_at_the_end_are_fine(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = make_example(state, NULL, 2, NULL);
    nj_catalogue *back = NULL;
    const char *folder = sandbox_path(state, "empty");
    const char *link = sandbox_path(state, "link");
    assert_ok(nj_folder_make(folder, &err), &err);
    assert_int_equal(symlink("empty", link), 0);
    assert_ok(nj_catalogue_write(link, catalogue, false, &err), &err);
    assert_ok(nj_catalogue_write(sandbox_path(state, "link/"), catalogue, true, &err), &err);

    struct stat about;
    assert_int_equal(lstat(link, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_ok(nj_catalogue_read(folder, &back, &err), &err);
    nj_catalogue_free(&back);
    nj_catalogue_free(&catalogue);
}

static void a_write_that_fails_leaves_what_was_there(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = make_example(state, NULL, 2, NULL);
    nj_catalogue *back = NULL;
    const char *folder = sandbox_path(state, "cat");
    assert_ok(nj_catalogue_write(folder, catalogue, false, &err), &err);
    catalogue->sids.codes_per_level[0] =
        1; // no trie can be built, so the counts fail, after two files are written
    assert_int_equal(nj_catalogue_write(folder, catalogue, true, &err), NJ_INPUT);

    assert_ok(nj_catalogue_read(folder, &back, &err), &err);
    nj_catalogue_free(&back);
    nj_path temporary;
    char name[64];
    snprintf(name, sizeof name, "cat.tmp.%ld", (long)getpid());
    assert_ok(nj_path_join(((nj_path *)*state)->text, name, &temporary, &err), &err);
    assert_false(nj_folder_exists(temporary.text));
    nj_catalogue_free(&catalogue);
}

// ---- vocabulary ----

static void a_vocabulary_must_hold_the_codes_in_use_and_the_template(void **state)
{
    nj_error err = {0};
    // Token bases 2, 4, 8. Highest codes in use: 1, 3, 2; so the highest token is 10 (of a level that could reach 10).
    nj_catalogue *catalogue = make_example(state, NULL, 2, NULL);
    assert_ok(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                  &catalogue->template, 11, &err),
              &err);
    assert_refused(
        nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base, &catalogue->template, 10,
                            &err),
        NJ_CONFIG, &err,
        "level 2 of the catalogue uses code 2, which is token 10; the model has 10 tokens");
    assert_refused(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                       &catalogue->template, 7, &err),
                   NJ_CONFIG, &err, "level 1 of the catalogue uses code 3, which is token 7");
    assert_refused(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                       &catalogue->template, 0, &err),
                   NJ_CONFIG, &err, "level 0");

    catalogue->template.after[0] = 11;
    catalogue->template.after_count = 1;
    assert_ok(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                  &catalogue->template, 12, &err),
              &err);
    assert_refused(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                       &catalogue->template, 11, &err),
                   NJ_CONFIG, &err, "template has token 11; the model has 11 tokens");
    nj_catalogue_free(&catalogue);
}

static void codes_that_no_item_uses_may_lie_beyond_the_vocabulary(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const char *sids = sandbox_path(state, "sids.npy");
    const nj_codes_per_level K = {{256}, 1};
    const nj_catalogue_options options = {.token_base = 2};
    assert_ok(nj_npy_write(sids, NJ_NPY_I32, (size_t[]){4, 3}, 2, SIDS, &err), &err);
    assert_ok(nj_catalogue_from_sids(sids, &K, &options, &catalogue, &err), &err);
    assert_ok(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                  &catalogue->template, 2 + 512 + 3, &err),
              &err);
    assert_refused(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                       &catalogue->template, 2 + 512 + 2, &err),
                   NJ_CONFIG, &err, "token 516");
    nj_catalogue_free(&catalogue);
}

// ---- counts ----

static void counts_name_what_shares_a_sid_and_what_the_counter_tells_apart(void **state)
{
    nj_error err = {0};
    nj_catalogue_summary summary;
    nj_catalogue *catalogue = make_example(state, NULL, 2, NULL);
    assert_ok(nj_catalogue_show(catalogue, &summary, &err), &err);
    assert_int_equal(summary.item_count, 4);
    assert_int_equal(summary.level_count, 3);
    assert_memory_equal(summary.codes_per_level, ((uint32_t[]){2, 4, 3}), 12);
    assert_int_equal(summary.token_base, 2);
    assert_int_equal(summary.token_end, 11);
    assert_int_equal(summary.embedding_width, 0);
    assert_int_equal(summary.distinct_sid_count, 3);
    assert_int_equal(summary.sharing_item_count, 2);
    assert_int_equal(summary.largest_leaf_item_count, 2);
    assert_int_equal(summary.collision_item_count, 2);
    assert_int_equal(summary.largest_prefix_item_count, 2);

    catalogue->has_suffix = true; // rows 0, 2 and 3 share 1 2
    assert_ok(nj_catalogue_show(catalogue, &summary, &err), &err);
    assert_true(summary.has_suffix);
    assert_int_equal(summary.sharing_item_count, 2);
    assert_int_equal(summary.collision_item_count, 3);
    assert_int_equal(summary.largest_prefix_item_count, 3);
    nj_catalogue_free(&catalogue);
}

static void the_tokens_of_an_item_come_from_its_catalogue(void **state)
{
    nj_catalogue *catalogue = make_example(state, NULL, 2, NULL);
    nj_token_table table = nj_catalogue_tokens(catalogue);
    uint32_t tokens[6];
    size_t count = nj_template_tokens(&catalogue->template, &table, nj_slice_from("u"),
                                      (uint32_t[]){2, 1}, 2, tokens);
    assert_int_equal(count, 6);
    assert_memory_equal(tokens, ((uint32_t[]){3, 6, 10, 2, 7, 9}), sizeof tokens);
    nj_catalogue_free(&catalogue);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(what_is_written_is_read_back),
        IN_SANDBOX(catalogue_json_is_as_documented),
        IN_SANDBOX(a_folder_that_is_not_there_is_not_found),
        IN_SANDBOX(a_catalogue_is_overwritten_only_when_that_is_asked_for),
        IN_SANDBOX(a_folder_with_other_things_in_it_is_never_overwritten),
        IN_SANDBOX(an_empty_folder_a_link_and_a_slash_at_the_end_are_fine),
        IN_SANDBOX(a_write_that_fails_leaves_what_was_there),
        IN_SANDBOX(a_vocabulary_must_hold_the_codes_in_use_and_the_template),
        IN_SANDBOX(codes_that_no_item_uses_may_lie_beyond_the_vocabulary),
        IN_SANDBOX(counts_name_what_shares_a_sid_and_what_the_counter_tells_apart),
        IN_SANDBOX(the_tokens_of_an_item_come_from_its_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
