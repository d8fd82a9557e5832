/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c: new numbers and a new keyring for a hub that runs. */
#include "hub/session.h"

bool claims_withdrawn(const struct hub *hub, const struct claims *claims)
{
    return claims->key_fingerprint != 0 && !keyring_has(hub->keys, claims->key_fingerprint);
}

/* With a key goes what it has vouched for. */
static void close_withdrawn(struct hub *hub)
{
    struct session *s;
    uint32_t place = 0;

    while ((s = slab_next(&hub->sessions, &place)))
        if (session_is_in(s) && claims_withdrawn(hub, &s->authority->claims))
            session_close(s, CLOSE_TOKEN_REVOKED, -1);
}

void hub_reload(struct hub *hub, const struct hub_settings *settings, struct keyring *keys)
{
    hub->settings = *settings;
    if (hub->keys == keys)
        return;
    keyring_ref(keys);
    keyring_unref(hub->keys);
    hub->keys = keys;
    close_withdrawn(hub);
}
