/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.c: edit distance between short words. */
#include "wire/nearest.h"

#include <assert.h>

#include "model/event_type.h"

/* Levenshtein's distance: letters put in, left out or exchanged. One row of the table is enough. */
static unsigned distance(struct bytes a, struct bytes b)
{
    unsigned row[NEAREST_SIZE_MAX + 1];

    for (unsigned j = 0; j <= b.size; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            unsigned changed = ascii_lower(a.data[i - 1]) != ascii_lower(b.data[j - 1]);
            unsigned best = diagonal + changed;

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.size];
}

struct bytes nearest_word(struct bytes text, const struct bytes *words, unsigned count)
{
    struct bytes best = {0};
    unsigned best_distance = (unsigned)(text.size + 2) / 4; /* one slip in four letters, at most */

    if (text.size == 0 || text.size > NEAREST_SIZE_MAX)
        return best;
    for (unsigned i = 0; i < count; i++) {
        unsigned d;

        if (words[i].size > NEAREST_SIZE_MAX)
            continue;
        d = distance(text, words[i]);
        if (d < best_distance || (d == best_distance && !bytes_present(best))) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}

struct bytes nearest_event_type(struct bytes text)
{
    struct bytes words[EVENT_TYPES];

    for (int i = 0; i < EVENT_TYPES; i++)
        words[i] = event_type_text((enum event_type)i);
    return nearest_word(text, words, EVENT_TYPES);
}

void clip_text(char *ret, size_t ret_size, struct bytes text)
{
    size_t size = text.size;

    assert(ret_size > 0);
    if (size > ret_size - 1) {
        size = ret_size - 1;
        /* A byte 10xxxxxx continues a character (RFC 3629): cut before its first byte. */
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
            size--;
    }
    if (size > 0)
        memcpy(ret, text.data, size);
    ret[size] = '\0';
}
