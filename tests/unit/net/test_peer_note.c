/* SPDX-License-Identifier: Apache-2.0 */
/* test_peer_note.c: what is kept of an address gives it back whole, and nothing stays behind. */
#include "net/peer_note.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "unit.h"

static struct peer peer_of(int family, const char *address, unsigned port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
    struct peer peer;

    if (family == AF_INET && inet_pton(AF_INET, address, &in.sin_addr) == 1)
        memcpy(&storage, &in, sizeof in);
    if (family == AF_INET6 && inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
        memcpy(&storage, &in6, sizeof in6);
    peer_init(&peer, &storage);
    return peer;
}

TEST(an_address_of_any_kind_comes_back_as_it_was)
{
    struct peer peers[] = {
        peer_of(AF_INET, "192.0.2.1", 1234),
        peer_of(AF_INET6, "2001:db8::1", 65535),
        peer_of(AF_INET6, "::ffff:198.51.100.7", 80),
        peer_of(AF_INET6, "2001:db8::2", 1),
        peer_of(AF_UNIX, "", 0),
    };
    struct peer_note notes[ARRAY_COUNT(peers)];
    struct slab far;

    slab_init(&far, PEER_NOTE_SLAB_SIZE, NULL);
    for (unsigned i = 0; i < ARRAY_COUNT(peers); i++)
        CHECK_EQ(peer_note_take(&notes[i], &far, &peers[i]), 0);
    CHECK_EQ(far.count, 2); /* IPv6 alone costs more than the note */
    for (unsigned i = 0; i < ARRAY_COUNT(peers); i++) {
        char want[PEER_TEXT_SIZE], got[PEER_TEXT_SIZE];
        struct peer peer = peer_note_read(&notes[i], &far);
        struct bytes text = peer_text(&peers[i], want);

        CHECK(bytes_equal(peer_text(&peer, got), text));
        CHECK(bytes_equal(peer_network(&peer), peer_network(&peers[i])));
        CHECK_EQ(peer_is_local(&peer), peer_is_local(&peers[i]));
    }
    for (unsigned i = 0; i < ARRAY_COUNT(peers); i++)
        peer_note_give(&notes[i], &far);
    CHECK_EQ(far.count, 0);
    slab_done(&far);
}
