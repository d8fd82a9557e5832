/* SPDX-License-Identifier: Apache-2.0 */
/* degraded_known.c: given ids that the stream is known to have: what comes again is no news. */
#include "node/degraded_private.h"

/* Redis knows them all, but is not there to be asked during an outage; and who had the first on a
 * connection must not be given the second, whose like would be delivered alone. */

static const struct known_id *find(const struct degraded *d, const struct event *event)
{
    return known_ids_find(&d->known, event, d->wall_ms - d->settings.dedupe_ms);
}

/* An entry that was read has no fingerprint. While Redis answers, it says whether the bodies are the
 * same; in an outage the same id is the same event. */
bool degraded_is_known(struct degraded *d, struct outbox_item *item)
{
    const struct known_id *known = find(d, item->event);

    if (!known || (known->fingerprint == 0 && d->ok))
        return false;
    item->batch->answers[item - item->batch->items] = (struct publish_answer){
        .outcome = PUBLISH_DUPLICATE,
        .at = {d->epoch, known->n, known->check},
    };
    degraded_delivered(d, item);
    bus_outbox_out(&d->outbox, item);
    return true;
}

bool degraded_conflicts(const struct degraded *d, const struct event *event)
{
    const struct known_id *known = find(d, event);

    return known && known->fingerprint != 0 && known->fingerprint != event->fingerprint;
}

/* Without memory a repetition is Redis' to find. */
void degraded_remember(struct degraded *d, const struct entry *entry, int64_t wall_ms)
{
    int64_t since_ms = d->wall_ms - d->settings.dedupe_ms;

    if (!entry->event->id_given || wall_ms < since_ms)
        return;
    (void)!known_ids_put(&d->known, entry, wall_ms);
    known_ids_expire(&d->known, since_ms);
}
