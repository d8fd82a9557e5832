/* SPDX-License-Identifier: Apache-2.0 */
/* test_signature_cache.c: a token seen before skips its signature's arithmetic, and nothing else. */
#include "auth/authenticate.h"
#include "auth/key.h"
#include "auth/tokens.h"
#include "base/random.h"
#include "unit.h"

#define NOW_MS 1800000000000LL
#define EXPIRES "1800000100"
#define EXPIRED_MS 1800000100000LL
#define PAYLOAD "{\"sub\":\"u\",\"iat\":1799999000,\"jti\":\"t1\",\"exp\":" EXPIRES "}"
#define HEADER BYTES("{\"alg\":\"ES256\"}")

static enum auth_result ask(struct keyring *ring, struct bytes token, int64_t now_ms,
                            const struct fence_table *fences)
{
    const struct token_rules rules = {.claims = {.user = BYTES("sub")}, .age_max_ms = 1000000000};
    struct identity *identity = NULL;
    enum auth_result result;
    const char *why;

    result = tokens_authenticate(ring, &rules, fences, token, now_ms, &identity, &why);
    identity_unref(identity);
    return result;
}

static struct keyring *ring_of(EVP_PKEY *pkey)
{
    return tokens_ring((struct bytes){0}, pkey);
}

/* A token that was let in twice, the second time from memory. */
static struct bytes make_known(struct strbuf *token, struct keyring *ring)
{
    tokens_make(token, JWT_ES256, tokens_ec("P-256"), SECRET, HEADER, BYTES(PAYLOAD));
    CHECK_EQ(ask(ring, strbuf_bytes(token), NOW_MS, NULL), AUTH_OK);
    CHECK_EQ(ask(ring, strbuf_bytes(token), NOW_MS, NULL), AUTH_OK);
    return strbuf_bytes(token);
}

TEST(a_known_token_is_refused_when_its_key_is_withdrawn)
{
    struct keyring *before = ring_of(tokens_ec("P-256")), *after = ring_of(tokens_rsa());
    struct strbuf token;

    strbuf_init(&token, 8192);
    make_known(&token, before);
    CHECK_EQ(ask(after, strbuf_bytes(&token), NOW_MS, NULL), AUTH_FAILED);
    CHECK_EQ(ask(after, strbuf_bytes(&token), NOW_MS, NULL), AUTH_FAILED);
    strbuf_done(&token);
    keyring_unref(before);
    keyring_unref(after);
}

TEST(a_known_token_is_refused_when_it_has_expired)
{
    struct keyring *ring = ring_of(tokens_ec("P-256"));
    struct strbuf token;

    strbuf_init(&token, 8192);
    make_known(&token, ring);
    CHECK_EQ(ask(ring, strbuf_bytes(&token), EXPIRED_MS, NULL), AUTH_EXPIRED);
    CHECK_EQ(ask(ring, strbuf_bytes(&token), EXPIRED_MS - 1, NULL), AUTH_OK);
    strbuf_done(&token);
    keyring_unref(ring);
}

TEST(a_known_token_is_refused_when_it_or_its_user_is_fenced)
{
    const struct fence fences[] = {
        {.user = BYTES("u"), .scope = FENCE_EVERYTHING, .not_before_ms = NOW_MS},
        {.scope = FENCE_TOKEN, .name = BYTES("t1"), .not_before_ms = NOW_MS},
    };
    struct keyring *ring = ring_of(tokens_ec("P-256"));
    struct strbuf token;

    strbuf_init(&token, 8192);
    make_known(&token, ring);
    for (unsigned i = 0; i < ARRAY_COUNT(fences); i++) {
        static const uint8_t seed[16];
        struct fence_table table;

        fence_table_init(&table, seed);
        CHECK_EQ(fence_table_add(&table, &fences[i]), 0);
        CHECK_EQ(ask(ring, strbuf_bytes(&token), NOW_MS, &table), AUTH_FENCED);
        fence_table_done(&table);
    }
    strbuf_done(&token);
    keyring_unref(ring);
}

/* Decoded, so that each bit of the value is tried and none is refused for its spelling. */
TEST(a_known_token_with_one_bit_of_its_signature_changed_is_refused_each_time)
{
    struct keyring *ring = ring_of(tokens_ec("P-256"));
    struct bytes text = BYTES("header.payload"), other = BYTES("header.payloae");
    unsigned char signature[1024];
    size_t size = tokens_sign(JWT_ES256, tokens_ec("P-256"), SECRET, text, signature);
    struct bytes whole = {(const char *)signature, size};

    for (int round = 0; round < 2; round++)
        CHECK_EQ(keyring_verify(ring, JWT_ES256, (struct bytes){0}, text, whole, NULL), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
        for (int round = 0; round < 2; round++)
            CHECK(keyring_verify(ring, JWT_ES256, (struct bytes){0}, text, whole, NULL) < 0);
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (int round = 0; round < 2; round++)
        CHECK(keyring_verify(ring, JWT_ES256, (struct bytes){0}, other, whole, NULL) < 0);
    keyring_unref(ring);
}

/* One RSA key serves six algorithms, whose signatures are of one size. */
TEST(a_signature_is_known_under_its_own_algorithm_only)
{
    struct keyring *ring = ring_of(tokens_rsa());
    unsigned char signature[1024];
    struct bytes text = BYTES("header.payload");
    size_t size = tokens_sign(JWT_RS256, tokens_rsa(), SECRET, text, signature);
    struct bytes whole = {(const char *)signature, size};

    for (int round = 0; round < 2; round++) {
        CHECK_EQ(keyring_verify(ring, JWT_RS256, (struct bytes){0}, text, whole, NULL), 0);
        CHECK(keyring_verify(ring, JWT_PS256, (struct bytes){0}, text, whole, NULL) < 0);
        CHECK(keyring_verify(ring, JWT_RS512, (struct bytes){0}, text, whole, NULL) < 0);
    }
    keyring_unref(ring);
}

TEST(what_was_verified_is_remembered_and_a_secret_remembers_nothing)
{
    struct keyring *ring = tokens_ring(SECRET, tokens_ed25519());
    struct bytes text = BYTES("header.payload");
    unsigned char signature[1024];
    size_t size = tokens_sign(JWT_EDDSA, tokens_ed25519(), SECRET, text, signature);
    struct bytes whole = {(const char *)signature, size};
    struct signature_mark mark;
    struct key *key = NULL;

    for (unsigned i = 0; i < ring->keys_count; i++)
        if (ring->keys[i].family == KEY_EDDSA)
            key = &ring->keys[i];
        else
            CHECK(!ring->keys[i].verified);
    assert_non_null(key);
    CHECK(signature_mark(&mark, key->digests[0], JWT_EDDSA, text, whole));
    CHECK(!signature_cache_has(key->verified, &mark));
    CHECK_EQ(key_verify(key, JWT_EDDSA, text, whole), 0);
    CHECK(signature_cache_has(key->verified, &mark));
    keyring_unref(ring);
}

TEST(verifications_by_arithmetic_are_counted_also_of_wrong_signatures_and_what_is_remembered_is_not)
{
    struct keyring *ring = tokens_ring(SECRET, tokens_ed25519());
    struct bytes text = BYTES("header.payload");
    unsigned char signature[1024];
    size_t size = tokens_sign(JWT_EDDSA, tokens_ed25519(), SECRET, text, signature);
    struct bytes whole = {(const char *)signature, size}, none = {0};
    unsigned long long before = key_verifications();

    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(keyring_verify(ring, JWT_EDDSA, none, text, whole, NULL), 0);
    CHECK_EQ(key_verifications() - before, 1);
    signature[0] ^= 1;
    for (unsigned i = 0; i < 3; i++)
        CHECK(keyring_verify(ring, JWT_EDDSA, none, text, whole, NULL) < 0);
    CHECK_EQ(key_verifications() - before, 4);
    CHECK(keyring_verify(ring, JWT_HS256, none, text, whole, NULL) < 0);
    CHECK_EQ(key_verifications() - before, 4);
    keyring_unref(ring);
}

TEST(a_mark_that_differs_in_any_bit_is_not_there)
{
    struct signature_mark mark = {{0x1111, 0x2222, 0x3333, 0x4444}};
    struct signature_cache *cache;

    CHECK_EQ(signature_cache_new(&cache), 0);
    CHECK(!signature_cache_has(cache, &mark));
    signature_cache_put(cache, &mark);
    CHECK(signature_cache_has(cache, &mark));
    for (unsigned bit = 0; bit < 256; bit++) {
        mark.words[bit / 64] ^= (uint64_t)1 << bit % 64;
        CHECK(!signature_cache_has(cache, &mark));
        mark.words[bit / 64] ^= (uint64_t)1 << bit % 64;
    }
    signature_cache_free(cache);
}

TEST(the_newest_mark_is_always_there_however_many_came_before)
{
    uint64_t run_seed = 11;
    struct random random = random_seeded(&run_seed);
    struct signature_cache *cache;
    struct signature_mark mark;
    unsigned kept = 0;

    CHECK_EQ(signature_cache_new(&cache), 0);
    for (unsigned i = 0; i < 4 * SIGNATURE_CACHE_ENTRIES; i++) {
        random.fill(random.owner, &mark, sizeof mark);
        signature_cache_put(cache, &mark);
        CHECK(signature_cache_has(cache, &mark));
    }
    /* Of half as many as there are places, nearly all find one. */
    signature_cache_free(cache);
    CHECK_EQ(signature_cache_new(&cache), 0);
    for (int round = 0; round < 2; round++) {
        run_seed = 12;
        for (unsigned i = 0; i < SIGNATURE_CACHE_ENTRIES / 2; i++) {
            random.fill(random.owner, &mark, sizeof mark);
            if (round == 0)
                signature_cache_put(cache, &mark);
            else
                kept += signature_cache_has(cache, &mark);
        }
    }
    CHECK(kept > SIGNATURE_CACHE_ENTRIES / 2 / 100 * 90);
    signature_cache_free(cache);
}
