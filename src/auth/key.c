/* SPDX-License-Identifier: Apache-2.0 */
/* key.c: one key: made once, and the signatures that it answers for (RFC 7518 section 3). */
#include "auth/key.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "auth/thumbprint.h"
#include "mcp_auth/error.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define COORDINATE_SIZE_MAX 66u /* P-521 */
#define ED25519_SIGNATURE_SIZE 64u

#define RSA_PKCS1_BITS (BIT(JWT_RS256) | BIT(JWT_RS384) | BIT(JWT_RS512))
#define RSA_PSS_BITS (BIT(JWT_PS256) | BIT(JWT_PS384) | BIT(JWT_PS512))

static const unsigned hash_bits[3] = {256, 384, 512};

/* Which of the three hashes; the list has them in order within each family, and EdDSA, which has
 * none, last. */
static unsigned hash_of(enum jwt_algorithm algorithm)
{
    assert(algorithm < JWT_EDDSA);
    return (unsigned)algorithm % 3;
}
_Static_assert(JWT_HS256 % 3 == 0 && JWT_RS256 % 3 == 0 && JWT_ES256 % 3 == 0 &&
                   JWT_PS256 % 3 == 0 && JWT_EDDSA == JWT_PS512 + 1,
               "three algorithms a family, by size of hash");

void key_done(struct key *key)
{
    for (unsigned i = 0; i < 3; i++) {
        hmac_key_done(&key->hmac[i]);
        EVP_MD_free(key->digests[i]);
    }
    EVP_PKEY_free(key->public_key);
    signature_cache_free(key->verified);
    free((char *)(uintptr_t)key->kid.data);
    *key = (struct key){0};
}

int key_set_kid(struct key *key, struct bytes kid)
{
    char *copy;

    assert(kid.size <= KEY_ID_SIZE_MAX && !bytes_present(key->kid));
    if (!bytes_present(kid))
        return 0;
    copy = malloc(kid.size + 1);
    if (!copy)
        return MCP_AUTH_E_NOMEM;
    memcpy(copy, kid.data, kid.size);
    copy[kid.size] = '\0';
    key->kid = (struct bytes){copy, kid.size};
    return 0;
}

/* RFC 7518 section 3.2: a key at least as long as the hash. */
int key_from_secret(struct key *ret, struct bytes secret, const char **ret_why)
{
    *ret = (struct key){.family = KEY_HMAC};
    /* Everybody knows a public key: as a secret it lets anybody sign (RFC 8725 section 2.1). */
    if (bytes_starts_with(secret, BYTES("-----BEGIN "))) {
        *ret_why = "the text of a PEM file is no secret";
        return MCP_AUTH_E_INVALID;
    }
    if (secret.size * 8 < hash_bits[0]) {
        *ret_why = "the secret is shorter than 32 bytes";
        return MCP_AUTH_E_INVALID;
    }
    for (unsigned i = 0; i < 3 && secret.size * 8 >= hash_bits[i]; i++) {
        int r = hmac_key_init(&ret->hmac[i], hash_bits[i], secret);

        if (r < 0) {
            key_done(ret);
            *ret_why = "out of memory";
            return r;
        }
        ret->algorithms |= BIT(JWT_HS256 + i);
    }
    ret->fingerprint = fingerprint_of_secret(secret);
    if (ret->fingerprint == 0) {
        key_done(ret);
        *ret_why = "out of memory";
        return MCP_AUTH_E_NOMEM;
    }
    return 0;
}

static int check_rsa(struct key *key, const char **ret_why)
{
    int bits = EVP_PKEY_get_bits(key->public_key);
    BIGNUM *exponent = NULL;
    bool sane;

    key->family = KEY_RSA;
    key->algorithms = RSA_PKCS1_BITS | RSA_PSS_BITS;
    *ret_why = "an RSA key must have 2048 to 8192 bits";
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return MCP_AUTH_E_INVALID;
    /* Odd, over one, and small enough that a signature is checked in microseconds. */
    sane = EVP_PKEY_get_bn_param(key->public_key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
           BN_is_odd(exponent) && !BN_is_one(exponent) && BN_num_bits(exponent) <= 64;
    BN_free(exponent);
    *ret_why = "the RSA key's public exponent is not sane";
    return sane ? 0 : MCP_AUTH_E_INVALID;
}

/* RFC 7518 section 3.4: each algorithm has one curve. */
static int check_ec(struct key *key, const char **ret_why)
{
    static const struct {
        const char *name;
        enum jwt_algorithm algorithm;
        unsigned size;
    } curves[] = {{"prime256v1", JWT_ES256, 32},
                  {"secp384r1", JWT_ES384, 48},
                  {"secp521r1", JWT_ES512, 66}};
    char name[64] = "";
    size_t size = 0;
    int spelled_out = 0;

    key->family = KEY_EC;
    *ret_why = "an EC key must be on the named curve P-256, P-384 or P-521";
    /* A curve spelled out as numbers can lie in one of them (CVE-2020-0601). */
    (void)EVP_PKEY_get_int_param(key->public_key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                 &spelled_out);
    if (spelled_out || EVP_PKEY_get_group_name(key->public_key, name, sizeof name, &size) != 1)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < ARRAY_COUNT(curves); i++) {
        if (strcmp(name, curves[i].name) != 0)
            continue;
        key->algorithms = BIT(curves[i].algorithm);
        key->curve_size = curves[i].size;
        return 0;
    }
    return MCP_AUTH_E_INVALID;
}

/* The points of small order, by y (RFC 8032 section 5.1.2): 0, 1, -1 and the two of order eight. With
 * one of them as a key, signatures that anybody can compute verify. A y of p or more has no place
 * in the encoding; that also leaves each point one spelling. */
static bool ed25519_is_sane(const unsigned char encoded[ED25519_KEY_SIZE])
{
    static const unsigned char order_eight[2][ED25519_KEY_SIZE] = {
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}};
    unsigned char y[ED25519_KEY_SIZE];
    bool all_ones = true, all_zeros = true;

    memcpy(y, encoded, sizeof y);
    y[31] &= 0x7f; /* the sign of x */
    for (unsigned i = 1; i < 31; i++) {
        all_ones &= y[i] == 0xff;
        all_zeros &= y[i] == 0;
    }
    if (all_ones && y[31] == 0x7f && y[0] >= 0xec) /* p - 1, which is -1, and all from p on */
        return false;
    if (all_zeros && y[31] == 0 && y[0] <= 1)
        return false;
    return memcmp(y, order_eight[0], sizeof y) != 0 && memcmp(y, order_eight[1], sizeof y) != 0;
}

static int check_ed25519(struct key *key, const char **ret_why)
{
    unsigned char encoded[ED25519_KEY_SIZE];
    size_t size = sizeof encoded;

    key->family = KEY_EDDSA;
    key->algorithms = BIT(JWT_EDDSA);
    *ret_why = "the Ed25519 key is a point that no good key is";
    if (EVP_PKEY_get_raw_public_key(key->public_key, encoded, &size) != 1 ||
        size != sizeof encoded || !ed25519_is_sane(encoded))
        return MCP_AUTH_E_INVALID;
    return 0;
}

/* The point is on its curve and not at infinity; the modulus is odd and no prime. */
static int check_public(struct key *key, const char **ret_why)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->public_key, NULL);
    int good = context ? EVP_PKEY_public_check(context) : 0;

    *ret_why = context ? "the public key is malformed" : "out of memory";
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return good == 1 ? 0 : context ? MCP_AUTH_E_INVALID : MCP_AUTH_E_NOMEM;
}

static int fetch_digests(struct key *key, const char **ret_why)
{
    static const char *const names[3] = {"SHA256", "SHA384", "SHA512"};

    for (unsigned i = 0; i < 3; i++) {
        key->digests[i] = EVP_MD_fetch(NULL, names[i], NULL);
        if (!key->digests[i]) {
            *ret_why = "out of memory";
            return MCP_AUTH_E_NOMEM;
        }
    }
    return 0;
}

int key_from_public(struct key *ret, EVP_PKEY *public_key, const char **ret_why)
{
    int r = MCP_AUTH_E_INVALID;

    *ret = (struct key){.public_key = public_key};
    *ret_why = "only RSA, EC and Ed25519 keys are supported";
    if (EVP_PKEY_get_base_id(public_key) == EVP_PKEY_RSA)
        r = check_rsa(ret, ret_why);
    else if (EVP_PKEY_get_base_id(public_key) == EVP_PKEY_EC)
        r = check_ec(ret, ret_why);
    else if (EVP_PKEY_get_base_id(public_key) == EVP_PKEY_ED25519)
        r = check_ed25519(ret, ret_why);
    if (r == 0)
        r = check_public(ret, ret_why);
    if (r == 0)
        r = fetch_digests(ret, ret_why);
    if (r == 0) {
        r = signature_cache_new(&ret->verified);
        if (r < 0)
            *ret_why = "out of memory";
    }
    if (r == 0) {
        ret->fingerprint = fingerprint_of_public(public_key);
        if (ret->fingerprint == 0) {
            *ret_why = "out of memory";
            r = MCP_AUTH_E_NOMEM;
        }
    }
    if (r < 0)
        key_done(ret);
    return r;
}

static int verify_hmac(const struct key *key, enum jwt_algorithm algorithm,
                       struct bytes signed_part, struct bytes signature)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    int size = hmac_sign(&key->hmac[hash_of(algorithm)], signed_part, expected);

    if (size < 0)
        return size;
    return signature.size == (size_t)size &&
                   CRYPTO_memcmp(expected, signature.data, signature.size) == 0
               ? 0
               : MCP_AUTH_E_REFUSED;
}

/* RFC 7518 sections 3.3 and 3.5. PS: the mask by the same hash, the salt exactly as long as it. */
static bool set_padding(EVP_PKEY_CTX *context, const struct key *key, enum jwt_algorithm algorithm)
{
    if (key->family != KEY_RSA)
        return true;
    if (BIT(algorithm) & RSA_PKCS1_BITS)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, key->digests[hash_of(algorithm)]) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static int verify_public(const struct key *key, enum jwt_algorithm algorithm,
                         struct bytes signed_part, const unsigned char *signature, size_t size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    const char *digest = algorithm == JWT_EDDSA
                             ? NULL /* RFC 8032: the hash is part of the algorithm */
                             : EVP_MD_get0_name(key->digests[hash_of(algorithm)]);
    int r = MCP_AUTH_E_NOMEM;

    if (context &&
        EVP_DigestVerifyInit_ex(context, &key_context, digest, NULL, NULL, key->public_key, NULL) ==
            1 &&
        set_padding(key_context, key, algorithm))
        r = EVP_DigestVerify(context, signature, size, (const unsigned char *)signed_part.data,
                             signed_part.size) == 1
                ? 0
                : MCP_AUTH_E_REFUSED;
    EVP_MD_CTX_free(context);
    ERR_clear_error(); /* a stranger's bad signature must not fill the thread's queue */
    return r;
}

/* R and S, of fixed size, to the DER that OpenSSL verifies. Zero and over the order: its check. */
static int verify_ec(const struct key *key, enum jwt_algorithm algorithm, struct bytes signed_part,
                     struct bytes signature)
{
    const unsigned char *bytes = (const unsigned char *)signature.data;
    int size = (int)key->curve_size;
    ECDSA_SIG *pair;
    BIGNUM *r_value, *s_value;
    unsigned char *der = NULL;
    int der_size, r = MCP_AUTH_E_NOMEM;

    assert(key->curve_size <= COORDINATE_SIZE_MAX);
    if (signature.size != 2 * (size_t)size)
        return MCP_AUTH_E_REFUSED;
    pair = ECDSA_SIG_new();
    r_value = BN_bin2bn(bytes, size, NULL);
    s_value = BN_bin2bn(bytes + size, size, NULL);
    if (pair && r_value && s_value && ECDSA_SIG_set0(pair, r_value, s_value) == 1) {
        r_value = s_value = NULL; /* the pair's now */
        der_size = i2d_ECDSA_SIG(pair, &der);
        if (der_size > 0)
            r = verify_public(key, algorithm, signed_part, der, (size_t)der_size);
    }
    OPENSSL_free(der);
    BN_free(r_value);
    BN_free(s_value);
    ECDSA_SIG_free(pair);
    return r;
}

static int verify(const struct key *key, enum jwt_algorithm algorithm, struct bytes signed_part,
                  struct bytes signature)
{
    switch (key->family) {
    case KEY_HMAC:
        return verify_hmac(key, algorithm, signed_part, signature);
    case KEY_RSA:
        if (signature.size != (size_t)EVP_PKEY_get_size(key->public_key))
            return MCP_AUTH_E_REFUSED;
        return verify_public(key, algorithm, signed_part, (const unsigned char *)signature.data,
                             signature.size);
    case KEY_EC:
        return verify_ec(key, algorithm, signed_part, signature);
    case KEY_EDDSA:
        if (signature.size != ED25519_SIGNATURE_SIZE)
            return MCP_AUTH_E_REFUSED;
        return verify_public(key, algorithm, signed_part, (const unsigned char *)signature.data,
                             signature.size);
    }
    return MCP_AUTH_E_REFUSED;
}

static _Thread_local unsigned long long verifications;

unsigned long long key_verifications(void)
{
    return verifications;
}

int key_verify(const struct key *key, enum jwt_algorithm algorithm, struct bytes signed_part,
               struct bytes signature)
{
    struct signature_mark mark;
    bool marked;
    int r;

    assert(key->algorithms & BIT(algorithm));
    if (!key->verified)
        return verify(key, algorithm, signed_part, signature);
    marked = signature_mark(&mark, key->digests[0], algorithm, signed_part, signature);
    if (marked && signature_cache_has(key->verified, &mark))
        return 0;
    verifications++;
    r = verify(key, algorithm, signed_part, signature);
    if (r == 0 && marked) /* never one that was refused: a stranger must not fill it */
        signature_cache_put(key->verified, &mark);
    return r;
}
