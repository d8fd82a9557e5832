/* SPDX-License-Identifier: Apache-2.0 */
/* revoke.c: POST /v1/revocations and /v1/users/{id}/disconnect: answer when every worker has done it. */
#include "api/answer.h"
#include "api/api.h"
#include "codec/json.h"
#include "codec/url.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/control.h"

static void refuse(struct exchange *exchange, enum error_code code, int64_t retry_after_ms)
{
    exchange_refuse(exchange, code, (struct bytes){0}, NULL, retry_after_ms);
}

static void answer_done(struct exchange *exchange, const struct publication *publication)
{
    const struct event *event = publication->events[0];
    struct strbuf json;

    strbuf_init(&json, 4096);
    if (event->control == CONTROL_REVOCATION) {
        strbuf_puts(&json, "{\"revoked\":true");
        json_put_name(&json, bytes_present(event->fence.name) ? "token_id" : "user_id");
        json_put_string(&json,
                        bytes_present(event->fence.name) ? event->fence.name : event->fence.user);
        strbuf_putc(&json, ',');
    } else {
        strbuf_putc(&json, '{');
    }
    strbuf_printf(&json, "\"disconnected\":%u%s}", publication->disconnected,
                  publication->degraded ? ",\"degraded\":true" : "");
    exchange_answer_json(exchange, 200, (struct bytes){0}, &json);
}

static void answer(struct exchange *exchange, const struct publication *publication)
{
    switch (publication->result) {
    case PUBLICATION_ACCEPTED:
        if (publication->unapplied > 0) /* closed, but a worker may let it in again */
            refuse(exchange, ERROR_OVERLOADED, 1000);
        else
            answer_done(exchange, publication);
        return;
    case PUBLICATION_STOPPING:
        refuse(exchange, ERROR_SHUTTING_DOWN, 1000);
        return;
    case PUBLICATION_CONFLICT:
    case PUBLICATION_RATE_LIMITED:
    case PUBLICATION_OVERLOADED:
        break;
    }
    refuse(exchange, ERROR_OVERLOADED, 1000);
}

/* In the asker's thread, by its mailbox. */
static void done(struct publication *publication, void *owner)
{
    struct net *net = owner;
    struct exchange *exchange;

    (void)net_begin(net);
    exchange = exchange_find(net, publication->asker);
    if (exchange)
        answer(exchange, publication);
    publication_free(publication);
}

static void refuse_body(struct exchange *exchange, int error, const struct event_problem *problem)
{
    struct ingest_problem whole = {.index = -1, .event = *problem};
    struct answer_problem words;

    if (error == MCP_AUTH_E_NOMEM) {
        refuse(exchange, ERROR_OVERLOADED, 1000);
        return;
    }
    answer_of_ingest(&whole, &words);
    exchange_refuse(exchange, words.code, words.message, &words.details, -1);
}

/* Takes the event. */
static void hand_in(struct exchange *exchange, struct event *event)
{
    const struct api *api = exchange_owner(exchange);
    struct net *net = exchange_net(exchange);
    struct publication *publication = NULL;

    if (publication_new(&publication, BYTES("")) < 0 || publication_reserve(publication) < 0) {
        publication_free(publication);
        event_unref(event);
        refuse(exchange, ERROR_OVERLOADED, 1000);
        return;
    }
    publication_add(publication, event);
    if (exchange_later(exchange, &publication->asker) < 0) {
        publication_free(publication);
        refuse(exchange, ERROR_OVERLOADED, 1000);
        return;
    }
    publication->hub = hub_index(net_hub(net));
    publication->done = done;
    publication->owner = net;
    node_publish(api->node, publication);
}

static void control(struct exchange *exchange, enum event_control what, struct bytes user)
{
    const struct identity *identity = exchange->identity;
    struct event_context context = {
        .any_tenant = !identity, /* the API key */
        .tenant = identity ? identity->claims.tenant : BYTES(""),
        .publisher = identity ? identity->claims.user : BYTES(""),
        .wall_ms = exchange_now(exchange).wall_ms,
        .random = &random_kernel,
    };
    struct event_problem problem = {0};
    struct event *event;
    int r;

    if (exchange->body.size > 0 &&
        !answer_media_type_is(http_request_header(&exchange->request, BYTES("Content-Type")),
                              BYTES("application/json"))) {
        exchange_refuse(exchange, ERROR_UNSUPPORTED_MEDIA_TYPE, BYTES("Send application/json"),
                        NULL, -1);
        return;
    }
    r = control_in(&event, what, user, exchange->body, &context, &problem);
    if (r < 0)
        refuse_body(exchange, r, &problem);
    else
        hand_in(exchange, event);
}

void revocations_post(struct exchange *exchange)
{
    control(exchange, CONTROL_REVOCATION, (struct bytes){0});
}

void disconnect_post(struct exchange *exchange)
{
    const struct bytes before = BYTES("/v1/users/"), after = BYTES("/disconnect");
    struct bytes path = exchange->request.path;
    struct strbuf user;
    int r;

    path.data += before.size; /* the route says that both are there */
    path.size -= before.size + after.size;
    strbuf_init(&user, HTTP_TARGET_SIZE_MAX);
    r = url_decode(path, false, &user);
    if (r == MCP_AUTH_E_INVALID)
        exchange_refuse(exchange, ERROR_BAD_REQUEST,
                        BYTES("the user id in the path is not valid percent-encoded UTF-8"), NULL,
                        -1);
    else if (r < 0)
        refuse(exchange, ERROR_OVERLOADED, 1000);
    else
        control(exchange, CONTROL_DISCONNECT, strbuf_bytes(&user));
    strbuf_done(&user);
}
