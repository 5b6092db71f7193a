// grade.h - the parts of `nightjar grade`: what was published, beside what users did since.
//
//   events ──► split at --from ──► users who took something since ─┐                  (whose list is whose: grade_channels.c)
//   store ───► their rows of the generation ───────────────────────┴─► grade_join.c ──► common/judge/grade.h ──► grade_print.c
//                                                                                                          └──► grade_gate.c
#ifndef NJ_OPS_CLI_GRADE_H
#define NJ_OPS_CLI_GRADE_H

#include "common/base/file.h"
#include "common/base/idlist.h"
#include "common/catalogue/split.h"
#include "common/codec/json.h"
#include "common/codec/row.h"
#include "common/judge/grade.h"
#include "common/store/controls.h"
#include "common/store/reader.h"
#include "ops/cli/channel_split.h"

// An event may be this much ahead of our clock, which need not be that of whoever wrote it.
#define NJ_GRADE_SKEW_S 300.0
// Events further ahead are left out, as long as they are no more than this part of those that count: then it is the file that is wrong.
// 100 is a guess.
#define NJ_GRADE_FUTURE_PART 100

// ---- who got what ----

#define NJ_GRADE_EVERY_CHANNEL SIZE_MAX

typedef struct {
    const char *name;        // as --split has it; "": users are not split
    uint32_t parts;          // of NIGHTJAR_SHARE_WHOLE
    nj_store_reader *reader; // owned
    uint64_t without_row;    // of its active users
    uint64_t graded;
    bool
        has_more; // than the first channel; false where one of the two has no graded user, and of the first itself
    nj_grade_estimates more;
} nj_grade_channel;

typedef struct {
    nj_channel_split split; // what names point into: not to be copied
    nj_grade_channel entries[NIGHTJAR_CHANNELS_MAX];
    const char *names[NIGHTJAR_CHANNELS_MAX];
    size_t count; // at least 1
    const char *salt;
    bool is_split;
    size_t only; // the one whose users count; NJ_GRADE_EVERY_CHANNEL
} nj_grade_channels;

_Static_assert(NIGHTJAR_CHANNELS_MAX <= NJ_GRADE_CHANNELS_MAX, "every channel is a slice");

/// Opens the generation of --gen or --channel, or those of all channels of --split; nj_grade_channels_close in any case. `out` is all zero.
///
/// Errors  NJ_USAGE; those of nj_store_channel_resolve and nj_store_reader_open
/// Proof   tests/cli/1120-grade-channels.t
NJ_CHECKED nj_status nj_grade_channels_open(const nj_arguments *arguments, nj_grade_channels *out,
                                            nj_error *err);
void nj_grade_channels_close(nj_grade_channels *channels);
/// Which channel serves the user, as nightjar-reader.h has it.
size_t nj_grade_channels_find(const nj_grade_channels *channels, nj_slice user);
/// The only one, or the first.
const nj_grade_channel *nj_grade_channels_main(const nj_grade_channels *channels);
/// When the latest of the generations that count was made.
uint64_t nj_grade_channels_made_ms(const nj_grade_channels *channels);

// ---- items ----

// Of the lists of graded users, and what these took next.
typedef struct {
    nj_idlist_builder ids;
    nj_idmap map;
    nj_buffer facts;
} nj_grade_items;

void nj_grade_items_init(nj_grade_items *items);
void nj_grade_items_fini(nj_grade_items *items);
/// NJ_NO_MEMORY
NJ_CHECKED nj_status nj_grade_items_add(nj_grade_items *items, const nj_row *row, nj_slice taken);
/// Users whose next item stands in nobody's list.
uint64_t nj_grade_items_unlisted(const nj_grade_items *items);

// Which group each user is in. All zero but for nj_grade_groups_init: nobody is in any.
typedef struct {
    nj_idlist_builder users;
    nj_idmap user_map;
    nj_buffer group_of; // u32 a user: a place in names
    nj_idlist_builder names;
    nj_idmap name_map;
} nj_grade_groups;

void nj_grade_groups_init(nj_grade_groups *groups);
void nj_grade_groups_fini(nj_grade_groups *groups);
/// Reads a table of user and group. NJ_INPUT names file, line and rule: a user twice, an id or a name that breaks the rules of id.h, no user.
NJ_CHECKED nj_status nj_grade_groups_read(const char *path, nj_grade_groups *groups, nj_error *err);
/// A place in names, or NJ_GROUP_NONE.
uint32_t nj_grade_groups_find(const nj_grade_groups *groups, nj_slice user);
/// The names, each with a NUL behind it, [names.count]; both are the caller's to free. NJ_NO_MEMORY
NJ_CHECKED nj_status nj_grade_groups_names(const nj_grade_groups *groups, char **out_text,
                                           const char ***out_names, nj_error *err);

// What the join counts.
typedef struct {
    uint64_t read;          // users of the events
    uint64_t active;        // of them those who took something since
    uint64_t without_row;   // of the active: the generation has no row
    uint64_t repeated_item; // of the graded: had taken their next item before
    uint64_t unlisted;      // of the graded: their row has an empty list
    uint64_t unknown_item;  // of the graded: their next item stands in no list of any of them
    uint64_t elsewhere;     // active, and of another channel than the only one that counts
    uint64_t events;        // since, of the active
    uint64_t events_before; // of all users
    uint64_t events_future; // left out
} nj_grade_counts;

typedef struct {
    nj_histories_source source;  // of --events
    nj_split split;              // by time: since when, and until when
    double now_s;                // events may not lie behind it where their times are seconds
    nj_grade_channels *channels; // borrowed; what is counted of each is set
    const nj_grade_groups *groups;
    bool keeps_items; // for controls: fill ids, id_map and targets
    nj_buffer users;  // owned, as the next three; nj_graded_user, in the order of the events' users
    nj_idlist_builder ids;     // of the graded users
    nj_idmap id_map;           // over them
    nj_idlist_builder targets; // what each took next
    nj_grade_items items;      // owned
    uint32_t depth;            // places of the longest list
    nj_grade_counts counts;
} nj_grade_join;

void nj_grade_join_init(nj_grade_join *join);
void nj_grade_join_fini(nj_grade_join *join);

/// Reads the events once, and the row of each user who took something since.
///
/// Memory  28 bytes a graded user, and his id and an item's where controls are compared; 40 bytes and the id an item; and what
///         nj_histories_read takes
/// Errors  those of nj_histories_read, nj_split_history and nj_store_get; NJ_INPUT: too many events from the future; NJ_AGAIN: no event since;
///         NJ_INPUT: the generation has a row for none of the active users
/// Proof   tests/unit/cli/test_grade_join.c, tests/cli/1100-grade.t
NJ_CHECKED nj_status nj_grade_join_run(nj_grade_join *join, nj_error *err);

// Lists that nobody was shown, of some of the graded users.
#define NJ_GRADE_CONTROLS_MAX 8
typedef struct {
    nj_path path;
    nj_path name;   // printable
    bool is_stored; // CONTROLS.jsonl of the generations; `path` means nothing
    nj_control stored;
    uint64_t other;     // lists of users who are not graded
    uint32_t depth;     // places of the longest list
    uint32_t cut_depth; // of that and the published lists' the smaller: figures end there
    nj_grade_contrast contrast;
} nj_grade_control;

typedef struct {
    nj_grade_control *entries; // owned; [count]
    size_t count;
} nj_grade_controls;

/// Takes the paths of --controls apart, by commas; NULL and "none" are none. NJ_USAGE
NJ_CHECKED nj_status nj_grade_controls_parse(const char *text, nj_grade_controls *out,
                                             nj_error *err);
/// Accepts a struct that is all zero.
void nj_grade_controls_fini(nj_grade_controls *controls);

/// The control lists that were stored with the generations, one entry each; none where no generation has any. NJ_NO_MEMORY
NJ_CHECKED nj_status nj_grade_controls_find(const char *store_dir,
                                            const nj_grade_channels *channels,
                                            nj_grade_controls *out, nj_error *err);

/// Reads the control's lists and compares those of graded users with what was published. The join kept its items. Lists are those of
/// schemas/lists.md; of a stored control those of common/store/controls.h, which has 0 users where none of them is graded.
///
/// Errors  those of nj_histories_read; NJ_INPUT: a list that may have seen the events since (its "held_out" is neither "none" nor "from" a
///         moment that is not behind the join's), or no list of a graded user
/// Proof   tests/cli/1105-grade-controls.t
NJ_CHECKED nj_status nj_grade_control_judge(const nj_grade_join *join, const char *store_dir,
                                            const nj_resampling *resampling,
                                            nj_grade_control *control, nj_error *err);

// A bound of --hold-if: "hit@10<0.02".
#define NJ_GRADE_BOUNDS_MAX 16
typedef struct {
    const char *name; // "hit", "ndcg", "mrr" or "any_hit"; static
    size_t cutoff;    // a place in NJ_CUTOFFS
    double least;
} nj_grade_bound;

typedef struct {
    nj_grade_bound bounds[NJ_GRADE_BOUNDS_MAX];
    size_t count;
} nj_grade_gate;

/// Parses "hit@10<0.02,ndcg@10<0.01"; NULL is no bound. NJ_USAGE names the word and the forms that there are.
NJ_CHECKED nj_status nj_grade_gate_parse(const char *text, nj_grade_gate *out, nj_error *err);
/// NJ_USAGE: a bound's cut-off is beyond the lists' `depth`, so that it could not be judged.
NJ_CHECKED nj_status nj_grade_gate_check(const nj_grade_gate *gate, uint32_t depth, nj_error *err);
/// What a bound is about.
nj_estimate nj_grade_gate_value(const nj_grade_bound *bound, const nj_grade *grade);
/// True where the bound holds the night: the whole interval lies below it. Few users make wide intervals, so chance alone rarely holds one.
bool nj_grade_bound_holds(const nj_grade_bound *bound, const nj_grade *grade);
/// NJ_REFUSED with figure, interval and bound where one holds.
NJ_CHECKED nj_status nj_grade_gate_judge(const nj_grade_gate *gate, const nj_grade *grade,
                                         nj_error *err);

// What is told.
typedef struct {
    const nj_store_manifest *manifest; // of the only channel, or the first
    const nj_grade_channels *channels;
    const nj_grade_join *join;
    const nj_grade *grade;
    const nj_grade_gate *gate;
    const nj_grade_controls *controls;
} nj_grade_told;

extern const char NJ_GRADE_WARNING[]; // of exposure bias

/// NULL without memory.
json_t *nj_grade_to_json(const nj_grade_told *told);
void nj_grade_print(const nj_grade_told *told);

#endif
