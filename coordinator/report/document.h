// document.h - the parts of a report's document that the night knew, each as a JSON value the caller owns. For report.c alone.
//
// A failure is no memory: it sticks in *ok, and the value is then incomplete or NULL.
#ifndef NJ_COORDINATOR_REPORT_DOCUMENT_H
#define NJ_COORDINATOR_REPORT_DOCUMENT_H

#include "coordinator/report/report.h"

// Where a recorder's workers stand among those that are listed; UINT32_MAX: nowhere.
typedef struct {
    uint32_t places[NJ_RECORDER_WORKERS_MAX];
} nj_listed_workers;

json_t *nj_document_run(const nj_night_report_run *run, bool *ok);
json_t *nj_document_processes(const nj_processes *processes, bool *ok);
json_t *nj_document_phases(const nj_night_phase *phases, size_t count, bool *ok);
json_t *nj_document_series(const nj_recorder *recorder, bool *ok);
json_t *nj_document_durations(const nj_recorder_durations *durations, bool *ok);
/// Sets `listed`, which the two below need.
json_t *nj_document_workers(const nj_recorder *recorder, nj_listed_workers *listed, bool *ok);
json_t *nj_document_spans(const nj_recorder *recorder, const nj_listed_workers *listed, bool *ok);
json_t *nj_document_incidents(const nj_recorder *recorder, bool *ok);

#endif
