/* SPDX-License-Identifier: Apache-2.0 */
/* test_answer.c: an answer is the same in any pieces, and ends where it says. */
#include "load/answer.h"

#include "unit.h"

static struct answer answer;

static enum answer_result feed(const char *text, size_t size, size_t *ret_used)
{
    return answer_feed(&answer, (struct bytes){text, size}, ret_used);
}

static enum answer_result whole(const char *text)
{
    size_t used;

    answer_reset(&answer);
    return feed(text, strlen(text), &used);
}

TEST(an_answer_is_the_same_in_any_two_pieces)
{
    static const char *const texts[] = {
        "HTTP/1.1 202 Accepted\r\nDate: x\r\nContent-Length: 5\r\n\r\nhelloHTTP",
        "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
        "HTTP",
    };
    size_t used;

    answer_init(&answer);
    for (unsigned i = 0; i < 2; i++) {
        const size_t size = strlen(texts[i]) - 4;

        for (size_t cut = 0; cut <= size; cut++) {
            answer_reset(&answer);
            if (cut < size) {
                CHECK_EQ(feed(texts[i], cut, &used), ANSWER_NEED_MORE);
                CHECK_EQ(used, cut);
            }
            if (cut < size)
                CHECK_EQ(feed(texts[i] + cut, size + 4 - cut, &used), ANSWER_WHOLE);
            else
                CHECK_EQ(feed(texts[i], size, &used), ANSWER_WHOLE);
            CHECK_EQ(used, cut < size ? size - cut : size);
            CHECK_EQ(answer.status, 202);
            CHECK(!answer.last);
            CHECK_TEXT(strbuf_bytes(&answer.body), "hello");
        }
    }
    answer_done(&answer);
}

TEST(an_empty_body_and_a_last_answer_are_told)
{
    answer_init(&answer);
    CHECK_EQ(whole("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
             ANSWER_WHOLE);
    CHECK_EQ(answer.status, 503);
    CHECK(answer.last);
    CHECK_EQ(whole("HTTP/1.1 204 No Content\r\n\r\n"), ANSWER_WHOLE);
    answer_done(&answer);
}

TEST(what_is_no_answer_of_ours_is_refused)
{
    static char large[ANSWER_HEAD_SIZE_MAX + 2];

    memset(large, 'a', sizeof large - 1);
    answer_init(&answer);
    CHECK_EQ(whole("SSH-2.0-OpenSSH_9.2\r\n\r\n"), ANSWER_BAD);
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\n\r\nuntil the end"), ANSWER_BAD);
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n"), ANSWER_BAD);
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), ANSWER_BAD);
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
             ANSWER_BAD);
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), ANSWER_BAD);
    CHECK_EQ(whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), ANSWER_BAD);
    CHECK_EQ(whole("HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n"), ANSWER_BAD);
    CHECK_EQ(whole(large), ANSWER_BAD);
    answer_done(&answer);
}
