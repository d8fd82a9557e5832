/* SPDX-License-Identifier: Apache-2.0 */
/* test_admission.c: strangers are counted in all and per address, and leave no count behind. */
#include "net/admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

#include "net/peer.h"
#include "unit.h"

static const uint8_t seed[16] = {1, 2, 3};

static struct peer peer_of(const char *address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct peer peer;

    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        memcpy(&storage, &in, sizeof in);
    else if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
        memcpy(&storage, &in6, sizeof in6);
    else
        storage.ss_family = AF_UNIX;
    peer_init(&peer, &storage);
    return peer;
}

static struct admission *admission_of(unsigned total_max, unsigned per_address_max)
{
    struct admission *admission = NULL;

    CHECK_EQ(admission_new(&admission, total_max, per_address_max, seed), 0);
    return admission;
}

TEST(an_address_gets_its_places_and_no_more)
{
    struct admission *admission = admission_of(100, 2);
    struct peer a = peer_of("192.0.2.1"), b = peer_of("192.0.2.2");

    CHECK(admission_enter(admission, &a));
    CHECK(admission_enter(admission, &a));
    CHECK(!admission_enter(admission, &a));
    CHECK(admission_enter(admission, &b));
    CHECK_EQ(admission_count(admission), 3);
    admission_leave(admission, &a);
    CHECK(admission_enter(admission, &a));
    CHECK(!admission_enter(admission, &a));
    admission_leave(admission, &a);
    admission_leave(admission, &a);
    admission_leave(admission, &b);
    CHECK_EQ(admission_count(admission), 0);
    admission_free(admission);
}

TEST(a_household_of_ipv6_counts_as_one)
{
    struct admission *admission = admission_of(10, 1);
    struct peer a = peer_of("2001:db8::1"), b = peer_of("2001:db8::ffff:2"),
                c = peer_of("2001:db8:0:1::1");

    CHECK(admission_enter(admission, &a));
    CHECK(!admission_enter(admission, &b));
    CHECK(admission_enter(admission, &c));
    admission_leave(admission, &a);
    CHECK(admission_enter(admission, &b));
    admission_leave(admission, &a); /* any of them gives back the place of one */
    admission_leave(admission, &c);
    admission_free(admission);
}

TEST(local_peers_count_in_the_sum_only)
{
    struct admission *admission = admission_of(4, 1);
    const char *const local[] = {"127.0.0.1", "::1", "unix", "::ffff:127.0.0.9"};
    struct peer stranger = peer_of("192.0.2.1"), local_peers[4];

    for (int i = 0; i < 4; i++) {
        local_peers[i] = peer_of(local[i]);
        CHECK(peer_is_local(&local_peers[i]));
        CHECK(admission_enter(admission, &local_peers[i]));
    }
    CHECK(!admission_enter(admission, &stranger));
    for (int i = 0; i < 4; i++)
        admission_leave(admission, &local_peers[i]);
    admission_free(admission);
}

#define ROUNDS 20000

static void *enter_and_leave(void *argument)
{
    struct admission *admission = argument;
    struct peer peer = peer_of("192.0.2.7");

    for (int i = 0; i < ROUNDS; i++)
        if (admission_enter(admission, &peer))
            admission_leave(admission, &peer);
    return NULL;
}

TEST(workers_that_count_together_lose_nothing)
{
    struct admission *admission = admission_of(2, 2);
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, enter_and_leave, admission), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(admission_count(admission), 0);
    admission_free(admission);
}

TEST(who_is_refused_is_counted_by_the_ceiling_that_refused)
{
    struct admission *admission = admission_of(2, 1);
    struct peer one = peer_of("192.0.2.7"), other = peer_of("198.51.100.9");

    CHECK(admission_enter(admission, &one));
    CHECK(!admission_enter(admission, &one));
    CHECK_EQ(admission_refused_address(admission), 1);
    CHECK_EQ(admission_refused_total(admission), 0);
    CHECK(admission_enter(admission, &other));
    CHECK(!admission_enter(admission, &other));
    CHECK_EQ(admission_refused_address(admission), 1);
    CHECK_EQ(admission_refused_total(admission), 1);
    admission_leave(admission, &one);
    admission_leave(admission, &other);
    admission_free(admission);
}
