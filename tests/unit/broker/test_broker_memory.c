/* SPDX-License-Identifier: Apache-2.0 */
/* test_broker_memory.c: every event comes straight back under the next number, once per id. */
#include "broker/broker.h"
#include "model/limits.h"
#include "sample_event.h"

#define EPOCH UINT64_C(77)
#define WINDOW_MS 10000

/* What the broker said, in order: outcomes by ticket, and entries. */
struct bus {
    struct broker *broker;
    unsigned outcomes, entries;
    uint64_t ticket;
    enum publish_outcome outcome;
    struct position at;
    uint64_t n, check;
    struct event *event; /* of the last entry, only to compare */
};

static const uint8_t seed[16] = {1, 2, 3};
static struct bus bus;

static void on_outcome(void *owner, uint64_t ticket, enum publish_outcome outcome,
                       const struct position *at)
{
    CHECK(owner == &bus);
    bus.outcomes++;
    bus.ticket = ticket;
    bus.outcome = outcome;
    bus.at = *at;
}

static void on_entry(void *owner, const struct entry *entry)
{
    CHECK(owner == &bus);
    bus.entries++;
    CHECK_EQ(entry->n, bus.n + 1);        /* dense, and in order */
    CHECK_EQ(bus.outcome, PUBLISH_TAKEN); /* the outcome comes first */
    CHECK_EQ(bus.at.n, entry->n);
    CHECK_EQ(bus.at.check, entry->check);
    bus.n = entry->n;
    bus.check = entry->check;
    bus.event = entry->event;
}

static void begin(int64_t dedupe_ms)
{
    struct broker_port port = {on_outcome, on_entry, &bus};

    bus = (struct bus){0};
    CHECK_EQ(broker_memory_new(&bus.broker, EPOCH, dedupe_ms, seed, &port), 0);
}

static enum publish_outcome publish(struct sample sample, int64_t wall_ms)
{
    static uint64_t ticket;
    struct event *event = sample_event(sample);
    unsigned outcomes = bus.outcomes, entries = bus.entries;

    CHECK_EQ(broker_conflicts(bus.broker, event, wall_ms), false);
    broker_publish(bus.broker, event, ++ticket, wall_ms);
    CHECK_EQ(bus.outcomes, outcomes + 1);
    CHECK_EQ(bus.ticket, ticket);
    CHECK_EQ(bus.entries, entries + (bus.outcome == PUBLISH_TAKEN));
    CHECK_EQ(bus.at.epoch, EPOCH);
    if (bus.outcome == PUBLISH_TAKEN) {
        CHECK(bus.event == event);
        CHECK_EQ(bus.check, position_check(EPOCH, bus.n, event->tenant, event->id));
    }
    event_unref(event);
    return bus.outcome;
}

static struct sample given(const char *id)
{
    return (struct sample){.type = EVENT_USER_UPDATED, .id = id, .id_given = true, .user = "ann"};
}

TEST(events_are_numbered_from_one_without_holes)
{
    begin(WINDOW_MS);
    for (uint64_t n = 1; n <= 100; n++) {
        CHECK_EQ(publish((struct sample){.type = EVENT_USER_UPDATED, .id = "server-made"}, 5),
                 PUBLISH_TAKEN); /* ids that were not given are not compared */
        CHECK_EQ(bus.n, n);
    }
    broker_free(bus.broker);
}

TEST(a_repeated_id_answers_with_its_first_position)
{
    struct position first;

    begin(WINDOW_MS);
    CHECK_EQ(publish(given("a"), 1000), PUBLISH_TAKEN);
    first = bus.at;
    CHECK_EQ(publish(given("b"), 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(given("a"), 1500), PUBLISH_DUPLICATE);
    CHECK_EQ(bus.at.n, first.n);
    CHECK_EQ(bus.at.check, first.check);
    CHECK_EQ(publish(given("c"), 1500), PUBLISH_TAKEN);
    CHECK_EQ(bus.n, 3); /* a duplicate takes no number */
    broker_free(bus.broker);
}

TEST(a_repeated_id_with_another_body_is_a_conflict)
{
    struct sample sample = given("a");
    struct event *other;

    begin(WINDOW_MS);
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    sample.user = "ben";
    other = sample_event(sample);
    CHECK(broker_conflicts(bus.broker, other, 1000));
    broker_publish(bus.broker, other, 9, 1000);
    CHECK_EQ(bus.outcome, PUBLISH_CONFLICT);
    CHECK_EQ(bus.at.n, 1);
    CHECK_EQ(bus.entries, 1);
    CHECK(!broker_conflicts(bus.broker, other, 1000 + WINDOW_MS + 1)); /* the window is over */
    event_unref(other);
    broker_free(bus.broker);
}

TEST(an_id_is_remembered_for_the_window_and_no_longer)
{
    begin(WINDOW_MS);
    CHECK_EQ(publish(given("a"), 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(given("a"), 1000 + WINDOW_MS), PUBLISH_DUPLICATE);
    CHECK_EQ(publish(given("a"), 1000 + WINDOW_MS + 1), PUBLISH_TAKEN); /* it counts from there */
    CHECK_EQ(bus.n, 2);
    CHECK_EQ(publish(given("a"), 1000 + 2 * WINDOW_MS), PUBLISH_DUPLICATE);
    CHECK_EQ(bus.at.n, 2);
    broker_free(bus.broker);
}

TEST(a_tick_forgets_what_is_older_than_the_window)
{
    begin(WINDOW_MS);
    CHECK_EQ(publish(given("a"), 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(given("b"), 5000), PUBLISH_TAKEN);
    broker_tick(bus.broker, 1000 + WINDOW_MS);
    CHECK_EQ(publish(given("a"), 1000 + WINDOW_MS), PUBLISH_DUPLICATE);
    broker_tick(bus.broker, 1000 + WINDOW_MS + 1);
    CHECK_EQ(publish(given("b"), 1000 + WINDOW_MS + 1), PUBLISH_DUPLICATE);
    CHECK_EQ(publish(given("a"), 1000 + WINDOW_MS + 1), PUBLISH_TAKEN);
    broker_free(bus.broker);
}

TEST(an_id_belongs_to_its_tenant)
{
    struct sample sample = given("a");

    begin(WINDOW_MS);
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    sample.tenant = "t";
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    sample.user = "ben";
    sample.tenant = "u"; /* another body: no conflict with those of other tenants */
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(sample, 1000), PUBLISH_DUPLICATE);
    CHECK_EQ(bus.at.n, 3);
    broker_free(bus.broker);
}

TEST(tenant_and_id_do_not_run_together)
{
    struct sample sample = given("bc");

    begin(WINDOW_MS);
    sample.tenant = "a";
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    sample.tenant = "ab";
    sample.id = "c";
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    sample.tenant = "";
    sample.id = "abc";
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    broker_free(bus.broker);
}

TEST(an_id_that_was_not_given_is_neither_kept_nor_found)
{
    struct sample sample = given("a");

    begin(WINDOW_MS);
    sample.id_given = false;
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(given("a"), 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    broker_free(bus.broker);
}

TEST(ids_of_the_largest_size_are_told_apart_to_their_last_byte)
{
    char id[EVENT_ID_SIZE_MAX + 1], tenant[TENANT_SIZE_MAX + 1];
    struct sample sample = given(id);

    memset(id, 'i', sizeof id - 1);
    memset(tenant, 't', sizeof tenant - 1);
    id[sizeof id - 1] = tenant[sizeof tenant - 1] = '\0';
    sample.tenant = tenant;
    begin(WINDOW_MS);
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(sample, 1000), PUBLISH_DUPLICATE);
    id[EVENT_ID_SIZE_MAX - 1] = 'j';
    CHECK_EQ(publish(sample, 1000), PUBLISH_TAKEN);
    broker_free(bus.broker);
}

TEST(many_ids_come_and_go)
{
    char id[32];

    begin(WINDOW_MS);
    for (int i = 0; i < 20000; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        CHECK_EQ(publish(given(id), i * 10), PUBLISH_TAKEN);
        if (i >= 500) { /* still in the window */
            snprintf(id, sizeof id, "id-%d", i - 500);
            CHECK_EQ(publish(given(id), i * 10), PUBLISH_DUPLICATE);
            CHECK_EQ(bus.at.n, i - 500 + 1);
        }
    }
    broker_free(bus.broker);
}

TEST(what_it_remembers_is_counted_and_forgotten_after_the_window)
{
    struct sample made = given("made");
    size_t one;

    begin(WINDOW_MS);
    CHECK_EQ(broker_usage(bus.broker).ids, 0);
    CHECK_EQ(broker_usage(bus.broker).bytes, 0);
    made.id_given = false;
    CHECK_EQ(publish(made, 1000), PUBLISH_TAKEN); /* cannot come twice */
    CHECK_EQ(broker_usage(bus.broker).ids, 0);
    CHECK_EQ(publish(given("a"), 1000), PUBLISH_TAKEN);
    one = broker_usage(bus.broker).bytes;
    CHECK(one > 0);
    CHECK_EQ(publish(given("b"), 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(given("b"), 1000), PUBLISH_DUPLICATE);
    CHECK_EQ(broker_usage(bus.broker).ids, 2);
    CHECK(broker_usage(bus.broker).bytes > one);
    broker_tick(bus.broker, 1001 + WINDOW_MS);
    CHECK_EQ(broker_usage(bus.broker).ids, 0);
    CHECK(broker_usage(bus.broker).bytes < one);
    broker_free(bus.broker);
}
