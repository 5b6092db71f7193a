#include "worker/train/checkpoint.h"

#include <inttypes.h>
#include <string.h>

#include "common/bundle/bundle.h"

// The "state" section; little-endian like every machine that nightjar runs on.
typedef struct {
    nj_digest inputs;
    uint64_t count;
    uint64_t step;
    uint64_t epoch;
    uint64_t is_complete;
    double epoch_loss;
    double gradient_norm;
} state_section;

_Static_assert(sizeof(state_section) == 80, "the section's size is part of the format");

static const char *const ARRAYS[] = {"values", "mean", "square"};
#define ARRAY_COUNT (sizeof ARRAYS / sizeof ARRAYS[0])

nj_status nj_checkpoint_write(const char *path, const nj_checkpoint *checkpoint, nj_error *err)
{
    const state_section state = {checkpoint->inputs,       checkpoint->count,
                                 checkpoint->step,         checkpoint->epoch,
                                 checkpoint->is_complete,  checkpoint->epoch_loss,
                                 checkpoint->gradient_norm};
    const float *const arrays[] = {checkpoint->values, checkpoint->mean, checkpoint->square};
    nj_sections sections = {.count = 1 + ARRAY_COUNT};
    sections.sections[0] = (nj_section){.name = "state", .bytes = &state, .size = sizeof state};
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        nj_section *section = &sections.sections[1 + i];
        *section = (nj_section){.bytes = arrays[i], .size = checkpoint->count * sizeof *arrays[i]};
        memcpy(section->name, ARRAYS[i], strlen(ARRAYS[i]));
    }
    if (checkpoint->kept_size > 0) {
        sections.sections[sections.count++] =
            (nj_section){.name = "kept", .bytes = checkpoint->kept, .size = checkpoint->kept_size};
    }
    if (checkpoint->notes.size > 0) {
        sections.sections[sections.count++] = (nj_section){
            .name = "notes", .bytes = checkpoint->notes.bytes, .size = checkpoint->notes.size};
    }
    return nj_bundle_write(path, &sections, err);
}

static nj_status check_state(const char *path, const nj_section *section,
                             const nj_checkpoint *checkpoint, state_section *out, nj_error *err)
{
    if (section == NULL || section->size != sizeof *out) {
        return nj_fail(err, NJ_INPUT, "%s: no section \"state\" of %zu bytes: no checkpoint", path,
                       sizeof *out);
    }
    memcpy(out, section->bytes, sizeof *out);
    if (!nj_digest_equal(&out->inputs, &checkpoint->inputs) || out->count != checkpoint->count) {
        return nj_fail(err, NJ_CONFIG,
                       "%s is the checkpoint of another training (%" PRIu64
                       " parameters, this one has %zu, or another model, other data or "
                       "settings): give those it was begun with, or remove it to begin anew",
                       path, out->count, checkpoint->count);
    }
    return NJ_OK;
}

static nj_status check_size(const char *path, const nj_sections *sections, const char *name,
                            size_t size, nj_error *err)
{
    const nj_section *section = nj_sections_find(sections, name);
    const size_t found = section != NULL ? section->size : 0;
    if (found != size) {
        return nj_fail(err, NJ_INPUT, "%s: section \"%s\" has %zu bytes, must have %zu", path, name,
                       found, size);
    }
    return NJ_OK;
}

static nj_status check_sections(const char *path, const nj_sections *sections,
                                const nj_checkpoint *checkpoint, nj_error *err)
{
    nj_status status = check_size(path, sections, "kept", checkpoint->kept_size, err);
    for (size_t i = 0; i < ARRAY_COUNT && status == NJ_OK; i++) {
        status = check_size(path, sections, ARRAYS[i], checkpoint->count * sizeof(float), err);
    }
    return status;
}

static void take_sections(const nj_sections *sections, const state_section *state,
                          nj_checkpoint *checkpoint)
{
    float *const arrays[] = {checkpoint->values, checkpoint->mean, checkpoint->square};
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        memcpy(arrays[i], nj_sections_find(sections, ARRAYS[i])->bytes,
               checkpoint->count * sizeof *arrays[i]);
    }
    if (checkpoint->kept_size > 0) {
        memcpy(checkpoint->kept, nj_sections_find(sections, "kept")->bytes, checkpoint->kept_size);
    }
    checkpoint->step = state->step;
    checkpoint->epoch = state->epoch;
    checkpoint->is_complete = state->is_complete != 0;
    checkpoint->epoch_loss = state->epoch_loss;
    checkpoint->gradient_norm = state->gradient_norm;
}

static nj_status open_verified(const char *path, nj_bundle **out, nj_error *err)
{
    nj_error damage;
    nj_status status = nj_bundle_open(path, out, &damage);
    if (status == NJ_OK) {
        status = nj_bundle_verify(*out, &damage);
    }
    if (status == NJ_INPUT || status == NJ_REFUSED) {
        return nj_fail(err, NJ_INPUT,
                       "%s is damaged: put a copy back, or remove it to begin anew (%s)", path,
                       damage.text);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "%s", damage.text);
}

nj_status nj_checkpoint_read(const char *path, nj_checkpoint *checkpoint, nj_error *err)
{
    nj_bundle *bundle = NULL;
    state_section state;
    nj_status status = open_verified(path, &bundle, err);
    if (status == NJ_OK) {
        const nj_sections *sections = nj_bundle_sections(bundle);
        status = check_state(path, nj_sections_find(sections, "state"), checkpoint, &state, err);
        if (status == NJ_OK) {
            status = check_sections(path, sections, checkpoint, err);
        }
        if (status == NJ_OK) {
            take_sections(sections, &state, checkpoint);
        }
    }
    nj_bundle_close(&bundle);
    return status;
}

nj_status nj_checkpoint_read_notes(const char *path, nj_buffer *out, nj_error *err)
{
    nj_bundle *bundle = NULL;
    nj_status status = open_verified(path, &bundle, err);
    if (status == NJ_OK) {
        const nj_section *notes = nj_sections_find(nj_bundle_sections(bundle), "notes");
        if (notes != NULL && nj_buffer_append(out, notes->bytes, notes->size) != NJ_OK) {
            status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for notes of %zu bytes", path,
                             notes->size);
        }
    }
    nj_bundle_close(&bundle);
    return status;
}
