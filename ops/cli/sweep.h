// sweep.h - the parts of `nightjar policy sweep`: variants of a policy, each judged beside no policy at all.
//
//   --curves ──► plan (sweep_plan.c) ──► each value: policy file with the value set ──► section "policy" ──► lists ──┐
//   the bundle without its policy ──► lists ───────────────────────────────────────────────────────────────────────┴─► balances
//                                                                                        table, JSON (sweep_print.c), pictures ◄─┘
#ifndef NJ_OPS_CLI_SWEEP_H
#define NJ_OPS_CLI_SWEEP_H

#include "common/codec/chart.h"
#include "common/judge/balance.h"
#include "common/policy/policy_read.h"

#define NJ_SWEEP_CURVES_MAX (NJ_CHART_SERIES_MAX - 1) // beside "policy off"
#define NJ_SWEEP_VALUES_MAX 32                        // of a curve
#define NJ_SWEEP_SETTINGS_MAX 16                      // of a curve
#define NJ_SWEEP_TEXT_BYTES 4096
#define NJ_SWEEP_AGAINST_MAX 8
#define NJ_SWEEP_NAME_BYTES 256

// One curve: settings that all of its points have, and one that differs from point to point.
typedef struct {
    const char *name; // for people
    nj_policy_override settings[NJ_SWEEP_SETTINGS_MAX];
    uint32_t setting_count;
    uint32_t
        varied; // of the settings, the one whose value changes; setting_count where there are none
    const char *values[NJ_SWEEP_VALUES_MAX];
    uint32_t value_count; // at least 1
} nj_sweep_curve;

typedef struct {
    char text[NJ_SWEEP_TEXT_BYTES];  // what the curves' words point into
    char names[NJ_SWEEP_TEXT_BYTES]; // the same once more, printable, for their names
    nj_sweep_curve curves[NJ_SWEEP_CURVES_MAX];
    size_t curve_count;
} nj_sweep_plan;

/// Reads curves: "mmr: rerank.method=mmr rerank.relevance=1,.9,.7; caps: ...". A curve is settings with blanks between them, one of which
/// may have several values; commas inside brackets part no values. A name with a colon before them is what the curve is called;
/// without one it is its own text. `text` NULL: one curve without settings, called "policy". The plan points into itself: it is not copied.
///
/// Errors  NJ_USAGE names the curve, rule and both numbers
NJ_CHECKED nj_status nj_sweep_plan_read(const char *text, nj_sweep_plan *plan, nj_error *err);

// A point of a curve, a file of lists, or no policy.
typedef struct {
    const char *name; // value, or file; printable
    nj_balance balance;
    double users_per_s; // 0: not decoded
} nj_sweep_point;

typedef struct {
    nj_sweep_plan plan;
    const char *policy; // file; NULL: none
    const char *target, *split, *history;
    size_t user_count;
    uint32_t cutoff;
    nj_resampling resampling;
    bool has_diversity;       // embeddings are known
    nj_estimate targets_lift; // of the held-out items themselves
    nj_sweep_point off;
    nj_sweep_point points[NJ_SWEEP_CURVES_MAX][NJ_SWEEP_VALUES_MAX];
    nj_sweep_point against[NJ_SWEEP_AGAINST_MAX];
    size_t against_count;
} nj_sweep;

void nj_sweep_print(const nj_sweep *sweep);
NJ_CHECKED nj_status nj_sweep_print_json(const nj_sweep *sweep, nj_error *err);

/// Writes recall and NDCG against diversity (where it is known), lift and coverage as ndcg-diversity.svg and so on into the folder, which
/// is made. Lists of --against are in the table only. Each picture is whole or not there. Errors  NJ_IO, NJ_NO_MEMORY
NJ_CHECKED nj_status nj_sweep_draw(const nj_sweep *sweep, const char *folder, nj_error *err);

#endif
