/* SPDX-License-Identifier: MIT */
/*
 * The meter is a leaky bucket in one word (the generic cell rate algorithm):
 * `due` is when the bucket is empty again. So a meter whose time is past says
 * nothing, and its place is free without anybody having tidied up.
 */
#include "mailbox/crowd.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

uint32_t crowd_places(uint32_t addresses)
{
    uint64_t places = CROWD_WAYS;
    /* Half full on average, a set of 16 is whole full once in 250. */
    while (places < (uint64_t)addresses * 2 && places < 1U << 30)
        places *= 2;
    return (uint32_t)places;
}

uint64_t crowd_key(const struct address *address, uint64_t seed)
{
    uint64_t high, low = 0;
    memcpy(&high, address->bytes, sizeof high);
    if (address_is_v4(address))
        memcpy(&low, address->bytes + sizeof high, sizeof low);
    uint64_t key = hash_mix(hash_mix(high ^ seed) + low + seed);
    return key != 0 ? key : 1;
}

/* The first place of the key's set. */
static uint32_t set_of(uint32_t places, uint64_t key)
{
    CHECK(places >= CROWD_WAYS && (places & (places - 1)) == 0);
    return (uint32_t)(key & (places - 1)) & ~(uint32_t)(CROWD_WAYS - 1);
}

uint32_t crowd_enter(struct crowd_member *members, uint32_t places,
                     uint64_t key)
{
    struct crowd_member *set = members + set_of(places, key);
    struct crowd_member *place = NULL;
    for (int i = 0; i < CROWD_WAYS; i++) {
        if (set[i].connections > 0 && set[i].key == key) {
            place = &set[i];
            break;
        }
        if (set[i].connections == 0 && place == NULL)
            place = &set[i];
    }
    if (place == NULL)
        return CROWD_NOWHERE;
    store(&place->key, key);
    __atomic_store_n(&place->connections, place->connections + 1,
                     __ATOMIC_RELAXED);
    return (uint32_t)(place - members) + 1;
}

void crowd_leave(struct crowd_member *members, uint32_t place)
{
    if (place == CROWD_NOWHERE)
        return;
    struct crowd_member *member = &members[place - 1];
    CHECK(member->connections > 0);
    __atomic_store_n(&member->connections, member->connections - 1,
                     __ATOMIC_RELAXED);
}

uint32_t crowd_count(const struct crowd_member *members, uint32_t places,
                     uint64_t key)
{
    const struct crowd_member *set = members + set_of(places, key);
    for (int i = 0; i < CROWD_WAYS; i++) {
        uint32_t connections =
            __atomic_load_n(&set[i].connections, __ATOMIC_RELAXED);
        if (connections > 0 && load(&set[i].key) == key)
            return connections;
    }
    return 0;
}

/* The key's place in its set: its own, a free one, or that of the meter that
   has the least to say. */
static struct crowd_meter *meter_of(struct crowd_meter *set, uint64_t key,
                                    uint64_t now_ns, bool *forgot)
{
    struct crowd_meter *least = &set[0];
    for (int i = 0; i < CROWD_WAYS; i++) {
        if (load(&set[i].key) == key)
            return &set[i];
        if (load(&set[i].due_ns) < load(&least->due_ns))
            least = &set[i];
    }
    *forgot = load(&least->due_ns) > now_ns;
    store(&least->due_ns, 0);
    store(&least->key, key);
    return least;
}

uint64_t crowd_ask(struct crowd_meter *meters, uint32_t places, uint64_t key,
                   uint64_t now_ns, uint64_t interval_ns, uint64_t burst_ns,
                   bool *forgot)
{
    struct crowd_meter *meter =
        meter_of(meters + set_of(places, key), key, now_ns, forgot);
    uint64_t due = load(&meter->due_ns);
    uint64_t next;
    do {
        uint64_t from = due > now_ns ? due : now_ns;
        next = from + interval_ns;
        if (next > now_ns + burst_ns && from > now_ns)
            return next - now_ns - burst_ns;
    } while (!__atomic_compare_exchange_n(&meter->due_ns, &due, next, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 0;
}
