/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_jws.c: any bytes as a token, and as the payload of a well-signed one. Nothing is accepted
 * that this harness has not signed, and what is accepted keeps its promises. */
#include <stdint.h>
#include <stdlib.h>

#include "auth/authenticate.h"
#include "auth/token_mint.h"
#include "codec/jws.h"

#define NOW_MS 1800000000000LL
#define SECRET BYTES("the secret of the fuzzing harness")

/* __builtin_trap and not assert: it must hold in every build. */
#define HOLD(condition)       \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

static struct issuers *issuers;
static struct fence_table fences;

/* P-256, made for this file. */
static const char public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6znrHnyU0JaxDZjMLd6UQkJ8lUvc\n"
    "CWVcQGBym6a1/bqANV9WTPMC+B6W1yO61HBqcpu075qxTHpqunFbF/NwtA==\n"
    "-----END PUBLIC KEY-----\n";

static void prepare(void)
{
    static const uint8_t seed[16];
    struct fence fence = {BYTES(""), BYTES("fenced"), FENCE_EVERYTHING, {0}, NOW_MS};
    struct keyring *ring;
    const char *why;

    HOLD(keyring_new(&ring, 0) == 0);
    HOLD(keyring_add_secret(ring, SECRET, &why) == 0);
    HOLD(keyring_add_pem(ring, bytes_of(public_key), &why) == 0);
    HOLD(issuers_new(&issuers, ring, NULL, 0) == 0);
    fence_table_init(&fences, seed);
    HOLD(fence_table_add(&fences, &fence) == 0);
}

static enum auth_result ask(struct bytes token, bool pointers, struct identity **ret)
{
    static const struct bytes admin_roles[] = {{"admin", 5}};
    struct token_rules rules = {
        .claims = {BYTES("sub"), BYTES("name"), BYTES("roles"), BYTES("permissions"),
                   BYTES("tenant_id")},
        .authority = {admin_roles, 1, 5000},
        .leeway_ms = 30000,
        .age_max_ms = 86400000,
    };
    const char *why = "unset";
    enum auth_result result;

    if (pointers) {
        rules.claims.roles = BYTES("/realm_access/roles");
        rules.claims.tenant = BYTES("/a~1b/0");
        rules.audience = BYTES("me");
    }
    *ret = NULL;
    result = authenticate(issuers, &rules, &fences, token, NOW_MS, ret, &why);
    HOLD((result == AUTH_OK) == (*ret != NULL));
    HOLD((result == AUTH_OK) == (why == NULL));
    return result;
}

static void check_identity(const struct identity *identity)
{
    const struct claims *claims = &identity->claims;

    HOLD(claims->user.size >= 1 && claims->user.size <= 256);
    HOLD(claims->tenant.size <= 256);
    HOLD(!bytes_equal(claims->user, BYTES("fenced")) || claims->tenant.size > 0 ||
         claims->issued_at_ms > NOW_MS);
    HOLD(claims->expires_at_ms > NOW_MS);
    HOLD(claims->issued_at_ms == NO_TIME ||
         (claims->issued_at_ms <= NOW_MS + 30000 && claims->issued_at_ms >= NOW_MS - 86400000));
    for (unsigned i = 0; i < claims->roles_count; i++)
        HOLD(claims->roles[i].size >= 1 && claims->roles[i].size <= 256);
    HOLD(identity->admin == claims_hold_role(&identity->claims, BYTES("admin")));
}

static void try_signed(struct bytes payload)
{
    struct identity *identity;
    struct strbuf token;

    strbuf_init(&token, JWS_SIZE_MAX);
    if (token_mint(&token, SECRET, payload) == 0)
        for (int pointers = 0; pointers < 2; pointers++)
            if (ask(strbuf_bytes(&token), pointers, &identity) == AUTH_OK) {
                check_identity(identity);
                identity_unref(identity);
            }
    strbuf_done(&token);
}

/* The first byte chooses: a whole token, a payload to sign, or both. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity *identity;
    struct bytes text;

    if (!issuers)
        prepare();
    if (size == 0)
        return 0;
    text = (struct bytes){(const char *)data + 1, size - 1};
    if (data[0] != 's')
        HOLD(ask(text, false, &identity) != AUTH_OK); /* nobody else has the secret */
    if (data[0] != 't')
        try_signed(text);
    return 0;
}
