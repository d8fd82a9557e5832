/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h: the thread that owns the broker, the history and the order of events. */
#ifndef NODE_BUS_H
#define NODE_BUS_H

#include "node/node_private.h"

MUST_CHECK int bus_start(struct node *node);
/* Returns when everything that was accepted has been announced. Not started: fine. The hubs'
 * threads must still run, since effects wait for them. */
void bus_stop(struct node *node);
/* For the broker: an entry came, in order. */
int bus_on_entry(void *owner, const struct entry *entry);
/* Among all that are in force. */
void bus_add_fence(struct node *node, const struct fence *fence);

#endif
