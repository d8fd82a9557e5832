/* SPDX-License-Identifier: Apache-2.0 */
/* plain.h: events that other programs PUBLISH on the channel, to publications of this instance. */
#ifndef NODE_PLAIN_H
#define NODE_PLAIN_H

#include "node/node_private.h"

/* For the broker, in the bus thread: what came on the channel. Our own events come back there too
 * and are passed over. Each instance publishes what it hears under the id that it brings, so that
 * one of them stores it and the others are told that it is there. */
void plain_take(void *owner, struct bytes json);

#endif
