// policy_reader.h - what the two halves of nj_policy_read share: keys (policy_read.c) and lists of rules (policy_rules.c). Private to
// common/policy.
#ifndef NJ_POLICY_POLICY_READER_H
#define NJ_POLICY_POLICY_READER_H

#include "common/codec/yaml.h"
#include "common/policy/policy.h"
#include "common/policy/policy_names.h"
#include "common/policy/policy_resolve.h"

typedef struct {
    const nj_policy_names *names;
    const char *what;
    nj_error *err;
    nj_policy *policy;
} nj_policy_reader;

static inline nj_policy_place_of nj_policy_reader_at(const nj_policy_reader *reader, uint32_t line,
                                                     const char *path)
{
    return (nj_policy_place_of){.names = reader->names,
                                .what = reader->what,
                                .line = line,
                                .path = path,
                                .err = reader->err};
}

/// A text as a whole number or a number within its limits. NJ_CONFIG names `path`, the text and the limits.
NJ_CHECKED nj_status nj_policy_whole(const nj_policy_place_of *place, const char *text,
                                     uint64_t least, uint64_t most, uint64_t *out);
NJ_CHECKED nj_status nj_policy_number(const nj_policy_place_of *place, const char *text,
                                      double least, double most, double *out);

/// Whether a path is one of the lists of rules.
bool nj_policy_is_rules(const char *path);

/// Reads one of them. NJ_CONFIG.
NJ_CHECKED nj_status nj_policy_read_rules(nj_policy_reader *reader, const char *path,
                                          const nj_yaml_node *list);

/// Visits the paths of all lists of rules.
void nj_policy_rules_each(void (*visit)(void *context, const char *path), void *context);

#endif
