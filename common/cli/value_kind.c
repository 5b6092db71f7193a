#include "common/cli/value_kind.h"

#include <stdbool.h>
#include <string.h>

static bool is_word(const char *text, size_t length)
{
    return length > 0 && length < NJ_CHOICE_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= length;
}

static void add_choices(const char *value, nj_value_words *out)
{
    for (const char *at = value; *at != '\0' && out->choice_count < NJ_CHOICES_MAX;) {
        const size_t length = strcspn(at, "|");
        if (is_word(at, length)) {
            char *choice = out->choices[out->choice_count++];
            memcpy(choice, at, length);
            choice[length] = '\0';
        }
        at += length + (at[length] == '|' ? 1 : 0);
    }
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

nj_value_words nj_value_words_of(const char *value)
{
    nj_value_words words = {.kind = NJ_VALUE_TEXT};
    if (value == NULL) {
        words.kind = NJ_VALUE_FLAG;
        return words;
    }
    value += value[0] == '[' ? 1 : 0;
    if (strchr(value, '|') != NULL) {
        add_choices(value, &words);
        words.kind = words.choice_count > 0 ? NJ_VALUE_CHOICES : NJ_VALUE_TEXT;
    } else if (begins_with(value, "FILE") || begins_with(value, "PATH")) {
        words.kind = NJ_VALUE_FILE;
    } else if (begins_with(value, "DIR")) {
        words.kind = NJ_VALUE_FOLDER;
    }
    return words;
}
