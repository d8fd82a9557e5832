/* SPDX-License-Identifier: Apache-2.0 */
/* query.c: reads the parameters of a URL one by one, and says what is wrong with one. */
#include "api/query.h"

#include <stdio.h>

#include "codec/url.h"
#include "mcp_auth/error.h"
#include "wire/nearest.h"

_Static_assert(EVENT_TYPES < 32, "a bit for each type");

void query_refuse(struct exchange *exchange, enum error_code code, const char *name,
                  const char *why)
{
    struct refusal_details details = {.index = -1,
                                      .member = bytes_of(name),
                                      .reason = bytes_of(why)};
    struct strbuf message;

    strbuf_init(&message, 512);
    strbuf_printf(&message, "%s: %s", name, why);
    exchange_refuse(exchange, code, message.error ? (struct bytes){0} : strbuf_bytes(&message),
                    &details, -1);
    strbuf_done(&message);
}

/* Appends to room, which has space for all, so that nothing in it moves. */
static int decode(struct bytes text, struct strbuf *room, struct bytes *ret)
{
    size_t from = room->size;
    int r = url_decode(text, true, room);

    if (r >= 0)
        *ret = (struct bytes){room->data + from, room->size - from};
    return r;
}

static void refuse_unknown(struct exchange *exchange, const struct query_rule *rules,
                           unsigned rules_count, struct bytes name)
{
    struct bytes words[16], near;
    char shown[65], why[QUERY_WHY_SIZE] = "is not a parameter of this path";

    for (unsigned i = 0; i < rules_count && i < 16; i++)
        words[i] = bytes_of(rules[i].name);
    near = nearest_word(name, words, rules_count < 16 ? rules_count : 16);
    if (bytes_present(near))
        (void)snprintf(why, sizeof why, "is not known; did you mean %.*s?", (int)near.size,
                       near.data);
    clip_text(shown, sizeof shown, name);
    query_refuse(exchange, ERROR_UNKNOWN_MEMBER, shown, why);
}

static bool take_pair(struct exchange *exchange, const struct query_rule *rules,
                      unsigned rules_count, struct bytes name, struct bytes value, uint32_t *seen,
                      void *into)
{
    char why[QUERY_WHY_SIZE] = "is not allowed";

    for (unsigned i = 0; i < rules_count; i++) {
        if (!bytes_equal(name, bytes_of(rules[i].name)))
            continue;
        if (*seen & BIT(i) && !rules[i].repeats) {
            query_refuse(exchange, ERROR_INVALID_MEMBER, rules[i].name, "is given twice");
            return false;
        }
        *seen |= BIT(i);
        if (rules[i].take(into, value, why))
            return true;
        query_refuse(exchange, ERROR_INVALID_MEMBER, rules[i].name, why);
        return false;
    }
    refuse_unknown(exchange, rules, rules_count, name);
    return false;
}

bool query_read(struct exchange *exchange, const struct query_rule *rules, unsigned rules_count,
                struct strbuf *room, void *into)
{
    struct bytes rest = exchange->request.query, name, value;
    uint32_t seen = 0;

    strbuf_init(room, HTTP_TARGET_SIZE_MAX + 1);
    if (!strbuf_reserve(room, HTTP_TARGET_SIZE_MAX)) {
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return false;
    }
    while (url_next_pair(&rest, &name, &value)) {
        if (decode(name, room, &name) < 0 || decode(value, room, &value) < 0) {
            exchange_refuse(exchange, ERROR_BAD_REQUEST,
                            BYTES("the query is not valid percent-encoded UTF-8"), NULL, -1);
            return false;
        }
        if (!take_pair(exchange, rules, rules_count, name, value, &seen, into))
            return false;
    }
    return true;
}

bool query_number(struct bytes value, unsigned least, unsigned most, unsigned *ret,
                  char why[QUERY_WHY_SIZE])
{
    unsigned number = 0;

    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || number > most)
            goto bad;
        number = number * 10 + (unsigned)(value.data[i] - '0');
    }
    if (value.size == 0 || value.size > 9 || number < least || number > most)
        goto bad;
    *ret = number;
    return true;
bad:
    (void)snprintf(why, QUERY_WHY_SIZE, "must be a number of %u to %u", least, most);
    return false;
}

bool query_tenant(struct exchange *exchange, struct bytes *tenant)
{
    const struct identity *identity = exchange->identity;

    if (!identity)
        return true; /* the API key */
    if (bytes_present(*tenant) && !bytes_equal(*tenant, identity->claims.tenant)) {
        query_refuse(exchange, ERROR_WRONG_TENANT, "tenant_id",
                     "must be the administrator's own tenant, or left out");
        return false;
    }
    *tenant = identity->claims.tenant;
    return true;
}

static bool take_type(struct query_filter *filter, struct bytes text, char why[QUERY_WHY_SIZE])
{
    int type = event_type_find(text);
    struct bytes near;

    if (type >= 0) {
        filter->types |= BIT(type);
        return true;
    }
    near = nearest_event_type(text);
    if (bytes_present(near))
        (void)snprintf(why, QUERY_WHY_SIZE, "is not known; did you mean %.*s?", (int)near.size,
                       near.data);
    else
        (void)snprintf(why, QUERY_WHY_SIZE, "is not an event type known here");
    return false;
}

bool query_take_types(struct query_filter *filter, struct bytes value, char why[QUERY_WHY_SIZE])
{
    for (;;) {
        const char *comma = value.size > 0 ? memchr(value.data, ',', value.size) : NULL;
        size_t size = comma ? (size_t)(comma - value.data) : value.size;

        if (!take_type(filter, (struct bytes){value.data, size}, why))
            return false;
        if (!comma)
            return true;
        value.data += size + 1;
        value.size -= size + 1;
    }
}

/* A comma may be part of a resource's name, so this list is given by repeating. */
bool query_take_resource(struct query_filter *filter, struct bytes value, char why[QUERY_WHY_SIZE])
{
    if (value.size > RESOURCE_SIZE_MAX) {
        (void)snprintf(why, QUERY_WHY_SIZE, "is longer than %u bytes", RESOURCE_SIZE_MAX);
        return false;
    }
    if (filter->resources_count == FILTER_RESOURCES_MAX) {
        (void)snprintf(why, QUERY_WHY_SIZE, "is given more than %u times", FILTER_RESOURCES_MAX);
        return false;
    }
    filter->resources[filter->resources_count++] = value;
    return true;
}

bool query_take_level(struct query_filter *filter, struct bytes value, char why[QUERY_WHY_SIZE])
{
    filter->level_min = level_rank(value);
    if (filter->level_min >= 0)
        return true;
    (void)snprintf(why, QUERY_WHY_SIZE, "must be LOW, INFO, MEDIUM, WARNING, HIGH or CRITICAL");
    return false;
}

int query_filter_new(const struct query_filter *filter, struct filter **ret)
{
    *ret = NULL;
    if (filter->types == 0 && filter->level_min == 0 && filter->resources_count == 0)
        return 0;
    return filter_new(ret, filter->types ? filter->types : FILTER_ALL_TYPES, filter->level_min,
                      filter->resources_count > 0, filter->resources, filter->resources_count);
}
