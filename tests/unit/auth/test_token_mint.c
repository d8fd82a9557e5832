/* SPDX-License-Identifier: Apache-2.0 */
/* test_token_mint.c: what we mint we accept, and what we would not accept we do not mint. */
#include "auth/token_mint.h"
#include "auth/tokens.h"
#include "codec/jws.h"
#include "mcp_auth/error.h"
#include "unit.h"

TEST(a_minted_token_is_appended_verified_and_holds_the_payload)
{
    struct keyring *ring = tokens_ring(SECRET, NULL);
    struct strbuf out;
    struct bytes token;
    struct jws jws;
    const char *why;

    strbuf_init(&out, JWS_SIZE_MAX + 100);
    strbuf_puts(&out, "Bearer ");
    CHECK_EQ(token_mint(&out, SECRET, BYTES("{\"sub\":\"u\"}")), 0);
    token = strbuf_bytes(&out);
    CHECK(bytes_starts_with(token, BYTES("Bearer ")));
    token = (struct bytes){token.data + 7, token.size - 7};
    CHECK_EQ(jws_read(token, &jws, &why), 0);
    CHECK(strcmp(jws.alg, "HS256") == 0);
    CHECK_TEXT(json_member_text(jws.header, "typ"), "JWT");
    CHECK_TEXT(json_member_text(jws.payload, "sub"), "u");
    CHECK_EQ(keyring_verify(ring, JWT_HS256, jws.kid, jws.signed_part,
                            (struct bytes){(char *)jws.signature, jws.signature_size}, NULL),
             0);
    jws_done(&jws);
    strbuf_done(&out);
    keyring_unref(ring);
}

TEST(what_would_be_refused_is_not_minted_and_nothing_appended)
{
    struct strbuf out, large;

    strbuf_init(&out, 64 * 1024);
    strbuf_init(&large, 64 * 1024);
    strbuf_puts(&large, "{\"a\":\"");
    while (large.size < 12500)
        strbuf_putc(&large, 'a');
    strbuf_puts(&large, "\"}");
    CHECK_EQ(token_mint(&out, (struct bytes){SECRET.data, 31}, BYTES("{}")), MCP_AUTH_E_INVALID);
    CHECK_EQ(token_mint(&out, SECRET, BYTES("[]")), MCP_AUTH_E_INVALID);
    CHECK_EQ(token_mint(&out, SECRET, BYTES("")), MCP_AUTH_E_INVALID);
    CHECK_EQ(token_mint(&out, SECRET, BYTES("{\"a\":1,\"a\":1}")), MCP_AUTH_E_INVALID);
    CHECK_EQ(token_mint(&out, SECRET, strbuf_bytes(&large)), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(out.size, 0);
    CHECK_EQ(out.error, 0);
    strbuf_done(&out);
    strbuf_init(&out, 50);
    CHECK_EQ(token_mint(&out, SECRET, BYTES("{}")), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(out.size, 0);
    strbuf_done(&out);
    strbuf_done(&large);
}
