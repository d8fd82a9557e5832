/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.c: real keys, and tokens signed with them, good and odd, for the tests of this room. */
#include "auth/tokens.h"

#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base64url.h"
#include "unit.h"

EVP_PKEY *tokens_rsa(void)
{
    static EVP_PKEY *pkey;

    if (!pkey)
        pkey = EVP_RSA_gen(2048);
    CHECK(pkey);
    return pkey;
}

EVP_PKEY *tokens_rsa_other(void)
{
    static EVP_PKEY *pkey;

    if (!pkey)
        pkey = EVP_RSA_gen(2048);
    CHECK(pkey);
    return pkey;
}

EVP_PKEY *tokens_ec(const char *curve)
{
    static EVP_PKEY *pkeys[600];
    int bits = atoi(curve + 2);

    if (!pkeys[bits])
        pkeys[bits] = EVP_EC_gen(curve);
    CHECK(pkeys[bits]);
    return pkeys[bits];
}

EVP_PKEY *tokens_ed25519(void)
{
    static EVP_PKEY *pkey;

    if (!pkey)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CHECK(pkey);
    return pkey;
}

static char *text_of(BIO *bio)
{
    char *data, *copy;
    long size = BIO_get_mem_data(bio, &data);

    copy = strndup(data, (size_t)size);
    CHECK(copy);
    BIO_free(bio);
    return copy;
}

char *tokens_public_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    CHECK_EQ(PEM_write_bio_PUBKEY(bio, pkey), 1);
    return text_of(bio);
}

char *tokens_private_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    CHECK_EQ(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    return text_of(bio);
}

char *tokens_certificate_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *certificate = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    CHECK_EQ(X509_set_pubkey(certificate, pkey), 1);
    CHECK(X509_sign(certificate, pkey, EVP_sha256()) > 0);
    CHECK_EQ(PEM_write_bio_X509(bio, certificate), 1);
    X509_free(certificate);
    return text_of(bio);
}

struct keyring *tokens_ring(struct bytes secret, EVP_PKEY *pkey)
{
    struct keyring *ring;
    const char *why;

    CHECK_EQ(keyring_new(&ring, 0), 0);
    if (bytes_present(secret))
        CHECK_EQ(keyring_add_secret(ring, secret, &why), 0);
    if (pkey) {
        char *pem = tokens_public_pem(pkey);

        CHECK_EQ(keyring_add_pem(ring, bytes_of(pem), &why), 0);
        free(pem);
    }
    return ring;
}

static const char *digest_of(enum jwt_algorithm algorithm)
{
    static const char *const names[] = {"SHA256", "SHA384", "SHA512"};

    return algorithm == JWT_EDDSA ? NULL : names[algorithm % 3];
}

size_t tokens_sign_ec_der(enum jwt_algorithm algorithm, EVP_PKEY *pkey, struct bytes text,
                          unsigned char ret[1024])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    size_t size = 1024;

    CHECK_EQ(EVP_DigestSignInit_ex(context, &key_context, digest_of(algorithm), NULL, NULL, pkey,
                                   NULL),
             1);
    if (algorithm >= JWT_PS256 && algorithm <= JWT_PS512) {
        CHECK_EQ(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING), 1);
        CHECK_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    CHECK_EQ(EVP_DigestSign(context, ret, &size, (const unsigned char *)text.data, text.size), 1);
    EVP_MD_CTX_free(context);
    return size;
}

size_t tokens_sign(enum jwt_algorithm algorithm, EVP_PKEY *pkey, struct bytes secret,
                   struct bytes text, unsigned char ret[1024])
{
    size_t size = 0;

    if (!pkey) {
        CHECK(EVP_Q_mac(NULL, "HMAC", NULL, digest_of(algorithm), NULL, secret.data, secret.size,
                        (const unsigned char *)text.data, text.size, ret, 1024, &size));
        return size;
    }
    size = tokens_sign_ec_der(algorithm, pkey, text, ret);
    if (EVP_PKEY_is_a(pkey, "EC")) {
        int half = (EVP_PKEY_get_bits(pkey) + 7) / 8;
        const unsigned char *at = ret;
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)size);

        CHECK(pair);
        CHECK_EQ(BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret, half), half);
        CHECK_EQ(BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret + half, half), half);
        ECDSA_SIG_free(pair);
        size = 2 * (size_t)half;
    }
    return size;
}

static void put_encoded(struct strbuf *out, const void *data, size_t size)
{
    size_t encoded = BASE64URL_SIZE(size);
    char *room = strbuf_reserve(out, encoded);

    CHECK(room);
    base64url_encode(data, size, room);
    strbuf_added(out, encoded);
}

void tokens_put_part(struct strbuf *out, const void *data, size_t size)
{
    strbuf_putc(out, '.');
    put_encoded(out, data, size);
}

void tokens_put_signed_part(struct strbuf *out, struct bytes header, struct bytes payload)
{
    strbuf_reset(out);
    put_encoded(out, header.data, header.size);
    tokens_put_part(out, payload.data, payload.size);
}

void tokens_make(struct strbuf *out, enum jwt_algorithm algorithm, EVP_PKEY *pkey,
                 struct bytes secret, struct bytes header, struct bytes payload)
{
    unsigned char signature[1024];
    size_t size;

    tokens_put_signed_part(out, header, payload);
    size = tokens_sign(algorithm, pkey, secret, strbuf_bytes(out), signature);
    tokens_put_part(out, signature, size);
}

enum auth_result tokens_authenticate(const struct keyring *ring, const struct token_rules *rules,
                                     const struct fence_table *fences, struct bytes token,
                                     int64_t wall_ms, struct identity **ret, const char **ret_why)
{
    struct issuers *issuers;
    enum auth_result result;

    CHECK_EQ(issuers_new(&issuers, (struct keyring *)(uintptr_t)ring, NULL, 0), 0);
    result = authenticate(issuers, rules, fences, token, wall_ms, ret, ret_why);
    issuers_unref(issuers);
    return result;
}
