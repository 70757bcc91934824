/* SPDX-License-Identifier: MIT */
/* The two settings below are the only state of the process that is not in the
   struct of its role: a line must be writable from anywhere, before and after. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char log_name[32] = "stentor";
static enum log_level log_threshold = LOG_INFO;

void log_set_name(const char *name)
{
    snprintf(log_name, sizeof log_name, "%s", name);
}

void log_set_level(enum log_level level)
{
    log_threshold = level;
}

enum log_level log_get_level(void)
{
    return log_threshold;
}

static size_t write_prefix(char *line, size_t room, enum log_level level)
{
    static const char names[][6] = { "debug", "info ", "warn ", "error" };
    struct timespec now;
    struct tm day;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    size_t size = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &day);
    size += (size_t)snprintf(line + size, room - size,
                             ".%03ldZ %s %s: ", now.tv_nsec / 1000000,
                             names[level], log_name);
    return size;
}

void log_bytes(enum log_level level, const char *text, size_t size)
{
    if (level < log_threshold)
        return;
    static const char cut[] = "…";
    char line[LOG_LINE_BYTES];
    size_t used = write_prefix(line, sizeof line, level);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (used + 8 + sizeof cut > sizeof line) {
            memcpy(line + used, cut, sizeof cut - 1);
            used += sizeof cut - 1;
            break;
        }
        if (byte == '\n') {
            memcpy(line + used, "\n  ", 3);
            used += 3;
        } else if (byte < 0x20 && byte != '\t') {
            used += (size_t)snprintf(line + used, 5, "\\x%02x", byte);
        } else {
            line[used++] = (char)byte;
        }
    }
    line[used++] = '\n';
    /* Nothing sensible can be done when standard error is gone. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

#define LOG_AT(level)                                                \
    do {                                                             \
        if ((level) < log_threshold)                                 \
            return;                                                  \
        char text[LOG_LINE_BYTES];                                   \
        va_list arguments;                                           \
        va_start(arguments, format);                                 \
        int size = vsnprintf(text, sizeof text, format, arguments);  \
        va_end(arguments);                                           \
        if (size > 0)                                                \
            log_bytes((level), text,                                 \
                      (size_t)size < sizeof text ? (size_t)size      \
                                                 : sizeof text - 1); \
    } while (0)

void log_debug(const char *format, ...)
{
    LOG_AT(LOG_DEBUG);
}

void log_info(const char *format, ...)
{
    LOG_AT(LOG_INFO);
}

void log_warn(const char *format, ...)
{
    LOG_AT(LOG_WARN);
}

void log_error(const char *format, ...)
{
    LOG_AT(LOG_ERROR);
}
