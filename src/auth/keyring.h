/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.h: the keys that tokens may be signed with, parsed once; replaced as a whole. */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* X(NAME, "text", family, hash bits). The last has no hash to choose (RFC 8037 section 3.1). */
#define JWT_ALGORITHM_LIST(X)    \
    X(HS256, "HS256", HMAC, 256) \
    X(HS384, "HS384", HMAC, 384) \
    X(HS512, "HS512", HMAC, 512) \
    X(RS256, "RS256", RSA, 256)  \
    X(RS384, "RS384", RSA, 384)  \
    X(RS512, "RS512", RSA, 512)  \
    X(ES256, "ES256", EC, 256)   \
    X(ES384, "ES384", EC, 384)   \
    X(ES512, "ES512", EC, 512)   \
    X(PS256, "PS256", RSA, 256)  \
    X(PS384, "PS384", RSA, 384)  \
    X(PS512, "PS512", RSA, 512)  \
    X(EDDSA, "EdDSA", EDDSA, 0)

#define JWT_ALGORITHM_ENTRY(name, text, family, bits) JWT_##name,
enum jwt_algorithm { JWT_ALGORITHM_LIST(JWT_ALGORITHM_ENTRY) JWT_ALGORITHMS };
#undef JWT_ALGORITHM_ENTRY

/* By the exact name, or MCP_AUTH_E_NOT_FOUND. EdDSA is called Ed25519 as well: RFC 9864 says so
 * which curve is meant, and ours is no other. */
int jwt_algorithm_find(struct bytes text);

enum key_family { KEY_HMAC, KEY_RSA, KEY_EC, KEY_EDDSA };
#define KEY_ID_SIZE_MAX 256u /* bytes of a kid */
#define KEYRING_KEYS_MAX 32u

/* Immutable after it is built, shared by atomics: any thread may verify with it. */
struct keyring {
    atomic_uint refs;
    struct key *keys;
    unsigned keys_count;
    unsigned allowed;     /* bits of enum jwt_algorithm */
    uint64_t generation;  /* a new number for each keyring of the process */
    struct keyring *more; /* its keys count as this ring's; NULL: none */
};

/* An empty ring to add keys to. `algorithms`: bits of enum jwt_algorithm that may be used at all
 * (0: all that the keys can do). Keys are added before it is shared; at most KEYRING_KEYS_MAX, then
 * MCP_AUTH_E_FULL. A key that serves none of the algorithms is MCP_AUTH_E_INVALID. */
MUST_CHECK int keyring_new(struct keyring **ret, unsigned algorithms);
/* HS256 needs 32 bytes, HS384 48, HS512 64: a shorter secret serves only the shorter ones, and
 * under 32 none: MCP_AUTH_E_INVALID, and so is the text of a PEM file, which is no secret.
 * *ret_why is static text for the operator. */
MUST_CHECK int keyring_add_secret(struct keyring *ring, struct bytes secret, const char **ret_why);
/* One or more PEM "PUBLIC KEY" or "CERTIFICATE" blocks: RSA of 2048..8192 bits with a sane
 * exponent, EC on P-256, P-384, P-521, or Ed25519. A private key is refused with a warning text.
 * All blocks or, on an error, none. Such keys have no kid. */
MUST_CHECK int keyring_add_pem(struct keyring *ring, struct bytes pem, const char **ret_why);
/* The keys of another ring as well, which is referenced; before this one is shared. */
void keyring_join(struct keyring *ring, struct keyring *more);
struct keyring *keyring_ref(struct keyring *ring);
void keyring_unref(struct keyring *ring); /* wipes secrets */
/* The algorithms that at least one key here serves and that are allowed. */
unsigned keyring_algorithms(const struct keyring *ring);

/* Is this a signature of signed_part by a key that serves exactly this algorithm? A kid (absent:
 * the token has none) leaves out the keys that bear another one; keys without a kid are tried
 * always. *ret_fingerprint (may be NULL) says which key it was, for keyring_has. 0, or
 * MCP_AUTH_E_REFUSED; MCP_AUTH_E_NOMEM. HMAC compared in constant time; ECDSA signatures are the
 * fixed-size R||S of RFC 7518 section 3.4, exactly; the salt of PS is as long as its hash. */
MUST_CHECK int keyring_verify(const struct keyring *ring, enum jwt_algorithm algorithm,
                              struct bytes kid, struct bytes signed_part, struct bytes signature,
                              uint64_t *ret_fingerprint);
/* Is the key with this fingerprint here? What it has signed is to be trusted no longer when not. */
bool keyring_has(const struct keyring *ring, uint64_t fingerprint);
bool keyring_has_kid(const struct keyring *ring, struct bytes kid);
unsigned keyring_count(const struct keyring *ring);

#endif
