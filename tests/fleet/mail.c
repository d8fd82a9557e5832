/* SPDX-License-Identifier: Apache-2.0 */
/* mail.c: what arrives at an instance's bus thread and at its hubs. */
#include "fleet.h"

bool instance_bus_mail(struct instance *i)
{
    struct mail *mail = mail_take(&i->mail);

    if (!mail)
        return false;
    if (mail->kind == MAIL_DONE)
        broadcast_effect_done(i->broadcast, (unsigned)mail->head.n, mail->serial);
    else
        broadcast_resume(i->broadcast, &mail->request);
    mail_free(mail);
    return true;
}

static int number_of(struct bytes text, char first)
{
    return text.size > 1 && text.data[0] == first ? text.data[1] - '0' : -1;
}

static void effect(struct instance *i, unsigned hub, const struct mail *mail)
{
    const struct fence *fence = &mail->entry.event->fence;
    struct fence_there there = {.tenant = number_of(fence->tenant, 't'),
                                .user = number_of(fence->user, 'u'),
                                .everything = fence->scope == FENCE_EVERYTHING,
                                .not_before_ms = fence->not_before_ms + SKEW_MS};
    struct mail *done;

    if (mail->entry.event->has_fence &&
        (there.everything || bytes_equal(fence->name, BYTES("admin"))))
        truth_fence(&i->fleet->truth, i->index, hub, &there);
    fleet_must(hub_effect(i->hubs[hub], mail->entry.event));
    done = mail_post(&i->mail, MAIL_DONE);
    done->serial = mail->serial;
    done->head.n = hub;
}

static void run(struct instance *i, unsigned hub, const struct mail *mail)
{
    struct truth *t = &i->fleet->truth;
    struct hub_place *place = &i->places[hub];

    fleet_trace(i->fleet, "hub %u.%u: mail %d: %llu alone %llu, head %llu rebase %d", i->index, hub,
                (int)mail->kind, (unsigned long long)mail->entry.n,
                (unsigned long long)mail->entry.alone, (unsigned long long)mail->head.n,
                (int)mail->rebase);
    switch (mail->kind) {
    case MAIL_EFFECT:
        effect(i, hub, mail);
        break;
    case MAIL_ANNOUNCE:
        if (mail->entry.n > 0)
            truth_announced(t, i->index, hub, mail->entry.n, mail->entry.check, place->epoch);
        hub_announce(i->hubs[hub], &mail->entry);
        break;
    case MAIL_FORGET:
        hub_forget_alone(i->hubs[hub], mail->entry.alone);
        break;
    case MAIL_GONE:
        hub_gone(i->hubs[hub], &mail->entry);
        break;
    case MAIL_REBASE:
        truth_rebased(t, i->index, hub, mail->head.epoch, mail->head.n, mail->head.check,
                      mail->rebase == REBASE_FIRST);
        place->epoch = mail->head.epoch;
        hub_rebase(i->hubs[hub], &mail->head, mail->rebase);
        break;
    case MAIL_STATE:
        hub_bus_state(i->hubs[hub], mail->ok ? BUS_OK : BUS_DEGRADED);
        hub_isolate(i->hubs[hub], mail->isolated);
        break;
    default:
        hub_resume_answer(i->hubs[hub], &mail->answer);
        break;
    }
}

void instance_settle_hub(struct instance *i, unsigned hub)
{
    struct fleet *f = i->fleet;

    hub_advance(i->hubs[hub], f->now);
    for (unsigned p = 0; p < PEOPLE; p++)
        if (person_is_at(&f->people[p], i->index, hub))
            person_read(&f->people[p]);
}

bool instance_hub_mail(struct instance *i, unsigned hub)
{
    struct mail *mail = mail_take(&i->places[hub].urgent);

    if (!mail)
        mail = mail_take(&i->places[hub].mail);
    if (!mail)
        return false;
    hub_advance(i->hubs[hub], i->fleet->now);
    instance_settle_hub(i, hub);
    run(i, hub, mail);
    instance_settle_hub(i, hub);
    mail_free(mail);
    return true;
}
