/* SPDX-License-Identifier: Apache-2.0 */
/* key.h: one key of the ring and what it serves; shared by the files of this room only. */
#ifndef AUTH_KEY_H
#define AUTH_KEY_H

#include "auth/hmac.h"
#include "auth/keyring.h"
#include "auth/signature_cache.h"

/* Serves its own family only: a token never says what kind of key this is. */
struct key {
    enum key_family family;
    unsigned algorithms;              /* bits of enum jwt_algorithm */
    struct hmac_key hmac[3];          /* HS256, HS384, HS512, as far as the secret is long enough */
    EVP_PKEY *public_key;             /* RSA, EC and Ed25519 */
    EVP_MD *digests[3];               /* SHA-256, SHA-384, SHA-512 */
    unsigned curve_size;              /* EC: bytes of one coordinate */
    struct signature_cache *verified; /* NULL: verifying is as cheap */
    uint64_t fingerprint;             /* of the key itself, whatever it is called; never 0 */
    struct bytes kid;                 /* its own copy; absent when none */
};

MUST_CHECK int key_from_secret(struct key *ret, struct bytes secret, const char **ret_why);
/* Takes public_key, also on error. */
MUST_CHECK int key_from_public(struct key *ret, EVP_PKEY *public_key, const char **ret_why);
/* Copies; an absent kid is none. At most KEY_ID_SIZE_MAX bytes. MCP_AUTH_E_NOMEM. */
MUST_CHECK int key_set_kid(struct key *key, struct bytes kid);
void key_done(struct key *key);
/* 0, MCP_AUTH_E_REFUSED or MCP_AUTH_E_NOMEM. The algorithm is one of key->algorithms. */
MUST_CHECK int key_verify(const struct key *key, enum jwt_algorithm algorithm,
                          struct bytes signed_part, struct bytes signature);

/* How many signatures this thread has verified with public keys, by arithmetic and not by memory:
 * for whoever bounds what one turn may cost. */
unsigned long long key_verifications(void);

/* Adds to a ring that is not shared yet. Takes the key, also on error: MCP_AUTH_E_FULL, or
 * MCP_AUTH_E_INVALID when it serves none of the algorithms that the ring allows. */
MUST_CHECK int keyring_add_key(struct keyring *ring, struct key *key, const char **ret_why);

/* Takes the last keys out again until `count` are left. */
void keyring_drop_since(struct keyring *ring, unsigned count);

#endif
