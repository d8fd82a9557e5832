/* SPDX-License-Identifier: Apache-2.0 */
/* list.c: writes down or counts who is here, for an administrator, a bounded piece at a time. */
#include "hub/session.h"

static bool is_wanted(const struct session *s, const struct hub_list *list)
{
    struct claims claims;

    if (!session_is_in(s))
        return false;
    claims = session_claims(s);
    return (list->any_tenant || bytes_equal(list->tenant, claims.tenant)) &&
           (!bytes_present(list->user) || bytes_equal(list->user, claims.user));
}

static void put(struct strbuf *out, struct session *s)
{
    static const struct bytes kinds[] = {
        [SESSION_PLAIN] = {"plain", 5},
        [SESSION_CONTROL] = {"session", 7},
        [SESSION_STREAM] = {"stream", 6},
    };
    char id[SESSION_NAME_SIZE], address[OUTLET_ADDRESS_SIZE];
    struct claims claims = session_claims(s);
    struct reply_connection reply = {
        .claims = &claims,
        .kind = kinds[s->kind],
        .connected_ms = s->connected_ms,
        .backlog_bytes = outbox_bytes(&s->outbox),
    };

    session_name(s, id);
    reply.connection_id = bytes_of(id);
    if (s->outlet->operations->address)
        reply.address = s->outlet->operations->address(s->outlet, address);
    if (out->size > 0)
        strbuf_putc(out, ',');
    reply_connection(out, &reply);
}

enum hub_listed hub_list(struct hub *hub, struct hub_list *list)
{
    for (unsigned examined = 0; examined < list->examined_max; examined++) {
        uint32_t place = list->place;
        struct session *s = slab_next(&hub->sessions, &place);

        if (!s)
            return HUB_LISTED_ALL;
        if (is_wanted(s, list)) {
            if (list->count == list->count_max || (list->out && list->out->size >= list->bytes_max))
                return HUB_LISTED_FULL;
            if (list->out)
                put(list->out, s);
            list->count++;
        }
        list->place = place;
    }
    return HUB_LISTED_SOME;
}
