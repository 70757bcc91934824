/* SPDX-License-Identifier: MIT */
/*
 * Ids, addresses and networks: what is accepted is spelt again as the same,
 * and whose a forwarded request is can be said of any header.
 */
#include "base/address.h"
#include "base/check.h"
#include "fuzz/input.h"
#include "journal/event_id.h"
#include "worker/forwarded.h"

static void check_id(struct text text)
{
    struct event_id id, again;
    if (!event_id_parse(text, &id))
        return;
    char spelt[EVENT_ID_BYTES + 1];
    event_id_format(&id, spelt);
    CHECK(text_equals(text, spelt));
    CHECK(event_id_parse(text_of_string(spelt), &again));
    CHECK(id.epoch == again.epoch && id.seq == again.seq &&
          id.source == again.source);
}

static void check_address(struct text text)
{
    struct address address, again;
    char spelt[ADDRESS_TEXT_BYTES];
    if (address_parse(text, &address)) {
        address_format(&address, spelt);
        CHECK(address_parse(text_of_string(spelt), &again));
        CHECK(address_equals(&address, &again));
    }
    struct network network;
    if (network_parse(text, &network)) {
        CHECK(network.bits <= 128);
        CHECK(network_has(&network, &network.of));
    }
}

static bool is_v4(const struct address *address, const void *of)
{
    (void)of;
    return address_is_v4(address);
}

static void check_forwarded(struct text text)
{
    static const char *names[] = { "x-forwarded-for", "forwarded" };
    for (size_t i = 0; i < 2; i++) {
        struct buffer headers;
        buffer_init(&headers);
        buffer_add(&headers, names[i], strlen(names[i]) + 1);
        for (size_t at = 0; at < text.size; at++)
            if (text.bytes[at] != 0) /* none is let into a header */
                buffer_add(&headers, &text.bytes[at], 1);
        buffer_add(&headers, "", 1);
        struct address client = { 0 };
        enum forwarded_result result = forwarded_client(
            text_of(headers.bytes, headers.size), is_v4, NULL, &client);
        CHECK(result != FORWARDED_CONFLICT);
        CHECK(result != FORWARDED_CLIENT || !address_is_none(&client));
        buffer_done(&headers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t copied;
    char *copy =
        input_packet(text_of((const char *)bytes, size), 0, size, &copied);
    struct text text = text_of(copy, copied);
    check_id(text);
    check_address(text);
    check_forwarded(text);
    free(copy);
    return 0;
}
