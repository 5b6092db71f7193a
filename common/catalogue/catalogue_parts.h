// catalogue_parts.h - how the makers of a catalogue (read, import, assign) put one together; used inside this folder only.
//
//   nj_catalogue_begin       N and L: memory for the codes
//   nj_catalogue_apply       token base, template, ids (or only nj_catalogue_name_items)
//   ...                      the maker fills codes, codes_per_level, has_suffix, codebooks
//   nj_catalogue_finish      checks, token bases, fingerprints
#ifndef NJ_CATALOGUE_CATALOGUE_PARTS_H
#define NJ_CATALOGUE_CATALOGUE_PARTS_H

#include "common/catalogue/catalogue_make.h"
#include "common/catalogue/quant_model.h"
#include "common/input/npy.h"

#define NJ_CATALOGUE_JSON "catalogue.json"
#define NJ_CATALOGUE_ITEMS "items.txt"
#define NJ_CATALOGUE_SIDS "sids.npy"
#define NJ_CATALOGUE_CODEBOOKS "codebooks.safetensors"
#define NJ_CATALOGUE_RETIRED "retired.npy"

/// A new catalogue with codes [N, L], all 0. `what` names the rows' file in errors. NJ_INPUT: N or L beyond its limits.
NJ_CHECKED nj_status nj_catalogue_begin(size_t N, size_t L, const char *what, nj_catalogue **out,
                                        nj_error *err);

/// Ids from a file, one a row; NULL: row numbers from 0. NJ_INPUT: another count than rows (both numbers), or the file's own.
NJ_CHECKED nj_status nj_catalogue_name_items(nj_catalogue *catalogue, const char *ids_path,
                                             nj_error *err);

/// Sets what a maker was told, ids included.
NJ_CHECKED nj_status nj_catalogue_apply(nj_catalogue *catalogue,
                                        const nj_catalogue_options *options, nj_error *err);

/// Checks codes against codes_per_level, sets token bases and fingerprints. `what` names the source of the codes in errors.
NJ_CHECKED nj_status nj_catalogue_finish(nj_catalogue *catalogue, const char *what, nj_error *err);

/// Copies an opened array [N, L] of whole numbers into the catalogue's codes, in blocks of rows. codes_per_level is set: a
/// code outside 0..K-1 is NJ_INPUT with file, row, level and both numbers.
NJ_CHECKED nj_status nj_catalogue_load_sids(nj_catalogue *catalogue, const nj_npy *npy,
                                            nj_error *err);

/// A new item block of the same catalogue's ids and more: what nj_idlist_builder holds becomes the catalogue's items. NJ_NO_MEMORY,
/// NJ_INPUT; the catalogue is unchanged then.
NJ_CHECKED nj_status nj_catalogue_set_items(nj_catalogue *catalogue,
                                            const nj_idlist_builder *builder, nj_error *err);

/// Moves codebooks, transform and their memory out of a catalogue, which then has none.
void nj_catalogue_give_model(nj_catalogue *catalogue, nj_quant_model *out);

/// Moves codebooks, transform and their memory into a catalogue that has none; the model is empty afterwards.
void nj_catalogue_take_model(nj_catalogue *catalogue, nj_quant_model *model);
/// Files of a folder that is being written: items.txt; retired.npy, of a catalogue that has retired items; and an int32 array [N, L] of
/// bases[level] + code, codes alone where `bases` is NULL.
NJ_CHECKED nj_status nj_catalogue_write_items(const char *folder, const nj_catalogue *catalogue,
                                              nj_error *err);
NJ_CHECKED nj_status nj_catalogue_write_retired(const char *folder, const nj_catalogue *catalogue,
                                                nj_error *err);
NJ_CHECKED nj_status nj_catalogue_write_codes(const char *folder, const char *name,
                                              const nj_sids *sids, const uint32_t *bases,
                                              nj_error *err);

#endif
