/* SPDX-License-Identifier: Apache-2.0 */
/* people.c: who connects, reads all at once, is closed or leaves, and comes back elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "model/codes.h"

static struct connection *connection_of(const struct person *p)
{
    return &p->fleet->truth.people[p->index];
}

bool person_is_at(const struct person *p, unsigned instance, unsigned hub)
{
    const struct connection *c = connection_of(p);

    return p->session && c->instance == instance && c->hub == hub;
}

static void on_wake(struct outlet *outlet)
{
    container_of(outlet, struct person, outlet)->woken = true;
}

static void on_close(struct outlet *outlet, enum close_reason reason,
                     int64_t linger_ms __attribute__((unused)))
{
    struct person *p = container_of(outlet, struct person, outlet);

    p->closed = true;
    p->reason = reason;
}

static const struct outlet_operations operations = {.wake = on_wake, .close = on_close};

/* What it is told between: who it is, and how to come in. */
static void new_token(struct person *p)
{
    const struct fleet *f = p->fleet;

    p->token = (struct plain_token){.good = true,
                                    .has_iat = true,
                                    .roles_count = 2,
                                    .iat_ms = f->now.wall_ms,
                                    .exp_ms = f->now.wall_ms + 100000000};
    snprintf(p->token.user, sizeof p->token.user, "u%u", p->index % 5);
    snprintf(p->token.tenant, sizeof p->token.tenant, "t%u", p->index % 10 < 7 ? 0u : 1u);
    strcpy(p->token.roles[0], "user");
    strcpy(p->token.roles[1], p->index % 4 == 0 ? "admin" : "reader");
    p->renew = false;
}

static void sign_in(struct person *p)
{
    static const char *const filters[] = {"", ",\"subscribe\":{\"min_security_level\":\"MEDIUM\"}"};
    char token[SIM_TOKEN_SIZE], text[SIM_TOKEN_SIZE + 300], position[64] = "";

    token_make(token, &p->token, TOKEN_GOOD);
    if (p->position[0])
        snprintf(position, sizeof position, ",\"position\":\"%s\"", p->position);
    snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"%s%s}", token, position,
             filters[connection_of(p)->level > 0]);
    session_receive(p->session, bytes_of(text));
}

static void connect(struct person *p)
{
    struct fleet *f = p->fleet;
    struct connection *c = connection_of(p);
    unsigned before = c->instance;

    if (p->token.iat_ms == 0 || p->renew || dice_chance(&f->dice, 30))
        new_token(p);
    if (p->resync || dice_chance(&f->dice, 10))
        p->position[0] = 0;
    *c = (struct connection){.instance = dice_below(&f->dice, INSTANCES),
                             .session = p->index % 5 != 3,
                             .tenant = p->token.tenant[1] - '0',
                             .user = p->token.user[1] - '0',
                             .level = p->index % 6 == 5 ? 1 : 0,
                             .admin = strcmp(p->token.roles[1], "admin") == 0,
                             .iat_ms = p->token.iat_ms};
    c->hub = dice_below(&f->dice, f->instances[c->instance]->hubs_count);
    truth_connected(&f->truth, p->index, p->position);
    fleet_trace(f, "person %u connects to %u.%u with \"%s\"", p->index, c->instance, c->hub,
                p->position);
    stats.moved += p->position[0] && c->instance != before;
    p->woken = p->closed = p->resync = false;
    p->outlet.operations = &operations;
    hub_advance(f->instances[c->instance]->hubs[c->hub], f->now);
    fleet_must(hub_connect(f->instances[c->instance]->hubs[c->hub],
                           c->session ? SESSION_CONTROL : SESSION_PLAIN, &p->outlet, NULL,
                           &p->session));
    sign_in(p);
    instance_settle_hub(f->instances[c->instance], c->hub);
}

static void count_close(int code)
{
    stats.closed_4002 += code == 4002;
    stats.closed_4102 += code == 4102;
    stats.closed_4206 += code == 4206;
    stats.closed_4301 += code == 4301;
    stats.closed_4302 += code == 4302;
}

static void take_frames(struct person *p)
{
    struct connection *c = connection_of(p);
    enum frame_kind kind;
    size_t size, frame_size;
    char *text;

    while ((kind = frames_next(&p->frames, &text, &size, &frame_size)) != FRAME_NONE) {
        if (kind == FRAME_BROKEN) {
            truth_fail(&p->fleet->truth, "person %u gets a broken frame", p->index);
            return;
        }
        if (kind == FRAME_PING) {
            session_pong(p->session);
        } else {
            bool in = memmem(text, size, "\"auth_ok\"", 9) != NULL;

            fleet_trace(p->fleet, "person %u: %.*s", p->index, (int)size, text);
            truth_text(&p->fleet->truth, p->index, text, size);
            stats.frames++;
            stats.resumed += in && c->resumed;
            stats.not_resumed += in && c->asked && !c->resumed;
        }
        frames_drop(&p->frames, frame_size);
    }
}

void person_read(struct person *p)
{
    char scratch[8192];
    struct bytes out;

    while ((out = session_output(p->session, scratch, sizeof scratch)).size > 0) {
        frames_feed(&p->frames, out.data, out.size);
        session_sent(p->session, out.size);
        take_frames(p);
    }
    if (!p->closed)
        return;
    p->renew = close_reason_code(p->reason) == 4102 || close_reason_code(p->reason) == 4002;
    p->resync = close_reason_code(p->reason) / 100 == 43;
    fleet_trace(p->fleet, "person %u is closed %d", p->index, close_reason_code(p->reason));
    count_close(close_reason_code(p->reason));
    truth_closed(&p->fleet->truth, p->index, close_reason_code(p->reason));
    person_leave(p);
}

void person_leave(struct person *p)
{
    struct connection *c = connection_of(p);

    if (c->position[0])
        memcpy(p->position, c->position, sizeof p->position);
    hub_disconnect(p->session);
    p->session = NULL;
    frames_done(&p->frames);
    c->open = false;
}

void person_step(struct fleet *f, struct person *p)
{
    if (!p->session) {
        connect(p);
        return;
    }
    if (f->calm || !dice_chance(&f->dice, 15))
        return;
    hub_advance(f->instances[connection_of(p)->instance]->hubs[connection_of(p)->hub], f->now);
    person_read(p);
    if (p->session)
        person_leave(p);
}
