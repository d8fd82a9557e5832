/* SPDX-License-Identifier: Apache-2.0 */
/* token_mint.c: makes a signed token, for `mcp-auth token` and the development server. */
#include "auth/token_mint.h"

#include <assert.h>
#include <openssl/evp.h>

#include "base/base64url.h"
#include "codec/json.h"
#include "codec/jws.h"
#include "mcp_auth/error.h"

#define HS256_SIZE 32u

static int check_object(struct bytes text)
{
    json_t *value;
    int r = json_read(text, &value, NULL);

    if (r < 0)
        return r;
    r = json_is_object(value) ? 0 : MCP_AUTH_E_INVALID;
    json_decref(value);
    return r;
}

int token_mint(struct strbuf *out, struct bytes secret, struct bytes payload_json)
{
    /* {"alg":"HS256","typ":"JWT"} */
    static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
    size_t header_size = sizeof header - 1, signed_size, size, made = 0;
    unsigned char mac[EVP_MAX_MD_SIZE];
    char *token;
    int r;

    if (payload_json.size > JWS_SIZE_MAX)
        return MCP_AUTH_E_TOO_BIG;
    signed_size = header_size + BASE64URL_SIZE(payload_json.size);
    size = signed_size + 1 + BASE64URL_SIZE(HS256_SIZE);
    if (size > JWS_SIZE_MAX)
        return MCP_AUTH_E_TOO_BIG;
    if (secret.size < HS256_SIZE)
        return MCP_AUTH_E_INVALID;
    r = check_object(payload_json);
    if (r < 0)
        return r;

    token = strbuf_reserve(out, size);
    if (!token)
        return out->error;
    memcpy(token, header, header_size);
    base64url_encode(payload_json.data, payload_json.size, token + header_size);
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret.data, secret.size,
                   (const unsigned char *)token, signed_size, mac, sizeof mac, &made))
        return MCP_AUTH_E_NOMEM;
    assert(made == HS256_SIZE);
    token[signed_size] = '.';
    base64url_encode(mac, made, token + signed_size + 1);
    strbuf_added(out, size);
    return 0;
}
