// study_parts.h - a study from the inside: study.c fills it, study_json.c tells it. Nobody else includes it.
#ifndef NJ_COORDINATOR_REPORT_STUDY_PARTS_H
#define NJ_COORDINATOR_REPORT_STUDY_PARTS_H

#include "common/codec/row.h"
#include "common/judge/exposure.h"
#include "coordinator/report/study.h"

#define NJ_STUDY_SCORE_PLACE_COUNT 8
#define NJ_STUDY_OVERLAP_CELLS 11 // 0, 0.1 ... 1
#define NJ_STUDY_FLAGS 32

extern const uint32_t NJ_STUDY_SCORE_PLACES[NJ_STUDY_SCORE_PLACE_COUNT]; // rising, from 1

struct nj_study {
    nj_study_catalogue catalogue; // view NULL: not known
    nj_store_reader *before;
    size_t user_max;
    size_t user_count; // that were read
    size_t unread_count;

    // items that the catalogue does not know are called item_count + index
    uint32_t item_count;
    nj_idlist_builder strangers; // owned
    nj_idmap stranger_map;       // owned
    nj_lists lists;              // owned; [user_count, NJ_STUDY_PLACES_MAX]

    // [NJ_STUDY_SCORE_PLACE_COUNT + 1, user_max] owned; of each place of the table, and of the last place
    float *scores;
    size_t score_counts[NJ_STUDY_SCORE_PLACE_COUNT];
    size_t last_count;

    uint64_t lengths;
    size_t longest;
    size_t empty_count; // neither items nor a text
    size_t text_count;
    size_t aged_count;
    uint64_t flag_counts[NJ_STUDY_FLAGS];

    uint64_t first_codes;
    size_t first_code_users;
    double neighbour_overlap;
    size_t neighbour_count;
    uint32_t last_names[NJ_STUDY_PLACES_MAX];
    uint32_t last_name_count;

    size_t both_count; // users who have a row of the night before
    size_t new_count;  // who have none
    double overlap;
    double overlap_all;
    size_t same_first;
    uint64_t overlap_histogram[NJ_STUDY_OVERLAP_CELLS];

    nj_row *row; // owned; scratch
    nj_row *row_before;
};

/// "exposure", "popularity" and "codes" of the lists, into `object`. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_study_put_items(nj_study *study, json_t *object, bool *ok);

#endif
