/* SPDX-License-Identifier: Apache-2.0 */
/* test_past.c: a page of the history is whole, in order and of the right people, slice by slice. */
#include "node/past.h"

#include <limits.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"
#include "sample_event.h"

/* A bus thread and one hub's loop, both run by hand. */
static struct node node;
static struct mailbox loop;
static struct past *answered;

static void begin(size_t events_max)
{
    static const uint8_t seed[16] = {1};
    struct history_limits limits = {events_max, SIZE_MAX, INT64_MAX / 4};

    memset(&node, 0, sizeof node);
    CHECK_EQ(mailbox_init(&node.mailbox), 0);
    CHECK_EQ(mailbox_init(&loop), 0);
    CHECK_EQ(history_new(&node.history, 7, &limits, seed), 0);
    node.hubs[0].mailbox = &loop;
    node.hubs_count = 1;
}

static void end(void)
{
    history_free(node.history);
    mailbox_done(&node.mailbox);
    mailbox_done(&loop);
}

static void append(struct sample sample)
{
    struct entry entry = {.n = history_head(node.history).n + 1};
    char id[32];

    snprintf(id, sizeof id, "e%llu", (unsigned long long)entry.n);
    sample.id = id;
    sample.time_ms = (int64_t)entry.n * 1000;
    entry.check = entry.n * 31;
    entry.event = sample_event(sample);
    CHECK_EQ(history_append(node.history, &entry), 0);
    event_unref(entry.event);
}

static void on_done(struct past *past, void *owner)
{
    CHECK(owner == &node && !answered);
    answered = past;
}

/* Asks and runs both threads until the answer is there; how many slices it took. */
static unsigned ask(struct past_query query)
{
    struct past *past;
    unsigned slices = 0;

    answered = NULL;
    CHECK_EQ(past_new(&past, &query), 0);
    past->done = on_done;
    past->owner = &node;
    node_past(&node, past);
    while (!answered && slices < 100) {
        slices++;
        (void)!mailbox_run(&node.mailbox, &node, 1);
        (void)!mailbox_run(&loop, NULL, 1);
    }
    CHECK(answered);
    return slices;
}

static const struct past_query whole = {.since_ms = INT64_MIN, .until_ms = INT64_MAX, .limit = 100};

static struct position place(uint64_t n)
{
    return (struct position){7, n, n * 31};
}

TEST(a_page_holds_what_is_wanted_oldest_first)
{
    struct past_query query = whole;

    begin(1000);
    for (int i = 0; i < 30; i++)
        append((struct sample){.type = EVENT_USER_UPDATED,
                               .tenant = i % 2 ? "t" : "other",
                               .user = i % 3 ? "ann" : "bob",
                               .target = i % 5 ? NULL : "eve"});
    query.tenant = BYTES("t");
    (void)ask(query);
    CHECK_EQ(answered->result, PAST_PAGE);
    CHECK_EQ(answered->count, 15);
    CHECK(!answered->has_next);
    for (unsigned i = 0; i < 15; i++)
        CHECK_EQ(answered->entries[i].n, 2 * i + 2);
    past_free(answered);
    query.user = BYTES("eve");
    (void)ask(query);
    CHECK_EQ(answered->count, 3); /* 6, 16, 26 */
    CHECK_EQ(answered->entries[1].n, 16);
    past_free(answered);
    query = whole;
    query.since_ms = 5000;
    query.until_ms = 8000;
    (void)ask(query);
    CHECK_EQ(answered->count, 3);
    CHECK_EQ(answered->entries[0].n, 5);
    past_free(answered);
    end();
}

TEST(pages_join_without_hole_or_double)
{
    struct past_query query = whole;
    uint64_t n = 0;

    begin(1000);
    for (int i = 0; i < 25; i++)
        append((struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    query.limit = 10;
    for (int page = 0; page < 3; page++) {
        (void)ask(query);
        for (unsigned i = 0; i < answered->count; i++)
            CHECK_EQ(answered->entries[i].n, ++n);
        CHECK_EQ(answered->has_next, page < 2);
        query.has_after = true;
        query.after = answered->next;
        past_free(answered);
    }
    CHECK_EQ(n, 25);
    end();
}

TEST(a_long_search_lets_others_have_their_turn)
{
    struct past_query query = whole;

    begin(100000);
    for (unsigned i = 0; i < 3 * PAST_SLICE_EVENTS; i++)
        append((struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    query.user = BYTES("bob");
    CHECK(ask(query) >= 3);
    CHECK_EQ(answered->count, 0);
    past_free(answered);
    end();
}

TEST(a_page_is_bounded_in_bytes_and_has_one_event_at_least)
{
    struct past_query query = whole;
    unsigned most = PAST_PAGE_BYTES_MAX / 60000 + 1;

    begin(1000);
    for (unsigned i = 0; i < most + 10; i++)
        append((struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .json_size = 60000});
    query.limit = 1000;
    (void)ask(query);
    CHECK(answered->has_next && answered->count > 0 && answered->count <= most);
    CHECK(answered->bytes <= PAST_PAGE_BYTES_MAX);
    past_free(answered);
    end();
}

TEST(what_is_no_longer_kept_is_lost_and_what_is_not_there_yet_is_nothing)
{
    struct past_query query = whole;

    begin(10);
    for (int i = 0; i < 30; i++)
        append((struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    (void)ask(query);
    CHECK_EQ(answered->count, 10);
    CHECK_EQ(answered->entries[0].n, 21);
    past_free(answered);
    query.has_after = true;
    query.after = place(5);
    (void)ask(query);
    CHECK_EQ(answered->result, PAST_LOST);
    past_free(answered);
    query.after = (struct position){7, 25, 1};
    (void)ask(query);
    CHECK_EQ(answered->result, PAST_LOST);
    past_free(answered);
    query.after = (struct position){8, 25, 25 * 31};
    (void)ask(query);
    CHECK_EQ(answered->result, PAST_LOST);
    past_free(answered);
    query.after = place(40);
    (void)ask(query);
    CHECK_EQ(answered->result, PAST_PAGE);
    CHECK_EQ(answered->count, 0);
    past_free(answered);
    end();
}

TEST(a_page_that_nobody_will_read_any_more_is_freed)
{
    struct past *past;

    begin(10);
    CHECK_EQ(past_new(&past, &whole), 0);
    node_past(&node, past);
    node.stopped = true;
    (void)!mailbox_run(&node.mailbox, &node, UINT_MAX);
    CHECK(!mailbox_run(&loop, NULL, UINT_MAX));
    end();
}
