// manual.c - `nightjar man` and `nightjar completion`: what is made from the command table itself.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/cli/completion.h"
#include "common/cli/man.h"
#include "ops/cli/commands.h"

// ---- man ----

static nj_status write_page(const nj_program *program, const nj_command *command,
                            const char *folder, nj_error *err)
{
    char name[NJ_MAN_PAGE_BYTES + 2];
    nj_path path;
    nj_file_draft draft = {0};
    if (command != NULL) {
        nj_man_page_name(program, command, name);
    } else {
        snprintf(name, NJ_MAN_PAGE_BYTES, "%s", program->name);
    }
    strcat(name, ".1");
    nj_status status = nj_path_join(folder, name, &path, err);
    if (status == NJ_OK) {
        status = nj_file_draft_begin(path.text, &draft, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_man_write(program, command, draft.stream);
    return nj_file_draft_commit(&draft, err);
}

static nj_status write_pages(const nj_program *program, const char *folder, nj_error *err)
{
    nj_status status = nj_folder_make(folder, err);
    if (status == NJ_OK) {
        status = write_page(program, NULL, folder, err);
    }
    for (size_t i = 0; i < program->command_count && status == NJ_OK; i++) {
        status = write_page(program, &program->commands[i], folder, err);
    }
    return status;
}

static nj_status print_pages_json(const nj_program *program, nj_error *err)
{
    json_t *pages = json_array();
    for (size_t i = 0; i < program->command_count; i++) {
        char page[NJ_MAN_PAGE_BYTES];
        nj_man_page_name(program, &program->commands[i], page);
        json_array_append_new(pages, json_pack("{s:s, s:s, s:s}", "page", page, "command",
                                               program->commands[i].name, "summary",
                                               program->commands[i].summary));
    }
    json_t *object = json_pack("{s:s, s:o}", "program", program->name, "pages", pages);
    return nj_print_json_take(&object, err);
}

// On a terminal through man(1), where it is installed; else as it is, for a file or another program.
static void print_page(const nj_program *program, const nj_command *command)
{
    FILE *reader = isatty(STDOUT_FILENO) ? popen("exec man -l - 2>/dev/null", "w") : NULL;
    if (reader != NULL) {
        nj_man_write(program, command, reader);
    }
    if (reader == NULL || pclose(reader) != 0) {
        nj_man_write(program, command, stdout);
    }
}

nj_status nj_command_man(const nj_arguments *arguments, nj_error *err)
{
    const nj_program *program = nj_argument_program(arguments);
    const char *page = nj_argument_positional(arguments);
    const char *folder = nj_argument(arguments, "out");
    const nj_command *command = NULL;
    if (folder != NULL) {
        return write_pages(program, folder, err);
    }
    if (nj_argument_flag(arguments, "json")) {
        return print_pages_json(program, err);
    }
    if (page != NULL && strcmp(page, program->name) != 0) {
        command = nj_man_find(program, page);
        if (command == NULL) {
            return nj_fail(err, NJ_NOT_FOUND,
                           "no page \"%.60s\"; \"%s man\" lists them, and a command of two words "
                           "is written store-get",
                           page, program->name);
        }
    }
    print_page(program, command);
    return NJ_OK;
}

// ---- completion ----

nj_status nj_command_completion(const nj_arguments *arguments, nj_error *err)
{
    const nj_program *program = nj_argument_program(arguments);
    const char *shell = nj_argument_positional(arguments);
    const char *path = nj_argument(arguments, "out");
    nj_file_draft draft = {0};
    if (path == NULL) {
        return nj_completion_write(program, shell, stdout, err);
    }
    nj_status status = nj_file_draft_begin(path, &draft, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_completion_write(program, shell, draft.stream, err);
    if (status == NJ_OK) {
        return nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    return status;
}
