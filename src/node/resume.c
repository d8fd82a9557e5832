/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c: a hub's question to the history, and the answer on its way back, in one note. */
#include <assert.h>
#include <stdlib.h>

#include "node/node_private.h"

/* Made by the asking hub with room for the answer, so that answering cannot fail. */
struct resume_note {
    struct note note; /* first */
    struct node_hub *asker;
    struct older_item item;
    struct resume_answer answer;
    struct entry entries[CATCHUP_SLICE_EVENTS];
    struct bytes keys[]; /* and their text behind them */
};

static void answer_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct resume_note *resume = container_of(note, struct resume_note, note);

    hub_resume_answer(resume->asker->hub, &resume->answer);
    for (unsigned i = 0; i < resume->answer.entries_count; i++)
        event_unref(resume->entries[i].event);
    free(resume);
}

static void ask_in_bus(struct note *note, void *context)
{
    struct resume_note *resume = container_of(note, struct resume_note, note);
    struct node *node = context;

    if (node->stopped) {
        free(resume);
        return;
    }
    node->answering = resume;
    broadcast_resume(node->broadcast, &resume->item.request);
    assert(!node->answering);
}

static void put(struct resume_note *resume, const struct resume_answer *answer)
{
    assert(answer->entries_count <= CATCHUP_SLICE_EVENTS);
    resume->answer = *answer;
    resume->answer.entries = resume->entries;
    for (unsigned i = 0; i < answer->entries_count; i++) {
        resume->entries[i] = answer->entries[i];
        event_ref(answer->entries[i].event);
    }
    resume->note.run = answer_in_hub;
    mailbox_put(resume->asker->mailbox, &resume->note);
}

void resume_answer_put(void *owner, unsigned hub, const struct resume_answer *answer)
{
    struct node *node = owner;
    struct resume_note *resume = node->answering;

    assert(resume->asker->index == hub);
    node->answering = NULL;
    put(resume, answer);
}

bool resume_ask_stream(void *owner, const struct resume_request *request)
{
    struct node *node = owner;
    struct resume_note *resume = node->answering;

    assert(request == &resume->item.request);
    /* It may be answered before this returns. */
    node->answering = NULL;
    if (node->degraded && older_ask(&node->older, &resume->item))
        return true;
    node->answering = resume;
    return false;
}

static bool read_stream(void *owner, uint64_t from_n, unsigned count, uint64_t ticket)
{
    return broker_read(((struct node *)owner)->broker, from_n, count, ticket);
}

static void answer_older(void *owner, struct older_item *item, const struct resume_answer *answer)
{
    struct resume_note *resume = container_of(item, struct resume_note, item);

    if (((struct node *)owner)->stopped)
        free(resume);
    else
        put(resume, answer);
}

void resume_init(struct node *node)
{
    older_init(&node->older, node->history,
               &(struct older_port){.read = read_stream, .answer = answer_older, .owner = node});
}

bool resume_ask(void *owner, const struct resume_request *request)
{
    struct node_hub *asker = owner;
    size_t text_size = 0;
    struct resume_note *resume;
    char *text;

    for (unsigned i = 0; i < request->keys_count; i++)
        text_size += request->keys[i].size;
    resume = malloc(sizeof *resume + request->keys_count * sizeof *resume->keys + text_size);
    if (!resume)
        return false;
    text = (char *)(resume->keys + request->keys_count);
    for (unsigned i = 0; i < request->keys_count; i++) {
        resume->keys[i] = (struct bytes){text, request->keys[i].size};
        memcpy(text, request->keys[i].data, request->keys[i].size);
        text += request->keys[i].size;
    }
    resume->asker = asker;
    resume->item.request = *request;
    resume->item.request.keys = resume->keys;
    resume->note = (struct note){.run = ask_in_bus};
    mailbox_put(&asker->node->mailbox, &resume->note);
    return true;
}
