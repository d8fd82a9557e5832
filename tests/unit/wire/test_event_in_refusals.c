/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_in_refusals.c: every refusal names its member and says why. */
#include "publish.h"

static void check_refused(struct bytes text, int error, enum error_code code, const char *member,
                          const char *reason)
{
    struct publish p;

    publish_init(&p);
    CHECK_EQ(publish_text(&p, text), error);
    CHECK(!p.event);
    CHECK_EQ(p.redacted, 99);
    CHECK_EQ(p.problem.code, code);
    assert_string_equal(p.problem.member, member);
    if (!strstr(p.problem.reason, reason))
        assert_string_equal(p.problem.reason, reason);
}

TEST(what_is_no_event_is_refused_by_member_and_reason)
{
    static const struct {
        const char *json;
        enum error_code code;
        const char *member, *reason;
    } rows[] = {
#define WITH(member) "{\"event_type\":\"user_created\"," member "}"
        {"[]", ERROR_INVALID_MEMBER, "", "must be an object"},
        {"null", ERROR_INVALID_MEMBER, "", "must be an object"},
        {"\"user_created\"", ERROR_INVALID_MEMBER, "", "must be an object"},
        {"{}", ERROR_MISSING_MEMBER, "event_type", "is required"},
        {"{\"id\":\"1\"}", ERROR_MISSING_MEMBER, "event_type", "is required"},
        {"{\"event_type\":5}", ERROR_INVALID_MEMBER, "event_type", "must be a string"},
        {"{\"event_type\":null}", ERROR_INVALID_MEMBER, "event_type", "must be a string"},
        {"{\"event_type\":\"\"}", ERROR_INVALID_MEMBER, "event_type", "is not an event type"},
        {"{\"event_type\":\"login\"}", ERROR_INVALID_MEMBER, "event_type", "is not an event type"},
        {"{\"event_type\":\"USER_CREATED\"}", ERROR_INVALID_MEMBER, "event_type",
         "did you mean user_created?"},
        {"{\"event_type\":\"$revocation\"}", ERROR_INVALID_MEMBER, "event_type", "is not"},
        {WITH("\"type\":\"event\""), ERROR_UNKNOWN_MEMBER, "type", "set by the server"},
        {WITH("\"position\":\"x\""), ERROR_UNKNOWN_MEMBER, "position", "set by the server"},
        {WITH("\"timestamp\":\"x\""), ERROR_UNKNOWN_MEMBER, "timestamp", "set by the server"},
        {WITH("\"userid\":\"x\""), ERROR_UNKNOWN_MEMBER, "userid", "did you mean user_id?"},
        {WITH("\"User_ID\":\"x\""), ERROR_UNKNOWN_MEMBER, "User_ID", "did you mean user_id?"},
        {WITH("\"colour\":\"x\""), ERROR_UNKNOWN_MEMBER, "colour", "belong into data"},
        {WITH("\"\":1"), ERROR_UNKNOWN_MEMBER, "", "is not known"},
        {WITH("\"id\":7"), ERROR_INVALID_MEMBER, "id", "must be a string"},
        {WITH("\"id\":\"\""), ERROR_INVALID_MEMBER, "id", "must not be empty"},
        {WITH("\"id\":\"a b\""), ERROR_INVALID_MEMBER, "id", "may only hold"},
        {WITH("\"id\":\"a/b\""), ERROR_INVALID_MEMBER, "id", "may only hold"},
        {WITH("\"id\":\"\xc3\xa9\""), ERROR_INVALID_MEMBER, "id", "may only hold"},
        {WITH("\"id\":\"a\\n\""), ERROR_INVALID_MEMBER, "id", "control characters"},
        {WITH("\"user_id\":\"\""), ERROR_INVALID_MEMBER, "user_id", "must not be empty"},
        {WITH("\"target_user_id\":\"\""), ERROR_INVALID_MEMBER, "target_user_id", "empty"},
        {WITH("\"role_name\":\"\""), ERROR_INVALID_MEMBER, "role_name", "empty"},
        {WITH("\"permission\":\"\""), ERROR_INVALID_MEMBER, "permission", "empty"},
        {WITH("\"user_id\":\"a\\u001fb\""), ERROR_INVALID_MEMBER, "user_id", "control"},
        {WITH("\"user_id\":\"a\\u007f\""), ERROR_INVALID_MEMBER, "user_id", "control"},
        {WITH("\"user_name\":\"a\\nb\""), ERROR_INVALID_MEMBER, "user_name", "control"},
        {WITH("\"tenant_id\":\"a\\u001fb\""), ERROR_INVALID_MEMBER, "tenant_id", "control"},
        {WITH("\"message\":\"a\\rb\""), ERROR_INVALID_MEMBER, "message", "other than newline"},
        {WITH("\"message\":\"\\u001b[2J\""), ERROR_INVALID_MEMBER, "message", "other than"},
        {WITH("\"security_level\":\"\""), ERROR_INVALID_MEMBER, "security_level", "must be LOW"},
        {WITH("\"security_level\":\"SEVERE\""), ERROR_INVALID_MEMBER, "security_level", "must be"},
        {WITH("\"security_level\":3"), ERROR_INVALID_MEMBER, "security_level", "a string"},
        {WITH("\"data\":[]"), ERROR_INVALID_MEMBER, "data", "must be an object"},
        {WITH("\"data\":null"), ERROR_INVALID_MEMBER, "data", "must be an object"},
        {WITH("\"data\":\"{}\""), ERROR_INVALID_MEMBER, "data", "must be an object"},
#undef WITH
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_refused(bytes_of(rows[i].json), MCP_AUTH_E_INVALID, rows[i].code, rows[i].member,
                      rows[i].reason);
}

TEST(every_text_member_must_be_a_string)
{
    static const char *const values[] = {"null", "1", "true", "[\"a\"]", "{}"};

    for (int m = 0; m < EVENT_MEMBERS; m++)
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            struct bytes name = event_member_text((enum event_member)m);
            struct strbuf text;

            strbuf_init(&text, 4096);
            strbuf_printf(&text, "{\"event_type\":\"user_created\",\"%s\":%s}", name.data,
                          values[v]);
            check_refused(strbuf_bytes(&text), MCP_AUTH_E_INVALID, ERROR_INVALID_MEMBER, name.data,
                          "must be a string");
            strbuf_done(&text);
        }
}

/* {"event_type":"user_created","<name>":"xxx..."} */
static void put_sized(struct strbuf *text, const char *name, size_t size)
{
    strbuf_init(text, 1 << 20);
    strbuf_printf(text, "{\"event_type\":\"user_created\",\"%s\":\"", name);
    for (size_t i = 0; i < size; i++)
        strbuf_putc(text, 'x');
    strbuf_puts(text, "\"}");
}

TEST(every_text_member_has_a_ceiling)
{
    for (int m = 0; m < EVENT_MEMBERS; m++) {
        const char *name = event_member_text((enum event_member)m).data;
        size_t size_max = event_member_size_max((enum event_member)m);
        struct strbuf text;
        struct publish p;

        put_sized(&text, name, size_max + 1);
        check_refused(strbuf_bytes(&text), MCP_AUTH_E_INVALID, ERROR_INVALID_MEMBER, name,
                      "is longer than");
        strbuf_done(&text);
        if (m == MEMBER_SECURITY_LEVEL) /* no level is that long */
            continue;
        publish_init(&p);
        p.context.any_tenant = true;
        put_sized(&text, name, size_max);
        CHECK_EQ(publish_text(&p, strbuf_bytes(&text)), 0);
        CHECK_EQ(p.event->members[m].size, size_max);
        strbuf_done(&text);
        event_unref(p.event);
    }
}

TEST(an_id_has_a_ceiling)
{
    struct strbuf text;
    struct publish p;

    publish_init(&p);
    put_sized(&text, "id", EVENT_ID_SIZE_MAX);
    CHECK_EQ(publish_text(&p, strbuf_bytes(&text)), 0);
    event_unref(p.event);
    strbuf_done(&text);
    put_sized(&text, "id", EVENT_ID_SIZE_MAX + 1);
    check_refused(strbuf_bytes(&text), MCP_AUTH_E_INVALID, ERROR_INVALID_MEMBER, "id",
                  "longer than 64");
    strbuf_done(&text);
}

static void put_data_sized(struct strbuf *text, size_t size)
{
    strbuf_init(text, 1 << 20);
    strbuf_puts(text, "{\"event_type\":\"user_created\",\"id\":\"1\",\"data\":{\"a\":\"");
    for (size_t i = 0; i < size; i++)
        strbuf_putc(text, 'x');
    strbuf_puts(text, "\"}}");
}

TEST(an_event_has_a_ceiling_as_data_and_as_a_frame)
{
    struct strbuf text;
    struct publish p;
    size_t around;

    put_data_sized(&text, EVENT_SIZE_MAX);
    check_refused(strbuf_bytes(&text), MCP_AUTH_E_TOO_BIG, ERROR_TOO_LARGE, "data", "larger than");
    strbuf_done(&text);

    publish_init(&p);
    put_data_sized(&text, 0);
    CHECK_EQ(publish_text(&p, strbuf_bytes(&text)), 0);
    around = p.event->json.size;
    strbuf_done(&text);
    put_data_sized(&text, EVENT_SIZE_MAX - around);
    CHECK_EQ(publish_text(&p, strbuf_bytes(&text)), 0);
    CHECK_EQ(p.event->json.size, EVENT_SIZE_MAX);
    strbuf_done(&text);
    event_unref(p.event);
    put_data_sized(&text, EVENT_SIZE_MAX - around + 1);
    check_refused(strbuf_bytes(&text), MCP_AUTH_E_TOO_BIG, ERROR_TOO_LARGE, "", "larger than");
    strbuf_done(&text);
}

TEST(a_long_unknown_member_is_named_clipped)
{
    struct strbuf text;
    struct publish p;

    publish_init(&p);
    strbuf_init(&text, 1 << 20);
    strbuf_puts(&text, "{\"event_type\":\"user_created\",\"");
    for (int i = 0; i < 10000; i++)
        strbuf_puts(&text, "\xe2\x82\xac");
    strbuf_puts(&text, "\":1}");
    CHECK_EQ(publish_text(&p, strbuf_bytes(&text)), MCP_AUTH_E_INVALID);
    CHECK_EQ(strlen(p.problem.member), 63); /* 21 whole characters */
    strbuf_done(&text);
}
