/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h: every ceiling that is not a setting, its unit and its sum, on one page. */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

/* Identities and events: sizes in bytes. */
#define USER_ID_SIZE_MAX 256u
#define TENANT_SIZE_MAX 256u
#define TOKEN_ID_SIZE_MAX 256u /* of one to be revoked */
#define NAME_SIZE_MAX 256u
#define ROLE_SIZE_MAX 256u
#define RESOURCE_SIZE_MAX 256u
#define ACTION_SIZE_MAX 256u
#define PERMISSION_SIZE_MAX (RESOURCE_SIZE_MAX + 1u + ACTION_SIZE_MAX)
#define MESSAGE_SIZE_MAX (16u * 1024u)
#define EVENT_ID_SIZE_MAX 64u
#define EVENT_SIZE_MAX (64u * 1024u) /* one event as published, and as composed */
#define BATCH_EVENTS_MAX 1000u
#define BATCH_SIZE_MAX (4u * 1024u * 1024u)
#define TOKEN_SIZE_MAX (16u * 1024u)
/* A token is at most 16 KiB, so it holds a few thousand roles at the very most. */
#define CLAIM_ITEMS_MAX 1024u

/* The policy file. An event's audience has at most as many keys as its type has receivers: 32 of
 * them with the longest names are 24 KiB an event. */
#define POLICY_FILE_SIZE_MAX (64u * 1024u)
#define POLICY_RECEIVERS_MAX 32u

/* Client messages. */
#define FIRST_MESSAGE_SIZE_MAX (20u * 1024u) /* a 16 KiB token, a position and a filter */
#define MESSAGE_FROM_CLIENT_SIZE_MAX (64u * 1024u)
#define FILTER_RESOURCES_MAX 32u
#define PING_ID_SIZE_MAX 256u

/* Bytes a slow client may owe us before it is closed 4202. 256 KiB is about 800 events of 310
 * bytes. They are shared: all clients of a view point into the same frame log. */
#define OUTBOX_BYTES_MAX (256u * 1024u)
/* Pieces an outbox may consist of; a piece is 24 bytes, so at most 24 KiB a connection. */
#define OUTBOX_RUNS_MAX 1024u
/* One segment of the frame log: 200 events of 310 bytes; an event that is larger gets a segment
 * of its own size. */
#define SEGMENT_SIZE (64u * 1024u)
/* Live segments of one hub. A stalled client can pin a segment for a few bytes of it, so the sum
 * is bounded as well: beyond it, who has been behind for longest is closed 4202. */
#define FRAME_LOG_BYTES_MAX (256u * 1024u * 1024u)

/* History in memory: whichever is reached first of this, the count and the age. */
#define HISTORY_BYTES_MAX (256u * 1024u * 1024u)

/* Resume: events in one slice; bytes in an outbox below which the next slice is asked for; and
 * index entries a resume may examine before it is answered resumed:false. */
#define CATCHUP_SLICE_EVENTS 64u
#define CATCHUP_SLICE_BYTES (96u * 1024u)
#define CATCHUP_RESUME_BELOW (64u * 1024u)
#define CATCHUP_ENTRIES_MAX 20000u
/* Of what only the stream has: numbers looked at in one go, and beyond the history in all (two
 * hundred reads of some milliseconds); and who may wait for it at a time. */
#define OLDER_READ_EVENTS 500u
#define OLDER_EVENTS_MAX 100000u
#define OLDER_WAITING_MAX 1000u

/* A page of history for an administrator: entries looked at before the bus thread does something
 * else (a few hundred microseconds), and bytes of events. */
#define PAST_SLICE_EVENTS 4096u
#define PAST_PAGE_BYTES_MAX (4u * 1024u * 1024u)

/* A page of live connections: sessions looked at before a worker does something else, bytes of the
 * page, and of one connection in it (a token's roles, each byte escaped). */
#define ROSTER_SLICE 1024u
#define ROSTER_PAGE_BYTES_MAX (1024u * 1024u)
#define ROSTER_ITEM_BYTES_MAX (128u * 1024u)

/* Fences: scopes kept apart per user (more collapse into one over everything), and users. */
#define FENCE_SCOPES_MAX 256u
#define FENCE_USERS_MAX 1000000u

/* Ids remembered for the dedupe window: about 150 bytes each, so 150 MiB at most. */
#define DEDUPE_ENTRIES_MAX 1000000u

/* Events accepted and not yet announced by every worker, for the whole instance: 64 MiB and then
 * 503; what only withdraws, up to twice as much. */
#define BUS_BACKLOG_BYTES_MAX (64u * 1024u * 1024u)

/* Events accepted and not yet back from Redis: 64 MiB and then 503; what only withdraws, up to twice
 * as much. At 300 bytes an event that is an outage of three minutes at 1,000 events a second. What
 * is on its way at a time while Redis answers (below the ceilings of a connection to it), and the
 * largest batch when it did not. */
#define BUS_OUTBOX_BYTES_MAX (64u * 1024u * 1024u)
#define BUS_FLIGHT_BYTES_MAX (8u * 1024u * 1024u)
#define BUS_FLIGHTS_MAX 192u
#define BUS_BATCH_BYTES_MAX (1024u * 1024u)
/* A connection to Redis. Nothing heard for 500 ms: a ping; an answer that takes 1000 ms more: the server
 * is frozen. 500 + 1000 ms leave half a second to the 2 s in which that is to be found. */
#define REDIS_CONNECT_MS 2000 /* the look-up; then all addresses together; then TLS */
#define REDIS_GREET_MS 2000   /* AUTH, SELECT, CLIENT SETNAME, PING */
#define REDIS_IDLE_MS 500
#define REDIS_ANSWER_MS 1000
/* What waits to be sent: publications on their way, 8 MiB of events, take less than twice as much with
 * their columns; and commands without an answer, 48 bytes each. */
#define REDIS_OUT_BYTES_MAX (16u * 1024u * 1024u)
#define REDIS_PENDING_MAX 256u
/* One answer: 1000 events of 64 KiB and 2 KiB of columns each are 65 MiB; 1000 entries of 14 columns are
 * 31,000 elements, and 131,072 of 48 bytes are 6 MiB. One text: an event is 64 KiB, what a plain
 * publisher writes may be more, and is refused where it is read. */
#define REDIS_REPLY_BYTES_MAX (80u * 1024u * 1024u)
#define REDIS_REPLY_PIECE_MAX (1024u * 1024u)
#define REDIS_REPLY_ELEMENTS_MAX (128u * 1024u)

/* Connections that have not signed in, in one process. Loopback peers are only in the sum: a
 * proxy there speaks for many. */
#define UNAUTHENTICATED_MAX 16384u
#define UNAUTHENTICATED_PER_ADDRESS_MAX 1024u
/* Connections to the addresses of MCP_AUTH_METRICS_LISTEN, which neither take the others' places
 * nor lose theirs to them: a few scrapers and probes. At 64 KiB of answer, and twice a head and one
 * read, they are 15 MiB in the very worst case. */
#define METRICS_CONNECTIONS_MAX 64u

/* HTTP. A head may take 10 s: 16,384 unauthenticated connections * (24 KiB of head and one read of
 * 64 KiB) are 1.4 GiB in the very worst case. Bodies belong to publishers only: at most 64 in
 * pieces a worker, each with 4 MiB of events taken and 4 MiB as written: 64 * 8 MiB = 512 MiB. */
#define HTTP_HEAD_MS 10000               /* from the first byte, and from accept, to a whole head */
#define HTTP_BODY_MS 30000               /* from the head to the last byte of the body */
#define HTTP_ANSWER_MS 60000             /* what a handler may take */
#define HTTP_REPLY_MS 30000              /* what the peer may take to read an answer */
#define HTTP_IDLE_MS 60000               /* between two requests of a connection */
#define HTTP_LINGER_MS 3000              /* from our last byte to the peer's */
#define HTTP_BODIES_MAX 64u              /* in pieces at a time, for each worker */
#define READ_BUFFER_SIZE (64u * 1024u)   /* one for each worker: what one read may bring */
#define WRITE_SCRATCH_SIZE (64u * 1024u) /* one for each worker: short runs gathered for one send */

/* WebSocket control frames (ping, pong) of one client within one second: nobody's heartbeat is
 * faster, and each costs a turn. */
#define CONTROL_FRAMES_PER_SECOND_MAX 64u

/* How long a closed connection may take to read our close frame, in milliseconds. */
#define CLOSE_LINGER_MS 10000
#define LEAVING_MS 10000 /* who lost everything waits so long for the event that says so */
#define DRAIN_MS 5000    /* SIGTERM to exit, at most */

#endif
