/* SPDX-License-Identifier: Apache-2.0 */
/* test_jwk_refusals.c: a bad key is refused by its index and reason, and the good ones stay. */
#include <openssl/err.h>
#include <stdio.h>

#include "auth/jwk.h"
#include "auth/key.h"
#include "auth/tokens.h"
#include "base/base64url.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\""
#define EC_X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC_Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define OCT "\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"" /* SECRET */

struct notices {
    unsigned count;
    struct jwk_notice items[128];
};

static void remember(void *owner, const struct jwk_notice *notice)
{
    struct notices *notices = owner;

    CHECK(notices->count < ARRAY_COUNT(notices->items));
    notices->items[notices->count++] = *notice;
}

static int add(struct keyring *ring, const char *text, enum jwk_secrets secrets,
               struct notices *notices)
{
    const char *why = NULL;
    int r;

    notices->count = 0;
    r = keyring_add_jwks(ring, bytes_of(text), secrets, remember, notices, &why);
    CHECK(r >= 0 || why);
    CHECK_EQ(ERR_peek_error(), 0);
    return r;
}

static struct keyring *ring_new(unsigned algorithms)
{
    struct keyring *ring;

    CHECK_EQ(keyring_new(&ring, algorithms), 0);
    return ring;
}

/* The bad key stands between two good ones, and is the only one missing. */
static void check_refused(const char *jwk, const char *word)
{
    struct keyring *ring = ring_new(0);
    struct notices notices;
    char *text = NULL;

    CHECK(asprintf(&text, "{\"keys\":[{" ED "},%s,{" OCT "}]}", jwk) > 0);
    CHECK_EQ(add(ring, text, JWK_SECRETS_TOO, &notices), 2);
    CHECK_EQ(notices.count, 1);
    CHECK_EQ(notices.items[0].index, 1);
    CHECK(notices.items[0].refused);
    if (!strstr(notices.items[0].why, word))
        fprintf(stderr, "%s: %s\n", jwk, notices.items[0].why);
    CHECK(strstr(notices.items[0].why, word));
    CHECK_EQ(keyring_algorithms(ring), BIT(JWT_EDDSA) | BIT(JWT_HS256));
    keyring_unref(ring);
    free(text);
}

TEST(members_of_the_wrong_type_or_size_are_refused)
{
    check_refused("7", "object");
    check_refused("[]", "object");
    check_refused("{}", "kty");
    check_refused("{\"kty\":\"AKP\"}", "kty");
    check_refused("{\"kty\":7}", "kty");
    check_refused("{\"kty\":\"rsa\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "kty");
    check_refused("{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "n and e");
    check_refused("{\"kty\":\"RSA\",\"n\":5,\"e\":\"AQAB\"}", "n and e");
    check_refused("{\"kty\":\"RSA\",\"n\":\"AQA=\",\"e\":\"AQAB\"}", "n and e");
    check_refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"\"}", "n and e");
    check_refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "RSA");
    check_refused("{\"kty\":\"EC\",\"crv\":\"P-224\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
                  "crv");
    check_refused("{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
                  "crv");
    check_refused("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
                  "full size");
    check_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}", "full size");
    check_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}",
                  "no point");
    check_refused("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED_X "\"}", "crv");
    check_refused("{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED_X "\"}", "crv");
    check_refused("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}", "32 bytes");
    check_refused("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "32 bytes");
    check_refused("{\"kty\":\"oct\",\"k\":\"AQAB\"}", "32 bytes");
    check_refused("{\"kty\":\"oct\",\"k\":null}", "base64url");
    check_refused("{" ED ",\"kid\":7}", "kid");
    check_refused("{" ED ",\"alg\":null}", "alg");
    check_refused("{" ED ",\"use\":[\"sig\"]}", "use");
    check_refused("{" ED ",\"key_ops\":\"verify\"}", "key_ops");
    check_refused("{" ED ",\"key_ops\":[null]}", "key_ops");
}

TEST(a_private_key_is_refused_whatever_its_type)
{
    check_refused("{" ED ",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}", "private");
    check_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y
                  "\",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\"}",
                  "private");
    check_refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"qi\":\"AQ\"}", "private");
    check_refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"oth\":[]}", "private");
    check_refused("{\"kty\":\"RSA\",\"use\":\"enc\",\"d\":null}", "private");
}

/* A key of one type under the name of another is how an HMAC signed with a public key begins. */
TEST(an_alg_that_the_key_cannot_serve_is_refused)
{
    check_refused("{" ED ",\"alg\":\"ES256\"}", "alg");
    check_refused("{" ED ",\"alg\":\"HS256\"}", "alg");
    check_refused("{" OCT ",\"alg\":\"RS256\"}", "alg");
    check_refused("{" OCT ",\"alg\":\"EdDSA\"}", "alg");
    check_refused("{" OCT ",\"alg\":\"HS512\"}", "alg"); /* too short for it */
    check_refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y
                  "\",\"alg\":\"ES384\"}",
                  "alg");
}

/* y of the points of order 1, 2, 4 and 8, with either sign of x, and spelled with p added. */
TEST(an_ed25519_key_of_small_order_or_a_second_spelling_is_refused)
{
    static const struct {
        unsigned char first, middle, last;
    } ends[] = {{0, 0, 0},          {1, 0, 0},          {0xec, 0xff, 0x7f}, {0xed, 0xff, 0x7f},
                {0xee, 0xff, 0x7f}, {0xef, 0xff, 0x7f}, {0xff, 0xff, 0x7f}};
    static const char *const order_eight[] = {"JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
                                              "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"};
    unsigned char y[32];
    char text[44] = "", *jwk = NULL;

    for (unsigned i = 0; i < 2 * (ARRAY_COUNT(ends) + 2); i++) {
        if (i / 2 < ARRAY_COUNT(ends)) {
            memset(y, ends[i / 2].middle, sizeof y);
            y[0] = ends[i / 2].first;
            y[31] = ends[i / 2].last;
        } else {
            CHECK_EQ(base64url_decode(bytes_of(order_eight[i / 2 - ARRAY_COUNT(ends)]), y), 32);
        }
        y[31] |= i % 2 ? 0x80 : 0;
        base64url_encode(y, sizeof y, text);
        CHECK(asprintf(&jwk, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", text) > 0);
        check_refused(jwk, "Ed25519");
        free(jwk);
    }
}

TEST(shared_secrets_are_refused_from_a_set_that_others_can_read)
{
    struct keyring *ring = ring_new(0);
    struct notices notices;

    CHECK_EQ(add(ring, "{\"keys\":[{" OCT "},{" ED "}]}", JWK_PUBLIC_ONLY, &notices), 1);
    CHECK_EQ(notices.count, 1);
    CHECK(notices.items[0].refused && strstr(notices.items[0].why, "secret"));
    CHECK_EQ(keyring_algorithms(ring), BIT(JWT_EDDSA));
    keyring_unref(ring);
}

TEST(the_text_of_a_pem_file_is_no_secret_here_either)
{
    /* "-----BEGIN PUBLIC KEY-----0123456789" */
    check_refused("{\"kty\":\"oct\","
                  "\"k\":\"LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0wMTIzNDU2Nzg5\"}",
                  "PEM");
}

TEST(what_is_no_key_set_is_refused_whole)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "7",
                                        "null",
                                        "\"keys\"",
                                        "{}",
                                        "{\"keys\":{}}",
                                        "{\"keys\":null}",
                                        "{\"keys\":null,\"kty\":\"RSA\"}",
                                        "{\"keys\":[{" ED "}],\"keys\":[]}",
                                        "{\"keys\":[{" ED "," ED "}]}",
                                        "{\"keys\":[{" ED "}]} x"};
    struct keyring *ring = ring_new(0);
    struct notices notices;

    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        CHECK_EQ(add(ring, texts[i], JWK_SECRETS_TOO, &notices), MCP_AUTH_E_INVALID);
        CHECK_EQ(ring->keys_count, 0);
    }
    keyring_unref(ring);
}

TEST(an_empty_set_is_a_set_without_keys)
{
    struct keyring *ring = ring_new(0);
    struct notices notices;

    CHECK_EQ(add(ring, "{\"keys\":[]}", JWK_SECRETS_TOO, &notices), 0);
    CHECK_EQ(notices.count, 0);
    keyring_unref(ring);
}

TEST(a_document_may_have_one_key_without_a_set_and_a_kid_is_shown_harmless)
{
    struct keyring *ring = ring_new(0);
    struct notices notices;

    CHECK_EQ(add(ring, "{" ED ",\"kid\":\"k\"}", JWK_SECRETS_TOO, &notices), 1);
    CHECK_EQ(add(ring, "{\"kty\":\"?\",\"kid\":\"a\\u001b\\u00e9\\nb\"}", JWK_SECRETS_TOO,
                 &notices),
             0);
    CHECK(strcmp(notices.items[0].kid, "a????b") == 0);
    keyring_unref(ring);
}

TEST(keys_for_algorithms_that_are_not_allowed_are_set_aside)
{
    struct keyring *ring = ring_new(BIT(JWT_HS256));
    struct notices notices;

    CHECK_EQ(add(ring, "{\"keys\":[{" ED "},{" OCT "}]}", JWK_SECRETS_TOO, &notices), 1);
    CHECK_EQ(notices.count, 1);
    CHECK(!notices.items[0].refused);
    keyring_unref(ring);
}

TEST(keys_beyond_the_rings_room_are_refused_one_by_one_and_101_keys_at_once)
{
    struct keyring *ring = ring_new(0);
    struct notices notices;
    struct strbuf text;

    strbuf_init(&text, 64u * 1024u);
    strbuf_puts(&text, "{\"keys\":[{" ED "}");
    for (unsigned i = 1; i < JWKS_KEYS_MAX; i++)
        strbuf_puts(&text, ",{" ED "}");
    strbuf_puts(&text, "]}");
    CHECK_EQ(strbuf_terminate(&text), 0);
    CHECK_EQ(add(ring, text.data, JWK_SECRETS_TOO, &notices), KEYRING_KEYS_MAX);
    CHECK_EQ(notices.count, JWKS_KEYS_MAX - KEYRING_KEYS_MAX);
    CHECK_EQ(notices.items[0].index, KEYRING_KEYS_MAX);
    keyring_unref(ring);

    ring = ring_new(0);
    text.size -= 2;
    strbuf_puts(&text, ",{" ED "}]}");
    CHECK_EQ(strbuf_terminate(&text), 0);
    CHECK_EQ(add(ring, text.data, JWK_SECRETS_TOO, &notices), MCP_AUTH_E_INVALID);
    CHECK_EQ(ring->keys_count, 0);
    strbuf_done(&text);
    keyring_unref(ring);
}

TEST(a_document_over_256_kib_is_refused)
{
    struct keyring *ring = ring_new(0);
    char *text = malloc(JWKS_SIZE_MAX + 1);
    const char *why = NULL;

    memset(text, ' ', JWKS_SIZE_MAX + 1);
    CHECK_EQ(keyring_add_jwks(ring, (struct bytes){text, JWKS_SIZE_MAX + 1}, JWK_SECRETS_TOO, NULL,
                              NULL, &why),
             MCP_AUTH_E_TOO_BIG);
    CHECK(why);
    free(text);
    keyring_unref(ring);
}
