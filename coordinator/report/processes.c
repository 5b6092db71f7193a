#include "coordinator/report/processes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"

#define FILE_NAME "processes"

static nj_process *find_process(nj_processes *processes, uint64_t epoch)
{
    for (size_t i = 0; i < processes->count; i++) {
        if (processes->processes[i].epoch == epoch) {
            return &processes->processes[i];
        }
    }
    return NULL;
}

static void add_process(nj_processes *processes, uint64_t epoch, uint64_t began_ms)
{
    if (processes->count == NJ_PROCESSES_MAX) {
        processes->count--;
        memmove(processes->processes, processes->processes + 1,
                processes->count * sizeof processes->processes[0]);
    }
    processes->processes[processes->count++] = (nj_process){.epoch = epoch, .began_ms = began_ms};
}

static void end_process(nj_processes *processes, uint64_t epoch, uint64_t ended_ms, const char *end)
{
    nj_process *process = find_process(processes, epoch);
    if (process != NULL) {
        process->ended_ms = ended_ms;
        snprintf(process->end, sizeof process->end, "%s", end);
    }
}

static void take_line(nj_processes *out, const char *line)
{
    uint64_t epoch;
    uint64_t ms;
    char end[NJ_PROCESS_END_BYTES];
    if (sscanf(line, "begin %" SCNu64 " %" SCNu64, &epoch, &ms) == 2) {
        add_process(out, epoch, ms);
    } else if (sscanf(line, "end %" SCNu64 " %" SCNu64 " %31[A-Z_]", &epoch, &ms, end) == 3) {
        end_process(out, epoch, ms, end);
    }
}

void nj_processes_read(const char *staging_dir, nj_processes *out)
{
    nj_path path;
    nj_error err = {0};
    char *text = NULL;
    size_t size = 0;
    *out = (nj_processes){0};
    if (nj_path_join(staging_dir, FILE_NAME, &path, &err) != NJ_OK ||
        nj_file_read(path.text, NJ_PROCESSES_BYTES_MAX, &text, &size, &err) != NJ_OK) {
        return;
    }
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        take_line(out, line);
    }
    free(text);
}

static void append_line(const char *staging_dir, const char *line)
{
    nj_path path;
    nj_error err = {0};
    FILE *file =
        nj_path_join(staging_dir, FILE_NAME, &path, &err) == NJ_OK ? fopen(path.text, "ae") : NULL;
    if (file != NULL) {
        fputs(line, file);
        fclose(file);
    }
}

void nj_processes_begin(nj_processes *processes, const char *staging_dir, uint64_t epoch,
                        uint64_t now_ms)
{
    char line[96];
    add_process(processes, epoch, now_ms);
    snprintf(line, sizeof line, "begin %" PRIu64 " %" PRIu64 "\n", epoch, now_ms);
    append_line(staging_dir, line);
}

void nj_processes_end(nj_processes *processes, const char *staging_dir, nj_status status,
                      uint64_t now_ms)
{
    char line[128];
    if (processes->count == 0) {
        return;
    }
    const uint64_t epoch = processes->processes[processes->count - 1].epoch;
    end_process(processes, epoch, now_ms, nj_status_name(status));
    snprintf(line, sizeof line, "end %" PRIu64 " %" PRIu64 " %s\n", epoch, now_ms,
             nj_status_name(status));
    append_line(staging_dir, line);
}

void nj_processes_count(nj_processes *processes, uint64_t at_ms, uint64_t users)
{
    for (size_t i = processes->count; i-- > 0;) {
        nj_process *process = &processes->processes[i];
        if (process->began_ms <= at_ms || i == 0) {
            process->users += users;
            process->last_ms = at_ms > process->last_ms ? at_ms : process->last_ms;
            return;
        }
    }
}
