/* SPDX-License-Identifier: Apache-2.0 */
/* test_server_frame.c: what a client reads out of a server's frame. */
#include "client/server_frame.h"
#include "unit.h"

static json_t *json_of(const char *text)
{
    json_t *json = NULL;

    CHECK_EQ(json_read(bytes_of(text), &json, NULL), 0);
    return json;
}

TEST(an_event_gives_its_texts_and_null_for_what_it_has_not)
{
    static const char text[] = "{\"type\":\"event\",\"id\":\"1\",\"event_type\":\"role_revoked\","
                               "\"role_name\":\"a\\\"b\",\"data\":{\"x\":1},\"position\":\"p\"}";
    json_t *json = json_of(text);
    mcp_auth_client_event event;

    server_frame_event(json, bytes_of(text), &event);
    CHECK_EQ(event.size, sizeof event);
    assert_string_equal(event.json, text);
    assert_string_equal(event.id, "1");
    assert_string_equal(event.event_type, "role_revoked");
    assert_string_equal(event.role_name, "a\"b");
    assert_string_equal(event.position, "p");
    CHECK(event.user_id == NULL && event.message == NULL && event.tenant_id == NULL);
    json_decref(json);
}

TEST(a_member_of_another_type_is_as_good_as_absent)
{
    static const char text[] = "{\"type\":\"event\",\"id\":7,\"position\":null}";
    json_t *json = json_of(text);
    mcp_auth_client_event event;

    server_frame_event(json, bytes_of(text), &event);
    CHECK(event.id == NULL && event.position == NULL);
    json_decref(json);
}

static int64_t ms_of(const char *text)
{
    int64_t ms = -1;

    CHECK_EQ(server_frame_time(bytes_of(text), &ms), 0);
    return ms;
}

TEST(a_time_is_read_to_the_millisecond)
{
    CHECK_EQ(ms_of("1970-01-01T00:00:00.000Z"), 0);
    CHECK_EQ(ms_of("2000-02-29T23:59:59.999Z"), 951868799999);
    CHECK_EQ(ms_of("2026-11-23T01:54:49.123Z"), 1795398889123);
    CHECK_EQ(ms_of("2100-03-01T00:00:00.000Z"), 4107542400000);
}

TEST(a_time_of_another_form_is_refused)
{
    static const char *const bad[] = {"",
                                      "2026-11-23T01:54:49Z",
                                      "2026-11-23 01:54:49.123Z",
                                      "2026-13-23T01:54:49.123Z",
                                      "2026-11-32T01:54:49.123Z",
                                      "2026-11-23T24:54:49.123Z",
                                      "2026-11-23T01:54:49.12 Z",
                                      "2026-11-23T01:54:49.123+",
                                      "0000-11-23T01:54:49.123Z"};
    int64_t ms;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(server_frame_time(bytes_of(bad[i]), &ms), MCP_AUTH_E_INVALID);
}

TEST(a_number_out_of_its_range_is_refused)
{
    json_t *json = json_of("{\"a\":5,\"b\":\"5\",\"c\":5.0,\"d\":-1}");
    int64_t number = 0;

    CHECK_EQ(server_frame_int(json, "a", 0, 5, &number), 0);
    CHECK_EQ(number, 5);
    CHECK_EQ(server_frame_int(json, "a", 0, 4, &number), MCP_AUTH_E_INVALID);
    CHECK_EQ(server_frame_int(json, "b", 0, 9, &number), MCP_AUTH_E_INVALID);
    CHECK_EQ(server_frame_int(json, "c", 0, 9, &number), MCP_AUTH_E_INVALID);
    CHECK_EQ(server_frame_int(json, "d", 0, 9, &number), MCP_AUTH_E_INVALID);
    CHECK_EQ(server_frame_int(json, "e", 0, 9, &number), MCP_AUTH_E_INVALID);
    json_decref(json);
}
