/* SPDX-License-Identifier: Apache-2.0 */
/* socket_address.h: addresses of sockets, from text and back, without any name look-up. */
#ifndef IO_SOCKET_ADDRESS_H
#define IO_SOCKET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* The longest: "unix:" and a path of 107 bytes; "[" 45 "]:65535" is shorter. With the NUL. */
#define SOCKET_TEXT_SIZE 114

struct socket_address {
    struct sockaddr_storage storage;
    socklen_t size;
    char text[SOCKET_TEXT_SIZE]; /* as it may be given to socket_parse again */
};

/* "localhost:80" and ":80" mean two addresses. */
#define SOCKET_ADDRESSES_MAX 2

/* Reads where to listen:
 *   192.0.2.1:80   [2001:db8::1]:80   one address
 *   localhost:80                      127.0.0.1 and ::1, by definition (RFC 6761 section 6.3)
 *   :80                               all addresses: 0.0.0.0 and [::]
 *   unix:/path                        an absolute path
 * Port 0 means any free port. No other names. IPv4 comes first; of two, the second may be
 * missing on a machine without IPv6. How many, or MCP_AUTH_E_INVALID. */
MUST_CHECK int socket_parse(struct bytes text, struct socket_address ret[SOCKET_ADDRESSES_MAX]);

/* Takes an address as the kernel gave it (getsockname, accept) and writes its text. Any other
 * family, or a size that does not fit: MCP_AUTH_E_UNSUPPORTED. */
MUST_CHECK int socket_address_set(struct socket_address *address,
                                  const struct sockaddr_storage *storage, socklen_t size);

bool socket_address_is_unix(const struct socket_address *address);
/* 0 also for Unix sockets. */
unsigned socket_address_port(const struct socket_address *address);
/* For the second of two addresses, when the first got its port from the kernel. Not for Unix
 * sockets. */
void socket_address_set_port(struct socket_address *address, unsigned port);

/* The text of a peer for people: "192.0.2.1:443", "[::1]:443", "unix:/path", "unix:" for one
 * without a name, "unknown". A v4-mapped address is shown as the IPv4 address it is. */
void socket_peer_text(const struct sockaddr_storage *peer, socklen_t size,
                      char ret[SOCKET_TEXT_SIZE]);

/* 127.0.0.0/8, ::1, the same v4-mapped, and Unix sockets. */
bool socket_is_loopback(const struct sockaddr_storage *peer, socklen_t size);

/* What limits per address count by: IPv4 as ::ffff:a.b.c.d; IPv6 by its first 64 bits, since
 * one host commonly owns them all (RFC 6177) and would else be 2^64 strangers; ::1 stays whole.
 * False for a peer that has no address (a Unix socket): nothing to count by. */
MUST_CHECK bool socket_address_key(const struct sockaddr_storage *peer, socklen_t size,
                                   uint8_t ret[16]);

#endif
