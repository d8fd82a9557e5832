/* SPDX-License-Identifier: Apache-2.0 */
/* ws_handshake.c: checks the upgrade request and composes the 101 answer (RFC 6455 section 4.2). */
#include "codec/ws_handshake.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdatomic.h>

#include "mcp_auth/error.h"

#define KEY_SIZE 24 /* 16 bytes in base64: 22 digits and two paddings */
#define SHA1_SIZE 20
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* section 1.3 */
#define GUID_SIZE (sizeof GUID - 1)

_Static_assert(WS_ACCEPT_SIZE == (SHA1_SIZE + 2) / 3 * 4, "base64 of a SHA-1");

static bool is_base64_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* 16 bytes in base64. Only canonical: the last digit carries two bits of the last byte, and the
 * four that stand for nothing are zero (RFC 4648 section 3.5). */
static bool is_key(struct bytes key)
{
    if (key.size != KEY_SIZE || key.data[22] != '=' || key.data[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!is_base64_digit(key.data[i]))
            return false;
    return strchr("AQgw", key.data[21]) != NULL;
}

enum ws_upgrade ws_handshake_check(const struct http_request *request, const char **ret_why)
{
    const struct bytes key_name = BYTES("Sec-WebSocket-Key");
    const struct bytes version_name = BYTES("Sec-WebSocket-Version");
    const char *why = NULL;

    if (!http_request_header_has_token(request, BYTES("Upgrade"), BYTES("websocket"))) {
        *ret_why = "the request does not ask to upgrade to websocket";
        return WS_UPGRADE_NOT_ASKED;
    }

    /* Section 4.2.1, in its order. */
    if (request->method != HTTP_GET)
        why = "a WebSocket begins with the method GET";
    else if (request->http_1_0)
        why = "a WebSocket begins with HTTP/1.1";
    else if (http_request_header_count(request, BYTES("Host")) != 1)
        why = "a WebSocket begins with one Host header";
    else if (!http_request_header_has_token(request, BYTES("Connection"), BYTES("Upgrade")))
        why = "the Connection header does not say Upgrade; does a proxy remove it?";
    else if (http_request_header_count(request, key_name) != 1)
        why = "there is not exactly one Sec-WebSocket-Key";
    else if (!is_key(http_request_header(request, key_name)))
        why = "the Sec-WebSocket-Key is not 16 bytes in base64";
    else if (http_request_header_count(request, version_name) > 1) /* section 11.3.5 */
        why = "there is more than one Sec-WebSocket-Version";
    else if (request->chunked || (request->has_content_length && request->content_length > 0))
        why = "a WebSocket begins without a body"; /* its bytes would be taken for frames */
    if (why) {
        *ret_why = why;
        return WS_UPGRADE_BAD;
    }

    if (!bytes_equal(http_request_header(request, version_name), BYTES("13"))) {
        *ret_why = "the Sec-WebSocket-Version is not 13";
        return WS_UPGRADE_VERSION;
    }
    return WS_UPGRADE_OK;
}

static struct bytes trimmed(struct bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Is `member` in this comma separated list? In its case: subprotocols are compared as they are,
 * unlike most tokens of HTTP (section 4.1, "case-sensitive" by RFC 2616 section 2.2). */
static bool list_has(struct bytes list, struct bytes member)
{
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        const size_t size = comma ? (size_t)(comma - list.data) : list.size;

        if (bytes_equal(trimmed((struct bytes){list.data, size}), member))
            return true;
        if (!comma)
            return false;
        list.data += size + 1;
        list.size -= size + 1;
    }
    return false;
}

bool ws_handshake_offers(const struct http_request *request, struct bytes protocol)
{
    assert(protocol.size > 0);
    for (unsigned i = 0; i < request->headers_count; i++) {
        const struct http_header *header = &request->headers[i];

        if (bytes_equal_nocase(header->name, BYTES("Sec-WebSocket-Protocol")) &&
            list_has(header->value, protocol))
            return true;
    }
    return false;
}

/* Found once, for that takes longer than the digest itself. Kept to the end of the process; NULL
 * when there is no memory, or where the administrator has switched it off. */
static const EVP_MD *sha1(void)
{
    static _Atomic(EVP_MD *) found;
    EVP_MD *known = atomic_load_explicit(&found, memory_order_acquire), *fresh;

    if (known)
        return known;
    fresh = EVP_MD_fetch(NULL, "SHA1", NULL);
    if (!fresh ||
        atomic_compare_exchange_strong_explicit(&found, &known, fresh, memory_order_acq_rel,
                                                memory_order_acquire))
        return fresh;
    EVP_MD_free(fresh); /* another thread was first */
    return known;
}

int ws_handshake_accept(struct bytes key, char ret[WS_ACCEPT_SIZE])
{
    unsigned char text[KEY_SIZE + GUID_SIZE], digest[EVP_MAX_MD_SIZE];
    unsigned char accept[WS_ACCEPT_SIZE + 1]; /* EVP_EncodeBlock ends with a NUL */
    const EVP_MD *algorithm = sha1();
    unsigned digest_size = 0;
    int size;

    assert(key.size == KEY_SIZE); /* by ws_handshake_check, or our own client's */
    memcpy(text, key.data, KEY_SIZE);
    memcpy(text + KEY_SIZE, GUID, GUID_SIZE);

    /* SHA-1 proves here only that the peer read the request; nothing rests on its strength. */
    if (!algorithm || EVP_Digest(text, sizeof text, digest, &digest_size, algorithm, NULL) != 1)
        return MCP_AUTH_E_NOMEM;
    assert(digest_size == SHA1_SIZE);
    size = EVP_EncodeBlock(accept, digest, SHA1_SIZE);
    assert(size == WS_ACCEPT_SIZE);
    memcpy(ret, accept, (size_t)size);
    return 0;
}

void ws_handshake_answer(struct strbuf *out, struct bytes key, struct bytes protocol,
                         struct bytes extensions)
{
    char accept[WS_ACCEPT_SIZE];
    int r;

    r = ws_handshake_accept(key, accept);
    if (r < 0) {
        if (!out->error)
            out->error = r; /* sticky, so that the caller checks once, at the end */
        return;
    }

    strbuf_puts(out, "HTTP/1.1 101 Switching Protocols\r\n"
                     "Upgrade: websocket\r\n"
                     "Connection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: ");
    strbuf_put(out, accept, sizeof accept);
    if (bytes_present(protocol)) {
        strbuf_puts(out, "\r\nSec-WebSocket-Protocol: ");
        strbuf_put_bytes(out, protocol);
    }
    if (bytes_present(extensions)) {
        strbuf_puts(out, "\r\nSec-WebSocket-Extensions: ");
        strbuf_put_bytes(out, extensions);
    }
    strbuf_puts(out, "\r\n\r\n");
}
