/* SPDX-License-Identifier: Apache-2.0 */
/* test_tenants.c: a hub knows whether its counters are of one tenant, however it met the others. */
#include "stage.h"

static struct stage stage;

static bool met_other(const char *tenant)
{
    return hub_met_other_tenant(stage.hub, bytes_of(tenant));
}

static enum auth_result ask(const char *claims)
{
    struct identity *identity = NULL;
    const char *why;
    enum auth_result result =
        hub_authenticate(stage.hub, bytes_of(stage_token(&stage, claims)), &identity, &why);

    identity_unref(identity);
    return result;
}

TEST(a_hub_that_met_one_tenant_has_met_another_for_everybody_else)
{
    struct client ann;

    stage_init(&stage);
    stage_start(&stage);
    CHECK(!met_other("") && !met_other("t"));
    client_sign_in(&ann, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(!met_other("") && met_other("t"));
    client_gone(&ann);
    CHECK(!met_other("") && met_other("t")); /* the counters do not go back */
    stage_done(&stage);
}

TEST(a_token_that_is_accepted_makes_a_tenant_met_and_one_that_is_not_does_not)
{
    stage_init(&stage);
    stage_start(&stage);
    CHECK_EQ(ask("\"sub\":\"a\",\"tenant_id\":\"t\""), AUTH_OK);
    CHECK_EQ(ask("\"sub\":\"a\",\"tenant_id\":\"tt\",\"exp\":1"), AUTH_EXPIRED);
    CHECK(!met_other("t") && met_other("tt"));
    CHECK_EQ(ask("\"sub\":\"a\",\"tenant_id\":\"tt\""), AUTH_OK);
    CHECK(met_other("t") && met_other("tt"));
    stage_done(&stage);
}

TEST(an_event_makes_its_tenant_met_by_its_effect_and_by_its_announcement)
{
    uint64_t n;

    stage_init(&stage);
    stage_start(&stage);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .tenant = "t", .user = "a"});
    CHECK(!met_other("t"));
    n = stage_append(&stage,
                     (struct sample){.type = EVENT_USER_DELETED, .tenant = "u", .user = "a"});
    stage_effect(&stage, n);
    CHECK(met_other("t") && met_other("u"));
    stage_announce(&stage, n);
    stage_done(&stage);
}
