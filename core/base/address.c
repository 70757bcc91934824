/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"

enum { V4_AT = 12, V4_BITS_BEFORE = 96 };

static const uint8_t v4_prefix[V4_AT] = { [10] = 0xff, [11] = 0xff };

static void set_v4(struct address *address, const void *four)
{
    memcpy(address->bytes, v4_prefix, V4_AT);
    memcpy(address->bytes + V4_AT, four, ADDRESS_BYTES - V4_AT);
}

bool address_of_socket(const struct sockaddr *socket, struct address *address)
{
    if (socket->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)socket;
        set_v4(address, &v4->sin_addr);
        return true;
    }
    memset(address, 0, sizeof *address);
    if (socket->sa_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *v6 = (const void *)socket;
    memcpy(address->bytes, &v6->sin6_addr, ADDRESS_BYTES);
    return true;
}

bool address_parse(struct text text, struct address *address)
{
    char string[ADDRESS_TEXT_BYTES];
    struct in_addr v4;
    if (text.size == 0 || text.size >= sizeof string ||
        memchr(text.bytes, '\0', text.size) != NULL)
        return false;
    memcpy(string, text.bytes, text.size);
    string[text.size] = '\0';
    if (inet_pton(AF_INET, string, &v4) == 1) {
        set_v4(address, &v4);
        return true;
    }
    return inet_pton(AF_INET6, string, address->bytes) == 1;
}

bool address_is_v4(const struct address *address)
{
    return memcmp(address->bytes, v4_prefix, V4_AT) == 0;
}

bool address_is_none(const struct address *address)
{
    static const struct address none;
    return address_equals(address, &none);
}

bool address_equals(const struct address *a, const struct address *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_BYTES])
{
    bool v4 = address_is_v4(address);
    CHECK(inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? V4_AT : 0),
                    text, ADDRESS_TEXT_BYTES) != NULL);
}

/* A decimal number up to `max`, at most three digits; -1 if it is none. */
static int parse_bits(struct text digits, int max)
{
    int bits = 0;
    if (digits.size == 0 || digits.size > 3)
        return -1;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.bytes[i] < '0' || digits.bytes[i] > '9')
            return -1;
        bits = bits * 10 + (digits.bytes[i] - '0');
    }
    return bits <= max ? bits : -1;
}

bool network_parse(struct text text, struct network *network)
{
    const char *slash =
        text.size > 0 ? memchr(text.bytes, '/', text.size) : NULL;
    size_t size = slash != NULL ? (size_t)(slash - text.bytes) : text.size;
    if (!address_parse(text_of(text.bytes, size), &network->of))
        return false;
    bool v4 = address_is_v4(&network->of);
    int bits = v4 ? 32 : 128;
    if (slash != NULL)
        bits = parse_bits(text_of(slash + 1, text.size - size - 1), bits);
    if (bits < 0)
        return false;
    network->bits = (uint32_t)bits + (v4 ? V4_BITS_BEFORE : 0);
    for (uint32_t bit = network->bits; bit < 128; bit++)
        if (network->of.bytes[bit / 8] & 0x80 >> bit % 8)
            return false;
    return true;
}

bool network_has(const struct network *network, const struct address *address)
{
    uint32_t whole = network->bits / 8, rest = network->bits % 8;
    CHECK(network->bits <= 128);
    if (memcmp(network->of.bytes, address->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return ((network->of.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}
