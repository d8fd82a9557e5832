/* SPDX-License-Identifier: Apache-2.0 */
/* node.h: an instance without a front end: the bus thread, its broker and history, the hubs. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "broker/broker.h"
#include "hub/hub.h"
#include "io/mailbox.h"
#include "node/latency.h"
#include "node/settings.h"
#include "wire/event_in.h"

struct node;

/* Starts nothing. `settings` is borrowed and outlives the node. `issuers` are referenced. */
MUST_CHECK int node_new(struct node **ret, const struct settings *settings,
                        struct issuers *issuers);
/* Before node_start, once per event loop: makes the hub that this loop's thread will call. Notes
 * for it come through `mailbox` (the loop runs it: mailbox_run(mailbox, ...)). Both stay the
 * caller's thread's own; hub_free is called by node_free. */
MUST_CHECK int node_attach(struct node *node, struct mailbox *mailbox, struct hub **ret);
/* Before node_start: told of each event when it is announced, in the bus thread. */
typedef void (*node_observe_fn)(void *owner, const struct event *event, const struct position *at);
void node_observe(struct node *node, node_observe_fn observe, void *owner);
MUST_CHECK int node_start(struct node *node); /* the bus thread */
/* Ends the bus thread: what was accepted before is still announced and answered to the mailboxes. */
void node_stop(struct node *node);
void node_free(struct node *node); /* after node_stop and after the loops' threads have ended */
const struct settings *node_settings(const struct node *node);

/* What may change while an instance runs: of `settings` the numbers and the privacy, with issuers
 * and policy as a whole (referenced; the policy's privacy wins when it gives one). Every hub follows
 * by a note and ends what they do not vouch for any more; events that are taken in from now on follow
 * the new policy. Before node_attach as well. One thread at a time, never a hub's, and not once
 * node_stop was called; it may wait for a moment, nobody else does. MCP_AUTH_E_NOMEM: nothing
 * changed. `settings` is only read. */
MUST_CHECK int node_reload(struct node *node, const struct settings *settings,
                           struct issuers *issuers, const struct policy *policy);
/* The issuers alone. The same rules. */
MUST_CHECK int node_reload_issuers(struct node *node, struct issuers *issuers);
unsigned node_max_connections(const struct node *node); /* as it stands now; thread any */

enum publication_result {
    PUBLICATION_ACCEPTED,     /* each event has its own answer */
    PUBLICATION_CONFLICT,     /* events[failed_index]: same id, other body; none was published */
    PUBLICATION_RATE_LIMITED, /* retry_after_ms; none was published */
    PUBLICATION_OVERLOADED,   /* the backlog or the fences are full; none was published */
    PUBLICATION_STOPPING,
};
#define PUBLICATION_RESULTS (PUBLICATION_STOPPING + 1u)

/* A batch on its way to the bus and back. Made by the publisher's thread; node's from
 * node_publish until `done` is called, in the thread of the hub that asked, by its mailbox. */
struct publication {
    struct note note; /* first; private */
    struct event **events;
    struct publish_answer *answers;
    unsigned count;
    struct bytes publisher_key; /* whose rate it counts to: tenant 0x1f user; "" for the API key */
    enum publication_result result;
    bool degraded; /* accepted, and delivered by this instance alone: not in the stream yet */
    unsigned failed_index;
    int64_t retry_after_ms;
    /* Of a control entry: connections that it closed, and hubs that had no memory for its fence and
     * closed the connections only. */
    unsigned disconnected, unapplied;
    unsigned hub;                                               /* index of the asker's hub */
    void (*done)(struct publication *publication, void *owner); /* takes it back */
    void *owner;                                                /* of done */
    slot_handle asker;                                          /* for done's own use */
    /* private */
    unsigned room;
    struct event *first; /* room for one, which most have */
    struct publish_answer first_answer;
    size_t bytes;    /* of its events */
    uint64_t last_n; /* it is news when this number is */
    struct node *node;
    char key[]; /* of publisher_key */
};

MUST_CHECK int publication_new(struct publication **ret, struct bytes publisher_key);
/* Makes room for one more event. MCP_AUTH_E_NOMEM. */
MUST_CHECK int publication_reserve(struct publication *publication);
/* Takes the reference on event. Asserts that there is room. */
void publication_add(struct publication *publication, struct event *event);
void publication_free(struct publication *publication);
/* Thread any between node_start and node_stop; never waits. Publication is answered when every event is on
 * its way to every hub and all that it takes away is gone. */
void node_publish(struct node *node, struct publication *publication);

/* A body of a request to publish, checked whole (protocol, POST /v1/events). */
enum ingest_form { INGEST_JSON, INGEST_NDJSON };
struct ingest_problem {
    int index; /* of the event in the batch, -1: the body itself */
    struct event_problem event;
};
/* The body on its way in, in the caller's thread: lines are taken as they arrive, so that no more of
 * a long body waits than a line, and a worker does not stand still at its end. */
struct ingest;
/* Copies what the context borrows; its policy, redaction and random are not looked at: the node's
 * are used. MCP_AUTH_E_NOMEM. */
MUST_CHECK int ingest_new(struct ingest **ret, struct node *node, enum ingest_form form,
                          const struct event_context *context, struct bytes publisher_key);
void ingest_free(struct ingest *ingest); /* NULL is fine */
/* Takes from the front of `body` what is whole. What is wrong with it is said at the end. */
void ingest_arrives(struct ingest *ingest, struct strbuf *body);
/* `rest` is what was not taken. The events are of wall_ms, whenever they arrived. On error
 * *ret_problem says why, unless it is MCP_AUTH_E_NOMEM. Once. */
MUST_CHECK int ingest_end(struct ingest *ingest, struct bytes rest, int64_t wall_ms,
                          struct publication **ret, unsigned *ret_redacted,
                          struct ingest_problem *ret_problem);
/* All of it at once. */
MUST_CHECK int node_ingest(struct node *node, struct bytes body, enum ingest_form form,
                           const struct event_context *context, struct bytes publisher_key,
                           struct publication **ret, unsigned *ret_redacted,
                           struct ingest_problem *ret_problem);

/* One event that stands in texts. */
MUST_CHECK int node_ingest_texts(struct node *node, const struct event_texts *texts,
                                 const struct event_context *context, struct bytes publisher_key,
                                 struct publication **ret, unsigned *ret_redacted,
                                 struct ingest_problem *ret_problem);

/* What an operator looks at when instances share a Redis. n as in struct position. */
struct bus_stats {
    bool connected; /* it follows the stream; still degraded as long as events wait to be sent */
    bool isolated;  /* for longer than MCP_AUTH_MAX_ISOLATION: nobody is served */
    int64_t since_wall_ms;               /* the state is what it is */
    unsigned long long epoch;            /* 0: this instance has never met Redis */
    unsigned long long last_n, stream_n; /* that the hubs have been given; that Redis has told of */
    unsigned long long outbox_events, outbox_bytes; /* accepted, and not back from the stream yet */
    /* Events, in all: delivered by this instance alone; of those, come back since; of others, read
     * late. */
    unsigned long long alone, sent, caught_up;
    unsigned long long reconnects, outages;
};

/* Sums of all hubs and the bus; thread any. */
struct node_stats {
    unsigned long long active_connections, waiting_connections, total_connections;
    unsigned long long total_messages_sent, total_messages_received;
    unsigned long long sign_ins, auth_failures, renewals, resumes, resumes_lost;
    unsigned long long events_published, events_duplicate, publish_refused;
    unsigned long long security_events; /* published, of the security family */
    unsigned long long effects, scope_changes, fences;
    unsigned long long history_events, history_bytes, frame_log_bytes;
    unsigned long long fence_bytes; /* of the bus and of each hub */
    unsigned long long dedupe_ids, dedupe_bytes;
    unsigned long long closes[CLOSE_REASONS];
    unsigned long long refused_by[PUBLICATION_RESULTS]; /* events; [ACCEPTED] is 0 */
    unsigned long long bodies_refused[ERROR_CODES];     /* by what was wrong with them */
    struct latency_sums latency;     /* from node_publish until queued to its receivers of a hub */
    struct latency_sums enforcement; /* from a withdrawal until every hub here has applied it */
    unsigned long long backlog_bytes;
    enum bus_state bus;
    struct bus_stats redis;     /* of BUS_NONE all 0 */
    unsigned long long backlog; /* accepted, not yet announced */
    int64_t started_wall_ms;
    unsigned workers;
    unsigned keys, keys_awaited; /* signing keys; issuers of which none has been fetched yet */
};
void node_stats(const struct node *node, struct node_stats *ret);
/* How many entries of the stream this hub has not announced yet. */
unsigned long long node_hub_lag(const struct node *node, unsigned hub);

#endif
