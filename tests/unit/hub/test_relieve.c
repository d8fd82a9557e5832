/* SPDX-License-Identifier: Apache-2.0 */
/* test_relieve.c: over the frame log's ceiling they go in the order in which they fell behind. */
#include "stage.h"
#include "unit.h"

static struct stage stage;

/* Two, which fill a segment, so that it is of nobody else. */
static uint64_t publish_to(const char *user)
{
    struct sample sample = {.type = EVENT_USER_UPDATED, .user = user, .json_size = 30000};

    stage_publish(&stage, sample);
    return stage_publish(&stage, sample);
}

static void begin(void)
{
    stage_init(&stage);
    stage.settings.frame_log_bytes_max = 8 * SEGMENT_SIZE;
    stage.settings.outbox_bytes_max = 64 * SEGMENT_SIZE;
    stage_start(&stage);
}

/* The first of `clients` that the ceiling closes, while news comes for `user`. */
static unsigned first_closed(const struct client *clients, unsigned count, const char *user)
{
    for (;;) {
        CHECK(stage.past_n < 200);
        publish_to(user);
        CHECK(stage.hub->pool.bytes <= stage.settings.frame_log_bytes_max);
        for (unsigned i = 0; i < count; i++)
            if (clients[i].closed)
                return i;
    }
}

/* Not in the order in which they came, and across the end of the serial. */
TEST(who_fell_behind_first_is_relieved_first)
{
    static const char *const users[] = {"ann", "bob", "cid", "dan"};
    static const unsigned order[] = {2, 0, 3, 1};

    for (uint32_t before = 0; before < ARRAY_COUNT(users); before++) {
        struct client clients[ARRAY_COUNT(users)];

        begin();
        for (unsigned i = 0; i < ARRAY_COUNT(users); i++)
            client_sign_in(&clients[i], &stage, SESSION_PLAIN, users[i], NULL);
        stage.hub->behind_serial = UINT32_MAX - before;
        for (unsigned i = 0; i < ARRAY_COUNT(users); i++)
            publish_to(users[order[i]]);
        CHECK_EQ(stage.hub->behind_count, ARRAY_COUNT(users));
        CHECK_EQ(first_closed(clients, ARRAY_COUNT(users), "bob"), 2);
        CHECK(!clients[1].closed);
        for (unsigned i = 0; i < ARRAY_COUNT(users); i++)
            client_gone(&clients[i]);
        CHECK_EQ(stage.hub->behind_count, 0);
        stage_done(&stage);
    }
}

TEST(who_is_even_again_counts_as_young)
{
    struct client clients[2];
    uint64_t n;

    begin();
    client_sign_in(&clients[0], &stage, SESSION_PLAIN, "ann", NULL);
    client_sign_in(&clients[1], &stage, SESSION_PLAIN, "bob", NULL);
    n = publish_to("ann");
    publish_to("bob");
    CHECK(client_reads_event(&clients[0], n - 1));
    CHECK(client_reads_event(&clients[0], n));
    CHECK_EQ(stage.hub->behind_count, 1);
    CHECK_EQ(first_closed(clients, 2, "ann"), 1);
    client_gone(&clients[0]);
    client_gone(&clients[1]);
    stage_done(&stage);
}
