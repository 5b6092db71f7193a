// training_report.h - a training's log as a page for people: curves, settings, epochs.
#ifndef NJ_WORKER_TRAIN_TRAINING_REPORT_H
#define NJ_WORKER_TRAIN_TRAINING_REPORT_H

#include "worker/train/training_log.h"

/// Writes the page whole or not at all. NJ_IO, NJ_NO_MEMORY.
/// Proof   tests/unit/train/test_training_log.c
NJ_CHECKED nj_status nj_training_report_write(const nj_training_log *log, const char *path,
                                              nj_error *err);

#endif
