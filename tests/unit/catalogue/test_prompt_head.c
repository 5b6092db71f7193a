// test_prompt_head.c - what a bundle needs of its users, told by the first bytes of its section "prompt".
#include "common/catalogue/prompt_head.h"

#include "common/catalogue/section_names.h"
#include "tests/support/nj_test.h"

static nj_status read_head(const nj_prompt_head *head, size_t size, uint32_t *out, nj_error *err)
{
    nj_sections sections = {0};
    nj_sections_put(&sections, NJ_SECTION_PROMPT, head, size);
    return nj_prompt_needs(&sections, out, err);
}

static void a_bundle_without_a_prompt_needs_a_history(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_sections none = {0};
    uint32_t needs = 0;
    assert_ok(nj_prompt_needs(&none, &needs, &err), &err);
    assert_int_equal(needs, NJ_PROMPT_NEEDS_HISTORY);
}

static void every_set_of_needs_is_read(void **state)
{
    (void)state;
    for (uint32_t wanted = 0; wanted <= NJ_PROMPT_NEEDS_ALL; wanted++) {
        const nj_prompt_head heads[2] = {{NJ_PROMPT_VERSION, wanted}}; // more stands behind it
        nj_error err = {0};
        uint32_t needs = ~0u;
        assert_ok(read_head(heads, sizeof heads, &needs, &err), &err);
        assert_int_equal(needs, wanted);
    }
}

static void short_sections_other_versions_and_unknown_needs_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    uint32_t needs = 77;
    nj_prompt_head head = {NJ_PROMPT_VERSION, 0};
    assert_refused(read_head(&head, 7, &needs, &err), NJ_INPUT, &err,
                   "section \"prompt\" has 7 bytes, its head has 8");
    head.version++;
    assert_refused(read_head(&head, sizeof head, &needs, &err), NJ_INPUT, &err,
                   "this program reads version 1");
    head = (nj_prompt_head){NJ_PROMPT_VERSION, NJ_PROMPT_NEEDS_ALL + 1};
    assert_refused(read_head(&head, sizeof head, &needs, &err), NJ_INPUT, &err, "needs 0x40");
    assert_int_equal(needs, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_without_a_prompt_needs_a_history),
        cmocka_unit_test(every_set_of_needs_is_read),
        cmocka_unit_test(short_sections_other_versions_and_unknown_needs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
