/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyring_algorithms.c: PS and EdDSA verify exactly what their RFCs say, and nothing forged. */
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "auth/tokens.h"
#include "base/base64url.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define TEXT BYTES("eyJhbGciOiJIUzI1NiJ9.e30")
#define NO_KID ((struct bytes){0})

static int verify(struct keyring *ring, enum jwt_algorithm algorithm, const void *data, size_t size)
{
    int r = keyring_verify(ring, algorithm, NO_KID, TEXT, (struct bytes){data, size}, NULL);

    CHECK_EQ(ERR_peek_error(), 0);
    return r;
}

TEST(pss_signatures_are_verified_by_their_own_hash_only)
{
    struct keyring *ring = tokens_ring((struct bytes){0}, tokens_rsa());
    unsigned char signature[1024] = {0};

    for (enum jwt_algorithm a = JWT_PS256; a <= JWT_PS512; a++) {
        size_t size = tokens_sign(a, tokens_rsa(), SECRET, TEXT, signature);

        CHECK_EQ(size, 256);
        for (enum jwt_algorithm other = JWT_HS256; other < JWT_ALGORITHMS; other++)
            CHECK_EQ(verify(ring, other, signature, size), other == a ? 0 : MCP_AUTH_E_REFUSED);
        CHECK_EQ(verify(ring, a, signature, size - 1), MCP_AUTH_E_REFUSED);
        CHECK_EQ(verify(ring, a, signature, size + 1), MCP_AUTH_E_REFUSED);
        CHECK_EQ(verify(ring, a, signature, 0), MCP_AUTH_E_REFUSED);
        signature[100] ^= 1;
        CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);
        size = tokens_sign(a, tokens_rsa_other(), SECRET, TEXT, signature);
        CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);
    }
    keyring_unref(ring);
}

static size_t sign_pss(const char *hash, const char *mask, int salt, unsigned char ret[1024])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context;
    size_t size = 1024;

    CHECK_EQ(EVP_DigestSignInit_ex(context, &key_context, hash, NULL, NULL, tokens_rsa(), NULL), 1);
    CHECK_EQ(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING), 1);
    CHECK_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md_name(key_context, mask, NULL), 1);
    CHECK_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, salt), 1);
    CHECK_EQ(EVP_DigestSign(context, ret, &size, (const unsigned char *)TEXT.data, TEXT.size), 1);
    EVP_MD_CTX_free(context);
    return size;
}

/* RFC 7518 section 3.5: the salt is as long as the hash, the mask made by the same hash. */
TEST(a_pss_signature_with_another_salt_or_mask_is_refused)
{
    static const int salts[] = {0, 1, 20, 31, 32, 33, 64, RSA_PSS_SALTLEN_MAX};
    struct keyring *ring = tokens_ring((struct bytes){0}, tokens_rsa());
    unsigned char signature[1024] = {0};

    for (unsigned i = 0; i < ARRAY_COUNT(salts); i++) {
        size_t size = sign_pss("SHA256", "SHA256", salts[i], signature);

        CHECK_EQ(verify(ring, JWT_PS256, signature, size), salts[i] == 32 ? 0 : MCP_AUTH_E_REFUSED);
    }
    CHECK_EQ(verify(ring, JWT_PS256, signature, sign_pss("SHA256", "SHA1", 32, signature)),
             MCP_AUTH_E_REFUSED);
    CHECK_EQ(verify(ring, JWT_PS384, signature, sign_pss("SHA384", "SHA384", 32, signature)),
             MCP_AUTH_E_REFUSED);
    CHECK_EQ(verify(ring, JWT_PS384, signature, sign_pss("SHA384", "SHA384", 48, signature)), 0);
    keyring_unref(ring);
}

TEST(an_ed25519_signature_has_64_bytes_and_one_key)
{
    struct keyring *ring = tokens_ring((struct bytes){0}, tokens_ed25519());
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    unsigned char signature[1024] = {0};
    size_t size = tokens_sign(JWT_EDDSA, tokens_ed25519(), SECRET, TEXT, signature);

    CHECK_EQ(keyring_algorithms(ring), BIT(JWT_EDDSA));
    CHECK_EQ(size, 64);
    for (size_t n = 0; n < size + 8; n++)
        CHECK_EQ(verify(ring, JWT_EDDSA, signature, n), n == size ? 0 : MCP_AUTH_E_REFUSED);
    for (enum jwt_algorithm a = JWT_HS256; a < JWT_EDDSA; a++)
        CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);
    for (size_t bit = 0; bit < size * 8; bit++) {
        signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
        CHECK_EQ(verify(ring, JWT_EDDSA, signature, size), MCP_AUTH_E_REFUSED);
        signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    CHECK_EQ(tokens_sign(JWT_EDDSA, other, SECRET, TEXT, signature), 64);
    CHECK_EQ(verify(ring, JWT_EDDSA, signature, 64), MCP_AUTH_E_REFUSED);
    EVP_PKEY_free(other);
    keyring_unref(ring);
}

/* S + L for S is a second spelling of a signature (RFC 8032 section 5.1.7). */
TEST(an_ed25519_signature_with_s_beyond_the_order_is_refused)
{
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                            0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                            0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    struct keyring *ring = tokens_ring((struct bytes){0}, tokens_ed25519());
    unsigned char signature[1024] = {0};
    unsigned carry = 0;

    CHECK_EQ(tokens_sign(JWT_EDDSA, tokens_ed25519(), SECRET, TEXT, signature), 64);
    for (int i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (unsigned char)carry;
        carry >>= 8;
    }
    CHECK_EQ(verify(ring, JWT_EDDSA, signature, 64), MCP_AUTH_E_REFUSED);
    keyring_unref(ring);
}

/* What each kind of key makes of a signature that another kind made, under every name. */
TEST(no_key_verifies_under_the_name_of_another_family)
{
    EVP_PKEY *keys[] = {tokens_rsa(), tokens_ec("P-256"), tokens_ed25519()};
    static const enum jwt_algorithm natural[] = {JWT_RS256, JWT_ES256, JWT_EDDSA};
    unsigned char signature[1024];

    for (unsigned signer = 0; signer < ARRAY_COUNT(keys); signer++) {
        size_t size = tokens_sign(natural[signer], keys[signer], SECRET, TEXT, signature);

        for (unsigned i = 0; i < ARRAY_COUNT(keys); i++) {
            struct keyring *ring = tokens_ring((struct bytes){0}, keys[i]);

            for (enum jwt_algorithm a = JWT_HS256; a < JWT_ALGORITHMS; a++)
                CHECK_EQ(verify(ring, a, signature, size),
                         i == signer && a == natural[signer] ? 0 : MCP_AUTH_E_REFUSED);
            keyring_unref(ring);
        }
    }
}

TEST(it_is_told_which_key_verified_and_whether_it_is_still_here)
{
    struct keyring *ring = tokens_ring(SECRET, tokens_rsa());
    struct keyring *later = tokens_ring(SECRET, NULL),
                   *again = tokens_ring((struct bytes){0}, tokens_rsa());
    uint64_t by_rsa = 0, by_secret = 0;
    unsigned char signature[1024];
    size_t size = tokens_sign(JWT_PS256, tokens_rsa(), SECRET, TEXT, signature);

    CHECK_EQ(keyring_verify(ring, JWT_PS256, NO_KID, TEXT, (struct bytes){(char *)signature, size},
                            &by_rsa),
             0);
    size = tokens_sign(JWT_HS256, NULL, SECRET, TEXT, signature);
    CHECK_EQ(keyring_verify(ring, JWT_HS256, NO_KID, TEXT, (struct bytes){(char *)signature, size},
                            &by_secret),
             0);
    CHECK(by_rsa != 0 && by_secret != 0 && by_rsa != by_secret);
    CHECK(keyring_has(ring, by_rsa) && keyring_has(ring, by_secret));
    CHECK(!keyring_has(later, by_rsa) && keyring_has(later, by_secret));
    CHECK(keyring_has(again, by_rsa) && !keyring_has(again, by_secret));
    CHECK(!keyring_has(ring, 0));
    keyring_unref(ring);
    keyring_unref(later);
    keyring_unref(again);
}

TEST(a_ring_that_was_joined_counts_as_the_same_one)
{
    struct keyring *first = tokens_ring((struct bytes){0}, tokens_rsa());
    struct keyring *second = tokens_ring(SECRET, NULL);
    unsigned char signature[1024];
    size_t size = tokens_sign(JWT_HS256, NULL, SECRET, BYTES("text"), signature);
    uint64_t fingerprint = 0;

    keyring_join(first, second);
    keyring_unref(second);
    CHECK_EQ(keyring_count(first), 2);
    CHECK(keyring_algorithms(first) & BIT(JWT_HS256) && keyring_algorithms(first) & BIT(JWT_RS256));
    CHECK_EQ(keyring_verify(first, JWT_HS256, (struct bytes){0}, BYTES("text"),
                            (struct bytes){(char *)signature, size}, &fingerprint),
             0);
    CHECK(fingerprint != 0 && keyring_has(first, fingerprint));
    CHECK_EQ(keyring_verify(first, JWT_HS256, (struct bytes){0}, BYTES("texd"),
                            (struct bytes){(char *)signature, size}, NULL),
             MCP_AUTH_E_REFUSED);
    CHECK(!keyring_has_kid(first, BYTES("k")));
    keyring_unref(first);
}
