#include "coordinator/report/study_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

const uint32_t NJ_STUDY_SCORE_PLACES[NJ_STUDY_SCORE_PLACE_COUNT] = {1, 2, 3, 5, 10, 20, 50, 100};

uint64_t nj_study_step(uint64_t user_total)
{
    uint64_t wanted = user_total / NJ_STUDY_SHARE;
    wanted = wanted < NJ_STUDY_USERS_LEAST ? NJ_STUDY_USERS_LEAST : wanted;
    wanted = wanted > NJ_STUDY_USERS_MAX ? NJ_STUDY_USERS_MAX : wanted;
    const uint64_t step = (user_total + wanted - 1) / wanted;
    return step > 0 ? step : 1;
}

static bool take_memory(nj_study *study, size_t user_max)
{
    size_t scores;
    const size_t users = user_max > 0 ? user_max : 1;
    if (!nj_mul_size(users, (NJ_STUDY_SCORE_PLACE_COUNT + 1) * sizeof(float), &scores)) {
        return false;
    }
    study->scores = malloc(scores);
    study->row = malloc(sizeof *study->row);
    study->row_before = malloc(sizeof *study->row_before);
    return study->scores != NULL && study->row != NULL && study->row_before != NULL &&
           nj_lists_init(users, NJ_STUDY_PLACES_MAX, &study->lists) == NJ_OK;
}

nj_status nj_study_new(size_t user_max, const nj_study_catalogue *catalogue,
                       nj_store_reader *before, nj_study **out, nj_error *err)
{
    nj_study *study = calloc(1, sizeof *study);
    if (study == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the report's sample");
    }
    study->user_max = user_max > 0 ? user_max : 1;
    study->before = before;
    if (catalogue != NULL) {
        study->catalogue = *catalogue;
        study->item_count = catalogue->view->sids.row_count;
    }
    nj_idlist_builder_init(&study->strangers);
    nj_idmap_init(&study->stranger_map);
    if (!take_memory(study, user_max)) {
        nj_study_free(&study);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the report's sample of %zu users",
                       user_max);
    }
    *out = study;
    return NJ_OK;
}

void nj_study_free(nj_study **study)
{
    if (*study == NULL) {
        return;
    }
    nj_lists_fini(&(*study)->lists);
    nj_idlist_builder_fini(&(*study)->strangers);
    nj_idmap_fini(&(*study)->stranger_map);
    free((*study)->scores);
    free((*study)->row);
    free((*study)->row_before);
    free(*study);
    *study = NULL;
}

// ---- a user ----

// A number for the item: its catalogue row, or one behind all of them. Equal numbers are equal items.
static nj_status name_item(nj_study *study, nj_slice item, uint32_t *out)
{
    if (study->catalogue.view != NULL) {
        const size_t row = nj_idmap_find(study->catalogue.map, item, nj_idmap_at_list,
                                         &study->catalogue.view->items);
        if (row != NJ_IDMAP_NONE) {
            *out = (uint32_t)row;
            return NJ_OK;
        }
    }
    size_t index =
        nj_idmap_find(&study->stranger_map, item, nj_idmap_at_builder, &study->strangers);
    nj_status status = NJ_OK;
    if (index == NJ_IDMAP_NONE) {
        index = study->strangers.count;
        status = nj_idlist_builder_add(&study->strangers, item);
        if (status == NJ_OK) {
            status = nj_idmap_insert(&study->stranger_map, item, index);
        }
    }
    *out = study->item_count + (uint32_t)index;
    return status;
}

static nj_status name_items(nj_study *study, const nj_row *row, uint32_t *out, uint32_t *out_count)
{
    nj_status status = NJ_OK;
    *out_count = (uint32_t)(row->count < NJ_STUDY_PLACES_MAX ? row->count : NJ_STUDY_PLACES_MAX);
    for (uint32_t i = 0; i < *out_count && status == NJ_OK; i++) {
        status = name_item(study, row->items[i], &out[i]);
    }
    return status;
}

static void note_scores(nj_study *study, const nj_row *row)
{
    for (size_t p = 0; p < NJ_STUDY_SCORE_PLACE_COUNT; p++) {
        if (row->count >= NJ_STUDY_SCORE_PLACES[p]) {
            float *scores = study->scores + p * study->user_max;
            scores[study->score_counts[p]++] = row->scores[NJ_STUDY_SCORE_PLACES[p] - 1];
        }
    }
    if (row->count > 0) {
        float *last = study->scores + NJ_STUDY_SCORE_PLACE_COUNT * study->user_max;
        last[study->last_count++] = row->scores[row->count - 1];
    }
}

static void note_row(nj_study *study, const nj_row *row)
{
    study->lengths += row->count;
    study->text_count += row->text.bytes != NULL;
    study->empty_count += row->count == 0 && row->text.bytes == NULL;
    study->longest = row->count > study->longest ? row->count : study->longest;
    study->aged_count += row->age > 0;
    for (size_t bit = 0; bit < NJ_STUDY_FLAGS; bit++) {
        study->flag_counts[bit] += row->flags >> bit & 1u;
    }
    note_scores(study, row);
}

// How many different codes of the first level stand in the first places.
static uint32_t count_first_codes(const nj_study *study, const uint32_t *names, uint32_t count)
{
    const nj_sids *sids = &study->catalogue.view->sids;
    uint16_t seen[NJ_STUDY_CUTOFF];
    uint32_t seen_count = 0;
    for (uint32_t i = 0; i < count && i < NJ_STUDY_CUTOFF; i++) {
        if (names[i] >= study->item_count) {
            continue;
        }
        const uint16_t code = sids->codes[(size_t)names[i] * sids->level_count];
        uint32_t s = 0;
        while (s < seen_count && seen[s] != code) {
            s++;
        }
        if (s == seen_count) {
            seen[seen_count++] = code;
        }
    }
    return seen_count;
}

static void note_variety(nj_study *study, const uint32_t *names, uint32_t count)
{
    if (study->catalogue.view != NULL && count > 1) {
        study->first_codes += count_first_codes(study, names, count);
        study->first_code_users++;
    }
    if (study->user_count > 0) {
        study->neighbour_overlap +=
            nj_overlap_at(names, count, study->last_names, study->last_name_count, NJ_STUDY_CUTOFF);
        study->neighbour_count++;
    }
    memcpy(study->last_names, names, count * sizeof *names);
    study->last_name_count = count;
}

static void note_overlap(nj_study *study, const uint32_t *names, uint32_t count,
                         const uint32_t *old, uint32_t old_count)
{
    const double at_cutoff = nj_overlap_at(names, count, old, old_count, NJ_STUDY_CUTOFF);
    study->both_count++;
    study->overlap += at_cutoff;
    study->overlap_all += nj_overlap_at(names, count, old, old_count, NJ_STUDY_PLACES_MAX);
    study->overlap_histogram[(size_t)(at_cutoff * (NJ_STUDY_OVERLAP_CELLS - 1) + 0.5)]++;
    study->same_first += count > 0 && old_count > 0 && names[0] == old[0];
}

static nj_status compare_with_before(nj_study *study, nj_slice user, const uint32_t *names,
                                     uint32_t count)
{
    nj_slice value;
    nj_error err = {0};
    uint32_t old[NJ_STUDY_PLACES_MAX];
    uint32_t old_count;
    if (study->before == NULL) {
        return NJ_OK;
    }
    nj_status status = nj_store_get(study->before, user, &value, &err);
    if (status != NJ_OK || nj_row_unpack(value, study->row_before, &err) != NJ_OK) {
        study->new_count += status == NJ_NOT_FOUND;
        return NJ_OK;
    }
    status = name_items(study, study->row_before, old, &old_count);
    if (status == NJ_OK) {
        note_overlap(study, names, count, old, old_count);
    }
    return status;
}

nj_status nj_study_add(nj_study *study, nj_slice user, nj_slice value, nj_error *err)
{
    uint32_t names[NJ_STUDY_PLACES_MAX];
    uint32_t count;
    nj_error why = {0};
    if (study->user_count == study->user_max || nj_row_unpack(value, study->row, &why) != NJ_OK) {
        study->unread_count++;
        return NJ_OK;
    }
    nj_status status = name_items(study, study->row, names, &count);
    if (status == NJ_OK) {
        note_row(study, study->row);
        note_variety(study, names, count);
        nj_lists_set(&study->lists, study->user_count, names, count);
        study->user_count++;
        status = compare_with_before(study, user, names, count);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory for the items of the report's sample");
}
