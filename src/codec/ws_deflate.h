/* SPDX-License-Identifier: Apache-2.0 */
/* ws_deflate.h: permessage-deflate (RFC 7692): agreed on in the handshake, undone, done. */
#ifndef CODEC_WS_DEFLATE_H
#define CODEC_WS_DEFLATE_H

#include "codec/http_request.h"
#include "codec/ws_message.h"

/* A window is given by its base-two logarithm (section 7.1.2). zlib reads one of 8 bits but
 * cannot write it (raw, it refuses), so an offer that binds us to 8 is declined. */
#define WS_WINDOW_BITS_MIN 8
#define WS_WINDOW_BITS_MAX 15
#define WS_DEFLATE_BITS_MIN 9

/* What we agree to. Our own messages never refer to earlier ones (server_no_context_takeover):
 * so a message deflated once is good for every client with the same server_window_bits, and for
 * those with more. */
struct ws_deflate_config {
    uint8_t server_window_bits;   /* of ours, at most: 9..15 */
    bool client_context_takeover; /* may clients' messages refer to earlier ones? */
    uint8_t client_window_bits;   /* if so, how far back at most: 9..15. A client that cannot
                                     promise it is asked to take over nothing. */
};

/* What was agreed on. */
struct ws_deflate_params {
    uint8_t server_window_bits;      /* 9..15 */
    uint8_t client_window_bits;      /* 8..15 */
    bool client_no_context_takeover; /* true: every message is inflated without a window */
    bool answers_server_bits, answers_client_bits; /* for ws_deflate_answer */
};

/* Reads all offers of a request and accepts the first that suits (section 5). 1 with *ret, or 0
 * when there is none: then the connection goes on without compression. An offer is declined for
 * an unknown, doubled or ill-valued parameter (section 7.1); other extensions are passed over.
 * MCP_AUTH_E_INVALID when a header is no list of extensions at all, for which the handshake must
 * fail (RFC 6455 section 9.1); *ret_why is then a static sentence. */
MUST_CHECK int ws_deflate_negotiate(const struct http_request *request,
                                    const struct ws_deflate_config *config,
                                    struct ws_deflate_params *ret, const char **ret_why);
/* Appends the value of the answer's Sec-WebSocket-Extensions. A failure sticks to `out`. */
#define WS_DEFLATE_ANSWER_MAX 128u
void ws_deflate_answer(struct strbuf *out, const struct ws_deflate_params *params);

/* How much a message may become. */
struct ws_inflate_limits {
    size_t size_max;
    /* Bytes out for each byte in, once the output is over WS_INFLATE_FREE_SIZE; 0: any. Deflate
     * reaches 1,032 on one repeated byte; JSON stays under 30, a table of equal rows under 150. */
    unsigned ratio_max;
};
#define WS_INFLATE_FREE_SIZE (64u * 1024u)
#define WS_INFLATE_RATIO_MAX 200u

/* Inflates messages, one after the other, of any number of connections: one a worker. About 40
 * KiB, and up to 64 KiB of output kept between messages. */
struct ws_inflater;
MUST_CHECK int ws_inflater_new(struct ws_inflater **ret);
void ws_inflater_free(struct ws_inflater *inflater); /* NULL is fine */

/* Turns a message of a ws_reader that said `compressed` into what it says: WS_GOT_MESSAGE with
 * the payload, valid until the next message begins, its text checked for UTF-8; or WS_GOT_ERROR
 * with the code to close with: 1007 (no deflate data, or no UTF-8), 1009 (over a limit) or 1011.
 * `window` is NULL, or with context takeover the connection's own: a strbuf made with
 * strbuf_init(&window, 1 << params.client_window_bits), which it keeps the last bytes in. */
MUST_CHECK enum ws_result ws_inflate_message(struct ws_inflater *inflater,
                                             const struct ws_inflate_limits *limits,
                                             struct strbuf *window, struct ws_output *message);

/* The same in parts. Any split gives the same, since payload_size, that of the whole payload, is
 * told at the beginning. No other message may begin before the end; after a failure another
 * begins, and the connection's window is spent. MCP_AUTH_E_INVALID, MCP_AUTH_E_TOO_BIG,
 * MCP_AUTH_E_NOMEM, with *ret_why. */
MUST_CHECK int ws_inflate_begin(struct ws_inflater *inflater,
                                const struct ws_inflate_limits *limits, struct strbuf *window,
                                bool is_text, size_t payload_size, const char **ret_why);
MUST_CHECK int ws_inflate_feed(struct ws_inflater *inflater, struct bytes part,
                               const char **ret_why);
MUST_CHECK int ws_inflate_end(struct ws_inflater *inflater, struct bytes *ret,
                              const char **ret_why);

/* Deflates whole messages, none of which refers to another: one a hub. A window size costs its
 * memory (130 to 256 KiB) from its first use on. level: 1 (fast) to 9, as zlib's. Measured: 6 µs
 * for an event of 300 bytes, which becomes 215, at any level; so fan-out must share the result. */
struct ws_deflater;
MUST_CHECK int ws_deflater_new(struct ws_deflater **ret, int level);
void ws_deflater_free(struct ws_deflater *deflater); /* NULL is fine */

/* Appends the payload of a message with RSV1 for a client with this server_window_bits. It may be
 * larger than the message, which may then be sent as it is: each message says what it is.
 * The ceiling of `out` must leave WS_DEFLATE_SPARE bytes behind the result. 0, or
 * MCP_AUTH_E_TOO_BIG or MCP_AUTH_E_NOMEM, which stick to `out`; it then holds what it held. */
#define WS_DEFLATE_SPARE 16u
MUST_CHECK int ws_deflate_message(struct ws_deflater *deflater, unsigned window_bits,
                                  struct bytes message, struct strbuf *out);

#endif
