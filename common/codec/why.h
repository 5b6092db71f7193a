// why.h - why an item stands in a list: numbers and words of schemas/why.def.
#ifndef NJ_CODEC_WHY_H
#define NJ_CODEC_WHY_H

enum {
#define NJ_SOURCE(name, number, word, meaning) NJ_SOURCE_##name = (number),
#include "schemas/why.def"
    NJ_SOURCE_COUNT = 7
};

enum {
#define NJ_ADJUST(name, number, word, meaning) NJ_ADJUST_##name = (number),
#include "schemas/why.def"
    NJ_ADJUST_COUNT = 6
};

#endif
