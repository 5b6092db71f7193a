// test_status.c - every status of schemas/status.def, and the exit codes that schedulers rely on.
#include "common/base/status.h"

#include <stdbool.h>

#include "tests/support/nj_test.h"

typedef struct {
    nj_status status;
    const char *name;
} named_status;

static const named_status ALL[] = {
#define NJ_STATUS(name, number, exit_code, sentence, advice) {NJ_##name, #name},
#include "schemas/status.def"
#undef NJ_STATUS
};

#define COUNT (sizeof ALL / sizeof ALL[0])

// The documented codes (README, man pages, job templates): 0 to 5, sysexits' 65, 74, 75, 78, and 128 + signal.
static const int DOCUMENTED[] = {0, 1, 2, 3, 4, 5, 65, 74, 75, 78, 130, 143};

static bool is_documented(int exit_code)
{
    for (size_t i = 0; i < sizeof DOCUMENTED / sizeof DOCUMENTED[0]; i++) {
        if (DOCUMENTED[i] == exit_code) {
            return true;
        }
    }
    return false;
}

static void every_status_has_a_name_a_sentence_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(nj_status_name(ALL[i].status), ALL[i].name);
        assert_true(strlen(nj_status_sentence(ALL[i].status)) > 0);
        assert_true(strlen(nj_status_advice(ALL[i].status)) > 0);
    }
}

static void names_and_numbers_stand_for_one_status_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ALL[i].status, ALL[j].status);
            assert_string_not_equal(ALL[i].name, ALL[j].name);
        }
    }
}

static void every_exit_code_is_a_documented_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        int exit_code = nj_status_exit_code(ALL[i].status);
        if (!is_documented(exit_code)) {
            fail_msg("%s exits %d", ALL[i].name, exit_code);
        }
        assert_int_equal(exit_code == 0, ALL[i].status == NJ_OK);
    }
}

static void exit_codes_that_schedulers_rely_on_stay(void **state)
{
    (void)state;
    assert_int_equal(nj_status_exit_code(NJ_OK), 0);
    assert_int_equal(nj_status_exit_code(NJ_FAILED), 1);
    assert_int_equal(nj_status_exit_code(NJ_USAGE), 2);
    assert_int_equal(nj_status_exit_code(NJ_PARTIAL), 3);
    assert_int_equal(nj_status_exit_code(NJ_REFUSED), 4);
    assert_int_equal(nj_status_exit_code(NJ_NOT_FOUND), 5);
    assert_int_equal(nj_status_exit_code(NJ_INPUT), 65);
    assert_int_equal(nj_status_exit_code(NJ_IO), 74);
    assert_int_equal(nj_status_exit_code(NJ_AGAIN), 75);
    assert_int_equal(nj_status_exit_code(NJ_CONFIG), 78);
    assert_int_equal(nj_status_exit_code(NJ_INTERRUPTED), 130);
    assert_int_equal(nj_status_exit_code(NJ_TERMINATED), 143);
}

static void the_exit_code_of_a_child_leads_back_to_its_status(void **state)
{
    (void)state;
    assert_int_equal(nj_status_of_exit_code(0), NJ_OK);
    assert_int_equal(nj_status_of_exit_code(1), NJ_FAILED);
    assert_int_equal(nj_status_of_exit_code(65), NJ_INPUT);
    assert_int_equal(nj_status_of_exit_code(78), NJ_CONFIG);
    assert_int_equal(nj_status_of_exit_code(127), NJ_FAILED);
}

static void a_number_from_a_peer_that_is_no_status_is_answered(void **state)
{
    (void)state;
    nj_status unknown = (nj_status)77;
    assert_string_equal(nj_status_name(unknown), "?");
    assert_string_equal(nj_status_sentence(unknown), "unknown status");
    assert_int_equal(nj_status_exit_code(unknown), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_a_sentence_and_advice),
        cmocka_unit_test(names_and_numbers_stand_for_one_status_each),
        cmocka_unit_test(every_exit_code_is_a_documented_one),
        cmocka_unit_test(exit_codes_that_schedulers_rely_on_stay),
        cmocka_unit_test(the_exit_code_of_a_child_leads_back_to_its_status),
        cmocka_unit_test(a_number_from_a_peer_that_is_no_status_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
