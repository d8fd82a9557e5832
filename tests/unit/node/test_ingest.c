/* SPDX-License-Identifier: Apache-2.0 */
/* test_ingest.c: a body to a batch, all or nothing, and a problem that names index, member, reason. */
#include "mcp_auth/error.h"
#include "node/node_private.h"
#include "unit.h"

static struct node node = {.policy = &policy_default}; /* and redaction: all it needs */
static struct publication *batch;
static struct ingest_problem problem;
static unsigned redacted;

static int ingest_as(struct bytes body, enum ingest_form form, bool any_tenant, const char *tenant)
{
    struct event_context context = {
        .any_tenant = any_tenant,
        .tenant = bytes_of(tenant),
        .publisher = BYTES("root"),
        .wall_ms = INT64_C(1700000000000),
    };

    batch = NULL;
    redacted = 99;
    memset(&problem, 'x', sizeof problem);
    return node_ingest(&node, body, form, &context, BYTES("t\x1froot"), &batch, &redacted,
                       &problem);
}

static int ingest(const char *body)
{
    return ingest_as(bytes_of(body), INGEST_JSON, false, "t");
}

static int ingest_lines(const char *body)
{
    return ingest_as(bytes_of(body), INGEST_NDJSON, false, "t");
}

static void check_problem(int r, int want_r, int index, enum error_code code, const char *member)
{
    CHECK_EQ(r, want_r);
    CHECK(batch == NULL);
    CHECK_EQ(problem.index, index);
    CHECK_EQ(problem.event.code, code);
    CHECK(strcmp(problem.event.member, member) == 0);
    CHECK(problem.event.reason[0] != '\0' && memchr(problem.event.reason, '\0', 160));
}

TEST(one_object_is_a_batch_of_one)
{
    CHECK_EQ(ingest("{\"event_type\":\"user_created\",\"user_id\":\"ann\"}"), 0);
    CHECK_EQ(batch->count, 1);
    CHECK_EQ(redacted, 0);
    CHECK_TEXT(batch->publisher_key, "t\x1froot");
    CHECK_TEXT(batch->events[0]->tenant, "t");
    CHECK_TEXT(batch->events[0]->publisher, "root");
    CHECK_EQ(batch->events[0]->id.size, UUID_SIZE);
    CHECK(!batch->events[0]->id_given);
    publication_free(batch);
}

TEST(an_array_and_lines_give_the_same_batch)
{
    static const char array[] = "[{\"event_type\":\"user_created\",\"id\":\"a\"},"
                                "{\"event_type\":\"role_revoked\",\"id\":\"b\"}]";
    static const char *const lines[] = {
        "{\"event_type\":\"user_created\",\"id\":\"a\"}\n{\"event_type\":\"role_revoked\",\"id\":\"b\"}",
        "{\"event_type\":\"user_created\",\"id\":\"a\"}\r\n\n \t\r\n"
        "{\"event_type\":\"role_revoked\",\"id\":\"b\"}\n\n",
    };

    CHECK_EQ(ingest(array), 0);
    CHECK_EQ(batch->count, 2);
    CHECK_TEXT(batch->events[1]->id, "b");
    publication_free(batch);
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        CHECK_EQ(ingest_lines(lines[i]), 0);
        CHECK_EQ(batch->count, 2);
        CHECK_TEXT(batch->events[0]->id, "a");
        CHECK_TEXT(batch->events[1]->id, "b");
        CHECK_EQ(batch->events[1]->type, EVENT_ROLE_REVOKED);
        publication_free(batch);
    }
}

TEST(a_body_that_is_no_json_or_no_event_is_refused)
{
    check_problem(ingest("{\"event_type\""), MCP_AUTH_E_INVALID, -1, ERROR_BAD_JSON, "");
    check_problem(ingest(""), MCP_AUTH_E_INVALID, -1, ERROR_BAD_JSON, "");
    check_problem(ingest("[]"), MCP_AUTH_E_INVALID, -1, ERROR_BAD_REQUEST, "");
    check_problem(ingest_lines(""), MCP_AUTH_E_INVALID, -1, ERROR_BAD_REQUEST, "");
    check_problem(ingest_lines(" \n\r\n"), MCP_AUTH_E_INVALID, -1, ERROR_BAD_REQUEST, "");
    check_problem(ingest_as(BYTES("{\"event_type\":\"user_created\"}\n\0\n"), INGEST_NDJSON, false,
                            "t"),
                  MCP_AUTH_E_INVALID, 1, ERROR_BAD_JSON, "");
    CHECK_EQ(ingest("7"), MCP_AUTH_E_INVALID);
    CHECK_EQ(problem.index, 0);
    CHECK_EQ(ingest("[{\"event_type\":\"user_created\"},[]]"), MCP_AUTH_E_INVALID);
    CHECK_EQ(problem.index, 1);
}

TEST(a_bad_event_refuses_the_batch_with_index_member_and_reason)
{
    check_problem(ingest("[{\"event_type\":\"user_created\"},{\"event_type\":\"user_created\"},"
                         "{\"event_type\":\"user_created\",\"colour\":\"red\"}]"),
                  MCP_AUTH_E_INVALID, 2, ERROR_UNKNOWN_MEMBER, "colour");
    check_problem(ingest("{\"user_id\":\"ann\"}"), MCP_AUTH_E_INVALID, 0, ERROR_MISSING_MEMBER,
                  "event_type");
    check_problem(ingest("{\"event_type\":\"user_created\",\"user_id\":7}"), MCP_AUTH_E_INVALID, 0,
                  ERROR_INVALID_MEMBER, "user_id");
    check_problem(ingest_lines("{\"event_type\":\"user_created\"}\n\n{\"event_type\":1}\n"),
                  MCP_AUTH_E_INVALID, 1, ERROR_INVALID_MEMBER, "event_type");
    check_problem(ingest_lines("{\"event_type\":\"user_created\"}\n{\"event"), MCP_AUTH_E_INVALID,
                  1, ERROR_BAD_JSON, "");
}

TEST(another_tenant_is_refused_unless_any_may_be_named)
{
    static const char body[] = "{\"event_type\":\"user_created\",\"tenant_id\":\"other\"}";

    check_problem(ingest(body), MCP_AUTH_E_REFUSED, 0, ERROR_WRONG_TENANT, "tenant_id");
    CHECK_EQ(ingest_as(bytes_of(body), INGEST_JSON, true, ""), 0);
    CHECK_TEXT(batch->events[0]->tenant, "other");
    publication_free(batch);
}

static char *repeated(const char *first, const char *item, unsigned count, const char *last)
{
    struct strbuf sb;

    strbuf_init(&sb, SIZE_MAX / 2);
    strbuf_puts(&sb, first);
    for (unsigned i = 0; i < count; i++)
        strbuf_puts(&sb, i + 1 < count || !*last ? item : "{\"event_type\":\"user_created\"}");
    strbuf_puts(&sb, last);
    return strbuf_steal(&sb, NULL);
}

TEST(a_batch_has_at_most_1000_events)
{
    char *body;

    body = repeated("[", "{\"event_type\":\"user_created\"},", 1000, "]");
    CHECK_EQ(ingest(body), 0);
    CHECK_EQ(batch->count, 1000);
    publication_free(batch);
    free(body);
    body = repeated("[", "{\"event_type\":\"user_created\"},", 1001, "]");
    check_problem(ingest(body), MCP_AUTH_E_TOO_BIG, -1, ERROR_TOO_MANY_EVENTS, "");
    free(body);
    body = repeated("", "{\"event_type\":\"user_created\"}\n", 1001, "");
    check_problem(ingest_lines(body), MCP_AUTH_E_TOO_BIG, -1, ERROR_TOO_MANY_EVENTS, "");
    free(body);
}

TEST(an_event_has_at_most_64_kib)
{
    char *padding = malloc(EVENT_SIZE_MAX + 1);
    struct strbuf body;

    CHECK(padding);
    memset(padding, 'p', EVENT_SIZE_MAX);
    padding[EVENT_SIZE_MAX] = '\0';
    strbuf_init(&body, SIZE_MAX / 2);
    strbuf_printf(&body, "{\"event_type\":\"user_created\",\"data\":{\"p\":\"%s\"}}", padding);
    CHECK_EQ(ingest_as(strbuf_bytes(&body), INGEST_NDJSON, false, "t"), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(problem.event.code, ERROR_TOO_LARGE);
    CHECK_EQ(problem.index, 0);
    CHECK_EQ(ingest_as(strbuf_bytes(&body), INGEST_JSON, false, "t"), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(problem.event.code, ERROR_TOO_LARGE);
    CHECK(batch == NULL);
    strbuf_done(&body);
    free(padding);
}

TEST(an_id_may_come_twice_in_a_batch_with_the_same_body_only)
{
    CHECK_EQ(ingest("[{\"event_type\":\"user_created\",\"id\":\"a\"},"
                    "{\"event_type\":\"user_created\",\"id\":\"a\"}]"),
             0);
    publication_free(batch);
    check_problem(ingest("[{\"event_type\":\"user_created\",\"id\":\"a\"},"
                         "{\"event_type\":\"user_created\",\"id\":\"b\"},"
                         "{\"event_type\":\"user_created\",\"id\":\"a\",\"user_id\":\"x\"}]"),
                  MCP_AUTH_E_CONFLICT, 2, ERROR_CONFLICT, "");
}

TEST(redacted_members_are_counted_over_the_batch)
{
    CHECK_EQ(ingest(
                 "[{\"event_type\":\"user_created\",\"data\":{\"password\":1,\"a\":{\"Token\":2}}},"
                 "{\"event_type\":\"user_created\",\"data\":{\"api-key\":[]}}]"),
             0);
    CHECK_EQ(redacted, 3);
    CHECK_TEXT(batch->events[0]->data, "{\"a\":{}}");
    publication_free(batch);
}

static const struct event_context as_t = {.tenant = {"t", 1},
                                          .publisher = {"root", 4},
                                          .wall_ms = INT64_C(1700000000000)};

/* The body comes in two pieces, and ends a while later. */
static int ingest_pieces(struct bytes body, size_t cut)
{
    struct ingest *taking;
    struct strbuf arrived;
    int r;

    batch = NULL;
    memset(&problem, 'x', sizeof problem);
    CHECK_EQ(ingest_new(&taking, &node, INGEST_NDJSON, &as_t, BYTES("t\x1froot")), 0);
    strbuf_init(&arrived, SIZE_MAX / 2);
    strbuf_put(&arrived, body.data, cut);
    ingest_arrives(taking, &arrived);
    CHECK(!arrived.size || !memchr(arrived.data, '\n', arrived.size)); /* whole lines are gone */
    strbuf_put(&arrived, body.data + cut, body.size - cut);
    r = ingest_end(taking, strbuf_bytes(&arrived), as_t.wall_ms + 1000, &batch, &redacted,
                   &problem);
    ingest_free(taking);
    strbuf_done(&arrived);
    return r;
}

TEST(lines_may_arrive_in_any_two_pieces)
{
    static const char time[] = "\",\"timestamp\":\"2023-11-14T22:13:21.000Z\",\"message\":";
    const struct bytes body = BYTES("{\"event_type\":\"user_created\",\"id\":\"a\"}\r\n\n"
                                    "{\"event_type\":\"role_revoked\",\"user_id\":\"u\","
                                    "\"role_name\":\"r\"}\n");

    for (size_t cut = 0; cut <= body.size; cut++) {
        CHECK_EQ(ingest_pieces(body, cut), 0);
        CHECK_EQ(batch->count, 2);
        CHECK_TEXT(batch->events[0]->id, "a");
        CHECK(batch->events[1]->has_fence);
        for (unsigned i = 0; i < 2; i++) { /* of the moment when all of it was here */
            const struct event *event = batch->events[i];

            CHECK_EQ(event->time_ms, as_t.wall_ms + 1000);
            CHECK(memmem(event->json.data, event->json.size, time, strlen(time)));
        }
        CHECK_EQ(batch->events[1]->fence.not_before_ms, as_t.wall_ms + 1000);
        publication_free(batch);
    }
}

TEST(what_is_wrong_with_a_line_is_said_when_all_have_arrived)
{
    const struct bytes body = BYTES("{\"event_type\":\"user_created\"}\n{\"event_type\":1}\n"
                                    "{\"event_type\":2}\n{");

    for (size_t cut = 0; cut <= body.size; cut++)
        check_problem(ingest_pieces(body, cut), MCP_AUTH_E_INVALID, 1, ERROR_INVALID_MEMBER,
                      "event_type");
}

/* Numbers such as 1e14 grow when they are written again, and copies are made of each. */
TEST(what_is_taken_ahead_of_the_end_is_bounded)
{
    struct ingest *taking;
    struct strbuf line, arrived;
    unsigned lines = 0;
    size_t left = 0;

    strbuf_init(&line, SIZE_MAX / 2);
    strbuf_init(&arrived, SIZE_MAX / 2);
    strbuf_puts(&line, "{\"event_type\":\"user_created\",\"data\":{\"n\":[1e14");
    for (int i = 0; i < 2000; i++)
        strbuf_puts(&line, ",1e14");
    strbuf_puts(&line, "]}}\n");
    CHECK_EQ(ingest_new(&taking, &node, INGEST_NDJSON, &as_t, BYTES("")), 0);
    for (; left == 0; lines++) {
        CHECK(lines < 1000);
        strbuf_put_bytes(&arrived, strbuf_bytes(&line));
        ingest_arrives(taking, &arrived);
        left = arrived.size;
    }
    /* 18 bytes a number, in the text and in its data. */
    CHECK(lines * 73000u >= BATCH_SIZE_MAX && lines * 72000u < BATCH_SIZE_MAX + 150000u);
    CHECK_EQ(ingest_end(taking, strbuf_bytes(&arrived), as_t.wall_ms, &batch, &redacted, &problem),
             0);
    CHECK_EQ(batch->count, lines);
    publication_free(batch);
    ingest_free(taking);
    strbuf_done(&line);
    strbuf_done(&arrived);
}

TEST(a_line_that_does_not_end_is_not_kept)
{
    struct ingest *taking;
    struct strbuf arrived;

    CHECK_EQ(ingest_new(&taking, &node, INGEST_NDJSON, &as_t, BYTES("")), 0);
    strbuf_init(&arrived, SIZE_MAX / 2);
    for (unsigned i = 0; i <= EVENT_SIZE_MAX; i++)
        strbuf_putc(&arrived, 'x');
    ingest_arrives(taking, &arrived);
    CHECK_EQ(arrived.size, 0);
    CHECK_EQ(ingest_end(taking, BYTES(""), 0, &batch, &redacted, &problem), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(problem.index, 0);
    CHECK_EQ(problem.event.code, ERROR_TOO_LARGE);
    ingest_free(taking);
    strbuf_done(&arrived);
}
