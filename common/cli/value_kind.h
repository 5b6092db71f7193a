// value_kind.h - what may stand behind an option, told from what help calls its value.
#ifndef NJ_CLI_VALUE_KIND_H
#define NJ_CLI_VALUE_KIND_H

#include <stddef.h>

#define NJ_CHOICES_MAX 16
#define NJ_CHOICE_BYTES 32

typedef enum {
    NJ_VALUE_FLAG,    // none
    NJ_VALUE_TEXT,    // anything: N, NAME, USER
    NJ_VALUE_FILE,    // FILE, PATH, FILE[,FILE...]
    NJ_VALUE_FOLDER,  // DIR
    NJ_VALUE_CHOICES, // on|off; words in capitals stand for others: auto|none|LIST
} nj_value_kind;

typedef struct {
    nj_value_kind kind;
    size_t choice_count;
    char choices[NJ_CHOICES_MAX][NJ_CHOICE_BYTES]; // the words in small letters
} nj_value_words;

/// Of an option's `value`, or of a command's positional argument; NULL is a flag.
nj_value_words nj_value_words_of(const char *value);

#endif
