/* SPDX-License-Identifier: Apache-2.0 */
/* ingest.c: a body of a publish request to a batch of checked events; all or nothing. */
#include <stdio.h>

#include "codec/json_scan.h"
#include "mcp_auth/error.h"
#include "node/node_private.h"
#include "wire/event_in.h"

/* What is being taken in; `problem` speaks for the event at `index`. */
struct ingest {
    struct node *node;
    struct event_context context;
    struct publication *publication;
    unsigned redacted;
    struct ingest_problem *problem;
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

/* One object, which json_check has found good. */
static int take_one(struct ingest *ingest, struct bytes object)
{
    unsigned redacted = 0;
    struct event *event;
    int r;

    ingest->problem->index = (int)ingest->publication->count;
    r = event_in(&event, object, &ingest->context, &redacted, &ingest->problem->event);
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
               ? problem_set(ingest->problem, index, ERROR_BAD_JSON, problem.text, r)
               : r;
}

/* The next line that is not blank; false at the end. */
static bool next_line(struct bytes *rest, struct bytes *ret)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->data, '\n', rest->size);
        size_t size = end ? (size_t)(end - rest->data) : rest->size;

        *ret = (struct bytes){rest->data, size};
        rest->data += end ? size + 1 : size;
        rest->size -= end ? size + 1 : size;
        for (size_t i = 0; i < ret->size; i++)
            if (!strchr(" \t\r", ret->data[i]))
                return true;
    }
    return false;
}

static int count_check(struct ingest *ingest, size_t count)
{
    if (count == 0)
        return problem_set(ingest->problem, -1, ERROR_BAD_REQUEST, "there is no event in it",
                           MCP_AUTH_E_INVALID);
    if (count > BATCH_EVENTS_MAX)
        return problem_set(ingest->problem, -1, ERROR_TOO_MANY_EVENTS,
                           "a batch has at most 1000 events", MCP_AUTH_E_TOO_BIG);
    return 0;
}

static int take_lines(struct ingest *ingest, struct bytes body, struct bytes publisher_key)
{
    struct bytes rest = body, line;
    size_t count = 0;
    int r;

    while (count <= BATCH_EVENTS_MAX && next_line(&rest, &line))
        count++;
    r = count_check(ingest, count);
    if (r == 0)
        r = publication_new(&ingest->publication, (unsigned)count, publisher_key);
    rest = body;
    while (r == 0 && next_line(&rest, &line)) {
        int index = (int)ingest->publication->count;

        if (line.size > EVENT_SIZE_MAX)
            return problem_set(ingest->problem, index, ERROR_TOO_LARGE,
                               "an event has at most 64 KiB", MCP_AUTH_E_TOO_BIG);
        r = check_json(ingest, line, index);
        if (r == 0)
            r = take_one(ingest, line);
    }
    return r;
}

/* One event, or an array of them. */
static int take_whole(struct ingest *ingest, struct bytes body, struct bytes publisher_key)
{
    int r = check_json(ingest, body, -1);
    struct bytes value, element;
    struct json_walk walk;
    size_t count = 0;

    if (r < 0)
        return r;
    value = json_walk_value(body);
    if (value.data[0] != '[') {
        r = publication_new(&ingest->publication, 1, publisher_key);
        return r < 0 ? r : take_one(ingest, value);
    }
    walk = json_walk(value);
    while (count <= BATCH_EVENTS_MAX && json_walk_element(&walk, &element))
        count++;
    r = count_check(ingest, count);
    if (r == 0)
        r = publication_new(&ingest->publication, (unsigned)count, publisher_key);
    walk = json_walk(value);
    while (r == 0 && json_walk_element(&walk, &element))
        r = take_one(ingest, element);
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
            r = problem_set(ingest->problem, (int)i, ERROR_CONFLICT,
                            "an earlier event of this batch has this id and another body",
                            MCP_AUTH_E_CONFLICT);
    }
    map_done(&ids);
    return r;
}

int node_ingest(struct node *node, struct bytes body, enum ingest_form form,
                const struct event_context *context, struct bytes publisher_key,
                struct publication **ret, unsigned *ret_redacted,
                struct ingest_problem *ret_problem)
{
    struct ingest ingest = {.node = node, .context = *context, .problem = ret_problem};
    int r;

    ingest.context.policy = node_policy(node); /* one for the whole batch */
    ingest.context.redaction = &node->redaction;
    ingest.context.random = &random_kernel;
    if (form == INGEST_NDJSON)
        r = take_lines(&ingest, body, publisher_key);
    else
        r = take_whole(&ingest, body, publisher_key);
    if (r == 0)
        r = conflict_check(&ingest);
    policy_unref(ingest.context.policy);
    if (r < 0) {
        enum error_code code = r == MCP_AUTH_E_NOMEM ? ERROR_OVERLOADED : ret_problem->event.code;

        atomic_fetch_add_explicit(&node->bodies_refused[code], 1, memory_order_relaxed);
        publication_free(ingest.publication);
        return r;
    }
    *ret_redacted = ingest.redacted;
    *ret = ingest.publication;
    return 0;
}
