/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c: the queue to one of the host's event loops: written by the core, taken by that loop. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "front/front_private.h"
#include "mcp_auth/error.h"

#define BATCH_ROOM_FIRST 16u
#define BATCH_ROOM_MAX 1024u

/* ---- The core's side. ---- */

void loop_unref(struct front_loop *loop)
{
    if (atomic_fetch_sub_explicit(&loop->refs, 1, memory_order_acq_rel) > 1)
        return;
    assert(loop->closed && list_empty(&loop->conns));
    free(loop);
}

void loop_post(struct front_loop *loop, struct note *note)
{
    assert(!loop->closed);
    mailbox_put(&loop->mailbox, note);
}

static void batch_run(struct note *note, void *context)
{
    struct taking *taking = context;

    taking->loop->reading = container_of(note, struct batch, note);
    taking->loop->read = 0;
}

static struct batch *batch_add(struct front_loop *loop)
{
    unsigned room = loop->last ? BATCH_ROOM_MAX : BATCH_ROOM_FIRST;
    struct batch *batch = malloc(sizeof *batch + room * sizeof batch->pairs[0]);

    if (!batch)
        return NULL;
    *batch = (struct batch){.note.run = batch_run, .room = room};
    if (loop->last)
        loop->last->next = batch;
    else
        loop->first = batch;
    loop->last = batch;
    return batch;
}

int loop_give(struct front_loop *loop, struct front_conn *conn, struct front_text *text)
{
    struct batch *batch = loop->last;

    assert(!loop->closed);
    if (!batch || batch->count == batch->room)
        batch = batch_add(loop);
    if (!batch)
        return MCP_AUTH_E_NOMEM;
    batch->pairs[batch->count++] = (struct pair){conn, text};
    if (list_empty(&loop->in_given))
        list_append(&loop->front->core.given, &loop->in_given);
    return 0;
}

void loops_post_given(struct core *core)
{
    struct batch *next;

    text_table_publish(&core->texts);
    list_for_each_safe (it, &core->given) {
        struct front_loop *loop = container_of(it, struct front_loop, in_given);

        list_unlink(it);
        for (struct batch *batch = loop->first; batch; batch = next) {
            next = batch->next;
            loop_post(loop, &batch->note); /* the host's now */
        }
        loop->first = loop->last = NULL;
    }
}

/* In the core's thread: nobody takes any more. */
static void discard(struct front_loop *loop)
{
    struct taking none = {.loop = loop};
    struct note *next;

    for (struct note *note = mailbox_take(&loop->mailbox); note; note = next) {
        next = note->next;
        if (note->run != batch_run) {
            note->run(note, &none);
            continue;
        }
        struct batch *batch = container_of(note, struct batch, note);

        for (unsigned i = 0; i < batch->count; i++)
            text_unref_in_core(batch->pairs[i].text, &loop->front->orphans);
        free(batch);
    }
}

static void close_run(struct note *note, void *context)
{
    struct front_loop *loop = container_of(note, struct front_loop, close_note);

    (void)context;
    list_for_each_safe (it, &loop->conns)
        front_conn_end(container_of(it, struct front_conn, in_loop));
    assert(list_empty(&loop->in_given)); /* a turn posts what it gave before it ends */
    pace_loop_closes(loop);
    loop->closed = true;
    discard(loop);
    mailbox_done(&loop->mailbox);
    loop_unref(loop);
}

/* ---- The host's side. ---- */

int front_loop_new(struct front_loop **ret, struct front *front)
{
    struct front_loop *loop = calloc(1, sizeof *loop);
    int r;

    if (!loop)
        return MCP_AUTH_E_NOMEM;
    r = mailbox_init(&loop->mailbox);
    if (r < 0) {
        free(loop);
        return r;
    }
    loop->front = front;
    atomic_init(&loop->refs, 1);
    list_init(&loop->conns);
    list_init(&loop->in_given);
    list_init(&loop->in_loops);
    *ret = loop;
    return 0;
}

int front_loop_fd(const struct front_loop *loop)
{
    return mailbox_fd(&loop->mailbox);
}

int front_loop_wait(const struct front_loop *loop, int timeout_ms)
{
    struct pollfd bell = {.fd = mailbox_fd(&loop->mailbox), .events = POLLIN};

    if (loop->notes || loop->reading)
        return 1;
    return poll(&bell, 1, timeout_ms) > 0;
}

void loop_take_item(struct taking *taking, struct front_conn *conn, enum front_kind kind)
{
    if (taking->count == taking->max || conn->done)
        return; /* the core discards; or it is over */
    taking->items[taking->count] =
        (struct front_item){.kind = kind, .conn = conn, .host = conn->host};
    if (kind == FRONT_CLOSE || kind == FRONT_REFUSED) { /* the core has written its last */
        taking->items[taking->count].code = conn->code;
        taking->items[taking->count].reason = conn->reason;
    }
    taking->count++;
}

/* As many of its messages as there is room for. */
static void take_batch(struct taking *taking)
{
    struct front_loop *loop = taking->loop;
    struct batch *batch = loop->reading;

    while (loop->read < batch->count && taking->count < taking->max) {
        struct pair *pair = &batch->pairs[loop->read++];

        if (pair->conn->done)
            front_text_unref(pair->text);
        else
            taking->items[taking->count++] = (struct front_item){.kind = FRONT_TEXT,
                                                                 .conn = pair->conn,
                                                                 .host = pair->conn->host,
                                                                 .text = pair->text};
    }
    if (loop->read < batch->count)
        return;
    free(batch);
    loop->reading = NULL;
}

size_t front_take(struct front_loop *loop, struct front_item *items, size_t max)
{
    struct taking taking = {.loop = loop, .items = items, .max = max};

    text_orphans_free(&loop->front->orphans);
    if (!loop->notes && !loop->reading)
        loop->notes = mailbox_take(&loop->mailbox);
    while (taking.count < max && (loop->notes || loop->reading)) {
        if (loop->reading) {
            take_batch(&taking);
        } else {
            struct note *note = loop->notes;

            loop->notes = note->next; /* before: running it may free it */
            note->run(note, &taking);
        }
    }
    return taking.count;
}

void front_loop_free(struct front_loop *loop)
{
    struct front_item items[64];
    size_t count;

    /* What is here holds objects of the host's, which its own thread lets go of. */
    do {
        count = front_take(loop, items, ARRAY_COUNT(items));
        for (size_t i = 0; i < count; i++)
            front_text_unref(items[i].text);
    } while (count > 0);
    loop->close_note = (struct note){.run = close_run, .urgent = true};
    mailbox_put(&loop->front->core.mailbox, &loop->close_note);
}
