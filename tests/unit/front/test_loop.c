/* SPDX-License-Identifier: Apache-2.0 */
/* test_loop.c: many event loops of one front, and one that goes while its connections are open. */
#include <pthread.h>
#include <unistd.h>

#include "host.h"

TEST(each_loop_is_told_of_its_own_connections)
{
    struct front_loop *other;
    struct host_client *a, *b;

    host_begin(NULL);
    CHECK_EQ(front_loop_new(&other, host_front), 0);
    a = host_client(host_loop, "alice", "");
    b = host_client(other, "alice", "");
    CHECK_EQ(host_publish_to("alice", "to both"), 0);
    HOST_UNTIL(host_loop, a->texts == 2);
    CHECK_EQ(b->texts, 1);
    HOST_UNTIL(other, b->texts == 2);
    front_loop_free(other);
    host_end();
}

static unsigned released;

static void release(void *host)
{
    CHECK(host == &released);
    released++;
}

TEST(a_loop_that_goes_takes_its_sessions_with_it_and_no_others)
{
    struct front_loop *other;
    struct host_client *a, *b, *c;
    struct node_stats stats;

    host_begin(NULL);
    CHECK_EQ(front_loop_new(&other, host_front), 0);
    a = host_client(host_loop, "alice", "");
    b = host_client(other, "alice", "");
    c = host_client(other, "alice", "");
    CHECK_EQ(host_publish_to("alice", "nobody takes this there"), 0);
    HOST_UNTIL(host_loop, a->texts == 2);
    front_loop_free(other);
    do
        front_stats(host_front, &stats);
    while (stats.active_connections > 1 && usleep(1000) == 0);
    CHECK_EQ(front_count(host_front), 3); /* they are still to be disconnected */
    CHECK_EQ(host_publish_to("alice", "again"), 0);
    HOST_UNTIL(host_loop, a->texts == 3);
    host_disconnect(b);
    while (front_count(host_front) > 2)
        usleep(1000);
    host_disconnect(c);
    host_end();
}

/* What the host made of a text is let go of by whoever is last, be it the freeing of a loop that
 * had not looked at it, and in the host's own threads only. */
TEST(the_hosts_object_of_a_text_is_released_once)
{
    struct front_loop *other;
    struct front_item items[8];
    struct host_client *a;

    released = 0;
    host_begin(NULL);
    CHECK_EQ(front_loop_new(&other, host_front), 0);
    a = host_client(host_loop, "alice", "");
    (void)host_client(other, "alice", "");
    CHECK_EQ(host_publish_to("alice", "shared"), 0);
    CHECK_EQ(front_loop_wait(host_loop, 5000), 1);
    CHECK_EQ(front_take(host_loop, items, ARRAY_COUNT(items)), 1);
    CHECK(items[0].host == a && !front_text_host(items[0].text));
    CHECK(front_text_set_host(items[0].text, &released, release));
    CHECK(!front_text_set_host(items[0].text, &released, release));
    CHECK(front_text_host(items[0].text) == &released);
    front_text_unref(items[0].text);
    CHECK_EQ(released, 0);
    CHECK_EQ(front_loop_wait(other, 5000), 1);
    front_loop_free(other);
    CHECK_EQ(released, 1);
    host_end();
}

TEST(a_loop_that_stands_still_does_not_hold_up_others_or_effects)
{
    static char message[8001];
    struct front_loop *still;
    struct front_asker asker;
    struct host_client *a, *b;

    memset(message, 'm', sizeof message - 1);
    host_begin(NULL);
    CHECK_EQ(front_loop_new(&still, host_front), 0);
    a = host_client(host_loop, "alice", "");
    b = host_client(still, "alice", "");
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(host_publish_to("alice", message), 0);
    asker = host_asker(host_loop);
    CHECK_EQ(front_disconnect_user(host_front, BYTES("bob"), BYTES(""), &asker), 0);
    HOST_UNTIL(host_loop, a->texts == 101 && host_answered.count == 1);
    CHECK_EQ(host_answered.error, 0);
    host_take(still);
    CHECK(b->closed || b->texts > 1);
    front_loop_free(still);
    host_end();
}
