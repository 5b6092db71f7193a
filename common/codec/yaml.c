#include "common/codec/yaml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define NONE UINT32_MAX
#define BYTE_ORDER_MARK                                                                            \
    "\xef\xbb\xbf" // some editors write it; libyaml takes it for content once the encoding is set
#define BYTE_ORDER_MARK_BYTES 3
#define EVENTS_MAX                                                                                 \
    (4 * NJ_YAML_NODES_MAX) // a node has two at the most; a stream and its document four more

// Texts are in one block: each is copied once with its NUL. No escape grows to more than twice its bytes when it is read ("\L" is three).
struct nj_yaml {
    nj_yaml_node *nodes; // owned; [NJ_YAML_NODES_MAX]
    uint32_t count;
    char *texts; // owned; [texts_max]
    size_t texts_used;
    size_t texts_max;
};

// A list or mapping whose end has not come.
typedef struct {
    nj_yaml_node *node;
    nj_yaml_node *last; // its latest entry
    const char *key;    // of a mapping: the key that waits for its value
    uint32_t key_line;
} open_node;

typedef struct {
    nj_yaml *yaml;
    const char *what;
    nj_error *err;
    open_node open[NJ_YAML_DEPTH_MAX];
    uint32_t depth;
    uint32_t documents;
    bool has_ended;
} tree_builder;

static uint32_t find_line(const yaml_event_t *event)
{
    return event->start_mark.line < UINT32_MAX ? (uint32_t)event->start_mark.line + 1 : UINT32_MAX;
}

static nj_status copy_text(tree_builder *builder, const yaml_event_t *event, const char **out)
{
    nj_yaml *yaml = builder->yaml;
    const char *text = (const char *)event->data.scalar.value;
    const size_t bytes = event->data.scalar.length;
    if (bytes > NJ_YAML_TEXT_BYTES_MAX) {
        return nj_fail(builder->err, NJ_CONFIG, "%s: line %u: a text of %zu bytes, the most is %u",
                       builder->what, find_line(event), bytes, NJ_YAML_TEXT_BYTES_MAX);
    }
    if (memchr(text, '\0', bytes) != NULL) {
        return nj_fail(builder->err, NJ_CONFIG, "%s: line %u: a text holds NUL", builder->what,
                       find_line(event));
    }
    if (bytes + 1 > yaml->texts_max - yaml->texts_used) {
        return nj_fail(builder->err, NJ_CONFIG, "%s: line %u: texts of more than %zu bytes in all",
                       builder->what, find_line(event), yaml->texts_max);
    }
    char *copy = yaml->texts + yaml->texts_used;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    yaml->texts_used += bytes + 1;
    *out = copy;
    return NJ_OK;
}

static nj_status refuse_mark(const tree_builder *builder, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL || tag != NULL) {
        return nj_fail(builder->err, NJ_CONFIG, "%s: line %u: %s \"%.60s\" means nothing here",
                       builder->what, find_line(event), anchor != NULL ? "anchor" : "tag",
                       (const char *)(anchor != NULL ? anchor : tag));
    }
    return NJ_OK;
}

// Hangs a node with the key that waits for it under the innermost open one.
static nj_status add_node(tree_builder *builder, const yaml_event_t *event, nj_yaml_kind kind,
                          nj_yaml_node **out)
{
    nj_yaml *yaml = builder->yaml;
    if (yaml->count == NJ_YAML_NODES_MAX) {
        return nj_fail(builder->err, NJ_CONFIG, "%s: line %u: more than %d values", builder->what,
                       find_line(event), NJ_YAML_NODES_MAX);
    }
    nj_yaml_node *node = &yaml->nodes[yaml->count++];
    *node = (nj_yaml_node){.kind = kind, .line = find_line(event)};
    *out = node;
    if (builder->depth == 0) {
        return NJ_OK;
    }
    open_node *parent = &builder->open[builder->depth - 1];
    if (parent->node->kind == NJ_YAML_MAP) {
        node->key = parent->key;
        node->line = parent->key_line;
        parent->key = NULL;
    }
    if (parent->last == NULL) {
        parent->node->first = node;
    } else {
        parent->last->next = node;
    }
    parent->last = node;
    parent->node->count++;
    return NJ_OK;
}

static bool waits_for_key(const tree_builder *builder)
{
    return builder->depth > 0 && builder->open[builder->depth - 1].node->kind == NJ_YAML_MAP &&
           builder->open[builder->depth - 1].key == NULL;
}

static nj_status take_key(tree_builder *builder, const yaml_event_t *event)
{
    open_node *map = &builder->open[builder->depth - 1];
    const char *key = NULL;
    nj_status status = copy_text(builder, event, &key);
    if (status != NJ_OK) {
        return status;
    }
    const nj_yaml_node *before = nj_yaml_find(map->node, key);
    if (before != NULL) {
        return nj_fail(builder->err, NJ_CONFIG,
                       "%s: line %u: key \"%.60s\" stands on line %u already", builder->what,
                       find_line(event), key, before->line);
    }
    map->key = key;
    map->key_line = find_line(event);
    return NJ_OK;
}

static nj_status take_text(tree_builder *builder, const yaml_event_t *event)
{
    nj_yaml_node *node = NULL;
    if (waits_for_key(builder)) {
        return take_key(builder, event);
    }
    nj_status status = add_node(builder, event, NJ_YAML_TEXT, &node);
    if (status == NJ_OK) {
        status = copy_text(builder, event, &node->text);
    }
    return status;
}

static nj_status open_entry(tree_builder *builder, const yaml_event_t *event, nj_yaml_kind kind)
{
    nj_yaml_node *node = NULL;
    if (waits_for_key(builder)) {
        return nj_fail(builder->err, NJ_CONFIG, "%s: line %u: a key must be a text", builder->what,
                       find_line(event));
    }
    if (builder->depth == NJ_YAML_DEPTH_MAX) {
        return nj_fail(builder->err, NJ_CONFIG,
                       "%s: line %u: lists and mappings in each other more than %d deep",
                       builder->what, find_line(event), NJ_YAML_DEPTH_MAX);
    }
    nj_status status = add_node(builder, event, kind, &node);
    if (status == NJ_OK) {
        builder->open[builder->depth++] = (open_node){.node = node};
    }
    return status;
}

static nj_status take_event(tree_builder *builder, const yaml_event_t *event)
{
    nj_status status = refuse_mark(builder, event);
    if (status != NJ_OK) {
        return status;
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        builder->documents++;
        return builder->documents == 1
                   ? NJ_OK
                   : nj_fail(builder->err, NJ_CONFIG, "%s: line %u begins a second document",
                             builder->what, find_line(event));
    case YAML_ALIAS_EVENT:
        return nj_fail(builder->err, NJ_CONFIG, "%s: line %u: an alias means nothing here",
                       builder->what, find_line(event));
    case YAML_SCALAR_EVENT:
        return take_text(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_entry(builder, event, NJ_YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        return open_entry(builder, event, NJ_YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->depth--;
        return NJ_OK;
    case YAML_STREAM_END_EVENT:
        builder->has_ended = true;
        return NJ_OK;
    default:
        return NJ_OK;
    }
}

static nj_status refuse_syntax(const tree_builder *builder, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return nj_fail(builder->err, NJ_NO_MEMORY, "%s: no memory", builder->what);
    }
    if (parser->error == YAML_READER_ERROR) {
        return nj_fail(builder->err, NJ_CONFIG, "%s: byte %zu: %s", builder->what,
                       parser->problem_offset, parser->problem);
    }
    return nj_fail(builder->err, NJ_CONFIG, "%s: line %zu: %s%s%s", builder->what,
                   parser->problem_mark.line + 1, parser->problem,
                   parser->context != NULL ? " " : "",
                   parser->context != NULL ? parser->context : "");
}

static nj_status read_events(tree_builder *builder, const char *bytes, size_t size)
{
    yaml_parser_t parser;
    nj_status status = NJ_OK;
    if (yaml_parser_initialize(&parser) == 0) {
        return nj_fail(builder->err, NJ_NO_MEMORY, "%s: no memory", builder->what);
    }
    const size_t mark =
        size >= BYTE_ORDER_MARK_BYTES && memcmp(bytes, BYTE_ORDER_MARK, BYTE_ORDER_MARK_BYTES) == 0
            ? BYTE_ORDER_MARK_BYTES
            : 0;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes + mark, size - mark);
    for (uint32_t i = 0; status == NJ_OK && !builder->has_ended && i < EVENTS_MAX; i++) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            status = refuse_syntax(builder, &parser);
            break;
        }
        status = take_event(builder, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

nj_status nj_yaml_parse(const char *bytes, size_t size, const char *what, nj_yaml **out,
                        nj_error *err)
{
    tree_builder builder = {.what = what, .err = err};
    nj_status status = NJ_OK;
    nj_yaml *yaml = calloc(1, sizeof *yaml);
    if (yaml != NULL) {
        yaml->texts_max = size < SIZE_MAX / 4 ? 2 * size + NJ_YAML_NODES_MAX : 0;
        yaml->nodes = calloc(NJ_YAML_NODES_MAX, sizeof *yaml->nodes);
        yaml->texts = malloc(yaml->texts_max);
    }
    if (yaml == NULL || yaml->nodes == NULL || yaml->texts == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory", what);
        goto done;
    }
    builder.yaml = yaml;
    status = read_events(&builder, bytes, size);
    if (status == NJ_OK && yaml->count == 0) {
        yaml->nodes[yaml->count++] = (nj_yaml_node){.kind = NJ_YAML_MAP, .line = 1};
    }
    if (status == NJ_OK) {
        *out = yaml;
        yaml = NULL;
    }
done:
    nj_yaml_close(&yaml);
    return status;
}

void nj_yaml_close(nj_yaml **yaml)
{
    if (*yaml != NULL) {
        free((*yaml)->nodes);
        free((*yaml)->texts);
        free(*yaml);
        *yaml = NULL;
    }
}

const nj_yaml_node *nj_yaml_root(const nj_yaml *yaml)
{
    return &yaml->nodes[0];
}

const nj_yaml_node *nj_yaml_find(const nj_yaml_node *map, const char *key)
{
    const nj_yaml_node *entry = map->kind == NJ_YAML_MAP ? map->first : NULL;
    while (entry != NULL && strcmp(entry->key, key) != 0) {
        entry = entry->next;
    }
    return entry;
}
