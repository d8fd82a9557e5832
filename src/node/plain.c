/* SPDX-License-Identifier: Apache-2.0 */
/* plain.c: events that other programs PUBLISH on the channel, to publications of this instance. */
#include "node/plain.h"

#include "codec/json_walk.h"
#include "mcp_auth/error.h"

/* A program that gets it wrong does so with each of its events. */
#define WARNING_EVERY_MS 1000
/* Whose allowance MCP_AUTH_PUBLISH_RATE is: that of all such programs. A person's key has a 0x1f. */
#define PUBLISHER_KEY BYTES("plain")

static void warn(struct node *node, struct bytes id, struct bytes member, const char *reason)
{
    int64_t now_ms = clock_now().mono_ms;
    unsigned long long unsaid;

    if (now_ms - atomic_load_explicit(&node->plain_warned_ms, memory_order_relaxed) <
        WARNING_EVERY_MS) {
        atomic_fetch_add_explicit(&node->plain_unsaid, 1, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&node->plain_warned_ms, now_ms, memory_order_relaxed);
    unsaid = atomic_exchange_explicit(&node->plain_unsaid, 0, memory_order_relaxed);
    log_write(LOG_WARNING, "an event on Redis' channel is refused", LOG_TEXT("event_id", id),
              LOG_TEXT("member", member), LOG_TEXT("reason", bytes_of(reason)),
              LOG_INT("more_since_last_said", (long long)unsaid));
}

/* The members that such programs add to what POST /v1/events takes: an id under its Python name, a
 * time of their own clock, and null where there is nothing. True: it is one of ours. */
static bool rewrite(struct strbuf *out, struct bytes object)
{
    struct json_walk walk = json_walk(object);
    struct bytes quoted, value;

    strbuf_putc(out, '{');
    while (json_walk_member(&walk, &quoted, &value)) {
        if (value.data[0] == 'n' || bytes_equal(quoted, BYTES("\"timestamp\"")))
            continue;
        if (bytes_equal(quoted, BYTES("\"type\"")))
            return true;
        if (out->size > 1)
            strbuf_putc(out, ',');
        strbuf_put_bytes(out,
                         bytes_equal(quoted, BYTES("\"event_id\"")) ? BYTES("\"id\"") : quoted);
        strbuf_putc(out, ':');
        strbuf_put_bytes(out, value);
    }
    strbuf_putc(out, '}');
    return false;
}

/* In the first hub's thread. */
static void published(struct publication *publication, void *owner)
{
    struct node *node = owner;
    struct bytes id = publication->events[0]->id;

    switch (publication->result) {
    case PUBLICATION_ACCEPTED:
    case PUBLICATION_STOPPING:
        break;
    case PUBLICATION_CONFLICT:
        warn(node, id, BYTES("id"), "this id came with another body before");
        break;
    case PUBLICATION_RATE_LIMITED:
        warn(node, id, (struct bytes){0}, "over MCP_AUTH_PUBLISH_RATE");
        break;
    case PUBLICATION_OVERLOADED:
        warn(node, id, (struct bytes){0}, "this instance has no room for it");
        break;
    }
    publication_free(publication);
}

static int ingest(struct node *node, struct bytes object, struct publication **ret,
                  struct ingest_problem *ret_problem)
{
    const struct event_context context = {
        .any_tenant = true, /* who may write to Redis is trusted like the API key */
        .tenant = BYTES(""),
        .publisher = BYTES(""),
        .no_effects = node->settings->redis_plain == REDIS_PLAIN_NO_EFFECTS,
        .wall_ms = node->now.wall_ms,
    };
    unsigned redacted;

    return node_ingest(node, object, INGEST_JSON, &context, PUBLISHER_KEY, ret, &redacted,
                       ret_problem);
}

static void take_object(struct node *node, struct bytes object)
{
    struct ingest_problem problem;
    struct publication *publication;
    int r = ingest(node, object, &publication, &problem);

    if (r < 0) {
        warn(node, (struct bytes){0},
             r == MCP_AUTH_E_NOMEM ? (struct bytes){0} : bytes_of(problem.event.member),
             r == MCP_AUTH_E_NOMEM ? "out of memory" : problem.event.reason);
        return;
    }
    if (!publication->events[0]->id_given) {
        /* Every instance heard it: without an id each would store it again. */
        atomic_fetch_add_explicit(&node->bodies_refused[ERROR_MISSING_MEMBER], 1,
                                  memory_order_relaxed);
        warn(node, (struct bytes){0}, BYTES("id"), "is required");
        publication_free(publication);
        return;
    }
    publication->hub = 0;
    publication->done = published;
    publication->owner = node;
    node_publish(node, publication);
}

void plain_take(void *owner, struct bytes json)
{
    static const struct bytes ours = {"{\"type\":\"", 9};
    struct node *node = owner;
    struct json_problem problem;
    struct strbuf object;
    int r;

    /* All that this fleet publishes comes back here, on every instance. */
    if (bytes_starts_with(json, ours) || node->settings->redis_plain == REDIS_PLAIN_OFF)
        return;
    if (json.size > EVENT_SIZE_MAX) {
        warn(node, (struct bytes){0}, (struct bytes){0}, "an event has at most 64 KiB");
        return;
    }
    r = json_check(json, &problem);
    if (r < 0 || json_walk_value(json).data[0] != '{') {
        warn(node, (struct bytes){0}, (struct bytes){0},
             r == MCP_AUTH_E_INVALID ? problem.text
             : r < 0                 ? "out of memory"
                                     : "must be an object");
        return;
    }
    strbuf_init(&object, EVENT_SIZE_MAX + 1024u);
    if (!rewrite(&object, json)) {
        if (object.error)
            warn(node, (struct bytes){0}, (struct bytes){0}, "out of memory");
        else
            take_object(node, strbuf_bytes(&object));
    }
    strbuf_done(&object);
}
