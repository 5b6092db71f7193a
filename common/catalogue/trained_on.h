// trained_on.h - the SID map that a checkpoint was trained on, as its config.json tells it:
//
//   "nightjar": {"sids": "64 hexadecimal digits", "items": 12101, "token_base": 2, "template": {...}, "history_max": 20}
//
//   sids        nj_catalogue_map_digest over the first `items` rows of the catalogue at training time: L, K, ids and codes
//   items       rows that it had then; a refresh appends rows and moves none, so the catalogues that come of it still fit
//   token_base  may be missing: it is then not compared
//   template    what stood around the items of a history, as template.h reads it; may be missing
//   history_max items of a history that it read at the most; may be missing
//
// `train t5` writes all of it; `catalogue show --json` and `catalogue export` print the first three. A trainer puts it into the model's configuration, where Transformers
// keeps keys that it does not know.
#ifndef NJ_CATALOGUE_TRAINED_ON_H
#define NJ_CATALOGUE_TRAINED_ON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/catalogue/catalogue.h"
#include "common/codec/json.h"

#define NJ_TRAINED_ON_KEY "nightjar"
#define NJ_TRAINED_ON_BYTES 160 // of the object's text, without template and history_max

typedef struct {
    bool stated; // false: the checkpoint does not say, and nothing else is set
    nj_digest sids;
    uint32_t items;
    bool has_token_base;
    uint32_t token_base;
    bool has_template;
    nj_template template;
    uint32_t history_max; // 0: not stated
} nj_trained_on;

/// Reads the key of a config.json; absent or null is fine. `what` names the file.
/// Errors  NJ_INPUT: no object, or a key of it is missing or wrong
NJ_CHECKED nj_status nj_trained_on_read(const json_t *config, const char *what, nj_trained_on *out,
                                        nj_error *err);

/// Whether the catalogue has every SID that the checkpoint knows. Nothing is stated: NJ_OK.
///
///   model, path  name checkpoint and catalogue in errors
///
/// Errors  NJ_REFUSED with both digests, both counts or both token bases
/// Proof   tests/cli/0750-pairing.t
NJ_CHECKED nj_status nj_trained_on_check(const nj_trained_on *trained, const char *model,
                                         const nj_catalogue *catalogue, const char *path,
                                         nj_error *err);

/// The object for a model that is trained on this catalogue, as one line of JSON.
void nj_trained_on_write(const nj_catalogue *catalogue, char out[NJ_TRAINED_ON_BYTES]);

#endif
