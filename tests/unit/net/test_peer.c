/* SPDX-License-Identifier: Apache-2.0 */
/* test_peer.c: an address is kept small, shown as people write it, and known when it is local. */
#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "unit.h"

static struct peer peer6(const char *address, unsigned port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_storage storage = {0};
    struct peer peer;

    CHECK_EQ(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
    memcpy(&storage, &in6, sizeof in6);
    peer_init(&peer, &storage);
    return peer;
}

TEST(an_ipv4_address_inside_ipv6_is_shown_as_ipv4)
{
    struct peer peer = peer6("::ffff:192.0.2.1", 443);
    char text[PEER_TEXT_SIZE];

    CHECK_TEXT(peer_text(&peer, text), "192.0.2.1:443");
    CHECK_EQ(peer_network(&peer).size, 4);
    CHECK(!peer_is_local(&peer));
}

TEST(the_longest_address_fits)
{
    struct peer peer = peer6("1111:2222:3333:4444:5555:6666:7777:8888", 65535);
    char text[PEER_TEXT_SIZE];

    CHECK_TEXT(peer_text(&peer, text), "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

TEST(a_unix_socket_has_no_address_and_is_local)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct peer peer;
    char text[PEER_TEXT_SIZE];

    peer_init(&peer, &storage);
    CHECK(peer_is_local(&peer));
    CHECK_TEXT(peer_text(&peer, text), "unix");
}

TEST(a_family_nobody_knows_is_a_stranger)
{
    struct sockaddr_storage storage = {.ss_family = AF_PACKET};
    struct peer peer;

    peer_init(&peer, &storage);
    CHECK(!peer_is_local(&peer));
}
