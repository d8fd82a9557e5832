/* SPDX-License-Identifier: Apache-2.0 */
/* test_seen.c: an event that comes again is known by its id, within a bounded window. */
#include <stdio.h>

#include "client/seen.h"
#include "unit.h"

static bool before(struct seen *seen, const char *id)
{
    return seen_before(seen, bytes_of(id));
}

TEST(an_id_is_new_once)
{
    struct seen seen;

    CHECK_EQ(seen_init(&seen, 8), 0);
    CHECK(!before(&seen, "a"));
    CHECK(before(&seen, "a"));
    CHECK(!before(&seen, "b"));
    CHECK(before(&seen, "a"));
    seen_done(&seen);
}

TEST(the_oldest_id_makes_room_for_the_newest)
{
    struct seen seen;
    char id[32];

    CHECK_EQ(seen_init(&seen, 100), 0);
    for (int i = 0; i < 10000; i++) {
        snprintf(id, sizeof id, "event-%d", i);
        CHECK(!before(&seen, id));
        CHECK(seen.map.count <= 100);
    }
    for (int i = 9900; i < 10000; i++) {
        snprintf(id, sizeof id, "event-%d", i);
        CHECK(before(&seen, id));
    }
    CHECK(!before(&seen, "event-9899"));
    seen_done(&seen);
}

TEST(an_id_no_server_sends_is_never_known)
{
    char longest[SEEN_ID_SIZE_MAX + 2];
    struct seen seen;

    memset(longest, 'x', sizeof longest);
    CHECK_EQ(seen_init(&seen, 1), 0);
    for (int i = 0; i < 2; i++) {
        CHECK(!seen_before(&seen, (struct bytes){0}));
        CHECK(!seen_before(&seen, (struct bytes){longest, SEEN_ID_SIZE_MAX + 1}));
    }
    CHECK(!seen_before(&seen, (struct bytes){longest, SEEN_ID_SIZE_MAX}));
    CHECK(seen_before(&seen, (struct bytes){longest, SEEN_ID_SIZE_MAX}));
    seen_done(&seen);
}
