/* SPDX-License-Identifier: Apache-2.0 */
/* follow.c: where this instance stands in the stream: what is past, what is lost, what is news. */
#include "node/follow.h"

#include <assert.h>

/* An instance that starts (or meets Redis for the first time, late) gives nobody what happened
 * before it was there; clocks of a fleet differ by less than this. */
#define BEFORE_START_MS 60000
/* Lost entries that are looked at one by one; more are lost for everybody. */
#define GONE_MAX 1024u

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void past_ends(struct follow *f)
{
    f->past = false;
    broadcast_rebase(f->broadcast, &f->last, f->rebase);
}

/* What follows is history until upto_n. */
static void past_begins(struct follow *f, const struct position *after, uint64_t upto_n,
                        enum rebase_kind rebase)
{
    f->last = *after;
    f->past = true;
    f->past_upto_n = upto_n;
    f->rebase = rebase;
    broadcast_reset(f->broadcast, after);
    if (after->n >= upto_n)
        past_ends(f);
}

/* The end of the stream that this instance was given and Redis does not have any more. */
static bool tell_gone(struct follow *f, uint64_t common_n)
{
    uint64_t count = f->last.n - common_n;
    bool all = true;

    if (count > GONE_MAX || f->reserve(f->owner, (size_t)count + 2) < 0)
        return false;
    for (uint64_t n = common_n + 1; n <= f->last.n; n++) {
        const struct entry *entry = broadcast_at(f->broadcast, n);

        if (entry)
            broadcast_gone(f->broadcast, &(struct entry){entry->event, n, entry->check, 0});
        else
            all = false;
    }
    return all;
}

/* The stream went away while it told again what hubs had been given, and the history is forgotten
 * that could say whether it still has that. */
static void told_again_ends(struct follow *f, uint64_t upto_n)
{
    f->rebase = REBASE_LOST;
    f->past_upto_n = lesser(f->past_upto_n, upto_n);
    if (f->last.n >= f->past_upto_n)
        past_ends(f);
}

int follow_stand(struct follow *f, const struct broker_stand *stand)
{
    int r = f->reserve(f->owner, 2);
    enum rebase_kind rebase = f->rebase;

    if (r < 0)
        return r;
    degraded_stand(f->degraded, stand);
    switch (stand->kind) {
    case STAND_SAME: /* also in the middle of the past */
        if (f->past && f->reload)
            told_again_ends(f, stand->upto_n);
        break;
    case STAND_FIRST:
        f->reload = false;
        past_begins(f, &stand->after, stand->upto_n, REBASE_FIRST);
        break;
    case STAND_GAP:
        if (f->past) { /* its old end was trimmed while it was read */
            past_begins(f, &stand->after, lesser(f->past_upto_n, stand->upto_n), REBASE_LOST);
            break;
        }
        f->last = stand->after;
        f->rebase = REBASE_LOST;
        past_ends(f);
        break;
    case STAND_LOST_TAIL:
        /* A past that is not over was given to nobody, unless it was told again. */
        if (!f->past)
            rebase = tell_gone(f, stand->common_n) ? REBASE_TAIL : REBASE_LOST;
        if ((f->past && f->reload) || stand->after.n > stand->common_n)
            rebase = REBASE_LOST; /* also what was between and is trimmed */
        f->reload = true;
        past_begins(f, &stand->after, stand->common_n, rebase);
        break;
    }
    return 0;
}

static bool is_past(const struct follow *f, const struct entry *entry)
{
    return entry->n <= f->past_upto_n &&
           (f->reload || entry->event->time_ms < f->started_wall_ms - BEFORE_START_MS);
}

int follow_entry(struct follow *f, const struct entry *entry, struct now now)
{
    int r = f->reserve(f->owner, 2);

    assert(entry->n == f->last.n + 1);
    if (r < 0)
        return r;
    if (f->past && is_past(f, entry)) {
        broadcast_past(f->broadcast, entry);
        degraded_past(f->degraded, entry);
        f->last.n = entry->n;
        f->last.check = entry->check;
        if (entry->n == f->past_upto_n)
            past_ends(f);
        return 0;
    }
    if (f->past)
        past_ends(f);
    r = degraded_entry(f->degraded, entry, now);
    if (r < 0)
        return r;
    f->last.n = entry->n;
    f->last.check = entry->check;
    return 0;
}

bool follow_known(const struct follow *f, uint64_t n, uint64_t *ret_check)
{
    const struct entry *entry = broadcast_at(f->broadcast, n);

    if (!entry)
        return false;
    *ret_check = entry->check;
    return true;
}
