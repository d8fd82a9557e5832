/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.h: a host's addresses by name, found in a thread of its own, which may take its time. */
#ifndef IO_LOOKUP_H
#define IO_LOOKUP_H

#include "base/compiler.h"
#include "io/socket_address.h"

#define LOOKUP_ADDRESSES_MAX 8

struct lookup;

/* getaddrinfo(3) may wait for seconds, and nothing can end it. MCP_AUTH_E_NOMEM, _SYSTEM. */
MUST_CHECK int lookup_start(struct lookup **ret, const char *host, const char *port);
/* Readable when it has ended. */
int lookup_fd(const struct lookup *lookup);
/* After that: how many addresses, or MCP_AUTH_E_NOT_FOUND with *ret_why, a static text. */
MUST_CHECK int lookup_result(const struct lookup *lookup,
                             struct socket_address ret[LOOKUP_ADDRESSES_MAX], const char **ret_why);
/* At any time: a thread that is still busy frees what is left. NULL is fine. */
void lookup_free(struct lookup *lookup);

#endif
