/* SPDX-License-Identifier: Apache-2.0 */
/* client_session.c: what a client says to the server, and what it makes of each frame. */
#include <assert.h>

#include "client/client_private.h"
#include "client/server_frame.h"
#include "protocol_lists.h"

#define HEARTBEAT_SECONDS_MAX 86400
#define FILTER_ITEMS_MAX 32u
#define FILTER_ITEM_SIZE_MAX 256u

/* Checked here, because the server answers a sign-in with a wrong filter as it answers no sign-in at
 * all: 4001, which names no reason. */
static bool is_event_type(struct bytes text)
{
#define EVENT_TYPE_ENTRY(name, word, family, message) \
    if (bytes_equal(text, BYTES(word)))               \
        return true;
    EVENT_TYPE_LIST(EVENT_TYPE_ENTRY)
#undef EVENT_TYPE_ENTRY
    return false;
}

static bool is_level(struct bytes text)
{
#define LEVEL_ENTRY(name, rank, word)          \
    if (bytes_equal_nocase(text, BYTES(word))) \
        return true;
    LEVEL_LIST(LEVEL_ENTRY)
#undef LEVEL_ENTRY
    return false;
}

static int put_list(struct strbuf *out, const char *name, const char *const *items)
{
    if (!items)
        return 0;
    json_put_name(out, name);
    strbuf_putc(out, '[');
    for (size_t i = 0; items[i]; i++) {
        struct bytes item = bytes_of(items[i]);

        if (i >= FILTER_ITEMS_MAX || item.size == 0 || item.size > FILTER_ITEM_SIZE_MAX ||
            !utf8_valid(item.data, item.size))
            return MCP_AUTH_E_INVALID;
        if (i > 0)
            strbuf_putc(out, ',');
        json_put_string(out, item);
    }
    strbuf_putc(out, ']');
    return 0;
}

int client_filter_compose(struct strbuf *out, const char *const *event_types,
                          const char *const *resources, const char *min_security_level)
{
    strbuf_reset(out);
    strbuf_putc(out, '{');
    for (size_t i = 0; event_types && event_types[i]; i++)
        if (!is_event_type(bytes_of(event_types[i])))
            return MCP_AUTH_E_NOT_FOUND;
    if (min_security_level && !is_level(bytes_of(min_security_level)))
        return MCP_AUTH_E_NOT_FOUND;
    if (put_list(out, "event_types", event_types) < 0 || put_list(out, "resources", resources) < 0)
        return MCP_AUTH_E_INVALID;
    if (min_security_level) {
        json_put_name(out, "min_security_level");
        json_put_string(out, bytes_of(min_security_level));
    }
    strbuf_putc(out, '}');
    return out->error == MCP_AUTH_E_TOO_BIG ? MCP_AUTH_E_INVALID : out->error;
}

void client_send_auth(struct mcp_auth_client *client, bool renewal)
{
    struct strbuf message;

    assert(client->token);
    if (!renewal) /* one sent on a live connection is judged by the auth_ok only */
        client->token_untried = false;
    strbuf_init(&message, CLIENT_OUT_SIZE_MAX);
    strbuf_puts(&message, "{\"type\":\"auth\",\"token\":");
    json_put_string(&message, bytes_of(client->token));
    if (!renewal && client->position[0]) {
        json_put_name(&message, "position");
        json_put_string(&message, bytes_of(client->position));
    }
    if (!renewal && client->filter.size > 2) { /* more than {} */
        json_put_name(&message, "subscribe");
        strbuf_put_bytes(&message, strbuf_bytes(&client->filter));
    }
    strbuf_putc(&message, '}');
    if (message.error)
        client_lost(client, 1006, "out of memory");
    else
        link_send(client, WS_TEXT, strbuf_bytes(&message));
    if (message.data)
        explicit_bzero(message.data, message.size);
    strbuf_done(&message);
}

void client_opened(struct mcp_auth_client *client)
{
    client->deadline_ms = client->now.mono_ms + client->connect_timeout_ms;
    client_send_auth(client, false);
}

/* Kept only in a form that a server of ours could have sent and will take back. */
static void take_position(struct mcp_auth_client *client, const json_t *json)
{
    struct bytes position = json_member_text(json, "position");

    if (position.size == 0 || position.size > CLIENT_POSITION_SIZE_MAX)
        return;
    for (size_t i = 0; i < position.size; i++)
        if (position.data[i] <= 0x20 || position.data[i] >= 0x7f)
            return;
    memcpy(client->position, position.data, position.size);
    client->position[position.size] = '\0';
}

static void tell_control(struct mcp_auth_client *client, struct bytes type)
{
    if (client->options.on_control)
        client->options.on_control(client->options.owner, client, type.data, client->text.data,
                                   client->text.size);
}

static void take_event(struct mcp_auth_client *client, const json_t *json)
{
    mcp_auth_client_event event;

    take_position(client, json);
    if (seen_before(&client->seen, json_member_text(json, "id")))
        return;
    server_frame_event(json, strbuf_bytes(&client->text), &event);
    client->options.on_event(client->options.owner, client, &event);
}

static void take_auth_ok(struct mcp_auth_client *client, const json_t *json)
{
    bool first = client->state != MCP_AUTH_CLIENT_LIVE;
    bool asked = client->position[0] != '\0';
    bool resumed = json_is_true(json_object_get(json, "resumed"));
    int64_t seconds, expires_ms;
    int gap;

    if (client->options.silence_ms == 0 &&
        server_frame_int(json, "heartbeat_interval", 1, HEARTBEAT_SECONDS_MAX, &seconds) == 0)
        client->silence_ms = 2 * seconds * 1000 + 1000;
    take_position(client, json);
    client->token_untried = false;
    if (server_frame_time(json_member_text(json, "expires_at"), &expires_ms) == 0)
        client_renew_at(client, expires_ms);
    if (first) {
        if (asked && !resumed && client->gap_code == 0)
            client->gap_code = 4301;
        client_live(client, asked && resumed);
    }
    tell_control(client, BYTES("auth_ok"));
    gap = client->gap_code;
    client->gap_code = 0;
    if (first && gap && client->options.on_gap)
        client->options.on_gap(client->options.owner, client, gap, client->position);
}

static void take_closing(struct mcp_auth_client *client, const json_t *json)
{
    int64_t code, wait_ms;

    if (server_frame_int(json, "code", 1000, 4999, &code) == 0)
        client->closing_code = (int)code;
    if (server_frame_int(json, "retry_after_ms", 0, 86400000, &wait_ms) == 0)
        client->retry_after_ms = wait_ms;
    tell_control(client, BYTES("closing"));
}

static void take_frame(struct mcp_auth_client *client, const json_t *json)
{
    struct bytes type = json_member_text(json, "type");

    if (bytes_equal(type, BYTES("auth_ok"))) {
        take_auth_ok(client, json);
    } else if (bytes_equal(type, BYTES("closing"))) {
        take_closing(client, json);
    } else if (bytes_equal(type, BYTES("event")) || bytes_equal(type, BYTES("heartbeat"))) {
        if (client->state != MCP_AUTH_CLIENT_LIVE) {
            client_lost(client, 1002, "the server sent events before it accepted the sign-in");
        } else if (type.data[0] == 'e') {
            take_event(client, json);
        } else {
            take_position(client, json);
            tell_control(client, type);
        }
    } else if (type.size > 0) { /* also what later versions may add */
        tell_control(client, type);
    }
}

void client_message(struct mcp_auth_client *client, struct bytes text)
{
    json_t *json = NULL;
    int r;

    strbuf_reset(&client->text);
    strbuf_put_bytes(&client->text, text);
    r = strbuf_terminate(&client->text);
    if (r == 0)
        r = json_read(text, &json, NULL);
    if (r == MCP_AUTH_E_NOMEM)
        client_lost(client, 1006, "out of memory"); /* it comes again from the last position */
    else if (r < 0 || !json_is_object(json))
        client_lost(client, 1002, "the server sent something else than a JSON object");
    else
        take_frame(client, json);
    json_decref(json);
}
