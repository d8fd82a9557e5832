/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c: composes the control frames of a session client. */
#include "wire/reply.h"

#include <assert.h>

#include "base/clock.h"

static void put_text(struct strbuf *out, const char *name, struct bytes text)
{
    json_put_name(out, name);
    json_put_string(out, text);
}

static void put_int(struct strbuf *out, const char *name, int64_t number)
{
    json_put_name(out, name);
    json_put_int(out, number);
}

static void put_bool(struct strbuf *out, const char *name, bool value)
{
    json_put_name(out, name);
    strbuf_puts(out, value ? "true" : "false");
}

static void put_texts(struct strbuf *out, const char *name, const struct bytes *texts,
                      unsigned count)
{
    json_put_name(out, name);
    strbuf_putc(out, '[');
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            strbuf_putc(out, ',');
        json_put_string(out, texts[i]);
    }
    strbuf_putc(out, ']');
}

static void put_time(struct strbuf *out, const char *name, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_SIZE];

    clock_rfc3339(wall_ms, text);
    put_text(out, name, bytes_of(text));
}

static void put_position(struct strbuf *out, const struct position *position)
{
    char text[POSITION_SIZE];

    position_write(position, text);
    put_text(out, "position", (struct bytes){text, sizeof text});
}

static void put_authority(struct strbuf *out, const struct claims *claims)
{
    put_texts(out, "roles", claims->roles, claims->roles_count);
    put_texts(out, "permissions", claims->permissions, claims->permissions_count);
}

static void put_retry(struct strbuf *out, int64_t retry_after_ms)
{
    if (retry_after_ms >= 0)
        put_int(out, "retry_after_ms", retry_after_ms);
}

/* A whole number where it is one: 30, 0.5. */
static void put_seconds(struct strbuf *out, const char *name, int64_t ms)
{
    json_put_name(out, name);
    json_put_int(out, ms / 1000);
    if (ms % 1000)
        strbuf_printf(out, ".%03lld", (long long)(ms % 1000));
}

void reply_auth_ok(struct strbuf *out, const struct reply_auth_ok *reply)
{
    const struct claims *claims = reply->claims;

    strbuf_puts(out, "{\"type\":\"auth_ok\"");
    put_text(out, "connection_id", reply->connection_id);
    put_text(out, "user_id", claims->user);
    put_text(out, "tenant_id", claims->tenant);
    put_authority(out, claims);
    put_time(out, "expires_at", claims->expires_at_ms);
    put_position(out, reply->position);
    put_bool(out, "resumed", reply->resumed);
    put_seconds(out, "heartbeat_interval", reply->heartbeat_interval_ms);
    strbuf_putc(out, '}');
}

void reply_heartbeat(struct strbuf *out, const struct position *position, int64_t wall_ms,
                     enum bus_state bus)
{
    static const struct bytes states[] = {
        [BUS_OK] = {"ok", 2}, [BUS_DEGRADED] = {"degraded", 8}, [BUS_NONE] = {"none", 4}};

    assert(bus < ARRAY_COUNT(states));
    strbuf_puts(out, "{\"type\":\"heartbeat\"");
    put_position(out, position);
    put_time(out, "timestamp", wall_ms);
    put_text(out, "bus", states[bus]);
    strbuf_putc(out, '}');
}

void reply_subscribed(struct strbuf *out, const struct filter *filter)
{
    uint32_t wanted = filter ? filter->types : FILTER_ALL_TYPES;
    struct bytes types[EVENT_TYPES];
    unsigned count = 0;

    for (int i = 0; i < EVENT_TYPES; i++)
        if (wanted & BIT(i))
            types[count++] = event_type_text((enum event_type)i);

    strbuf_puts(out, "{\"type\":\"subscribed\"");
    put_texts(out, "event_types", types, count);
    if (filter && filter->has_resources)
        put_texts(out, "resources", filter->resources, filter->resources_count);
    put_text(out, "min_security_level", level_text(filter ? filter->level_min : 0));
    strbuf_putc(out, '}');
}

void reply_scope_changed(struct strbuf *out, const struct claims *claims)
{
    strbuf_puts(out, "{\"type\":\"scope_changed\"");
    put_authority(out, claims);
    strbuf_putc(out, '}');
}

void reply_pong(struct strbuf *out, const json_t *id)
{
    strbuf_puts(out, "{\"type\":\"pong\"");
    if (id) {
        json_put_name(out, "id");
        json_put_value(out, id);
    }
    strbuf_putc(out, '}');
}

void reply_error(struct strbuf *out, enum error_code code, struct bytes message,
                 int64_t retry_after_ms)
{
    strbuf_puts(out, "{\"type\":\"error\"");
    put_text(out, "code", error_code_text(code));
    put_text(out, "message", bytes_present(message) ? message : error_code_meaning(code));
    put_bool(out, "retryable", error_code_retryable(code));
    put_retry(out, retry_after_ms);
    strbuf_putc(out, '}');
}

void reply_closing(struct strbuf *out, enum close_reason reason, int64_t retry_after_ms)
{
    strbuf_puts(out, "{\"type\":\"closing\"");
    put_int(out, "code", close_reason_code(reason));
    put_text(out, "reason", close_reason_text(reason));
    put_retry(out, retry_after_ms);
    strbuf_putc(out, '}');
}

void reply_connection(struct strbuf *out, const struct reply_connection *reply)
{
    const struct claims *claims = reply->claims;

    strbuf_putc(out, '{');
    put_text(out, "connection_id", reply->connection_id);
    put_text(out, "user_id", claims->user);
    put_text(out, "tenant_id", claims->tenant);
    put_text(out, "kind", reply->kind);
    if (bytes_present(reply->address))
        put_text(out, "address", reply->address);
    put_time(out, "connected_at", reply->connected_ms);
    put_time(out, "expires_at", claims->expires_at_ms);
    put_texts(out, "roles", claims->roles, claims->roles_count);
    put_int(out, "backlog_bytes", (int64_t)reply->backlog_bytes);
    strbuf_putc(out, '}');
}
