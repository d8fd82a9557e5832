/* SPDX-License-Identifier: Apache-2.0 */
/* jwk.c: JSON Web Keys (RFC 7517), one or a set of them, into a keyring. */
#include "auth/jwk.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "auth/key.h"
#include "auth/thumbprint.h"
#include "base/base64url.h"
#include "codec/json.h"
#include "mcp_auth/error.h"

/* RSA of 8192 bits, with a byte for the zero that some libraries put before. */
#define NUMBER_SIZE_MAX 1025u
#define COORDINATE_SIZE_MAX 66u /* P-521 */

/* What becomes of a key that is not an error of ours. */
enum { JWK_ADDED = 0, JWK_SET_ASIDE = 1 };

static int refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return MCP_AUTH_E_INVALID;
}

static int set_aside(const char **ret_why, const char *why)
{
    *ret_why = why;
    return JWK_SET_ASIDE;
}

/* A member of base64url; its size, or MCP_AUTH_E_INVALID. ret holds NUMBER_SIZE_MAX. */
static int read_number(const json_t *jwk, const char *name, unsigned char *ret)
{
    struct bytes text = json_member_text(jwk, name);

    if (text.size == 0 || text.size > BASE64URL_SIZE(NUMBER_SIZE_MAX))
        return MCP_AUTH_E_INVALID;
    return base64url_decode(text, ret);
}

/* Takes the builder. NULL when the numbers are no key. */
static EVP_PKEY *make_public(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (params && context && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    ERR_clear_error();
    return key;
}

/* Takes the key; NULL is numbers that are none. */
static int take_public(struct key *ret, EVP_PKEY *key, const char **ret_why)
{
    return key ? key_from_public(ret, key, ret_why) : MCP_AUTH_E_INVALID;
}

/* RFC 7518 section 6.3.1. The modulus should not begin with a zero byte; from libraries that write
 * one it is the same number, so it is taken. */
static int read_rsa(const json_t *jwk, struct key *ret, const char **ret_why)
{
    unsigned char modulus[NUMBER_SIZE_MAX], exponent[NUMBER_SIZE_MAX];
    int n_size = read_number(jwk, "n", modulus), e_size = read_number(jwk, "e", exponent);
    OSSL_PARAM_BLD *build;
    BIGNUM *n, *e;
    EVP_PKEY *key = NULL;

    if (n_size < 0 || e_size < 0)
        return refuse(ret_why, "n and e must be numbers of an RSA key, in base64url");
    build = OSSL_PARAM_BLD_new();
    n = BN_bin2bn(modulus, n_size, NULL);
    e = BN_bin2bn(exponent, e_size, NULL);
    *ret_why = "n and e are not those of an RSA key";
    if (build && n && e && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = make_public("RSA", build);
    else
        OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return take_public(ret, key, ret_why);
}

static EVP_PKEY *make_point(const char *type, const char *group, const unsigned char *point,
                            size_t size)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();

    if (build &&
        (!group ||
         OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, size) == 1)
        return make_public(type, build);
    OSSL_PARAM_BLD_free(build);
    return NULL;
}

/* RFC 7518 section 6.2.1: coordinates of full size, and, which OpenSSL sees to, on the curve. */
static int read_ec(const json_t *jwk, struct key *ret, const char **ret_why)
{
    static const struct {
        const char *name, *group;
        int size;
    } curves[] = {{"P-256", "prime256v1", 32},
                  {"P-384", "secp384r1", 48},
                  {"P-521", "secp521r1", 66}};
    struct bytes name = json_member_text(jwk, "crv");
    unsigned char x[NUMBER_SIZE_MAX], y[NUMBER_SIZE_MAX], point[1 + 2 * COORDINATE_SIZE_MAX];
    size_t i = 0, size;

    while (i < ARRAY_COUNT(curves) && !bytes_equal(name, bytes_of(curves[i].name)))
        i++;
    if (i == ARRAY_COUNT(curves))
        return refuse(ret_why, "crv of an EC key must be P-256, P-384 or P-521");
    if (read_number(jwk, "x", x) != curves[i].size || read_number(jwk, "y", y) != curves[i].size)
        return refuse(ret_why,
                      "x and y must be coordinates of the curve's full size, in base64url");
    size = (size_t)curves[i].size;
    point[0] = 4; /* uncompressed (SEC 1 section 2.3.3) */
    memcpy(point + 1, x, size);
    memcpy(point + 1 + size, y, size);
    *ret_why = "x and y are no point on the curve";
    return take_public(ret, make_point("EC", curves[i].group, point, 1 + 2 * size), ret_why);
}

/* RFC 8037 section 2. */
static int read_okp(const json_t *jwk, struct key *ret, const char **ret_why)
{
    unsigned char x[NUMBER_SIZE_MAX];

    if (!bytes_equal(json_member_text(jwk, "crv"), BYTES("Ed25519")))
        return refuse(ret_why, "crv of an OKP key must be Ed25519");
    if (read_number(jwk, "x", x) != (int)ED25519_KEY_SIZE)
        return refuse(ret_why, "x must be 32 bytes in base64url");
    *ret_why = "x is no Ed25519 key";
    return take_public(ret, make_point("ED25519", NULL, x, ED25519_KEY_SIZE), ret_why);
}

/* RFC 7518 section 6.4. */
static int read_oct(const json_t *jwk, enum jwk_secrets secrets, struct key *ret,
                    const char **ret_why)
{
    unsigned char secret[NUMBER_SIZE_MAX];
    int size, r;

    if (secrets == JWK_PUBLIC_ONLY)
        return refuse(ret_why,
                      "a shared secret (oct) must not be in a key set that others can read");
    size = read_number(jwk, "k", secret);
    r = size < 0 ? refuse(ret_why, "k must be a secret in base64url")
                 : key_from_secret(ret, (struct bytes){(char *)secret, (size_t)size}, ret_why);
    OPENSSL_cleanse(secret, sizeof secret);
    return r;
}

/* RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2. */
static bool has_private_members(const json_t *jwk)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (json_object_get(jwk, names[i]))
            return true;
    return false;
}

/* RFC 7517 sections 4.2 and 4.3: is it for verifying signatures? 0, JWK_SET_ASIDE, INVALID. */
static int check_purpose(const json_t *jwk, const char **ret_why)
{
    const json_t *use = json_object_get(jwk, "use"), *operations = json_object_get(jwk, "key_ops");
    bool verifies = false;

    if (use && !json_is_string(use))
        return refuse(ret_why, "use must be a string");
    if (operations && !json_is_array(operations))
        return refuse(ret_why, "key_ops must be an array of strings");
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const json_t *item = json_array_get(operations, i);

        if (!json_is_string(item))
            return refuse(ret_why, "key_ops must be an array of strings");
        verifies |= bytes_equal(json_text(item), BYTES("verify"));
    }
    if (use && !bytes_equal(json_text(use), BYTES("sig")))
        return set_aside(ret_why, "its use is not sig");
    if (operations && !verifies)
        return set_aside(ret_why, "its key_ops do not name verify");
    return JWK_ADDED;
}

/* RFC 7517 section 4.4. *ret: what is left of all algorithms. */
static int check_algorithm(const json_t *jwk, unsigned *ret, const char **ret_why)
{
    const json_t *value = json_object_get(jwk, "alg");
    int algorithm;

    *ret = BIT(JWT_ALGORITHMS) - 1;
    if (!value)
        return JWK_ADDED;
    if (!json_is_string(value))
        return refuse(ret_why, "alg must be a string");
    algorithm = jwt_algorithm_find(json_text(value));
    if (algorithm < 0)
        return set_aside(ret_why, "its alg is no signature of ours");
    *ret = BIT(algorithm);
    return JWK_ADDED;
}

static int read_numbers(const json_t *jwk, enum jwk_secrets secrets, struct key *ret,
                        const char **ret_why)
{
    struct bytes type = json_member_text(jwk, "kty");

    if (bytes_equal(type, BYTES("RSA")))
        return read_rsa(jwk, ret, ret_why);
    if (bytes_equal(type, BYTES("EC")))
        return read_ec(jwk, ret, ret_why);
    if (bytes_equal(type, BYTES("OKP")))
        return read_okp(jwk, ret, ret_why);
    if (bytes_equal(type, BYTES("oct")))
        return read_oct(jwk, secrets, ret, ret_why);
    return refuse(ret_why, "kty must be RSA, EC, OKP or oct");
}

/* Takes the key. The numbers are good; is it for us, and may it serve? */
static int add_read(struct keyring *ring, struct key *key, unsigned algorithms, struct bytes kid,
                    const char **ret_why)
{
    int r;

    if (!(key->algorithms & algorithms)) {
        key_done(key);
        return refuse(ret_why, "the key cannot serve its alg: another type, or too short for it");
    }
    key->algorithms &= algorithms;
    if (!(key->algorithms & ring->allowed)) {
        key_done(key);
        return set_aside(ret_why, "it serves none of the algorithms that are allowed");
    }
    r = key_set_kid(key, kid);
    if (r < 0) {
        key_done(key);
        return r;
    }
    return keyring_add_key(ring, key, ret_why);
}

/* JWK_ADDED, JWK_SET_ASIDE, or an error, of which only MCP_AUTH_E_NOMEM ends it all. */
static int add_one(struct keyring *ring, const json_t *jwk, enum jwk_secrets secrets,
                   const char **ret_why)
{
    const json_t *kid = json_object_get(jwk, "kid");
    unsigned algorithms;
    struct key key;
    int r;

    if (!json_is_object(jwk))
        return refuse(ret_why, "a key must be an object");
    if (has_private_members(jwk))
        return refuse(ret_why, "it holds a private key: give this server the public one only");
    if (kid && (!json_is_string(kid) || json_string_length(kid) > KEY_ID_SIZE_MAX))
        return refuse(ret_why, "kid must be a string of at most 256 bytes");
    r = check_purpose(jwk, ret_why);
    if (r == JWK_ADDED)
        r = check_algorithm(jwk, &algorithms, ret_why);
    if (r != JWK_ADDED)
        return r;
    if (ring->keys_count == KEYRING_KEYS_MAX) { /* before the work that is not for nothing */
        *ret_why = "there are too many keys";
        return MCP_AUTH_E_FULL;
    }
    r = read_numbers(jwk, secrets, &key, ret_why);
    return r < 0 ? r : add_read(ring, &key, algorithms, json_text(kid), ret_why);
}

/* Of the kid what a log can show; a stranger may have chosen it. */
static void notice(jwk_noticed noticed, void *owner, unsigned index, const json_t *jwk,
                   bool refused, const char *why)
{
    struct jwk_notice made = {.index = index, .refused = refused, .why = why};
    struct bytes kid = json_member_text(jwk, "kid");

    for (size_t i = 0; i < kid.size && i < sizeof made.kid - 1; i++)
        made.kid[i] = kid.data[i] > ' ' && kid.data[i] < 0x7f ? kid.data[i] : '?';
    if (noticed)
        noticed(owner, &made);
}

/* The keys of a set; a document that has none but a kty is one key itself. */
static int add_all(struct keyring *ring, json_t *document, enum jwk_secrets secrets,
                   jwk_noticed noticed, void *owner, const char **ret_why)
{
    json_t *keys = json_object_get(document, "keys");
    bool single = !keys && json_object_get(document, "kty");
    size_t count = single ? 1 : json_array_size(keys);
    int added = 0;

    if (!json_is_object(document) || (!single && !json_is_array(keys)))
        return refuse(ret_why, "it is neither a JWK Set, which has keys, nor a JWK, which has kty");
    if (count > JWKS_KEYS_MAX)
        return refuse(ret_why, "there are more than 100 keys in it");
    for (size_t i = 0; i < count; i++) {
        const json_t *jwk = single ? document : json_array_get(keys, i);
        const char *why = "out of memory";
        int r = add_one(ring, jwk, secrets, &why);

        if (r == MCP_AUTH_E_NOMEM) {
            *ret_why = why;
            return r;
        }
        if (r == JWK_ADDED)
            added++;
        else
            notice(noticed, owner, (unsigned)i, jwk, r < 0, why);
    }
    return added;
}

int keyring_add_jwks(struct keyring *ring, struct bytes text, enum jwk_secrets secrets,
                     jwk_noticed noticed, void *owner, const char **ret_why)
{
    unsigned before = ring->keys_count;
    json_t *document;
    int r;

    *ret_why = "out of memory";
    if (text.size > JWKS_SIZE_MAX) {
        *ret_why = "it is longer than 256 KiB";
        return MCP_AUTH_E_TOO_BIG;
    }
    r = json_read(text, &document, NULL);
    if (r == MCP_AUTH_E_INVALID)
        return refuse(ret_why, "it is not JSON, or has a member twice");
    if (r < 0)
        return r;
    r = add_all(ring, document, secrets, noticed, owner, ret_why);
    json_decref(document);
    if (r < 0)
        keyring_drop_since(ring, before);
    return r;
}
