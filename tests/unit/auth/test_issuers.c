/* SPDX-License-Identifier: Apache-2.0 */
/* test_issuers.c: each issuer signs with its own keys, under its own name, for its own tenants. */
#include "auth/issuers.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/authenticate.h"
#include "tokens.h"
#include "unit.h"

#define NOW_MS 1800000000000
#define A "https://a.example"
#define B "https://b.example"
#define SETTINGS_ISSUER "https://settings.example"

static const struct bytes a_tenants[] = {{"t2", 2}, {"", 0}, {"t1", 2}};
static struct token_rules rules;

static void begin(void)
{
    rules = (struct token_rules){
        .claims = {BYTES("sub"), BYTES("name"), BYTES("roles"), BYTES("permissions"),
                   BYTES("tenant_id")},
        .issuer = BYTES(SETTINGS_ISSUER),
        .age_max_ms = INT64_C(30) * 86400000,
    };
}

/* A: RSA, for t1, t2 and no tenant. B: Ed25519, any tenant, any audience. The settings: a secret. */
static struct issuers *three(void)
{
    struct keyring *rest = tokens_ring(SECRET, NULL);
    struct keyring *rsa = tokens_ring((struct bytes){0}, tokens_rsa());
    struct keyring *ed = tokens_ring((struct bytes){0}, tokens_ed25519());
    struct issuer named[] = {
        {.name = BYTES(B), .audience = BYTES("*"), .any_tenant = true, .keys = ed},
        {.name = BYTES(A),
         .audience = BYTES("me"),
         .tenants = a_tenants,
         .tenants_count = 3,
         .keys = rsa},
    };
    struct issuers *issuers;

    begin();
    CHECK_EQ(issuers_new(&issuers, rest, named, 2), 0);
    keyring_unref(rest);
    keyring_unref(rsa);
    keyring_unref(ed);
    return issuers;
}

enum signer { BY_SECRET, BY_RSA, BY_ED25519, SIGNERS };

/* A token of this signer with these claims beside sub and exp: in, and by which claims. */
static enum auth_result ask(const struct issuers *issuers, enum signer signer, const char *claims,
                            struct claims *ret)
{
    static const enum jwt_algorithm algorithms[] = {JWT_HS256, JWT_RS256, JWT_EDDSA};
    static const char *const names[] = {"HS256", "RS256", "EdDSA"};
    EVP_PKEY *keys[] = {NULL, tokens_rsa(), tokens_ed25519()};
    struct identity *identity = NULL;
    enum auth_result result;
    struct strbuf token;
    char header[64], payload[512];
    const char *why;

    (void)snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"1\"}", names[signer]);
    (void)snprintf(payload, sizeof payload, "{\"sub\":\"u\",\"exp\":1900000000%s}", claims);
    strbuf_init(&token, 8192);
    tokens_make(&token, algorithms[signer], keys[signer], SECRET, bytes_of(header),
                bytes_of(payload));
    result = authenticate(issuers, &rules, NULL, strbuf_bytes(&token), NOW_MS, &identity, &why);
    CHECK((result == AUTH_OK) == (identity != NULL));
    if (identity && ret)
        *ret = (struct claims){.tenant = BYTES("t1"),
                               .key_fingerprint = identity->claims.key_fingerprint,
                               .issuer_mark = identity->claims.issuer_mark};
    identity_unref(identity);
    strbuf_done(&token);
    return result;
}

TEST(a_key_signs_in_the_name_of_its_own_issuer_only)
{
    static const char *const claims[SIGNERS] = {
        ",\"iss\":\"" SETTINGS_ISSUER "\"",
        ",\"iss\":\"" A "\",\"aud\":\"me\",\"tenant_id\":\"t1\"",
        ",\"iss\":\"" B "\",\"tenant_id\":\"t9\"",
    };
    struct issuers *issuers = three();

    for (unsigned name = 0; name < SIGNERS; name++)
        for (unsigned signer = 0; signer < SIGNERS; signer++)
            CHECK_EQ(ask(issuers, signer, claims[name], NULL),
                     name == signer ? AUTH_OK : AUTH_FAILED);
    CHECK_EQ(issuers_keys_count(issuers), 3);
    issuers_unref(issuers);
    issuers_unref(NULL);
}

TEST(a_name_is_taken_to_the_byte_and_only_as_a_string)
{
    static const char *const odd[] = {
        "",
        ",\"iss\":null",
        ",\"iss\":[\"" A "\"]",
        ",\"iss\":\"" A "/\",\"aud\":\"me\"",
        ",\"iss\":\"HTTPS://a.example\",\"aud\":\"me\"",
        ",\"iss\":\"https://a.exampl\",\"aud\":\"me\"",
        ",\"iss\":\"\",\"aud\":\"me\"",
        ",\"iss\":\"*\",\"aud\":\"me\"",
    };
    struct issuers *issuers = three();

    for (unsigned i = 0; i < ARRAY_COUNT(odd); i++)
        for (unsigned signer = 0; signer < SIGNERS; signer++)
            CHECK_EQ(ask(issuers, signer, odd[i], NULL), AUTH_FAILED);
    /* Where the settings take any issuer, they still take none that has keys of its own. */
    rules.issuer = BYTES("*");
    for (unsigned i = 0; i < ARRAY_COUNT(odd); i++)
        for (unsigned signer = 0; signer < SIGNERS; signer++)
            CHECK_EQ(ask(issuers, signer, odd[i], NULL),
                     signer == BY_SECRET ? AUTH_OK : AUTH_FAILED);
    CHECK_EQ(ask(issuers, BY_SECRET, ",\"iss\":\"" A "\",\"aud\":\"me\"", NULL), AUTH_FAILED);
    CHECK_EQ(ask(issuers, BY_SECRET, ",\"iss\":\"" B "\"", NULL), AUTH_FAILED);
    issuers_unref(issuers);
}

TEST(an_issuer_speaks_for_its_tenants_and_to_its_audience)
{
    static const struct {
        const char *claims;
        enum auth_result result;
    } rows[] = {
        {",\"aud\":\"me\",\"tenant_id\":\"t1\"", AUTH_OK},
        {",\"aud\":[\"you\",\"me\"],\"tenant_id\":\"t2\"", AUTH_OK},
        {",\"aud\":\"me\"", AUTH_OK},
        {",\"aud\":\"me\",\"tenant_id\":\"\"", AUTH_OK},
        {",\"aud\":\"me\",\"tenant_id\":\"t3\"", AUTH_FAILED},
        {",\"aud\":\"me\",\"tenant_id\":\"t\"", AUTH_FAILED},
        {",\"aud\":\"me\",\"tenant_id\":\"t11\"", AUTH_FAILED},
        {",\"aud\":\"me\",\"tenant_id\":\"*\"", AUTH_FAILED},
        {",\"aud\":\"you\",\"tenant_id\":\"t1\"", AUTH_FAILED},
        {",\"tenant_id\":\"t1\"", AUTH_FAILED},
    };
    struct issuers *issuers = three();
    char claims[256];

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        (void)snprintf(claims, sizeof claims, ",\"iss\":\"" A "\"%s", rows[i].claims);
        CHECK_EQ(ask(issuers, BY_RSA, claims, NULL), rows[i].result);
    }
    rules.audience = BYTES("settings"); /* says nothing of named issuers */
    CHECK_EQ(ask(issuers, BY_ED25519, ",\"iss\":\"" B "\"", NULL), AUTH_OK);
    issuers_unref(issuers);
}

TEST(what_was_let_in_is_vouched_for_by_its_own_issuer_as_it_is_now)
{
    static const struct bytes fewer[] = {{"t2", 2}};
    struct issuers *before = three(), *now;
    struct keyring *rsa = keyring_ref((struct keyring *)issuers_find(before, BYTES(A))->keys);
    struct keyring *other = tokens_ring((struct bytes){0}, tokens_rsa_other());
    struct issuer named = {.name = BYTES(A),
                           .audience = BYTES("me"),
                           .any_tenant = true,
                           .keys = rsa};
    struct claims claims;

    CHECK_EQ(ask(before, BY_RSA, ",\"iss\":\"" A "\",\"aud\":\"me\"", &claims), AUTH_OK);
    CHECK(issuers_vouch(before, rules.issuer, &claims));
    CHECK_EQ(issuers_new(&now, other, &named, 1), 0);
    CHECK(issuers_vouch(now, rules.issuer, &claims)); /* any tenant is more */
    issuers_unref(now);

    named.keys = other; /* a key withdrawn */
    CHECK_EQ(issuers_new(&now, rsa, &named, 1), 0);
    CHECK(!issuers_vouch(now, rules.issuer, &claims));
    issuers_unref(now);

    named.keys = rsa; /* a tenant withdrawn */
    named.any_tenant = false;
    named.tenants = fewer;
    named.tenants_count = 1;
    CHECK_EQ(issuers_new(&now, other, &named, 1), 0);
    CHECK(!issuers_vouch(now, rules.issuer, &claims));
    issuers_unref(now);

    named.name = BYTES(B); /* the issuer withdrawn: another has the key, and so have the settings */
    named.any_tenant = true;
    CHECK_EQ(issuers_new(&now, rsa, &named, 1), 0);
    CHECK(!issuers_vouch(now, rules.issuer, &claims));
    CHECK(issuers_vouch(now, BYTES("*"), &claims));
    CHECK(issuers_vouch(now, BYTES(A), &claims)); /* the settings name it instead */
    issuers_unref(now);
    issuers_unref(before);
    keyring_unref(rsa);
    keyring_unref(other);
}

TEST(who_is_named_anew_takes_what_the_settings_let_in_before)
{
    struct keyring *rest = tokens_ring(SECRET, NULL);
    struct issuers *before, *now = three();
    struct claims claims;

    CHECK_EQ(issuers_new(&before, rest, NULL, 0), 0);
    rules.issuer = BYTES("*");
    CHECK_EQ(ask(before, BY_SECRET, ",\"iss\":\"" A "\"", &claims), AUTH_OK);
    CHECK(issuers_vouch(before, rules.issuer, &claims));
    CHECK(!issuers_vouch(now, rules.issuer, &claims));
    issuers_unref(before);
    issuers_unref(now);
    keyring_unref(rest);
}

TEST(many_issuers_with_many_tenants_are_each_found)
{
    struct keyring *ring = tokens_ring(SECRET, NULL);
    struct issuer named[ISSUERS_MAX];
    struct bytes *tenants = calloc(ISSUER_TENANTS_MAX, sizeof *tenants);
    char(*texts)[8] = calloc(ISSUER_TENANTS_MAX, sizeof *texts), names[ISSUERS_MAX][16];
    struct issuers *issuers;

    for (unsigned i = 0; i < ISSUER_TENANTS_MAX; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "t%u", (i * 7) % ISSUER_TENANTS_MAX);
        tenants[i] = bytes_of(texts[i]);
    }
    for (unsigned i = 0; i < ISSUERS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "issuer-%u", (i * 5) % ISSUERS_MAX);
        named[i] = (struct issuer){.name = bytes_of(names[i]),
                                   .audience = BYTES("*"),
                                   .tenants = tenants,
                                   .tenants_count = i + 1,
                                   .keys = ring};
    }
    CHECK_EQ(issuers_new(&issuers, ring, named, ISSUERS_MAX), 0);
    for (unsigned i = 0; i < ISSUERS_MAX; i++) {
        const struct issuer *found = issuers_find(issuers, bytes_of(names[i]));

        CHECK(bytes_equal(found->name, bytes_of(names[i])));
        CHECK_EQ(found->tenants_count, i + 1);
        for (unsigned t = 0; t < ISSUER_TENANTS_MAX; t++)
            CHECK_EQ(issuer_speaks_for(found, tenants[t]), t <= i);
    }
    CHECK(issuers_find(issuers, BYTES("issuer-64")) == &issuers->rest);
    CHECK(issuers_find(issuers, (struct bytes){0}) == &issuers->rest);
    issuers_unref(issuers);
    keyring_unref(ring);
    free(tenants);
    free(texts);
}

struct asked {
    unsigned count, last, released;
};

static void asked_lacking(void *owner, unsigned source)
{
    struct asked *asked = owner;

    asked->count++;
    asked->last = source;
}

static void asked_release(void *owner)
{
    ((struct asked *)owner)->released++;
}

TEST(a_key_that_an_issuer_with_an_address_lacks_is_asked_for)
{
    static const struct issuers_port port = {asked_lacking, asked_release};
    struct keyring *rest = tokens_ring(SECRET, NULL), *ring = tokens_ring(SECRET_48, NULL);
    struct issuer named[] = {{.name = BYTES(A),
                              .audience = BYTES("*"),
                              .any_tenant = true,
                              .url = BYTES("https://a.example/jwks"),
                              .source = 7,
                              .awaited = true,
                              .keys = ring},
                             {.name = BYTES(B), .audience = BYTES("*"), .keys = ring}};
    struct issuers *issuers;
    struct asked asked = {0};

    CHECK_EQ(issuers_new(&issuers, rest, named, 2), 0);
    CHECK_EQ(issuers_awaited(issuers), 1);
    CHECK_TEXT(issuers_find(issuers, BYTES(A))->url, "https://a.example/jwks");
    begin();
    rules.issuer = (struct bytes){0};
    CHECK_EQ(ask(issuers, BY_RSA, ",\"iss\":\"" A "\"", NULL), AUTH_FAILED); /* nobody is there */
    issuers->port = &port;
    issuers->owner = &asked;
    CHECK_EQ(ask(issuers, BY_RSA, ",\"iss\":\"" A "\"", NULL), AUTH_FAILED);
    CHECK_EQ(asked.count, 1);
    CHECK_EQ(asked.last, 6);
    CHECK_EQ(ask(issuers, BY_RSA, ",\"iss\":\"" B "\"", NULL), AUTH_FAILED); /* has no address */
    CHECK_EQ(ask(issuers, BY_RSA, "", NULL), AUTH_FAILED);
    issuers_lack(issuers, issuers_find(issuers, BYTES(A)), (struct bytes){0}); /* names no key */
    CHECK_EQ(asked.count, 1);
    issuers_ref(issuers);
    issuers_unref(issuers);
    CHECK_EQ(asked.released, 0);
    issuers_unref(issuers);
    CHECK_EQ(asked.released, 1);
    keyring_unref(rest);
    keyring_unref(ring);
}
