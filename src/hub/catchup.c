/* SPDX-License-Identifier: Apache-2.0 */
/* catchup.c: replay from a position in slices, then live, without hole or double. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/session.h"
#include "mcp_auth/error.h"

/* Events that are announced while a session catches up pass it by: the slices fetch them from
 * history, until one speaks for everything that this hub has announced. From then on the session
 * is live and skips what it has had (n <= skip_to). */

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

static void begin_live(struct session *s, uint64_t skip_to)
{
    s->extras->skip_to = skip_to;
    catchup_drop(s);
    session_become(s, SESSION_LIVE);
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

/* Its past cannot be given whole, so none of it is. */
static void lost(struct session *s)
{
    struct catchup *catchup = session_catchup(s);
    bool first = catchup->first;

    counter_add(&session_hub(s)->counters.resumes_lost, 1);
    log_resume(s, "resume lost", catchup->cursor.n);
    if (!first || s->kind == SESSION_PLAIN) {
        session_close(s, CLOSE_POSITION_LOST, -1);
        return;
    }
    begin_live(s, 0);
    session_say_auth_ok(s, false, session_hub(s)->head);
}

void catchup_begin(struct session *s, struct bytes text)
{
    struct position asked;
    struct catchup *catchup = calloc(1, sizeof *catchup);

    if (!catchup || !session_needs_extras(s)) {
        free(catchup);
        session_become(s, SESSION_LIVE);
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    s->extras->catchup = catchup;
    session_become(s, SESSION_CATCHUP);
    session_schedule(s);
    catchup->first = true;
    if (position_read(text, &asked) < 0 || asked.epoch != session_hub(s)->head.epoch) {
        lost(s);
        return;
    }
    catchup->asked = catchup->cursor = asked;
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

static bool has_room(const struct session *s)
{
    size_t below = session_hub(s)->settings.outbox_bytes_max / 2;

    return outbox_bytes(&s->outbox) < (below < CATCHUP_RESUME_BELOW ? below : CATCHUP_RESUME_BELOW);
}

void catchup_go_on(struct session *s)
{
    const struct catchup *catchup = session_catchup(s);

    if (catchup && !catchup->waiting && has_room(s))
        ask_or_close(s);
}

/* False: the session was closed meanwhile. */
static bool replay(struct session *s, const struct resume_answer *answer)
{
    for (unsigned i = 0; i < answer->entries_count; i++) {
        const struct entry *entry = &answer->entries[i];
        enum view view;

        assert(entry->n > session_catchup(s)->cursor.n && entry->n <= answer->upto.n);
        if (!session_may_see(s, entry->event, &view))
            continue;
        if (!session_push_replay(s, entry, view))
            return false;
        counter_add(&session_hub(s)->counters.frames_sent, 1);
    }
    return true;
}

static void take_slice(struct session *s, const struct resume_answer *answer)
{
    struct catchup *catchup = session_catchup(s);

    if (catchup->first) {
        counter_add(&session_hub(s)->counters.resumes, 1);
        log_resume(s, "resumed", catchup->asked.n);
        catchup->first = false;
        session_say_auth_ok(s, true, catchup->asked);
        if (s->state != SESSION_CATCHUP)
            return;
    }
    if (!replay(s, answer))
        return;
    catchup->cursor = answer->upto;
    if (answer->upto.n >= session_hub(s)->head.n && has_room(s))
        begin_live(s, answer->upto.n);
    else
        catchup_go_on(s);
}

void hub_resume_answer(struct hub *hub, const struct resume_answer *answer)
{
    struct session *s = slab_find(&hub->sessions, answer->session);

    if (!s || s->state != SESSION_CATCHUP || session_catchup(s)->serial != answer->serial)
        return; /* gone, or it asked again since */
    if (session_expired(s))
        return;
    session_catchup(s)->waiting = false;
    if (answer->outcome == RESUME_SLICE)
        take_slice(s, answer);
    else
        lost(s);
    hub_relieve(hub);
}
