#include "common/cli/suggest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LETTERS_AN_EDIT 3
#define PREFIX_LETTERS 3

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_same(char a, char b)
{
    return a == b || (a == '_' && b == '-') || (a == '-' && b == '_');
}

size_t nj_word_edits(const char *a, const char *b)
{
    const size_t A = strlen(a);
    const size_t B = strlen(b);
    size_t edits[NJ_SUGGEST_BYTES_MAX + 1][NJ_SUGGEST_BYTES_MAX + 1];
    if (A > NJ_SUGGEST_BYTES_MAX || B > NJ_SUGGEST_BYTES_MAX) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i <= A; i++) {
        for (size_t k = 0; k <= B; k++) {
            if (i == 0 || k == 0) {
                edits[i][k] = i + k;
                continue;
            }
            const size_t change = edits[i - 1][k - 1] + (is_same(a[i - 1], b[k - 1]) ? 0 : 1);
            edits[i][k] = least(change, 1 + least(edits[i - 1][k], edits[i][k - 1]));
            if (i > 1 && k > 1 && is_same(a[i - 1], b[k - 2]) && is_same(a[i - 2], b[k - 1])) {
                edits[i][k] = least(edits[i][k], 1 + edits[i - 2][k - 2]);
            }
        }
    }
    return edits[A][B];
}

static bool begins_with(const char *text, const char *prefix)
{
    return strlen(prefix) >= PREFIX_LETTERS && strncmp(text, prefix, strlen(prefix)) == 0;
}

void nj_suggestion_offer(nj_suggestion *suggestion, const char *candidate)
{
    const size_t edits = nj_word_edits(suggestion->word, candidate);
    const size_t letters = strlen(suggestion->word);
    const size_t most = letters >= 2 * LETTERS_AN_EDIT ? letters / LETTERS_AN_EDIT : 1;
    const bool is_near = edits <= most || begins_with(candidate, suggestion->word) ||
                         begins_with(suggestion->word, candidate);
    if (is_near && (suggestion->nearest == NULL || edits < suggestion->edits)) {
        suggestion->nearest = candidate;
        suggestion->edits = edits;
    }
}
