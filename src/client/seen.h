/* SPDX-License-Identifier: Apache-2.0 */
/* seen.h: the ids of the last events, so that one that comes again is known. */
#ifndef CLIENT_SEEN_H
#define CLIENT_SEEN_H

#include "base/map.h"

#define SEEN_ID_SIZE_MAX 64u
#define SEEN_COUNT_MAX 1000000u

struct seen_id {
    unsigned char size; /* 0: the place is free */
    char text[SEEN_ID_SIZE_MAX];
};

/* A ring: the oldest id makes room for the newest. 65 bytes an id and about 32 of the map. */
struct seen {
    struct map map;
    struct seen_id *ring;
    unsigned count, at;
};

/* MCP_AUTH_E_NOMEM. 0 < count <= SEEN_COUNT_MAX. */
MUST_CHECK int seen_init(struct seen *seen, unsigned count);
void seen_done(struct seen *seen);
/* True when the id was here before; else it is remembered from now on. Ids that are empty or longer
 * than SEEN_ID_SIZE_MAX are never known: no server of ours sends them. Without memory for it an
 * id is not remembered either: a double is better than a hole. */
bool seen_before(struct seen *seen, struct bytes id);

#endif
