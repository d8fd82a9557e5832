/* SPDX-License-Identifier: Apache-2.0 */
/* hub.c: a hub without memory closes whom it cannot serve, and serves everybody else. */
#include "hub/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token_mint.h"
#include "codec/json_walk.h"
#include "codec/ws_frame.h"
#include "mcp_auth/error.h"
#include "broker/broker.h"
#include "oom.h"
#include "wire/event_in.h"

#define PEERS 7
#define EVENTS 9
#define WIRE_MAX 32768
#define TOKEN_MAX 512
#define WALL_MS INT64_C(1700000000000)

/* The administrator sees all; bob is deleted; carol loses a role; dora resumes; the stream reads
 * what dora does; the late one comes at the end, and the latest while the last event is in no
 * place yet. */
enum { ADMIN, BOB, CAROL, DORA, STREAM, LATE, LATEST };
static const char *const claims[PEERS] = {
    [ADMIN] = "\"sub\":\"root\",\"roles\":[\"admin\"]",
    [BOB] = "\"sub\":\"bob\"",
    [CAROL] = "\"sub\":\"carol\",\"roles\":[\"editor\",\"admin\"]",
    [DORA] = "\"sub\":\"dora\",\"roles\":[\"admin\"]",
    [STREAM] = "\"sub\":\"dora\",\"roles\":[\"admin\"]",
    [LATE] = "\"sub\":\"late\",\"roles\":[\"admin\"]",
    [LATEST] = "\"sub\":\"last\",\"roles\":[\"admin\"]",
};
static const char *const texts[EVENTS] = {
    "{\"event_type\":\"user_updated\",\"id\":\"e1\",\"user_id\":\"bob\"}",
    "{\"event_type\":\"user_updated\",\"id\":\"e2\",\"user_id\":\"carol\",\"resource\":\"r\"}",
    "{\"event_type\":\"role_revoked\",\"id\":\"e3\",\"target_user_id\":\"carol\",\"role_name\":\"admin\"}",
    "{\"event_type\":\"policy_updated\",\"id\":\"e4\"}",
    "{\"event_type\":\"user_updated\",\"id\":\"e5\",\"user_id\":\"bob\"}",
    "{\"event_type\":\"user_deleted\",\"id\":\"e6\",\"target_user_id\":\"bob\"}",
    "{\"event_type\":\"user_updated\",\"id\":\"e7\",\"user_id\":\"carol\"}",
    "{\"event_type\":\"user_updated\",\"id\":\"e8\",\"user_id\":\"dora\"}",
    "{\"event_type\":\"user_updated\",\"id\":\"e9\",\"user_id\":\"carol\"}",
};

struct peer {
    struct outlet outlet; /* first */
    struct session *session;
    bool refused, closed; /* refused: hub_connect said so */
    enum close_reason reason;
    char wire[WIRE_MAX], got[256]; /* got: "e1 e2 " */
    size_t size;
};

static char tokens[PEERS][TOKEN_MAX];
static struct entry entries[EVENTS + 1]; /* [n] */
static struct peer peers[PEERS];
static char perfect[PEERS][256]; /* what each gets when nothing fails */
static struct issuers *issuers;
static struct hub *hub;
static struct now now;

static struct {
    bool there;
    struct resume_request request;
} asked;

static void on_wake(struct outlet *outlet)
{
    (void)outlet;
}

static void on_close(struct outlet *outlet, enum close_reason reason, int64_t linger_ms)
{
    struct peer *peer = (struct peer *)outlet;

    (void)linger_ms;
    OOM_CHECK(!peer->closed);
    peer->closed = true;
    peer->reason = reason;
}

static const struct outlet_operations operations = {.wake = on_wake, .close = on_close};

static bool port_resume(void *owner, const struct resume_request *request)
{
    (void)owner;
    asked.there = true;
    asked.request = *request;
    return true;
}

static bool port_admit(void *owner)
{
    ++*(int *)owner;
    return true;
}

static void port_leave(void *owner)
{
    --*(int *)owner;
}

static void peer_say(struct peer *peer, const char *text)
{
    char copy[TOKEN_MAX + 256];

    if (!peer->session)
        return;
    snprintf(copy, sizeof copy, "%s", text);
    session_receive(peer->session, bytes_of(copy));
}

static void peer_sign_in(unsigned i, enum session_kind kind, const char *more)
{
    char text[TOKEN_MAX + 256];
    struct peer *peer = &peers[i];

    peer->outlet.operations = &operations;
    if (hub_connect(hub, kind, &peer->outlet, NULL, &peer->session) < 0) {
        peer->refused = true;
        peer->session = NULL;
        return;
    }
    snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"%s}", tokens[i], more);
    peer_say(peer, text);
}

static void peer_renew(unsigned i)
{
    char text[TOKEN_MAX + 64];

    snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"}", tokens[i]);
    peer_say(&peers[i], text);
}

static void stream_sign_in(struct bytes position)
{
    struct peer *peer = &peers[STREAM];
    struct identity *identity = NULL;
    const char *why;
    enum auth_result result = hub_authenticate(hub, bytes_of(tokens[STREAM]), &identity, &why);

    peer->outlet.operations = &operations;
    OOM_CHECK(result == AUTH_OK || (result == AUTH_NOMEM && inject_fired()));
    if (result != AUTH_OK ||
        hub_connect_stream(hub, &peer->outlet, identity, NULL, position, &peer->session) < 0) {
        peer->refused = true;
        peer->session = NULL;
    }
}

/* The ids of the events that are on the wire, in their order. */
static void peer_read(struct peer *peer)
{
    char scratch[1024], *at;
    struct bytes out;

    while (peer->session &&
           (out = session_output(peer->session, scratch, sizeof scratch)).size > 0) {
        OOM_CHECK(peer->size + out.size < WIRE_MAX);
        memcpy(peer->wire + peer->size, out.data, out.size);
        peer->size += out.size;
        session_sent(peer->session, out.size);
    }
    peer->got[0] = '\0';
    at = peer->wire;
    while ((at = memmem(at, (size_t)(peer->wire + peer->size - at), "\"id\":\"e", 7))) {
        strncat(peer->got, at + 6, 2);
        strcat(peer->got, " ");
        at += 7;
    }
}

static void answer_resume(void)
{
    struct resume_answer answer = {.session = asked.request.session,
                                   .serial = asked.request.serial,
                                   .outcome = RESUME_SLICE};
    uint64_t from = asked.request.from.n, head = 4;

    if (!asked.there)
        return;
    asked.there = false;
    answer.entries = &entries[from + 1];
    answer.entries_count = (unsigned)(head - from);
    answer.upto = (struct position){1, head, entries[head].check};
    hub_resume_answer(hub, &answer);
}

static void announce(uint64_t n)
{
    if (event_has_effect(entries[n].event)) {
        int r = hub_effect(hub, entries[n].event);

        OOM_CHECK(r >= 0 || (r == MCP_AUTH_E_NOMEM && inject_fired()));
    }
    hub_announce(hub, &entries[n]);
    now.mono_ms += 10;
    hub_advance(hub, now);
}

static bool all_closed; /* for an event that was delivered alone could not be kept */

/* While the bus is away, and then in its place. */
static void announce_alone(uint64_t n)
{
    const atomic_ullong *closes = &hub_counters(hub)->closes[CLOSE_INTERNAL];
    unsigned long long before = atomic_load(closes);
    struct entry entry = {.event = entries[n].event, .alone = 1};

    hub_bus_state(hub, BUS_DEGRADED);
    hub_announce(hub, &entry);
    all_closed = atomic_load(closes) > before + 1;
    peer_sign_in(LATEST, SESSION_CONTROL, "");
    entry = entries[n];
    entry.alone = 1;
    hub_announce(hub, &entry);
    hub_bus_state(hub, BUS_OK);
}

static void play(void)
{
    char position[POSITION_SIZE + 1] = {0}, more[128];
    struct position from = {1, 2, entries[2].check};

    position_write(&from, position);
    snprintf(more, sizeof more, ",\"position\":\"%s\"", position);
    peer_sign_in(ADMIN, SESSION_CONTROL, "");
    peer_sign_in(BOB, SESSION_PLAIN, "");
    peer_sign_in(CAROL, SESSION_CONTROL, ",\"subscribe\":{\"resources\":[\"r\"]}");
    peer_say(&peers[CAROL], "{\"type\":\"subscribe\"}");
    for (uint64_t n = 1; n <= 4; n++)
        announce(n);
    peer_sign_in(DORA, SESSION_CONTROL, more);
    answer_resume();
    stream_sign_in((struct bytes){position, POSITION_SIZE});
    answer_resume();
    for (uint64_t n = 5; n <= 7; n++)
        announce(n);
    peer_say(&peers[ADMIN], "{\"type\":\"ping\",\"id\":\"p\"}");
    peer_renew(ADMIN);
    if (peers[DORA].session && session_signed_in(peers[DORA].session))
        peer_sign_in(LATE, SESSION_CONTROL, "");
    now.mono_ms += 31000; /* a heartbeat */
    hub_advance(hub, now);
    announce(8);
    announce_alone(9);
}

/* All of it, or the beginning of it and a close that says "come back". */
static void judge_peer(unsigned i)
{
    const struct peer *peer = &peers[i];
    bool whole = strcmp(peer->got, perfect[i]) == 0;

    if (!inject_fired()) {
        snprintf(perfect[i], sizeof perfect[i], "%s", peer->got);
        OOM_CHECK(peer->session && peer->got[0]);
        OOM_CHECK(peer->closed == (i == BOB) &&
                  (i != BOB || peer->reason == CLOSE_ACCOUNT_REMOVED));
        return;
    }
    if (strncmp(peer->got, perfect[i], strlen(peer->got)) != 0 && i != LATE)
        oom_fail("peer %u got %s, not %s", i, peer->got, perfect[i]);
    if (peer->closed && peer->reason != CLOSE_INTERNAL && (i != BOB || !whole))
        oom_fail("peer %u was closed %d", i, close_reason_code(peer->reason));
    if (peer->session && !peer->closed && !whole && i != LATE)
        oom_fail("a hole: peer %u got %s, not %s", i, peer->got, perfect[i]);
}

static void run_hub(void)
{
    static struct random random;
    static uint64_t seed;
    static int places;
    static const struct bytes admins[] = {{"admin", 5}};
    static const struct token_rules rules = {
        .claims = {{"sub", 3}, {"name", 4}, {"roles", 5}, {"permissions", 11}, {"tenant_id", 9}},
        .authority = {admins, 1, 5000},
        .age_max_ms = INT64_C(86400000)};
    struct hub_settings settings = {.tokens = &rules,
                                    .heartbeat_ms = 30000,
                                    .auth_timeout_ms = 100000,
                                    .rate_messages = 100,
                                    .rate_window_ms = 60000,
                                    .outbox_bytes_max = OUTBOX_BYTES_MAX,
                                    .frame_log_bytes_max = FRAME_LOG_BYTES_MAX};
    struct hub_port port = {.resume = port_resume,
                            .admit = port_admit,
                            .leave = port_leave,
                            .owner = &places};
    unsigned hurt = 0;
    int r;

    seed = 7;
    places = 0;
    random = random_seeded(&seed);
    memset(peers, 0, sizeof peers);
    asked.there = all_closed = false;
    now = (struct now){.mono_ms = 1000, .wall_ms = WALL_MS};
    r = hub_new(&hub, 0, &settings, issuers, &port, &random, (struct position){.epoch = 1}, now);
    if (r < 0) {
        OOM_CHECK(r == MCP_AUTH_E_NOMEM && inject_fired());
        return;
    }
    play();
    for (unsigned i = 0; i < PEERS; i++) {
        peer_read(&peers[i]);
        judge_peer(i);
        hurt += peers[i].refused || (peers[i].closed && peers[i].reason == CLOSE_INTERNAL);
    }
    /* One failure is one peer's, and the late one comes only when all went well before. */
    OOM_CHECK(hurt <= 1 || all_closed);
    for (unsigned i = 0; i < PEERS; i++)
        if (peers[i].session)
            hub_disconnect(peers[i].session);
    OOM_CHECK(places == 0);
    hub_free(hub);
}

static struct event *event_make(const char *text)
{
    struct event_context context = {.tenant = BYTES(""),
                                    .publisher = BYTES(""),
                                    .wall_ms = WALL_MS,
                                    .policy = &policy_default,
                                    .random = &random_kernel};
    struct event_problem problem;
    struct event *event;
    unsigned redacted;

    OOM_CHECK(json_check(bytes_of(text), NULL) == 0);
    OOM_CHECK(event_in(&event, bytes_of(text), &context, &redacted, &problem) == 0);
    return event;
}

static void token_make(unsigned i)
{
    struct strbuf out, payload;

    strbuf_init(&payload, 1000);
    strbuf_init(&out, TOKEN_MAX - 1);
    strbuf_printf(&payload, "{%s,\"iat\":1699999990,\"exp\":1700003600}", claims[i]);
    OOM_CHECK(token_mint(&out, BYTES(OOM_SECRET), strbuf_bytes(&payload)) == 0);
    memcpy(tokens[i], out.data, out.size);
    strbuf_done(&payload);
    strbuf_done(&out);
}

/* The same events by the broker and the history: what is lost is told to the publisher. */

static struct {
    struct history *history;
    unsigned answers, failed, entries;
} bus;

static void on_answer(void *owner, const struct batch_answer *answer)
{
    (void)owner;
    OOM_CHECK(answer->result == BATCH_TAKEN || (answer->result == BATCH_FAILED && inject_fired()));
    bus.answers++;
    bus.failed += answer->result == BATCH_FAILED;
}

static int on_entry(void *owner, const struct entry *entry)
{
    (void)owner;
    OOM_CHECK(entry->n == ++bus.entries); /* dense, whatever failed */
    return 0;
}

static void run_broker(void)
{
    static const uint8_t seed[16] = {1};
    struct broker_port port = {.on_answer = on_answer, .on_entry = on_entry};
    struct event *events[EVENTS];
    struct broker *broker;

    memset(&bus, 0, sizeof bus);
    if (broker_memory_new(&broker, 1, 60000, seed, &port) < 0) {
        OOM_CHECK(inject_fired());
        return;
    }
    for (unsigned n = 1; n <= EVENTS; n++)
        events[n - 1] = entries[n].event;
    broker_publish(broker, &(struct broker_batch){events, EVENTS, 1}, WALL_MS);
    OOM_CHECK(bus.entries == (bus.failed ? 0 : EVENTS)); /* together or not at all */
    broker_publish(broker, &(struct broker_batch){events, EVENTS, 2}, WALL_MS);
    OOM_CHECK(bus.answers == 2 && bus.failed <= 1 && bus.entries >= EVENTS);
    broker_free(broker);
}

void hub_scenarios(void)
{
    struct keyring *ring;
    const char *why;

    OOM_CHECK(keyring_new(&ring, 0) == 0);
    OOM_CHECK(keyring_add_secret(ring, BYTES(OOM_SECRET), &why) == 0);
    OOM_CHECK(issuers_new(&issuers, ring, NULL, 0) == 0);
    keyring_unref(ring);
    for (unsigned i = 0; i < PEERS; i++)
        token_make(i);
    for (uint64_t n = 1; n <= EVENTS; n++) {
        struct event *event = event_make(texts[n - 1]);

        entries[n] =
            (struct entry){event, n, position_check(1, n, event->tenant, event->id, BYTES("")), 0};
    }
    oom_repeat("hub", INJECT_ALLOC, 0, run_hub);
    oom_repeat("broker", INJECT_ALLOC, 0, run_broker);
    for (uint64_t n = 1; n <= EVENTS; n++)
        event_unref(entries[n].event);
    issuers_unref(issuers);
}
