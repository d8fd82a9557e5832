/* SPDX-License-Identifier: Apache-2.0 */
/* thumbprint.h: what a key is, as a hash of its numbers (RFC 7638), whatever file it came in. */
#ifndef AUTH_THUMBPRINT_H
#define AUTH_THUMBPRINT_H

#include <openssl/evp.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define THUMBPRINT_SIZE 32u
#define ED25519_KEY_SIZE 32u

/* SHA-256 over the required members of the key as a JWK. The key is RSA of at most 8192 bits, EC on
 * P-256, P-384, P-521, or Ed25519. MCP_AUTH_E_NOMEM (OpenSSL failed, or it is another key). */
MUST_CHECK int thumbprint_of_public(EVP_PKEY *public_key, unsigned char ret[THUMBPRINT_SIZE]);

/* The first 64 bits: enough to tell the keys of one issuer apart, also against somebody who makes
 * keys on purpose, since 2^64 of them meet one that is given. Never 0 but when it failed. */
uint64_t fingerprint_of_public(EVP_PKEY *public_key);
/* Of a shared secret: a hash keyed by it. Not to be shown (RFC 7638 section 7): it would let a weak
 * secret be guessed offline. */
uint64_t fingerprint_of_secret(struct bytes secret);

#endif
