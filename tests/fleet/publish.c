/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: events of every kind to either instance, some again under the id that they had. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "wire/event_in.h"

enum kind { KIND_USER, KIND_ROLE, KIND_SYSTEM, KIND_DEMOTION, KIND_DELETION };

/* The body, and what it says in numbers. */
static char *compose(struct fleet *f, struct fact *fact, unsigned number)
{
    static const char *const types[] = {"user_updated", "role_assigned", "policy_updated",
                                        "role_revoked", "user_deleted"};
    static const char *const levels[] = {"LOW", "MEDIUM"};
    unsigned roll = dice_below(&f->dice, 100);
    enum kind kind = roll < 45   ? KIND_USER
                     : roll < 70 ? KIND_ROLE
                     : roll < 88 ? KIND_SYSTEM
                     : roll < 97 ? KIND_DEMOTION
                                 : KIND_DELETION;
    char text[512], id[64] = "", who[96] = "";

    *fact = (struct fact){.tenant = dice_chance(&f->dice, 70) ? 0 : 1,
                          .user = -1,
                          .target = -1,
                          .level = (int)dice_below(&f->dice, 2),
                          .removes_target = kind == KIND_DELETION};
    if (kind != KIND_SYSTEM) {
        fact->user = (int)dice_below(&f->dice, 5);
        fact->target = (int)dice_below(&f->dice, 5);
        snprintf(who, sizeof who, ",\"user_id\":\"u%d\",\"target_user_id\":\"u%d\"", fact->user,
                 fact->target);
    }
    if (dice_chance(&f->dice, 60)) {
        snprintf(fact->id, sizeof fact->id, "e%u", number);
        snprintf(id, sizeof id, ",\"id\":\"%s\"", fact->id);
    }
    snprintf(text, sizeof text, "{\"event_type\":\"%s\",\"security_level\":\"%s\"%s%s%s}",
             types[kind], levels[fact->level], id, who,
             kind == KIND_DEMOTION ? ",\"role_name\":\"admin\""
             : kind == KIND_ROLE   ? ",\"role_name\":\"x\""
                                   : "");
    return strdup(text);
}

static void publish(struct fleet *f, int fact, unsigned instance)
{
    struct instance *i = f->instances[instance];
    struct fact *told = &f->truth.facts[fact];
    char tenant[3] = {'t', (char)('0' + told->tenant), 0};
    struct event_context context = {.tenant = bytes_of(tenant),
                                    .publisher = BYTES("publisher"),
                                    .wall_ms = f->now.wall_ms,
                                    .policy = &policy_default,
                                    .random = &f->random};
    struct event_problem problem = {0};
    struct event *event;
    struct asker *asker = &f->askers[f->askers_count++];
    unsigned redacted = 0, failed_index = 0;

    fleet_must(event_in(&event, bytes_of(f->bodies[fact]), &context, &redacted, &problem));
    if (told->id[0] == 0)
        snprintf(told->id, sizeof told->id, "%.*s", (int)event->id.size, event->id.data);
    fleet_trace(f, "%u accepts %s: %s", instance, told->id, f->bodies[fact]);
    *asker = (struct asker){instance, f->truth.life[instance], fact};
    if (told->life[instance] != f->truth.life[instance])
        told->accepted[instance] = false; /* by one that is no more */
    told->asked[instance] = true;
    told->life[instance] = f->truth.life[instance];
    stats.fences += event->has_fence;
    fleet_must(degraded_publish(i->degraded, &event, 1, asker, f->now, &failed_index));
    event_unref(event);
    stats.events++;
}

void publish_answered(void *owner, void *context, const struct degraded_answer *answer)
{
    struct instance *i = owner;
    const struct asker *asker = context;
    struct truth *t = &i->fleet->truth;
    struct fact *fact = &t->facts[asker->fact];

    if (answer->error < 0) {
        truth_fail(t, "%s is refused: %d", fact->id, answer->error);
        return;
    }
    if (!answer->degraded && answer->answers[0].at.n == 0)
        truth_fail(t, "%s is answered without a position", fact->id);
    fleet_trace(i->fleet, "%u answers %s, degraded %d", i->index, fact->id, answer->degraded);
    stats.degraded_answers += answer->degraded;
    stats.ok_answers += !answer->degraded;
    fact->accepted[asker->instance] = true;
}

void publish_something(struct fleet *f)
{
    struct truth *t = &f->truth;
    unsigned back = 1 + dice_below(&f->dice, 12);
    int fact = t->facts_count - (int)back;

    if (t->facts_count == FACTS_MAX - 1)
        return;
    if (!getenv("NOREP") && dice_chance(&f->dice, 6) && fact >= 0 && t->facts[fact].id[0] == 'e') {
        stats.repeated++;
    } else {
        fact = t->facts_count;
        f->bodies[fact] = compose(f, &t->facts[fact], (unsigned)fact);
        t->facts_count++;
    }
    publish(f, fact, dice_below(&f->dice, INSTANCES));
}
