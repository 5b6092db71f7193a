// bundle_about.h - what a bundle is and what it needs, of its users and of a worker: for `bundle list`.
#ifndef NJ_OPS_CLI_BUNDLE_ABOUT_H
#define NJ_OPS_CLI_BUNDLE_ABOUT_H

#include "common/bundle/bundle.h"
#include "common/codec/json.h"

#define NJ_BUNDLE_ABOUT_CANDIDATES 100 // of a user, for the memory of bundles whose prompt has them

/// As an object, schemas/json/bundle-list.json: model, catalogue, prompt, answers, users, worker. Sections that do not fit each other leave
/// "problem" in place of what could not be told. The caller's: json_decref.
///
///   worker  what is planned with the default settings for users with the longest history that the bundle reads
///
/// Memory  the catalogue's views and the tokenizer; no weight is read
/// Proof   tests/cli/0258-bundle-about.t
json_t *nj_bundle_about(const nj_sections *sections);

/// Prints it for people, a line of each.
void nj_bundle_about_print(const json_t *about);

#endif
