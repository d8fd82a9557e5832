/* SPDX-License-Identifier: Apache-2.0 */
/* target.c: where a load goes, from which addresses, and whether this machine has room for it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/lookup.h"
#include "io/socket_connect.h"
#include "load/load_private.h"
#include "mcp_auth/error.h"

#define LOOKUP_MS 10000
#define CONNECT_MS 5000
/* Our own files, standard streams, epoll, timer. */
#define DESCRIPTORS_BESIDES 32u
#define PORTS_FILE "/proc/sys/net/ipv4/ip_local_port_range"
#define PORTS_DEFAULT 28232u

static int look_up(const struct client_address *address,
                   struct socket_address ret[LOOKUP_ADDRESSES_MAX], char ret_why[LOAD_WHY_SIZE])
{
    struct pollfd done = {.events = POLLIN};
    struct lookup *lookup = NULL;
    const char *why = "it took too long";
    int r = lookup_start(&lookup, address->host, address->port);

    if (r == 0) {
        done.fd = lookup_fd(lookup);
        r = MCP_AUTH_E_NOT_FOUND;
        if (poll(&done, 1, LOOKUP_MS) > 0)
            r = lookup_result(lookup, ret, &why);
        lookup_free(lookup);
    }
    if (r < 0)
        snprintf(ret_why, LOAD_WHY_SIZE, "%s cannot be found: %s", address->host, why);
    return r;
}

/* Does somebody listen there? The connection is made and let go. */
static int try_address(const struct socket_address *address)
{
    struct pollfd done = {.events = POLLOUT};
    int r = socket_connect(address, &done.fd);

    if (r < 0)
        return r;
    if (poll(&done, 1, CONNECT_MS) > 0) {
        r = socket_connect_result(done.fd);
    } else {
        errno = ETIMEDOUT;
        r = MCP_AUTH_E_SYSTEM;
    }
    close(done.fd);
    return r;
}

static bool is_loopback4(const struct socket_address *address)
{
    const struct sockaddr_in *in = (const void *)&address->storage;

    return address->storage.ss_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

int target_find(struct load *load, char ret_why[LOAD_WHY_SIZE])
{
    struct socket_address addresses[LOOKUP_ADDRESSES_MAX];
    int count = socket_parse(bytes_of(load->address.connect), addresses);
    int r = MCP_AUTH_E_NOT_FOUND;

    if (count < 0 && load->address.host[0])
        count = look_up(&load->address, addresses, ret_why);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        r = try_address(&addresses[i]);
        if (r < 0)
            continue;
        load->target = addresses[i];
        load->many_sources = is_loopback4(&load->target);
        return 0;
    }
    snprintf(ret_why, LOAD_WHY_SIZE, "nobody answers at %s: %s", load->address.connect,
             strerrordesc_np(errno));
    return r;
}

static int enough_descriptors(unsigned long long need, char ret_why[LOAD_WHY_SIZE])
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return MCP_AUTH_E_SYSTEM;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need) {
        snprintf(ret_why, LOAD_WHY_SIZE,
                 "%llu open files are needed, and the hard limit is %llu: raise it (ulimit -Hn "
                 "%llu, as root), or ask for fewer connections",
                 need, (unsigned long long)limit.rlim_max, need);
        return MCP_AUTH_E_SYSTEM;
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need)
        return 0;
    limit.rlim_cur = (rlim_t)need;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        snprintf(ret_why, LOAD_WHY_SIZE, "%llu open files are needed: %s", need,
                 strerrordesc_np(errno));
        return MCP_AUTH_E_SYSTEM;
    }
    return 0;
}

static unsigned ports_of_one_address(void)
{
    FILE *file = fopen(PORTS_FILE, "re");
    char line[64] = "", *end = line;
    unsigned long first, last;

    if (file) {
        if (!fgets(line, sizeof line, file))
            line[0] = '\0';
        fclose(file);
    }
    first = strtoul(line, &end, 10);
    last = strtoul(end, NULL, 10);
    return first > 0 && first <= last && last <= 65535 ? (unsigned)(last - first + 1)
                                                       : PORTS_DEFAULT;
}

int target_room(const struct load *load, char ret_why[LOAD_WHY_SIZE])
{
    const unsigned sockets = load->plan.connections + load->plan.publishers;
    unsigned ports;
    int r = enough_descriptors(sockets + DESCRIPTORS_BESIDES, ret_why);

    if (r < 0 || socket_address_is_unix(&load->target) || load->many_sources)
        return r;
    ports = ports_of_one_address();
    if (sockets <= ports)
        return 0;
    snprintf(ret_why, LOAD_WHY_SIZE,
             "%u connections need as many ports, and this address has %u (%s): ask for fewer, run "
             "it on several machines, or go to 127.0.0.1, which has many source addresses",
             sockets, ports, PORTS_FILE);
    return MCP_AUTH_E_SYSTEM;
}

int target_connect(const struct load *load, unsigned connection, int *ret_fd)
{
    const unsigned number = connection / LOAD_SOURCE_CONNECTIONS;
    struct socket_address source;
    char text[SOCKET_TEXT_SIZE];
    struct socket_address parsed[SOCKET_ADDRESSES_MAX];

    if (!load->many_sources || number == 0)
        return socket_connect(&load->target, ret_fd);
    /* LOAD_CONNECTIONS_MAX / LOAD_SOURCE_CONNECTIONS is far below 250. */
    snprintf(text, sizeof text, "127.0.0.%u:0", 1 + number);
    if (socket_parse(bytes_of(text), parsed) != 1)
        return MCP_AUTH_E_SYSTEM;
    source = parsed[0];
    return socket_connect_from(&load->target, &source, ret_fd);
}
