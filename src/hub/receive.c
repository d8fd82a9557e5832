/* SPDX-License-Identifier: Apache-2.0 */
/* receive.c: what a client says, and what follows from it. */
#include "hub/session.h"
#include "mcp_auth/error.h"
#include "wire/command.h"

/* Before sign-in a wrong message is one that is not auth; after it, the sender is told why. */
static void refuse(struct session *s, const char *reason)
{
    struct strbuf json;

    if (s->state == SESSION_WAITING) {
        session_close(s, CLOSE_AUTHENTICATION_REQUIRED, -1);
        return;
    }
    strbuf_init(&json, MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_error(&json, ERROR_BAD_REQUEST, bytes_of(reason), -1);
    session_push_json(s, &json);
    strbuf_done(&json);
    session_close(s, CLOSE_BAD_MESSAGE, -1);
}

/* False: closed, for want of memory. */
static bool take_filter(struct session *s, struct command *command)
{
    if (!command->filter && !s->extras)
        return true; /* all types, as before */
    if (!session_needs_extras(s)) {
        session_close(s, CLOSE_INTERNAL, 0);
        return false;
    }
    filter_free(s->extras->filter);
    s->extras->filter = command->filter;
    command->filter = NULL;
    s->changed |= session_is_in(s);
    return true;
}

static void say_subscribed(struct session *s)
{
    struct strbuf json;

    strbuf_init(&json, 2 * MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_subscribed(&json, session_filter(s));
    session_push_json(s, &json);
    strbuf_done(&json);
}

static void on_auth(struct session *s, struct command *command)
{
    if (s->state == SESSION_WAITING) {
        if (command->has_subscribe && !take_filter(s, command))
            return;
        session_sign_in(s, command->token, command->position);
        if (command->has_subscribe && session_is_in(s))
            say_subscribed(s);
        return;
    }
    if (!bytes_present(command->token)) {
        refuse(s, "token: is missing");
        return;
    }
    if (bytes_present(command->position)) {
        refuse(s, "position: a renewal has none");
        return;
    }
    if (command->has_subscribe && !take_filter(s, command))
        return;
    session_renew(s, command->token);
    if (command->has_subscribe && session_is_in(s))
        say_subscribed(s);
}

static void on_ping(struct session *s, const struct command *command)
{
    struct strbuf json;

    strbuf_init(&json, MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_pong(&json, command->ping_id);
    session_push_json(s, &json);
    strbuf_done(&json);
}

static void on_command(struct session *s, struct command *command)
{
    if (command->type == COMMAND_AUTH) {
        on_auth(s, command);
    } else if (s->state == SESSION_WAITING) {
        session_close(s, CLOSE_AUTHENTICATION_REQUIRED, -1);
    } else if (command->type == COMMAND_SUBSCRIBE) {
        if (take_filter(s, command))
            say_subscribed(s);
    } else {
        on_ping(s, command);
    }
}

/* True when the message may be looked at. */
static bool admitted(struct session *s)
{
    struct hub *hub = session_hub(s);
    int64_t wait_ms;

    if (s->state == SESSION_CLOSED || s->state == SESSION_LEAVING)
        return false;
    s->heard = true;
    counter_add(&hub->counters.messages_received, 1);
    if (!session_needs_extras(s)) {
        session_close(s, CLOSE_INTERNAL, 0);
        return false;
    }
    if (!rate_take(&s->extras->rate, hub->settings.rate_messages, hub->settings.rate_window_ms,
                   hub->now.mono_ms, &wait_ms)) {
        session_close(s, CLOSE_RATE_LIMIT, wait_ms);
        return false;
    }
    return !session_expired(s);
}

void session_receive(struct session *s, struct bytes text)
{
    struct command_problem problem;
    struct command command;
    int r;

    if (!admitted(s))
        return;
    r = command_read(text, &command, &problem);
    if (r == MCP_AUTH_E_NOMEM) {
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    if (r < 0) {
        refuse(s, problem.reason);
        return;
    }
    on_command(s, &command);
    command_done(&command);
}

void session_receive_binary(struct session *s)
{
    if (admitted(s))
        refuse(s, "messages are text");
}

void session_pong(struct session *s)
{
    s->heard = true;
}
