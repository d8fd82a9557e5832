/* SPDX-License-Identifier: Apache-2.0 */
/* socket_address.c: addresses of sockets, from text and back, without any name look-up. */
#include "io/socket_address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>

#include "mcp_auth/error.h"

#define PORT_MAX 65535u
#define UNIX_PATH_AT offsetof(struct sockaddr_un, sun_path)
#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

_Static_assert(sizeof "unix:" + UNIX_PATH_MAX <= SOCKET_TEXT_SIZE, "a path's text fits");
_Static_assert(sizeof "[]:65535" + INET6_ADDRSTRLEN <= SOCKET_TEXT_SIZE, "an address fits");

/* The storage as one family. Copies, because the storage may come from outside and because
 * reading it through another type is what aliasing forbids. */
static bool read_v4(const struct sockaddr_storage *storage, socklen_t size, struct sockaddr_in *ret)
{
    if (size < sizeof *ret || storage->ss_family != AF_INET)
        return false;
    memcpy(ret, storage, sizeof *ret);
    return true;
}

static bool read_v6(const struct sockaddr_storage *storage, socklen_t size,
                    struct sockaddr_in6 *ret)
{
    if (size < sizeof *ret || storage->ss_family != AF_INET6)
        return false;
    memcpy(ret, storage, sizeof *ret);
    return true;
}

static bool is_unix(const struct sockaddr_storage *storage, socklen_t size)
{
    return size >= UNIX_PATH_AT && size <= sizeof(struct sockaddr_un) &&
           storage->ss_family == AF_UNIX;
}

static void write_unix(const struct sockaddr_storage *peer, socklen_t size,
                       char ret[SOCKET_TEXT_SIZE])
{
    const char *path = (const char *)peer + UNIX_PATH_AT;
    size_t room = size - UNIX_PATH_AT, length = strnlen(path, room);
    char *to = ret + sizeof "unix:" - 1;

    /* The kernel need not terminate a path that fills the field (unix(7)). */
    if (length > UNIX_PATH_MAX)
        length = UNIX_PATH_MAX;
    memcpy(ret, "unix:", sizeof "unix:");
    for (size_t i = 0; i < length; i++) /* a path may hold anything; our text is one line */
        to[i] = path[i] >= 0 && path[i] < ' ' ? '?' : path[i];
    to[length] = '\0';
}

void socket_peer_text(const struct sockaddr_storage *peer, socklen_t size,
                      char ret[SOCKET_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (read_v4(peer, size, &v4)) {
        inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        snprintf(ret, SOCKET_TEXT_SIZE, "%s:%u", host, ntohs(v4.sin_port));
    } else if (read_v6(peer, size, &v6)) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);

        if (mapped)
            inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], host, sizeof host);
        else
            inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        snprintf(ret, SOCKET_TEXT_SIZE, mapped ? "%s:%u" : "[%s]:%u", host, ntohs(v6.sin6_port));
    } else if (is_unix(peer, size)) {
        write_unix(peer, size, ret);
    } else {
        snprintf(ret, SOCKET_TEXT_SIZE, "unknown");
    }
}

int socket_address_set(struct socket_address *address, const struct sockaddr_storage *storage,
                       socklen_t size)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (!read_v4(storage, size, &v4) && !read_v6(storage, size, &v6) && !is_unix(storage, size))
        return MCP_AUTH_E_UNSUPPORTED;
    address->storage = *storage;
    address->size = size;
    socket_peer_text(storage, size, address->text);
    return 0;
}

bool socket_address_is_unix(const struct socket_address *address)
{
    return address->storage.ss_family == AF_UNIX;
}

unsigned socket_address_port(const struct socket_address *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (read_v4(&address->storage, address->size, &v4))
        return ntohs(v4.sin_port);
    if (read_v6(&address->storage, address->size, &v6))
        return ntohs(v6.sin6_port);
    return 0;
}

static void set_v4(struct socket_address *address, struct in_addr host, unsigned port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_addr = host,
                             .sin_port = htons((uint16_t)port)};

    *address = (struct socket_address){.size = sizeof v4};
    memcpy(&address->storage, &v4, sizeof v4);
    socket_peer_text(&address->storage, address->size, address->text);
}

static void set_v6(struct socket_address *address, struct in6_addr host, unsigned port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_addr = host,
                              .sin6_port = htons((uint16_t)port)};

    *address = (struct socket_address){.size = sizeof v6};
    memcpy(&address->storage, &v6, sizeof v6);
    socket_peer_text(&address->storage, address->size, address->text);
}

void socket_address_set_port(struct socket_address *address, unsigned port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    assert(port <= PORT_MAX && !socket_address_is_unix(address));
    if (read_v4(&address->storage, address->size, &v4))
        set_v4(address, v4.sin_addr, port);
    else if (read_v6(&address->storage, address->size, &v6))
        set_v6(address, v6.sin6_addr, port);
}

/* One way to write a port: no sign, no leading zero. */
static bool parse_port(struct bytes text, unsigned *ret)
{
    unsigned port = 0;

    if (text.size == 0 || text.size > 5 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    if (port > PORT_MAX)
        return false;
    *ret = port;
    return true;
}

static int parse_unix(struct bytes path, struct socket_address *ret)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    /* Absolute, for a daemon's working directory is nothing to rely on. */
    if (path.size < 2 || path.size > UNIX_PATH_MAX || path.data[0] != '/')
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < path.size; i++)
        if ((unsigned char)path.data[i] < ' ') /* a NUL would cut it; the rest is a slip */
            return MCP_AUTH_E_INVALID;
    memcpy(un.sun_path, path.data, path.size);
    *ret = (struct socket_address){.size = (socklen_t)(UNIX_PATH_AT + path.size + 1)};
    memcpy(&ret->storage, &un, sizeof un);
    socket_peer_text(&ret->storage, ret->size, ret->text);
    return 1;
}

static int parse_host(struct bytes host, unsigned port, struct socket_address *ret)
{
    bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    char text[INET6_ADDRSTRLEN] = "";
    struct in_addr v4;
    struct in6_addr v6;

    if (bracketed)
        host = (struct bytes){host.data + 1, host.size - 2};
    if (host.size >= sizeof text || memchr(host.data, '\0', host.size))
        return MCP_AUTH_E_INVALID;
    memcpy(text, host.data, host.size);

    if (!bracketed && inet_pton(AF_INET, text, &v4) == 1) {
        set_v4(ret, v4, port);
        return 1;
    }
    /* A mapped address would be IPv4 by another name, which our IPV6_V6ONLY excludes. */
    if (bracketed && inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
        set_v6(ret, v6, port);
        return 1;
    }
    return MCP_AUTH_E_INVALID;
}

int socket_parse(struct bytes text, struct socket_address ret[SOCKET_ADDRESSES_MAX])
{
    struct bytes unix_prefix = BYTES("unix:"), host;
    const char *colon;
    unsigned port;

    if (bytes_starts_with(text, unix_prefix)) {
        return parse_unix((struct bytes){text.data + unix_prefix.size,
                                         text.size - unix_prefix.size},
                          ret);
    }
    colon = text.size ? memrchr(text.data, ':', text.size) : NULL;
    if (!colon)
        return MCP_AUTH_E_INVALID;
    host = (struct bytes){text.data, (size_t)(colon - text.data)};
    if (!parse_port((struct bytes){colon + 1, text.size - host.size - 1}, &port))
        return MCP_AUTH_E_INVALID;

    if (host.size == 0) {
        set_v4(&ret[0], (struct in_addr){htonl(INADDR_ANY)}, port);
        set_v6(&ret[1], in6addr_any, port);
        return 2;
    }
    if (bytes_equal_nocase(host, BYTES("localhost"))) {
        set_v4(&ret[0], (struct in_addr){htonl(INADDR_LOOPBACK)}, port);
        set_v6(&ret[1], in6addr_loopback, port);
        return 2;
    }
    return parse_host(host, port, ret);
}

bool socket_is_loopback(const struct sockaddr_storage *peer, socklen_t size)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (read_v4(peer, size, &v4))
        return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (read_v6(peer, size, &v6)) {
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
            return v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    }
    return is_unix(peer, size);
}

bool socket_address_key(const struct sockaddr_storage *peer, socklen_t size, uint8_t ret[16])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (read_v4(peer, size, &v4)) {
        memset(ret, 0, 10);
        memset(ret + 10, 0xff, 2);
        memcpy(ret + 12, &v4.sin_addr, 4);
        return true;
    }
    if (!read_v6(peer, size, &v6))
        return false;
    memcpy(ret, &v6.sin6_addr, 16);
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && !IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr))
        memset(ret + 8, 0, 8);
    return true;
}
