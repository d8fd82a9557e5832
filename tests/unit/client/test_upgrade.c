/* SPDX-License-Identifier: Apache-2.0 */
/* test_upgrade.c: the client's half of the handshake accepts the right answer in any pieces, only. */
#include <stdio.h>

#include "client/upgrade.h"
#include "codec/ws_handshake.h"
#include "unit.h"

static struct upgrade upgrade;
static struct strbuf request, answer;

static void begin(void)
{
    uint64_t seed = 1;
    struct random random = random_seeded(&seed);

    upgrade_init(&upgrade);
    strbuf_init(&request, 65536);
    strbuf_init(&answer, 65536);
    upgrade_request(&upgrade, &random, "localhost:8000", "/ws", &request);
    CHECK_EQ(strbuf_terminate(&request), 0);
}

static void end(void)
{
    upgrade_done(&upgrade);
    strbuf_done(&request);
    strbuf_done(&answer);
}

static enum upgrade_result feed(void)
{
    size_t used;

    return upgrade_feed(&upgrade, strbuf_bytes(&answer), &used);
}

/* What the server makes of a request of ours must be what the client takes. */
TEST(the_servers_half_accepts_the_request_and_the_client_its_answer)
{
    struct http_request read;
    const char *why = "";
    size_t seen = 0;

    begin();
    CHECK_EQ(http_request_parse(strbuf_bytes(&request), &seen, &read, &why), request.size);
    CHECK_EQ(ws_handshake_check(&read, &why), WS_UPGRADE_OK);
    CHECK(ws_handshake_offers(&read, BYTES("mcp-auth.v1")));
    end();
}

TEST(an_answer_may_arrive_in_any_two_pieces)
{
    begin();
    ws_handshake_answer(&answer, (struct bytes){upgrade.key, UPGRADE_KEY_SIZE},
                        BYTES("mcp-auth.v1"), (struct bytes){0});
    strbuf_puts(&answer, "\x81\x02{}");
    for (size_t cut = 0; cut + 4 < answer.size; cut++) {
        size_t used;

        strbuf_reset(&upgrade.head);
        CHECK_EQ(upgrade_feed(&upgrade, (struct bytes){answer.data, cut}, &used),
                 UPGRADE_NEED_MORE);
        CHECK_EQ(used, cut);
        CHECK_EQ(upgrade_feed(&upgrade, (struct bytes){answer.data + cut, answer.size - cut},
                              &used),
                 UPGRADE_DONE);
        CHECK_EQ(cut + used + 4, answer.size); /* the frame behind it is not eaten */
    }
    end();
}

TEST(a_refusal_gives_its_status_and_the_servers_own_wait)
{
    begin();
    strbuf_puts(&answer, "HTTP/1.1 503 Service Unavailable\r\nretry-AFTER: 7\r\n\r\n");
    CHECK_EQ(feed(), UPGRADE_REFUSED);
    CHECK_EQ(upgrade.status, 503);
    CHECK_EQ(upgrade.retry_after_ms, 7000);
    strbuf_reset(&upgrade.head);
    strbuf_reset(&answer);
    strbuf_puts(&answer, "HTTP/1.1 404 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n");
    CHECK_EQ(feed(), UPGRADE_REFUSED);
    CHECK_EQ(upgrade.retry_after_ms, -1);
    strbuf_reset(&upgrade.head);
    strbuf_reset(&answer);
    strbuf_puts(&answer, "HTTP/1.1 503 No\r\nRetry-After: 99999999999999999999\r\n\r\n");
    CHECK_EQ(feed(), UPGRADE_REFUSED);
    CHECK_EQ(upgrade.retry_after_ms, 86400000);
    end();
}

static void answer_with(const char *upgrade_to, const char *connection, bool right_key,
                        const char *more)
{
    char accept[WS_ACCEPT_SIZE];

    CHECK_EQ(ws_handshake_accept((struct bytes){upgrade.key, UPGRADE_KEY_SIZE}, accept), 0);
    accept[0] = right_key ? accept[0] : accept[0] == 'A' ? 'B' : 'A';
    strbuf_reset(&upgrade.head);
    strbuf_reset(&answer);
    strbuf_printf(&answer, "HTTP/1.1 101 X\r\nUpgrade: %s\r\nConnection: %s\r\n", upgrade_to,
                  connection);
    strbuf_printf(&answer, "Sec-WebSocket-Accept: %.*s\r\n%s\r\n", WS_ACCEPT_SIZE, accept, more);
}

TEST(an_answer_that_breaks_a_rule_of_rfc_6455_is_not_taken)
{
#define PROTOCOL "Sec-WebSocket-Protocol: mcp-auth.v1\r\n"
    begin();
    answer_with("WebSocket", "keep-alive, upgrade", true, PROTOCOL);
    CHECK_EQ(feed(), UPGRADE_DONE);
    answer_with("h2c", "Upgrade", true, PROTOCOL);
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    answer_with("websocket", "close", true, PROTOCOL);
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    answer_with("websocket", "Upgrade", false, PROTOCOL);
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    answer_with("websocket", "Upgrade", true, "");
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    answer_with("websocket", "Upgrade", true, "Sec-WebSocket-Protocol: other\r\n");
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    answer_with("websocket", "Upgrade", true, PROTOCOL PROTOCOL);
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    answer_with("websocket", "Upgrade", true,
                PROTOCOL "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    end();
}

TEST(an_answer_that_is_no_http_or_has_no_end_is_not_taken)
{
    size_t used;

    begin();
    strbuf_puts(&answer, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    strbuf_reset(&upgrade.head);
    for (size_t i = 0; i < UPGRADE_HEAD_SIZE_MAX; i++)
        CHECK_EQ(upgrade_feed(&upgrade, BYTES("x"), &used), UPGRADE_NEED_MORE);
    CHECK_EQ(upgrade_feed(&upgrade, BYTES("x"), &used), UPGRADE_NO_SERVER);
    end();
}

/* A plain client's request offers no subprotocol and brings its token; an answer that names one all
 * the same is not for it. */
TEST(a_plain_request_has_its_token_and_takes_no_subprotocol)
{
    uint64_t seed = 2;
    struct random random = random_seeded(&seed);
    struct http_request read;
    const char *why = "";
    size_t seen = 0;

    begin();
    strbuf_reset(&request);
    upgrade_request_plain(&upgrade, &random, "localhost:8000", "/ws", "a.b.c", &request);
    CHECK_EQ(http_request_parse(strbuf_bytes(&request), &seen, &read, &why), request.size);
    CHECK_EQ(ws_handshake_check(&read, &why), WS_UPGRADE_OK);
    CHECK(!ws_handshake_offers(&read, BYTES("mcp-auth.v1")));
    CHECK_TEXT(http_request_bearer(&read), "a.b.c");
    ws_handshake_answer(&answer, (struct bytes){upgrade.key, UPGRADE_KEY_SIZE}, (struct bytes){0},
                        (struct bytes){0});
    CHECK_EQ(feed(), UPGRADE_DONE);
    strbuf_reset(&answer);
    upgrade_request_plain(&upgrade, &random, "localhost:8000", "/ws", "a.b.c", &request);
    ws_handshake_answer(&answer, (struct bytes){upgrade.key, UPGRADE_KEY_SIZE},
                        BYTES("mcp-auth.v1"), (struct bytes){0});
    CHECK_EQ(feed(), UPGRADE_NO_SERVER);
    end();
}
