/* SPDX-License-Identifier: Apache-2.0 */
/* world.c: sets up everything under test, and pairs each hub's turn with the oracle's. */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "token.h"

struct stats stats;

void world_fail(struct world *w, const char *format, ...)
{
    va_list list;

    if (w->failed)
        return;
    w->failed = true;
    va_start(list, format);
    vsnprintf(w->problem, sizeof w->problem, format, list);
    va_end(list);
}

const char *world_problem(const struct world *w)
{
    const char *problem = oracle_problem(w->oracle);

    return w->failed ? w->problem : problem;
}

static bool on_admit(void *owner)
{
    struct world *w = ((struct hub_owner *)owner)->world;

    if (w->places_taken >= w->config.places) {
        w->place_refused = true;
        return false;
    }
    w->places_taken++;
    return true;
}

static void on_leave(void *owner)
{
    struct world *w = ((struct hub_owner *)owner)->world;

    if (w->places_taken == 0)
        world_fail(w, "more left than came");
    else
        w->places_taken--;
}

/* The same table for the code under test, in its own types. */
static void policy_fill(struct world *w)
{
    static const enum effect effects[] = {[PLAIN_NONE] = EFFECT_NONE,
                                          [PLAIN_EVERYTHING] = EFFECT_FENCE_EVERYTHING,
                                          [PLAIN_ROLE] = EFFECT_FENCE_ROLE,
                                          [PLAIN_PERMISSION] = EFFECT_FENCE_PERMISSION};

    if (!w->config.rules) {
        w->policy = policy_default;
        return;
    }
    for (int type = 0; type < SIM_TYPES; type++) {
        const struct plain_rule *rule = &w->config.rules[type];
        struct policy_rule *to = &w->policy.rules[event_type_find(bytes_of(sim_type_names[type]))];
        unsigned count = 0;

        for (; rule->receivers[count]; count++) {
            const char *word = rule->receivers[count];
            struct receiver *receiver = &w->receivers[type][count];
            const char *colon = strchr(word, ':');

            receiver->kind = strcmp(word, "subject") == 0     ? RECEIVER_SUBJECT
                             : strcmp(word, "target") == 0    ? RECEIVER_TARGET
                             : strcmp(word, "admins") == 0    ? RECEIVER_ADMINS
                             : strncmp(word, "role:", 5) == 0 ? RECEIVER_ROLE
                                                              : RECEIVER_PERMISSION;
            receiver->name = bytes_of(colon ? colon + 1 : "");
        }
        *to = (struct policy_rule){w->receivers[type], count, effects[rule->effect]};
    }
}

static void settings_fill(struct world *w)
{
    static const struct bytes admins[] = {{"admin", 5}, {"rbac_admin", 10}};
    const struct plain_config *config = &w->config;

    w->tokens = (struct token_rules){
        .claims = {BYTES("sub"), BYTES("name"), BYTES("roles"), BYTES("permissions"),
                   BYTES("tenant_id")},
        .authority = {admins, ARRAY_COUNT(admins), config->skew_ms},
        .leeway_ms = config->leeway_ms,
        .age_max_ms = config->age_max_ms,
    };
    w->settings = (struct hub_settings){
        .tokens = &w->tokens,
        .privacy = (enum privacy)config->privacy,
        .heartbeat_ms = config->heartbeat_ms,
        .auth_timeout_ms = config->auth_timeout_ms,
        .rate_messages = config->rate_messages,
        .rate_window_ms = config->rate_window_ms,
        .outbox_bytes_max = config->outbox_bytes_max,
        .frame_log_bytes_max = config->frame_log_small ? 230 * 1024 : 1 << 28,
    };
}

static void must(int r)
{
    if (r < 0) {
        fprintf(stderr, "sim: cannot set up (%d)\n", r);
        abort();
    }
}

void world_open(struct world *w, uint64_t seed)
{
    static const uint8_t hash_seed[16] = "simulation seed";
    struct history_limits limits = {0, 1 << 30, (int64_t)1 << 50};
    struct broadcast_port broadcast_port;
    struct broker_port broker_port;
    struct keyring *keys;
    const char *why;

    w->seed = seed;
    w->dice.state = (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
    for (int i = 0; i < 4; i++)
        dice_roll(&w->dice);
    w->random_state = seed;
    w->random = random_seeded(&w->random_state);
    w->now = (struct now){.mono_ms = 1000000, .wall_ms = 1790000000000 + dice_below(&w->dice, 999)};
    scenario_config(w);
    policy_fill(w);
    settings_fill(w);
    limits.events_max = w->config.history_events;
    w->oracle = oracle_new(&w->config);
    world_bus_ports(&broadcast_port, &broker_port, w);
    must(keyring_new(&keys, 0));
    must(keyring_add_secret(keys, BYTES(SIM_SECRET), &why));
    must(issuers_new(&w->issuers, keys, NULL, 0));
    keyring_unref(keys);
    must(history_new(&w->history, w->config.epoch, &limits, hash_seed));
    must(broadcast_new(&w->broadcast, w->config.hubs, w->history, &broadcast_port));
    must(broker_memory_new(&w->broker, w->config.epoch, w->config.dedupe_ms, hash_seed,
                           &broker_port));
    for (unsigned h = 0; h < w->config.hubs; h++) {
        struct hub_port port = {.resume = world_ask,
                                .admit = on_admit,
                                .leave = on_leave,
                                .owner = &w->owners[h]};

        w->owners[h] = (struct hub_owner){w, h};
        list_init(&w->to_hub[h]);
        list_init(&w->to_bus[h]);
        must(hub_new(&w->hubs[h], h, &w->settings, w->issuers, &port, &w->random,
                     history_head(w->history), w->now));
    }
}

static void check_counters(struct world *w)
{
    for (unsigned h = 0; h < w->config.hubs; h++) {
        const struct hub_counters *counters = hub_counters(w->hubs[h]);
        unsigned long views = w->config.privacy == 0 ? 1 : VIEWS;

        if (counters->sessions != 0 || counters->waiting != 0)
            world_fail(w, "hub %u counts %llu sessions and %llu waiting when all are gone", h,
                       counters->sessions, counters->waiting);
        if (counters->encodings > counters->events_announced * views)
            world_fail(w, "hub %u encoded %llu times for %llu events", h, counters->encodings,
                       counters->events_announced);
        stats.scope_changes += counters->scope_changes;
        stats.renewals += counters->renewals;
        stats.resumes += counters->resumes;
        stats.resumes_lost += counters->resumes_lost;
        stats.sign_ins += counters->sign_ins;
        stats.frames += counters->frames_sent;
    }
}

void world_close(struct world *w)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        client_disconnect(&w->clients[i]);
    if (w->places_taken != 0)
        world_fail(w, "%u places are taken when all are gone", w->places_taken);
    check_counters(w);
    for (unsigned h = 0; h < w->config.hubs; h++) {
        mail_drop(&w->to_hub[h]);
        mail_drop(&w->to_bus[h]);
    }
    broadcast_free(w->broadcast);
    broker_free(w->broker);
    for (unsigned h = 0; h < w->config.hubs; h++)
        hub_free(w->hubs[h]);
    history_free(w->history);
    issuers_unref(w->issuers);
    for (unsigned i = 0; i < w->plains_count; i++) {
        for (int m = 0; m < P_MEMBERS; m++)
            free(w->plains[i]->members[m]);
        free(w->plains[i]->data);
        free(w->plains[i]);
    }
    for (unsigned i = 0; i < w->published_count; i++)
        free(w->published[i].body);
}

static void count_close(int code)
{
    switch (code) {
#define COUNT(number)            \
    case number:                 \
        stats.closed_##number++; \
        break;
        COUNT(4001)
        COUNT(4002)
        COUNT(4003)
        COUNT(4005)
        COUNT(4101)
        COUNT(4102)
        COUNT(4200)
        COUNT(4201)
        COUNT(4202)
        COUNT(4203)
        COUNT(4204)
        COUNT(4205)
        COUNT(4301)
#undef COUNT
    default:
        break;
    }
}

/* What the hub did by itself in this turn goes to the oracle, which then judges. */
void world_end_turn(struct world *w, unsigned hub)
{
    for (unsigned i = 0; i < w->asks_count; i++)
        oracle_asked(w->oracle, w->asks[i].client, w->asks[i].serial, w->asks[i].first,
                     w->asks[i].from_n);
    w->asks_count = 0;
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &w->clients[i];

        if (!c->closed_now)
            continue;
        c->closed_now = false;
        count_close(close_reason_code(c->reason));
        stats.relieved += w->config.frame_log_small && c->reason == CLOSE_SLOW_CONSUMER;
        oracle_closed(w->oracle, i, close_reason_code(c->reason));
    }
    oracle_turn(w->oracle, hub);
    w->current = NULL;
    w->place_refused = false;
}

void world_begin_turn(struct world *w, unsigned hub)
{
    int64_t deadline = hub_advance(w->hubs[hub], w->now);

    if (deadline <= w->now.mono_ms)
        world_fail(w, "hub %u has a deadline in the past after its turn", hub);
    oracle_time(w->oracle, hub, w->now.mono_ms, w->now.wall_ms);
    world_end_turn(w, hub);
}
