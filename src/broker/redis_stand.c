/* SPDX-License-Identifier: Apache-2.0 */
/* redis_stand.c: where this instance goes on, also when the stream has lost what it had given. */
#include "broker/redis_fleet.h"

/* Entries looked at together. What is lost is mostly the last second. */
#define COMMON_CHUNK "200"

/* What is told again: as much as history holds, of what there still is; but nothing is passed over
 * that may be news here, or an own event come back. */
static uint64_t reload_after(const struct redis_fleet *fleet, enum stand_kind kind,
                             uint64_t common_n)
{
    uint64_t n = fleet->seen_n,
             from = n >= fleet->history_events ? n - fleet->history_events + 1 : 1;

    if (fleet->seen_first_n == 0)
        return n;
    if (kind == STAND_GAP)
        from = 1;
    else if (kind == STAND_LOST_TAIL && common_n < from)
        from = common_n + 1;
    return (fleet->seen_first_n > from ? fleet->seen_first_n : from) - 1;
}

void fleet_stand(struct redis_fleet *fleet, enum stand_kind kind, uint64_t epoch, uint64_t common_n)
{
    struct broker_stand stand = {
        .kind = kind,
        .after = {epoch, fleet->last_n, fleet->last_check},
        .common_n = common_n,
        .upto_n = fleet->seen_n,
    };
    int r;

    if (kind != STAND_SAME)
        stand.after = (struct position){epoch, reload_after(fleet, kind, common_n), 0};
    r = fleet->port.on_stand(fleet->port.owner, &stand);
    if (r < 0) {
        fleet_fall_for_error(fleet, r);
        return;
    }
    fleet->epoch = epoch;
    if (kind != STAND_SAME)
        fleet->has_check = false;
    fleet->last_n = fleet->read_n = stand.after.n;
    fleet->read_part = fleet->hole_upto_n = 0;
    fleet->standing = true;
    fleet->watch_at_ms = fleet->now.mono_ms + FLEET_WATCH_MS;
    fleet_fences_read(fleet);
    fleet_follow(fleet);
    fleet_look(fleet);
}

static void common_ask(struct redis_fleet *fleet, struct bytes upto);

static void on_common(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    char next[FLEET_ID_SIZE + 1] = "("; /* behind the last one of these */
    struct stored_entry entry = {0};
    uint64_t check;

    (void)tag;
    if (!fleet)
        return;
    if (reply->type != REDIS_ARRAY) {
        fleet_fall_for(fleet, reply);
        return;
    }
    for (size_t i = 0; i < reply->count; i++) {
        if (fleet_entry_in(&reply->elements[i], &entry) < 0) {
            fleet_fall_for(fleet, reply);
            return;
        }
        if (entry.part != 0) /* others' */
            continue;
        if (!fleet->port.known(fleet->port.owner, entry.n, &check)) {
            fleet_stand(fleet, STAND_LOST_TAIL, fleet->next_epoch, 0);
            return;
        }
        if (position_check(fleet->epoch, entry.n, entry.fields.tenant, entry.fields.id,
                           entry.stored_by) == check) {
            fleet_stand(fleet, STAND_LOST_TAIL, fleet->next_epoch, entry.n);
            return;
        }
    }
    if (reply->count > 0)
        common_ask(fleet, (struct bytes){next, 1 + fleet_id(next + 1, entry.n, entry.part).size});
    else
        fleet_stand(fleet, STAND_LOST_TAIL, fleet->next_epoch, 0);
}

static void common_ask(struct redis_fleet *fleet, struct bytes upto)
{
    struct bytes args[] = {
        BYTES("XREVRANGE"), fleet->keys.stream, upto,
        BYTES("-"),         BYTES("COUNT"),     BYTES(COMMON_CHUNK),
    };

    fleet_send(fleet, FLEET_COMMAND, args, ARRAY_COUNT(args), FLEET_ANSWER_MS, on_common, 0);
}

/* Finds the greatest number at which the stream has what was given here. */
static void common_find(struct redis_fleet *fleet, uint64_t epoch)
{
    uint64_t upto_n = fleet->seen_n < fleet->last_n ? fleet->seen_n : fleet->last_n;
    char upto[FLEET_NUMBER_SIZE];

    fleet->next_epoch = epoch;
    if (upto_n == 0 || fleet->seen_first_n == 0 || upto_n < fleet->seen_first_n)
        fleet_stand(fleet, STAND_LOST_TAIL, epoch, 0);
    else
        common_ask(fleet, fleet_number(upto, upto_n));
}

static void on_epoch_begun(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    uint64_t epoch;

    (void)tag;
    if (!fleet)
        return;
    if (reply->type != REDIS_STRING || fleet_epoch_read(reply->text, &epoch) < 0)
        fleet_fall_for(fleet, reply);
    else
        common_find(fleet, epoch);
}

/* Positions of what was lost must not fit what comes in its place: so another epoch begins. Whoever
 * notices first begins it; the others find it begun. */
void fleet_stand_lost(struct redis_fleet *fleet, uint64_t epoch)
{
    char old[FLEET_EPOCH_SIZE], new[FLEET_EPOCH_SIZE];
    uint64_t candidate;

    if (epoch != fleet->epoch) {
        common_find(fleet, epoch);
        return;
    }
    fleet->random->fill(fleet->random->owner, &candidate, sizeof candidate);
    struct bytes args[] = {
        BYTES("EVALSHA"),
        redis_scripts[REDIS_SCRIPT_EPOCH].sha1,
        BYTES("1"),
        fleet->keys.epoch,
        fleet_epoch_text(old, fleet->epoch),
        fleet_epoch_text(new, candidate | 1),
    };
    fleet_send(fleet, FLEET_COMMAND, args, ARRAY_COUNT(args), FLEET_ANSWER_MS, on_epoch_begun, 0);
}

static void on_epoch(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    const struct redis_reply *part = reply->elements;
    uint64_t epoch;

    if (!fleet)
        return;
    fleet->watching = false;
    fleet->round_trip_ms = (int64_t)((clock_mono_ns() - tag) / 1000000);
    if (reply->type != REDIS_ARRAY || reply->count != 2)
        fleet_fall_for(fleet, reply);
    else if (part[0].type != REDIS_STRING || fleet_epoch_read(part[0].text, &epoch) < 0)
        fleet_fall(fleet, BYTES("the stream is gone"));
    else if (epoch != fleet->epoch)
        fleet_fall(fleet, BYTES("the stream has begun another epoch"));
    else
        fleet_fences_version(fleet, &part[1]);
}

/* An empty stream looks like a quiet one to who waits for its next entry. */
void fleet_watch_epoch(struct redis_fleet *fleet)
{
    struct bytes args[] = {BYTES("HMGET"), fleet->keys.epoch, BYTES("epoch"), BYTES("fences")};

    fleet->watching = true;
    fleet_send(fleet, FLEET_COMMAND, args, ARRAY_COUNT(args), fleet_patience_ms(fleet), on_epoch,
               clock_mono_ns());
}
