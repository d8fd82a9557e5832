/* SPDX-License-Identifier: Apache-2.0 */
/* client_token.c: HS256 tokens, one a user, made before anything is measured. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "client_parts.h"
#include "pattern.h"

#define PAYLOAD_MAX 2048u

static char *tokens[CONNECTIONS_MAX];

void user_name(unsigned user, char ret[static 16])
{
    snprintf(ret, 16, "u%06u", user);
}

/* RFC 7515 section 2: base64url without padding. */
static size_t base64url(char *ret, const uint8_t *bytes, size_t size)
{
    size_t length = (size_t)EVP_EncodeBlock((uint8_t *)ret, bytes, (int)size);

    while (length > 0 && ret[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++)
        ret[i] = ret[i] == '+' ? '-' : ret[i] == '/' ? '_' : ret[i];
    ret[length] = '\0';
    return length;
}

static size_t claims(char *ret, unsigned user, long now)
{
    uint64_t mix = pattern_mix(user);
    char name[16];
    int size;

    user_name(user, name);
    size = snprintf(ret, PAYLOAD_MAX, "{\"sub\":\"%s\",\"iat\":%ld,\"exp\":%ld", name, now - 60,
                    now + 86400);
    if (plan.role)
        size += snprintf(ret + size, PAYLOAD_MAX - (size_t)size, ",\"roles\":[\"%s\"]", plan.role);
    if (plan.mixed_permissions) {
        size += snprintf(ret + size, PAYLOAD_MAX - (size_t)size, ",\"permissions\":[");
        for (unsigned e = 0; e < 64; e++)
            if (mix >> e & 1)
                size += snprintf(ret + size, PAYLOAD_MAX - (size_t)size, "\"r%02u:read\",", e);
        size -= ret[size - 1] == ',';
        size += snprintf(ret + size, PAYLOAD_MAX - (size_t)size, "]");
    }
    size += snprintf(ret + size, PAYLOAD_MAX - (size_t)size, "}");
    return (size_t)size;
}

void tokens_make(unsigned count)
{
    static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."; /* HS256, JWT */
    long now = (long)time(NULL);
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned sum_size;

    if (!plan.secret)
        return;
    for (unsigned i = 0; i < count; i++) {
        char payload[PAYLOAD_MAX], text[sizeof header + 2 * PAYLOAD_MAX];
        size_t size = claims(payload, i, now);

        if (tokens[i])
            continue;
        memcpy(text, header, sizeof header);
        size =
            sizeof header - 1 + base64url(text + sizeof header - 1, (const uint8_t *)payload, size);
        if (!HMAC(EVP_sha256(), plan.secret, (int)strlen(plan.secret), (const uint8_t *)text, size,
                  sum, &sum_size))
            die("no HMAC");
        text[size++] = '.';
        base64url(text + size, sum, sum_size);
        tokens[i] = strdup(text);
        if (!tokens[i])
            die("no memory");
    }
}

const char *token_of(unsigned user)
{
    return user < CONNECTIONS_MAX ? tokens[user] : NULL;
}
