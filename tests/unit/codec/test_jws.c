/* SPDX-License-Identifier: Apache-2.0 */
/* test_jws.c: a compact JWS is read in exactly one spelling, and odd headers are refused. */
#include <stdio.h>

#include "base/base64url.h"
#include "codec/jws.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define PAYLOAD "{\"sub\":\"u\"}"

static void put_part(struct strbuf *out, struct bytes text)
{
    size_t size = BASE64URL_SIZE(text.size);
    char *room = strbuf_reserve(out, size);

    CHECK(room);
    base64url_encode(text.data, text.size, room);
    strbuf_added(out, size);
}

static int read_parts(struct bytes header, struct bytes payload, struct bytes signature,
                      struct jws *ret)
{
    struct strbuf token;
    const char *why = NULL;
    int r;

    strbuf_init(&token, 64 * 1024);
    put_part(&token, header);
    strbuf_putc(&token, '.');
    put_part(&token, payload);
    strbuf_putc(&token, '.');
    put_part(&token, signature);
    r = jws_read(strbuf_bytes(&token), ret, &why);
    CHECK((r < 0) == (why != NULL));
    if (r == 0)
        ret->signed_part = (struct bytes){0}; /* it pointed into the token */
    strbuf_done(&token);
    return r;
}

static int read_header(const char *header)
{
    struct jws jws = {0};
    int r = read_parts(bytes_of(header), BYTES(PAYLOAD), BYTES("sig"), &jws);

    jws_done(&jws);
    return r;
}

static int read_token(struct bytes token)
{
    struct jws jws = {0};
    const char *why = NULL;
    char *copy = malloc(token.size ? token.size : 1); /* exact, so that ASan sees one byte over */
    int r;

    memcpy(copy, token.size ? token.data : "", token.size);
    r = jws_read((struct bytes){copy, token.size}, &jws, &why);
    CHECK((r < 0) == (why != NULL));
    jws_done(&jws);
    free(copy);
    return r;
}

/* RFC 7515 appendix A.1, the first token of all, with its CR LF inside the JSON. */
#define RFC_TOKEN                                                                              \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."                                                \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
    "cnVlfQ."                                                                                  \
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

TEST(the_token_of_rfc_7515_is_split_and_decoded)
{
    struct bytes token = BYTES(RFC_TOKEN);
    struct jws jws;
    const char *why;

    CHECK_EQ(jws_read(token, &jws, &why), 0);
    CHECK(strcmp(jws.alg, "HS256") == 0);
    CHECK_EQ(jws.signature_size, 32);
    CHECK_EQ(jws.signature[0], 116);
    CHECK_EQ(jws.signature[31], 121);
    CHECK(jws.signed_part.data == token.data);
    CHECK_EQ(jws.signed_part.size, token.size - 44);
    CHECK(!bytes_present(jws.kid));
    CHECK_TEXT(json_member_text(jws.payload, "iss"), "joe");
    jws_done(&jws);
    jws_done(&jws); /* twice is fine */
    jws_done(NULL);
}

TEST(a_token_cut_at_any_byte_of_its_first_two_parts_is_refused)
{
    struct bytes token = BYTES(RFC_TOKEN);

    for (size_t size = 0; size + 43 <= token.size; size++)
        CHECK_EQ(read_token((struct bytes){token.data, size}), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_token((struct bytes){0}), MCP_AUTH_E_INVALID);
}

TEST(any_number_of_parts_but_three_is_refused)
{
    static const char header[] = "eyJhbGciOiJIUzI1NiJ9";
    char token[256];

    snprintf(token, sizeof token, "%s.e30.c2ln", header);
    CHECK_EQ(read_token(bytes_of(token)), 0);
    snprintf(token, sizeof token, "%s", header);
    CHECK_EQ(read_token(bytes_of(token)), MCP_AUTH_E_INVALID);
    snprintf(token, sizeof token, "%s.e30", header);
    CHECK_EQ(read_token(bytes_of(token)), MCP_AUTH_E_INVALID);
    snprintf(token, sizeof token, "%s.e30.c2ln.c2ln", header);
    CHECK_EQ(read_token(bytes_of(token)), MCP_AUTH_E_INVALID);
    snprintf(token, sizeof token, "%s.e30.c2ln.", header);
    CHECK_EQ(read_token(bytes_of(token)), MCP_AUTH_E_INVALID);
    snprintf(token, sizeof token, "%s.e30.c2ln.c2ln.c2ln", header); /* a JWE's five */
    CHECK_EQ(read_token(bytes_of(token)), MCP_AUTH_E_INVALID);
}

TEST(an_empty_part_is_refused)
{
    CHECK_EQ(read_token(BYTES("eyJhbGciOiJIUzI1NiJ9.e30.")), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_token(BYTES("eyJhbGciOiJIUzI1NiJ9..c2ln")), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_token(BYTES(".e30.c2ln")), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_token(BYTES("..")), MCP_AUTH_E_INVALID);
}

/* "e30" is {}; "e31" has an unused bit set and decodes to the same for a careless decoder. */
TEST(non_canonical_base64url_is_refused_in_each_part)
{
    /* {"alg":"HS256"}  and one space more, to have unused bits in the header too */
    CHECK_EQ(read_token(BYTES("eyJhbGciOiJIUzI1NiJ9IA.e30.c2k")), 0);
    CHECK_EQ(read_token(BYTES("eyJhbGciOiJIUzI1NiJ9IB.e30.c2k")), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_token(BYTES("eyJhbGciOiJIUzI1NiJ9IA.e31.c2k")), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_token(BYTES("eyJhbGciOiJIUzI1NiJ9IA.e30.c2l")), MCP_AUTH_E_INVALID);
}

TEST(padding_white_space_and_the_other_alphabet_are_refused_in_each_part)
{
    static const char *const parts[] = {"eyJhbGciOiJIUzI1NiJ9IA", "e30", "c2k"};
    static const char *const odd[] = {"=", "==", " ", "\n", "\t", "+", "/", "%3D", "\x80", "A"};
    char token[256];

    for (unsigned part = 0; part < 3; part++)
        for (unsigned i = 0; i < ARRAY_COUNT(odd); i++)
            for (unsigned before = 0; before < 2; before++) {
                int size = 0;

                for (unsigned p = 0; p < 3; p++)
                    size += snprintf(token + size, sizeof token - (size_t)size, "%s%s%s%s",
                                     p ? "." : "", p == part && before ? odd[i] : "", parts[p],
                                     p == part && !before ? odd[i] : "");
                if (part == 2 && strcmp(odd[i], "A") == 0)
                    continue; /* a longer signature is for the keys to judge */
                CHECK_EQ(read_token(bytes_of(token)), MCP_AUTH_E_INVALID);
            }
    CHECK_EQ(read_token((struct bytes){"eyJhbGciOiJIUzI1NiJ9.e30.c2k\0", 29}), MCP_AUTH_E_INVALID);
}

TEST(header_and_payload_must_be_json_objects)
{
    struct jws jws = {0};

    CHECK_EQ(read_header("[]"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("\"HS256\""), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\"}{}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\"} \r\n"), 0);
    CHECK_EQ(read_parts(BYTES(HEADER), BYTES("[]"), BYTES("s"), &jws), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_parts(BYTES(HEADER), BYTES("null"), BYTES("s"), &jws), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_parts(BYTES(HEADER), BYTES("{\"a\":\"\xff\"}"), BYTES("s"), &jws),
             MCP_AUTH_E_INVALID);
    CHECK(!jws.header && !jws.payload); /* written only on success */
}

TEST(doubled_members_are_refused_in_header_and_payload)
{
    struct jws jws = {0};

    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"alg\":\"none\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"\\u0061lg\":\"HS256\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_parts(BYTES(HEADER), BYTES("{\"sub\":\"a\",\"sub\":\"b\"}"), BYTES("s"), &jws),
             MCP_AUTH_E_INVALID);
    CHECK_EQ(read_parts(BYTES(HEADER), BYTES("{\"exp\":1,\"exp\":2}"), BYTES("s"), &jws),
             MCP_AUTH_E_INVALID);
}

TEST(alg_must_be_a_short_string)
{
    CHECK_EQ(read_header("{\"typ\":\"JWT\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":null}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":256}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":[\"HS256\"]}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\\u0000\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"123456789012345\"}"), 0);
    CHECK_EQ(read_header("{\"alg\":\"1234567890123456\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"ALG\":\"HS256\"}"), MCP_AUTH_E_INVALID);
}

TEST(members_that_change_the_reading_or_bring_a_key_are_refused)
{
    static const char *const names[] = {"crit", "b64", "zip", "enc", "jwk", "jku", "x5c", "x5u"};
    static const char *const values[] = {"[]", "[\"exp\"]", "false", "true", "null", "{}", "\"\""};
    char header[128];

    for (unsigned i = 0; i < ARRAY_COUNT(names); i++)
        for (unsigned v = 0; v < ARRAY_COUNT(values); v++) {
            snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"%s\":%s}", names[i], values[v]);
            CHECK_EQ(read_header(header), MCP_AUTH_E_INVALID);
        }
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"x5t\":\"abc\",\"cty\":\"x\",\"mine\":[1]}"), 0);
}

TEST(typ_is_jwt_or_an_access_token_or_absent)
{
    CHECK_EQ(read_header("{\"alg\":\"HS256\"}"), 0);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":\"jwt\"}"), 0);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":\"at+JWT\"}"), 0);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":\"application/at+jwt\"}"), 0);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":\"secevent+jwt\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":\"application/\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":\"\"}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":null}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"typ\":1}"), MCP_AUTH_E_INVALID);
}

TEST(kid_is_a_string_of_at_most_256_bytes)
{
    struct jws jws;
    char header[512], kid[258];

    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"kid\":7}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_header("{\"alg\":\"HS256\",\"kid\":null}"), MCP_AUTH_E_INVALID);
    memset(kid, 'k', sizeof kid);
    for (int size = 256; size <= 257; size++) {
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%.*s\"}", size, kid);
        CHECK_EQ(read_header(header), size == 256 ? 0 : MCP_AUTH_E_INVALID);
    }
    CHECK_EQ(read_parts(BYTES("{\"alg\":\"HS256\",\"kid\":\"key 1\"}"), BYTES(PAYLOAD), BYTES("s"),
                        &jws),
             0);
    CHECK_TEXT(jws.kid, "key 1");
    jws_done(&jws);
}

TEST(a_signature_has_room_for_8192_bits_and_no_more)
{
    static const char zeros[JWS_SIGNATURE_MAX + 1];
    struct jws jws = {0};

    CHECK_EQ(read_parts(BYTES(HEADER), BYTES(PAYLOAD), (struct bytes){zeros, 1024}, &jws), 0);
    CHECK_EQ(jws.signature_size, 1024);
    jws_done(&jws);
    CHECK_EQ(read_parts(BYTES(HEADER), BYTES(PAYLOAD), (struct bytes){zeros, 1025}, &jws),
             MCP_AUTH_E_INVALID);
}

TEST(a_token_over_16_kib_is_too_big)
{
    struct strbuf payload;
    struct jws jws = {0};
    size_t size; /* 16,342 characters are left for the payload: 12,256 bytes */

    CHECK_EQ(BASE64URL_SIZE(sizeof HEADER - 1), 36);
    for (size = 12250; size < 12270; size++) {
        size_t whole = 36 + 1 + BASE64URL_SIZE(size) + 1 + 4;
        int r;

        strbuf_init(&payload, size);
        strbuf_puts(&payload, "{\"a\":\"");
        while (payload.size < size - 2)
            strbuf_putc(&payload, 'a');
        strbuf_puts(&payload, "\"}");
        r = read_parts(BYTES(HEADER), strbuf_bytes(&payload), BYTES("sig"), &jws);
        CHECK_EQ(r, whole <= JWS_SIZE_MAX ? 0 : MCP_AUTH_E_TOO_BIG);
        jws_done(&jws);
        strbuf_done(&payload);
    }
}
