/* SPDX-License-Identifier: Apache-2.0 */
/* redis_entry.c: an entry of the stream, as Redis answers it, to the event that it holds. */
#include <assert.h>

#include "base/log.h"
#include "broker/redis_fleet.h"
#include "mcp_auth/error.h"
#include "model/limits.h"

enum field { V, N, ID, TENANT, USER, TARGET, TYPE, BY, T, W, JSON, GIVEN, FX, FIELDS };

/* In the order in which publish.lua writes them. */
static const struct bytes field_names[FIELDS] = {
    [V] = {"v", 1},       [N] = {"n", 1},           [ID] = {"id", 2},     [TENANT] = {"tenant", 6},
    [USER] = {"user", 4}, [TARGET] = {"target", 6}, [TYPE] = {"type", 4}, [BY] = {"by", 2},
    [T] = {"t", 1},       [W] = {"w", 1},           [JSON] = {"json", 4}, [GIVEN] = {"given", 5},
    [FX] = {"fx", 2},
};

/* Mostly it is the one that comes next. FIELDS: of a newer version. */
static unsigned field_find(struct bytes name, unsigned next)
{
    for (unsigned i = 0; i < FIELDS; i++, next++) {
        if (next >= FIELDS)
            next = 0;
        if (bytes_equal(field_names[next], name))
            return next;
    }
    return FIELDS;
}

static int id_in(struct bytes text, struct stored_entry *ret)
{
    const char *dash = text.size > 0 ? memchr(text.data, '-', text.size) : NULL;
    size_t size = dash ? (size_t)(dash - text.data) : 0;

    if (!dash || fleet_number_read((struct bytes){text.data, size}, &ret->n) < 0 ||
        fleet_number_read((struct bytes){dash + 1, text.size - size - 1}, &ret->part) < 0)
        return MCP_AUTH_E_INVALID;
    return 0;
}

int fleet_entry_in(const struct redis_reply *reply, struct stored_entry *ret)
{
    const struct redis_reply *list;
    struct bytes values[FIELDS] = {[ID] = {"", 0}, [TENANT] = {"", 0}};
    unsigned next = 0;
    uint64_t time_ms = 0;

    if (reply->type != REDIS_ARRAY || reply->count != 2 ||
        reply->elements[0].type != REDIS_STRING || id_in(reply->elements[0].text, ret) < 0)
        return MCP_AUTH_E_INVALID;
    list = &reply->elements[1];
    if (list->type != REDIS_ARRAY || list->count % 2 != 0)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < list->count; i += 2) {
        unsigned field = field_find(list->elements[i].text, next);

        if (field < FIELDS && list->elements[i + 1].text.size > 0) {
            values[field] = list->elements[i + 1].text;
            next = field + 1;
        }
    }
    ret->ours = bytes_equal(values[V], BYTES("1"));
    if (fleet_number_read(values[T], &time_ms) < 0)
        time_ms = 0;
    ret->fields = (struct stored_fields){
        .id = values[ID],
        .tenant = values[TENANT],
        .user = values[USER],
        .target = values[TARGET],
        .type = values[TYPE],
        .by = values[BY],
        .json = values[JSON],
        .time_ms = (int64_t)time_ms,
        .given = bytes_equal(values[GIVEN], BYTES("1")),
        .no_effects = bytes_equal(values[FX], BYTES("0")),
    };
    ret->stored_by = values[W];
    return 0;
}

static struct bytes cut(struct bytes text, size_t size_max)
{
    if (text.size > size_max)
        text.size = size_max;
    return text.size > 0 ? text : BYTES("");
}

/* It has taken its number, so something must stand there. */
static int unreadable_new(struct event **ret, const struct stored_entry *entry)
{
    struct control_fields fields = {
        .control = CONTROL_UNREADABLE,
        .id = cut(entry->fields.id, EVENT_ID_SIZE_MAX),
        .tenant = cut(entry->fields.tenant, TENANT_SIZE_MAX),
        .publisher = BYTES(""),
        .time_ms = entry->fields.time_ms,
    };

    log_write(LOG_WARNING, "an entry of the stream in Redis cannot be read",
              LOG_INT("n", (long long)entry->n), LOG_TEXT("id", fields.id));
    return event_new_control(ret, &fields, BYTES("{}"));
}

int fleet_entry_event(struct redis_fleet *fleet, const struct stored_entry *entry,
                      struct event **ret)
{
    const struct broker_port *port = &fleet->port;
    struct event *own = port->own(port->owner, entry->fields.tenant, entry->fields.id);
    int r = MCP_AUTH_E_INVALID;

    /* Another instance may have been first with an id that was given to both. */
    if (own && bytes_equal(own->json, entry->fields.json)) {
        *ret = event_ref(own);
        return 0;
    }
    if (entry->ours)
        r = port->make(port->owner, &entry->fields, ret);
    assert(r <= 0);
    return r == MCP_AUTH_E_INVALID || r == MCP_AUTH_E_TOO_BIG ? unreadable_new(ret, entry) : r;
}
