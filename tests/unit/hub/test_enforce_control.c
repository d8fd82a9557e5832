/* SPDX-License-Identifier: Apache-2.0 */
/* test_enforce_control.c: a revocation and a disconnection close at once, and are shown to nobody. */
#include "stage.h"

static struct stage stage;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

static void sign_in_with(struct client *client, const char *claims)
{
    client_connect(client, &stage, SESSION_CONTROL);
    client_auth(client, stage_token(&stage, claims), NULL);
    CHECK(client_reads(client, "auth_ok", NULL));
}

/* As the bus would; the number of sessions closed. */
static int control(enum event_control what, const char *user, const char *token_id)
{
    uint64_t n = stage.past_n + 1;
    struct entry *entry = &stage.past[n];
    int closed;

    entry->event = sample_control((struct control_fields){.control = what,
                                                          .user = bytes_of(user),
                                                          .token_id = bytes_of(token_id),
                                                          .time_ms = stage.now.wall_ms});
    entry->n = n;
    entry->check =
        position_check(STAGE_EPOCH, n, entry->event->tenant, entry->event->id, BYTES(""));
    stage.past_n = n;
    closed = hub_effect(stage.hub, entry->event);
    return closed;
}

TEST(a_revoked_user_is_closed_before_anything_is_announced_and_newer_tokens_stay)
{
    struct client first, second, newer, other;
    int64_t now_s;

    begin();
    client_sign_in(&first, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&second, &stage, SESSION_PLAIN, "ann", NULL);
    client_sign_in(&other, &stage, SESSION_CONTROL, "bob", "\"admin\"");
    now_s = stage.now.wall_ms / 1000;
    stage.rules.leeway_ms = 60000;
    {
        char claims[128];

        snprintf(claims, sizeof claims, "\"sub\":\"ann\",\"iat\":%lld", (long long)now_s + 30);
        sign_in_with(&newer, claims);
    }
    CHECK_EQ(control(CONTROL_REVOCATION, "ann", NULL), 2);
    CHECK(client_closed(&first, CLOSE_TOKEN_REVOKED));
    CHECK(client_closed(&second, CLOSE_TOKEN_REVOKED));
    stage_announce(&stage, 1);
    CHECK(client_quiet(&newer) && client_quiet(&other));
    CHECK_EQ(stage.hub->head.n, 1);
    client_gone(&first);
    client_gone(&second);
    client_gone(&newer);
    client_gone(&other);
    stage_done(&stage);
}

TEST(a_revoked_token_is_closed_and_does_not_sign_in_again)
{
    struct client revoked, other, again;

    begin();
    sign_in_with(&revoked, "\"sub\":\"ann\",\"jti\":\"t1\"");
    sign_in_with(&other, "\"sub\":\"ann\",\"jti\":\"t2\"");
    CHECK_EQ(control(CONTROL_REVOCATION, NULL, "t1"), 1);
    CHECK(client_closed(&revoked, CLOSE_TOKEN_REVOKED));
    CHECK(client_quiet(&other));
    client_connect(&again, &stage, SESSION_CONTROL);
    client_auth(&again, stage_token(&stage, "\"sub\":\"ann\",\"jti\":\"t1\""), NULL);
    CHECK(client_closed(&again, CLOSE_TOKEN_REVOKED));
    client_gone(&revoked);
    client_gone(&other);
    client_gone(&again);
    stage_done(&stage);
}

TEST(a_disconnected_user_may_sign_in_again)
{
    struct client first, again;

    begin();
    client_sign_in(&first, &stage, SESSION_CONTROL, "ann", NULL);
    CHECK_EQ(control(CONTROL_DISCONNECT, "ann", NULL), 1);
    CHECK(client_closed(&first, CLOSE_DISCONNECTED));
    client_sign_in(&again, &stage, SESSION_CONTROL, "ann", NULL);
    CHECK_EQ(control(CONTROL_DISCONNECT, "nobody", NULL), 0);
    CHECK(client_quiet(&again));
    client_gone(&first);
    client_gone(&again);
    stage_done(&stage);
}

/* A fence that another instance or an earlier life of this one has set. */
static void fence(enum fence_scope scope, const char *user, const char *name)
{
    struct fence fence = {.tenant = BYTES(""),
                          .user = bytes_of(user),
                          .scope = scope,
                          .name = bytes_of(name),
                          .not_before_ms = stage.now.wall_ms};
    struct event *event;

    CHECK_EQ(event_new_fence(&event, &fence), 0);
    CHECK(hub_effect(stage.hub, event) >= 0);
    event_unref(event);
}

TEST(a_fence_over_a_role_takes_it_away_and_the_connection_stays)
{
    struct client ann, bob;

    begin();
    client_sign_in(&ann, &stage, SESSION_CONTROL, "ann", "\"admin\",\"editor\"");
    client_sign_in(&bob, &stage, SESSION_CONTROL, "bob", "\"editor\"");
    fence(FENCE_ROLE, "ann", "editor");
    CHECK(client_reads(&ann, "scope_changed", "\"roles\":[\"admin\"]") && client_quiet(&ann));
    CHECK(client_quiet(&bob));
    fence(FENCE_ROLE, "ann", "editor"); /* again, which changes nothing */
    CHECK(client_quiet(&ann));
    client_gone(&ann);
    client_sign_in(&ann, &stage, SESSION_CONTROL, "ann", "\"editor\"");
    CHECK(strstr(ann.text, "\"roles\":[]"));
    client_gone(&ann);
    client_gone(&bob);
    stage_done(&stage);
}

TEST(a_fence_over_a_permission_takes_what_it_covers)
{
    struct client ann;

    begin();
    sign_in_with(&ann, "\"sub\":\"ann\",\"permissions\":[\"doc:read\",\"repo:push\"]");
    fence(FENCE_PERMISSION, "ann", "doc:*");
    CHECK(client_reads(&ann, "scope_changed", "\"permissions\":[\"repo:push\"]"));
    client_gone(&ann);
    stage_done(&stage);
}

TEST(a_fence_over_everything_or_over_a_token_closes_4102_at_once)
{
    struct client ann, bob, cid;

    begin();
    client_sign_in(&ann, &stage, SESSION_PLAIN, "ann", NULL);
    sign_in_with(&bob, "\"sub\":\"bob\",\"jti\":\"one\"");
    sign_in_with(&cid, "\"sub\":\"bob\",\"jti\":\"two\"");
    fence(FENCE_EVERYTHING, "ann", NULL);
    CHECK(client_closed(&ann, CLOSE_TOKEN_REVOKED));
    fence(FENCE_TOKEN, NULL, "one");
    CHECK(client_closed(&bob, CLOSE_TOKEN_REVOKED) && client_quiet(&cid));
    client_gone(&ann);
    client_gone(&bob);
    client_gone(&cid);
    stage_done(&stage);
}
