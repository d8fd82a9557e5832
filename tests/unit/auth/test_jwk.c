/* SPDX-License-Identifier: Apache-2.0 */
/* test_jwk.c: keys as JSON become the keys that OpenSSL has, and each bad one is named. */
#include "auth/jwk.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>

#include "auth/key.h"
#include "auth/thumbprint.h"
#include "auth/tokens.h"
#include "base/base64url.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define TEXT BYTES("eyJhbGciOiJIUzI1NiJ9.e30")
#define RSA_BITS_ALL                                                                      \
    (BIT(JWT_RS256) | BIT(JWT_RS384) | BIT(JWT_RS512) | BIT(JWT_PS256) | BIT(JWT_PS384) | \
     BIT(JWT_PS512))

/* RFC 7638 section 3.1 and RFC 7517 appendix A.1 */
#define RFC7517_N                                                                                \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"    \
    "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-"            \
    "65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-" \
    "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RFC7517_EC                                                                            \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define RFC8037_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

struct notices {
    unsigned count;
    struct jwk_notice last[16];
};

static void remember(void *owner, const struct jwk_notice *notice)
{
    struct notices *notices = owner;

    CHECK(notice->why && notice->why[0]);
    CHECK(notices->count < 16);
    notices->last[notices->count++] = *notice;
}

static struct keyring *ring_new(void)
{
    struct keyring *ring;

    CHECK_EQ(keyring_new(&ring, 0), 0);
    return ring;
}

static int add(struct keyring *ring, const char *text, struct notices *notices)
{
    const char *why = NULL;
    int r;

    memset(notices, 0, sizeof *notices);
    r = keyring_add_jwks(ring, bytes_of(text), JWK_SECRETS_TOO, remember, notices, &why);
    CHECK(r >= 0 || why);
    CHECK_EQ(ERR_peek_error(), 0);
    return r;
}

/* One JWK into a ring of its own: the algorithms it serves, or 0 and *ret_notice. */
static unsigned algorithms_of(const char *jwk, struct jwk_notice *ret_notice)
{
    struct keyring *ring = ring_new();
    struct notices notices;
    int r = add(ring, jwk, &notices);
    unsigned algorithms = keyring_algorithms(ring);

    CHECK(r == 0 || r == 1);
    CHECK_EQ(notices.count, 1 - r);
    CHECK_EQ((unsigned)r, ring->keys_count);
    if (ret_notice)
        *ret_notice = notices.last[0];
    keyring_unref(ring);
    return algorithms;
}

static void check_set_aside(const char *jwk)
{
    struct jwk_notice notice;

    CHECK_EQ(algorithms_of(jwk, &notice), 0);
    CHECK(!notice.refused);
}

static void put_number(struct strbuf *out, const char *name, const unsigned char *data, size_t size)
{
    char text[2048];

    base64url_encode(data, size, text);
    strbuf_printf(out, ",\"%s\":\"%.*s\"", name, (int)BASE64URL_SIZE(size), text);
}

static void put_bn(struct strbuf *out, const char *name, EVP_PKEY *pkey, const char *param,
                   int size)
{
    unsigned char data[1024];
    BIGNUM *number = NULL;

    CHECK_EQ(EVP_PKEY_get_bn_param(pkey, param, &number), 1);
    if (size == 0)
        size = BN_num_bytes(number);
    CHECK_EQ(BN_bn2binpad(number, data, size), size);
    put_number(out, name, data, (size_t)size);
    BN_free(number);
}

/* {"kty":...,numbers,more} of a key made by OpenSSL. */
static void put_jwk(struct strbuf *out, EVP_PKEY *pkey, const char *more)
{
    unsigned char raw[32];
    size_t size = sizeof raw;

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        strbuf_puts(out, "{\"kty\":\"RSA\"");
        put_bn(out, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0);
        put_bn(out, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        int bits = EVP_PKEY_get_bits(pkey);

        strbuf_printf(out, "{\"kty\":\"EC\",\"crv\":\"P-%d\"", bits);
        put_bn(out, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, (bits + 7) / 8);
        put_bn(out, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, (bits + 7) / 8);
    } else {
        CHECK_EQ(EVP_PKEY_get_raw_public_key(pkey, raw, &size), 1);
        strbuf_puts(out, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"");
        put_number(out, "x", raw, size);
    }
    strbuf_printf(out, "%s}", more);
    CHECK_EQ(strbuf_terminate(out), 0);
}

static int verify(struct keyring *ring, enum jwt_algorithm algorithm, const char *kid,
                  EVP_PKEY *signer)
{
    unsigned char signature[1024];
    size_t size = tokens_sign(algorithm, signer, SECRET, TEXT, signature);

    return keyring_verify(ring, algorithm, bytes_of(kid), TEXT,
                          (struct bytes){(char *)signature, size}, NULL);
}

TEST(a_key_of_each_type_made_by_openssl_verifies_what_openssl_signed)
{
    struct {
        EVP_PKEY *pkey;
        enum jwt_algorithm algorithm;
        unsigned serves;
    } rows[] = {{tokens_rsa(), JWT_RS256, RSA_BITS_ALL},
                {tokens_rsa(), JWT_PS512, RSA_BITS_ALL},
                {tokens_ec("P-256"), JWT_ES256, BIT(JWT_ES256)},
                {tokens_ec("P-384"), JWT_ES384, BIT(JWT_ES384)},
                {tokens_ec("P-521"), JWT_ES512, BIT(JWT_ES512)},
                {tokens_ed25519(), JWT_EDDSA, BIT(JWT_EDDSA)}};

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct keyring *ring = ring_new(), *pem = tokens_ring((struct bytes){0}, rows[i].pkey);
        struct notices notices;
        struct strbuf text;

        strbuf_init(&text, 8192);
        put_jwk(&text, rows[i].pkey, "");
        CHECK_EQ(add(ring, text.data, &notices), 1);
        CHECK_EQ(keyring_algorithms(ring), rows[i].serves);
        CHECK_EQ(verify(ring, rows[i].algorithm, NULL, rows[i].pkey), 0);
        /* It is the same key, whatever it came in. */
        CHECK(keyring_has(pem, ring->keys[0].fingerprint));
        strbuf_done(&text);
        keyring_unref(ring);
        keyring_unref(pem);
    }
}

static void check_thumbprint(const char *jwk, const char *expected)
{
    struct keyring *ring = ring_new();
    unsigned char print[THUMBPRINT_SIZE];
    struct notices notices;
    char text[44] = "";

    CHECK_EQ(add(ring, jwk, &notices), 1);
    CHECK_EQ(thumbprint_of_public(ring->keys[0].public_key, print), 0);
    base64url_encode(print, sizeof print, text);
    CHECK(strcmp(text, expected) == 0);
    keyring_unref(ring);
}

TEST(thumbprints_are_those_of_the_rfcs)
{
    check_thumbprint("{\"kty\":\"RSA\",\"n\":\"" RFC7517_N
                     "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
                     "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    check_thumbprint("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}",
                     "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

static int verify_compact(const char *jwk, enum jwt_algorithm algorithm, const char *signed_part,
                          const char *signature_text)
{
    struct keyring *ring = ring_new();
    unsigned char signature[1024];
    struct notices notices;
    int size = base64url_decode(bytes_of(signature_text), signature), r;

    CHECK_EQ(add(ring, jwk, &notices), 1);
    CHECK(size > 0);
    r = keyring_verify(ring, algorithm, (struct bytes){0}, bytes_of(signed_part),
                       (struct bytes){(char *)signature, (size_t)size}, NULL);
    keyring_unref(ring);
    return r;
}

TEST(the_signatures_of_the_rfcs_are_verified)
{
    /* RFC 8037 appendix A.4 */
    const char *ed = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}";
    const char *ed_signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVs"
                               "Pt9g7sVvpAr_MuM0KAg";
    /* RFC 7515 appendix A.3 */
    const char *ec =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9u"
        "PHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
    const char *ec_text = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh"
                          "0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    /* RFC 7515 appendix A.1 */
    const char *oct =
        "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH"
        "75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}";
    const char *oct_text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOj"
                           "EzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    CHECK_EQ(verify_compact(ed, JWT_EDDSA,
                            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                            ed_signature),
             0);
    CHECK_EQ(verify_compact(ed, JWT_EDDSA,
                            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd",
                            ed_signature),
             MCP_AUTH_E_REFUSED);
    CHECK_EQ(
        verify_compact(ec, JWT_ES256, ec_text,
                       "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfK"
                       "TUJqPP3-Kg6NU1Q"),
        0);
    /* An EdDSA token checked with an EC key: the EC key does not answer for it. */
    CHECK_EQ(verify_compact(ec, JWT_EDDSA,
                            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                            ed_signature),
             MCP_AUTH_E_REFUSED);
    CHECK_EQ(verify_compact(oct, JWT_HS256, oct_text,
                            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
             0);
}

/* RFC 7517 appendix A.1: an EC key for encryption, and an RSA key for RS256. */
TEST(the_set_of_rfc_7517_has_one_key_for_signatures)
{
    struct keyring *ring = ring_new();
    struct notices notices;

    CHECK_EQ(add(ring,
                 "{\"keys\":[{" RFC7517_EC ",\"use\":\"enc\",\"kid\":\"1\"},"
                 "{\"kty\":\"RSA\",\"n\":\"" RFC7517_N
                 "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}]}",
                 &notices),
             1);
    CHECK_EQ(keyring_algorithms(ring), BIT(JWT_RS256));
    CHECK_EQ(notices.count, 1);
    CHECK_EQ(notices.last[0].index, 0);
    CHECK(!notices.last[0].refused);
    CHECK(strcmp(notices.last[0].kid, "1") == 0);
    CHECK_TEXT(ring->keys[0].kid, "2011-04-29");
    keyring_unref(ring);
}

TEST(a_kid_chooses_the_key_and_keys_without_one_are_always_tried)
{
    struct keyring *ring = ring_new();
    struct notices notices;
    struct strbuf text;

    strbuf_init(&text, 8192);
    strbuf_puts(&text, "{\"keys\":[");
    put_jwk(&text, tokens_ed25519(), ",\"kid\":\"a\"");
    strbuf_putc(&text, ',');
    put_jwk(&text, tokens_ec("P-256"), ",\"kid\":\"b\"");
    strbuf_putc(&text, ',');
    put_jwk(&text, tokens_rsa(), "");
    strbuf_puts(&text, "]}");
    CHECK_EQ(strbuf_terminate(&text), 0);
    CHECK_EQ(add(ring, text.data, &notices), 3);

    CHECK_EQ(verify(ring, JWT_EDDSA, "a", tokens_ed25519()), 0);
    CHECK_EQ(verify(ring, JWT_EDDSA, NULL, tokens_ed25519()), 0);
    CHECK_EQ(verify(ring, JWT_EDDSA, "b", tokens_ed25519()), MCP_AUTH_E_REFUSED);
    CHECK_EQ(verify(ring, JWT_EDDSA, "A", tokens_ed25519()), MCP_AUTH_E_REFUSED);
    CHECK_EQ(verify(ring, JWT_EDDSA, "", tokens_ed25519()), MCP_AUTH_E_REFUSED);
    CHECK_EQ(verify(ring, JWT_ES256, "b", tokens_ec("P-256")), 0);
    CHECK_EQ(verify(ring, JWT_ES256, "a", tokens_ec("P-256")), MCP_AUTH_E_REFUSED);
    CHECK_EQ(verify(ring, JWT_RS256, "anything", tokens_rsa()), 0);
    strbuf_done(&text);
    keyring_unref(ring);
}

TEST(alg_use_and_key_ops_are_honoured)
{
    static const struct {
        const char *more;
        unsigned serves;
    } rows[] = {
        {",\"alg\":\"PS256\"", BIT(JWT_PS256)},
        {",\"alg\":\"RS512\",\"use\":\"sig\"", BIT(JWT_RS512)},
        {",\"key_ops\":[\"verify\"]", RSA_BITS_ALL},
        {",\"key_ops\":[\"sign\",\"verify\"],\"use\":\"sig\"", RSA_BITS_ALL},
        {",\"alg\":\"RSA-OAEP\"", 0},
        {",\"use\":\"enc\"", 0},
        {",\"use\":\"Sig\"", 0},
        {",\"key_ops\":[\"encrypt\"]", 0},
        {",\"key_ops\":[]", 0},
        {",\"key_ops\":[\"verify\"],\"use\":\"enc\"", 0},
        {",\"x5c\":[\"not looked at\"],\"x5t\":7,\"something\":null", RSA_BITS_ALL},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct strbuf text;

        strbuf_init(&text, 8192);
        put_jwk(&text, tokens_rsa(), rows[i].more);
        if (rows[i].serves)
            CHECK_EQ(algorithms_of(text.data, NULL), rows[i].serves);
        else
            check_set_aside(text.data);
        strbuf_done(&text);
    }
}
