/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: a load from its plan to its result: comes in, publishes, settles, leaves. */
#include "load/load.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/clock.h"
#include "load/load_private.h"
#include "mcp_auth/error.h"

#define NS_PER_MS UINT64_C(1000000)
/* From the last sign-in to the first event: the publishing connections are made meanwhile. */
#define START_NS (20 * NS_PER_MS)
/* What is outstanding is asked of every connection, so not in every turn. */
#define LOOK_NS (5 * NS_PER_MS)
/* After the last event that was waited for: a double would come about now. */
#define LINGER_NS (100 * NS_PER_MS)
#define INTERRUPTED_MS 1000u
#define LEAVE_NS (1000 * NS_PER_MS)

void load_codes_add(struct load_codes *codes, unsigned code)
{
    for (unsigned i = 0; i < codes->count; i++) {
        if (codes->code[i] == code) {
            codes->times[i]++;
            return;
        }
    }
    if (codes->count == LOAD_CODES_MAX) {
        codes->others++;
        return;
    }
    codes->code[codes->count] = code;
    codes->times[codes->count++] = 1;
}

void load_stop(struct load *load, const char *format, ...)
{
    va_list list;

    if (load->result.why[0])
        return; /* the first reason is the reason */
    va_start(list, format);
    vsnprintf(load->result.why, sizeof load->result.why, format, list);
    va_end(list);
}

static uint64_t cpu_ns(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Rings when the next events are due, to the microsecond: the timeout of epoll counts milliseconds,
 * and a load must not measure its own lateness. */
static void alarm_set(struct load *load, uint64_t at_ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / 1000000000), .tv_nsec = (long)(at_ns % 1000000000)},
    };

    if (at_ns == load->alarm_ns)
        return;
    load->alarm_ns = at_ns;
    if (timerfd_settime(load->alarm.fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        load->error = MCP_AUTH_E_SYSTEM;
}

static void become(struct load *load, enum load_phase phase)
{
    struct load_result *result = &load->result;

    assert(phase > result->phase);
    result->phase = phase;
    load->now_ns = clock_mono_ns();
    if (phase == LOAD_PUBLISHING) {
        load->start_ns = load->now_ns + START_NS;
        load->cpu_start_ns = cpu_ns();
        load->end_ns = load->start_ns + load->plan.duration_ms * NS_PER_MS;
        result->due = (unsigned long long)load->plan.rate * load->plan.duration_ms / 1000;
        load->batches_total = (result->due + load->plan.batch - 1) / load->plan.batch;
        for (unsigned i = 0; load->batches_total && i < load->plan.publishers; i++)
            lane_open(&load->lanes[i]);
    }
    if (phase == LOAD_LEAVING) {
        if (load->start_ns && load->now_ns > load->start_ns) {
            result->cpu_ns = cpu_ns() - load->cpu_start_ns;
            result->busy_ns = load->now_ns - load->start_ns;
        }
        load->settled_ns = load->now_ns;
    }
}

/* Of connections that are in: how many events still have to come. */
static uint64_t outstanding(const struct load *load)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < load->plan.connections; i++)
        if (load->receivers[i].state == RECEIVER_IN)
            sum += tally_account(&load->tally, i, load->receivers[i].audience).missing;
    return sum;
}

/* The accounts are closed: from here on nothing counts any more. */
static void close_accounts(struct load *load)
{
    struct load_result *result = &load->result;

    for (unsigned i = 0; i < load->plan.publishers; i++) {
        if (load->lanes[i].events > 0)
            publish_unanswered(&load->lanes[i]);
        lane_close(&load->lanes[i]);
    }
    result->not_sent = result->due - result->accepted - result->refused - result->unknown;
    for (unsigned i = 0; i < load->plan.connections; i++) {
        struct tally_account account;

        if (load->receivers[i].state != RECEIVER_IN)
            continue;
        account = tally_account(&load->tally, i, load->receivers[i].audience);
        result->expected += account.expected;
        *(result->interrupted ? &result->in_flight : &result->lost) += account.missing;
        result->unsure += account.unsure;
        result->misdelivered += account.surplus;
        result->received -= account.surplus;
    }
}

static void leave(struct load *load)
{
    close_accounts(load);
    become(load, LOAD_LEAVING);
    for (unsigned i = 0; i < load->plan.connections; i++)
        if (load->receivers[i].load && load->receivers[i].state != RECEIVER_ENDED)
            receiver_leave(&load->receivers[i]);
}

/* Nothing more is published; what is under way gets a moment, so that it is not called lost. */
static void interrupt(struct load *load)
{
    load->result.interrupted = true;
    if (load->result.phase != LOAD_PUBLISHING) {
        leave(load);
        return;
    }
    load->end_ns = load->now_ns;
    if (load->plan.settle_ms > INTERRUPTED_MS)
        load->plan.settle_ms = INTERRUPTED_MS;
    become(load, LOAD_SETTLING);
}

static void joining_step(struct load *load)
{
    join_some(load);
    load->result.joining_ns = load->now_ns - load->created_ns;
    if (load->begun < load->plan.connections || load->joining_count > 0)
        return;
    if (load->in == 0)
        load_stop(load, "no connection is left");
    else
        become(load, LOAD_PUBLISHING);
}

static void publishing_step(struct load *load)
{
    if (load->now_ns > load->start_ns)
        load->result.publishing_ns = load->now_ns - load->start_ns;
    publish_due(load);
    if (load->in == 0)
        load_stop(load, "every connection has ended: %s",
                  load->result.unknown || publish_under_way(load) ? "the server is gone"
                                                                  : "the server closed them all");
    else if (load->now_ns >= load->end_ns && load->batches_sent == load->batches_total)
        become(load, LOAD_SETTLING);
    else if (load->now_ns >= load->end_ns + load->plan.settle_ms * NS_PER_MS)
        become(load, LOAD_SETTLING);
}

/* Waits for answers and for frames under way; when all are there, a little longer for doubles. */
static void settling_step(struct load *load)
{
    const uint64_t limit_ns = load->end_ns + load->plan.settle_ms * NS_PER_MS;
    bool all;

    if (load->now_ns - load->looked_ns < LOOK_NS)
        return;
    load->looked_ns = load->now_ns;
    all = !publish_under_way(load) && outstanding(load) == 0;
    if (!all)
        load->settled_ns = 0;
    else if (load->settled_ns == 0)
        load->settled_ns = load->now_ns;
    if ((load->settled_ns && load->now_ns >= load->settled_ns + LINGER_NS) ||
        load->now_ns >= limit_ns + LINGER_NS || load->in == 0)
        leave(load);
}

static void leaving_step(struct load *load)
{
    if (load->in > 0 && load->now_ns < load->settled_ns + LEAVE_NS)
        return;
    for (unsigned i = 0; i < load->plan.connections; i++)
        if (load->receivers[i].load)
            receiver_end(&load->receivers[i], 0, BYTES("it did not close"));
    become(load, LOAD_ENDED);
}

static void step(struct load *load)
{
    struct load_result *result = &load->result;

    load->now_ns = clock_mono_ns();
    if (result->phase == LOAD_JOINING)
        joining_step(load);
    else if (result->phase == LOAD_PUBLISHING)
        publishing_step(load);
    else if (result->phase == LOAD_SETTLING)
        settling_step(load);
    else if (result->phase == LOAD_LEAVING)
        leaving_step(load);
    if (result->phase < LOAD_LEAVING && !result->interrupted &&
        load->plan.stopped(load->plan.owner))
        interrupt(load);
    if (result->phase < LOAD_LEAVING && (result->why[0] || load->error))
        leave(load);
    if (load->plan.progress && load->now_ns - load->told_ns >= LOAD_TICK_MS * NS_PER_MS) {
        load->told_ns = load->now_ns;
        load->plan.progress(load->plan.owner, load);
    }
}

static int64_t wait_ms(struct load *load)
{
    if (load->result.phase == LOAD_JOINING)
        return join_wait_ms(load);
    if (load->result.phase == LOAD_PUBLISHING) {
        if (load->batches_sent < load->batches_total) {
            const uint64_t due_ns = load->start_ns + publish_due_ns(load, load->batches_sent);

            if (due_ns > load->now_ns)
                alarm_set(load, due_ns);
        } else if (load->end_ns > load->now_ns) {
            alarm_set(load, load->end_ns);
        }
        return LOAD_TICK_MS;
    }
    return LOAD_TICK_MS / 10;
}

int load_run(struct load *load)
{
    int r = 0;

    load->created_ns = load->told_ns = load->now_ns = clock_mono_ns();
    while (load->result.phase != LOAD_ENDED && r == 0) {
        step(load);
        if (load->result.phase != LOAD_ENDED)
            r = loop_turn(&load->loop, wait_ms(load));
    }
    return r < 0 ? r : load->error;
}

const struct load_result *load_result(const struct load *load)
{
    return &load->result;
}

bool load_succeeded(const struct load *load)
{
    const struct load_result *result = &load->result;

    return load->error == 0 && result->phase == LOAD_ENDED && result->why[0] == '\0' &&
           result->failed == 0 && result->ended_early == 0 && result->refused == 0 &&
           result->unknown == 0 && (result->not_sent == 0 || result->interrupted) &&
           result->lost == 0 && result->doubled == 0 && result->late == 0 &&
           result->misdelivered == 0 &&
           (result->signed_in == load->plan.connections || result->interrupted);
}
