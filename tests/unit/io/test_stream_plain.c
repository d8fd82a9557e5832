/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream_plain.c: bytes, end, trouble and patience are four different answers. */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/stream.h"
#include "mcp_auth/error.h"
#include "unit.h"

static struct stream a, b;

static void pair_open(void)
{
    int fds[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    stream_plain_init(&a, fds[0]);
    stream_plain_init(&b, fds[1]);
}

TEST(what_one_end_writes_the_other_reads)
{
    char got[16];

    pair_open();
    CHECK_EQ(stream_read(&b, got, sizeof got), STREAM_WOULD_BLOCK);
    CHECK_EQ(b.blocked_on, EPOLLIN);
    CHECK_EQ(stream_write(&a, "hello", 5), 5);
    CHECK_EQ(stream_read(&b, got, 2), 2);
    CHECK(!stream_holds(&b));
    CHECK_EQ(stream_read(&b, got + 2, sizeof got - 2), 3);
    assert_memory_equal(got, "hello", 5);
    stream_close(&a);
    stream_close(&b);
    stream_close(&b); /* twice is fine */
    CHECK_EQ(b.fd, -1);
}

TEST(a_full_peer_means_wait_for_room)
{
    static char block[65536];
    ssize_t r = 0;

    pair_open();
    for (int i = 0; i < 1000 && r >= 0; i++)
        r = stream_write(&a, block, sizeof block);
    CHECK_EQ(r, STREAM_WOULD_BLOCK);
    CHECK_EQ(a.blocked_on, EPOLLOUT);
    CHECK(stream_read(&b, block, sizeof block) > 0);
    stream_close(&a);
    stream_close(&b);
}

TEST(a_finished_stream_ends_for_the_peer_and_still_reads)
{
    char got[4];

    pair_open();
    CHECK_EQ(stream_write(&a, "x", 1), 1);
    stream_finish(&a);
    stream_finish(&a);
    CHECK_EQ(stream_read(&b, got, sizeof got), 1);
    CHECK_EQ(stream_read(&b, got, sizeof got), 0);
    CHECK_EQ(stream_write(&b, "y", 1), 1);
    CHECK_EQ(stream_read(&a, got, sizeof got), 1);
    stream_close(&a);
    stream_finish(&a); /* closed: fine */
    stream_close(&b);
}

TEST(a_gone_peer_is_an_error_and_no_signal)
{
    char got[4];

    pair_open();
    CHECK_EQ(stream_write(&b, "unread", 6), 6);
    stream_close(&a);
    CHECK_EQ(stream_write(&b, "x", 1), MCP_AUTH_E_IO);
    CHECK(stream_read(&b, got, sizeof got) <= 0);
    stream_close(&b);
}
