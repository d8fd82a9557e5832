/* SPDX-License-Identifier: Apache-2.0 */
/* inject.c: stands between our objects and the C library, and says no when it is told to. */
#include "inject.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096u

unsigned long inject_failures;

static atomic_int armed_call = INJECT_CALLS, armed_error;
static atomic_uint armed_n, seen;
static atomic_bool fired, held;
static atomic_long live;

void inject_arm(enum inject_call call, unsigned n, int error)
{
    atomic_store(&seen, 0);
    atomic_store(&armed_n, n);
    atomic_store(&armed_error, error);
    atomic_store(&fired, false);
    atomic_store(&armed_call, (int)call);
}

bool inject_disarm(void)
{
    atomic_store(&armed_call, INJECT_CALLS);
    if (atomic_load(&fired))
        inject_failures++;
    return atomic_load(&fired);
}

void inject_rest(void)
{
    atomic_store(&armed_call, INJECT_CALLS);
}

bool inject_fired(void)
{
    return atomic_load(&fired);
}

void inject_hold(bool hold)
{
    atomic_store(&held, hold);
}

long inject_live(void)
{
    return atomic_load(&live);
}

static bool fails(enum inject_call call)
{
    if (atomic_load(&armed_call) != (int)call || atomic_load(&held) ||
        atomic_fetch_add(&seen, 1) + 1 != atomic_load(&armed_n))
        return false;
    atomic_store(&fired, true);
    errno = atomic_load(&armed_error);
    return true;
}

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add(&live, 1);
    return block;
}

#define WRAP(type, name, ...)        \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t size)
{
    return fails(INJECT_ALLOC) ? NULL : counted(__real_malloc(size));
}

WRAP(void *, calloc, size_t count, size_t size)
{
    return fails(INJECT_ALLOC) ? NULL : counted(__real_calloc(count, size));
}

WRAP(void *, realloc, void *block, size_t size)
{
    void *moved;

    if (fails(INJECT_ALLOC))
        return NULL;
    moved = __real_realloc(block, size);
    return block ? moved : counted(moved);
}

WRAP(void *, reallocarray, void *block, size_t count, size_t size)
{
    void *moved;

    if (fails(INJECT_ALLOC))
        return NULL;
    moved = __real_reallocarray(block, count, size);
    return block ? moved : counted(moved);
}

WRAP(char *, strdup, const char *text)
{
    return fails(INJECT_ALLOC) ? NULL : counted(__real_strdup(text));
}

WRAP(char *, strndup, const char *text, size_t size)
{
    return fails(INJECT_ALLOC) ? NULL : counted(__real_strndup(text, size));
}

WRAP(void, free, void *block)
{
    if (block)
        atomic_fetch_sub(&live, 1);
    __real_free(block);
}

/* Counted in pages, for what was mapped at once may be unmapped in pieces. mmap64 is what mmap is
 * called where files may be large (_FILE_OFFSET_BITS). */
WRAP(void *, mmap64, void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    void *data;

    if (fails(INJECT_MMAP))
        return MAP_FAILED;
    data = __real_mmap64(at, size, prot, flags, fd, offset);
    if (data != MAP_FAILED)
        atomic_fetch_add(&live, (long)(size / PAGE));
    return data;
}

WRAP(int, munmap, void *data, size_t size)
{
    if (fails(INJECT_MUNMAP))
        return -1;
    atomic_fetch_sub(&live, (long)(size / PAGE));
    return __real_munmap(data, size);
}

WRAP(int, accept4, int fd, struct sockaddr *peer, socklen_t *size, int flags)
{
    return fails(INJECT_ACCEPT4) ? -1 : __real_accept4(fd, peer, size, flags);
}

WRAP(int, bind, int fd, const struct sockaddr *address, socklen_t size)
{
    return fails(INJECT_BIND) ? -1 : __real_bind(fd, address, size);
}

WRAP(int, close, int fd)
{
    int r = __real_close(fd);

    return fails(INJECT_CLOSE) ? -1 : r;
}

/* Only ADD has something to allocate. */
WRAP(int, epoll_ctl, int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && fails(INJECT_EPOLL_ADD))
        return -1;
    return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

WRAP(int, epoll_create1, int flags)
{
    return fails(INJECT_EPOLL_CREATE1) ? -1 : __real_epoll_create1(flags);
}

WRAP(int, epoll_wait, int epoll_fd, struct epoll_event *events, int count, int timeout)
{
    return fails(INJECT_EPOLL_WAIT) ? -1 : __real_epoll_wait(epoll_fd, events, count, timeout);
}

WRAP(int, eventfd, unsigned value, int flags)
{
    return fails(INJECT_EVENTFD) ? -1 : __real_eventfd(value, flags);
}

WRAP(int, getsockname, int fd, struct sockaddr *address, socklen_t *size)
{
    return fails(INJECT_GETSOCKNAME) ? -1 : __real_getsockname(fd, address, size);
}

WRAP(int, listen, int fd, int backlog)
{
    return fails(INJECT_LISTEN) ? -1 : __real_listen(fd, backlog);
}

/* Returns its error, and leaves errno alone. */
WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
     void *argument)
{
    return fails(INJECT_PTHREAD_CREATE) ? EAGAIN
                                        : __real_pthread_create(thread, attributes, run, argument);
}

WRAP(ssize_t, read, int fd, void *data, size_t size)
{
    return fails(INJECT_READ) ? -1 : __real_read(fd, data, size);
}

WRAP(ssize_t, recv, int fd, void *data, size_t size, int flags)
{
    return fails(INJECT_RECV) ? -1 : __real_recv(fd, data, size, flags);
}

WRAP(ssize_t, send, int fd, const void *data, size_t size, int flags)
{
    return fails(INJECT_SEND) ? -1 : __real_send(fd, data, size, flags);
}

WRAP(int, setsockopt, int fd, int level, int name, const void *value, socklen_t size)
{
    return fails(INJECT_SETSOCKOPT) ? -1 : __real_setsockopt(fd, level, name, value, size);
}

WRAP(int, shutdown, int fd, int how)
{
    return fails(INJECT_SHUTDOWN) ? -1 : __real_shutdown(fd, how);
}

WRAP(int, socket, int family, int type, int protocol)
{
    return fails(INJECT_SOCKET) ? -1 : __real_socket(family, type, protocol);
}

WRAP(ssize_t, write, int fd, const void *data, size_t size)
{
    return fails(INJECT_WRITE) ? -1 : __real_write(fd, data, size);
}
