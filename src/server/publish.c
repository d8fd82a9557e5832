/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: the host program's own events, on the road that all events take. */
#include "mcp_auth/publish.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "codec/json_walk.h"
#include "model/limits.h"
#include "server/host.h"

#define EVENT_SIZE_MIN (offsetof(mcp_auth_event, data) + sizeof(const char *))

/* Whom to tell, until the publication comes back. */
struct host_publication {
    mcp_auth_published_fn done;
    void *owner;
};

static int error_of(enum publication_result result)
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

/* "id\0position\0" for each, and pointers to them: what the callback is given. */
struct told {
    mcp_auth_published_event *events;
    char *texts;
};

#define TOLD_TEXT_SIZE (EVENT_ID_SIZE_MAX + 1 + POSITION_SIZE + 1)

static int told_make(struct told *told, const struct publication *publication)
{
    told->events = calloc(publication->count, sizeof *told->events);
    told->texts = calloc(publication->count, TOLD_TEXT_SIZE); /* the zeros terminate */
    if (!told->events || !told->texts)
        return MCP_AUTH_E_NOMEM;
    for (unsigned i = 0; i < publication->count; i++) {
        char *id = told->texts + i * TOLD_TEXT_SIZE, *position = id + EVENT_ID_SIZE_MAX + 1;
        struct bytes text = publication->events[i]->id;

        assert(text.size <= EVENT_ID_SIZE_MAX);
        memcpy(id, text.data, text.size);
        position_write(&publication->answers[i].at, position);
        told->events[i] = (mcp_auth_published_event){
            .id = id,
            .position = position,
            .duplicate = publication->answers[i].outcome == PUBLISH_DUPLICATE,
        };
    }
    return 0;
}

/* In a worker's thread. */
static void host_published(struct publication *publication, void *owner)
{
    struct host_publication *host = owner;
    struct told told = {0};

    if (host->done) {
        mcp_auth_published published = {
            .size = sizeof published,
            .error = error_of(publication->result),
            .failed_index = publication->failed_index,
        };

        /* Without memory for the list the rest is told all the same: it is published. */
        if (published.error == 0 && told_make(&told, publication) == 0) {
            published.count = publication->count;
            published.events = told.events;
        }
        host->done(host->owner, &published);
    }
    free(told.events);
    free(told.texts);
    free(host);
    publication_free(publication);
}

static int refuse(char *problem, size_t problem_size, const struct ingest_problem *why, int error)
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

static int publish(mcp_auth_server *server, struct bytes json, char *problem, size_t problem_size,
                   mcp_auth_published_fn done, void *owner)
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

    if (host)
        r = json.size > BATCH_SIZE_MAX
                ? MCP_AUTH_E_TOO_BIG
                : node_ingest(server_node(server), json, INGEST_JSON, &context, BYTES(""),
                              &publication, &redacted, &why);
    if (r < 0) {
        free(host);
        if (json.size > BATCH_SIZE_MAX)
            why.event.code = ERROR_TOO_LARGE;
        return refuse(problem, problem_size, &why, r);
    }
    *host = (struct host_publication){done, owner};
    publication->hub = 0; /* whose thread tells the answer; any would do */
    publication->done = host_published;
    publication->owner = host;
    node_publish(server_node(server), publication);
    return 0;
}

int mcp_auth_publish_json(mcp_auth_server *server, const char *json, size_t json_size,
                          char *problem, size_t problem_size, mcp_auth_published_fn done,
                          void *owner)
{
    int r;

    assert(server && (json || json_size == 0));
    if (!server_enter(server))
        return MCP_AUTH_E_STOPPING;
    r = publish(server, (struct bytes){json ? json : "", json_size}, problem, problem_size, done,
                owner);
    server_leave(server);
    return r;
}

/* It goes into the event's text as it is, so it must be one whole object by itself. */
static int put_data(struct strbuf *out, const char *data, char *problem, size_t problem_size)
{
    struct json_problem why;
    int r = json_check(bytes_of(data), &why);

    if (r == 0 && json_walk_value(bytes_of(data)).data[0] != '{') {
        r = MCP_AUTH_E_INVALID;
        snprintf(why.text, sizeof why.text, "must be a JSON object");
    }
    if (r < 0) {
        if (problem && problem_size > 0)
            snprintf(problem, problem_size, "data: %s",
                     r == MCP_AUTH_E_NOMEM ? mcp_auth_strerror(r) : why.text);
        return r;
    }
    json_put_name(out, "data");
    strbuf_puts(out, data);
    return 0;
}

/* Text that is not UTF-8 is refused here: in JSON it could only be changed, and an id that was
 * changed is another's. */
static int put_member(struct strbuf *out, const char *name, const char *text, char *problem,
                      size_t problem_size)
{
    struct bytes value = bytes_of(text);

    if (!text)
        return 0;
    if (!utf8_valid(value.data, value.size)) {
        if (problem && problem_size > 0)
            snprintf(problem, problem_size, "%s is not UTF-8", name);
        return MCP_AUTH_E_INVALID;
    }
    json_put_name(out, name);
    json_put_string(out, value);
    return 0;
}

static int compose(struct strbuf *out, const mcp_auth_event *event, char *problem,
                   size_t problem_size)
{
#define MEMBER(member)         \
    {                          \
#member, event->member \
    }
    const struct {
        const char *name, *text;
    } members[] = {
        MEMBER(event_type),  MEMBER(id),        MEMBER(message),        MEMBER(security_level),
        MEMBER(user_id),     MEMBER(user_name), MEMBER(target_user_id), MEMBER(resource),
        MEMBER(resource_id), MEMBER(action),    MEMBER(role_name),      MEMBER(permission),
        MEMBER(tenant_id),
    };
#undef MEMBER
    int r = 0;

    strbuf_putc(out, '{');
    for (size_t i = 0; i < ARRAY_COUNT(members) && r == 0; i++)
        r = put_member(out, members[i].name, members[i].text, problem, problem_size);
    if (r == 0 && event->data)
        r = put_data(out, event->data, problem, problem_size);
    strbuf_putc(out, '}');
    return r < 0 ? r : out->error;
}

int mcp_auth_publish(mcp_auth_server *server, const mcp_auth_event *event, char *problem,
                     size_t problem_size, mcp_auth_published_fn done, void *owner)
{
    struct strbuf json;
    int r;

    assert(server && event);
    if (event->size < EVENT_SIZE_MIN)
        return MCP_AUTH_E_INVALID;
    strbuf_init(&json, BATCH_SIZE_MAX);
    r = compose(&json, event, problem, problem_size);
    if (r == 0)
        r = mcp_auth_publish_json(server, json.data, json.size, problem, problem_size, done, owner);
    strbuf_done(&json);
    return r;
}
