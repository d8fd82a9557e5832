/* SPDX-License-Identifier: Apache-2.0 */
/* redis_plain.c: listens to the channel for programs that only publish there. */
#include "broker/redis_fleet.h"

static void on_message(void *owner, const struct redis_reply *push)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    const struct redis_reply *part = push->elements;

    if (!fleet || push->type != REDIS_ARRAY || push->count != 3 || part[0].type != REDIS_STRING ||
        part[2].type != REDIS_STRING || !bytes_equal(part[0].text, BYTES("message")))
        return;
    /* Every event of the fleet is told here, too; so do our frames begin. */
    if (!bytes_starts_with(part[2].text, BYTES("{\"type\":")))
        fleet->port.on_plain(fleet->port.owner, part[2].text);
}

static void on_subscribed(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);

    (void)tag;
    if (!fleet)
        return;
    if (reply->type == REDIS_ERROR) {
        fleet_fall_for(fleet, reply);
        return;
    }
    fleet->listening = true;
    fleet_look(fleet);
}

void fleet_listen(struct redis_fleet *fleet)
{
    struct bytes args[] = {BYTES("SUBSCRIBE"), fleet->keys.stream};

    redis_link_subscribe_mode(fleet->ends[FLEET_LISTENER].link, on_message);
    fleet_send(fleet, FLEET_LISTENER, args, ARRAY_COUNT(args), FLEET_ANSWER_MS, on_subscribed, 0);
}
