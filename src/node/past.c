/* SPDX-License-Identifier: Apache-2.0 */
/* past.c: reads a page of the history in slices, so that news never wait for it. */
#include "node/past.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

static struct past *past_of(struct note *note)
{
    return container_of(note, struct past, note);
}

int past_new(struct past **ret, const struct past_query *query)
{
    struct past *past = calloc(1, sizeof *past + query->tenant.size + query->user.size);
    char *at;

    assert(query->limit > 0);
    if (!past)
        return MCP_AUTH_E_NOMEM;
    past->entries = calloc(query->limit, sizeof *past->entries);
    if (!past->entries) {
        free(past);
        return MCP_AUTH_E_NOMEM;
    }
    at = past->text;
    past->query = *query;
    past->query.tenant = bytes_copy(&at, query->tenant);
    past->query.user = bytes_copy(&at, query->user);
    *ret = past;
    return 0;
}

void past_free(struct past *past)
{
    if (!past)
        return;
    for (unsigned i = 0; i < past->count; i++)
        event_unref(past->entries[i].event);
    free(past->entries);
    filter_free(past->query.filter);
    free(past);
}

static void answer_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct past *past = past_of(note);

    past->done(past, past->owner);
}

static void answer(struct past *past, enum past_result result)
{
    past->result = result;
    past->epoch = history_head(past->node->history).epoch;
    past->note.run = answer_in_hub;
    mailbox_put(past->node->hubs[past->hub].mailbox, &past->note);
}

static bool is_wanted(const struct past_query *query, const struct event *event)
{
    if (event->control != CONTROL_NONE)
        return false;
    if (bytes_present(query->tenant) && !bytes_equal(query->tenant, event->tenant))
        return false;
    if (event->time_ms < query->since_ms || event->time_ms >= query->until_ms)
        return false;
    if (bytes_present(query->user) && !bytes_equal(query->user, event->members[MEMBER_USER_ID]) &&
        !bytes_equal(query->user, event->members[MEMBER_TARGET_USER_ID]))
        return false;
    return filter_passes(query->filter, event->type, event->level, event->members[MEMBER_RESOURCE]);
}

/* Where to begin; what has been evicted since is skipped. */
static bool begin(struct past *past)
{
    const struct history *history = past->node->history;
    struct position head = history_head(history);
    uint64_t oldest = head.n - history_count(history);

    if (!past->begun && past->query.has_after) {
        switch (history_locate(history, &past->query.after)) {
        case HISTORY_HERE:
        case HISTORY_AHEAD: /* nothing is behind it yet */
            break;
        case HISTORY_LOST:
            return false;
        }
        past->at = past->query.after.n;
    }
    past->begun = true;
    if (past->at < oldest)
        past->at = oldest;
    return true;
}

/* False when the page is full. */
static bool take(struct past *past, const struct entry *entry)
{
    size_t bytes = past->bytes + entry->event->json.size;

    if (past->count == past->query.limit || (past->count > 0 && bytes > PAST_PAGE_BYTES_MAX))
        return false;
    past->entries[past->count] = *entry;
    event_ref(entry->event);
    past->count++;
    past->bytes = bytes;
    return true;
}

static void page_ends(struct past *past, const struct entry *last)
{
    past->has_next = true;
    past->next = (struct position){history_head(past->node->history).epoch, last->n, last->check};
    answer(past, PAST_PAGE);
}

static void read_slice(struct note *note, void *context)
{
    struct past *past = past_of(note);
    struct node *node = context;
    uint64_t head_n;

    if (node->stopped) {
        past_free(past);
        return;
    }
    if (!begin(past)) {
        answer(past, PAST_LOST);
        return;
    }
    head_n = history_head(node->history).n;
    for (unsigned i = 0; i < PAST_SLICE_EVENTS && past->at < head_n; i++) {
        const struct entry *entry = history_at(node->history, past->at + 1);

        if (is_wanted(&past->query, entry->event) && !take(past, entry)) {
            page_ends(past, &past->entries[past->count - 1]);
            return;
        }
        past->at = entry->n;
    }
    if (past->at >= head_n) {
        answer(past, PAST_PAGE);
        return;
    }
    mailbox_put(&node->mailbox, &past->note); /* the rest after what else waits */
}

void node_past(struct node *node, struct past *past)
{
    past->node = node;
    past->note.run = read_slice;
    mailbox_put(&node->mailbox, &past->note);
}
