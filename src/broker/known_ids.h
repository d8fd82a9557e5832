/* SPDX-License-Identifier: Apache-2.0 */
/* known_ids.h: ids that publishers gave, for as long as the dedupe window, and where each is. */
#ifndef BROKER_KNOWN_IDS_H
#define BROKER_KNOWN_IDS_H

#include "base/list.h"
#include "base/map.h"
#include "model/event.h"

struct known_id {
    struct list by_age;
    uint64_t n, check;
    uint64_t fingerprint; /* 0: not known */
    int64_t wall_ms;
    size_t key_size;
    char key[]; /* tenant, unit separator, id */
};

/* At most DEDUPE_ENTRIES_MAX, the newest. */
struct known_ids {
    struct map by_key;
    struct list by_age;
    size_t text_bytes; /* without the map */
};

void known_ids_init(struct known_ids *known, const uint8_t seed[16]);
void known_ids_done(struct known_ids *known);
void known_ids_clear(struct known_ids *known);
/* Of an id that was given, and not before since_ms; else NULL. An id that the server made cannot
 * come twice. */
const struct known_id *known_ids_find(const struct known_ids *known, const struct event *event,
                                      int64_t since_ms);
/* entry->event's id was given; one from before is replaced. MCP_AUTH_E_NOMEM. */
MUST_CHECK int known_ids_put(struct known_ids *known, const struct entry *entry, int64_t wall_ms);
void known_ids_expire(struct known_ids *known, int64_t before_ms);
/* Those put last, of numbers beyond this. */
void known_ids_forget_beyond(struct known_ids *known, uint64_t n);
size_t known_ids_count(const struct known_ids *known);
size_t known_ids_bytes(const struct known_ids *known);

#endif
