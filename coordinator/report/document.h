// document.h - the parts of a report's document that the night knew, each as a JSON value the caller owns. For report.c, and for its test.
//
// A failure is no memory: it sticks in *ok, and the value is then incomplete or NULL.
#ifndef NJ_COORDINATOR_REPORT_DOCUMENT_H
#define NJ_COORDINATOR_REPORT_DOCUMENT_H

#include "coordinator/report/report.h"

json_t *nj_document_run(const nj_night_report_run *run, bool *ok);
/// `last_end` is how the youngest of them ends, which writes this: "published", or "held back".
json_t *nj_document_processes(const nj_processes *processes, const char *last_end, bool *ok);
json_t *nj_document_phases(const nj_night_phase *phases, size_t count, bool *ok);
/// Everything that comes of the recorder, into the object. Nothing of a recorder that is all zero.
void nj_document_put_recorder(json_t *object, const nj_recorder *recorder, bool *ok);

#endif
