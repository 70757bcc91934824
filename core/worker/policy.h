/* SPDX-License-Identifier: MIT */
/*
 * How streams are kept: the heartbeat, and what becomes of a client that lags.
 * A route or a function of the request may say so for its streams; a worker
 * holds each distinct policy once, and a stream costs two bytes for it.
 */
#ifndef STENTOR_WORKER_POLICY_H
#define STENTOR_WORKER_POLICY_H

#include <stdint.h>

#include "base/text.h"
#include "brain/ffi.h" /* struct stentor_policy */

enum { POLICY_SERVER = 0, POLICIES_MAX = 65535 };

struct policy {
    uint32_t streams; /* 0: its place is free */
    uint32_t bytes;
    struct stentor_policy is;
};

struct policies {
    struct policy **all; /* by number; POLICY_SERVER is the plan's own */
    uint32_t *hashes;    /* of each; looked through before the policies are */
    uint32_t count;      /* places ever used */
    uint32_t max;
};

void policies_init(struct policies *policies, const struct stentor_plan *plan);

/* No stream may be left, but for those of the server's own policy. */
void policies_done(struct policies *policies);

/* A new plan: streams of POLICY_SERVER are kept by it from now on, and its limit
   holds for those to come. */
void policies_renew(struct policies *policies, const struct stentor_plan *plan);

/* The number of the policy `wanted` (the bytes of a struct stentor_policy up to
   the end of its frame), for one more stream. POLICY_SERVER if it is empty, is
   none, or the limit `policies` is reached. */
uint16_t policy_take(struct policies *policies, struct text wanted);

/* One stream less. */
void policy_give(struct policies *policies, uint16_t number);

const struct stentor_policy *policy_at(const struct policies *policies,
                                       uint16_t number);

/* Its bytes as policy_take wants them, for another process. */
struct text policy_text(const struct policies *policies, uint16_t number);

#endif
