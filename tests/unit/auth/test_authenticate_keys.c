/* SPDX-License-Identifier: Apache-2.0 */
/* test_authenticate_keys.c: a token of each kind of key, chosen by kid, remembers which key it was. */
#include "auth/authenticate.h"
#include "auth/jwk.h"
#include "auth/tokens.h"
#include "unit.h"

#define NOW_MS 1800000000000LL
/* The public key of RFC 8037 appendix A: not the one that signs here, whatever its kid says. */
#define STRANGER                                            \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"old\"," \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

static enum auth_result ask(struct keyring *ring, enum jwt_algorithm algorithm, EVP_PKEY *signer,
                            const char *header, uint64_t *ret_fingerprint)
{
    const struct token_rules rules = {.claims = {.user = BYTES("sub")}};
    struct identity *identity = NULL;
    enum auth_result result;
    struct strbuf token;
    const char *why;

    strbuf_init(&token, 8192);
    tokens_make(&token, algorithm, signer, SECRET, bytes_of(header),
                BYTES("{\"sub\":\"u\",\"exp\":1900000000}"));
    result = tokens_authenticate(ring, &rules, NULL, strbuf_bytes(&token), NOW_MS, &identity, &why);
    if (result == AUTH_OK && ret_fingerprint)
        *ret_fingerprint = identity->claims.key_fingerprint;
    identity_unref(identity);
    strbuf_done(&token);
    return result;
}

TEST(a_token_of_each_kind_of_key_is_taken_by_its_own_alg_only)
{
    static const char *const headers[] = {"{\"alg\":\"EdDSA\"}", "{\"alg\":\"Ed25519\"}",
                                          "{\"alg\":\"PS256\"}", "{\"alg\":\"ES256\"}",
                                          "{\"alg\":\"RS256\"}", "{\"alg\":\"Ed448\"}",
                                          "{\"alg\":\"eddsa\"}", "{\"alg\":\"PS384\"}"};
    struct keyring *ring = tokens_ring((struct bytes){0}, tokens_ed25519());
    struct keyring *rsa = tokens_ring((struct bytes){0}, tokens_rsa());

    for (unsigned i = 0; i < ARRAY_COUNT(headers); i++) {
        CHECK_EQ(ask(ring, JWT_EDDSA, tokens_ed25519(), headers[i], NULL),
                 i < 2 ? AUTH_OK : AUTH_FAILED);
        CHECK_EQ(ask(rsa, JWT_PS256, tokens_rsa(), headers[i], NULL),
                 i == 2 ? AUTH_OK : AUTH_FAILED);
        /* An EdDSA token under any name before a ring of RSA, and the other way round. */
        CHECK_EQ(ask(rsa, JWT_EDDSA, tokens_ed25519(), headers[i], NULL), AUTH_FAILED);
        CHECK_EQ(ask(ring, JWT_PS256, tokens_rsa(), headers[i], NULL), AUTH_FAILED);
    }
    keyring_unref(ring);
    keyring_unref(rsa);
}

TEST(the_identity_remembers_its_key_until_the_key_is_withdrawn)
{
    struct keyring *ring = tokens_ring(SECRET, tokens_ed25519());
    struct keyring *after = tokens_ring(SECRET, tokens_rsa());
    uint64_t by_key = 0, by_secret = 0;

    CHECK_EQ(ask(ring, JWT_EDDSA, tokens_ed25519(), "{\"alg\":\"EdDSA\"}", &by_key), AUTH_OK);
    CHECK_EQ(ask(ring, JWT_HS256, NULL, "{\"alg\":\"HS256\"}", &by_secret), AUTH_OK);
    CHECK(keyring_has(ring, by_key) && keyring_has(ring, by_secret));
    CHECK(!keyring_has(after, by_key) && keyring_has(after, by_secret));
    keyring_unref(ring);
    keyring_unref(after);
}

TEST(a_kid_of_another_key_refuses_a_good_signature)
{
    struct keyring *ring = tokens_ring((struct bytes){0}, NULL);
    const char *why;

    CHECK_EQ(keyring_add_jwks(ring, BYTES(STRANGER), JWK_PUBLIC_ONLY, NULL, NULL, &why), 1);
    CHECK_EQ(ask(ring, JWT_EDDSA, tokens_ed25519(), "{\"alg\":\"EdDSA\",\"kid\":\"old\"}", NULL),
             AUTH_FAILED);
    CHECK_EQ(ask(ring, JWT_EDDSA, tokens_ed25519(), "{\"alg\":\"EdDSA\",\"kid\":\"new\"}", NULL),
             AUTH_FAILED);
    CHECK_EQ(ask(ring, JWT_EDDSA, tokens_ed25519(), "{\"alg\":\"EdDSA\",\"kid\":7}", NULL),
             AUTH_FAILED);
    keyring_unref(ring);
}
