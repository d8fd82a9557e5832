/* SPDX-License-Identifier: Apache-2.0 */
/* base64url.c: strict base64url without padding (RFC 4648 section 5), one text for one value. */
#include "base/base64url.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>

#include "mcp_auth/error.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* One more than what a character stands for; 0: it is none of them. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

/* 0 to 63; any other character sets bits above these, which stay above whatever is shifted in. */
static uint32_t value_of(char c)
{
    return values[(unsigned char)c] - 1u;
}

void base64url_encode(const void *data, size_t size, char *ret)
{
    const uint8_t *p = data, *end = p + size / 3 * 3;
    unsigned left = (unsigned)(size % 3);
    uint32_t bits;
    char *to = ret;

    for (; p < end; p += 3, to += 4) {
        bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        to[0] = alphabet[bits >> 18];
        to[1] = alphabet[bits >> 12 & 63];
        to[2] = alphabet[bits >> 6 & 63];
        to[3] = alphabet[bits & 63];
    }
    if (left > 0) {
        bits = (uint32_t)p[0] << 16 | (left == 2 ? (uint32_t)p[1] << 8 : 0);
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        if (left == 2)
            *to++ = alphabet[bits >> 6 & 63];
    }
    assert((size_t)(to - ret) == BASE64URL_SIZE(size));
}

int base64url_decode(struct bytes text, void *ret)
{
    size_t left = text.size % 4, whole = text.size - left;
    uint32_t bits, wrong = 0;
    uint8_t *to = ret;

    /* One character over a multiple of four carries six bits: no byte. */
    if (left == 1 || text.size > INT_MAX)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < whole; i += 4) {
        bits = value_of(text.data[i]) << 18 | value_of(text.data[i + 1]) << 12 |
               value_of(text.data[i + 2]) << 6 | value_of(text.data[i + 3]);
        wrong |= bits >> 24;
        *to++ = (uint8_t)(bits >> 16);
        *to++ = (uint8_t)(bits >> 8);
        *to++ = (uint8_t)bits;
    }
    if (left > 0) { /* RFC 4648 section 3.5: unused bits must be zero */
        bits = value_of(text.data[whole]) << 12 | value_of(text.data[whole + 1]) << 6;
        if (left == 3)
            bits |= value_of(text.data[whole + 2]);
        wrong |= bits >> 18 | (bits & (left == 3 ? 0x003 : 0x3ff));
        *to++ = (uint8_t)(bits >> 10);
        if (left == 3)
            *to++ = (uint8_t)(bits >> 2);
    }
    assert((size_t)(to - (uint8_t *)ret) == text.size * 3 / 4);
    return wrong ? MCP_AUTH_E_INVALID : (int)(to - (uint8_t *)ret);
}
