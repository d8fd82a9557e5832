/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ws_deflate.c: offers, hostile compressed messages in any split, and there and back again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/ws_deflate.h"
#include "mcp_auth/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input begins with what to do, the limits by 64 and by 1, and where to split. */
#define CHOICES_SIZE 4
#define INPUT_MAX (64u * 1024u)

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_ws_deflate: %s\n", what);
    abort();
}

/* The parts in blocks of their own, for ASan. */
static int feed(struct ws_inflater *inflater, struct bytes part, const char **ret_why)
{
    char *block = malloc(part.size + 1);
    int r;

    if (!block)
        abort();
    memcpy(block + 1, part.data, part.size);
    r = ws_inflate_feed(inflater, (struct bytes){block + 1, part.size}, ret_why);
    free(block);
    return r;
}

static int inflate_in_pieces(struct ws_inflater *inflater, const struct ws_inflate_limits *limits,
                             struct strbuf *window, bool is_text, struct bytes payload,
                             size_t piece, struct bytes *ret)
{
    const size_t whole = payload.size;
    const char *why = NULL;
    int r = ws_inflate_begin(inflater, limits, window, is_text, whole, &why);

    while (r == 0 && payload.size > 0) {
        const size_t size = piece < payload.size ? piece : payload.size;

        r = feed(inflater, (struct bytes){payload.data, size}, &why);
        payload.data += size;
        payload.size -= size;
    }
    if (r == 0)
        r = ws_inflate_end(inflater, ret, &why);
    if (r < 0 && !why)
        fail("an error that does not say why");
    if (r < 0 && r != MCP_AUTH_E_INVALID && r != MCP_AUTH_E_TOO_BIG)
        fail("an error that is not a peer's mistake");
    return r;
}

/* Two messages, so that the second may refer to the first. */
static void play(const uint8_t *choices, struct bytes input, size_t piece, struct strbuf *log)
{
    const struct ws_inflate_limits limits = {.size_max = (size_t)choices[1] * 1024,
                                             .ratio_max = choices[2]};
    const bool is_text = choices[0] & 4;
    struct ws_inflater *inflater;
    struct strbuf window;
    size_t cut = input.size / 2;
    int r = 0;

    if (ws_inflater_new(&inflater) < 0)
        abort();
    strbuf_init(&window, (size_t)1 << (8 + choices[3] % 8));
    for (int i = 0; i < 2 && r == 0; i++) {
        const struct bytes payload = {input.data + (i ? cut : 0), i ? input.size - cut : cut};
        struct bytes text = {0};

        r = inflate_in_pieces(inflater, &limits, choices[0] & 8 ? &window : NULL, is_text, payload,
                              piece, &text);
        if (r == 0 && text.size > limits.size_max)
            fail("a message over its limit");
        if (r == 0 && limits.ratio_max > 0 && text.size > WS_INFLATE_FREE_SIZE &&
            text.size > payload.size * limits.ratio_max)
            fail("a message over its ratio");
        if (r == 0 && is_text && !utf8_valid(text.data, text.size))
            fail("text that is not UTF-8");
        if (window.size > window.size_max)
            fail("a window over its size");
        /* Why it fails may depend on the split: which of two faults is met first. */
        strbuf_printf(log, "%d:", r < 0 ? -1 : 0);
        strbuf_put_bytes(log, text);
    }
    strbuf_done(&window);
    ws_inflater_free(inflater);
}

static void hostile(const uint8_t *choices, struct bytes input)
{
    struct strbuf whole, pieces;

    strbuf_init(&whole, 1u << 20);
    strbuf_init(&pieces, 1u << 20);
    play(choices, input, SIZE_MAX, &whole);
    play(choices, input, 1u + choices[3], &pieces);
    if (whole.error || pieces.error || !bytes_equal(strbuf_bytes(&whole), strbuf_bytes(&pieces)))
        fail("whole and in pieces, the same bytes say different things");
    strbuf_done(&whole);
    strbuf_done(&pieces);
}

static void there_and_back(const uint8_t *choices, struct bytes input)
{
    const unsigned bits = WS_DEFLATE_BITS_MIN + choices[1] % 7;
    struct ws_output message = {.opcode = WS_BINARY};
    const struct ws_inflate_limits limits = {.size_max = input.size};
    struct ws_inflater *inflater;
    struct ws_deflater *deflater;
    struct strbuf payload;

    if (ws_inflater_new(&inflater) < 0 || ws_deflater_new(&deflater, 1 + choices[2] % 9) < 0)
        abort();
    strbuf_init(&payload, 2 * INPUT_MAX);
    if (ws_deflate_message(deflater, bits, input, &payload) < 0)
        fail("cannot be deflated");
    message.payload = strbuf_bytes(&payload);
    if (ws_inflate_message(inflater, &limits, NULL, &message) != WS_GOT_MESSAGE ||
        !bytes_equal(message.payload, input))
        fail("another message came back");
    strbuf_done(&payload);
    ws_inflater_free(inflater);
    ws_deflater_free(deflater);
}

static void check_params(const struct ws_deflate_config *config,
                         const struct ws_deflate_params *params)
{
    if (params->server_window_bits < 9 || params->server_window_bits > config->server_window_bits ||
        params->client_window_bits < 8 || params->client_window_bits > 15)
        fail("windows out of their range");
    if (!params->client_no_context_takeover &&
        (!config->client_context_takeover ||
         params->client_window_bits > config->client_window_bits))
        fail("a client keeps more than it may");
}

/* Our answer is well formed, and as an offer means the same again. */
static void offers(const uint8_t *choices, struct bytes input)
{
    const struct ws_deflate_config config = {
        .server_window_bits = (uint8_t)(9 + choices[1] % 7),
        .client_context_takeover = choices[2] & 1,
        .client_window_bits = (uint8_t)(9 + choices[3] % 7),
    };
    struct http_request request = {0};
    struct ws_deflate_params params, again;
    struct strbuf first, second;
    const char *why = NULL;
    int r;

    for (unsigned i = 0; i < 3; i++) { /* lines are several headers */
        const char *end = memchr(input.data, '\n', input.size);
        const size_t size = end ? (size_t)(end - input.data) : input.size;

        request.headers[request.headers_count++] =
            (struct http_header){BYTES("Sec-WebSocket-Extensions"), {input.data, size}};
        if (!end)
            break;
        input.data += size + 1;
        input.size -= size + 1;
    }
    r = ws_deflate_negotiate(&request, &config, &params, &why);
    if (r < 0 && !why)
        fail("an error that does not say why");
    if (r <= 0)
        return;
    check_params(&config, &params);
    strbuf_init(&first, WS_DEFLATE_ANSWER_MAX);
    strbuf_init(&second, WS_DEFLATE_ANSWER_MAX);
    ws_deflate_answer(&first, &params);
    request.headers_count = 1;
    request.headers[0].value = strbuf_bytes(&first);
    if (ws_deflate_negotiate(&request, &config, &again, &why) != 1)
        fail("our own answer does not suit us");
    ws_deflate_answer(&second, &again);
    if (first.error || second.error || again.server_window_bits != params.server_window_bits)
        fail("our own answer means something else");
    strbuf_done(&first);
    strbuf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input;

    if (size < CHOICES_SIZE || size > INPUT_MAX)
        return 0;
    input = (struct bytes){(const char *)data + CHOICES_SIZE, size - CHOICES_SIZE};
    switch (data[0] & 3) {
    case 0:
        offers(data, input);
        break;
    case 1:
        there_and_back(data, input);
        break;
    default:
        hostile(data, input);
        break;
    }
    return 0;
}
