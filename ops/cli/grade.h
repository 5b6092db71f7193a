// grade.h - the parts of `nightjar grade`: what was published, beside what users did since.
//
//   events ──► split at --from ──► users who took something since ─┐
//   store ───► their rows of the generation ───────────────────────┴─► grade_join.c ──► common/judge/grade.h ──► grade_print.c
//                                                                                                          └──► grade_gate.c
#ifndef NJ_OPS_CLI_GRADE_H
#define NJ_OPS_CLI_GRADE_H

#include "common/base/file.h"
#include "common/base/idlist.h"
#include "common/catalogue/split.h"
#include "common/codec/json.h"
#include "common/judge/grade.h"
#include "common/store/reader.h"

// An event may be this much ahead of our clock, which need not be that of whoever wrote it.
#define NJ_GRADE_SKEW_S 300.0

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
    uint64_t events;        // since, of the active
} nj_grade_counts;

typedef struct {
    nj_histories_source source; // of --events
    nj_split split;             // by time: since when, and until when
    double now_s;               // events may not lie behind it where their times are seconds
    nj_store_reader *reader;    // borrowed
    const nj_grade_groups *groups;
    bool keeps_items; // for controls: fill ids, id_map and targets
    nj_buffer users;  // owned, as the next three; nj_graded_user, in the order of the events' users
    nj_idlist_builder ids;     // of the graded users
    nj_idmap id_map;           // over them
    nj_idlist_builder targets; // what each took next
    uint32_t depth;            // places of the longest list
    nj_grade_counts counts;
} nj_grade_join;

void nj_grade_join_init(nj_grade_join *join);
void nj_grade_join_fini(nj_grade_join *join);

/// Reads the events once, and the row of each user who took something since.
///
/// Memory  24 bytes a graded user, and what nj_histories_read takes
/// Errors  those of nj_histories_read, nj_split_history and nj_store_get; NJ_INPUT: an event from the future; NJ_AGAIN: no event since;
///         NJ_INPUT: the generation has a row for none of the active users
/// Proof   tests/cli/1100-grade.t
NJ_CHECKED nj_status nj_grade_join_run(nj_grade_join *join, nj_error *err);

// Lists that nobody was shown, of some of the graded users.
#define NJ_GRADE_CONTROLS_MAX 8
typedef struct {
    nj_path path;
    nj_path name;       // printable
    uint64_t other;     // lists of users who are not graded
    uint32_t depth;     // places of the longest list
    uint32_t cut_depth; // of that and the published lists' the smaller: figures end there
    nj_grade_contrast contrast;
} nj_grade_control;

typedef struct {
    nj_grade_control *entries; // owned; [count]
    size_t count;
} nj_grade_controls;

/// Takes the paths of --controls apart, by commas; NULL is none. NJ_USAGE
NJ_CHECKED nj_status nj_grade_controls_parse(const char *text, nj_grade_controls *out,
                                             nj_error *err);
/// Accepts a struct that is all zero.
void nj_grade_controls_fini(nj_grade_controls *controls);

/// Reads the control's lists (schemas/lists.md) and compares those of graded users with what was published. The join kept its items.
///
/// Errors  those of nj_histories_read; NJ_INPUT: a list that may have seen the events since (its "held_out" is neither "none" nor "from" a
///         moment that is not behind the join's), or no list of a graded user
/// Proof   tests/cli/1105-grade-controls.t
NJ_CHECKED nj_status nj_grade_control_judge(const nj_grade_join *join,
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
    const nj_store_manifest *manifest;
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
