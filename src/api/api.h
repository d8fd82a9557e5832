/* SPDX-License-Identifier: Apache-2.0 */
/* api.h: the table of HTTP routes, and what their handlers stand on. */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "net/net.h"
#include "node/node.h"

/* Shared by all workers; immutable once they run. net_config.owner of its routes. */
struct api {
    struct node *node;
    const struct settings *settings;
    const struct net_config *net; /* for its counters and admission */
    /* Appends the demo tokens; called in development only. The server's, which api may not know. */
    int (*dev_tokens)(const struct settings *settings, struct strbuf *out);
    struct route *routes;
    unsigned routes_count, metrics_routes_count; /* the latter are the first ones */
};

/* `node`, `settings` and `net` are borrowed; net is read once workers run, so it may still be
 * filled with the routes made here. MCP_AUTH_E_NOMEM. */
MUST_CHECK int api_init(struct api *api, struct node *node, const struct settings *settings,
                        const struct net_config *net,
                        int (*dev_tokens)(const struct settings *settings, struct strbuf *out));
void api_done(struct api *api);

/* The handlers, one file per noun. */
void publish_post(struct exchange *exchange);
void publish_arrives(struct exchange *exchange); /* lines of a body that is not whole yet */
void events_get(struct exchange *exchange);
void stream_get(struct exchange *exchange);
void connections_get(struct exchange *exchange);
void revocations_post(struct exchange *exchange);
void disconnect_post(struct exchange *exchange);
void stats_get(struct exchange *exchange);
void health_get(struct exchange *exchange);
void ready_get(struct exchange *exchange);
void metrics_get(struct exchange *exchange);
void asset_get(struct exchange *exchange);
void dev_tokens_get(struct exchange *exchange);

#endif
