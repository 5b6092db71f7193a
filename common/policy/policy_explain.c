#include "common/policy/policy_explain.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/policy/policy_keys.h"
#include "common/policy/policy_resolve.h"

#define COSINES_APART_LEAST (-2.0f) // no cosine is further behind another

typedef struct {
    const nj_policy_subject *subject;
    const nj_policy *policy;
    nj_policy_say say;
    void *context;
} telling;

static void tell(const telling *t, const char *stage, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const telling *t, const char *stage, const char *format, ...)
{
    char sentence[NJ_POLICY_SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    t->say(t->context, stage, sentence);
}

static uint32_t width(const telling *t)
{
    return t->subject->beam > t->subject->top ? t->subject->beam : t->subject->top;
}

// Items in the trie that a rule names.
static uint32_t count_where(const telling *t, const nj_policy_where *where)
{
    const nj_trie *trie = &t->subject->catalogue->trie;
    const uint32_t *of_row = where->attribute != NJ_POLICY_NONE
                                 ? t->subject->names->attributes->columns[where->attribute].of_row
                                 : NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < trie->item_count; i++) {
        const uint32_t row = trie->items[i];
        count += (of_row != NULL ? of_row[row] : row) == where->value;
    }
    return count;
}

// ---- candidates ----

static void tell_search(const telling *t)
{
    const nj_policy *policy = t->policy;
    switch (policy->search) {
    case NJ_SEARCH_BEAM:
        tell(t, "candidates", "the search keeps the %u likeliest beams", width(t));
        break;
    case NJ_SEARCH_DIVERSE:
        tell(t, "candidates",
             "the search keeps %u beams in %u groups, one after the other at each level: a code "
             "costs %.6g for each beam of an earlier group that has chosen it there",
             width(t), policy->groups, (double)policy->penalty);
        break;
    case NJ_SEARCH_STOCHASTIC:
        tell(t, "candidates",
             "the search draws %u beams without replacement, seeded by %llu and the user's id, at "
             "temperature %.6g, from the children that hold %.6g of the probability",
             width(t), (unsigned long long)policy->seed, (double)policy->temperature,
             (double)policy->top_p);
        break;
    }
}

static void tell_candidates(const telling *t)
{
    const nj_policy *policy = t->policy;
    tell_search(t);
    if (policy->neighbour_weight > 0) {
        tell(t, "candidates",
             "beside it the %u best items that go with those of the history; an item k places "
             "before the last counts %.6g^k",
             policy->neighbour_count, (double)policy->neighbour_fading);
        tell(t, "candidates",
             "one ranking of both: the item at place p gets %.6g / (%.6g + p) from the search and "
             "%.6g / (%.6g + p) from the neighbours",
             (double)policy->beam_weight, (double)policy->fusion_offset,
             (double)policy->neighbour_weight, (double)policy->fusion_offset);
    }
    if (policy->pool > 0) {
        tell(t, "candidates", "the best %u go on", policy->pool);
    }
}

// ---- adjust ----

static void tell_prior(const telling *t)
{
    char alphas[NJ_POLICY_WORD_BYTES] = "";
    size_t used = 0;
    for (uint32_t l = 0; l < t->subject->names->level_count && used < sizeof alphas; l++) {
        const int bytes = snprintf(alphas + used, sizeof alphas - used, "%s%.6g", l > 0 ? ", " : "",
                                   (double)t->policy->prior_alpha[l]);
        used += bytes > 0 ? (size_t)bytes : 0;
    }
    tell(t, "adjust",
         "at each level of the search a prefix loses alpha times the logarithm of its share of the "
         "histories, %.6g added to the count of every item; alpha by level: %s",
         (double)t->policy->prior_smoothing, alphas);
}

static void tell_adjust(const telling *t)
{
    char text[NJ_POLICY_WORD_BYTES];
    if (nj_policy_has_prior(t->policy)) {
        tell_prior(t);
    }
    for (uint32_t i = 0; i < t->policy->boost_count; i++) {
        const nj_policy_boost *boost = &t->policy->boosts[i];
        tell(t, "adjust", "%s: %+.6g to the score (%u items)",
             nj_policy_where_text(t->subject->names, &boost->where, text), (double)boost->add,
             count_where(t, &boost->where));
    }
}

// ---- constraints ----

static void tell_denied(const telling *t)
{
    char text[NJ_POLICY_WORD_BYTES];
    for (uint32_t i = 0; i < t->policy->deny_count; i++) {
        tell(t, "constraints", "%s: never (%u items)",
             nj_policy_where_text(t->subject->names, &t->policy->deny[i], text),
             count_where(t, &t->policy->deny[i]));
    }
    if (t->policy->deny_count > 0) {
        tell(t, "constraints", "%u of %u items are left", t->subject->reach->left,
             t->subject->reach->sold);
    }
}

static void tell_cap(const telling *t, uint32_t number)
{
    const nj_policy_cap *cap = &t->policy->caps[number];
    const uint32_t room = t->subject->reach->cap_room[number];
    char text[NJ_POLICY_WORD_BYTES];
    if (cap->attribute == NJ_POLICY_NONE) {
        snprintf(text, sizeof text, "begin with the same %u codes", cap->levels);
    } else if (cap->value == NJ_POLICY_NONE) {
        const nj_slice column = nj_policy_column_word(t->subject->names, cap->attribute);
        snprintf(text, sizeof text, "have the same %.*s", (int)column.size, column.bytes);
    } else {
        char word[NJ_POLICY_WORD_BYTES - 8];
        const nj_policy_where where = {.attribute = cap->attribute, .value = cap->value};
        char whole[NJ_POLICY_WORD_BYTES];
        nj_policy_where_text(t->subject->names, &where, whole);
        snprintf(word, sizeof word, "%.*s", (int)sizeof word - 1, whole);
        snprintf(text, sizeof text, "have %s", word);
    }
    tell(t, "constraints",
         "at most %u items of a list %s; by this alone the items left would fill %u places, and a "
         "list has %u",
         cap->most, text, room, t->subject->top);
}

static void tell_constraints(const telling *t)
{
    const nj_policy *policy = t->policy;
    tell_denied(t);
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        tell_cap(t, i);
    }
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        const nj_slice id = nj_idlist_at(t->subject->names->items, policy->pins[i].row);
        tell(t, "constraints", "item \"%.*s\" stands at place %u of every list that may have it",
             NJ_SLICE_ARGS(id), policy->pins[i].place + 1);
    }
    if (policy->fresh_share > 0) {
        const uint32_t places = nj_policy_fresh_places(policy, t->subject->top);
        tell(t, "constraints",
             "at least %u of the %u places are for fresh items, as far as there are any: %u of the "
             "%u items left were added within %u days%s",
             places, t->subject->top, t->subject->reach->fresh, t->subject->reach->left,
             policy->fresh_days,
             t->subject->reach->fresh < places ? " (too few for a whole share)" : "");
    }
}

// ---- rerank, cold, fill ----

static void tell_rerank(const telling *t)
{
    const nj_policy *policy = t->policy;
    const char *alike = policy->alike == NJ_ALIKE_VECTORS ? "the cosine of their vectors"
                                                          : "the codes they begin with in common";
    if (policy->rerank == NJ_RERANK_MMR) {
        tell(t, "rerank",
             "MMR chooses one item after the other: %.6g of its relevance less %.6g of how alike "
             "it is to the likest chosen one (%s)",
             (double)policy->relevance, 1.0 - (double)policy->relevance, alike);
    } else if (policy->rerank == NJ_RERANK_DETERMINANTAL) {
        tell(t, "rerank",
             "a determinantal process chooses greedily the items whose kernel has the largest "
             "determinant: relevance weighs %.6g of it, and how alike they are is %s",
             (double)policy->relevance, alike);
    }
    if (policy->calibration > 0) {
        const nj_slice column =
            nj_policy_column_word(t->subject->names, policy->calibration_attribute);
        tell(t, "rerank", "the mix of %.*s in a list follows the user's history with weight %.6g",
             (int)column.size, column.bytes, (double)policy->calibration);
    }
}

static void tell_cold(const telling *t)
{
    const nj_policy *policy = t->policy;
    const char *kind = policy->cold_items == NJ_COLD_ITEMS_UNSEEN
                           ? "stand in no history that the bundle counted"
                           : "were added behind those that the model was trained on";
    if (policy->cold_places > 0 || policy->borrow_levels > 0) {
        tell(t, "cold", "%u of the %u items left are cold: they %s%s", t->subject->reach->cold,
             t->subject->reach->left, kind,
             t->subject->reach->cold == 0 ? ", so nothing happens here" : "");
    }
    if (policy->cold_places > 0) {
        tell(t, "cold",
             "up to %u places from place %u on are for those whose vector has a cosine of %.6g or "
             "more with the user's, in which an item k places before the last counts %.6g^k",
             policy->cold_places, policy->cold_first + 1, (double)policy->cold_least,
             (double)policy->cold_fading);
    }
    if (policy->cold_places > 0 && policy->cold_ahead > COSINES_APART_LEAST) {
        tell(t, "cold",
             "each displaces a candidate whose own cosine is lower than its by %.6g or more",
             (double)policy->cold_ahead);
    }
    if (policy->borrow_levels > 0) {
        tell(t, "cold",
             "a cold item that begins with the same %u codes as a candidate stands in with its "
             "score less %.6g",
             policy->borrow_levels, (double)policy->borrow_less);
    }
}

static void tell_fill(const telling *t)
{
    const nj_policy *policy = t->policy;
    const uint32_t top = t->subject->top;
    if (policy->fill_widen) {
        tell(t, "fill", "a list of fewer than %u items is searched again, wider", top);
    }
    if (policy->fill_near) {
        tell(t, "fill",
             "%sa list of fewer than %u items gets what lies next to its items in the trie",
             policy->fill_widen ? "then " : "", top);
    }
    if (policy->fill_popular) {
        tell(t, "fill", "%sa list of fewer than %u items gets the most popular ones, then any",
             policy->fill_widen || policy->fill_near ? "then " : "", top);
    }
}

static void tell_off(const telling *t)
{
    const nj_policy *p = t->policy;
    const struct {
        const char *what;
        bool is_on;
    } STAGES[] = {
        {"neighbours as a source", p->neighbour_weight > 0},
        {"prefix priors", nj_policy_has_prior(p)},
        {"boosts", p->boost_count > 0},
        {"deny", p->deny_count > 0},
        {"caps", p->cap_count > 0},
        {"pins", p->pin_count > 0},
        {"fresh share", p->fresh_share > 0},
        {"re-ranking", p->rerank != NJ_RERANK_NONE},
        {"calibration", p->calibration > 0},
        {"places for cold items", p->cold_places > 0},
        {"prefix borrowing", p->borrow_levels > 0},
        {"fill", p->fill_widen || p->fill_near || p->fill_popular},
    };
    for (size_t i = 0; i < sizeof STAGES / sizeof STAGES[0]; i++) {
        if (!STAGES[i].is_on) {
            tell(t, "off", "%s", STAGES[i].what);
        }
    }
}

void nj_policy_explain(const nj_policy_subject *subject, nj_policy_say say, void *context)
{
    const telling t = {
        .subject = subject, .policy = subject->policy, .say = say, .context = context};
    tell_candidates(&t);
    tell_adjust(&t);
    tell_constraints(&t);
    tell_rerank(&t);
    tell_cold(&t);
    tell_fill(&t);
    tell_off(&t);
}
