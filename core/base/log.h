/* SPDX-License-Identifier: MIT */
/*
 * Log lines on standard error, one `write` each, so lines of several processes
 * never mix:
 *
 *   2026-11-23T10:00:00.123Z info  worker 0: listening on 127.0.0.1:3000
 *
 * Control bytes in the text are written as \xNN: a client cannot forge a line.
 * A line is at most LOG_LINE_BYTES long; the rest is cut and marked with "…".
 */
#ifndef STENTOR_BASE_LOG_H
#define STENTOR_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum { LOG_LINE_BYTES = 4096 };

/* Names the writing process, such as "worker 0"; copied, at most 31 bytes. */
void log_set_name(const char *name);

/* Lines below `level` are dropped; LOG_INFO until set. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes `size` bytes of `text` as they are, control bytes escaped. LF is kept
   and continues the line indented, so a traceback stays readable. */
void log_bytes(enum log_level level, const char *text, size_t size);

#endif
