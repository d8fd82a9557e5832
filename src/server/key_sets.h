/* SPDX-License-Identifier: Apache-2.0 */
/* key_sets.h: the issuers in force, with the keys that come from addresses, handed to the node. */
#ifndef SERVER_KEY_SETS_H
#define SERVER_KEY_SETS_H

#include "node/node.h"
#include "server/load.h"

/* How long a start or a reload waits for keys that have never come. */
#define KEY_SETS_WAIT_MS 5000

/* Of one load. Without addresses it has no thread and changes nothing. */
struct key_sets;

/* `before` (may be NULL): what it has fetched from an address that is still there is known at once.
 * The load's settings are borrowed until key_sets_stop. MCP_AUTH_E_NOMEM. */
MUST_CHECK int key_sets_new(struct key_sets **ret, const struct load *load, struct node *node,
                            struct key_sets *before);
/* Starts the thread, and waits for a first answer of each address that is not known.
 * MCP_AUTH_E_SYSTEM. */
MUST_CHECK int key_sets_start(struct key_sets *sets);
/* Tells the node all of the load, with the keys that are there; those that come later are told by
 * themselves. MCP_AUTH_E_NOMEM: nothing changed. */
MUST_CHECK int key_sets_apply(struct key_sets *sets);
/* Takes what has come to `before` later than here: of two that fetch from one address, the last to
 * hear of a key that is withdrawn is right. */
void key_sets_follow(struct key_sets *sets, struct key_sets *before);
/* No key is told to the node any more (or again, and then what came meanwhile). */
void key_sets_hold(struct key_sets *sets, bool hold);
/* Ends the thread: before the load goes and before the node is stopped. NULL is fine. */
void key_sets_stop(struct key_sets *sets);
void key_sets_unref(struct key_sets *sets); /* stopped; the issuers it made may outlive this */

#endif
