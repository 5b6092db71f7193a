// users.h - the night's users: every history read once and resolved to catalogue rows.
//
// Items that the catalogue does not know are dropped and counted; what remains is the user's history, oldest first. Users stand in
// the order of the input.
#ifndef NJ_CATALOGUE_USERS_H
#define NJ_CATALOGUE_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/catalogue/prompt_head.h"
#include "common/catalogue/user_groups.h"
#include "common/codec/settings.h"
#include "common/codec/shard.h"
#include "common/input/histories.h"

// What a night asks of its users, and which mask each has; borrowed.
typedef struct {
    const nj_masks *masks;        // count 0: there are none, and groups mean nothing
    const nj_user_groups *groups; // of a file; NULL: none
    uint32_t needs;               // the bundle's: bits of prompt_head.h
} nj_user_rules;

typedef struct {
    nj_idlist_builder ids; // owned
    nj_buffer
        items; // owned; u32 catalogue rows of all users, end to end: each one's history, what he must not get, his candidates
    nj_buffer spans; // owned; where each user's items lie
    nj_buffer
        asked; // owned; how many candidates and how much text each has; empty where nobody has any
    nj_buffer texts;           // owned; end to end
    uint32_t needs;            // of the rules
    size_t count;              // users
    uint64_t item_total;       // known items
    uint64_t unknown_total;    // dropped items
    size_t cold_count;         // users with no known item, where the bundle reads histories
    size_t first_cold;         // the first of them, when cold_count > 0
    bool has_newest;           // some history has times
    double newest;             // of them, in the file's unit; known items or not
    uint32_t longest;          // known items of the longest history
    uint32_t exclude_longest;  // known items that a user must not get, at the most
    uint32_t both_longest;     // the two together, of one user, at the most
    uint32_t candidates_most;  // known candidates of one user
    size_t candidates_unknown; // users none of whose candidates is known
    size_t group_count;        // users in a group
    size_t group_ignored;      // users whose histories name a group although there are no masks
    size_t text_ignored; // users with a text although the bundle's prompt has no place for one
} nj_user_table;

/// An empty table, to which users are added one by one.
void nj_user_table_init(nj_user_table *table);
/// Resolves a history as nj_user_table_read does, and adds its user. All users of a table are added under the same rules. NJ_INPUT: the
/// user's group, candidates or text (names line and user); NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_user_table_add(nj_user_table *table, const nj_idlist *items,
                                       const nj_idmap *map, const nj_user_rules *rules,
                                       const nj_history *history, nj_error *err);

/// Reads the file and resolves item ids through `map` over `items` (both from the bundle), and groups through the masks. Excluded items
/// and candidates that the catalogue does not know are left out: nobody can get them.
///
///   rules   NULL: histories alone count; groups, candidates and texts mean nothing
///
/// Memory  4 bytes an item, 24 and the id a user, 16 more and the text where a user of the table has candidates or a text
/// Errors  those of nj_histories_read; NJ_INPUT names line and user: a group that is not there, or another one than the file of groups
///         has; no candidates or no text where the prompt has a place for them; NJ_NO_MEMORY. `*out` is then unchanged.
/// Proof   tests/unit/catalogue/test_users.c
NJ_CHECKED nj_status nj_user_table_read(const nj_histories_source *source, const nj_idlist *items,
                                        const nj_idmap *map, const nj_user_rules *rules,
                                        nj_user_table *out, nj_error *err);
/// Accepts a table that is all zero.
void nj_user_table_fini(nj_user_table *table);

/// User number `index`; borrowed until nj_user_table_fini.
nj_request nj_user_table_at(const nj_user_table *table, size_t index);

/// Sets the limits that the engine plans for (history_items_max, exclusions_max, candidates_max) from the longest of each, and refuses
/// cold users where --cold-users fail asks for it: NJ_INPUT names the first and the count.
NJ_CHECKED nj_status nj_user_table_apply(const nj_user_table *table, nj_settings *settings,
                                         nj_error *err);

/// True for a user of the table without a known item, where the bundle reads histories.
static inline bool nj_user_is_cold(const nj_user_table *table, const nj_request *request)
{
    return (table->needs & NJ_PROMPT_NEEDS_HISTORY) != 0 && request->item_count == 0;
}

/// True when --cold-users skip leaves this user out.
static inline bool nj_user_is_skipped(const nj_user_table *table, const nj_request *request,
                                      const nj_settings *settings)
{
    return settings->cold_users == NJ_COLD_SKIP && nj_user_is_cold(table, request);
}

#endif
