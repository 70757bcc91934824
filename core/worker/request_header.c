/* SPDX-License-Identifier: MIT */
#include "worker/request_header.h"

#include <string.h>
#include <strings.h>

#include "worker/request.h"

static bool host_is_plausible(struct text value)
{
    for (size_t i = 0; i < value.size; i++) {
        unsigned char byte = (unsigned char)value.bytes[i];
        if (byte <= 0x20 || byte >= 0x7f || strchr("/\\@#?\"<>", byte) != NULL)
            return false;
    }
    return true;
}

/* Does the list of media types `value` name text/event-stream? */
static bool names_event_stream(struct text value)
{
    static const char wanted[] = "text/event-stream";
    size_t size = sizeof wanted - 1;
    for (size_t i = 0; i + size <= value.size; i++) {
        char before = i == 0 ? ',' : value.bytes[i - 1];
        char after = i + size == value.size ? ',' : value.bytes[i + size];
        if (strchr(", \t", before) != NULL && strchr(",; \t", after) != NULL &&
            strncasecmp(value.bytes + i, wanted, size) == 0)
            return true;
    }
    return false;
}

static bool is_ignoring_case(struct text text, const char *word)
{
    return text.size == strlen(word) &&
           strncasecmp(text.bytes, word, text.size) == 0;
}

int request_header_notice(struct request *request, struct text name,
                          struct text value)
{
    if (text_equals(name, "host")) {
        request->host_count++;
        if (!host_is_plausible(value)) {
            request->reason = "the Host header is not a host";
            return 400;
        }
    } else if (text_equals(name, "accept")) {
        request->accepts_stream |= names_event_stream(value);
    } else if (text_equals(name, "last-event-id")) {
        if (value.size > 0 && request->last_id_at == 0)
            request->last_id_at = request->value_at;
    } else if (text_equals(name, "transfer-encoding")) {
        request->coding_count++;
        request->chunked_only = is_ignoring_case(value, "chunked");
    } else if (text_equals(name, "expect")) {
        if (is_ignoring_case(value, "100-continue"))
            request->expects_continue = true;
        else
            request->has_expect = true;
    } else if (text_equals(name, "idempotency-key")) {
        request->has_idempotency_key = value.size > 0;
    }
    return 0;
}
