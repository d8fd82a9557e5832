/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c: a hub's question to the history, and the answer on its way back, in one note. */
#include <assert.h>
#include <stdlib.h>

#include "node/node_private.h"

/* Made by the asking hub with room for the answer, so that answering cannot fail. */
struct resume_note {
    struct note note; /* first */
    struct node_hub *asker;
    struct resume_request request;
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
    broadcast_resume(node->broadcast, &resume->request);
    assert(!node->answering);
}

void resume_answer_put(void *owner, unsigned hub, const struct resume_answer *answer)
{
    struct node *node = owner;
    struct resume_note *resume = node->answering;

    assert(answer->entries_count <= CATCHUP_SLICE_EVENTS);
    node->answering = NULL;
    resume->answer = *answer;
    resume->answer.entries = resume->entries;
    for (unsigned i = 0; i < answer->entries_count; i++) {
        resume->entries[i] = answer->entries[i];
        event_ref(answer->entries[i].event);
    }
    resume->note.run = answer_in_hub;
    mailbox_put(node->hubs[hub].mailbox, &resume->note);
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
    resume->request = *request;
    resume->request.keys = resume->keys;
    resume->note = (struct note){.run = ask_in_bus};
    mailbox_put(&asker->node->mailbox, &resume->note);
    return true;
}
