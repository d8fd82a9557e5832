/* SPDX-License-Identifier: Apache-2.0 */
/* test_sign_in.c: who gets in, with what answer, who does not, and how a live token is renewed. */
#include "stage.h"

static struct stage stage;
static struct client client;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

TEST(a_control_session_is_told_who_it_is)
{
    const char *text;

    begin();
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    client_connect(&client, &stage, SESSION_CONTROL);
    CHECK_EQ(hub_counters(stage.hub)->waiting, 1);
    client_auth(&client,
                stage_token(&stage, "\"sub\":\"ann\",\"tenant_id\":\"t\",\"roles\":[\"r1\",\"r2\"],"
                                    "\"permissions\":\"doc:read\""),
                NULL);
    CHECK(session_signed_in(client.session));
    text = client_read(&client);
    CHECK(text && strstr(text, "{\"type\":\"auth_ok\",\"connection_id\":\"") == text);
    CHECK(strstr(text, "\"user_id\":\"ann\",\"tenant_id\":\"t\",\"roles\":[\"r1\",\"r2\"],"
                       "\"permissions\":[\"doc:read\"]"));
    CHECK(strstr(text, stage_position(&stage, 1)));
    CHECK(strstr(text, "\"resumed\":false,\"heartbeat_interval\":30}"));
    CHECK(client_quiet(&client));
    CHECK_EQ(hub_counters(stage.hub)->waiting, 0);
    CHECK_EQ(hub_counters(stage.hub)->sessions, 1);
    CHECK_EQ(hub_counters(stage.hub)->sign_ins, 1);
    client_gone(&client);
    CHECK_EQ(hub_counters(stage.hub)->sessions, 0);
    stage_done(&stage);
}

TEST(a_plain_session_is_told_nothing_but_events)
{
    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    CHECK(client_quiet(&client));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_reads_event(&client, 1));
    client_say(&client, "{\"type\":\"subscribe\"}");
    client_say(&client, "{\"type\":\"ping\"}");
    CHECK(client_quiet(&client));
    session_close(client.session, CLOSE_DRAINING, 0);
    CHECK(client_closed(&client, CLOSE_DRAINING));
    CHECK(client_read(&client) == NULL); /* no "closing" either */
    client_gone(&client);
    stage_done(&stage);
}

static struct identity *handshake_identity(const char *user)
{
    struct bytes role = BYTES("r");
    struct claims claims = {
        .tenant = BYTES(""),
        .user = bytes_of(user),
        .issued_at_ms = stage.now.wall_ms,
        .expires_at_ms = stage.now.wall_ms + 60000,
        .roles = &role,
        .roles_count = 1,
    };
    struct identity *identity;

    CHECK_EQ(identity_new(&identity, &claims, NULL, 0, &stage.rules.authority), 0);
    return identity;
}

TEST(a_plain_session_with_a_token_in_the_handshake_is_in_at_once)
{
    begin();
    client_connect_as(&client, &stage, SESSION_PLAIN, handshake_identity("ann"));
    CHECK(session_signed_in(client.session));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_reads_event(&client, 1));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_control_session_with_a_token_in_the_handshake_still_says_auth)
{
    begin();
    client_connect_as(&client, &stage, SESSION_CONTROL, handshake_identity("ann"));
    CHECK(!session_signed_in(client.session));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_quiet(&client));
    client_say(&client, "{\"type\":\"auth\"}");
    CHECK(client_reads(&client, "auth_ok", "\"user_id\":\"ann\""));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_fence_between_handshake_and_auth_counts)
{
    struct client less;

    begin();
    client_connect_as(&client, &stage, SESSION_CONTROL, handshake_identity("ann"));
    client_connect_as(&less, &stage, SESSION_CONTROL, handshake_identity("ben"));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ben", .role = "r"});
    client_say(&client, "{\"type\":\"auth\"}");
    CHECK(client_closed(&client, CLOSE_TOKEN_REVOKED));
    client_say(&less, "{\"type\":\"auth\"}");
    CHECK(client_reads(&less, "auth_ok", "\"roles\":[]"));
    client_gone(&client);
    client_gone(&less);
    stage_done(&stage);
}

TEST(a_handshake_token_that_expires_before_auth_is_refused)
{
    begin();
    stage.settings.auth_timeout_ms = 0;
    client_connect_as(&client, &stage, SESSION_CONTROL, handshake_identity("ann"));
    stage.now.wall_ms += 60000; /* the clock of tokens jumps, that of deadlines does not */
    stage_advance(&stage, 0);
    client_say(&client, "{\"type\":\"auth\"}");
    CHECK(client_closed(&client, CLOSE_TOKEN_EXPIRED));
    client_gone(&client);
    stage_done(&stage);
}

TEST(before_sign_in_anything_but_auth_closes)
{
    static const char *const refused[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"type\":\"ping\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"auth\",\"token\":7}",
        "{\"type\":\"auth\",\"extra\":1}",
        "{\"type\":\"auth\"}",
        "{\"token\":\"x\"}",
        "\xff",
    };

    begin();
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        client_connect(&client, &stage, SESSION_CONTROL);
        client_say(&client, "%s", refused[i]);
        CHECK(client_closed(&client, CLOSE_AUTHENTICATION_REQUIRED));
        CHECK(client_reads(&client, "closing", "\"code\":4001"));
        CHECK(client_read(&client) == NULL);
        client_gone(&client);
    }
    client_connect(&client, &stage, SESSION_CONTROL);
    session_receive_binary(client.session);
    CHECK(client_closed(&client, CLOSE_AUTHENTICATION_REQUIRED));
    client_gone(&client);
    stage_done(&stage);
}

static void check_refused(const char *token, enum close_reason reason)
{
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, token, NULL);
    CHECK(!session_signed_in(client.session));
    CHECK(client_closed(&client, reason));
    CHECK(client.refused && client.refused[0]); /* the log is told why, the peer is not */
    CHECK(client_reads(&client, "closing", NULL));
    CHECK(!strstr(client.text, client.refused));
    client_gone(&client);
}

TEST(a_bad_an_expired_and_a_fenced_token_each_have_their_code)
{
    char forged[TOKEN_SIZE_MAX + 1];

    begin();
    snprintf(forged, sizeof forged, "%s", stage_token_for(&stage, "ann", NULL));
    forged[strlen(forged) - 2] ^= 1;
    check_refused(forged, CLOSE_AUTHENTICATION_FAILED);
    check_refused("", CLOSE_AUTHENTICATION_FAILED);
    check_refused("a.b.c", CLOSE_AUTHENTICATION_FAILED);
    check_refused(stage_token(&stage, "\"sub\":\"ann\",\"exp\":1600000000"), CLOSE_TOKEN_EXPIRED);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    check_refused(stage_token_for(&stage, "ann", NULL), CLOSE_TOKEN_REVOKED);
    CHECK_EQ(hub_counters(stage.hub)->auth_failures, 5);
    CHECK_EQ(hub_counters(stage.hub)->closes[CLOSE_AUTHENTICATION_FAILED], 3);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ben", NULL); /* who nothing was taken from */
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_fence_covers_tokens_by_their_age)
{
    char claims[128];

    begin();
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    stage_advance(&stage, 60000);
    snprintf(claims, sizeof claims, "\"sub\":\"ann\",\"iat\":%lld",
             (long long)(STAGE_WALL_MS / 1000 + 5)); /* the skew is 5 s */
    check_refused(stage_token(&stage, claims), CLOSE_TOKEN_REVOKED);
    snprintf(claims, sizeof claims, "\"sub\":\"ann\",\"iat\":%lld",
             (long long)(STAGE_WALL_MS / 1000 + 6));
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token(&stage, claims), NULL);
    CHECK(client_reads(&client, "auth_ok", NULL));
    client_gone(&client);
    stage_done(&stage);
}

TEST(role_and_permission_fences_let_an_old_token_in_with_less)
{
    begin();
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "admin"});
    stage_publish(&stage, (struct sample){.type = EVENT_PERMISSION_REVOKED,
                                          .target = "ann",
                                          .resource = "doc",
                                          .action = "read"});
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client,
                stage_token(&stage, "\"sub\":\"ann\",\"roles\":[\"admin\",\"r\"],"
                                    "\"permissions\":[\"doc:read\",\"doc:write\"]"),
                NULL);
    CHECK(client_reads(&client, "auth_ok", "\"roles\":[\"r\"],\"permissions\":[\"doc:write\"]"));
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    CHECK(client_quiet(&client)); /* no administrator any more */
    client_gone(&client);
    stage_done(&stage);
}

TEST(one_connection_more_than_the_limit_is_refused_until_one_leaves)
{
    struct client first, second;

    begin();
    stage.places = 1;
    client_sign_in(&first, &stage, SESSION_PLAIN, "ann", NULL);
    client_connect(&second, &stage, SESSION_CONTROL); /* connecting takes no place */
    client_auth(&second, stage_token_for(&stage, "ben", NULL), NULL);
    CHECK(client_closed(&second, CLOSE_CONNECTION_LIMIT));
    CHECK(client_reads(&second, "closing", "\"code\":4204"));
    client_gone(&second);
    CHECK_EQ(stage.admitted, 1);
    client_gone(&first);
    CHECK_EQ(stage.admitted, 0);
    client_sign_in(&second, &stage, SESSION_CONTROL, "ben", NULL);
    client_gone(&second);
    stage_done(&stage);
}

TEST(a_filter_may_come_with_auth)
{
    begin();
    client_connect(&client, &stage, SESSION_CONTROL);
    client_say(
        &client,
        "{\"type\":\"auth\",\"token\":\"%s\",\"subscribe\":{\"min_security_level\":\"HIGH\"}}",
        stage_token_for(&stage, "ann", NULL));
    CHECK(client_reads(&client, "auth_ok", NULL));
    CHECK(client_reads(&client, "subscribed", "\"min_security_level\":\"HIGH\""));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    stage_publish(&stage,
                  (struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .level = "critical"});
    CHECK(client_reads_event(&client, 2));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_renewal_replaces_the_identity_at_once)
{
    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    client_auth(&client, stage_token_for(&stage, "ann", "\"admin\""), NULL);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
    CHECK(strstr(client.text, stage_position(&stage, 1)));
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    CHECK(client_reads_event(&client, 2));
    client_auth(&client, stage_token_for(&stage, "ann", NULL), NULL); /* and back */
    CHECK(client_reads(&client, "auth_ok", "\"roles\":[]"));
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_reads_event(&client, 4)); /* still found under its own name, once */
    CHECK(client_quiet(&client));
    CHECK_EQ(stage.admitted, 1);
    CHECK_EQ(hub_counters(stage.hub)->renewals, 2);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_renewal_moves_the_end_of_the_token)
{
    char claims[128];

    begin();
    snprintf(claims, sizeof claims, "\"sub\":\"ann\",\"exp\":%lld",
             (long long)(STAGE_WALL_MS / 1000 + 10));
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token(&stage, claims), NULL);
    stage_advance(&stage, 9000);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), NULL);
    stage_advance(&stage, 9000);
    CHECK(!client.closed);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_renewal_that_fails_closes_with_its_code)
{
    static const struct {
        const char *claims;
        enum close_reason reason;
    } cases[] = {
        {"\"sub\":\"ben\"", CLOSE_FORBIDDEN},
        {"\"sub\":\"ann\",\"tenant_id\":\"other\"", CLOSE_FORBIDDEN},
        {"\"sub\":\"ann\",\"exp\":1600000000", CLOSE_TOKEN_EXPIRED},
        {"\"sub\":7", CLOSE_AUTHENTICATION_FAILED},
    };

    begin();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
        client_auth(&client, stage_token(&stage, cases[i].claims), NULL);
        CHECK(client_closed(&client, cases[i].reason));
        CHECK(client_reads(&client, "closing", NULL));
        CHECK(!session_signed_in(client.session));
        client_gone(&client);
    }
    stage_done(&stage);
}

TEST(a_renewal_with_a_fenced_token_closes_4102)
{
    char old[TOKEN_SIZE_MAX + 1], claims[128];

    begin();
    snprintf(old, sizeof old, "%s", stage_token_for(&stage, "ann", NULL));
    snprintf(claims, sizeof claims, "\"sub\":\"ann\",\"iat\":%lld",
             (long long)(STAGE_WALL_MS / 1000 + 20));
    stage_advance(&stage, 30000);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token(&stage, claims), NULL);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED,
                                          .target = "ann",
                                          .time_ms = STAGE_WALL_MS + 10000});
    CHECK(client_reads(&client, "auth_ok", NULL));
    CHECK(client_reads_event(&client, 1)); /* newer than the fence: nothing happens to it */
    client_auth(&client, old, NULL);
    CHECK(client_closed(&client, CLOSE_TOKEN_REVOKED));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_renewal_has_a_token_and_no_position)
{
    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), stage_position(&stage, 0));
    CHECK(client_reads(&client, "error", "position"));
    CHECK(client_closed(&client, CLOSE_BAD_MESSAGE));
    client_gone(&client);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    client_say(&client, "{\"type\":\"auth\"}");
    CHECK(client_reads(&client, "error", "token"));
    CHECK(client_closed(&client, CLOSE_BAD_MESSAGE));
    client_gone(&client);
    stage_done(&stage);
}

TEST(http_is_evaluated_like_a_sign_in)
{
    struct identity *identity, *later;
    const char *why = NULL, *token;

    begin();
    token = stage_token_for(&stage, "ann", "\"admin\"");
    CHECK_EQ(hub_authenticate(stage.hub, bytes_of(token), &identity, &why), AUTH_OK);
    CHECK(identity->admin);
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "admin"});
    CHECK_EQ(hub_evaluate(stage.hub, identity, &later), AUTH_OK);
    CHECK(!later->admin);
    identity_unref(later);
    CHECK_EQ(hub_authenticate(stage.hub, bytes_of(token), &later, &why), AUTH_OK);
    CHECK(!later->admin);
    identity_unref(later);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    CHECK_EQ(hub_evaluate(stage.hub, identity, &later), AUTH_FENCED);
    stage_advance(&stage, 3600 * 1000);
    CHECK_EQ(hub_evaluate(stage.hub, identity, &later), AUTH_EXPIRED);
    identity_unref(identity);
    CHECK_EQ(hub_authenticate(stage.hub, BYTES("x"), &identity, &why), AUTH_FAILED);
    CHECK(why && why[0]);
    stage_done(&stage);
}
