// log.h - one line an event on stderr: `nightjar-worker[812]: info: message`.
//
// Results go to stdout and never here. Nothing secret is passed in: keys are named by their public half.
#ifndef NJ_BASE_LOG_H
#define NJ_BASE_LOG_H

typedef enum { NJ_LOG_DEBUG, NJ_LOG_INFO, NJ_LOG_WARNING, NJ_LOG_ERROR } nj_log_level;

/// Once at start, before threads. `program` is borrowed for ever.
void nj_log_setup(const char *program, nj_log_level least);

/// Writes one line with one write(2); control characters and stray bytes are replaced by '?', the line is cut at 2,000 bytes.
void nj_log(nj_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
