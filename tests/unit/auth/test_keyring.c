/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyring.c: a key serves its own family and sizes, and verifies exactly one spelling. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "auth/tokens.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define TEXT BYTES("eyJhbGciOiJIUzI1NiJ9.e30")
#define HS (BIT(JWT_HS256) | BIT(JWT_HS384) | BIT(JWT_HS512))
#define RS (BIT(JWT_RS256) | BIT(JWT_RS384) | BIT(JWT_RS512))
#define PS (BIT(JWT_PS256) | BIT(JWT_PS384) | BIT(JWT_PS512))
#define NO_KID ((struct bytes){0})

static int verify(struct keyring *ring, enum jwt_algorithm algorithm, const void *data, size_t size)
{
    int r = keyring_verify(ring, algorithm, NO_KID, TEXT, (struct bytes){data, size}, NULL);

    CHECK_EQ(ERR_peek_error(), 0); /* TLS on this thread would take it for its own */
    return r;
}

TEST(an_algorithm_is_found_by_its_exact_name)
{
    CHECK_EQ(jwt_algorithm_find(BYTES("HS256")), JWT_HS256);
    CHECK_EQ(jwt_algorithm_find(BYTES("ES512")), JWT_ES512);
    CHECK_EQ(jwt_algorithm_find(BYTES("hs256")), MCP_AUTH_E_NOT_FOUND);
    CHECK_EQ(jwt_algorithm_find(BYTES("HS2567")), MCP_AUTH_E_NOT_FOUND);
    CHECK_EQ(jwt_algorithm_find(BYTES("none")), MCP_AUTH_E_NOT_FOUND);
    CHECK_EQ(jwt_algorithm_find(BYTES("PS384")), JWT_PS384);
    CHECK_EQ(jwt_algorithm_find(BYTES("EdDSA")), JWT_EDDSA);
    CHECK_EQ(jwt_algorithm_find(BYTES("Ed25519")), JWT_EDDSA);
    CHECK_EQ(jwt_algorithm_find(BYTES("Ed448")), MCP_AUTH_E_NOT_FOUND);
    CHECK_EQ(jwt_algorithm_find(BYTES("EDDSA")), MCP_AUTH_E_NOT_FOUND);
    CHECK_EQ(jwt_algorithm_find(BYTES("ES256K")), MCP_AUTH_E_NOT_FOUND);
    CHECK_EQ(jwt_algorithm_find((struct bytes){0}), MCP_AUTH_E_NOT_FOUND);
}

TEST(a_secret_serves_what_it_is_long_enough_for)
{
    static const struct {
        size_t size;
        unsigned algorithms;
    } rows[] = {{0, 0},
                {1, 0},
                {31, 0},
                {32, BIT(JWT_HS256)},
                {47, BIT(JWT_HS256)},
                {48, BIT(JWT_HS256) | BIT(JWT_HS384)},
                {63, BIT(JWT_HS256) | BIT(JWT_HS384)},
                {64, HS},
                {65, HS},
                {200, HS}};
    char secret[200];

    memset(secret, 's', sizeof secret);
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct keyring *ring;
        const char *why = NULL;
        int r;

        CHECK_EQ(keyring_new(&ring, 0), 0);
        r = keyring_add_secret(ring, (struct bytes){secret, rows[i].size}, &why);
        CHECK_EQ(r, rows[i].algorithms ? 0 : MCP_AUTH_E_INVALID);
        CHECK(r == 0 || why);
        CHECK_EQ(keyring_algorithms(ring), rows[i].algorithms);
        keyring_unref(ring);
    }
}

TEST(hmac_signatures_are_those_of_openssl_for_secrets_of_any_length)
{
    static const size_t sizes[] = {32, 48, 64, 65, 127, 128, 129, 300};
    unsigned char signature[1024];
    char secret[300];

    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (char)(i * 7 + 1);
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct bytes key = {secret, sizes[i]};
        struct keyring *ring = tokens_ring(key, NULL);

        for (enum jwt_algorithm a = JWT_HS256; a <= JWT_HS512; a++) {
            size_t size = tokens_sign(a, NULL, key, TEXT, signature);

            if (!(keyring_algorithms(ring) & BIT(a)))
                CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);
            else
                CHECK_EQ(verify(ring, a, signature, size), 0);
        }
        keyring_unref(ring);
    }
}

TEST(an_hmac_of_another_size_or_with_any_bit_changed_is_refused)
{
    struct keyring *ring = tokens_ring(SECRET_64, NULL);
    unsigned char signature[1024] = {0};

    for (enum jwt_algorithm a = JWT_HS256; a <= JWT_HS512; a++) {
        size_t size = tokens_sign(a, NULL, SECRET_64, TEXT, signature);

        CHECK_EQ(verify(ring, a, signature, size), 0);
        for (size_t n = 0; n < size + 10; n++)
            CHECK_EQ(verify(ring, a, signature, n), n == size ? 0 : MCP_AUTH_E_REFUSED);
        for (size_t bit = 0; bit < size * 8; bit++) {
            signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
            CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);
            signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        for (enum jwt_algorithm other = JWT_HS256; other < JWT_ALGORITHMS; other++)
            if (other != a)
                CHECK_EQ(verify(ring, other, signature, size), MCP_AUTH_E_REFUSED);
    }
    CHECK_EQ(keyring_verify(ring, JWT_HS256, NO_KID, BYTES(""), (struct bytes){0}, NULL),
             MCP_AUTH_E_REFUSED);
    keyring_unref(ring);
}

TEST(rsa_signatures_are_verified_and_cuts_and_additions_refused)
{
    struct keyring *ring = tokens_ring((struct bytes){0}, tokens_rsa());
    unsigned char signature[1024] = {0};

    CHECK_EQ(keyring_algorithms(ring), RS | PS);
    for (enum jwt_algorithm a = JWT_RS256; a <= JWT_RS512; a++) {
        size_t size = tokens_sign(a, tokens_rsa(), SECRET, TEXT, signature);

        CHECK_EQ(size, 256);
        CHECK_EQ(verify(ring, a, signature, size), 0);
        CHECK_EQ(verify(ring, a, signature, size - 1), MCP_AUTH_E_REFUSED);
        CHECK_EQ(verify(ring, a, signature, size + 1), MCP_AUTH_E_REFUSED);
        CHECK_EQ(verify(ring, a, signature, 0), MCP_AUTH_E_REFUSED);
        CHECK_EQ(verify(ring, a == JWT_RS256 ? JWT_RS512 : JWT_RS256, signature, size),
                 MCP_AUTH_E_REFUSED);
        signature[100] ^= 1;
        CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);
        size = tokens_sign(a, tokens_rsa_other(), SECRET, TEXT, signature);
        CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);
    }
    memset(signature, 0, sizeof signature);
    CHECK_EQ(verify(ring, JWT_RS256, signature, 256), MCP_AUTH_E_REFUSED);
    signature[255] = 1;
    CHECK_EQ(verify(ring, JWT_RS256, signature, 256), MCP_AUTH_E_REFUSED);
    memset(signature, 0xff, sizeof signature);
    CHECK_EQ(verify(ring, JWT_RS256, signature, 256), MCP_AUTH_E_REFUSED);
    keyring_unref(ring);
}

TEST(a_pss_signature_is_not_taken_for_rs256)
{
    struct keyring *ring = tokens_ring((struct bytes){0}, tokens_rsa());
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context;
    unsigned char signature[1024];
    size_t size = sizeof signature;

    CHECK_EQ(EVP_DigestSignInit_ex(context, &key_context, "SHA256", NULL, NULL, tokens_rsa(), NULL),
             1);
    CHECK(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1);
    CHECK_EQ(EVP_DigestSign(context, signature, &size, (const unsigned char *)TEXT.data, TEXT.size),
             1);
    EVP_MD_CTX_free(context);
    CHECK_EQ(verify(ring, JWT_RS256, signature, size), MCP_AUTH_E_REFUSED);
    keyring_unref(ring);
}

static void check_curve(const char *curve, enum jwt_algorithm algorithm, size_t size)
{
    EVP_PKEY *pkey = tokens_ec(curve);
    struct keyring *ring = tokens_ring((struct bytes){0}, pkey);
    unsigned char signature[1024] = {0}, odd[1024] = {0};
    size_t half = size / 2, der_size;

    CHECK_EQ(keyring_algorithms(ring), BIT(algorithm));
    CHECK_EQ(tokens_sign(algorithm, pkey, SECRET, TEXT, signature), size);
    CHECK_EQ(verify(ring, algorithm, signature, size), 0);
    for (size_t n = 0; n < size + 8; n++)
        CHECK_EQ(verify(ring, algorithm, signature, n), n == size ? 0 : MCP_AUTH_E_REFUSED);
    for (enum jwt_algorithm a = JWT_HS256; a < JWT_ALGORITHMS; a++)
        if (a != algorithm)
            CHECK_EQ(verify(ring, a, signature, size), MCP_AUTH_E_REFUSED);

    der_size = tokens_sign_ec_der(algorithm, pkey, TEXT, odd);
    CHECK_EQ(verify(ring, algorithm, odd, der_size), MCP_AUTH_E_REFUSED);

    /* r = 0, s = 0, both (CVE-2022-21449), and beyond the order */
    memset(odd, 0, sizeof odd);
    CHECK_EQ(verify(ring, algorithm, odd, size), MCP_AUTH_E_REFUSED);
    memcpy(odd, signature, half);
    CHECK_EQ(verify(ring, algorithm, odd, size), MCP_AUTH_E_REFUSED);
    memset(odd, 0, half);
    memcpy(odd + half, signature + half, half);
    CHECK_EQ(verify(ring, algorithm, odd, size), MCP_AUTH_E_REFUSED);
    memset(odd, 0xff, size);
    CHECK_EQ(verify(ring, algorithm, odd, size), MCP_AUTH_E_REFUSED);
    memcpy(odd, signature, half);
    CHECK_EQ(verify(ring, algorithm, odd, size), MCP_AUTH_E_REFUSED);
    memset(odd, 0, size); /* r = s = 1 */
    odd[half - 1] = odd[size - 1] = 1;
    CHECK_EQ(verify(ring, algorithm, odd, size), MCP_AUTH_E_REFUSED);
    keyring_unref(ring);
}

TEST(es256_is_p256_with_64_bytes_and_nothing_else)
{
    check_curve("P-256", JWT_ES256, 64);
}

TEST(es384_is_p384_with_96_bytes_and_nothing_else)
{
    check_curve("P-384", JWT_ES384, 96);
}

TEST(es512_is_p521_with_132_bytes_and_nothing_else)
{
    check_curve("P-521", JWT_ES512, 132);
}

/* s + n is the same as s for a verifier that forgets to look: R||S would have two spellings. */
TEST(an_s_beyond_the_order_is_refused_even_when_it_fits)
{
    EVP_PKEY *pkey = tokens_ec("P-521");
    struct keyring *ring = tokens_ring((struct bytes){0}, pkey);
    unsigned char signature[1024];
    BIGNUM *order = NULL, *s;

    CHECK_EQ(tokens_sign(JWT_ES512, pkey, SECRET, TEXT, signature), 132);
    CHECK_EQ(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_ORDER, &order), 1);
    s = BN_bin2bn(signature + 66, 66, NULL);
    CHECK_EQ(BN_add(s, s, order), 1);
    CHECK_EQ(BN_bn2binpad(s, signature + 66, 66), 66);
    CHECK_EQ(verify(ring, JWT_ES512, signature, 132), MCP_AUTH_E_REFUSED);
    BN_free(s);
    BN_free(order);
    keyring_unref(ring);
}

static int add_pem(const char *pem, unsigned *ret_algorithms)
{
    struct keyring *ring;
    const char *why = NULL;
    int r;

    CHECK_EQ(keyring_new(&ring, 0), 0);
    r = keyring_add_pem(ring, bytes_of(pem), &why);
    CHECK(r == 0 || why);
    CHECK_EQ(ERR_peek_error(), 0);
    if (ret_algorithms)
        *ret_algorithms = keyring_algorithms(ring);
    CHECK(r == 0 || ring->keys_count == 0);
    keyring_unref(ring);
    return r;
}

TEST(a_pem_may_hold_several_keys_and_certificates_with_text_between)
{
    char *rsa = tokens_public_pem(tokens_rsa()), *ec = tokens_certificate_pem(tokens_ec("P-256"));
    struct strbuf pem;
    unsigned algorithms = 0;

    strbuf_init(&pem, 1 << 20);
    strbuf_puts(&pem, "our issuer, 2026\n");
    strbuf_puts(&pem, rsa);
    strbuf_puts(&pem, "\n# and the next one\n");
    strbuf_puts(&pem, ec);
    CHECK_EQ(strbuf_terminate(&pem), 0);
    CHECK_EQ(add_pem(pem.data, &algorithms), 0);
    CHECK_EQ(algorithms, RS | PS | BIT(JWT_ES256));
    strbuf_done(&pem);
    free(rsa);
    free(ec);
}

TEST(a_private_key_is_refused_and_nothing_of_its_file_kept)
{
    char *good = tokens_public_pem(tokens_rsa()), *bad = tokens_private_pem(tokens_ec("P-256"));
    char *both = malloc(strlen(good) + strlen(bad) + 1);

    strcpy(both, good);
    strcat(both, bad);
    CHECK_EQ(add_pem(bad, NULL), MCP_AUTH_E_INVALID);
    CHECK_EQ(add_pem(both, NULL), MCP_AUTH_E_INVALID);
    free(both);
    free(good);
    free(bad);
}

TEST(a_pem_cut_after_any_begin_is_refused_whole)
{
    char *one = tokens_public_pem(tokens_ec("P-256"));
    char *text = malloc(2 * strlen(one) + 1);

    strcpy(text, one);
    strcat(text, one);
    CHECK_EQ(add_pem(text, NULL), 0);
    for (size_t i = strlen(text) - 2; i > strlen(one) + 27; i--) {
        text[i] = '\0';
        CHECK_EQ(add_pem(text, NULL), MCP_AUTH_E_INVALID);
    }
    CHECK_EQ(add_pem("", NULL), MCP_AUTH_E_INVALID);
    CHECK_EQ(add_pem("no key here\n", NULL), MCP_AUTH_E_INVALID);
    free(text);
    free(one);
}

static EVP_PKEY *rsa_of(int bits, unsigned long exponent)
{
    BIGNUM *n = BN_new(), *e = BN_new();
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params;

    CHECK_EQ(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
    /* No small factor, or the public check would refuse it for another reason. */
    while (BN_mod_word(n, 3) == 0 || BN_mod_word(n, 5) == 0 || BN_mod_word(n, 7) == 0)
        BN_add_word(n, 2);
    BN_set_word(e, exponent);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    params = OSSL_PARAM_BLD_to_param(build);
    CHECK_EQ(EVP_PKEY_fromdata_init(context), 1);
    CHECK_EQ(EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    BN_free(n);
    BN_free(e);
    return pkey;
}

static int add_key(EVP_PKEY *pkey)
{
    char *pem = tokens_public_pem(pkey);
    int r = add_pem(pem, NULL);

    free(pem);
    return r;
}

TEST(an_rsa_key_under_2048_or_over_8192_bits_is_refused)
{
    static const int sizes[] = {512, 1024, 2040, 2047, 8193, 16384};

    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        EVP_PKEY *pkey = rsa_of(sizes[i], 65537);

        CHECK_EQ(add_key(pkey), MCP_AUTH_E_INVALID);
        EVP_PKEY_free(pkey);
    }
}

TEST(an_rsa_key_with_an_exponent_of_one_or_an_even_one_is_refused)
{
    static const unsigned long exponents[] = {0, 1, 2, 65536};

    for (unsigned i = 0; i < ARRAY_COUNT(exponents); i++) {
        EVP_PKEY *pkey = rsa_of(2048, exponents[i]);

        CHECK_EQ(add_key(pkey), MCP_AUTH_E_INVALID);
        EVP_PKEY_free(pkey);
    }
}

TEST(keys_of_other_curves_and_kinds_are_refused)
{
    static const char *const curves[] = {"P-224", "secp256k1", "brainpoolP256r1"};
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    EVP_PKEY *x448 = EVP_PKEY_Q_keygen(NULL, NULL, "X448");

    for (unsigned i = 0; i < ARRAY_COUNT(curves); i++) {
        EVP_PKEY *pkey = EVP_EC_gen(curves[i]);

        CHECK_EQ(add_key(pkey), MCP_AUTH_E_INVALID);
        EVP_PKEY_free(pkey);
    }
    CHECK_EQ(add_key(ed), MCP_AUTH_E_INVALID);
    CHECK_EQ(add_key(x448), MCP_AUTH_E_INVALID);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(x448);
}

TEST(a_curve_spelled_out_as_numbers_is_refused)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *pkey = NULL;
    char curve[] = "P-256", encoding[] = "explicit";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, encoding, 0),
        OSSL_PARAM_construct_end(),
    };

    CHECK_EQ(EVP_PKEY_keygen_init(context), 1);
    CHECK_EQ(EVP_PKEY_CTX_set_params(context, params), 1);
    CHECK_EQ(EVP_PKEY_generate(context, &pkey), 1);
    CHECK_EQ(add_key(pkey), MCP_AUTH_E_INVALID);
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(context);
}

TEST(the_bytes_of_a_public_key_are_no_secret)
{
    char *pem = tokens_public_pem(tokens_rsa());
    struct keyring *ring;
    const char *why = NULL;

    CHECK_EQ(keyring_new(&ring, 0), 0);
    CHECK_EQ(keyring_add_secret(ring, bytes_of(pem), &why), MCP_AUTH_E_INVALID);
    CHECK(why);
    keyring_unref(ring);
    free(pem);
}

TEST(what_the_settings_do_not_allow_is_not_served)
{
    struct keyring *ring;
    const char *why = NULL;
    char *pem = tokens_public_pem(tokens_rsa());
    unsigned char signature[1024];
    size_t size = tokens_sign(JWT_HS256, NULL, SECRET_64, TEXT, signature);

    CHECK_EQ(keyring_new(&ring, BIT(JWT_HS512) | BIT(JWT_ES256)), 0);
    CHECK_EQ(keyring_add_secret(ring, SECRET_48, &why), MCP_AUTH_E_INVALID);
    CHECK_EQ(keyring_add_pem(ring, bytes_of(pem), &why), MCP_AUTH_E_INVALID);
    CHECK_EQ(keyring_add_secret(ring, SECRET_64, &why), 0);
    CHECK_EQ(keyring_algorithms(ring), BIT(JWT_HS512));
    CHECK_EQ(verify(ring, JWT_HS256, signature, size), MCP_AUTH_E_REFUSED);
    size = tokens_sign(JWT_HS512, NULL, SECRET_64, TEXT, signature);
    CHECK_EQ(verify(ring, JWT_HS512, signature, size), 0);
    keyring_unref(ring);
    free(pem);
}

TEST(all_of_several_keys_are_tried_and_a_33rd_is_one_too_many)
{
    struct keyring *ring;
    const char *why = NULL;
    unsigned char signature[1024];
    char secret[32];

    CHECK_EQ(keyring_new(&ring, 0), 0);
    for (int i = 0; i < 33; i++) {
        memset(secret, 'A' + i, sizeof secret);
        CHECK_EQ(keyring_add_secret(ring, (struct bytes){secret, sizeof secret}, &why),
                 i < 32 ? 0 : MCP_AUTH_E_FULL);
    }
    for (int i = 0; i < 33; i++) {
        size_t size;

        memset(secret, 'A' + i, sizeof secret);
        size = tokens_sign(JWT_HS256, NULL, (struct bytes){secret, sizeof secret}, TEXT, signature);
        CHECK_EQ(verify(ring, JWT_HS256, signature, size), i < 32 ? 0 : MCP_AUTH_E_REFUSED);
    }
    keyring_unref(ring);
}

TEST(each_ring_has_a_new_generation_and_counts_its_users)
{
    struct keyring *a, *b;

    CHECK_EQ(keyring_new(&a, 0), 0);
    CHECK_EQ(keyring_new(&b, 0), 0);
    CHECK(a->generation != b->generation && a->generation > 0);
    CHECK(keyring_ref(a) == a);
    keyring_unref(a);
    CHECK_EQ(keyring_algorithms(a), 0); /* still there */
    CHECK_EQ(verify(a, JWT_HS256, "", 0), MCP_AUTH_E_REFUSED);
    keyring_unref(a);
    keyring_unref(b);
    keyring_unref(NULL);
}
