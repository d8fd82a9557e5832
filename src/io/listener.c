/* SPDX-License-Identifier: Apache-2.0 */
/* listener.c: takes in connections, a bounded number a turn, and rests when nothing is left. */
#include "io/listener.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

/* EPOLLEXCLUSIVE: a Unix socket cannot be opened once per worker, so workers watch one
 * together, and a new connection should wake one of them. Alone it changes nothing. */
#define LISTENER_EVENTS (EPOLLIN | EPOLLEXCLUSIVE)

/* What concerns only the connection that was about to come (accept(2): Linux passes pending
 * network errors on through accept), so the next may be fine. EPERM is a firewall's no. */
static bool only_this_one(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case ECONNRESET:
    case EPROTO:
    case ENOPROTOOPT:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static void listener_ready(struct watch *watch, uint32_t events)
{
    struct listener *listener = container_of(watch, struct listener, watch);

    (void)events;
    for (int i = 0; i < LISTENER_BUDGET; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t size = sizeof peer;
        int fd, error;

        fd = accept4(watch->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->calls->accepted(listener->owner, fd, &peer, size);
            if (!watch_is_on(watch))
                return; /* it closed or paused us */
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (only_this_one(errno))
            continue;

        /* EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever we do not know: the connection stays
         * in the backlog, so the loop would call us again at once and for ever. */
        error = errno;
        listener_pause(listener);
        listener->calls->paused(listener->owner, error);
        return;
    }
}

int listener_open(struct listener *listener, struct loop *loop, int fd,
                  const struct listener_calls *calls, void *owner)
{
    int r;

    assert(fd >= 0 && calls->accepted && calls->paused);
    *listener = (struct listener){
        .watch = {.fd = fd},
        .loop = loop,
        .calls = calls,
        .owner = owner,
    };
    r = listener_resume(listener);
    if (r < 0)
        listener->watch.fd = -1; /* still the caller's */
    return r;
}

void listener_close(struct listener *listener)
{
    if (!listener || listener->watch.fd < 0)
        return;
    loop_unwatch(listener->loop, &listener->watch);
    close(listener->watch.fd);
    listener->watch.fd = -1;
}

void listener_pause(struct listener *listener)
{
    loop_unwatch(listener->loop, &listener->watch);
}

int listener_resume(struct listener *listener)
{
    if (listener->watch.fd < 0 || watch_is_on(&listener->watch))
        return 0;
    return loop_watch(listener->loop, &listener->watch, listener_ready, LISTENER_EVENTS);
}

bool listener_is_paused(const struct listener *listener)
{
    return listener->watch.fd >= 0 && !watch_is_on(&listener->watch);
}
