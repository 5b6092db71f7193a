// fuzz_prompt.c - the sections "prompt" (kind 0), "strings" (1), "answers" (2) and "tokenizer" (3) of a bundle, any bytes; and then a user's
// prompt.
#include "common/catalogue/section_names.h"
#include "common/prompt/prompt.h"
#include "tests/fuzz/fuzz.h"

#define ROWS 3u
#define VOCABULARY 200u
#define WORDS 50u

static void write_prompt(const nj_prompt *prompt)
{
    static const uint32_t rows[] = {2, 0, 1};
    const nj_request request = {.user = {"u1", 2},
                                .items = rows,
                                .item_count = ROWS,
                                .candidates = rows,
                                .candidate_count = ROWS,
                                .text = {"a text", 6}};
    nj_prompt_written written = {0};
    nj_error err;
    nj_buffer scratch;
    nj_buffer_init(&scratch, 1u << 24);
    uint32_t *tokens = malloc(2 * (size_t)prompt->tokens_max * sizeof *tokens);
    uint32_t *words = tokens + prompt->tokens_max;
    fuzz_check(tokens != NULL, "memory");
    if (nj_prompt_write(prompt, &request, ROWS, WORDS, &scratch, tokens, words, &written, &err) ==
        NJ_OK) {
        fuzz_check(written.count <= prompt->tokens_max, "a prompt keeps to its tokens");
        for (uint32_t i = 0; i < written.count; i++) {
            const bool is_vector = (tokens[i] & NJ_PROMPT_VECTOR) != 0;
            fuzz_check(is_vector ? (tokens[i] & ~NJ_PROMPT_VECTOR) < ROWS : tokens[i] < VOCABULARY,
                       "tokens are the model's, vectors the catalogue's");
            fuzz_check(words[i] < WORDS, "words are below their number");
        }
    }
    free(tokens);
    nj_buffer_fini(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {NJ_SECTION_PROMPT, NJ_SECTION_STRINGS, NJ_SECTION_ANSWERS,
                                        NJ_SECTION_TOKENIZER};
    enum { NAMES = sizeof names / sizeof names[0] };
    nj_sections sections = {0};
    void *copies[NAMES] = {NULL};
    fuzz_parts parts = {data, size};
    fuzz_part part;
    nj_prompt prompt = {0};
    nj_error err;
    while (fuzz_next_part(&parts, &part)) {
        const size_t place = part.kind % NAMES;
        free(copies[place]);
        copies[place] = fuzz_copy_aligned(part.bytes, part.size);
        nj_sections_put(&sections, names[place], copies[place], part.size);
    }
    if (nj_prompt_open(&sections, ROWS, VOCABULARY, &prompt, &err) == NJ_OK) {
        write_prompt(&prompt);
        nj_prompt_close(&prompt);
    }
    for (size_t i = 0; i < NAMES; i++) {
        free(copies[i]);
    }
    return 0;
}
