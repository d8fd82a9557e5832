/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c: new numbers and a new keyring for a hub that runs. */
#include "hub/session.h"

bool identity_withdrawn(const struct hub *hub, const struct identity *identity)
{
    uint64_t fingerprint = identity->claims.key_fingerprint;

    return fingerprint != 0 && !keyring_has(hub->keys, fingerprint);
}

/* With a key goes what it has vouched for. */
static void close_withdrawn(struct hub *hub)
{
    list_for_each_safe (it, &hub->sessions) {
        struct session *s = container_of(it, struct session, in_hub);

        if (session_is_in(s) && identity_withdrawn(hub, s->identity))
            session_close(s, CLOSE_TOKEN_REVOKED, -1);
    }
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
