/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c: the address at the other end of a connection: kept small, compared, shown. */
#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void peer_init(struct peer *peer, const struct sockaddr_storage *address)
{
    *peer = (struct peer){.kind = PEER_V4};
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof in);
        memcpy(peer->address, &in.sin_addr, 4);
        peer->port = ntohs(in.sin_port);
    } else if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof in6);
        peer->port = ntohs(in6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            memcpy(peer->address, in6.sin6_addr.s6_addr + 12, 4);
        } else {
            memcpy(peer->address, &in6.sin6_addr, 16);
            peer->kind = PEER_V6;
        }
    } else if (address->ss_family == AF_UNIX) {
        peer->kind = PEER_UNIX;
    }
}

bool peer_is_local(const struct peer *peer)
{
    static const uint8_t loopback6[16] = {[15] = 1};

    switch ((enum peer_kind)peer->kind) {
    case PEER_UNIX:
        return true;
    case PEER_V4:
        return peer->address[0] == 127;
    case PEER_V6:
        return memcmp(peer->address, loopback6, sizeof loopback6) == 0;
    }
    return false;
}

struct bytes peer_network(const struct peer *peer)
{
    return (struct bytes){(const char *)peer->address, peer->kind == PEER_V6 ? 8 : 4};
}

struct bytes peer_text(const struct peer *peer, char ret[PEER_TEXT_SIZE])
{
    char address[INET6_ADDRSTRLEN];
    int size;

    if (peer->kind == PEER_UNIX)
        return BYTES("unix");
    if (!inet_ntop(peer->kind == PEER_V6 ? AF_INET6 : AF_INET, peer->address, address,
                   sizeof address))
        return BYTES("?");
    size = snprintf(ret, PEER_TEXT_SIZE, peer->kind == PEER_V6 ? "[%s]:%u" : "%s:%u", address,
                    (unsigned)peer->port);
    return (struct bytes){ret, size < 0 ? 0 : (size_t)size};
}
