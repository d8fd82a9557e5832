/* SPDX-License-Identifier: Apache-2.0 */
/* test_clock.c: the clocks move forward, and a time is written as RFC 3339 has it. */
#include "base/clock.h"

#include "base/bytes.h"
#include "unit.h"

static struct bytes written(int64_t wall_ms)
{
    static char text[CLOCK_RFC3339_SIZE];

    memset(text, 'x', sizeof text);
    clock_rfc3339(wall_ms, text);
    return bytes_of(text);
}

TEST(a_time_is_written_with_its_milliseconds)
{
    CHECK_TEXT(written(0), "1970-01-01T00:00:00.000Z");
    CHECK_TEXT(written(1), "1970-01-01T00:00:00.001Z");
    CHECK_TEXT(written(1709210096789), "2024-02-29T12:34:56.789Z");
    CHECK_TEXT(written(253402300799999), "9999-12-31T23:59:59.999Z");
}

TEST(a_time_before_1970_rounds_down_like_any_other)
{
    CHECK_TEXT(written(-1), "1969-12-31T23:59:59.999Z");
    CHECK_TEXT(written(-1000), "1969-12-31T23:59:59.000Z");
    CHECK_TEXT(written(-1001), "1969-12-31T23:59:58.999Z");
    CHECK_TEXT(written(-62167219200000), "0000-01-01T00:00:00.000Z");
}

TEST(a_year_of_five_digits_is_clamped)
{
    CHECK_TEXT(written(253402300800000), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(written(INT64_MAX), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(written(INT64_MIN), "0000-01-01T00:00:00.000Z");
}

TEST(the_clocks_are_sane_and_do_not_go_back)
{
    struct now a = clock_now(), b = clock_now();
    uint64_t c = clock_mono_ns(), d = clock_mono_ns();

    CHECK(a.mono_ms >= 0 && b.mono_ms >= a.mono_ms);
    CHECK(a.wall_ms > 1577836800000); /* later than 2020 */
    CHECK(d >= c);
    CHECK((int64_t)(c / 1000000) >= b.mono_ms); /* the same clock in another unit */
}

TEST(a_time_is_read_with_any_offset_and_fraction)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00.001z", 1},
        {"1970-01-01T00:00:00.1239Z", 123},
        {"1970-01-01T02:00:00+02:00", 0},
        {"1969-12-31T18:30:00.5-05:30", 500},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"2026-11-23T00:25:01.123Z", INT64_C(1795393501123)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
    };
    int64_t ms;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_EQ(clock_rfc3339_read(bytes_of(rows[i].text), &ms), 0);
        CHECK_EQ(ms, rows[i].ms);
    }
    for (int64_t at = -5000000000000; at < 250000000000000; at += 777777777777) {
        CHECK_EQ(clock_rfc3339_read(written(at), &ms), 0);
        CHECK_EQ(ms, at);
    }
}

TEST(what_is_no_time_of_rfc_3339_is_refused)
{
    static const char *const rows[] = {
        "",
        "2026-11-23",
        "2026-11-23T00:25:01",
        "2026-11-23 00:25:01Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T00:60:00Z",
        "2026-11-23T00:00:61Z",
        "2026-11-23T00:00:00.Z",
        "2026-11-23T00:00:00+2:00",
        "2026-11-23T00:00:00+24:00",
        "2026-11-23T00:00:00 02:00",
        "2026-11-23T00:00:00Zx",
        "+026-11-23T00:00:00Z",
        "2026-11-23T-1:00:00Z",
    };
    int64_t ms;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK(clock_rfc3339_read(bytes_of(rows[i]), &ms) < 0);
}
