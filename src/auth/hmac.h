/* SPDX-License-Identifier: Apache-2.0 */
/* hmac.h: HMAC (RFC 2104) with the key already taken in, for many short messages. */
#ifndef AUTH_HMAC_H
#define AUTH_HMAC_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* The states of the two hashes after their key block: copied for each message, never changed, so
 * that any thread may use them. Measured for HS256 on 300 bytes: 0.35 of the time that EVP_MAC
 * takes with a duplicated context. */
struct hmac_key {
    EVP_MD *digest;
    EVP_MD_CTX *inner, *outer;
};

/* bits: 256, 384 or 512. MCP_AUTH_E_NOMEM (OpenSSL failed). */
MUST_CHECK int hmac_key_init(struct hmac_key *key, unsigned bits, struct bytes secret);
void hmac_key_done(struct hmac_key *key); /* wipes (EVP_MD_CTX_free does) */
/* ret holds EVP_MAX_MD_SIZE. The size, or MCP_AUTH_E_NOMEM. */
MUST_CHECK int hmac_sign(const struct hmac_key *key, struct bytes message, unsigned char *ret);

#endif
