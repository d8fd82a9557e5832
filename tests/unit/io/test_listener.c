/* SPDX-License-Identifier: Apache-2.0 */
/* test_listener.c: connections come in by bounded turns; a lack of descriptors is rested out. */
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/socket.h"
#include "unit.h"

#define MANY 150

struct door {
    struct loop loop;
    struct listener listener;
    struct socket_address address;
    int servers[MANY], clients[MANY];
    int accepted, paused, error;
    bool close_at_first, pause_at_first;
};

static struct door door;

static void on_accepted(void *owner, int fd, const struct sockaddr_storage *peer, socklen_t size)
{
    struct door *d = owner;

    CHECK(socket_is_loopback(peer, size));
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    d->servers[d->accepted++] = fd;
    if (d->close_at_first)
        listener_close(&d->listener);
    if (d->pause_at_first)
        listener_pause(&d->listener);
}

static void on_paused(void *owner, int error)
{
    struct door *d = owner;

    d->paused++;
    d->error = error;
}

static const struct listener_calls calls = {on_accepted, on_paused};

static void door_open(void)
{
    struct socket_address any[SOCKET_ADDRESSES_MAX];
    int fd;

    memset(&door, 0, sizeof door);
    CHECK_EQ(loop_init(&door.loop), 0);
    CHECK_EQ(socket_parse(BYTES("127.0.0.1:0"), any), 1);
    CHECK_EQ(socket_listen(&any[0], true, 1024, &fd), 0);
    CHECK_EQ(socket_local(fd, &door.address), 0);
    CHECK_EQ(listener_open(&door.listener, &door.loop, fd, &calls, &door), 0);
}

static void knock_from(int first, int count)
{
    for (int i = first; i < count; i++) {
        door.clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(connect(door.clients[i], (struct sockaddr *)&door.address.storage,
                         door.address.size),
                 0);
    }
}

static void knock(int count)
{
    knock_from(0, count);
}

static void door_close(int clients)
{
    for (int i = 0; i < clients; i++)
        close(door.clients[i]);
    for (int i = 0; i < door.accepted; i++)
        close(door.servers[i]);
    listener_close(&door.listener);
    listener_close(&door.listener);
    loop_done(&door.loop);
}

TEST(a_turn_accepts_up_to_its_budget_and_the_next_goes_on)
{
    door_open();
    knock(MANY);
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    CHECK_EQ(door.accepted, LISTENER_BUDGET);
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    CHECK_EQ(door.accepted, 2 * LISTENER_BUDGET);
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    CHECK_EQ(door.accepted, MANY);
    CHECK_EQ(loop_turn(&door.loop, 0), 0);
    CHECK_EQ(door.accepted, MANY);
    CHECK_EQ(door.paused, 0);
    door_close(MANY);
}

struct resident {
    struct watch watch;
    int newcomers; /* when it was served */
};

static void on_served(struct watch *watch, uint32_t events)
{
    struct resident *resident = container_of(watch, struct resident, watch);
    char word[8];

    CHECK(events & EPOLLIN);
    CHECK_EQ(read(watch->fd, word, sizeof word), 4);
    resident->newcomers = door.accepted;
}

/* Of a storm, one budget at most is taken in before each who is here has had its turn. */
TEST(who_is_here_waits_for_one_budget_of_newcomers_at_most)
{
    struct resident resident = {.newcomers = 0};

    door_open();
    knock(1);
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    resident.watch.fd = door.servers[0];
    CHECK_EQ(loop_watch(&door.loop, &resident.watch, on_served, EPOLLIN), 0);
    knock_from(1, MANY);
    for (int turn = 0; door.accepted < MANY; turn++) {
        int before = door.accepted;

        CHECK(turn < MANY / LISTENER_BUDGET + 1);
        CHECK_EQ(write(door.clients[0], "ping", 4), 4);
        resident.newcomers = -1;
        CHECK_EQ(loop_turn(&door.loop, 1000), 0);
        CHECK(resident.newcomers >= before); /* in this very turn */
        CHECK(resident.newcomers <= before + LISTENER_BUDGET);
    }
    loop_unwatch(&door.loop, &resident.watch);
    door_close(MANY);
}

TEST(without_descriptors_it_rests_once_and_does_not_spin)
{
    struct rlimit before, low;

    door_open();
    knock(4);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)door.clients[3] + 2; /* the next descriptor is the last one */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK(door.accepted < 4);
    CHECK_EQ(door.paused, 1);
    CHECK_EQ(door.error, EMFILE);
    CHECK(listener_is_paused(&door.listener));

    for (int i = 0; i < 5; i++) /* somebody still knocks, nobody is woken */
        CHECK_EQ(loop_turn(&door.loop, 0), 0);
    CHECK_EQ(door.paused, 1);
    CHECK(door.accepted < 4);

    CHECK_EQ(listener_resume(&door.listener), 0);
    CHECK_EQ(listener_resume(&door.listener), 0); /* twice is fine */
    CHECK(!listener_is_paused(&door.listener));
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    CHECK_EQ(door.accepted, 4);
    CHECK_EQ(door.paused, 1);
    door_close(4);
}

TEST(the_owner_may_close_it_while_it_accepts)
{
    door_open();
    door.close_at_first = true;
    knock(3);
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    CHECK_EQ(door.accepted, 1);
    CHECK_EQ(loop_turn(&door.loop, 0), 0);
    CHECK_EQ(door.accepted, 1);
    CHECK(!listener_is_paused(&door.listener));
    CHECK_EQ(listener_resume(&door.listener), 0); /* closed for good */
    CHECK_EQ(loop_turn(&door.loop, 0), 0);
    door_close(3);
}

TEST(the_owner_may_pause_it_while_it_accepts)
{
    door_open();
    door.pause_at_first = true;
    knock(3);
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(loop_turn(&door.loop, 1000), 0);
        CHECK_EQ(door.accepted, i);
        CHECK(listener_is_paused(&door.listener));
        CHECK_EQ(listener_resume(&door.listener), 0);
    }
    CHECK_EQ(door.paused, 0); /* it knows: it did so itself */
    door_close(3);
}

TEST(a_socket_that_no_longer_listens_is_rested_and_does_not_spin)
{
    door_open();
    CHECK_EQ(shutdown(door.listener.watch.fd, SHUT_RDWR), 0);
    CHECK_EQ(loop_turn(&door.loop, 1000), 0);
    CHECK_EQ(door.paused, 1);
    CHECK_EQ(door.error, EINVAL);
    CHECK_EQ(loop_turn(&door.loop, 0), 0);
    CHECK_EQ(door.paused, 1);
    door_close(0);
}
