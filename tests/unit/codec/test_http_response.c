/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_response.c: an answer's head has the lines it needs, once, in one order. */
#include "codec/http_response.h"

#include "unit.h"

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
static const int64_t at = 784111777999; /* the example of RFC 9110 section 5.6.7 */

#define CHECK_HEAD(status, type, length, keep_alive, headers, literal)            \
    do {                                                                          \
        struct strbuf out_;                                                       \
        strbuf_init(&out_, 4096);                                                 \
        http_response_head(&out_, status, at, type, length, keep_alive, headers); \
        CHECK_EQ(out_.error, 0);                                                  \
        CHECK_TEXT(strbuf_bytes(&out_), literal);                                 \
        strbuf_done(&out_);                                                       \
    } while (0)

TEST(a_head_has_date_type_length_and_no_store)
{
    CHECK_HEAD(200, "application/json", 17, true, ((struct bytes){0}),
               "HTTP/1.1 200 OK\r\n" DATE "Content-Type: application/json\r\n"
               "Content-Length: 17\r\nCache-Control: no-store\r\n\r\n");
}

TEST(a_closing_answer_says_so)
{
    CHECK_HEAD(400, NULL, 0, false, ((struct bytes){0}),
               "HTTP/1.1 400 Bad Request\r\n" DATE "Content-Length: 0\r\n"
               "Connection: close\r\nCache-Control: no-store\r\n\r\n");
}

TEST(a_cache_control_of_the_caller_replaces_ours)
{
    CHECK_HEAD(200, NULL, 1, true, BYTES("ETag: \"a\"\r\ncache-control: max-age=5\r\n"),
               "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 1\r\n"
               "ETag: \"a\"\r\ncache-control: max-age=5\r\n\r\n");
    CHECK_HEAD(200, NULL, 1, true, BYTES("X-Cache-Control: a\r\n"),
               "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 1\r\nCache-Control: no-store\r\n"
               "X-Cache-Control: a\r\n\r\n");
}

TEST(an_answer_without_body_has_no_length)
{
    CHECK_HEAD(204, NULL, 0, true, ((struct bytes){0}),
               "HTTP/1.1 204 No Content\r\n" DATE "Cache-Control: no-store\r\n\r\n");
    CHECK_HEAD(304, NULL, 0, true, BYTES("Cache-Control: no-cache\r\n"),
               "HTTP/1.1 304 Not Modified\r\n" DATE "Cache-Control: no-cache\r\n\r\n");
}

TEST(a_stream_has_no_length_and_closes)
{
    CHECK_HEAD(200, "text/event-stream", HTTP_LENGTH_UNKNOWN, false, ((struct bytes){0}),
               "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/event-stream\r\n"
               "Connection: close\r\nCache-Control: no-store\r\n\r\n");
}

TEST(a_date_stays_within_four_digit_years)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    http_response_head(&out, 204, INT64_MAX, NULL, 0, true, (struct bytes){0});
    assert_non_null(memmem(out.data, out.size, "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n", 37));
    strbuf_reset(&out);
    http_response_head(&out, 204, INT64_MIN, NULL, 0, true, (struct bytes){0});
    assert_non_null(memmem(out.data, out.size, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 37));
    strbuf_done(&out);
}

TEST(a_full_buffer_fails_once_and_quietly)
{
    struct strbuf out;

    strbuf_init(&out, 40);
    http_response_head(&out, 200, at, NULL, 0, true, (struct bytes){0});
    CHECK(out.error < 0);
    strbuf_done(&out);
}

TEST(every_status_we_refuse_with_has_its_text)
{
    static const int statuses[] = {400, 401, 403, 404, 405, 408, 409, 411, 413, 414,
                                   415, 417, 426, 429, 431, 500, 501, 503, 505};

    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++)
        CHECK(strcmp(http_status_text(statuses[i]), "Other") != 0);
    assert_string_equal(http_status_text(599), "Other");
}
