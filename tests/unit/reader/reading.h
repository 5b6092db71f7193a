// reading.h - what the tests of the reader share: a store with a night, and a reader of it.
#ifndef NJ_TEST_READING_H
#define NJ_TEST_READING_H

#include "common/reader/nightjar-reader.h"
#include "tests/unit/store/night.h"

#define READING_ROWS 16
#define READING_USER "42" // in a night of 3 shards and more

/// A night of `shards` * READING_ROWS users, current. Distinct times give distinct names.
static inline nj_store_name reading_publish(void **state, uint64_t shards, uint64_t now_ms)
{
    const char *store = sandbox_path(state, "store");
    nj_store_name name = night_pack(store, shards, READING_ROWS, now_ms);
    night_publish(store, &name);
    return name;
}

static inline nightjar_reader *reading_open(void **state, uint32_t check_ms)
{
    nightjar_error error;
    nightjar_reader *reader = NULL;
    nightjar_reader_options options = NIGHTJAR_READER_OPTIONS_INIT;
    options.check_ms = check_ms;
    if (nightjar_reader_open(sandbox_path(state, "store"), &options, &reader, &error) !=
        NIGHTJAR_OK) {
        fail_msg("%s", error.text);
    }
    return reader;
}

static inline nightjar_status reading_get(nightjar_reader *reader, const char *user,
                                          nightjar_row *out)
{
    return nightjar_reader_get(reader, user, strlen(user), out, NULL);
}

static inline void assert_generation(nightjar_reader *reader, const nj_store_name *name)
{
    nightjar_row row;
    assert_int_equal(reading_get(reader, READING_USER, &row), NIGHTJAR_OK);
    assert_string_equal(row.generation, name->text);
}

#endif
