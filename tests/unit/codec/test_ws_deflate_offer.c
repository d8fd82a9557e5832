/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_deflate_offer.c: which offers of permessage-deflate are accepted, and how we answer. */
#include "codec/ws_deflate.h"

#include <stdio.h>

#include "mcp_auth/error.h"
#include "unit.h"

#define PMD "permessage-deflate"
#define OURS PMD "; server_no_context_takeover"
#define NO_TAKEOVER OURS "; client_no_context_takeover"

static const struct ws_deflate_config plain = {.server_window_bits = 15};

static int negotiate(const struct ws_deflate_config *config, const char *const *values,
                     unsigned count, struct ws_deflate_params *ret)
{
    struct http_request request = {0};
    const char *why = NULL;
    int r;

    for (unsigned i = 0; i < count; i++)
        request.headers[request.headers_count++] =
            (struct http_header){i % 2 ? BYTES("SEC-WEBSOCKET-EXTENSIONS")
                                       : BYTES("Sec-WebSocket-Extensions"),
                                 bytes_of(values[i])};
    r = ws_deflate_negotiate(&request, config, ret, &why);
    CHECK((r < 0) == (why != NULL));
    return r;
}

/* These headers must get this answer, or none when it is NULL. */
static struct ws_deflate_params answered(const struct ws_deflate_config *config,
                                         const char *const *values, unsigned count,
                                         const char *want)
{
    struct ws_deflate_params params = {0};
    struct strbuf out;
    int r = negotiate(config, values, count, &params);

    if (r != (want ? 1 : 0))
        fail_msg("%d for: %s", r, values[0]);
    if (!want)
        return params;
    strbuf_init(&out, WS_DEFLATE_ANSWER_MAX);
    ws_deflate_answer(&out, &params);
    CHECK_EQ(out.error, 0);
    if (!bytes_equal(strbuf_bytes(&out), bytes_of(want)))
        fail_msg("%s: answered %.*s", values[0], (int)out.size, out.data);
    strbuf_done(&out);
    return params;
}

static struct ws_deflate_params accepted(const char *value, const char *want)
{
    return answered(&plain, &value, 1, want);
}

static void declined(const char *value)
{
    (void)answered(&plain, &value, 1, NULL);
}

static void malformed(const char *value)
{
    struct ws_deflate_params params = {.server_window_bits = 77};

    if (negotiate(&plain, &value, 1, &params) != MCP_AUTH_E_INVALID)
        fail_msg("not refused: %s", value);
    CHECK_EQ(params.server_window_bits, 77); /* written only on success */
}

TEST(a_request_without_extensions_offers_none)
{
    struct http_request request = {0};
    struct ws_deflate_params params;
    const char *why = NULL;

    CHECK_EQ(ws_deflate_negotiate(&request, &plain, &params, &why), 0);
    request.headers[request.headers_count++] =
        (struct http_header){BYTES("Extensions"), BYTES(PMD)};
    CHECK_EQ(ws_deflate_negotiate(&request, &plain, &params, &why), 0);
    declined("");
    declined(" ,, ");
}

TEST(the_plain_offer_is_accepted_without_context_takeover_on_either_side)
{
    struct ws_deflate_params params = accepted(PMD, NO_TAKEOVER);

    CHECK_EQ(params.server_window_bits, 15);
    CHECK_EQ(params.client_window_bits, 15);
    CHECK(params.client_no_context_takeover);
}

/* The offers of Chromium, of Firefox and of a common library. */
TEST(the_offers_of_browsers_are_accepted)
{
    (void)accepted(PMD "; client_max_window_bits", NO_TAKEOVER);
    (void)accepted(PMD, NO_TAKEOVER);
    (void)accepted(PMD "; client_max_window_bits; server_max_window_bits=12",
                   NO_TAKEOVER "; server_max_window_bits=12");
}

TEST(all_four_parameters_may_stand_in_any_order_and_white_space)
{
    struct ws_deflate_params params =
        accepted("  " PMD ";server_max_window_bits=10 ;\tclient_no_context_takeover ; "
                 "client_max_window_bits = 8;server_no_context_takeover ",
                 NO_TAKEOVER "; server_max_window_bits=10");

    CHECK_EQ(params.server_window_bits, 10);
    CHECK_EQ(params.client_window_bits, 8);
}

TEST(a_value_may_be_quoted_and_means_the_same)
{
    struct ws_deflate_params params =
        accepted(PMD "; server_max_window_bits=\"9\"; client_max_window_bits=\"1\\2\"",
                 NO_TAKEOVER "; server_max_window_bits=9");

    CHECK_EQ(params.client_window_bits, 12);
    declined(PMD "; server_max_window_bits=\"16\"");
    declined(PMD "; server_no_context_takeover=\"true\"");
}

TEST(every_number_of_window_bits_is_judged)
{
    for (int bits = -1; bits <= 300; bits++) {
        char offer[96], want[128];

        snprintf(offer, sizeof offer, PMD "; server_max_window_bits=%d", bits);
        snprintf(want, sizeof want, NO_TAKEOVER "; server_max_window_bits=%d", bits);
        /* 8 is allowed by the RFC, but zlib cannot write with it. */
        if (bits >= 9 && bits <= 15)
            CHECK_EQ(accepted(offer, want).server_window_bits, bits);
        else
            declined(offer);

        snprintf(offer, sizeof offer, PMD "; client_max_window_bits=%d", bits);
        if (bits >= 8 && bits <= 15)
            CHECK_EQ(accepted(offer, NO_TAKEOVER).client_window_bits, bits);
        else
            declined(offer);
    }
}

TEST(an_ill_valued_parameter_declines_the_offer)
{
    static const char *const offers[] = {
        PMD "; server_no_context_takeover=1",  PMD "; client_no_context_takeover=true",
        PMD "; server_max_window_bits",        PMD "; server_max_window_bits=09",
        PMD "; server_max_window_bits=1x",     PMD "; server_max_window_bits=+9",
        PMD "; server_max_window_bits=015",    PMD "; client_max_window_bits=08",
        PMD "; client_max_window_bits=1500",   PMD "; client_max_window_bits=a",
        PMD "; client_max_window_bits=1'5",    PMD "; client_max_window_bits=:",
        PMD "; server_max_window_bits=\"1.\"",
    };

    for (size_t i = 0; i < ARRAY_COUNT(offers); i++)
        if (strchr(offers[i], ':') == NULL)
            declined(offers[i]);
        else
            malformed(offers[i]); /* no token at all */
}

TEST(a_doubled_parameter_declines_the_offer)
{
    declined(PMD "; server_no_context_takeover; server_no_context_takeover");
    declined(PMD "; client_no_context_takeover; client_no_context_takeover");
    declined(PMD "; server_max_window_bits=10; server_max_window_bits=10");
    declined(PMD "; client_max_window_bits; client_max_window_bits=12");
}

TEST(an_unknown_parameter_or_extension_declines_the_offer)
{
    declined(PMD "; server_window_bits=10");
    declined(PMD "; x=\"y\"");
    declined(PMD "; Server_no_context_takeover");
    declined("permessage-bzip2");
    declined("x-webkit-deflate-frame");
    declined("permessage-deflate2");
    declined("Permessage-Deflate"); /* compared as it is: the answer must match the offer */
}

TEST(the_first_offer_that_suits_is_accepted_and_later_ones_are_not_looked_at)
{
    (void)accepted("foo; bar=\"baz\", " PMD "; server_max_window_bits=8, ," PMD
                   "; server_max_window_bits=11, " PMD,
                   NO_TAKEOVER "; server_max_window_bits=11");
}

TEST(several_headers_are_one_list_in_their_order)
{
    static const char *const values[] = {"foo", PMD "; what", PMD "; server_max_window_bits=13",
                                         PMD};

    (void)answered(&plain, values, 4, NO_TAKEOVER "; server_max_window_bits=13");
}

TEST(a_header_that_is_no_list_of_extensions_fails_the_handshake)
{
    static const char *const values[] = {
        PMD ";",         PMD "; ;",         ";",
        PMD "; =9",      PMD " x",          PMD "; a=",
        PMD "; a=\"",    PMD "; a=\"\"",    PMD "; a=\"b",
        PMD "; a=\"b\\", PMD "; a=\"b,c\"", PMD "; a=\"b c\"",
        PMD "; a=b=c",   PMD "; a=\"b\"c",  "\"" PMD "\"",
        "a/b",           PMD ", foo; a=\"", "=",
        PMD "; a b",     PMD "; a=(b)",
    };

    for (size_t i = 0; i < ARRAY_COUNT(values); i++)
        malformed(values[i]);
}

/* RFC 6455 section 9.1: nothing of it may be used, whatever suited before. */
TEST(a_malformed_header_spoils_a_good_one)
{
    static const char *const values[] = {PMD, "foo;"};
    struct ws_deflate_params params;

    CHECK_EQ(negotiate(&plain, values, 2, &params), MCP_AUTH_E_INVALID);
}

TEST(our_own_smaller_window_is_told_even_if_nobody_asked)
{
    const struct ws_deflate_config small = {.server_window_bits = 11};
    const char *offers[] = {PMD, PMD "; server_max_window_bits=15",
                            PMD "; server_max_window_bits=10"};

    CHECK_EQ(answered(&small, &offers[0], 1, NO_TAKEOVER "; server_max_window_bits=11")
                 .server_window_bits,
             11);
    (void)answered(&small, &offers[1], 1, NO_TAKEOVER "; server_max_window_bits=11");
    (void)answered(&small, &offers[2], 1, NO_TAKEOVER "; server_max_window_bits=10");
}

TEST(a_client_may_take_over_its_context_only_where_we_allow_it)
{
    const struct ws_deflate_config allows = {.server_window_bits = 15,
                                             .client_context_takeover = true,
                                             .client_window_bits = 15};
    const char *offers[] = {PMD, PMD "; client_no_context_takeover",
                            PMD "; client_max_window_bits=9"};
    struct ws_deflate_params params;

    params = answered(&allows, &offers[0], 1, OURS);
    CHECK(!params.client_no_context_takeover);
    CHECK_EQ(params.client_window_bits, 15);
    params = answered(&allows, &offers[1], 1, NO_TAKEOVER);
    CHECK(params.client_no_context_takeover);
    params = answered(&allows, &offers[2], 1, OURS);
    CHECK_EQ(params.client_window_bits, 9);
}

/* What a client's window costs us is bounded: it promises a smaller one, or takes over nothing. */
TEST(a_client_that_cannot_keep_to_our_window_takes_over_nothing)
{
    const struct ws_deflate_config tight = {.server_window_bits = 15,
                                            .client_context_takeover = true,
                                            .client_window_bits = 10};
    const char *offers[] = {PMD, PMD "; client_max_window_bits", PMD "; client_max_window_bits=12",
                            PMD "; client_max_window_bits=10"};
    struct ws_deflate_params params;

    params = answered(&tight, &offers[0], 1, NO_TAKEOVER);
    CHECK(params.client_no_context_takeover);
    params = answered(&tight, &offers[1], 1, OURS "; client_max_window_bits=10");
    CHECK(!params.client_no_context_takeover);
    CHECK_EQ(params.client_window_bits, 10);
    (void)answered(&tight, &offers[2], 1, OURS "; client_max_window_bits=10");
    (void)answered(&tight, &offers[3], 1, OURS);
}

TEST(the_longest_answer_fits_and_one_that_does_not_tells_so)
{
    const struct ws_deflate_params params = {
        .server_window_bits = 15,
        .client_window_bits = 15,
        .client_no_context_takeover = true,
        .answers_server_bits = true,
        .answers_client_bits = true,
    };
    struct strbuf out;

    strbuf_init(&out, WS_DEFLATE_ANSWER_MAX);
    ws_deflate_answer(&out, &params);
    CHECK_EQ(out.error, 0);
    strbuf_done(&out);
    strbuf_init(&out, 40);
    ws_deflate_answer(&out, &params);
    CHECK_EQ(out.error, MCP_AUTH_E_TOO_BIG);
    strbuf_done(&out);
}
