/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h: one publisher of the tenant "acme" and what becomes of its JSON, for the tests. */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "mcp_auth/error.h"
#include "unit.h"
#include "wire/event_in.h"

struct publish {
    struct event_context context;
    struct random random;
    uint64_t seed;
    struct event *event;
    struct event_problem problem;
    unsigned redacted;
};

static inline bool shows(const struct event *event, const char *text)
{
    return memmem(event->json.data, event->json.size, text, strlen(text)) != NULL;
}

static inline void publish_init(struct publish *p)
{
    *p = (struct publish){.seed = 1};
    p->random = random_seeded(&p->seed);
    p->context = (struct event_context){
        .tenant = BYTES("acme"),
        .publisher = BYTES("svc"),
        .wall_ms = 1700000000123,
        .policy = &policy_default,
        .random = &p->random,
    };
}

static inline int publish_text(struct publish *p, struct bytes text)
{
    json_t *object;
    int r;

    event_unref(p->event);
    p->event = NULL;
    p->redacted = 99;
    p->problem = (struct event_problem){0};
    CHECK_EQ(json_read(text, &object, NULL), 0);
    r = event_in(&p->event, object, &p->context, &p->redacted, &p->problem);
    json_decref(object); /* the event must not borrow from it */
    return r;
}

#endif
