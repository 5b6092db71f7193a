// prompt_spec.h - prompt.yaml, read and checked (schemas/prompt.md). For prompt*.c only.
//
// A text with placeholders becomes parts: "history: {history}." is TEXT, HISTORY, TEXT.
#ifndef NJ_PROMPT_PROMPT_SPEC_H
#define NJ_PROMPT_PROMPT_SPEC_H

#include "common/codec/yaml.h"
#include "common/prompt/prompt.h"

#define NJ_PROMPT_FILE_BYTES_MAX (1u << 18)
#define NJ_PROMPT_COLUMNS_MAX 16 // of the table of items, that the file names
#define NJ_PROMPT_COLUMN_BYTES_MAX 64

typedef enum {
    NJ_PART_TEXT,
    // of a prompt
    NJ_PART_USER,
    NJ_PART_HISTORY,
    NJ_PART_CANDIDATES,
    NJ_PART_OWN_TEXT,
    // of an item
    NJ_PART_ID,
    NJ_PART_SID,
    NJ_PART_VECTOR,
    NJ_PART_COLUMN,
} nj_part_kind;

typedef struct {
    nj_part_kind kind;
    nj_slice text;   // TEXT; borrowed from the spec
    uint32_t column; // COLUMN: of spec->columns
} nj_prompt_part;

typedef struct {
    bool is_there;
    uint32_t line; // of the file
    uint32_t part_count;
    nj_prompt_part parts[NJ_PROMPT_PIECES_MAX];
} nj_prompt_text;

typedef struct {
    const char *path; // borrowed
    nj_yaml *yaml;    // owned
    char *texts;      // owned: what TEXT parts stand in, braces undone
    size_t texts_used;
    nj_prompt_text prompt;
    nj_prompt_text item;
    nj_prompt_text candidate; // item's where it is not there
    nj_prompt_text answer_item;
    nj_slice separator;
    bool is_special;
    uint32_t tokens_max; // 0: not said
    nj_prompt_answer answer;
    nj_slice answer_lead;
    nj_slice answer_separator;
    const char *answer_end; // NULL: not said
    uint32_t answer_tokens;
    uint32_t answer_count;
    float length_penalty;
    uint32_t stop; // nj_answer_stop
    uint32_t column_count;
    char columns[NJ_PROMPT_COLUMNS_MAX][NJ_PROMPT_COLUMN_BYTES_MAX];
} nj_prompt_spec;

/// Reads the file. Errors  NJ_CONFIG: file, line, rule and what to do; NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY
NJ_CHECKED nj_status nj_prompt_spec_read(const char *path, nj_prompt_spec *out, nj_error *err);
/// Accepts a spec that is all zero.
void nj_prompt_spec_close(nj_prompt_spec *spec);

/// Whether any part is of this kind.
bool nj_prompt_text_has(const nj_prompt_text *text, nj_part_kind kind);

#endif
