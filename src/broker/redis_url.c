/* SPDX-License-Identifier: Apache-2.0 */
/* redis_url.c: the address of a Redis server, as operators write it. */
#include "broker/redis_url.h"

#include <stdio.h>

#include "codec/url.h"
#include "mcp_auth/error.h"

#define DATABASE_MAX 65535u /* Redis' own default is 16 databases */
#define UNIX_PATH_MAX 107u  /* sockaddr_un, with its NUL 108 */

/* What is still to be read, and why it cannot be. */
struct reading {
    struct bytes rest;
    const char *why;
};

static int refuse(struct reading *reading, const char *why)
{
    reading->why = why;
    return MCP_AUTH_E_INVALID;
}

static struct bytes cut(struct bytes b, size_t from, size_t to)
{
    return (struct bytes){b.data + from, to - from};
}

/* Where the first of these characters stands; the size when none does. */
static size_t find_any(struct bytes b, const char *any)
{
    size_t at = 0;

    while (at < b.size && !memchr(any, b.data[at], strlen(any)))
        at++;
    return at;
}

static size_t find_last(struct bytes b, char c)
{
    const char *found = b.size ? memrchr(b.data, c, b.size) : NULL;

    return found ? (size_t)(found - b.data) : b.size;
}

/* Decoded and terminated. */
static int decode(struct reading *reading, struct bytes text, char *ret, size_t room,
                  const char *why_long, const char *why_bad)
{
    struct strbuf out;
    int r;

    strbuf_init_secret(&out, room - 1); /* it may be a password */
    r = url_decode(text, false, &out);
    if (r == 0) {
        if (out.size > 0)
            memcpy(ret, out.data, out.size);
        ret[out.size] = '\0';
    }
    strbuf_done(&out);
    if (r == MCP_AUTH_E_NOMEM)
        return r;
    return r < 0 ? refuse(reading, r == MCP_AUTH_E_TOO_BIG ? why_long : why_bad) : 0;
}

static int read_number(struct bytes text, unsigned max, unsigned *ret)
{
    unsigned value = 0;

    if (text.size == 0 || text.size > 5)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return MCP_AUTH_E_INVALID;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    if (value > max)
        return MCP_AUTH_E_INVALID;
    *ret = value;
    return 0;
}

static int read_scheme(struct reading *reading, struct redis_url *url)
{
    const struct bytes plain = BYTES("redis://"), tls = BYTES("rediss://"),
                       unix_socket = BYTES("unix://");
    struct bytes scheme;

    if (bytes_starts_with(reading->rest, plain))
        scheme = plain;
    else if (bytes_starts_with(reading->rest, tls))
        scheme = tls;
    else if (bytes_starts_with(reading->rest, unix_socket))
        scheme = unix_socket;
    else
        return refuse(reading, "must begin with redis://, rediss:// or unix://");
    url->tls = scheme.data == tls.data;
    url->unix_socket = scheme.data == unix_socket.data;
    reading->rest = cut(reading->rest, scheme.size, reading->rest.size);
    return 0;
}

/* Up to the last "@" before the host or the path: in a password "@" may stand as it is, "/" not. */
static int read_login(struct reading *reading, struct redis_url *url)
{
    struct bytes before = cut(reading->rest, 0, find_any(reading->rest, "/?#"));
    size_t at = find_last(before, '@'), colon;
    struct bytes login;
    int r;

    if (at == before.size && !url->unix_socket &&
        find_last(reading->rest, '@') < reading->rest.size)
        return refuse(reading, "\"/\", \"?\" and \"#\" in a user or password are %2F, %3F and %23");
    if (at == before.size)
        return 0;
    login = cut(before, 0, at);
    reading->rest = cut(reading->rest, at + 1, reading->rest.size);
    colon = find_any(login, ":");
    r = decode(reading, cut(login, 0, colon), url->user, sizeof url->user,
               "the user name is longer than 256 bytes",
               "the user name has a percent-escape that is none, or is not UTF-8");
    if (r < 0 || colon == login.size)
        return r;
    return decode(
        reading, cut(login, colon + 1, login.size), url->password, sizeof url->password,
        "the password is longer than 1024 bytes",
        "the password has a \"%\" that begins no percent-escape (write %25), or is not UTF-8");
}

static int read_host(struct reading *reading, struct redis_url *url)
{
    struct bytes place = cut(reading->rest, 0, find_any(reading->rest, "/?#")), host, port;
    bool bracket = place.size > 0 && place.data[0] == '[';
    size_t end = find_any(place, bracket ? "]" : ":");
    unsigned number;

    if (bracket && end == place.size)
        return refuse(reading, "the address has no \"]\"");
    host = bracket ? cut(place, 1, end) : cut(place, 0, end);
    port = cut(place, end + (bracket ? 1 : 0), place.size);
    if (host.size == 0)
        return refuse(reading, "the host is missing");
    if (host.size >= sizeof url->host)
        return refuse(reading, "the host is longer than 255 bytes");
    for (size_t i = 0; i < host.size; i++) {
        unsigned char c = (unsigned char)host.data[i];

        if (c <= ' ' || c >= 0x7f || strchr("%@\\\"<>^`{|}[]", c) || (c == ':' && !bracket))
            return refuse(reading, "the host has a character that no host name has");
    }
    memcpy(url->host, host.data, host.size);
    url->host[host.size] = '\0';
    if (port.size > 0 && port.data[0] != ':')
        return refuse(reading, "behind \"]\" only a port may stand");
    if (port.size == 0)
        port = BYTES(":6379");
    if (read_number(cut(port, 1, port.size), 65535, &number) < 0 || number == 0)
        return refuse(reading, "the port is no number from 1 to 65535");
    snprintf(url->port, sizeof url->port, "%u", number);
    reading->rest = cut(reading->rest, place.size, reading->rest.size);
    return 0;
}

static int read_database(struct reading *reading, struct redis_url *url)
{
    struct bytes rest = reading->rest;

    if (rest.size == 0 || bytes_equal(rest, BYTES("/")))
        return 0;
    if (rest.data[0] != '/')
        return refuse(reading, "\"?\" and \"#\" have no meaning here");
    if (read_number(cut(rest, 1, rest.size), DATABASE_MAX, &url->database) < 0)
        return refuse(reading, "the database behind \"/\" is no number from 0 to 65535");
    return 0;
}

static int read_path(struct reading *reading, struct redis_url *url)
{
    size_t end = find_any(reading->rest, "?#");
    struct bytes path = cut(reading->rest, 0, end);
    struct bytes query = cut(reading->rest, end, reading->rest.size);
    int r;

    if (path.size == 0 || path.data[0] != '/')
        return refuse(reading,
                      "the path of a Unix socket must begin with \"/\": unix:///run/redis.sock");
    r = decode(reading, path, url->host, UNIX_PATH_MAX + 1,
               "the path of a Unix socket is longer than 107 bytes",
               "the path has a percent-escape that is none, or is not UTF-8");
    if (r < 0 || query.size == 0)
        return r;
    if (!bytes_starts_with(query, BYTES("?db=")))
        return refuse(reading, "behind the path only ?db=NUMBER may stand");
    if (read_number(cut(query, 4, query.size), DATABASE_MAX, &url->database) < 0)
        return refuse(reading, "the database behind \"?db=\" is no number from 0 to 65535");
    return 0;
}

static int read_all(struct reading *reading, struct redis_url *url, struct bytes password)
{
    int r;

    if (memchr(reading->rest.data, '\0', reading->rest.size))
        return refuse(reading, "it has a NUL in it");
    r = read_scheme(reading, url);
    if (r >= 0)
        r = read_login(reading, url);
    if (r >= 0)
        r = url->unix_socket ? read_path(reading, url) : read_host(reading, url);
    if (r >= 0 && !url->unix_socket)
        r = read_database(reading, url);
    if (r < 0)
        return r;
    if (!url->password[0] && password.size > 0) {
        if (password.size >= sizeof url->password)
            return refuse(reading, "the password is longer than 1024 bytes");
        memcpy(url->password, password.data, password.size);
        url->password[password.size] = '\0';
    }
    if (url->user[0] && !url->password[0])
        return refuse(reading, "a user is given and no password");
    return 0;
}

int redis_url_read(struct bytes text, struct bytes password, struct redis_url *ret,
                   const char **ret_why)
{
    struct reading reading = {text, NULL};
    struct redis_url url = {0};
    int r;

    r = text.size > 0 ? read_all(&reading, &url, password) : refuse(&reading, "it is empty");
    if (r >= 0)
        *ret = url;
    else
        *ret_why = reading.why ? reading.why : "out of memory";
    redis_url_wipe(&url);
    return r;
}

void redis_url_text(const struct redis_url *url, char ret[REDIS_URL_TEXT_SIZE])
{
    bool bracket = strchr(url->host, ':') != NULL;

    if (url->unix_socket)
        snprintf(ret, REDIS_URL_TEXT_SIZE, "unix://%s?db=%u", url->host, url->database);
    else
        snprintf(ret, REDIS_URL_TEXT_SIZE, "redis%s://%s%s%s:%s/%u", url->tls ? "s" : "",
                 bracket ? "[" : "", url->host, bracket ? "]" : "", url->port, url->database);
}

void redis_url_wipe(struct redis_url *url)
{
    explicit_bzero(url, sizeof *url);
}
