/* SPDX-License-Identifier: Apache-2.0 */
/* jws.h: a compact JWS (RFC 7515 section 3.1) split and decoded; no cryptography. */
#ifndef CODEC_JWS_H
#define CODEC_JWS_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "codec/json.h"

#define JWS_SIZE_MAX (16u * 1024u)
#define JWS_SIGNATURE_MAX 1024u /* RSA of 8192 bits */

struct jws {
    struct bytes signed_part; /* header "." payload, borrowed from the token */
    char alg[16];             /* NUL-terminated */
    struct bytes kid;         /* borrowed from header; absent when none */
    json_t *header, *payload; /* yours: jws_done */
    unsigned char signature[JWS_SIGNATURE_MAX];
    size_t signature_size;
};

/* Exactly three parts of canonical base64url, header and payload JSON objects with no doubled
 * member. Refuses over JWS_SIZE_MAX; `alg` missing, not a string or too long; any `crit`, `b64`,
 * `zip`, `enc`; embedded or linked keys (`jwk jku x5c x5u`); `typ` that is present and neither
 * "JWT", "at+jwt" nor "application/at+jwt" (any case, RFC 8725 section 3.11, RFC 9068 section 4); a
 * `kid` that is not a string or over 256 bytes; an empty signature. *ret is to be used only on
 * success.
 * MCP_AUTH_E_INVALID, _TOO_BIG or _NOMEM; *ret_why is a static word for the log. */
MUST_CHECK int jws_read(struct bytes token, struct jws *ret, const char **ret_why);
void jws_done(struct jws *jws); /* wipes nothing of the token itself; that is the caller's */

#endif
