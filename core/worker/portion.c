/* SPDX-License-Identifier: MIT */
/*
 * The same wants from the same position give the same records for ever, as far
 * as was read; that the ring may have overwritten them meanwhile does not make
 * the copy worse. Wants are compared by what they say: they belong to streams
 * and audiences that come and go.
 */
#include "worker/portion.h"

#include <string.h>

#include "base/check.h"
#include "worker/conflation.h"

void portion_init(struct portion *portion)
{
    *portion = (struct portion){ 0 };
    buffer_init(&portion->records);
    buffer_init(&portion->wants);
}

void portion_done(struct portion *portion)
{
    buffer_done(&portion->records);
    buffer_done(&portion->wants);
}

/* It ends where the reader must not go beyond, or before. */
static bool is_it(const struct portion *portion,
                  const struct journal_want *wants, uint32_t count,
                  uint64_t position, uint64_t limit)
{
    return portion->position == position && portion->limit <= limit &&
           portion->wants.size == count * sizeof *wants &&
           memcmp(portion->wants.bytes, wants, portion->wants.size) == 0;
}

int portion_read(struct portion *portion, const struct journal *journal,
                 const struct journal_want *wants, uint32_t count,
                 uint64_t position, uint64_t limit)
{
    CHECK(count > 0 && position < limit);
    if (is_it(portion, wants, count, position, limit))
        return (int)portion->records.size;
    portion->records.size = 0;
    portion->wants.size = 0;
    portion->position = position;
    portion->next = position;
    portion->limit = limit;
    int got = journal_select(journal, wants, count, &portion->next, limit,
                             PORTION_BYTES, &portion->records);
    if (got < 0) {
        portion->records.size = 0;
        return got;
    }
    CHECK(portion->next <= limit);
    buffer_add(&portion->wants, wants, count * sizeof *wants);
    return got;
}

int portion_read_kept(struct portion *portion, const struct journal *journal,
                      const struct conflation *kept, uint64_t position,
                      uint64_t seq)
{
    uint64_t last;
    portion->records.size = 0;
    portion->wants.size = 0;
    portion->position = position;
    portion->limit = kept->limit;
    int got = conflation_read(kept, journal, seq, PORTION_BYTES,
                              &portion->records, &last);
    portion->next = got < 0 ? position : conflation_next(kept, last);
    return got;
}
