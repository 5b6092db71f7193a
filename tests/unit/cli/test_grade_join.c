// test_grade_join.c - what `grade` makes of rows and events: how each row came to be, and what is left out and counted.
#include "ops/cli/grade.h"

#include "common/judge/evaluation.h"
#include "tests/unit/store/night.h"

#define MADE_S (NIGHT_MS / 1000)

enum { USERS = 4 }; // each with the items 3u, 3u+1, item-(3u+2)

// User 1's row was carried over, 2's copied, 3's is a cold user's.
static const struct {
    uint32_t flags, age;
} ROWS[USERS] = {{0, 0}, {NJ_ROW_CARRIED, 3}, {NJ_ROW_COPIED, 1}, {NJ_ROW_COLD, 0}};

// A shard of this user alone.
static void commit_row(nj_staging *staging, size_t user, night_shard *shard)
{
    nj_error err = {0};
    nj_buffer changed;
    nj_commit_outcome outcome;
    night_shard_make(shard, user, 1);
    nj_buffer_init(&changed, NJ_ROW_BYTES_MAX);
    if (ROWS[user].age > 0) {
        assert_int_equal(
            nj_row_copy(&changed, shard->rows[0].value, ROWS[user].flags, ROWS[user].age), NJ_OK);
        shard->rows[0].value = nj_buffer_slice(&changed);
    } else if (ROWS[user].flags != 0) {
        const nj_history_digest history = {{0}};
        const nj_slice item = nj_slice_from("9");
        const float score = -1;
        assert_int_equal(nj_row_pack(&changed, ROWS[user].flags, &item, &score, 1, &history),
                         NJ_OK);
        shard->rows[0].value = nj_buffer_slice(&changed);
    }
    if ((ROWS[user].flags & NJ_ROW_CARRIED) != 0) {
        shard->commit.record.state = NJ_STORED_CARRIED;
    }
    night_shard_seal(shard);
    assert_ok(nj_staging_commit(staging, &shard->commit, 1, &outcome, &err), &err);
    nj_buffer_fini(&changed);
    night_shard_fini(shard);
}

static nj_store_name pack_rows(void **state)
{
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_store_name name;
    const nj_staging_facts facts = night_facts(USERS, USERS);
    night_shard *shard = malloc(sizeof *shard);
    assert_non_null(shard);
    assert_ok(nj_staging_create(sandbox_path(state, "store"), &facts, NULL, &staging, &err), &err);
    for (size_t user = 0; user < USERS; user++) {
        commit_row(staging, user, shard);
    }
    assert_ok(nj_store_pack(staging, USERS, NULL, NIGHT_MS, &name, NULL, &err), &err);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    free(shard);
    return name;
}

// Joins a table of events, of which "now" is a day behind the making.
typedef struct {
    nj_grade_channels channels;
    nj_grade_groups groups;
    nj_grade_join join;
} joined;

static nj_status join_events(void **state, const nj_store_name *name, const char *events,
                             joined *out, nj_error *err)
{
    nj_error opened = {0};
    *out = (joined){.channels = {.count = 1, .only = NJ_GRADE_EVERY_CHANNEL, .salt = ""}};
    out->channels.entries[0].parts = NIGHTJAR_SHARE_WHOLE;
    assert_ok(nj_store_reader_open(sandbox_path(state, "store"), name->text,
                                   &out->channels.entries[0].reader, &opened),
              &opened);
    nj_grade_groups_init(&out->groups);
    nj_grade_join_init(&out->join);
    out->join.source =
        (nj_histories_source){.path = sandbox_write(state, "events.csv", events, strlen(events)),
                              .format = NJ_HISTORIES_CSV};
    out->join.split =
        (nj_split){.kind = NJ_SPLIT_TIME,
                   .from = {.given = true,
                            .is_date = true,
                            .at = (double)nj_grade_channels_made_ms(&out->channels) / 1000}};
    out->join.now_s = MADE_S + 86400;
    out->join.channels = &out->channels;
    out->join.groups = &out->groups;
    return nj_grade_join_run(&out->join, err);
}

static void close_joined(joined *j)
{
    nj_grade_join_fini(&j->join);
    nj_grade_groups_fini(&j->groups);
    nj_grade_channels_close(&j->channels);
}

static const nj_graded_user *graded(const joined *j, size_t user)
{
    assert_true(user < j->join.users.size / sizeof(nj_graded_user));
    return (const nj_graded_user *)(const void *)j->join.users.bytes + user;
}

static void rows_say_how_they_came_to_be(void **state)
{
    nj_error err = {0};
    joined j;
    const nj_store_name name = pack_rows(state);
    assert_ok(join_events(state, &name,
                          "user,item,timestamp\n"
                          "0,1,1700000001\n"
                          "1,item-5,1700000001\n1,3,1700000002\n"
                          "2,nothing,1700000001\n2,item-8,1700000002\n"
                          "3,9,1700000001\n",
                          &j, &err),
              &err);
    assert_int_equal(j.join.users.size / sizeof(nj_graded_user), USERS);
    assert_int_equal(graded(&j, 0)->kind, NJ_GRADE_DECODED);
    assert_int_equal(graded(&j, 0)->next_rank, 2);
    assert_int_equal(graded(&j, 1)->kind, NJ_GRADE_CARRIED);
    assert_int_equal(graded(&j, 1)->age, 3);
    assert_int_equal(graded(&j, 1)->next_rank, 3);
    assert_int_equal(graded(&j, 1)->any_rank, 1);
    assert_int_equal(graded(&j, 2)->kind, NJ_GRADE_COPIED);
    assert_int_equal(graded(&j, 2)->age, 1);
    assert_int_equal(graded(&j, 2)->next_rank, NJ_RANK_NONE);
    assert_int_equal(graded(&j, 2)->any_rank, 3);
    assert_true(graded(&j, 3)->is_cold);
    assert_int_equal(graded(&j, 3)->next_rank, 1);
    assert_int_equal(j.join.counts.unknown_item, 1); // "nothing"
    assert_int_equal(j.join.counts.events, 6);
    close_joined(&j);
}

static void what_is_left_out_is_counted(void **state)
{
    nj_error err = {0};
    joined j;
    static char events[20000] = "user,item,timestamp\n"
                                "0,7,1600000000\n0,7,1699999999.999\n0,1,1700000000\n"
                                "1,3,1690000000\n"
                                "stranger,3,1700000001\n"
                                "3,9,1700000005\n3,9,1700200000\n";
    const nj_store_name name = pack_rows(state);
    size_t used = strlen(events);
    for (int i = 0; i < 100; i++) {
        used += (size_t)snprintf(events + used, sizeof events - used, "0,2,%d\n", 1700000010 + i);
    }
    assert_ok(join_events(state, &name, events, &j, &err), &err);
    const nj_grade_counts *counts = &j.join.counts;
    assert_int_equal(counts->read, 4);
    assert_int_equal(counts->active, 3);
    assert_int_equal(counts->without_row, 1);
    assert_int_equal(counts->events_before, 3);
    assert_int_equal(counts->events_future, 1);
    assert_int_equal(counts->events, 103);
    assert_int_equal(j.join.users.size / sizeof(nj_graded_user), 2);
    assert_int_equal(j.channels.entries[0].without_row, 1);
    close_joined(&j);
}

static void a_file_of_the_future_is_refused(void **state)
{
    nj_error err = {0};
    joined j;
    const nj_store_name name = pack_rows(state);
    assert_refused(join_events(state, &name,
                               "user,item,timestamp\n0,1,1700000001\n3,9,1800000000\n", &j, &err),
                   NJ_INPUT, &err,
                   "line 3: user \"3\" has an event at 1800000000, which is the future");
    assert_non_null(strstr(err.text, "1 such events, 1 since: at most 1 %"));
    close_joined(&j);
    assert_refused(join_events(state, &name, "user,item,timestamp\n0,1,1600000000\n", &j, &err),
                   NJ_AGAIN, &err, "the events are late");
    close_joined(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_say_how_they_came_to_be, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(what_is_left_out_is_counted, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_file_of_the_future_is_refused, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
