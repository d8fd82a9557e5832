/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h: the addresses of a server, taken at start: one socket each for every worker. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "io/socket_address.h"
#include "node/settings.h"
#include "server/worker.h"

/* The addresses in use; zeroed at first. */
struct listen {
    struct socket_address *addresses;
    unsigned count;
};

/* Opens every address of the settings for every worker. MCP_AUTH_E_IN_USE, _INVALID, _REFUSED,
 * _SYSTEM after telling `problem`; MCP_AUTH_E_NOMEM. What was opened is the workers'. */
MUST_CHECK int listen_open(struct listen *listen, const struct settings *settings,
                           struct worker *const *workers, unsigned workers_count,
                           settings_problem problem, void *owner);
/* The same for those of MCP_AUTH_METRICS_LISTEN, which one worker serves: a scrape every few
 * seconds is no work to share. */
MUST_CHECK int listen_open_metrics(struct listen *listen, const struct settings *settings,
                                   struct worker *worker, settings_problem problem, void *owner);
void listen_done(struct listen *listen); /* removes the files of Unix sockets */

#endif
