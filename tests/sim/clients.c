/* SPDX-License-Identifier: Apache-2.0 */
/* clients.c: what the simulated clients do: connect, speak, read late or never, and go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"
#include "world.h"

static void on_wake(struct outlet *outlet)
{
    struct client *c = container_of(outlet, struct client, outlet);

    if (c->woken)
        world_fail(c->world, "client %u was woken twice", c->index);
    c->woken = true;
}

static void on_close(struct outlet *outlet, enum close_reason reason,
                     int64_t linger_ms __attribute__((unused)))
{
    struct client *c = container_of(outlet, struct client, outlet);

    if (c->closed)
        world_fail(c->world, "client %u was closed twice", c->index);
    c->closed = c->closed_now = true;
    c->reason = reason;
}

static struct client *free_client(struct world *w)
{
    unsigned at = dice_below(&w->dice, CLIENTS_MAX);

    for (unsigned i = 0; i < CLIENTS_MAX; i++, at = (at + 1) % CLIENTS_MAX)
        if (!w->clients[at].session)
            return &w->clients[at];
    return NULL;
}

static const struct outlet_operations outlet_operations = {.wake = on_wake, .close = on_close};

void client_connect(struct world *w)
{
    struct client *c = free_client(w);
    char text[SIM_TOKEN_SIZE];
    struct identity *identity = NULL;
    struct plain_token token;
    unsigned index;

    if (!c)
        return;
    index = (unsigned)(c - w->clients);
    *c = (struct client){.outlet = {&outlet_operations},
                         .world = w,
                         .index = index,
                         .hub = dice_below(&w->dice, w->config.hubs),
                         .life = ++w->lives,
                         .control = dice_chance(&w->dice, 60),
                         .deaf = dice_chance(&w->dice, 10)};
    world_begin_turn(w, c->hub);
    if (dice_chance(&w->dice, 15)) {
        scenario_token(w, &token, text, NULL, NULL);
        if (hub_authenticate(w->hubs[c->hub], bytes_of(text), &identity, &(const char *){0}) !=
            AUTH_OK)
            return; /* HTTP 401, and no connection */
        stats.handshakes++;
    }
    w->current = c;
    if (hub_connect(w->hubs[c->hub], c->control ? SESSION_CONTROL : SESSION_PLAIN, &c->outlet,
                    identity, &c->session) < 0)
        abort();
    oracle_connect(w->oracle, index, c->hub, c->control, identity ? &token : NULL,
                   !w->place_refused);
    world_end_turn(w, c->hub);
    stats.sessions++;
    stats.plain += !c->control;
    stats.control += c->control;
}

void client_say(struct client *c, const char *text)
{
    size_t size = strlen(text);
    char *copy = malloc(size + 1); /* of just this size, so that reading beyond it is noticed */

    if (!copy)
        abort();
    memcpy(copy, text, size);
    c->world->current = c;
    session_receive(c->session, (struct bytes){copy, size});
    memset(copy, 'x', size);
    free(copy);
}

/* An auth message: the first one, or a renewal. */
static void say_auth(struct client *c)
{
    struct world *w = c->world;
    bool in = oracle_signed_in(w->oracle, c->index), catching_up, readable = true, good = true;
    bool with_token = !dice_chance(&w->dice, 4), with_filter = dice_chance(&w->dice, 25);
    const struct plain_token *was = oracle_token(w->oracle, c->index);
    char text[SIM_TOKEN_SIZE + 4096], token_text[SIM_TOKEN_SIZE], position[64] = "", list[2048];
    bool same = in && !dice_chance(&w->dice, 8);
    struct plain_position asked = {0};
    struct plain_filter filter;
    struct plain_token token;
    size_t at;

    scenario_token(w, &token, token_text, same ? was->user : NULL, same ? was->tenant : NULL);
    if (in ? dice_chance(&w->dice, 2) : dice_chance(&w->dice, 55))
        scenario_position(w, c->hub, position, &asked, &readable, &good);
    at = (size_t)snprintf(text, sizeof text, "{\"type\":\"auth\"");
    if (with_token)
        at += (size_t)snprintf(text + at, sizeof text - at, ",\"token\":\"%s\"", token_text);
    if (asked.given)
        at += (size_t)snprintf(text + at, sizeof text - at, ",\"position\":\"%s\"", position);
    if (with_filter) {
        scenario_filter(w, &filter, list);
        at += (size_t)snprintf(text + at, sizeof text - at, ",\"subscribe\":{%s}", list);
    }
    snprintf(text + at, sizeof text - at, "}");
    if (!in) {
        c->asked = asked;
        c->asked_check_good = good;
    }
    catching_up = oracle_catching_up(w->oracle, c->index);
    client_say(c, text);
    oracle_auth(w->oracle, c->index, with_token ? &token : NULL, &asked, readable,
                with_filter ? &filter : NULL, !w->place_refused);
    stats.renewed_catching_up += catching_up && !c->closed;
}

static void say_subscribe(struct client *c)
{
    struct plain_filter filter;
    char list[2048], text[2200];

    scenario_filter(c->world, &filter, list);
    snprintf(text, sizeof text, "{\"type\":\"subscribe\"%s%s}", *list ? "," : "", list);
    client_say(c, text);
    oracle_subscribe(c->world->oracle, c->index, &filter);
    stats.filters++;
}

static void say_ping(struct client *c)
{
    static const char *const ids[] = {NULL, "7", "\"a\"", "{\"b\":[true,null]}", "1.5"};
    const char *id = ids[dice_below(&c->world->dice, ARRAY_COUNT(ids))];
    char text[64];

    snprintf(text, sizeof text, "{\"type\":\"ping\"%s%s}", id ? ",\"id\":" : "", id ? id : "");
    client_say(c, text);
    oracle_ping(c->world->oracle, c->index, id);
}

static void say_nonsense(struct client *c)
{
    static const char *const nonsense[] = {
        "",
        "{",
        "null",
        "[]",
        "{\"type\":\"hello\"}",
        "{\"type\":7}",
        "{\"type\":\"ping\",\"x\":1}",
        "{\"type\":\"auth\",\"token\":7}",
        "{\"type\":\"subscribe\",\"event_types\":\"all\"}",
        "{\"type\":\"subscribe\",\"event_types\":[\"nothing\"]}",
        "{\"type\":\"auth\"} x",
        "{\"type\":\"subscribe\",\"min_security_level\":\"loud\"}",
        "{\"type\":\"ping\",\"type\":\"ping\"}",
        "{\"type\":\"auth\",\"position\":null}"};

    if (dice_chance(&c->world->dice, 10))
        session_receive_binary(c->session);
    else
        client_say(c, nonsense[dice_below(&c->world->dice, ARRAY_COUNT(nonsense))]);
    oracle_bad_message(c->world->oracle, c->index);
}

void client_speak(struct client *c)
{
    struct world *w = c->world;
    bool in = oracle_signed_in(w->oracle, c->index);
    unsigned roll = dice_below(&w->dice, 100), pings = 1;

    world_begin_turn(w, c->hub);
    if (c->closed)
        return;
    w->current = c;
    if (roll < (in ? 35 : 90)) {
        say_auth(c);
    } else if (roll < (in ? 65 : 93)) {
        say_subscribe(c);
    } else if (roll < 96) {
        pings = in && dice_chance(&w->dice, 10) ? 40 : 1;
        while (pings-- > 0 && !c->closed) {
            say_ping(c);
            world_end_turn(w, c->hub);
        }
        return;
    } else {
        say_nonsense(c);
    }
    world_end_turn(w, c->hub);
}

/* Remembers where clients were told they are, for later resumes. */
static void remember_position(struct world *w, const char *text, size_t size)
{
    static const char member[] = "\"position\":\"";
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = memmem(text, size, member, sizeof member - 1);
    struct seen *seen;

    if (!at || (size_t)(text + size - at) < sizeof member - 1 + SIM_POSITION_SIZE)
        return;
    seen = &w->seen[w->seen_count < POSITIONS_MAX ? w->seen_count++
                                                  : dice_below(&w->dice, POSITIONS_MAX)];
    memcpy(seen->text, at + sizeof member - 1, SIM_POSITION_SIZE);
    seen->n = 0;
    for (int i = 12; i < 22; i++) { /* bits 72 to 131; n is bits 64 to 127 */
        const char *digit = memchr(digits, seen->text[i], 64);

        seen->n = seen->n << 6 | (digit ? (uint64_t)(digit - digits) : 0);
    }
    seen->n >>= 4; /* 22 characters are 132 bits; the numbers here are small */
}

static void take_frames(struct client *c)
{
    struct world *w = c->world;
    enum frame_kind kind;
    size_t size, frame_size;
    char *text;

    while ((kind = frames_next(&c->frames, &text, &size, &frame_size)) != FRAME_NONE) {
        if (kind == FRAME_BROKEN) {
            world_fail(w, "client %u got a broken frame", c->index);
            return;
        }
        if (kind == FRAME_PING) {
            oracle_got_ping(w->oracle, c->index);
            if (!c->deaf && !c->closed) {
                session_pong(c->session);
                oracle_pong(w->oracle, c->index);
            }
        } else {
            oracle_got_text(w->oracle, c->index, text, size);
            remember_position(w, text, size);
            stats.heartbeats += memmem(text, size, "\"type\":\"heartbeat\"", 18) != NULL;
        }
        frames_drop(&c->frames, frame_size);
    }
}

bool client_drain(struct client *c, size_t size)
{
    struct world *w = c->world;
    bool read = false;
    char scratch[20000];

    world_begin_turn(w, c->hub);
    while (size > 0) {
        size_t room = 64 + dice_below(&w->dice, sizeof scratch - 64);
        struct bytes out = session_output(c->session, scratch, room);
        size_t part = out.size < size ? out.size : size;

        if (out.size == 0)
            break;
        if (!c->woken)
            world_fail(w, "client %u has something to read and was not woken", c->index);
        if (dice_chance(&w->dice, 20))
            part = 1 + dice_below(&w->dice, (unsigned)part);
        stats.partial_sends += part < out.size;
        w->current = c;
        frames_feed(&c->frames, out.data, part);
        session_sent(c->session, part);
        oracle_sent(w->oracle, c->index, part);
        size -= part;
        read = true;
        if (session_output(c->session, scratch, room).size == 0) {
            c->woken = false;
            take_frames(c);
            if (c->frames.size > 0)
                world_fail(w, "client %u was left with a piece of a frame", c->index);
            oracle_drained(w->oracle, c->index);
        }
    }
    take_frames(c);
    stats.asked_after_reading += w->asks_count > 0;
    world_end_turn(w, c->hub);
    return read;
}

void client_disconnect(struct client *c)
{
    struct world *w = c->world;

    if (!c->session)
        return;
    world_begin_turn(w, c->hub);
    hub_disconnect(c->session);
    c->session = NULL;
    frames_done(&c->frames);
    oracle_gone(w->oracle, c->index);
    world_end_turn(w, c->hub);
}
