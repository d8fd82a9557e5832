/* SPDX-License-Identifier: Apache-2.0 */
/* user_index.c: a user of a tenant to their sessions. */
#include "hub/user_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "base/slab.h"
#include "hub/session.h"
#include "mcp_auth/error.h"
#include "model/audience.h"

#define CAPACITY_MIN 8u

_Static_assert(2 * TOKEN_SIZE_MAX <= UINT16_MAX, "a key fits its size");

struct subject *subject_new(struct bytes tenant, struct bytes user, struct bytes token_id)
{
    size_t key_size = 2 + tenant.size + user.size;
    struct subject *subject = malloc(sizeof *subject + key_size + token_id.size);

    if (!subject)
        return NULL;
    assert(key_size <= UINT16_MAX && token_id.size <= UINT16_MAX);
    subject->key_size = (uint16_t)audience_key_write(subject->text, AUDIENCE_USER, tenant, user);
    subject->token_id_size = (uint16_t)token_id.size;
    if (token_id.size > 0)
        memcpy(subject->text + key_size, token_id.data, token_id.size);
    return subject;
}

struct bytes subject_key(const struct subject *subject)
{
    return (struct bytes){subject->text, subject->key_size};
}

struct bytes subject_token_id(const struct subject *subject)
{
    if (subject->token_id_size == 0)
        return (struct bytes){0};
    return (struct bytes){subject->text + subject->key_size, subject->token_id_size};
}

void user_index_init(struct user_index *index, const struct slab *sessions, const uint8_t seed[16])
{
    *index = (struct user_index){.sessions = sessions};
    memcpy(index->seed, seed, sizeof index->seed);
}

void user_index_done(struct user_index *index)
{
    assert(index->count == 0);
    free(index->slots);
    index->slots = NULL;
    index->capacity = 0;
}

static struct session *session_at(const struct user_index *index, uint32_t number)
{
    return number ? slab_at(index->sessions, number - 1) : NULL;
}

static uint32_t number_of(const struct session *session)
{
    return session ? slab_index(session) + 1 : 0;
}

static uint32_t hash_of(const struct user_index *index, struct bytes key)
{
    return (uint32_t)siphash(index->seed, key.data, key.size);
}

/* The slot of this key, or the empty one that ends its probe. Needs capacity > 0; a quarter of the
 * slots is always empty, so the walk ends. */
static uint32_t probe(const struct user_index *index, uint32_t hash, struct bytes key)
{
    uint32_t mask = index->capacity - 1, i = hash & mask;

    for (; index->slots[i].session; i = (i + 1) & mask)
        if (index->slots[i].hash == hash &&
            bytes_equal(subject_key(session_at(index, index->slots[i].session)->subject), key))
            break;
    return i;
}

static int resize(struct user_index *index, uint32_t capacity)
{
    struct user_slot *slots = calloc(capacity, sizeof *slots);
    uint32_t mask = capacity - 1;

    if (!slots)
        return MCP_AUTH_E_NOMEM;
    for (uint32_t i = 0; i < index->capacity; i++) {
        uint32_t to = index->slots[i].hash & mask;

        if (!index->slots[i].session)
            continue;
        while (slots[to].session)
            to = (to + 1) & mask;
        slots[to] = index->slots[i];
    }
    free(index->slots);
    index->slots = slots;
    index->capacity = capacity;
    return 0;
}

struct session *user_index_find(const struct user_index *index, struct bytes key)
{
    if (index->count == 0)
        return NULL;
    return session_at(index, index->slots[probe(index, hash_of(index, key), key)].session);
}

struct session *user_next(const struct session *session)
{
    return session_at(&session_hub(session)->users, session->user_next);
}

int user_index_enter(struct user_index *index, struct session *session)
{
    struct bytes key = subject_key(session->subject);
    uint32_t hash = hash_of(index, key);
    struct user_slot *slot;
    struct session *next;

    if (index->count + 1 > index->capacity / 4 * 3) {
        int r = resize(index, index->capacity ? index->capacity * 2 : CAPACITY_MIN);

        if (r < 0)
            return r;
    }
    slot = &index->slots[probe(index, hash, key)];
    next = session_at(index, slot->session);
    if (next)
        next->user_previous = number_of(session);
    else
        index->count++;
    session->user_previous = 0;
    session->user_next = slot->session;
    *slot = (struct user_slot){number_of(session), hash};
    return 0;
}

/* Closes a hole: a slot behind it moves in unless its home lies after the hole, since a probe must
 * never meet an empty slot before its key. */
static void remove_slot(struct user_index *index, uint32_t hole)
{
    uint32_t mask = index->capacity - 1;

    for (uint32_t i = (hole + 1) & mask; index->slots[i].session; i = (i + 1) & mask) {
        if (((i - index->slots[i].hash) & mask) < ((i - hole) & mask))
            continue;
        index->slots[hole] = index->slots[i];
        hole = i;
    }
    index->slots[hole] = (struct user_slot){0};
    index->count--;
    /* At an eighth, so that growing again needs six times the users: no flapping. A failure leaves
     * the larger table, which is as right. */
    if (index->capacity > CAPACITY_MIN && index->count <= index->capacity / 8)
        (void)!resize(index, index->capacity / 2);
}

void user_index_leave(struct user_index *index, struct session *session)
{
    struct session *next = session_at(index, session->user_next);
    struct session *previous = session_at(index, session->user_previous);

    if (next)
        next->user_previous = session->user_previous;
    if (previous) {
        previous->user_next = session->user_next;
    } else {
        struct bytes key = subject_key(session->subject);
        uint32_t at = probe(index, hash_of(index, key), key);

        assert(index->slots[at].session == number_of(session));
        index->slots[at].session = session->user_next;
        if (!next)
            remove_slot(index, at);
    }
    session->user_next = session->user_previous = 0;
}
