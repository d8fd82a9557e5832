/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_fields.c: headers are found by name in any case, and the bearer token only if alone. */
#include "codec/http_request.h"

#include "unit.h"

#define GET "GET / HTTP/1.1\r\nHost: example.com\r\n"

static struct http_request parsed(const char *text)
{
    struct http_request request;
    size_t seen = 0;
    const char *why;

    CHECK_EQ(http_request_parse(bytes_of(text), &seen, &request, &why), strlen(text));
    return request;
}

TEST(the_first_header_of_a_name_is_found_in_any_case)
{
    struct http_request r = parsed(GET "A: 1\r\na: 2\r\nB:\r\n\r\n");

    CHECK_TEXT(http_request_header(&r, BYTES("a")), "1");
    CHECK_EQ(http_request_header_count(&r, BYTES("A")), 2);
    CHECK(bytes_present(http_request_header(&r, BYTES("b")))); /* empty is not absent */
    CHECK(!bytes_present(http_request_header(&r, BYTES("c"))));
    CHECK_EQ(http_request_header_count(&r, BYTES("c")), 0);
}

TEST(a_token_is_found_in_any_header_of_its_name)
{
    struct http_request r =
        parsed(GET "Connection: a ,, keep-alive\r\nconnection:\tUpgrade\r\n\r\n");

    CHECK(http_request_header_has_token(&r, BYTES("Connection"), BYTES("upgrade")));
    CHECK(http_request_header_has_token(&r, BYTES("CONNECTION"), BYTES("a")));
    CHECK(!http_request_header_has_token(&r, BYTES("connection"), BYTES("keep")));
    CHECK(!http_request_header_has_token(&r, BYTES("connection"), BYTES("close")));
    CHECK_EQ(http_request_header_count(&r, BYTES("Connection")), 2);
}

TEST(a_bearer_token_is_the_one_of_the_only_authorization)
{
    struct http_request r = parsed(GET "authorization: bEARER  abc.def\r\n\r\n");

    CHECK_TEXT(http_request_bearer(&r), "abc.def");
    r = parsed(GET "Authorization: Bearer a b\r\n\r\n"); /* bad, and still not "none" */
    CHECK_TEXT(http_request_bearer(&r), "a b");
    r = parsed(GET "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n\r\n");
    CHECK(!bytes_present(http_request_bearer(&r)));
    r = parsed(GET "Authorization: Basic abcdefgh\r\n\r\n");
    CHECK(!bytes_present(http_request_bearer(&r)));
    r = parsed(GET "Authorization: Bearer\r\n\r\n");
    CHECK(!bytes_present(http_request_bearer(&r)));
    r = parsed(GET "Authorization: Bearerabc\r\n\r\n");
    CHECK(!bytes_present(http_request_bearer(&r)));
    r = parsed(GET "\r\n");
    CHECK(!bytes_present(http_request_bearer(&r)));
}
