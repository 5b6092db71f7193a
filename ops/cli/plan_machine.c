#include "ops/cli/plan_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "common/base/cpus.h"
#include "common/base/resident.h"

#define CGROUP_FILE "/proc/self/cgroup"
#define CGROUP_ROOT "/sys/fs/cgroup"

// A file that holds one number; UINT64_MAX where it holds none ("max") or is not there.
static uint64_t read_limit(const char *folder, const char *name)
{
    nj_path path;
    char text[64] = "";
    if (nj_path_join(folder, name, &path, NULL) != NJ_OK) {
        return UINT64_MAX;
    }
    FILE *file = fopen(path.text, "re");
    if (file != NULL) {
        if (fgets(text, sizeof text, file) == NULL) {
            text[0] = '\0';
        }
        fclose(file);
    }
    return text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

// A group is bound by its own limit and by those of all groups around it.
static uint64_t least_limit(const char *root, const char *group, const char *name)
{
    nj_path folder;
    uint64_t least = UINT64_MAX;
    if (snprintf(folder.text, sizeof folder.text, "%s%s", root, group) >= NJ_PATH_BYTES) {
        return UINT64_MAX;
    }
    while (strlen(folder.text) >= strlen(root)) {
        const uint64_t limit = read_limit(folder.text, name);
        least = limit < least ? limit : least;
        char *slash = strrchr(folder.text, '/');
        if (slash == NULL) {
            break;
        }
        *slash = '\0';
    }
    return least;
}

// Version 2 has one line "0::/group"; version 1 a line for each controller, "9:memory:/group".
static uint64_t read_cgroup_limit(void)
{
    char line[NJ_PATH_BYTES];
    uint64_t least = UINT64_MAX;
    FILE *file = fopen(CGROUP_FILE, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        const char *group = strchr(line, '/');
        uint64_t limit = UINT64_MAX;
        if (group != NULL && strncmp(line, "0::", 3) == 0) {
            limit = least_limit(CGROUP_ROOT, group, "memory.max");
        } else if (group != NULL && strstr(line, ":memory:") != NULL) {
            limit = least_limit(CGROUP_ROOT "/memory", group, "memory.limit_in_bytes");
        }
        least = limit < least ? limit : least;
    }
    if (file != NULL) {
        fclose(file);
    }
    return least;
}

static void look_at_memory(nj_plan_machine *out)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    out->own_bytes = nj_proc_bytes("/proc/self/status", "RssAnon:");
    out->resident_bytes = (uint64_t)usage.ru_maxrss * 1024;
    const uint64_t available = nj_proc_bytes("/proc/meminfo", "MemAvailable:");
    const uint64_t limit = read_cgroup_limit();
    out->memory_limit = "the memory that is available";
    out->memory_bytes = available > 0 ? available + out->own_bytes : 0;
    if (limit != UINT64_MAX && (out->memory_bytes == 0 || limit < out->memory_bytes)) {
        out->memory_bytes = limit;
        out->memory_limit = "the control group's limit";
    }
}

// The store, or the nearest folder above it that is there.
static void look_at_disk(const char *store_dir, nj_plan_machine *out)
{
    struct statvfs about;
    if (store_dir == NULL || nj_path_copy(store_dir, &out->disk, NULL) != NJ_OK) {
        return;
    }
    while (statvfs(out->disk.text, &about) != 0) {
        char *slash = strrchr(out->disk.text, '/');
        if (slash == NULL) {
            strcpy(out->disk.text, ".");
        } else if (slash == out->disk.text) {
            strcpy(out->disk.text, "/");
        } else {
            *slash = '\0';
        }
        if (slash == NULL || slash == out->disk.text) {
            if (statvfs(out->disk.text, &about) != 0) {
                return;
            }
            break;
        }
    }
    out->has_disk = true;
    out->disk_bytes = (uint64_t)about.f_bavail * about.f_frsize;
}

void nj_plan_machine_look(const char *store_dir, nj_plan_machine *out)
{
    nj_cpu_list cpus;
    *out = (nj_plan_machine){0};
    out->cpus = nj_cpus_allowed(&cpus, NULL) == NJ_OK && cpus.count > 0 ? cpus.count : 1;
    look_at_memory(out);
    look_at_disk(store_dir, out);
}
