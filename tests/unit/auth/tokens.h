/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.h: real keys, and tokens signed with them, good and odd, for the tests of this room. */
#ifndef TOKENS_H
#define TOKENS_H

#include <openssl/evp.h>

#include "auth/authenticate.h"
#include "base/strbuf.h"

#define SECRET BYTES("0123456789abcdef0123456789abcdef") /* 32 bytes */
#define SECRET_48 BYTES("0123456789abcdef0123456789abcdef0123456789abcdef")
#define SECRET_64 BYTES("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

/* Made once for the program; never freed. */
EVP_PKEY *tokens_rsa(void); /* 2048 bits */
EVP_PKEY *tokens_rsa_other(void);
EVP_PKEY *tokens_ed25519(void);
EVP_PKEY *tokens_ec(const char *curve); /* "P-256", "P-384", "P-521" or "P-224" */

/* PEM texts; the result is freed by the caller. */
char *tokens_public_pem(EVP_PKEY *pkey);
char *tokens_private_pem(EVP_PKEY *pkey);
char *tokens_certificate_pem(EVP_PKEY *pkey);

/* A ring with this secret (absent: none) and this public key (NULL: none). */
struct keyring *tokens_ring(struct bytes secret, EVP_PKEY *pkey);

/* authenticate() where these are the only keys, of whatever issuer. */
enum auth_result tokens_authenticate(const struct keyring *ring, const struct token_rules *rules,
                                     const struct fence_table *fences, struct bytes token,
                                     int64_t wall_ms, struct identity **ret, const char **ret_why);

/* The raw signature, as JWS wants it (for EC: R||S). Signs with `secret` when pkey is NULL. */
size_t tokens_sign(enum jwt_algorithm algorithm, EVP_PKEY *pkey, struct bytes secret,
                   struct bytes text, unsigned char ret[1024]);
size_t tokens_sign_ec_der(enum jwt_algorithm algorithm, EVP_PKEY *pkey, struct bytes text,
                          unsigned char ret[1024]);

/* header "." payload "." signature, all encoded. Reset at each call. */
void tokens_make(struct strbuf *out, enum jwt_algorithm algorithm, EVP_PKEY *pkey,
                 struct bytes secret, struct bytes header, struct bytes payload);
/* The first two parts, and then with a signature of your own. */
void tokens_put_signed_part(struct strbuf *out, struct bytes header, struct bytes payload);
void tokens_put_part(struct strbuf *out, const void *data, size_t size); /* "." and encoded */

#endif
