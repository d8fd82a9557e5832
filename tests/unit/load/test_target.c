/* SPDX-License-Identifier: Apache-2.0 */
/* test_target.c: thousands of connections to loopback come from several addresses. */
#include <unistd.h>

#include "io/socket.h"
#include "load/load_private.h"
#include "unit.h"

static void check_source(const struct load *load, unsigned connection, const char *wanted)
{
    struct socket_address seen;
    int fd;

    CHECK_EQ(target_connect(load, connection, &fd), 0);
    CHECK_EQ(socket_local(fd, &seen), 0);
    CHECK_EQ(strncmp(seen.text, wanted, strlen(wanted)), 0);
    close(fd);
}

TEST(every_20000_connections_to_loopback_have_a_source_address_of_their_own)
{
    struct load *load = calloc(1, sizeof *load);
    struct socket_address parsed[SOCKET_ADDRESSES_MAX];
    int fd;

    CHECK(load != NULL);
    CHECK_EQ(socket_parse(BYTES("127.0.0.1:0"), parsed), 1);
    CHECK_EQ(socket_listen(&parsed[0], false, 16, &fd), 0);
    CHECK_EQ(socket_local(fd, &load->target), 0);
    load->many_sources = true;
    check_source(load, 0, "127.0.0.1:");
    check_source(load, LOAD_SOURCE_CONNECTIONS - 1, "127.0.0.1:");
    check_source(load, LOAD_SOURCE_CONNECTIONS, "127.0.0.2:");
    check_source(load, LOAD_CONNECTIONS_MAX + LOAD_PUBLISHERS_MAX - 1, "127.0.0.11:");
    load->many_sources = false;
    check_source(load, LOAD_SOURCE_CONNECTIONS, "127.0.0.1:");
    close(fd);
    free(load);
}

TEST(what_this_machine_has_no_room_for_is_said_with_the_number_that_is_needed)
{
    struct load *load = calloc(1, sizeof *load);
    struct socket_address parsed[SOCKET_ADDRESSES_MAX];
    char why[LOAD_WHY_SIZE] = "";

    CHECK(load != NULL);
    CHECK_EQ(socket_parse(BYTES("192.0.2.1:80"), parsed), 1);
    load->target = parsed[0];
    load->plan.connections = 10;
    load->plan.publishers = 4;
    CHECK_EQ(target_room(load, why), 0);
    load->plan.connections = 100000000; /* more files than a kernel gives a process */
    CHECK(target_room(load, why) < 0);
    CHECK(strstr(why, "100000036 open files") || strstr(why, "100000004 connections"));
    free(load);
}
