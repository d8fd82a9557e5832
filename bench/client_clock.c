/* SPDX-License-Identifier: Apache-2.0 */
/* client_clock.c: time, the servers' CPU time, and the spread of latencies. */
#include <string.h>
#include <time.h>

#include "client_parts.h"

#define STEP_BITS 8 /* a step of the histogram is 1/256 of its power of two: 0.4 % */
#define SETTLE_MS 20
#define SETTLE_TRIES 250

static uint64_t steps[64 << STEP_BITS];
static uint64_t added;

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) < 0)
        die("a process that is measured has gone");
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t own_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* The scheduler's own sum over all threads, ended ones too, in nanoseconds; /proc/PID/stat has the
 * same in ticks of 10 ms. */
uint64_t servers_cpu_ns(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < plan.pid_count; i++) {
        clockid_t clock;

        if (clock_getcpuclockid(plan.pids[i], &clock) != 0)
            die("no process %d to measure", (int)plan.pids[i]);
        sum += read_clock(clock);
    }
    return sum;
}

/* What a server does after its last byte went out (freeing, answering the publisher) is part of
 * the price. Standing still means less than 0.5 % of a core: a timer's tick is no work. */
uint64_t servers_cpu_settled_ns(void)
{
    uint64_t before = servers_cpu_ns();

    for (int i = 0; i < SETTLE_TRIES; i++) {
        struct timespec pause = {.tv_nsec = SETTLE_MS * 1000000};
        uint64_t after;

        nanosleep(&pause, NULL);
        after = servers_cpu_ns();
        if (after - before < SETTLE_MS * 1000000u / 200)
            return after;
        before = after;
    }
    return before;
}

void latency_reset(void)
{
    memset(steps, 0, sizeof steps);
    added = 0;
}

static unsigned step_of(uint64_t ns)
{
    unsigned power;

    if (ns < 1u << STEP_BITS)
        return (unsigned)ns;
    power = 63u - (unsigned)__builtin_clzll(ns) - STEP_BITS;
    return (power + 1) << STEP_BITS | (unsigned)(ns >> power & ((1u << STEP_BITS) - 1));
}

static uint64_t step_begin(unsigned step)
{
    unsigned power = step >> STEP_BITS;

    if (power == 0)
        return step;
    return ((uint64_t)1 << STEP_BITS | (step & ((1u << STEP_BITS) - 1))) << (power - 1);
}

void latency_add(uint64_t ns)
{
    steps[step_of(ns)]++;
    added++;
}

uint64_t latency_count(void)
{
    return added;
}

uint64_t latency_at(double share)
{
    uint64_t rank = (uint64_t)((double)added * share), seen = 0;

    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        seen += steps[i];
        if (seen > rank)
            return step_begin(i);
    }
    return 0;
}
