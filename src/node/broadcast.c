/* SPDX-License-Identifier: Apache-2.0 */
/* broadcast.c: an entry of the stream to every hub: first what it takes away, then the news. */
#include "node/broadcast.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "mcp_auth/error.h"

enum turn_kind {
    TURN_ENTRY,
    TURN_ALONE,
    TURN_FORGET_ALONE,
    TURN_GONE,
    TURN_RESET,
    TURN_PAST,
    TURN_REBASE,
};

/* `unanswered` counts hubs that have not applied its effect; one without an effect has nothing to
 * wait for but its turn. */
struct turn {
    struct list in_order;
    enum turn_kind kind;
    struct entry entry;
    struct position head; /* RESET, REBASE */
    enum rebase_kind rebase;
    uint64_t serial; /* of its effect */
    unsigned unanswered;
    bool effect_waits; /* to be asked for when this is the first */
};

#define SPARES_KEPT 16u

struct broadcast {
    unsigned hubs_count;
    struct history *history;
    struct broadcast_port port;
    struct list turns, spare;
    size_t turns_count, spare_count;
    uint64_t last_n, last_alone; /* that were given */
    uint64_t effects;            /* the serial of the last one */
    bool resetting;              /* the history is on its way to where the hubs will go on */
};

int broadcast_new(struct broadcast **ret, unsigned hubs_count, struct history *history,
                  const struct broadcast_port *port)
{
    struct broadcast *b = calloc(1, sizeof *b);

    if (!b)
        return MCP_AUTH_E_NOMEM;
    b->hubs_count = hubs_count;
    b->history = history;
    b->port = *port;
    list_init(&b->turns);
    list_init(&b->spare);
    b->last_n = history_head(history).n;
    *ret = b;
    return 0;
}

static void turn_free(struct broadcast *b, struct turn *turn)
{
    list_unlink(&turn->in_order);
    b->turns_count--;
    event_unref(turn->entry.event);
    if (b->spare_count < SPARES_KEPT) {
        list_append(&b->spare, &turn->in_order);
        b->spare_count++;
    } else {
        free(turn);
    }
}

int broadcast_reserve(struct broadcast *b, size_t count)
{
    while (b->spare_count < count) {
        struct turn *turn = malloc(sizeof *turn);

        if (!turn)
            return MCP_AUTH_E_NOMEM;
        list_append(&b->spare, &turn->in_order);
        b->spare_count++;
    }
    return 0;
}

static struct turn *spare_take(struct broadcast *b)
{
    struct turn *turn;

    assert(b->spare_count > 0);
    turn = container_of(b->spare.next, struct turn, in_order);
    list_unlink(&turn->in_order);
    b->spare_count--;
    return turn;
}

/* At the end of the queue. */
static struct turn *turn_new(struct broadcast *b, enum turn_kind kind, const struct entry *entry)
{
    struct turn *turn = spare_take(b);

    *turn = (struct turn){.kind = kind};
    if (entry)
        turn->entry = *entry;
    if (turn->entry.event)
        event_ref(turn->entry.event);
    list_append(&b->turns, &turn->in_order);
    b->turns_count++;
    return turn;
}

void broadcast_free(struct broadcast *b)
{
    if (!b)
        return;
    while (!list_empty(&b->turns))
        turn_free(b, container_of(b->turns.next, struct turn, in_order));
    while (!list_empty(&b->spare))
        free(spare_take(b));
    free(b);
}

size_t broadcast_waiting(const struct broadcast *b)
{
    return b->turns_count;
}

const struct entry *broadcast_at(const struct broadcast *b, uint64_t n)
{
    const struct entry *found = history_at(b->history, n);

    for (struct list *it = b->turns.next; it != &b->turns; it = it->next) {
        const struct turn *turn = container_of(it, struct turn, in_order);

        if (turn->kind == TURN_RESET || turn->kind == TURN_REBASE)
            found = NULL;
        else if ((turn->kind == TURN_ENTRY || turn->kind == TURN_PAST) && turn->entry.n == n)
            found = &turn->entry;
    }
    return found;
}

/* Without memory the past is shorter, and history says so to who asks; the live road goes on. */
static void remember(struct broadcast *b, const struct entry *entry)
{
    (void)!history_append(b->history, entry);
}

static void announce(struct broadcast *b, const struct entry *entry)
{
    for (unsigned hub = 0; hub < b->hubs_count; hub++)
        b->port.announce(b->port.owner, hub, entry);
    b->port.announced(b->port.owner, entry);
}

static void forget_alone(struct broadcast *b, uint64_t alone)
{
    for (unsigned hub = 0; hub < b->hubs_count; hub++)
        b->port.forget_alone(b->port.owner, hub, alone);
}

static void gone(struct broadcast *b, const struct entry *entry)
{
    for (unsigned hub = 0; hub < b->hubs_count; hub++)
        b->port.gone(b->port.owner, hub, entry);
}

static void reset(struct broadcast *b, const struct position *head)
{
    history_reset(b->history, head);
    b->resetting = true;
}

static void rebase(struct broadcast *b, const struct turn *turn)
{
    if (!b->resetting)
        history_reset(b->history, &turn->head);
    assert(history_head(b->history).n == turn->head.n);
    b->resetting = false;
    for (unsigned hub = 0; hub < b->hubs_count; hub++)
        b->port.rebase(b->port.owner, hub, &turn->head, turn->rebase);
}

static void turn_take(struct broadcast *b, const struct turn *turn)
{
    switch (turn->kind) {
    case TURN_ENTRY:
        remember(b, &turn->entry);
        announce(b, &turn->entry);
        break;
    case TURN_ALONE:
        announce(b, &turn->entry);
        break;
    case TURN_FORGET_ALONE:
        forget_alone(b, turn->entry.alone);
        break;
    case TURN_GONE:
        gone(b, &turn->entry);
        break;
    case TURN_RESET:
        reset(b, &turn->head);
        break;
    case TURN_PAST:
        remember(b, &turn->entry);
        if (turn->entry.alone) /* it is found there from now on */
            forget_alone(b, turn->entry.alone);
        break;
    case TURN_REBASE:
        rebase(b, turn);
        break;
    }
}

static void ask_effect(struct broadcast *b, struct turn *turn, bool urgent)
{
    turn->serial = ++b->effects;
    turn->unanswered = b->hubs_count;
    for (unsigned hub = 0; hub < b->hubs_count; hub++)
        b->port.effect(b->port.owner, hub, &turn->entry, turn->serial, urgent);
}

/* Everything at the front whose effect every hub has applied. */
static void take_ready(struct broadcast *b)
{
    while (!list_empty(&b->turns)) {
        struct turn *first = container_of(b->turns.next, struct turn, in_order);

        if (first->effect_waits) {
            first->effect_waits = false;
            ask_effect(b, first, false);
            continue; /* answered at once, it is gone */
        }
        if (first->unanswered > 0)
            return;
        turn_take(b, first);
        turn_free(b, first);
    }
}

/* A fence that comes a second time changes nothing. A disconnection would end the connections that
 * were made since. */
static bool has_effect_left(const struct entry *entry)
{
    return event_has_effect(entry->event) &&
           !(entry->n && entry->alone && entry->event->control == CONTROL_DISCONNECT);
}

static struct turn *entry_turn(struct broadcast *b, const struct entry *entry)
{
    assert(entry->n == b->last_n + 1);
    b->last_n = entry->n;
    return turn_new(b, TURN_ENTRY, entry);
}

void broadcast_entry(struct broadcast *b, const struct entry *entry)
{
    struct turn *turn = entry_turn(b, entry);

    if (has_effect_left(entry))
        ask_effect(b, turn, true);
    take_ready(b);
}

/* A control entry shows nobody a place, so that nobody can miss what stands before it. */
void broadcast_entry_in_turn(struct broadcast *b, const struct entry *entry)
{
    if (entry->event->control != CONTROL_NONE) {
        broadcast_entry(b, entry);
        return;
    }
    entry_turn(b, entry)->effect_waits = has_effect_left(entry);
    take_ready(b);
}

void broadcast_alone(struct broadcast *b, const struct entry *entry)
{
    struct turn *turn;

    assert(entry->n == 0 && entry->alone == b->last_alone + 1);
    b->last_alone = entry->alone;
    turn = turn_new(b, TURN_ALONE, entry);
    if (has_effect_left(entry))
        ask_effect(b, turn, true);
    take_ready(b);
}

void broadcast_forget_alone(struct broadcast *b, uint64_t alone)
{
    assert(alone > 0 && alone <= b->last_alone);
    turn_new(b, TURN_FORGET_ALONE, NULL)->entry.alone = alone;
    take_ready(b);
}

void broadcast_gone(struct broadcast *b, const struct entry *entry)
{
    (void)turn_new(b, TURN_GONE, entry);
    take_ready(b);
}

void broadcast_reset(struct broadcast *b, const struct position *head)
{
    turn_new(b, TURN_RESET, NULL)->head = *head;
    b->last_n = head->n;
    take_ready(b);
}

void broadcast_past(struct broadcast *b, const struct entry *entry)
{
    assert(entry->n == b->last_n + 1);
    b->last_n = entry->n;
    (void)turn_new(b, TURN_PAST, entry);
    take_ready(b);
}

void broadcast_rebase(struct broadcast *b, const struct position *head, enum rebase_kind kind)
{
    struct turn *turn = turn_new(b, TURN_REBASE, NULL);

    turn->head = *head;
    turn->rebase = kind;
    b->last_n = head->n;
    take_ready(b);
}

void broadcast_enforce(struct broadcast *b, struct event *event)
{
    struct entry entry = {.event = event};

    assert(event_has_effect(event));
    for (unsigned hub = 0; hub < b->hubs_count; hub++)
        b->port.effect(b->port.owner, hub, &entry, 0, true);
}

void broadcast_effect_done(struct broadcast *b, unsigned hub, uint64_t serial)
{
    assert(hub < b->hubs_count);
    if (serial == 0)
        return;
    list_for_each_safe (it, &b->turns) {
        struct turn *turn = container_of(it, struct turn, in_order);

        if (turn->serial != serial)
            continue;
        assert(turn->unanswered > 0);
        turn->unanswered--;
        break;
    }
    take_ready(b);
}

/* At most one slice: bounded in events and in bytes, and *upto is what it speaks for. */
static void answer_slice(struct broadcast *b, const struct resume_request *request,
                         const struct history_query *query)
{
    struct entry entries[CATCHUP_SLICE_EVENTS];
    struct resume_answer answer = {
        .session = request->session,
        .serial = request->serial,
        .outcome = RESUME_SLICE,
        .entries = entries,
        .upto = history_head(b->history),
    };
    size_t bytes = 0;
    uint64_t upto_n;
    unsigned count = history_read(b->history, query, CATCHUP_SLICE_EVENTS, entries, &upto_n);

    while (answer.entries_count < count) {
        bytes += entries[answer.entries_count].event->json.size;
        if (answer.entries_count > 0 && bytes > CATCHUP_SLICE_BYTES) {
            upto_n = entries[answer.entries_count - 1].n;
            break;
        }
        answer.entries_count++;
    }
    if (upto_n != answer.upto.n) {
        const struct entry *last = &entries[answer.entries_count - 1];

        assert(answer.entries_count > 0 && last->n == upto_n);
        answer.upto.n = last->n;
        answer.upto.check = last->check;
    }
    b->port.answer(b->port.owner, request->hub_index, &answer);
}

void broadcast_resume(struct broadcast *b, const struct resume_request *request)
{
    struct history_query query = {request->from.n, request->keys, request->keys_count};
    struct resume_answer answer = {
        .session = request->session,
        .serial = request->serial,
        .outcome = b->resetting ? RESUME_REBASE : RESUME_LOST,
    };

    if (b->resetting) {
        b->port.answer(b->port.owner, request->hub_index, &answer);
        return;
    }
    switch (history_locate(b->history, &request->from)) {
    case HISTORY_HERE:
        if (request->first && history_count_after(b->history, &query) > CATCHUP_ENTRIES_MAX)
            break; /* never a partial answer */
        answer_slice(b, request, &query);
        return;
    case HISTORY_AHEAD:
        answer.outcome = RESUME_AHEAD;
        break;
    case HISTORY_LOST:
        if (b->port.older && b->port.older(b->port.owner, request))
            return;
        break;
    }
    b->port.answer(b->port.owner, request->hub_index, &answer);
}
