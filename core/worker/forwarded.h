/* SPDX-License-Identifier: MIT */
/*
 * Whose request it is, when a trusted proxy brings it: what X-Forwarded-For
 * (or Forwarded, RFC 7239) says, read from the right, through hops that are
 * trusted as well, to the first that is not. What lies further left was said
 * by the client and proves nothing.
 */
#ifndef STENTOR_WORKER_FORWARDED_H
#define STENTOR_WORKER_FORWARDED_H

#include "base/address.h"
#include "base/buffer.h"

enum forwarded_result {
    FORWARDED_CLIENT,  /* found */
    FORWARDED_NOBODY,  /* neither header, or no hop of theirs is an address:
                          the client is the proxy itself */
    FORWARDED_CONFLICT /* both headers, and they disagree: one of them is not
                          the proxy's, and nobody can tell which */
};

/* `trusted(hop, of)`: whether to look behind that hop. `headers`: "name\0value\0"
   …, names in lower case. */
enum forwarded_result forwarded_client(struct text headers,
                                       bool (*trusted)(const struct address *,
                                                       const void *),
                                       const void *of, struct address *client);

#endif
