/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h: takes in connections, a bounded number a turn, and rests when nothing is left. */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "io/loop.h"

/* New connections a listener takes in one turn: 64 at about 8 µs each are half a millisecond
 * in which the connections that are here wait. */
#define LISTENER_BUDGET 64

/* How long the owner lets a paused listener rest when it freed no descriptor itself. */
#define LISTENER_REST_MS 100

struct listener_calls {
    /* A new connection, non-blocking and close-on-exec; the descriptor is the owner's now.
     * The peer's address is borrowed; a Unix socket's has no name. */
    void (*accepted)(void *owner, int fd, const struct sockaddr_storage *peer, socklen_t size);
    /* The listener has stopped because of this errno (EMFILE, ENFILE, ENOMEM ...): nobody will
     * be accepted until listener_resume. Once per pause. */
    void (*paused)(void *owner, int error);
};

struct listener {
    struct watch watch;
    struct loop *loop;
    const struct listener_calls *calls;
    void *owner;
};

/* Takes over a listening, non-blocking descriptor, on success only; calls must outlive it.
 * MCP_AUTH_E_NOMEM, MCP_AUTH_E_SYSTEM. */
MUST_CHECK int listener_open(struct listener *listener, struct loop *loop, int fd,
                             const struct listener_calls *calls, void *owner);
/* Closes the socket. Also from inside `accepted`, but then the listener's memory must stay
 * until the turn's end. Closed: fine. */
void listener_close(struct listener *listener);

/* Stops accepting without closing: clients queue in the backlog. Calls nobody. */
void listener_pause(struct listener *listener);
/* Accepts again: after a descriptor was freed, or LISTENER_REST_MS later. Not paused: fine. On
 * an error it stays paused. MCP_AUTH_E_NOMEM, MCP_AUTH_E_SYSTEM. */
MUST_CHECK int listener_resume(struct listener *listener);
bool listener_is_paused(const struct listener *listener);

#endif
