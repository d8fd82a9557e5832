/* SPDX-License-Identifier: Apache-2.0 */
/* key_url.c: may keys be fetched from this address? */
#include "keys/key_url.h"

/* Figures only: a name such as 127.evil.example is not ours. */
static bool is_loopback(struct bytes host)
{
    if (bytes_equal_nocase(host, BYTES("localhost")) || bytes_equal(host, BYTES("[::1]")))
        return true;
    if (!bytes_starts_with(host, BYTES("127.")))
        return false;
    for (size_t i = 0; i < host.size; i++)
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return false;
    return true;
}

/* Up to the port, the path or the end. */
static struct bytes host_of(struct bytes rest)
{
    bool bracket = false;

    for (size_t i = 0; i < rest.size; i++) {
        char c = rest.data[i];

        bracket = (bracket || c == '[') && c != ']';
        if (c == '/' || c == '?' || (c == ':' && !bracket))
            return (struct bytes){rest.data, i};
    }
    return rest;
}

const char *key_url_check(struct bytes url)
{
    bool secure = bytes_starts_with(url, BYTES("https://"));
    size_t scheme = secure ? 8 : 7;
    struct bytes host;

    if (url.size > KEY_URL_SIZE_MAX)
        return "is longer than 2048 bytes";
    if (!secure && !bytes_starts_with(url, BYTES("http://")))
        return "does not begin with https://";
    for (size_t i = 0; i < url.size; i++) {
        unsigned char c = (unsigned char)url.data[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c))
            return "has a character that is not for an address";
        if (c == '@' || c == '#')
            return "has an @ or #: a user or a fragment is not for a key set";
    }
    host = host_of((struct bytes){url.data + scheme, url.size - scheme});
    if (host.size == 0)
        return "names no host";
    if (!secure && !is_loopback(host))
        return "must be https: keys that anybody on the way can change let anybody in; http is for "
               "this machine only";
    return NULL;
}

struct bytes key_url_shown(struct bytes url)
{
    const char *query = url.size > 0 ? memchr(url.data, '?', url.size) : NULL;

    return query ? (struct bytes){url.data, (size_t)(query - url.data)} : url;
}
