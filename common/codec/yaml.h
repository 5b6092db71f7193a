// yaml.h - a small, bounded reader of YAML: a tree of nodes that know their lines. The only place that sees yaml.h of libyaml.
//
// One document of texts, lists and mappings. What a policy or a settings file has no use for is refused: anchors and aliases, tags, a second
// document, a key that is no text or stands twice in a mapping, NUL in a text. So is what passes the limits below, before it is stored.
#ifndef NJ_CODEC_YAML_H
#define NJ_CODEC_YAML_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define NJ_YAML_DEPTH_MAX 8
#define NJ_YAML_NODES_MAX 8192
#define NJ_YAML_TEXT_BYTES_MAX 65536

typedef enum { NJ_YAML_TEXT, NJ_YAML_LIST, NJ_YAML_MAP } nj_yaml_kind;

typedef struct nj_yaml_node {
    nj_yaml_kind kind;
    uint32_t line;                    // 1-based, of the value; of a mapping's entry: of its key
    const char *key;                  // of an entry of a mapping; NULL elsewhere
    const char *text;                 // NUL-terminated UTF-8; of a text only
    uint32_t count;                   // entries
    const struct nj_yaml_node *first; // entry; NULL without any
    const struct nj_yaml_node *next;  // of the same list or mapping
} nj_yaml_node;

typedef struct nj_yaml nj_yaml;

/// Reads bytes; `what` names them in errors. A document without content is an empty mapping.
///
/// Errors  NJ_CONFIG: `what`, line and rule; NJ_NO_MEMORY. *out is unchanged.
/// Proof   tests/unit/codec/test_yaml.c, tests/fuzz/fuzz_policy.c
NJ_CHECKED nj_status nj_yaml_parse(const char *bytes, size_t size, const char *what, nj_yaml **out,
                                   nj_error *err);
/// Accepts NULL in *yaml.
void nj_yaml_close(nj_yaml **yaml);
/// Borrowed, as every node and text, until nj_yaml_close.
const nj_yaml_node *nj_yaml_root(const nj_yaml *yaml);

/// The entry of a mapping; NULL when there is none.
const nj_yaml_node *nj_yaml_find(const nj_yaml_node *map, const char *key);

#endif
