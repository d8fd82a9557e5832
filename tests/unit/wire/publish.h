/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h: one publisher of the tenant "acme" and what becomes of its JSON, for the tests. */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "codec/json_walk.h"
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
    char *copy = malloc(text.size); /* the event must not borrow from it */
    int r;

    CHECK(copy != NULL);
    memcpy(copy, text.data, text.size);
    event_unref(p->event);
    p->event = NULL;
    p->redacted = 99;
    p->problem = (struct event_problem){0};
    text.data = copy;
    CHECK_EQ(json_check(text, NULL), 0);
    r = event_in(&p->event, text, &p->context, &p->redacted, &p->problem);
    free(copy);
    return r;
}

#endif
