/* SPDX-License-Identifier: Apache-2.0 */
/* test_node.c: a whole instance on several threads: publish, resume, enforce, and stop cleanly. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/token_mint.h"
#include "codec/ws_frame.h"
#include "mcp_auth/error.h"
#include "node/node.h"

/* The goal: with real threads and mailboxes, under ThreadSanitizer,
 * - an administrator who reads gets every event of the stream, n by n, on every worker; and so
 *   does one who comes and goes with its position, unless it is told that the position is lost;
 * - a demoted administrator never gets the event that is published right after the demotion;
 * - a deleted user gets that event as its last one and is closed 4002;
 * - a client that does not read is closed, and nobody else notices;
 * - node_stop answers and announces all that was accepted. */
#define WORKERS 3
#define RUN_NS 2500000000u
#define SECRET "a secret for a test with threads, 32+ bytes"
#define VICTIMS 6 /* administrators who will be demoted, each signed in on every worker */
#define OUTSTANDING_MAX 3
#define TOKEN_ROOM 512

enum part { WATCHER, RESUMER, SLEEPER, DELETED, VICTIM_FIRST, PARTS = VICTIM_FIRST + VICTIMS };

struct viewer {
    struct outlet outlet; /* first */
    struct worker *worker;
    struct session *session; /* NULL: not connected */
    unsigned part, away;     /* away: turns until it comes back */
    bool closed, over;       /* over: does not come back */
    enum close_reason reason;
    char position[POSITION_SIZE]; /* of the last auth_ok, event or heartbeat */
    bool positioned;
    uint64_t n, events, resumed, lost, connections;
};

struct worker {
    pthread_t thread;
    unsigned index, random;
    struct mailbox mailbox;
    struct hub *hub;
    struct viewer viewers[PARTS];
    unsigned outstanding, published, victim_next;
    bool deleted_published;
};

static struct node *node;
static struct worker workers[WORKERS];
static char tokens[PARTS][TOKEN_ROOM];
static uint64_t started_ns;
static atomic_uint idle;     /* workers that have stopped publishing and been answered */
static atomic_bool finished; /* node_stop has returned */

__attribute__((noreturn)) static void fail(const char *what, uint64_t a, uint64_t b)
{
    fprintf(stderr, "test_node: %s (%llu, %llu)\n", what, (unsigned long long)a,
            (unsigned long long)b);
    exit(1);
}

static unsigned roll(struct worker *worker, unsigned below)
{
    worker->random = worker->random * 1664525u + 1013904223u;
    return (worker->random >> 8) % below;
}

/* What a viewer makes of a frame. */

static const char *member(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? at + strlen(name) : NULL;
}

static uint64_t take_position(struct viewer *viewer, const char *text)
{
    const char *at = member(text, "\"position\":\"");
    struct position position;

    if (!at || position_read((struct bytes){at, POSITION_SIZE}, &position) < 0)
        fail("a frame without position", viewer->part, 0);
    memcpy(viewer->position, at, POSITION_SIZE);
    viewer->positioned = true;
    return position.n;
}

static void on_event(struct viewer *viewer, const char *text)
{
    uint64_t n = take_position(viewer, text);
    char secret[32];

    if (n <= viewer->n)
        fail("an event came twice, or out of order", n, viewer->n);
    if ((viewer->part == WATCHER || viewer->part == RESUMER) && n != viewer->n + 1)
        fail("an event is missing", n, viewer->n);
    snprintf(secret, sizeof secret, "\"secret-%u\"", viewer->part);
    if (viewer->part >= VICTIM_FIRST && strstr(text, secret))
        fail("a demoted administrator got what followed", viewer->part, n);
    viewer->n = n;
    viewer->events++;
}

static void on_text(struct viewer *viewer, const char *text)
{
    uint64_t n;

    if (strncmp(text, "{\"type\":\"event\"", 15) == 0) {
        on_event(viewer, text);
    } else if (strncmp(text, "{\"type\":\"auth_ok\"", 17) == 0) {
        n = take_position(viewer, text);
        if (strstr(text, "\"resumed\":true") && n != viewer->n)
            fail("resumed from elsewhere", n, viewer->n);
        viewer->resumed += strstr(text, "\"resumed\":true") != NULL;
        viewer->lost += viewer->connections > 1 && strstr(text, "\"resumed\":false");
        viewer->n = n;
    } else if (strncmp(text, "{\"type\":\"heartbeat\"", 19) == 0) {
        n = take_position(viewer, text);
        if (n < viewer->n || (viewer->part == WATCHER && n != viewer->n))
            fail("a heartbeat promised more, or less, than was sent", n, viewer->n);
        viewer->n = n;
    }
}

/* Whole frames: the last one was sent to its end. */
static void on_bytes(struct viewer *viewer, struct bytes bytes)
{
    while (bytes.size > 0) {
        struct ws_frame_header header;
        int size = ws_frame_read_header(bytes.data, bytes.size, &header);
        char *text;

        if (size <= 0 || header.payload_size > bytes.size - (size_t)size)
            fail("a broken frame", bytes.size, viewer->part);
        if (header.opcode == WS_PING) {
            session_pong(viewer->session);
        } else {
            text = strndup(bytes.data + size, (size_t)header.payload_size);
            if (!text)
                fail("out of memory", 0, 0);
            on_text(viewer, text);
            free(text);
        }
        bytes.data += (size_t)size + (size_t)header.payload_size;
        bytes.size -= (size_t)size + (size_t)header.payload_size;
    }
}

static void viewer_read(struct viewer *viewer)
{
    char scratch[8192];
    struct bytes out;

    while ((out = session_output(viewer->session, scratch, sizeof scratch)).size > 0) {
        on_bytes(viewer, out);
        session_sent(viewer->session, out.size);
    }
}

static void on_wake(struct outlet *outlet __attribute__((unused)))
{
}

static void on_close(struct outlet *outlet, enum close_reason reason,
                     int64_t linger_ms __attribute__((unused)))
{
    struct viewer *viewer = (struct viewer *)outlet;

    viewer->closed = true;
    viewer->reason = reason;
}

static const struct outlet_operations outlet_operations = {.wake = on_wake, .close = on_close};

static void viewer_open(struct viewer *viewer)
{
    char text[TOKEN_ROOM + 128];
    int size;

    viewer->outlet.operations = &outlet_operations;
    viewer->closed = false;
    viewer->connections++;
    if (hub_connect(viewer->worker->hub, SESSION_CONTROL, &viewer->outlet, NULL, &viewer->session) <
        0)
        fail("cannot connect", 0, 0);
    size = snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"%s%.*s%s}",
                    tokens[viewer->part], viewer->positioned ? ",\"position\":\"" : "",
                    viewer->positioned ? POSITION_SIZE : 0, viewer->position,
                    viewer->positioned ? "\"" : "");
    session_receive(viewer->session, (struct bytes){text, (size_t)size});
}

static void viewer_leave(struct viewer *viewer)
{
    hub_disconnect(viewer->session);
    viewer->session = NULL;
}

static void check_closed(struct viewer *viewer)
{
    int code = close_reason_code(viewer->reason);

    switch (viewer->part) {
    case SLEEPER: /* reads nothing, so it answers no ping either */
        if (code != 4202 && code != 4201)
            fail("a sleeper was closed otherwise", (uint64_t)code, 0);
        break;
    case DELETED:
        if (code != 4002)
            fail("a deleted user was closed otherwise", (uint64_t)code, 0);
        viewer->over = true;
        break;
    case WATCHER:
        fail("one who reads was closed", (uint64_t)code, 0);
    default:
        if (code != 4301) /* evicted in the middle of a catch-up: afresh */
            fail("one who comes back was closed otherwise", (uint64_t)code, viewer->part);
        viewer->positioned = false;
    }
}

static void viewer_turn(struct viewer *viewer)
{
    if (viewer->over)
        return;
    if (!viewer->session) {
        if (viewer->away == 0)
            viewer_open(viewer);
        else
            viewer->away--;
        return;
    }
    if (viewer->part != SLEEPER)
        viewer_read(viewer);
    if (viewer->closed) {
        check_closed(viewer);
        viewer_leave(viewer);
    } else if (viewer->part == RESUMER && roll(viewer->worker, 20) == 0) {
        viewer_leave(viewer); /* now and then for longer than history reaches */
        viewer->away = roll(viewer->worker, 10) == 0 ? 60 : 0;
    } else if (viewer->part >= VICTIM_FIRST && roll(viewer->worker, 60) == 0) {
        viewer_leave(viewer); /* and again with the old token, and its position */
    }
}

/* Publishing. */

static void published(struct publication *publication, void *owner);

static void publish(struct worker *worker, const char *body)
{
    struct event_context context = {.any_tenant = true,
                                    .tenant = BYTES(""),
                                    .publisher = BYTES(""),
                                    .wall_ms = clock_now().wall_ms};
    struct ingest_problem problem;
    struct publication *publication;
    unsigned redacted;

    if (node_ingest(node, bytes_of(body), INGEST_JSON, &context, BYTES(""), &publication, &redacted,
                    &problem) < 0)
        fail(problem.event.reason, worker->index, 0);
    publication->hub = worker->index;
    publication->done = published;
    publication->owner = worker;
    worker->outstanding++;
    node_publish(node, publication);
}

/* In the publisher's own thread. What follows a demotion is published the moment it is answered. */
static void published(struct publication *publication, void *owner)
{
    struct worker *worker = owner;
    const struct event *first = publication->events[0];
    char body[128];
    uint64_t n = 0;

    if (publication->result != PUBLICATION_ACCEPTED)
        fail("a publication was refused", publication->result, publication->count);
    for (unsigned i = 0; i < publication->count; i++) {
        if (publication->answers[i].outcome == PUBLISH_TAKEN) {
            if (publication->answers[i].at.n <= n)
                fail("answers are out of order", n, i);
            n = publication->answers[i].at.n;
            worker->published++;
        }
    }
    worker->outstanding--;
    if (first->type == EVENT_ROLE_REVOKED) {
        snprintf(body, sizeof body, "{\"event_type\":\"policy_updated\",\"id\":\"secret-%.*s\"}",
                 (int)first->members[MEMBER_RESOURCE].size, first->members[MEMBER_RESOURCE].data);
        publish(worker, body);
    }
    publication_free(publication);
}

static void publish_something(struct worker *worker)
{
    char body[512];
    unsigned victim = worker->index + WORKERS * worker->victim_next;
    uint64_t passed_ns = clock_mono_ns() - started_ns;

    if (worker->outstanding >= OUTSTANDING_MAX)
        return;
    if (victim < VICTIMS && passed_ns > (victim + 1) * (RUN_NS / (VICTIMS + 2))) {
        worker->victim_next++;
        snprintf(body, sizeof body,
                 "{\"event_type\":\"role_revoked\",\"target_user_id\":\"part-%u\","
                 "\"role_name\":\"admin\",\"resource\":\"%u\"}",
                 VICTIM_FIRST + victim, VICTIM_FIRST + victim);
    } else if (worker->index == 1 && !worker->deleted_published && passed_ns > RUN_NS / 2) {
        worker->deleted_published = true;
        snprintf(body, sizeof body,
                 "{\"event_type\":\"user_deleted\",\"target_user_id\":\"part-%u\"}", DELETED);
    } else if (roll(worker, 4) == 0) {
        unsigned id = roll(worker, 40); /* shared with the others: often a duplicate */

        snprintf(body, sizeof body, "{\"event_type\":\"user_updated\",\"id\":\"again-%u\"}", id);
    } else {
        snprintf(body, sizeof body,
                 "[{\"event_type\":\"user_updated\",\"user_id\":\"part-%u\",\"message\":\"%0*d\"},"
                 "{\"event_type\":\"access_denied\",\"target_user_id\":\"part-%u\"}]",
                 roll(worker, PARTS), 1 + (int)roll(worker, 200), 7, roll(worker, PARTS));
    }
    publish(worker, body);
}

/* A worker's life. */

static void worker_turn(struct worker *worker, int sleep_ms)
{
    struct pollfd bell = {.fd = mailbox_fd(&worker->mailbox), .events = POLLIN};
    bool more = true;

    poll(&bell, 1, sleep_ms);
    hub_advance(worker->hub, clock_now());
    while (more) { /* and those who read do so in between, however much has come */
        more = mailbox_run(&worker->mailbox, worker, 64);
        for (unsigned part = 0; part < PARTS; part++)
            if (worker->viewers[part].session && part != SLEEPER)
                viewer_read(&worker->viewers[part]);
    }
    for (unsigned part = 0; part < PARTS; part++)
        viewer_turn(&worker->viewers[part]);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    bool told = false, last;

    while (clock_mono_ns() - started_ns < RUN_NS) {
        publish_something(worker);
        worker_turn(worker, 2);
    }
    do {
        last = atomic_load(&finished);
        worker_turn(worker, last ? 0 : 2);
        if (!told && worker->outstanding == 0) {
            told = true;
            atomic_fetch_add(&idle, 1);
        }
    } while (!last);
    hub_close_all(worker->hub, CLOSE_DRAINING);
    for (unsigned part = 0; part < PARTS; part++)
        if (worker->viewers[part].session)
            viewer_leave(&worker->viewers[part]);
    return NULL;
}

/* The frame around it. */

static const struct bytes admin_roles[] = {{"admin", 5}};
static struct settings settings = {
    .heartbeat_ms = 300,
    .max_connections = WORKERS * PARTS,
    .rate_window_ms = 60000,
    .workers = WORKERS,
    .history_events = 300,
    .history_ms = 3600000,
    .dedupe_ms = 400,
    .auth_timeout_ms = 10000,
    .tokens = {.authority = {admin_roles, 1, 5000}, .age_max_ms = INT64_C(86400000)},
};

static void mint(void)
{
    long long now_s = (long long)(clock_now().wall_ms / 1000);

    for (unsigned part = 0; part < PARTS; part++) {
        struct strbuf payload, token;

        strbuf_init(&payload, 512);
        strbuf_init(&token, TOKEN_ROOM - 1);
        strbuf_printf(&payload, "{\"sub\":\"part-%u\",\"roles\":[%s],\"iat\":%lld,\"exp\":%lld}",
                      part, part == DELETED ? "" : "\"admin\"", now_s, now_s + 3600);
        if (token_mint(&token, BYTES(SECRET), strbuf_bytes(&payload)) < 0)
            fail("cannot mint", part, 0);
        memcpy(tokens[part], token.data, token.size);
        strbuf_done(&payload);
        strbuf_done(&token);
    }
}

/* Makes the node; later, while all sign in, publish and are told, the same rules in other memory. */
static void tell_node(void)
{
    const struct policy *policy;
    struct issuers *issuers;
    struct keyring *keys;
    const char *why;

    if (keyring_new(&keys, 0) < 0 || keyring_add_secret(keys, BYTES(SECRET), &why) < 0 ||
        issuers_new(&issuers, keys, NULL, 0) < 0 || policy_new(&policy, &policy_default) < 0 ||
        (!node && node_new(&node, &settings, issuers) < 0) ||
        node_reload(node, &settings, issuers, policy) < 0)
        fail("the node cannot be told", 0, 0);
    policy_unref(policy);
    issuers_unref(issuers);
    keyring_unref(keys);
}

static void begin(void)
{
    settings.tokens.claims = (struct claims_map){BYTES("sub"), BYTES("name"), BYTES("roles"),
                                                 BYTES("permissions"), BYTES("tenant_id")};
    tell_node();
    mint();
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *worker = &workers[i];

        *worker = (struct worker){.index = i, .random = i * 7919 + 1};
        for (unsigned part = 0; part < PARTS; part++) {
            worker->viewers[part].worker = worker;
            worker->viewers[part].part = part;
        }
        if (mailbox_init(&worker->mailbox) < 0 ||
            node_attach(node, &worker->mailbox, &worker->hub) < 0)
            fail("cannot attach", i, 0);
    }
    if (node_start(node) < 0)
        fail("cannot start", 0, 0);
}

static void check_worker(const struct worker *worker, const struct node_stats *stats)
{
    const struct viewer *viewers = worker->viewers;

    if (viewers[WATCHER].n != stats->events_published)
        fail("the watcher's last event is not the stream's", viewers[WATCHER].n,
             stats->events_published);
    if (!viewers[DELETED].over || viewers[SLEEPER].connections < 2 || viewers[RESUMER].resumed < 1)
        fail("nothing happened", viewers[SLEEPER].connections, viewers[RESUMER].resumed);
    printf("test_node: worker %u: %llu events, %llu connections (%llu resumed, %llu lost)\n",
           worker->index, (unsigned long long)viewers[WATCHER].events,
           (unsigned long long)viewers[RESUMER].connections,
           (unsigned long long)viewers[RESUMER].resumed, (unsigned long long)viewers[RESUMER].lost);
}

int main(void)
{
    struct node_stats stats;
    unsigned long long sum = 0;

    alarm(120); /* a hang ends by itself */
    begin();
    started_ns = clock_mono_ns();
    for (unsigned i = 0; i < WORKERS; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            fail("cannot start a thread", i, 0);
    while (atomic_load(&idle) < WORKERS) {
        node_stats(node, &stats); /* any thread may ask at any time */
        tell_node();
        poll(NULL, 0, 20);
    }
    node_stop(node);
    atomic_store(&finished, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].published;
    }
    /* Too late for an answer: node_free gives it back. */
    publish(&workers[0], "{\"event_type\":\"user_updated\"}");
    node_stats(node, &stats);
    if (sum != stats.events_published || stats.backlog != 0 || stats.active_connections != 0)
        fail("the sums differ", sum, stats.events_published);
    for (unsigned i = 0; i < WORKERS; i++)
        check_worker(&workers[i], &stats);
    if (stats.scope_changes < VICTIMS || stats.effects != VICTIMS + 1)
        fail("effects are missing", stats.scope_changes, stats.effects);
    node_free(node);
    for (unsigned i = 0; i < WORKERS; i++)
        mailbox_done(&workers[i].mailbox);
    return 0;
}
