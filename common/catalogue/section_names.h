// section_names.h - the section names of bundle.def as constants: NJ_SECTION_TRIE is "trie".
#ifndef NJ_CATALOGUE_SECTION_NAMES_H
#define NJ_CATALOGUE_SECTION_NAMES_H

#define NJ_BUNDLE_SECTION(NAME, name, required, meaning)                                           \
    static const char NJ_SECTION_##NAME[] __attribute__((unused)) = name;
#include "schemas/bundle.def"
#undef NJ_BUNDLE_SECTION

#endif
