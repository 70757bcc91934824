/* SPDX-License-Identifier: MIT */
/*
 * There are a handful of policies as a rule, and one look-up for each stream
 * that begins: a row of hashes is looked through, and nothing else is needed.
 */
#include "worker/policy.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

enum { HEAD_BYTES = offsetof(struct stentor_policy, heartbeat.frame) };

static void set(struct policy *policy, struct text bytes)
{
    memset(&policy->is, 0, sizeof policy->is);
    memcpy(&policy->is, bytes.bytes, bytes.size);
    policy->bytes = (uint32_t)bytes.size;
}

static void set_server(struct policy *policy, const struct stentor_plan *plan)
{
    policy->is = (struct stentor_policy){
        .lagging = STENTOR_DISCONNECT,
        .client_lag_bytes = plan->limits.client_lag_bytes,
        .client_lag_time_ms = plan->limits.client_lag_time_ms,
        .heartbeat = plan->heartbeat,
    };
    policy->bytes = HEAD_BYTES + plan->heartbeat.size;
}

/* For the server's own and `wanted` others, and for those that there are. */
static void make_room(struct policies *policies, uint32_t wanted)
{
    uint32_t max = wanted < POLICIES_MAX ? wanted + 1 : POLICIES_MAX;
    if (max < policies->count)
        max = policies->count;
    policies->all = xrealloc(policies->all, max * sizeof *policies->all);
    policies->hashes =
        xrealloc(policies->hashes, max * sizeof *policies->hashes);
    for (uint32_t i = policies->count; i < max; i++) {
        policies->all[i] = NULL;
        policies->hashes[i] = 0;
    }
    policies->max = max;
}

void policies_init(struct policies *policies, const struct stentor_plan *plan)
{
    memset(policies, 0, sizeof *policies);
    make_room(policies, plan->limits.policies);
    policies->all[POLICY_SERVER] = xcalloc(1, sizeof **policies->all);
    policies->count = 1;
    set_server(policies->all[POLICY_SERVER], plan);
}

void policies_done(struct policies *policies)
{
    for (uint32_t i = 0; i < policies->count; i++) {
        CHECK(i == POLICY_SERVER || policies->all[i] == NULL);
        free(policies->all[i]);
    }
    free(policies->all);
    free(policies->hashes);
    memset(policies, 0, sizeof *policies);
}

void policies_renew(struct policies *policies, const struct stentor_plan *plan)
{
    make_room(policies, plan->limits.policies);
    set_server(policies->all[POLICY_SERVER], plan);
}

/* Never 0, which marks a free place. */
static uint32_t hash_of(struct text bytes)
{
    uint32_t hash = (uint32_t)hash_bytes(bytes.bytes, bytes.size);
    return hash != 0 ? hash : 1;
}

static bool is_sound(struct text bytes)
{
    struct stentor_policy policy;
    if (bytes.size < HEAD_BYTES || bytes.size > sizeof policy)
        return false;
    memcpy(&policy, bytes.bytes, HEAD_BYTES);
    return policy.lagging <= STENTOR_CONFLATE &&
           bytes.size == HEAD_BYTES + policy.heartbeat.size;
}

/* Where the policy is, or a free place for it, or policies->max. */
static uint32_t find(const struct policies *policies, struct text wanted,
                     uint32_t hash)
{
    uint32_t free_place = policies->count;
    for (uint32_t i = POLICY_SERVER + 1; i < policies->count; i++) {
        const struct policy *policy = policies->all[i];
        if (policies->hashes[i] == 0)
            free_place = i;
        else if (policies->hashes[i] == hash && policy->bytes == wanted.size &&
                 memcmp(&policy->is, wanted.bytes, wanted.size) == 0)
            return i;
    }
    return free_place;
}

uint16_t policy_take(struct policies *policies, struct text wanted)
{
    if (!is_sound(wanted)) {
        policies->all[POLICY_SERVER]->streams++;
        return POLICY_SERVER;
    }
    uint32_t hash = hash_of(wanted);
    uint32_t number = find(policies, wanted, hash);
    if (number == policies->max)
        number = POLICY_SERVER;
    else if (number == policies->count)
        policies->count++;
    if (policies->all[number] == NULL) {
        policies->all[number] = xcalloc(1, sizeof **policies->all);
        policies->hashes[number] = hash;
        set(policies->all[number], wanted);
    }
    policies->all[number]->streams++;
    return (uint16_t)number;
}

void policy_give(struct policies *policies, uint16_t number)
{
    CHECK(number < policies->count);
    struct policy *policy = policies->all[number];
    CHECK(policy != NULL && policy->streams > 0);
    if (--policy->streams > 0 || number == POLICY_SERVER)
        return;
    policies->all[number] = NULL;
    policies->hashes[number] = 0;
    free(policy);
}

const struct stentor_policy *policy_at(const struct policies *policies,
                                       uint16_t number)
{
    CHECK(number < policies->count && policies->all[number] != NULL);
    return &policies->all[number]->is;
}

struct text policy_text(const struct policies *policies, uint16_t number)
{
    const struct stentor_policy *policy = policy_at(policies, number);
    return text_of((const char *)policy, policies->all[number]->bytes);
}
