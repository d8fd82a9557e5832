/* SPDX-License-Identifier: Apache-2.0 */
/* base64url.c: strict base64url without padding (RFC 4648 section 5), one text for one value. */
#include "base/base64url.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>

#include "mcp_auth/error.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

void base64url_encode(const void *data, size_t size, char *ret)
{
    const uint8_t *p = data;
    uint32_t bits = 0;
    unsigned held = 0;
    char *to = ret;

    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | p[i];
        for (held += 8; held >= 6; held -= 6)
            *to++ = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        *to++ = alphabet[bits << (6 - held) & 63];
    assert((size_t)(to - ret) == BASE64URL_SIZE(size));
}

int base64url_decode(struct bytes text, void *ret)
{
    uint8_t *to = ret;
    uint32_t bits = 0;
    unsigned held = 0;

    /* One character over a multiple of four carries six bits: no byte. */
    if (text.size % 4 == 1 || text.size > INT_MAX)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < text.size; i++) {
        int value = value_of(text.data[i]);

        if (value < 0)
            return MCP_AUTH_E_INVALID;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (uint8_t)(bits >> held);
        }
    }
    if (bits & ((1u << held) - 1)) /* RFC 4648 section 3.5: unused bits must be zero */
        return MCP_AUTH_E_INVALID;
    assert((size_t)(to - (uint8_t *)ret) == text.size * 3 / 4);
    return (int)(to - (uint8_t *)ret);
}
