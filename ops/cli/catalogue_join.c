// catalogue_join.c - `nightjar catalogue join`: embeddings of several origins as one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/catalogue/joined_rows.h"
#include "common/cli/cli.h"
#include "common/codec/json.h"
#include "ops/cli/commands.h"
#include "ops/cli/join_unseen.h"
#include "ops/cli/numbers.h"

#define NUMBER_MIN 1e-6
#define NUMBER_MAX 1e6

typedef struct {
    char *names; // owned; the list of files, cut at its commas
    nj_npy files[NJ_JOINED_PARTS_MAX];
    nj_joined_part parts[NJ_JOINED_PARTS_MAX];
    size_t count;
    nj_unseen_rows unseen;
    nj_file_draft draft;
} joining;

static nj_status open_parts(const nj_arguments *arguments, joining *j, nj_error *err)
{
    const char *list = nj_argument(arguments, "embeddings");
    j->names = strdup(list);
    if (j->names == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the names of files");
    }
    nj_status status = NJ_OK;
    for (char *rest = j->names; rest != NULL && status == NJ_OK;) {
        const char *path = strsep(&rest, ",");
        if (j->count == NJ_JOINED_PARTS_MAX || *path == '\0') {
            return nj_fail(err, NJ_USAGE,
                           "--embeddings is \"%s\", must be 1 to %d files with commas between",
                           list, NJ_JOINED_PARTS_MAX);
        }
        status = nj_npy_open(path, &j->files[j->count], err);
        j->parts[j->count] =
            (nj_joined_part){.npy = &j->files[j->count],
                             .keeps_lengths = nj_argument_flag(arguments, "keep-lengths")};
        j->count += status == NJ_OK;
    }
    return status;
}

// Places for the items that no training history has, in all files but the first.
static nj_status place_unseen(const nj_arguments *arguments, joining *j, nj_error *err)
{
    nj_status status = nj_join_unseen_find(arguments, &j->files[0], &j->unseen, err);
    for (size_t i = 1; i < j->count && j->unseen.count > 0 && status == NJ_OK; i++) {
        status = nj_joined_fill(&j->parts[i], &j->files[0], &j->unseen, err);
    }
    return status;
}

static nj_status set_scales(const nj_arguments *arguments, joining *j, nj_error *err)
{
    double shares[NJ_JOINED_PARTS_MAX];
    double scales[NJ_JOINED_PARTS_MAX];
    bool has_shares = false;
    bool has_scales = false;
    nj_status status = nj_reals_from(arguments, "shares", NUMBER_MIN, NUMBER_MAX, j->count, shares,
                                     &has_shares, err);
    if (status == NJ_OK) {
        status = nj_reals_from(arguments, "scales", NUMBER_MIN, NUMBER_MAX, j->count, scales,
                               &has_scales, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (has_shares && has_scales) {
        return nj_fail(err, NJ_USAGE, "--shares and --scales both say how long the parts are");
    }
    for (size_t i = 0; i < j->count; i++) {
        j->parts[i].scale = has_scales ? (float)scales[i] : 0;
        shares[i] = has_shares ? shares[i] : 1;
    }
    return has_scales ? NJ_OK : nj_joined_scales(j->parts, j->count, shares, err);
}

static nj_status print_json(const joining *j, nj_error *err)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < j->count; i++) {
        const nj_joined_part *part = &j->parts[i];
        json_array_append_new(
            parts, json_pack("{s:I, s:f, s:I}", "width", (json_int_t)part->npy->shape[1], "scale",
                             (double)part->scale, "zero_rows", (json_int_t)part->zero_count));
    }
    json_t *object = json_pack("{s:I, s:I, s:I, s:o}", "items", (json_int_t)j->files[0].shape[0],
                               "width", (json_int_t)nj_joined_width(j->parts, j->count), "unseen",
                               (json_int_t)j->unseen.count, "parts", parts);
    return nj_print_json_take(&object, err);
}

static void print_text(const joining *j)
{
    printf("%zu items, %zu columns\n", j->files[0].shape[0], nj_joined_width(j->parts, j->count));
    for (size_t i = 0; i < j->count; i++) {
        const nj_joined_part *part = &j->parts[i];
        printf("  %s: %zu columns, scale %.9g, %zu rows of zeros\n", part->npy->path,
               part->npy->shape[1], (double)part->scale, part->zero_count);
    }
    if (j->unseen.count > 0) {
        printf("%u items that training has not seen are the mean of their nearest\n",
               j->unseen.count);
    }
    printf("the same for other items: --scales ");
    for (size_t i = 0; i < j->count; i++) {
        printf("%s%.9g", i == 0 ? "" : ",", (double)j->parts[i].scale);
    }
    printf("\n");
}

nj_status nj_command_catalogue_join(const nj_arguments *arguments, nj_error *err)
{
    joining j = {0};
    nj_status status = open_parts(arguments, &j, err);
    if (status == NJ_OK) {
        status = place_unseen(arguments, &j, err);
    }
    if (status == NJ_OK) {
        status = nj_file_draft_begin(nj_argument(arguments, "out"), &j.draft, err);
    }
    if (status == NJ_OK) {
        status = set_scales(arguments, &j, err);
    }
    if (status == NJ_OK) {
        status = nj_joined_write(j.parts, j.count, &j.draft, err);
    }
    if (status == NJ_OK) {
        status = nj_file_draft_commit(&j.draft, err);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_json(&j, err);
    } else if (status == NJ_OK) {
        print_text(&j);
    }
    nj_file_draft_abort(&j.draft);
    for (size_t i = 0; i < j.count; i++) {
        nj_joined_part_fini(&j.parts[i]);
        nj_npy_close(&j.files[i]);
    }
    nj_unseen_rows_fini(&j.unseen);
    free(j.names);
    return status;
}
