/* SPDX-License-Identifier: Apache-2.0 */
/* extras.c: what most sessions never need, and so do not pay for. */
#include <stdlib.h>

#include "hub/session.h"

bool session_needs_extras(struct session *s)
{
    if (s->extras)
        return true;
    s->extras = calloc(1, sizeof *s->extras);
    if (!s->extras)
        return false;
    s->extras->session = s;
    list_init(&s->extras->in_leaving);
    list_init(&s->extras->in_ahead);
    return true;
}

static bool says_nothing(const struct extras *extras, const struct hub *hub)
{
    return !extras->filter && !extras->catchup && !extras->seat && !extras->leaving_for &&
           list_empty(&extras->in_ahead) &&
           rate_is_over(&extras->rate, hub->settings.rate_window_ms, hub->now.mono_ms);
}

void session_trim_extras(struct session *s)
{
    if (!s->extras || !says_nothing(s->extras, session_hub(s)))
        return;
    free(s->extras);
    s->extras = NULL;
}

void session_drop_extras(struct session *s)
{
    if (!s->extras)
        return;
    filter_free(s->extras->filter);
    free(s->extras);
    s->extras = NULL;
}
