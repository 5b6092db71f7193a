#include "common/base/resident.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Resident pages stand second in statm.
uint64_t nj_resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    const int read = fscanf(file, "%*u %lu", &pages);
    fclose(file);
    return read == 1 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t nj_proc_bytes(const char *path, const char *key)
{
    char line[256];
    unsigned long long kb = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && kb == 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kb = strtoull(line + strlen(key), NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return (uint64_t)kb * 1024;
}
