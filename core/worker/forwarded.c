/* SPDX-License-Identifier: MIT */
/*
 * A list is split from its right end, where the proxies have appended: what a
 * client wrote before, an open quotation mark say, takes nothing from them. The
 * last HOPS_MAX elements are kept, so the work is one pass, whatever is sent.
 */
#include "worker/forwarded.h"

#include <strings.h>

enum { HOPS_MAX = 32 };

struct hop {
    struct address address;
    bool is_valid;
};

struct hops {
    struct hop last[HOPS_MAX];
    uint32_t count; /* added so far; the newest is last[count - 1] */
};

static struct text trimmed(struct text text)
{
    while (text.size > 0 && (*text.bytes == ' ' || *text.bytes == '\t'))
        text = text_of(text.bytes + 1, text.size - 1);
    while (text.size > 0 && (text.bytes[text.size - 1] == ' ' ||
                             text.bytes[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static struct text unquoted(struct text text)
{
    if (text.size >= 2 && text.bytes[0] == '"' &&
        text.bytes[text.size - 1] == '"')
        return text_of(text.bytes + 1, text.size - 2);
    return text;
}

static bool is_port(struct text text)
{
    if (text.size < 2 || text.size > 6 || text.bytes[0] != ':')
        return false;
    for (size_t i = 1; i < text.size; i++)
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
    return true;
}

/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80". */
static bool parse_node(struct text node, struct address *address)
{
    if (node.size > 0 && node.bytes[0] == '[') {
        const char *end = memchr(node.bytes, ']', node.size);
        if (end == NULL)
            return false;
        size_t inside = (size_t)(end - node.bytes) - 1;
        struct text rest = text_of(end + 1, node.size - inside - 2);
        return (rest.size == 0 || is_port(rest)) &&
               address_parse(text_of(node.bytes + 1, inside), address) &&
               memchr(node.bytes, ':', inside + 1) != NULL;
    }
    if (address_parse(node, address))
        return true;
    const char *colon =
        node.size > 0 ? memchr(node.bytes, ':', node.size) : NULL;
    if (colon == NULL)
        return false;
    size_t host = (size_t)(colon - node.bytes);
    return is_port(text_of(colon, node.size - host)) &&
           address_parse(text_of(node.bytes, host), address) &&
           address_is_v4(address);
}

/* Whether the byte at `i` has a backslash before it that is not itself escaped. */
static bool is_escaped(struct text text, size_t i)
{
    size_t first = i;
    while (first > 0 && text.bytes[first - 1] == '\\')
        first--;
    return (i - first) % 2 != 0;
}

/* The last element of the list `rest`, which is cut off it; a quoted string may
   hold commas. False when there is none left. */
static bool last_element(struct text *rest, struct text *element)
{
    bool quoted = false;
    size_t i = rest->size;
    if (rest->bytes == NULL)
        return false;
    for (; i > 0; i--) {
        char byte = rest->bytes[i - 1];
        if (byte == '"' && !(quoted && is_escaped(*rest, i - 1)))
            quoted = !quoted;
        else if (byte == ',' && !quoted)
            break;
    }
    *element = trimmed(text_of(rest->bytes + i, rest->size - i));
    *rest = i > 0 ? text_of(rest->bytes, i - 1) : text_of(NULL, 0);
    return true;
}

/* The next pair of an element, up to a semicolon, which quoted strings may
   hold; false at the end. */
static bool next_pair(struct text *rest, struct text *pair)
{
    bool quoted = false;
    size_t i = 0;
    if (rest->bytes == NULL)
        return false;
    for (; i < rest->size; i++) {
        char byte = rest->bytes[i];
        if (byte == '\\' && quoted)
            i++;
        else if (byte == '"')
            quoted = !quoted;
        else if (byte == ';' && !quoted)
            break;
    }
    if (i > rest->size)
        i = rest->size;
    *pair = trimmed(text_of(rest->bytes, i));
    *rest = i < rest->size ? text_of(rest->bytes + i + 1, rest->size - i - 1)
                           : text_of(NULL, 0);
    return true;
}

/* The value of `for` in "for=1.2.3.4;proto=http"; size 0 if there is none. */
static struct text for_of(struct text element)
{
    struct text pair;
    while (next_pair(&element, &pair))
        if (pair.size > 4 && strncasecmp(pair.bytes, "for=", 4) == 0)
            return unquoted(text_of(pair.bytes + 4, pair.size - 4));
    return text_of(NULL, 0);
}

static void add_hops(struct hops *hops, struct text value, bool is_rfc7239)
{
    struct hop found[HOPS_MAX];
    uint32_t count = 0;
    struct text element;
    while (count < HOPS_MAX && last_element(&value, &element)) {
        if (element.size == 0) /* an empty element of a list is none */
            continue;
        struct text node = is_rfc7239 ? for_of(element) : unquoted(element);
        struct hop *hop = &found[count++];
        hop->is_valid =
            parse_node(node, &hop->address) && !address_is_none(&hop->address);
    }
    while (count > 0)
        hops->last[hops->count++ % HOPS_MAX] = found[--count];
}

static bool walk(const struct hops *hops,
                 bool (*trusted)(const struct address *, const void *),
                 const void *of, struct address *client)
{
    uint32_t kept = hops->count < HOPS_MAX ? hops->count : HOPS_MAX;
    bool found = false;
    for (uint32_t i = 1; i <= kept; i++) {
        const struct hop *hop = &hops->last[(hops->count - i) % HOPS_MAX];
        if (!hop->is_valid)
            break; /* the last one that is known is who sent it */
        *client = hop->address;
        found = true;
        if (!trusted(client, of))
            break;
    }
    return found;
}

enum forwarded_result forwarded_client(struct text headers,
                                       bool (*trusted)(const struct address *,
                                                       const void *),
                                       const void *of, struct address *client)
{
    struct hops x = { .count = 0 }, rfc = { .count = 0 };
    struct address other;
    const char *at = headers.bytes;
    const char *end = headers.size > 0 ? at + headers.size : at;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        size_t size = strlen(value);
        if (strcmp(at, "x-forwarded-for") == 0)
            add_hops(&x, text_of(value, size), false);
        else if (strcmp(at, "forwarded") == 0)
            add_hops(&rfc, text_of(value, size), true);
        at = value + size + 1;
    }
    bool has_x = walk(&x, trusted, of, client);
    bool has_rfc = walk(&rfc, trusted, of, has_x ? &other : client);
    if (x.count > 0 && rfc.count > 0 &&
        (!has_x || !has_rfc || !address_equals(client, &other)))
        return FORWARDED_CONFLICT;
    return has_x || has_rfc ? FORWARDED_CLIENT : FORWARDED_NOBODY;
}
