/* SPDX-License-Identifier: Apache-2.0 */
/* authenticate.c: a token goes in, an identity or a reason comes out. Needs no I/O. */
#include "auth/authenticate.h"

#include <assert.h>
#include <stdlib.h>

#include "codec/jws.h"
#include "mcp_auth/error.h"

/* Seconds from 1970; the year 5138 and its mirror. As milliseconds, with any leeway, it is far
 * from the ends of int64_t. */
#define NUMERIC_DATE_MAX 100000000000LL

static enum auth_result refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return AUTH_FAILED;
}

/* NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction, which is cut towards the
 * past to the millisecond. */
static bool read_time(const json_t *value, int64_t *ret_ms)
{
    if (json_is_integer(value)) {
        json_int_t seconds = json_integer_value(value);

        if (seconds < -NUMERIC_DATE_MAX || seconds > NUMERIC_DATE_MAX)
            return false;
        *ret_ms = (int64_t)seconds * 1000;
        return true;
    }
    if (json_is_real(value)) {
        double seconds = json_real_value(value);

        /* Asked this way round, so that not-a-number is refused. */
        if (!(seconds >= -(double)NUMERIC_DATE_MAX && seconds <= (double)NUMERIC_DATE_MAX))
            return false;
        *ret_ms = (int64_t)(seconds * 1000.0);
        *ret_ms -= (double)*ret_ms > seconds * 1000.0; /* the cast cuts towards zero */
        return true;
    }
    return false;
}

/* RFC 7519 section 4.1.3: a string, or an array of strings. */
static bool names_audience(const json_t *value, struct bytes audience)
{
    bool found = false;

    if (!json_is_array(value))
        return json_is_string(value) && bytes_equal(json_text(value), audience);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);

        if (!json_is_string(item))
            return false;
        found |= bytes_equal(json_text(item), audience);
    }
    return found;
}

static enum auth_result check_names(const json_t *payload, const struct issuer *issuer,
                                    const struct token_rules *rules, const char **ret_why)
{
    const json_t *name = json_object_get(payload, "iss");
    bool named = bytes_present(issuer->name);
    struct bytes wanted = named ? issuer->name : rules->issuer;
    struct bytes audience = named ? issuer->audience : rules->audience;

    if ((named || !issuer_any(wanted)) &&
        !(json_is_string(name) && bytes_equal(json_text(name), wanted)))
        return refuse(ret_why, "iss is not the configured issuer");
    if (!issuer_any(audience) && !names_audience(json_object_get(payload, "aud"), audience))
        return refuse(ret_why, "aud does not name the configured audience");
    return AUTH_OK;
}

static enum auth_result check_times(const json_t *payload, const struct token_rules *rules,
                                    int64_t wall_ms, struct claims *claims, const char **ret_why)
{
    const json_t *not_before = json_object_get(payload, "nbf");
    const json_t *issued_at = json_object_get(payload, "iat");
    int64_t expires_ms, not_before_ms, issued_ms = 0;

    if (!read_time(json_object_get(payload, "exp"), &expires_ms))
        return refuse(ret_why, "exp is missing or no time");
    if (not_before) {
        if (!read_time(not_before, &not_before_ms))
            return refuse(ret_why, "nbf is no time");
        if (not_before_ms > wall_ms + rules->leeway_ms)
            return refuse(ret_why, "nbf is in the future");
    }
    if (issued_at) {
        if (!read_time(issued_at, &issued_ms))
            return refuse(ret_why, "iat is no time");
        if (issued_ms > wall_ms + rules->leeway_ms)
            return refuse(ret_why, "iat is in the future");
        claims->issued_at_ms = issued_ms;
    }

    if (wall_ms >= expires_ms + rules->leeway_ms) {
        *ret_why = "exp is over";
        return AUTH_EXPIRED;
    }
    claims->expires_at_ms = wall_ms < expires_ms ? expires_ms : expires_ms + rules->leeway_ms;
    if (issued_at && issued_ms + rules->age_max_ms < claims->expires_at_ms)
        claims->expires_at_ms = issued_ms + rules->age_max_ms;
    if (claims->expires_at_ms <= wall_ms) {
        *ret_why = "iat is too long ago";
        return AUTH_EXPIRED;
    }
    return AUTH_OK;
}

int authority_evaluate(struct identity **ret, const struct claims *claims,
                       const struct fence_table *fences, const struct authority_rules *rules)
{
    const struct fence *found = NULL;
    unsigned count = 0;

    if (fences) {
        if (fence_table_has_token(fences, claims->tenant, claims->token_id))
            return MCP_AUTH_E_REFUSED;
        found = fence_table_find(fences, claims->tenant, claims->user, &count);
    }
    return identity_new(ret, claims, found, count, rules);
}

static enum auth_result make_identity(const struct token_rules *rules,
                                      const struct fence_table *fences, const struct claims *claims,
                                      struct identity **ret, const char **ret_why)
{
    int r = authority_evaluate(ret, claims, fences, &rules->authority);

    if (r == MCP_AUTH_E_REFUSED) {
        *ret_why = "fenced";
        return AUTH_FENCED;
    }
    *ret_why = r < 0 ? "out of memory" : NULL;
    return r < 0 ? AUTH_NOMEM : AUTH_OK;
}

static enum auth_result check_payload(const struct issuer *issuer, const struct token_rules *rules,
                                      const struct fence_table *fences, const json_t *payload,
                                      int64_t wall_ms, uint64_t key_fingerprint,
                                      struct identity **ret, const char **ret_why)
{
    struct claims_room room;
    enum auth_result result;
    int r;

    result = check_names(payload, issuer, rules, ret_why);
    if (result != AUTH_OK)
        return result;
    r = claims_read(payload, &rules->claims, &room, ret_why);
    if (r < 0)
        return r == MCP_AUTH_E_NOMEM ? AUTH_NOMEM : AUTH_FAILED;
    room.claims.key_fingerprint = key_fingerprint;
    room.claims.issuer_mark = issuer_mark(json_member_text(payload, "iss"));
    if (issuer_speaks_for(issuer, room.claims.tenant))
        result = check_times(payload, rules, wall_ms, &room.claims, ret_why);
    else
        result = refuse(ret_why, "the issuer does not speak for this tenant");
    if (result == AUTH_OK)
        result = make_identity(rules, fences, &room.claims, ret, ret_why);
    free(room.items);
    return result;
}

static enum auth_result check_signature(const struct keyring *keys, const struct jws *jws,
                                        uint64_t *ret_fingerprint, const char **ret_why)
{
    struct bytes signature = {(const char *)jws->signature, jws->signature_size};
    int algorithm = jwt_algorithm_find(bytes_of(jws->alg));
    int r;

    if (algorithm < 0)
        return refuse(ret_why, "alg is not one of ours");
    r = keyring_verify(keys, (enum jwt_algorithm)algorithm, jws->kid, jws->signed_part, signature,
                       ret_fingerprint);
    if (r == MCP_AUTH_E_NOMEM) {
        *ret_why = "out of memory";
        return AUTH_NOMEM;
    }
    return r < 0 ? refuse(ret_why, "no key verifies the signature") : AUTH_OK;
}

enum auth_result authenticate(const struct issuers *issuers, const struct token_rules *rules,
                              const struct fence_table *fences, struct bytes token, int64_t wall_ms,
                              struct identity **ret, const char **ret_why)
{
    enum auth_result result;
    const struct issuer *issuer;
    uint64_t key_fingerprint = 0;
    struct jws jws;
    int r;

    assert(rules->leeway_ms >= 0 && rules->age_max_ms >= 0);
    assert(bytes_present(rules->claims.user));

    r = jws_read(token, &jws, ret_why);
    if (r < 0)
        return r == MCP_AUTH_E_NOMEM ? AUTH_NOMEM : AUTH_FAILED;
    issuer = issuers_find(issuers, json_member_text(jws.payload, "iss"));
    result = check_signature(issuer->keys, &jws, &key_fingerprint, ret_why);
    if (result == AUTH_FAILED)
        issuers_lack(issuers, issuer, jws.kid);
    if (result == AUTH_OK) /* and only now is any claim believed */
        result = check_payload(issuer, rules, fences, jws.payload, wall_ms, key_fingerprint, ret,
                               ret_why);
    jws_done(&jws);
    assert(result == AUTH_OK || *ret_why);
    return result;
}
