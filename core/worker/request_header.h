/* SPDX-License-Identifier: MIT */
/* The headers that mean something to the worker itself. */
#ifndef STENTOR_WORKER_REQUEST_HEADER_H
#define STENTOR_WORKER_REQUEST_HEADER_H

#include "base/text.h"

struct request;

/* Takes note of one header, `name` in lower case. Returns 0, or the status it
   is refused with, and sets request->reason. */
int request_header_notice(struct request *request, struct text name,
                          struct text value);

#endif
