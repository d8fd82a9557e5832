/* SPDX-License-Identifier: Apache-2.0 */
/* test_command.c: what a client may say is understood, and everything else is refused by name. */
#include "wire/command.h"

#include "mcp_auth/error.h"
#include "unit.h"

static struct command read_ok(const char *text)
{
    struct command command;
    struct command_problem problem;

    CHECK_EQ(command_read(bytes_of(text), &command, &problem), 0);
    CHECK_EQ(problem.reason[0], '\0');
    return command;
}

TEST(auth_gives_token_position_and_filter)
{
    struct command command = read_ok(
        "{\"type\":\"auth\",\"token\":\"T\",\"position\":\"P\","
        "\"subscribe\":{\"event_types\":[\"role_revoked\"],\"min_security_level\":\"high\"}}");

    CHECK_EQ(command.type, COMMAND_AUTH);
    CHECK_TEXT(command.token, "T");
    CHECK_TEXT(command.position, "P");
    CHECK(command.has_subscribe);
    CHECK_EQ(command.filter->types, BIT(EVENT_ROLE_REVOKED));
    CHECK_EQ(command.filter->level_min, 2);
    CHECK(!command.filter->has_resources);
    command_done(&command);
    CHECK(!command.json && !command.filter);
}

TEST(auth_may_lack_all_but_its_type)
{
    struct command command = read_ok("{\"type\":\"auth\"}");

    CHECK(!bytes_present(command.token) && !bytes_present(command.position));
    CHECK(!command.has_subscribe && !command.filter);
    command_done(&command);
    command = read_ok("{\"token\":\"\",\"type\":\"auth\",\"subscribe\":{}}");
    CHECK(bytes_present(command.token) && command.token.size == 0);
    CHECK(command.has_subscribe && !command.filter);
    command_done(&command);
}

TEST(subscribe_replaces_the_filter_and_an_open_one_is_none)
{
    struct command command = read_ok("{\"type\":\"subscribe\"}");

    CHECK_EQ(command.type, COMMAND_SUBSCRIBE);
    CHECK(command.has_subscribe && !command.filter);
    command_done(&command);
    command = read_ok("{\"type\":\"subscribe\",\"min_security_level\":\"info\"}");
    CHECK(!command.filter);
    command_done(&command);
    command = read_ok("{\"type\":\"subscribe\",\"event_types\":[],\"resources\":[]}");
    CHECK_EQ(command.filter->types, 0);
    CHECK(command.filter->has_resources);
    command_done(&command);
    command = read_ok("{\"type\":\"subscribe\",\"resources\":[\"docs*\",\"wiki\"],"
                      "\"event_types\":[\"user_deleted\",\"user_deleted\"]}");
    CHECK_EQ(command.filter->types, BIT(EVENT_USER_DELETED));
    CHECK_EQ(command.filter->resources_count, 2);
    CHECK_TEXT(command.filter->resources[0], "docs*");
    command_done(&command);
}

TEST(a_filter_may_be_taken_from_its_command)
{
    struct command command = read_ok("{\"type\":\"subscribe\",\"resources\":[\"a\"]}");
    struct filter *filter = command.filter;

    command.filter = NULL;
    command_done(&command);
    CHECK_TEXT(filter->resources[0], "a"); /* a copy, not the command's JSON */
    filter_free(filter);
}

TEST(ping_keeps_any_id)
{
    struct command command = read_ok("{\"type\":\"ping\"}");

    CHECK_EQ(command.type, COMMAND_PING);
    CHECK(!command.ping_id);
    command_done(&command);
    command = read_ok("{\"type\":\"ping\",\"id\":{\"a\":[1,2]}}");
    CHECK(json_is_object(command.ping_id));
    command_done(&command);
    command = read_ok("{\"type\":\"ping\",\"id\":null}");
    CHECK(json_is_null(command.ping_id));
    command_done(&command);
}

static void check_refused(const char *text, bool is_auth, const char *reason)
{
    struct command command = {.type = COMMAND_PING};
    struct command_problem problem;

    CHECK_EQ(command_read(bytes_of(text), &command, &problem), MCP_AUTH_E_INVALID);
    CHECK_EQ(problem.is_auth, is_auth);
    if (!strstr(problem.reason, reason))
        assert_string_equal(problem.reason, reason);
    CHECK_EQ(command.type, COMMAND_PING);
    CHECK(!command.json);
}

TEST(what_is_no_message_is_refused)
{
    check_refused("", false, "not valid JSON");
    check_refused("{", false, "not valid JSON");
    check_refused("{\"type\":\"ping\"} x", false, "not valid JSON");
    check_refused("{\"type\":\"ping\",\"type\":\"auth\"}", false, "not valid JSON");
    check_refused("[]", false, "must be an object");
    check_refused("null", false, "must be an object");
    check_refused("\"auth\"", false, "must be an object");
    check_refused("{}", false, "type: must be a string");
    check_refused("{\"type\":1}", false, "type: must be a string");
    check_refused("{\"type\":\"Auth\"}", false, "type: must be auth, subscribe or ping");
    check_refused("{\"type\":\"event\"}", false, "type: must be");
}

TEST(each_member_of_auth_is_checked)
{
    check_refused("{\"type\":\"auth\",\"token\":1}", true, "token: must be a string");
    check_refused("{\"type\":\"auth\",\"token\":null}", true, "token: must be a string");
    check_refused("{\"type\":\"auth\",\"token\":\"T\",\"position\":5}", true,
                  "position: must be a");
    check_refused("{\"type\":\"auth\",\"token\":\"T\",\"position\":null}", true, "position");
    check_refused("{\"type\":\"auth\",\"token\":\"T\",\"id\":1}", true,
                  "auth: unknown member 'id'");
    check_refused("{\"type\":\"auth\",\"token\":\"T\",\"event_types\":[]}", true, "unknown member");
    check_refused("{\"type\":\"auth\",\"token\":\"T\",\"subscribe\":[]}", true,
                  "subscribe: must be an object");
    check_refused("{\"type\":\"auth\",\"token\":\"T\",\"subscribe\":{\"type\":\"subscribe\"}}",
                  true, "subscribe: unknown member 'type'");
    check_refused("{\"type\":\"auth\",\"subscribe\":{\"event_types\":[\"role_revokd\"]}}", true,
                  "did you mean role_revoked?");
}

TEST(each_member_of_subscribe_is_checked)
{
    check_refused("{\"type\":\"subscribe\",\"event_types\":\"role_revoked\"}", false,
                  "event_types: must be an array");
    check_refused("{\"type\":\"subscribe\",\"event_types\":[1]}", false, "event_types: must be");
    check_refused("{\"type\":\"subscribe\",\"event_types\":null}", false, "event_types: must be");
    check_refused("{\"type\":\"subscribe\",\"event_types\":[\"user_created\",\"*\"]}", false,
                  "event_types: item 1 is not an event type");
    check_refused("{\"type\":\"subscribe\",\"resources\":\"docs\"}", false, "resources: must be");
    check_refused("{\"type\":\"subscribe\",\"resources\":[\"a\",null]}", false,
                  "resources: must be");
    check_refused("{\"type\":\"subscribe\",\"min_security_level\":2}", false,
                  "min_security_level: must be a string");
    check_refused("{\"type\":\"subscribe\",\"min_security_level\":\"HIGHEST\"}", false,
                  "min_security_level: must be LOW");
    check_refused("{\"type\":\"subscribe\",\"token\":\"T\"}", false, "unknown member 'token'");
    check_refused("{\"type\":\"ping\",\"ID\":1}", false, "ping: unknown member 'ID'");
}

/* {"type":"subscribe","resources":["<size letters>" * count]} */
static int read_resources(unsigned count, unsigned size)
{
    struct command command;
    struct command_problem problem;
    struct strbuf text;
    int r;

    strbuf_init(&text, 1 << 20);
    strbuf_puts(&text, "{\"type\":\"subscribe\",\"resources\":[");
    for (unsigned i = 0; i < count; i++) {
        strbuf_puts(&text, i ? ",\"" : "\"");
        for (unsigned j = 0; j < size; j++)
            strbuf_putc(&text, 'r');
        strbuf_putc(&text, '"');
    }
    strbuf_puts(&text, "]}");
    r = command_read(strbuf_bytes(&text), &command, &problem);
    if (r == 0) {
        CHECK_EQ(command.filter->resources_count, count);
        command_done(&command);
    } else {
        CHECK(strstr(problem.reason, "resources:"));
    }
    strbuf_done(&text);
    return r;
}

TEST(resources_have_ceilings_in_number_and_size)
{
    CHECK_EQ(read_resources(FILTER_RESOURCES_MAX, RESOURCE_SIZE_MAX), 0);
    CHECK_EQ(read_resources(FILTER_RESOURCES_MAX + 1, 1), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_resources(1, RESOURCE_SIZE_MAX + 1), MCP_AUTH_E_INVALID);
}

TEST(a_ping_id_has_a_ceiling_as_written)
{
    for (unsigned size = PING_ID_SIZE_MAX - 4; size < PING_ID_SIZE_MAX + 4; size++) {
        struct command command;
        struct command_problem problem;
        struct strbuf text;
        int r;

        strbuf_init(&text, 4096);
        strbuf_puts(&text, "{\"type\":\"ping\",\"id\":\"");
        for (unsigned i = 2; i < size; i++)
            strbuf_putc(&text, 'x');
        strbuf_puts(&text, "\"}");
        r = command_read(strbuf_bytes(&text), &command, &problem);
        CHECK_EQ(r, size <= PING_ID_SIZE_MAX ? 0 : MCP_AUTH_E_INVALID);
        if (r == 0)
            command_done(&command);
        else
            CHECK(strstr(problem.reason, "id: longer than 256"));
        strbuf_done(&text);
    }
}

TEST(a_message_cut_anywhere_is_refused)
{
    static const char text[] =
        "{\"type\":\"auth\",\"token\":\"T\",\"subscribe\":{\"resources\":[\"a\"]}}";

    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct command command;
        struct command_problem problem;

        CHECK_EQ(command_read((struct bytes){text, size}, &command, &problem), MCP_AUTH_E_INVALID);
        CHECK(!problem.is_auth);
    }
}

TEST(a_long_unknown_member_is_shown_clipped)
{
    struct strbuf text;
    struct command command;
    struct command_problem problem;

    strbuf_init(&text, 4096);
    strbuf_puts(&text, "{\"type\":\"ping\",\"");
    for (int i = 0; i < 1000; i++)
        strbuf_puts(&text, "\xc3\xa9");
    strbuf_puts(&text, "\":1}");
    CHECK_EQ(command_read(strbuf_bytes(&text), &command, &problem), MCP_AUTH_E_INVALID);
    CHECK(strlen(problem.reason) < 100);
    CHECK_EQ(problem.reason[strlen(problem.reason) - 1], '\'');
    strbuf_done(&text);
}
