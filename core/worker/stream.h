/* SPDX-License-Identifier: MIT */
/*
 * One client's stream. It is either in step (the fan-out writes to it, the
 * same bytes as to all of its audience) or it reads the journal on its own, at
 * its own position, until it has caught up with the fan-out (stream_own.h).
 */
#ifndef STENTOR_WORKER_STREAM_H
#define STENTOR_WORKER_STREAM_H

#include "base/text.h"
#include "journal/reader.h"
#include "mailbox/board.h"
#include "mailbox/message.h"
#include "worker/connection.h"

/* How a stream was asked for; borrowed for the call. */
struct stream_start {
    const struct message_stream *message;
    const struct message_channel *channels; /* message->channel_count */
    struct text headers; /* "Name: value\r\n" … beyond the usual ones */
    struct text preface; /* SSE lines, no chunk framing */
    struct text policy;  /* struct stentor_policy; size 0: the server's own */
    struct text last_id; /* Last-Event-ID; size 0: none */
};

/*
 * Turns the deciding connection into a stream: writes the head and the first
 * bytes at once, finds where to begin, and catches up. The caller has taken
 * the request out of the connection and has withdrawn its deadline; after the
 * call the connection may be closing. For a HEAD request
 * (connection->head_only) the caller writes the head alone, by stream_head,
 * and never comes here.
 */
void stream_begin(struct connection *connection,
                  const struct stream_start *start);

/* Adds the response head of a stream to `to`. */
struct buffer;
void stream_head(const struct connection *connection, struct text headers,
                 struct buffer *to);

/* Reads one portion from the stream's own position and writes it. */
void stream_catch_up(struct connection *connection);

/* Where the audience's bytes were cut off by a full socket. */
struct stream_cut {
    const struct journal_record *record; /* the first not written whole */
    uint64_t position;                   /* of it in the journal */
    size_t skip;    /* bytes of its frame that were written */
    size_t written; /* bytes in all */
    uint64_t owed;  /* audience->sent once that frame is written */
};

/*
 * An in-step stream's socket took only part of the audience's bytes: it leaves
 * the step. The rest of the frame is copied and sent; then the stream reads on
 * by itself.
 */
void stream_fall_behind(struct connection *connection,
                        const struct stream_cut *cut);

/* The wheel's deadline: a heartbeat, or the limit on lag. */
void stream_deadline(struct connection *connection);

/* What a stream that ends by this uv error is counted as. */
enum board_counter stream_error_counter(int error);

/* Takes it off all lists and counts its end; the socket is the caller's. */
void stream_end(struct connection *connection, enum board_counter reason);

/* Takes it off all lists without a word to anybody: it goes on elsewhere. */
void stream_leave(struct connection *connection);

/* Counts `more` streams of these channels on the board. */
void stream_show(const struct worker *worker, const struct journal_want *wants,
                 uint32_t count, int more);

#endif
