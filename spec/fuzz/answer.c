/* SPDX-License-Identifier: MIT */
/*
 * What `stentor load` makes of an answer, from any server: the same however its
 * bytes were cut. The first byte of the input says how they are cut.
 */
#include "base/check.h"
#include "base/error.h"
#include "fuzz/input.h"
#include "load/response_head.h"
#include "load/stream_reader.h"

enum { LANES = 4 };

static struct load_shared *shared;

/* A head is whole at its last byte and no sooner, and what follows it does not
   change it. Returns its bytes. */
static size_t read_head(struct text answer, struct response_head *head)
{
    int size = load_response_head_read(head, answer.bytes, answer.size);
    CHECK(size >= 0 || size == STENTOR_EINVALID);
    if (size <= 0)
        return 0;
    CHECK((size_t)size <= answer.size);
    for (int i = 1; i >= 0; i--) {
        size_t bytes;
        char *packet = input_packet(answer, 0, (size_t)(size - i), &bytes);
        struct response_head again;
        int got = load_response_head_read(&again, packet, bytes);
        CHECK(got == (i == 0 ? size : 0));
        if (i == 0)
            CHECK(again.status == head->status &&
                  again.is_event_stream == head->is_event_stream &&
                  again.is_last == head->is_last &&
                  again.body.state == head->body.state &&
                  again.body.left == head->body.left);
        free(packet);
    }
    return (size_t)size;
}

static bool read_body(struct text answer, size_t cut, const struct body *body,
                      struct load_tally *tally)
{
    const struct stream_context context = {
        .tally = tally,
        .shared = shared,
        .run = "k3f9a0c2",
        .lanes = LANES,
        .keeps_ids = true,
    };
    struct stream_reader reader;
    load_stream_reader_init(&reader, &context, body, false);
    bool goes_on = true;
    for (size_t at = 0, size; goes_on && at < answer.size; at += size) {
        char *packet = input_packet(answer, at, cut, &size);
        goes_on = load_stream_reader_feed(&reader, &context, packet, size, 1);
        free(packet);
    }
    tally->lost += load_stream_reader_lost(&reader, &context);
    load_stream_reader_done(&reader);
    return goes_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (shared == NULL)
        shared = load_shared_new(2);
    struct input input = { bytes, size };
    size_t cut = 1 + input_byte(&input) % 64;
    struct text answer = input_text(&input, size);
    struct response_head head;
    size_t head_bytes = read_head(answer, &head);
    if (head_bytes == 0)
        return 0;
    struct text body =
        text_of(answer.bytes + head_bytes, answer.size - head_bytes);
    struct load_tally *whole = &shared->tallies[0], *cuts = &shared->tallies[1];
    memset(whole, 0, sizeof *whole);
    memset(cuts, 0, sizeof *cuts);
    bool a = read_body(body, body.size > 0 ? body.size : 1, &head.body, whole);
    bool b = read_body(body, cut, &head.body, cuts);
    CHECK(a == b);
    CHECK(whole->events == cuts->events && whole->other == cuts->other);
    CHECK(whole->gaps == cuts->gaps && whole->replayed == cuts->replayed);
    CHECK(whole->reordered == cuts->reordered);
    CHECK(whole->duplicated == cuts->duplicated && whole->lost == cuts->lost);
    CHECK(whole->events <= body.size);
    return 0;
}
