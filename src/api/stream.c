/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c: GET /v1/events/stream: a user's events as server-sent events. */
#include "api/api.h"
#include "api/query.h"

static bool take_types(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_take_types(into, value, why);
}

static bool take_resource(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_take_resource(into, value, why);
}

static bool take_level(void *into, struct bytes value, char why[QUERY_WHY_SIZE])
{
    return query_take_level(into, value, why);
}

static const struct query_rule rules[] = {
    {"event_types", true, take_types},
    {"resources", true, take_resource},
    {"min_security_level", false, take_level},
};

void stream_get(struct exchange *exchange)
{
    struct bytes position = http_request_header(&exchange->request, BYTES("Last-Event-ID"));
    struct query_filter asked = {0};
    struct filter *filter;
    struct strbuf room;

    if (position.size == 0) /* a client that has had nothing yet may send it empty */
        position = (struct bytes){0};
    if (query_read(exchange, rules, ARRAY_COUNT(rules), &room, &asked)) {
        if (query_filter_new(&asked, &filter) < 0)
            exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        else
            exchange_stream(exchange, filter, position);
    }
    strbuf_done(&room);
}
