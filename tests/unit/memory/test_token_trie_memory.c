// test_token_trie_memory.c - every allocation of a trie's building fails in turn: the call says so and leaves the buffer empty.
#include "common/sid/token_trie.h"

#include "tests/support/memory_faults.h"
#include "tests/support/nj_test.h"

#define ALLOCATIONS_MAX 20

static const uint32_t TOKENS[] = {1, 2, 2, /**/ 1, /**/ 3, 1};
static const uint64_t OFFSET[] = {0, 3, 4, 6};

static void building_says_that_there_is_no_memory(void **state)
{
    (void)state;
    const nj_token_strings strings = {TOKENS, OFFSET, 3, 5, NULL};
    for (unsigned n = 1;; n++) {
        nj_error err = {0};
        nj_buffer bytes;
        nj_buffer_init(&bytes, SIZE_MAX / 2);
        memory_faults_arm(n);
        const nj_status status = nj_token_trie_build(&strings, &bytes, &err);
        const bool failed = memory_faults_disarm();
        if (!failed) {
            assert_ok(status, &err);
            assert_true(n > 3); // rows, nodes, bytes
            nj_buffer_fini(&bytes);
            break;
        }
        assert_refused(status, NJ_NO_MEMORY, &err, "no memory");
        assert_int_equal(bytes.size, 0);
        assert_true(n < ALLOCATIONS_MAX);
        nj_buffer_fini(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(building_says_that_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
