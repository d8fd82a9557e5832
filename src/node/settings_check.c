/* SPDX-License-Identifier: Apache-2.0 */
/* settings_check.c: what one text must look like: an address, a claim's name, an origin, a key. */
#include "node/settings_table.h"

#include "broker/redis_url.h"
#include "mcp_auth/error.h"

/* sun_path holds 108 bytes with its NUL (unix(7)). */
#define UNIX_PATH_SIZE_MAX 107u

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

const char *setting_check_plain(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (is_control(text.data[i]))
            return "holds a control character";
    return NULL;
}

/* Nothing that means something to Redis: braces make a hash tag, the others a pattern of an ACL. */
const char *setting_check_prefix(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '.' && c != ':' && c != '-')
            return "has an odd character";
    }
    return NULL;
}

static const char *check_host(struct bytes host, bool bracketed)
{
    if (host.size == 0)
        return "names no host; 0.0.0.0 or [::] is every address";
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '.' && c != '-' && !(bracketed && (c == ':' || c == '%')))
            return bracketed ? "has an odd address in its brackets"
                             : "has an odd character in its host; IPv6 goes in brackets";
    }
    return NULL;
}

const char *setting_check_address(struct bytes text)
{
    struct bytes host, port;
    const char *colon;
    int64_t number;

    if (bytes_starts_with(text, BYTES("unix:"))) {
        if (text.size == 5 || text.size - 5 > UNIX_PATH_SIZE_MAX)
            return "needs a path of 1..107 bytes after unix:";
        return setting_check_plain(text);
    }
    colon = memrchr(text.data, ':', text.size);
    if (!colon)
        return "has no port; write HOST:PORT";
    host = (struct bytes){text.data, (size_t)(colon - text.data)};
    port = (struct bytes){colon + 1, text.size - host.size - 1};
    if (setting_number(port, 0, &number) < 0 || number > 65535)
        return "has no port of 0..65535 at its end";
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        return check_host((struct bytes){host.data + 1, host.size - 2}, true);
    return check_host(host, false);
}

const char *setting_check_loopback(struct bytes address)
{
    static const char why[] = "is not a loopback address, and --dev listens on nothing else";
    struct bytes host;

    if (bytes_starts_with(address, BYTES("unix:")))
        return NULL;
    host = (struct bytes){address.data, address.size};
    while (host.size && host.data[host.size - 1] != ':')
        host.size--;
    if (host.size)
        host.size--;
    if (bytes_equal_nocase(host, BYTES("localhost")) || bytes_equal(host, BYTES("[::1]")))
        return NULL;
    /* 127.0.0.0/8 in figures only: a name such as 127.evil.example is not ours. */
    if (!bytes_starts_with(host, BYTES("127.")))
        return why;
    for (size_t i = 0; i < host.size; i++)
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return why;
    return NULL;
}

/* RFC 6901 section 3: in a pointer '~' is always the start of "~0" or "~1". */
const char *setting_check_claim(struct bytes text)
{
    if (text.data[0] == '/')
        for (size_t i = 0; i < text.size; i++)
            if (text.data[i] == '~' &&
                (i + 1 == text.size || (text.data[i + 1] != '0' && text.data[i + 1] != '1')))
                return "is no JSON Pointer: after ~ comes 0 or 1";
    return setting_check_plain(text);
}

/* RFC 6454 section 6.2: scheme "://" host [":" port], nothing after it. */
const char *setting_check_origin(struct bytes text)
{
    const char *colon = memchr(text.data, ':', text.size);
    size_t scheme = colon ? (size_t)(colon - text.data) : 0;

    if (bytes_equal(text, BYTES("*")))
        return NULL;
    if (scheme == 0 || text.size <= scheme + 3 || memcmp(colon, "://", 3) != 0)
        return "has no scheme; write https://HOST";
    for (size_t i = scheme + 3; i < text.size; i++) {
        if (text.data[i] == '/')
            return "has a path; an origin ends after its host and port";
        if (text.data[i] == '*')
            return "has a * in it; name each host, or use * alone for any";
        if ((unsigned char)text.data[i] <= 0x20 || (unsigned char)text.data[i] >= 0x7f)
            return "has an odd character";
    }
    return NULL;
}

/* It travels in a header field (RFC 6750 section 2.1), so no spaces and nothing unprintable. */
const char *setting_check_key(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= 0x20 || (unsigned char)text.data[i] >= 0x7f)
            return "holds a character that cannot stand in a header field";
    return NULL;
}

const char *setting_check_redact(struct bytes text)
{
    char folded[REDACT_KEY_SIZE_MAX];

    return redaction_fold(text, folded) == 0 ? "has nothing left without case, _ and -" : NULL;
}

/* What cannot be read may hold a password anywhere. */
char *setting_url_shown(struct bytes url)
{
    char text[REDIS_URL_TEXT_SIZE] = "(set)";
    struct redis_url read;
    const char *why;

    if (redis_url_read(url, BYTES("-"), &read, &why) == 0) { /* a password may come by itself */
        redis_url_text(&read, text);
        redis_url_wipe(&read);
    }
    return strdup(text);
}
