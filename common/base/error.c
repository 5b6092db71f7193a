#include "common/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"

static void set_text(nj_error *err, nj_status status, const char *format, va_list arguments)
{
    err->status = status;
    vsnprintf(err->text, sizeof err->text, format, arguments);
    nj_text_make_printable(err->text);
}

nj_status nj_fail(nj_error *err, nj_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        set_text(err, status, format, arguments);
        va_end(arguments);
    }
    return status;
}

nj_status nj_fail_errno(nj_error *err, nj_status status, int errno_value, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        set_text(err, status, format, arguments);
        va_end(arguments);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(errno_value));
    }
    return status;
}

void nj_error_prefix(nj_error *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    char old_text[NJ_ERROR_TEXT_BYTES];
    memcpy(old_text, err->text, sizeof old_text);
    va_list arguments;
    va_start(arguments, format);
    set_text(err, err->status, format, arguments);
    va_end(arguments);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", old_text);
    nj_text_make_printable(err->text); // the cut may have split a character
}
