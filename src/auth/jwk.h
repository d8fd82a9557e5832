/* SPDX-License-Identifier: Apache-2.0 */
/* jwk.h: JSON Web Keys (RFC 7517), one or a set of them, into a keyring. */
#ifndef AUTH_JWK_H
#define AUTH_JWK_H

#include <stdbool.h>

#include "auth/keyring.h"

#define JWKS_SIZE_MAX (256u * 1024u)
#define JWKS_KEYS_MAX 100u /* to be looked at: the check of an RSA key takes milliseconds */

/* A key of the set that is not used, for the operator. */
struct jwk_notice {
    unsigned index; /* in "keys", from 0 */
    char kid[65];   /* what can be shown of it; "" when it has none */
    bool refused;   /* nothing is right about it; else it is set aside, being for another purpose */
    const char *why; /* static */
};
typedef void (*jwk_noticed)(void *owner, const struct jwk_notice *notice);

/* May the document hold shared secrets (kty oct)? One that comes from an address that others can
 * read must not. */
enum jwk_secrets { JWK_PUBLIC_ONLY, JWK_SECRETS_TOO };

/* Adds the keys of a JWK Set, or of a single JWK: RSA, EC (P-256, P-384, P-521), OKP (Ed25519) and
 * oct, under the rules of keyring_add_pem and keyring_add_secret. `use`, `key_ops` and `alg` narrow
 * what a key serves; `kid` says which tokens it is for. Members that are not known are ignored, x5c
 * and x5u among them. A key with private members is refused. One bad key does not keep the others
 * out: it is told to `noticed` (may be NULL) with its index and reason.
 *
 * The count of keys added, 0 when no key of a well-formed set is usable: what that means, a mistake
 * or that all was withdrawn, is the caller's to say. MCP_AUTH_E_INVALID with *ret_why (static) when
 * it is no JWK and no JWK Set, MCP_AUTH_E_TOO_BIG, MCP_AUTH_E_NOMEM: then nothing was added. */
MUST_CHECK int keyring_add_jwks(struct keyring *ring, struct bytes text, enum jwk_secrets secrets,
                                jwk_noticed noticed, void *owner, const char **ret_why);

#endif
