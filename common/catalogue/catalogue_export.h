// catalogue_export.h - SIDs in the forms that other people's trainers read; both are read back by catalogue_make.h without a loss.
//
//   index-json   {"0": ["<a_183>", "<b_70>", ...], "1": ...}       LETTER, LC-Rec, MiniOneRec: the key is the row, from 0
//
//   npy          OUT/sids.npy     int32 [N, L]  codes               GRID: one row an item
//                    tokens.npy   int32 [N, L]  what a model that uses this catalogue sees
//                    items.txt    the ids, one a line
//                    retired.npy  uint8 [N]     1 = no longer sold; only where an item is
//                    about.json   {"codes_per_level": [...], "token_base": 2, "vocab_size": 1026, "nightjar": {...}}
//
// Retired items are written like all others, so that rows keep their numbers: the trainer's histories name them. "vocab_size" is one
// more than the highest token of a level or of the template. "nightjar" is what trained_on.h describes.
#ifndef NJ_CATALOGUE_CATALOGUE_EXPORT_H
#define NJ_CATALOGUE_CATALOGUE_EXPORT_H

#include "common/catalogue/catalogue.h"

/// Writes the file whole or not at all. Only the codes go into it: ids, sizes and who is retired do not.
///
/// Errors  NJ_INPUT: something is there already; NJ_IO
/// Bytes   those of Python's json.dump of a dict in row order: LETTER's file comes back as it was
/// Proof   tests/cli/0760-catalogue-export.t
NJ_CHECKED nj_status nj_catalogue_export_index_json(const nj_catalogue *catalogue, const char *path,
                                                    nj_error *err);

/// Writes the folder whole or not at all.
///
/// Errors  NJ_INPUT: something is there already that is no empty folder; NJ_IO; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_catalogue_export_npy(const nj_catalogue *catalogue, const char *path,
                                             nj_error *err);

#endif
