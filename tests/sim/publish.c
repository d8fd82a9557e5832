/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: events of all types and combinations, some of them twice, on the product's own road. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_walk.h"
#include "wire/event_in.h"
#include "world.h"

static const char *const member_names[P_MEMBERS] = {"message",     "security_level", "user_id",
                                                    "user_name",   "target_user_id", "resource",
                                                    "resource_id", "action",         "role_name",
                                                    "permission",  "tenant_id"};

static char *copy(const char *text)
{
    char *made = strdup(text);

    if (!made)
        abort();
    return made;
}

static char *long_message(struct world *w)
{
    size_t size = 200 + dice_below(&w->dice, dice_chance(&w->dice, 25) ? 4000 : 400);
    char *made = malloc(size + 1);

    if (!made)
        abort();
    memset(made, 'm', size);
    made[size] = 0;
    return made;
}

/* Data with secrets for `text`, and what should be left of it for `ret_left`. */
static void random_data(struct world *w, char text[512], char **ret_left)
{
    static const char *const secrets[] = {"password",   "API-Key",      "refresh_token",
                                          "Set-Cookie", "clientSecret", "id_token"};
    unsigned number = dice_below(&w->dice, 1000);

    if (dice_chance(&w->dice, 50)) {
        snprintf(text, 512, "{\"n\":%u,\"who\":\"caf\xc3\xa9\",\"list\":[1,{\"a\":null}]}", number);
        *ret_left = copy(text);
    } else {
        const char *secret = secrets[dice_below(&w->dice, ARRAY_COUNT(secrets))];
        char left[128];

        snprintf(text, 512, "{\"n\":%u,\"%s\":\"x\",\"deep\":[{\"%s\":{\"y\":1},\"ok\":true}]}",
                 number, secret, secret);
        snprintf(left, sizeof left, "{\"n\":%u,\"deep\":[{\"ok\":true}]}", number);
        *ret_left = copy(left);
        stats.redactions++;
    }
}

static void random_members(struct world *w, struct plain_event *plain)
{
    static const char *const levels[] = {"LOW", "info", "Medium", "WARNING", "high", "CRITICAL"};
    static const char *const resources[] = {"doc", "doc1", "repo", "d*", "*"};
    static const char *const actions[] = {"read", "write", "push", "*"};
    struct dice *dice = &w->dice;
    char **m = plain->members;

    if (dice_chance(dice, 40))
        m[P_MESSAGE] = dice_chance(dice, 30) ? long_message(w) : copy("say \"hi\" \\ to\nall");
    if (dice_chance(dice, 60))
        m[P_LEVEL] = copy(levels[dice_below(dice, 6)]);
    if (dice_chance(dice, 70))
        m[P_USER_ID] = copy(scenario_users[dice_below(dice, SCENARIO_USERS)]);
    if (dice_chance(dice, 30))
        m[P_USER_NAME] = copy("\xc3\x84nne \"A\"");
    if (dice_chance(dice, 50))
        m[P_TARGET] = copy(scenario_users[dice_below(dice, SCENARIO_USERS)]);
    if (dice_chance(dice, 60))
        m[P_RESOURCE] = copy(resources[dice_below(dice, ARRAY_COUNT(resources))]);
    if (dice_chance(dice, 20))
        m[P_RESOURCE_ID] = copy("42");
    if (dice_chance(dice, 60))
        m[P_ACTION] = copy(actions[dice_below(dice, ARRAY_COUNT(actions))]);
    if (dice_chance(dice, 60))
        m[P_ROLE] = copy(scenario_roles[dice_below(dice, SCENARIO_ROLES)]);
    if (dice_chance(dice, 35))
        m[P_PERMISSION] = copy(scenario_permissions[dice_below(dice, SCENARIO_PERMISSIONS)]);
}

static char *body_of(const struct plain_event *plain, const char *data)
{
    json_t *object = json_object();
    char *text;

    json_object_set_new(object, "event_type", json_string(sim_type_names[plain->type]));
    if (plain->id_given)
        json_object_set_new(object, "id", json_string(plain->id));
    for (int i = 0; i < P_MEMBERS; i++)
        if (plain->members[i])
            json_object_set_new(object, member_names[i], json_string(plain->members[i]));
    if (*data)
        json_object_set_new(object, "data", json_loads(data, 0, NULL));
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (!text)
        abort();
    return text;
}

static struct event *event_of(struct world *w, const char *body, struct plain_event *plain)
{
    struct event_context context = {
        .any_tenant = dice_chance(&w->dice, 50),
        .tenant = bytes_of(plain->tenant),
        .publisher = BYTES("publisher"),
        .wall_ms = w->now.wall_ms,
        .policy = &w->policy,
        .random = &w->random,
    };
    struct event_problem problem = {0};
    struct event *event = NULL;
    unsigned redacted = 0;

    if (json_check(bytes_of(body), NULL) < 0 ||
        event_in(&event, bytes_of(body), &context, &redacted, &problem) < 0)
        world_fail(w, "an event was refused: %s %s: %.300s", problem.member, problem.reason, body);
    if (event && !plain->id_given && event->id.size != 36)
        world_fail(w, "an id that the server made has %zu characters", event->id.size);
    if (event && !plain->id_given)
        snprintf(plain->id, sizeof plain->id, "%.*s", (int)event->id.size, event->id.data);
    return event;
}

/* The latest that was taken with this id in this tenant, if any. */
static const struct published *known(struct world *w, const struct plain_event *plain)
{
    for (unsigned i = w->published_count; plain->id_given && i-- > 0;) {
        const struct published *p = &w->published[i];

        if (strcmp(p->plain->id, plain->id) == 0 && strcmp(p->plain->tenant, plain->tenant) == 0)
            return p;
    }
    return NULL;
}

/* NULL: nothing is remembered, so it is taken. */
static const struct published *remembered(const struct world *w, const struct published *before)
{
    bool in_window = before && w->now.wall_ms - before->wall_ms <= w->config.dedupe_ms;

    return in_window ? before : NULL;
}

static void hand_in(struct world *w, struct plain_event *plain, char *body)
{
    const struct published *before = known(w, plain);
    const struct published *first = remembered(w, before);
    bool conflict = first && strcmp(first->body, body) != 0;
    struct event *event = event_of(w, body, plain);

    plain->time_ms = w->now.wall_ms;
    if (plain->tenant[0] && !plain->members[P_TENANT])
        plain->members[P_TENANT] = copy(plain->tenant); /* a frame names a tenant with a name */
    w->plains[w->plains_count++] = plain;
    w->publishing = plain;
    w->outcomes = 0;
    if (!event) {
        free(body);
        return;
    }
    broker_publish(w->broker, &(struct broker_batch){&event, 1, w->plains_count}, w->now.wall_ms);
    event_unref(event);
    if (w->outcomes != 1 || w->batch_result != (conflict ? BATCH_CONFLICT : BATCH_TAKEN) ||
        (!conflict && (w->outcome.outcome != (first ? PUBLISH_DUPLICATE : PUBLISH_TAKEN) ||
                       (first && w->outcome.at.n != first->n))))
        world_fail(w, "id %s: %u answers, %d at %llu", plain->id, w->outcomes, (int)w->batch_result,
                   (unsigned long long)w->outcome.at.n);
    stats.duplicates += first && !conflict;
    stats.conflicts += conflict;
    if (first) {
        free(body);
        return;
    }
    stats.events++;
    stats.ids_after_window += before != NULL;
    w->published[w->published_count++] =
        (struct published){plain, body, w->outcome.at.n, w->now.wall_ms};
}

static struct plain_event *plain_new(struct world *w)
{
    static const unsigned taking[] = {2, 4, 8}; /* the types with an effect by default */
    struct plain_event *plain = calloc(1, sizeof *plain);

    if (!plain)
        abort();
    plain->type = dice_chance(&w->dice, 8) ? taking[dice_below(&w->dice, 3)]
                                           : dice_below(&w->dice, SIM_TYPES);
    if (plain->type == 8 && dice_chance(&w->dice, 93))
        plain->type = 4; /* whole users go more seldom */
    snprintf(
        plain->tenant, sizeof plain->tenant, "%s",
        scenario_tenants[dice_chance(&w->dice, 60) ? 1 : dice_below(&w->dice, SCENARIO_TENANTS)]);
    return plain;
}

/* The same id as one of the latest, in its tenant or another one, with its body or another one. */
static bool repeat(struct world *w)
{
    unsigned back = 1 + dice_below(&w->dice, 60);
    const struct published *before;
    struct plain_event *plain;

    if (back > w->published_count)
        return false;
    before = &w->published[w->published_count - back];
    if (!before->plain->id_given)
        return false;
    plain = plain_new(w);
    strcpy(plain->id, before->plain->id);
    plain->id_given = true;
    if (dice_chance(&w->dice, 60)) {
        plain->type = before->plain->type;
        strcpy(plain->tenant, before->plain->tenant);
        for (int i = 0; i < P_MEMBERS; i++)
            if (before->plain->members[i])
                plain->members[i] = copy(before->plain->members[i]);
        plain->data = before->plain->data ? copy(before->plain->data) : NULL;
        hand_in(w, plain, copy(before->body));
    } else {
        random_members(w, plain);
        hand_in(w, plain, body_of(plain, ""));
    }
    return true;
}

void publish_something(struct world *w)
{
    struct plain_event *plain;
    char data[512] = "";

    if (w->plains_count == EVENTS_MAX || (dice_chance(&w->dice, 8) && repeat(w)))
        return;
    plain = plain_new(w);
    plain->id_given = dice_chance(&w->dice, 60);
    if (plain->id_given)
        snprintf(plain->id, sizeof plain->id, "e:%u", w->plains_count);
    random_members(w, plain);
    if (dice_chance(&w->dice, 50) && plain->tenant[0])
        plain->members[P_TENANT] = copy(plain->tenant);
    if (dice_chance(&w->dice, 20))
        random_data(w, data, &plain->data);
    hand_in(w, plain, body_of(plain, data));
}
