/* SPDX-License-Identifier: Apache-2.0 */
/* token.c: compact JWS with HS256 by OpenSSL's one-call HMAC and a base64url of its own. */
#include "token.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

static size_t base64url(char *to, const unsigned char *from, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t at = 0;
    unsigned bits = 0, held = 0;

    for (size_t i = 0; i < size; i++) {
        held = held << 8 | from[i];
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            to[at++] = digits[held >> bits & 63];
        }
    }
    if (bits > 0)
        to[at++] = digits[held << (6 - bits) & 63];
    to[at] = 0;
    return at;
}

static size_t names_put(char *to, size_t room, const char *claim, const char names[][SIM_NAME_SIZE],
                        unsigned count)
{
    size_t at = (size_t)snprintf(to, room, ",\"%s\":", claim);

    if (count == 1) /* one string is an array of one, too */
        return at + (size_t)snprintf(to + at, room - at, "\"%s\"", names[0]);
    to[at++] = '[';
    for (unsigned i = 0; i < count; i++)
        at += (size_t)snprintf(to + at, room - at, "%s\"%s\"", i ? "," : "", names[i]);
    to[at++] = ']';
    to[at] = 0;
    return at;
}

static size_t time_put(char *to, size_t room, const char *claim, int64_t ms)
{
    if (ms % 1000 == 0)
        return (size_t)snprintf(to, room, ",\"%s\":%" PRId64, claim, ms / 1000);
    return (size_t)snprintf(to, room, ",\"%s\":%" PRId64 ".%03d", claim, ms / 1000,
                            (int)(ms % 1000));
}

static size_t payload_put(char *to, size_t room, const struct plain_token *token,
                          enum token_fault fault)
{
    size_t at = (size_t)snprintf(to, room, "{\"jti\":\"x\"");

    if (fault != TOKEN_NO_USER)
        at += (size_t)snprintf(to + at, room - at, ",\"sub\":\"%s\"", token->user);
    if (token->tenant[0])
        at += (size_t)snprintf(to + at, room - at, ",\"tenant_id\":\"%s\"", token->tenant);
    if (fault == TOKEN_ROLES_NUMBER)
        at += (size_t)snprintf(to + at, room - at, ",\"roles\":7");
    else
        at += names_put(to + at, room - at, "roles", token->roles, token->roles_count);
    at +=
        names_put(to + at, room - at, "permissions", token->permissions, token->permissions_count);
    if (fault != TOKEN_NO_EXP)
        at += time_put(to + at, room - at, "exp", token->exp_ms);
    if (token->has_iat)
        at += time_put(to + at, room - at, "iat", token->iat_ms);
    if (token->has_nbf)
        at += time_put(to + at, room - at, "nbf", token->nbf_ms);
    to[at++] = '}';
    to[at] = 0;
    return at;
}

void token_make(char ret[SIM_TOKEN_SIZE], const struct plain_token *token, enum token_fault fault)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    static const char none[] = "{\"alg\":\"none\"}";
    const char *head = fault == TOKEN_ALG_NONE ? none : header;
    char payload[2048];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;
    size_t at = base64url(ret, (const unsigned char *)head, strlen(head));
    size_t size = payload_put(payload, sizeof payload, token, fault);

    ret[at++] = '.';
    at += base64url(ret + at, (const unsigned char *)payload, size);
    HMAC(EVP_sha256(), SIM_SECRET, sizeof SIM_SECRET - 1, (unsigned char *)ret, at, mac, &mac_size);
    if (fault == TOKEN_FORGED)
        mac[5] ^= 4;
    ret[at++] = '.';
    at += base64url(ret + at, mac, mac_size);
    if (fault == TOKEN_CUT)
        ret[at - 3] = 0;
}
