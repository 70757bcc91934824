/* SPDX-License-Identifier: MIT */
/*
 * Nearly all audiences follow one channel: its chain is walked and the frames
 * added one after the other. With more channels the records of their chains
 * are gathered first and put in order; indexes grow with the journal's order.
 */
#include "worker/batch.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/memory.h"

void batch_init(struct batch *batch, uint32_t channels)
{
    buffer_init(&batch->bytes);
    buffer_init(&batch->records);
    buffer_init(&batch->order);
    batch->chains = xcalloc(channels, sizeof *batch->chains);
    batch->channels = channels;
}

void batch_done(struct batch *batch)
{
    buffer_done(&batch->bytes);
    buffer_done(&batch->records);
    buffer_done(&batch->order);
    free(batch->chains);
    batch->chains = NULL;
}

static struct batch_record *records_of(const struct batch *batch)
{
    return (struct batch_record *)(void *)batch->records.bytes;
}

void batch_clear(struct batch *batch)
{
    size_t count = batch->records.size / sizeof(struct batch_record);
    for (size_t i = 0; i < count; i++) {
        const struct journal_record *record =
            batch_record_at(batch, records_of(batch)[i].at);
        batch->chains[record->channel] = (struct batch_chain){ 0 };
    }
    batch->bytes.size = 0;
    batch->records.size = 0;
}

bool batch_chain(struct batch *batch, uint32_t at)
{
    const struct journal_record *record = batch_record_at(batch, at);
    CHECK(record->channel < batch->channels);
    struct batch_chain *chain = &batch->chains[record->channel];
    struct batch_record link = { .at = at };
    buffer_add(&batch->records, &link, sizeof link);
    uint32_t index = (uint32_t)(batch->records.size / sizeof link);
    bool first = chain->first == 0;
    if (first)
        chain->first = index;
    else
        records_of(batch)[chain->last - 1].next = index;
    chain->last = index;
    return first;
}

static void add_frame(const struct batch *batch, uint32_t index, bool chunked,
                      struct batch_frames *frames)
{
    uint32_t at = records_of(batch)[index - 1].at;
    struct text frame = batch_frame(batch_record_at(batch, at), chunked);
    buffer_add(&frames->bytes, frame.bytes, frame.size);
    struct batch_cut cut = { .end = (uint32_t)frames->bytes.size, .at = at };
    buffer_add(&frames->cuts, &cut, sizeof cut);
}

static int compare_indexes(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

void batch_compose(struct batch *batch, const struct journal_want *wants,
                   uint32_t count, bool chunked, struct batch_frames *frames)
{
    frames->bytes.size = 0;
    frames->cuts.size = 0;
    batch->order.size = 0;
    uint32_t chains = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = batch->chains[wants[i].channel].first;
        chains += index != 0;
        for (; index != 0; index = records_of(batch)[index - 1].next)
            buffer_add(&batch->order, &index, sizeof index);
    }
    if (chains > 1)
        qsort(batch->order.bytes, batch->order.size / sizeof(uint32_t),
              sizeof(uint32_t), compare_indexes);
    FAULT_SPOIL(&batch->order);
    const uint32_t *order = (const void *)batch->order.bytes;
    for (size_t i = 0; i < batch->order.size / sizeof *order; i++)
        add_frame(batch, order[i], chunked, frames);
}

uint64_t batch_measure(const struct batch *batch,
                       const struct journal_want *wants, uint32_t count,
                       bool chunked)
{
    uint64_t bytes = 0;
    const struct batch_record *records = records_of(batch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = batch->chains[wants[i].channel].first;
        for (; index != 0; index = records[index - 1].next) {
            const struct journal_record *record =
                batch_record_at(batch, records[index - 1].at);
            bytes += batch_frame(record, chunked).size;
        }
    }
    return bytes;
}

const struct batch_cut *batch_cut_at(const struct batch_frames *frames,
                                     size_t written)
{
    CHECK(written < frames->bytes.size);
    const struct batch_cut *cuts = (const void *)frames->cuts.bytes;
    uint32_t low = 0, high = batch_count(frames) - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cuts[middle].end <= written)
            low = middle + 1;
        else
            high = middle;
    }
    return &cuts[low];
}
