// bundle_facts.h - what a section of a bundle holds, in a few words: for `bundle list`.
#ifndef NJ_OPS_CLI_BUNDLE_FACTS_H
#define NJ_OPS_CLI_BUNDLE_FACTS_H

#include "common/bundle/bundle.h"
#include "common/codec/json.h"

/// Facts of a section as an object, in the order in which a person reads them; NULL of a section that its name says all of. A section that
/// cannot be opened has the one fact "problem". The caller's: json_decref.
json_t *nj_section_facts(const nj_sections *sections, const nj_section *section);

/// Prints them behind the section's line: "  12 wide, ..." as "key value, ...". NULL prints nothing.
void nj_section_facts_print(const json_t *facts);

#endif
