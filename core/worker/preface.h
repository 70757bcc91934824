/* SPDX-License-Identifier: MIT */
/* The events that a newcomer is sent before all others: the `latest` ones. */
#ifndef STENTOR_WORKER_PREFACE_H
#define STENTOR_WORKER_PREFACE_H

#include "base/buffer.h"
#include "base/text.h"
#include "journal/resume.h"

/*
 * Fits the events of `preface` (SSE lines as the journal's frames have them)
 * to a beginning: those that are replayed from there anyway, or that the client
 * has had, are left out; what was published since the brain gathered them is
 * replayed as well, so the floors of `wants` and the position of `resume` may
 * go back. Adds what is to be sent to `to`.
 */
void preface_fit(const struct journal *journal, struct text preface,
                 struct journal_want *wants, uint32_t count,
                 struct resume *resume, struct buffer *to);

#endif
