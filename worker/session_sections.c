// session_sections.c - what a session knows of the plan's sections, and how it asks for those it lacks.
#include "worker/session_internal.h"

#include <stdio.h>

void nj_session_keep_welcome(nj_session *session, const nj_message_welcome *welcome)
{
    nj_session_drop_all(session);
    if (!nj_digest_equal(&session->plan, &welcome->plan)) {
        // A set-up that is under way is for nothing; for the same plan it goes on.
        session->prepared = false;
        session->prepare_ticket = 0;
    }
    session->plan = welcome->plan;
    session->section_count = welcome->sections_count;
    for (uint32_t i = 0; i < welcome->sections_count; i++) {
        nj_session_section *section = &session->sections[i];
        snprintf(section->name, sizeof section->name, "%.*s",
                 NJ_SLICE_ARGS(welcome->sections[i].name));
        section->size = welcome->sections[i].size;
        section->digest = welcome->sections[i].digest;
    }
    (void)nj_session_add_effect(session, NJ_SESSION_LOOK);
}

uint32_t nj_session_piece_bytes(const nj_session *session)
{
    uint64_t left = session->sections[session->section].size - session->offset;
    return left < session->config.chunk_bytes ? (uint32_t)left : session->config.chunk_bytes;
}

void nj_session_ask_for_piece(nj_session *session, uint64_t now_ns)
{
    nj_session_add_message(session, NJ_MESSAGE_FETCH)->fetch =
        (nj_message_fetch){session->sections[session->section].digest, session->offset,
                           nj_session_piece_bytes(session)};
    session->fetch_ns = now_ns;
}

void nj_session_store_piece(nj_session *session, nj_slice bytes, uint64_t now_ns)
{
    nj_session_effect *store = nj_session_add_effect(session, NJ_SESSION_STORE);
    store->section = session->section;
    store->offset = session->offset;
    store->bytes = bytes;
    session->offset += bytes.size;
    if (session->offset == session->sections[session->section].size) {
        nj_session_add_effect(session, NJ_SESSION_VERIFY)->section = session->section;
    } else {
        nj_session_ask_for_piece(session, now_ns);
    }
}

void nj_session_begin_section(nj_session *session, uint64_t now_ns)
{
    session->section = (uint32_t)__builtin_ctzll(session->lacking);
    session->offset = 0;
    if (session->sections[session->section].size == 0) {
        nj_session_store_piece(session, (nj_slice){"", 0}, now_ns);
    } else {
        nj_session_ask_for_piece(session, now_ns);
    }
}

void nj_session_set_up(nj_session *session)
{
    if (session->prepare_ticket == 0) {
        session->prepare_ticket = ++session->ticket;
        nj_session_add_effect(session, NJ_SESSION_SET_UP)->ticket = session->prepare_ticket;
    }
}
