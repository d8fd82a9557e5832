/* SPDX-License-Identifier: Apache-2.0 */
/* test_hub.c: a hub counts its sessions, closes all of them, and leaves nothing behind. */
#include "stage.h"

static struct stage stage;

TEST(draining_closes_every_session_signed_in_or_not)
{
    struct client waiting, plain, control, late;

    stage_init(&stage);
    stage_start(&stage);
    client_connect(&waiting, &stage, SESSION_CONTROL);
    client_sign_in(&plain, &stage, SESSION_PLAIN, "ann", NULL);
    client_sign_in(&control, &stage, SESSION_CONTROL, "ben", "\"admin\"");
    client_connect(&late, &stage, SESSION_CONTROL);
    client_auth(&late, stage_token_for(&stage, "cid", NULL), stage_position(&stage, 0));
    hub_close_all(stage.hub, CLOSE_DRAINING);
    CHECK(client_closed(&waiting, CLOSE_DRAINING) && client_closed(&plain, CLOSE_DRAINING));
    CHECK(client_closed(&control, CLOSE_DRAINING) && client_closed(&late, CLOSE_DRAINING));
    CHECK(client_reads(&waiting, "closing", "4200") && client_reads(&control, "closing", "4200"));
    CHECK(client_read(&plain) == NULL);
    CHECK_EQ(stage.admitted, 0);
    CHECK_EQ(hub_counters(stage.hub)->closes[CLOSE_DRAINING], 4);
    client_gone(&waiting);
    client_gone(&plain);
    client_gone(&control);
    client_gone(&late);
    stage_done(&stage);
}

TEST(connection_ids_differ)
{
    struct client clients[3];
    char ids[3][64];

    stage_init(&stage);
    stage_start(&stage);
    for (int i = 0; i < 3; i++) {
        const char *at;

        client_connect(&clients[i], &stage, SESSION_CONTROL);
        client_auth(&clients[i], stage_token_for(&stage, "ann", NULL), NULL);
        at = strstr(client_read(&clients[i]), "\"connection_id\":\"");
        CHECK(at != NULL);
        snprintf(ids[i], sizeof ids[i], "%.26s", at + strlen("\"connection_id\":\""));
        if (i == 1) { /* a slot that is used again has another id, too */
            client_gone(&clients[0]);
        }
    }
    CHECK(strcmp(ids[0], ids[1]) != 0 && strcmp(ids[1], ids[2]) != 0 &&
          strcmp(ids[0], ids[2]) != 0);
    client_gone(&clients[1]);
    client_gone(&clients[2]);
    stage_done(&stage);
}

TEST(a_hub_that_was_used_is_empty_at_its_end)
{
    struct client clients[50];

    stage_init(&stage);
    stage_start(&stage);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 50; i++)
            client_sign_in(&clients[i], &stage, i % 2 ? SESSION_PLAIN : SESSION_CONTROL, "ann",
                           i % 5 ? "\"r\",\"s\"" : "\"admin\"");
        stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
        for (int i = 0; i < 50; i++) {
            if (i % 3)
                CHECK(client_reads_event(&clients[i], stage.past_n));
            client_gone(&clients[i]);
        }
        CHECK_EQ(stage.hub->audience.audiences.count, 0);
        CHECK_EQ(stage.hub->sessions.count, 0);
        CHECK_EQ(stage.hub->users.count, 0);
        CHECK_EQ(stage.hub->authorities.authorities.count, 0);
        CHECK_EQ(stage.hub->behind_count, 0);
    }
    CHECK(stage.hub->pool.bytes <= 4 * (SEGMENT_SIZE + sizeof(struct segment)));
    stage_done(&stage);
}

TEST(a_hub_that_joins_later_begins_at_the_head_of_the_stream)
{
    struct hub_port port = {0};
    struct hub *hub;

    stage_init(&stage);
    stage_start(&stage);
    stage_append(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    CHECK_EQ(hub_new(&hub, 0, &stage.settings, stage.issuers, &port, &stage.random,
                     (struct position){STAGE_EPOCH, 1, stage.past[1].check}, stage.now),
             0);
    stage_append(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    hub_announce(hub, &stage.past[2]);
    CHECK_EQ(hub_counters(hub)->events_announced, 1);
    hub_free(hub);
    stage_done(&stage);
}
