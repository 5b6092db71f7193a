// report.h - the report of a night: the document STORE/reports/GEN.json and the page GEN.html (schemas/report.md).
//
//   recorder, processes, phases, plan ─┐
//   manifest, QUARANTINED.jsonl ───────┼─► document ─► GEN.json
//   rows of some users ─► study ───────┘       └─────► page ─► GEN.html
//
// The page is made from the document alone, so it can be made again as long as that is there. Without one a document is made from the
// generation alone: what only the night knew is missing.
#ifndef NJ_COORDINATOR_REPORT_REPORT_H
#define NJ_COORDINATOR_REPORT_REPORT_H

#include "common/base/file.h"
#include "common/codec/json.h"
#include "common/store/generation.h"
#include "coordinator/gates.h"
#include "coordinator/planned.h"
#include "coordinator/recorder.h"
#include "coordinator/report/processes.h"
#include "coordinator/report/study.h"

#define NJ_NIGHT_REPORT_VERSION 1
#define NJ_NIGHT_REPORT_BYTES_MAX ((size_t)4 << 20)        // of a document
#define NJ_NIGHT_REPORT_WORKERS_MAX 1000u                  // that are listed
#define NJ_NIGHT_REPORT_QUARANTINED_MAX 100u               // likewise
#define NJ_NIGHT_REPORT_PLAN_BYTES_MAX ((size_t)256 << 10) // of plan.json; a longer one is left out
#define NJ_NIGHT_REPORT_PHASES_MAX 16

// What was done for a night before its users: `run --embeddings` refreshes the catalogue and packs the bundle. Borrowed.
typedef struct {
    const char *name; // "catalogue"
    double seconds;
    bool skipped;    // nothing had changed
    const char *why; // it was made, or not; a few words
} nj_night_phase;

// The numbers of a night: NJ_NIGHT_REPORT_COUNT(field) and NJ_NIGHT_REPORT_SECONDS(field) become keys of "run".
#define NJ_NIGHT_REPORT_RUN                                                                        \
    NJ_NIGHT_REPORT_COUNT(users)                                                                   \
    NJ_NIGHT_REPORT_COUNT(rows)                                                                    \
    NJ_NIGHT_REPORT_COUNT(copied)                                                                  \
    NJ_NIGHT_REPORT_COUNT(carried)                                                                 \
    NJ_NIGHT_REPORT_COUNT(skipped)                                                                 \
    NJ_NIGHT_REPORT_COUNT(quarantined)                                                             \
    NJ_NIGHT_REPORT_COUNT(shards)                                                                  \
    NJ_NIGHT_REPORT_COUNT(resumed_rows)                                                            \
    NJ_NIGHT_REPORT_COUNT(leases)                                                                  \
    NJ_NIGHT_REPORT_COUNT(retries)                                                                 \
    NJ_NIGHT_REPORT_COUNT(losses)                                                                  \
    NJ_NIGHT_REPORT_COUNT(duplicates)                                                              \
    NJ_NIGHT_REPORT_COUNT(speculations)                                                            \
    NJ_NIGHT_REPORT_COUNT(speculations_won)                                                        \
    NJ_NIGHT_REPORT_COUNT(splits)                                                                  \
    NJ_NIGHT_REPORT_COUNT(benched)                                                                 \
    NJ_NIGHT_REPORT_COUNT(audited)                                                                 \
    NJ_NIGHT_REPORT_SECONDS(decode_seconds)                                                        \
    NJ_NIGHT_REPORT_SECONDS(decode_cpu_seconds)                                                    \
    NJ_NIGHT_REPORT_SECONDS(publish_seconds)                                                       \
    NJ_NIGHT_REPORT_SECONDS(paused_seconds)                                                        \
    NJ_NIGHT_REPORT_SECONDS(total_seconds)

typedef struct {
#define NJ_NIGHT_REPORT_COUNT(field) uint64_t field;
#define NJ_NIGHT_REPORT_SECONDS(field) double field;
    NJ_NIGHT_REPORT_RUN
#undef NJ_NIGHT_REPORT_COUNT
#undef NJ_NIGHT_REPORT_SECONDS
    uint64_t began_ms; // of the night, since 1970
    uint32_t lease_ms;
    uint32_t shard_users;
} nj_night_report_run;

// What only the night knows. Everything is borrowed.
typedef struct {
    nj_night_report_run run;
    const nj_recorder *recorder;
    const nj_processes *processes;
    const json_t *planned; // what plan.json says of this night; NULL: there was no plan
    const nj_night_numbers *actual;
    const nj_night_phase *phases;
    size_t phase_count;
    const nj_gate_findings *gates; // NULL: nothing was asked
} nj_night_report_own;

// The users whose rows are read, by number; NULL: the rows of the generation are walked.
typedef struct {
    const void *context;
    nj_slice (*at)(const void *context, uint64_t index);
    uint64_t count;
} nj_night_report_users;

typedef struct {
    const char *store_dir;
    const nj_store_name *generation;     // published
    const nj_store_name *before;         // current before it; NULL: found in HISTORY
    const nj_study_catalogue *catalogue; // NULL: not known
    const nj_night_report_users *users;
    const nj_night_report_own *night; // NULL: made from the generation alone
} nj_night_report_source;

/// STORE/reports/GEN.json or .html.
NJ_CHECKED nj_status nj_night_report_path(const char *store_dir, const nj_store_name *generation,
                                          const char *ending, nj_path *out, nj_error *err);

/// Makes the document. `*out` is owned: json_decref.
///
/// Cost    of a store's rows: a look-up of some users (nj_study_step) in two generations, or one walk over all rows
/// Errors  as nj_store_reader_open; NJ_NO_MEMORY. An earlier generation that cannot be read is no failure.
NJ_CHECKED nj_status nj_night_report_make(const nj_night_report_source *source, json_t **out,
                                          nj_error *err);

/// Reads a document. NJ_NOT_FOUND; NJ_INPUT: not one, another version, or larger than NJ_NIGHT_REPORT_BYTES_MAX.
NJ_CHECKED nj_status nj_night_report_read(const char *path, json_t **out, nj_error *err);

/// Writes the document, bounded, under a temporary name. Makes the folder where it is missing. NJ_IO, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_night_report_write(const char *path, const json_t *document, nj_error *err);

/// The page, appended to `out`. Whatever a document lacks is left out of it; values of other kinds are as if they were not there.
/// NJ_NO_MEMORY.
/// Proof   tests/unit/report/test_page.c, tests/browser
NJ_CHECKED nj_status nj_night_report_page(const json_t *document, nj_buffer *out, nj_error *err);

/// Page of a document into a file, under a temporary name.
NJ_CHECKED nj_status nj_night_report_page_write(const char *path, const json_t *document,
                                                nj_error *err);

#endif
