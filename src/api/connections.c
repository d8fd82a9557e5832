/* SPDX-License-Identifier: Apache-2.0 */
/* connections.c: GET /v1/connections: who is connected now, gathered from every worker. */
#include <stdio.h>

#include "api/api.h"
#include "api/query.h"
#include "codec/json.h"
#include "model/limits.h"
#include "node/roster.h"

#define LIMIT_DEFAULT 100u
#define LIMIT_MAX 1000u
/* Where the next page goes on: the worker and the place there, as hexadecimal digits. */
#define CURSOR_SIZE 10u

struct asked {
    unsigned limit, at_hub;
    uint32_t at_place;
    struct bytes tenant, user;
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_after(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    struct asked *asked = into;
    uint64_t cursor = 0;

    for (size_t i = 0; i < value.size && i < CURSOR_SIZE; i++) {
        int digit = hex_digit(value.data[i]);

        if (digit < 0)
            break;
        cursor = cursor << 4 | (unsigned)digit;
        if (i + 1 == CURSOR_SIZE && value.size == CURSOR_SIZE) {
            asked->at_hub = (unsigned)(cursor >> 32);
            asked->at_place = (uint32_t)cursor;
            return true;
        }
    }
    (void)snprintf(why, QUERY_WHY_SIZE, "is not the next of an earlier page");
    return false;
}

static bool take_limit(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_number(value, 1, LIMIT_MAX, &((struct asked *)into)->limit, why);
}

static bool take_user(void *into, struct bytes value,
                      char why[QUERY_WHY_SIZE] __attribute__((unused)))
{
    ((struct asked *)into)->user = value;
    return true;
}

static bool take_tenant(void *into, struct bytes value,
                        char why[QUERY_WHY_SIZE] __attribute__((unused)))
{
    ((struct asked *)into)->tenant = value;
    return true;
}

static const struct query_rule rules[] = {
    {"after", false, take_after},
    {"limit", false, take_limit},
    {"user_id", false, take_user},
    {"tenant_id", false, take_tenant},
};

static void answer(struct exchange *exchange, const struct roster *roster)
{
    struct strbuf json;

    strbuf_init(&json, roster->json.size + 128);
    strbuf_puts(&json, "{\"connections\":[");
    strbuf_put_bytes(&json, strbuf_bytes(&roster->json));
    if (roster->has_next)
        strbuf_printf(&json, "],\"next\":\"%02x%08x\"}", roster->at_hub, roster->at_place);
    else
        strbuf_puts(&json, "],\"next\":null}");
    if (roster->json.error)
        json.error = roster->json.error;
    exchange_answer_json(exchange, 200, (struct bytes){0}, &json);
}

/* In the asker's thread, by its mailbox. */
static void done(struct roster *roster, void *owner)
{
    struct net *net = owner;
    struct exchange *exchange;

    (void)net_begin(net);
    exchange = exchange_find(net, roster->asker);
    if (exchange)
        answer(exchange, roster);
    roster_free(roster);
}

static void ask(struct exchange *exchange, const struct asked *asked)
{
    const struct api *api = exchange_owner(exchange);
    struct net *net = exchange_net(exchange);
    struct roster *roster;

    if (roster_new(&roster, asked->tenant, asked->user) < 0) {
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return;
    }
    if (exchange_later(exchange, &roster->asker) < 0) {
        roster_free(roster);
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return;
    }
    roster->limit = asked->limit;
    roster->at_hub = asked->at_hub;
    roster->at_place = asked->at_place;
    roster->hub = hub_index(net_hub(net));
    roster->done = done;
    roster->owner = net;
    node_roster(api->node, roster);
}

void connections_get(struct exchange *exchange)
{
    struct asked asked = {.limit = LIMIT_DEFAULT};
    struct strbuf room;

    if (query_read(exchange, rules, ARRAY_COUNT(rules), &room, &asked) &&
        query_tenant(exchange, &asked.tenant))
        ask(exchange, &asked);
    strbuf_done(&room);
}
