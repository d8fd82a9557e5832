/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: the two clocks: one for deadlines, one for what tokens and people mean. */
#include "base/clock.h"

#include <assert.h>
#include <time.h>

#define YEAR_0_MS (-62167219200000)  /* 0000-01-01T00:00:00.000Z */
#define YEAR_9999_MS 253402300799999 /* 9999-12-31T23:59:59.999Z */

static struct timespec clock_read(clockid_t id)
{
    struct timespec t = {0};
    int r = clock_gettime(id, &t);

    assert(r == 0); /* both clocks exist on every Linux we build for */
    (void)r;
    return t;
}

struct now clock_now(void)
{
    struct timespec mono = clock_read(CLOCK_BOOTTIME), wall = clock_read(CLOCK_REALTIME);

    return (struct now){
        .mono_ms = (int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000,
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

uint64_t clock_mono_ns(void)
{
    struct timespec t = clock_read(CLOCK_BOOTTIME);

    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static char *put_digits(char *to, unsigned value, unsigned digits, char after)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    to[digits] = after;
    return to + digits + 1;
}

void clock_rfc3339(int64_t wall_ms, char ret[CLOCK_RFC3339_SIZE])
{
    struct tm tm = {0};
    time_t seconds;
    int64_t ms;
    char *p = ret;

    if (wall_ms < YEAR_0_MS)
        wall_ms = YEAR_0_MS;
    if (wall_ms > YEAR_9999_MS)
        wall_ms = YEAR_9999_MS;
    ms = (wall_ms % 1000 + 1000) % 1000; /* rounds down before 1970 as well */
    seconds = (time_t)((wall_ms - ms) / 1000);
    gmtime_r(&seconds, &tm);

    /* By hand: it is written once per event, and snprintf would be most of the cost. */
    p = put_digits(p, (unsigned)(tm.tm_year + 1900), 4, '-');
    p = put_digits(p, (unsigned)(tm.tm_mon + 1), 2, '-');
    p = put_digits(p, (unsigned)tm.tm_mday, 2, 'T');
    p = put_digits(p, (unsigned)tm.tm_hour, 2, ':');
    p = put_digits(p, (unsigned)tm.tm_min, 2, ':');
    p = put_digits(p, (unsigned)tm.tm_sec, 2, '.');
    p = put_digits(p, (unsigned)ms, 3, 'Z');
    *p = '\0';
    assert(p == ret + CLOCK_RFC3339_SIZE - 1);
}
