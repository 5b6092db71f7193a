#include "common/catalogue/split.h"

#include <stdio.h>
#include <string.h>

// ---- options ----

static nj_status read_instant(const nj_arguments *arguments, const char *name, nj_instant *out,
                              nj_error *err)
{
    const char *text = nj_argument(arguments, name);
    return text != NULL ? nj_instant_parse(name, text, out, err) : NJ_OK;
}

static nj_status read_time_split(const nj_arguments *arguments, nj_split *split, nj_error *err)
{
    split->kind = NJ_SPLIT_TIME;
    if (!split->from.given) {
        return nj_fail(err, NJ_USAGE, "--split time needs --from, the time at which histories end");
    }
    if (split->until.given && split->until.at <= split->from.at) {
        return nj_fail(err, NJ_USAGE, "--until \"%s\" is not behind --from \"%s\"",
                       nj_argument(arguments, "until"), nj_argument(arguments, "from"));
    }
    return NJ_OK;
}

static nj_status read_last_out(const nj_arguments *arguments, nj_split *split, nj_error *err)
{
    static const struct {
        const char *word;
        nj_split_kind kind;
    } TARGETS[] = {
        {"test", NJ_SPLIT_TEST}, {"validation", NJ_SPLIT_VALIDATION}, {"none", NJ_SPLIT_NONE}};
    const char *target = nj_argument(arguments, "target");
    if (split->from.given || split->until.given) {
        return nj_fail(err, NJ_USAGE, "--from and --until go with --split time");
    }
    for (size_t i = 0; i < sizeof TARGETS / sizeof TARGETS[0]; i++) {
        if (strcmp(target, TARGETS[i].word) == 0) {
            split->kind = TARGETS[i].kind;
            return NJ_OK;
        }
    }
    return nj_fail(err, NJ_USAGE, "--target is \"%s\", must be test, validation or none", target);
}

nj_status nj_split_from(const nj_arguments *arguments, nj_split *out, nj_error *err)
{
    nj_split split = {0};
    const char *word = nj_argument(arguments, "split");
    nj_status status = read_instant(arguments, "from", &split.from, err);
    if (status == NJ_OK) {
        status = read_instant(arguments, "until", &split.until, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (strcmp(word, "time") == 0) {
        status = read_time_split(arguments, &split, err);
    } else if (strcmp(word, "leave-last-out") == 0) {
        status = read_last_out(arguments, &split, err);
    } else {
        status = nj_fail(err, NJ_USAGE, "--split is \"%s\", must be leave-last-out or time", word);
    }
    if (status == NJ_OK) {
        *out = split;
    }
    return status;
}

// ---- histories ----

static nj_status split_by_time(const nj_split *split, const nj_history *history,
                               nj_split_parts *out, nj_error *err)
{
    const size_t count = history->item_count;
    const double last = count > 0 ? history->times[count - 1] : 0;
    size_t before = 0;
    if (!nj_instant_fits(&split->from, last) || !nj_instant_fits(&split->until, last)) {
        return nj_history_fail(
            history, err,
            "time %.17g is beyond the year 9999, so times are not in seconds: give --from and "
            "--until as such numbers and not as dates",
            last);
    }
    while (before < count && history->times[before] < split->from.at) {
        before++;
    }
    *out = (nj_split_parts){.training_count = before,
                            .input_count = before,
                            .has_target =
                                before < count &&
                                (!split->until.given || history->times[before] < split->until.at)};
    return NJ_OK;
}

nj_status nj_split_history(const nj_split *split, const nj_history *history, nj_split_parts *out,
                           nj_error *err)
{
    const size_t count = history->item_count;
    const size_t place = split->kind == NJ_SPLIT_TEST ? 1 : NJ_SPLIT_LAST_COUNT;
    if (split->kind == NJ_SPLIT_TIME) {
        return split_by_time(split, history, out, err);
    }
    if (split->kind == NJ_SPLIT_NONE) {
        *out = (nj_split_parts){.training_count = count, .input_count = count};
        return NJ_OK;
    }
    *out = (nj_split_parts){.training_count =
                                count > NJ_SPLIT_LAST_COUNT ? count - NJ_SPLIT_LAST_COUNT : 0,
                            .input_count = count >= place ? count - place : 0,
                            .has_target = count >= place};
    return NJ_OK;
}

// ---- words ----

nj_split_words nj_split_describe(const nj_split *split, const nj_histories_source *source)
{
    static const char *const WORDS[] = {[NJ_SPLIT_TEST] = "test",
                                        [NJ_SPLIT_VALIDATION] = "validation",
                                        [NJ_SPLIT_TIME] = "from", // and when, as it always has
                                        [NJ_SPLIT_NONE] = "none"};
    nj_split_words words = {0};
    const size_t size = sizeof words.text;
    const nj_instant *as_of = &source->as_of;
    const bool is_last_out = split->kind == NJ_SPLIT_TEST || split->kind == NJ_SPLIT_VALIDATION;
    nj_instant end = split->kind == NJ_SPLIT_TIME ? split->from : (nj_instant){0}; // of the input
    if (!is_last_out && as_of->given && (!end.given || as_of->at < end.at)) {
        end = *as_of;
    }
    size_t at = end.given ? (size_t)snprintf(words.text, size, "from %.17g", end.at)
                          : (size_t)snprintf(words.text, size, "%s", WORDS[split->kind]);
    if (is_last_out && as_of->given) {
        at += (size_t)snprintf(words.text + at, size - at, "; as of %.17g", as_of->at);
    }
    if (source->tie_seed != 0) {
        snprintf(words.text + at, size - at, "; ties %llu", (unsigned long long)source->tie_seed);
    }
    return words;
}
