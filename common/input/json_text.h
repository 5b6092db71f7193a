// json_text.h - numbers and strings of a JSON text, where jsmn has found them: it does not look inside.
#ifndef NJ_INPUT_JSON_TEXT_H
#define NJ_INPUT_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/// *out_whole is false when there is a fraction or an exponent.
/// Source  RFC 8259, section 6
/// Proof   tests/unit/input/test_history_json.c, as all of this header
bool nj_json_is_number(const char *text, size_t size, bool *out_whole);

/// True for a byte that RFC 8259, section 7 wants escaped.
bool nj_json_has_control_byte(const char *text, size_t size);

/// Decodes escapes in place; each is whole, as jsmn sees to. False for half of a surrogate pair.
bool nj_json_decode_escapes(char *text, size_t size, size_t *out_size);

#endif
