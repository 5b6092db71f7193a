// tokenizer.c - opening, and the way of a text through the parts.
#include "common/text/tokenizer.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/text/tokenizer_parts.h"

#define CONFIG_NAME "tokenizer_config.json"
#define CONFIG_BYTES_MAX ((size_t)64 << 20)
#define PACKED_MAGIC "NJPIECES"

// Before a SentencePiece model in memory; its configuration stands between.
typedef struct {
    char magic[8];
    uint64_t config_bytes; // little-endian
} packed_head;

static const char *const file_names[] = {"tokenizer.json", "spiece.model", "tokenizer.model"};

// Where a folder's tokenizer is, or the path itself.
static nj_status find_file(const char *path, nj_path *out, nj_error *err)
{
    if (!nj_folder_exists(path)) {
        return nj_path_copy(path, out, err);
    }
    for (size_t i = 0; i < sizeof file_names / sizeof file_names[0]; i++) {
        nj_status status = nj_path_join(path, file_names[i], out, err);
        if (status != NJ_OK || nj_file_exists(out->text)) {
            return status;
        }
    }
    return nj_fail(err, NJ_NOT_FOUND,
                   "%s: holds no tokenizer.json, spiece.model or tokenizer.model", path);
}

// The configuration beside a SentencePiece model; nothing where there is none.
static nj_status read_config(const nj_path *model, nj_buffer *out, nj_error *err)
{
    nj_path folder = *model;
    nj_path path;
    char *slash = strrchr(folder.text, '/');
    if (slash == NULL) {
        (void)strcpy(folder.text, ".");
    } else {
        slash[slash == folder.text ? 1 : 0] = '\0';
    }
    nj_status status = nj_path_join(folder.text, CONFIG_NAME, &path, err);
    if (status != NJ_OK || !nj_file_exists(path.text)) {
        return status;
    }
    char *bytes = NULL;
    size_t size = 0;
    status = nj_file_read(path.text, CONFIG_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK && nj_buffer_append(out, bytes, size) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu bytes", path.text, size);
    }
    free(bytes);
    return status;
}

// JSON begins with a brace; a SentencePiece model never does.
static bool is_json(nj_slice bytes)
{
    return bytes.size > 0 && bytes.bytes[0] == '{';
}

// What is named as JSON and is none; everything else may be a SentencePiece model.
static nj_status check_name(const nj_path *path, nj_slice bytes, nj_error *err)
{
    static const char ENDING[] = ".json";
    const size_t size = strlen(path->text);
    if (is_json(bytes) || size < strlen(ENDING) ||
        strcmp(path->text + size - strlen(ENDING), ENDING) != 0) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT,
                   "%s: has %zu bytes and does not begin with '{' as a tokenizer.json does",
                   path->text, bytes.size);
}

static nj_status read_sentencepiece(nj_tokenizer *tokenizer, nj_slice model, nj_slice config,
                                    nj_error *err)
{
    nj_status status = nj_tokenizer_read_model(tokenizer, model, err);
    return status == NJ_OK && config.size > 0 ? nj_tokenizer_read_around(tokenizer, config, err)
                                              : status;
}

static nj_status read_file(nj_tokenizer *tokenizer, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_buffer config;
    nj_buffer_init(&config, CONFIG_BYTES_MAX);
    nj_status status =
        nj_file_read(tokenizer->path.text, NJ_TOKENIZER_FILE_BYTES_MAX, &bytes, &size, err);
    const nj_slice file = {bytes, size};
    if (status == NJ_OK) {
        status = check_name(&tokenizer->path, file, err);
    }
    if (status == NJ_OK && is_json(file)) {
        status = nj_tokenizer_read_json(tokenizer, file, err);
    } else if (status == NJ_OK) {
        status = read_config(&tokenizer->path, &config, err);
        if (status == NJ_OK) {
            status = read_sentencepiece(tokenizer, file, nj_buffer_slice(&config), err);
        }
    }
    nj_buffer_fini(&config);
    free(bytes);
    return status;
}

static nj_tokenizer *make_tokenizer(void)
{
    nj_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (tokenizer != NULL) {
        nj_vocab_init(&tokenizer->model.vocab);
        nj_vocab_init(&tokenizer->model.users);
        nj_vocab_init(&tokenizer->added_raw);
        nj_vocab_init(&tokenizer->added_normalized);
        nj_vocab_init(&tokenizer->added);
    }
    return tokenizer;
}

// Hands the tokenizer out where all went well.
static nj_status finish_open(nj_tokenizer *tokenizer, nj_status status, nj_tokenizer **out,
                             nj_error *err)
{
    if (status == NJ_OK) {
        status = nj_tokenizer_place_texts(tokenizer, err);
    }
    if (status == NJ_OK) {
        *out = tokenizer;
    } else {
        nj_tokenizer_close(&tokenizer);
    }
    return status;
}

nj_status nj_tokenizer_open(const char *path, nj_tokenizer **out, nj_error *err)
{
    nj_tokenizer *tokenizer = make_tokenizer();
    if (tokenizer == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a tokenizer", path);
    }
    nj_status status = find_file(path, &tokenizer->path, err);
    if (status == NJ_OK) {
        status = read_file(tokenizer, err);
    }
    return finish_open(tokenizer, status, out, err);
}

// ---- packing ----

static nj_status read_packed(nj_tokenizer *tokenizer, nj_slice bytes, nj_error *err)
{
    packed_head head;
    if (is_json(bytes)) {
        return nj_tokenizer_read_json(tokenizer, bytes, err);
    }
    if (bytes.size < sizeof head) {
        return nj_fail(err, NJ_INPUT,
                       "%s: is neither a tokenizer.json nor a packed SentencePiece model",
                       tokenizer->path.text);
    }
    memcpy(&head, bytes.bytes, sizeof head);
    const size_t rest = bytes.size - sizeof head;
    if (memcmp(head.magic, PACKED_MAGIC, sizeof head.magic) != 0 || head.config_bytes > rest) {
        return nj_fail(err, NJ_INPUT,
                       "%s: must begin with \"{\" or with \"" PACKED_MAGIC
                       "\" and a configuration of at most %zu bytes",
                       tokenizer->path.text, rest);
    }
    const nj_slice config = {bytes.bytes + sizeof head, (size_t)head.config_bytes};
    const nj_slice model = {config.bytes + config.size, rest - config.size};
    return read_sentencepiece(tokenizer, model, config, err);
}

nj_status nj_tokenizer_open_bytes(nj_slice bytes, const char *what, nj_tokenizer **out,
                                  nj_error *err)
{
    nj_tokenizer *tokenizer = make_tokenizer();
    if (tokenizer == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a tokenizer", what);
    }
    tokenizer->is_packed = true;
    nj_status status = nj_path_copy(what, &tokenizer->path, err);
    if (status == NJ_OK) {
        status = read_packed(tokenizer, bytes, err);
    }
    return finish_open(tokenizer, status, out, err);
}

static nj_status append_packed(const nj_tokenizer *tokenizer, nj_slice file, nj_buffer *out,
                               nj_error *err)
{
    nj_buffer config;
    nj_buffer_init(&config, CONFIG_BYTES_MAX);
    nj_status status = is_json(file) ? NJ_OK : read_config(&tokenizer->path, &config, err);
    if (status != NJ_OK) {
        nj_buffer_fini(&config);
        return status;
    }
    if (!is_json(file)) {
        const packed_head head = {.magic = PACKED_MAGIC, .config_bytes = config.size};
        status = nj_buffer_append(out, &head, sizeof head);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, config.bytes, config.size);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, file.bytes, file.size);
    }
    nj_buffer_fini(&config);
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "%s: no memory to pack %zu bytes",
                                     tokenizer->path.text, file.size);
}

nj_status nj_tokenizer_pack(const nj_tokenizer *tokenizer, nj_buffer *out, nj_error *err)
{
    if (tokenizer->is_packed) {
        return nj_fail(err, NJ_INPUT, "%s: is a tokenizer that is packed already",
                       tokenizer->path.text);
    }
    char *bytes = NULL;
    size_t size = 0;
    nj_status status =
        nj_file_read(tokenizer->path.text, NJ_TOKENIZER_FILE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK) {
        status = append_packed(tokenizer, (nj_slice){bytes, size}, out, err);
    }
    free(bytes);
    return status;
}

void nj_tokenizer_close(nj_tokenizer **tokenizer)
{
    nj_tokenizer *closed = *tokenizer;
    *tokenizer = NULL;
    if (closed == NULL) {
        return;
    }
    nj_vocab_fini(&closed->model.vocab);
    nj_vocab_fini(&closed->model.users);
    nj_vocab_fini(&closed->added_raw);
    nj_vocab_fini(&closed->added_normalized);
    nj_vocab_fini(&closed->added);
    nj_charsmap_fini(&closed->charsmap);
    free(closed->model.merges.keys);
    free(closed->model.merges.values);
    free(closed->model.scores);
    free(closed->model.kinds);
    free(closed->traits);
    free(closed->places);
    free(closed);
}

// ---- encoding ----

typedef struct {
    const nj_tokenizer *tokenizer;
    nj_pieces pieces;     // of the stretch in hand
    nj_buffer normalized; // the stretch behind the normalizer
    nj_buffer *ids;
    nj_error *err;
} encoding;

// What is done with text between added tokens.
typedef nj_status (*stretch_taker)(encoding *e, nj_slice text, bool is_first);

static nj_status encode_pieces(encoding *e)
{
    const nj_token_model *model = &e->tokenizer->model;
    const nj_text_piece *piece = (const nj_text_piece *)(const void *)e->pieces.pieces.bytes;
    const size_t count = e->pieces.pieces.size / sizeof *piece;
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        const nj_slice text = {(const char *)e->pieces.text.bytes + piece[i].begin,
                               piece[i].end - piece[i].begin};
        status = model->is_unigram ? nj_unigram_encode(model, text, e->ids, e->err)
                                   : nj_bpe_encode(model, text, e->ids, e->err);
    }
    return status;
}

static nj_status set_text(encoding *e, nj_buffer *buffer, nj_slice text)
{
    nj_buffer_clear(buffer);
    return nj_buffer_append(buffer, text.bytes, text.size) == NJ_OK
               ? NJ_OK
               : nj_fail(e->err, NJ_NO_MEMORY, "no memory for a text of %zu bytes", text.size);
}

static nj_status take_normalized(encoding *e, nj_slice text, bool is_first)
{
    nj_status status = set_text(e, &e->pieces.text, text);
    if (status == NJ_OK) {
        status = nj_pretokenize(&e->tokenizer->splitter, is_first, &e->pieces, e->err);
    }
    return status == NJ_OK ? encode_pieces(e) : status;
}

static const nj_added_traits no_traits;

static bool is_space(nj_slice rest, size_t *size)
{
    int32_t point = 0;
    *size = nj_char_next(rest, &point);
    return nj_char_kind(point) == NJ_CHAR_SPACE;
}

// Where the white space begins that ends at `end`, at `least` or later.
static size_t begin_of_spaces(nj_slice text, size_t least, size_t end)
{
    size_t begin = end;
    for (size_t at = least, size = 0; at < end; at += size) {
        const bool is = is_space((nj_slice){text.bytes + at, end - at}, &size);
        begin = !is ? end : nj_min_size(begin, at);
    }
    return begin;
}

static size_t end_of_spaces(nj_slice text, size_t end)
{
    for (size_t size = 0;
         end < text.size && is_space((nj_slice){text.bytes + end, text.size - end}, &size);) {
        end += size;
    }
    return end;
}

// Cuts the added tokens of `added` out of text; what stands between them goes to `take`.
static nj_status cut_added(encoding *e, const nj_vocab *added, nj_slice text, bool is_first,
                           stretch_taker take)
{
    size_t begin = 0; // of the stretch that no token has taken
    nj_status status = NJ_OK;
    for (size_t at = 0; status == NJ_OK && at < text.size;) {
        uint32_t id = 0;
        const size_t size =
            nj_vocab_longest(added, (nj_slice){text.bytes + at, text.size - at}, &id);
        if (size == 0) {
            at++;
            continue;
        }
        const nj_added_traits *traits =
            e->tokenizer->traits == NULL ? &no_traits : &e->tokenizer->traits[id];
        const size_t end = traits->left ? begin_of_spaces(text, begin, at) : at;
        if (end > begin) {
            status = take(e, (nj_slice){text.bytes + begin, end - begin}, is_first && begin == 0);
        }
        if (status == NJ_OK) {
            status = nj_append_id(e->ids, id, e->err);
        }
        at = traits->right ? end_of_spaces(text, at + size) : at + size;
        begin = at;
    }
    if (status == NJ_OK && begin < text.size) {
        status = take(e, (nj_slice){text.bytes + begin, text.size - begin}, is_first && begin == 0);
    }
    return status;
}

static nj_status take_raw(encoding *e, nj_slice text, bool is_first)
{
    nj_status status = set_text(e, &e->pieces.text, text);
    if (status == NJ_OK) {
        status =
            nj_normalize(&e->tokenizer->normalizer, &e->tokenizer->charsmap, &e->pieces, e->err);
    }
    if (status == NJ_OK) {
        status = set_text(e, &e->normalized, nj_buffer_slice(&e->pieces.text));
    }
    return status == NJ_OK ? cut_added(e, &e->tokenizer->added_normalized,
                                       nj_buffer_slice(&e->normalized), is_first, take_normalized)
                           : status;
}

// A *.model: SentencePiece's own normalizer, and the text as one piece.
static nj_status take_sentence(encoding *e, nj_slice text, bool is_first)
{
    (void)is_first; // each stretch is a sentence
    nj_status status = set_text(e, &e->pieces.text, text);
    if (status == NJ_OK) {
        status = nj_piece_normalize(e->tokenizer, &e->pieces, e->err);
    }
    if (status != NJ_OK || e->pieces.text.size == 0) {
        return status;
    }
    const nj_text_steps none = {.count = 0};
    status = nj_pretokenize(&none, true, &e->pieces, e->err);
    return status == NJ_OK ? encode_pieces(e) : status;
}

static nj_status append_around(const nj_tokenizer *tokenizer, size_t from, size_t to,
                               nj_buffer *ids, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = from; status == NJ_OK && i < to; i++) {
        status = nj_append_id(ids, tokenizer->around[i], err);
    }
    return status;
}

static nj_status check_text(nj_slice text, nj_error *err)
{
    if (text.size > NJ_TOKENIZER_TEXT_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "a text has %zu bytes, may have %zu", text.size,
                       NJ_TOKENIZER_TEXT_BYTES_MAX);
    }
    if (!nj_utf8_valid(text.bytes, text.size)) {
        return nj_fail(err, NJ_INPUT, "a text of %zu bytes is no UTF-8: convert it", text.size);
    }
    return NJ_OK;
}

static nj_status encode_text(const nj_tokenizer *tokenizer, nj_slice text, bool special,
                             bool is_first, nj_buffer *ids, nj_error *err)
{
    nj_status status = check_text(text, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t ids_size = ids->size;
    encoding e = {.tokenizer = tokenizer, .ids = ids, .err = err};
    nj_pieces_init(&e.pieces);
    nj_buffer_init(&e.normalized, NJ_TOKENIZER_TEXT_BYTES_MAX);
    if (special) {
        status = append_around(tokenizer, 0, tokenizer->before_count, ids, err);
    }
    if (status == NJ_OK && text.size > 0) {
        status = cut_added(&e, &tokenizer->added_raw, text, is_first,
                           tokenizer->model.is_sentencepiece ? take_sentence : take_raw);
    }
    if (status == NJ_OK && special) {
        status =
            append_around(tokenizer, tokenizer->before_count, tokenizer->around_count, ids, err);
    }
    nj_pieces_fini(&e.pieces);
    nj_buffer_fini(&e.normalized);
    if (status != NJ_OK) {
        ids->size = ids_size;
    }
    return status;
}

nj_status nj_tokenizer_encode(const nj_tokenizer *tokenizer, nj_slice text, bool special,
                              nj_buffer *ids, nj_error *err)
{
    return encode_text(tokenizer, text, special, true, ids, err);
}

nj_status nj_tokenizer_encode_behind(const nj_tokenizer *tokenizer, nj_slice text, nj_buffer *ids,
                                     nj_error *err)
{
    return encode_text(tokenizer, text, false, false, ids, err);
}

// ---- questions ----

const uint32_t *nj_tokenizer_around(const nj_tokenizer *tokenizer, size_t *out_before,
                                    size_t *out_count)
{
    *out_before = tokenizer->before_count;
    *out_count = tokenizer->around_count;
    return tokenizer->around;
}

uint32_t nj_tokenizer_id(const nj_tokenizer *tokenizer, nj_slice token)
{
    const uint32_t id = nj_vocab_find(&tokenizer->added, token);
    return id != NJ_TOKENIZER_NONE ? id : nj_vocab_find(&tokenizer->model.vocab, token);
}

uint32_t nj_tokenizer_vocabulary(const nj_tokenizer *tokenizer)
{
    return tokenizer->vocabulary;
}

const char *nj_tokenizer_kind(const nj_tokenizer *tokenizer)
{
    return tokenizer->kind;
}

const char *nj_tokenizer_path(const nj_tokenizer *tokenizer)
{
    return tokenizer->path.text;
}
