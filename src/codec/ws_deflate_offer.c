/* SPDX-License-Identifier: Apache-2.0 */
/* ws_deflate_offer.c: reads Sec-WebSocket-Extensions and answers it (RFC 7692 sections 5, 7.1). */
#include <assert.h>

#include "codec/http_grammar.h"
#include "codec/ws_deflate.h"
#include "mcp_auth/error.h"

/* Enough to tell every number from 8 to 15 from anything else. */
#define VALUE_KEPT 2

struct param {
    struct bytes name;
    char value[VALUE_KEPT];
    size_t value_size; /* may be more than was kept; 0: there is none */
};

struct offer {
    bool suits;
    unsigned seen; /* BIT(enum known) */
    uint8_t server_bits, client_bits;
};

enum known {
    SERVER_NO_CONTEXT_TAKEOVER,
    CLIENT_NO_CONTEXT_TAKEOVER,
    SERVER_MAX_WINDOW_BITS,
    CLIENT_MAX_WINDOW_BITS,
    KNOWN_COUNT
};

static const struct bytes known_names[KNOWN_COUNT] = {
    [SERVER_NO_CONTEXT_TAKEOVER] = {"server_no_context_takeover", 26},
    [CLIENT_NO_CONTEXT_TAKEOVER] = {"client_no_context_takeover", 26},
    [SERVER_MAX_WINDOW_BITS] = {"server_max_window_bits", 22},
    [CLIENT_MAX_WINDOW_BITS] = {"client_max_window_bits", 22},
};

static void advance(struct bytes *in, size_t size)
{
    assert(size <= in->size);
    in->data += size;
    in->size -= size;
}

static void skip_space(struct bytes *in)
{
    while (in->size > 0 && http_is_space(in->data[0]))
        advance(in, 1);
}

/* Takes this character, and the white space before and behind it. */
static bool take_mark(struct bytes *in, char mark)
{
    skip_space(in);
    if (in->size == 0 || in->data[0] != mark)
        return false;
    advance(in, 1);
    skip_space(in);
    return true;
}

/* Perhaps empty. */
static struct bytes take_token(struct bytes *in)
{
    struct bytes token = {in->data, 0};

    while (token.size < in->size && http_is_token_char(in->data[token.size]))
        token.size++;
    advance(in, token.size);
    return token;
}

static void keep_value(struct param *param, char c)
{
    if (param->value_size < VALUE_KEPT)
        param->value[param->value_size] = c;
    param->value_size++;
}

/* A quoted string, of which what is said must be a token (RFC 6455 section 9.1). */
static int take_quoted(struct bytes *in, struct param *param)
{
    advance(in, 1);
    while (in->size > 0 && in->data[0] != '"') {
        if (in->data[0] == '\\')
            advance(in, 1);
        if (in->size == 0 || !http_is_token_char(in->data[0]))
            return MCP_AUTH_E_INVALID;
        keep_value(param, in->data[0]);
        advance(in, 1);
    }
    if (in->size == 0 || param->value_size == 0)
        return MCP_AUTH_E_INVALID;
    advance(in, 1);
    return 0;
}

static int take_param(struct bytes *in, struct param *ret)
{
    struct param param = {.name = take_token(in)};

    if (param.name.size == 0)
        return MCP_AUTH_E_INVALID;
    if (take_mark(in, '=')) {
        if (in->size > 0 && in->data[0] == '"') {
            int r = take_quoted(in, &param);

            if (r < 0)
                return r;
        } else {
            struct bytes token = take_token(in);

            for (size_t i = 0; i < token.size; i++)
                keep_value(&param, token.data[i]);
            if (token.size == 0)
                return MCP_AUTH_E_INVALID;
        }
    }
    *ret = param;
    return 0;
}

/* 8 to 15 "without leading zeros" (section 7.1.2), else 0. */
static uint8_t window_bits(const struct param *param)
{
    const char *value = param->value;

    if (param->value_size == 1 && (value[0] == '8' || value[0] == '9'))
        return (uint8_t)(value[0] - '0');
    if (param->value_size == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5')
        return (uint8_t)(10 + value[1] - '0');
    return 0;
}

/* Does the offer still suit with this parameter? Section 7.1, last paragraphs of each. */
static bool suits_with(struct offer *offer, const struct param *param)
{
    enum known known = 0;

    while (known < KNOWN_COUNT && !bytes_equal(param->name, known_names[known]))
        known++;
    if (known == KNOWN_COUNT || offer->seen & BIT(known))
        return false;
    offer->seen |= BIT(known);

    switch (known) {
    case SERVER_NO_CONTEXT_TAKEOVER:
    case CLIENT_NO_CONTEXT_TAKEOVER:
        return param->value_size == 0;
    case SERVER_MAX_WINDOW_BITS: /* a value is demanded */
        offer->server_bits = window_bits(param);
        return offer->server_bits >= WS_DEFLATE_BITS_MIN;
    case CLIENT_MAX_WINDOW_BITS: /* without a value it says only that we may give one */
        offer->client_bits = param->value_size > 0 ? window_bits(param) : WS_WINDOW_BITS_MAX;
        return offer->client_bits >= WS_WINDOW_BITS_MIN;
    case KNOWN_COUNT:
        break;
    }
    assert(false);
    return false;
}

/* One extension of the list with its parameters; offer->suits is false also for others. */
static int take_offer(struct bytes *in, struct offer *ret)
{
    struct offer offer = {.server_bits = WS_WINDOW_BITS_MAX, .client_bits = WS_WINDOW_BITS_MAX};
    struct bytes name = take_token(in);

    if (name.size == 0)
        return MCP_AUTH_E_INVALID;
    offer.suits = bytes_equal(name, BYTES("permessage-deflate"));
    while (take_mark(in, ';')) {
        struct param param;
        int r = take_param(in, &param);

        if (r < 0)
            return r;
        offer.suits = offer.suits && suits_with(&offer, &param);
    }
    if (in->size > 0 && in->data[0] != ',')
        return MCP_AUTH_E_INVALID;
    *ret = offer;
    return 0;
}

static struct ws_deflate_params agree(const struct offer *offer,
                                      const struct ws_deflate_config *config)
{
    struct ws_deflate_params params = {
        .server_window_bits = offer->server_bits < config->server_window_bits
                                  ? offer->server_bits
                                  : config->server_window_bits,
        .client_window_bits = offer->client_bits,
        .client_no_context_takeover =
            !config->client_context_takeover || offer->seen & BIT(CLIENT_NO_CONTEXT_TAKEOVER),
    };

    /* Who asked must be told (section 7.1.2.1); so must be who has to keep less than it thinks. */
    params.answers_server_bits =
        offer->seen & BIT(SERVER_MAX_WINDOW_BITS) || params.server_window_bits < WS_WINDOW_BITS_MAX;
    if (!params.client_no_context_takeover &&
        params.client_window_bits > config->client_window_bits) {
        /* Only a client that offered the parameter understands it (section 7.1.2.2). */
        if (offer->seen & BIT(CLIENT_MAX_WINDOW_BITS)) {
            params.client_window_bits = config->client_window_bits;
            params.answers_client_bits = true;
        } else {
            params.client_no_context_takeover = true;
        }
    }
    return params;
}

static int read_header(struct bytes value, const struct ws_deflate_config *config, bool *accepted,
                       struct ws_deflate_params *ret)
{
    for (;;) {
        struct offer offer;
        int r;

        while (take_mark(&value, ',')) /* empty members are allowed (RFC 9110 section 5.6.1.2) */
            ;
        if (value.size == 0)
            return 0;
        r = take_offer(&value, &offer);
        if (r < 0)
            return r;
        if (offer.suits && !*accepted) {
            *ret = agree(&offer, config);
            *accepted = true;
        }
    }
}

int ws_deflate_negotiate(const struct http_request *request, const struct ws_deflate_config *config,
                         struct ws_deflate_params *ret, const char **ret_why)
{
    struct ws_deflate_params params = {0};
    bool accepted = false;

    assert(config->server_window_bits >= WS_DEFLATE_BITS_MIN &&
           config->server_window_bits <= WS_WINDOW_BITS_MAX);
    assert(!config->client_context_takeover || (config->client_window_bits >= WS_DEFLATE_BITS_MIN &&
                                                config->client_window_bits <= WS_WINDOW_BITS_MAX));

    /* Several headers are one list, in their order. */
    for (unsigned i = 0; i < request->headers_count; i++) {
        const struct http_header *header = &request->headers[i];

        if (!bytes_equal_nocase(header->name, BYTES("Sec-WebSocket-Extensions")))
            continue;
        if (read_header(header->value, config, &accepted, &params) < 0) {
            *ret_why = "the Sec-WebSocket-Extensions is not a list of extensions";
            return MCP_AUTH_E_INVALID;
        }
    }
    if (!accepted)
        return 0;
    assert(params.server_window_bits >= WS_DEFLATE_BITS_MIN);
    *ret = params;
    return 1;
}

void ws_deflate_answer(struct strbuf *out, const struct ws_deflate_params *params)
{
    strbuf_puts(out, "permessage-deflate; server_no_context_takeover");
    if (params->client_no_context_takeover)
        strbuf_puts(out, "; client_no_context_takeover");
    if (params->answers_server_bits)
        strbuf_printf(out, "; server_max_window_bits=%u", (unsigned)params->server_window_bits);
    if (params->answers_client_bits)
        strbuf_printf(out, "; client_max_window_bits=%u", (unsigned)params->client_window_bits);
}
