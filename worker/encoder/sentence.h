// sentence.h - a folder of sentence-transformers, opened whole: text in, vectors out, whatever the model inside.
//
//   nj_sentence_open ──► nj_sentence_tokenize, each text ──► nj_encoder_open, nj_encoder_run (encoder.h), here or on a worker, each batch
#ifndef NJ_WORKER_ENCODER_SENTENCE_H
#define NJ_WORKER_ENCODER_SENTENCE_H

#include "common/text/tokenizer.h"
#include "common/text/wordpiece.h"
#include "worker/encoder/encoder.h"

typedef struct {
    nj_encoder_config config;
    nj_buffer section;       // owned; the weights (nj_encoder_weights_load)
    nj_tensor_set *weights;  // owned; of the section
    nj_wordpiece *wordpiece; // owned; of a BERT
    nj_tokenizer *tokenizer; // owned; of a T5
    size_t around_count;     // tokens that stand around every text: none is shorter
    nj_digest digest;        // nj_encoder_digest
} nj_sentence;

/// Opens config, tokenizer and weights; `kernels` are those that will compute.
///
/// Errors  those of nj_encoder_config_load, nj_encoder_weights_load, nj_wordpiece_open and nj_tokenizer_open; NJ_INPUT: a tokenizer with ids
///         beyond the model's vocabulary (both numbers), a T5's that puts anything but one </s> behind a text
NJ_CHECKED nj_status nj_sentence_open(const char *folder, const nj_kernels *kernels,
                                      nj_sentence *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_sentence_close(nj_sentence *sentence);

/// Appends a text's tokens, with those around it (uint32_t each). A text longer than the model reads is cut off before what stands behind it. One
/// text at a time.
///
///   out_cut  whether something was cut off; may be NULL
///
/// Errors  NJ_INPUT: the text is no UTF-8 or too long (common/text); NJ_NO_MEMORY. `tokens` is then as it was
NJ_CHECKED nj_status nj_sentence_tokenize(const nj_sentence *sentence, nj_slice text,
                                          nj_buffer *tokens, bool *out_cut, nj_error *err);

#endif
