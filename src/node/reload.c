/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c: numbers, issuers and policy of an instance that runs: replaced whole, and told by notes. */
#include <sched.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

struct reload_note {
    struct note note; /* first */
    struct reload *reload;
    struct hub *hub;
};

/* One allocation for all hubs; the last that is done frees it. */
struct reload {
    atomic_uint left;
    struct hub_settings settings;
    struct issuers *issuers; /* counted */
    struct reload_note notes[];
};

static void reload_unref(struct reload *reload)
{
    if (atomic_fetch_sub_explicit(&reload->left, 1, memory_order_acq_rel) > 1)
        return;
    issuers_unref(reload->issuers);
    free(reload);
}

static void reload_in_hub(struct note *note, void *context __attribute__((unused)))
{
    struct reload_note *reload_note = container_of(note, struct reload_note, note);

    hub_reload(reload_note->hub, &reload_note->reload->settings, reload_note->reload->issuers);
    reload_unref(reload_note->reload);
}

static void tell_hubs(struct node *node, struct reload *reload)
{
    reload->settings = node->hub_settings;
    reload->issuers = issuers_ref(node->issuers);
    atomic_init(&reload->left, node->hubs_count + 1); /* one is ours, until all are told */
    for (unsigned i = 0; i < node->hubs_count; i++) {
        struct reload_note *note = &reload->notes[i];

        *note = (struct reload_note){.note = {.run = reload_in_hub, .urgent = true},
                                     .reload = reload,
                                     .hub = node->hubs[i].hub};
        mailbox_put(node->hubs[i].mailbox, &note->note);
    }
    reload_unref(reload);
}

/* Taking is two steps, to read the pointer and to count; whoever replaces it lets those who are
 * between the two go on first. Sequentially consistent on both sides: a taker who is not seen in
 * policy_takers sees the new pointer. */
const struct policy *node_policy(struct node *node)
{
    const struct policy *policy;

    atomic_fetch_add(&node->policy_takers, 1);
    policy = policy_ref(atomic_load(&node->policy));
    atomic_fetch_sub(&node->policy_takers, 1);
    return policy;
}

static void policy_replace(struct node *node, const struct policy *policy)
{
    const struct policy *before = atomic_exchange(&node->policy, policy_ref(policy));

    while (atomic_load(&node->policy_takers) > 0)
        (void)sched_yield();
    policy_unref(before);
}

static struct reload *reload_new(const struct node *node)
{
    return calloc(1, sizeof(struct reload) + node->hubs_count * sizeof(struct reload_note));
}

static void replace_issuers(struct node *node, struct issuers *issuers, struct reload *reload)
{
    struct issuers *before = node->issuers;

    node->issuers = issuers_ref(issuers);
    issuers_unref(before);
    atomic_store_explicit(&node->keys_count, issuers_keys_count(issuers), memory_order_relaxed);
    atomic_store_explicit(&node->keys_awaited, issuers_awaited(issuers), memory_order_relaxed);
    tell_hubs(node, reload);
}

int node_reload(struct node *node, const struct settings *settings, struct issuers *issuers,
                const struct policy *policy)
{
    struct reload *reload = reload_new(node);
    struct hub_settings *numbers = &node->hub_settings;

    if (!reload)
        return MCP_AUTH_E_NOMEM;
    numbers->privacy = policy->privacy_given ? policy->privacy : settings->privacy;
    numbers->heartbeat_ms = settings->heartbeat_ms;
    numbers->auth_timeout_ms = settings->auth_timeout_ms;
    numbers->rate_messages = settings->rate_messages;
    numbers->rate_window_ms = settings->rate_window_ms;
    atomic_store_explicit(&node->max_connections, settings->max_connections, memory_order_relaxed);
    atomic_store_explicit(&node->publish_rate, settings->publish_rate, memory_order_relaxed);
    policy_replace(node, policy);
    replace_issuers(node, issuers, reload);
    return 0;
}

int node_reload_issuers(struct node *node, struct issuers *issuers)
{
    struct reload *reload = reload_new(node);

    if (!reload)
        return MCP_AUTH_E_NOMEM;
    replace_issuers(node, issuers, reload);
    return 0;
}

unsigned node_max_connections(const struct node *node)
{
    return atomic_load_explicit(&node->max_connections, memory_order_relaxed);
}
