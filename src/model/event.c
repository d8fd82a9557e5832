/* SPDX-License-Identifier: Apache-2.0 */
/* event.c: one event with its audience and effect, in one allocation that threads share. */
#include "model/event.h"

#include <assert.h>
#include <stdlib.h>

#include "base/siphash.h"
#include "mcp_auth/error.h"

static const struct {
    struct bytes text;
    size_t size_max;
} event_members[EVENT_MEMBERS] = {
#define MEMBER_ROW(name, text, size_max) [MEMBER_##name] = {{text, sizeof(text) - 1}, size_max},
    EVENT_MEMBER_LIST(MEMBER_ROW)
#undef MEMBER_ROW
};

struct bytes event_member_text(enum event_member member)
{
    assert(member < EVENT_MEMBERS);
    return event_members[member].text;
}

size_t event_member_size_max(enum event_member member)
{
    assert(member < EVENT_MEMBERS);
    return event_members[member].size_max;
}

int event_member_find(struct bytes text)
{
    for (int i = 0; i < EVENT_MEMBERS; i++)
        if (bytes_equal(event_members[i].text, text))
            return i;
    return MCP_AUTH_E_NOT_FOUND;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        to[i] = (uint8_t)value;
}

/* Chains `what` (a number of its own for each kind of part) and the part to what came before, so
 * that moving bytes from one part to the next changes the hash. */
static uint64_t fingerprint_add(uint64_t before, uint64_t what, struct bytes part)
{
    static const uint8_t key[16] = "mcp-auth body 01";
    uint8_t link[24];

    put_u64(link, before);
    put_u64(link + 8, what);
    put_u64(link + 16, siphash(key, part.data ? part.data : "", part.size));
    return siphash(key, link, sizeof link);
}

uint64_t event_fingerprint(const struct event_fields *fields)
{
    uint64_t hash = fingerprint_add(0, 1, event_type_text(fields->type));

    hash = fingerprint_add(hash, 2, fields->tenant);
    for (int i = 0; i < EVENT_MEMBERS; i++) {
        if (!bytes_present(fields->members[i]) || i == MEMBER_TENANT_ID)
            continue; /* the tenant counts above, named or not */
        /* By name, not by number: members may be added to the list in the middle. */
        hash = fingerprint_add(hash, 3, event_members[i].text);
        hash = fingerprint_add(hash, 4, fields->members[i]);
    }
    if (bytes_present(fields->data))
        hash = fingerprint_add(hash, 5, fields->data);
    return hash;
}

/* An empty name names nobody and nothing. */
static bool names(const struct event_fields *fields, enum event_member member)
{
    return fields->members[member].size > 0;
}

struct placeholder {
    struct bytes text;
    enum event_member member;
};

static const struct placeholder placeholders[] = {
    {{"{resource}", sizeof "{resource}" - 1}, MEMBER_RESOURCE},
    {{"{action}", sizeof "{action}" - 1}, MEMBER_ACTION},
};

static const struct placeholder *placeholder_at(struct bytes rest)
{
    for (size_t i = 0; i < ARRAY_COUNT(placeholders); i++)
        if (bytes_starts_with(rest, placeholders[i].text))
            return &placeholders[i];
    return NULL;
}

/* Fills a permission's template into ret, which holds PERMISSION_SIZE_MAX bytes. What is filled in
 * is not looked at again: it stays literal, braces and '*' included. 0 when a named member is
 * absent, or when the result is longer than any permission. */
static size_t template_fill(struct bytes template, const struct event_fields *fields, char *ret)
{
    size_t size = 0, i = 0;

    while (i < template.size) {
        struct bytes rest = {template.data + i, template.size - i};
        const struct placeholder *place = placeholder_at(rest);
        struct bytes part = {rest.data, 1};

        if (place && !names(fields, place->member))
            return 0;
        if (place)
            part = fields->members[place->member];
        if (part.size > PERMISSION_SIZE_MAX - size)
            return 0;
        memcpy(ret + size, part.data, part.size);
        size += part.size;
        i += place ? place->text.size : 1;
    }
    return size;
}

/* The order in which keys stand in an event: who is found by several is found by the one that
 * shows the most. */
static int receiver_turn(enum receiver_kind kind)
{
    switch (kind) {
    case RECEIVER_ADMINS:
        return 0;
    case RECEIVER_SUBJECT:
        return 1;
    case RECEIVER_TARGET:
        return 2;
    case RECEIVER_ROLE:
    case RECEIVER_PERMISSION:
        return 3;
    }
    return -1;
}
#define RECEIVER_TURNS 4

/* The key of one receiver, without text; its name is borrowed from fields, receiver or room. False
 * when the event names nobody there. */
static bool receiver_key(const struct receiver *receiver, const struct event_fields *fields,
                         char room[PERMISSION_SIZE_MAX], struct audience_key *ret)
{
    switch (receiver->kind) {
    case RECEIVER_ADMINS:
        *ret = (struct audience_key){.kind = AUDIENCE_ADMINS, .view = VIEW_FULL};
        return true;
    case RECEIVER_SUBJECT:
        *ret = (struct audience_key){AUDIENCE_USER,
                                     VIEW_SUBJECT,
                                     fields->members[MEMBER_USER_ID],
                                     {0}};
        break;
    case RECEIVER_TARGET:
        *ret = (struct audience_key){AUDIENCE_USER,
                                     VIEW_TARGET,
                                     fields->members[MEMBER_TARGET_USER_ID],
                                     {0}};
        break;
    case RECEIVER_ROLE:
        *ret = (struct audience_key){AUDIENCE_ROLE, VIEW_WATCHER, receiver->name, {0}};
        break;
    case RECEIVER_PERMISSION:
        *ret = (struct audience_key){AUDIENCE_PERMISSION,
                                     VIEW_WATCHER,
                                     {room, template_fill(receiver->name, fields, room)},
                                     {0}};
        break;
    }
    return ret->name.size > 0;
}

/* Room enough for the text of each receiver's key, of which some may turn out equal. */
static size_t audience_room(const struct event_fields *fields, const struct policy_rule *rule)
{
    char room[PERMISSION_SIZE_MAX];
    struct audience_key key = {0};
    size_t size = 0;

    for (unsigned i = 0; i < rule->receivers_count; i++)
        if (receiver_key(&rule->receivers[i], fields, room, &key))
            size += 2 + fields->tenant.size + key.name.size;
    return size;
}

static bool audience_holds(const struct event *event, struct bytes text)
{
    for (unsigned i = 0; i < event->audience_count; i++)
        if (bytes_equal(event->audience[i].text, text))
            return true;
    return false;
}

/* Writes the keys and their texts at `at`; returns where the texts end. One person who is subject
 * and target has one key, and so has a role or permission that the policy names twice. */
static char *audience_fill(struct event *event, const struct event_fields *fields,
                           const struct policy_rule *rule, char *at)
{
    char room[PERMISSION_SIZE_MAX];
    struct audience_key key;

    for (int turn = 0; turn < RECEIVER_TURNS; turn++) {
        for (unsigned i = 0; i < rule->receivers_count; i++) {
            if (receiver_turn(rule->receivers[i].kind) != turn ||
                !receiver_key(&rule->receivers[i], fields, room, &key))
                continue;
            key.text.data = at;
            key.text.size = audience_key_write(at, key.kind, event->tenant, key.name);
            if (audience_holds(event, key.text))
                continue;
            key.name.data = at + key.text.size - key.name.size;
            at += key.text.size;
            event->audience[event->audience_count++] = key;
        }
    }
    return at;
}

/* What a revoked permission is called: by its name, or as resource:action, for which there is room
 * at *at. Absent when the event names none. A '*' at the end withdraws all that it covers. */
static struct bytes fenced_permission(const struct event *event, char **at)
{
    struct bytes resource = event->members[MEMBER_RESOURCE];
    struct bytes action = event->members[MEMBER_ACTION];
    struct bytes name = {*at, resource.size + 1 + action.size};

    if (event->members[MEMBER_PERMISSION].size > 0)
        return event->members[MEMBER_PERMISSION];
    if (resource.size == 0 || action.size == 0)
        return (struct bytes){0};
    bytes_copy(at, resource);
    bytes_copy(at, BYTES(":"));
    bytes_copy(at, action);
    return name;
}

/* Protocol, "Effects and fences": on the target, else on the subject. */
static char *fence_fill(struct event *event, enum effect effect, char *at)
{
    struct fence fence = {.tenant = event->tenant, .not_before_ms = event->time_ms};

    fence.user = event->members[MEMBER_TARGET_USER_ID].size > 0
                     ? event->members[MEMBER_TARGET_USER_ID]
                     : event->members[MEMBER_USER_ID];
    switch (effect) {
    case EFFECT_NONE:
        return at;
    case EFFECT_FENCE_EVERYTHING:
        fence.scope = FENCE_EVERYTHING;
        break;
    case EFFECT_FENCE_ROLE:
        fence.scope = FENCE_ROLE;
        fence.name = event->members[MEMBER_ROLE_NAME];
        break;
    case EFFECT_FENCE_PERMISSION:
        fence.scope = FENCE_PERMISSION;
        fence.name = fenced_permission(event, &at);
        break;
    }
    event->has_fence =
        fence.user.size > 0 && (fence.scope == FENCE_EVERYTHING || fence.name.size > 0);
    event->withdraws_nothing = !event->has_fence;
    if (event->has_fence)
        event->fence = fence;
    return at;
}

/* Pointers into different objects have no order, numbers do. */
static bool stands_in(struct bytes text, struct bytes whole)
{
    uintptr_t begin = (uintptr_t)whole.data, at = (uintptr_t)text.data;

    return bytes_present(text) && at >= begin && at - begin <= whole.size &&
           text.size <= whole.size - (at - begin);
}

/* What stands in the json, as mostly when it comes from the stream, is not copied twice: a seventh
 * of what an event takes. */
static size_t text_room(struct bytes text, struct bytes json)
{
    return stands_in(text, json) ? 0 : text.size;
}

static struct bytes text_put(char **at, struct bytes text, struct bytes json, struct bytes copy)
{
    if (stands_in(text, json))
        return (struct bytes){copy.data + (text.data - json.data), text.size};
    return bytes_copy(at, text);
}

/* An upper bound, nearly met: keys that fold and an unused resource:action leave some of it. */
static size_t event_size(const struct event_fields *fields, struct bytes json,
                         const struct policy_rule *rule)
{
    size_t size = sizeof(struct event) + rule->receivers_count * sizeof(struct audience_key);

    size += text_room(fields->id, json) + text_room(fields->tenant, json);
    size += fields->publisher.size + text_room(fields->data, json);
    for (int i = 0; i < EVENT_MEMBERS; i++)
        size += text_room(fields->members[i], json);
    if (rule->effect == EFFECT_FENCE_PERMISSION)
        size += fields->members[MEMBER_RESOURCE].size + 1 + fields->members[MEMBER_ACTION].size;
    return size + json.size + audience_room(fields, rule);
}

int event_new(struct event **ret, const struct event_fields *fields, struct bytes json,
              uint64_t fingerprint, const struct policy *policy)
{
    const struct policy_rule *rule = &policy->rules[fields->type];
    struct event *event;
    size_t size;
    char *at;

    assert(fields->type < EVENT_TYPES && bytes_present(fields->id));
    assert(bytes_present(fields->members[MEMBER_MESSAGE]));
    assert(level_rank(fields->members[MEMBER_SECURITY_LEVEL]) >= 0);
    assert(json.size >= 2 && json.data[json.size - 1] == '}');

    size = event_size(fields, json, rule);
    event = malloc(size);
    if (!event)
        return MCP_AUTH_E_NOMEM;
    *event = (struct event){0};
    atomic_init(&event->refs, 1);
    event->size = size;
    event->type = fields->type;
    event->level = level_rank(fields->members[MEMBER_SECURITY_LEVEL]);
    event->id_given = fields->id_given;
    event->no_effects = fields->no_effects;
    event->same_person =
        names(fields, MEMBER_USER_ID) &&
        bytes_equal(fields->members[MEMBER_USER_ID], fields->members[MEMBER_TARGET_USER_ID]);
    event->time_ms = fields->time_ms;
    event->fingerprint = fingerprint;

    event->audience = (struct audience_key *)(event + 1);
    at = (char *)(event->audience + rule->receivers_count);
    event->json = bytes_copy(&at, json);
    event->id = text_put(&at, fields->id, json, event->json);
    event->tenant = text_put(&at, fields->tenant, json, event->json);
    event->publisher = bytes_copy(&at, fields->publisher);
    event->data = text_put(&at, fields->data, json, event->json);
    for (int i = 0; i < EVENT_MEMBERS; i++)
        event->members[i] = text_put(&at, fields->members[i], json, event->json);
    at = audience_fill(event, fields, rule, at);
    at = fence_fill(event, fields->no_effects ? EFFECT_NONE : rule->effect, at);
    assert((size_t)(at - (char *)event) <= size);

    *ret = event;
    return 0;
}

struct event *event_ref(struct event *event)
{
    /* Whoever takes a reference holds one already, so there is nothing to order. */
    unsigned before = atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);

    assert(before > 0);
    (void)before;
    return event;
}

void event_unref(struct event *event)
{
    unsigned before;

    if (!event)
        return;
    /* Acquire and release: all use by others happens before the free by the last. */
    before = atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        free(event);
}
