/* SPDX-License-Identifier: Apache-2.0 */
/* seats.c: how many connections each user has, on all workers; over the limit the oldest goes. */
#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

/* All of one user's, oldest first. The bus thread's own. */
struct seats_user {
    struct list seats;
    unsigned count;
    size_t key_size;
    char key[]; /* tenant, unit separator, user */
};

/* One session's. Its three notes are in it, so that leaving cannot fail; it goes when the session
 * has parted and no note is on its way. Besides the notes all is the bus thread's own. */
struct seat {
    struct note join, part, replace;
    struct list in_user;
    struct node *node;
    struct node_hub *hub;
    slot_handle session;
    struct seats_user *user; /* NULL: not counted any more; before its join, room for a new one */
    bool counted, parted, replacing;
};

static struct bytes seats_key(const void *item)
{
    const struct seats_user *user = item;

    return (struct bytes){user->key, user->key_size};
}

void seats_init(struct map *users, const uint8_t seed[16])
{
    map_init(users, seats_key, seed);
}

void seats_done(struct map *users)
{
    assert(users->count == 0); /* every session has gone */
    map_done(users);
}

static void leave_user(struct seat *seat)
{
    struct seats_user *user = seat->user;

    if (!seat->counted)
        return;
    seat->counted = false;
    seat->user = NULL;
    list_unlink(&seat->in_user);
    if (--user->count > 0)
        return;
    (void)map_remove(&seat->node->seats, seats_key(user));
    free(user);
}

static void free_if_done(struct seat *seat)
{
    if (!seat->parted || seat->replacing)
        return;
    assert(!seat->counted);
    free(seat);
}

/* Back in the bus thread. */
static void replace_came_back(struct note *note, void *context __attribute__((unused)))
{
    struct seat *seat = container_of(note, struct seat, replace);

    seat->replacing = false;
    free_if_done(seat);
}

static void replace_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct seat *seat = container_of(note, struct seat, replace);

    hub_close_session(seat->hub->hub, seat->session, CLOSE_REPLACED);
    note->run = replace_came_back;
    mailbox_put(&seat->node->mailbox, note);
}

static void replace(struct seat *seat)
{
    leave_user(seat);
    seat->replacing = true;
    seat->replace.run = replace_in_hub;
    mailbox_put(seat->hub->mailbox, &seat->replace);
}

static void join_in_bus(struct note *note, void *context)
{
    struct seat *seat = container_of(note, struct seat, join);
    struct seats_user *fresh = seat->user, *user;
    struct node *node = context;

    user = map_find(&node->seats, seats_key(fresh));
    if (!user && map_insert(&node->seats, fresh) == 0) {
        user = fresh;
        fresh = NULL;
    }
    free(fresh);
    seat->user = user;
    if (!user) {
        log_write(LOG_ERROR, "a connection could not be counted: out of memory");
        return;
    }
    seat->counted = true;
    list_append(&user->seats, &seat->in_user);
    user->count++;
    while (user->count > node->settings->user_connections && !node->stopped)
        replace(container_of(user->seats.next, struct seat, in_user));
}

static void part_in_bus(struct note *note, void *context __attribute__((unused)))
{
    struct seat *seat = container_of(note, struct seat, part);

    leave_user(seat);
    seat->parted = true;
    free_if_done(seat);
}

static struct seats_user *user_new(const struct claims *claims)
{
    size_t tenant_size = claims->tenant.size, user_size = claims->user.size;
    struct seats_user *user = calloc(1, sizeof *user + tenant_size + 1 + user_size);

    if (!user)
        return NULL;
    list_init(&user->seats);
    if (tenant_size > 0)
        memcpy(user->key, claims->tenant.data, tenant_size);
    user->key[tenant_size] = 0x1f;
    memcpy(user->key + tenant_size + 1, claims->user.data, user_size);
    user->key_size = tenant_size + 1 + user_size;
    return user;
}

bool seats_join(void *owner, slot_handle session, const struct claims *claims, struct seat **ret)
{
    struct node_hub *hub = owner;
    struct seat *seat = calloc(1, sizeof *seat);
    struct seats_user *user = user_new(claims);

    if (!seat || !user) {
        free(seat);
        free(user);
        return false;
    }
    list_init(&seat->in_user);
    seat->node = hub->node;
    seat->hub = hub;
    seat->session = session;
    seat->user = user;
    seat->join.run = join_in_bus;
    mailbox_put(&hub->node->mailbox, &seat->join);
    *ret = seat;
    return true;
}

void seats_part(void *owner __attribute__((unused)), struct seat *seat)
{
    seat->part.run = part_in_bus;
    mailbox_put(&seat->node->mailbox, &seat->part);
}
