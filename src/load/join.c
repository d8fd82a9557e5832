/* SPDX-License-Identifier: Apache-2.0 */
/* join.c: brings the connections of a load in, a bounded number at a time. */
#include <stdlib.h>

#include "load/load_private.h"
#include "mcp_auth/error.h"

int joining_new(struct receiver *receiver)
{
    struct load *load = receiver->load;
    struct joining *joining = calloc(1, sizeof *joining);

    if (!joining)
        return MCP_AUTH_E_NOMEM;
    joining->receiver = receiver;
    joining->started_ns = load->now_ns;
    upgrade_init(&joining->upgrade);
    strbuf_init(&joining->auth, LOAD_OUT_SIZE_MAX);
    strbuf_init(&joining->out, LOAD_OUT_SIZE_MAX);
    list_append(&load->joining, &joining->link);
    load->joining_count++;
    receiver->joining = joining;
    return 0;
}

/* A token is in it. */
static void wipe(struct strbuf *text)
{
    if (text->data)
        explicit_bzero(text->data, text->size);
    strbuf_done(text);
}

void joining_free(struct receiver *receiver)
{
    struct joining *joining = receiver->joining;

    if (!joining)
        return;
    list_unlink(&joining->link);
    receiver->load->joining_count--;
    upgrade_done(&joining->upgrade);
    wipe(&joining->auth);
    wipe(&joining->out);
    free(joining);
    receiver->joining = NULL;
}

/* How many may have begun by now. The first goes alone: what is wrong with an address or a token is
 * said once, and not by each of thousands. */
static unsigned allowed(const struct load *load)
{
    const struct load_plan *plan = &load->plan;
    uint64_t by_rate;

    if (load->result.signed_in == 0)
        return 1;
    if (plan->connect_rate == 0)
        return plan->connections;
    by_rate = 1 + (load->now_ns - load->created_ns) / 1000 * plan->connect_rate / 1000000;
    return by_rate < plan->connections ? (unsigned)by_rate : plan->connections;
}

static void expire(struct load *load)
{
    const uint64_t limit_ns = (uint64_t)LOAD_SIGN_IN_MS * 1000000;

    while (!list_empty(&load->joining)) {
        struct joining *oldest = container_of(load->joining.next, struct joining, link);

        if (load->now_ns - oldest->started_ns < limit_ns)
            return;
        receiver_end(oldest->receiver, 0, BYTES("no answer to the sign-in within 10 s"));
    }
}

void join_some(struct load *load)
{
    unsigned until = allowed(load);

    expire(load);
    while (load->begun < until && load->joining_count < LOAD_JOINING_MAX && load->error == 0 &&
           load->result.why[0] == '\0') {
        struct receiver *receiver = &load->receivers[load->begun];
        int r;

        receiver->load = load;
        receiver->user = load->begun % load->plan.users;
        receiver->audience = load->plan.one_by_one ? receiver->user : 0;
        load->begun++;
        r = joining_new(receiver);
        if (r < 0)
            load->error = r;
        else
            receiver_start(receiver);
    }
    if (load->result.signed_in == 0 && load->result.failed > 0)
        load_stop(load, "the first connection failed: %s", load->result.first_failure);
}

int64_t join_wait_ms(const struct load *load)
{
    if (load->plan.connect_rate == 0 || load->begun == load->plan.connections ||
        load->plan.connect_rate <= 1000 / LOAD_TICK_MS)
        return LOAD_TICK_MS;
    return load->plan.connect_rate >= 1000 ? 1 : 1000 / load->plan.connect_rate;
}
