/* SPDX-License-Identifier: Apache-2.0 */
/* instance.c: one instance as node/ puts it together, with mailboxes that the dice empty. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "wire/event_stored.h"

/* What broadcast tells the hubs. */

static struct mail *tell(struct instance *i, unsigned hub, int kind, const struct entry *entry)
{
    struct mail *mail = mail_post(&i->places[hub].mail, kind);

    if (entry) {
        mail->entry = *entry;
        if (entry->event)
            event_ref(entry->event);
    }
    return mail;
}

static void on_effect(void *owner, unsigned hub, const struct entry *entry, uint64_t serial,
                      bool urgent)
{
    struct instance *i = owner;
    struct hub_place *place = &i->places[hub];
    struct mail *mail = mail_post(urgent ? &place->urgent : &place->mail, MAIL_EFFECT);

    mail->entry = *entry;
    event_ref(entry->event);
    mail->serial = serial;
}

static void on_announce(void *owner, unsigned hub, const struct entry *entry)
{
    stats.alone += entry->n == 0;
    stats.returned += entry->n > 0 && entry->alone > 0;
    tell(owner, hub, MAIL_ANNOUNCE, entry);
}

static void on_forget(void *owner, unsigned hub, uint64_t alone)
{
    tell(owner, hub, MAIL_FORGET, NULL)->entry.alone = alone;
}

static void on_gone(void *owner, unsigned hub, const struct entry *entry)
{
    tell(owner, hub, MAIL_GONE, entry);
}

static void on_rebase(void *owner, unsigned hub, const struct position *head,
                      enum rebase_kind rebase)
{
    struct mail *mail = tell(owner, hub, MAIL_REBASE, NULL);

    mail->head = *head;
    mail->rebase = rebase;
}

static void on_resumed(void *owner, unsigned hub, const struct resume_answer *answer)
{
    mail_set_answer(tell(owner, hub, MAIL_ANSWER, NULL), answer);
    stats.resumed_ahead += answer->outcome == RESUME_AHEAD;
}

static void on_announced(void *owner, const struct entry *entry __attribute__((unused)))
{
    degraded_announced(((struct instance *)owner)->degraded);
}

/* What the broker tells the bus thread. */

static void forget_fences_there(struct instance *i)
{
    fence_table_done(&i->fences_there);
    fence_table_init(&i->fences_there, i->seed);
}

static void add_fence(struct instance *i, const struct fence *fence)
{
    fleet_must(fence_table_add(&i->fences, fence));
}

static void withdrawn(void *owner, const struct fence *fence)
{
    add_fence(owner, fence);
}

static void on_answer(void *owner, const struct batch_answer *answer)
{
    struct instance *i = owner;

    for (unsigned k = 0; k < answer->count; k++)
        if (answer->answers[k].at.n > i->told_n)
            i->told_n = answer->answers[k].at.n;
    degraded_answered(i->degraded, answer, i->fleet->now);
}

static int on_stand(void *owner, const struct broker_stand *stand)
{
    struct instance *i = owner;

    forget_fences_there(i);
    i->told_n = stand->upto_n;
    return follow_stand(&i->follow, stand);
}

static int on_entry(void *owner, const struct entry *entry)
{
    struct instance *i = owner;

    fleet_must(follow_entry(&i->follow, entry, i->fleet->now));
    if (entry->event->has_fence)
        add_fence(i, &entry->event->fence);
    if (entry->n > i->told_n)
        i->told_n = entry->n;
    return 0;
}

static int on_fence(void *owner, const struct fence *fence)
{
    struct instance *i = owner;
    struct event *event;

    fleet_must(fence_table_add(&i->fences_there, fence));
    if (fence_table_holds(&i->fences, fence))
        return 0;
    fleet_must(event_new_fence(&event, fence));
    add_fence(i, fence);
    broadcast_enforce(i->broadcast, event);
    event_unref(event);
    return 0;
}

static void on_fences_end(void *owner)
{
    struct instance *i = owner;
    struct fence lacking[256];
    const struct fence *fences;
    size_t cursor = 0, count = 0;
    unsigned fences_count;

    while ((fences = fence_table_next(&i->fences, &cursor, &fences_count)))
        for (unsigned k = 0; k < fences_count && count < ARRAY_COUNT(lacking); k++)
            if (!fence_table_holds(&i->fences_there, &fences[k]))
                lacking[count++] = fences[k];
    if (count > 0)
        broker_write_fences(&i->broker->broker, lacking, count);
    forget_fences_there(i);
}

static void on_ready(void *owner)
{
    struct instance *i = owner;

    degraded_ready(i->degraded, i->fleet->now);
}

static void on_away(void *owner, struct bytes why)
{
    struct instance *i = owner;

    degraded_away(i->degraded, why, i->fleet->now);
}

static bool known(void *owner, uint64_t n, uint64_t *ret_check)
{
    return follow_known(&((struct instance *)owner)->follow, n, ret_check);
}

static struct event *own(void *owner, struct bytes tenant, struct bytes id)
{
    return degraded_own(((struct instance *)owner)->degraded, tenant, id);
}

static int make(void *owner __attribute__((unused)), const struct stored_fields *fields,
                struct event **ret)
{
    return event_stored_in(ret, fields, &policy_default);
}

static void fields(void *owner __attribute__((unused)), const struct event *event,
                   struct stored_fields *ret)
{
    event_stored_out(event, ret);
}

/* What degraded tells. */

static int reserve(void *owner, size_t count)
{
    return broadcast_reserve(((struct instance *)owner)->broadcast, count);
}

static void tell_state(struct instance *i)
{
    for (unsigned h = 0; h < i->hubs_count; h++) {
        struct mail *mail = mail_post(&i->places[h].mail, MAIL_STATE);

        mail->ok = i->ok;
        mail->isolated = i->isolated;
    }
}

static void on_changed(void *owner, const struct degraded_change *change)
{
    struct instance *i = owner;

    i->ok = change->ok;
    stats.outages += !change->ok;
    tell_state(i);
}

static void on_isolate(void *owner, bool isolated)
{
    struct instance *i = owner;

    i->isolated = isolated;
    stats.isolations += isolated;
    tell_state(i);
}

static void on_refused(void *owner, const struct event *event)
{
    struct instance *i = owner;

    truth_fail(&i->fleet->truth, "instance %u hears that %.*s is refused", i->index,
               (int)event->id.size, event->id.data);
}

/* What a hub asks. */

static bool on_resume(void *owner, const struct resume_request *request)
{
    struct hub_place *place = owner;

    mail_set_request(mail_post(&place->instance->mail, MAIL_ASK), request);
    return true;
}

static uint64_t stream_n(void *owner)
{
    return ((struct hub_place *)owner)->instance->told_n;
}

static bool on_admit(void *owner __attribute__((unused)))
{
    return true;
}

static void on_leave(void *owner __attribute__((unused)))
{
}

static void hubs_start(struct instance *i)
{
    struct fleet *f = i->fleet;

    for (unsigned h = 0; h < i->hubs_count; h++) {
        struct hub_port port = {.resume = on_resume,
                                .admit = on_admit,
                                .leave = on_leave,
                                .stream_n = stream_n,
                                .owner = &i->places[h]};

        i->places[h] = (struct hub_place){.instance = i, .hub = h};
        list_init(&i->places[h].urgent);
        list_init(&i->places[h].mail);
        fleet_must(hub_new(&i->hubs[h], h, &f->settings, f->issuers, &port, &f->random,
                           history_head(i->history), f->now));
        hub_bus_state(i->hubs[h], BUS_DEGRADED);
    }
}

static void bus_start(struct instance *i)
{
    static const struct broker_port broker_port = {.on_answer = on_answer,
                                                   .on_stand = on_stand,
                                                   .on_entry = on_entry,
                                                   .on_fence = on_fence,
                                                   .on_fences_end = on_fences_end,
                                                   .on_ready = on_ready,
                                                   .on_away = on_away,
                                                   .known = known,
                                                   .own = own,
                                                   .make = make,
                                                   .fields = fields};
    struct fleet *f = i->fleet;
    struct broker_port port = broker_port;
    struct degraded_settings settings = {.deadline_ms = f->deadline_ms,
                                         .isolation_ms = f->isolation_ms,
                                         .dedupe_ms = (int64_t)1 << 40,
                                         .bytes_max = 1 << 26};
    struct degraded_port degraded_port = {.reserve = reserve,
                                          .withdrawn = withdrawn,
                                          .answered = publish_answered,
                                          .changed = on_changed,
                                          .isolate = on_isolate,
                                          .refused = on_refused,
                                          .owner = i};

    port.owner = i;
    memcpy(settings.seed, i->seed, sizeof settings.seed);
    i->broker = broker_sim_new(f, i->index, &port);
    fleet_must(degraded_new(&i->degraded, &settings, i->broadcast, &degraded_port));
    degraded_use(i->degraded, &i->broker->broker, f->now);
    i->follow = (struct follow){.broadcast = i->broadcast,
                                .degraded = i->degraded,
                                .reserve = reserve,
                                .owner = i,
                                .started_wall_ms = f->now.wall_ms};
}

void instance_start(struct fleet *f, unsigned index)
{
    struct instance *i = calloc(1, sizeof *i);
    struct broadcast_port port = {.effect = on_effect,
                                  .announce = on_announce,
                                  .forget_alone = on_forget,
                                  .gone = on_gone,
                                  .rebase = on_rebase,
                                  .answer = on_resumed,
                                  .announced = on_announced,
                                  .owner = i};
    struct history_limits limits = {f->history_events, 1 << 30, (int64_t)1 << 50};

    if (!i)
        abort();
    i->fleet = f;
    i->index = index;
    i->hubs_count = 1 + dice_below(&f->dice, HUBS_MAX);
    f->random.fill(f->random.owner, i->seed, sizeof i->seed);
    list_init(&i->mail);
    fence_table_init(&i->fences, i->seed);
    fence_table_init(&i->fences_there, i->seed);
    fleet_must(history_new(&i->history, 0, &limits, i->seed));
    fleet_must(broadcast_new(&i->broadcast, i->hubs_count, i->history, &port));
    hubs_start(i);
    bus_start(i);
    f->instances[index] = i;
    truth_restarted(&f->truth, index);
}

void instance_stop(struct instance *i)
{
    struct fleet *f = i->fleet;

    for (unsigned p = 0; p < PEOPLE; p++)
        if (f->people[p].session && f->truth.people[p].instance == i->index)
            person_leave(&f->people[p]);
    redis_forget(f, i->index);
    for (unsigned h = 0; h < i->hubs_count; h++) {
        mail_drop(&i->places[h].urgent);
        mail_drop(&i->places[h].mail);
    }
    mail_drop(&i->mail);
    broadcast_free(i->broadcast);
    degraded_free(i->degraded);
    broker_free(&i->broker->broker);
    for (unsigned h = 0; h < i->hubs_count; h++)
        hub_free(i->hubs[h]);
    history_free(i->history);
    fence_table_done(&i->fences);
    fence_table_done(&i->fences_there);
    f->instances[i->index] = NULL;
    free(i);
}

void instance_advance(struct instance *i)
{
    degraded_advance(i->degraded, i->fleet->now);
    history_expire(i->history, i->fleet->now.wall_ms);
}
