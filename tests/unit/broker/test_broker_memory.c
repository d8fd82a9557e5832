/* SPDX-License-Identifier: Apache-2.0 */
/* test_broker_memory.c: every event comes straight back under the next number, once per id. */
#include "broker/broker.h"
#include "model/limits.h"
#include "sample_event.h"

#define EPOCH UINT64_C(77)
#define WINDOW_MS 10000

#define BATCH_MAX 8

/* What the broker said, in order: an answer to each batch, and its entries behind it. */
struct bus {
    struct broker *broker;
    unsigned answers, entries;
    uint64_t ticket;
    enum batch_result result;
    unsigned failed_index, count;
    struct publish_answer answered[BATCH_MAX];
    struct position at; /* of the first */
    uint64_t n, check;
    struct event *event; /* of the last entry, only to compare */
};

static const uint8_t seed[16] = {1, 2, 3};
static struct bus bus;

static void on_answer(void *owner, const struct batch_answer *answer)
{
    CHECK(owner == &bus);
    bus.answers++;
    bus.ticket = answer->ticket;
    bus.result = answer->result;
    bus.failed_index = answer->failed_index;
    bus.count = answer->count;
    if (answer->result != BATCH_TAKEN)
        return;
    CHECK(answer->count <= BATCH_MAX);
    memcpy(bus.answered, answer->answers, answer->count * sizeof *answer->answers);
    bus.at = bus.answered[0].at;
}

static bool answered_with(uint64_t n, uint64_t check)
{
    for (unsigned i = 0; i < bus.count; i++)
        if (bus.answered[i].outcome == PUBLISH_TAKEN && bus.answered[i].at.n == n)
            return bus.answered[i].at.check == check;
    return false;
}

static int on_entry(void *owner, const struct entry *entry)
{
    CHECK(owner == &bus);
    bus.entries++;
    CHECK_EQ(entry->n, bus.n + 1);                /* dense, and in order */
    CHECK(answered_with(entry->n, entry->check)); /* the answer comes first */
    bus.n = entry->n;
    bus.check = entry->check;
    bus.event = entry->event;
    return 0;
}

static void begin(int64_t dedupe_ms)
{
    struct broker_port port = {.on_answer = on_answer, .on_entry = on_entry, .owner = &bus};

    bus = (struct bus){0};
    CHECK_EQ(broker_memory_new(&bus.broker, EPOCH, dedupe_ms, seed, &port), 0);
}

static enum batch_result publish_batch(struct event *const *events, unsigned count, int64_t wall_ms)
{
    static uint64_t ticket;
    unsigned answers = bus.answers;

    broker_publish(bus.broker, &(struct broker_batch){events, count, ++ticket}, wall_ms);
    CHECK_EQ(bus.answers, answers + 1);
    CHECK_EQ(bus.ticket, ticket);
    return bus.result;
}

static enum publish_outcome publish(struct sample sample, int64_t wall_ms)
{
    struct event *event = sample_event(sample);
    unsigned entries = bus.entries;

    CHECK_EQ(publish_batch(&event, 1, wall_ms), BATCH_TAKEN);
    CHECK_EQ(bus.count, 1);
    CHECK_EQ(bus.entries, entries + (bus.answered[0].outcome == PUBLISH_TAKEN));
    CHECK_EQ(bus.at.epoch, EPOCH);
    if (bus.answered[0].outcome == PUBLISH_TAKEN) {
        CHECK(bus.event == event);
        CHECK_EQ(bus.check, position_check(EPOCH, bus.n, event->tenant, event->id, BYTES("")));
    }
    event_unref(event);
    return bus.answered[0].outcome;
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
    CHECK_EQ(publish_batch(&other, 1, 1000), BATCH_CONFLICT);
    CHECK_EQ(bus.entries, 1);
    /* The window is over. */
    CHECK_EQ(publish_batch(&other, 1, 1000 + WINDOW_MS + 1), BATCH_TAKEN);
    event_unref(other);
    broker_free(bus.broker);
}

static struct event *made(const char *id, const char *user)
{
    struct sample sample = given(id);

    sample.user = user;
    return sample_event(sample);
}

static void unref_all(struct event **events, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        event_unref(events[i]);
}

TEST(a_batch_is_answered_whole_before_its_first_entry)
{
    struct event *events[4] = {made("a", "ann"), made("b", "ann"), made("a", "ann"),
                               made("c", "ann")};

    begin(WINDOW_MS);
    CHECK_EQ(publish_batch(events, 4, 1000), BATCH_TAKEN);
    CHECK_EQ(bus.count, 4);
    CHECK_EQ(bus.answered[2].outcome, PUBLISH_DUPLICATE); /* of one of the same batch */
    CHECK_EQ(bus.answered[2].at.n, 1);
    CHECK_EQ(bus.answered[3].at.n, 3);
    CHECK_EQ(bus.entries, 3);
    unref_all(events, 4);
    broker_free(bus.broker);
}

TEST(a_batch_with_a_conflict_is_as_if_it_had_never_been)
{
    struct event *events[3] = {made("a", "ann"), made("b", "ann"), made("c", "ann")};
    struct event *inner[3] = {made("x", "ann"), made("y", "ann"), made("x", "ben")};

    begin(WINDOW_MS);
    CHECK_EQ(publish((struct sample){.type = EVENT_USER_UPDATED,
                                     .id = "c",
                                     .id_given = true,
                                     .user = "zoe"},
                     1000),
             PUBLISH_TAKEN);
    CHECK_EQ(publish_batch(events, 3, 1000), BATCH_CONFLICT);
    CHECK_EQ(bus.failed_index, 2);
    CHECK_EQ(publish_batch(inner, 3, 1000), BATCH_CONFLICT); /* with itself */
    CHECK_EQ(bus.failed_index, 2);
    CHECK_EQ(bus.entries, 1);
    CHECK_EQ(broker_usage(bus.broker).ids, 1);
    CHECK_EQ(publish_batch(events, 2, 1000), BATCH_TAKEN);
    CHECK_EQ(bus.answered[0].outcome, PUBLISH_TAKEN);
    CHECK_EQ(bus.answered[0].at.n, 2); /* no number was lost */
    unref_all(events, 3);
    unref_all(inner, 3);
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

static void forget(int64_t wall_ms)
{
    static int64_t mono_ms;

    mono_ms += 1000;
    CHECK(broker_advance(bus.broker, (struct now){mono_ms, wall_ms}) > mono_ms);
}

TEST(time_that_passes_forgets_what_is_older_than_the_window)
{
    begin(WINDOW_MS);
    CHECK_EQ(publish(given("a"), 1000), PUBLISH_TAKEN);
    CHECK_EQ(publish(given("b"), 5000), PUBLISH_TAKEN);
    forget(1000 + WINDOW_MS);
    CHECK_EQ(publish(given("a"), 1000 + WINDOW_MS), PUBLISH_DUPLICATE);
    forget(1000 + WINDOW_MS + 1);
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
    forget(1001 + WINDOW_MS);
    CHECK_EQ(broker_usage(bus.broker).ids, 0);
    CHECK(broker_usage(bus.broker).bytes < one);
    broker_free(bus.broker);
}
