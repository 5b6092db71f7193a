// schema.h - the constants and names of schemas/store.def for C.
#ifndef NJ_STORE_SCHEMA_H
#define NJ_STORE_SCHEMA_H

enum {
#define NJ_STORE_CONSTANT(name, value, meaning) NJ_STORE_##name = value,
#include "schemas/store.def"
};

// The texts are constants of the program: NJ_STORE_WORDS.CURRENT is "CURRENT".
typedef struct {
#define NJ_STORE_WORD(name, text, meaning) const char *name;
#include "schemas/store.def"
} nj_store_words;

static const nj_store_words NJ_STORE_WORDS = {
#define NJ_STORE_WORD(name, text, meaning) .name = text,
#include "schemas/store.def"
};

#endif
