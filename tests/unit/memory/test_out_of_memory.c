// test_out_of_memory.c - every allocation of our own code fails in turn: the call says so and leaves nothing behind.
//
// One step is a whole life: open, use, close. With its n-th allocation failing it must return NJ_NO_MEMORY; it is repeated for
// n = 1, 2, ... until none fails any more. That nothing leaks is for ASan's build to see.
#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/catalogue.h"
#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/held_out.h"
#include "common/catalogue/job.h"
#include "common/catalogue/mask_files.h"
#include "common/input/histories_reader.h"
#include "common/input/index_json.h"
#include "common/input/npy.h"
#include "common/input/safetensors.h"
#include "common/judge/lists.h"
#include "common/store/publish.h"
#include "common/store/reader.h"
#include "common/wire/socket.h"
#include "coordinator/dispatch.h"
#include "coordinator/plan.h"
#include "tests/support/memfile.h"
#include "tests/support/memory_faults.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "worker/engine/engine.h"
#include "worker/engine/synthetic.h"

#define ALLOCATIONS_MAX 5000 // of one step; more would mean that one never ends
#define NOW_MS 1700000000000u

typedef nj_status (*step)(void *context, nj_error *err);

// Returns how many allocations the step makes.
static unsigned fail_each(step run, void *context)
{
    for (unsigned n = 1; n < ALLOCATIONS_MAX; n++) {
        nj_error err = {0};
        memory_faults_arm(n);
        nj_status status = run(context, &err);
        if (!memory_faults_disarm()) {
            assert_ok(status, &err);
            return n - 1;
        }
        if (status != NJ_NO_MEMORY) {
            fail_msg("allocation %u failed, the call said %s: %s", n, nj_status_name(status),
                     err.text);
        }
        assert_int_equal(err.status, NJ_NO_MEMORY);
        assert_true(err.text[0] != '\0');
    }
    fail_msg("more than %d allocations", ALLOCATIONS_MAX);
    return 0;
}

// ---- readers of inputs ----

typedef struct {
    nj_histories_source source;
} histories_input;

static nj_status ignore_history(void *context, const nj_history *history, nj_error *err)
{
    (void)context;
    (void)history;
    (void)err;
    return NJ_OK;
}

static nj_status read_histories(void *context, nj_error *err)
{
    // Memory for few events, so that they are sorted through a file.
    static const nj_histories_limits LIMITS = {
        .memory_bytes = 0, .merge_files = 2, .line_bytes_max = 1u << 20, .items_max = 100};
    const histories_input *input = context;
    return nj_histories_read_limited(&input->source, &LIMITS, ignore_history, NULL, err);
}

static void readers_of_histories_say_that_there_is_no_memory(void **state)
{
    static const char *const TEXTS[] = {
        [NJ_HISTORIES_SEQUENCE] = "u1 a b\nu2 c\n",
        [NJ_HISTORIES_JSONL] = "{\"user\": \"u1\", \"items\": [\"a\", 7]}\n",
        [NJ_HISTORIES_CSV] = "user,item,note\nu1,a,\"x\ny\"\nu2,b,\nu1,c,\nu3,d,\nu1,e,\nu4,g,\n",
        [NJ_HISTORIES_INTER] = "user_id:token\titem_id:token\nu1\ta\nu2\tb\n",
    };
    static const char TIMED_JSONL[] =
        "{\"user\": \"u1\", \"items\": [\"a\", 7], \"times\": [5, 5]}\n";
    static const char TIMED_CSV[] = "user,item,timestamp\nu1,a,5\nu2,b,5\nu1,c,5\nu3,d,9\n";
    (void)state;
    for (int format = NJ_HISTORIES_SEQUENCE; format <= NJ_HISTORIES_INTER; format++) {
        const char *text = TEXTS[format];
        histories_input input = {
            {.path = memfile_write(text, strlen(text)), .format = (nj_histories_format)format}};
        assert_true(fail_each(read_histories, &input) > 0);
    }
    histories_input timed = {{.format = NJ_HISTORIES_JSONL, .tie_seed = 1, .wants_times = true}};
    timed.source.path = memfile_write(TIMED_JSONL, sizeof TIMED_JSONL - 1);
    assert_true(fail_each(read_histories, &timed) > 0);
    timed.source.format = NJ_HISTORIES_CSV;
    timed.source.path = memfile_write(TIMED_CSV, sizeof TIMED_CSV - 1);
    assert_true(fail_each(read_histories, &timed) > 0);
}

static nj_status read_index(void *context, nj_error *err)
{
    nj_index_json index;
    nj_status status = nj_index_json_read(context, &index, err);
    if (status == NJ_OK) {
        nj_index_json_free(&index);
    }
    return status;
}

static void the_reader_of_index_json_says_that_there_is_no_memory(void **state)
{
    static const char TEXT[] = "{\"0\": [\"<a_1>\", \"<b_2>\"], \"1\": [\"<a_0>\", \"<b_0>\"]}";
    (void)state;
    char *path = (char *)(uintptr_t)memfile_write(TEXT, sizeof TEXT - 1);
    assert_true(fail_each(read_index, path) > 0);
}

static nj_status read_tensors(void *context, nj_error *err)
{
    nj_tensor_set *set = NULL;
    nj_status status = nj_tensor_set_open(context, &set, err);
    assert_true((status == NJ_OK) == (set != NULL));
    nj_tensor_set_close(&set);
    return status;
}

static void the_reader_of_safetensors_says_that_there_is_no_memory(void **state)
{
    static const char INDEX[] = "{\"weight_map\": {\"w\": \"a.safetensors\"}}";
    static const float VALUES[] = {1.0f, 2.0f};
    nj_buffer bytes;
    nj_error err = {0};
    nj_tensor_source tensor = {.name = "w", .dim_count = 1, .shape = {2}, .data = VALUES};
    nj_buffer_init(&bytes, 4096);
    assert_ok(nj_tensors_write(&tensor, 1, &bytes, &err), &err);
    const char *file = sandbox_write(state, "a.safetensors", bytes.bytes, bytes.size);
    nj_buffer_fini(&bytes);
    assert_true(fail_each(read_tensors, (char *)(uintptr_t)file) > 0);
    sandbox_write(state, "model.safetensors.index.json", INDEX, sizeof INDEX - 1);
    assert_true(fail_each(read_tensors, (char *)(uintptr_t)sandbox_path(state, "")) > 0);
}

static nj_status read_catalogue(void *context, nj_error *err)
{
    nj_catalogue *catalogue = NULL;
    nj_status status = nj_catalogue_read(context, &catalogue, err);
    assert_true((status == NJ_OK) == (catalogue != NULL));
    nj_catalogue_free(&catalogue);
    return status;
}

static nj_status import_catalogue(void *context, nj_error *err)
{
    static const nj_codes_per_level K = {{4}, 1};
    static const nj_catalogue_options OPTIONS = {.token_base = 2};
    nj_catalogue *catalogue = NULL;
    nj_status status = nj_catalogue_from_sids(context, &K, &OPTIONS, &catalogue, err);
    nj_catalogue_free(&catalogue);
    return status;
}

static void catalogues_say_that_there_is_no_memory(void **state)
{
    static const int32_t CODES[] = {0, 1, 2, 3};
    static const size_t SHAPE[] = {2, 2};
    static const nj_codes_per_level K = {{4}, 1};
    static const nj_catalogue_options OPTIONS = {.token_base = 2};
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    char *sids = (char *)(uintptr_t)sandbox_path(state, "sids.npy");
    char *folder = (char *)(uintptr_t)sandbox_path(state, "catalogue");
    assert_ok(nj_npy_write(sids, NJ_NPY_I32, SHAPE, 2, CODES, &err), &err);
    assert_true(fail_each(import_catalogue, sids) > 0);
    assert_ok(nj_catalogue_from_sids(sids, &K, &OPTIONS, &catalogue, &err), &err);
    assert_ok(nj_catalogue_write(folder, catalogue, false, &err), &err);
    nj_catalogue_free(&catalogue);
    assert_true(fail_each(read_catalogue, folder) > 0);
}

// ---- bundle, engine, plan, dispatch ----

static nj_status open_bundle(void *context, nj_error *err)
{
    nj_bundle *bundle = NULL;
    nj_catalogue_view view;
    nj_status status = nj_bundle_open(context, &bundle, err);
    if (status == NJ_OK) {
        status = nj_bundle_verify(bundle, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(nj_bundle_sections(bundle), &view, err);
    }
    nj_bundle_close(&bundle);
    return status;
}

typedef struct {
    const nj_sections *sections;
    const nj_kernels *kernels;
} engine_input;

static nj_status open_engine(void *context, nj_error *err)
{
    const engine_input *input = context;
    nj_settings settings = nj_settings_default();
    nj_engine *engine = NULL;
    settings.beam = settings.top = 3;
    settings.history_items_max = settings.exclusions_max = 3;
    nj_engine_options options = nj_engine_options_default(input->kernels);
    options.batch_users = 2;
    nj_status status = nj_engine_open(input->sections, &settings, &options, &engine, err);
    assert_true((status == NJ_OK) == (engine != NULL));
    nj_engine_close(&engine);
    return status;
}

static void a_bundle_and_its_engine_say_that_there_is_no_memory(void **state)
{
    static const nj_synthetic_shape SHAPE = {.D = 4,
                                             .H = 1,
                                             .E = 4,
                                             .F = 4,
                                             .encoder_layers = 1,
                                             .decoder_layers = 1,
                                             .L = 2,
                                             .K = 4,
                                             .item_count = 6,
                                             .seed = 1};
    nj_error err = {0};
    nj_synthetic synthetic;
    char *path = (char *)(uintptr_t)sandbox_path(state, "tiny.njb");
    assert_ok(nj_synthetic_make(&SHAPE, &synthetic, &err), &err);
    assert_ok(nj_bundle_write(path, &synthetic.sections, &err), &err);
    assert_true(fail_each(open_bundle, path) > 0);
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) {
        engine_input input = {&synthetic.sections, nj_kernels_at(i)};
        assert_true(fail_each(open_engine, &input) > 0);
    }
    nj_synthetic_free(&synthetic);
}

// ---- masks ----

typedef struct {
    nj_mask_files files;
    const char *user_groups;
    const nj_catalogue_view *view;
    const nj_idmap *map;
    nj_buffer section; // of the run that had memory enough
} masks_input;

static nj_status read_masks(void *context, nj_error *err)
{
    masks_input *input = context;
    nj_masks masks = {0};
    nj_user_groups groups;
    uint64_t unknown;
    nj_user_groups_init(&groups);
    nj_buffer_clear(&input->section);
    nj_status status = nj_mask_files_read(&input->files, &input->view->items, input->map,
                                          &input->view->trie, &input->section, &unknown, err);
    if (status == NJ_OK) {
        status = nj_masks_open(input->section.bytes, input->section.size,
                               input->view->sids.row_count, &masks, err);
    }
    if (status == NJ_OK) {
        status = nj_user_groups_read(input->user_groups, &masks, &groups, err);
    }
    nj_user_groups_fini(&groups);
    return status;
}

static void masks_and_an_engine_with_them_say_that_there_is_no_memory(void **state)
{
    static const nj_synthetic_shape SHAPE = {.D = 8,
                                             .H = 2,
                                             .E = 4,
                                             .F = 8,
                                             .encoder_layers = 1,
                                             .decoder_layers = 1,
                                             .L = 2,
                                             .K = 4,
                                             .item_count = 12,
                                             .seed = 1};
    static const char GROUPS[] = "{\"group\": \"b\", \"items\": [1, 2]}\n"
                                 "{\"group\": \"a\", \"deny\": [5]}\n";
    static const char USERS[] = "user,group\nu,a\nv,b\n";
    nj_error err = {0};
    nj_synthetic synthetic;
    nj_catalogue_view view;
    nj_idmap map;
    char deny[512];
    char groups[512];
    nj_idmap_init(&map);
    assert_ok(nj_synthetic_make(&SHAPE, &synthetic, &err), &err);
    assert_ok(nj_catalogue_view_open(&synthetic.sections, &view, &err), &err);
    assert_ok(nj_idmap_build(&map, &view.items, "items", &err), &err);
    snprintf(deny, sizeof deny, "%s", sandbox_write(state, "deny.txt", "3\n4\n", 4));
    snprintf(groups, sizeof groups, "%s",
             sandbox_write(state, "groups.jsonl", GROUPS, sizeof GROUPS - 1));
    masks_input input = {.files = {.deny = deny, .groups = groups},
                         .user_groups = sandbox_write(state, "users.csv", USERS, sizeof USERS - 1),
                         .view = &view,
                         .map = &map};
    nj_buffer_init(&input.section, 1 << 20);
    assert_true(fail_each(read_masks, &input) > 0);

    nj_section *made = &synthetic.sections.sections[synthetic.sections.count++];
    *made = (nj_section){.bytes = input.section.bytes, .size = input.section.size};
    strcpy(made->name, "eligible");
    engine_input engine = {&synthetic.sections, nj_kernels_at(0)};
    assert_true(fail_each(open_engine, &engine) > 0);
    nj_buffer_fini(&input.section);
    nj_idmap_fini(&map);
    nj_synthetic_free(&synthetic);
}

typedef struct {
    const char *histories;
    nj_idlist items;
} plan_input;

static nj_status plan_and_dispatch(const nj_user_table *users, nj_error *err)
{
    static const nj_digest BUNDLE = {{1}};
    nj_settings settings = nj_settings_default();
    nj_plan plan = {0};
    nj_status status = nj_plan_make(users, &settings, &BUNDLE, NULL, 2, 2, &plan, err);
    nj_dispatch *dispatch = status == NJ_OK ? malloc(sizeof *dispatch) : NULL;
    if (dispatch != NULL) {
        const nj_dispatch_config config = {
            .ledger = {.shard_count = (uint32_t)plan.shard_count,
                       .shard_first = plan.shard_first,
                       .spare_count = 8,
                       .tries_max = 2,
                       .losses_max = 4},
            .roster = {.worker_max = 4, .silence_ms = 1000, .lease_ms = 1000},
            .epoch = 1,
            .numeric_class = "exact"};
        status = nj_dispatch_init(dispatch, &config, err);
        if (status == NJ_OK) {
            nj_dispatch_fini(dispatch);
        }
        free(dispatch);
    } else if (status == NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the test's own dispatch");
    }
    nj_plan_fini(&plan);
    return status;
}

static nj_status plan_night(void *context, nj_error *err)
{
    const plan_input *input = context;
    nj_idmap map;
    nj_user_table users = {0};
    nj_idmap_init(&map);
    nj_status status = nj_idmap_build(&map, &input->items, "items", err);
    if (status == NJ_OK) {
        status = nj_user_table_read(&(nj_histories_source){.path = input->histories}, &input->items,
                                    &map, NULL, &users, err);
    }
    if (status == NJ_OK) {
        status = plan_and_dispatch(&users, err);
        nj_user_table_fini(&users);
    }
    nj_idmap_fini(&map);
    return status;
}

static nj_status hold_items_out(void *context, nj_error *err)
{
    const plan_input *input = context;
    const nj_histories_source source = {.path = input->histories, .format = NJ_HISTORIES_JSONL};
    nj_idmap map;
    nj_held_out held = {0};
    nj_judgement judgement = {0};
    nj_lists lists = {0};
    nj_idmap_init(&map);
    nj_status status = nj_idmap_build(&map, &input->items, "items", err);
    if (status == NJ_OK) {
        status = nj_held_out_read(&source, &(nj_split){.kind = NJ_SPLIT_TEST}, &input->items, &map,
                                  NULL, &(const nj_live_rows){0}, &held, err);
    }
    if (status == NJ_OK) {
        status = nj_held_out_count(&held, &source, &input->items, &map, err);
    }
    if (status == NJ_OK &&
        (nj_lists_init(held.users.count, 5, &lists) != NJ_OK ||
         nj_lists_judge(&lists, nj_held_out_targets(&held), &judgement) != NJ_OK)) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to judge");
    }
    nj_judgement_fini(&judgement);
    nj_lists_fini(&lists);
    nj_held_out_fini(&held);
    nj_idmap_fini(&map);
    return status;
}

static void users_plan_and_dispatch_say_that_there_is_no_memory(void **state)
{
    static const char HISTORIES[] = "a 0 1\nb 2\nc 1 x\n";
    static const char GROUPED[] = "{\"user\": \"a\", \"items\": [0, 1], \"group\": \"g\"}\n"
                                  "{\"user\": \"b\", \"items\": [2]}\n";
    nj_error err = {0};
    nj_idlist_builder builder;
    nj_buffer block;
    plan_input input = {memfile_write(HISTORIES, sizeof HISTORIES - 1), {0}};
    (void)state;
    nj_idlist_builder_init(&builder);
    nj_buffer_init(&block, 4096);
    for (char id = '0'; id < '3'; id++) {
        assert_int_equal(nj_idlist_builder_add(&builder, (nj_slice){&id, 1}), NJ_OK);
    }
    assert_int_equal(nj_idlist_builder_write(&builder, &block), NJ_OK);
    assert_ok(nj_idlist_open(block.bytes, block.size, "items", &input.items, &err), &err);
    assert_true(fail_each(plan_night, &input) > 0);
    input.histories = memfile_write(GROUPED, sizeof GROUPED - 1);
    assert_true(fail_each(hold_items_out, &input) > 0);
    nj_buffer_fini(&block);
    nj_idlist_builder_fini(&builder);
}

// ---- store ----

static void pack_row(nj_buffer *out)
{
    static const nj_history_digest HISTORY = {{1}};
    const nj_slice items[] = {nj_slice_from("1"), nj_slice_from("b")};
    const float scores[] = {-1.0f, -2.0f};
    assert_int_equal(nj_row_pack(out, 0, items, scores, 2, &HISTORY), NJ_OK);
}

// Of the blob that a RESULT with this row would have brought.
static nj_digest digest_row(nj_slice row)
{
    uint8_t bytes[512];
    nj_buffer blob = {.bytes = bytes, .capacity = sizeof bytes, .bytes_max = sizeof bytes};
    assert_int_equal(nj_rows_begin(&blob, 1), NJ_OK);
    assert_int_equal(nj_rows_add(&blob, row), NJ_OK);
    return nj_digest_of(blob.bytes, blob.size);
}

// The first commit of a shard that is there already is a duplicate: what a failed try has written would show.
static nj_status commit_shard(nj_staging *staging, uint64_t shard, nj_commit_outcome *out,
                              nj_error *err)
{
    char user[24];
    uint8_t bytes[256];
    nj_buffer value = {.bytes = bytes, .capacity = sizeof bytes, .bytes_max = sizeof bytes};
    pack_row(&value);
    snprintf(user, sizeof user, "u%u", (unsigned)shard);
    const nj_store_row row = {nj_slice_from(user), nj_buffer_slice(&value)};
    nj_shard_commit commit = {.rows = &row};
    commit.record =
        (nj_ledger_record){.shard = shard, .state = NJ_STORED_COMMITTED, .attempt = 1, .rows = 1};
    commit.record.digest = digest_row(row.value);
    return nj_staging_commit(staging, &commit, 1, out, err);
}

static nj_status create_staging(void *context, nj_error *err)
{
    static const nj_staging_facts FACTS = {.shard_count = 2, .user_count = 2};
    const char *store = context;
    nj_staging *staging = NULL;
    nj_error ignored;
    nj_status status = nj_staging_create(store, &FACTS, NULL, &staging, err);
    memory_faults_pause();
    assert_true((status == NJ_OK) == (staging != NULL));
    if (status != NJ_OK && nj_staging_exists(store)) { // made, and not opened: it is whole
        assert_int_equal(nj_staging_open(store, NULL, &staging, &ignored), NJ_OK);
    }
    if (staging != NULL) {
        assert_int_equal(nj_staging_remove_take(&staging, &ignored), NJ_OK);
    }
    return status;
}

static nj_status commit_once(void *context, nj_error *err)
{
    nj_staging *staging = context;
    nj_staging_tally tally;
    nj_commit_outcome outcome;
    nj_error ignored;
    nj_status status = commit_shard(staging, 0, &outcome, err);
    memory_faults_pause();
    assert_int_equal(nj_staging_count(staging, &tally, &ignored), NJ_OK);
    assert_int_equal(tally.committed, status == NJ_OK);
    assert_int_equal(tally.stored_rows, status == NJ_OK);
    return status;
}

typedef struct {
    nj_staging *staging;
    const char *store;
} pack_input;

static nj_status pack_night(void *context, nj_error *err)
{
    const pack_input *input = context;
    nj_store_name name;
    nj_store_listing listing;
    nj_error ignored;
    static const nj_origin_night NIGHT = {.sections = {{"model", 1, {{1}}}},
                                          .section_count = 1,
                                          .inputs = {{"users", "u.txt"}},
                                          .input_count = 1};
    nj_status status =
        nj_store_pack_with_origin(input->staging, 2, NULL, &NIGHT, NOW_MS, &name, NULL, err);
    memory_faults_pause();
    assert_int_equal(nj_store_list(input->store, &listing, &ignored), NJ_OK);
    assert_int_equal(listing.count, status == NJ_OK);
    nj_store_listing_fini(&listing);
    return status;
}

static nj_status verify_store(void *context, nj_error *err)
{
    return nj_store_verify(context, NULL, NULL, err);
}

static nj_status read_store(void *context, nj_error *err)
{
    nj_store_reader *reader = NULL;
    nj_slice value;
    nj_status status = nj_store_reader_open(context, NULL, &reader, err);
    if (status == NJ_OK) {
        status = nj_store_get(reader, nj_slice_from("u0"), &value, err);
    }
    nj_store_reader_close(&reader);
    return status;
}

static void a_store_says_that_there_is_no_memory_and_holds_nothing_by_halves(void **state)
{
    static const nj_staging_facts FACTS = {.shard_count = 2, .user_count = 2};
    nj_error err = {0};
    nj_staging *staging = NULL;
    nj_commit_outcome outcome;
    nj_store_listing listing;
    char *store = (char *)(uintptr_t)sandbox_path(state, "store");
    assert_true(fail_each(create_staging, store) > 0);
    assert_ok(nj_staging_create(store, &FACTS, NULL, &staging, &err), &err);
    assert_ok(nj_staging_class_set(staging, "exact", &err), &err);
    assert_true(fail_each(commit_once, staging) > 0);
    assert_ok(commit_shard(staging, 1, &outcome, &err), &err);
    pack_input input = {staging, store};
    assert_true(fail_each(pack_night, &input) > 0);
    assert_ok(nj_staging_remove_take(&staging, &err), &err);
    assert_ok(nj_store_list(store, &listing, &err), &err);
    assert_ok(nj_store_publish(store, listing.entries[0].name.text, NULL, 0, &err), &err);
    nj_store_listing_fini(&listing);
    assert_true(fail_each(verify_store, store) > 0);
    assert_true(fail_each(read_store, store) > 0);
}

// ---- wire ----

static nj_status open_sockets(void *context, nj_error *err)
{
    const nj_keypair *keys = context;
    const char *const allowed_keys[] = {keys->public_key};
    nj_allowlist allowed = {0};
    nj_router *router = NULL;
    nj_dealer *dealer = NULL;
    nj_status status = nj_allowlist_of(allowed_keys, 1, &allowed, err);
    if (status == NJ_OK) {
        const nj_router_config config = {
            .endpoint = "tcp://127.0.0.1:*", .keys = keys, .allowed = &allowed};
        status = nj_router_open(&config, &router, err);
    }
    if (status == NJ_OK) {
        nj_server_keys server_keys;
        const nj_dealer_config config = {
            .endpoint = nj_router_endpoint(router), .keys = keys, .server_keys = &server_keys};
        status = nj_server_keys_read(keys->public_key, &server_keys, err);
        if (status == NJ_OK) {
            status = nj_dealer_open(&config, &dealer, err);
        }
    }
    if (status == NJ_OK) {
        nj_message message = {.kind = NJ_MESSAGE_READY};
        status = nj_dealer_send_message(dealer, &message, err);
    }
    nj_dealer_close(&dealer, 0);
    nj_router_close(&router, 0);
    nj_allowlist_fini(&allowed);
    return status;
}

static void sockets_say_that_there_is_no_memory(void **state)
{
    nj_keypair keys;
    nj_error err = {0};
    (void)state;
    assert_ok(nj_keypair_make(&keys, &err), &err);
    assert_true(fail_each(open_sockets, &keys) > 0);
}

static nj_status unpack_shard(void *context, nj_error *err)
{
    nj_users users;
    nj_status status = nj_users_unpack(nj_buffer_slice(context), 4, 1, &users, err);
    if (status == NJ_OK) {
        nj_users_fini(&users);
    }
    return status;
}

static void a_lease_says_that_there_is_no_memory(void **state)
{
    static const uint32_t ITEMS[] = {0, 3};
    const nj_request request = {.user = nj_slice_from("u"),
                                .items = ITEMS,
                                .item_count = 2,
                                .exclude = ITEMS,
                                .exclude_count = 2};
    nj_buffer bytes;
    (void)state;
    nj_buffer_init(&bytes, 4096);
    assert_int_equal(nj_users_pack(&request, 1, &bytes), NJ_OK);
    assert_int_equal(fail_each(unpack_shard, &bytes), 2);
    nj_buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_of_histories_say_that_there_is_no_memory),
        cmocka_unit_test(the_reader_of_index_json_says_that_there_is_no_memory),
        cmocka_unit_test_setup_teardown(the_reader_of_safetensors_says_that_there_is_no_memory,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(catalogues_say_that_there_is_no_memory, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_bundle_and_its_engine_say_that_there_is_no_memory,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(masks_and_an_engine_with_them_say_that_there_is_no_memory,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test(users_plan_and_dispatch_say_that_there_is_no_memory),
        cmocka_unit_test_setup_teardown(
            a_store_says_that_there_is_no_memory_and_holds_nothing_by_halves, sandbox_setup,
            sandbox_teardown),
        cmocka_unit_test(sockets_say_that_there_is_no_memory),
        cmocka_unit_test(a_lease_says_that_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
