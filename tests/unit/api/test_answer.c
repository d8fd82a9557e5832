/* SPDX-License-Identifier: Apache-2.0 */
/* test_answer.c: the answers of the API have the shapes of the protocol. */
#include "api/answer.h"

#include <stdio.h>

#include "unit.h"

TEST(what_was_accepted_is_told_with_its_position)
{
    struct event one = {.id = BYTES("a")}, two = {.id = BYTES("b\"")};
    struct event *events[] = {&one, &two};
    struct publish_answer answers[] = {
        {PUBLISH_TAKEN, {.n = 1}},
        {PUBLISH_DUPLICATE, {.n = 1}},
    };
    struct publication *publication = calloc(1, sizeof *publication);
    struct strbuf out;

    CHECK(publication);
    publication->events = events;
    publication->answers = answers;
    publication->count = 2;
    strbuf_init(&out, 4096);
    answer_accepted(&out, publication, 0);
    CHECK_TEXT(strbuf_bytes(&out),
               "{\"accepted\":2,\"degraded\":false,\"events\":["
               "{\"id\":\"a\",\"position\":\"AAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAA\"},"
               "{\"id\":\"b\\\"\",\"position\":\"AAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAA\","
               "\"duplicate\":true}]}");
    strbuf_reset(&out);
    publication->count = 0;
    answer_accepted(&out, publication, 3);
    CHECK_TEXT(strbuf_bytes(&out),
               "{\"accepted\":0,\"degraded\":false,\"redacted\":3,\"events\":[]}");
    strbuf_done(&out);
    free(publication);
}

TEST(what_was_delivered_alone_is_told_without_a_position)
{
    struct event one = {.id = BYTES("a")}, two = {.id = BYTES("b")};
    struct event *events[] = {&one, &two};
    struct publish_answer answers[] = {{PUBLISH_TAKEN, {0}}, {PUBLISH_DUPLICATE, {0}}};
    struct publication *publication = calloc(1, sizeof *publication);
    struct strbuf out;

    CHECK(publication);
    publication->events = events;
    publication->answers = answers;
    publication->count = 2;
    publication->degraded = true;
    strbuf_init(&out, 4096);
    answer_accepted(&out, publication, 0);
    CHECK_TEXT(strbuf_bytes(&out), "{\"accepted\":2,\"degraded\":true,\"events\":["
                                   "{\"id\":\"a\"},{\"id\":\"b\",\"duplicate\":true}]}");
    strbuf_done(&out);
    free(publication);
}

TEST(a_refused_event_is_told_with_index_member_and_reason)
{
    struct ingest_problem problem = {.index = 4, .event = {.code = ERROR_INVALID_MEMBER}};
    struct answer_problem answer;

    snprintf(problem.event.member, sizeof problem.event.member, "event_type");
    snprintf(problem.event.reason, sizeof problem.event.reason, "is not known");
    answer_of_ingest(&problem, &answer);
    CHECK_EQ(answer.code, ERROR_INVALID_MEMBER);
    CHECK_TEXT(answer.message, "event_type: is not known");
    CHECK_EQ(answer.details.index, 4);
    CHECK_TEXT(answer.details.member, "event_type");
    CHECK_TEXT(answer.details.reason, "is not known");
}

TEST(a_refused_body_without_reason_is_told_by_its_code)
{
    struct ingest_problem problem = {.index = -1, .event = {.code = ERROR_TOO_MANY_EVENTS}};
    struct answer_problem answer;

    answer_of_ingest(&problem, &answer);
    CHECK(answer.message.size > 0);
    CHECK_EQ(answer.details.index, -1);
    CHECK(!bytes_present(answer.details.member));
    CHECK(!bytes_present(answer.details.reason));
}

TEST(a_media_type_is_compared_without_case_and_parameters)
{
    struct bytes json = BYTES("application/json");

    CHECK(answer_media_type_is(BYTES("application/json"), json));
    CHECK(answer_media_type_is(BYTES("Application/JSON ; charset=utf-8"), json));
    CHECK(!answer_media_type_is(BYTES("application/jsonx"), json));
    CHECK(!answer_media_type_is(BYTES("application/x-ndjson"), json));
    CHECK(!answer_media_type_is(BYTES("text/plain; application/json"), json));
    CHECK(!answer_media_type_is(BYTES(""), json));
    CHECK(!answer_media_type_is((struct bytes){0}, json));
}
