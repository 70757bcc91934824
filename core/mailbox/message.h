/* SPDX-License-Identifier: MIT */
/*
 * The messages in a mailbox. Each is a struct followed by its variable parts
 * in the order of its `…_bytes` fields, without padding between them.
 */
#ifndef STENTOR_MAILBOX_MESSAGE_H
#define STENTOR_MAILBOX_MESSAGE_H

#include <stdint.h>

/* Bytes of the headers in a response or a stream: with them, the longest body
   and the structs below a message must fit into a quarter of a ring. */
enum { MESSAGE_HEADERS_MAX = 32768 };

enum message_type {
    /* up */
    MESSAGE_REQUEST = 1,
    MESSAGE_OPENED,
    MESSAGE_CLOSED,
    MESSAGE_MOVED,
    /* down */
    MESSAGE_RESPONSE = 16,
    MESSAGE_STREAM,
    MESSAGE_LATER,
    MESSAGE_REMOVED
};

/* A request to decide on. */
struct message_request {
    uint64_t request; /* the worker's number for it, never used twice */
    uint32_t method_bytes;
    uint32_t path_bytes;   /* still percent-encoded */
    uint32_t query_bytes;  /* what follows the first "?" */
    uint32_t header_bytes; /* "name\0value\0" …, names in lower case */
    uint32_t body_bytes;
    uint32_t last_id_bytes; /* Last-Event-ID: of the header, else the query */
    uint32_t address_bytes;
    uint32_t header_count;
    uint8_t accepts_stream; /* Accept names text/event-stream */
    uint8_t http_minor;
    uint8_t reserved[6];
};

/* A stream that was to be told of has begun. Then: the channels' numbers. */
struct message_opened {
    uint64_t request; /* the number it was asked with */
    uint32_t channel_count;
    uint32_t address_bytes;
    uint32_t resumed; /* 1: it continued from an id */
    uint32_t reserved;
};

/* It has ended. */
struct message_closed {
    uint64_t request;
    uint64_t sent_bytes;
    uint32_t channel_count;
    uint32_t address_bytes;
    uint32_t reason_bytes;
    uint32_t last_id_bytes; /* id of the last event sent whole; 0: none */
    uint32_t seconds;
    uint32_t reserved;
};

/* It goes on in the worker that tells this, under the number that it has. */
struct message_moved {
    uint64_t request;
};

/* An ordinary response; the worker adds Content-Length, Connection, Date. */
struct message_response {
    uint64_t request;
    int32_t status;
    uint32_t header_bytes; /* "Name: value\r\n" …, already checked */
    uint32_t body_bytes;
    uint32_t reserved;
};

/* One channel of a stream; the parts of message_stream start with these. */
struct message_channel {
    uint32_t number;
    uint32_t generation;
};

/* The request becomes a stream. Channels are sorted by number, each once. */
struct message_stream {
    uint64_t request;
    double since_value; /* events or milliseconds */
    uint32_t since;     /* enum resume_since */
    uint32_t channel_count;
    uint32_t header_bytes;  /* "Name: value\r\n" …, already checked */
    uint32_t preface_bytes; /* SSE lines for a newcomer or after a gap */
    uint32_t policy_bytes;  /* struct stentor_policy of brain/ffi.h, as far as
                               its frame goes; 0: the plan's */
    uint32_t retry_ms;      /* 0: none */
    uint32_t tell;          /* 1: send OPENED and CLOSED */
    uint32_t reserved;
};

/* A refusal that an EventSource survives. */
struct message_later {
    uint64_t request;
    uint32_t delay_ms;
    uint32_t reserved;
};

/* Channels that the config has no more; then struct message_channel for each.
   Their streams are ended. */
struct message_removed {
    uint32_t channel_count;
    uint32_t reserved;
};

#endif
