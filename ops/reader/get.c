/* get.c - prints the lists of some users as `nightjar store get` does, with libnightjar-reader.
 *
 *   cc -std=c99 get.c $(pkg-config --cflags --libs nightjar-reader) -o get
 *   ./get STORE USER...
 *
 * Exit status: 0, or the number of the last failure (nightjar-reader.h). */
#include <nightjar-reader.h>
#include <stdio.h>
#include <string.h>

static nightjar_status print_user(nightjar_reader *reader, const char *user)
{
    nightjar_error error;
    const char *line;
    size_t bytes;
    nightjar_status status =
        nightjar_reader_get_json(reader, user, strlen(user), &line, &bytes, &error);
    if (status != NIGHTJAR_OK) {
        fprintf(stderr, "get: %s\n", error.text);
        return status;
    }
    printf("%.*s\n", (int)bytes, line);
    return NIGHTJAR_OK;
}

/* The same list, item by item. */
static void print_best(nightjar_reader *reader, const char *user)
{
    nightjar_row row;
    if (nightjar_reader_get(reader, user, strlen(user), &row, NULL) == NIGHTJAR_OK &&
        row.item_count > 0) {
        fprintf(stderr, "get: best of %s: %.*s (%g), of %s%s\n", user, (int)row.items[0].id_bytes,
                row.items[0].id, (double)row.items[0].score, row.generation,
                row.is_stale ? ", STALE" : "");
    }
}

int main(int argc, char **argv)
{
    nightjar_reader *reader = NULL;
    nightjar_error error;
    if (argc < 3) {
        fprintf(stderr, "usage: get STORE USER...\n");
        return NIGHTJAR_USAGE;
    }
    nightjar_status result = nightjar_reader_open(argv[1], NULL, &reader, &error);
    if (result != NIGHTJAR_OK) {
        fprintf(stderr, "get: %s\n", error.text);
        return (int)result;
    }
    for (int i = 2; i < argc; i++) {
        nightjar_status status = print_user(reader, argv[i]);
        if (status != NIGHTJAR_OK) {
            result = status;
        }
        print_best(reader, argv[i]);
    }
    nightjar_reader_close(&reader);
    return (int)result;
}
