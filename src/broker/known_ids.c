/* SPDX-License-Identifier: Apache-2.0 */
/* known_ids.c: ids that publishers gave, for as long as the dedupe window, and where each is. */
#include "broker/known_ids.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/limits.h"

#define KNOWN_KEY_MAX (TENANT_SIZE_MAX + 1u + EVENT_ID_SIZE_MAX)

static struct bytes known_key(const void *item)
{
    const struct known_id *known = item;

    return (struct bytes){known->key, known->key_size};
}

static struct bytes key_write(char ret[KNOWN_KEY_MAX], const struct event *event)
{
    char *at = ret;

    assert(event->tenant.size <= TENANT_SIZE_MAX && event->id.size <= EVENT_ID_SIZE_MAX);
    bytes_copy(&at, event->tenant);
    *at++ = '\x1f';
    bytes_copy(&at, event->id);
    return (struct bytes){ret, (size_t)(at - ret)};
}

void known_ids_init(struct known_ids *known, const uint8_t seed[16])
{
    *known = (struct known_ids){0};
    map_init(&known->by_key, known_key, seed);
    list_init(&known->by_age);
}

static void forget(struct known_ids *known, struct known_id *id)
{
    map_remove(&known->by_key, known_key(id));
    list_unlink(&id->by_age);
    known->text_bytes -= sizeof *id + id->key_size;
    free(id);
}

void known_ids_clear(struct known_ids *known)
{
    while (!list_empty(&known->by_age))
        forget(known, container_of(known->by_age.next, struct known_id, by_age));
}

void known_ids_done(struct known_ids *known)
{
    known_ids_clear(known);
    map_done(&known->by_key);
}

const struct known_id *known_ids_find(const struct known_ids *known, const struct event *event,
                                      int64_t since_ms)
{
    char key[KNOWN_KEY_MAX];
    const struct known_id *id =
        event->id_given ? map_find(&known->by_key, key_write(key, event)) : NULL;

    return id && id->wall_ms >= since_ms ? id : NULL;
}

int known_ids_put(struct known_ids *known, const struct entry *entry, int64_t wall_ms)
{
    char text[KNOWN_KEY_MAX];
    struct bytes key = key_write(text, entry->event);
    struct known_id *id = map_find(&known->by_key, key);
    int r;

    if (id) /* from before the window */
        forget(known, id);
    id = malloc(sizeof *id + key.size);
    if (!id)
        return MCP_AUTH_E_NOMEM;
    id->n = entry->n;
    id->check = entry->check;
    id->fingerprint = entry->event->fingerprint;
    id->wall_ms = wall_ms;
    id->key_size = key.size;
    memcpy(id->key, key.data, key.size);
    r = map_insert(&known->by_key, id);
    if (r < 0) {
        free(id);
        return r;
    }
    list_append(&known->by_age, &id->by_age);
    known->text_bytes += sizeof *id + id->key_size;
    return 0;
}

void known_ids_expire(struct known_ids *known, int64_t before_ms)
{
    while (!list_empty(&known->by_age)) {
        struct known_id *oldest = container_of(known->by_age.next, struct known_id, by_age);

        if (oldest->wall_ms >= before_ms && known->by_key.count <= DEDUPE_ENTRIES_MAX)
            return;
        forget(known, oldest);
    }
}

void known_ids_forget_beyond(struct known_ids *known, uint64_t n)
{
    while (!list_empty(&known->by_age)) {
        struct known_id *newest = container_of(known->by_age.prev, struct known_id, by_age);

        if (newest->n <= n)
            return;
        forget(known, newest);
    }
}

size_t known_ids_count(const struct known_ids *known)
{
    return known->by_key.count;
}

size_t known_ids_bytes(const struct known_ids *known)
{
    return known->text_bytes + known->by_key.capacity * sizeof *known->by_key.slots;
}
