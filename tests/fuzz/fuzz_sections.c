// fuzz_sections.c - the sections of a bundle: each part replaces one section of a valid bundle (kind: its place by name),
// or leaves it out (kind 64 and above). Digests are no matter here: fuzz_bundle.c has them.
#include "tests/fuzz/decode.h"

#define LEAVE_OUT 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const nj_synthetic *base = decode_make_base();
    nj_sections sections = base->sections;
    void *copies[NJ_BUNDLE_SECTIONS_MAX] = {NULL};
    fuzz_parts parts = {data, size};
    fuzz_part part;
    while (fuzz_next_part(&parts, &part)) {
        size_t place = part.kind % base->sections.count;
        free(copies[place]);
        copies[place] = fuzz_copy_aligned(part.bytes, part.size);
        sections.sections[place].bytes = copies[place];
        sections.sections[place].size = part.size;
        if (part.kind >= LEAVE_OUT) {
            sections.sections[place].name[0] = '\0';
        }
    }
    decode_sections(&sections);
    for (size_t i = 0; i < base->sections.count; i++) {
        free(copies[i]);
    }
    return 0;
}
