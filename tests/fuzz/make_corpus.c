// make_corpus.c - writes small real inputs for the targets whose formats are not text: `make_corpus FOLDER` fills
// FOLDER/<target>/ with what the product's own writers make. Texts (histories, JSON, YAML, keys) are kept by hand.
#include "common/base/mapped.h"
#include "common/catalogue/catalogue.h"
#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/catalogue_parts.h"
#include "common/catalogue/item_sections.h"
#include "common/input/npy.h"
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"
#include "common/prompt/prompt.h"
#include "common/sid/token_trie.h"
#include "common/store/delta.h"
#include "common/store/publish.h"
#include "common/store/schema.h"
#include "common/wire/message.h"
#include "tests/fuzz/decode.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/records.h"
#include "tests/support/policy_shelf.h"

#define NOW_MS 1700000000000u
#define GENERATION "gen-01HF7YAT00AAAAAAAAAAAAAAAA" // as in fuzz_store.c

static const char *root; // where the corpora go

static void need(nj_status status, const nj_error *err)
{
    if (status != NJ_OK) {
        fprintf(stderr, "make_corpus: %s\n", err != NULL ? err->text : nj_status_name(status));
        exit(EXIT_FAILURE);
    }
}

static void save(const char *target, const char *name, const nj_buffer *bytes)
{
    nj_path folder;
    nj_path path;
    nj_error err;
    need(nj_path_join(root, target, &folder, &err), &err);
    need(nj_folder_make(folder.text, &err), &err);
    need(nj_path_join(folder.text, name, &path, &err), &err);
    need(nj_file_write(path.text, bytes->bytes, bytes->size, &err), &err);
}

static void append(nj_buffer *out, const void *bytes, size_t size)
{
    need(nj_buffer_append(out, bytes, size), NULL);
}

static void append_part(nj_buffer *out, uint8_t kind, const void *bytes, size_t size)
{
    const uint8_t head[] = {kind, (uint8_t)size, (uint8_t)(size >> 8)};
    append(out, head, sizeof head);
    append(out, bytes, size);
}

static void append_number(nj_buffer *out, uint8_t kind, uint32_t number)
{
    append_part(out, kind, &number, sizeof number);
}

// A saved input of one byte and what follows.
static void save_behind(const char *target, const char *name, uint8_t first, const nj_buffer *bytes)
{
    nj_buffer file;
    nj_buffer_init(&file, 1u << 20);
    append(&file, &first, 1);
    append(&file, bytes->bytes, bytes->size);
    save(target, name, &file);
    nj_buffer_fini(&file);
}

// ---- codec ----

static void append_row(nj_buffer *out, uint32_t seed, size_t count)
{
    static const nj_history_digest HISTORY = {{1, 2, 3}};
    static const char *const IDS[] = {"0", "1", "2", "shoe-7", "007"};
    nj_slice items[NJ_ROW_ITEMS_MAX];
    float scores[NJ_ROW_ITEMS_MAX];
    for (size_t i = 0; i < count; i++) {
        items[i] = nj_slice_from(IDS[(seed + i) % 5]);
        scores[i] = -0.5f * (float)i;
    }
    need(nj_row_pack(out, seed & 7, items, scores, count, &HISTORY), NULL);
}

static void append_row_with_why(nj_buffer *out)
{
    static const nj_history_digest HISTORY = {{4, 5, 6}};
    const nj_slice items[] = {nj_slice_from("7"), nj_slice_from("shoe-7")};
    const float scores[] = {-0.5f, -1};
    const nj_why why[] = {{.source = NJ_SOURCE_BEAM, .raw = -0.5f},
                          {.source = NJ_SOURCE_COLD, .raw = 0.75f, .adjust = {-1.75f, 0, 0.25f}}};
    need(nj_row_pack_more(out, NJ_ROW_COLD_ITEMS, items, scores, 2, &HISTORY,
                          &(nj_row_more){.why = why}),
         NULL);
}

static void append_row_with_text(nj_buffer *out)
{
    static const nj_history_digest HISTORY = {{7, 8, 9}};
    need(nj_row_pack_more(out, 0, NULL, NULL, 0, &HISTORY,
                          &(nj_row_more){.text = nj_slice_from("4.5 for the caf\xc3\xa9")}),
         NULL);
}

static void append_row_with_reserve(nj_buffer *out)
{
    static const nj_history_digest HISTORY = {{9, 8, 7}};
    const nj_slice item = nj_slice_from("7");
    const float score = -0.5f;
    const nj_slice reserve[] = {nj_slice_from("60000"), nj_slice_from("shoe-7"),
                                nj_slice_from("2")};
    need(nj_row_pack_more(out, 0, &item, &score, 1, &HISTORY,
                          &(nj_row_more){.reserve = reserve, .reserve_count = 3}),
         NULL);
}

static void append_row_of_known(nj_buffer *out)
{
    static const nj_history_digest HISTORY = {{1, 2, 3}};
    const nj_slice items[] = {nj_slice_from("0"), nj_slice_from("7")};
    const float scores[] = {-1, -2};
    const nj_slice reserve[] = {nj_slice_from("3"), nj_slice_from("1")};
    need(nj_row_pack_more(out, 0, items, scores, 2, &HISTORY,
                          &(nj_row_more){.reserve = reserve, .reserve_count = 2}),
         NULL);
}

// Rows that the plan of fuzz_dispatch.c accepts: its items are "0" to "7". The second has a reserve.
static void append_rows(nj_buffer *out, size_t count)
{
    need(nj_rows_begin(out, count), NULL);
    for (size_t i = 0; i < count; i++) {
        nj_buffer row;
        nj_buffer_init(&row, NJ_ROW_BYTES_MAX);
        if (i == 1) {
            append_row_of_known(&row);
        } else {
            append_row(&row, 0, 2);
        }
        need(nj_rows_add(out, nj_buffer_slice(&row)), NULL);
        nj_buffer_fini(&row);
    }
}

static void append_users(nj_buffer *out)
{
    static const uint32_t ITEMS[] = {0, 3, 5};
    const nj_request requests[] = {
        {.user = nj_slice_from("7"), .items = ITEMS, .item_count = 3},
        {.user = nj_slice_from("u\xc3\xa9"), .unknown_count = 2},
        {.user = nj_slice_from("8"), .items = ITEMS, .item_count = 1, .mask = 1},
        {.user = nj_slice_from("9"), .mask = 2, .exclude = ITEMS, .exclude_count = 2},
        {.user = nj_slice_from("10"), .candidates = ITEMS, .candidate_count = 2},
        {.user = nj_slice_from("11"), .candidates = ITEMS, .text = nj_slice_from("caf\xc3\xa9")},
        {.user = nj_slice_from("12"), .text = nj_slice_from("")}};
    need(nj_users_pack(requests, sizeof requests / sizeof requests[0], out), NULL);
}

// The kinds of fuzz_codec.c, and how many rows there are.
static void save_codec(const char *name, uint8_t kind, uint8_t row_count, nj_buffer *bytes)
{
    const uint8_t head[] = {kind, row_count};
    nj_buffer file;
    nj_buffer_init(&file, 1u << 20);
    append(&file, head, sizeof head);
    append(&file, bytes->bytes, bytes->size);
    save("codec", name, &file);
    nj_buffer_fini(&file);
    nj_buffer_clear(bytes);
}

static void make_codec(void)
{
    enum { SETTINGS, USERS, ROW, ROWS };
    nj_settings settings = nj_settings_default();
    nj_buffer bytes;
    nj_buffer_init(&bytes, 1u << 20);
    need(nj_settings_pack(&settings, &bytes), NULL);
    save_codec("settings", SETTINGS, 0, &bytes);
    append_users(&bytes);
    save_codec("two-users", USERS, 8, &bytes);
    append_row(&bytes, 3, 4);
    save_codec("row-of-four", ROW, 0, &bytes);
    append_row(&bytes, 0, 0);
    save_codec("row-of-none", ROW, 0, &bytes);
    append_row_with_why(&bytes);
    save_codec("row-with-why", ROW, 0, &bytes);
    append_row_with_text(&bytes);
    save_codec("row-with-text", ROW, 0, &bytes);
    append_row_with_reserve(&bytes);
    save_codec("row-with-reserve", ROW, 0, &bytes);
    append_rows(&bytes, 2);
    save_codec("two-rows", ROWS, 2, &bytes);
    nj_buffer_fini(&bytes);
}

// ---- wire ----

static nj_message make_message(nj_message_kind kind)
{
    nj_message message;
    memset(&message, 0, sizeof message);
    message.kind = kind;
    return message;
}

static void append_message(nj_buffer *out, uint8_t part, const nj_message *message)
{
    nj_buffer bytes;
    nj_error err;
    nj_buffer_init(&bytes, 1u << 20);
    need(nj_message_pack(message, &bytes, &err), &err);
    append_part(out, part, bytes.bytes, bytes.size);
    nj_buffer_fini(&bytes);
}

static void save_message(nj_side sender, const nj_message *message)
{
    nj_buffer bytes;
    nj_error err;
    nj_buffer_init(&bytes, 1u << 20);
    need(nj_message_pack(message, &bytes, &err), &err);
    save_behind("message", nj_message_name(message->kind), sender == NJ_SIDE_WORKER ? 0 : 1,
                &bytes);
    nj_buffer_fini(&bytes);
}

static nj_message make_hello(void)
{
    nj_message message = make_message(NJ_MESSAGE_HELLO);
    message.hello = (nj_message_hello){.name = nj_slice_from("host:1"),
                                       .instance = {{9}},
                                       .version = nj_slice_from("1"),
                                       .classes = {nj_slice_from("exact")},
                                       .classes_count = 1,
                                       .cores = 2,
                                       .memory_bytes = 1u << 30};
    return message;
}

static nj_message make_welcome(nj_slice settings, uint64_t section_bytes)
{
    nj_message message = make_message(NJ_MESSAGE_WELCOME);
    message.welcome = (nj_message_welcome){
        .run_id = nj_slice_from("night"),
        .epoch = 3,
        .plan = {{4}},
        .numeric_class = nj_slice_from("exact"),
        .settings = settings,
        .heartbeat_ms = 100,
        .lease_ms = 1000,
        .sections = {{nj_slice_from("trie"), section_bytes, {{5}}}},
        .sections_count = 1,
    };
    return message;
}

static nj_message make_lease(nj_slice users)
{
    nj_message message = make_message(NJ_MESSAGE_LEASE);
    message.lease =
        (nj_message_lease){.shard = 0, .attempt = 1, .epoch = 3, .user_count = 2, .users = users};
    return message;
}

static nj_message make_result(uint32_t shard, nj_slice rows, uint32_t row_count)
{
    nj_message message = make_message(NJ_MESSAGE_RESULT);
    message.result = (nj_message_result){
        .shard = shard, .attempt = 1, .epoch = 3, .row_count = row_count, .rows = rows};
    message.result.digest = nj_digest_of(rows.bytes, rows.size);
    return message;
}

static nj_message make_chunk(nj_slice bytes)
{
    nj_message message = make_message(NJ_MESSAGE_CHUNK);
    message.chunk = (nj_message_chunk){.section = {{5}}, .offset = 0, .bytes = bytes};
    return message;
}

static nj_message make_failed(uint32_t shard, nj_status status)
{
    nj_message message = make_message(NJ_MESSAGE_FAILED);
    message.failed = (nj_message_failed){shard, 1, 3, (uint32_t)status, nj_slice_from("why")};
    return message;
}

static nj_message make_heartbeat(uint32_t shard)
{
    nj_message message = make_message(NJ_MESSAGE_HEARTBEAT);
    message.heartbeat =
        (nj_message_heartbeat){.users_done = 7, .leases = {{shard, 1}}, .leases_count = 1};
    return message;
}

static nj_message make_ready(uint32_t credit)
{
    nj_message message = make_message(NJ_MESSAGE_READY);
    message.ready.credit = credit;
    return message;
}

static nj_message make_ack(uint32_t shard)
{
    nj_message message = make_message(NJ_MESSAGE_ACK);
    message.ack = (nj_message_ack){shard, 1, NJ_VERDICT_COMMITTED};
    return message;
}

static nj_message make_refused(nj_status status)
{
    nj_message message = make_message(NJ_MESSAGE_REFUSED);
    message.refused = (nj_message_refused){(uint32_t)status, nj_slice_from("why")};
    return message;
}

static void make_messages(nj_slice settings, nj_slice users, nj_slice rows)
{
    nj_message bye = make_message(NJ_MESSAGE_BYE);
    nj_message fetch = make_message(NJ_MESSAGE_FETCH);
    nj_message pong = make_message(NJ_MESSAGE_PONG);
    nj_message drain = make_message(NJ_MESSAGE_DRAIN);
    bye.bye.reason = nj_slice_from("done");
    fetch.fetch = (nj_message_fetch){{{5}}, 0, 16};
    pong.pong.epoch = 3;
    drain.drain.reason = NJ_DRAIN_STOPPING;
    const nj_message from_worker[] = {
        make_hello(),      fetch, make_ready(2), make_result(0, rows, 2), make_failed(1, NJ_FAILED),
        make_heartbeat(0), bye};
    const nj_message from_coordinator[] = {make_welcome(settings, 20),
                                           make_chunk(users),
                                           make_lease(users),
                                           make_ack(0),
                                           make_refused(NJ_AGAIN),
                                           pong,
                                           drain};
    for (size_t i = 0; i < sizeof from_worker / sizeof from_worker[0]; i++) {
        save_message(NJ_SIDE_WORKER, &from_worker[i]);
    }
    for (size_t i = 0; i < sizeof from_coordinator / sizeof from_coordinator[0]; i++) {
        save_message(NJ_SIDE_COORDINATOR, &from_coordinator[i]);
    }
}

// A night of one worker that delivers, and one of two workers that fail, vanish and deliver late (kinds: fuzz_dispatch.c).
static void make_dispatch(nj_slice rows)
{
    enum { PLAIN, SIGNED, TICK, STORED, NOT_STORED, UNREACHABLE, DRAIN, SECOND_PEER = 16 };
    nj_buffer night;
    nj_message messages[] = {make_hello(),
                             make_ready(2),
                             make_result(0, rows, 2),
                             make_result(1, rows, 2),
                             make_failed(1, NJ_FAILED),
                             make_heartbeat(1)};
    nj_buffer_init(&night, 1u << 20);
    append_message(&night, PLAIN, &messages[0]);
    append_message(&night, PLAIN, &messages[1]);
    append_message(&night, SIGNED, &messages[2]);
    append_number(&night, STORED, 0);
    append_message(&night, SIGNED, &messages[3]);
    append_number(&night, NOT_STORED, 1);
    append_message(&night, SIGNED, &messages[3]);
    append_number(&night, DRAIN, 0);
    save("dispatch", "delivers", &night);
    nj_buffer_clear(&night);
    append_message(&night, PLAIN, &messages[0]);
    append_message(&night, PLAIN, &messages[1]);
    messages[0].hello.instance.bytes[0] = 1;
    append_message(&night, PLAIN | SECOND_PEER, &messages[0]);
    append_message(&night, PLAIN | SECOND_PEER, &messages[1]);
    append_message(&night, PLAIN, &messages[4]);
    append_number(&night, TICK, 20);
    append_message(&night, PLAIN, &messages[5]);
    append_number(&night, TICK, 250);
    append_number(&night, UNREACHABLE, 1);
    append_message(&night, SIGNED | SECOND_PEER, &messages[3]);
    append_number(&night, STORED, 1);
    append_message(&night, SIGNED, &messages[2]);
    append_message(&night, SIGNED | SECOND_PEER, &messages[2]);
    save("dispatch", "fails", &night);
    nj_buffer_fini(&night);
}

// A session that fetches, computes and drains (kinds: fuzz_session.c).
static void make_session(nj_slice settings, nj_slice users)
{
    enum { PLAIN, TICK, INSPECTED, VERIFIED, PREPARED, COMPUTED, FAILED, PROGRESS, DRAIN, STOP };
    const nj_message welcome = make_welcome(settings, 16);
    const nj_message chunk = make_chunk((nj_slice){"0123456789abcdef", 16});
    const nj_message lease = make_lease(users);
    const nj_message ack = make_ack(0);
    const nj_message refused = make_refused(NJ_AGAIN);
    nj_buffer night;
    nj_buffer_init(&night, 1u << 20);
    append_message(&night, PLAIN, &welcome);
    append_number(&night, INSPECTED, 1);
    append_message(&night, PLAIN, &chunk);
    append_number(&night, VERIFIED, 0);
    append_number(&night, PREPARED, 0);
    append_message(&night, PLAIN, &lease);
    append_number(&night, PROGRESS, 2);
    append_number(&night, TICK, 150);
    append_number(&night, COMPUTED, 2);
    append_message(&night, PLAIN, &ack);
    append_message(&night, PLAIN, &lease);
    append_number(&night, DRAIN, 0);
    append_number(&night, FAILED, 1);
    save("session", "delivers", &night);
    nj_buffer_clear(&night);
    append_message(&night, PLAIN, &refused);
    append_number(&night, TICK, 150);
    append_message(&night, PLAIN, &welcome);
    append_number(&night, INSPECTED, 0);
    append_number(&night, PREPARED, 0);
    append_message(&night, PLAIN, &lease);
    append_number(&night, TICK, 1200);
    append_number(&night, TICK, 150);
    append_message(&night, PLAIN, &welcome);
    append_number(&night, COMPUTED, 2);
    append_number(&night, STOP, 0);
    save("session", "reconnects", &night);
    nj_buffer_fini(&night);
}

static void make_wire(void)
{
    nj_settings settings = nj_settings_default();
    nj_buffer packed;
    nj_buffer users;
    nj_buffer rows;
    nj_buffer_init(&packed, 4096);
    nj_buffer_init(&users, 4096);
    nj_buffer_init(&rows, 4096);
    need(nj_settings_pack(&settings, &packed), NULL);
    append_users(&users);
    append_rows(&rows, 2);
    make_messages(nj_buffer_slice(&packed), nj_buffer_slice(&users), nj_buffer_slice(&rows));
    make_dispatch(nj_buffer_slice(&rows));
    make_session(nj_buffer_slice(&packed), nj_buffer_slice(&users));
    nj_buffer_fini(&packed);
    nj_buffer_fini(&users);
    nj_buffer_fini(&rows);
}

// ---- bundle and catalogue ----

static void save_file(const char *target, const char *name, const char *path)
{
    nj_mapped file;
    nj_error err;
    need(nj_mapped_open(path, &file, &err), &err);
    const nj_buffer bytes = {.bytes = (uint8_t *)(uintptr_t)file.bytes, .size = file.size};
    save(target, name, &bytes);
    nj_mapped_close(&file);
}

static void make_bundle(void)
{
    nj_synthetic *base = decode_make_base();
    nj_buffer file;
    nj_path path;
    nj_error err;
    need(nj_path_join(fuzz_folder_path(), "bundle", &path, &err), &err);
    need(nj_bundle_write(path.text, &base->sections, &err), &err);
    save_file("bundle", "tiny", path.text);
    nj_buffer_init(&file, 1u << 20);
    for (uint8_t i = 0; i < base->sections.count; i++) {
        const nj_section *section = &base->sections.sections[i];
        nj_buffer_clear(&file);
        append_part(&file, i, section->bytes, section->size);
        save("sections", section->name, &file);
    }
    nj_buffer_fini(&file);
    save_behind("trie", "tiny", DECODE_ITEMS, &base->trie);
    save("model", "tiny", &base->model);
}

// Strings of one to four tokens: two are equal, one is another's beginning, one row is retired.
static void make_token_trie(void)
{
    const uint32_t tokens[] = {7, 1, 2, /**/ 7, /**/ 3, 9, 9, 9, /**/ 7, 1, 2, /**/ 5, /**/ 7, 1};
    const uint64_t offset[] = {0, 3, 4, 8, 11, 12, 14};
    const uint8_t retired[] = {0, 0, 0, 0, 1, 0};
    const nj_token_strings strings = {tokens, offset, 6, 10, retired};
    nj_buffer bytes;
    nj_error err;
    nj_buffer_init(&bytes, 1u << 20);
    need(nj_token_trie_build(&strings, &bytes, &err), &err);
    save_behind("token_trie", "tiny", 6, &bytes);
    nj_buffer_fini(&bytes);
}

// ---- prompts, as fuzz_prompt.c takes them: sections as parts, three rows ----

#define PROMPT_TOKENIZER                                                                           \
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 97, \"t\": 116, \"u\": 117, \"1\": 49, "   \
    "\"?\": 63}, "                                                                                 \
    "\"merges\": [], \"unk_token\": \"?\"}, \"decoder\": {\"type\": \"Fuse\"}}"

static void save_prompt(const char *name, const nj_prompt *prompt)
{
    nj_buffer file;
    nj_buffer section;
    nj_error err;
    nj_buffer_init(&file, 1u << 20);
    nj_buffer_init(&section, 1u << 20);
    need(nj_prompt_pack(prompt, &section), NULL);
    append_part(&file, 0, section.bytes, section.size);
    if (prompt->form_count > 0) {
        nj_buffer_clear(&section);
        need(nj_prompt_pack_strings(prompt, &section), NULL);
        append_part(&file, 1, section.bytes, section.size);
    }
    if (prompt->answer == NJ_SAYS_ITEM) {
        const nj_token_strings strings = {prompt->tokens, prompt->offset, 3, 100, NULL};
        nj_buffer_clear(&section);
        need(nj_token_trie_build(&strings, &section, &err), &err);
        append_part(&file, 2, section.bytes, section.size);
    }
    append_part(&file, 3, PROMPT_TOKENIZER, strlen(PROMPT_TOKENIZER));
    save("prompt", name, &file);
    nj_buffer_fini(&file);
    nj_buffer_fini(&section);
}

static void make_prompts(void)
{
    static const uint32_t tokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const uint64_t offset[] = {0, 2, 3, 5, 6, 7, 9};
    static const uint32_t marked[] = {1 | NJ_PROMPT_WORD, 2, 3, NJ_PROMPT_VECTOR | 1, 5};
    static const uint64_t few[] = {0, 2, 4, 5};
    const nj_prompt plain = {
        .piece_count = 2,
        .pieces = {{.kind = NJ_PIECE_TOKENS, .tokens = tokens, .count = 3},
                   {.kind = NJ_PIECE_HISTORY, .tokens = tokens, .count = 1, .forms = {1, 0, 0, 1}}},
        .row_count = 3,
        .form_count = 2,
        .tokens = tokens,
        .offset = offset,
        .end = tokens,
        .end_count = 1,
        .needs_history = true,
        .tokens_max = 20,
        .answer = NJ_SAYS_ITEM,
        .length_penalty = 1};
    const nj_prompt free_text = {
        .piece_count = 3,
        .pieces = {{.kind = NJ_PIECE_USER, .left = nj_slice_from("a"), .skip = 1},
                   {.kind = NJ_PIECE_CANDIDATES},
                   {.kind = NJ_PIECE_TEXT, .right = nj_slice_from("t?")}},
        .row_count = 3,
        .form_count = 1,
        .tokens = marked,
        .offset = few,
        .counts_words = true,
        .has_vectors = true,
        .needs_user = true,
        .needs_text = true,
        .needs_candidates = true,
        .tokens_max = 40,
        .answer = NJ_SAYS_TEXT,
        .end_token = 9,
        .answer_tokens_max = 8};
    save_prompt("history", &plain);
    save_prompt("text", &free_text);
}

// ---- sections of items, as fuzz_item_sections.c takes them: kind, rows, bytes ----

#define SHELF_ROWS 3

static void save_shelf(const char *name, uint8_t kind, const nj_buffer *section)
{
    const uint8_t head[] = {kind, SHELF_ROWS};
    nj_buffer file;
    nj_buffer_init(&file, 1u << 20);
    append(&file, head, sizeof head);
    append(&file, section->bytes, section->size);
    save("item_sections", name, &file);
    nj_buffer_fini(&file);
}

static void list_words(const char *const *words, size_t count, nj_buffer *block, nj_idlist *out)
{
    nj_error err;
    nj_idlist_builder builder;
    nj_idlist_builder_init(&builder);
    for (size_t i = 0; i < count; i++) {
        need(nj_idlist_builder_add(&builder, nj_slice_from(words[i])), NULL);
    }
    need(nj_idlist_builder_write(&builder, block), NULL);
    need(nj_idlist_open(block->bytes, block->size, "words", out, &err), &err);
    nj_idlist_builder_fini(&builder);
}

static void make_attributes(nj_buffer *section, nj_buffer *block)
{
    static const char *const VALUES[] = {"film", "history"};
    static const uint32_t OF_ROW[SHELF_ROWS] = {1, NJ_ATTRIBUTE_NONE, 0};
    static const int32_t DAY_OF[SHELF_ROWS] = {19844, NJ_DAY_NONE, -1};
    nj_error err;
    nj_idlist values;
    list_words(VALUES, 2, block, &values);
    const nj_attribute columns[] = {
        {.name = nj_slice_from("shelf"), .values = values, .of_row = OF_ROW},
        {.name = nj_slice_from("added"), .kind = NJ_ATTRIBUTE_DAYS, .day_of = DAY_OF}};
    need(nj_attributes_write(columns, 2, SHELF_ROWS, section, &err), &err);
}

static void make_vectors(nj_vector_form form, nj_buffer *section, nj_buffer *block)
{
    static const char *const IDS[SHELF_ROWS] = {"a", "b", "c"};
    static const float ROWS[SHELF_ROWS * 2] = {3, 4, 0, 0, -1, 2};
    nj_error err;
    nj_npy npy;
    nj_path path;
    nj_idlist items;
    list_words(IDS, SHELF_ROWS, block, &items);
    need(nj_path_join(fuzz_folder_path(), "shelf.npy", &path, &err), &err);
    need(nj_npy_write(path.text, NJ_NPY_F32, (const size_t[]){SHELF_ROWS, 2}, 2, ROWS, &err), &err);
    need(nj_npy_open(path.text, &npy, &err), &err);
    need(nj_item_vectors_write(&npy, &items, NULL, form, section, &err), &err);
    nj_npy_close(&npy);
}

static void make_neighbours(nj_buffer *section)
{
    static const uint64_t OFFSET[SHELF_ROWS + 1] = {0, 2, 2, 3};
    static const uint32_t ROWS[] = {2, 1, 0};
    static const float WEIGHTS[] = {2, 0.5f, 1};
    nj_error err;
    const nj_neighbour_table table = {.row_count = SHELF_ROWS,
                                      .edge_count = 3,
                                      .offset = OFFSET,
                                      .rows = ROWS,
                                      .weights = WEIGHTS};
    need(nj_neighbour_table_write(&table, section, &err), &err);
}

static void make_item_sections(void)
{
    nj_buffer section;
    nj_buffer block;
    nj_buffer_init(&section, 1u << 16);
    nj_buffer_init(&block, 1u << 16);
    make_attributes(&section, &block);
    save_shelf("attributes", 0, &section);
    static const char *const NAMES[] = {"vectors-f32", "vectors-f16", "collaborative"};
    for (nj_vector_form form = NJ_VECTORS_F32; form <= NJ_VECTORS_GIVEN; form++) {
        nj_buffer_clear(&section);
        nj_buffer_clear(&block);
        make_vectors(form, &section, &block);
        save_shelf(NAMES[form], form == NJ_VECTORS_GIVEN ? 3 : 1, &section);
    }
    nj_buffer_clear(&section);
    make_neighbours(&section);
    save_shelf("neighbours", 2, &section);
    nj_buffer_fini(&section);
    nj_buffer_fini(&block);
}

static void append_file(nj_buffer *out, uint8_t kind, const char *folder, const char *name)
{
    nj_path path;
    nj_mapped file;
    nj_error err;
    need(nj_path_join(folder, name, &path, &err), &err);
    need(nj_mapped_open(path.text, &file, &err), &err);
    append_part(out, kind, file.bytes, file.size);
    nj_mapped_close(&file);
}

static void make_catalogue(void)
{
    static const uint16_t CODES[] = {0, 1, 2, 0, 1, 1};
    static const char *const FILES[] = {NJ_CATALOGUE_JSON, NJ_CATALOGUE_ITEMS, NJ_CATALOGUE_SIDS,
                                        NJ_CATALOGUE_CODEBOOKS};
    nj_catalogue *catalogue = NULL;
    nj_buffer folder;
    nj_path path;
    nj_error err;
    need(nj_catalogue_begin(3, 2, "codes", &catalogue, &err), &err);
    memcpy(catalogue->codes, CODES, sizeof CODES);
    catalogue->sids.codes_per_level[0] = catalogue->sids.codes_per_level[1] = 3;
    catalogue->token_base = 2;
    catalogue->codebooks = (nj_codebooks){.K = {3, 3}, .level_count = 2, .D = 2};
    need(nj_codebooks_allocate(&catalogue->codebooks, &catalogue->codebook_values, &err), &err);
    memset(catalogue->codebook_values, 0, 2 * 3 * 2 * sizeof(float));
    need(nj_catalogue_name_items(catalogue, NULL, &err), &err);
    need(nj_catalogue_finish(catalogue, "codes", &err), &err);
    need(nj_path_join(fuzz_folder_path(), "catalogue", &path, &err), &err);
    need(nj_catalogue_write(path.text, catalogue, false, &err), &err);
    nj_catalogue_free(&catalogue);
    nj_buffer_init(&folder, 1u << 20);
    for (uint8_t i = 0; i < 4; i++) {
        append_file(&folder, i, path.text, FILES[i]);
    }
    save("catalogue", "tiny", &folder);
    nj_buffer_fini(&folder);
}

// ---- store ----

// Of the blob that a RESULT would have brought, as the coordinator checks it.
static nj_digest digest_rows(const nj_buffer *values, uint32_t count)
{
    nj_buffer blob;
    nj_buffer_init(&blob, 1u << 20);
    need(nj_rows_begin(&blob, count), NULL);
    for (uint32_t i = 0; i < count; i++) {
        need(nj_rows_add(&blob, nj_buffer_slice(&values[i])), NULL);
    }
    nj_digest digest = nj_digest_of(blob.bytes, blob.size);
    nj_buffer_fini(&blob);
    return digest;
}

// Users 0 .. count-1, the last fifth with text ids, so that they stand in key order; the last one has a list of 600 items, which takes a page of its own.
static void stage_rows(nj_staging *staging, uint32_t count)
{
    nj_error err;
    nj_commit_outcome outcome;
    nj_store_row *rows = calloc(count, sizeof *rows);
    nj_buffer *values = calloc(count, sizeof *values);
    char(*users)[16] = calloc(count, sizeof *users);
    if (rows == NULL || values == NULL || users == NULL) {
        exit(EXIT_FAILURE);
    }
    for (uint32_t i = 0; i < count; i++) {
        snprintf(users[i], sizeof users[i], i >= count - count / 5 ? "u%02u" : "%u", i);
        nj_buffer_init(&values[i], NJ_ROW_BYTES_MAX);
        append_row(&values[i], i, i + 1 < count ? 20 : 600);
        rows[i] = (nj_store_row){nj_slice_from(users[i]), nj_buffer_slice(&values[i])};
    }
    nj_shard_commit commit = {.rows = rows};
    commit.record = (nj_ledger_record){
        .state = NJ_STORED_COMMITTED, .attempt = 1, .rows = count, .finished_ms = NOW_MS};
    commit.record.digest = digest_rows(values, count);
    need(nj_staging_commit(staging, &commit, 1, &outcome, &err), &err);
    for (uint32_t i = 0; i < count; i++) {
        nj_buffer_fini(&values[i]);
    }
    free(rows);
    free(values);
    free(users);
}

// Names are random; the input's is not. data.mdb holds it in __meta__.
static void rename_inside(nj_buffer *bytes, const char *name)
{
    uint8_t *at = bytes->bytes;
    size_t left = bytes->size;
    while ((at = memmem(at, left, name, NJ_STORE_NAME_CHARS)) != NULL) {
        memcpy(at, GENERATION, NJ_STORE_NAME_CHARS);
        at += NJ_STORE_NAME_CHARS;
        left = bytes->size - (size_t)(at - bytes->bytes);
    }
}

static void read_renamed(const char *store, const nj_store_name *name, const char *file,
                         nj_buffer *out)
{
    nj_path path;
    nj_mapped mapped;
    nj_error err;
    nj_buffer_init(out, 1u << 20);
    need(nj_store_path(store, name, file, &path, &err), &err);
    need(nj_mapped_open(path.text, &mapped, &err), &err);
    append(out, mapped.bytes, mapped.size);
    nj_mapped_close(&mapped);
    rename_inside(out, name->text);
}

static void save_generation(const char *store, const nj_store_name *name,
                            nj_store_manifest *manifest, const char *input)
{
    nj_buffer data;
    nj_buffer text;
    nj_buffer file;
    nj_path path;
    nj_error err;
    read_renamed(store, name, NJ_STORE_WORDS.DATA, &data);
    memcpy(manifest->facts.generation, GENERATION, NJ_STORE_NAME_CHARS);
    manifest->head_digest = nj_digest_of(data.bytes, NJ_STORE_HEAD_BYTES);
    manifest->data_digest = nj_digest_of(data.bytes, data.size);
    need(nj_store_path(store, name, NJ_STORE_WORDS.MANIFEST, &path, &err), &err);
    need(nj_store_manifest_write(path.text, manifest, &err), &err);
    read_renamed(store, name, NJ_STORE_WORDS.MANIFEST, &text);
    nj_buffer_init(&file, 1u << 20);
    append_part(&file, 0, GENERATION "\n", NJ_STORE_NAME_CHARS + 1);
    append_part(&file, 1, text.bytes, text.size);
    append_part(&file, 2, data.bytes, data.size);
    save("store", input, &file);
    nj_buffer_fini(&data);
    nj_buffer_fini(&text);
    nj_buffer_fini(&file);
}

static void save_record(const nj_store_facts *facts)
{
    nj_buffer bytes;
    nj_error err;
    nj_buffer_init(&bytes, 65536);
    need(nj_store_facts_pack(facts, &bytes, &err), &err);
    save_behind("record", "facts", 0, &bytes);
    nj_buffer_clear(&bytes);
    const nj_ledger_record ledger = {.shard = 3, .state = NJ_STORED_COMMITTED, .worker = "w"};
    need(nj_record_pack(&LEDGER, &ledger, &bytes, &err), &err);
    save_behind("record", "ledger", 1, &bytes);
    nj_buffer_clear(&bytes);
    const nj_staging_facts staging = {.shard_count = 3, .settings = "beam=20"};
    need(nj_record_pack(&STAGING, &staging, &bytes, &err), &err);
    save_behind("record", "staging", 2, &bytes);
    nj_buffer_fini(&bytes);
}

static void make_store(const char *input, uint32_t count)
{
    nj_staging *staging = NULL;
    nj_store_name name;
    nj_store_manifest manifest;
    nj_path store;
    nj_error err;
    const nj_staging_facts facts = {
        .created_ms = NOW_MS, .shard_count = 1, .user_count = count, .settings = "beam=20"};
    need(nj_path_join(fuzz_folder_path(), input, &store, &err), &err);
    need(nj_staging_create(store.text, &facts, NULL, &staging, &err), &err);
    need(nj_staging_class_set(staging, "exact", &err), &err);
    stage_rows(staging, count);
    need(nj_store_pack(staging, count, NULL, NOW_MS, &name, &manifest, &err), &err);
    save_generation(store.text, &name, &manifest, input);
    save_record(&manifest.facts);
    need(nj_staging_remove_take(&staging, &err), &err);
}

// ---- delta ----

static nj_store_name pack_night(const char *store, uint32_t count)
{
    nj_staging *staging = NULL;
    nj_store_name name;
    nj_error err;
    const nj_staging_facts facts = {
        .created_ms = NOW_MS, .shard_count = 1, .user_count = count, .settings = "beam=20"};
    need(nj_staging_create(store, &facts, NULL, &staging, &err), &err);
    need(nj_staging_class_set(staging, "exact", &err), &err);
    stage_rows(staging, count);
    need(nj_store_pack(staging, count, NULL, NOW_MS, &name, NULL, &err), &err);
    need(nj_staging_remove_take(&staging, &err), &err);
    return name;
}

static void append_delta(nj_buffer *out, const char *store, const nj_store_name *base,
                         const nj_store_name *result)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_delta_head head;
    nj_delta_tally tally;
    nj_error err;
    const nj_delta_watch nobody = {0};
    FILE *stream = open_memstream(&bytes, &size);
    if (stream == NULL) {
        exit(EXIT_FAILURE);
    }
    need(nj_delta_write(store, base, result, base != NULL ? 2 : 1, &nobody, stream, &head, &tally,
                        &err),
         &err);
    fclose(stream);
    append(out, bytes, size);
    free(bytes);
}

// Names and the store's id are random, so these differ from run to run.
static void make_deltas(void)
{
    nj_path store;
    nj_buffer file;
    nj_error err;
    need(nj_path_join(fuzz_folder_path(), "deltas", &store, &err), &err);
    const nj_store_name first = pack_night(store.text, 4);
    const nj_store_name second = pack_night(store.text, 3);
    nj_buffer_init(&file, 1u << 20);
    append_delta(&file, store.text, NULL, &first);
    save("delta", "whole", &file);
    append_delta(&file, store.text, &first, &second);
    save("delta", "whole-and-step", &file);
    nj_buffer_clear(&file);
    append_delta(&file, store.text, &second, &first);
    save("delta", "step", &file);
    nj_buffer_fini(&file);
}

// ---- policy ----

static void make_policies(void)
{
    static const char *const TEXTS[][2] = {{"section", SHELF_POLICY},
                                           {"section-off", "version: 1\n"}};
    policy_shelf shelf;
    nj_error err;
    shelf_open(&shelf);
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        nj_policy policy;
        nj_buffer bytes;
        const char *text = TEXTS[i][1];
        nj_buffer_init(&bytes, NJ_POLICY_BYTES_MAX);
        need(nj_policy_parse(text, strlen(text), "policy.yaml", NULL, 0, &shelf.names, &policy,
                             &err),
             &err);
        need(nj_policy_pack(&policy, &shelf.names, &bytes, &err), &err);
        save_behind("policy", TEXTS[i][0], 0, &bytes);
        nj_buffer_fini(&bytes);
    }
    shelf_close(&shelf);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_corpus FOLDER\n");
        return EXIT_FAILURE;
    }
    root = argv[1];
    make_codec();
    make_wire();
    make_bundle();
    make_token_trie();
    make_prompts();
    make_item_sections();
    make_catalogue();
    make_store("one-leaf", 6);
    make_store("branch", 40);
    make_deltas();
    make_policies();
    return EXIT_SUCCESS;
}
