/* SPDX-License-Identifier: Apache-2.0 */
/* host_publish.c: the host program's own events, on the road that all events take. */
#include "server/host_publish.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "codec/json_walk.h"
#include "model/limits.h"

#define EVENT_SIZE_MIN (offsetof(mcp_auth_event, data) + sizeof(const char *))

/* Whom to tell, until the publication comes back. */
struct host_publication {
    mcp_auth_published_fn done;
    void *owner;
};

int host_publish_error(enum publication_result result)
{
    switch (result) {
    case PUBLICATION_ACCEPTED:
        return 0;
    case PUBLICATION_CONFLICT:
        return MCP_AUTH_E_CONFLICT;
    case PUBLICATION_STOPPING:
        return MCP_AUTH_E_STOPPING;
    case PUBLICATION_RATE_LIMITED:
    case PUBLICATION_OVERLOADED:
        break;
    }
    return MCP_AUTH_E_FULL;
}

/* What the callback is given of each event, and the texts of that. */
struct told_texts {
    char id[EVENT_ID_SIZE_MAX + 1], position[POSITION_SIZE + 1];
};

struct told {
    mcp_auth_published_event *events, one;
    struct told_texts *texts, one_texts; /* a batch of one needs no memory */
};

static int told_make(struct told *told, const struct publication *publication)
{
    bool many = publication->count > 1;

    told->events = many ? malloc(publication->count * sizeof *told->events) : &told->one;
    told->texts = many ? malloc(publication->count * sizeof *told->texts) : &told->one_texts;
    if (!told->events || !told->texts)
        return MCP_AUTH_E_NOMEM;
    for (unsigned i = 0; i < publication->count; i++) {
        struct told_texts *texts = &told->texts[i];
        struct bytes id = publication->events[i]->id;

        assert(id.size <= EVENT_ID_SIZE_MAX);
        memcpy(texts->id, id.data, id.size);
        texts->id[id.size] = '\0';
        texts->position[0] = '\0';
        if (publication->answers[i].at.n > 0) {
            position_write(&publication->answers[i].at, texts->position);
            texts->position[POSITION_SIZE] = '\0';
        }
        told->events[i] = (mcp_auth_published_event){
            .id = texts->id,
            .position = texts->position,
            .duplicate = publication->answers[i].outcome == PUBLISH_DUPLICATE,
        };
    }
    return 0;
}

static void told_done(struct told *told)
{
    if (told->events != &told->one)
        free(told->events);
    if (told->texts != &told->one_texts)
        free(told->texts);
}

/* In a worker's thread. */
static void host_published(struct publication *publication, void *owner)
{
    struct host_publication *host = owner;

    if (host->done) {
        struct told told;
        mcp_auth_published published = {
            .size = sizeof published,
            .error = host_publish_error(publication->result),
            .failed_index = publication->failed_index,
            .degraded = publication->degraded,
        };

        told.events = NULL;
        told.texts = NULL;
        /* Without memory for the list the rest is told all the same: it is published. */
        if (published.error == 0 && told_make(&told, publication) == 0) {
            published.count = publication->count;
            published.events = told.events;
        }
        host->done(host->owner, &published);
        told_done(&told);
    }
    free(host);
    publication_free(publication);
}

int host_publish_refuse(char *problem, size_t problem_size, const struct ingest_problem *why,
                        int error)
{
    const struct event_problem *event = &why->event;
    struct bytes meaning = error_code_meaning(event->code);

    if (!problem || problem_size == 0)
        return error;
    if (error == MCP_AUTH_E_NOMEM)
        snprintf(problem, problem_size, "%s", mcp_auth_strerror(error));
    else if (why->index >= 0)
        snprintf(problem, problem_size, "event %d: %s%s%s", why->index, event->member,
                 event->member[0] ? " " : "", event->reason);
    else if (event->reason[0])
        snprintf(problem, problem_size, "%s", event->reason);
    else
        snprintf(problem, problem_size, "%.*s", (int)meaning.size, meaning.data);
    return error;
}

/* One publication: a text of JSON, or one event when `texts` is not NULL. */
static int publish(struct node *node, struct bytes json, const struct event_texts *texts,
                   char *problem, size_t problem_size, mcp_auth_published_fn done, void *owner)
{
    const struct event_context context = {
        .any_tenant = true,
        .tenant = BYTES(""),
        .publisher = BYTES(""),
        .wall_ms = clock_now().wall_ms,
    };
    struct host_publication *host = malloc(sizeof *host);
    struct ingest_problem why = {.index = -1};
    struct publication *publication;
    unsigned redacted;
    int r = MCP_AUTH_E_NOMEM;

    if (host && texts)
        r = node_ingest_texts(node, texts, &context, BYTES(""), &publication, &redacted, &why);
    else if (host)
        r = node_ingest(node, json, INGEST_JSON, &context, BYTES(""), &publication, &redacted,
                        &why);
    if (r < 0) {
        free(host);
        return host_publish_refuse(problem, problem_size, &why, r);
    }
    *host = (struct host_publication){done, owner};
    publication->hub = 0; /* whose thread tells the answer; any would do */
    publication->done = host_published;
    publication->owner = host;
    node_publish(node, publication);
    return 0;
}

static int too_large(char *problem, size_t problem_size)
{
    const struct ingest_problem why = {.index = -1, .event.code = ERROR_TOO_LARGE};

    return host_publish_refuse(problem, problem_size, &why, MCP_AUTH_E_TOO_BIG);
}

int host_publish_json(struct node *node, struct bytes json, char *problem, size_t problem_size,
                      mcp_auth_published_fn done, void *owner)
{
    if (json.size > BATCH_SIZE_MAX)
        return too_large(problem, problem_size);
    return publish(node, json, NULL, problem, problem_size, done, owner);
}

static int say(char *problem, size_t problem_size, const char *name, const char *what, int error)
{
    if (problem && problem_size > 0)
        snprintf(problem, problem_size, "%s%s", name, what);
    return error;
}

/* It goes into the event's text, so it must be one whole object by itself. */
static int take_data(struct bytes *to, const char *data, char *problem, size_t problem_size)
{
    struct bytes text = bytes_of(data);
    struct json_problem why;
    int r;

    if (!data)
        return 0;
    if (text.size > BATCH_SIZE_MAX)
        return too_large(problem, problem_size);
    r = json_check(text, &why);
    if (r < 0)
        return say(problem, problem_size,
                   "data: ", r == MCP_AUTH_E_NOMEM ? mcp_auth_strerror(r) : why.text, r);
    *to = json_walk_value(text);
    if (to->data[0] != '{')
        return say(problem, problem_size, "data: ", "must be a JSON object", MCP_AUTH_E_INVALID);
    return 0;
}

/* Text that is not UTF-8 is refused here: in JSON it could only be changed, and an id that was
 * changed is another's. */
static int take_text(struct bytes *to, const char *name, const char *text, char *problem,
                     size_t problem_size)
{
    *to = bytes_of(text);
    if (text && !utf8_valid(to->data, to->size))
        return say(problem, problem_size, name, " is not UTF-8", MCP_AUTH_E_INVALID);
    return 0;
}

static int take_texts(struct event_texts *texts, const mcp_auth_event *event, char *problem,
                      size_t problem_size)
{
    const char *const members[EVENT_MEMBERS] = {
        [MEMBER_MESSAGE] = event->message,
        [MEMBER_SECURITY_LEVEL] = event->security_level,
        [MEMBER_USER_ID] = event->user_id,
        [MEMBER_USER_NAME] = event->user_name,
        [MEMBER_TARGET_USER_ID] = event->target_user_id,
        [MEMBER_RESOURCE] = event->resource,
        [MEMBER_RESOURCE_ID] = event->resource_id,
        [MEMBER_ACTION] = event->action,
        [MEMBER_ROLE_NAME] = event->role_name,
        [MEMBER_PERMISSION] = event->permission,
        [MEMBER_TENANT_ID] = event->tenant_id,
    };
    int r = take_text(&texts->type, "event_type", event->event_type, problem, problem_size);

    if (r == 0)
        r = take_text(&texts->id, "id", event->id, problem, problem_size);
    for (int i = 0; i < EVENT_MEMBERS && r == 0; i++)
        if (members[i])
            r = take_text(&texts->members[i], event_member_text((enum event_member)i).data,
                          members[i], problem, problem_size);
    return r < 0 ? r : take_data(&texts->data, event->data, problem, problem_size);
}

int host_publish(struct node *node, const mcp_auth_event *event, char *problem, size_t problem_size,
                 mcp_auth_published_fn done, void *owner)
{
    struct event_texts texts = {0};
    int r;

    if (event->size < EVENT_SIZE_MIN)
        return MCP_AUTH_E_INVALID;
    r = take_texts(&texts, event, problem, problem_size);
    return r < 0 ? r : publish(node, (struct bytes){0}, &texts, problem, problem_size, done, owner);
}
