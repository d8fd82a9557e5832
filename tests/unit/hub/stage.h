/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h: a hub with a clock, a history and clients of its own, for the tests of sessions. */
#ifndef HUB_STAGE_H
#define HUB_STAGE_H

#include "base/strbuf.h"
#include "hub/session.h"
#include "sample_event.h"

#define STAGE_EPOCH UINT64_C(0xabcdef)
#define STAGE_WALL_MS INT64_C(1700000000000)
#define STAGE_PAST_MAX 512
#define STAGE_ALONE_MAX 1024
#define STAGE_SECRET "a secret of the stage, of forty-eight bytes at least"
#define STAGE_KEYS_MAX 16

/* What a hub asked of the history, until the test answers it. */
struct asked {
    bool there;
    struct resume_request request;
    struct bytes keys[STAGE_KEYS_MAX];
    char text[STAGE_KEYS_MAX][AUDIENCE_KEY_MAX];
};

struct stage {
    struct token_rules rules;
    struct hub_settings settings; /* to be changed before stage_start */
    struct issuers *issuers;
    struct hub *hub;
    struct now now;
    uint64_t random_state;
    struct random random;
    unsigned places, admitted;
    bool deaf; /* resume cannot be asked */
    struct asked asked;
    unsigned asked_count;
    struct entry past[STAGE_PAST_MAX];   /* past[n] is the event at n */
    uint64_t past_n;                     /* of history; the hub's head may be behind */
    struct entry alone[STAGE_ALONE_MAX]; /* by serial: what was delivered alone */
    uint64_t alone_n;
};

struct client {
    struct outlet outlet; /* first */
    struct stage *stage;
    struct session *session;
    unsigned wakes, pings;
    unsigned deflated; /* messages read that were */
    bool deflates;
    bool closed;
    enum close_reason reason;
    const char *refused; /* why its token was not accepted, for the log */
    struct strbuf wire;  /* all that has been sent to it */
    size_t at;           /* up to where it has been read */
    char *text;          /* of the last frame read */
};

void stage_init(struct stage *stage);
void stage_start(struct stage *stage);
void stage_done(struct stage *stage); /* every client must be gone */
void stage_advance(struct stage *stage, int64_t ms);

/* A signed token with these claims; exp in an hour and iat now unless they are among them. Valid
 * until the next call. */
const char *stage_token(const struct stage *stage, const char *claims);
const char *stage_token_for(const struct stage *stage, const char *user, const char *roles);
/* The place at n as a client knows it. Valid until the next call. */
const char *stage_position(const struct stage *stage, uint64_t n);

/* Puts an event into the past, id "e<n>" unless it has one, wall clock now; its n. */
uint64_t stage_append(struct stage *stage, struct sample sample);
void stage_effect(struct stage *stage, uint64_t n);
void stage_announce(struct stage *stage, uint64_t n); /* after the effect, if it has one */
/* All three. */
uint64_t stage_publish(struct stage *stage, struct sample sample);
/* Delivers an event alone, id "a<serial>", its effect first; the serial. */
uint64_t stage_alone(struct stage *stage, struct sample sample);
/* It is in its place: in the past, and announced; its n. */
uint64_t stage_come_back(struct stage *stage, uint64_t serial);
/* Answers what was asked with the next at most count_max events of the past that its keys find. */
void stage_answer(struct stage *stage, unsigned count_max);
void stage_answer_with(struct stage *stage, enum resume_outcome outcome);

void client_connect(struct client *client, struct stage *stage, enum session_kind kind);
void client_connect_as(struct client *client, struct stage *stage, enum session_kind kind,
                       struct identity *identity);
/* client_sign_in over a connection that agreed to deflated messages. */
void client_sign_in_deflated(struct client *client, struct stage *stage, enum session_kind kind,
                             const char *user, const char *roles);
/* A stream that is signed in by this token; takes `filter`. */
void client_stream(struct client *client, struct stage *stage, const char *token,
                   struct filter *filter, const char *position);
/* All that a stream has, terminated; once. */
const char *client_text(struct client *client);
void client_gone(struct client *client);
void client_say(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);
void client_auth(struct client *client, const char *token, const char *position);
/* Connects and signs in, and takes the auth_ok of a control session away. */
void client_sign_in(struct client *client, struct stage *stage, enum session_kind kind,
                    const char *user, const char *roles);

/* The next text frame, or NULL. Everything the session has goes over the wire first. */
const char *client_read(struct client *client);
/* The next frame is of this type and holds `part` (NULL: anything). */
bool client_reads(struct client *client, const char *type, const char *part);
bool client_reads_event(struct client *client, uint64_t n); /* and with the position of n */
/* What was delivered alone, with this position. */
bool client_reads_alone(struct client *client, uint64_t serial, const char *position);
bool client_closed(const struct client *client, enum close_reason reason);
bool client_quiet(struct client *client); /* has nothing more to read, and is not closed */

#endif
