/* SPDX-License-Identifier: Apache-2.0 */
/* renewal.h: key sets from addresses, fetched and renewed in one helper thread. */
#ifndef KEYS_RENEWAL_H
#define KEYS_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* Sources are named by their number. */
struct renewal;

/* In the renewal's thread. The text of a source has come: 0, or a negative error with *ret_why
 * (static) when it is of no use, which counts as a failure. */
typedef int (*renewal_arrived)(void *owner, unsigned source, struct bytes text,
                               const char **ret_why);

/* Starts nothing. The addresses are copied; ca_file (NULL: the system's) is borrowed until
 * renewal_free. MCP_AUTH_E_NOMEM. */
MUST_CHECK int renewal_new(struct renewal **ret, const struct bytes *urls, unsigned count,
                           const char *ca_file, int64_t renew_ms, renewal_arrived arrived,
                           void *owner);
/* Every source is fetched at once, then each as its schedule says. MCP_AUTH_E_SYSTEM. */
MUST_CHECK int renewal_start(struct renewal *renewal);
/* Until each of these was tried once, or the time is over. */
void renewal_wait(struct renewal *renewal, const bool *sources, int64_t ms);
/* A token names a key that this source has not (yet). Thread any, from renewal_new to renewal_free;
 * never waits; most calls only read. */
void renewal_ask(struct renewal *renewal, unsigned source);
void renewal_stop(struct renewal *renewal); /* ends the thread; what was on its way is given up */
void renewal_free(struct renewal *renewal); /* NULL is fine */

#endif
