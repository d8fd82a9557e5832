/* SPDX-License-Identifier: Apache-2.0 */
/* front.h: an instance in a host's process, which has the sockets and moves the bytes. */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "base/bytes.h"
#include "hub/hub.h"
#include "mcp_auth/options.h"
#include "mcp_auth/publish.h"
#include "node/node.h"

/* The host has sockets and event loops of its own (an ASGI server), and gives us what clients say;
 * we give it finished messages. One thread of ours, the core, has the hub; it calls nothing of the
 * host's, so that no lock of the host's (Python's) can hold it up.
 *
 * Threads. Calls about one loop and its connections come from one thread at a time; different loops
 * may be of different threads. Nothing here waits, but front_stop and front_loop_wait.
 * Fork. A front is its process's. The child makes its own, and touches none of its parent's, not
 * even to free it. */
struct front;
struct front_loop; /* one of the host's event loops */
struct front_conn; /* one connection */
struct front_text; /* one message; shared by all who receive the same */

/* How much the host may have of one connection and not sent yet, before it is given more. A message
 * that is larger comes when it has nothing else. What waits longer fills the outbox of the session,
 * whose ceiling closes it 4202. */
#define FRONT_CREDIT_MESSAGES 64u
#define FRONT_CREDIT_BYTES (64u * 1024u)
/* How much of one connection may be on its way to the core. */
#define FRONT_INPUT_MESSAGES 64u
#define FRONT_INPUT_BYTES (128u * 1024u)

/* Checks the options, reads keys, issuers and policy as mcp_auth_server_new does; listens nowhere.
 * Ownership  `options` is copied from. *ret is yours.
 * Errors     MCP_AUTH_E_INVALID, _IO, _SYSTEM, _NOMEM, each after telling `problem`. */
MUST_CHECK int front_new(struct front **ret, mcp_auth_options *options, mcp_auth_problem_fn problem,
                         void *owner);
/* Starts the threads, and waits (up to 5 s) for keys that come from addresses. Once.
 * MCP_AUTH_E_SYSTEM, _NOMEM: then only front_free is allowed. */
MUST_CHECK int front_start(struct front *front);
/* Everybody is closed 4200, and nobody new is let in. Thread any. The host goes on taking and
 * disconnecting, and calls front_stop when it has nobody left or time is over. Again: fine. */
void front_drain(struct front *front);
unsigned front_count(const struct front *front); /* connections not yet disconnected; thread any */
/* Drains, waits up to drain_ms until every connection is disconnected, and ends the threads: what
 * was published before is still announced. A host whose only thread calls this gives 0, for nobody
 * would disconnect meanwhile. Afterwards all but freeing, taking and disconnecting is refused. */
void front_stop(struct front *front, int drain_ms);
/* Stops. Before: each connection disconnected, each loop freed. NULL is fine. */
void front_free(struct front *front);

/* MCP_AUTH_E_SYSTEM, _NOMEM. */
MUST_CHECK int front_loop_new(struct front_loop **ret, struct front *front);
/* Readable (an eventfd, level-triggered) while something waits to be taken. Do not read it. */
int front_loop_fd(const struct front_loop *loop);
/* Until something waits: 1; 0 when there was nothing for timeout_ms. For a thread without a loop
 * of its own; Python lets go of its lock around this. */
int front_loop_wait(const struct front_loop *loop, int timeout_ms);
/* Its connections are over: their sessions end, nothing is told of them any more, and each is still
 * to be disconnected, whenever. Answers that were asked for by it are told to nobody. Stop watching
 * the descriptor before: it is closed soon. */
void front_loop_free(struct front_loop *loop);

/* What the handshake said. All is copied. */
struct front_opening {
    enum session_kind kind;     /* SESSION_CONTROL when the subprotocol was offered: agree to it */
    struct bytes authorization; /* the header as it stands; absent: none; present and of no use (two
                                   of them, say): refused */
    struct bytes origin;        /* absent: none */
    struct bytes address;       /* the client's, as text without port; absent: unknown */
    uint16_t port;
};

/* A connection came. `host` is told with every item. First comes FRONT_OPEN or FRONT_REFUSED: until
 * then the host does not answer the handshake.
 * Errors     MCP_AUTH_E_STOPPING, _NOMEM. */
MUST_CHECK int front_connect(struct front_conn **ret, struct front_loop *loop,
                             const struct front_opening *opening, void *host);
/* One text message. Copied. MCP_AUTH_E_FULL: it was not taken, because too much is on its way; the
 * host stops reading, and gives it again when FRONT_ROOM says so. _NOMEM, _STOPPING: close it. A
 * message that is too large closes the connection 1009. */
MUST_CHECK int front_receive(struct front_conn *conn, struct bytes text);
/* Anything else of a message: closes 4005. The same errors. */
MUST_CHECK int front_receive_binary(struct front_conn *conn);
/* So much of what was taken has been sent, or has been given up. */
void front_sent(struct front_conn *conn, size_t messages, size_t bytes);
/* The host is done with it, and with the pointer: the socket is closed, or will be without us.
 * Once, for every connection: refused, closed by us or neither, and even after its loop was freed
 * or the front was stopped. */
void front_disconnect(struct front_conn *conn);

enum front_kind {
    FRONT_OPEN,    /* answer the handshake now */
    FRONT_REFUSED, /* refuse the handshake: code is its HTTP status (401, 503), reason the error's
                      name ("unauthorized"); then disconnect */
    FRONT_TEXT,    /* send text; it counts against the credit until front_sent */
    FRONT_CLOSE,   /* close with code and reason when what was taken before has been sent, and then
                      disconnect: nothing more comes of it */
    FRONT_ROOM,    /* give the message again that was too many */
    FRONT_ANSWER,  /* to a question of this loop; conn is NULL, host the question's */
};

struct front_item {
    enum front_kind kind;
    struct front_conn *conn;
    void *host;
    struct front_text *text; /* a reference that is yours: front_text_unref; or NULL */
    unsigned code;           /* FRONT_CLOSE, FRONT_REFUSED */
    struct bytes reason;     /* the same; static */
    int error;               /* FRONT_ANSWER: 0 or MCP_AUTH_E_* */
};

/* What came since, in order, up to `max`; nothing of connections that were disconnected. When it
 * returns `max`, more may wait: call it again, for the descriptor does not say so. */
size_t front_take(struct front_loop *loop, struct front_item *items, size_t max);

/* Immutable UTF-8. Thread any. */
struct bytes front_text_bytes(const struct front_text *text);
/* What the host made of it (its one str for all receivers), with how to let go of it: called once,
 * by the last front_text_unref, in whichever thread of the host's calls that; never by the core. */
void *front_text_host(const struct front_text *text); /* NULL: not yet */
/* False: somebody else was quicker, and `host` is still the caller's. */
bool front_text_set_host(struct front_text *text, void *host, void (*release)(void *host));
void front_text_unref(struct front_text *text); /* NULL is fine */

/* Questions. Thread any, also from a thread that has no loop; never wait. The answer comes as
 * FRONT_ANSWER with `host` to `loop`, or, when loop or asker is NULL, to nobody. On an error here
 * nothing was done and no answer comes. The loop is not freed meanwhile.
 *
 * `asker.problem` gets why, for people, when the error is MCP_AUTH_E_INVALID or _TOO_BIG. */
struct front_asker {
    struct front_loop *loop;
    void *host;
    char *problem;
    size_t problem_size;
};

/* As mcp_auth_publish and mcp_auth_publish_json. The answer's text when its error is 0:
 * {"events":[{"id":"...","position":"..."|null,"duplicate":false}],"degraded":false}. Error
 * MCP_AUTH_E_CONFLICT with {"failed_index":n}, _FULL (later), _STOPPING.
 * Errors     MCP_AUTH_E_INVALID, _TOO_BIG, _STOPPING, _NOMEM. */
MUST_CHECK int front_publish(struct front *front, const mcp_auth_event *event,
                             const struct front_asker *asker);
MUST_CHECK int front_publish_json(struct front *front, struct bytes json,
                                  const struct front_asker *asker);
/* Withdraws what `json` says, {"user_id"|"token_id","reason"?,"tenant_id"?} as POST /v1/revocations
 * takes it; or disconnects a user, with {"reason"?,"tenant_id"?} or nothing. The answer's text:
 * {"disconnected":n,"degraded":false}. Errors as front_publish. */
MUST_CHECK int front_revoke(struct front *front, struct bytes json,
                            const struct front_asker *asker);
MUST_CHECK int front_disconnect_user(struct front *front, struct bytes user, struct bytes json,
                                     const struct front_asker *asker);
/* A page of who is connected here: up to `limit` (1..1000) of this tenant (absent: any) and user
 * (absent: any), from `after` on (0, and then the answer's "next"). The answer's text:
 * {"connections":[...],"next":n|null}, each as in GET /v1/connections. Needs a loop.
 * MCP_AUTH_E_INVALID, _STOPPING, _NOMEM. */
MUST_CHECK int front_connections(struct front *front, struct bytes tenant, struct bytes user,
                                 unsigned limit, uint64_t after, const struct front_asker *asker);

/* Sums; thread any. */
void front_stats(const struct front *front, struct node_stats *ret);

/* What may change at once, while connections are open. Thread any. */
struct front_limits {
    unsigned max_connections;
    int64_t heartbeat_ms;
    unsigned rate_messages; /* 0: no limit */
    int64_t rate_window_ms;
};
void front_limits(struct front *front, struct front_limits *ret);
/* MCP_AUTH_E_INVALID (out of the range of the setting, which `problem` tells unless it is NULL),
 * _NOMEM, _STOPPING (also before the start): nothing changed. */
MUST_CHECK int front_set_limits(struct front *front, const struct front_limits *limits,
                                char *problem, size_t problem_size);

#endif
