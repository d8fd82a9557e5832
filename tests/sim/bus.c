/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c: the bus thread's side of the simulation: first-in first-out mailboxes, emptied at whim. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

static struct mail *post(struct mailbox *box, int kind)
{
    struct mail *mail = calloc(1, sizeof *mail);

    if (!mail)
        abort();
    mail->kind = kind;
    if (!box->first)
        box->end = &box->first;
    *box->end = mail;
    box->end = &mail->next;
    box->count++;
    return mail;
}

static struct mail *take(struct mailbox *box)
{
    struct mail *mail = box->first;

    if (!mail)
        return NULL;
    box->first = mail->next;
    box->count--;
    return mail;
}

static void mail_free(struct mail *mail)
{
    event_unref(mail->entry.event);
    for (unsigned i = 0; i < mail->answer.entries_count; i++)
        event_unref(mail->answer.entries[i].event);
    free((void *)(uintptr_t)mail->answer.entries);
    free((void *)(uintptr_t)mail->request.keys);
    free(mail->keys_text);
    free(mail);
}

void world_drop_mail(struct world *w)
{
    struct mail *mail;

    for (unsigned h = 0; h < w->config.hubs; h++) {
        while ((mail = take(&w->to_hub[h])))
            mail_free(mail);
        while ((mail = take(&w->to_bus[h])))
            mail_free(mail);
    }
}

static void on_effect(void *owner, unsigned hub, const struct entry *entry, uint64_t serial,
                      bool urgent)
{
    (void)urgent; /* one queue for all, in order */
    struct world *w = owner;
    struct mail *mail = post(&w->to_hub[hub], MAIL_EFFECT);

    mail->entry = *entry;
    mail->serial = serial;
    event_ref(entry->event);
}

static void on_announce(void *owner, unsigned hub, const struct entry *entry)
{
    struct world *w = owner;
    struct mail *mail = post(&w->to_hub[hub], MAIL_ANNOUNCE);

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
    struct mail *mail = post(&w->to_hub[hub], MAIL_ANSWER);
    struct client *c = &w->clients[question->client];
    bool slice = answer->outcome == RESUME_SLICE;

    mail->answer = *answer;
    mail->answer.entries = calloc(answer->entries_count + 1, sizeof *answer->entries);
    if (!mail->answer.entries)
        abort();
    if (answer->entries_count > 0)
        memcpy((void *)(uintptr_t)mail->answer.entries, answer->entries,
               answer->entries_count * sizeof *answer->entries);
    for (unsigned i = 0; i < answer->entries_count; i++)
        event_ref(answer->entries[i].event);
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

static void copy_keys(struct mail *mail, const struct resume_request *request)
{
    struct bytes *keys = calloc(request->keys_count + 1, sizeof *keys);
    size_t size = 0, at = 0;

    for (unsigned i = 0; i < request->keys_count; i++)
        size += request->keys[i].size;
    mail->keys_text = malloc(size + 1);
    if (!keys || !mail->keys_text)
        abort();
    for (unsigned i = 0; i < request->keys_count; i++) {
        memcpy(mail->keys_text + at, request->keys[i].data, request->keys[i].size);
        keys[i] = (struct bytes){mail->keys_text + at, request->keys[i].size};
        at += request->keys[i].size;
    }
    mail->request.keys = keys;
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
    mail = post(&w->to_bus[hub->index], MAIL_ASK);
    mail->request = *request;
    stats.second_slices += !request->first;
    mail->client = c->index;
    mail->client_life = c->life;
    copy_keys(mail, request);
    return true;
}

bool world_deliver_to_bus(struct world *w, unsigned hub)
{
    struct mail *mail = take(&w->to_bus[hub]);

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
    struct mail *mail = take(&w->to_hub[hub]);

    if (!mail)
        return false;
    world_begin_turn(w, hub);
    switch (mail->kind) {
    case MAIL_EFFECT:
        if (hub_effect(w->hubs[hub], mail->entry.event) < 0)
            world_fail(w, "an effect was not stored");
        oracle_effect(w->oracle, hub, mail->entry.n);
        post(&w->to_bus[hub], MAIL_DONE)->serial = mail->serial;
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
