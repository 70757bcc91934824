/* SPDX-License-Identifier: MIT */
#include "load/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int complain(char error[STENTOR_ERROR_BYTES], const char *url,
                    const char *why)
{
    snprintf(error, STENTOR_ERROR_BYTES, "%.150s: %s", url, why);
    return STENTOR_EINVALID;
}

static int resolve(struct load_target *target, const char *url,
                   const char *name, const char *port,
                   char error[STENTOR_ERROR_BYTES])
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    int result = getaddrinfo(name, port, &hints, &found);
    if (result != 0)
        return complain(error, url, gai_strerror(result));
    /* "localhost" may stand for ::1 first, where source addresses cannot be
       spread; the IPv4 one is as good. */
    const struct addrinfo *best = found;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        if (at->ai_family == AF_INET && is_loopback(at->ai_addr))
            best = at;
    memcpy(&target->address, best->ai_addr, best->ai_addrlen);
    target->address_size = best->ai_addrlen;
    target->is_loopback = is_loopback(best->ai_addr);
    freeaddrinfo(found);
    return 0;
}

/* "host", "host:8080" or "[::1]:8080" into a name and a port. */
static bool split_host(const char *host, char *name, const char **port)
{
    const char *end;
    if (host[0] == '[') {
        host++;
        end = strchr(host, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        *port = end[1] == ':' ? end + 2 : "80";
    } else {
        end = strchr(host, ':');
        *port = end != NULL ? end + 1 : "80";
        if (end == NULL)
            end = host + strlen(host);
    }
    memcpy(name, host, (size_t)(end - host));
    name[end - host] = '\0';
    return end > host && **port != '\0' &&
           strspn(*port, "0123456789") == strlen(*port);
}

static bool has_forbidden_byte(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return true;
    return false;
}

int load_target_parse(struct load_target *target, const char *url,
                      const struct load_target *base,
                      char error[STENTOR_ERROR_BYTES])
{
    if (has_forbidden_byte(url))
        return complain(error, url, "a space or control byte in the URL");
    if (url[0] == '/' && base != NULL) {
        *target = *base;
        if (strlen(url) >= sizeof target->path)
            return complain(error, url, "too long");
        strcpy(target->path, url);
        return 0;
    }
    *target = (struct load_target){ 0 };
    if (strncmp(url, "https://", 8) == 0)
        return complain(error, url, "https is not spoken here, only http");
    if (strncmp(url, "http://", 7) != 0)
        return complain(error, url, "not a URL that begins with http://");
    const char *host = url + 7;
    size_t host_size = strcspn(host, "/?#");
    const char *path = host + host_size;
    size_t path_size = strcspn(path, "#");
    if (host_size >= sizeof target->host || path_size + 2 > sizeof target->path)
        return complain(error, url, "too long");
    memcpy(target->host, host, host_size);
    snprintf(target->path, sizeof target->path, "%s%.*s",
             path[0] == '/' ? "" : "/", (int)path_size, path);

    char name[TARGET_HOST_BYTES];
    const char *port;
    if (!split_host(target->host, name, &port))
        return complain(error, url, "no host, or a port that is no number");
    return resolve(target, url, name, port, error);
}

static int bind_source(int fd, uint64_t index)
{
    int on = 1;
    uint32_t host = INADDR_LOOPBACK;
    host += (uint32_t)(index / TARGET_SOURCE_CONNECTIONS % 250);
    struct sockaddr_in source = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(host) };
    /* Without it bind would reserve a port by itself, and only for this
       address; with it connect chooses one that is free for the pair. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&source, sizeof source);
}

int load_target_connect(const struct load_target *target, uint64_t index,
                        int receive_bytes)
{
    int family = target->address.ss_family;
    int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                   sizeof receive_bytes);
    if (family == AF_INET && target->is_loopback && bind_source(fd, index) != 0)
        goto fail;
    if (connect(fd, (const struct sockaddr *)&target->address,
                target->address_size) != 0 &&
        errno != EINPROGRESS)
        goto fail;
    return fd;

fail:;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}
