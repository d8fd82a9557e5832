/* SPDX-License-Identifier: Apache-2.0 */
/* load_new.c: a load is made out of a plan that can be carried out, and unmade. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "codec/json.h"
#include "load/load_private.h"
#include "mcp_auth/error.h"

#define EVENT_BESIDES 1024u /* of an event without its data: id, type, target, tenant */
#define BATCH_SIZE_MAX (4u * 1024u * 1024u)
#define HEAD_SIZE_MAX (24u * 1024u)
#define NAME_SIZE_MAX (2u * 1024u)

/* ",...}": type, tenant and data are the same in all. */
static int compose_tail(struct load *load)
{
    const struct load_plan *plan = &load->plan;
    struct strbuf *out = &load->event_tail;
    char *padding;

    strbuf_puts(out, ",\"event_type\":");
    json_put_string(out, bytes_of(plan->event_type));
    if (plan->target && !plan->one_by_one) {
        strbuf_puts(out, ",\"target_user_id\":");
        json_put_string(out, bytes_of(plan->target));
    }
    if (plan->tenant) {
        strbuf_puts(out, ",\"tenant_id\":");
        json_put_string(out, bytes_of(plan->tenant));
    }
    if (plan->data_size) {
        strbuf_puts(out, ",\"data\":{\"padding\":\"");
        padding = strbuf_reserve(out, plan->data_size);
        if (!padding)
            return out->error;
        memset(padding, 'x', plan->data_size);
        strbuf_added(out, plan->data_size);
        strbuf_puts(out, "\"}");
    }
    strbuf_putc(out, '}');
    return out->error;
}

/* ws://HOST/PATH/ws and http://HOST/PATH both publish at /PATH/v1/events. */
static int compose_path(struct load *load)
{
    struct bytes path = bytes_of(load->address.path);

    if (path.size >= 3 && memcmp(path.data + path.size - 3, "/ws", 3) == 0)
        path.size -= 3;
    else
        path.size = 0;
    strbuf_put_bytes(&load->events_path, path);
    strbuf_puts(&load->events_path, "/v1/events");
    return strbuf_terminate(&load->events_path);
}

static int make_lanes(struct load *load)
{
    load->lanes = calloc(load->plan.publishers, sizeof *load->lanes);
    if (!load->lanes)
        return MCP_AUTH_E_NOMEM;
    for (unsigned i = 0; i < load->plan.publishers; i++) {
        struct lane *lane = &load->lanes[i];

        lane->load = load;
        lane->watch.fd = -1;
        answer_init(&lane->answer);
        strbuf_init(&lane->out, BATCH_SIZE_MAX + HEAD_SIZE_MAX);
        lane->audiences = calloc(load->plan.batch, sizeof *lane->audiences);
        if (!lane->audiences)
            return MCP_AUTH_E_NOMEM;
    }
    return 0;
}

static int make(struct load *load)
{
    uint64_t run;
    int r;

    random_kernel.fill(random_kernel.owner, &run, sizeof run);
    mark_prefix(run, load->mark_prefix);
    load->in_buffer = malloc(LOAD_READ_SIZE);
    load->receivers = calloc(load->plan.connections, sizeof *load->receivers);
    if (!load->in_buffer || !load->receivers)
        return MCP_AUTH_E_NOMEM;
    for (unsigned i = 0; i < load->plan.connections; i++)
        load->receivers[i].watch.fd = -1;
    r = make_lanes(load);
    if (r == 0)
        r = compose_tail(load);
    if (r == 0)
        r = compose_path(load);
    if (r == 0)
        r = tally_init(&load->tally, load->plan.publishers,
                       load->plan.one_by_one ? load->plan.users : 1, load->plan.connections);
    return r;
}

static void alarm_rings(struct watch *watch, uint32_t events __attribute__((unused)))
{
    struct load *load = container_of(watch, struct load, alarm);
    uint64_t times;

    (void)!read(watch->fd, &times, sizeof times); /* what is due is looked at in every turn */
    load->alarm_ns = 0;
}

static int open_loop(struct load *load)
{
    int r = loop_init(&load->loop);

    if (r < 0)
        return r;
    load->alarm = (struct watch){
        .fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC),
    };
    return load->alarm.fd < 0 ? MCP_AUTH_E_SYSTEM
                              : loop_watch(&load->loop, &load->alarm, alarm_rings, EPOLLIN);
}

/* It stands in a field of every request: nothing in it may end the line. */
static bool is_token(const char *text)
{
    for (; *text; text++)
        if (*text <= 0x20 || *text >= 0x7f)
            return false;
    return true;
}

static void check_plan(const struct load_plan *plan)
{
    assert(plan->url && plan->token && plan->stopped && plan->event_type);
    assert(plan->connections > 0 && plan->connections <= LOAD_CONNECTIONS_MAX);
    assert(plan->users > 0 && plan->users <= plan->connections);
    assert(plan->batch > 0 && plan->batch <= LOAD_BATCH_MAX && plan->rate <= LOAD_RATE_MAX);
    assert(plan->publishers > 0 && plan->publishers <= LOAD_PUBLISHERS_MAX);
    assert(plan->data_size <= LOAD_DATA_SIZE_MAX && plan->duration_ms > 0);
    assert(plan->publish_token || plan->rate == 0);
    assert(plan->target || !plan->one_by_one);
    _Static_assert(LOAD_CONNECTIONS_MAX <= MARK_AUDIENCES_MAX, "an audience fits into a mark");
}

int load_new(struct load **ret, const struct load_plan *plan, char ret_why[LOAD_WHY_SIZE])
{
    struct load *load = calloc(1, sizeof *load);
    int r;

    check_plan(plan);
    ret_why[0] = '\0';
    if (!load)
        return MCP_AUTH_E_NOMEM;
    load->plan = *plan;
    load->loop.epoll_fd = load->alarm.fd = -1;
    list_init(&load->joining);
    strbuf_init(&load->events_path, CLIENT_URL_SIZE_MAX + 16);
    strbuf_init(&load->event_tail, LOAD_DATA_SIZE_MAX + 3 * NAME_SIZE_MAX);
    r = client_address_read(plan->url, &load->address);
    if (r == MCP_AUTH_E_UNSUPPORTED)
        snprintf(ret_why, LOAD_WHY_SIZE, "%s: this version speaks no TLS; use http:// or unix:PATH",
                 plan->url);
    else if (r < 0)
        snprintf(ret_why, LOAD_WHY_SIZE,
                 "%s is not an address such as http://localhost:8000 or unix:PATH", plan->url);
    if (r == 0 && (uint64_t)plan->batch * (plan->data_size + EVENT_BESIDES) > BATCH_SIZE_MAX) {
        snprintf(ret_why, LOAD_WHY_SIZE,
                 "a batch of %u events of that size is over the 4 MiB that "
                 "a server takes in one request",
                 plan->batch);
        r = MCP_AUTH_E_INVALID;
    }
    if (r == 0 && (uint64_t)plan->rate * plan->duration_ms / 1000 > LOAD_EVENTS_MAX) {
        snprintf(ret_why, LOAD_WHY_SIZE, "at that rate for so long there are more than %u events",
                 LOAD_EVENTS_MAX);
        r = MCP_AUTH_E_INVALID;
    }
    if (r == 0 && plan->publish_token && !is_token(plan->publish_token)) {
        snprintf(ret_why, LOAD_WHY_SIZE,
                 "what to publish with holds a character that no token or key has");
        r = MCP_AUTH_E_INVALID;
    }
    if (r == 0)
        r = target_find(load, ret_why);
    if (r == 0)
        r = target_room(load, ret_why);
    if (r == 0)
        r = make(load);
    if (r == 0)
        r = open_loop(load);
    if (r < 0) {
        if (ret_why[0] == '\0')
            snprintf(ret_why, LOAD_WHY_SIZE, "%s", mcp_auth_strerror(r));
        load_free(load);
        return r;
    }
    *ret = load;
    return 0;
}

void load_free(struct load *load)
{
    if (!load)
        return;
    for (unsigned i = 0; load->receivers && i < load->plan.connections; i++)
        if (load->receivers[i].load)
            receiver_end(&load->receivers[i], 0, BYTES(""));
    for (unsigned i = 0; load->lanes && i < load->plan.publishers; i++) {
        struct lane *lane = &load->lanes[i];

        if (!lane->load)
            continue;
        lane_close(lane);
        answer_done(&lane->answer);
        if (lane->out.data)
            explicit_bzero(lane->out.data, lane->out.size); /* a token is in it */
        strbuf_done(&lane->out);
        free(lane->audiences);
    }
    if (load->alarm.fd >= 0) {
        loop_unwatch(&load->loop, &load->alarm);
        close(load->alarm.fd);
    }
    loop_done(&load->loop);
    tally_done(&load->tally);
    strbuf_done(&load->events_path);
    strbuf_done(&load->event_tail);
    free(load->lanes);
    free(load->receivers);
    free(load->in_buffer);
    free(load);
}
