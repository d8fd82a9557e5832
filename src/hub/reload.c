/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c: new numbers and new issuers for a hub that runs. */
#include "hub/session.h"

bool claims_withdrawn(const struct hub *hub, const struct claims *claims)
{
    return claims->key_fingerprint != 0 &&
           !issuers_vouch(hub->issuers, hub->settings.tokens->issuer, claims);
}

/* With a key, an issuer, or its word for a tenant goes what was vouched for. */
static void close_withdrawn(struct hub *hub)
{
    struct session *s;
    uint32_t place = 0;

    while ((s = slab_next(&hub->sessions, &place)))
        if (session_is_in(s) && claims_withdrawn(hub, &s->authority->claims))
            session_close(s, CLOSE_TOKEN_REVOKED, -1);
}

void hub_reload(struct hub *hub, const struct hub_settings *settings, struct issuers *issuers)
{
    hub->settings = *settings;
    if (hub->issuers == issuers)
        return;
    issuers_ref(issuers);
    issuers_unref(hub->issuers);
    hub->issuers = issuers;
    close_withdrawn(hub);
}
