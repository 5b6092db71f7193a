// test_prompt.c - prompts small enough to read: which tokens a user gets, and what fits.
#include "common/prompt/prompt.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/section_names.h"
#include "tests/support/nj_test.h"

#define W NJ_PROMPT_WORD
#define ROWS 3u

// Bytes as tokens, so that texts can be read: "a" is token 97.
#define BYTES_JSON                                                                                 \
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 97, \"b\": 98, \"u\": 117, \"x\": 120, "   \
    "\"_\": 95, \"\xe2\x96\x81\": 32}, \"merges\": []}, \"pre_tokenizer\": {\"type\": "            \
    "\"Metaspace\", \"replacement\": \"\xe2\x96\x81\", \"prepend_scheme\": \"first\"}}"

static const uint32_t asks[] = {1 | W, 2};               // in front
static const uint32_t nothing[] = {7};                   // where there is no history
static const uint32_t end_tokens[] = {9};                // behind
static const uint64_t offsets[] = {0, 2, 3, 6, 7, 8, 9}; // two forms of three rows
static const uint32_t item_tokens[] = {10 | W, 11,     12 | W, 13 | W, 14,
                                       15 | W, 20 | W, 21 | W, 22 | W};

typedef struct {
    nj_buffer prompt_bytes;
    nj_buffer string_bytes;
    nj_sections sections;
    nj_prompt prompt;
} world;

// asks | history: form 1 for the last item, 0 before it | end
static nj_prompt make_plain(void)
{
    return (nj_prompt){
        .piece_count = 2,
        .pieces =
            {{.kind = NJ_PIECE_TOKENS, .tokens = asks, .count = 2},
             {.kind = NJ_PIECE_HISTORY, .tokens = nothing, .count = 1, .forms = {1, 0, 0, 1}}},
        .row_count = ROWS,
        .form_count = 2,
        .tokens = item_tokens,
        .offset = offsets,
        .end = end_tokens,
        .end_count = 1,
        .counts_words = true,
        .needs_history = true,
        .tokens_max = 100,
        .answer = NJ_SAYS_SID,
    };
}

static nj_status open_world(world *w, const nj_prompt *made, uint32_t V, nj_error *err)
{
    static uint8_t aligned[2][4096] __attribute__((aligned(64)));
    *w = (world){0};
    nj_buffer_init(&w->prompt_bytes, 1u << 20);
    nj_buffer_init(&w->string_bytes, 1u << 20);
    assert_int_equal(nj_prompt_pack(made, &w->prompt_bytes), NJ_OK);
    memcpy(aligned[0], w->prompt_bytes.bytes, w->prompt_bytes.size);
    nj_sections_put(&w->sections, NJ_SECTION_PROMPT, aligned[0], w->prompt_bytes.size);
    if (made->form_count > 0) {
        assert_int_equal(nj_prompt_pack_strings(made, &w->string_bytes), NJ_OK);
        memcpy(aligned[1], w->string_bytes.bytes, w->string_bytes.size);
        nj_sections_put(&w->sections, NJ_SECTION_STRINGS, aligned[1], w->string_bytes.size);
    }
    if (made->needs_user || made->needs_text) {
        nj_sections_put(&w->sections, NJ_SECTION_TOKENIZER, BYTES_JSON, strlen(BYTES_JSON));
    }
    return nj_prompt_open(&w->sections, ROWS, V, &w->prompt, err);
}

static void close_world(world *w)
{
    nj_prompt_close(&w->prompt);
    nj_buffer_fini(&w->prompt_bytes);
    nj_buffer_fini(&w->string_bytes);
}

// What is written, as "token/word ..." ; or the error.
static const char *write_text(const nj_prompt *prompt, const nj_request *request,
                              uint32_t items_max, uint32_t words_max)
{
    static char text[1024];
    uint32_t tokens[100];
    uint32_t words[100];
    nj_prompt_written written = {0};
    nj_error err = {0};
    nj_buffer scratch;
    nj_buffer_init(&scratch, 1u << 20);
    size_t size = 0;
    if (nj_prompt_write(prompt, request, items_max, words_max, &scratch, tokens, words, &written,
                        &err) != NJ_OK) {
        (void)snprintf(text, sizeof text, "%s", err.text);
    } else {
        size += (size_t)snprintf(text, sizeof text, "%u items:", written.items);
        for (uint32_t i = 0; i < written.count; i++) {
            size +=
                (size_t)snprintf(text + size, sizeof text - size, " %u/%u", tokens[i], words[i]);
        }
    }
    nj_buffer_fini(&scratch);
    return text;
}

static void items_stand_in_the_form_of_their_place(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    const nj_prompt made = make_plain();
    const uint32_t rows[] = {0, 2, 1};
    const nj_request request = {.user = nj_slice_from("u"), .items = rows, .item_count = 3};
    assert_ok(open_world(&w, &made, 100, &err), &err);

    assert_string_equal(write_text(&w.prompt, &request, 10, 0),
                        "3 items: 1/1 2/1 10/2 11/2 13/3 14/3 15/4 21/5 9/0");
    assert_string_equal(write_text(&w.prompt, &request, 1, 0), "1 items: 1/1 2/1 21/2 9/0");

    close_world(&w);
}

static void a_history_without_items_has_its_own_tokens(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    const nj_prompt made = make_plain();
    const nj_request request = {.user = nj_slice_from("u")};
    assert_ok(open_world(&w, &made, 100, &err), &err);

    assert_string_equal(write_text(&w.prompt, &request, 10, 0), "0 items: 1/1 2/1 7/1 9/0");

    close_world(&w);
}

static void older_items_are_left_out_until_tokens_and_words_fit(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    nj_prompt made = make_plain();
    const uint32_t rows[] = {0, 2, 1};
    const nj_request request = {.user = nj_slice_from("u"), .items = rows, .item_count = 3};
    made.tokens_max = 8; // all three have 9
    assert_ok(open_world(&w, &made, 100, &err), &err);

    assert_string_equal(write_text(&w.prompt, &request, 10, 0),
                        "2 items: 1/1 2/1 13/2 14/2 15/3 21/4 9/0");
    assert_string_equal(write_text(&w.prompt, &request, 10, 5),
                        "2 items: 1/1 2/1 13/2 14/2 15/3 21/4 9/0");
    assert_string_equal(write_text(&w.prompt, &request, 10, 4), "1 items: 1/1 2/1 21/2 9/0");
    assert_string_equal(
        write_text(&w.prompt, &request, 10, 2),
        "user \"u\": his prompt has at least 2 words, the model reads 1: shorten his text, "
        "his candidates or his id");
    w.prompt.tokens_max = 3;
    assert_string_equal(
        write_text(&w.prompt, &request, 10, 0),
        "user \"u\": his prompt has at least 4 tokens, the model reads 3: shorten his text, "
        "his candidates or his id");

    close_world(&w);
}

static void texts_of_a_user_are_tokenized_with_what_touches_them(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    nj_prompt made = make_plain();
    made.pieces[1] = (nj_prompt_piece){.kind = NJ_PIECE_USER,
                                       .left = nj_slice_from("x u_"), // "x" is there to be seen
                                       .skip = 2};
    made.pieces[2] = (nj_prompt_piece){
        .kind = NJ_PIECE_TEXT, .left = nj_slice_from("x "), .right = nj_slice_from("_"), .skip = 2};
    made.piece_count = 3;
    made.form_count = 0;
    made.needs_history = false;
    made.needs_user = made.needs_text = true;
    const nj_request request = {.user = nj_slice_from("ab"), .text = nj_slice_from("b a")};
    assert_ok(open_world(&w, &made, 200, &err), &err);

    assert_string_equal(write_text(&w.prompt, &request, 10, 0),
                        "0 items: 1/1 2/1 32/2 117/2 95/2 97/2 98/2 32/3 98/3 32/4 97/4 95/4 9/0");
    assert_string_equal(write_text(&w.prompt, &(nj_request){.user = nj_slice_from("ab")}, 10, 0),
                        "user \"ab\": has no \"text\", for which the prompt has a place");
    assert_string_equal(
        write_text(&w.prompt,
                   &(nj_request){.user = nj_slice_from("ab"), .text = nj_slice_from("\xff")}, 10,
                   0),
        "user \"ab\": a text of 4 bytes is no UTF-8: convert it");

    close_world(&w);
}

static void an_empty_text_leaves_what_stands_around_it(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    nj_prompt made = make_plain();
    const nj_request request = {.user = nj_slice_from("u"), .text = nj_slice_from("")};
    made.pieces[1] = (nj_prompt_piece){.kind = NJ_PIECE_TEXT};
    made.piece_count = 2;
    made.form_count = 0;
    made.needs_history = false;
    made.needs_text = true;
    assert_ok(open_world(&w, &made, 200, &err), &err);

    assert_string_equal(write_text(&w.prompt, &request, 10, 0), "0 items: 1/1 2/1 9/0");
    w.prompt.piece_count = 0;
    w.prompt.end_count = 0;
    assert_string_equal(
        write_text(&w.prompt, &request, 10, 0),
        "user \"u\": his prompt has no tokens: his text is empty, and nothing stands "
        "around it");

    close_world(&w);
}

static void candidates_stand_in_the_order_given_and_must_be_there(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    nj_prompt made = make_plain();
    made.pieces[1].kind = NJ_PIECE_CANDIDATES;
    made.needs_history = false;
    made.needs_candidates = true;
    const uint32_t rows[] = {2, 1};
    nj_request request = {.user = nj_slice_from("u"), .candidates = rows, .candidate_count = 2};
    assert_ok(open_world(&w, &made, 100, &err), &err);

    assert_string_equal(write_text(&w.prompt, &request, 10, 0),
                        "0 items: 1/1 2/1 13/2 14/2 15/3 21/4 9/0");
    request.candidate_count = 0;
    assert_string_equal(
        write_text(&w.prompt, &request, 10, 0),
        "user \"u\": has no \"candidates\" of the catalogue, for which the prompt has a place");

    close_world(&w);
}

static void the_beginning_is_shared_only_where_no_words_are_counted(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    static const uint32_t plain[] = {1, 2};
    static const uint32_t vectors[] = {10, 11, 12, 13, 14, NJ_PROMPT_VECTOR | 2, 20, 21, 22};
    nj_prompt made = make_plain();
    uint32_t count = 0;
    assert_ok(open_world(&w, &made, 100, &err), &err);

    (void)nj_prompt_beginning(&w.prompt, &count);
    assert_int_equal(count, 0);
    close_world(&w);

    made.counts_words = false;
    made.has_vectors = true;
    made.pieces[0].tokens = plain;
    made.tokens = vectors;
    assert_ok(open_world(&w, &made, 100, &err), &err);
    assert_int_equal(nj_prompt_beginning(&w.prompt, &count)[1], 2);
    assert_int_equal(count, 2);
    const uint32_t rows[] = {2, 1};
    assert_string_equal(
        write_text(&w.prompt,
                   &(nj_request){.user = nj_slice_from("u"), .items = rows, .item_count = 2}, 10,
                   0),
        "2 items: 1/0 2/0 13/0 14/0 2147483650/0 21/0 9/0");
    close_world(&w);
}

// ---- outside bytes ----

static void expect_refused(const nj_prompt *made, uint32_t V, nj_status status, const char *part)
{
    world w;
    nj_error err = {0};
    assert_refused(open_world(&w, made, V, &err), status, &err, part);
    close_world(&w);
}

static void what_contradicts_itself_or_the_model_is_refused(void **state)
{
    (void)state;
    nj_prompt made = make_plain();
    expect_refused(&made, 15, NJ_CONFIG, "token 5 is 15, the model's vocabulary has 15");
    made.tokens_max = 0;
    expect_refused(&made, 100, NJ_INPUT, "tokens of a prompt is 0, must be 1 to 65536");
    made = make_plain();
    made.needs_text = true;
    expect_refused(&made, 100, NJ_INPUT, "its head needs 0x9, its pieces 0x1");
    made = make_plain();
    made.pieces[1].forms[2] = 2;
    expect_refused(&made, 100, NJ_INPUT, "piece 1 wants form 2 of items, there are 2");
    made = make_plain();
    made.counts_words = false;
    expect_refused(&made, 100, NJ_INPUT, "token 0 begins a word, and none are counted");
    made = make_plain();
    made.answer = NJ_SAYS_ITEM;
    expect_refused(&made, 100, NJ_INPUT, "no section \"answers\"");
    made = make_plain();
    made.end_token = 100;
    expect_refused(&made, 100, NJ_CONFIG, "an answer ends with token 100");
    made = make_plain();
    made.piece_count = 3;
    made.pieces[2] = made.pieces[1];
    expect_refused(&made, 100, NJ_INPUT, "2 histories");
}

// Every byte cut off the end, and every byte flipped: refused, or safe to write with.
static void bytes_that_were_changed_are_refused_or_safe(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    const nj_prompt made = make_plain();
    const uint32_t rows[] = {0, 1, 2};
    const nj_request request = {.user = nj_slice_from("u"), .items = rows, .item_count = 3};
    assert_ok(open_world(&w, &made, 100, &err), &err);
    nj_sections *sections = &w.sections;
    for (size_t s = 0; s < sections->count; s++) {
        uint8_t *bytes = (uint8_t *)(uintptr_t)sections->sections[s].bytes;
        const size_t size = sections->sections[s].size;
        nj_prompt opened = {0};
        for (size_t cut = 1; cut < size; cut++) {
            sections->sections[s].size = size - cut;
            assert_int_equal(nj_prompt_open(sections, ROWS, 100, &opened, &err), NJ_INPUT);
        }
        sections->sections[s].size = size;
        for (size_t i = 0; i < size * 8; i++) {
            bytes[i / 8] ^= (uint8_t)(1u << i % 8);
            if (nj_prompt_open(sections, ROWS, 100, &opened, &err) == NJ_OK) {
                opened.tokens_max = opened.tokens_max < 100 ? opened.tokens_max : 100;
                (void)write_text(&opened, &request, 10, 0);
                nj_prompt_close(&opened);
            }
            bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        }
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stand_in_the_form_of_their_place),
        cmocka_unit_test(a_history_without_items_has_its_own_tokens),
        cmocka_unit_test(older_items_are_left_out_until_tokens_and_words_fit),
        cmocka_unit_test(texts_of_a_user_are_tokenized_with_what_touches_them),
        cmocka_unit_test(an_empty_text_leaves_what_stands_around_it),
        cmocka_unit_test(candidates_stand_in_the_order_given_and_must_be_there),
        cmocka_unit_test(the_beginning_is_shared_only_where_no_words_are_counted),
        cmocka_unit_test(what_contradicts_itself_or_the_model_is_refused),
        cmocka_unit_test(bytes_that_were_changed_are_refused_or_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
