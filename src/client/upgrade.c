/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade.c: the client's half of the opening handshake (RFC 6455 section 4.1). */
#include "client/upgrade.h"

#include "base/base64url.h"
#include "client/response_head.h"
#include "codec/ws_handshake.h"
#include "mcp_auth/error.h"

/* Retry-After beyond a day is a mistake or a trick. */
#define RETRY_AFTER_SECONDS_MAX 86400

void upgrade_init(struct upgrade *upgrade)
{
    *upgrade = (struct upgrade){.retry_after_ms = -1};
    strbuf_init(&upgrade->head, UPGRADE_HEAD_SIZE_MAX);
}

void upgrade_done(struct upgrade *upgrade)
{
    strbuf_done(&upgrade->head);
}

/* The lines that every request of ours has; the caller adds its own and the empty one. */
static void put_request(struct upgrade *upgrade, const struct random *random, const char *authority,
                        const char *path, struct strbuf *out)
{
    uint8_t nonce[16];

    random->fill(random->owner, nonce, sizeof nonce);
    /* Base64 and base64url differ in two digits and in the padding (RFC 4648 section 5). */
    base64url_encode(nonce, sizeof nonce, upgrade->key);
    for (size_t i = 0; i < BASE64URL_SIZE(sizeof nonce); i++) {
        char *c = &upgrade->key[i];

        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    }
    memcpy(upgrade->key + BASE64URL_SIZE(sizeof nonce), "==", 2);
    strbuf_reset(&upgrade->head);
    upgrade->status = 0;
    upgrade->retry_after_ms = -1;
    strbuf_printf(out,
                  "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nUser-Agent: mcp-auth/" MCP_AUTH_VERSION
                  "\r\nSec-WebSocket-Key: %.*s\r\n",
                  path, authority, UPGRADE_KEY_SIZE, upgrade->key);
}

void upgrade_request(struct upgrade *upgrade, const struct random *random, const char *authority,
                     const char *path, struct strbuf *out)
{
    put_request(upgrade, random, authority, path, out);
    upgrade->plain = false;
    strbuf_puts(out, "Sec-WebSocket-Protocol: " CLIENT_SUBPROTOCOL "\r\n\r\n");
}

void upgrade_request_plain(struct upgrade *upgrade, const struct random *random,
                           const char *authority, const char *path, const char *token,
                           struct strbuf *out)
{
    put_request(upgrade, random, authority, path, out);
    upgrade->plain = true;
    strbuf_printf(out, "Authorization: Bearer %s\r\n\r\n", token);
}

/* Only the form in seconds (RFC 9110 section 10.2.3): our servers send no dates. */
static int64_t retry_after(struct bytes value)
{
    int64_t seconds = 0;

    if (value.size == 0)
        return -1;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return -1;
        seconds = seconds * 10 + (value.data[i] - '0');
        if (seconds > RETRY_AFTER_SECONDS_MAX)
            seconds = RETRY_AFTER_SECONDS_MAX;
    }
    return seconds * 1000;
}

/* Section 4.1, "the client MUST validate the server's response". */
static enum upgrade_result judge(struct upgrade *upgrade)
{
    struct bytes head = strbuf_bytes(&upgrade->head);
    struct bytes protocol = response_field(head, BYTES("Sec-WebSocket-Protocol"));
    char accept[WS_ACCEPT_SIZE];
    int status = response_status(head);

    if (status < 0) {
        upgrade->why = "the answer is not HTTP/1.1";
        return UPGRADE_NO_SERVER;
    }
    upgrade->status = status;
    upgrade->retry_after_ms = retry_after(response_field(head, BYTES("Retry-After")));
    if (status != 101)
        return UPGRADE_REFUSED;
    if (ws_handshake_accept((struct bytes){upgrade->key, UPGRADE_KEY_SIZE}, accept) < 0)
        upgrade->why = "the answer could not be checked: out of memory";
    else if (!response_list_has(response_field(head, BYTES("Upgrade")), BYTES("websocket")) ||
             !response_list_has(response_field(head, BYTES("Connection")), BYTES("Upgrade")))
        upgrade->why = "the answer 101 is not about a WebSocket";
    else if (!bytes_equal(response_field(head, BYTES("Sec-WebSocket-Accept")),
                          (struct bytes){accept, sizeof accept}))
        upgrade->why = "the answer does not belong to our key; is there a cache on the way?";
    else if (bytes_present(response_field(head, BYTES("Sec-WebSocket-Extensions"))))
        upgrade->why = "the server uses an extension that was not offered";
    else if (upgrade->plain && bytes_present(protocol))
        upgrade->why = "the server uses a subprotocol that was not offered";
    else if (!upgrade->plain && !bytes_equal(protocol, BYTES(CLIENT_SUBPROTOCOL)))
        upgrade->why = "the server does not speak " CLIENT_SUBPROTOCOL;
    else
        return UPGRADE_DONE;
    return UPGRADE_NO_SERVER;
}

enum upgrade_result upgrade_feed(struct upgrade *upgrade, struct bytes data, size_t *ret_used)
{
    struct strbuf *head = &upgrade->head;

    for (size_t i = 0; i < data.size; i++) {
        strbuf_putc(head, data.data[i]);
        if (head->error) {
            *ret_used = i + 1;
            upgrade->why = "the answer's head is over 16 KiB";
            return UPGRADE_NO_SERVER;
        }
        if (data.data[i] == '\n' && head->size >= 4 &&
            memcmp(head->data + head->size - 4, "\r\n\r\n", 4) == 0) {
            *ret_used = i + 1;
            return judge(upgrade);
        }
    }
    *ret_used = data.size;
    return UPGRADE_NEED_MORE;
}
