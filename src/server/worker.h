/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h: one thread that serves: a loop, its mailbox, its hub and its connections. */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "net/net.h"
#include "node/node.h"

struct worker;

/* Attaches a hub to the node; starts nothing. All is borrowed and outlives the worker. `gone` is
 * called once in the worker's thread, when it was told to drain and nobody is left. */
MUST_CHECK int worker_new(struct worker **ret, unsigned index, struct node *node,
                          const struct net_config *config, void (*gone)(void *owner), void *owner);
void worker_free(
    struct worker *worker); /* ended or never started; before node_free; NULL is fine */
/* Before worker_start: accepts from this descriptor, which it takes over on success. */
MUST_CHECK int worker_listen(struct worker *worker, int fd, enum net_door door);
MUST_CHECK int worker_start(struct worker *worker); /* MCP_AUTH_E_SYSTEM */

/* Any thread, each once. */
void worker_drain(struct worker *worker); /* 4200 to everybody, no more are taken in */
/* Says 4200 where it can be said at once, closes what is left, and ends the thread. What stands in
 * the mailbox before is still done. Waits for the end. */
void worker_end(struct worker *worker);
/* After the end of all workers: runs what they still put into each other's mailboxes. True when
 * there was something: then others may have got more. */
bool worker_settle(struct worker *worker);

#endif
