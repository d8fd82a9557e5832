/* SPDX-License-Identifier: Apache-2.0 */
/* url.c: percent-decoding, and the pairs of a query. */
#include "codec/url.h"

#include "base/utf8.h"
#include "mcp_auth/error.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The decoded size, or MCP_AUTH_E_INVALID. Asked first, so that the ceiling of the result is held
 * against what is appended and not against the longer encoded text. */
static int decoded_size(struct bytes text, size_t *ret)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++, size++) {
        if (text.data[i] == '\0')
            return MCP_AUTH_E_INVALID;
        if (text.data[i] != '%')
            continue;
        if (text.size - i < 3 || hex_value(text.data[i + 1]) < 0 || hex_value(text.data[i + 2]) < 0)
            return MCP_AUTH_E_INVALID;
        if (text.data[i + 1] == '0' && text.data[i + 2] == '0')
            return MCP_AUTH_E_INVALID;
        i += 2;
    }
    *ret = size;
    return 0;
}

int url_decode(struct bytes text, bool plus_is_space, struct strbuf *out)
{
    size_t size, used = 0;
    char *to;
    int r;

    r = decoded_size(text, &size);
    if (r < 0)
        return r;
    if (out->error || size == 0)
        return out->error;

    to = strbuf_reserve(out, size);
    if (!to)
        return out->error;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (c == '%') {
            c = (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        to[used++] = c;
    }
    if (!utf8_valid(to, used)) /* only whole text is: an escape holds a byte, not a character */
        return MCP_AUTH_E_INVALID;
    strbuf_added(out, used);
    return 0;
}

bool url_next_pair(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value)
{
    while (query->size > 0) {
        const char *mark = memchr(query->data, '&', query->size), *equals;
        size_t size = mark ? (size_t)(mark - query->data) : query->size;
        struct bytes pair = {query->data, size};

        size += mark != NULL;
        *query = (struct bytes){query->data + size, query->size - size};
        if (pair.size == 0)
            continue;
        equals = memchr(pair.data, '=', pair.size);
        *ret_name = (struct bytes){pair.data, equals ? (size_t)(equals - pair.data) : pair.size};
        *ret_value = equals ? (struct bytes){equals + 1, pair.size - ret_name->size - 1}
                            : (struct bytes){pair.data + pair.size, 0};
        return true;
    }
    return false;
}
