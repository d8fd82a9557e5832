/* SPDX-License-Identifier: Apache-2.0 */
/* older.c: answers who resumes from before the history here by what the stream still has. */
#include "node/older.h"

#include <assert.h>

#include "model/limits.h"

void older_init(struct older *older, const struct history *history, const struct older_port *port)
{
    *older = (struct older){.port = *port, .history = history};
    list_init(&older->waiting);
}

static struct older_item *first_of(struct older *older)
{
    return container_of(older->waiting.next, struct older_item, in_order);
}

static void answer(struct older *older, struct resume_answer *answer)
{
    struct older_item *item = first_of(older);

    answer->session = item->request.session;
    answer->serial = item->request.serial;
    list_unlink(&item->in_order);
    older->waiting_count--;
    older->port.answer(older->port.owner, item, answer);
}

static void answer_lost(struct older *older)
{
    answer(older, &(struct resume_answer){.outcome = RESUME_LOST});
}

/* The first number that the history has, or would have next. */
static uint64_t history_first(const struct history *history)
{
    return history_head(history).n - history_count(history) + 1;
}

static void read_next(struct older *older)
{
    while (!older->reading && !list_empty(&older->waiting)) {
        const struct position *from = &first_of(older)->request.from;
        /* The entry at the position itself proves that this is the stream it speaks of. */
        uint64_t from_n = from->n > 0 ? from->n : 1, upto_n = history_first(older->history);
        uint64_t count = upto_n > from_n ? upto_n - from_n + 1 : 1;

        older->from_n = from_n;
        if (count > OLDER_READ_EVENTS)
            count = OLDER_READ_EVENTS;
        older->reading =
            older->port.read(older->port.owner, from_n, (unsigned)count, ++older->ticket);
        if (!older->reading)
            answer_lost(older);
    }
}

bool older_ask(struct older *older, struct older_item *item)
{
    const struct resume_request *request = &item->request;
    uint64_t first_n = history_first(older->history);

    if (request->memory_only || request->from.epoch != history_head(older->history).epoch ||
        request->from.n >= first_n || first_n - request->from.n > OLDER_EVENTS_MAX ||
        older->waiting_count == OLDER_WAITING_MAX)
        return false;
    list_append(&older->waiting, &item->in_order);
    older->waiting_count++;
    read_next(older);
    return true;
}

static bool is_asked(const struct resume_request *request, struct bytes key)
{
    for (unsigned i = 0; i < request->keys_count; i++)
        if (bytes_equal(request->keys[i], key))
            return true;
    return false;
}

/* As the history's index finds it. */
static bool finds(const struct resume_request *request, const struct event *event)
{
    char any[AUDIENCE_KEY_MAX];

    for (unsigned i = 0; i < event->audience_count; i++) {
        const struct audience_key *key = &event->audience[i];

        if (is_asked(request, key->text))
            return true;
        if (key->kind == AUDIENCE_PERMISSION &&
            is_asked(request, (struct bytes){any, audience_key_write(any, AUDIENCE_ANY_PERMISSION,
                                                                     event->tenant, BYTES(""))}))
            return true;
    }
    return false;
}

/* Is the stream there still the one that the position speaks of? The entries from there on come
 * without a hole, so the first one tells. */
static bool is_there(const struct position *from, const struct entry *entries, unsigned count)
{
    if (count == 0)
        return false;
    if (from->n == 0)
        return from->check == 0 && entries[0].n == 1;
    return entries[0].n == from->n && entries[0].check == from->check;
}

/* As much of it as one slice holds. What the history has is taken from there: it knows what was
 * delivered alone. What is beyond it has not been announced, so nobody may go on behind it. */
static void answer_slice(struct older *older, const struct entry *read, unsigned read_count)
{
    const struct resume_request *request = &first_of(older)->request;
    struct entry found[CATCHUP_SLICE_EVENTS];
    struct resume_answer slice = {.outcome = RESUME_SLICE, .upto = request->from, .entries = found};
    uint64_t head_n = history_head(older->history).n;
    size_t bytes = 0;

    for (unsigned i = 0; i < read_count && read[i].n <= head_n; i++) {
        const struct entry *known = history_at(older->history, read[i].n);
        const struct entry *entry = known ? known : &read[i];

        if (entry->n > request->from.n && finds(request, entry->event)) {
            bytes += entry->event->json.size;
            if (slice.entries_count == CATCHUP_SLICE_EVENTS ||
                (slice.entries_count > 0 && bytes > CATCHUP_SLICE_BYTES))
                break;
            found[slice.entries_count++] = *entry;
        }
        slice.upto.n = entry->n;
        slice.upto.check = entry->check;
    }
    answer(older, &slice);
}

/* How many of them follow each other; behind a hole nothing is known. */
static unsigned dense(const struct entry *entries, unsigned count)
{
    unsigned i = 0;

    while (i < count && entries[i].n == entries[0].n + i)
        i++;
    return i;
}

void older_take(struct older *older, uint64_t ticket, const struct entry *entries, unsigned count)
{
    const struct position *from;

    if (!older->reading || ticket != older->ticket)
        return;
    older->reading = false;
    from = &first_of(older)->request.from;
    count = dense(entries, count);
    /* The epoch may have changed since, and then all have been told to ask again. A single entry
     * that does not lead to what the history has leads nowhere: somebody took one out. */
    if (from->epoch != history_head(older->history).epoch || !is_there(from, entries, count) ||
        (count == 1 && from->n > 0 && from->n < history_head(older->history).n))
        answer_lost(older);
    else
        answer_slice(older, entries, count);
    read_next(older);
}

void older_forget(struct older *older)
{
    older->reading = false;
    while (!list_empty(&older->waiting))
        answer_lost(older);
}
