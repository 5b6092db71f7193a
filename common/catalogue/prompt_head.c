#include "common/catalogue/prompt_head.h"

#include <inttypes.h>
#include <string.h>

#include "common/catalogue/section_names.h"

nj_status nj_prompt_needs(const nj_sections *sections, uint32_t *out, nj_error *err)
{
    const nj_section *section = nj_sections_find(sections, NJ_SECTION_PROMPT);
    nj_prompt_head head = {0};
    if (section == NULL) {
        *out = NJ_PROMPT_NEEDS_HISTORY;
        return NJ_OK;
    }
    if (section->size < sizeof head) {
        return nj_fail(err, NJ_INPUT, "section \"%s\" has %zu bytes, its head has %zu",
                       NJ_SECTION_PROMPT, section->size, sizeof head);
    }
    memcpy(&head, section->bytes, sizeof head);
    if (head.version != NJ_PROMPT_VERSION || (head.needs & ~(uint32_t)NJ_PROMPT_NEEDS_ALL) != 0) {
        return nj_fail(err, NJ_INPUT,
                       "section \"%s\" has version %" PRIu32 " and needs %#" PRIx32
                       ", this program reads version %d and needs up to %#x",
                       NJ_SECTION_PROMPT, head.version, head.needs, NJ_PROMPT_VERSION,
                       (unsigned)NJ_PROMPT_NEEDS_ALL);
    }
    *out = head.needs;
    return NJ_OK;
}
