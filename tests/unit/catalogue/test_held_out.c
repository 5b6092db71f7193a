// test_held_out.c - which item is held out, what the model may still read, and who cannot be judged.
#include "common/catalogue/held_out.h"

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

#define ITEMS 5

typedef struct {
    nj_idlist_builder ids;
    nj_buffer block;
    nj_idlist items;
    nj_idmap map;
    nj_live_rows live; // all zero: every item is
} catalogue;

// Rows 0 to 4 are called a to e.
static void open_catalogue(catalogue *c)
{
    nj_error err = {0};
    nj_idlist_builder_init(&c->ids);
    nj_buffer_init(&c->block, 1 << 20);
    nj_idmap_init(&c->map);
    c->live = (nj_live_rows){0};
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(nj_idlist_builder_add(&c->ids, (nj_slice){&"abcde"[i], 1}), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&c->ids, &c->block), NJ_OK);
    assert_ok(nj_idlist_open(c->block.bytes, c->block.size, "items", &c->items, &err), &err);
    assert_ok(nj_idmap_build(&c->map, &c->items, "items", &err), &err);
}

static void close_catalogue(catalogue *c)
{
    nj_idmap_fini(&c->map);
    nj_buffer_fini(&c->block);
    nj_idlist_builder_fini(&c->ids);
}

static nj_status read_text(const catalogue *c, nj_split_kind kind, nj_histories_format format,
                           const char *text, nj_held_out *out, nj_error *err)
{
    return nj_held_out_read(
        &(nj_histories_source){.path = memfile_write(text, strlen(text)), .format = format},
        &(nj_split){.kind = kind}, &c->items, &c->map, NULL, &c->live, out, err);
}

static void assert_user(const nj_held_out *held, size_t index, const char *id, uint32_t target,
                        const uint32_t *rows, uint32_t count, uint32_t unknown)
{
    nj_request user = nj_user_table_at(&held->users, index);
    assert_true(nj_slice_equal(user.user, nj_slice_from(id)));
    assert_int_equal(nj_held_out_targets(held)[index], target);
    assert_int_equal(user.item_count, count);
    assert_int_equal(user.unknown_count, unknown);
    if (count > 0) {
        assert_memory_equal(user.items, rows, count * sizeof *rows);
    }
}

static void the_last_item_is_held_out_and_the_items_before_it_are_the_input(void **state)
{
    (void)state;
    catalogue c;
    nj_held_out held;
    nj_error err = {0};
    open_catalogue(&c);
    assert_ok(read_text(&c, NJ_SPLIT_TEST, NJ_HISTORIES_SEQUENCE,
                        "long a b c d e\none c\nempty\nstrange a none\nodd none a x b\nagain d d\n",
                        &held, &err),
              &err);
    assert_int_equal(held.read_count, 6);
    assert_int_equal(held.short_count, 1); // empty
    assert_int_equal(held.unknown_count,
                     1); // strange: its a is not taken in place of what was bought
    assert_int_equal(held.repeated_count, 1); // again
    assert_int_equal(held.users.count, 4);
    assert_int_equal(held.users.cold_count, 1); // one
    assert_int_equal(held.users.longest, 4);
    assert_user(&held, 0, "long", 4, (const uint32_t[]){0, 1, 2, 3}, 4, 0);
    assert_user(&held, 1, "one", 2, NULL, 0, 0);
    assert_user(&held, 2, "odd", 1, (const uint32_t[]){0}, 1, 2);
    assert_user(&held, 3, "again", 3, (const uint32_t[]){3}, 1, 0);
    nj_held_out_fini(&held);
    nj_held_out_fini(&held);
    close_catalogue(&c);
}

static void validation_holds_out_the_item_before_the_last_and_hides_both(void **state)
{
    (void)state;
    catalogue c;
    nj_held_out held;
    nj_error err = {0};
    open_catalogue(&c);
    assert_ok(read_text(&c, NJ_SPLIT_VALIDATION, NJ_HISTORIES_SEQUENCE,
                        "long a b c d e\none c\ntwo c none\nstrange a none b\nlast a b a\n", &held,
                        &err),
              &err);
    assert_int_equal(held.read_count, 5);
    assert_int_equal(held.short_count, 1);    // one
    assert_int_equal(held.unknown_count, 1);  // strange
    assert_int_equal(held.repeated_count, 0); // the a that comes last is nobody's business
    assert_int_equal(held.users.count, 3);
    assert_user(&held, 0, "long", 3, (const uint32_t[]){0, 1, 2}, 3, 0);
    assert_user(&held, 1, "two", 2, NULL, 0, 0);
    assert_user(&held, 2, "last", 1, (const uint32_t[]){0}, 1, 0);
    nj_held_out_fini(&held);
    close_catalogue(&c);
}

static void events_are_held_out_by_their_time(void **state)
{
    (void)state;
    catalogue c;
    nj_held_out held;
    nj_error err = {0};
    open_catalogue(&c);
    assert_ok(read_text(&c, NJ_SPLIT_TEST, NJ_HISTORIES_CSV,
                        "user,item,timestamp\nu,c,30\nu,a,10\nv,e,1\nu,b,20\nv,d,0\n", &held, &err),
              &err);
    assert_int_equal(held.users.count, 2);
    assert_user(&held, 0, "u", 2, (const uint32_t[]){0, 1}, 2, 0);
    assert_user(&held, 1, "v", 4, (const uint32_t[]){3}, 1, 0);
    nj_held_out_fini(&held);
    close_catalogue(&c);
}

// Item c is retired: it speaks in u's input, and nobody is judged by it.
static void a_user_whose_held_out_item_is_retired_is_left_out_and_counted(void **state)
{
    (void)state;
    catalogue c;
    nj_held_out held;
    nj_error err = {0};
    uint64_t bits[] = {0x1b};
    open_catalogue(&c);
    c.live = (nj_live_rows){bits, ITEMS, ITEMS - 1};
    assert_ok(read_text(&c, NJ_SPLIT_TEST, NJ_HISTORIES_SEQUENCE, "u a c b\nv a c\n", &held, &err),
              &err);
    assert_int_equal(held.users.count, 1);
    assert_int_equal(held.retired_count, 1);
    assert_int_equal(held.read_count, 2);
    assert_user(&held, 0, "u", 1, (const uint32_t[]){0, 2}, 2, 0);
    nj_held_out_fini(&held);
    close_catalogue(&c);
}

// The time split, and what it counts: w has nothing from then on, x only what is behind the end, y nothing before.
static void a_time_holds_out_the_first_event_from_then_on(void **state)
{
    (void)state;
    catalogue c;
    nj_held_out held;
    nj_error err = {0};
    static const char TEXT[] = "user,item,timestamp\n"
                               "u,a,10\nu,b,20\nu,c,29.5\nu,d,40\n"
                               "v,none,19\nv,e,20\n"
                               "w,a,10\nw,b,11\n"
                               "x,a,10\nx,b,30\n"
                               "y,b,25\n"
                               "z,a,1\nz,none,25\n";
    const nj_histories_source source = {.path = memfile_write(TEXT, sizeof TEXT - 1),
                                        .format = NJ_HISTORIES_CSV};
    const nj_split split = {
        .kind = NJ_SPLIT_TIME, .from = {true, false, 20}, .until = {true, false, 30}};
    open_catalogue(&c);
    assert_ok(nj_held_out_read(&source, &split, &c.items, &c.map, NULL, &c.live, &held, &err),
              &err);
    assert_int_equal(held.read_count, 6);
    assert_int_equal(held.short_count, 2);   // w, x
    assert_int_equal(held.unknown_count, 1); // z
    assert_int_equal(held.users.count, 3);
    assert_int_equal(held.users.cold_count, 2); // v, y
    assert_user(&held, 0, "u", 1, (const uint32_t[]){0}, 1, 0);
    assert_user(&held, 1, "v", 4, NULL, 0, 1);
    assert_user(&held, 2, "y", 1, NULL, 0, 0);
    // Before 20: a of u, w, x and z, b of w. Users who are not judged count too; what is held out does not.
    static const uint32_t POPULARITY[ITEMS] = {4, 1, 0, 0, 0};
    assert_memory_equal(held.popularity, POPULARITY, sizeof POPULARITY);
    assert_int_equal(held.popularity_sum, 5);
    nj_held_out_fini(&held);
    close_catalogue(&c);
}

static void popularity_is_of_what_training_may_see(void **state)
{
    (void)state;
    static const char TEXT[] = "u a b c d\nv a a e\nw a b\nx none a a b c\n";
    static const uint32_t POPULARITY[ITEMS] = {4, 1, 0, 0, 0};
    static const nj_split_kind KINDS[] = {NJ_SPLIT_TEST, NJ_SPLIT_VALIDATION};
    catalogue c;
    nj_error err = {0};
    open_catalogue(&c);
    for (size_t i = 0; i < 2; i++) {
        nj_held_out held;
        assert_ok(read_text(&c, KINDS[i], NJ_HISTORIES_SEQUENCE, TEXT, &held, &err), &err);
        assert_memory_equal(held.popularity, POPULARITY, sizeof POPULARITY);
        assert_int_equal(held.popularity_sum, 5);

        // Another file counts whole, and only where it can be read.
        static const uint32_t OTHER[ITEMS] = {0, 1, 0, 0, 2};
        const nj_histories_source missing = {.path = "/nonexistent/histories"};
        assert_int_equal(nj_held_out_count(&held, &missing, &c.items, &c.map, &err), NJ_NOT_FOUND);
        assert_memory_equal(held.popularity, POPULARITY, sizeof POPULARITY);
        const nj_histories_source other = {.path = memfile_write("q e e none\nr b\n", 15)};
        assert_ok(nj_held_out_count(&held, &other, &c.items, &c.map, &err), &err);
        assert_memory_equal(held.popularity, OTHER, sizeof OTHER);
        assert_int_equal(held.popularity_sum, 3);
        nj_held_out_fini(&held);
    }
    close_catalogue(&c);
}

static void a_user_keeps_the_group_that_his_history_names(void **state)
{
    (void)state;
    catalogue c;
    nj_held_out held;
    nj_error err = {0};
    open_catalogue(&c);
    assert_ok(read_text(&c, NJ_SPLIT_TEST, NJ_HISTORIES_JSONL,
                        "{\"user\": \"u\", \"items\": [\"a\", \"b\"], \"group\": \"de\"}\n"
                        "{\"user\": \"v\", \"items\": [\"a\", \"b\"]}\n"
                        "{\"user\": \"w\", \"items\": [], \"group\": \"nobody's\"}\n"
                        "{\"user\": \"x\", \"items\": [\"a\"], \"group\": \"\"}\n"
                        "{\"user\": \"y\", \"items\": [\"a\"], \"group\": \"at\"}\n"
                        "{\"user\": \"z\", \"items\": [\"a\"], \"group\": \"de\"}\n",
                        &held, &err),
              &err);
    static const uint32_t GROUPS[] = {0, NJ_GROUP_NONE, NJ_GROUP_NONE, 1, 0};
    assert_int_equal(held.users.count, 5);
    assert_int_equal(held.groups.count, 2);
    assert_memory_equal(nj_held_out_groups(&held), GROUPS, sizeof GROUPS);
    assert_true(nj_slice_equal(nj_idlist_builder_at(&held.groups, 1), nj_slice_from("at")));
    nj_held_out_fini(&held);
    close_catalogue(&c);
}

static void a_time_split_needs_times(void **state)
{
    (void)state;
    catalogue c;
    nj_held_out held;
    nj_error err = {0};
    open_catalogue(&c);
    const nj_split split = {.kind = NJ_SPLIT_TIME, .from = {true, false, 20}};
    const nj_histories_source source = {.path = memfile_write("u a b\n", 6)};
    assert_refused(nj_held_out_read(&source, &split, &c.items, &c.map, NULL, &c.live, &held, &err),
                   NJ_INPUT, &err, "the form sequence has no times");
    close_catalogue(&c);
}

static void a_refused_file_leaves_nothing_behind(void **state)
{
    (void)state;
    catalogue c;
    nj_error err = {0};
    nj_held_out held = {.read_count = 77};
    open_catalogue(&c);
    assert_refused(
        read_text(&c, NJ_SPLIT_TEST, NJ_HISTORIES_SEQUENCE, "u a b\nv a\nu c\n", &held, &err),
        NJ_INPUT, &err, "line 3: user \"u\" stands on line 1 too");
    assert_int_equal(held.read_count, 77);
    close_catalogue(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_item_is_held_out_and_the_items_before_it_are_the_input),
        cmocka_unit_test(validation_holds_out_the_item_before_the_last_and_hides_both),
        cmocka_unit_test(events_are_held_out_by_their_time),
        cmocka_unit_test(a_user_whose_held_out_item_is_retired_is_left_out_and_counted),
        cmocka_unit_test(a_time_holds_out_the_first_event_from_then_on),
        cmocka_unit_test(popularity_is_of_what_training_may_see),
        cmocka_unit_test(a_user_keeps_the_group_that_his_history_names),
        cmocka_unit_test(a_time_split_needs_times),
        cmocka_unit_test(a_refused_file_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
