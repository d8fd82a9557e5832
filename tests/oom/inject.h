/* SPDX-License-Identifier: Apache-2.0 */
/* inject.h: makes one allocation or one system call of the program under test fail, once. */
#ifndef OOM_INJECT_H
#define OOM_INJECT_H

#include <stdbool.h>

/* The linker sends every call of our objects through inject.c (-Wl,--wrap). */
enum inject_call {
    INJECT_ALLOC,
    INJECT_ACCEPT4,
    INJECT_BIND,
    INJECT_CLOSE, /* closes, and then says otherwise, as close(2) may */
    INJECT_EPOLL_ADD,
    INJECT_EPOLL_CREATE1,
    INJECT_EPOLL_WAIT,
    INJECT_EVENTFD,
    INJECT_GETSOCKNAME,
    INJECT_LISTEN,
    INJECT_MMAP,
    INJECT_MUNMAP,
    INJECT_PTHREAD_CREATE,
    INJECT_READ,
    INJECT_RECV,
    INJECT_SEND,
    INJECT_SETSOCKOPT,
    INJECT_SHUTDOWN,
    INJECT_SOCKET,
    INJECT_WRITE,
    INJECT_CALLS
};

/* The n-th such call from now (from 1) fails with this errno; 0 only counts. Thread any. */
void inject_arm(enum inject_call call, unsigned n, int error);
/* True when it has happened. */
bool inject_disarm(void);
bool inject_fired(void);
/* Nothing fails from here on; what has failed is still counted. */
void inject_rest(void);
/* The caller's own: neither counted nor failed. */
void inject_hold(bool hold);
/* Blocks that were allocated and not freed, and pages that were mapped and not unmapped. */
long inject_live(void);

/* Of the whole run. */
extern unsigned long inject_failures;

#endif
