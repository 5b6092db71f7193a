// test_planned.c - plan.json: what is written is read back, and everything else is refused by name.
#include "coordinator/planned.h"

#include <math.h>
#include <stdio.h>

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

#define TEXT_BYTES 4096
#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// A plan whose numbers are 1, 2, 3 ... in the order of the table; those that may be missing are, where `sparse`.
static nj_night_numbers make_numbers(bool sparse)
{
    nj_night_numbers n;
    double next = 1;
#define NJ_PLAN_FIELD(kind, need, member, group, key, meaning)                                     \
    n.member = sparse && #need[1] == 'A' ? NAN : next;                                             \
    next++;
#include "schemas/plan.def"
    return n;
}

static const char *write_plan(bool sparse, char text[TEXT_BYTES])
{
    const nj_night_numbers numbers = make_numbers(sparse);
    json_t *object = nj_night_numbers_json(&numbers);
    assert_non_null(object);
    json_object_set_new(object, "version", json_integer(1));
    json_object_set_new(object, "plan_digest", json_string(DIGEST));
    const size_t size = json_dumpb(object, text, TEXT_BYTES, 0);
    assert_true(size < TEXT_BYTES);
    text[size] = '\0';
    json_decref(object);
    return memfile_write(text, size);
}

static void a_plan_is_read_as_it_was_written(void **state)
{
    char text[TEXT_BYTES];
    (void)state;
    for (int sparse = 0; sparse <= 1; sparse++) {
        nj_error err = {0};
        nj_planned planned;
        const nj_night_numbers wanted = make_numbers(sparse);

        assert_ok(nj_planned_read(write_plan(sparse, text), &planned, &err), &err);

#define NJ_PLAN_FIELD(kind, need, member, group, key, meaning)                                     \
    if (isnan(wanted.member)) {                                                                    \
        assert_true(isnan(planned.numbers.member));                                                \
    } else {                                                                                       \
        assert_true(planned.numbers.member == wanted.member);                                      \
    }
#include "schemas/plan.def"
        assert_non_null(strstr(planned.text, "\"version\":1"));
        nj_planned_fini(&planned);
        assert_null(planned.document);
    }
}

static void a_plan_fits_the_night_that_it_was_made_for(void **state)
{
    char text[TEXT_BYTES];
    nj_error err = {0};
    nj_planned planned;
    const nj_planned none = {0};
    nj_digest digest;
    (void)state;
    assert_true(nj_digest_from_hex(DIGEST, &digest));
    assert_ok(nj_planned_read(write_plan(false, text), &planned, &err), &err);

    assert_true(nj_planned_fits(&planned, &digest));
    digest.bytes[0] ^= 1;
    assert_false(nj_planned_fits(&planned, &digest));
    assert_false(nj_planned_fits(&none, &digest));

    nj_planned_fini(&planned);
}

// Replaces the first `old` by `new` in a whole plan.
static const char *change_plan(const char *old, const char *new)
{
    static char changed[2 * TEXT_BYTES];
    char text[TEXT_BYTES];
    write_plan(false, text);
    const char *at = strstr(text, old);
    assert_non_null(at);
    const int size = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, new,
                              at + strlen(old));
    return memfile_write(changed, (size_t)size);
}

static void what_is_no_plan_is_refused_by_file_and_key(void **state)
{
    static const struct {
        const char *old, *new, *says;
    } CASES[] = {
        {"\"users\": 1,", "\"users\": -1,", "\"users\" must be a whole number"},
        {"\"users\": 1,", "\"users\": 1.5,", "\"users\" must be a whole number"},
        {"\"users\": 1,", "\"users\": \"1\",", "\"users\" must be a whole number"},
        {"\"users\": 1,", "", "\"users\" must be a whole number from 0 to 2^53, and is not there"},
        {"\"users\": 1,", "\"users\": 9007199254740994,", "\"users\" must be"},
        {"\"users\": 1,", "\"users\": 1, \"users\": 1,", "duplicate"},
        {"\"decode\": ", "\"decoded\": ", "\"seconds.decode\" must be a number"},
        {"\"seconds\": {", "\"seconds\": 5, \"s\": {", "\"seconds.start\" must be"},
        {"\"version\": 1", "\"version\": 2", "version"},
        {"\"version\": 1", "\"edition\": 1", "version"},
        {DIGEST, "0011", "plan_digest"},
        {"{", "[", "line 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_planned planned = {0};
        const char *path = change_plan(CASES[i].old, CASES[i].new);
        assert_refused(nj_planned_read(path, &planned, &err), NJ_INPUT, &err, CASES[i].says);
        assert_non_null(strstr(err.text, path));
        assert_null(planned.document);
    }
}

static void a_plan_that_is_too_long_or_missing_is_refused(void **state)
{
    static char spaces[NJ_PLANNED_BYTES_MAX + 2];
    nj_error err = {0};
    nj_planned planned = {0};
    (void)state;
    memset(spaces, ' ', sizeof spaces - 1);

    assert_int_equal(nj_planned_read(memfile_write(spaces, sizeof spaces - 1), &planned, &err),
                     NJ_INPUT);
    assert_int_equal(nj_planned_read("no-such-plan.json", &planned, &err), NJ_NOT_FOUND);
    assert_null(planned.document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_read_as_it_was_written),
        cmocka_unit_test(a_plan_fits_the_night_that_it_was_made_for),
        cmocka_unit_test(what_is_no_plan_is_refused_by_file_and_key),
        cmocka_unit_test(a_plan_that_is_too_long_or_missing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
