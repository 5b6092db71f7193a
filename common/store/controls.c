#include "common/store/controls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/codec/json.h"
#include "common/store/schema.h"

const char *nj_control_name(nj_control control)
{
    static const char *const NAMES[NJ_CONTROL_COUNT] = {"popular", "co-visitation"};
    return NAMES[control];
}

// ---- writing ----

static nj_status write_line(nj_controls_write *write, nj_error *err)
{
    nj_digester_update(&write->digester, write->line.bytes, write->line.size);
    return fwrite(write->line.bytes, 1, write->line.size, write->draft.stream) == write->line.size
               ? NJ_OK
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", write->draft.path.text);
}

nj_status nj_controls_write_begin(nj_controls_write *write, const char *folder, uint32_t top,
                                  nj_error *err)
{
    nj_path path;
    *write = (nj_controls_write){0};
    nj_buffer_init(&write->line, NJ_CONTROLS_LINE_BYTES_MAX);
    nj_digester_init(&write->digester);
    nj_status status = nj_path_join(folder, NJ_STORE_WORDS.CONTROLS, &path, err);
    if (status == NJ_OK) {
        status = nj_file_draft_begin(path.text, &write->draft, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_buffer_printf(&write->line, "{\"version\": %d, \"top\": %" PRIu32 "}\n",
                              NJ_STORE_CONTROLS_VERSION, top);
    return status == NJ_OK ? write_line(write, err)
                           : nj_fail(err, status, "%s: no memory for a line", path.text);
}

static nj_status append_lists(const nj_control_lists *lists, nj_buffer *line)
{
    nj_buffer_clear(line);
    nj_status status = nj_buffer_printf(line, "{\"user\": ");
    if (status == NJ_OK) {
        status = nj_buffer_json_string(line, lists->user);
    }
    for (int control = 0; control < NJ_CONTROL_COUNT && status == NJ_OK; control++) {
        status = nj_buffer_printf(line, ", \"%s\": [", nj_control_name((nj_control)control));
        for (uint32_t i = 0; i < lists->counts[control] && status == NJ_OK; i++) {
            status = nj_buffer_printf(line, "%s", i > 0 ? ", " : "");
            if (status == NJ_OK) {
                status = nj_buffer_json_string(line, lists->items[control][i]);
            }
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(line, "]", 1);
        }
    }
    return status == NJ_OK ? nj_buffer_append(line, "}\n", 2) : status;
}

nj_status nj_controls_write_user(nj_controls_write *write, const nj_control_lists *lists,
                                 nj_error *err)
{
    const nj_status status = append_lists(lists, &write->line);
    if (status != NJ_OK) {
        return nj_fail(err, status, "%s: no memory for a line", write->draft.path.text);
    }
    write->users++;
    return write_line(write, err);
}

nj_status nj_controls_write_end(nj_controls_write *write, nj_error *err)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    const nj_digest digest = nj_digester_final(&write->digester);
    nj_digest_hex(&digest, hex);
    if (fprintf(write->draft.stream, "{\"users\": %" PRIu64 ", \"digest\": \"%s\"}\n", write->users,
                hex) < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", write->draft.path.text);
    }
    return nj_file_draft_commit(&write->draft, err);
}

void nj_controls_write_abort(nj_controls_write *write)
{
    nj_file_draft_abort(&write->draft);
    nj_buffer_fini(&write->line);
}

// ---- reading ----

typedef struct {
    const char *path;
    FILE *stream;
    char *line; // owned; [NJ_CONTROLS_LINE_BYTES_MAX + 2]
    size_t size;
    uint64_t number; // of the line, from 1
    nj_digester digester;
    nj_control_lists *lists; // owned
    nj_controls_facts facts;
} controls_read;

static nj_status refuse_line(const controls_read *r, nj_error *err, const char *rule)
{
    return nj_fail(err, NJ_REFUSED, "%s: line %" PRIu64 ": %s: the file is damaged", r->path,
                   r->number, rule);
}

// A line with a NUL in it ends there for fgets' caller, and so has no end.
static nj_status next_line(controls_read *r, nj_error *err)
{
    r->number++;
    if (fgets(r->line, NJ_CONTROLS_LINE_BYTES_MAX + 2, r->stream) == NULL) {
        return ferror(r->stream) ? nj_fail_errno(err, NJ_IO, errno, "%s: cannot read", r->path)
                                 : refuse_line(r, err, "the last line is missing");
    }
    r->size = strlen(r->line);
    return r->size > 0 && r->line[r->size - 1] == '\n'
               ? NJ_OK
               : refuse_line(r, err, "it has no end, or too many bytes");
}

static nj_status parse_line(const controls_read *r, json_t **out, nj_error *err)
{
    nj_status status = nj_json_parse(r->line, r->size, r->path, out, NULL);
    if (status == NJ_OK && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        status = NJ_INPUT;
    }
    return status == NJ_OK          ? NJ_OK
           : status == NJ_NO_MEMORY ? nj_fail(err, status, "%s: no memory for a line", r->path)
                                    : refuse_line(r, err, "it is no JSON object");
}

static bool take_id(const json_t *value, nj_slice *out)
{
    if (!json_is_string(value)) {
        return false;
    }
    *out = (nj_slice){json_string_value(value), json_string_length(value)};
    return nj_id_problem(*out) == NULL;
}

static bool take_lists(const json_t *object, uint32_t top, nj_control_lists *out)
{
    if (!take_id(json_object_get(object, "user"), &out->user)) {
        return false;
    }
    for (int control = 0; control < NJ_CONTROL_COUNT; control++) {
        const json_t *items = json_object_get(object, nj_control_name((nj_control)control));
        if (!json_is_array(items) || json_array_size(items) > top) {
            return false;
        }
        out->counts[control] = (uint32_t)json_array_size(items);
        for (uint32_t i = 0; i < out->counts[control]; i++) {
            if (!take_id(json_array_get(items, i), &out->items[control][i])) {
                return false;
            }
        }
    }
    return true;
}

static nj_status read_head(controls_read *r, nj_error *err)
{
    json_t *object = NULL;
    nj_status status = next_line(r, err);
    if (status == NJ_OK) {
        status = parse_line(r, &object, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const json_t *said = json_object_get(object, "version");
    const bool is_head = json_is_integer(said);
    const json_int_t version = json_integer_value(said);
    const json_int_t top = json_integer_value(json_object_get(object, "top"));
    json_decref(object);
    if (!is_head) {
        return refuse_line(r, err, "it does not begin with \"version\"");
    }
    if (version != NJ_STORE_CONTROLS_VERSION) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: is of version %lld, this program reads %d: grade with the program that "
                       "made it, or give --controls",
                       r->path, (long long)version, NJ_STORE_CONTROLS_VERSION);
    }
    if (top < 1 || top > NJ_CONTROLS_ITEMS_MAX) {
        return refuse_line(r, err, "\"top\" must be 1 to 20");
    }
    r->facts.top = (uint32_t)top;
    nj_digester_update(&r->digester, r->line, r->size);
    return NJ_OK;
}

// The last line, behind which nothing may stand.
static nj_status check_end(controls_read *r, const json_t *object, nj_error *err)
{
    nj_digest says;
    const nj_digest is = nj_digester_final(&r->digester);
    const char *text = json_string_value(json_object_get(object, "digest"));
    const json_int_t users = json_integer_value(json_object_get(object, "users"));
    if (text == NULL || !nj_digest_from_hex(text, &says) || !nj_digest_equal(&says, &is)) {
        return refuse_line(r, err, "the digest is not that of the lines before");
    }
    if (users != (json_int_t)r->facts.users) {
        return refuse_line(r, err, "\"users\" is not the number of lines before");
    }
    return fgetc(r->stream) == EOF ? NJ_OK : refuse_line(r, err, "something stands behind it");
}

static nj_status take_user(controls_read *r, const json_t *object, nj_controls_visit visit,
                           void *context, nj_error *err)
{
    if (r->facts.users == NJ_CONTROLS_USERS_MAX) {
        return refuse_line(r, err, "more than 100000 users");
    }
    if (!take_lists(object, r->facts.top, r->lists)) {
        return refuse_line(r, err, "it is no user with two lists of ids");
    }
    nj_digester_update(&r->digester, r->line, r->size);
    r->facts.users++;
    return visit != NULL ? visit(context, r->lists, err) : NJ_OK;
}

static nj_status read_lines(controls_read *r, nj_controls_visit visit, void *context, nj_error *err)
{
    bool at_end = false;
    nj_status status = read_head(r, err);
    while (status == NJ_OK && !at_end) {
        json_t *object = NULL;
        status = next_line(r, err);
        if (status == NJ_OK) {
            status = parse_line(r, &object, err);
        }
        if (status == NJ_OK) {
            at_end = json_object_get(object, "digest") != NULL;
            status = at_end ? check_end(r, object, err) : take_user(r, object, visit, context, err);
        }
        json_decref(object);
    }
    return status;
}

nj_status nj_store_controls_read(const char *folder, nj_controls_visit visit, void *context,
                                 nj_controls_facts *out, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(folder, NJ_STORE_WORDS.CONTROLS, &path, err);
    if (status != NJ_OK) {
        return status;
    }
    controls_read r = {.path = path.text, .stream = fopen(path.text, "re")};
    if (r.stream == NULL) {
        return nj_fail_open(err, errno, path.text);
    }
    r.line = malloc(NJ_CONTROLS_LINE_BYTES_MAX + 2);
    r.lists = malloc(sizeof *r.lists);
    nj_digester_init(&r.digester);
    status = r.line != NULL && r.lists != NULL
                 ? read_lines(&r, visit, context, err)
                 : nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", path.text);
    if (status == NJ_OK) {
        *out = r.facts;
    }
    free(r.line);
    free(r.lists);
    fclose(r.stream);
    return status;
}

nj_status nj_store_controls_check(const char *store_dir, const nj_store_name *name,
                                  const nj_store_facts *facts, nj_error *err)
{
    nj_path folder;
    nj_controls_facts found;
    nj_error why = {0};
    (void)facts; // they say nothing of controls
    nj_status status = nj_store_path(store_dir, name, NULL, &folder, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_controls_read(folder.text, NULL, NULL, &found, &why);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    if (status != NJ_OK && err != NULL) {
        *err = why;
    }
    return status;
}

// ---- without some ----

typedef struct {
    const nj_erase_set *set;
    nj_controls_write *write;
} erasing;

static nj_status copy_user(void *context, const nj_control_lists *lists, nj_error *err)
{
    const erasing *e = context;
    if (nj_erase_has_user(e->set, lists->user)) {
        return NJ_OK;
    }
    nj_control_lists left = {.user = lists->user};
    for (int control = 0; control < NJ_CONTROL_COUNT; control++) {
        for (uint32_t i = 0; i < lists->counts[control]; i++) {
            if (!nj_erase_has_item(e->set, lists->items[control][i])) {
                left.items[control][left.counts[control]++] = lists->items[control][i];
            }
        }
    }
    return nj_controls_write_user(e->write, &left, err);
}

nj_status nj_store_controls_copy_without(const char *from_folder, const char *to_folder,
                                         const nj_erase_set *set, nj_error *err)
{
    nj_controls_facts facts;
    nj_controls_write write = {0};
    erasing e = {set, &write};
    nj_error why = {0};
    nj_status status = nj_store_controls_read(from_folder, NULL, NULL, &facts, &why);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    if (status != NJ_OK && err != NULL) {
        *err = why;
    }
    if (status == NJ_OK) {
        status = nj_controls_write_begin(&write, to_folder, facts.top, err);
    }
    if (status == NJ_OK) {
        status = nj_store_controls_read(from_folder, copy_user, &e, &facts, err);
    }
    if (status == NJ_OK) {
        status = nj_controls_write_end(&write, err);
    }
    nj_controls_write_abort(&write);
    return status;
}
