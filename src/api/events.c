/* SPDX-License-Identifier: Apache-2.0 */
/* events.c: GET /v1/events: a page of the history, for administrators. */
#include <stdio.h>

#include "api/api.h"
#include "api/query.h"
#include "codec/json.h"
#include "model/limits.h"
#include "node/past.h"
#include "wire/event_out.h"

#define LIMIT_DEFAULT 100u
#define LIMIT_MAX 1000u

struct asked {
    struct past_query past;
    struct query_filter filter;
};

static bool take_after(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    struct asked *asked = into;

    asked->past.has_after = true;
    if (position_read(value, &asked->past.after) == 0)
        return true;
    (void)snprintf(why, QUERY_WHY_SIZE, "is not a position of this server");
    return false;
}

static bool take_limit(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_number(value, 1, LIMIT_MAX, &((struct asked *)into)->past.limit, why);
}

static bool take_type(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_take_types(&((struct asked *)into)->filter, value, why);
}

static bool take_user(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    if (value.size == 0 || value.size > USER_ID_SIZE_MAX) {
        (void)snprintf(why, QUERY_WHY_SIZE, "must be of 1 to %u bytes", USER_ID_SIZE_MAX);
        return false;
    }
    ((struct asked *)into)->past.user = value;
    return true;
}

static bool take_resource(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_take_resource(&((struct asked *)into)->filter, value, why);
}

static bool take_level(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_take_level(&((struct asked *)into)->filter, value, why);
}

static bool take_time(struct bytes value, int64_t *ret, char why[QUERY_WHY_SIZE])
{
    if (clock_rfc3339_read(value, ret) == 0)
        return true;
    (void)snprintf(why, QUERY_WHY_SIZE,
                   "must be a time of RFC 3339, such as 2026-11-23T00:25:01Z (write + as %%2B)");
    return false;
}

static bool take_since(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return take_time(value, &((struct asked *)into)->past.since_ms, why);
}

static bool take_until(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return take_time(value, &((struct asked *)into)->past.until_ms, why);
}

static bool take_tenant(void *into, struct bytes value,
                        char why[QUERY_WHY_SIZE] __attribute__((unused)))
{
    ((struct asked *)into)->past.tenant = value;
    return true;
}

static const struct query_rule rules[] = {
    {"after", false, take_after},      {"limit", false, take_limit},
    {"event_type", true, take_type},   {"user_id", false, take_user},
    {"resource", true, take_resource}, {"min_security_level", false, take_level},
    {"since", false, take_since},      {"until", false, take_until},
    {"tenant_id", false, take_tenant},
};

static void put_position(struct strbuf *out, const struct position *position)
{
    char text[POSITION_SIZE];

    position_write(position, text);
    json_put_string(out, (struct bytes){text, sizeof text});
}

static void put_event(struct strbuf *out, const struct entry *entry, uint64_t epoch)
{
    struct position position = {epoch, entry->n, entry->check};
    size_t size = entry->event->json.size + EVENT_POSITION_SIZE;
    char text[POSITION_SIZE];
    char *to = strbuf_reserve(out, size);

    if (!to)
        return;
    position_write(&position, text);
    event_out_with_position(to, entry->event->json, text);
    strbuf_added(out, size);
}

static void answer_page(struct exchange *exchange, const struct past *past)
{
    struct strbuf json;

    strbuf_init(&json, 256 + past->bytes + past->count * (EVENT_POSITION_SIZE + 1));
    strbuf_puts(&json, "{\"events\":[");
    for (unsigned i = 0; i < past->count; i++) {
        if (i > 0)
            strbuf_putc(&json, ',');
        put_event(&json, &past->entries[i], past->epoch);
    }
    strbuf_puts(&json, "],\"next\":");
    if (past->has_next)
        put_position(&json, &past->next);
    else
        strbuf_puts(&json, "null");
    strbuf_putc(&json, '}');
    exchange_answer_json(exchange, 200, (struct bytes){0}, &json);
}

/* In the asker's thread, by its mailbox. */
static void done(struct past *past, void *owner)
{
    struct net *net = owner;
    struct exchange *exchange;

    (void)net_begin(net);
    exchange = exchange_find(net, past->asker);
    if (exchange && past->result == PAST_LOST)
        query_refuse(exchange, ERROR_POSITION_LOST, "after",
                     "what was behind this position is no longer kept here");
    else if (exchange)
        answer_page(exchange, past);
    past_free(past);
}

static void overloaded(struct exchange *exchange)
{
    exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
}

static void ask(struct exchange *exchange, struct asked *asked)
{
    const struct api *api = exchange_owner(exchange);
    struct net *net = exchange_net(exchange);
    struct past *past;

    if (query_filter_new(&asked->filter, &asked->past.filter) < 0) {
        overloaded(exchange);
        return;
    }
    if (past_new(&past, &asked->past) < 0) {
        filter_free(asked->past.filter);
        overloaded(exchange);
        return;
    }
    if (exchange_later(exchange, &past->asker) < 0) {
        past_free(past);
        overloaded(exchange);
        return;
    }
    past->hub = hub_index(net_hub(net));
    past->done = done;
    past->owner = net;
    node_past(api->node, past);
}

void events_get(struct exchange *exchange)
{
    struct asked asked = {
        .past = {.limit = LIMIT_DEFAULT, .since_ms = INT64_MIN, .until_ms = INT64_MAX}};
    struct strbuf room;

    if (query_read(exchange, rules, ARRAY_COUNT(rules), &room, &asked) &&
        query_tenant(exchange, &asked.past.tenant))
        ask(exchange, &asked);
    strbuf_done(&room);
}
