/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: the two clocks: one for deadlines, one for what tokens and people mean. */
#include "base/clock.h"

#include <assert.h>
#include <limits.h>
#include <time.h>

#include "mcp_auth/error.h"

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

#define DAY_S 86400

struct date {
    unsigned year, month, day;
};

/* The day of the Gregorian calendar, of the years 0 to 9999, so many days after 1970-01-01. Years
 * begin in March here, so that the day that is added comes last; they repeat every 400, an era. */
static struct date date_of(int64_t days)
{
    unsigned since = (unsigned)(days + 719468 + 146097); /* -0400-03-01, before all of them */
    unsigned of_era = since % 146097;
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153, day = of_year - (153 * month + 2) / 5 + 1;

    year += since / 146097 * 400 - 400;
    month = month < 10 ? month + 3 : month - 9;
    return (struct date){year + (month <= 2), month, day};
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
    int64_t ms, seconds, days;
    unsigned of_day;
    struct date date;
    char *p = ret;

    if (wall_ms < YEAR_0_MS)
        wall_ms = YEAR_0_MS;
    if (wall_ms > YEAR_9999_MS)
        wall_ms = YEAR_9999_MS;
    ms = (wall_ms % 1000 + 1000) % 1000; /* rounds down before 1970 as well */
    seconds = (wall_ms - ms) / 1000;
    of_day = (unsigned)((seconds % DAY_S + DAY_S) % DAY_S);
    days = (seconds - (int64_t)of_day) / DAY_S;
    date = date_of(days);

    /* By hand: it is written once per event, and snprintf or gmtime would be most of the cost. */
    p = put_digits(p, date.year, 4, '-');
    p = put_digits(p, date.month, 2, '-');
    p = put_digits(p, date.day, 2, 'T');
    p = put_digits(p, of_day / 3600, 2, ':');
    p = put_digits(p, of_day / 60 % 60, 2, ':');
    p = put_digits(p, of_day % 60, 2, '.');
    p = put_digits(p, (unsigned)ms, 3, 'Z');
    *p = '\0';
    assert(p == ret + CLOCK_RFC3339_SIZE - 1);
}

/* Days from 1970-01-01 of a day of the Gregorian calendar; March is the first month, so that the
 * day that is added comes last. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* `count` digits as a number of at most `most`, or -1. */
static int digits(const char *text, int count, int most)
{
    int number = 0;

    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number <= most ? number : -1;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* ".123456": as milliseconds; *text is moved behind it. -1 when there is no digit. */
static int fraction(struct bytes *text)
{
    int ms = 0, scale = 100;
    size_t at = 1;

    if (text->size == 0 || text->data[0] != '.')
        return 0;
    for (; at < text->size && text->data[at] >= '0' && text->data[at] <= '9'; at++) {
        ms += (text->data[at] - '0') * scale;
        scale /= 10;
    }
    *text = (struct bytes){text->data + at, text->size - at};
    return at > 1 ? ms : -1;
}

/* "Z" or "+02:00", in minutes; INT_MIN when it is neither. */
static int offset(struct bytes text)
{
    int hours, minutes;

    if (text.size == 1 && (text.data[0] == 'Z' || text.data[0] == 'z'))
        return 0;
    if (text.size != 6 || (text.data[0] != '+' && text.data[0] != '-') || text.data[3] != ':')
        return INT_MIN;
    hours = digits(text.data + 1, 2, 23);
    minutes = digits(text.data + 4, 2, 59);
    if (hours < 0 || minutes < 0)
        return INT_MIN;
    return (text.data[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

int clock_rfc3339_read(struct bytes text, int64_t *ret_ms)
{
    const char *at = text.data;
    int year, month, day, hour, minute, second, ms, minutes_east;

    if (text.size < 20 || at[4] != '-' || at[7] != '-' || (at[10] != 'T' && at[10] != 't') ||
        at[13] != ':' || at[16] != ':')
        return MCP_AUTH_E_INVALID;
    year = digits(at, 4, 9999);
    month = digits(at + 5, 2, 12);
    day = digits(at + 8, 2, 31);
    hour = digits(at + 11, 2, 23);
    minute = digits(at + 14, 2, 59);
    second = digits(at + 17, 2, 60); /* a leap second */
    text = (struct bytes){at + 19, text.size - 19};
    ms = fraction(&text);
    minutes_east = offset(text);
    if (year < 0 || month < 1 || day < 1 || day > month_days(year, month) || hour < 0 ||
        minute < 0 || second < 0 || ms < 0 || minutes_east == INT_MIN)
        return MCP_AUTH_E_INVALID;
    *ret_ms = ((days_of(year, month, day) * 24 + hour) * 60 + minute - minutes_east) * 60000 +
              second * 1000 + ms;
    return 0;
}
