// tokenizer_parts.h - the parts of a tokenizer; for tokenizer*.c only.
#ifndef NJ_TEXT_TOKENIZER_PARTS_H
#define NJ_TEXT_TOKENIZER_PARTS_H

#include <jansson.h>

#include "common/base/file.h"
#include "common/base/idlist.h"
#include "common/text/tokenizer.h"

#define NJ_TOKENIZER_STEPS_MAX 16     // of a normalizer or a pre-tokenizer
#define NJ_TOKENIZER_AROUND_MAX 16    // special tokens before and behind a text, together
#define NJ_TOKENIZER_STEP_TEXT_MAX 64 // bytes of a pattern or its replacement

// ---- token texts and their ids ----

typedef struct {
    nj_idlist_builder texts;
    nj_idmap map;
    nj_buffer ids;                                        // uint32_t, one a text
    uint8_t has_length[NJ_TOKENIZER_TOKEN_BYTES_MAX + 1]; // some text has that many bytes
    size_t bytes_max;                                     // of the longest text
} nj_vocab;

void nj_vocab_init(nj_vocab *vocab);
void nj_vocab_fini(nj_vocab *vocab);
/// Copies the text; of two equal texts the later id stands. NJ_INPUT for an empty or too long text and an id out of range.
NJ_CHECKED nj_status nj_vocab_add(nj_vocab *vocab, nj_slice text, uint32_t id, nj_error *err);
uint32_t nj_vocab_find(const nj_vocab *vocab, nj_slice text);
/// The longest text that `rest` begins with: its bytes (0: none), and its id.
size_t nj_vocab_longest(const nj_vocab *vocab, nj_slice rest, uint32_t *out_id);

// ---- a charsmap: the rules of SentencePiece's normalizer as a double array and the texts it points into ----

typedef struct {
    uint32_t *units; // owned
    size_t unit_count;
    char *texts; // owned; NUL-terminated each
    size_t texts_size;
} nj_charsmap;

/// `bytes`: u32 size of the array, the array, the texts; little-endian.
NJ_CHECKED nj_status nj_charsmap_open(const void *bytes, size_t size, const char *what,
                                      nj_charsmap *out, nj_error *err);
void nj_charsmap_fini(nj_charsmap *map);
/// What stands for a beginning of `rest`: the longest rule, or the shortest. Its bytes in `rest`; 0 where no rule fits.
size_t nj_charsmap_find(const nj_charsmap *map, nj_slice rest, bool is_longest, nj_slice *out);

// ---- steps before the model ----

typedef enum {
    NJ_STEP_NFC,
    NJ_STEP_CHARSMAP,
    NJ_STEP_STRIP,   // left, right
    NJ_STEP_REPLACE, // from, to
    NJ_STEP_SPACES,  // runs of two and more spaces become `to`
    NJ_STEP_PREPEND, // to
    NJ_STEP_SPLIT,   // pattern
    NJ_STEP_BYTES,   // left: a space before; pattern, where is_split
    NJ_STEP_METASPACE,
    NJ_STEP_WORDS, // between white space
} nj_step_kind;

typedef enum { NJ_METASPACE_ALWAYS, NJ_METASPACE_FIRST, NJ_METASPACE_NEVER } nj_metaspace_scheme;

// A known pattern; tokenizer_split.c has their texts.
typedef struct {
    const char *text; // as tokenizer.json has it
    bool is_gpt2; // lower-case contractions, spaces alone before a word, no line ends behind signs
    bool joins_marks;    // marks are part of words
    uint32_t digits_max; // of one piece
} nj_split_pattern;

typedef struct {
    nj_step_kind kind;
    bool left;
    bool right;
    bool is_split;
    nj_metaspace_scheme scheme;
    const nj_split_pattern *pattern;
    char from[NJ_TOKENIZER_STEP_TEXT_MAX];
    char to[NJ_TOKENIZER_STEP_TEXT_MAX];
} nj_text_step;

typedef struct {
    nj_text_step at[NJ_TOKENIZER_STEPS_MAX];
    size_t count;
} nj_text_steps;

typedef struct {
    size_t begin;
    size_t end;
    bool is_first; // nothing of the text stands before it
} nj_text_piece;

// A text cut into pieces; the second pair is what a step writes into.
typedef struct {
    nj_buffer text;
    nj_buffer pieces; // nj_text_piece
    nj_buffer next_text;
    nj_buffer next_pieces;
} nj_pieces;

void nj_pieces_init(nj_pieces *pieces);
void nj_pieces_fini(nj_pieces *pieces);

/// The pattern with that text; NULL where it is not known. NULL text: GPT-2's.
const nj_split_pattern *nj_split_pattern_find(const char *text);
/// Bytes of the first piece of `rest`, which is not empty.
size_t nj_split_next(const nj_split_pattern *pattern, nj_slice rest);

/// Rewrites pieces->text; pieces->next_text is scratch.
NJ_CHECKED nj_status nj_normalize(const nj_text_steps *steps, const nj_charsmap *map,
                                  nj_pieces *pieces, nj_error *err);
/// Cuts pieces->text, which is not empty, into pieces.
NJ_CHECKED nj_status nj_pretokenize(const nj_text_steps *steps, bool is_first, nj_pieces *pieces,
                                    nj_error *err);

/// GPT-2's character for a byte.
#define NJ_BYTE_POINT_MAX 0x143
int32_t nj_byte_point(uint8_t byte);
/// What a step wrote becomes what the next one reads.
void nj_pieces_swap(nj_pieces *pieces);

// ---- characters, as Unicode 16 has them ----

typedef enum { NJ_CHAR_OTHER, NJ_CHAR_LETTER, NJ_CHAR_MARK, NJ_CHAR_NUMBER, NJ_CHAR_SPACE } nj_char;

nj_char nj_char_kind(int32_t point);
/// Bytes of the first character of valid UTF-8, and its code point.
size_t nj_char_next(nj_slice rest, int32_t *out_point);
/// Appends `text` in normal form C, as Unicode 9 has it.
NJ_CHECKED nj_status nj_append_nfc(nj_slice text, nj_buffer *out);
/// Bytes of the first user-perceived character (grapheme cluster).
size_t nj_grapheme_next(nj_slice rest);

// ---- models ----

#define NJ_UNKNOWN_PENALTY 10.0 // of an unknown character, below the lowest score

typedef struct {
    uint64_t *keys;   // owned; left id << 32 | right id, UINT64_MAX = free
    uint32_t *values; // owned; rank and new id, two a slot
    size_t capacity;  // a power of two
} nj_merges;

typedef enum {
    NJ_SP_NORMAL = 1,
    NJ_SP_UNKNOWN,
    NJ_SP_CONTROL,
    NJ_SP_USER,
    NJ_SP_UNUSED,
    NJ_SP_BYTE
} nj_sp_kind;

typedef struct {
    nj_vocab vocab; // all tokens of the model
    bool is_unigram;
    bool is_sentencepiece; // from a *.model: its arithmetic (float32) and its merging by scores
    bool fuses_unknown;
    bool ignores_merges;
    bool has_bytes;         // characters without a token become bytes
    uint32_t unknown;       // id, or NJ_TOKENIZER_NONE
    uint32_t byte_ids[256]; // NJ_TOKENIZER_NONE where there is none
    nj_merges merges;       // BPE of a tokenizer.json
    double *scores;         // owned; [score_count] by id
    uint8_t *kinds;         // owned; [score_count] nj_sp_kind, of a *.model
    size_t score_count;
    double unknown_score;
    nj_vocab users; // texts of a *.model that are never cut
} nj_token_model;

NJ_CHECKED nj_status nj_bpe_encode(const nj_token_model *model, nj_slice piece, nj_buffer *ids,
                                   nj_error *err);
NJ_CHECKED nj_status nj_unigram_encode(const nj_token_model *model, nj_slice piece, nj_buffer *ids,
                                       nj_error *err);
/// Room for `count` rules. The owner frees keys and values, also on failure.
NJ_CHECKED nj_status nj_merges_init(nj_merges *merges, size_t count);
void nj_merges_put(nj_merges *merges, uint32_t left, uint32_t right, uint32_t rank, uint32_t id);
bool nj_merges_find(const nj_merges *merges, uint32_t left, uint32_t right, uint32_t *rank,
                    uint32_t *id);
NJ_CHECKED nj_status nj_append_id(nj_buffer *ids, uint32_t id, nj_error *err);
/// The ids of a run of text that has no token: its bytes, or the unknown token once.
NJ_CHECKED nj_status nj_append_unknown(const nj_token_model *model, nj_slice text, nj_buffer *ids,
                                       nj_error *err);

// ---- the whole ----

// What SentencePiece's normalizer is told in a *.model.
typedef struct {
    bool adds_prefix;
    bool squeezes_spaces;
    bool escapes_spaces;
    bool space_is_suffix;
} nj_piece_rules;

typedef struct {
    uint8_t left; // white space before it is part of it
    uint8_t right;
    uint8_t is_special; // nothing of a text that is read back
} nj_added_traits;

typedef enum {
    NJ_DECODE_BYTES,     // GPT-2's characters are bytes; all pieces become one
    NJ_DECODE_METASPACE, // from: the mark of a space; drops_first: in the first piece it is nothing
    NJ_DECODE_REPLACE,   // from, to
    NJ_DECODE_BYTE_TOKENS, // <0x41> and its like
    NJ_DECODE_FUSE,        // all pieces become one
    NJ_DECODE_STRIP,       // from, up to start times in front and stop times behind
} nj_decode_kind;

typedef struct {
    nj_decode_kind kind;
    bool drops_first;
    uint32_t start;
    uint32_t stop;
    char from[NJ_TOKENIZER_STEP_TEXT_MAX];
    char to[NJ_TOKENIZER_STEP_TEXT_MAX];
} nj_decode_step;

typedef struct {
    nj_decode_step at[NJ_TOKENIZER_STEPS_MAX];
    size_t count; // 0: tokens stand with spaces between
    bool is_known;
    char unknown[NJ_TOKENIZER_STEP_TEXT_MAX]; // the step that is not
} nj_decoder;

struct nj_tokenizer {
    nj_path path;   // or what its bytes are called
    bool is_packed; // was opened from bytes
    const char *kind;
    uint32_t vocabulary;
    nj_token_model model;
    nj_charsmap charsmap;
    nj_text_steps normalizer;
    nj_text_steps splitter;
    nj_piece_rules rules;      // of a *.model
    nj_vocab added_raw;        // found in the text as it came
    nj_vocab added_normalized; // found after the normalizer
    nj_vocab added;            // all of them, by their own texts
    nj_added_traits *traits;   // owned; [vocabulary]; NULL: none
    nj_decoder decoder;        // of a tokenizer.json
    uint32_t *places;          // owned; [vocabulary] where an id's text is: tokenizer_decode.c
    uint32_t around[NJ_TOKENIZER_AROUND_MAX];
    size_t before_count; // of around; the rest stands behind
    size_t around_count;
};

NJ_CHECKED nj_status nj_tokenizer_read_json(nj_tokenizer *tokenizer, nj_slice bytes, nj_error *err);
NJ_CHECKED nj_status nj_tokenizer_read_model(nj_tokenizer *tokenizer, nj_slice bytes,
                                             nj_error *err);
/// Fills tokenizer->places, when all tokens are known.
NJ_CHECKED nj_status nj_tokenizer_place_texts(nj_tokenizer *tokenizer, nj_error *err);
/// The steps of a tokenizer.json's normalizer and pre-tokenizer.
NJ_CHECKED nj_status nj_tokenizer_read_steps(nj_tokenizer *tokenizer, const json_t *root,
                                             nj_error *err);
/// Its decoder; one that is not known is refused when it is asked for.
void nj_tokenizer_read_decoder(nj_tokenizer *tokenizer, const json_t *root);
/// The special tokens that a tokenizer_config.json, whose bytes they are, puts around a *.model's ids.
NJ_CHECKED nj_status nj_tokenizer_read_around(nj_tokenizer *tokenizer, nj_slice config,
                                              nj_error *err);
/// SentencePiece's own normalizer: pieces->text into pieces->next_text, then swapped.
NJ_CHECKED nj_status nj_piece_normalize(const nj_tokenizer *tokenizer, nj_pieces *pieces,
                                        nj_error *err);

#endif
