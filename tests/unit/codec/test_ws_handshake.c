/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_handshake.c: which requests become WebSockets, which do not and why, and the answer. */
#include "codec/ws_handshake.h"

#include <stdio.h>

#include "mcp_auth/error.h"
#include "unit.h"

#define LINE "GET /chat HTTP/1.1\r\n"
#define HOST "Host: server.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static enum ws_upgrade check_head(const char *head, const char **ret_why)
{
    struct http_request request = {0};
    size_t seen = 0;
    const char *why = "";

    if (http_request_parse(bytes_of(head), &seen, &request, &why) != (int)strlen(head))
        fail_msg("the request itself is refused: %s: %s", why, head);
    return ws_handshake_check(&request, ret_why);
}

static void refused(const char *head, enum ws_upgrade as)
{
    const char *why = NULL;

    CHECK_EQ(check_head(head, &why), as);
    CHECK(why && strlen(why) > 10);
}

static void accepted(const char *head)
{
    const char *why = NULL;

    if (check_head(head, &why) != WS_UPGRADE_OK)
        fail_msg("refused: %s: %s", why, head);
}

TEST(the_request_of_rfc_6455_section_1_3_is_accepted)
{
    accepted(LINE HOST UPGRADE CONNECTION KEY
             "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n" VERSION
             "\r\n");
}

TEST(names_and_tokens_may_be_in_any_case_and_among_others)
{
    accepted(LINE
             "hOST: a\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, uPGRADE\r\n"
             "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-VERSION: 13\r\n\r\n");
    accepted(LINE HOST
             "Upgrade: h2c, websocket\r\nConnection: keep-alive\r\n" CONNECTION KEY VERSION
             "Content-Length: 0\r\n\r\n");
}

TEST(a_request_without_upgrade_to_websocket_did_not_ask)
{
    refused(LINE HOST "\r\n", WS_UPGRADE_NOT_ASKED);
    refused(LINE HOST CONNECTION KEY VERSION "\r\n", WS_UPGRADE_NOT_ASKED);
    refused(LINE HOST "Upgrade: h2c\r\n" CONNECTION KEY VERSION "\r\n", WS_UPGRADE_NOT_ASKED);
    refused(LINE HOST "Upgrade: websockets\r\n" CONNECTION KEY VERSION "\r\n",
            WS_UPGRADE_NOT_ASKED);
}

TEST(another_version_is_told_which_one_we_speak)
{
    refused(LINE HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n\r\n",
            WS_UPGRADE_VERSION);
    refused(LINE HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 013\r\n\r\n",
            WS_UPGRADE_VERSION);
    refused(LINE HOST UPGRADE CONNECTION KEY "\r\n", WS_UPGRADE_VERSION);
}

TEST(two_versions_are_refused)
{
    refused(LINE HOST UPGRADE CONNECTION KEY VERSION VERSION "\r\n", WS_UPGRADE_BAD);
}

TEST(a_method_other_than_get_is_refused)
{
    refused("POST /chat HTTP/1.1\r\n" HOST UPGRADE CONNECTION KEY VERSION "\r\n", WS_UPGRADE_BAD);
    refused("HEAD /chat HTTP/1.1\r\n" HOST UPGRADE CONNECTION KEY VERSION "\r\n", WS_UPGRADE_BAD);
}

TEST(http_1_0_is_refused)
{
    refused("GET /chat HTTP/1.0\r\n" HOST UPGRADE CONNECTION KEY VERSION "\r\n", WS_UPGRADE_BAD);
}

TEST(a_connection_header_without_upgrade_is_refused)
{
    refused(LINE HOST UPGRADE KEY VERSION "\r\n", WS_UPGRADE_BAD);
    refused(LINE HOST UPGRADE "Connection: keep-alive\r\n" KEY VERSION "\r\n", WS_UPGRADE_BAD);
}

TEST(a_key_that_is_missing_or_doubled_is_refused)
{
    refused(LINE HOST UPGRADE CONNECTION VERSION "\r\n", WS_UPGRADE_BAD);
    refused(LINE HOST UPGRADE CONNECTION KEY KEY VERSION "\r\n", WS_UPGRADE_BAD);
}

TEST(a_key_that_is_not_sixteen_bytes_in_canonical_base64_is_refused)
{
    static const char *const keys[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ",   /* no padding */
        "dGhlIHNhbXBsZSBub25jZQ=",  /* half of it */
        "dGhlIHNhbXBsZSBub25jZSE=", /* 17 bytes */
        "dGhlIHNhbXBsZSBub25j",     /* 15 bytes */
        "dGhlIHNhbXBsZSBub25jZR==", /* bits that stand for nothing */
        "dGhlIHNhbXBsZSBub25jZ===", /* 15 bytes and a padding too many */
        "dGhlIHNhbXBsZSBub25jZ-==", /* base64url */
        "dGhlIHNh XBsZSBub25jZQ==", /* a space inside */
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    };

    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        char head[512];

        snprintf(head, sizeof head,
                 LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: %s\r\n" VERSION "\r\n", keys[i]);
        refused(head, WS_UPGRADE_BAD);
    }
}

TEST(a_body_is_refused_because_it_would_be_taken_for_frames)
{
    refused(LINE HOST UPGRADE CONNECTION KEY VERSION "Content-Length: 1\r\n\r\n", WS_UPGRADE_BAD);
    refused(LINE HOST UPGRADE CONNECTION KEY VERSION "Transfer-Encoding: chunked\r\n\r\n",
            WS_UPGRADE_BAD);
}

/* The parser demands a Host in HTTP/1.1; the check does not rest on it. */
TEST(a_request_without_host_is_refused)
{
    struct http_request request = {0};
    const char *why = NULL;

    request.headers[request.headers_count++] =
        (struct http_header){BYTES("Upgrade"), BYTES("websocket")};
    CHECK_EQ(ws_handshake_check(&request, &why), WS_UPGRADE_BAD);
    CHECK(why != NULL);
}

TEST(a_subprotocol_is_found_in_any_of_several_headers_in_its_own_case)
{
    struct http_request request = {0};

    CHECK(!ws_handshake_offers(&request, BYTES("chat")));
    request.headers[0] =
        (struct http_header){BYTES("sec-websocket-PROTOCOL"), BYTES("mqtt ,\tsuperchat,, x")};
    request.headers[1] = (struct http_header){BYTES("Other"), BYTES("other")};
    request.headers[2] = (struct http_header){BYTES("Sec-WebSocket-Protocol"), BYTES("chat")};
    request.headers[3] = (struct http_header){BYTES("Sec-WebSocket-Protocol"), BYTES("")};
    request.headers_count = 4;

    CHECK(ws_handshake_offers(&request, BYTES("mqtt")));
    CHECK(ws_handshake_offers(&request, BYTES("superchat")));
    CHECK(ws_handshake_offers(&request, BYTES("x")));
    CHECK(ws_handshake_offers(&request, BYTES("chat")));
    CHECK(!ws_handshake_offers(&request, BYTES("Chat")));
    CHECK(!ws_handshake_offers(&request, BYTES("other")));
    CHECK(!ws_handshake_offers(&request, BYTES("super")));
    CHECK(!ws_handshake_offers(&request, BYTES("superchatx")));
}

TEST(the_accept_value_is_that_of_rfc_6455_section_1_3)
{
    char accept[WS_ACCEPT_SIZE];

    CHECK_EQ(ws_handshake_accept(BYTES("dGhlIHNhbXBsZSBub25jZQ=="), accept), 0);
    CHECK_TEXT(((struct bytes){accept, sizeof accept}), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(the_answer_is_whole_and_names_the_protocol_only_when_one_was_chosen)
{
    struct strbuf out;

    strbuf_init(&out, 1024);
    ws_handshake_answer(&out, BYTES("dGhlIHNhbXBsZSBub25jZQ=="), (struct bytes){0},
                        (struct bytes){0});
    CHECK_EQ(out.error, 0);
    CHECK_TEXT(strbuf_bytes(&out), "HTTP/1.1 101 Switching Protocols\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                   "\r\n");
    strbuf_reset(&out);
    ws_handshake_answer(&out, BYTES("dGhlIHNhbXBsZSBub25jZQ=="), BYTES("mcp-auth.v1"),
                        (struct bytes){0});
    CHECK_TEXT(strbuf_bytes(&out), "HTTP/1.1 101 Switching Protocols\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                   "Sec-WebSocket-Protocol: mcp-auth.v1\r\n"
                                   "\r\n");
    strbuf_done(&out);
}

TEST(the_answer_names_the_extensions_that_were_agreed_on)
{
    struct strbuf out;

    strbuf_init(&out, 1024);
    ws_handshake_answer(&out, BYTES("dGhlIHNhbXBsZSBub25jZQ=="), BYTES("chat"),
                        BYTES("permessage-deflate; server_no_context_takeover"));
    CHECK_TEXT(strbuf_bytes(&out),
               "HTTP/1.1 101 Switching Protocols\r\n"
               "Upgrade: websocket\r\n"
               "Connection: Upgrade\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
               "Sec-WebSocket-Protocol: chat\r\n"
               "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
               "\r\n");
    strbuf_done(&out);
}

TEST(an_answer_that_does_not_fit_tells_so_once)
{
    struct strbuf out;

    strbuf_init(&out, 64);
    ws_handshake_answer(&out, BYTES("dGhlIHNhbXBsZSBub25jZQ=="), (struct bytes){0},
                        (struct bytes){0});
    CHECK_EQ(out.error, MCP_AUTH_E_TOO_BIG);
    strbuf_done(&out);
}
