/* SPDX-License-Identifier: MIT */
/*
 * The boundary between C and Lua. This header is the cdef, with those beside it
 * that lua/core.lua names: C compiles them, and core.lua, the only file that
 * uses `ffi`, reads the very same text. So they hold enums, structs and
 * prototypes, and no macro.
 *
 * Lua pulls: C calls one Lua function, pump(), and Lua calls stentor_next()
 * until that returns NULL. The functions here are leaves: none enters Lua.
 *
 * Bytes that Lua passes are borrowed for the call. Bytes that C hands out are
 * valid until the next stentor_next(), but for those of stentor_recent() and
 * where it is said.
 * Functions return 0 (or what they say) or a negative STENTOR_E… code, whose
 * name and text stentor_error_name() and stentor_error_text() tell.
 */
#ifndef STENTOR_BRAIN_FFI_H
#define STENTOR_BRAIN_FFI_H
#include <stdint.h>

enum {
    STENTOR_ABI = 16,      /* grows with every change of these headers */
    STENTOR_ID_BYTES = 40, /* room for an event id as text, NUL included */
    STENTOR_WORKERS_MAX = 64,
    STENTOR_LISTENERS_MAX = 16,
    STENTOR_NETWORKS_MAX = 64,
    STENTOR_HOST_BYTES = 64,
    STENTOR_HEARTBEAT_BYTES = 512,
    STENTOR_CONTROL_BYTES = 104,
    STENTOR_STATUS_BYTES = 16000,
    STENTOR_DEATHS_MAX = 3, /* of brains at one record */
    STENTOR_BUSES_MAX = 4,  /* Kafka clusters */
    STENTOR_TOPICS_MAX = 32 /* of all of them, that are written to */
};

enum stentor_kind {
    STENTOR_REQUEST = 1, /* a client asks: respond, stream or later */
    STENTOR_OPENED,      /* a stream began that was to be told of */
    STENTOR_CLOSED,      /* it ended */
    STENTOR_MOVED,       /* it goes on in another worker */
    STENTOR_LOST,        /* a worker died, and all streams with it that were
                            asked of it, or had been moved to it */
    STENTOR_TIMER,       /* the time of stentor_timer() has come */
    STENTOR_GO,          /* this brain is in charge: start the sources, then
                            stentor_ready() or stentor_fail() */
    STENTOR_RELEASE,     /* another brain takes over: pause the sources, let
                            what runs finish within `ticket` milliseconds, then
                            stentor_released() */
    STENTOR_RESUME,      /* it did not: as GO, for what was paused */
    STENTOR_STATUS,      /* say what you know by stentor_say_status(); as JSON
                            if `ticket` is 1 */
    STENTOR_STOP,        /* the server stops: run the hooks, then
                            stentor_stopped(); requests still come */
    STENTOR_DELIVERED,   /* what became of a stentor_topic_publish() */
    STENTOR_APPENDED,    /* after stentor_follow(): the journal has grown */
    STENTOR_SOURCE       /* source `ticket` may be read; `reason`: records of
                            it were gone before they were */
};

/* Where a client without an id begins. */
enum stentor_since {
    STENTOR_SINCE_NOW,
    STENTOR_SINCE_COUNT, /* the last `since_value` events */
    STENTOR_SINCE_TIME,  /* the last `since_value` milliseconds */
    STENTOR_SINCE_ALL
};

enum stentor_stream_flag {
    STENTOR_TELL = 1 /* tell OPENED and CLOSED: somebody listens for them */
};

/* What becomes of a client that is further behind than its limits allow. */
enum stentor_lagging {
    STENTOR_DISCONNECT, /* closed; it resumes by its id */
    STENTOR_SKIP,       /* taken to the newest event, after a gap event */
    STENTOR_CONFLATE    /* of what it missed it gets the latest of each key */
};

enum stentor_log_level {
    STENTOR_LOG_DEBUG,
    STENTOR_LOG_INFO,
    STENTOR_LOG_WARN,
    STENTOR_LOG_ERROR
};

struct stentor_brain; /* the process; opaque to Lua */

struct stentor_text {
    const char *bytes; /* not NUL-terminated; NULL if size is 0 */
    uint32_t size;
};

/* Names and values, each ended by NUL: "host\0example.org\0accept\0…\0". */
struct stentor_pairs {
    const char *bytes;
    uint32_t size;
    uint32_t count;
};

/* One thing that happened. Fields not named for its kind are zero. */
struct stentor_item {
    int32_t kind;     /* enum stentor_kind */
    uint32_t resumed; /* OPENED: 1 if it continued from an id */
    uint64_t ticket;  /* REQUEST: what it is answered with;
                         OPENED, CLOSED, MOVED: the client's number. For a
                         stream both are the same. Its upper 16 bits are the
                         worker that was asked, also after a move. */
    uint32_t worker;  /* MOVED: where it is now; LOST: which has died */
    uint32_t reserved;

    /* REQUEST */
    struct stentor_text method;
    struct stentor_text path;  /* as sent: still percent-encoded */
    struct stentor_text query; /* what follows the first "?", as sent */
    struct stentor_pairs
        headers; /* names in lower case, in order, not merged */
    struct stentor_text body;
    struct stentor_text last_event_id; /* of the header, else of the query */
    uint32_t accepts_stream;           /* 1 if Accept names text/event-stream */
    uint32_t http_minor;               /* 0 or 1 */

    /* REQUEST, OPENED, CLOSED */
    struct stentor_text address; /* the client's, without port */

    /* OPENED, CLOSED */
    const uint32_t *channels;
    uint32_t channel_count;

    /* CLOSED */
    uint32_t seconds;            /* how long the stream lasted */
    uint64_t bytes;              /* sent to it */
    struct stentor_text reason;  /* "closed" "lagged" "error" "stopped" …;
                                    DELIVERED: why it failed, or nothing */
    struct stentor_text last_id; /* of the last event sent whole */

    /* DELIVERED: where it is; `ticket` says which */
    int64_t offset;
    int32_t partition;
};

struct stentor_response {
    int32_t status;               /* 200 to 599 */
    uint32_t reserved;            /* 0 */
    struct stentor_pairs headers; /* without Content-Length, Connection,
                                     Transfer-Encoding, Date: C writes those */
    struct stentor_text body;
};

struct stentor_policy;

struct stentor_stream {
    const uint32_t *channels;
    uint32_t channel_count;
    uint32_t flags;     /* enum stentor_stream_flag */
    int32_t since;      /* enum stentor_since */
    uint32_t retry_ms;  /* 0: no retry field */
    double since_value; /* events or milliseconds */
    /* Framed events (stentor_recent gives such bytes) that a newcomer, or a
       client with a gap, is sent before all others: the `latest` ones. They
       must not be newer than the stream's beginning: pass them in the same
       turn in which they were gathered. */
    struct stentor_text preface;
    struct stentor_pairs headers;        /* further ones for the response */
    const struct stentor_policy *policy; /* NULL: the plan's */
};

struct stentor_channel {
    uint32_t replay_count; /* at most so many events; UINT32_MAX: no limit */
    uint32_t reserved;     /* 0 */
    uint64_t replay_ms;    /* at most so old; UINT64_MAX: no limit */
};

struct stentor_event {
    uint32_t channel;
    uint32_t retry_ms;         /* 0: none */
    struct stentor_text event; /* its name; size 0: none ("message") */
    struct stentor_text data;
    struct stentor_text key;
};

/* An event read back from the journal. */
struct stentor_record {
    uint64_t time_ms;          /* Unix time of its publishing */
    struct stentor_text frame; /* "id: …\ndata: …\n\n", no HTTP chunk framing */
    struct stentor_text key;
    char id[STENTOR_ID_BYTES]; /* NUL-terminated */
};

struct stentor_listener {
    char host[STENTOR_HOST_BYTES]; /* a numeric address, NUL-terminated */
    uint32_t port;                 /* 1 to 65535 */
};

struct stentor_limits {
    uint32_t connections;         /* of all workers together */
    uint32_t head_bytes;          /* request line and headers; else 431 */
    uint32_t headers;             /* header lines; else 431 */
    uint32_t target_bytes;        /* else 414 */
    uint32_t body_bytes;          /* else 413 */
    uint32_t head_time_ms;        /* for a whole head; else 408 */
    uint32_t body_time_ms;        /* for a whole body; else 408 */
    uint32_t idle_time_ms;        /* between requests; then closed */
    uint32_t answer_time_ms;      /* for the brain to answer; else 503 */
    uint32_t ack_time_ms;         /* for a client's machine to acknowledge what
                                     it was sent; then it is given up */
    uint32_t pipeline;            /* requests sent ahead; else closed */
    uint32_t response_bytes;      /* body of an ordinary response */
    uint32_t event_bytes;         /* data of one event */
    uint32_t client_lag_bytes;    /* a client further behind lags: its policy
                                    says what becomes of it */
    uint32_t client_lag_time_ms;  /* the same, in time */
    uint32_t channels;            /* of the whole server */
    uint32_t stream_channels;     /* of one stream */
    uint32_t policies;            /* distinct ones of a worker's streams */
    uint32_t addresses;           /* that are told apart */
    uint32_t address_connections; /* of one address, over all workers */
    uint64_t address_interval_ns; /* between requests of one address in the
                                     long run, over all workers */
    uint64_t address_burst_ns;    /* so many of these intervals at once */
};

/* A network of proxies whose word on a client's address is taken. */
struct stentor_network {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint32_t bits;
    uint32_t listeners; /* bit i: it is for the plan's listener i */
};

struct stentor_heartbeat {
    uint32_t every_ms;       /* 0: none */
    uint32_t jitter_percent; /* each interval is shortened by up to so much */
    uint32_t idle_only;      /* 1: not if something was sent since the last */
    uint32_t with_id;        /* 1: carries the stream's current position */
    uint32_t size;           /* of `frame` */
    char frame[STENTOR_HEARTBEAT_BYTES]; /* the SSE lines to send; ":\n" by
                                            default. With `with_id` an id line
                                            is put before, and the frame must
                                            end with a blank line. */
};

/* How a stream is kept. Workers hold each distinct policy once, whatever the
   number of its streams. */
struct stentor_policy {
    uint32_t lagging; /* enum stentor_lagging */
    uint32_t client_lag_bytes;
    uint32_t client_lag_time_ms;
    struct stentor_heartbeat heartbeat; /* its frame is the last: what is
                                           behind `size` bytes of it is not
                                           part of the policy */
};

struct stentor_supervise {
    uint32_t brain_timeout_ms; /* a brain that does not turn is killed */
    uint32_t drain_ms;         /* reload: for running handlers to finish */
    uint32_t drain_window_ms;  /* SIGTERM: for all clients to be sent away */
    char control[STENTOR_CONTROL_BYTES]; /* path of a further control socket,
                                            NUL-terminated; "": none */
};

/* What the config asks of the supervisor and the workers. */
struct stentor_plan {
    uint32_t abi;     /* STENTOR_ABI */
    uint32_t workers; /* 0: one for each core */
    uint64_t journal_bytes;
    uint64_t kept_bytes; /* of the shelf: what brains leave each other */
    uint32_t log_level;  /* enum stentor_log_level */
    uint32_t listener_count;
    struct stentor_listener listeners[STENTOR_LISTENERS_MAX];
    uint32_t network_count;
    struct stentor_network networks[STENTOR_NETWORKS_MAX];
    struct stentor_limits limits;
    struct stentor_heartbeat heartbeat;
    uint32_t embedded_kafka;    /* 1: run the embedded Kafka */
    uint32_t connections_asked; /* 1: limits.connections is in the config */
    struct stentor_supervise supervise;
};

int stentor_abi(void);
const char *stentor_error_name(int code);
const char *stentor_error_text(int code);

/* Unix time in milliseconds, and a clock that only goes forward. */
double stentor_now_ms(void);
double stentor_monotonic_ms(void);

void stentor_log(int level, const char *text, uint32_t size);

/* Hands over the plan once the config has passed; copied. */
int stentor_plan(struct stentor_brain *brain, const struct stentor_plan *plan);

/*
 * The next item, or NULL when there is none or enough was done for one turn
 * (pump() is then called again). A request counts as taken from here on: if
 * the brain dies before it answers, it is never run again.
 */
const struct stentor_item *stentor_next(struct stentor_brain *brain);

/* Asks for one STENTOR_TIMER item in `delay_ms`; a later call replaces it, a
   negative delay withdraws it. */
void stentor_timer(struct stentor_brain *brain, double delay_ms);

/* Answers; each ticket once: the worker drops a second answer, and one whose
   client has gone. STENTOR_EGONE: the worker itself has gone. STENTOR_EHEADER:
   a name or value with a forbidden byte, or one that C writes itself.
   STENTOR_ETOOBIG: body, preface or all headers together over their limit. After an error the ticket
   is still open. */
int stentor_respond(struct stentor_brain *brain, uint64_t ticket,
                    const struct stentor_response *response);
int stentor_stream(struct stentor_brain *brain, uint64_t ticket,
                   const struct stentor_stream *stream);
/* A refusal that an EventSource survives: 200, jittered retry and close for
   who accepts a stream; 503 with Retry-After for others. */
int stentor_later(struct stentor_brain *brain, uint64_t ticket,
                  double delay_ms);

/* The number of the channel `name`, made if there is none, its settings
   replaced. STENTOR_EFULL: the limit `channels` is reached. STENTOR_EREADONLY
   before STENTOR_GO: the journal still belongs to another. */
int stentor_channel(struct stentor_brain *brain, const char *name,
                    uint32_t name_size, const struct stentor_channel *settings);

/* Gives the number back once all its records are overwritten. It must have no
   streams. */
int stentor_channel_close(struct stentor_brain *brain, uint32_t channel);

/* The name of a channel that is there, perhaps since a brain before this one,
   until the next stentor_channel(); "" for a number that no channel has, NULL
   past the last. */
const char *stentor_channel_name(struct stentor_brain *brain, uint32_t channel);

/* Streams of the channel now, over all workers. */
uint32_t stentor_clients(struct stentor_brain *brain, uint32_t channel);

/* What is counted, over all workers; the name is NULL past the last. */
const char *stentor_counter_name(uint32_t index);
double stentor_counter(struct stentor_brain *brain, uint32_t index);

/* How full the fullest limit is, from 0 to 1. */
double stentor_load(struct stentor_brain *brain);

/*
 * Publishes `count` events at once, all or none; `ids` receives as many texts
 * of STENTOR_ID_BYTES. STENTOR_EEVENT: CR, LF or NUL in the name.
 * STENTOR_ERESERVED: the name "gap". STENTOR_ETOOBIG: data over the limit.
 * STENTOR_EFULL: too much of the channel waits for Kafka.
 */
int stentor_publish(struct stentor_brain *brain,
                    const struct stentor_event *events, uint32_t count,
                    char *ids);

/* The newest records of a channel, newest first, at most `count`; returns how
   many. Their bytes are valid until the next stentor_publish(). */
int stentor_recent(struct stentor_brain *brain, uint32_t channel,
                   uint32_t count, struct stentor_record *records);

#endif
