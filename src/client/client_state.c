/* SPDX-License-Identifier: Apache-2.0 */
/* client_state.c: connecting, live, waiting, stopped: when a client goes from one to the other. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/client_private.h"

/* A token that ends soon is asked for again at most so often. */
#define RENEW_PAUSE_MS 1000

static void tell(struct mcp_auth_client *client, enum mcp_auth_client_state state,
                 mcp_auth_client_status status)
{
    client->state = state;
    status.size = sizeof status;
    status.state = state;
    if (client->options.on_state)
        client->options.on_state(client->options.owner, client, &status);
}

static void token_drop(struct mcp_auth_client *client)
{
    if (client->token)
        explicit_bzero(client->token, strlen(client->token));
    free(client->token);
    client->token = NULL;
}

void client_stop(struct mcp_auth_client *client, int error, unsigned code, const char *why)
{
    link_close(client, code);
    client->deadline_ms = client->silence_at_ms = client->renew_at_ms = CLIENT_NEVER;
    client->error = error;
    tell(client, MCP_AUTH_CLIENT_STOPPED,
         (mcp_auth_client_status){.close_code = (int)code, .why = why, .error = error});
}

static void come_back(struct mcp_auth_client *client, unsigned code, const char *why)
{
    int64_t wait_ms = backoff_next(&client->backoff, &random_kernel, client->retry_after_ms);

    client->retry_after_ms = -1;
    client->deadline_ms = client->now.mono_ms + wait_ms;
    tell(client, MCP_AUTH_CLIENT_WAITING,
         (mcp_auth_client_status){.close_code = (int)code, .why = why, .retry_ms = wait_ms});
}

/* Without a token that could be tried: the next step is set_token's, perhaps from inside on_token. */
static void need_token(struct mcp_auth_client *client, unsigned code, const char *why)
{
    int r = MCP_AUTH_E_EXPIRED;

    client->deadline_ms = CLIENT_NEVER;
    if (client->options.on_token) {
        tell(client, MCP_AUTH_CLIENT_NEEDS_TOKEN,
             (mcp_auth_client_status){.close_code = (int)code, .why = why});
        r = client->options.on_token(client->options.owner, client, MCP_AUTH_CLIENT_TOKEN_REFUSED);
    }
    if (r < 0)
        client_stop(client, r, code, why);
}

static void start(struct mcp_auth_client *client)
{
    client->closing_code = 0;
    client->retry_after_ms = -1;
    if (!client->token) {
        client->back_at_once = true;
        need_token(client, 0, "there is no token yet");
        return;
    }
    client->deadline_ms = client->now.mono_ms + client->connect_timeout_ms;
    tell(client, MCP_AUTH_CLIENT_CONNECTING, (mcp_auth_client_status){.why = "connecting"});
    link_start(client);
}

void client_lost(struct mcp_auth_client *client, unsigned code, const char *why)
{
    bool held = client->state == MCP_AUTH_CLIENT_LIVE &&
                client->now.mono_ms - client->live_since_ms >= CLIENT_HELD_MS;

    if (code == 1006 && client->closing_code) /* it was announced, and the close itself got lost */
        code = (unsigned)client->closing_code;
    link_close(client, code);
    client->silence_at_ms = client->renew_at_ms = CLIENT_NEVER;
    if (held)
        backoff_reset(&client->backoff);
    switch (close_action_of(code)) {
    case CLOSE_STOP:
        client_stop(client, MCP_AUTH_E_REFUSED, code, why);
        return;
    case CLOSE_RENEW:
        /* A token that crossed this close on its way has not been judged yet. */
        if (!client->token_untried) {
            token_drop(client);
            client->back_at_once = false;
            need_token(client, code, why);
            return;
        }
        break;
    case CLOSE_RESYNC:
        client->position[0] = '\0';
        client->gap_code = (int)code;
        break;
    case CLOSE_RETRY:
        break;
    }
    come_back(client, code, why);
}

void client_refused(struct mcp_auth_client *client, int status)
{
    char why[160];

    snprintf(why, sizeof why, "the handshake was answered with HTTP status %d%s", status,
             status == 404 || status == 426 ? "; is this an mcp-auth server's address?" : "");
    /* What the server or a proxy before it may get over, and what it will say again. */
    if (status >= 500 || status == 429 || status == 408 || status == 425) {
        link_close(client, 0);
        come_back(client, 0, why);
    } else {
        client_stop(client, MCP_AUTH_E_REFUSED, 0, why);
    }
}

void client_heard(struct mcp_auth_client *client)
{
    if (client->state == MCP_AUTH_CLIENT_LIVE)
        client->silence_at_ms = client->now.mono_ms + client->silence_ms;
}

void client_live(struct mcp_auth_client *client, bool resumed)
{
    client->deadline_ms = CLIENT_NEVER;
    client->live_since_ms = client->now.mono_ms;
    tell(client, MCP_AUTH_CLIENT_LIVE,
         (mcp_auth_client_status){.why = resumed ? "resumed" : "signed in", .resumed = resumed});
    client_heard(client);
}

void client_renew_at(struct mcp_auth_client *client, int64_t expires_wall_ms)
{
    int64_t left_ms = expires_wall_ms - client->now.wall_ms;
    int64_t before_ms = client->renew_before_ms;

    /* A clock that says it is over already is wrong about it: the server has just accepted it, and
     * will say 4101 when it is. */
    client->renew_at_ms = CLIENT_NEVER;
    if (left_ms <= 0 || !client->options.on_token)
        return;
    if (before_ms > left_ms / 4)
        before_ms = left_ms / 4;
    left_ms -= before_ms;
    client->renew_at_ms =
        client->now.mono_ms + (left_ms > RENEW_PAUSE_MS ? left_ms : RENEW_PAUSE_MS);
}

static void renew(struct mcp_auth_client *client)
{
    client->renew_at_ms = CLIENT_NEVER;
    /* Whoever has none now is asked again when the server says that this one is over. */
    (void)client->options.on_token(client->options.owner, client, MCP_AUTH_CLIENT_TOKEN_EXPIRES);
}

static void silent(struct mcp_auth_client *client)
{
    char why[80];

    snprintf(why, sizeof why, "nothing was heard for %lld ms", (long long)client->silence_ms);
    client_lost(client, 1006, why);
}

void client_timers(struct mcp_auth_client *client)
{
    int64_t now_ms = client->now.mono_ms;

    if (client->state == MCP_AUTH_CLIENT_NEEDS_TOKEN && client->token) {
        if (client->back_at_once)
            start(client);
        else
            come_back(client, 0, "there is another token");
    } else if (now_ms >= client->deadline_ms) {
        client->deadline_ms = CLIENT_NEVER;
        if (client->state == MCP_AUTH_CLIENT_WAITING)
            start(client);
        else
            link_timeout(client);
    }
    if (now_ms >= client->silence_at_ms)
        silent(client);
    if (now_ms >= client->renew_at_ms)
        renew(client);
}

int64_t client_next_ms(const struct mcp_auth_client *client)
{
    int64_t next_ms = client->deadline_ms;

    if (client->state == MCP_AUTH_CLIENT_NEEDS_TOKEN && client->token)
        return 0;
    if (client->silence_at_ms < next_ms)
        next_ms = client->silence_at_ms;
    if (client->renew_at_ms < next_ms)
        next_ms = client->renew_at_ms;
    return next_ms;
}
