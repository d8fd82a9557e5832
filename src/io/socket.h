/* SPDX-License-Identifier: Apache-2.0 */
/* socket.h: listening sockets: opened, probed, read back and removed. */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include <stdbool.h>

#include "base/compiler.h"
#include "io/socket_address.h"

/* The errors of this file, for one address: MCP_AUTH_E_IN_USE (somebody listens there),
 * MCP_AUTH_E_UNSUPPORTED (this machine has no such address or family, as ::1 without IPv6),
 * MCP_AUTH_E_REFUSED (not permitted), MCP_AUTH_E_SYSTEM (anything else). errno says more. */

/* A listening descriptor, non-blocking and close-on-exec; what it accepts sends without delay
 * (TCP_NODELAY, inherited). IPv6 sockets take IPv6 only. With reuse_port several of them share
 * a port (one per worker); a Unix socket cannot, so it is opened once and watched by all. A
 * Unix socket file that nobody listens on any more is replaced; any other file is in use. */
MUST_CHECK int socket_listen(const struct socket_address *address, bool reuse_port, int backlog,
                             int *ret_fd);

/* Whether one could listen there alone: 0, or the errors above. To be asked once at start,
 * because with reuse_port the kernel would share the port with an earlier process of ours in
 * silence, and each would see a part of the clients. Port 0 is always free. */
MUST_CHECK int socket_port_taken(const struct socket_address *address);

/* The address a descriptor is bound to: the real port after port 0. MCP_AUTH_E_UNSUPPORTED,
 * MCP_AUTH_E_SYSTEM. */
MUST_CHECK int socket_local(int fd, struct socket_address *ret);

/* Removes the file of a Unix socket, when its server ends; nothing for others. */
void socket_remove_file(const struct socket_address *address);

/* Sends small writes at once. A connection that has just ended may refuse, which is fine. */
void socket_nodelay(int fd);

#endif
