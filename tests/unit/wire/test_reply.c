/* SPDX-License-Identifier: Apache-2.0 */
/* test_reply.c: control frames are the protocol's, byte for byte. */
#include "wire/reply.h"

#include "unit.h"

static const struct position place = {1, 2, 3};
#define PLACE "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAD"

/* Composes by `call`, which appends to `out`, and compares. */
#define CHECK_REPLY(call, literal)              \
    do {                                        \
        struct strbuf out_, *out = &out_;       \
        strbuf_init(out, 65536);                \
        call;                                   \
        CHECK_EQ(out->error, 0);                \
        CHECK_TEXT(strbuf_bytes(out), literal); \
        strbuf_done(out);                       \
    } while (0)

static struct identity *somebody(void)
{
    static const struct bytes roles[] = {{"editor", 6}, {"a\"b", 3}};
    static const struct bytes permissions[] = {{"docs:*", 6}};
    static const struct authority_rules rules = {0};
    struct claims claims = {.tenant = BYTES(""),
                            .user = BYTES("alice"),
                            .issued_at_ms = 0,
                            .expires_at_ms = 1700000000123,
                            .roles = roles,
                            .roles_count = 2,
                            .permissions = permissions,
                            .permissions_count = 1};
    struct identity *identity;

    CHECK_EQ(identity_new(&identity, &claims, NULL, 0, &rules), 0);
    return identity;
}

TEST(auth_ok_says_who_one_is_and_where)
{
    struct identity *identity = somebody();
    struct reply_auth_ok reply = {BYTES("c1"), &identity->claims, &place, true, 30000};

    CHECK_REPLY(reply_auth_ok(out, &reply),
                "{\"type\":\"auth_ok\",\"connection_id\":\"c1\",\"user_id\":\"alice\","
                "\"tenant_id\":\"\",\"roles\":[\"editor\",\"a\\\"b\"],\"permissions\":[\"docs:*\"],"
                "\"expires_at\":\"2023-11-14T22:13:20.123Z\",\"position\":\"" PLACE "\","
                "\"resumed\":true,\"heartbeat_interval\":30}");
    CHECK_REPLY(reply_scope_changed(out, &identity->claims),
                "{\"type\":\"scope_changed\",\"roles\":[\"editor\",\"a\\\"b\"],"
                "\"permissions\":[\"docs:*\"]}");
    identity_unref(identity);
}

TEST(a_heartbeat_tells_position_time_and_bus)
{
    CHECK_REPLY(reply_heartbeat(out, &place, 0, BUS_OK),
                "{\"type\":\"heartbeat\",\"position\":\"" PLACE "\","
                "\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"bus\":\"ok\"}");
    CHECK_REPLY(reply_heartbeat(out, &place, 0, BUS_DEGRADED),
                "{\"type\":\"heartbeat\",\"position\":\"" PLACE "\","
                "\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"bus\":\"degraded\"}");
    CHECK_REPLY(reply_heartbeat(out, &place, 0, BUS_NONE),
                "{\"type\":\"heartbeat\",\"position\":\"" PLACE "\","
                "\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"bus\":\"none\"}");
}

TEST(subscribed_repeats_the_filter_in_force)
{
    const struct bytes resources[] = {BYTES("docs*")};
    struct filter *filter;

    CHECK_EQ(filter_new(&filter, BIT(EVENT_ROLE_REVOKED) | BIT(EVENT_USER_DELETED), 2, true,
                        resources, 1),
             0);
    CHECK_REPLY(reply_subscribed(out, filter),
                "{\"type\":\"subscribed\",\"event_types\":[\"role_revoked\",\"user_deleted\"],"
                "\"resources\":[\"docs*\"],\"min_security_level\":\"HIGH\"}");
    filter_free(filter);
    CHECK_EQ(filter_new(&filter, 0, 0, true, NULL, 0), 0);
    CHECK_REPLY(reply_subscribed(out, filter), "{\"type\":\"subscribed\",\"event_types\":[],"
                                               "\"resources\":[],\"min_security_level\":\"LOW\"}");
    filter_free(filter);
}

TEST(subscribed_without_a_filter_names_all_types_and_no_resources)
{
    struct strbuf out;
    json_t *value;

    strbuf_init(&out, 4096);
    reply_subscribed(&out, NULL);
    CHECK_EQ(json_read(strbuf_bytes(&out), &value, NULL), 0);
    CHECK_EQ(json_array_size(json_object_get(value, "event_types")), EVENT_TYPES);
    CHECK(!json_object_get(value, "resources"));
    CHECK_TEXT(json_member_text(value, "min_security_level"), "LOW");
    json_decref(value);
    strbuf_done(&out);
}

TEST(a_pong_gives_back_the_id_whatever_it_is)
{
    static const struct bytes ids[] = {{"null", 4}, {"7", 1}, {"\"x\"", 3}, {"{\"a\":[1]}", 9}};

    CHECK_REPLY(reply_pong(out, NULL), "{\"type\":\"pong\"}");
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct strbuf out;
        json_t *id;

        CHECK_EQ(json_read(ids[i], &id, NULL), 0);
        strbuf_init(&out, 4096);
        reply_pong(&out, id);
        CHECK_EQ(memcmp(out.data, "{\"type\":\"pong\",\"id\":", 20), 0);
        CHECK_EQ(memcmp(out.data + 20, ids[i].data, ids[i].size), 0);
        CHECK_EQ(out.size, 20 + ids[i].size + 1);
        strbuf_done(&out);
        json_decref(id);
    }
}

TEST(errors_and_closings_say_when_to_come_back)
{
    CHECK_REPLY(reply_error(out, ERROR_RATE_LIMITED, (struct bytes){0}, 1500),
                "{\"type\":\"error\",\"code\":\"rate_limited\",\"message\":\"Rate limit exceeded\","
                "\"retryable\":true,\"retry_after_ms\":1500}");
    CHECK_REPLY(reply_error(out, ERROR_INVALID_MEMBER, BYTES("id: \"x\""), -1),
                "{\"type\":\"error\",\"code\":\"invalid_member\",\"message\":\"id: \\\"x\\\"\","
                "\"retryable\":false}");
    CHECK_REPLY(reply_closing(out, CLOSE_DRAINING, 0),
                "{\"type\":\"closing\",\"code\":4200,\"reason\":\"Server is shutting down\","
                "\"retry_after_ms\":0}");
    CHECK_REPLY(reply_closing(out, CLOSE_TOKEN_EXPIRED, -1),
                "{\"type\":\"closing\",\"code\":4101,\"reason\":\"Token expired\"}");
}
