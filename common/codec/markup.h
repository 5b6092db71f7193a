// markup.h - words from anywhere, inside XML and HTML.
#ifndef NJ_CODEC_MARKUP_H
#define NJ_CODEC_MARKUP_H

#include "common/base/buffer.h"

/// Appends text that cannot end the element or the quoted attribute it stands in: < > & and the double quote become entities, control
/// characters other than a line's end, those that change the direction of text, and bytes that are no UTF-8 become '?'. NJ_NO_MEMORY.
/// Source  W3C, "Extensible Markup Language (XML) 1.0", fifth edition, sections 2.2 and 2.4
/// Proof   tests/unit/codec/test_html.c
NJ_CHECKED nj_status nj_markup_append(nj_buffer *out, const char *text, size_t size);

#endif
