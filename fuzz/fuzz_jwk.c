/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_jwk.c: any text is a set of sound keys with a notice for each other one, or refused. */
#include <assert.h>
#include <stdint.h>

#include "auth/jwk.h"
#include "auth/key.h"
#include "mcp_auth/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_notice(void *owner, const struct jwk_notice *notice)
{
    unsigned *count = owner;

    assert(notice->index < JWKS_KEYS_MAX && notice->why && notice->why[0]);
    assert(memchr(notice->kid, '\0', sizeof notice->kid));
    for (const char *c = notice->kid; *c; c++)
        assert(*c > ' ' && *c < 0x7f);
    ++*count;
}

static void check_key(const struct keyring *ring, const struct key *key, enum jwk_secrets secrets)
{
    const unsigned hmac = BIT(JWT_HS256) | BIT(JWT_HS384) | BIT(JWT_HS512);
    const unsigned ec = BIT(JWT_ES256) | BIT(JWT_ES384) | BIT(JWT_ES512);

    assert(key->algorithms && keyring_has(ring, key->fingerprint) && key->fingerprint != 0);
    assert(key->kid.size <= KEY_ID_SIZE_MAX);
    switch (key->family) {
    case KEY_HMAC:
        assert(secrets == JWK_SECRETS_TOO && !(key->algorithms & ~hmac));
        break;
    case KEY_RSA:
        assert(!(key->algorithms & (hmac | ec | BIT(JWT_EDDSA))));
        break;
    case KEY_EC:
        assert(!(key->algorithms & ~ec));
        break;
    case KEY_EDDSA:
        assert(key->algorithms == BIT(JWT_EDDSA));
        break;
    }
}

static void check(struct bytes text, enum jwk_secrets secrets)
{
    const char *why = NULL;
    struct keyring *ring;
    unsigned notices = 0;
    int r;

    r = keyring_new(&ring, 0);
    assert(r == 0);
    r = keyring_add_jwks(ring, text, secrets, count_notice, &notices, &why);
    if (r < 0) {
        assert((r == MCP_AUTH_E_INVALID || r == MCP_AUTH_E_TOO_BIG) && why);
        assert(ring->keys_count == 0 && notices == 0);
    } else {
        assert((unsigned)r == ring->keys_count && r <= (int)KEYRING_KEYS_MAX);
    }
    for (unsigned i = 0; i < ring->keys_count; i++) {
        unsigned char signature[64] = {1};

        check_key(ring, &ring->keys[i], secrets);
        r = keyring_verify(ring, JWT_EDDSA, ring->keys[i].kid, BYTES("e30.e30"),
                           (struct bytes){(char *)signature, sizeof signature}, NULL);
        assert(r == MCP_AUTH_E_REFUSED);
    }
    keyring_unref(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = {(const char *)data, size};

    check(text, JWK_PUBLIC_ONLY);
    check(text, JWK_SECRETS_TOO);
    return 0;
}
