/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c: the bus thread's side of the simulation: its mail is delivered at whim. */
#include "world.h"

/* Here one queue has all of it, in order. */
static void on_effect(void *owner, unsigned hub, const struct entry *entry, uint64_t serial,
                      bool urgent __attribute__((unused)))
{
    struct world *w = owner;
    struct mail *mail = mail_post(&w->to_hub[hub], MAIL_EFFECT);

    mail->entry = *entry;
    mail->serial = serial;
    event_ref(entry->event);
}

static void on_announce(void *owner, unsigned hub, const struct entry *entry)
{
    struct world *w = owner;
    struct mail *mail = mail_post(&w->to_hub[hub], MAIL_ANNOUNCE);

    mail->entry = *entry;
    event_ref(entry->event);
}

static void on_announced(void *owner, const struct entry *entry)
{
    struct world *w = owner;

    oracle_bus_announced(w->oracle, entry->n);
    if (entry->n > w->config.history_events)
        stats.evictions++;
}

static void on_answer(void *owner, unsigned hub, const struct resume_answer *answer)
{
    struct world *w = owner;
    const struct mail *question = w->asking;
    struct mail *mail = mail_post(&w->to_hub[hub], MAIL_ANSWER);
    struct client *c = &w->clients[question->client];
    bool slice = answer->outcome == RESUME_SLICE;

    mail_set_answer(mail, answer);
    mail->client = question->client;
    mail->client_life = question->client_life;
    if (question->client_life == c->life)
        oracle_bus_answered(w->oracle, c->index,
                            question->request.first ? c->asked_check_good : true,
                            question->request.from.n, slice ? PLAIN_SLICE : PLAIN_LOST,
                            answer->upto.n);
    stats.slices += slice;
    stats.resumes_ahead += answer->outcome == RESUME_AHEAD;
    w->asking = NULL;
}

/* One bus that is never away: nothing is delivered alone, and nothing is lost. */
static void on_forget_alone(void *owner, unsigned hub, uint64_t alone)
{
    world_fail(owner, "hub %u is to forget %llu, which nobody had", hub, (unsigned long long)alone);
}

static void on_gone(void *owner, unsigned hub, const struct entry *entry)
{
    world_fail(owner, "hub %u hears that %llu is gone", hub, (unsigned long long)entry->n);
}

static void on_rebase(void *owner, unsigned hub, const struct position *head,
                      enum rebase_kind kind __attribute__((unused)))
{
    world_fail(owner, "hub %u is to go on at %llu", hub, (unsigned long long)head->n);
}

static void on_answer_of_broker(void *owner, const struct batch_answer *answer)
{
    struct world *w = owner;

    if (answer->ticket != w->plains_count)
        world_fail(w, "an answer for ticket %llu", (unsigned long long)answer->ticket);
    w->batch_result = answer->result;
    if (answer->result == BATCH_TAKEN)
        w->outcome = answer->answers[0];
    w->outcomes++;
}

static int on_entry(void *owner, const struct entry *entry)
{
    struct world *w = owner;

    if (w->outcomes != 1 || w->batch_result != BATCH_TAKEN || w->outcome.at.n != entry->n)
        world_fail(w, "entry %llu came before its outcome", (unsigned long long)entry->n);
    oracle_entry(w->oracle, entry->n, w->publishing);
    if (broadcast_waiting(w->broadcast) > 0)
        stats.waiting_behind_effects++;
    if (broadcast_reserve(w->broadcast, 1) < 0)
        abort();
    broadcast_entry(w->broadcast, entry);
    return 0;
}

void world_bus_ports(struct broadcast_port *broadcast, struct broker_port *broker, struct world *w)
{
    *broadcast = (struct broadcast_port){.effect = on_effect,
                                         .announce = on_announce,
                                         .forget_alone = on_forget_alone,
                                         .gone = on_gone,
                                         .rebase = on_rebase,
                                         .answer = on_answer,
                                         .announced = on_announced,
                                         .owner = w};
    *broker =
        (struct broker_port){.on_answer = on_answer_of_broker, .on_entry = on_entry, .owner = w};
}

/* Which client a hub's question is about: the first one comes from within that client's own call,
 * and tells its handle. */
static struct client *asker(struct world *w, unsigned hub, slot_handle handle)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (w->clients[i].session && w->clients[i].hub == hub && w->clients[i].handle == handle)
            return &w->clients[i];
    if (w->current && w->current->handle == 0) {
        w->current->handle = handle;
        return w->current;
    }
    return NULL;
}

bool world_ask(void *owner, const struct resume_request *request)
{
    const struct hub_owner *hub = owner;
    struct world *w = hub->world;
    struct client *c = asker(w, hub->index, request->session);
    struct mail *mail;

    if (!c || request->hub_index != hub->index || w->asks_count == ASKS_MAX) {
        world_fail(w, "hub %u asks for nobody that is known", hub->index);
        return false;
    }
    w->asks[w->asks_count++] =
        (struct ask){c->index, request->serial, request->first, request->from.n};
    mail = mail_post(&w->to_bus[hub->index], MAIL_ASK);
    mail_set_request(mail, request);
    stats.second_slices += !request->first;
    mail->client = c->index;
    mail->client_life = c->life;
    return true;
}

bool world_deliver_to_bus(struct world *w, unsigned hub)
{
    struct mail *mail = mail_take(&w->to_bus[hub]);

    if (!mail)
        return false;
    if (mail->kind == MAIL_DONE) {
        broadcast_effect_done(w->broadcast, hub, mail->serial);
    } else {
        w->asking = mail;
        broadcast_resume(w->broadcast, &mail->request);
        if (w->asking)
            world_fail(w, "a question was not answered at once");
    }
    mail_free(mail);
    return true;
}

static void take_answer(struct world *w, unsigned hub, const struct mail *mail)
{
    const struct client *c = &w->clients[mail->client];

    hub_resume_answer(w->hubs[hub], &mail->answer);
    if (c->life == mail->client_life && c->session)
        oracle_answer(w->oracle, mail->client, mail->answer.serial,
                      mail->answer.outcome == RESUME_SLICE ? PLAIN_SLICE : PLAIN_LOST,
                      mail->answer.upto.n);
    else
        stats.late_answers++;
}

bool world_deliver_to_hub(struct world *w, unsigned hub)
{
    struct mail *mail = mail_take(&w->to_hub[hub]);

    if (!mail)
        return false;
    world_begin_turn(w, hub);
    switch (mail->kind) {
    case MAIL_EFFECT:
        if (hub_effect(w->hubs[hub], mail->entry.event) < 0)
            world_fail(w, "an effect was not stored");
        oracle_effect(w->oracle, hub, mail->entry.n);
        mail_post(&w->to_bus[hub], MAIL_DONE)->serial = mail->serial;
        stats.effects++;
        break;
    case MAIL_ANNOUNCE:
        hub_announce(w->hubs[hub], &mail->entry);
        oracle_announce(w->oracle, hub, mail->entry.n);
        break;
    default:
        take_answer(w, hub, mail);
        break;
    }
    world_end_turn(w, hub);
    mail_free(mail);
    return true;
}
