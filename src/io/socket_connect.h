/* SPDX-License-Identifier: Apache-2.0 */
/* socket_connect.h: outgoing connections, begun without waiting for their end. */
#ifndef IO_SOCKET_CONNECT_H
#define IO_SOCKET_CONNECT_H

#include "base/compiler.h"
#include "io/socket_address.h"

/* A descriptor that is connected or about to be, non-blocking, close-on-exec and without delay for
 * small writes: wait for EPOLLOUT, then ask socket_connect_result. MCP_AUTH_E_REFUSED (nobody
 * listens), MCP_AUTH_E_IN_USE (a Unix socket whose queue is full: later), MCP_AUTH_E_UNSUPPORTED
 * (no such family here), MCP_AUTH_E_SYSTEM. errno says more. */
MUST_CHECK int socket_connect(const struct socket_address *address, int *ret_fd);

/* The same from an address of this machine, with port 0; NULL: whichever the kernel takes. */
MUST_CHECK int socket_connect_from(const struct socket_address *address,
                                   const struct socket_address *source, int *ret_fd);

/* 0 when it is connected; the same errors, with errno set, when it is not. */
MUST_CHECK int socket_connect_result(int fd);

#endif
