/* SPDX-License-Identifier: MIT */
#include "journal/event_id.h"

#include "base/check.h"

/* The 128 bits of the UUID are two words; hyphens stand after the 8th, 12th,
   16th and 20th of the 32 hexadecimal digits. */
static const uint64_t seq_mask = (1ULL << 62) - 1;

static bool hyphen_at(int index)
{
    return index == 8 || index == 13 || index == 18 || index == 23;
}

void event_id_format(const struct event_id *id, char *text)
{
    CHECK(id->epoch >> 48 == 0 && id->source >> 12 == 0);
    CHECK(id->seq <= seq_mask);
    uint64_t high = id->epoch << 16 | 0x8000 | id->source;
    uint64_t low = 1ULL << 63 | id->seq;
    int digit = 0;
    for (int i = 0; i < EVENT_ID_BYTES; i++) {
        if (hyphen_at(i)) {
            text[i] = '-';
            continue;
        }
        uint64_t word = digit < 16 ? high : low;
        text[i] = "0123456789abcdef"[word >> (60 - 4 * (digit % 16)) & 15];
        digit++;
    }
    text[EVENT_ID_BYTES] = '\0';
}

static int digit_value(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return -1;
}

bool event_id_parse(struct text text, struct event_id *id)
{
    if (text.size != EVENT_ID_BYTES)
        return false;
    uint64_t words[2] = { 0, 0 };
    int digit = 0;
    for (int i = 0; i < EVENT_ID_BYTES; i++) {
        if (hyphen_at(i)) {
            if (text.bytes[i] != '-')
                return false;
            continue;
        }
        int value = digit_value(text.bytes[i]);
        if (value < 0)
            return false;
        uint64_t *word = &words[digit / 16];
        *word = *word << 4 | (uint64_t)value;
        digit++;
    }
    if ((words[0] >> 12 & 15) != 8 || words[1] >> 62 != 2)
        return false;
    id->epoch = words[0] >> 16;
    id->source = words[0] & 0xfff;
    id->seq = words[1] & seq_mask;
    return true;
}
