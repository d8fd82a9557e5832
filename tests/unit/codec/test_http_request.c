/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_request.c: a head means one thing however it is cut; what could mean two is refused. */
#include "codec/http_request.h"

#include <stdio.h>

#include "unit.h"

#define HOST "Host: example.com\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST /x HTTP/1.1\r\n" HOST

/* What one feeding came to. */
struct outcome {
    int result;
    const char *why;
    char shape[4096]; /* the request as text, "" unless whole */
};

static void shape_put(struct outcome *o, const char *name, struct bytes value)
{
    size_t used = strlen(o->shape);

    snprintf(o->shape + used, sizeof o->shape - used, "%s=%s%.*s|", name,
             bytes_present(value) ? "" : "(absent)", (int)value.size, value.data ? value.data : "");
}

static void request_shape(const struct http_request *request, struct outcome *o)
{
    size_t used;

    shape_put(o, "target", request->target);
    shape_put(o, "path", request->path);
    shape_put(o, "query", request->query);
    for (unsigned i = 0; i < request->headers_count && i < 8; i++) {
        shape_put(o, "name", request->headers[i].name);
        shape_put(o, "value", request->headers[i].value);
    }
    used = strlen(o->shape);
    snprintf(o->shape + used, sizeof o->shape - used, "%d %d%d%d%d%d %ju %u", request->method,
             request->http_1_0, request->keep_alive, request->expect_continue, request->chunked,
             request->has_content_length, (uintmax_t)request->content_length,
             request->headers_count);
}

/* Shows the parser the first `size` bytes, in memory of just that size, as a peer would have sent
 * them so far. */
static bool show(struct bytes wire, size_t size, size_t *seen, struct outcome *o)
{
    struct http_request *request = malloc(sizeof *request);
    char *copy = malloc(size + 1);
    const char *why = NULL;

    assert_non_null(request);
    assert_non_null(copy);
    copy = realloc(copy, size ? size : 1);
    memcpy(copy, wire.data, size);
    memset(request, 0xa5, sizeof *request);
    memset(o, 0, sizeof *o);
    o->result = http_request_parse((struct bytes){copy, size}, seen, request, &why);
    if (o->result < 0)
        assert_non_null(why);
    o->why = o->result < 0 ? why : NULL;
    if (o->result > 0)
        request_shape(request, o);
    else
        CHECK_EQ(((unsigned char *)request)[0], 0xa5); /* results only on success */
    free(request);
    free(copy);
    return o->result != 0;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    CHECK_EQ(a->result, b->result);
    if (a->why)
        assert_string_equal(a->why, b->why);
    assert_string_equal(a->shape, b->shape);
}

/* In whole, in every two pieces, and byte by byte: one outcome. */
static struct outcome feed_every_way(struct bytes wire)
{
    struct outcome whole, split;
    size_t seen = 0;

    show(wire, wire.size, &seen, &whole);
    for (size_t cut = 0; cut <= wire.size; cut++) {
        seen = 0;
        if (!show(wire, cut, &seen, &split))
            show(wire, wire.size, &seen, &split);
        check_same(&whole, &split);
    }
    seen = 0;
    for (size_t size = 0; size <= wire.size; size++)
        if (show(wire, size, &seen, &split))
            break;
    check_same(&whole, &split);
    return whole;
}

#define CHECK_ACCEPTED(literal) CHECK_EQ(feed_every_way(BYTES(literal)).result, sizeof(literal) - 1)
#define CHECK_REFUSED(status, words, literal)                     \
    do {                                                          \
        struct outcome outcome_ = feed_every_way(BYTES(literal)); \
        CHECK_EQ(outcome_.result, -(status));                     \
        assert_string_equal(outcome_.why, words);                 \
    } while (0)

static const char line_shape[] = "the request line is not METHOD SP target SP HTTP/1.x";

static struct http_request parsed(const char *text)
{
    struct http_request request;
    size_t seen = 0;
    const char *why;

    CHECK_EQ(http_request_parse(bytes_of(text), &seen, &request, &why), strlen(text));
    return request;
}

TEST(a_request_may_arrive_in_any_pieces)
{
    static const char *const wires[] = {
        GET "\r\n",
        "\r\n" GET "\r\n",
        "GET /v1/events?user=a%20b&x HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n",
        POST "Content-Length: 5\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
        "GET http://example.com/a?b HTTP/1.1\r\n" HOST "\r\n",
        GET "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        GET "X: \xc3\xa9\ttab\r\nEmpty:\r\nSpaces:   \t \r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_COUNT(wires); i++)
        CHECK_EQ(feed_every_way(bytes_of(wires[i])).result, strlen(wires[i]));
}

TEST(a_head_leaves_the_bytes_after_it_alone)
{
    CHECK_EQ(feed_every_way(BYTES(GET "\r\nGET \n")).result, sizeof(GET "\r\n") - 1);
}

TEST(a_head_without_its_empty_line_asks_for_more)
{
    CHECK_EQ(feed_every_way(BYTES(GET)).result, 0);
    CHECK_EQ(feed_every_way(BYTES("")).result, 0);
}

TEST(a_request_is_taken_apart)
{
    struct http_request r = parsed("POST /a/b?c=d?e HTTP/1.1\r\nHost:h:80\r\nX-Y:  z \t\r\n"
                                   "Content-Length: 0018\r\n\r\n");

    CHECK_EQ(r.method, HTTP_POST);
    CHECK_TEXT(r.target, "/a/b?c=d?e");
    CHECK_TEXT(r.path, "/a/b");
    CHECK_TEXT(r.query, "c=d?e");
    CHECK_EQ(r.headers_count, 3);
    CHECK_TEXT(r.headers[1].name, "X-Y");
    CHECK_TEXT(r.headers[1].value, "z");
    CHECK_TEXT(http_request_header(&r, BYTES("host")), "h:80");
    CHECK(!bytes_present(http_request_header(&r, BYTES("hos"))));
    CHECK(r.has_content_length && !r.chunked && r.keep_alive && !r.expect_continue);
    CHECK_EQ(r.content_length, 18);
}

TEST(an_empty_query_is_not_an_absent_one)
{
    struct http_request r = parsed("GET /? HTTP/1.1\r\n" HOST "\r\n");

    CHECK(bytes_present(r.query));
    CHECK_EQ(r.query.size, 0);
    r = parsed("GET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK(!bytes_present(r.query));
}

TEST(methods_are_known_by_their_exact_names)
{
    CHECK_EQ(parsed("GET / HTTP/1.0\r\n\r\n").method, HTTP_GET);
    CHECK_EQ(parsed("HEAD / HTTP/1.0\r\n\r\n").method, HTTP_HEAD);
    CHECK_EQ(parsed("PUT / HTTP/1.0\r\n\r\n").method, HTTP_PUT);
    CHECK_EQ(parsed("DELETE / HTTP/1.0\r\n\r\n").method, HTTP_DELETE);
    CHECK_EQ(parsed("OPTIONS / HTTP/1.0\r\n\r\n").method, HTTP_OPTIONS);
    CHECK_EQ(parsed("PATCH / HTTP/1.0\r\n\r\n").method, HTTP_PATCH);
    CHECK_EQ(parsed("get / HTTP/1.0\r\n\r\n").method, HTTP_OTHER);
    CHECK_EQ(parsed("BREW / HTTP/1.0\r\n\r\n").method, HTTP_OTHER);
}

TEST(a_connection_is_kept_by_version_and_header)
{
    CHECK(parsed("GET / HTTP/1.1\r\n" HOST "\r\n").keep_alive);
    CHECK(parsed("GET / HTTP/1.9\r\n" HOST "\r\n").keep_alive);
    CHECK(!parsed("GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n").keep_alive);
    CHECK(!parsed("GET / HTTP/1.0\r\n\r\n").keep_alive);
    CHECK(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    CHECK(!parsed("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keep_alive);
}

TEST(only_a_1_1_client_can_expect_continue)
{
    CHECK(parsed(POST "Expect: 100-Continue\r\n\r\n").expect_continue);
    CHECK(!parsed("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expect_continue);
    CHECK(!parsed(POST "\r\n").expect_continue);
}

TEST(a_bare_lf_is_refused)
{
    CHECK_REFUSED(400, "a line ends in LF without CR", "GET / HTTP/1.1\n" HOST "\r\n");
    CHECK_REFUSED(400, "a line ends in LF without CR", GET "A: b\nC: d\r\n\r\n");
    CHECK_REFUSED(400, "a line ends in LF without CR", GET "A: b\r\n\n");
    CHECK_REFUSED(400, "a line ends in LF without CR", "\nGET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK_ACCEPTED(GET "A: b\r\nC: d\r\n\r\n");
}

TEST(a_bare_cr_is_refused)
{
    CHECK_REFUSED(400, "a CR is not followed by LF", GET "A: b\rC: d\r\n\r\n");
    CHECK_REFUSED(400, "a CR is not followed by LF", GET "A: b\r\r\n\r\n");
    CHECK_REFUSED(400, "a CR is not followed by LF", "GET / HTTP/1.1\rHost: a\r\n\r\n");
    CHECK_REFUSED(400, "a CR is not followed by LF", "\rGET / HTTP/1.1\r\n" HOST "\r\n");
}

TEST(nul_and_other_controls_are_refused)
{
    CHECK_REFUSED(400, "a control character in the head", GET "A: b\0c\r\n\r\n");
    CHECK_REFUSED(400, "a control character in the head", GET "A\0: b\r\n\r\n");
    CHECK_REFUSED(400, "a control character in the head", "GET /\0 HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, "a control character in the head",
                  GET "A: b\x0b"
                      "c\r\n\r\n");
    CHECK_REFUSED(400, "a control character in the head", GET "A: b\x7f\r\n\r\n");
    CHECK_REFUSED(400, "a control character in the head", "\x16\x03\x01\x02"); /* TLS */
    CHECK_ACCEPTED(GET "A: b\tc\xff\r\n\r\n");
}

TEST(one_empty_line_before_the_request_is_skipped_and_no_second)
{
    CHECK_ACCEPTED("\r\n" GET "\r\n");
    CHECK_REFUSED(400, "the request line is empty", "\r\n\r\n" GET "\r\n");
}

TEST(a_request_line_has_three_words_and_two_spaces)
{
    CHECK_REFUSED(400, line_shape, "GET /\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET  / HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET /  HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET / HTTP/1.1 \r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, " GET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET / a HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "G(T / HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET\t/\tHTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET / http/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET / HTTP/1.10\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET / HTTP/1,1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, line_shape, "GET / HTTP/1.x\r\n" HOST "\r\n");
}

TEST(a_version_other_than_1_x_is_refused)
{
    CHECK_REFUSED(505, "the version is not HTTP/1.x", "PRI * HTTP/2.0\r\n\r\n");
    CHECK_REFUSED(505, "the version is not HTTP/1.x", "GET / HTTP/0.9\r\n\r\n");
}

TEST(a_target_is_a_path_or_the_url_of_this_host)
{
    struct http_request r = parsed("GET HTTP://EXAMPLE.com?q HTTP/1.1\r\n" HOST "\r\n");
    static const char other[] = "the target's host is not the one of Host";
    static const char neither[] = "the target is neither a path nor an http URL";

    CHECK_TEXT(r.path, "/");
    CHECK_TEXT(r.query, "q");
    r = parsed("GET https://example.com/p HTTP/1.0\r\n\r\n");
    CHECK_TEXT(r.path, "/p");
    CHECK_REFUSED(400, other, "GET http://evil.com/ HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, other, "GET http://example.com:80/ HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, "the target's host is not valid",
                  "GET http://a@example.com/ HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, "the target's host is not valid", "GET http:///a HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, neither, "GET example.com/ HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, neither, "CONNECT example.com:443 HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, neither, "GET ftp://example.com/ HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, neither, "GET http:// HTTP/1.1\r\n" HOST "\r\n");
}

TEST(a_star_is_a_target_for_options_only)
{
    CHECK_ACCEPTED("OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, "the target is neither a path nor an http URL",
                  "GET * HTTP/1.1\r\n" HOST "\r\n");
}

TEST(a_target_has_visible_ascii_and_no_fragment)
{
    static const char words[] = "a character that may not be in a target";

    CHECK_ACCEPTED("GET /!~{}|\"%zz HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, words, "GET /a#b HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, words, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n");
    CHECK_REFUSED(400, words, "GET /a\tb HTTP/1.1\r\n" HOST "\r\n");
}

TEST(a_folded_header_is_refused)
{
    CHECK_REFUSED(400, "a header is folded over several lines", GET "A: b\r\n c\r\n\r\n");
    CHECK_REFUSED(400, "a header is folded over several lines", GET "A: b\r\n\tc: d\r\n\r\n");
}

TEST(white_space_before_the_first_header_is_refused)
{
    CHECK_REFUSED(400, "white space before the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n");
}

TEST(white_space_before_the_colon_is_refused)
{
    static const char words[] = "white space between a header's name and its colon";

    CHECK_REFUSED(400, words, GET "A : b\r\n\r\n");
    CHECK_REFUSED(400, words, GET "A\t: b\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Transfer-Encoding : chunked\r\n\r\n");
    CHECK_ACCEPTED(GET "A:b\r\n\r\n");
}

TEST(a_header_has_a_token_and_a_colon)
{
    CHECK_REFUSED(400, "a header without a colon", GET "A b\r\n\r\n");
    CHECK_REFUSED(400, "a header's name is not a token", GET ": b\r\n\r\n");
    CHECK_REFUSED(400, "a header's name is not a token", GET "A B: c\r\n\r\n");
    CHECK_REFUSED(400, "a header's name is not a token", GET "A(B): c\r\n\r\n");
    CHECK_REFUSED(400, "a header's name is not a token", GET "\xc3\xa9: c\r\n\r\n");
    CHECK_ACCEPTED(GET "!#$%&'*+-.^_`|~09: c\r\n\r\n");
}

TEST(host_must_be_there_once_and_be_a_host)
{
    CHECK_REFUSED(400, "no Host", "GET / HTTP/1.1\r\n\r\n");
    CHECK_REFUSED(400, "more than one Host", GET HOST "\r\n");
    CHECK_REFUSED(400, "more than one Host", "GET / HTTP/1.0\r\n" HOST HOST "\r\n");
    CHECK_REFUSED(400, "Host is not a host and port", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
    CHECK_REFUSED(400, "Host is not a host and port", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
    CHECK_REFUSED(400, "Host is not a host and port", "GET / HTTP/1.1\r\nHost: u@b\r\n\r\n");
    CHECK_REFUSED(400, "Host is not a host and port", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n");
    CHECK_REFUSED(400, "Host is not a host and port", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n");
    CHECK_REFUSED(400, "Host is not a host and port", "GET / HTTP/1.1\r\nHost: [::1]8\r\n\r\n");
    CHECK_ACCEPTED("GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n");
    CHECK_ACCEPTED("GET / HTTP/1.1\r\nHost: a.b-c_d:\r\n\r\n");
    CHECK_ACCEPTED("GET / HTTP/1.1\r\nHost:\r\n\r\n");
    CHECK_ACCEPTED("GET / HTTP/1.0\r\n\r\n");
}

TEST(a_doubled_content_length_is_refused_even_if_equal)
{
    CHECK_REFUSED(400, "more than one Content-Length",
                  POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n");
    CHECK_REFUSED(400, "more than one Content-Length",
                  POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n");
    CHECK_REFUSED(400, "Content-Length is not a number", POST "Content-Length: 5,5\r\n\r\n");
    CHECK_REFUSED(400, "Content-Length is not a number", POST "Content-Length: 5, 5\r\n\r\n");
}

TEST(a_content_length_is_digits_only)
{
    static const char words[] = "Content-Length is not a number";

    CHECK_ACCEPTED(POST "Content-Length: 5\r\n\r\n");
    CHECK_ACCEPTED(POST "Content-Length: 18446744073709551615\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: 18446744073709551616\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: 99999999999999999999999\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: +5\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: -5\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: 0x5\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: 5 5\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: 5.0\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length:\r\n\r\n");
}

TEST(transfer_encoding_with_content_length_is_refused)
{
    static const char words[] = "both Transfer-Encoding and Content-Length";

    CHECK_REFUSED(400, words, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Content-Length: 5\r\nTransfer-Encoding: x\r\n\r\n");
}

TEST(transfer_encoding_is_chunked_and_only_once)
{
    CHECK_ACCEPTED(POST "Transfer-Encoding: chunked\r\n\r\n");
    CHECK_ACCEPTED(POST "transfer-encoding:Chunked\r\n\r\n");
    CHECK_REFUSED(400, "chunked more than once",
                  POST "Transfer-Encoding: chunked, chunked\r\n\r\n");
    CHECK_REFUSED(400, "more than one Transfer-Encoding",
                  POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK_REFUSED(400, "more than one Transfer-Encoding",
                  POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n");
}

TEST(another_transfer_coding_is_not_implemented)
{
    static const char words[] = "a transfer coding other than chunked";

    CHECK_REFUSED(501, words, POST "Transfer-Encoding: xchunked\r\n\r\n");
    CHECK_REFUSED(501, words, POST "Transfer-Encoding: identity\r\n\r\n");
    CHECK_REFUSED(501, words, POST "Transfer-Encoding: gzip, chunked\r\n\r\n");
    CHECK_REFUSED(501, words, POST "Transfer-Encoding: chunked, identity\r\n\r\n");
}

TEST(a_transfer_encoding_that_is_no_list_of_tokens_is_refused)
{
    static const char words[] = "Transfer-Encoding is not a list of tokens";

    CHECK_REFUSED(400, words, POST "Transfer-Encoding:\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Transfer-Encoding: chunked,\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Transfer-Encoding: ,chunked\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Transfer-Encoding: \"chunked\"\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Transfer-Encoding: chunked;a=b\r\n\r\n");
    CHECK_REFUSED(400, words, POST "Transfer-Encoding: x chunked\r\n\r\n");
}

TEST(transfer_encoding_in_1_0_is_refused)
{
    CHECK_REFUSED(400, "Transfer-Encoding in HTTP/1.0",
                  "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
}

/* A head of a target of so many bytes, headers, and bytes in one header more; heap memory. */
static struct bytes big_head(size_t target_size, unsigned headers, size_t value_size, char *to)
{
    size_t size = (size_t)sprintf(to, "GET /");

    memset(to + size, 'a', target_size - 1);
    size += target_size - 1;
    size += (size_t)sprintf(to + size, " HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 1; i < headers; i++)
        size += (size_t)sprintf(to + size, "H%u: v\r\n", i);
    if (value_size > 0) {
        size += (size_t)sprintf(to + size, "V:");
        memset(to + size, 'v', value_size);
        size += value_size;
        size += (size_t)sprintf(to + size, "\r\n");
    }
    size += (size_t)sprintf(to + size, "\r\n");
    return (struct bytes){to, size};
}

/* Big heads are cut every 997 bytes; every byte would be 300 MB of copies. */
static struct outcome feed_slowly(struct bytes wire)
{
    struct outcome whole, split;
    size_t seen = 0;

    show(wire, wire.size, &seen, &whole);
    seen = 0;
    for (size_t size = 0; !show(wire, size, &seen, &split) && size < wire.size;)
        size = size + 997 < wire.size ? size + 997 : wire.size;
    check_same(&whole, &split);
    return whole;
}

TEST(a_target_has_a_ceiling)
{
    char *room = malloc(100000);

    assert_non_null(room);
    CHECK(feed_slowly(big_head(HTTP_TARGET_SIZE_MAX, 1, 0, room)).result > 0);
    CHECK_EQ(feed_slowly(big_head(HTTP_TARGET_SIZE_MAX + 1, 1, 0, room)).result, -414);
    CHECK_EQ(feed_slowly(big_head(50000, 1, 0, room)).result, -414);
    free(room);
}

TEST(headers_are_counted)
{
    char *room = malloc(100000);

    assert_non_null(room);
    CHECK(feed_slowly(big_head(1, HTTP_HEADERS_MAX, 0, room)).result > 0);
    CHECK_EQ(feed_slowly(big_head(1, HTTP_HEADERS_MAX + 1, 0, room)).result, -431);
    free(room);
}

TEST(a_head_has_a_ceiling)
{
    char *room = malloc(100000);
    size_t rest;
    struct bytes wire;

    assert_non_null(room);
    rest = big_head(1, 1, 1, room).size - 1;
    wire = big_head(1, 1, HTTP_HEAD_SIZE_MAX - rest, room);
    CHECK_EQ(wire.size, HTTP_HEAD_SIZE_MAX);
    CHECK_EQ(feed_slowly(wire).result, wire.size);
    CHECK_EQ(feed_slowly(big_head(1, 1, HTTP_HEAD_SIZE_MAX - rest + 1, room)).result, -431);
    CHECK_EQ(feed_slowly(big_head(1, 1, 60000, room)).result, -431);
    free(room);
}
