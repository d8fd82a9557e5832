/* SPDX-License-Identifier: Apache-2.0 */
/* test_list.c: who is here is told in bounded pieces, each once, and to its own tenant only. */
#include <limits.h>

#include "stage.h"

static struct stage stage;

static unsigned listed(struct hub_list list, enum hub_listed *ret, char *text, size_t text_size)
{
    struct strbuf out;
    enum hub_listed result;

    strbuf_init(&out, 65536);
    list.out = &out;
    list.bytes_max = 60000;
    while ((result = hub_list(stage.hub, &list)) == HUB_LISTED_SOME)
        ;
    CHECK_EQ(out.error, 0);
    snprintf(text, text_size, "%.*s", (int)out.size, out.data ? out.data : "");
    strbuf_done(&out);
    *ret = result;
    return list.count;
}

static unsigned counted(struct bytes tenant)
{
    struct hub_list list = {.tenant = tenant, .examined_max = 2, .count_max = UINT_MAX};

    while (hub_list(stage.hub, &list) == HUB_LISTED_SOME)
        ;
    return list.count;
}

TEST(sessions_that_are_in_are_listed_and_others_are_not)
{
    struct client ann, bob, stream, waiting;
    enum hub_listed result;
    char text[4096];

    stage_init(&stage);
    stage_start(&stage);
    client_sign_in(&ann, &stage, SESSION_CONTROL, "ann", "\"r\"");
    client_sign_in(&bob, &stage, SESSION_PLAIN, "bob", NULL);
    client_stream(&stream, &stage, stage_token_for(&stage, "cid", NULL), NULL, NULL);
    client_connect(&waiting, &stage, SESSION_CONTROL);
    for (unsigned examined = 1; examined < 6; examined++)
        CHECK_EQ(listed((struct hub_list){.tenant = BYTES(""),
                                          .examined_max = examined,
                                          .count_max = 10},
                        &result, text, sizeof text),
                 3);
    CHECK_EQ(result, HUB_LISTED_ALL);
    CHECK_EQ(counted(BYTES("")), 3);
    CHECK_EQ(counted(BYTES("t")), 0);
    CHECK(strstr(text, "\"user_id\":\"ann\",\"tenant_id\":\"\",\"kind\":\"session\""));
    CHECK(strstr(text, "\"kind\":\"plain\"") && strstr(text, "\"kind\":\"stream\""));
    CHECK(strstr(text, "\"roles\":[\"r\"],\"backlog_bytes\":0}"));
    CHECK_EQ(listed((struct hub_list){.tenant = BYTES("t"), .examined_max = 9, .count_max = 10},
                    &result, text, sizeof text),
             0);
    CHECK_EQ(listed((struct hub_list){.any_tenant = true, .examined_max = 9, .count_max = 10},
                    &result, text, sizeof text),
             3);
    CHECK_EQ(listed((struct hub_list){.any_tenant = true,
                                      .user = BYTES("bob"),
                                      .examined_max = 9,
                                      .count_max = 10},
                    &result, text, sizeof text),
             1);
    CHECK_EQ(listed((struct hub_list){.any_tenant = true, .examined_max = 9, .count_max = 2},
                    &result, text, sizeof text),
             2);
    CHECK_EQ(result, HUB_LISTED_FULL);
    client_gone(&ann);
    client_gone(&bob);
    client_gone(&stream);
    client_gone(&waiting);
    stage_done(&stage);
}

TEST(a_session_is_closed_by_its_handle_and_only_while_it_is_there)
{
    struct client ann;
    slot_handle handle;

    stage_init(&stage);
    stage_start(&stage);
    client_sign_in(&ann, &stage, SESSION_CONTROL, "ann", NULL);
    handle = slab_handle(ann.session);
    hub_close_session(stage.hub, handle, CLOSE_REPLACED);
    CHECK(client_closed(&ann, CLOSE_REPLACED));
    client_gone(&ann);
    hub_close_session(stage.hub, handle, CLOSE_REPLACED);
    stage_done(&stage);
}
