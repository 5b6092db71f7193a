// lab_people.h - the users of a lab, what was recommended to them, and what items are called.
#ifndef NJ_OPS_CLI_LAB_PEOPLE_H
#define NJ_OPS_CLI_LAB_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/idlist.h"
#include "common/catalogue/catalogue.h"

#define NJ_LAB_LIST_MAX 20 // places of a list that are looked at
#define NJ_LAB_LISTS_MAX 6 // models
#define NJ_LAB_NO_ITEM UINT32_MAX

// One judged user. Items are rows of the catalogue.
typedef struct {
    uint32_t target;                   // what he took next
    uint32_t history;                  // items before it
    uint32_t popularity;               // times that training has seen the target
    uint32_t counts[NJ_LAB_LISTS_MAX]; // places of each list
    uint32_t
        ranks[NJ_LAB_LISTS_MAX]; // of the target, from 1; 0: not among the first NJ_LAB_LIST_MAX
    uint32_t lists[NJ_LAB_LISTS_MAX][NJ_LAB_LIST_MAX];
} nj_lab_person;

typedef struct {
    nj_catalogue *catalogue; // owned
    nj_idmap items;          // id -> row
    nj_buffer titles;        // NUL-terminated, one after the other
    nj_buffer title_at;      // size_t [N]
    nj_idlist_builder users; // judged ones, in the order of the file
    nj_idmap user_map;
    nj_buffer persons; // nj_lab_person [users]
    size_t list_count;
} nj_lab_people;

/// Reads catalogue, titles and outcomes (schemas/lists.md) of the model that is number 0.
/// Errors  NJ_INPUT, NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY; `out` is to be ended all the same
NJ_CHECKED nj_status nj_lab_people_open(const char *folder, nj_lab_people *out, nj_error *err);
/// Adds another model's lists, as number list_count. Users who are not judged are passed over.
NJ_CHECKED nj_status nj_lab_people_add_lists(nj_lab_people *people, const char *path,
                                             nj_error *err);
/// Accepts a struct that is all zero.
void nj_lab_people_close(nj_lab_people *people);

static inline size_t nj_lab_people_count(const nj_lab_people *people)
{
    return people->users.count;
}

static inline const nj_lab_person *nj_lab_person_at(const nj_lab_people *people, size_t index)
{
    return (const nj_lab_person *)(const void *)people->persons.bytes + index;
}

/// The row of an item; NJ_LAB_NO_ITEM.
uint32_t nj_lab_find_item(const nj_lab_people *people, const char *id);
/// What an item is called; borrowed from `people`.
const char *nj_lab_title(const nj_lab_people *people, uint32_t item);
/// Codes that two items have in common from the first on.
uint32_t nj_lab_shared_codes(const nj_lab_people *people, uint32_t a, uint32_t b);

/// The items of one user's whole history, oldest first, appended to `out` as uint32_t; nothing where there is no such user.
NJ_CHECKED nj_status nj_lab_people_history(const nj_lab_people *people, const char *histories,
                                           nj_slice user, nj_buffer *out, nj_error *err);

#endif
