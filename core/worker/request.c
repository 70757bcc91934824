/* SPDX-License-Identifier: MIT */
/*
 * The head is given to llhttp line by line. Each of our own checks has its
 * place at the end of a line or of a header, so the answer to a request never
 * depends on how its bytes were cut into packets. Those checks are what
 * llhttp 8.1 lets through in its strict mode: folded lines, a missing or
 * second Host, HTTP/0.9, RTSP and ICE, empty header names, chunk extensions,
 * `#` and other targets than a path.
 */
#include "worker/request.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "worker/request_header.h"
#include "worker/request_line.h"

/* Buffers above this are not kept for the next request. */
enum { REQUEST_KEEP_BYTES = 16384 };

static int refuse(struct request *request, int status, const char *reason)
{
    if (request->status == 0) {
        request->status = status;
        request->reason = reason;
    }
    return -1;
}

static struct request *of_parser(llhttp_t *parser)
{
    return CHECK_CAST(struct request, parser->data, REQUEST_MAGIC);
}

/* How much more there may be. A reload may have lowered the limit since this
   request began. */
static size_t room_of(uint64_t limit, uint64_t used)
{
    return used < limit ? (size_t)(limit - used) : 0;
}

/* --- headers ------------------------------------------------------------ */

/* Trailers are read and dropped; they count as head. */
static int count_trailer(struct request *request, size_t length)
{
    if (length > room_of(request->limits->head_bytes, request->head_bytes))
        return refuse(request, 431, "the trailers are too long");
    request->head_bytes += (uint32_t)length;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct request *request = of_parser(parser);
    if (request->head_done)
        return count_trailer(request, length);
    char *to = buffer_reserve(&request->headers, length);
    for (size_t i = 0; i < length; i++) {
        char byte = at[i];
        to[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    request->headers.size += length;
    return 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct request *request = of_parser(parser);
    if (++request->header_count > request->limits->headers)
        return refuse(request, 431, "too many headers");
    if (request->head_done)
        return count_trailer(request, 4);
    if (request->headers.size == request->name_at)
        return refuse(request, 400, "a header has no name");
    buffer_add(&request->headers, "", 1);
    request->value_at = (uint32_t)request->headers.size;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct request *request = of_parser(parser);
    if (request->head_done)
        return count_trailer(request, length);
    buffer_add(&request->headers, at, length);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct request *request = of_parser(parser);
    struct buffer *headers = &request->headers;
    if (request->head_done)
        return 0;
    while (headers->size > request->value_at &&
           strchr(" \t", headers->bytes[headers->size - 1]) != NULL)
        headers->size--;
    buffer_add(headers, "", 1);
    struct text name = { headers->bytes + request->name_at,
                         request->value_at - request->name_at - 1 };
    struct text value = { headers->bytes + request->value_at,
                          headers->size - request->value_at - 1 };
    request->name_at = (uint32_t)headers->size;
    request->status = request_header_notice(request, name, value);
    return request->status == 0 ? 0 : -1;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct request *request = of_parser(parser);
    bool http_1_0 = parser->http_minor == 0;
    request->head_done = true;
    request->keep_alive = http_1_0
                              ? (parser->flags & F_CONNECTION_KEEP_ALIVE) != 0
                              : (parser->flags & F_CONNECTION_CLOSE) == 0;
    parser->upgrade = 0; /* an Upgrade may be ignored (RFC 9110, 7.8) */
    if (request->host_count > 1)
        return refuse(request, 400, "more than one Host header");
    if (request->host_count == 0 && !http_1_0)
        return refuse(request, 400, "no Host header");
    if (request->coding_count > 0) {
        if (http_1_0 || request->coding_count > 1 ||
            (parser->flags & F_CONTENT_LENGTH))
            return refuse(request, 400, "the length of the body is ambiguous");
        if (!request->chunked_only)
            return refuse(request, 501,
                          "the only known transfer coding is chunked");
    }
    if (http_1_0)
        request->expects_continue = false; /* RFC 9110, 10.1.1 */
    else if (request->has_expect)
        return refuse(request, 417,
                      "the only known expectation is 100-continue");
    if ((parser->flags & F_CONTENT_LENGTH) &&
        parser->content_length > request->limits->body_bytes)
        return refuse(request, 413, "the body is too long");
    return 0;
}

/* --- body --------------------------------------------------------------- */

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct request *request = of_parser(parser);
    if (length > room_of(request->limits->body_bytes, request->body.size))
        return refuse(request, 413, "the body is too long");
    buffer_add(&request->body, at, length);
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct request *request = of_parser(parser);
    if (parser->content_length >
        room_of(request->limits->body_bytes, request->body.size))
        return refuse(request, 413, "the body is too long");
    return 0;
}

static int on_chunk_extension(llhttp_t *parser)
{
    return refuse(of_parser(parser), 400, "chunk extensions are not accepted");
}

static int on_message_complete(llhttp_t *parser)
{
    of_parser(parser)->whole = true;
    return HPE_PAUSED; /* what follows belongs to the next request */
}

static const llhttp_settings_t request_settings = {
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_extension_name_complete = on_chunk_extension,
    .on_message_complete = on_message_complete,
};

/* --- parsing ------------------------------------------------------------ */

/* The reason in words, unless one was given by the callback that stopped. */
static void explain(struct request *request, llhttp_errno_t error)
{
    switch (error) {
    case HPE_INVALID_HEADER_TOKEN:
    case HPE_UNEXPECTED_SPACE:
        refuse(request, 400, "a header holds a forbidden byte");
        break;
    case HPE_INVALID_CONTENT_LENGTH:
        refuse(request, 400, "Content-Length is not one number");
        break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        refuse(request, 400, "the length of the body is ambiguous");
        break;
    case HPE_INVALID_TRANSFER_ENCODING:
        refuse(request, 400, "Transfer-Encoding is not valid");
        break;
    case HPE_INVALID_CHUNK_SIZE:
        refuse(request, 400, "a chunk's size is not valid");
        break;
    case HPE_CR_EXPECTED:
    case HPE_LF_EXPECTED:
    case HPE_STRICT:
        refuse(request, 400, "a line does not end with CR LF");
        break;
    default:
        refuse(request, 400, "this is not HTTP/1.1");
    }
}

/* Feeds llhttp; returns how many bytes it took. */
static size_t execute(struct request *request, const char *bytes, size_t size)
{
    llhttp_t *parser = &request->parser;
    llhttp_errno_t error = llhttp_execute(parser, bytes, size);
    if (error == HPE_OK)
        return size;
    size_t taken = (size_t)(llhttp_get_error_pos(parser) - bytes);
    CHECK(taken <= size);
    if (request->whole && request->status == 0)
        return taken;
    if (!request->line_done && request->status == 0) {
        struct text line = { request->line.bytes, request->line.size };
        line.size -= size - taken;
        char wrong = taken < size ? bytes[taken] : '\0';
        request->status =
            request_line_explain(line, wrong, error, &request->reason);
    }
    explain(request, error);
    return taken;
}

/* Feeds the next line of the head, or the part of it that is there. */
static size_t parse_head(struct request *request, const char *bytes,
                         size_t size)
{
    const struct stentor_limits *limits = request->limits;
    size_t room = room_of(limits->head_bytes, request->head_bytes);
    size_t line_room = SIZE_MAX;
    if (!request->line_done)
        line_room = room_of((uint64_t)limits->target_bytes + REQUEST_LINE_REST,
                            request->line.size);
    if (request->at_line_start && (*bytes == ' ' || *bytes == '\t')) {
        refuse(request, 400,
               request->line.size == 0 ? "this is not HTTP/1.1"
                                       : "a header is folded");
        return 0;
    }
    const char *end = memchr(bytes, '\n', size);
    size_t piece = end == NULL ? size : (size_t)(end - bytes) + 1;
    /* llhttp takes a bare LF in some places. */
    bool bare =
        end != NULL && (end > bytes ? end[-1] != '\r' : !request->after_cr);
    size_t fed = bare ? piece - 1 : piece;
    fed = fed < room ? fed : room;
    fed = fed < line_room ? fed : line_room;
    if (!request->line_done)
        buffer_add(&request->line, bytes, fed);
    request->at_line_start = false;
    request->head_bytes += (uint32_t)fed;
    if (fed > 0) {
        request->after_cr = bytes[fed - 1] == '\r';
        execute(request, bytes, fed);
    }
    if (request->status != 0)
        return fed;
    if (bare && fed == piece - 1) {
        refuse(request, 400, "a line does not end with CR LF");
        return fed;
    }
    if (fed < piece) {
        if (line_room <= room)
            refuse(request, 414, "the request target is too long");
        else
            refuse(request, 431, "the request head is too long");
        return fed;
    }
    request->at_line_start = end != NULL;
    if (end != NULL && !request->line_done) {
        request->line_done = true;
        request->status = request_line_split(request);
    }
    return fed;
}

/* Empty lines before a request line are tolerated (RFC 9112, section 2.2). */
static size_t skip_empty_lines(struct request *request, const char *bytes,
                               size_t size)
{
    size_t count = 0;
    while (count < size && (bytes[count] == '\r' || bytes[count] == '\n')) {
        if (request->head_bytes >= request->limits->head_bytes) {
            refuse(request, 431, "the request head is too long");
            return count;
        }
        request->head_bytes++;
        count++;
    }
    return count;
}

enum request_progress request_parse(struct request *request, const char *bytes,
                                    size_t size, size_t *used)
{
    CHECK(request->magic == REQUEST_MAGIC && !request->whole);
    *used = 0;
    if (request->line.size == 0)
        *used = skip_empty_lines(request, bytes, size);
    while (*used < size && request->status == 0 && !request->whole) {
        const char *rest = bytes + *used;
        if (!request->head_done)
            *used += parse_head(request, rest, size - *used);
        else
            *used += execute(request, rest, size - *used);
    }
    if (request->status != 0)
        return REQUEST_REFUSED;
    return request->whole ? REQUEST_WHOLE : REQUEST_MORE;
}

/* --- life --------------------------------------------------------------- */

static void start(struct request *request)
{
    llhttp_init(&request->parser, HTTP_REQUEST, &request_settings);
    request->parser.data = request;
    request->at_line_start = true;
    list_init(&request->waiting);
}

struct request *request_new(const struct stentor_limits *limits)
{
    struct request *request = xcalloc(1, sizeof *request);
    request->magic = REQUEST_MAGIC;
    request->limits = limits;
    start(request);
    return request;
}

void request_free(struct request *request)
{
    CHECK(request->magic == REQUEST_MAGIC && list_is_empty(&request->waiting));
    request->magic = 0;
    buffer_done(&request->line);
    buffer_done(&request->headers);
    buffer_done(&request->body);
    buffer_done(&request->ahead);
    free(request);
}

static struct buffer emptied(struct buffer buffer)
{
    if (buffer.capacity > REQUEST_KEEP_BYTES)
        buffer_done(&buffer);
    buffer.size = 0;
    return buffer;
}

void request_reset(struct request *request)
{
    CHECK(list_is_empty(&request->waiting));
    struct request fresh = {
        .magic = REQUEST_MAGIC,
        .limits = request->limits,
        .line = emptied(request->line),
        .headers = emptied(request->headers),
        .body = emptied(request->body),
        .half_closed = request->half_closed,
        .ahead = request->ahead,
        .pipelined = request->pipelined,
    };
    *request = fresh;
    start(request);
}

void request_recycle(struct request *request)
{
    request->ahead = emptied(request->ahead);
    request->pipelined = 0;
    request->half_closed = false;
    request_reset(request);
}
