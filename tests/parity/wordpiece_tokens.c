// wordpiece_tokens.c - tokens of texts on standard input, for embed_transformers.py to compare.
//
//   wordpiece_tokens MODEL-DIR TOKENS-MAX     each text ends in a NUL; a line of ids for each, or "refused"
#include <stdio.h>
#include <stdlib.h>

#include "common/text/wordpiece.h"

static void print_tokens(nj_wordpiece *tokenizer, nj_slice text, size_t tokens_max, nj_buffer *out)
{
    nj_error err = {0};
    nj_buffer_clear(out);
    if (nj_wordpiece_encode(tokenizer, text, tokens_max, out, NULL, &err) != NJ_OK) {
        printf("refused\n");
        return;
    }
    const uint32_t *tokens = (const uint32_t *)(const void *)out->bytes;
    for (size_t i = 0; i < out->size / sizeof *tokens; i++) {
        printf("%s%u", i > 0 ? " " : "", tokens[i]);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    nj_error err = {0};
    nj_wordpiece *tokenizer = NULL;
    nj_buffer tokens;
    char *text = NULL;
    size_t room = 0;
    ssize_t size;
    if (argc != 3 || nj_wordpiece_open(argv[1], &tokenizer, &err) != NJ_OK) {
        fprintf(stderr, "wordpiece_tokens MODEL-DIR TOKENS-MAX: %s\n", err.text);
        return 1;
    }
    nj_buffer_init(&tokens, SIZE_MAX / 2);
    while ((size = getdelim(&text, &room, '\0', stdin)) > 0) {
        print_tokens(tokenizer, (nj_slice){text, (size_t)size - 1}, strtoul(argv[2], NULL, 10),
                     &tokens);
    }
    free(text);
    nj_buffer_fini(&tokens);
    nj_wordpiece_close(&tokenizer);
    return 0;
}
