#include "common/prompt/prompt_layout.h"

#include <assert.h>

typedef struct {
    size_t first; // where the text can be cut first
    size_t last;
    bool is_there;
} cuts;

// What stands before a stretch of literal text.
typedef enum { BEFORE_NOTHING, BEFORE_TEXT, BEFORE_CUT } before;

static bool is_white(char c)
{
    return strchr(" \t\r\n", c) != NULL && c != '\0';
}

// In front of a space, or a run of them, with no other white space before it. In front of a text of its own, what a place holds ends with a
// letter or a sign.
static bool may_cut(nj_slice text, size_t at, before what)
{
    const bool is_behind_word = at > 0 ? !is_white(text.bytes[at - 1]) : what == BEFORE_TEXT;
    return text.bytes[at] == ' ' && is_behind_word;
}

static cuts find_cuts(nj_slice text, before what)
{
    cuts found = {0};
    for (size_t i = 0; i < text.size; i++) {
        if (may_cut(text, i, what)) {
            found.first = found.is_there ? found.first : i;
            found.last = i;
            found.is_there = true;
        }
    }
    return found;
}

// Whether the last part of an item is no text.
static bool ends_with_cut(const nj_prompt_text *item)
{
    const nj_part_kind last =
        item->part_count > 0 ? item->parts[item->part_count - 1].kind : NJ_PART_TEXT;
    return last == NJ_PART_VECTOR || last == NJ_PART_SID;
}

// A literal between two places: what belongs to the place before, to none, and to the place behind.
typedef struct {
    size_t right_end;
    size_t left_begin;
    nj_prompt_behind middle;
    nj_prompt_behind left;
} gap;

static gap cut_gap(nj_slice text, before what, bool has_place_behind)
{
    const cuts found = find_cuts(text, what);
    const nj_edge edges[] = {NJ_EDGE_START, NJ_EDGE_TEXT, NJ_EDGE_CUT}; // as before
    gap g = {.middle = {.edge = edges[what]}, .left = {.edge = NJ_EDGE_TEXT}};
    if (what == BEFORE_TEXT) {
        g.right_end = found.is_there ? found.first : text.size;
    }
    g.left_begin = text.size;
    if (has_place_behind && found.is_there) {
        g.left_begin = found.last;
    } else if (has_place_behind && what != BEFORE_TEXT) {
        g.left_begin = 0;
    }
    if (g.left_begin == g.right_end && what != BEFORE_TEXT) { // nothing is cut off in front of it
        g.left = g.middle;
    } else if (has_place_behind && !found.is_there) { // all went to the place before
        g.left.seen = text;
        g.left.edge = text.size > 0 ? NJ_EDGE_TEXT : NJ_EDGE_CUT;
    }
    return g;
}

static nj_slice part_of(nj_slice text, size_t begin, size_t end)
{
    return (nj_slice){text.bytes + begin, end - begin};
}

// ---- forms ----

static bool is_behind_equal(nj_prompt_behind a, nj_prompt_behind b)
{
    return a.edge == b.edge && nj_slice_equal(a.seen, b.seen);
}

static bool is_item_equal(const nj_prompt_text *a, const nj_prompt_text *b)
{
    if (a->part_count != b->part_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->part_count; i++) {
        if (a->parts[i].kind != b->parts[i].kind || a->parts[i].column != b->parts[i].column ||
            !nj_slice_equal(a->parts[i].text, b->parts[i].text)) {
            return false;
        }
    }
    return true;
}

static uint32_t find_form(nj_prompt_layout *layout, nj_prompt_form form)
{
    for (uint32_t i = 0; i < layout->form_count; i++) {
        const nj_prompt_form *other = &layout->forms[i];
        if (is_item_equal(other->item, form.item) && is_behind_equal(other->behind, form.behind) &&
            nj_slice_equal(other->left, form.left) && nj_slice_equal(other->right, form.right)) {
            return i;
        }
    }
    assert(layout->form_count < NJ_PROMPT_FORMS_MAX); // two places, each once, of four
    layout->forms[layout->form_count] = form;
    return layout->form_count++;
}

static void find_forms(nj_prompt_layout *layout, const nj_prompt_spec *spec, nj_layout_piece *piece)
{
    const nj_slice separator = spec->separator;
    const bool is_cut = ends_with_cut(piece->item);
    const cuts found = find_cuts(separator, is_cut ? BEFORE_CUT : BEFORE_TEXT);
    size_t at =
        found.is_there ? found.last : separator.size; // the item before has what is in front of it
    nj_prompt_behind behind = {.edge = NJ_EDGE_TEXT};
    if (!found.is_there && is_cut) {
        at = 0;
        behind.edge = NJ_EDGE_CUT;
    } else if (!found.is_there) {
        behind.edge = separator.size > 0 ? NJ_EDGE_TEXT : NJ_EDGE_CUT;
        behind.seen = separator;
    }
    const nj_slice inner_right = part_of(separator, 0, at);
    const nj_slice inner_left = part_of(separator, at, separator.size);
    const nj_prompt_text *item = piece->item;
    piece->forms[NJ_ITEM_ONLY] =
        find_form(layout, (nj_prompt_form){item, piece->behind, piece->left, piece->right});
    piece->forms[NJ_ITEM_FIRST] =
        find_form(layout, (nj_prompt_form){item, piece->behind, piece->left, inner_right});
    piece->forms[NJ_ITEM_INNER] =
        find_form(layout, (nj_prompt_form){item, behind, inner_left, inner_right});
    piece->forms[NJ_ITEM_LAST] =
        find_form(layout, (nj_prompt_form){item, behind, inner_left, piece->right});
}

// ---- pieces ----

static before what_ends(const nj_layout_piece *place)
{
    if (place == NULL) {
        return BEFORE_NOTHING;
    }
    return place->item != NULL && ends_with_cut(place->item) ? BEFORE_CUT : BEFORE_TEXT;
}

static const nj_prompt_text *item_of(const nj_prompt_spec *spec, nj_part_kind kind)
{
    if (kind == NJ_PART_HISTORY) {
        return &spec->item;
    }
    return kind == NJ_PART_CANDIDATES ? &spec->candidate : NULL;
}

void nj_prompt_layout_make(const nj_prompt_spec *spec, nj_prompt_layout *out)
{
    const nj_prompt_text *prompt = &spec->prompt;
    nj_layout_piece *place = NULL; // the last one
    *out = (nj_prompt_layout){0};
    for (uint32_t i = 0;;) {
        const bool has_text = i < prompt->part_count && prompt->parts[i].kind == NJ_PART_TEXT;
        const nj_slice text = has_text ? prompt->parts[i].text : (nj_slice){"", 0};
        i += has_text;
        const bool has_place = i < prompt->part_count;
        const gap g = cut_gap(text, what_ends(place), has_place);
        if (place != NULL) {
            place->right = part_of(text, 0, g.right_end);
            if (place->item != NULL) {
                find_forms(out, spec, place);
            }
        }
        if (g.left_begin > g.right_end) {
            out->pieces[out->piece_count++] =
                (nj_layout_piece){.kind = NJ_PART_TEXT,
                                  .behind = g.middle,
                                  .left = part_of(text, g.right_end, g.left_begin)};
        }
        if (!has_place) {
            break;
        }
        const nj_part_kind kind = prompt->parts[i++].kind;
        place = &out->pieces[out->piece_count++];
        *place = (nj_layout_piece){.kind = kind,
                                   .behind = g.left,
                                   .left = part_of(text, g.left_begin, text.size),
                                   .item = item_of(spec, kind)};
    }
}
