// markup_check.h - is a page or a picture well-formed: every element closed in order, no bare & or <, attributes quoted and not twice?
#ifndef NJ_TEST_MARKUP_CHECK_H
#define NJ_TEST_MARKUP_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MARKUP_DEPTH_MAX 64
#define MARKUP_NAME_MAX 32

static inline bool markup_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == ':';
}

static inline size_t markup_name(const char *at, char out[MARKUP_NAME_MAX])
{
    size_t size = 0;
    while (markup_is_name(at[size]) && size + 1 < MARKUP_NAME_MAX) {
        out[size] = at[size];
        size++;
    }
    out[size] = '\0';
    return size;
}

// An entity that XML knows, at '&'.
static inline bool markup_is_entity(const char *at)
{
    static const char *const KNOWN[] = {"&lt;", "&gt;", "&amp;", "&quot;"};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (strncmp(at, KNOWN[i], strlen(KNOWN[i])) == 0) {
            return true;
        }
    }
    return false;
}

// Behind the attributes of an element, at '>' or "/>"; NULL when one is wrong.
static inline const char *markup_attributes(const char *at)
{
    char seen[8][MARKUP_NAME_MAX];
    size_t count = 0;
    while (*at == ' ') {
        at++;
        char name[MARKUP_NAME_MAX];
        const size_t size = markup_name(at, name);
        for (size_t i = 0; i < count; i++) {
            if (strcmp(seen[i], name) == 0) {
                return NULL;
            }
        }
        if (size == 0 || count == 8 || at[size] != '=' || at[size + 1] != '"') {
            return NULL;
        }
        memcpy(seen[count++], name, sizeof name);
        at += size + 2;
        while (*at != '"') {
            if (*at == '\0' || *at == '<' || (*at == '&' && !markup_is_entity(at))) {
                return NULL;
            }
            at++;
        }
        at++;
    }
    return at;
}

/// NULL when `text` is one well-formed element (behind an optional doctype); else where it is not, borrowed from `text`.
static inline const char *markup_problem(const char *text)
{
    char open[MARKUP_DEPTH_MAX][MARKUP_NAME_MAX];
    size_t depth = 0;
    const char *at = strncmp(text, "<!DOCTYPE html>\n", 16) == 0 ? text + 16 : text;
    const char *start = at;
    for (; *at != '\0'; at++) {
        if (*at == '&' && !markup_is_entity(at)) {
            return at;
        }
        if (*at != '<') {
            if (depth == 0 && *at != '\n') {
                return at;
            }
            continue;
        }
        const char *tag = at;
        const bool is_end = at[1] == '/';
        char name[MARKUP_NAME_MAX];
        at += is_end ? 2 : 1;
        const size_t size = markup_name(at, name);
        const char *end = size > 0 ? markup_attributes(at + size) : NULL;
        if (end == NULL || (depth == 0 && tag != start)) {
            return tag;
        }
        if (is_end) {
            if (*end != '>' || depth == 0 || strcmp(open[--depth], name) != 0) {
                return tag;
            }
        } else if (*end == '>') {
            if (depth == MARKUP_DEPTH_MAX) {
                return tag;
            }
            memcpy(open[depth++], name, sizeof name);
        } else if (end[0] != '/' || end[1] != '>') {
            return tag;
        }
        at = *end == '/' ? end + 1 : end;
    }
    return depth == 0 && at != start ? NULL : at;
}

#endif
