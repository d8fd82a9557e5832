/* SPDX-License-Identifier: Apache-2.0 */
/* peer_note.h: the address at the other end, in the 8 bytes that a connection keeps of it. */
#ifndef NET_PEER_NOTE_H
#define NET_PEER_NOTE_H

#include <stdint.h>

#include "base/slab.h"
#include "net/peer.h"

/* An IPv4 address is in it; an IPv6 address is in the slab of its worker, 16 bytes each. */
struct peer_note {
    uint32_t address; /* PEER_V4: the address itself; PEER_V6: its index in the slab */
    uint16_t port;
    uint8_t kind; /* enum peer_kind */
};

_Static_assert(sizeof(struct peer_note) == 8, "part of what an idle connection costs");

#define PEER_NOTE_SLAB_SIZE 16u /* of an object in `far` */

/* MCP_AUTH_E_NOMEM, for IPv6 alone. */
MUST_CHECK int peer_note_take(struct peer_note *ret, struct slab *far, const struct peer *peer);
struct peer peer_note_read(const struct peer_note *note, const struct slab *far);
void peer_note_give(struct peer_note *note, struct slab *far);

#endif
