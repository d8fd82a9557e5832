/* SPDX-License-Identifier: Apache-2.0 */
/* roster.c: passes a note from hub to hub, each of which writes down whom it serves. */
#include "node/roster.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

static struct roster *roster_of(struct note *note)
{
    return container_of(note, struct roster, note);
}

int roster_new(struct roster **ret, struct bytes tenant, struct bytes user)
{
    struct roster *roster = calloc(1, sizeof *roster + tenant.size + user.size);

    if (!roster)
        return MCP_AUTH_E_NOMEM;
    if (tenant.size > 0)
        memcpy(roster->text, tenant.data, tenant.size);
    if (user.size > 0)
        memcpy(roster->text + tenant.size, user.data, user.size);
    roster->any_tenant = !bytes_present(tenant);
    roster->tenant = (struct bytes){roster->text, tenant.size};
    if (bytes_present(user))
        roster->user = (struct bytes){roster->text + tenant.size, user.size};
    strbuf_init(&roster->json, ROSTER_PAGE_BYTES_MAX + ROSTER_ITEM_BYTES_MAX);
    *ret = roster;
    return 0;
}

void roster_free(struct roster *roster)
{
    if (!roster)
        return;
    strbuf_done(&roster->json);
    free(roster);
}

static void answer_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct roster *roster = roster_of(note);

    roster->done(roster, roster->owner);
}

static void answer(struct roster *roster, bool has_next)
{
    roster->has_next = has_next;
    roster->note.run = answer_in_hub;
    mailbox_put(roster->node->hubs[roster->hub].mailbox, &roster->note);
}

static void gather(struct note *note, void *context __attribute__((unused)))
{
    struct roster *roster = roster_of(note);
    struct node *node = roster->node;
    struct hub_list list = {
        .any_tenant = roster->any_tenant,
        .tenant = roster->tenant,
        .user = roster->user,
        .place = roster->at_place,
        .examined_max = ROSTER_SLICE,
        .count_max = roster->only_count ? UINT_MAX : roster->limit - roster->count,
        .bytes_max = ROSTER_PAGE_BYTES_MAX,
        .out = roster->only_count ? NULL : &roster->json,
    };
    enum hub_listed listed = hub_list(node->hubs[roster->at_hub].hub, &list);

    roster->count += list.count;
    roster->others |= hub_met_other_tenant(node->hubs[roster->at_hub].hub, roster->tenant);
    roster->at_place = list.place;
    if (listed == HUB_LISTED_FULL || roster->json.error) {
        answer(roster, true);
        return;
    }
    if (listed == HUB_LISTED_ALL) {
        roster->at_hub++;
        roster->at_place = 0;
    }
    node_roster(node, roster);
}

void node_roster(struct node *node, struct roster *roster)
{
    assert(roster->only_count || roster->limit > 0);
    roster->node = node;
    if (roster->at_hub >= node->hubs_count) {
        answer(roster, false);
        return;
    }
    roster->note.run = gather;
    mailbox_put(node->hubs[roster->at_hub].mailbox, &roster->note);
}
