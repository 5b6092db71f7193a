#include "common/base/cpus.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define PATH_BYTES 512
#define LIST_BYTES                                                                                 \
    16384 // of a text that names NJ_CPUS_MAX processors one by one, and of a sysfs file

typedef union {
    cpu_set_t set; // the CPU_*_S macros work on the whole of `words`
    uint64_t words[NJ_CPUS_MAX / 64];
} cpu_mask;

// ---- lists ----

// Reads "8" or "0-3"; *at is moved behind it and its comma.
static bool take_range(const char **at, uint32_t *out_first, uint32_t *out_last)
{
    char *end = NULL;
    if (**at < '0' || **at > '9') {
        return false;
    }
    unsigned long first = strtoul(*at, &end, 10);
    unsigned long last = first;
    if (*end == '-') {
        if (end[1] < '0' || end[1] > '9') {
            return false;
        }
        last = strtoul(end + 1, &end, 10);
    }
    bool ends_well = *end == '\0' || *end == '\n' || (*end == ',' && end[1] != '\0');
    if (!ends_well || last < first || last >= NJ_CPUS_MAX) {
        return false;
    }
    *out_first = (uint32_t)first;
    *out_last = (uint32_t)last;
    *at = *end == ',' ? end + 1 : end;
    return true;
}

nj_status nj_cpu_list_read(const char *text, nj_cpu_list *out, nj_error *err)
{
    cpu_mask seen = {0};
    uint32_t first = 0;
    uint32_t last = 0;
    bool good = true;
    out->count = 0;
    for (const char *at = text; good && *at != '\0' && *at != '\n';) {
        good = take_range(&at, &first, &last);
        for (uint32_t cpu = first; good && cpu <= last; cpu++) {
            good = !CPU_ISSET_S(cpu, sizeof seen, &seen.set);
            if (good) {
                CPU_SET_S(cpu, sizeof seen, &seen.set);
                out->cpus[out->count++] = (uint16_t)cpu;
            }
        }
    }
    return good && out->count > 0
               ? NJ_OK
               : nj_fail(err, NJ_INPUT,
                         "\"%s\" is no list of processors: numbers below %d, each once, as in "
                         "0-3,8",
                         text, NJ_CPUS_MAX);
}

nj_status nj_cpus_allowed(nj_cpu_list *out, nj_error *err)
{
    cpu_mask mask = {0};
    if (sched_getaffinity(0, sizeof mask, &mask.set) != 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot ask which processors may be used");
    }
    out->count = 0;
    for (uint32_t cpu = 0; cpu < NJ_CPUS_MAX; cpu++) {
        if (CPU_ISSET_S(cpu, sizeof mask, &mask.set)) {
            out->cpus[out->count++] = (uint16_t)cpu;
        }
    }
    return NJ_OK;
}

// ---- what the kernel says ----

// A file of one line, as a list. False: it is not there, or is none.
static bool read_list(const char *path, nj_cpu_list *out)
{
    char line[LIST_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool got = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    return got && nj_cpu_list_read(line, out, NULL) == NJ_OK;
}

void nj_cpu_siblings(const char *system, uint32_t cpu, nj_cpu_list *out)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/cpu/cpu%" PRIu32 "/topology/thread_siblings_list", system, cpu);
    if (!read_list(path, out)) {
        *out = (nj_cpu_list){.count = 1, .cpus = {(uint16_t)cpu}};
    }
}

// Fills [NJ_CPUS_MAX]: the memory node of each processor, 0 where nothing says.
static void read_nodes(const char *system, uint16_t *node_of, nj_cpu_list *nodes, nj_cpu_list *cpus)
{
    char path[PATH_BYTES];
    memset(node_of, 0, NJ_CPUS_MAX * sizeof *node_of);
    snprintf(path, sizeof path, "%s/node/online", system);
    if (!read_list(path, nodes)) {
        return;
    }
    for (uint32_t n = 0; n < nodes->count; n++) {
        snprintf(path, sizeof path, "%s/node/node%u/cpulist", system, nodes->cpus[n]);
        if (read_list(path, cpus)) {
            for (uint32_t i = 0; i < cpus->count; i++) {
                node_of[cpus->cpus[i]] = nodes->cpus[n];
            }
        }
    }
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint32_t nj_cpus_order(const char *system, nj_cpu_list *list)
{
    uint64_t keys[NJ_CPUS_MAX]; // place on the core, node, number
    uint16_t node_of[NJ_CPUS_MAX];
    nj_cpu_list siblings;
    nj_cpu_list other;
    cpu_mask listed = {0};
    uint32_t cores = 0;
    read_nodes(system, node_of, &siblings, &other);
    for (uint32_t i = 0; i < list->count; i++) {
        CPU_SET_S(list->cpus[i], sizeof listed, &listed.set);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t cpu = list->cpus[i];
        uint64_t place = 0; // so many of its core come before it
        nj_cpu_siblings(system, cpu, &siblings);
        for (uint32_t s = 0; s < siblings.count; s++) {
            place +=
                siblings.cpus[s] < cpu && CPU_ISSET_S(siblings.cpus[s], sizeof listed, &listed.set);
        }
        cores += place == 0;
        keys[i] = place << 32 | (uint64_t)node_of[cpu] << 16 | cpu;
    }
    qsort(keys, list->count, sizeof keys[0], compare_keys);
    for (uint32_t i = 0; i < list->count; i++) {
        list->cpus[i] = (uint16_t)keys[i];
    }
    return cores;
}

nj_status nj_cpus_choose(const char *pin, uint32_t count, nj_cpu_list *out, nj_error *err)
{
    out->count = 0;
    if (strcmp(pin, "none") == 0) {
        return NJ_OK;
    }
    if (strcmp(pin, "auto") == 0) {
        nj_status status = nj_cpus_allowed(out, err);
        if (status == NJ_OK) {
            nj_cpus_order(NJ_CPUS_SYSTEM, out);
            out->count = out->count < count ? 0 : count;
        }
        return status;
    }
    if (nj_cpu_list_read(pin, out, err) != NJ_OK) {
        return nj_fail(err, NJ_USAGE,
                       "--pin is \"%s\", must be auto, none, or processors such as 0-3,8", pin);
    }
    return out->count >= count
               ? NJ_OK
               : nj_fail(err, NJ_USAGE,
                         "--pin names %" PRIu32 " processors for %" PRIu32 " processes", out->count,
                         count);
}

nj_status nj_cpu_pin(uint32_t cpu, nj_error *err)
{
    cpu_mask mask = {0};
    if (cpu >= NJ_CPUS_MAX) {
        return nj_fail(err, NJ_CONFIG, "processor %" PRIu32 ", the highest is %d", cpu,
                       NJ_CPUS_MAX - 1);
    }
    CPU_SET_S(cpu, sizeof mask, &mask.set);
    return sched_setaffinity(0, sizeof mask, &mask.set) == 0
               ? NJ_OK
               : nj_fail_errno(err, NJ_CONFIG, errno, "cannot run on processor %" PRIu32, cpu);
}

void nj_cpu_model(char out[NJ_CPU_MODEL_BYTES])
{
    char line[LIST_BYTES];
    struct utsname machine;
    snprintf(out, NJ_CPU_MODEL_BYTES, "%s", uname(&machine) == 0 ? machine.machine : "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = strstr(line, ": ");
        if (strncmp(line, "model name", strlen("model name")) == 0 && value != NULL) {
            snprintf(out, NJ_CPU_MODEL_BYTES, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}
