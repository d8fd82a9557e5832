/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.c: a host's addresses by name, found in a thread of its own, which may take its time. */
#include "io/lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mcp_auth/error.h"

/* Shared by the thread and the one who asked; the last to let go frees it. */
struct lookup {
    atomic_uint refs;
    int done_fd;
    /* Written by the thread before done_fd rings, read after. */
    int error; /* of getaddrinfo */
    int count;
    struct socket_address addresses[LOOKUP_ADDRESSES_MAX];
    char host[256], port[6];
};

static void lookup_unref(struct lookup *lookup)
{
    if (atomic_fetch_sub_explicit(&lookup->refs, 1, memory_order_acq_rel) > 1)
        return;
    close(lookup->done_fd);
    free(lookup);
}

static void keep(struct lookup *lookup, const struct addrinfo *found)
{
    for (; found && lookup->count < LOOKUP_ADDRESSES_MAX; found = found->ai_next) {
        struct sockaddr_storage storage = {0};

        if (found->ai_addrlen > sizeof storage)
            continue;
        memcpy(&storage, found->ai_addr, found->ai_addrlen);
        if (socket_address_set(&lookup->addresses[lookup->count], &storage, found->ai_addrlen) >= 0)
            lookup->count++;
    }
}

static void *lookup_thread(void *argument)
{
    struct lookup *lookup = argument;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
    };
    const uint64_t one = 1;
    struct addrinfo *found = NULL;

    lookup->error = getaddrinfo(lookup->host, lookup->port, &hints, &found);
    if (lookup->error == 0) {
        keep(lookup, found);
        freeaddrinfo(found);
    }
    (void)!write(lookup->done_fd, &one, sizeof one); /* an eventfd of ours takes the first one */
    lookup_unref(lookup);
    return NULL;
}

int lookup_start(struct lookup **ret, const char *host, const char *port)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int r;

    if (!lookup)
        return MCP_AUTH_E_NOMEM;
    atomic_init(&lookup->refs, 2);
    snprintf(lookup->host, sizeof lookup->host, "%s", host);
    snprintf(lookup->port, sizeof lookup->port, "%s", port);
    lookup->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->done_fd < 0 || pthread_attr_init(&attributes) != 0) {
        atomic_store(&lookup->refs, 1);
        if (lookup->done_fd < 0)
            free(lookup);
        else
            lookup_unref(lookup);
        return MCP_AUTH_E_SYSTEM;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* signals are for the host program's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&thread, &attributes, lookup_thread, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (r != 0) {
        atomic_store(&lookup->refs, 1);
        lookup_unref(lookup);
        return MCP_AUTH_E_SYSTEM;
    }
    *ret = lookup;
    return 0;
}

int lookup_fd(const struct lookup *lookup)
{
    return lookup->done_fd;
}

int lookup_result(const struct lookup *lookup, struct socket_address ret[LOOKUP_ADDRESSES_MAX],
                  const char **ret_why)
{
    uint64_t count;

    /* Reading it orders what the thread wrote before what is read here. */
    (void)!read(lookup->done_fd, &count, sizeof count);
    if (lookup->error != 0 || lookup->count == 0) {
        *ret_why = lookup->error ? gai_strerror(lookup->error) : "the name has no address";
        return MCP_AUTH_E_NOT_FOUND;
    }
    memcpy(ret, lookup->addresses, (size_t)lookup->count * sizeof *ret);
    return lookup->count;
}

void lookup_free(struct lookup *lookup)
{
    if (lookup)
        lookup_unref(lookup);
}
