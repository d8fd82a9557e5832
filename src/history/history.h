/* SPDX-License-Identifier: Apache-2.0 */
/* history.h: the ordered, bounded past of the stream, found by the same index as the live audience. */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include <stdbool.h>

#include "model/event.h"

/* Owned by one thread (the bus thread). Terms: `head` is the last n that was appended; `anchor` is
 * the newest n that has been evicted (0 at first). Retained: anchor < n <= head. */
struct history;

struct history_limits {
    size_t events_max;
    size_t bytes_max;
    int64_t age_max_ms;
};

MUST_CHECK int history_new(struct history **ret, uint64_t epoch,
                           const struct history_limits *limits, const uint8_t seed[16]);
void history_free(struct history *history);

/* Appends entry->n == head + 1 and takes a reference on its event; evicts what is over a limit.
 * MCP_AUTH_E_NOMEM: the entry is counted (head moves) but not retained, nor is anything before it:
 * a client that asks for what was before is told its position is lost, never shown a hole. */
MUST_CHECK int history_append(struct history *history, const struct entry *entry);
/* Forgets all; what is appended next follows `head`, which may be of another epoch. */
void history_reset(struct history *history, const struct position *head);
void history_expire(struct history *history, int64_t wall_ms); /* by age */
struct position history_head(const struct history *history);
size_t history_count(const struct history *history);
size_t history_bytes(const struct history *history);

enum history_place { HISTORY_HERE, HISTORY_LOST, HISTORY_AHEAD };
/* Can a client that has seen everything up to `position` continue from here? HERE: nothing after
 * it has been evicted and the event there is the one the client saw. AHEAD: its epoch is ours and
 * n > head. */
enum history_place history_locate(const struct history *history, const struct position *position);

/* Index keys as in model/audience.h; the caller's own order does not matter. */
struct history_query {
    uint64_t after_n;
    const struct bytes *keys;
    unsigned keys_count;
};

/* How many index entries lie after after_n for these keys, without walking them (an event found by
 * two keys counts twice). */
size_t history_count_after(const struct history *history, const struct history_query *query);

/* The next at most `count_max` events after after_n found by any key, in order, each once.
 * References are borrowed until the next append or expire. *ret_upto: everything up to here that
 * the keys find is in this answer; it is head when nothing is left. Returns the count. */
unsigned history_read(const struct history *history, const struct history_query *query,
                      unsigned count_max, struct entry *ret_entries, uint64_t *ret_upto);
/* The entry at n, or NULL when it is not retained. */
const struct entry *history_at(const struct history *history, uint64_t n);

#endif
