/* SPDX-License-Identifier: Apache-2.0 */
/* test_reload.c: a withdrawn key takes its sessions with it; new numbers hold from then on. */
#include "stage.h"

static struct stage stage;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

static struct keyring *ring_of(struct bytes secret)
{
    struct keyring *ring;
    const char *why;

    CHECK_EQ(keyring_new(&ring, 0), 0);
    CHECK_EQ(keyring_add_secret(ring, secret, &why), 0);
    return ring;
}

/* Takes the ring: the only keys from now on, of whatever issuer. */
static void reload_with(struct keyring *ring)
{
    struct issuers *issuers;

    CHECK_EQ(issuers_new(&issuers, ring, NULL, 0), 0);
    keyring_unref(ring);
    hub_reload(stage.hub, &stage.settings, issuers);
    issuers_unref(issuers);
}

/* To a ring that has nothing of what the tokens here are signed with. */
static void withdraw(void)
{
    struct keyring *ring = ring_of(BYTES("another-secret-of-at-least-32-bytes"));

    reload_with(ring);
}

TEST(a_withdrawn_key_closes_every_session_of_it_with_4102)
{
    struct client control, plain, leaving;
    uint64_t n;

    begin();
    client_sign_in(&control, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&plain, &stage, SESSION_PLAIN, "ben", NULL);
    client_sign_in(&leaving, &stage, SESSION_CONTROL, "cem", NULL);
    n = stage_append(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "cem"});
    stage_effect(&stage, n);
    withdraw();
    CHECK(client_reads(&control, "closing", "\"code\":4102"));
    CHECK(client_closed(&control, CLOSE_TOKEN_REVOKED));
    CHECK(client_closed(&plain, CLOSE_TOKEN_REVOKED) && client_read(&plain) == NULL);
    CHECK(client_closed(&leaving, CLOSE_TOKEN_REVOKED));
    stage_announce(&stage, n);
    CHECK_EQ(hub_counters(stage.hub)->sessions, 0);
    CHECK_EQ(stage.admitted, 0);
    client_gone(&control);
    client_gone(&plain);
    client_gone(&leaving);
    stage_done(&stage);
}

TEST(the_same_key_in_a_new_ring_keeps_its_sessions)
{
    struct keyring *ring;
    struct client client;
    const char *why;

    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", "\"r\"");
    CHECK_EQ(keyring_new(&ring, 0), 0);
    CHECK_EQ(keyring_add_secret(ring, BYTES("another-secret-of-at-least-32-bytes"), &why), 0);
    CHECK_EQ(keyring_add_secret(ring, BYTES(STAGE_SECRET), &why), 0);
    reload_with(ring);
    CHECK(client_quiet(&client));
    /* What is taken away makes another identity, which the same key has vouched for. */
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "r"});
    CHECK(client_reads(&client, "scope_changed", NULL) && client_reads_event(&client, 1));
    withdraw();
    CHECK(client_reads(&client, "closing", NULL) && client_closed(&client, CLOSE_TOKEN_REVOKED));
    client_gone(&client);
    stage_done(&stage);
}

TEST(who_waits_with_a_withdrawn_token_is_refused_at_its_sign_in)
{
    struct identity *identity, *later;
    struct client handshake, token;
    const char *why, *text;

    begin();
    text = stage_token_for(&stage, "ann", NULL);
    CHECK_EQ(hub_authenticate(stage.hub, bytes_of(text), &identity, &why), AUTH_OK);
    client_connect_as(&handshake, &stage, SESSION_CONTROL, identity_ref(identity));
    client_connect(&token, &stage, SESSION_CONTROL);
    withdraw();
    CHECK(!handshake.closed && !token.closed);
    CHECK_EQ(hub_evaluate(stage.hub, identity, &later), AUTH_FENCED);
    identity_unref(identity);
    client_say(&handshake, "{\"type\":\"auth\"}");
    CHECK(client_closed(&handshake, CLOSE_TOKEN_REVOKED));
    client_auth(&token, stage_token_for(&stage, "ann", NULL), NULL);
    CHECK(client_closed(&token, CLOSE_AUTHENTICATION_FAILED));
    client_gone(&handshake);
    client_gone(&token);
    stage_done(&stage);
}

TEST(a_session_keeps_the_heartbeat_it_was_told_until_it_renews)
{
    struct client client;

    stage_init(&stage);
    stage.settings.heartbeat_ms = 10000;
    stage_start(&stage);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage.settings.heartbeat_ms = 60000;
    hub_reload(stage.hub, &stage.settings, stage.issuers);
    stage_advance(&stage, 10000);
    CHECK(client_reads(&client, "heartbeat", NULL));
    session_pong(client.session);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), NULL);
    CHECK(client_reads(&client, "auth_ok", "\"heartbeat_interval\":60"));
    stage_advance(&stage, 10000); /* the one that was due already */
    CHECK(client_reads(&client, "heartbeat", NULL));
    session_pong(client.session);
    stage_advance(&stage, 50000);
    CHECK(client_quiet(&client));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_message_limit_holds_as_soon_as_it_is_told)
{
    struct client client;

    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage.settings.rate_messages = 1;
    stage.settings.rate_window_ms = 60000;
    hub_reload(stage.hub, &stage.settings, stage.issuers);
    for (int i = 0; i < 3 && !client.closed; i++)
        client_say(&client, "{\"type\":\"ping\"}");
    CHECK(client_closed(&client, CLOSE_RATE_LIMIT));
    client_gone(&client);
    stage_done(&stage);
}
