/* SPDX-License-Identifier: Apache-2.0 */
/* test_known_ids.c: given ids are found within the window, and the newest are kept. */
#include "broker/known_ids.h"
#include "sample_event.h"

static struct known_ids known;
static const uint8_t seed[16] = {8};

static void put(const char *id, uint64_t n, int64_t wall_ms)
{
    struct event *event = sample_event((struct sample){.id = id, .id_given = true, .user = "ann"});
    struct entry entry = {.event = event, .n = n, .check = n + 1};

    CHECK_EQ(known_ids_put(&known, &entry, wall_ms), 0);
    event_unref(event);
}

/* Where it is; 0: it is not known. */
static uint64_t find(const char *id, bool given, int64_t since_ms)
{
    struct event *event = sample_event((struct sample){.id = id, .id_given = given, .user = "ann"});
    const struct known_id *found = known_ids_find(&known, event, since_ms);

    CHECK(!found || found->fingerprint == event->fingerprint);
    CHECK(!found || found->check == found->n + 1);
    event_unref(event);
    return found ? found->n : 0;
}

TEST(an_id_is_found_where_it_was_last_and_not_before_the_window)
{
    known_ids_init(&known, seed);
    put("a", 1, 100);
    put("b", 2, 110);
    CHECK_EQ(find("a", true, 100), 1);
    CHECK_EQ(find("a", true, 101), 0);
    CHECK_EQ(find("a", false, 0), 0); /* the server made it */
    put("a", 3, 120);
    CHECK_EQ(find("a", true, 101), 3);
    CHECK_EQ(known_ids_count(&known), 2);
    known_ids_expire(&known, 111);
    CHECK_EQ(find("b", true, 0), 0);
    CHECK_EQ(known_ids_count(&known), 1);
    known_ids_done(&known);
}

TEST(ids_beyond_a_number_are_forgotten_and_so_are_all)
{
    known_ids_init(&known, seed);
    put("a", 1, 1);
    put("b", 2, 1);
    put("c", 3, 1);
    known_ids_forget_beyond(&known, 1);
    CHECK(find("a", true, 0) == 1 && find("b", true, 0) == 0 && find("c", true, 0) == 0);
    CHECK(known_ids_bytes(&known) > 0);
    known_ids_clear(&known);
    CHECK_EQ(known_ids_count(&known), 0);
    known_ids_done(&known);
}
