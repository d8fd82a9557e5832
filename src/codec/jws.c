/* SPDX-License-Identifier: Apache-2.0 */
/* jws.c: a compact JWS (RFC 7515 section 3.1) split and decoded; no cryptography. */
#include "codec/jws.h"

#include <assert.h>
#include <stdlib.h>

#include "base/base64url.h"
#include "mcp_auth/error.h"

#define KID_SIZE_MAX 256u

static int refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return MCP_AUTH_E_INVALID;
}

/* Exactly two dots. The parts are checked by their own readers. */
static int split(struct bytes token, struct bytes ret[3])
{
    const char *at = token.data, *end = token.data + token.size;

    for (int i = 0; i < 3; i++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));

        if ((i < 2) != (dot != NULL))
            return MCP_AUTH_E_INVALID;
        ret[i] = (struct bytes){at, (size_t)((dot ? dot : end) - at)};
        at = dot ? dot + 1 : end;
    }
    return 0;
}

/* A part that is a JSON object. RFC 7515 section 4: doubled members are refused, by json_read_brief. */
static int read_object(struct bytes part, json_t **ret)
{
    char small[1024], *text = small;
    json_t *value;
    int r;

    if (part.size > sizeof small)
        text = malloc(part.size);
    if (!text)
        return MCP_AUTH_E_NOMEM;
    r = base64url_decode(part, text);
    if (r >= 0)
        r = json_read_brief((struct bytes){text, (size_t)r}, &value, NULL);
    if (text != small)
        free(text);
    if (r < 0)
        return r;
    if (!json_is_object(value)) {
        json_decref(value);
        return MCP_AUTH_E_INVALID;
    }
    *ret = value;
    return 0;
}

static int check_type(const json_t *type, const char **ret_why)
{
    struct bytes text = json_text(type);

    if (!type || bytes_equal_nocase(text, BYTES("JWT")) ||
        bytes_equal_nocase(text, BYTES("at+jwt")) ||
        bytes_equal_nocase(text, BYTES("application/at+jwt")))
        return 0;
    return refuse(ret_why, "typ is not that of a JWT");
}

/* RFC 7515 section 4.1 and RFC 8725: nothing that changes how the token is to be read, and no key
 * that the sender chose. */
static int check_header(const json_t *header, struct jws *ret, const char **ret_why)
{
    static const char *const refused[] = {"crit", "b64", "zip", "enc", "jwk", "jku", "x5c", "x5u"};
    const json_t *kid = json_object_get(header, "kid"), *type = json_object_get(header, "typ");
    struct bytes alg = json_member_text(header, "alg");
    size_t known = (bytes_present(alg) ? 1 : 0) + (type ? 1 : 0) + (kid ? 1 : 0);
    bool has_others = json_object_size(header) > known; /* hardly ever */

    for (size_t i = 0; has_others && i < ARRAY_COUNT(refused); i++)
        if (json_object_get(header, refused[i]))
            return refuse(ret_why, "the header has a member that is not accepted");
    if (!bytes_present(alg) || alg.size == 0 || alg.size >= sizeof ret->alg)
        return refuse(ret_why, "alg is missing or unknown");
    if (memchr(alg.data, '\0', alg.size))
        return refuse(ret_why, "alg is missing or unknown");
    memcpy(ret->alg, alg.data, alg.size);
    ret->alg[alg.size] = '\0';
    ret->kid = json_text(kid);
    if (kid && (!bytes_present(ret->kid) || ret->kid.size > KID_SIZE_MAX))
        return refuse(ret_why, "kid is not a short string");
    return check_type(type, ret_why);
}

static int read_signature(struct bytes part, struct jws *ret, const char **ret_why)
{
    int size;

    if (part.size == 0)
        return refuse(ret_why, "there is no signature");
    if (part.size > BASE64URL_SIZE(JWS_SIGNATURE_MAX))
        return refuse(ret_why, "the signature is too long");
    size = base64url_decode(part, ret->signature);
    if (size < 0)
        return refuse(ret_why, "the signature is not canonical base64url");
    ret->signature_size = (size_t)size;
    return 0;
}

int jws_read(struct bytes token, struct jws *ret, const char **ret_why)
{
    struct bytes parts[3];
    int r;

    memset(ret, 0, sizeof *ret);
    *ret_why = "out of memory";
    if (token.size > JWS_SIZE_MAX) {
        *ret_why = "the token is over 16 KiB";
        return MCP_AUTH_E_TOO_BIG;
    }
    if (split(token, parts) < 0)
        return refuse(ret_why, "it has not three parts");
    r = read_object(parts[0], &ret->header);
    if (r == MCP_AUTH_E_INVALID)
        return refuse(ret_why, "the header is not a JSON object");
    if (r == 0)
        r = check_header(ret->header, ret, ret_why);
    if (r == 0)
        r = read_signature(parts[2], ret, ret_why);
    if (r == 0) {
        r = read_object(parts[1], &ret->payload);
        if (r == MCP_AUTH_E_INVALID)
            *ret_why = "the payload is not a JSON object";
    }
    if (r < 0) {
        jws_done(ret);
        return r;
    }
    *ret_why = NULL;
    ret->signed_part = (struct bytes){token.data, parts[0].size + 1 + parts[1].size};
    return 0;
}

void jws_done(struct jws *jws)
{
    if (!jws)
        return;
    json_decref(jws->header);
    json_decref(jws->payload);
    jws->header = jws->payload = NULL;
    jws->kid = (struct bytes){0};
}
