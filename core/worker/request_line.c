/* SPDX-License-Identifier: MIT */
#include "worker/request_line.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "worker/request.h"

static bool method_is_known(struct text method)
{
    static const char known[][8] = { "GET", "HEAD",  "OPTIONS", "POST",
                                     "PUT", "PATCH", "DELETE" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (text_equals(method, known[i]))
            return true;
    }
    return false;
}

/* Of an absolute URI its path and query, which has to be accepted (RFC 9112
   3.2.2); whom it names does not matter here. Else the target as it is. */
static struct text path_of(struct text target)
{
    static const char scheme[] = "http://";
    size_t at = sizeof scheme - 1, host = at;
    if (target.size <= at || strncasecmp(target.bytes, scheme, at) != 0)
        return target;
    while (at < target.size && strchr("/?#@", target.bytes[at]) == NULL)
        at++;
    if (at == host)
        return target;
    if (at == target.size) /* no path is the path "/" */
        return text_of(target.bytes + host - 1, 1);
    return target.bytes[at] == '/'
               ? text_of(target.bytes + at, target.size - at)
               : target;
}

static const char *check_target(struct text method, struct text target)
{
    if (text_equals(target, "*"))
        return text_equals(method, "OPTIONS")
                   ? NULL
                   : "the target * is for OPTIONS only";
    if (target.size == 0 || target.bytes[0] != '/')
        return "the request target must be a path";
    for (size_t i = 0; i < target.size; i++) {
        unsigned char byte = (unsigned char)target.bytes[i];
        if (byte == '#')
            return "the request target holds a #";
        if (byte <= 0x20 || byte >= 0x7f)
            return "the request target holds a forbidden byte";
    }
    return NULL;
}

/* "HTTP/1.1" or "HTTP/1.0": 0; another of HTTP: 505; else 400. */
static int check_version(struct text version)
{
    if (version.size != 8 || memcmp(version.bytes, "HTTP/", 5) != 0 ||
        !isdigit((unsigned char)version.bytes[5]) || version.bytes[6] != '.' ||
        !isdigit((unsigned char)version.bytes[7]))
        return 400;
    if (version.bytes[5] == '1' &&
        (version.bytes[7] == '0' || version.bytes[7] == '1'))
        return 0;
    return 505;
}

static void set_target(struct request *request, struct text target)
{
    request->target_at = (uint32_t)(target.bytes - request->line.bytes);
    request->target_bytes = (uint32_t)target.size;
}

int request_line_split(struct request *request)
{
    CHECK(request->line.size > 0);
    struct text line = { request->line.bytes, request->line.size };
    while (line.size > 0 && strchr("\r\n", line.bytes[line.size - 1]) != NULL)
        line.size--;
    const char *first = memchr(line.bytes, ' ', line.size);
    const char *last = memrchr(line.bytes, ' ', line.size);
    if (first == NULL) {
        request->reason = "this is not HTTP/1.1";
        return 400;
    }
    struct text method = { line.bytes, (size_t)(first - line.bytes) };
    if (!method_is_known(method)) {
        request->reason = text_equals(method, "PRI")
                              ? "HTTP/2 is not spoken here"
                              : "this method is not implemented";
        return text_equals(method, "PRI") ? 505 : 501;
    }
    if (first == last) {
        request->reason = "the request line names no HTTP version";
        return 400;
    }
    struct text target = { first + 1, (size_t)(last - first) - 1 };
    struct text version = { last + 1,
                            (size_t)(line.bytes + line.size - last) - 1 };
    request->method_bytes = (uint32_t)method.size;
    set_target(request, target);
    request->reason = "only HTTP/1.1 and HTTP/1.0 are spoken here";
    int status = check_version(version);
    if (status != 0)
        return status;
    if (target.size > request->limits->target_bytes) {
        request->reason = "the request target is too long";
        return 414;
    }
    target = path_of(target);
    set_target(request, target);
    request->reason = check_target(method, target);
    return request->reason == NULL ? 0 : 400;
}

int request_line_explain(struct text line, char wrong, llhttp_errno_t error,
                         const char **reason)
{
    const char *first = memchr(line.bytes, ' ', line.size);
    const char *last = memrchr(line.bytes, ' ', line.size);
    if (first == NULL) {
        /* Who sends capital letters means a method; the rest is noise, such
           as TLS. */
        if (error == HPE_INVALID_METHOD && wrong >= 'A' && wrong <= 'Z') {
            *reason = "this method is not implemented";
            return 501;
        }
        *reason = "this is not HTTP/1.1";
        return 400;
    }
    struct text method = { line.bytes, (size_t)(first - line.bytes) };
    if (!method_is_known(method)) {
        *reason = "this method is not implemented";
        return 501;
    }
    if (error == HPE_INVALID_VERSION && last != first) {
        struct text version = { last + 1,
                                (size_t)(line.bytes + line.size - last) - 1 };
        char whole[8];
        /* llhttp may stop at the last digit or behind it. */
        if (version.size == 7) {
            memcpy(whole, version.bytes, 7);
            whole[7] = wrong;
            version = text_of(whole, 8);
        }
        if (check_version(version) == 505) {
            *reason = "only HTTP/1.1 and HTTP/1.0 are spoken here";
            return 505;
        }
    }
    *reason = error == HPE_INVALID_URL
                  ? "the request target holds a forbidden byte"
                  : "the request line is not valid";
    return 400;
}

/* --- its parts ---------------------------------------------------------- */

static struct text target_of(const struct request *request)
{
    return text_of(request->line.bytes + request->target_at,
                   request->target_bytes);
}

struct text request_method(const struct request *request)
{
    return text_of(request->line.bytes, request->method_bytes);
}

struct text request_path(const struct request *request)
{
    struct text target = target_of(request);
    const char *mark = memchr(target.bytes, '?', target.size);
    if (mark != NULL)
        target.size = (size_t)(mark - target.bytes);
    return target;
}

struct text request_query(const struct request *request)
{
    struct text target = target_of(request);
    size_t path = request_path(request).size;
    if (path == target.size)
        return text_of(NULL, 0);
    return text_of(target.bytes + path + 1, target.size - path - 1);
}

bool request_is_repeatable(const struct request *request)
{
    struct text method = request_method(request);
    return request->has_idempotency_key || text_equals(method, "GET") ||
           text_equals(method, "HEAD") || text_equals(method, "OPTIONS");
}

static int hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* What does not fit is cut: no id of ours is that long. */
static struct text decode(struct text value, char room[256])
{
    size_t size = 0;
    for (size_t i = 0; i < value.size && size < 255; i++) {
        char byte = value.bytes[i];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%' && i + 2 < value.size) {
            int high = hex_value(value.bytes[i + 1]);
            int low = hex_value(value.bytes[i + 2]);
            if (high >= 0 && low >= 0) {
                byte = (char)(high << 4 | low);
                i += 2;
            }
        }
        room[size++] = byte;
    }
    return text_of(room, size);
}

struct text request_last_id(const struct request *request, char room[256])
{
    if (request->last_id_at != 0)
        return text_of_string(request->headers.bytes + request->last_id_at);
    struct text rest = request_query(request);
    while (rest.size > 0) {
        const char *end = memchr(rest.bytes, '&', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.bytes);
        const char *equals = memchr(rest.bytes, '=', size);
        if (equals != NULL) {
            struct text name = { rest.bytes, (size_t)(equals - rest.bytes) };
            struct text value = { equals + 1, size - name.size - 1 };
            if (value.size > 0 && (text_equals(name, "last_event_id") ||
                                   text_equals(name, "lastEventId")))
                return decode(value, room);
        }
        size_t step = size + (end != NULL);
        rest = text_of(rest.bytes + step, rest.size - step);
    }
    return text_of(NULL, 0);
}
