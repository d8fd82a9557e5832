/* SPDX-License-Identifier: Apache-2.0 */
/* client.h: a session with a server: follows events, resumes, renews its token, comes back. */
#ifndef MCP_AUTH_CLIENT_H
#define MCP_AUTH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "mcp_auth/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One session over a WebSocket of its own (subprotocol mcp-auth.v1). It starts no thread except
 * for a name look-up, and does its work inside mcp_auth_client_run. Texts are UTF-8. */
typedef struct mcp_auth_client mcp_auth_client;

/* An event frame. Members it does not have are NULL. All is borrowed until the callback returns.
 * Source     protocol/PROTOCOL.md, "Event frame". */
typedef struct mcp_auth_client_event {
    size_t size;      /* sizeof this struct in the library: members behind it do not exist */
    const char *json; /* the whole frame as received, NUL-terminated */
    size_t json_size;
    const char *id, *event_type, *timestamp, *message, *security_level;
    const char *user_id, *user_name, *target_user_id;
    const char *resource, *resource_id, *action, *role_name, *permission, *tenant_id;
    const char *position; /* to resume behind this event */
} mcp_auth_client_event;

enum mcp_auth_client_state {
    MCP_AUTH_CLIENT_CONNECTING,  /* up to the answer to the sign-in */
    MCP_AUTH_CLIENT_LIVE,        /* signed in: events come */
    MCP_AUTH_CLIENT_WAITING,     /* lost or refused; comes back in retry_ms */
    MCP_AUTH_CLIENT_NEEDS_TOKEN, /* waits for mcp_auth_client_set_token */
    MCP_AUTH_CLIENT_STOPPED      /* will not come back: `error` and `why` say the reason */
};

/* Borrowed until the callback returns. */
typedef struct mcp_auth_client_status {
    size_t size;
    enum mcp_auth_client_state state;
    int close_code;   /* of the connection that ended: 4001 ..., 1006 when it said none, or 0 */
    const char *why;  /* in words, for people */
    int64_t retry_ms; /* WAITING: until the next attempt */
    int resumed;      /* LIVE: goes on behind the position it asked for */
    int error;        /* STOPPED: what mcp_auth_client_run returns */
} mcp_auth_client_status;

enum mcp_auth_client_token_why {
    MCP_AUTH_CLIENT_TOKEN_EXPIRES, /* soon; the connection lives, there is time */
    MCP_AUTH_CLIENT_TOKEN_REFUSED  /* closed 4100..4199: without another token it cannot go on */
};

/* What to connect to, and whom to tell. Zero the struct, set `size` and what is needed; all texts
 * are copied. Callbacks run inside mcp_auth_client_run, in its caller's thread; they may call
 * every function here but mcp_auth_client_run and mcp_auth_client_close. While one runs nothing is
 * read and no ping is answered: one that takes longer than the server's heartbeat interval loses
 * the connection (4201), and resumes. */
typedef struct mcp_auth_client_options {
    size_t size; /* sizeof(mcp_auth_client_options) */
    /* "ws://HOST:PORT", "http://HOST:PORT" (the endpoint is PATH/ws), "ws://HOST:PORT/PATH", or
     * "unix:PATH". No wss:// or https://: servers of this version speak no TLS. */
    const char *url;
    const char *token;              /* NULL: on_token is asked before the first sign-in */
    const char *position;           /* to resume from, or NULL to begin with what happens now */
    const char *const *event_types; /* NULL-terminated; NULL: all types */
    const char *const *resources;   /* NULL-terminated; exact, or ending in '*'; NULL: all */
    const char *min_security_level; /* NULL: all levels */

    void *owner; /* handed to the callbacks */
    void (*on_event)(void *owner, mcp_auth_client *client, const mcp_auth_client_event *event);
    /* What happened before may have been missed: fetch fresh state now. From `position` on nothing
     * is missed. `code`: 4301 position lost, 4302 another history. */
    void (*on_gap)(void *owner, mcp_auth_client *client, int code, const char *position);
    /* Another token is wanted: give it by mcp_auth_client_set_token, in the callback or later, and
     * return 0; a negative return after TOKEN_REFUSED stops the client with that error. NULL: the
     * first token is the only one. */
    int (*on_token)(void *owner, mcp_auth_client *client, enum mcp_auth_client_token_why why);
    void (*on_state)(void *owner, mcp_auth_client *client, const mcp_auth_client_status *status);
    /* Every frame that is no event: "auth_ok", "heartbeat", "scope_changed", "error" ... */
    void (*on_control)(void *owner, mcp_auth_client *client, const char *type, const char *json,
                       size_t json_size);

    /* 0 means the default in brackets. */
    int connect_timeout_ms; /* from the first packet to the sign-in's answer (10000) */
    int retry_first_ms;     /* ceiling of the first random wait (500) */
    int retry_max_ms;       /* ceiling of any random wait (30000) */
    int renew_before_ms;    /* how long before its end a token is renewed (60000) */
    int silence_ms;         /* nothing heard for so long: lost (twice the heartbeat and 1 s) */
    unsigned dedupe_ids;    /* ids remembered to remove doubles (4096; at most 1000000) */
} mcp_auth_client_options;

/* Makes a client; nothing is sent before the first mcp_auth_client_run.
 *
 * Ownership  *ret is yours: mcp_auth_client_close. `options` is copied.
 * Thread     one at a time, as every call here that does not say otherwise.
 * Errors     MCP_AUTH_E_INVALID (url, token, position, a filter that does not fit, no on_event),
 *            MCP_AUTH_E_NOT_FOUND (an event type or a level that this version does not know),
 *            MCP_AUTH_E_UNSUPPORTED (wss, https), MCP_AUTH_E_NOMEM, MCP_AUTH_E_SYSTEM.
 * Source     src/client/client.c */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_client_open(mcp_auth_client **ret,
                                                          const mcp_auth_client_options *options);

/* Says goodbye (1000) if that can be done at once, and forgets everything, the token wiped. NULL is
 * fine. A look-up under way ends by itself. Not from a callback.
 * Source     src/client/client.c */
MCP_AUTH_API void mcp_auth_client_close(mcp_auth_client *client);

/* Waits up to `timeout_ms` (negative: for ever) for something to do, does it, calls back, returns.
 * To be called again and again.
 *
 * Errors     0 as long as it goes on. When it has stopped, each call gives the reason:
 *            MCP_AUTH_E_REFUSED (a code of 4000..4099, or the handshake was refused),
 *            MCP_AUTH_E_EXPIRED (another token is needed and nobody gives one),
 *            MCP_AUTH_E_UNSUPPORTED (no server of this protocol), MCP_AUTH_E_NOMEM,
 *            MCP_AUTH_E_SYSTEM, or what on_token returned.
 * Source     protocol/PROTOCOL.md, "Close codes"; src/client/client.c */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_client_run(mcp_auth_client *client, int timeout_ms);

/* Readable whenever mcp_auth_client_run has something to do, also when only a time has come: for
 * poll, select, epoll or another loop. The same for the whole life; do not read it.
 * Ownership  borrowed. */
MCP_AUTH_API int mcp_auth_client_fd(const mcp_auth_client *client);

/* Makes the call of mcp_auth_client_run that waits, or else the next one, return soon, with the
 * rest of what has arrived kept for the next call.
 * Thread     any, also a signal handler; not after mcp_auth_client_close. */
MCP_AUTH_API void mcp_auth_client_interrupt(mcp_auth_client *client);

/* The token from now on: on a live connection it is renewed there, else the next sign-in uses it.
 * Ownership  copied.
 * Errors     MCP_AUTH_E_INVALID (longer than 16 KiB, or a character no token has), _NOMEM. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_client_set_token(mcp_auth_client *client,
                                                               const char *token);

/* Replaces the filter, now and for later connections; NULL as in the options.
 * Ownership  copied.
 * Errors     MCP_AUTH_E_INVALID (over 32 resources, or one over 256 bytes), MCP_AUTH_E_NOT_FOUND (an
 *            unknown event type or level), _NOMEM. The filter is then as it was. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_client_subscribe(mcp_auth_client *client,
                                                               const char *const *event_types,
                                                               const char *const *resources,
                                                               const char *min_security_level);

/* Where it stands: everything up to here has been given to on_event. "" before the first sign-in.
 * Keep it to resume in another process.
 * Ownership  borrowed until the next call of mcp_auth_client_run; in on_event it is that event's.
 * Source     protocol/PROTOCOL.md, "Positions and what is promised" */
MCP_AUTH_API const char *mcp_auth_client_position(const mcp_auth_client *client);

MCP_AUTH_API enum mcp_auth_client_state mcp_auth_client_state_of(const mcp_auth_client *client);

#ifdef __cplusplus
}
#endif
#endif
