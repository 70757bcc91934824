/* SPDX-License-Identifier: MIT */
/*
 * An answer that was not expected, kept as one line of text for the report:
 * the status, what says where it went wrong, and the first bytes. Of many only
 * the first is kept.
 */
#ifndef STENTOR_LOAD_ANSWER_H
#define STENTOR_LOAD_ANSWER_H

#include <stddef.h>

#include "load/response_head.h"

enum { LOAD_ANSWER_BYTES = 640 };

/* Keeps a printable beginning of `bytes` as they are. */
void load_answer_keep(char *answer, const char *bytes, size_t size);

/* Keeps the head in words, and a printable beginning of the body whose first
   `size` bytes, framing included, are at `bytes`. Many servers send the body of
   a refusal a moment after its head: when there is none yet, `fd` is read,
   after a short wait that comes once in a process. */
void load_answer_describe(char *answer, const struct response_head *head,
                          const char *bytes, size_t size, int fd);

#endif
