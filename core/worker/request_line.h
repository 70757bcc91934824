/* SPDX-License-Identifier: MIT */
/* The first line of a request: "GET /path?query HTTP/1.1". */
#ifndef STENTOR_WORKER_REQUEST_LINE_H
#define STENTOR_WORKER_REQUEST_LINE_H

#include <llhttp.h>

#include "base/text.h"

/* The longest method, two spaces, "HTTP/1.1" and CR LF, and some more. */
enum { REQUEST_LINE_REST = 32 };

struct request;

/* Splits the whole line and checks what llhttp does not. Returns 0, or the
   status it is refused with, and sets request->reason. */
int request_line_split(struct request *request);

/* The status for a line that llhttp has refused at the byte `wrong`, after
   having accepted `line`. */
int request_line_explain(struct text line, char wrong, llhttp_errno_t error,
                         const char **reason);

#endif
