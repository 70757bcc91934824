/* SPDX-License-Identifier: MIT */
/*
 * A request comes out the same however its bytes were cut into packets, and
 * within its limits. The first byte of the input says how they are cut.
 */
#include "base/check.h"
#include "fuzz/input.h"
#include "worker/request.h"

static const struct stentor_limits limits = {
    .head_bytes = 2048, .headers = 20, .target_bytes = 256, .body_bytes = 1000
};

struct parsed {
    struct request *request;
    enum request_progress progress;
    size_t used;
};

static struct parsed parse(struct text bytes, size_t cut)
{
    struct parsed parsed = { request_new(&limits), REQUEST_MORE, 0 };
    while (parsed.used < bytes.size && parsed.progress == REQUEST_MORE) {
        size_t size, used;
        char *packet = input_packet(bytes, parsed.used, cut, &size);
        parsed.progress = request_parse(parsed.request, packet, size, &used);
        CHECK(used <= size);
        CHECK(parsed.progress != REQUEST_MORE || used == size);
        parsed.used += used;
        free(packet);
    }
    return parsed;
}

static bool same(const struct buffer *a, const struct buffer *b)
{
    return a->size == b->size &&
           (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static void within_limits(const struct request *request)
{
    CHECK(request->headers.size <= 2 * limits.head_bytes);
    CHECK(request->header_count <= limits.headers);
    CHECK(request->target_bytes <= limits.target_bytes);
    CHECK(request->body.size <= limits.body_bytes);
    char room[256];
    struct text id = request_last_id(request, room);
    CHECK(id.size == 0 || id.bytes != NULL);
    struct text path = request_path(request), query = request_query(request);
    CHECK(path.size + query.size <= request->target_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = { bytes, size };
    size_t cut = 1 + input_byte(&input) % 64;
    struct text sent = input_text(&input, size);
    struct parsed whole = parse(sent, sent.size > 0 ? sent.size : 1);
    struct parsed pieces = parse(sent, cut);
    const struct request *a = whole.request, *b = pieces.request;
    CHECK(whole.progress == pieces.progress);
    if (whole.progress == REQUEST_REFUSED) {
        CHECK(a->status >= 400 && a->status < 600);
        CHECK(a->head_done == b->head_done);
        /* Of two faults in the trailers the one that is told may differ:
           llhttp shows a run of bytes at its end or the packet's. */
        CHECK(a->head_done ||
              (a->status == b->status && strcmp(a->reason, b->reason) == 0));
    } else {
        CHECK(whole.used == pieces.used && a->head_done == b->head_done);
    }
    if (whole.progress == REQUEST_WHOLE) {
        CHECK(same(&a->line, &b->line) && same(&a->headers, &b->headers));
        CHECK(same(&a->body, &b->body) && a->header_count == b->header_count);
        CHECK(a->keep_alive == b->keep_alive);
        CHECK(a->accepts_stream == b->accepts_stream);
        CHECK(a->last_id_at == b->last_id_at);
        within_limits(a);
    }
    request_free(whole.request);
    request_free(pieces.request);
    return 0;
}
