/* SPDX-License-Identifier: Apache-2.0 */
/* test_older.c: what the history has forgotten is read from the stream, whole or not at all. */
#include "node/older.h"

#include "sample_event.h"

#define EPOCH UINT64_C(4711)
#define ENTRIES 700u
#define KEPT 10u

/* A stream of ENTRIES, of which the history has the last ones. Every third is alice's. */
static struct {
    struct entry entries[ENTRIES + 1]; /* by number */
    struct history *history;
    struct older older;
    struct older_item items[OLDER_WAITING_MAX + 1];
    bool away;
    uint64_t from_n, ticket; /* of the last read */
    unsigned count, reads, answers;
    const struct older_item *answered;
    struct resume_answer answer;
    uint64_t alone; /* of its last entry */
    uint64_t found[CATCHUP_SLICE_EVENTS];
} stage;

static uint64_t check_of(uint64_t n)
{
    return n ? n * 7 + 1 : 0;
}

static bool on_read(void *owner, uint64_t from_n, unsigned count, uint64_t ticket)
{
    CHECK(owner == &stage);
    stage.from_n = from_n;
    stage.count = count;
    stage.ticket = ticket;
    stage.reads += !stage.away;
    return !stage.away;
}

static void on_answer(void *owner, struct older_item *item, const struct resume_answer *answer)
{
    CHECK(owner == &stage);
    stage.answered = item;
    stage.answer = *answer;
    stage.answers++;
    for (unsigned i = 0; i < answer->entries_count; i++)
        stage.found[i] = answer->entries[i].n, stage.alone = answer->entries[i].alone;
}

static void begin(void)
{
    struct history_limits limits = {KEPT, 1 << 20, INT64_MAX / 2};
    static const uint8_t seed[16];
    static struct policy policy;

    memset(&stage, 0, sizeof stage);
    policy = sample_policy();
    CHECK_EQ(history_new(&stage.history, EPOCH, &limits, seed), 0);
    for (uint64_t n = 1; n <= ENTRIES; n++) {
        stage.entries[n] =
            (struct entry){sample_event((struct sample){.type = EVENT_SECURITY_VIOLATION,
                                                        .tenant = "acme",
                                                        .user = n % 3 == 0 ? "alice" : "bob",
                                                        .resource = n % 100 == 0 ? "docs" : NULL,
                                                        .action = "read",
                                                        .policy = &policy}),
                           n, check_of(n), 0};
        CHECK_EQ(history_append(stage.history, &stage.entries[n]), 0);
    }
    older_init(&stage.older, stage.history, &(struct older_port){on_read, on_answer, &stage});
}

static void end(void)
{
    older_forget(&stage.older);
    history_free(stage.history);
    for (uint64_t n = 1; n <= ENTRIES; n++)
        event_unref(stage.entries[n].event);
}

static bool ask_by(unsigned item, uint64_t n, const struct bytes *key)
{
    stage.items[item].request = (struct resume_request){.serial = item,
                                                        .first = true,
                                                        .from = {EPOCH, n, check_of(n)},
                                                        .keys_count = 1,
                                                        .keys = key};
    return older_ask(&stage.older, &stage.items[item]);
}

static const struct bytes *alice(void)
{
    static char text[AUDIENCE_KEY_MAX];
    static struct bytes key;

    key = (struct bytes){text,
                         audience_key_write(text, AUDIENCE_USER, BYTES("acme"), BYTES("alice"))};
    return &key;
}

/* What the stream has of what was asked for last. */
static void give(void)
{
    uint64_t left = stage.from_n <= ENTRIES ? ENTRIES + 1 - stage.from_n : 0;

    older_take(&stage.older, stage.ticket, &stage.entries[stage.from_n],
               left < stage.count ? (unsigned)left : stage.count);
}

TEST(slices_lead_from_the_position_to_what_the_history_has)
{
    uint64_t at = 30, next = 33;

    begin();
    while (at < ENTRIES - KEPT) {
        CHECK(ask_by(0, at, alice()));
        CHECK_EQ(stage.from_n, at); /* what proves it, too */
        CHECK(stage.count <= OLDER_READ_EVENTS);
        give();
        CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
        CHECK(stage.answer.upto.n > at);
        CHECK_EQ(stage.answer.upto.check, check_of(stage.answer.upto.n));
        CHECK_EQ(stage.answer.upto.epoch, EPOCH);
        for (unsigned i = 0; i < stage.answer.entries_count; i++, next += 3)
            CHECK_EQ(stage.found[i], next);
        at = stage.answer.upto.n;
        CHECK(next > at);
    }
    CHECK_EQ(history_locate(stage.history, &stage.answer.upto), HISTORY_HERE);
    CHECK(stage.reads < 10);
    end();
}

TEST(from_the_very_beginning_the_first_entry_is_the_proof)
{
    begin();
    CHECK(ask_by(0, 0, alice()));
    CHECK_EQ(stage.from_n, 1);
    older_take(&stage.older, stage.ticket, &stage.entries[2], 100); /* the first is trimmed */
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    CHECK(ask_by(0, 0, alice()));
    give();
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    CHECK_EQ(stage.found[0], 3);
    end();
}

TEST(who_holds_a_wildcard_is_given_permission_events_to_decide)
{
    char text[AUDIENCE_KEY_MAX];
    struct bytes key = {text, audience_key_write(text, AUDIENCE_ANY_PERMISSION, BYTES("acme"),
                                                 BYTES(""))};

    begin();
    CHECK(ask_by(0, 50, &key));
    give();
    CHECK_EQ(stage.answer.entries_count, 5);
    CHECK_EQ(stage.found[0], 100);
    CHECK_EQ(stage.answer.upto.n, 549);
    end();
}

TEST(another_entry_at_the_position_is_another_history)
{
    begin();
    CHECK(ask_by(0, 50, alice()));
    stage.items[0].request.from.check++;
    give();
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    CHECK(ask_by(0, 50, alice()));
    older_take(&stage.older, stage.ticket, &stage.entries[51], 10); /* trimmed */
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    CHECK(ask_by(0, 50, alice()));
    older_take(&stage.older, stage.ticket, NULL, 0);
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    end();
}

TEST(nothing_is_told_across_a_hole)
{
    struct entry holed[] = {{0}, {0}, {0}};

    begin();
    for (unsigned i = 0; i < 3; i++)
        holed[i] = stage.entries[50 + i + (i == 2)];
    CHECK(ask_by(0, 50, alice()));
    older_take(&stage.older, stage.ticket, holed, 3);
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    CHECK_EQ(stage.answer.upto.n, 51);
    CHECK(ask_by(0, 51, alice()));
    older_take(&stage.older, stage.ticket, holed + 1, 2);
    CHECK_EQ(stage.answer.outcome, RESUME_LOST); /* and it would not come to an end */
    end();
}

TEST(what_is_not_older_or_too_far_away_or_of_another_epoch_is_not_read_for)
{
    struct older_item item = {.request = {.from = {EPOCH + 1, 50, check_of(50)}}};
    struct position far = {EPOCH, ENTRIES + OLDER_EVENTS_MAX, 1};

    begin();
    CHECK(!older_ask(&stage.older, &item));
    item.request.from = (struct position){EPOCH, ENTRIES - KEPT + 1, 0};
    CHECK(!older_ask(&stage.older, &item));
    item.request.from = (struct position){EPOCH, 50, check_of(50)};
    item.request.memory_only = true;
    CHECK(!older_ask(&stage.older, &item));
    history_reset(stage.history, &far);
    CHECK(!ask_by(0, ENTRIES, alice()));
    CHECK(ask_by(0, ENTRIES + 1, alice()));
    CHECK_EQ(stage.reads, 1);
    end();
}

TEST(one_is_read_for_at_a_time_in_order_and_not_too_many_wait)
{
    begin();
    for (unsigned i = 0; i < OLDER_WAITING_MAX; i++)
        CHECK(ask_by(i, 50, alice()));
    CHECK(!ask_by(OLDER_WAITING_MAX, 50, alice()));
    CHECK_EQ(stage.reads, 1);
    for (unsigned i = 0; i < OLDER_WAITING_MAX; i++) {
        give();
        CHECK(stage.answered == &stage.items[i]);
        CHECK_EQ(stage.answer.serial, i);
    }
    CHECK_EQ(stage.reads, OLDER_WAITING_MAX);
    CHECK(ask_by(0, 50, alice()));
    end();
}

TEST(who_waits_when_the_stream_goes_away_is_told_and_a_late_read_is_passed_over)
{
    uint64_t ticket;

    begin();
    CHECK(ask_by(0, 50, alice()) && ask_by(1, 50, alice()));
    ticket = stage.ticket;
    older_forget(&stage.older);
    CHECK_EQ(stage.answers, 2);
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    CHECK(ask_by(2, 50, alice()));
    older_take(&stage.older, ticket, &stage.entries[50], 10);
    CHECK_EQ(stage.answers, 2);
    older_forget(&stage.older);
    stage.away = true;
    CHECK(ask_by(3, 50, alice()));
    CHECK_EQ(stage.answers, 4);
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    end();
}

TEST(what_was_delivered_alone_keeps_its_mark_and_what_is_not_announced_waits)
{
    begin();
    CHECK(ask_by(0, ENTRIES - KEPT, alice()));
    CHECK_EQ(stage.count, 2);
    older_take(&stage.older, stage.ticket, &stage.entries[ENTRIES - KEPT], KEPT + 1);
    CHECK_EQ(stage.answer.upto.n, ENTRIES);
    history_reset(stage.history, &(struct position){EPOCH, ENTRIES - 1, check_of(ENTRIES - 1)});
    CHECK(ask_by(0, ENTRIES - 2, alice()));
    older_take(&stage.older, stage.ticket, &stage.entries[ENTRIES - 2], 3);
    CHECK_EQ(stage.answer.upto.n, ENTRIES - 1);
    history_reset(stage.history, &(struct position){EPOCH, ENTRIES - 2, check_of(ENTRIES - 2)});
    stage.entries[ENTRIES - 1].alone = 9; /* 699, alice's */
    CHECK_EQ(history_append(stage.history, &stage.entries[ENTRIES - 1]), 0);
    stage.entries[ENTRIES - 1].alone = 0;
    CHECK(ask_by(0, ENTRIES - 2, alice()));
    give();
    CHECK_EQ(stage.answer.entries_count, 1);
    CHECK_EQ(stage.alone, 9);
    end();
}
