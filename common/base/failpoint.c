#include "common/base/failpoint.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"

#define VARIABLE "NJ_FAILPOINT"
#define RULE_BYTES_MAX 640
#define EXHAUST_PIECE_BYTES ((size_t)1 << 20)

typedef enum { KIND_PLACE, KIND_STEP, KIND_USER } point_kind;

typedef struct {
    const char *name;
    point_kind kind;
} point_row;

static const point_row POINTS[NJ_FAILPOINT_COUNT] = {
#define NJ_FAILPOINT(NAME, name, PROGRAM, KIND, meaning) {name, KIND_##KIND},
#include "schemas/failpoint.def"
};

static const char *const ACTIONS[] = {
    [NJ_FAILPOINT_KILL] = "kill", [NJ_FAILPOINT_ABORT] = "abort",
    [NJ_FAILPOINT_STOP] = "stop", [NJ_FAILPOINT_SPIN] = "spin",
    [NJ_FAILPOINT_SLOW] = "slow", [NJ_FAILPOINT_EXHAUST] = "exhaust",
    [NJ_FAILPOINT_FAIL] = "fail", [NJ_FAILPOINT_NAN] = "nan",
};

// ---- reading the rules ----

static bool find_point(const char *name, nj_failpoint *out)
{
    for (size_t i = 0; i < NJ_FAILPOINT_COUNT; i++) {
        if (strcmp(POINTS[i].name, name) == 0) {
            *out = (nj_failpoint)i;
            return true;
        }
    }
    return false;
}

static bool find_action(const char *name, nj_failpoint_action *out)
{
    for (size_t i = NJ_FAILPOINT_KILL; i < sizeof ACTIONS / sizeof ACTIONS[0]; i++) {
        if (strcmp(ACTIONS[i], name) == 0) {
            *out = (nj_failpoint_action)i;
            return true;
        }
    }
    return false;
}

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool good = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value >= 1 &&
                value <= max;
    *out = good ? value : 0;
    return good;
}

// Cuts `text` at the first `mark` and gives what stands behind it; NULL without one.
static char *cut_at(char *text, char mark)
{
    char *at = strchr(text, mark);
    if (at != NULL) {
        *at++ = '\0';
    }
    return at;
}

// NULL, or what is wrong with the argument.
static const char *read_argument(nj_failpoint_rule *rule, char *argument)
{
    const bool has_user = POINTS[rule->point].kind == KIND_USER;
    char *user = argument;
    if (rule->action == NJ_FAILPOINT_SLOW) {
        uint64_t slow_ms = 0;
        user = argument != NULL ? cut_at(argument, ':') : NULL;
        if (argument == NULL || !read_number(argument, NJ_FAILPOINT_SLOW_MS_MAX, &slow_ms)) {
            return "slow wants milliseconds, 1 to 600000";
        }
        rule->slow_ms = (uint32_t)slow_ms;
    }
    if (has_user != (user != NULL)) {
        return has_user ? "the point wants a user" : "the point takes no argument";
    }
    if (has_user && (user[0] == '\0' || strlen(user) >= sizeof rule->user)) {
        return "a user has 1 to 510 bytes";
    }
    if (has_user) {
        strcpy(rule->user, user);
    }
    return NULL;
}

// NULL, or what is wrong. `text` is cut up.
static const char *read_rule(char *text, nj_failpoint_rule *out)
{
    uint64_t at_hit = 0;
    nj_failpoint_rule rule = {0};
    char *action = cut_at(text, '=');
    char *argument = action != NULL ? cut_at(action, ':') : NULL;
    char *hit = action != NULL ? cut_at(action, '@') : NULL;
    if (action == NULL) {
        return "has no '='";
    }
    if (!find_point(text, &rule.point)) {
        return "there is no such point in schemas/failpoint.def";
    }
    if (!find_action(action, &rule.action)) {
        return "the action is none of kill, abort, stop, spin, slow, exhaust, fail, nan";
    }
    if (hit != NULL && !read_number(hit, UINT32_MAX, &at_hit)) {
        return "the number behind @ is not 1 or more";
    }
    const point_kind kind = POINTS[rule.point].kind;
    if (rule.action == NJ_FAILPOINT_FAIL && kind == KIND_PLACE) {
        return "nothing can fail at this point";
    }
    if (rule.action == NJ_FAILPOINT_NAN && kind != KIND_USER) {
        return "there are no numbers at this point";
    }
    rule.at_hit = at_hit;
    *out = rule;
    return read_argument(out, argument);
}

nj_status nj_failpoint_parse(const char *text, nj_failpoint_rules *out, nj_error *err)
{
    *out = (nj_failpoint_rules){0};
    for (const char *at = text; *at != '\0';) {
        char rule[RULE_BYTES_MAX];
        size_t size = strcspn(at, ",");
        if (size >= sizeof rule || out->count == NJ_FAILPOINT_RULES_MAX) {
            return nj_fail(err, NJ_CONFIG,
                           VARIABLE ": more than %d rules, or one of more than %zu bytes",
                           NJ_FAILPOINT_RULES_MAX, sizeof rule - 1);
        }
        memcpy(rule, at, size);
        rule[size] = '\0';
        const char *problem = read_rule(rule, &out->rules[out->count++]);
        if (problem != NULL) {
            return nj_fail(err, NJ_CONFIG, VARIABLE ": \"%.*s\": %s", (int)size, at, problem);
        }
        at += size + (at[size] == ',');
    }
    return NJ_OK;
}

// ---- acting ----

static pthread_once_t once = PTHREAD_ONCE_INIT;
static nj_failpoint_rules rules;
static atomic_uint_fast64_t hits[NJ_FAILPOINT_RULES_MAX]; // of each rule

static void read_environment(void)
{
    nj_error err = {0};
    const char *text = getenv(VARIABLE);
    if (text != NULL && nj_failpoint_parse(text, &rules, &err) != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "%s", err.text);
        _exit(nj_status_exit_code(NJ_CONFIG));
    }
}

static void sleep_ms(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static void spin(void)
{
    static volatile sig_atomic_t never;
    while (never == 0) {
    }
}

// What is taken is kept: the rest of the process has to live without it. Every page is written to, so that it is really there.
static void exhaust_memory(void)
{
    for (size_t taken = 0; taken < NJ_FAILPOINT_EXHAUST_BYTES_MAX; taken += EXHAUST_PIECE_BYTES) {
        volatile char *piece = malloc(EXHAUST_PIECE_BYTES);
        if (piece == NULL) {
            return;
        }
        for (size_t i = 0; i < EXHAUST_PIECE_BYTES; i += 1024) {
            piece[i] = 1;
        }
    }
    kill(getpid(), SIGKILL);
}

static nj_failpoint_action act(const nj_failpoint_rule *rule)
{
    nj_log(NJ_LOG_WARNING, "failpoint %s: %s", POINTS[rule->point].name, ACTIONS[rule->action]);
    switch (rule->action) {
    case NJ_FAILPOINT_KILL:
        kill(getpid(), SIGKILL);
        break;
    case NJ_FAILPOINT_ABORT:
        abort();
    case NJ_FAILPOINT_STOP:
        kill(getpid(), SIGSTOP);
        break;
    case NJ_FAILPOINT_SPIN:
        spin();
        break;
    case NJ_FAILPOINT_SLOW:
        sleep_ms(rule->slow_ms);
        break;
    case NJ_FAILPOINT_EXHAUST:
        exhaust_memory();
        break;
    case NJ_FAILPOINT_FAIL:
    case NJ_FAILPOINT_NAN:
        return rule->action;
    case NJ_FAILPOINT_NOTHING:
        break;
    }
    return NJ_FAILPOINT_NOTHING;
}

nj_failpoint_action nj_failpoint_hit_user(nj_failpoint point, nj_slice user)
{
    nj_failpoint_action found = NJ_FAILPOINT_NOTHING;
    pthread_once(&once, read_environment);
    for (size_t i = 0; i < rules.count; i++) {
        const nj_failpoint_rule *rule = &rules.rules[i];
        if (rule->point != point || !nj_slice_equal(nj_slice_from(rule->user), user)) {
            continue;
        }
        const uint64_t hit = atomic_fetch_add(&hits[i], 1) + 1;
        if (rule->at_hit == 0 || rule->at_hit == hit) {
            nj_failpoint_action action = act(rule);
            found = action != NJ_FAILPOINT_NOTHING ? action : found;
        }
    }
    return found;
}

bool nj_failpoint_hit(nj_failpoint point)
{
    return nj_failpoint_hit_user(point, nj_slice_from("")) == NJ_FAILPOINT_FAIL;
}

nj_status nj_failpoint_step(nj_failpoint point, nj_error *err)
{
    return nj_failpoint_hit(point)
               ? nj_fail(err, NJ_IO, "failpoint %s: fails on purpose", POINTS[point].name)
               : NJ_OK;
}
