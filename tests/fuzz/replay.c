// replay.c - runs a fuzz target over the files of a folder and over deterministic changes of them: cuts, flipped bits, and a few
// bytes overwritten, removed or repeated. The changes are shared among the files, and spread evenly over a long one.
//
// Not a search: it keeps the corpus honest and runs where there is no libFuzzer. A crash or a
// sanitizer report fails the test.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

#define FILE_BYTES_MAX 65536
#define RUNS_DEFAULT 30000 // changes of all files together
#define CHANGES_MAX 6

static uint64_t seed = 0x9e3779b97f4a7c15u;

static size_t draw(size_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % below);
}

// A copy of exactly `size` bytes, so that ASan sees a read beyond the end.
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

// Overwrites, removes or repeats a few bytes. `bytes` has room for twice the size.
static size_t mutate(uint8_t *bytes, size_t size)
{
    static const uint8_t TELLING[] = {0, 0xff, 0x80, '"', '\\', '\n', ',', '[', '}', '9', '-', ' '};
    for (size_t changes = 1 + draw(CHANGES_MAX); changes > 0 && size > 1; changes--) {
        size_t at = draw(size);
        size_t span = 1 + draw(size - at < 16 ? size - at : 16);
        switch (draw(3)) {
        case 0:
            bytes[at] = TELLING[draw(sizeof TELLING)];
            break;
        case 1:
            memmove(bytes + at, bytes + at + span, size - at - span);
            size -= span;
            break;
        default:
            memmove(bytes + at + span, bytes + at, size - at);
            size += span;
        }
    }
    return size;
}

// At most `count` numbers below `end`, evenly spread: the step from one to the next.
static size_t step_over(size_t end, size_t count)
{
    return end / count + 1;
}

// A third of the changes each.
static void run_changes(const uint8_t *bytes, size_t size, size_t runs)
{
    const size_t share = runs / 3 + 1;
    uint8_t *copy = malloc(size + 16 * CHANGES_MAX);
    if (copy == NULL) {
        abort();
    }
    run(bytes, size);
    for (size_t cut = 0; cut < size; cut += step_over(size, share)) {
        run(bytes, cut);
    }
    memcpy(copy, bytes, size);
    for (size_t bit = 0; bit < 8 * size; bit += step_over(8 * size, share)) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        run(copy, size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t i = 0; size > 0 && i < share; i++) {
        memcpy(copy, bytes, size);
        run(copy, mutate(copy, size));
    }
    free(copy);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool run_file(const char *folder, const char *name, size_t runs)
{
    nj_error err = {0};
    nj_path path;
    char *bytes = NULL;
    size_t size = 0;
    if (nj_path_join(folder, name, &path, &err) != NJ_OK ||
        nj_file_read(path.text, FILE_BYTES_MAX, &bytes, &size, &err) != NJ_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    run_changes((const uint8_t *)bytes, size, runs);
    free(bytes);
    return true;
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc == 2 || argc == 3 ? scandir(argv[1], &entries, is_visible, by_name) : 0;
    if (count <= 0) {
        fprintf(stderr, "usage: %s FOLDER [RUNS]; the folder must hold a corpus\n", argv[0]);
        return EXIT_FAILURE;
    }
    size_t runs = argc == 3 ? strtoull(argv[2], NULL, 10) : RUNS_DEFAULT;
    int exit_code = EXIT_SUCCESS;
    for (int i = 0; i < count; i++) {
        if (!run_file(argv[1], entries[i]->d_name, runs / (size_t)count)) {
            exit_code = EXIT_FAILURE;
        }
        free(entries[i]);
    }
    free(entries);
    return exit_code;
}
