// daemon_plan.c - what a WELCOME asks for, of a night or of a round over items: kernels, sections, and the set-up of what computes.
#include "worker/daemon/daemon_internal.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/codec/item_plan.h"

// ---- kernels ----

nj_status nj_worker_list_classes(nj_worker_daemon *w, nj_error *err)
{
    const nj_kernels *only = NULL;
    if (strcmp(w->options->kernels, "auto") != 0) {
        nj_status status = nj_kernels_select(w->options->kernels, &only, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        bool known = only != NULL && kernels != only;
        for (uint32_t c = 0; c < w->class_count; c++) {
            known = known || strcmp(w->classes[c], kernels->numeric_class) == 0;
        }
        if (!known && w->class_count < NJ_WIRE_CLASSES_MAX - 1) {
            w->classes[w->class_count++] = kernels->numeric_class;
        }
    }
    w->classes[w->class_count++] = NJ_ITEM_CLASS;
    return NJ_OK;
}

// Sets are listed slowest first, so the last one of the class is the pick.
static const nj_kernels *find_kernels(const nj_worker_daemon *w, nj_slice numeric_class)
{
    const nj_kernels *found = NULL;
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        bool wanted = strcmp(w->options->kernels, "auto") == 0 ||
                      strcmp(w->options->kernels, kernels->name) == 0;
        if (wanted && nj_slice_equal(nj_slice_from(kernels->numeric_class), numeric_class)) {
            found = kernels;
        }
    }
    return found;
}

// ---- what WELCOME says ----

static nj_status read_night(nj_worker_daemon *w, const nj_message_welcome *welcome, nj_error *err)
{
    nj_status status = nj_settings_unpack(welcome->settings, &w->settings, err);
    w->passing = 0;
    w->kernels = find_kernels(w, welcome->numeric_class);
    if (status == NJ_OK && w->kernels == NULL) {
        status = nj_fail(err, NJ_CONFIG,
                         "the night runs in numeric class \"%.*s\", which this machine has not",
                         NJ_SLICE_ARGS(welcome->numeric_class));
    }
    return status;
}

// Kernels do not change what a round gives, so the fastest exact ones do where those asked for are of another kind.
static nj_status read_round(nj_worker_daemon *w, const nj_message_welcome *welcome, nj_error *err)
{
    nj_item_plan plan;
    nj_status status = nj_item_plan_unpack(welcome->settings, &plan, err);
    if (status != NJ_OK) {
        return status;
    }
    w->passing = plan.passing;
    nj_buffer_clear(&w->plan);
    status = nj_buffer_append(&w->plan, welcome->settings.bytes, welcome->settings.size);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for the plan of a round");
    }
    w->kernels = find_kernels(w, nj_slice_from("exact"));
    return w->kernels != NULL ? NJ_OK
                              : nj_kernels_choose(NJ_PRECISION_DEFAULT, "auto", &w->kernels, err);
}

// ---- sections ----

static bool is_passing(const nj_worker_daemon *w, uint32_t section)
{
    return (w->passing >> section & 1) != 0;
}

static bool has_section(nj_worker_daemon *w, uint32_t index, const nj_wire_section *section)
{
    return is_passing(w, index) ? nj_held_sections_has(&w->held, &section->digest, section->size)
                                : nj_section_cache_has(&w->cache, &section->digest, section->size);
}

// One line for the operator: what travels tonight.
static void log_sections(nj_worker_daemon *w, const nj_message_welcome *welcome, uint64_t lacking)
{
    nj_buffer names;
    uint64_t bytes = 0;
    nj_buffer_init(&names, NJ_WIRE_SECTIONS_MAX * (NJ_WIRE_SECTION_NAME_BYTES_MAX + 2));
    for (uint32_t i = 0; i < welcome->sections_count; i++) {
        const nj_wire_section *section = &welcome->sections[i];
        bytes += section->size;
        if ((lacking >> i & 1) != 0) {
            w->lacking_bytes += section->size;
            (void)!nj_buffer_printf(&names, "%s%.*s", names.size > 0 ? ", " : "",
                                    NJ_SLICE_ARGS(section->name));
        }
    }
    const nj_log_field *fields =
        NJ_FIELDS(nj_log_uint("sections", welcome->sections_count), nj_log_uint("bytes", bytes),
                  nj_log_uint("lacking_bytes", w->lacking_bytes));
    if (lacking == 0) {
        nj_log_event(NJ_EVENT_BUNDLE_LOOKED_UP, fields,
                     "bundle: %u sections of %.1f MB, all in the cache", welcome->sections_count,
                     (double)bytes / 1e6);
    } else {
        nj_log_event(NJ_EVENT_BUNDLE_LOOKED_UP, fields,
                     "bundle: %u sections of %.1f MB; fetching %.1f MB: %.*s",
                     welcome->sections_count, (double)bytes / 1e6, (double)w->lacking_bytes / 1e6,
                     (int)names.size, (const char *)names.bytes);
    }
    nj_buffer_fini(&names);
}

void nj_worker_look(nj_worker_daemon *w)
{
    const nj_message_welcome *welcome = &w->message->welcome;
    nj_error err = {0};
    uint64_t lacking = 0;
    w->look_ns = nj_clock_mono_ns();
    w->items = nj_slice_equal(welcome->numeric_class, nj_slice_from(NJ_ITEM_CLASS));
    nj_status status = w->items ? read_round(w, welcome, &err) : read_night(w, welcome, &err);
    if (status != NJ_OK) {
        nj_session_stop(w->session, status, err.text, nj_clock_mono_ns());
        return;
    }
    nj_held_sections_begin(&w->held);
    for (uint32_t i = 0; i < welcome->sections_count; i++) {
        if (!has_section(w, i, &welcome->sections[i])) {
            lacking |= (uint64_t)1 << i;
        }
    }
    w->lacking_bytes = 0;
    if (!w->items || (lacking & ~w->passing) != 0) { // rounds are many: only what is kept is told
        log_sections(w, welcome, lacking);
    }
    nj_session_inspected(w->session, lacking, nj_clock_mono_ns());
}

void nj_worker_store_piece(nj_worker_daemon *w, const nj_session_effect *effect)
{
    nj_error err = {0};
    const nj_digest *digest = &w->session->sections[effect->section].digest;
    nj_status status =
        is_passing(w, effect->section)
            ? nj_held_sections_write(&w->held, digest, effect->offset, effect->bytes, &err)
            : nj_section_cache_write(&w->cache, digest, effect->offset, effect->bytes, &err);
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(SECTION_FETCHED, &err);
    }
    if (status != NJ_OK) {
        nj_session_stop(w->session, status, err.text, nj_clock_mono_ns());
    }
}

static void log_fetched(const nj_worker_daemon *w)
{
    const uint64_t fetch_ms = (nj_clock_mono_ns() - w->look_ns) / 1000000;
    nj_log_event(
        NJ_EVENT_BUNDLE_FETCHED,
        NJ_FIELDS(nj_log_uint("bytes", w->lacking_bytes), nj_log_uint("fetch_ms", fetch_ms)),
        "bundle: %.1f MB fetched in %.1f s", (double)w->lacking_bytes / 1e6,
        (double)fetch_ms / 1e3);
}

void nj_worker_verify_section(nj_worker_daemon *w, uint32_t index)
{
    nj_error err = {0};
    bool good = false;
    const nj_session_section *section = &w->session->sections[index];
    nj_status status =
        is_passing(w, index)
            ? nj_held_sections_finish(&w->held, &section->digest, section->size, &good, &err)
            : nj_section_cache_finish(&w->cache, &section->digest, section->size, &good, &err);
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(SECTION_CACHED, &err);
    }
    if (status != NJ_OK) {
        nj_session_stop(w->session, status, err.text, nj_clock_mono_ns());
        return;
    }
    const bool told = !w->items || w->lacking_bytes > 0;
    if (good && told && w->session->lacking == (uint64_t)1 << index) {
        log_fetched(w);
    }
    nj_session_verified(w->session, index, good, nj_clock_mono_ns());
}

// ---- the set-up ----

static nj_status open_sections(nj_worker_daemon *w, nj_sections *out, nj_error *err)
{
    *out = (nj_sections){.count = w->session->section_count};
    for (size_t i = 0; i < out->count; i++) {
        const nj_session_section *section = &w->session->sections[i];
        snprintf(out->sections[i].name, sizeof out->sections[i].name, "%s", section->name);
        out->sections[i].size = section->size;
        out->sections[i].digest = section->digest;
    }
    nj_held_sections_use(&w->held, out);
    return nj_section_cache_open(&w->cache, out, err);
}

void nj_worker_set_up(nj_worker_daemon *w, uint64_t ticket)
{
    nj_error err = {0};
    nj_sections sections;
    w->set_up_ticket = ticket;
    nj_status status = open_sections(w, &sections, &err);
    if (status == NJ_OK) {
        status = w->items ? nj_compute_set_up_items(w->compute, ticket, &sections,
                                                    nj_buffer_slice(&w->plan), w->kernels, &err)
                          : nj_compute_set_up(w->compute, ticket, &sections, &w->settings,
                                              w->kernels, &err);
    }
    if (status != NJ_OK) {
        nj_session_prepared(w->session, ticket, status, err.text, nj_clock_mono_ns());
    }
}

void nj_worker_note_set_up(nj_worker_daemon *w, uint64_t ticket)
{
    if (ticket == w->set_up_ticket) {
        nj_section_cache_release(&w->cache);
        nj_held_sections_release(&w->held);
    }
}
