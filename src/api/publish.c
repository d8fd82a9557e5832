/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: POST /v1/events: takes in one event or a batch; answers when it is on its way. */
#include "api/answer.h"
#include "api/api.h"
#include "mcp_auth/error.h"
#include "model/limits.h"

/* An event in the answer: an id of 64, a position of 32, names and quotes: under 192 bytes. */
#define ACCEPTED_SIZE_MAX (128u + 192u * BATCH_EVENTS_MAX)

static void refuse(struct exchange *exchange, enum error_code code, int64_t retry_after_ms)
{
    exchange_refuse(exchange, code, (struct bytes){0}, NULL, retry_after_ms);
}

static void answer_conflict(struct exchange *exchange, const struct publication *publication)
{
    struct refusal_details details = {
        .index = (int)publication->failed_index,
        .member = BYTES("id"),
        .reason = error_code_meaning(ERROR_CONFLICT),
    };

    exchange_refuse(exchange, ERROR_CONFLICT, (struct bytes){0}, &details, -1);
}

static void answer_publication(struct exchange *exchange, const struct publication *publication)
{
    struct strbuf json;

    switch (publication->result) {
    case PUBLICATION_ACCEPTED:
        strbuf_init(&json, ACCEPTED_SIZE_MAX);
        answer_accepted(&json, publication, (unsigned)exchange->memo);
        if (json.error) {
            strbuf_done(&json);
            exchange_hang_up(exchange);
            return;
        }
        exchange_answer_json(exchange, 202, (struct bytes){0}, &json);
        return;
    case PUBLICATION_CONFLICT:
        answer_conflict(exchange, publication);
        return;
    case PUBLICATION_RATE_LIMITED:
        refuse(exchange, ERROR_RATE_LIMITED, publication->retry_after_ms);
        return;
    case PUBLICATION_OVERLOADED:
        refuse(exchange, ERROR_OUTBOX_FULL, publication->retry_after_ms);
        return;
    case PUBLICATION_STOPPING:
        refuse(exchange, ERROR_SHUTTING_DOWN, 1000);
        return;
    }
}

/* In the asker's thread, by its mailbox. The client may have gone meanwhile; the events have not. */
static void published(struct publication *publication, void *owner)
{
    struct net *net = owner;
    struct exchange *exchange;

    (void)net_begin(net);
    exchange = exchange_find(net, publication->asker);
    if (exchange)
        answer_publication(exchange, publication);
    publication_free(publication);
}

static void refuse_body(struct exchange *exchange, int error, const struct ingest_problem *problem)
{
    struct answer_problem answer;

    if (error == MCP_AUTH_E_NOMEM) {
        refuse(exchange, ERROR_OVERLOADED, 1000);
        return;
    }
    answer_of_ingest(problem, &answer);
    exchange_refuse(exchange, answer.code, answer.message, &answer.details, -1);
}

static int form_of(const struct exchange *exchange)
{
    struct bytes type = http_request_header(&exchange->request, BYTES("Content-Type"));

    if (answer_media_type_is(type, BYTES("application/json")))
        return INGEST_JSON;
    if (answer_media_type_is(type, BYTES("application/x-ndjson")))
        return INGEST_NDJSON;
    return MCP_AUTH_E_UNSUPPORTED;
}

/* What takes the body in: begun by what of it came first. */
static int ingest_of(struct exchange *exchange, enum ingest_form form, struct ingest **ret)
{
    const struct api *api = exchange_owner(exchange);
    const struct identity *identity = exchange->identity;
    char key[TENANT_SIZE_MAX + 1 + USER_ID_SIZE_MAX];
    struct bytes publisher_key = BYTES("");
    struct event_context context = {
        .any_tenant = !identity, /* the API key: request.c lets nobody else in without identity */
        .tenant = identity ? identity->claims.tenant : BYTES(""),
        .publisher = identity ? identity->claims.user : BYTES(""),
        .wall_ms = exchange_now(exchange).wall_ms,
    };

    if (identity) {
        size_t tenant_size = context.tenant.size, user_size = context.publisher.size;

        if (tenant_size > 0)
            memcpy(key, context.tenant.data, tenant_size);
        key[tenant_size] = 0x1f;
        memcpy(key + tenant_size + 1, context.publisher.data, user_size);
        publisher_key = (struct bytes){key, tenant_size + 1 + user_size};
    }
    return ingest_new(ret, api->node, form, &context, publisher_key);
}

static void free_ingest(void *taken)
{
    ingest_free(taken);
}

static int begin(struct exchange *exchange, enum ingest_form form)
{
    struct ingest *ingest;
    int r;

    if (exchange->taken)
        return 0;
    r = ingest_of(exchange, form, &ingest);
    if (r < 0)
        return r;
    exchange->taken = ingest;
    exchange->taken_free = free_ingest;
    return 0;
}

void publish_arrives(struct exchange *exchange)
{
    int form = form_of(exchange);

    /* Without memory it waits in the exchange; what is wrong is said when all of it is here. */
    if (form == INGEST_NDJSON && begin(exchange, INGEST_NDJSON) == 0)
        ingest_arrives(exchange->taken, &exchange->content);
}

static int ingest(struct exchange *exchange, enum ingest_form form, struct publication **ret,
                  struct ingest_problem *ret_problem)
{
    unsigned redacted = 0;
    int r = begin(exchange, form);

    if (r == 0)
        r = ingest_end(exchange->taken, exchange->body, exchange_now(exchange).wall_ms, ret,
                       &redacted, ret_problem);
    if (r == 0)
        exchange->memo = redacted;
    return r;
}

void publish_post(struct exchange *exchange)
{
    const struct api *api = exchange_owner(exchange);
    struct net *net = exchange_net(exchange);
    struct ingest_problem problem = {.index = -1};
    struct publication *publication;
    int form = form_of(exchange), r;

    if (form < 0) {
        exchange_refuse(exchange, ERROR_UNSUPPORTED_MEDIA_TYPE,
                        BYTES("Send application/json, or application/x-ndjson for one event "
                              "a line"),
                        NULL, -1);
        return;
    }
    r = ingest(exchange, (enum ingest_form)form, &publication, &problem);
    if (r < 0) {
        refuse_body(exchange, r, &problem);
        return;
    }
    if (exchange_later(exchange, &publication->asker) < 0) {
        publication_free(publication);
        refuse(exchange, ERROR_OVERLOADED, 1000);
        return;
    }
    publication->hub = hub_index(net_hub(net));
    publication->done = published;
    publication->owner = net;
    node_publish(api->node, publication);
}
