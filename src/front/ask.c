/* SPDX-License-Identifier: Apache-2.0 */
/* ask.c: what a host wants done or known, and the answer to the loop that asked. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "codec/json.h"
#include "front/front_private.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "node/roster.h"
#include "server/host_publish.h"
#include "wire/control.h"

/* 1,000 events: an id of 64 bytes and a position, with their names. */
#define PUBLISHED_SIZE_MAX (BATCH_EVENTS_MAX * 256u)
#define CONNECTIONS_MAX 1000u

/* From the asking to the taking of its answer. */
struct question {
    struct note note; /* first */
    struct front_loop *loop;
    void *host;
    int error;
    struct front_text *text;
};

static const struct front_asker nobody = {0};

/* *ret NULL: nobody asks. */
static int question_new(const struct front_asker *asker, struct question **ret)
{
    *ret = NULL;
    if (!asker->loop)
        return 0;
    *ret = malloc(sizeof **ret);
    if (!*ret)
        return MCP_AUTH_E_NOMEM;
    **ret = (struct question){.loop = loop_ref(asker->loop), .host = asker->host};
    return 0;
}

/* In the asker's thread: its loop is there. */
static void question_drop(struct question *question)
{
    if (!question)
        return;
    atomic_fetch_sub_explicit(&question->loop->refs, 1, memory_order_relaxed);
    free(question);
}

static void answer_taken(struct note *note, void *context)
{
    struct question *question = container_of(note, struct question, note);
    struct taking *taking = context;

    if (taking->max == 0) /* the core discards; no host has seen the text */
        front_text_unref(question->text);
    else
        taking->items[taking->count++] = (struct front_item){.kind = FRONT_ANSWER,
                                                             .host = question->host,
                                                             .text = question->text,
                                                             .error = question->error};
    free(question);
}

/* In the core. Without memory for the text it is told without: it is done. */
static void answer(struct question *question, int error, const struct strbuf *json)
{
    struct front_loop *loop = question->loop;

    if (loop->closed) {
        free(question);
    } else {
        question->error = error;
        question->text = json && !json->error ? front_text_new(strbuf_bytes(json)) : NULL;
        question->note = (struct note){.run = answer_taken};
        loop_post(loop, &question->note);
    }
    loop_unref(loop);
}

static void put_event(struct strbuf *json, const mcp_auth_published_event *event)
{
    strbuf_puts(json, "{\"id\":");
    json_put_string(json, bytes_of(event->id));
    strbuf_puts(json, ",\"position\":");
    if (event->position[0] != '\0')
        json_put_string(json, bytes_of(event->position));
    else
        strbuf_puts(json, "null");
    strbuf_puts(json, event->duplicate ? ",\"duplicate\":true}" : ",\"duplicate\":false}");
}

static void on_published(void *owner, const mcp_auth_published *published)
{
    struct strbuf json;

    strbuf_init(&json, PUBLISHED_SIZE_MAX);
    if (published->error == MCP_AUTH_E_CONFLICT) {
        strbuf_printf(&json, "{\"failed_index\":%zu}", published->failed_index);
    } else if (published->error == 0) {
        strbuf_puts(&json, "{\"events\":[");
        for (size_t i = 0; i < published->count; i++) {
            if (i > 0)
                strbuf_putc(&json, ',');
            put_event(&json, &published->events[i]);
        }
        strbuf_puts(&json, published->degraded ? "],\"degraded\":true}" : "],\"degraded\":false}");
    }
    answer(owner, published->error, json.size > 0 ? &json : NULL);
    strbuf_done(&json);
}

/* `event`, or what `json` says where there is none. */
static int publish(struct front *front, const mcp_auth_event *event, struct bytes json,
                   const struct front_asker *asker)
{
    mcp_auth_published_fn done;
    struct question *question;
    int r;

    asker = asker ? asker : &nobody;
    if (!front_enter(front))
        return MCP_AUTH_E_STOPPING;
    r = question_new(asker, &question);
    if (r == 0) {
        done = question ? on_published : NULL;
        r = event ? host_publish(front->node, event, asker->problem, asker->problem_size, done,
                                 question)
                  : host_publish_json(front->node, json, asker->problem, asker->problem_size, done,
                                      question);
    }
    if (r < 0)
        question_drop(question);
    front_leave(front);
    return r;
}

int front_publish(struct front *front, const mcp_auth_event *event, const struct front_asker *asker)
{
    assert(event);
    return publish(front, event, (struct bytes){0}, asker);
}

int front_publish_json(struct front *front, struct bytes json, const struct front_asker *asker)
{
    return publish(front, NULL, json, asker);
}

static void on_controlled(struct publication *publication, void *owner)
{
    int error = host_publish_error(publication->result);
    struct strbuf json;

    if (owner) {
        strbuf_init(&json, 128);
        strbuf_printf(&json, "{\"disconnected\":%u,\"degraded\":%s}", publication->disconnected,
                      publication->degraded ? "true" : "false");
        if (error == 0 && publication->unapplied > 0) /* closed, but it may be let in again */
            error = MCP_AUTH_E_FULL;
        answer(owner, error, error == 0 ? &json : NULL);
        strbuf_done(&json);
    }
    publication_free(publication);
}

/* The event, as a publication of one. *ret is yours. */
static int publication_of(enum event_control what, struct bytes user, struct bytes json,
                          const struct front_asker *asker, struct publication **ret)
{
    const struct event_context context = {
        .any_tenant = true,
        .tenant = BYTES(""),
        .publisher = BYTES(""),
        .wall_ms = clock_now().wall_ms,
        .random = &random_kernel,
    };
    struct ingest_problem why = {.index = -1};
    struct event *event;
    int r = control_in(&event, what, user, json, &context, &why.event);

    if (r < 0)
        return host_publish_refuse(asker->problem, asker->problem_size, &why, r);
    r = publication_new(ret, BYTES(""));
    if (r == 0) {
        r = publication_reserve(*ret);
        if (r < 0)
            publication_free(*ret);
    }
    if (r < 0) {
        event_unref(event);
        return r;
    }
    publication_add(*ret, event);
    return 0;
}

static int control(struct front *front, enum event_control what, struct bytes user,
                   struct bytes json, const struct front_asker *asker)
{
    struct publication *publication;
    struct question *question;
    int r;

    asker = asker ? asker : &nobody;
    if (!front_enter(front))
        return MCP_AUTH_E_STOPPING;
    r = question_new(asker, &question);
    if (r == 0) {
        r = publication_of(what, user, json, asker, &publication);
        if (r < 0)
            question_drop(question);
    }
    if (r == 0) {
        publication->hub = hub_index(front->core.hub);
        publication->done = on_controlled;
        publication->owner = question;
        node_publish(front->node, publication);
    }
    front_leave(front);
    return r;
}

int front_revoke(struct front *front, struct bytes json, const struct front_asker *asker)
{
    return control(front, CONTROL_REVOCATION, (struct bytes){0}, json, asker);
}

int front_disconnect_user(struct front *front, struct bytes user, struct bytes json,
                          const struct front_asker *asker)
{
    return control(front, CONTROL_DISCONNECT, user, json, asker);
}

static void on_roster(struct roster *roster, void *owner)
{
    struct strbuf json;

    strbuf_init(&json, roster->json.size + 64);
    strbuf_puts(&json, "{\"connections\":[");
    strbuf_put_bytes(&json, strbuf_bytes(&roster->json));
    if (roster->has_next)
        strbuf_printf(&json, "],\"next\":%u}", roster->at_place);
    else
        strbuf_puts(&json, "],\"next\":null}");
    answer(owner, roster->json.error ? MCP_AUTH_E_NOMEM : 0, &json);
    strbuf_done(&json);
    roster_free(roster);
}

int front_connections(struct front *front, struct bytes tenant, struct bytes user, unsigned limit,
                      uint64_t after, const struct front_asker *asker)
{
    struct question *question = NULL;
    struct roster *roster = NULL;
    int r;

    assert(asker && asker->loop);
    if (limit == 0 || limit > CONNECTIONS_MAX || after > UINT32_MAX) {
        if (asker->problem && asker->problem_size > 0)
            snprintf(asker->problem, asker->problem_size, "limit must be 1 to %u, after a next",
                     CONNECTIONS_MAX);
        return MCP_AUTH_E_INVALID;
    }
    if (!front_enter(front))
        return MCP_AUTH_E_STOPPING;
    r = question_new(asker, &question);
    if (r == 0)
        r = roster_new(&roster, tenant, user);
    if (r == 0) {
        roster->limit = limit;
        roster->at_place = (uint32_t)after;
        roster->hub = hub_index(front->core.hub);
        roster->done = on_roster;
        roster->owner = question;
        node_roster(front->node, roster);
    } else {
        question_drop(question);
    }
    front_leave(front);
    return r;
}
