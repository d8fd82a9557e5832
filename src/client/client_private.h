/* SPDX-License-Identifier: Apache-2.0 */
/* client_private.h: what the files of a session client share, and nobody else. */
#ifndef CLIENT_CLIENT_PRIVATE_H
#define CLIENT_CLIENT_PRIVATE_H

#include <stdatomic.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "client/address.h"
#include "client/close_action.h"
#include "client/seen.h"
#include "client/upgrade.h"
#include "codec/ws_message.h"
#include "io/lookup.h"
#include "io/loop.h"
#include "io/stream.h"
#include "mcp_auth/client.h"

#define CLIENT_TOKEN_SIZE_MAX (16u * 1024u)
#define CLIENT_POSITION_SIZE_MAX 32u
#define CLIENT_FILTER_SIZE_MAX (16u * 1024u) /* 32 resources of 256 bytes, escaped, and types */
/* An event is at most 64 KiB and an auth_ok repeats a token's claims, 16 KiB: this is ample. */
#define CLIENT_MESSAGE_SIZE_MAX (256u * 1024u)
#define CLIENT_READ_SIZE (64u * 1024u)
/* What may wait to be sent: an auth of 20 KiB, a filter, and pongs; more is not read out of us. */
#define CLIENT_OUT_SIZE_MAX (128u * 1024u)
/* A connection that held so long ends a row of failures. */
#define CLIENT_HELD_MS 5000
#define CLIENT_NEVER INT64_MAX

/* Of the connection; what the outside sees is mcp_auth_client_state. */
enum link_state { LINK_NONE, LINK_LOOKUP, LINK_CONNECTING, LINK_UPGRADING, LINK_OPEN };

struct mcp_auth_client {
    /* What it was told to do; never changes, but token and filter. */
    mcp_auth_client_options options; /* its texts are not used: they were copied */
    struct client_address address;
    int64_t connect_timeout_ms, renew_before_ms;
    char *token;          /* NULL: one is needed; wiped before it is freed */
    struct strbuf filter; /* {"event_types":[...],...}, or empty */

    struct loop loop;
    struct watch bell, alarm; /* eventfd of interrupt; timerfd of the next deadline */
    atomic_bool interrupted;
    bool running; /* inside mcp_auth_client_run */

    /* link.c */
    enum link_state link;
    struct lookup *lookup;
    struct watch lookup_watch, watch;
    struct socket_address addresses[LOOKUP_ADDRESSES_MAX];
    int addresses_count, addresses_at;
    struct stream stream;
    struct upgrade upgrade;
    struct ws_reader reader;
    struct strbuf out; /* from out_at on it is still to be sent */
    size_t out_at;
    char *in; /* CLIENT_READ_SIZE; in_at <= in_size: arrived and not yet read */
    size_t in_at, in_size;

    /* client_session.c and client_state.c */
    enum mcp_auth_client_state state;
    int error;         /* of STOPPED */
    bool back_at_once; /* NEEDS_TOKEN: nothing failed before, so there is nothing to wait for */
    struct now now;
    int64_t deadline_ms; /* CONNECTING: give up; WAITING: come back */
    int64_t silence_at_ms, silence_ms, renew_at_ms, live_since_ms;
    int64_t retry_after_ms; /* told before the close; -1: none */
    int closing_code;       /* of the `closing` frame; 0: none came */
    int gap_code;           /* to be told at the next auth_ok; 0: none */
    bool token_untried;     /* newer than the one the server has judged */
    char position[CLIENT_POSITION_SIZE_MAX + 1];
    struct strbuf text; /* the message at hand, terminated */
    struct backoff backoff;
    struct seen seen;
};

/* link.c: one connection. What ends it goes to client_lost. */
void link_start(struct mcp_auth_client *client);
/* Saying this code, if it is one that may be said, the connection is open and it can go at once. */
void link_close(struct mcp_auth_client *client, unsigned goodbye);
/* Reads what has arrived, up to the end or an interruption. */
void link_read(struct mcp_auth_client *client);
bool link_holds(const struct mcp_auth_client *client); /* arrived and not yet read */
void link_send(struct mcp_auth_client *client, enum ws_opcode opcode, struct bytes payload);
void link_flush(struct mcp_auth_client *client);
void link_timeout(struct mcp_auth_client *client); /* this address took too long */

/* client_session.c: what is said on it. */
void client_opened(struct mcp_auth_client *client); /* the handshake is done */
void client_message(struct mcp_auth_client *client, struct bytes text);
void client_send_auth(struct mcp_auth_client *client, bool renewal);
MUST_CHECK int client_filter_compose(struct strbuf *out, const char *const *event_types,
                                     const char *const *resources, const char *min_security_level);

/* client_state.c: what comes after it, and when. */
void client_lost(struct mcp_auth_client *client, unsigned code, const char *why);
void client_refused(struct mcp_auth_client *client, int status); /* of the handshake */
void client_stop(struct mcp_auth_client *client, int error, unsigned code, const char *why);
void client_heard(struct mcp_auth_client *client);
void client_live(struct mcp_auth_client *client, bool resumed);
void client_renew_at(struct mcp_auth_client *client, int64_t expires_wall_ms);
void client_timers(struct mcp_auth_client *client);
int64_t client_next_ms(const struct mcp_auth_client *client); /* CLIENT_NEVER: nothing is due */

#endif
