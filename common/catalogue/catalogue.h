// catalogue.h - the items of a shop, what each is called and which SID it has; as one folder (schemas/catalogue.md).
//
//   CAT/
//     catalogue.json          sizes, token base, template, fingerprints, counts
//     items.txt               one id a line, in row order
//     sids.npy                int32 [N, L]
//     codebooks.safetensors   codebooks and transform (quant_model.h); where the SIDs were assigned from embeddings
//     retired.npy             uint8 [N], 1 = no longer sold; where an item is
//     refit.json, old_sids.npy  the way here from the catalogue before; where `catalogue refresh --refit` made this one
//
// The order of items is the order of rows, everywhere. The last level may be a collision counter, which is no residual: it only
// tells apart the items that the levels before it do not.
#ifndef NJ_CATALOGUE_CATALOGUE_H
#define NJ_CATALOGUE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/catalogue/template.h"
#include "common/quant/quant.h"
#include "common/quant/transform.h"
#include "common/sid/trie_build.h"

// Version 1 is what a folder says that a reader of version 1 does not misread; both are read.
#define NJ_CATALOGUE_VERSION_MAX 2
#define NJ_CATALOGUE_JSON_BYTES_MAX (1u << 20)

// A heap object: nj_catalogue_free. Everything in it is borrowed until then.
typedef struct {
    nj_idlist items;        // [N]
    nj_sids sids;           // [N, L]
    bool has_suffix;        // the last level is a collision counter
    uint32_t token_base;    // token of code 0 at level 0
    nj_template template;   // what the encoder reads around items
    nj_codebooks codebooks; // level_count 0 = none; else L, or L - 1 with a suffix
    nj_transform transform; // of embeddings, before the codebooks; D_in 0 = none
    bool has_embeddings;    // embeddings_digest is set
    nj_digest embeddings_digest;
    uint32_t retired_count; // rows that have a SID for the histories' sake, and no leaf in the trie
    // rebuilt from the above:
    uint32_t
        level_token_base[NJ_LEVELS_MAX]; // [L] token of code c at level l = level_token_base[l] + c
    nj_digest items_digest;
    nj_digest sids_digest;
    nj_digest codebooks_digest; // all zero without codebooks
    nj_digest retired_digest;   // all zero when none is retired
    // memory behind the views:
    nj_buffer item_block;    // owned; what idlist.h draws: also the bundle's "items" section
    uint16_t *codes;         // owned
    uint8_t *retired;        // owned; [N] 0 or 1, sids.retired points to it; NULL = none
    float *codebook_values;  // owned; all levels end to end
    uint32_t *child_offsets; // owned; of hierarchical codebooks, all levels end to end
    float *transform_values; // owned; all parts end to end
} nj_catalogue;

/// Accepts NULL in *catalogue and leaves NULL.
void nj_catalogue_free(nj_catalogue **catalogue);

/// Reads a catalogue folder and checks all of it: sizes of every file against catalogue.json, every id, every code, and the
/// fingerprints.
///
/// Errors  NJ_NOT_FOUND: no such folder, or a file of it is missing; NJ_INPUT with file, place, rule and both numbers;
///         NJ_REFUSED: a fingerprint differs (names both); NJ_IO; NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_catalogue.c
NJ_CHECKED nj_status nj_catalogue_read(const char *path, nj_catalogue **out, nj_error *err);

/// Whether nj_catalogue_write may write here, so that long work need not be done in vain: nothing is there, or an empty
/// folder, or (with `overwrite`) a catalogue and nothing else.
/// Errors  NJ_INPUT names what is in the way
NJ_CHECKED nj_status nj_catalogue_check_path(const char *path, bool overwrite, nj_error *err);

/// Writes the folder under "<path>.tmp.<pid>", syncs it and renames it. An existing catalogue is exchanged in one step and then
/// removed, so a reader finds the old one or the new one; on failure `path` is as it was.
///
/// Errors  those of nj_catalogue_check_path; NJ_IO (also where the file system cannot exchange two folders)
NJ_CHECKED nj_status nj_catalogue_write(const char *path, const nj_catalogue *catalogue,
                                        bool overwrite, nj_error *err);

#define NJ_CATALOGUE_REFIT "refit.json"
#define NJ_CATALOGUE_OLD_SIDS "old_sids.npy"

// Where a refitted catalogue comes from: two more files in its folder (schemas/catalogue.md). Borrowed.
typedef struct {
    nj_slice json;           // NJ_CATALOGUE_REFIT
    const int32_t *old_sids; // [N, L] NJ_CATALOGUE_OLD_SIDS
} nj_catalogue_origin;

/// As nj_catalogue_write; `origin` is nullable.
NJ_CHECKED nj_status nj_catalogue_write_from(const char *path, const nj_catalogue *catalogue,
                                             const nj_catalogue_origin *origin, bool overwrite,
                                             nj_error *err);

/// Takes marks [N] of 0 and 1 over (malloc; NULL = none is retired) and counts them: sids.retired, retired_count,
/// retired_digest. `*marks` is NULL afterwards. Marks that are all 0 are freed: the catalogue has none then.
void nj_catalogue_retire_take(nj_catalogue *catalogue, uint8_t **marks);

/// What a model learns of a catalogue: the digest over L, every K, and of the first `row_count` rows id and codes.
///
/// A refresh appends rows and moves none, so a catalogue knows the SIDs that a checkpoint was trained on iff its digest over as
/// many rows as there were then is the same. Retiring an item changes nothing here.
///
///   row_count  0..N
///
/// Proof   tests/unit/catalogue/test_retired.c
nj_digest nj_catalogue_map_digest(const nj_catalogue *catalogue, uint32_t row_count);

/// Where an item's encoder and decoder tokens come from; borrows from the catalogue.
static inline nj_token_table nj_catalogue_tokens(const nj_catalogue *catalogue)
{
    return (nj_token_table){catalogue->sids.codes, catalogue->level_token_base,
                            catalogue->sids.level_count};
}

/// Width of the embeddings that SIDs are assigned from; 0 without codebooks.
static inline size_t nj_catalogue_embedding_width(const nj_catalogue *catalogue)
{
    return nj_transform_is_none(&catalogue->transform) ? catalogue->codebooks.D
                                                       : catalogue->transform.D_in;
}

// What `catalogue show` prints.
typedef struct {
    uint32_t item_count; // N, retired items too; what follows counts live ones only
    uint32_t retired_count;
    uint32_t level_count;
    uint32_t codes_per_level[NJ_LEVELS_MAX];
    uint32_t token_base;
    uint32_t token_end; // one behind the highest token that a level could have
    bool has_suffix;
    nj_quant_kind kind;               // of the codebooks, where there are any
    size_t embedding_width;           // of what the codebooks, or their transform, take; 0 without
    uint32_t distinct_sid_count;      // leaves of the trie
    uint32_t sharing_item_count;      // items that share their SID with another
    uint32_t largest_leaf_item_count; // items of the SID that has most
    // items that share with another what stands before the counter (without one: the SID)
    uint32_t collision_item_count;
    // items of the prefix before the counter that has most (without one: the largest leaf)
    uint32_t largest_prefix_item_count;
} nj_catalogue_summary;

/// Counts. Builds a trie on the way, so it needs the memory of one.
NJ_CHECKED nj_status nj_catalogue_show(const nj_catalogue *catalogue, nj_catalogue_summary *out,
                                       nj_error *err);

#endif
