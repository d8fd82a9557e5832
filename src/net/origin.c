/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c: compares the Origin and Host of a request with the names that are allowed. */
#include "net/origin.h"

#include <string.h>

/* The same origin without the port that its scheme has anyway. */
static struct bytes without_default_port(struct bytes origin)
{
    static const struct {
        struct bytes scheme, port;
    } own[] = {
        {{"http://", 7}, {":80", 3}},
        {{"https://", 8}, {":443", 4}},
    };

    for (unsigned i = 0; i < 2; i++) {
        struct bytes scheme = own[i].scheme, port = own[i].port;

        if (origin.size <= scheme.size + port.size ||
            !bytes_equal_nocase((struct bytes){origin.data, scheme.size}, scheme))
            continue;
        if (memcmp(origin.data + origin.size - port.size, port.data, port.size) == 0)
            origin.size -= port.size;
    }
    return origin;
}

bool origin_equal(struct bytes a, struct bytes b)
{
    return bytes_equal_nocase(without_default_port(a), without_default_port(b));
}

bool origin_is_among(struct bytes origin, const struct bytes *allowed, unsigned allowed_count)
{
    for (unsigned i = 0; i < allowed_count; i++)
        if (bytes_equal(allowed[i], BYTES("*")) || origin_equal(origin, allowed[i]))
            return true;
    return false;
}

bool origin_allowed(const struct http_request *request, const struct bytes *allowed,
                    unsigned allowed_count)
{
    switch (http_request_header_count(request, BYTES("Origin"))) {
    case 0:
        return true;
    case 1:
        break;
    default:
        return false;
    }
    return origin_is_among(http_request_header(request, BYTES("Origin")), allowed, allowed_count);
}

bool origin_host_is_local(struct bytes host)
{
    static const struct bytes names[] = {{"localhost", 9}, {"127.0.0.1", 9}, {"[::1]", 5}};

    for (unsigned i = 0; i < 3; i++) {
        struct bytes name = names[i];
        size_t at = name.size;

        if (host.size < name.size ||
            !bytes_equal_nocase((struct bytes){host.data, name.size}, name))
            continue;
        if (at == host.size)
            return true;
        if (host.data[at++] != ':' || host.size - at > 5)
            continue;
        while (at < host.size && host.data[at] >= '0' && host.data[at] <= '9')
            at++;
        if (at == host.size)
            return true;
    }
    return false;
}
