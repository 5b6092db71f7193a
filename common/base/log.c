#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/id.h"

#define LINE_BYTES_MAX 2000

static const char *program_name = "nightjar";
static nj_log_level least_level = NJ_LOG_INFO;

void nj_log_setup(const char *program, nj_log_level least)
{
    program_name = program;
    least_level = least;
}

void nj_log(nj_log_level level, const char *format, ...)
{
    static const char *const NAMES[] = {"debug", "info", "warning", "error"};
    if (level < least_level) {
        return;
    }
    char line[LINE_BYTES_MAX + 1];
    int head = snprintf(line, LINE_BYTES_MAX, "%.100s[%ld]: %s: ", program_name, (long)getpid(),
                        NAMES[level]);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + head, (size_t)(LINE_BYTES_MAX - head), format, arguments);
    va_end(arguments);
    nj_text_make_printable(line);
    size_t length = strlen(line);
    line[length++] = '\n';
    if (write(STDERR_FILENO, line, length) < 0) {
        return; // nowhere left to say it
    }
}
