/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h: the address at the other end of a connection, in 20 bytes. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"

enum peer_kind { PEER_UNIX, PEER_V4, PEER_V6 };

struct peer {
    uint8_t address[16]; /* of IPv4 the first four; IPv4-mapped IPv6 is IPv4 */
    uint16_t port;
    uint8_t kind;
};

/* Any other family counts as a stranger at an unspecified address. */
void peer_init(struct peer *peer, const struct sockaddr_storage *address);
bool peer_is_local(const struct peer *peer); /* loopback, or a Unix socket */
/* What is counted as one: the IPv4 address, or the first 64 bits of the IPv6 address. Borrowed. */
struct bytes peer_network(const struct peer *peer);

#define PEER_TEXT_SIZE 56 /* "[" 45 characters "]:65535" and a NUL */
/* "192.0.2.1:1234", "[2001:db8::1]:1234" or "unix". Returns ret as bytes. */
struct bytes peer_text(const struct peer *peer, char ret[PEER_TEXT_SIZE]);

#endif
