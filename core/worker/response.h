/* SPDX-License-Identifier: MIT */
/* Ordinary responses: a head, a body of known length, and on to the next. */
#ifndef STENTOR_WORKER_RESPONSE_H
#define STENTOR_WORKER_RESPONSE_H

#include <stdint.h>

#include "base/text.h"

struct connection;

/* Answers the connection's request: Content-Length, Connection and Date are
   added to `headers` ("Name: value\r\n" …). Borrowed for the call. */
void response_send(struct connection *connection, int status,
                   struct text headers, struct text body);

/* Answers with `head` as it is and no body. */
void response_send_head(struct connection *connection, struct text head);

/* A one-line text body, and the connection closes: what it sent cannot be
   trusted. `reason` may be NULL for the status's own phrase. */
void response_refuse(struct connection *connection, int status,
                     const char *reason);

/*
 * The refusal that an EventSource survives: for a request that accepts
 * text/event-stream 200 with `retry:` jittered around `delay_ms` and a close;
 * for others `status` with Retry-After, unless it was not idempotent and
 * `outcome_unknown`.
 */
void response_later(struct connection *connection, int status,
                    uint32_t delay_ms, const char *reason, int outcome_unknown);

/* Logs that the request was answered by `status`, and why; some a second, and
   then how many more there were. */
void response_log_refusal(struct connection *connection, int status,
                          const char *reason);

struct worker;

/* The value of the header Date (RFC 9110 6.6.1), borrowed until the next call. */
const char *response_date(struct worker *worker);

/* Says how many refusals of the last second were not logged. */
void response_log_rest(struct worker *worker);

#endif
