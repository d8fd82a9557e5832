/* SPDX-License-Identifier: Apache-2.0 */
/* address.c: the server's URL, taken apart: where to connect and what to ask for. */
#include "client/address.h"

#include <stdio.h>

#include "mcp_auth/error.h"

static bool is_plain(struct bytes text)
{
    /* It goes into a request head: nothing that could end a line or a word there. */
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c <= 0x20 || c >= 0x7f || strchr("?#@\\\"<>", c))
            return false;
    }
    return true;
}

static bool take_prefix(struct bytes *rest, struct bytes prefix)
{
    if (rest->size < prefix.size ||
        !bytes_equal_nocase((struct bytes){rest->data, prefix.size}, prefix))
        return false;
    rest->data += prefix.size;
    rest->size -= prefix.size;
    return true;
}

static bool take_port(struct client_address *address, struct bytes text)
{
    unsigned long port = 0;

    if (text.size == 0 || text.size > 5)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned long)(text.data[i] - '0');
    }
    if (port == 0 || port > 65535)
        return false;
    snprintf(address->port, sizeof address->port, "%lu", port);
    return true;
}

/* "host", "host:port", "[::1]", "[::1]:port". */
static bool take_authority(struct client_address *address, struct bytes text)
{
    bool bracket = text.size > 0 && text.data[0] == '[';
    const char *end = memchr(text.data, bracket ? ']' : ':', text.size);
    size_t host_size = end ? (size_t)(end - text.data) - bracket : text.size;
    size_t used = end ? (size_t)(end - text.data) + bracket : text.size;

    if ((bracket && !end) || host_size == 0 || host_size >= sizeof address->host)
        return false;
    memcpy(address->host, text.data + bracket, host_size);
    address->host[host_size] = '\0';
    if (!take_port(address, BYTES("80")))
        return false;
    if (used < text.size) {
        struct bytes port = {text.data + used + 1, text.size - used - 1};

        if (text.data[used] != ':' || !take_port(address, port))
            return false;
    }
    snprintf(address->authority, sizeof address->authority, "%.*s", (int)text.size, text.data);
    snprintf(address->connect, sizeof address->connect, bracket ? "[%s]:%s" : "%s:%s",
             address->host, address->port);
    return true;
}

static bool take_url(struct client_address *address, struct bytes rest, bool http)
{
    const char *slash = memchr(rest.data, '/', rest.size);
    struct bytes authority = {rest.data, slash ? (size_t)(slash - rest.data) : rest.size};
    struct bytes path = {rest.data + authority.size, rest.size - authority.size};

    while (path.size > 0 && path.data[path.size - 1] == '/')
        path.size--;
    /* An http:// address is the server's, as publish and stats take it; ws:// is the endpoint's. */
    snprintf(address->path, sizeof address->path, "%.*s%s", (int)path.size,
             path.size ? path.data : "", http || path.size == 0 ? "/ws" : "");
    return take_authority(address, authority);
}

int client_address_read(const char *url, struct client_address *ret)
{
    struct client_address address = {0};
    struct bytes rest = bytes_of(url);
    bool ok;

    if (rest.size + sizeof "/ws" > CLIENT_URL_SIZE_MAX)
        return MCP_AUTH_E_INVALID;
    if (take_prefix(&rest, BYTES("wss://")) || take_prefix(&rest, BYTES("https://")))
        return MCP_AUTH_E_UNSUPPORTED;
    if (take_prefix(&rest, BYTES("unix:"))) {
        snprintf(address.connect, sizeof address.connect, "unix:%.*s", (int)rest.size, rest.data);
        snprintf(address.authority, sizeof address.authority, "localhost");
        snprintf(address.path, sizeof address.path, "/ws");
        ok = rest.size > 0;
    } else if (!is_plain(rest)) {
        ok = false;
    } else if (take_prefix(&rest, BYTES("ws://"))) {
        ok = take_url(&address, rest, false);
    } else {
        ok = take_prefix(&rest, BYTES("http://")) && take_url(&address, rest, true);
    }
    if (!ok)
        return MCP_AUTH_E_INVALID;
    *ret = address;
    return 0;
}
