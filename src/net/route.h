/* SPDX-License-Identifier: Apache-2.0 */
/* route.h: method and path to a handler, with who may call it and how large a body it takes. */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include <stdint.h>

#include "codec/http_request.h"
#include "model/codes.h"

struct exchange;

enum access {
    ACCESS_OPEN,      /* anybody */
    ACCESS_LOCAL,     /* a loopback peer, or the API key; anybody at the address of metrics */
    ACCESS_USER,      /* any user by a token, and not the API key, which is nobody */
    ACCESS_ADMIN,     /* an administrator, or the API key */
    ACCESS_PUBLISHER, /* who may publish, or the API key */
};

struct route {
    /* Whole, and as it is written: no escapes are undone. A "*" is one segment, not empty. */
    const char *path;
    enum http_method method; /* HTTP_GET serves HEAD as well */
    enum access access;
    size_t body_max;                /* 0: no body */
    enum error_code body_too_large; /* what to say about one that is larger */
    /* Answers now, or keeps a handle and answers later (exchange.h). NULL: upgrades to WebSocket. */
    void (*handle)(struct exchange *exchange);
    /* Each time when more of the body stands in exchange->content, but the end: may take from its
     * front, and says nothing yet. What is left at the end is exchange->body. NULL: all is kept. */
    void (*body_arrives)(struct exchange *exchange);
};

enum route_result { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

/* *ret_route when FOUND; when NO_METHOD, *ret_allow gets the bits of the methods there are. */
enum route_result route_find(const struct route *routes, unsigned count, enum http_method method,
                             struct bytes path, const struct route **ret_route,
                             unsigned *ret_allow);
/* "Allow: GET, HEAD\r\n" (RFC 9110 section 10.2.1). Returns ret as bytes. */
#define ROUTE_ALLOW_SIZE 80
struct bytes route_allow(unsigned methods, char ret[ROUTE_ALLOW_SIZE]);

#endif
