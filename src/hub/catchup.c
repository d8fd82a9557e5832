/* SPDX-License-Identifier: Apache-2.0 */
/* catchup.c: replay from a position in slices, then live, without hole or double. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/session.h"
#include "mcp_auth/error.h"

/* Events that are announced while a session catches up pass it by: the slices fetch them from
 * history, until one speaks for everything that this hub has announced. Then comes what this
 * instance delivered alone and the stream does not have yet; and from then on the session is live
 * and skips what it has had (n <= skip_to). */

static bool asks_by_wildcard(const struct claims *claims)
{
    for (unsigned i = 0; i < claims->permissions_count; i++) {
        struct bytes permission = claims->permissions[i];

        if (permission.size > 0 && permission.data[permission.size - 1] == '*')
            return true;
    }
    return false;
}

/* The user's key, those of the authority, and the chain of all permission events when it holds a
 * wildcard: which of them it covers is decided event by event. */
static bool ask(struct session *s)
{
    const struct hub *hub = session_hub(s);
    struct catchup *catchup = session_catchup(s);
    const struct authority *authority = s->authority;
    struct bytes tenant = authority->claims.tenant;
    bool wildcard = asks_by_wildcard(&authority->claims);
    size_t any_room = wildcard ? 2 + tenant.size : 0;
    struct bytes *keys = malloc((authority->members_count + 2) * sizeof *keys + any_room);
    struct resume_request request = {
        .hub_index = hub->index,
        .session = slab_handle(s),
        .serial = catchup->serial,
        .first = catchup->first,
        .memory_only = catchup->alone_upto > 0,
        .from = catchup->cursor,
        .keys_count = 1 + authority->members_count,
        .keys = keys,
    };
    bool asked;

    if (!keys)
        return false;
    keys[0] = subject_key(s->subject);
    for (unsigned i = 0; i < authority->members_count; i++) {
        const struct audience *audience = authority->members[i].audience;

        keys[1 + i] = (struct bytes){audience->key, audience->key_size};
    }
    if (wildcard) {
        char *any = (char *)(keys + authority->members_count + 2);

        keys[request.keys_count++] =
            (struct bytes){any,
                           audience_key_write(any, AUDIENCE_ANY_PERMISSION, tenant, BYTES(""))};
    }
    asked = hub->port.resume(hub->port.owner, &request);
    free(keys);
    catchup->waiting = asked;
    return asked;
}

static void ask_or_close(struct session *s)
{
    if (!ask(s))
        session_close(s, CLOSE_INTERNAL, 0);
}

static void begin_live(struct session *s)
{
    const struct position *head = &session_hub(s)->head;
    struct position cursor = session_catchup(s)->cursor;

    s->extras->skip_to = cursor.n;
    catchup_drop(s);
    session_become(s, SESSION_LIVE);
    if (cursor.epoch != head->epoch || cursor.n > head->n)
        ahead_begin(s, &cursor);
}

/* It has all that the stream has for it here. */
static void settle(struct session *s)
{
    switch (alone_give(s)) {
    case ALONE_ALL:
        begin_live(s);
        break;
    case ALONE_SOME:
        catchup_go_on(s);
        break;
    case ALONE_CLOSED:
        break;
    }
}

static void log_resume(const struct session *s, const char *words, uint64_t after_n)
{
    char id[SESSION_NAME_SIZE];

    if (!log_wanted(LOG_DEBUG))
        return;
    session_name(s, id);
    log_write(LOG_DEBUG, words, LOG_TEXT("connection_id", bytes_of(id)),
              LOG_INT("after", (long long)after_n),
              LOG_INT("head", (long long)session_hub(s)->head.n));
}

/* Its past cannot be given whole, so none of it is. Who was promised it is closed, and so is a plain
 * client, which cannot be told otherwise. */
static void lost(struct session *s)
{
    const struct position *head = &session_hub(s)->head;
    struct catchup *catchup = session_catchup(s);
    bool plain = s->kind == SESSION_PLAIN;
    bool other_epoch = catchup->cursor.epoch != head->epoch;

    counter_add(&session_hub(s)->counters.resumes_lost, 1);
    log_resume(s, "resume lost", catchup->cursor.n);
    if (plain || !catchup->first) {
        session_close(s, plain || !other_epoch ? CLOSE_POSITION_LOST : CLOSE_EPOCH_CHANGED, -1);
        return;
    }
    catchup->cursor = *head;
    catchup->first = false;
    session_say_auth_ok(s, false, *head);
    if (s->state == SESSION_CATCHUP)
        settle(s);
}

/* While the bus is away this instance may be the one that does not know of the latest epoch. None is
 * the epoch of who has never met the bus, and no other instance's. */
static bool is_unjudged(const struct hub *hub, const struct position *position)
{
    return hub->bus == BUS_DEGRADED && position->epoch != hub->head.epoch && position->epoch != 0;
}

static struct catchup *catchup_new(struct session *s, const struct position *cursor)
{
    struct catchup *catchup = calloc(1, sizeof *catchup);

    if (!catchup || !session_needs_extras(s)) {
        free(catchup);
        return NULL;
    }
    catchup->asked = catchup->cursor = *cursor;
    s->extras->catchup = catchup;
    session_become(s, SESSION_CATCHUP);
    session_schedule(s);
    return catchup;
}

void catchup_begin(struct session *s, struct bytes text)
{
    const struct hub *hub = session_hub(s);
    struct position asked = {0};
    bool good = position_read(text, &asked) == 0 &&
                (asked.epoch == hub->head.epoch || is_unjudged(hub, &asked));
    struct catchup *catchup = catchup_new(s, &asked);

    if (!catchup) {
        session_become(s, SESSION_LIVE);
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    catchup->first = true;
    if (good)
        ask_or_close(s);
    else
        lost(s);
}

void catchup_begin_here(struct session *s)
{
    if (catchup_new(s, &session_hub(s)->head))
        settle(s);
    else
        session_close(s, CLOSE_INTERNAL, 0);
}

void catchup_from(struct session *s, const struct position *cursor)
{
    struct catchup *catchup = catchup_new(s, cursor);

    if (!catchup) {
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    catchup->alone_upto = session_hub(s)->alones.serial; /* as everybody who is live */
    ask_or_close(s);
}

void catchup_rebase(struct session *s, enum rebase_kind kind)
{
    struct catchup *catchup = session_catchup(s);

    catchup->serial++; /* what is on its way was looked up in what is no more */
    if (kind != REBASE_FIRST && catchup->alone_upto > 0)
        session_close(s, CLOSE_BUS_GAP, 0);
    else if (catchup->cursor.epoch != session_hub(s)->head.epoch)
        lost(s);
    else if (catchup->waiting)
        ask_or_close(s);
}

void catchup_again(struct session *s)
{
    struct catchup *catchup = session_catchup(s);

    if (!catchup || !catchup->waiting)
        return;
    catchup->serial++; /* the answer on its way was for other keys */
    ask_or_close(s);
}

void catchup_drop(struct session *s)
{
    if (!s->extras)
        return;
    free(s->extras->catchup);
    s->extras->catchup = NULL;
}

bool catchup_has_room(const struct session *s)
{
    size_t below = session_hub(s)->settings.outbox_bytes_max / 2;

    return outbox_bytes(&s->outbox) < (below < CATCHUP_RESUME_BELOW ? below : CATCHUP_RESUME_BELOW);
}

void catchup_go_on(struct session *s)
{
    const struct catchup *catchup = session_catchup(s);

    if (catchup && !catchup->waiting && catchup_has_room(s))
        ask_or_close(s);
}

/* False: the session was closed meanwhile. */
static bool replay(struct session *s, const struct resume_answer *answer)
{
    for (unsigned i = 0; i < answer->entries_count; i++) {
        const struct entry *entry = &answer->entries[i];
        enum view view;

        assert(entry->n > session_catchup(s)->cursor.n && entry->n <= answer->upto.n);
        if (entry->alone && entry->alone <= session_catchup(s)->alone_upto)
            continue; /* had before it was in its place */
        if (!session_may_see(s, entry->event, &view))
            continue;
        if (!session_push_event(s, entry, view, true))
            return false;
        counter_add(&session_hub(s)->counters.frames_sent, 1);
    }
    return true;
}

/* False: the session was closed by it. */
static bool say_resumed(struct session *s)
{
    struct catchup *catchup = session_catchup(s);

    if (!catchup->first)
        return true;
    counter_add(&session_hub(s)->counters.resumes, 1);
    log_resume(s, "resumed", catchup->asked.n);
    catchup->first = false;
    session_say_auth_ok(s, true, catchup->asked);
    return s->state == SESSION_CATCHUP;
}

static void take_slice(struct session *s, const struct resume_answer *answer)
{
    if (!say_resumed(s) || !replay(s, answer))
        return;
    session_catchup(s)->cursor = answer->upto;
    if (answer->upto.n >= session_hub(s)->head.n && catchup_has_room(s))
        settle(s);
    else
        catchup_go_on(s);
}

/* There is a place that this instance has not come to: it may only be late. One that is alone is
 * never late. */
static bool may_be_ahead(const struct session *s)
{
    const struct hub *hub = session_hub(s);
    const struct position *cursor = &session_catchup(s)->cursor;

    return hub->bus != BUS_NONE && cursor->epoch == hub->head.epoch && cursor->n > hub->head.n;
}

static void take_ahead(struct session *s)
{
    if (say_resumed(s))
        settle(s);
}

void hub_resume_answer(struct hub *hub, const struct resume_answer *answer)
{
    struct session *s = slab_find(&hub->sessions, answer->session);

    if (!s || s->state != SESSION_CATCHUP || session_catchup(s)->serial != answer->serial)
        return; /* gone, or it asked again since */
    if (session_expired(s) || answer->outcome == RESUME_REBASE)
        return;
    session_catchup(s)->waiting = false;
    if (answer->outcome == RESUME_SLICE)
        take_slice(s, answer);
    else if (is_unjudged(hub, &session_catchup(s)->cursor) ||
             (answer->outcome == RESUME_AHEAD && may_be_ahead(s)))
        take_ahead(s);
    else
        lost(s);
    hub_relieve(hub);
}
