/* SPDX-License-Identifier: Apache-2.0 */
/* thumbprint.c: what a key is, as a hash of its numbers (RFC 7638), whatever file it came in. */
#include "auth/thumbprint.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "base/base64url.h"
#include "base/strbuf.h"
#include "mcp_auth/error.h"

#define NUMBER_SIZE_MAX 1024u /* RSA of 8192 bits */
#define TEXT_SIZE_MAX 4096u

/* `"name":"base64url"`, at least `size_min` bytes of the number. */
static int put_number(struct strbuf *out, EVP_PKEY *key, const char *param, int size_min)
{
    unsigned char number[NUMBER_SIZE_MAX];
    BIGNUM *value = NULL;
    int size, r = MCP_AUTH_E_NOMEM;
    char *room;

    if (EVP_PKEY_get_bn_param(key, param, &value) != 1)
        return r;
    size = BN_num_bytes(value) > size_min ? BN_num_bytes(value) : size_min;
    if (size <= (int)sizeof number && BN_bn2binpad(value, number, size) == size) {
        room = strbuf_reserve(out, BASE64URL_SIZE((size_t)size));
        if (room) {
            base64url_encode(number, (size_t)size, room);
            strbuf_added(out, BASE64URL_SIZE((size_t)size));
            r = 0;
        }
    }
    BN_free(value);
    return r;
}

static int put_rsa(struct strbuf *out, EVP_PKEY *key)
{
    int r;

    strbuf_puts(out, "{\"e\":\"");
    r = put_number(out, key, OSSL_PKEY_PARAM_RSA_E, 1);
    strbuf_puts(out, "\",\"kty\":\"RSA\",\"n\":\"");
    if (r == 0)
        r = put_number(out, key, OSSL_PKEY_PARAM_RSA_N, 1);
    strbuf_puts(out, "\"}");
    return r;
}

/* Coordinates are of full size (RFC 7518 section 6.2.1.2). */
static int put_ec(struct strbuf *out, EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key), size = (bits + 7) / 8, r;

    strbuf_printf(out, "{\"crv\":\"P-%d\",\"kty\":\"EC\",\"x\":\"", bits);
    r = put_number(out, key, OSSL_PKEY_PARAM_EC_PUB_X, size);
    strbuf_puts(out, "\",\"y\":\"");
    if (r == 0)
        r = put_number(out, key, OSSL_PKEY_PARAM_EC_PUB_Y, size);
    strbuf_puts(out, "\"}");
    return r;
}

/* RFC 8037 section 2. */
static int put_ed25519(struct strbuf *out, EVP_PKEY *key)
{
    char text[BASE64URL_SIZE(ED25519_KEY_SIZE)];
    unsigned char raw[ED25519_KEY_SIZE];
    size_t size = sizeof raw;

    if (EVP_PKEY_get_raw_public_key(key, raw, &size) != 1 || size != sizeof raw)
        return MCP_AUTH_E_NOMEM;
    base64url_encode(raw, sizeof raw, text);
    strbuf_puts(out, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    strbuf_put(out, text, sizeof text);
    strbuf_puts(out, "\"}");
    return 0;
}

int thumbprint_of_public(EVP_PKEY *public_key, unsigned char ret[THUMBPRINT_SIZE])
{
    struct strbuf text;
    int r = MCP_AUTH_E_NOMEM;

    strbuf_init(&text, TEXT_SIZE_MAX);
    if (EVP_PKEY_is_a(public_key, "RSA"))
        r = put_rsa(&text, public_key);
    else if (EVP_PKEY_is_a(public_key, "EC"))
        r = put_ec(&text, public_key);
    else if (EVP_PKEY_is_a(public_key, "ED25519"))
        r = put_ed25519(&text, public_key);
    if (r == 0 &&
        (text.error || EVP_Q_digest(NULL, "SHA256", NULL, text.data, text.size, ret, NULL) != 1))
        r = MCP_AUTH_E_NOMEM;
    strbuf_done(&text);
    ERR_clear_error();
    return r;
}

static uint64_t first_bits(const unsigned char *hash)
{
    uint64_t bits = 0;

    for (int i = 0; i < 8; i++)
        bits = bits << 8 | hash[i];
    return bits ? bits : 1; /* 0 is for no key */
}

uint64_t fingerprint_of_public(EVP_PKEY *public_key)
{
    unsigned char hash[THUMBPRINT_SIZE];

    return thumbprint_of_public(public_key, hash) < 0 ? 0 : first_bits(hash);
}

uint64_t fingerprint_of_secret(struct bytes secret)
{
    static const unsigned char label[] = "mcp-auth key fingerprint";
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t size = 0;

    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret.data, secret.size, label,
                   sizeof label - 1, hash, sizeof hash, &size))
        return 0;
    return first_bits(hash);
}
