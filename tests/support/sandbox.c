#include "tests/support/sandbox.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/nj_test.h"

#define RING 8

static nj_path ring[RING];
static unsigned ring_next;

static const char *join(const char *folder, const char *name)
{
    nj_error err;
    nj_path *path = &ring[ring_next++ % RING];
    assert_ok(nj_path_join(folder, name, path, &err), &err);
    return path->text;
}

int sandbox_setup(void **state)
{
    const char *parent = getenv("TMPDIR");
    nj_path *folder = malloc(sizeof *folder);
    if (folder == NULL) {
        return -1;
    }
    snprintf(folder->text, sizeof folder->text, "%s/nightjar-test-XXXXXX",
             parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder->text) == NULL) {
        free(folder);
        return -1;
    }
    *state = folder;
    return 0;
}

int sandbox_teardown(void **state)
{
    nj_error err;
    nj_path *folder = *state;
    nj_status status = nj_folder_remove(folder->text, &err);
    free(folder);
    return status == NJ_OK ? 0 : -1;
}

const char *sandbox_path(void **state, const char *name)
{
    return join(((nj_path *)*state)->text, name);
}

const char *sandbox_write(void **state, const char *name, const void *bytes, size_t size)
{
    nj_error err;
    const char *path = sandbox_path(state, name);
    assert_ok(nj_file_write(path, bytes, size, &err), &err);
    return path;
}

const char *data_path(const char *name)
{
    return join(NIGHTJAR_SOURCE_DIR "/tests/data", name);
}

const char *shared_path(const char *name)
{
    const char *path = join(NIGHTJAR_SOURCE_DIR "/../shared", name);
    return access(path, R_OK) == 0 ? path : NULL;
}
