/* SPDX-License-Identifier: Apache-2.0 */
/* test_forgery.c: forged and odd tokens, each beside the good one it imitates; all are refused. */
#include <openssl/x509.h>
#include <stdio.h>

#include "auth/authenticate.h"
#include "auth/tokens.h"
#include "base/base64url.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define NOW_MS 1800000000000LL
#define PAYLOAD BYTES("{\"sub\":\"u\",\"exp\":1900000000}")

/* One ring with a secret, an RSA and an EC key: what the forgers hope for. */
static struct keyring *mixed_ring(void)
{
    struct keyring *ring = tokens_ring(SECRET_64, tokens_rsa());
    char *pem = tokens_public_pem(tokens_ec("P-256"));
    const char *why;

    CHECK_EQ(keyring_add_pem(ring, bytes_of(pem), &why), 0);
    free(pem);
    return ring;
}

static enum auth_result ask(const struct keyring *ring, struct bytes token)
{
    static const struct token_rules rules = {.claims = {.user = {"sub", 3}},
                                             .leeway_ms = 30000,
                                             .age_max_ms = 1000000};
    struct identity *identity = NULL;
    const char *why = "unset";
    enum auth_result result =
        tokens_authenticate(ring, &rules, NULL, token, NOW_MS, &identity, &why);

    CHECK((result == AUTH_OK) == (identity != NULL));
    CHECK((result == AUTH_OK) == (why == NULL));
    identity_unref(identity);
    return result;
}

static enum auth_result ask_signed(struct keyring *ring, enum jwt_algorithm algorithm,
                                   EVP_PKEY *pkey, struct bytes secret, const char *header)
{
    struct strbuf token;
    enum auth_result result;

    strbuf_init(&token, 64 * 1024);
    tokens_make(&token, algorithm, pkey, secret, bytes_of(header), PAYLOAD);
    result = ask(ring, strbuf_bytes(&token));
    strbuf_done(&token);
    return result;
}

TEST(every_algorithm_is_accepted_with_its_own_key)
{
    static const char *const names[] = {"HS256", "HS384", "HS512", "RS256", "RS384",
                                        "RS512", "ES256", "ES384", "ES512", "PS256",
                                        "PS384", "PS512", "EdDSA"};
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    char header[64];

    _Static_assert(ARRAY_COUNT(names) == JWT_ALGORITHMS, "a name for each");
    for (enum jwt_algorithm a = 0; a < JWT_ALGORITHMS; a++) {
        EVP_PKEY *pkey = a <= JWT_HS512   ? NULL
                         : a <= JWT_RS512 ? tokens_rsa()
                         : a <= JWT_ES512 ? tokens_ec(curves[a - JWT_ES256])
                         : a <= JWT_PS512 ? tokens_rsa()
                                          : tokens_ed25519();
        struct keyring *ring = tokens_ring(SECRET_64, pkey);

        for (int named = 0; named < JWT_ALGORITHMS; named++) {
            snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", names[named]);
            CHECK_EQ(ask_signed(ring, a, pkey, SECRET_64, header),
                     (int)a == named ? AUTH_OK : AUTH_FAILED); /* alg swapped */
        }
        keyring_unref(ring);
    }
}

TEST(alg_none_is_refused_in_every_spelling_signed_or_not)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE", "none ", "", "null"};
    struct keyring *ring = mixed_ring();
    struct strbuf token;
    char header[64];

    strbuf_init(&token, 4096);
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(header, sizeof header, "{\"alg\":\"%s\"}", names[i]);
        CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, SECRET_64, header), AUTH_FAILED);
        tokens_put_signed_part(&token, bytes_of(header), PAYLOAD);
        CHECK_EQ(ask(ring, strbuf_bytes(&token)), AUTH_FAILED); /* two parts */
        strbuf_putc(&token, '.');
        CHECK_EQ(ask(ring, strbuf_bytes(&token)), AUTH_FAILED); /* an empty third */
    }
    strbuf_done(&token);
    keyring_unref(ring);
}

TEST(alg_is_compared_exactly)
{
    static const char *const headers[] = {"{\"alg\":\"hs256\"}",
                                          "{\"alg\":\"Hs256\"}",
                                          "{\"alg\":\"HS256 \"}",
                                          "{\"alg\":\" HS256\"}",
                                          "{\"alg\":\"HS2\"}",
                                          "{\"alg\":\"HS2560\"}",
                                          "{\"alg\":\"\\u0000HS256\"}",
                                          "{\"alg\":[\"HS256\"]}",
                                          "{\"alg\":null}",
                                          "{}",
                                          "{\"alg\":\"PS256\"}",
                                          "{\"alg\":\"EdDSA\"}",
                                          "{\"alg\":\"dir\"}"};
    struct keyring *ring = mixed_ring();

    CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, SECRET_64, "{\"alg\":\"HS256\"}"), AUTH_OK);
    CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, SECRET_64, "{\"alg\":\"\\u0048S256\"}"), AUTH_OK);
    for (unsigned i = 0; i < ARRAY_COUNT(headers); i++)
        CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, SECRET_64, headers[i]), AUTH_FAILED);
    keyring_unref(ring);
}

/* The confusion that gave this family of bugs its name: the public key's bytes, which everybody
 * has, as the secret of an HMAC. In all the forms somebody could have them. */
TEST(a_public_key_never_serves_as_a_secret)
{
    struct keyring *ring = mixed_ring();
    EVP_PKEY *const pkeys[] = {tokens_rsa(), tokens_ec("P-256")};

    for (unsigned i = 0; i < ARRAY_COUNT(pkeys); i++) {
        char *pem = tokens_public_pem(pkeys[i]);
        struct bytes text = bytes_of(pem);
        unsigned char *der = NULL;
        int der_size = i2d_PUBKEY(pkeys[i], &der);

        CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, text, "{\"alg\":\"HS256\"}"), AUTH_FAILED);
        text.size--; /* without the last newline */
        CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, text, "{\"alg\":\"HS256\"}"), AUTH_FAILED);
        CHECK_EQ(ask_signed(ring, JWT_HS512, NULL, text, "{\"alg\":\"HS512\"}"), AUTH_FAILED);
        CHECK(der_size > 0);
        CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, (struct bytes){(char *)der, (size_t)der_size},
                            "{\"alg\":\"HS256\"}"),
                 AUTH_FAILED);
        OPENSSL_free(der);
        free(pem);
    }
    keyring_unref(ring);
}

TEST(headers_that_bring_a_key_or_change_the_rules_are_refused_though_well_signed)
{
    static const char *const members[] = {"\"crit\":[\"exp\"]",
                                          "\"crit\":[]",
                                          "\"crit\":null",
                                          "\"b64\":false",
                                          "\"b64\":true",
                                          "\"crit\":[\"b64\"],\"b64\":false",
                                          "\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}",
                                          "\"jku\":\"https://evil/keys\"",
                                          "\"x5c\":[\"MIIB\"]",
                                          "\"x5u\":\"https://evil/cert\"",
                                          "\"zip\":\"DEF\"",
                                          "\"kid\":7",
                                          "\"kid\":[\"a\"]",
                                          "\"typ\":\"secevent+jwt\"",
                                          "\"alg\":\"HS256\"",
                                          "\"alg\":\"none\"",
                                          "\"x\":1,\"x\":1"};
    struct keyring *ring = mixed_ring();
    char header[256];

    CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, SECRET_64,
                        "{\"alg\":\"HS256\",\"kid\":\"../../k\"}"),
             AUTH_OK); /* a kid leads nowhere here, so it may say anything */
    for (unsigned i = 0; i < ARRAY_COUNT(members); i++) {
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",%s}", members[i]);
        CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, SECRET_64, header), AUTH_FAILED);
    }
    keyring_unref(ring);
}

TEST(doubled_claims_are_refused_though_well_signed)
{
    static const char *const payloads[] = {
        "{\"sub\":\"u\",\"sub\":\"admin\",\"exp\":1900000000}",
        "{\"sub\":\"u\",\"exp\":1,\"exp\":1900000000}",
        "{\"sub\":\"u\",\"exp\":1900000000,\"a\":{\"b\":1,\"b\":1}}",
        "{\"sub\":\"u\",\"exp\":1900000000,\"\\u0073ub\":\"v\"}"};
    struct keyring *ring = mixed_ring();
    struct strbuf token;

    strbuf_init(&token, 4096);
    for (unsigned i = 0; i < ARRAY_COUNT(payloads); i++) {
        tokens_make(&token, JWT_HS256, NULL, SECRET_64, BYTES("{\"alg\":\"HS256\"}"),
                    bytes_of(payloads[i]));
        CHECK_EQ(ask(ring, strbuf_bytes(&token)), AUTH_FAILED);
    }
    strbuf_done(&token);
    keyring_unref(ring);
}

/* Every change of one character of the token, in all three parts, and every cut. */
TEST(a_token_has_one_spelling)
{
    static const char odd[] = "ABab01-_.=+/ \n";
    struct keyring *ring = mixed_ring();
    struct strbuf token;
    struct bytes good;
    char *text;

    strbuf_init(&token, 4096);
    tokens_make(&token, JWT_HS256, NULL, SECRET_64, BYTES("{\"alg\":\"HS256\"}"), PAYLOAD);
    good = strbuf_bytes(&token);
    text = malloc(good.size + 2);
    CHECK_EQ(ask(ring, good), AUTH_OK);
    for (size_t i = 0; i <= good.size; i++) {
        if (i < good.size)
            CHECK_EQ(ask(ring, (struct bytes){good.data, i}), AUTH_FAILED);
        for (unsigned o = 0; o < sizeof odd - 1; o++) {
            memcpy(text, good.data, good.size);
            if (i < good.size && text[i] != odd[o]) { /* another character in its place */
                text[i] = odd[o];
                CHECK_EQ(ask(ring, (struct bytes){text, good.size}), AUTH_FAILED);
            }
            memcpy(text, good.data, i); /* one more before it */
            text[i] = odd[o];
            memcpy(text + i + 1, good.data + i, good.size - i);
            CHECK_EQ(ask(ring, (struct bytes){text, good.size + 1}), AUTH_FAILED);
        }
    }
    free(text);
    strbuf_done(&token);
    keyring_unref(ring);
}

TEST(ecdsa_signatures_in_der_or_of_zeros_are_refused)
{
    static const unsigned char zeros[64];
    EVP_PKEY *pkey = tokens_ec("P-256");
    struct keyring *ring = mixed_ring();
    unsigned char signature[1024];
    struct bytes header = BYTES("{\"alg\":\"ES256\"}");
    struct strbuf token;
    size_t size;

    strbuf_init(&token, 4096);
    CHECK_EQ(ask_signed(ring, JWT_ES256, pkey, SECRET, header.data), AUTH_OK);
    tokens_put_signed_part(&token, header, PAYLOAD);
    size = tokens_sign_ec_der(JWT_ES256, pkey, strbuf_bytes(&token), signature);
    tokens_put_part(&token, signature, size);
    CHECK_EQ(ask(ring, strbuf_bytes(&token)), AUTH_FAILED);
    tokens_put_signed_part(&token, header, PAYLOAD);
    tokens_put_part(&token, zeros, sizeof zeros);
    CHECK_EQ(ask(ring, strbuf_bytes(&token)), AUTH_FAILED);
    strbuf_done(&token);
    keyring_unref(ring);
}

TEST(a_well_signed_token_over_16_kib_is_refused)
{
    struct keyring *ring = mixed_ring();
    struct strbuf payload, token;

    strbuf_init(&payload, 64 * 1024);
    strbuf_init(&token, 64 * 1024);
    for (unsigned size = 12000; size <= 13000; size += 1000) {
        strbuf_reset(&payload);
        strbuf_puts(&payload, "{\"sub\":\"u\",\"exp\":1900000000,\"a\":\"");
        while (payload.size < size)
            strbuf_putc(&payload, 'a');
        strbuf_puts(&payload, "\"}");
        tokens_make(&token, JWT_HS256, NULL, SECRET_64, BYTES("{\"alg\":\"HS256\"}"),
                    strbuf_bytes(&payload));
        CHECK_EQ(ask(ring, strbuf_bytes(&token)), size == 12000 ? AUTH_OK : AUTH_FAILED);
    }
    strbuf_done(&payload);
    strbuf_done(&token);
    keyring_unref(ring);
}

TEST(another_secret_and_an_empty_ring_verify_nothing)
{
    struct keyring *ring = tokens_ring(SECRET_64, NULL), *empty;

    CHECK_EQ(keyring_new(&empty, 0), 0);
    CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\"}"), AUTH_FAILED);
    CHECK_EQ(ask_signed(ring, JWT_HS256, NULL, BYTES(""), "{\"alg\":\"HS256\"}"), AUTH_FAILED);
    CHECK_EQ(ask_signed(empty, JWT_HS256, NULL, BYTES(""), "{\"alg\":\"HS256\"}"), AUTH_FAILED);
    CHECK_EQ(ask_signed(ring, JWT_RS256, tokens_rsa(), SECRET, "{\"alg\":\"RS256\"}"), AUTH_FAILED);
    keyring_unref(ring);
    keyring_unref(empty);
}
