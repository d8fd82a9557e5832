/* SPDX-License-Identifier: Apache-2.0 */
/* test_mailbox.c: many threads put, one takes: each thread's order holds and no wake is lost. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "io/mailbox.h"

/* The goal: the consumer sleeps whenever mailbox_run says that nothing remains. A lost wake
 * leaves it asleep with notes waiting, which the time-out below reports. Producers pause now
 * and then so that the mailbox runs empty often, which is where a wake can be lost. */
#define PRODUCERS 4
#define RUN_NS 2000000000u
#define NOTES_MAX 100000u /* per producer: bounds the memory of a slow consumer */
#define WAKE_MS_MAX 20000 /* nobody sleeps that long unless a wake was lost */
#define LAST UINT64_MAX

struct message {
    struct note note;
    unsigned producer;
    uint64_t number;
};

struct reader {
    uint64_t next[PRODUCERS];
    unsigned ended;
};

static struct mailbox mailbox;
static uint64_t started_ns;

static void fail(const char *what)
{
    fprintf(stderr, "test_mailbox: %s\n", what);
    exit(1);
}

static void message_read(struct note *note, void *context)
{
    struct message *message = container_of(note, struct message, note);
    struct reader *reader = context;

    if (message->number == LAST)
        reader->ended++;
    else if (message->number != reader->next[message->producer]++)
        fail("a producer's notes came out of order");
    free(message);
}

static void message_put(unsigned producer, uint64_t number)
{
    struct message *message = malloc(sizeof *message);

    if (!message)
        fail("out of memory");
    *message = (struct message){{NULL, message_read}, producer, number};
    mailbox_put(&mailbox, &message->note);
}

static void *produce(void *argument)
{
    unsigned producer = (unsigned)(uintptr_t)argument;
    unsigned random = producer * 2654435761u + 1;

    for (uint64_t i = 0; i < NOTES_MAX && clock_mono_ns() - started_ns < RUN_NS; i++) {
        message_put(producer, i);
        random = random * 1664525u + 1013904223u;
        if (random >> 27 == 0) /* one in 32 */
            poll(NULL, 0, (int)(random >> 20 & 1));
    }
    message_put(producer, LAST);
    return NULL;
}

int main(void)
{
    struct reader reader = {0};
    pthread_t threads[PRODUCERS];
    unsigned sleeps = 0;
    uint64_t total = 0;

    started_ns = clock_mono_ns();
    if (mailbox_init(&mailbox) < 0)
        fail("cannot begin");
    for (unsigned i = 0; i < PRODUCERS; i++)
        if (pthread_create(&threads[i], NULL, produce, (void *)(uintptr_t)i) != 0)
            fail("cannot start a thread");

    while (reader.ended < PRODUCERS) {
        struct pollfd p = {.fd = mailbox_fd(&mailbox), .events = POLLIN};

        if (mailbox_run(&mailbox, &reader, 7))
            continue;
        if (reader.ended == PRODUCERS)
            break;
        sleeps++;
        if (poll(&p, 1, WAKE_MS_MAX) == 0)
            fail("a wake was lost");
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
        total += reader.next[i];
    }
    mailbox_done(&mailbox);
    printf("test_mailbox: %llu notes, %u sleeps\n", (unsigned long long)total, sleeps);
    return total > 0 ? 0 : 1;
}
