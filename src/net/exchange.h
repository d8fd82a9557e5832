/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h: one request in progress: who asks for what, and the answer, now or later. */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/slots.h"
#include "base/strbuf.h"
#include "codec/http_request.h"
#include "model/codes.h"
#include "model/filter.h"
#include "model/identity.h"
#include "net/refusal.h"
#include "net/route.h"

struct conn;
struct net;

/* For handlers. What is borrowed is valid until the handler returns; who answers later copies. */
struct exchange {
    struct http_request request; /* borrowed */
    struct bytes body;           /* borrowed */
    const struct route *route;
    struct identity *identity; /* who asks, by token; NULL on open routes and with the API key */
    bool has_api_key;          /* acts in any tenant */
    /* From loopback or a Unix socket and not by way of a proxy, or to the address of metrics. */
    bool is_local;
    uint64_t memo; /* the handler's own, from now to later */
    void *taken;   /* the handler's, of what it took of the body that arrives */
    void (*taken_free)(void *taken);

    /* net's own */
    struct conn *conn;
    slot_handle handle; /* 0: none was taken */
    bool answered, keep_alive, counts_as_body;
    bool varies;      /* by Origin (cors.h) */
    char *origin;     /* which may read the answer; NULL: none is told so */
    struct strbuf in; /* from in_at on, bytes not yet read: of a head in pieces; or the kept head */
    size_t in_at;     /* what stands before it were earlier requests */
    size_t rest_at;   /* in `in`: what came behind this request; 0: nothing there did */
    struct strbuf rest;    /* what came behind this request otherwise */
    struct strbuf content; /* a body in pieces */
    size_t seen;           /* of http_request_parse */
    struct http_body decoder;
};

/* Answers; once. `headers` are whole lines of our own (http_response.h), or empty. May be called
 * in the handler, or later for what exchange_find gave. Nothing of `exchange` may be used after. */
void exchange_answer(struct exchange *exchange, int status, const char *content_type,
                     struct bytes headers, struct bytes body);
/* The same with a composed JSON body, whose failure becomes 503. Frees `json`'s memory. */
void exchange_answer_json(struct exchange *exchange, int status, struct bytes headers,
                          struct strbuf *json);
/* Ends the connection instead of answering: what was asked is done, and for want of memory there is
 * no way to say so. Any refusal would say that it is not. */
void exchange_hang_up(struct exchange *exchange);
/* The same with an error, by its own status. message absent: the code's own; details may be NULL;
 * retry_after_ms < 0: no Retry-After. */
void exchange_refuse(struct exchange *exchange, enum error_code code, struct bytes message,
                     const struct refusal_details *details, int64_t retry_after_ms);

/* The same with headers of one's own instead. */
void exchange_refuse_with(struct exchange *exchange, enum error_code code, struct bytes message,
                          const struct refusal_details *details, struct bytes headers);

/* Answers with a stream of server-sent events for exchange->identity: from now on, or after
 * `position` where it is present. Takes `filter` (NULL: everything). */
void exchange_stream(struct exchange *exchange, struct filter *filter, struct bytes position);

/* The handler will answer later, in this thread: the name to find the exchange by.
 * MCP_AUTH_E_NOMEM, MCP_AUTH_E_FULL. */
MUST_CHECK int exchange_later(struct exchange *exchange, slot_handle *ret);
/* The exchange, or NULL when its client has gone: then the answer is for nobody. */
struct exchange *exchange_find(struct net *net, slot_handle handle);

struct net *exchange_net(const struct exchange *exchange);
void *exchange_owner(const struct exchange *exchange); /* net_config.owner */
struct now exchange_now(const struct exchange *exchange);

/* For net: */
/* Headers that every answer has. */
void exchange_put_headers(const struct exchange *exchange, struct strbuf *out);
/* Status line, our headers, what a handler adds: all short and our own. */
#define ANSWER_HEAD_MAX 2048u
MUST_CHECK int exchange_new(struct exchange **ret, struct conn *conn);
void exchange_free(struct exchange *exchange); /* NULL is fine */

#endif
