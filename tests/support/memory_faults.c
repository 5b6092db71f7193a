#include "tests/support/memory_faults.h"

#include <errno.h>
#include <stddef.h>

// The linker gives our code's calls of NAME to __wrap_NAME, and NAME itself is __real_NAME.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t unit, size_t size);
int __real_posix_memalign(void **out, size_t unit, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t unit, size_t size);
int __wrap_posix_memalign(void **out, size_t unit, size_t size);
char *__wrap_strdup(const char *text);

static unsigned left; // until the one that fails; 0: none does
static bool came;

static bool fails(void)
{
    if (left == 0 || --left > 0) {
        return false;
    }
    came = true;
    errno = ENOMEM;
    return true;
}

void memory_faults_arm(unsigned n)
{
    left = n;
    came = false;
}

void memory_faults_pause(void)
{
    left = 0;
}

bool memory_faults_disarm(void)
{
    left = 0;
    return came;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t unit, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(unit, size);
}

int __wrap_posix_memalign(void **out, size_t unit, size_t size)
{
    return fails() ? ENOMEM : __real_posix_memalign(out, unit, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}
