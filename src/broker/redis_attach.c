/* SPDX-License-Identifier: Apache-2.0 */
/* redis_attach.c: takes hold of the stream on a new connection, and judges where we stand in it. */
#include "base/log.h"
#include "broker/redis_fleet.h"

struct attached {
    uint64_t epoch, n, first_n, removed;
    bool has_id; /* what is stored at our last number */
    struct bytes id, tenant, stored_by;
};

static bool attached_read(const struct redis_reply *reply, struct attached *ret)
{
    const struct redis_reply *part = reply->elements;

    if (reply->type != REDIS_ARRAY || (reply->count != 4 && reply->count != 7) ||
        part[0].type != REDIS_STRING || fleet_epoch_read(part[0].text, &ret->epoch) < 0)
        return false;
    for (unsigned i = 1; i < 4; i++)
        if (part[i].type != REDIS_INTEGER || part[i].integer < 0)
            return false;
    ret->n = (uint64_t)part[1].integer;
    ret->first_n = (uint64_t)part[2].integer;
    ret->removed = (uint64_t)part[3].integer;
    ret->has_id = reply->count == 7;
    if (ret->has_id) {
        for (unsigned i = 4; i < 7; i++)
            if (part[i].type != REDIS_STRING)
                return false;
        ret->id = part[4].text;
        ret->tenant = part[5].text;
        ret->stored_by = part[6].text;
    }
    return ret->first_n <= ret->n;
}

static enum stand_kind judge(const struct redis_fleet *fleet, const struct attached *attached)
{
    if (fleet->epoch == 0)
        return STAND_FIRST;
    if (attached->epoch != fleet->epoch || attached->n < fleet->last_n)
        return STAND_LOST_TAIL;
    if (attached->has_id && fleet->has_check &&
        position_check(fleet->epoch, fleet->last_n, attached->tenant, attached->id,
                       attached->stored_by) != fleet->last_check)
        return STAND_LOST_TAIL;
    if (attached->first_n == 0)
        return attached->n == fleet->last_n ? STAND_SAME : STAND_GAP;
    return attached->first_n > fleet->last_n + 1 ? STAND_GAP : STAND_SAME;
}

static void on_attached(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    struct attached attached = {0};
    enum stand_kind kind;

    (void)tag;
    if (!fleet)
        return;
    if (!attached_read(reply, &attached)) {
        /* What repeating will not mend, and nobody else tells the operator. */
        if (reply->type == REDIS_ERROR && bytes_starts_with(reply->text, BYTES("SHARDS")))
            log_write(LOG_ERROR, "the stream in Redis is not one of this version",
                      LOG_TEXT("reason", reply->text));
        fleet_fall_for(fleet, reply);
        return;
    }
    if (attached.removed > 0)
        log_write(LOG_WARNING, "removed entries that others had put behind the stream's end",
                  LOG_INT("entries", (long long)attached.removed));
    fleet->seen_n = attached.n;
    fleet->seen_first_n = attached.first_n;
    kind = judge(fleet, &attached);
    if (kind == STAND_LOST_TAIL)
        fleet_stand_lost(fleet, attached.epoch);
    else
        fleet_stand(fleet, kind, attached.epoch, 0);
}

static void on_loaded(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);

    if (fleet &&
        (reply->type != REDIS_STRING || !bytes_equal(reply->text, redis_scripts[tag].sha1)))
        fleet_fall_for(fleet, reply);
}

/* The scripts are loaded anew each time: a server that was restarted has none, and one that has them
 * keeps them once. */
void fleet_attach(struct redis_fleet *fleet)
{
    char epoch[FLEET_EPOCH_SIZE], last[FLEET_NUMBER_SIZE], generation[FLEET_NUMBER_SIZE];
    char *at = fleet->stored_by;
    uint64_t candidate;

    fleet->generation++;
    bytes_copy(&at, fleet->keys.instance);
    *at++ = ':';
    at += fleet_number(at, fleet->generation).size;
    fleet->stored_by_size = (size_t)(at - fleet->stored_by);
    for (unsigned i = 0; i < REDIS_SCRIPTS; i++) {
        struct bytes load[] = {BYTES("SCRIPT"), BYTES("LOAD"), redis_scripts[i].text};

        fleet_send(fleet, FLEET_COMMAND, load, ARRAY_COUNT(load), FLEET_ANSWER_MS, on_loaded, i);
    }
    fleet->random->fill(fleet->random->owner, &candidate, sizeof candidate);
    struct bytes attach[] = {
        BYTES("EVALSHA"),
        redis_scripts[REDIS_SCRIPT_ATTACH].sha1,
        BYTES("3"),
        fleet->keys.stream,
        fleet->keys.epoch,
        fleet->keys.writer,
        fleet_epoch_text(epoch, candidate | 1), /* never 0 */
        BYTES(FLEET_SHARDS),
        fleet_number(last, fleet->epoch ? fleet->last_n : 0),
        fleet_number(generation, fleet->generation),
        BYTES(FLEET_WRITER_MS),
    };
    fleet_send(fleet, FLEET_COMMAND, attach, ARRAY_COUNT(attach), FLEET_ANSWER_MS, on_attached, 0);
}
