/* SPDX-License-Identifier: Apache-2.0 */
/* reload.h: a running server is told anew: all that is right takes place, or nothing does. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "node/node.h"
#include "server/key_sets.h"
#include "server/load.h"

/* Reads and checks, then hands over to the node, and logs either way. `start` is what the server
 * was made with, `before` what is in force; *ret is yours when all went well, and *sets is replaced
 * (the former is stopped). `problem` may be NULL: each is also an ERROR of the log. */
MUST_CHECK int reload(struct load *ret, struct settings_builder *builder, struct node *node,
                      const struct load *start, const struct load *before, struct key_sets **sets,
                      settings_problem problem, void *owner);

#endif
