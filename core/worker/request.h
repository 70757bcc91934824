/* SPDX-License-Identifier: MIT */
/*
 * One HTTP/1 request: parsed strictly (llhttp, and our own refusals on top of
 * it), bounded in every part, kept until it is answered. Knows no socket.
 */
#ifndef STENTOR_WORKER_REQUEST_H
#define STENTOR_WORKER_REQUEST_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/buffer.h"
#include "base/list.h"
#include "base/text.h"
#include "brain/ffi.h" /* struct stentor_limits */

enum { REQUEST_MAGIC = 0x55514552 };

enum request_progress {
    REQUEST_MORE,   /* needs more bytes; see `head_done` */
    REQUEST_WHOLE,  /* complete */
    REQUEST_REFUSED /* `status` and `reason` say what was wrong */
};

struct connection;

struct request {
    uint32_t magic;
    llhttp_t parser;
    const struct stentor_limits *limits;

    struct buffer line;    /* the request line, as sent */
    uint32_t method_bytes; /* at the start of `line` */
    uint32_t target_at;    /* in `line` */
    uint32_t target_bytes;
    struct buffer headers; /* "name\0value\0" …, names in lower case */
    uint32_t header_count;
    struct buffer body;
    uint32_t head_bytes; /* request line, headers and trailers, so far */
    uint32_t name_at;    /* of the header being read, in `headers` */
    uint32_t value_at;
    uint32_t last_id_at; /* of Last-Event-ID's value in `headers`; 0: none */
    uint32_t host_count;
    uint32_t coding_count; /* Transfer-Encoding lines */
    bool line_done;
    bool at_line_start; /* the next byte of the head begins a line */
    bool after_cr;      /* its last byte was CR */
    bool head_done;
    bool admitted;       /* the head has passed what is asked of its address */
    struct address from; /* whose it is, once that was asked; else none */
    bool whole;
    bool keep_alive; /* what the client wants */
    bool accepts_stream;
    bool expects_continue; /* wants "100 Continue" before it sends the body */
    bool has_expect;       /* wants something else; refused on HTTP/1.1 */
    bool has_idempotency_key; /* may be sent twice */
    bool chunked_only;        /* Transfer-Encoding is `chunked` and no more */
    bool body_awaited;        /* the body's deadline runs */
    bool half_closed;         /* the client will send nothing more */

    int status;         /* refused: 400, 413, 414, 417, 431, 501, 505 */
    const char *reason; /* refused: one line */

    /* Bytes read behind its end: the next, pipelined request. */
    struct buffer ahead;
    uint32_t pipelined; /* requests that came from `ahead` since bytes were
                           last added to it */
    uint32_t drained;   /* bytes thrown away after the last answer */

    /* --- while it waits for the brain (pending.h) --- */
    struct connection *connection;
    struct list waiting;
    struct request *next_in_bucket;
    uint64_t number;
    uint64_t ordinal; /* in the mailbox; 0: held */
};

struct request *request_new(const struct stentor_limits *limits);
void request_free(struct request *request);

/* Parses `size` bytes; `*used` of them belong to this request. */
enum request_progress request_parse(struct request *request, const char *bytes,
                                    size_t size, size_t *used);

/* Makes it ready for the next request on the connection; keeps `ahead`. */
void request_reset(struct request *request);

/* As request_reset, but for another connection. */
void request_recycle(struct request *request);

/* True for GET, HEAD and the like: doing it twice is doing it once. */
bool request_is_repeatable(const struct request *request);

struct text request_method(const struct request *request);
struct text request_path(const struct request *request);
struct text request_query(const struct request *request);

/* Last-Event-ID: the header, else last_event_id or lastEventId of the query
   (percent-decoded into `room`); size 0 if none or empty. */
struct text request_last_id(const struct request *request, char room[256]);

#endif
