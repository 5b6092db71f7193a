#include "worker/policy/constraints.h"

#include <assert.h>
#include <string.h>

#include "common/base/checked.h"

// Places of list and reserve together: over both, caps are counted.
static size_t room_of(const nj_constraint_rules *rules)
{
    return (size_t)rules->top + rules->reserve;
}

size_t nj_constraints_bytes(const nj_constraint_rules *rules)
{
    const size_t rows = room_of(rules) * sizeof(uint32_t);
    size_t values;
    size_t total;
    return nj_mul_size(rows, rules->policy->cap_count, &values) &&
                   nj_add_size(nj_arena_cost(values), 2 * nj_arena_cost(rows), &total)
               ? total
               : SIZE_MAX;
}

void nj_constraints_begin(const nj_constraint_rules *rules, nj_arena *arena, nj_constraints *out)
{
    const size_t rows = room_of(rules) * sizeof(uint32_t);
    *out = (nj_constraints){.rules = rules,
                            .rows = nj_arena_take(arena, rows),
                            .values = nj_arena_take(arena, rows * rules->policy->cap_count),
                            .reserved = nj_arena_take(arena, rows)};
}

void nj_constraints_clear(nj_constraints *constraints)
{
    constraints->count = 0;
    constraints->reserved_count = 0;
}

static uint32_t find_row(const uint32_t *rows, uint32_t count, uint32_t row)
{
    uint32_t at = 0;
    while (at < count && rows[at] != row) {
        at++;
    }
    return at;
}

// The value of the cap's column; 0 for a cap of prefixes, which are compared code by code.
static uint32_t find_value(const nj_constraint_rules *rules, const nj_policy_cap *cap, uint32_t row)
{
    return cap->attribute == NJ_POLICY_NONE
               ? 0
               : rules->attributes->columns[cap->attribute].of_row[row];
}

static bool is_under(const nj_policy_cap *cap, uint32_t value)
{
    return value != NJ_ATTRIBUTE_NONE && (cap->attribute == NJ_POLICY_NONE ||
                                          cap->value == NJ_POLICY_NONE || cap->value == value);
}

static bool begins_alike(const nj_sids *sids, uint32_t levels, uint32_t a, uint32_t b)
{
    const uint16_t *codes = sids->codes;
    return memcmp(codes + (size_t)a * sids->level_count, codes + (size_t)b * sids->level_count,
                  levels * sizeof *codes) == 0;
}

// Rows that count and are alike, as the cap sees it.
static uint32_t count_alike(const nj_constraints *constraints, uint32_t c, uint32_t row,
                            uint32_t value)
{
    const nj_constraint_rules *rules = constraints->rules;
    const nj_policy_cap *cap = &rules->policy->caps[c];
    const uint32_t *values = constraints->values + c * room_of(rules);
    uint32_t alike = 0;
    for (uint32_t i = 0; i < constraints->count; i++) {
        alike += cap->attribute == NJ_POLICY_NONE
                     ? begins_alike(rules->sids, cap->levels, constraints->rows[i], row)
                     : values[i] == value;
    }
    return alike;
}

static bool has_room(const nj_constraints *constraints, uint32_t row)
{
    const nj_policy *policy = constraints->rules->policy;
    for (uint32_t c = 0; c < policy->cap_count; c++) {
        const uint32_t value = find_value(constraints->rules, &policy->caps[c], row);
        if (is_under(&policy->caps[c], value) &&
            count_alike(constraints, c, row, value) >= policy->caps[c].most) {
            return false;
        }
    }
    return true;
}

static bool is_reserved(const nj_constraints *constraints, uint32_t row)
{
    return find_row(constraints->reserved, constraints->reserved_count, row) <
           constraints->reserved_count;
}

static bool may_count(const nj_constraints *constraints, uint32_t row)
{
    return find_row(constraints->rows, constraints->count, row) == constraints->count &&
           has_room(constraints, row);
}

static bool is_new(const nj_constraints *constraints, uint32_t row)
{
    return nj_constraints_open_places(constraints) > 0 && may_count(constraints, row);
}

bool nj_constraints_allow(const nj_constraints *constraints, uint32_t row)
{
    return is_reserved(constraints, row) || is_new(constraints, row);
}

static void count_row(nj_constraints *constraints, uint32_t row)
{
    const nj_constraint_rules *rules = constraints->rules;
    assert(constraints->count < room_of(rules));
    for (uint32_t c = 0; c < rules->policy->cap_count; c++) {
        constraints->values[c * room_of(rules) + constraints->count] =
            find_value(rules, &rules->policy->caps[c], row);
    }
    constraints->rows[constraints->count++] = row;
}

void nj_constraints_take(nj_constraints *constraints, uint32_t row)
{
    const uint32_t at = find_row(constraints->reserved, constraints->reserved_count, row);
    if (at < constraints->reserved_count) {
        constraints->reserved[at] = constraints->reserved[--constraints->reserved_count];
    } else {
        count_row(constraints, row);
    }
}

bool nj_constraints_reserve(nj_constraints *constraints, uint32_t row)
{
    if (!is_new(constraints, row)) {
        return false;
    }
    count_row(constraints, row);
    constraints->reserved[constraints->reserved_count++] = row;
    return true;
}

bool nj_constraints_follow(nj_constraints *constraints, uint32_t row)
{
    if (constraints->count == room_of(constraints->rules) || !may_count(constraints, row)) {
        return false;
    }
    count_row(constraints, row);
    return true;
}
