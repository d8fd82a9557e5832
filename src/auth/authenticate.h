/* SPDX-License-Identifier: Apache-2.0 */
/* authenticate.h: a token goes in, an identity or a reason comes out. Needs no I/O. */
#ifndef AUTH_AUTHENTICATE_H
#define AUTH_AUTHENTICATE_H

#include "auth/claims_map.h"
#include "auth/fence_table.h"
#include "auth/issuers.h"
#include "model/identity.h"

/* As configured; borrowed, immutable, shared by all threads. */
struct token_rules {
    struct claims_map claims;
    struct authority_rules authority;
    /* Of the tokens that are from no issuer that was named (auth/issuers.h). */
    struct bytes issuer;   /* absent: any. "*" is any, explicitly */
    struct bytes audience; /* absent: any. Else aud (string or array) must contain it */
    int64_t leeway_ms;     /* for exp, nbf, iat */
    int64_t age_max_ms;    /* a token ends this long after its iat, if not before */
};

enum auth_result {
    AUTH_OK,
    AUTH_FAILED,  /* close 4001, HTTP 401 */
    AUTH_EXPIRED, /* the signature holds but exp or its age is over: close 4101, HTTP 401 */
    AUTH_FENCED,  /* everything of it was withdrawn: close 4102, HTTP 401 */
    AUTH_NOMEM,
};

/* The claims less what the fences cover, and refused when they cover all of it or this very token
 * (MCP_AUTH_E_REFUSED). `fences` may be NULL: none. MCP_AUTH_E_NOMEM. */
MUST_CHECK int authority_evaluate(struct identity **ret, const struct claims *claims,
                                  const struct fence_table *fences,
                                  const struct authority_rules *rules);

/* The signature is verified before any claim is believed; of `iss` alone is asked before whose keys
 * are to verify it. What is said afterwards must be the issuer's to say: aud and tenant. exp is required (NumericDate, may have
 * a fraction; must be finite and within +-10^11 s); nbf and iat, when present, are numbers too: nbf
 * or iat in the future beyond the leeway is AUTH_FAILED; iss and aud as configured.
 *
 * A token without iat has no age. Another ends age_max_ms after its iat, live connections too:
 * fences are forgotten then, and who was still in would get back at the next evaluation what was
 * withdrawn long ago. That it is over is AUTH_EXPIRED like exp: a new token helps.
 *
 * The leeway forgives clocks at the door: a token is let in while now < exp + leeway. What it is
 * let in for is shorter: identity->claims.expires_at_ms, when the connection ends, is exp itself
 * when now < exp, and exp + leeway only for a token that came in after its exp; or its age's end.
 *
 * A token that is wrong in several ways gets the answer that asks most of the client: AUTH_FAILED
 * before AUTH_EXPIRED before AUTH_FENCED. `fences` may be NULL: none. *ret_why: a static word for
 * the log, never shown to the peer; NULL with AUTH_OK. Thread: any, as far as `fences` is the
 * caller's own. */
enum auth_result authenticate(const struct issuers *issuers, const struct token_rules *rules,
                              const struct fence_table *fences, struct bytes token, int64_t wall_ms,
                              struct identity **ret, const char **ret_why);

#endif
