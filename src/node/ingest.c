/* SPDX-License-Identifier: Apache-2.0 */
/* ingest.c: a body of a publish request to a batch of checked events; all or nothing. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json_walk.h"
#include "mcp_auth/error.h"
#include "node/node_private.h"
#include "wire/event_in.h"
#include "wire/event_out.h"

/* A batch being taken in. After the first `error`, of which `problem` speaks, the rest of the body
 * is only passed over. */
struct ingest {
    struct node *node;
    enum ingest_form form;
    struct event_context context;
    struct publication *publication;
    unsigned redacted;
    int error;
    struct ingest_problem problem;
    char texts[]; /* of context, when it outlives the caller's */
};

static int problem_set(struct ingest_problem *problem, int index, enum error_code code,
                       const char *reason, int error)
{
    problem->index = index;
    problem->event.code = code;
    problem->event.member[0] = '\0';
    snprintf(problem->event.reason, sizeof problem->event.reason, "%s", reason);
    return error;
}

/* One object, which json_check has found good; or, when `texts` is not NULL, those. */
static int take_one(struct ingest *ingest, struct bytes object, const struct event_texts *texts)
{
    struct event_problem *problem = &ingest->problem.event;
    unsigned redacted = 0;
    struct event *event;
    int r;

    r = publication_reserve(ingest->publication);
    if (r < 0)
        return r;
    ingest->problem.index = (int)ingest->publication->count;
    r = texts ? event_in_texts(&event, texts, &ingest->context, &redacted, problem)
              : event_in(&event, object, &ingest->context, &redacted, problem);
    if (r < 0)
        return r;
    ingest->redacted += redacted;
    publication_add(ingest->publication, event);
    return 0;
}

static int check_json(struct ingest *ingest, struct bytes text, int index)
{
    struct json_problem problem;
    int r = json_check(text, &problem);

    return r == MCP_AUTH_E_INVALID
               ? problem_set(&ingest->problem, index, ERROR_BAD_JSON, problem.text, r)
               : r;
}

/* The next line that is not blank; without `last` only one whose end is here. False when there is
 * none: *rest is then what has not ended. */
static bool next_line(struct bytes *rest, bool last, struct bytes *ret)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->data, '\n', rest->size);
        size_t size = end ? (size_t)(end - rest->data) : rest->size;

        if (!end && !last)
            return false;
        *ret = (struct bytes){rest->data, size};
        rest->data += end ? size + 1 : size;
        rest->size -= end ? size + 1 : size;
        for (size_t i = 0; i < ret->size; i++)
            if (!memchr(" \t\r", ret->data[i], 3)) /* a NUL is not blank */
                return true;
    }
    return false;
}

static int too_many(struct ingest *ingest)
{
    return problem_set(&ingest->problem, -1, ERROR_TOO_MANY_EVENTS,
                       "a batch has at most 1000 events", MCP_AUTH_E_TOO_BIG);
}

static int take_line(struct ingest *ingest, struct bytes line)
{
    int index = (int)ingest->publication->count, r;

    if (index == BATCH_EVENTS_MAX)
        return too_many(ingest);
    if (line.size > EVENT_SIZE_MAX)
        return problem_set(&ingest->problem, index, ERROR_TOO_LARGE, "an event has at most 64 KiB",
                           MCP_AUTH_E_TOO_BIG);
    r = check_json(ingest, line, index);
    return r < 0 ? r : take_one(ingest, line, NULL);
}

void ingest_arrives(struct ingest *ingest, struct strbuf *body)
{
    struct bytes rest = strbuf_bytes(body), line;

    /* An array ends where all of it does; and what was taken is larger than what was written. */
    if (ingest->form != INGEST_NDJSON || ingest->publication->bytes >= BATCH_SIZE_MAX)
        return;
    while (next_line(&rest, false, &line))
        if (ingest->error == 0)
            ingest->error = take_line(ingest, line);
    if (rest.size > EVENT_SIZE_MAX && ingest->error == 0)
        ingest->error = take_line(ingest, rest); /* which only grows */
    if (ingest->error < 0)
        rest.size = 0;
    strbuf_drop_front(body, body->size - rest.size);
}

static int take_lines(struct ingest *ingest, struct bytes rest)
{
    struct bytes line;
    int r = 0;

    while (r == 0 && next_line(&rest, true, &line))
        r = take_line(ingest, line);
    return r;
}

/* One event, or an array of them. */
static int take_whole(struct ingest *ingest, struct bytes body)
{
    int r = check_json(ingest, body, -1);
    struct bytes value, element;
    struct json_walk walk;
    size_t count = 0;

    if (r < 0)
        return r;
    value = json_walk_value(body);
    if (value.data[0] != '[')
        return take_one(ingest, value, NULL);
    walk = json_walk(value);
    while (count <= BATCH_EVENTS_MAX && json_walk_element(&walk, &element))
        count++;
    if (count > BATCH_EVENTS_MAX)
        return too_many(ingest);
    walk = json_walk(value);
    while (r == 0 && json_walk_element(&walk, &element))
        r = take_one(ingest, element, NULL);
    return r;
}

static struct bytes event_id_key(const void *item)
{
    return ((const struct event *)item)->id;
}

/* The same id twice in one batch with different bodies. (Of two tenants: the broker tells.) */
static int conflict_check(struct ingest *ingest)
{
    const struct publication *publication = ingest->publication;
    uint8_t seed[16];
    struct map ids;
    int r = 0;

    if (publication->count < 2)
        return 0;
    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    map_init(&ids, event_id_key, seed);
    for (unsigned i = 0; i < publication->count && r == 0; i++) {
        struct event *event = publication->events[i];
        const struct event *other = event->id_given ? map_find(&ids, event->id) : NULL;

        if (!event->id_given)
            continue;
        if (!other)
            r = map_insert(&ids, event);
        else if (other->fingerprint != event->fingerprint &&
                 bytes_equal(other->tenant, event->tenant))
            r = problem_set(&ingest->problem, (int)i, ERROR_CONFLICT,
                            "an earlier event of this batch has this id and another body",
                            MCP_AUTH_E_CONFLICT);
    }
    map_done(&ids);
    return r;
}

/* Borrows what the context borrows. */
static int ingest_init(struct ingest *ingest, struct node *node, enum ingest_form form,
                       const struct event_context *context, struct bytes publisher_key)
{
    int r;

    *ingest = (struct ingest){.node = node, .form = form, .context = *context};
    r = publication_new(&ingest->publication, publisher_key);
    if (r < 0)
        return r;
    ingest->context.policy = node_policy(node); /* one for the whole batch */
    ingest->context.redaction = &node->redaction;
    ingest->context.random = &random_pooled;
    return 0;
}

static void ingest_done(struct ingest *ingest)
{
    policy_unref(ingest->context.policy);
    publication_free(ingest->publication);
}

int ingest_new(struct ingest **ret, struct node *node, enum ingest_form form,
               const struct event_context *context, struct bytes publisher_key)
{
    struct ingest *ingest = malloc(sizeof *ingest + context->tenant.size + context->publisher.size);
    char *at;
    int r;

    if (!ingest)
        return MCP_AUTH_E_NOMEM;
    r = ingest_init(ingest, node, form, context, publisher_key);
    if (r < 0) {
        free(ingest);
        return r;
    }
    at = ingest->texts;
    ingest->context.tenant = bytes_copy(&at, context->tenant);
    ingest->context.publisher = bytes_copy(&at, context->publisher);
    *ret = ingest;
    return 0;
}

void ingest_free(struct ingest *ingest)
{
    if (!ingest)
        return;
    ingest_done(ingest);
    free(ingest);
}

/* Events are of the moment at which all of them have been taken. */
static void stamp(struct ingest *ingest, int64_t wall_ms)
{
    for (unsigned i = 0; wall_ms != ingest->context.wall_ms && i < ingest->publication->count; i++)
        event_out_stamp(ingest->publication->events[i], wall_ms);
}

/* All of it was taken with `r`. */
static int hand_over(struct ingest *ingest, int r, int64_t wall_ms, struct publication **ret,
                     unsigned *ret_redacted, struct ingest_problem *ret_problem)
{
    if (r == 0 && ingest->publication->count == 0)
        r = problem_set(&ingest->problem, -1, ERROR_BAD_REQUEST, "there is no event in it",
                        MCP_AUTH_E_INVALID);
    if (r == 0)
        r = conflict_check(ingest);
    if (r < 0) {
        enum error_code code =
            r == MCP_AUTH_E_NOMEM ? ERROR_OVERLOADED : ingest->problem.event.code;

        atomic_fetch_add_explicit(&ingest->node->bodies_refused[code], 1, memory_order_relaxed);
        *ret_problem = ingest->problem;
        return r;
    }
    stamp(ingest, wall_ms);
    *ret_redacted = ingest->redacted;
    *ret = ingest->publication;
    ingest->publication = NULL;
    return 0;
}

int ingest_end(struct ingest *ingest, struct bytes rest, int64_t wall_ms, struct publication **ret,
               unsigned *ret_redacted, struct ingest_problem *ret_problem)
{
    int r = ingest->error;

    if (r == 0)
        r = ingest->form == INGEST_NDJSON ? take_lines(ingest, rest) : take_whole(ingest, rest);
    return hand_over(ingest, r, wall_ms, ret, ret_redacted, ret_problem);
}

int node_ingest(struct node *node, struct bytes body, enum ingest_form form,
                const struct event_context *context, struct bytes publisher_key,
                struct publication **ret, unsigned *ret_redacted,
                struct ingest_problem *ret_problem)
{
    struct ingest ingest;
    int r = ingest_init(&ingest, node, form, context, publisher_key);

    if (r < 0)
        return r;
    r = ingest_end(&ingest, body, context->wall_ms, ret, ret_redacted, ret_problem);
    ingest_done(&ingest);
    return r;
}

int node_ingest_texts(struct node *node, const struct event_texts *texts,
                      const struct event_context *context, struct bytes publisher_key,
                      struct publication **ret, unsigned *ret_redacted,
                      struct ingest_problem *ret_problem)
{
    struct ingest ingest;
    int r = ingest_init(&ingest, node, INGEST_JSON, context, publisher_key);

    if (r < 0)
        return r;
    r = hand_over(&ingest, take_one(&ingest, (struct bytes){0}, texts), context->wall_ms, ret,
                  ret_redacted, ret_problem);
    ingest_done(&ingest);
    return r;
}
