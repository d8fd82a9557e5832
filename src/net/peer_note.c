/* SPDX-License-Identifier: Apache-2.0 */
/* peer_note.c: the address at the other end, in the 8 bytes that a connection keeps of it. */
#include "net/peer_note.h"

#include <assert.h>
#include <string.h>

#include "mcp_auth/error.h"

int peer_note_take(struct peer_note *ret, struct slab *far, const struct peer *peer)
{
    struct peer_note note = {.port = peer->port, .kind = peer->kind};

    assert(far->object_size >= sizeof peer->address);
    if (peer->kind == PEER_V6) {
        uint8_t *address = slab_take(far);

        if (!address)
            return MCP_AUTH_E_NOMEM;
        memcpy(address, peer->address, sizeof peer->address);
        note.address = slab_index(address);
    } else {
        memcpy(&note.address, peer->address, sizeof note.address);
    }
    *ret = note;
    return 0;
}

struct peer peer_note_read(const struct peer_note *note, const struct slab *far)
{
    struct peer peer = {.port = note->port, .kind = note->kind};

    if (note->kind == PEER_V6) {
        const uint8_t *address = slab_at(far, note->address);

        assert(address);
        memcpy(peer.address, address, sizeof peer.address);
    } else {
        memcpy(peer.address, &note->address, sizeof note->address);
    }
    return peer;
}

void peer_note_give(struct peer_note *note, struct slab *far)
{
    if (note->kind == PEER_V6)
        slab_give(slab_at(far, note->address));
    *note = (struct peer_note){.kind = PEER_UNIX};
}
